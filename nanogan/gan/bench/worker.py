"""The far end of the line: what every worker process of the benchmark shares.

    class Sums(Worker):
        def add(self, a, b): return a + b
    serve(Sums)                       # {"do": "add", "a": 1, "b": 2} on stdin, {"answer": 3} on stdout

A worker does one thing at a time: it waits for a request, one line of JSON, and answers it, one line of JSON.
"""

import contextlib
import json
import math
import os
import signal
import sys
import time

import numpy

from nanogan.backend import load_cupy

try:
    import resource
except ImportError:  # Windows
    resource = None


def serve(kind):
    """Answer requests with the methods of a ``kind()`` until stdin closes, which it does when the other end dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other end, which then kills this one
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what some library prints must not get between the answers
    worker = kind()
    with numpy.errstate(all="ignore"):
        for line in sys.stdin:
            request = json.loads(line)
            try:
                reply = {"answer": getattr(worker, request.pop("do"))(**request)}
            except Exception as error:
                reply = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
            print(json.dumps(reply), file=answers, flush=True)


class Worker:
    """Measures something that can be repeated: ``step``.  ``reset`` takes it back to where the first one began."""

    backend = "numpy"
    step_seconds = None  # of one step, as far as is known

    def step(self):
        raise NotImplementedError

    def reset(self):
        """By default a step leaves nothing behind."""

    def turn(self, seconds):
        """Repeat the step for about ``seconds``, at least once; the seconds that one took, on average.

        Every turn begins at the same weights: a critic that has won makes numbers so small that a CPU
        takes longer over them.  Where there is time for three steps, one more goes before, which wakes threads and caches.
        """
        self.reset()
        count = math.ceil(seconds / self.step_seconds) if self.step_seconds else 1
        if count >= 3:
            self.step()
        self.step_seconds = self.elapsed(count) / count
        return self.step_seconds

    def elapsed(self, count):
        """Seconds that ``count`` steps take; on a GPU by its own clock."""
        if self.backend == "cupy":
            cuda = load_cupy().cuda
            start, end = cuda.Event(), cuda.Event()
            start.record()
            self.repeat(count)
            end.record()
            end.synchronize()
            return cuda.get_elapsed_time(start, end) / 1000  # from milliseconds
        began = time.perf_counter()
        self.repeat(count)
        return time.perf_counter() - began

    def repeat(self, count):
        for _ in range(count):
            self.step()

    def forget_peak(self):
        """The peak of memory so far is not the training step's; where the system can, count from here."""
        with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
            file.write("5")


def host_memory():
    """(now, peak) bytes of main memory that this process holds and has held; None for what the system does not tell."""
    try:
        with open("/proc/self/status") as file:  # ru_maxrss would count the process that started this one
            fields = dict(line.split(":", 1) for line in file)
        return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    except (OSError, KeyError, ValueError):
        if resource is None:
            return None, None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return peak, peak
