"""The near end of the line: worker processes, each with a pipe in and a pipe out, and turns taken fairly.

    with Process("torch", "nanogan.gan.bench.torch_worker", threads=2) as peer:
        peer.ask("build", recipe="mlp-mnist", batch_size=32)
        peer.ask("turn", seconds=0.3)

One process for each engine, because threads that wait for their next piece of work spin: in one process, those
of one engine would take the cores from the other.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class WorkerFailed(ChildProcessError):
    """A worker process died, or could not do what it was asked."""


class Process:
    """``python -m module``, waiting for requests; as a context manager it is dead afterwards, come what may."""

    def __init__(self, name, module, threads):
        self.name = name
        self.noise = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  its stderr: a pipe could fill up and block it
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        self.process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.noise, env=environment, encoding="utf-8"
        )

    def ask(self, do, **arguments):
        """Send a request and wait for the answer.  Raises WorkerFailed, in one line."""
        try:
            print(json.dumps({"do": do} | arguments), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except OSError:  # the pipe is broken
            line = ""
        if not line.endswith("\n"):
            raise WorkerFailed(f"the process of {self.name} died ({self._last_words()})")
        reply = json.loads(line)
        if "error" in reply:
            raise WorkerFailed(f"{self.name} cannot {do}: {reply['error']}")
        return reply["answer"]

    def _last_words(self):
        status = self.process.wait()
        self.noise.seek(0)
        lines = [line.strip() for line in self.noise if line.strip()]
        if status == -9:
            return "killed, as the system does when memory runs out; a smaller --batch-size needs less"
        return f"exit status {status}" + (f": {lines[-1]:.300}" if lines else "")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):  # what was still to be written
                pipe.close()
        self.process.wait()
        self.noise.close()


def take_turns(workers, turns, seconds, pause, after=lambda: None):
    """``turns`` rounds in which each worker in turn, and no two at once, measures its step: a list of seconds for each.

    seconds: the length of a turn.  pause: seconds before each, in which the threads of the one before
    fall asleep.  after: called after each round.
    """
    taken = [[] for _ in workers]
    for _ in range(turns):
        for worker, times in zip(workers, taken, strict=True):
            time.sleep(pause)
            times.append(worker.ask("turn", seconds=seconds))
        after()
    return taken
