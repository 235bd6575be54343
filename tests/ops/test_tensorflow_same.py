"""Padding "same" as TensorFlow has it: sizes and pads as literal numbers, values by gather and scatter loops.

With n pixels, kernel k and stride s: ceil(n / s) windows; total = max((ceil(n / s) - 1) s + k - n, 0) zeros,
total // 2 of them before and the rest after.  Transposed: n s pixels, cut by what the convolution of n s pixels
would pad, so the odd pixel goes after.
"""

import numpy as np
import oracles
import pytest

from nanogan import ops

pytestmark = pytest.mark.every_backend

# n, kernel, stride: windows, (before, after)
CONVOLUTION = {
    (28, 3, 1): (28, (1, 1)), (28, 3, 2): (14, (0, 1)), (28, 5, 1): (28, (2, 2)), (28, 5, 2): (14, (1, 2)),
    (14, 3, 1): (14, (1, 1)), (14, 3, 2): (7, (0, 1)), (14, 5, 1): (14, (2, 2)), (14, 5, 2): (7, (1, 2)),
    (7, 3, 1): (7, (1, 1)), (7, 3, 2): (4, (1, 1)), (7, 5, 1): (7, (2, 2)), (7, 5, 2): (4, (2, 2)),
}  # fmt: skip
# n, kernel, stride: pixels, (before, after) that are cut off
TRANSPOSED = {
    (28, 3, 1): (28, (1, 1)), (28, 3, 2): (56, (0, 1)), (28, 5, 1): (28, (2, 2)), (28, 5, 2): (56, (1, 2)),
    (14, 3, 1): (14, (1, 1)), (14, 3, 2): (28, (0, 1)), (14, 5, 1): (14, (2, 2)), (14, 5, 2): (28, (1, 2)),
    (7, 3, 1): (7, (1, 1)), (7, 3, 2): (14, (0, 1)), (7, 5, 1): (7, (2, 2)), (7, 5, 2): (14, (1, 2)),
}  # fmt: skip


def draw(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


@pytest.mark.parametrize(("n", "k", "s"), CONVOLUTION)
def test_convolution(n, k, s):
    out, pads = CONVOLUTION[n, k, s]
    x, w = draw(1, n, n, 2), draw(k, k, 2, 3)
    y = ops.conv2d(x, w, stride=s, padding="same").numpy()
    assert y.shape == (1, out, out, 3)
    np.testing.assert_allclose(y, oracles.conv2d(x, w, (s, s), (pads, pads)), atol=1e-12)


@pytest.mark.parametrize(("n", "k", "s"), TRANSPOSED)
def test_transposed_convolution(n, k, s):
    out, pads = TRANSPOSED[n, k, s]
    y, w = draw(1, n, n, 2), draw(k, k, 3, 2)
    x = ops.conv_transpose2d(y, w, stride=s, padding="same").numpy()
    assert x.shape == (1, out, out, 3)
    np.testing.assert_allclose(x, oracles.conv2d_input_grad(y, w, (out, out), (s, s), (pads, pads)), atol=1e-12)


@pytest.mark.parametrize(("n", "k", "s"), TRANSPOSED)
def test_each_is_the_transpose_of_the_other(n, k, s):
    """<conv(x), y> = <x, conv_transpose(y)> with one and the same weight."""
    x, w = draw(2, n * s, n * s, 3), draw(k, k, 3, 2)
    y = draw(2, n, n, 2)
    forth, back = ops.conv2d(x, w, stride=s, padding="same").numpy(), ops.conv_transpose2d(y, w, stride=s, padding="same").numpy()
    assert np.vdot(forth, y) == pytest.approx(np.vdot(x, back), rel=1e-11)


def test_the_odd_pixel_goes_after():
    """A kernel of ones at stride 2 over 4 pixels: the first window has no zero in it, the last has one."""
    x = np.arange(1.0, 5.0).reshape(1, 4, 1, 1)
    assert ops.conv2d(x, np.ones((3, 1, 1, 1)), stride=2, padding="same").numpy().ravel().tolist() == [1 + 2 + 3, 3 + 4]
    assert ops.conv_transpose2d(x[:, :2], np.ones((3, 1, 1, 1)), stride=(2, 1), padding="same").numpy().ravel().tolist() == [1, 1, 1 + 2, 2]
