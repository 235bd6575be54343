"""What the fast kernels stand on: threads that share work, a BLAS held to one thread, and memory that is lent.

NumPy lets go of the interpreter lock in copies, products and loops, so plain threads run side by side; threads inside
BLAS would spin at every product, and collapse as soon as another process wants a core.  And a page of fresh memory
costs as much as the arithmetic on it, so that large arrays are not allocated but lent.
"""

import contextlib
import contextvars
import ctypes
import functools
import glob
import math
import os
import queue
import threading
import time

import numpy

SHARED_FLOP = 2e7  # what a product must cost to be worth a second thread
SHARED_SIZE = 2**18  # and how many entries an array must have
LENT_BYTES = 2**18  # from here on memory is lent
FORGOTTEN = 2000  # returns of blocks: several training steps
SPARE = 1.25  # of the memory that arrays need at one time, free blocks included


# --- Threads --------------------------------------------------------------------------------------------------------


@functools.cache
def threads() -> int:
    """How many threads compute: the CPUs that this process may use, at most OMP_NUM_THREADS and OPENBLAS_NUM_THREADS.

    1 where NumPy's BLAS is not OpenBLAS: nothing else can be told to leave the threads to us.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        asked = os.environ.get(name, "").split(",")[0].strip()
        if asked.isdecimal() and int(asked):
            cpus = min(cpus, int(asked))
    return cpus if openblas() else 1


@functools.cache
def openblas():
    """OpenBLAS's own functions by name, from the library that NumPy has loaded; None with another BLAS."""
    package = os.path.dirname(numpy.__file__)
    libraries = [*glob.glob(f"{package}.libs/*openblas*"), *glob.glob(f"{package}/.dylibs/*openblas*")]
    with contextlib.suppress(Exception):  # linked to a library elsewhere: a handle finds the symbols of what it depends on
        libraries.append(numpy._core._multiarray_umath.__file__)
    for library in libraries:
        for prefix, suffix in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "_64"), ("", "")):
            with contextlib.suppress(Exception):  # OSError: not a library; AttributeError: no such symbol
                handle = ctypes.CDLL(library)
                answers = {
                    name: handle[f"{prefix}openblas_{name}{suffix}"] for name in ("get_config", "get_corename", "get_num_threads", "set_num_threads")
                }
                answers["get_config"].restype = answers["get_corename"].restype = ctypes.c_char_p
                return answers


class _OneBlasThread(contextlib.ContextDecorator):
    """Inside, BLAS computes in the thread that asks; outside, with as many threads as before.  Several threads may be inside.

    Ctrl-C can strike between any two lines, so each says again what should hold, and none counts.
    """

    def __init__(self):
        self.lock = threading.RLock()  # a signal's handler may compute too, in this very thread
        self.inside, self.held, self.before = set(), False, 1  # threads; whether BLAS is held, and what it will have back

    def __enter__(self):
        with self.lock:
            self.inside.add(threading.get_ident())
            if blas := openblas():
                if not self.held:
                    self.before = blas["get_num_threads"]()
                    self.held = True
                if self.before != 1:
                    blas["set_num_threads"](1)

    def __exit__(self, *exception):
        with self.lock:
            self.inside.discard(threading.get_ident())
            if self.held and not self.inside:
                if self.before != 1:
                    openblas()["set_num_threads"](self.before)
                self.held = False


class _Job:
    """task(0) ... task(count - 1), each once, by whoever comes."""

    def __init__(self, task, count):
        self.task, self.count, self.left = task, count, iter(range(count))
        self.done, self.context = queue.SimpleQueue(), contextvars.copy_context()  # the context holds numpy.errstate
        self.entered, self.exited = [], []  # one entry for each helper

    def help(self):
        self.entered.append(True)
        for i in self.left:  # next() on it is one step under the interpreter lock
            try:
                self.task(i)
            except BaseException as error:
                self.done.put(error)
            else:
                self.done.put(None)
        self.exited.append(True)

    def finish(self):
        """Do what is left, then wait for those who have begun something; a helper that never came is not waited for.

        After an exception, or Ctrl-C (which may strike between any two lines, so nothing is counted then), nothing more is
        begun, and the helpers are waited for: nobody writes into arrays any longer when it arrives at the caller.
        """
        mine, errors = 0, []
        try:
            for i in self.left:
                self.task(i)
                mine += 1
            for _ in range(self.count - mine):
                errors.append(self.done.get())
        except BaseException:
            for _ in self.left:
                pass
            while len(self.entered) > len(self.exited):
                time.sleep(1e-4)
            raise
        finally:
            self.task = None  # whoever comes too late finds nothing to do, and keeps no array alive
        for error in errors:
            if error is not None:
                raise error


class _Workers:
    """The other threads: they sleep in a queue, are made at the first job, and made anew in a forked child."""

    def __init__(self):
        self.lock = threading.Lock()
        self.forget()

    def forget(self):
        self.lock, self.jobs, self.started = threading.Lock(), queue.SimpleQueue(), 0

    def ready(self, n):
        """How many are there, up to ``n``: they are made at the first call, where the system lets us."""
        if self.started < n:
            with self.lock, contextlib.suppress(RuntimeError):  # no more threads to be had: then fewer, or none, help
                while self.started < n:  # daemons: they hold nothing that an exit would have to wait for
                    threading.Thread(target=self.work, args=(self.jobs,), name="nanogan", daemon=True).start()
                    self.started += 1
        return min(n, self.started)

    @staticmethod
    def work(jobs):
        while True:
            job = jobs.get()
            job.context.copy().run(job.help)
            del job  # or its arrays would live until the next one comes


one_blas_thread = _OneBlasThread()
_workers = _Workers()


def share(task, count, crew=None):
    """Run task(0) ... task(count - 1) on all threads, or on ``crew`` of them."""
    helpers = min(crew or threads(), count) - 1
    if helpers < 1:
        for i in range(count):
            task(i)
        return
    job = _Job(task, count)
    for _ in range(_workers.ready(helpers)):
        _workers.jobs.put(job)
    job.finish()


def share_range(task, n, most, worth=True):
    """task(start, stop) over 0 ... n in pieces of at most ``most``, of even size, several for each thread where that is ``worth`` it."""
    crew = threads() if worth else 1
    pieces = max(1, -(-n // most))
    pieces = min(n, -(-pieces // crew) * crew)
    share(lambda i: task(n * i // pieces, n * (i + 1) // pieces), pieces)


# --- Memory ---------------------------------------------------------------------------------------------------------


class _Lender:
    """Blocks of memory for large arrays.

    A block that comes back is kept for the next array of its size.  To make a new one, those longest unused are given up,
    so that all blocks together stay near the most that arrays have needed at one time; and so are those that nobody took
    while FORGOTTEN others came back.
    """

    def __init__(self):
        self.lock = threading.RLock()  # a collection inside may give a block back, in this very thread
        self.free, self.clock = {}, 0  # size -> [(when it came back, block)], the longest unused first
        self.lent = self.most = self.kept = 0  # bytes: in use, in use at most so far, free

    def take(self, size):
        with self.lock:
            if self.free.get(size):
                self.kept -= size
                block = self.free[size].pop()[1]
            else:
                self.give_up(until=SPARE * max(self.most, self.lent + size) - self.lent - size)
                try:
                    block = numpy.empty(size, numpy.uint8)
                except MemoryError:  # room for it may lie idle here
                    self.give_up(until=0)
                    block = numpy.empty(size, numpy.uint8)
            self.lent += size
            self.most = max(self.most, self.lent)
            return block

    def back(self, block):
        with self.lock:
            self.clock += 1
            self.lent, self.kept = self.lent - block.nbytes, self.kept + block.nbytes
            self.free.setdefault(block.nbytes, []).append((self.clock, block))
            if self.clock % 64 == 0:
                self.give_up(before=self.clock - FORGOTTEN)

    def give_up(self, until=math.inf, before=0):
        """Free blocks, the longest unused first: as long as there are more than ``until`` bytes of them, or of a time ``before``."""
        while oldest := min((blocks for blocks in list(self.free.values()) if blocks), key=lambda blocks: blocks[0][0], default=None):
            if self.kept <= until and oldest[0][0] >= before:
                break
            self.kept -= oldest.pop(0)[1].nbytes


class _Lease:
    """What an array stands on while it has the block; numpy keeps it as the base of every view."""

    __slots__ = ("__array_interface__", "block")

    def __init__(self, block, shape, dtype):
        self.block = block
        self.__array_interface__ = {"data": (block.ctypes.data, False), "shape": shape, "typestr": dtype.str, "version": 3}

    def __del__(self):
        _lender.back(self.block)


_lender = _Lender()


def _begin_anew():
    """In a forked child there are no other threads, and a lock that one of them held would never open."""
    _workers.forget()
    one_blas_thread.__init__()
    _lender.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def empty(shape, dtype):
    """``numpy.empty``, on lent memory if it is large."""
    dtype = numpy.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < LENT_BYTES:
        return numpy.empty(shape, dtype)
    grain = 1 << (size.bit_length() - 4)  # sizes that differ by less than an eighth share their blocks
    return numpy.asarray(_Lease(_lender.take(-(-size // grain) * grain), shape, dtype))


class _Scratch(threading.local):
    """Each thread's own workspaces, which stay."""

    def __init__(self):
        self.blocks = {}

    def __call__(self, name, shape, dtype):
        size = math.prod(shape) * dtype.itemsize
        block = self.blocks.get(name)
        if block is None or block.nbytes < size:
            block = self.blocks[name] = numpy.empty(size, numpy.uint8)
        return numpy.ndarray(shape, dtype, block)


scratch = _Scratch()


def plain(*arrays):
    """Whether all are float32, or all float64."""
    return arrays[0].dtype.char in "fd" and all(a.dtype == arrays[0].dtype for a in arrays)
