"""The distance between two Gaussians, where it is known in closed form or by sampling."""

import math

import numpy as np
import pytest

import nanogan as ng
from nanogan.metrics import wasserstein2_squared

EYE = np.eye(2)


def spd(random, d, rank=None):
    a = random.standard_normal((d, rank or d))
    return a @ a.T


@pytest.mark.parametrize(
    ("mean1", "covariance1", "mean2", "covariance2", "distance"),
    [
        ([0], [[1]], [0], [[1]], 0),
        ([0], [[4]], [3], [[9]], 9 + 1),  # 1-D: (m1 - m2)**2 + (s1 - s2)**2
        ([1], [[0]], [-1], [[0]], 4),  # two points
        ([0], [[0]], [0], [[2.25]], 2.25),  # a point and a spread
        ([0, 0], EYE, [3, 4], EYE, 25),
        ([0, 0], np.diag([1, 4]), [0, 0], np.diag([9, 16]), 4 + 4),
        ([0, 0], np.diag([1, 0]), [0, 0], np.diag([0, 1]), 2),  # singular both, nothing in common
        ([0, 0], np.zeros((2, 2)), [1, 1], EYE, 2 + 2),
        ([1, 2], [[1.01, 1.95], [1.95, 4.25]], [0, 0], np.zeros((2, 2)), 5 + 5.26),  # a fresh generator, all at 0
    ],
)
def test_closed_forms(mean1, covariance1, mean2, covariance2, distance):
    assert wasserstein2_squared(mean1, covariance1, mean2, covariance2) == pytest.approx(distance, abs=1e-12)
    assert wasserstein2_squared(mean2, covariance2, mean1, covariance1) == pytest.approx(distance, abs=1e-12)


@pytest.mark.parametrize("d", [2, 5, 20])
def test_covariances_that_commute(d):
    """Of one basis: the sum of (sqrt(l1) - sqrt(l2))**2."""
    random = np.random.default_rng(d)
    basis, _ = np.linalg.qr(random.standard_normal((d, d)))
    l1, l2, m1, m2 = random.random(d) * 4, random.random(d), random.standard_normal(d), random.standard_normal(d)
    got = wasserstein2_squared(m1, basis * l1 @ basis.T, m2, basis * l2 @ basis.T)
    assert got == pytest.approx(((m1 - m2) ** 2).sum() + ((np.sqrt(l1) - np.sqrt(l2)) ** 2).sum(), rel=1e-10)


@pytest.mark.parametrize("rank", [1, 2, None])
def test_symmetric_and_zero_for_equal(rank):
    random = np.random.default_rng(3)
    c1, c2, m = spd(random, 3, rank), spd(random, 3), random.standard_normal(3)
    assert wasserstein2_squared(m, c1, 2 * m, c2) == pytest.approx(wasserstein2_squared(2 * m, c2, m, c1), rel=1e-7)
    assert 0 <= wasserstein2_squared(m, c1, m, c1) < 1e-6  # rounding below 0 becomes 0 before a root is taken: 1e-15 -> 3e-8
    assert wasserstein2_squared(m, c1, m, c2) > 0


@pytest.mark.every_backend
def test_arrays_of_the_backend():
    there = [ng.backend.asarray(np.array(a, np.float32)) for a in ([0, 0], EYE, [3, 4], 4 * EYE)]
    assert wasserstein2_squared(*there) == pytest.approx(27)


@pytest.mark.parametrize("moments", [([0, 0, 0], EYE, [0, 0], EYE), ([0], EYE, [0, 0], EYE), ([0, 0], [1, 1], [0, 0], EYE), (0, 1, 0, 1)])
def test_moments_that_do_not_go_together(moments):
    with pytest.raises(ng.ShapeError, match=r"wasserstein2_squared: means .*; give \(D,\) and \(D, D\)"):
        wasserstein2_squared(*moments)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_moments_that_are_no_numbers(bad):
    with pytest.raises(ng.NanoganError, match="not finite"):
        wasserstein2_squared([0, 0], [[1, 0], [0, bad]], [0, 0], EYE)


def test_trace_of_a_product_in_two_dimensions():
    """For 2x2 trace(sqrt(M)) = sqrt(trace(M) + 2 sqrt(det(M))), with no eigenvector in sight."""
    random = np.random.default_rng(0)
    for _ in range(20):
        c1, c2 = spd(random, 2), spd(random, 2)
        product = c1 @ c2
        cross = math.sqrt(np.trace(product) + 2 * math.sqrt(np.linalg.det(product)))
        assert wasserstein2_squared([0, 0], c1, [0, 0], c2) == pytest.approx(np.trace(c1 + c2) - 2 * cross, rel=1e-9)


def test_a_sampled_check():
    """The optimal map of one Gaussian onto the other moves points by this much; no other linear map does it in less."""
    random = np.random.default_rng(1)
    c1, c2, shift = spd(random, 2) + EYE, spd(random, 2) + EYE, np.array([1.0, -2.0])
    half1, half2 = np.linalg.cholesky(c1), np.linalg.cholesky(c2)
    x = random.standard_normal((200_000, 2))
    costs = []
    for angle in np.linspace(0, 2 * np.pi, 721):  # the maps of N(0, c1) onto N(shift, c2): a rotation in between
        rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        difference = half2 @ rotation - half1  # E |difference x - shift|**2
        costs.append((difference**2).sum() + (shift**2).sum())
    best = np.argmin(costs)
    got = wasserstein2_squared([0, 0], c1, shift, c2)
    assert got <= costs[best] and got == pytest.approx(costs[best], rel=1e-4)
    angle = np.linspace(0, 2 * np.pi, 721)[best]
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = x @ (half2 @ rotation).T + shift - x @ half1.T
    assert got == pytest.approx((moved**2).sum(axis=1).mean(), rel=0.02)


def test_lists_and_float32_are_taken_in_float64():
    c = np.array([[1, 0.5], [0.5, 2]], np.float32)
    got = wasserstein2_squared([0, 0], c, np.ones(2, np.float32), c.tolist())
    assert type(got) is float and got == pytest.approx(2, abs=1e-12)
