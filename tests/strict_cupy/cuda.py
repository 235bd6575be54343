"""cupy.cuda and cupyx: one pretended device that is always done.  Waiting for it is counted, though."""

import time

import numpy as np

from strict_cupy.compilation import CompileException
from strict_cupy.counting import synchronised
from strict_cupy.memory import MemoryPointer, OutOfMemoryError, pinned_pool, pool, usage


class CUDARuntimeError(RuntimeError):
    pass


class Device:
    """``Device(0)``; there is no other."""

    __slots__ = ("id",)
    compute_capability = "90"
    attributes = {"MultiProcessorCount": 132}

    def __init__(self, device=0):
        if device not in (None, 0):
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self.id = 0

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device)

    def __hash__(self):
        return 0

    def __repr__(self):
        return "<CUDA Device 0>"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def use(self):
        pass

    def synchronize(self):
        synchronised("synchronisation: Device.synchronize")

    @property
    def mem_info(self):
        """(free, total) bytes."""
        return usage.device - usage.live, usage.device


class Stream:
    """A queue in which everything has been done already."""

    __slots__ = ("non_blocking", "ptr")
    done = True

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr, self.non_blocking = 0 if null else 1, non_blocking

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def use(self):
        return self

    def synchronize(self):
        synchronised("synchronisation: Stream.synchronize")

    def record(self, event=None):
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        pass


class NullStream(Stream):
    __slots__ = ()


Stream.null = NullStream(null=True)


class Event:
    """A place in a queue, with the time at which it was passed."""

    __slots__ = ("_time", "_timing")
    done = True

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self._time, self._timing = None, not disable_timing

    def record(self, stream=None):
        self._time = time.perf_counter()

    def synchronize(self):
        synchronised("synchronisation: Event.synchronize")


def get_elapsed_time(start_event, end_event):
    """Milliseconds between two recorded events."""
    if start_event._time is None or end_event._time is None or not (start_event._timing and end_event._timing):
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
    return (end_event._time - start_event._time) * 1e3


def get_current_stream(device_id=-1):
    return Stream.null


def get_device_id():
    return 0


def alloc_pinned_memory(size):
    """Host memory that the device reads by itself; it has the buffer protocol, as CuPy's."""
    return memoryview(bytearray(size))


def empty_pinned(shape, dtype=float, order="C"):
    a = np.empty(shape, dtype, order)
    a.fill(np.nan if a.dtype.kind in "fc" else 1)
    return a


def zeros_pinned(shape, dtype=float, order="C"):
    return np.zeros(shape, dtype, order)


def empty_like_pinned(a, dtype=None, order="K", subok=None, shape=None):
    return empty_pinned(a.shape if shape is None else shape, a.dtype if dtype is None else dtype)


def is_available():
    return True


def getDeviceCount():
    return 1


def driverGetVersion():
    return 13000


def runtimeGetVersion():
    return 13000


def getDevice():
    return 0


def deviceSynchronize():
    synchronised("synchronisation: deviceSynchronize")


def memGetInfo():
    return Device().mem_info


def getDeviceProperties(device):
    Device(device)
    return {"name": b"strict_cupy (no GPU)", "totalGlobalMem": usage.device, "major": 9, "minor": 0, "multiProcessorCount": 132,
            "warpSize": 32, "clockRate": 1980000, "maxThreadsPerBlock": 1024, "sharedMemPerBlock": 49152}  # fmt: skip


def modules(module):
    """{name: module} of cupy.cuda and cupyx; ``module(name, **contents)`` makes one."""
    runtime = module("cupy.cuda.runtime", CUDARuntimeError=CUDARuntimeError, **{
        f.__name__: f for f in (getDeviceCount, driverGetVersion, runtimeGetVersion, getDevice, deviceSynchronize, memGetInfo, getDeviceProperties)
    })  # fmt: skip
    memory = module("cupy.cuda.memory", OutOfMemoryError=OutOfMemoryError, MemoryPointer=MemoryPointer, MemoryPool=type(pool))
    compiler = module("cupy.cuda.compiler", CompileException=CompileException)
    device = module("cupy.cuda.device", Device=Device)
    stream = module("cupy.cuda.stream", Stream=Stream, Event=Event, get_elapsed_time=get_elapsed_time, get_current_stream=get_current_stream)
    cuda = module("cupy.cuda", runtime=runtime, memory=memory, compiler=compiler, device=device, stream=stream, Device=Device, Stream=Stream, Event=Event,
                  MemoryPointer=MemoryPointer, get_elapsed_time=get_elapsed_time, get_current_stream=get_current_stream, get_device_id=get_device_id,
                  alloc_pinned_memory=alloc_pinned_memory, is_available=is_available)  # fmt: skip
    cupyx = module("cupyx", empty_pinned=empty_pinned, zeros_pinned=zeros_pinned, empty_like_pinned=empty_like_pinned)
    return {m.__name__: m for m in (cuda, runtime, memory, compiler, device, stream, cupyx)}


def get_default_memory_pool():
    return pool


def get_default_pinned_memory_pool():
    return pinned_pool
