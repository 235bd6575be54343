"""How a worker measures: enough steps for a turn, from the same start, and memory that is its own."""

import os
import subprocess
import sys

import numpy as np
import pytest
from commands import environment

from nanogan.gan.bench.nanogan_worker import Nanogan
from nanogan.gan.bench.sgemm import Sgemm
from nanogan.gan.bench.worker import Worker, host_memory


class Counted(Worker):
    """A step takes a quarter of a second of a clock that only steps move."""

    def __init__(self):
        self.now, self.log = 0.0, []

    def step(self):
        self.now += 0.25
        self.log.append("step")

    def reset(self):
        self.log.append("reset")


def test_a_turn_repeats_the_step(monkeypatch):
    worker = Counted()
    monkeypatch.setattr("time.perf_counter", lambda: worker.now)
    assert worker.turn(1.0) == 0.25 and worker.log == ["reset", "step"]  # nothing is known yet: one
    worker.log.clear()
    assert worker.turn(1.0) == 0.25 and worker.log == ["reset"] + ["step"] * 5  # one to wake up, four that count
    worker.log.clear()
    assert worker.turn(0.5) == 0.25 and worker.log == ["reset"] + ["step"] * 2  # no time to wake up


def test_every_turn_starts_from_the_same_weights():
    worker = Nanogan()
    worker.build("gaussian2d", 4, {}, "numpy")
    before = [part.state_dict() for part in (*worker.networks, *worker.optimizers)]
    worker.step()
    assert not np.array_equal(worker.networks[1].parameters()[0].data, before[1]["dense_1.weight"])
    worker.reset()
    for part, state in zip((*worker.networks, *worker.optimizers), before, strict=True):
        assert all(np.array_equal(value, state[name]) for name, value in part.state_dict().items())


@pytest.mark.parametrize(("recipe", "images"), [("wgan-gp-paper", 5), ("mlp-mnist", 1)])
def test_every_kind_of_step_gets_its_data(recipe, images):
    worker = Nanogan()
    worker.build(recipe, 2, {}, "numpy")
    worker.step()
    assert len(worker.real) == images if images > 1 else worker.real.shape == (2, 28, 28, 1)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc")
def test_memory_is_the_workers_own():
    code = "from nanogan.gan.bench.worker import host_memory; print(*host_memory())"
    big = bytearray(300 * 2**20)  # what this process holds is not to be counted there
    now, peak = map(int, subprocess.check_output([sys.executable, "-c", code], env=environment()).split())
    assert 10 * 2**20 < now <= peak < len(big)
    assert host_memory()[1] >= len(big)


def test_the_peak_is_a_rate_of_products(monkeypatch):
    monkeypatch.setattr("nanogan.gan.bench.sgemm.SIZES", (32, 64))
    worker = Sgemm()
    worker.build("numpy")
    first = worker.turn(0.1)
    assert worker.turn(0.1) >= first > 0
    peak = worker.peak()
    assert peak["gflops"] == max(peak["by_size"].values()) and peak["size"] in (32, 64)
    assert peak["by_size"][64] == pytest.approx(2 * 64**3 / worker.fastest[64] / 1e9)
