"""Two parallel lines, the example of text 004 (eqs. 10-11): where other distances are constant, Wasserstein's is |theta|.

Real points are (0, y) and generated ones (theta, y), y uniform on [0, 1).  A critic that learns under the gradient
penalty estimates W = mean D(real) - mean D(fake), a little above by what the penalty allows; one without is bound by nothing.
"""

import functools

import numpy as np
import pytest

import nanogan as ng
from nanogan import nn, ops, optim
from nanogan.gan.objectives import gradient_penalty

THETAS = (0.5, 1.0, 2.0)


@functools.cache
def estimate(theta, penalty_weight, steps=600, n=64):
    """The critic's estimate of W after ``steps`` of Adam, on points it has not seen."""
    ng.seed(1)
    random = np.random.default_rng(2)
    critic = nn.Sequential(nn.Dense(2, 64), nn.LeakyReLU(0.2), nn.Dense(64, 64), nn.LeakyReLU(0.2), nn.Dense(64, 1))
    adam = optim.Adam(critic.parameters(), 2e-3, 0.5, 0.9)

    def lines(n):
        return [np.stack([np.full(n, x), random.random(n)], axis=1).astype(np.float32) for x in (0.0, theta)]

    for _ in range(steps):
        real, fake = lines(n)
        loss = ops.mean(critic(fake)) - ops.mean(critic(real))
        if penalty_weight:
            alpha = random.random((n, 1), dtype=np.float32)
            loss = loss + penalty_weight * gradient_penalty(critic, real, ng.Tensor(fake), alpha)
        adam.step(ng.grad(loss, critic.parameters()))
    real, fake = lines(1000)
    return (ops.mean(critic(real)) - ops.mean(critic(fake))).item()


@pytest.mark.parametrize("theta", THETAS)
def test_with_the_penalty_the_critic_measures_the_distance(theta):
    assert estimate(theta, 20.0) == pytest.approx(theta, rel=0.1)


def test_the_estimate_grows_as_the_distance():
    slope, offset = np.polyfit(THETAS, [estimate(theta, 20.0) for theta in THETAS], 1)
    assert slope == pytest.approx(1, abs=0.1) and offset == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(("theta", "weight"), [(1.0, 5.0), (2.0, 10.0), (2.0, 20.0)])
def test_the_penalty_is_soft(theta, weight):
    """A critic of slope s gains s * theta and pays weight * (s - 1)**2: it is best at s = 1 + theta / (2 * weight)."""
    assert estimate(theta, weight) == pytest.approx(theta * (1 + theta / (2 * weight)), rel=0.03)


def test_without_the_penalty_it_runs_away():
    assert estimate(1.0, 0.0) > 100
