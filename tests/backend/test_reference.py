"""The kernels' definitions against loops over single entries."""

import math

import numpy as np
import oracles
import pytest
from cases import CONVOLUTIONS, both

from nanogan import asarray, to_numpy
from nanogan.backend import kernels, random, reference

pytestmark = pytest.mark.every_backend


class OfTheHost:
    """Kernels that take arrays of the host to the backend, and bring back what they make."""

    def __init__(self, kernels):
        self.kernels = kernels

    def __getattr__(self, name):
        def run(*arguments):
            made = getattr(self.kernels, name)(*[asarray(a) if isinstance(a, np.ndarray) else a for a in arguments])
            return tuple(map(to_numpy, made)) if isinstance(made, tuple) else to_numpy(made)

        return run


@pytest.fixture(params=["reference", "in force"])
def kernel(request):
    """The plain kernels, and whichever this backend runs."""
    return OfTheHost(reference if request.param == "reference" else kernels)


def draw(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def same(given, expected, tolerance=1e-12):
    assert given.shape == expected.shape
    np.testing.assert_allclose(given, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(kernel, name):
    shape, k, stride, _, pads = CONVOLUTIONS[name]
    k, stride, size = both(k), both(stride), shape[1:3]
    x, w = draw(*shape), draw(*k, shape[3], 3)
    y = oracles.conv2d(x, w, stride, pads)
    columns = oracles.im2col(x, k, stride, pads)
    g, c = draw(*y.shape), draw(*columns.shape)
    same(kernel.conv2d(x, w, stride, pads), y)
    same(kernel.conv2d_input_grad(g, w, size, stride, pads), oracles.conv2d_input_grad(g, w, size, stride, pads))
    same(kernel.conv2d_weight_grad(x, g, k, stride, pads), oracles.conv2d_weight_grad(x, g, k, stride, pads))
    same(kernel.im2col(x, k, stride, pads), columns)
    same(kernel.col2im(c, shape, k, stride, pads), oracles.col2im(c, shape, k, stride, pads))
    assert np.vdot(columns, c) == pytest.approx(np.vdot(x, kernel.col2im(c, shape, k, stride, pads)))


def test_many_samples_are_the_samples_one_by_one(kernel):
    """More columns than are built at a time, and a last portion that is smaller than the others."""
    x, w, at = draw(37, 14, 15, 16), draw(5, 5, 16, 8), ((2, 2), ((1, 2), (2, 2)))
    y = kernel.conv2d(x, w, *at)
    g = draw(*y.shape)
    dx, dw = kernel.conv2d_input_grad(g, w, (14, 15), *at), kernel.conv2d_weight_grad(x, g, (5, 5), *at)
    for n in (0, 17, 36):
        one = slice(n, n + 1)
        same(y[one], kernel.conv2d(x[one], w, *at), 1e-10)
        same(dx[one], kernel.conv2d_input_grad(g[one], w, (14, 15), *at), 1e-10)
    same(dw, sum(kernel.conv2d_weight_grad(x[n : n + 1], g[n : n + 1], (5, 5), *at) for n in range(37)), 1e-9)


@pytest.mark.parametrize("shape", [(6, 3), (3, 2, 4, 3), (1, 1, 2, 2)])
@pytest.mark.parametrize("eps", [2e-5, 0.5])
def test_batch_norm(kernel, shape, eps):
    x, gamma, beta, g = draw(*shape) + 2, draw(shape[-1]), draw(shape[-1]), draw(*shape[::-1]).T
    y, mean, var = kernel.batch_norm(x, gamma, beta, eps)
    for given, expected in zip((y, mean, var), oracles.batch_norm(x, gamma, beta, eps), strict=True):
        same(given, expected, 1e-10)
    dx, dgamma, dbeta = kernel.batch_norm_grad(g, x, gamma, mean, var, eps)
    h = 1e-6
    for given, at in ((dx, x), (dgamma, gamma), (dbeta, beta)):
        for index in np.ndindex(at.shape):
            sides = []
            for step in (h, -h):
                at[index] += step
                sides.append(np.vdot(g, oracles.batch_norm(x, gamma, beta, eps)[0]))
                at[index] -= step
            assert given[index] == pytest.approx((sides[0] - sides[1]) / (2 * h), abs=2e-6, rel=1e-6)


def test_gate(kernel):
    x, mask = draw(3, 4), draw(3, 4) > 0.1
    same(
        kernel.gate(x, mask, 1.5, -0.2),
        np.array([[v * 1.5 if m else v * -0.2 for v, m in zip(*row, strict=True)] for row in zip(x, mask, strict=True)]),
    )
    assert kernel.gate(x.astype(np.float32), mask, 1 / 0.7, 0.0).dtype == np.float32


def test_sigmoid_and_its_cross_entropy(kernel):
    x = np.array([-800.0, -30.0, -1.0, 0.0, 2.0, 30.0, 800.0])
    same(kernel.sigmoid(x), np.array([1 / (1 + math.exp(-v)) if v > -700 else 0.0 for v in x]))
    softplus = np.array([v + math.log1p(math.exp(-v)) if v > 0 else math.log1p(math.exp(v)) for v in x])
    for t in (0.0, 1.0, 0.3):
        same(kernel.sigmoid_bce(x, t), softplus - t * x)
    assert kernel.sigmoid_bce(x.astype(np.float32), 0.5).dtype == kernel.sigmoid(x.astype(np.float32)).dtype == np.float32


def test_optimiser_steps_write_in_place(kernel):
    p, g, v = draw(3), draw(3) * 2, draw(3) * 3  # on the host, where they stay as they are
    expected_v = [0.9 * a + b for a, b in zip(v, g, strict=True)]
    expected = [a - 0.1 * b for a, b in zip(p, expected_v, strict=True)]
    at, slope, velocity, m, s = ([asarray(a.copy())] for a in (p, g, v, np.zeros(3), np.zeros(3)))
    kernel.kernels.sgd_step(at, slope, velocity, 0.1, 0.9)
    same(to_numpy(*at), np.array(expected))
    same(to_numpy(*velocity), np.array(expected_v))
    kernel.kernels.sgd_step(at, slope, None, 0.1, 0.0)
    same(to_numpy(*at), np.array(expected) - 0.1 * g)
    kernel.kernels.adam_step(at, slope, m, s, 1, 0.1, 0.9, 0.999, 0.0, False)
    same(to_numpy(*at), np.array(expected) - 0.1 * g - 0.1 * np.sign(g), 1e-9)
    same(to_numpy(*m), 0.1 * g)
    same(to_numpy(*s), 0.001 * g * g)
    np.testing.assert_array_equal(to_numpy(*slope), g)


def test_dropout_mask_is_the_hash_written_out():
    for key in (0, 7, 2**32 - 1, 2**63 + 12345, 2**64 - 1):
        np.testing.assert_array_equal(to_numpy(random.dropout_mask(key, (5, 40), 0.4)), oracles.dropout_mask(key, (5, 40), 0.4))
