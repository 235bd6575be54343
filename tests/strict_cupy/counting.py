"""What would have cost time on a GPU is counted here: launches, waits for the device, copies over the bus, float64.

    with strict_cupy.counted() as counts:
        step()
    assert counts.synchronisations == 0, counts

``launches`` is approximate: one for every ufunc, reduction, fill, copy, product and kernel.  CuPy sometimes needs
more (a large reduction takes two), sometimes fewer (CUB).  The other numbers are exact.
"""

import contextlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
NAMES = ("launches", "synchronisations", "to_device", "to_device_bytes", "to_host", "to_host_bytes", "float64")


class Float64Created(AssertionError):
    """A float64 array was made inside ``forbid_float64()``."""


class Totals:
    """Everything since the start; ``Counts`` are differences of it."""

    __slots__ = (*NAMES, "float64_forbidden", "watchers")

    def __init__(self):
        for name in NAMES:
            setattr(self, name, 0)
        self.watchers = []  # the Counts that are open
        self.float64_forbidden = False


totals = Totals()


class Counts:
    """The numbers of one ``counted()`` block, as attributes, while it runs and afterwards.

    launches: kernels that CuPy would have started, about.
    synchronisations: times the host waited for the device.
    to_device, to_device_bytes, to_host, to_host_bytes: copies.
    float64: float64 (or complex128) arrays that were made.
    where: a line "file:line kind" for each synchronisation and copy, naming the nearest caller outside this package.
    """

    def __init__(self):
        self.where, self._start, self._end = [], {name: getattr(totals, name) for name in NAMES}, None

    def __getattr__(self, name):
        if name not in NAMES:
            raise AttributeError(f"counts: no {name!r} among {', '.join(NAMES)}")
        return (getattr(totals, name) if self._end is None else self._end[name]) - self._start[name]

    def __repr__(self):
        numbers = ", ".join(f"{name} {getattr(self, name)}" for name in NAMES)
        return "\n".join([f"Counts({numbers})", *self.where])


@contextlib.contextmanager
def counted():
    """Counts of what happens inside."""
    counts = Counts()
    totals.watchers.append(counts)
    try:
        yield counts
    finally:
        counts._end = {name: getattr(totals, name) for name in NAMES}
        totals.watchers = [watcher for watcher in totals.watchers if watcher is not counts]


@contextlib.contextmanager
def forbid_float64():
    """Inside, making a float64 array raises Float64Created: on most GPUs float64 is 32 or 64 times slower."""
    before, totals.float64_forbidden = totals.float64_forbidden, True
    try:
        yield
    finally:
        totals.float64_forbidden = before


def synchronised(kind="synchronisation"):
    """The host waits for the device."""
    totals.synchronisations += 1
    if totals.watchers:
        _note(kind)


def copied_to_device(nbytes):
    totals.to_device += 1
    totals.to_device_bytes += nbytes
    if totals.watchers:
        _note(f"copy to the device, {nbytes} bytes")


def copied_to_host(nbytes):
    """A copy that is waited for."""
    totals.to_host += 1
    totals.to_host_bytes += nbytes
    synchronised(f"copy to the host, {nbytes} bytes")


def made_float64():
    totals.float64 += 1
    if totals.float64_forbidden:
        raise Float64Created(f"a float64 array is made at {caller()}, where forbid_float64() is in force")


def caller():
    """ "file:line" of the nearest caller outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (frame.f_code.co_filename.startswith(HERE) and not _is_test(frame)):
        frame = frame.f_back
    return f"{os.path.relpath(frame.f_code.co_filename)}:{frame.f_lineno}"


def _is_test(frame):
    return os.path.basename(frame.f_code.co_filename).startswith("test_")


def _note(kind):
    line = f"{caller()} {kind}"
    for counts in totals.watchers:
        counts.where.append(line)
