"""A profile splits a step into parts that add up to it."""

import numpy as np
import pytest

from nanogan import Tensor, grad, ops
from nanogan.autograd import Function
from nanogan.gan.bench.nanogan_worker import Nanogan
from nanogan.gan.bench.profile import Profile, kinds_of


def test_parts_add_up():
    worker = Nanogan()
    worker.build("quickstart", 2, {}, "numpy")
    found = worker.profile(0.02)
    rows = {row["operation"]: row for row in found["rows"]}
    assert sum(row["seconds"] for row in found["rows"]) == pytest.approx(found["seconds"])
    assert sum(row["share"] for row in found["rows"]) == pytest.approx(1)
    assert all(row["seconds"] >= 0 for row in found["rows"])
    assert {"conv2d", "conv2d_input_grad", "conv2d_weight_grad", "matmul", "batch_norm", "adam_step"} <= set(rows)
    assert rows["conv2d"]["calls"] == 2 * 3 + 2  # two layers asked three times; two transposed ones differentiated
    assert rows["conv2d"]["gflops"] > 0 and rows["batch_norm"]["gflops"] is None
    assert found["rows"][-1]["operation"] == "autograd and the rest"
    assert len(found["shapes"]) == 10 and any("(4, 4, 16, 32)" in row["operation"] for row in found["shapes"])


def test_times_are_exclusive(monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    x = Tensor(np.ones((2, 2), "float32"), True)
    with Profile() as profile:
        profile.run(lambda: x @ x)  # clock: step 0, forward 1, kernel 2, 3, 4, 5
    assert profile.whole == 5
    assert {name: seconds for name, (seconds, _, _) in profile.rows.items()} == {"matmul": 1, "Matmul forward": 2}


def test_everything_is_as_before():
    def methods():
        return {(kind, name): value for kind in kinds_of(Function) for name, value in vars(kind).items()}

    before, x = methods(), Tensor(np.ones(3, "float32"), True)
    with Profile() as profile:
        profile.run(lambda: grad(ops.sum(x * x), x))
    assert methods() == before
    assert profile.rows["Multiply forward"][1] == 3  # the product, and two for its gradient
