"""Operations are counted from shapes, as one counts them by hand."""

import numpy as np
import pytest

from nanogan import Tensor, grad, ops, use
from nanogan.backend import kernels
from nanogan.gan.bench import work
from nanogan.gan.bench.nanogan_worker import Nanogan


@pytest.mark.parametrize("form", ["fast", "reference"])
def test_a_convolution_and_its_gradients_by_hand(form):
    x, w = Tensor(np.ones((2, 5, 6, 3), "float32"), True), Tensor(np.ones((3, 3, 3, 4), "float32"), True)
    with use("numpy", kernels=form):
        counts = work.count(lambda: grad(ops.sum(ops.conv2d(x, w, stride=2, padding=1)), [x, w]))
    by_hand = 2 * (2 * 3 * 3) * (3 * 3 * 3) * 4  # 2 images of 3 x 3 windows, each 27 entries by 4 kernels, multiplied and added
    assert counts == {"conv2d": by_hand, "conv2d_input_grad": by_hand, "conv2d_weight_grad": by_hand, "matmul": 0, "matmul_grad": 0}


def test_a_product_by_hand():
    a, b = Tensor(np.ones((7, 5), "float32"), True), np.ones((5, 3), "float32")
    counts = work.count(lambda: grad(ops.sum(a @ b), a))
    assert counts["matmul"] == counts["matmul_grad"] == 2 * 7 * 5 * 3  # a @ b, and g @ b^T of the same size


def test_a_training_step_by_hand():
    """gaussian2d, batch 10: products of 2 x 2, and of 2 x 5, 5 x 3 and 3 x 1 in the critic (28 weights)."""
    worker = Nanogan()
    worker.build("gaussian2d", 10, {}, "numpy")
    generated = 2 * 4  # d2l_step runs the generator twice
    forward = 3 * 28  # the critic: real, fake, and again for the generator
    d_backward = 2 * (28 + 15 + 3)  # by weights, and by inputs but for the first layer
    g_backward = 28 + 4  # by inputs through the critic, by weights of the generator
    counts = worker.work()
    assert counts["matmul"] + counts["matmul_grad"] == 2 * 10 * (generated + forward + d_backward + g_backward)


def test_kernels_are_as_before():
    modules, conv2d = kernels.modules, kernels.conv2d
    with pytest.raises(ZeroDivisionError):
        work.count(lambda: 1 / 0)
    assert kernels.modules == modules and kernels.conv2d is conv2d


def test_a_kernel_within_a_kernel_counts_once(monkeypatch):
    a = np.ones((4, 4), "float32")
    monkeypatch.setitem(work.OPERATIONS, "outer", lambda y, *arguments: 1000)
    monkeypatch.setattr(kernels.modules[0], "outer", lambda x: kernels.matmul(x, x), raising=False)
    counts = work.count(lambda: (kernels.outer(a), kernels.matmul(a, a)))
    assert (counts["outer"], counts["matmul"]) == (1000, 2 * 4**3)
