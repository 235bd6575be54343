"""Worker processes: turns, answers, and one line where one fails."""

import os
import signal
import sys
import threading
import time

import pytest
from commands import environment

from nanogan.gan.bench import processes
from nanogan.gan.bench.processes import Process, WorkerFailed, take_turns

WORKER = """
import os, sys
from nanogan.gan.bench.worker import Worker, serve

class Own(Worker):
    def add(self, a, b):
        print("some library talks")
        return a + b
    def fail(self):
        raise ValueError("no such\\nthing")
    def die(self):
        print("the last words", file=sys.stderr, flush=True)
        os._exit(3)
    def threads(self):
        return [os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")]

serve(Own)
"""


@pytest.fixture
def worker(here, monkeypatch):
    (here / "own_worker.py").write_text(WORKER, encoding="utf-8")
    monkeypatch.setattr(os, "environ", environment())  # with this nanogan in it
    with Process("the worker", "own_worker", threads=3) as process:
        yield process


def test_answers_and_failures(worker):
    assert worker.ask("add", a=1, b=2) == 3
    assert worker.ask("threads") == ["3", "3"]
    with pytest.raises(WorkerFailed, match=r"^the worker cannot fail: ValueError: no such thing$"):
        worker.ask("fail")
    assert worker.ask("add", a=2, b=2) == 4  # it lives
    with pytest.raises(WorkerFailed, match=r"^the process of the worker died \(exit status 3: the last words\)$"):
        worker.ask("die")
    with pytest.raises(WorkerFailed, match="died"):
        worker.ask("add", a=1, b=2)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_worker_is_told_of(worker):
    worker.ask("add", a=0, b=0)
    os.kill(worker.process.pid, signal.SIGKILL)
    with pytest.raises(WorkerFailed, match="memory runs out"):
        worker.ask("add", a=1, b=2)


def test_a_module_that_does_not_exist():
    with Process("nobody", "nanogan.no_such_module", 1) as process, pytest.raises(WorkerFailed, match=r"exit status 1: .*no_such_module"):
        process.ask("add")


def test_nothing_is_left_running(worker):
    worker.__exit__()
    assert worker.process.poll() is not None


class Fake:
    """Notes when it is at work."""

    def __init__(self, name, log):
        self.name, self.log, self.lock = name, log, threading.Lock()

    def ask(self, do, seconds):
        assert do == "turn"
        self.log.append((self.name, "begins"))
        time.sleep(0.001)
        self.log.append((self.name, "ends"))
        return seconds * len(self.log)


def test_turns_alternate(monkeypatch):
    log, slept, rounds = [], [], []
    monkeypatch.setattr(processes.time, "sleep", slept.append)
    taken = take_turns([Fake("nanogan", log), Fake("peer", log)], 3, seconds=0.5, pause=0.1, after=lambda: rounds.append(len(log)))
    assert log == [(name, what) for _ in range(3) for name in ("nanogan", "peer") for what in ("begins", "ends")]
    assert slept.count(0.1) == 6 and rounds == [4, 8, 12]
    assert taken == [[1, 3, 5], [2, 4, 6]]


def test_python_is_this_one(worker):
    assert worker.process.args[0] == sys.executable
