"""Device memory: what is alive, a limit to it, and pointers into it.  The bytes themselves are NumPy's."""

import contextlib
import gc

import numpy as np

BLOCK = 512  # CuPy's pool hands out multiples of it


class OutOfMemoryError(MemoryError):
    """As CuPy's: ``OutOfMemoryError(size, total, limit=0)``."""

    def __init__(self, size, total, limit=0):
        limited = f", limit set to: {limit:,} bytes" if limit else ""
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes{limited}).")


OutOfMemoryError.__module__ = "cupy.cuda.memory"


class Usage:
    """How many bytes are alive, and how many may be."""

    __slots__ = ("device", "limit", "live", "pool_limit")

    def __init__(self):
        self.live, self.device, self.limit, self.pool_limit = 0, 80 * 2**30, None, 0


usage = Usage()


def reserve(nbytes):
    """Raise OutOfMemoryError if so many more bytes do not fit; returns them as the pool counts them."""
    size = -(-nbytes // BLOCK) * BLOCK
    if usage.live + size > _available():
        gc.collect()  # as CuPy does: cycles may hold arrays
        if usage.live + size > _available():
            raise OutOfMemoryError(size, usage.live, usage.pool_limit)
    return size


def _available():
    return min(usage.device if usage.limit is None else usage.limit, usage.pool_limit or usage.device)


class Memory:
    """One allocation, shared by all views into it; its bytes count as long as it lives."""

    __slots__ = ("array", "device_id", "size")

    def __init__(self, array):
        self.array, self.size, self.device_id = array, 0, 0
        size = reserve(array.nbytes)
        usage.live += size
        self.size = size

    def __del__(self, usage=usage):
        usage.live -= self.size

    @property
    def ptr(self):
        return self.array.__array_interface__["data"][0]

    def bytes(self):
        """All of it, as a NumPy array of bytes."""
        return self.array.ravel("K").view(np.uint8)


class MemoryPointer:
    """A place in a Memory; ``pointer + n`` lies n bytes further."""

    __slots__ = ("mem", "ptr")

    def __init__(self, mem, offset):
        self.mem, self.ptr = mem, mem.ptr + offset

    device_id = 0

    def __add__(self, offset):
        return MemoryPointer(self.mem, self.ptr + offset - self.mem.ptr)

    def __sub__(self, offset):
        return self + -offset

    def __int__(self):
        return self.ptr


class MemoryPool:
    """What can be asked of CuPy's default pool.  Nothing is kept when an array dies, so nothing is ever free in it."""

    def used_bytes(self):
        return usage.live

    def free_bytes(self):
        return 0

    def total_bytes(self):
        return usage.live

    def n_free_blocks(self):
        return 0

    def free_all_blocks(self, stream=None):
        pass

    def set_limit(self, size=None, fraction=None):
        if size is not None and fraction is not None:
            raise ValueError("size and fraction cannot be specified at the same time")
        usage.pool_limit = int(usage.device * fraction) if fraction is not None else size or 0

    def get_limit(self):
        return usage.pool_limit


class PinnedMemoryPool:
    def n_free_blocks(self):
        return 0

    def free_all_blocks(self):
        pass


pool, pinned_pool = MemoryPool(), PinnedMemoryPool()


@contextlib.contextmanager
def limited_memory(nbytes):
    """Inside, no more than ``nbytes`` can be alive on the device, what is alive already included; then OutOfMemoryError."""
    before, usage.limit = usage.limit, nbytes
    try:
        yield
    finally:
        usage.limit = before
