"""Distances between discrete distributions: the worked example of text 004, its two parallel lines, and the laws that hold for all."""

import math

import numpy as np
import pytest

import nanogan as ng
from nanogan.metrics import cross_entropy, earth_movers, entropy, js, kl, total_variation

P, Q = [1 / 3, 1 / 3, 1 / 3], [0.2, 0.5, 0.3]
DISTANCES = [kl, js, total_variation, earth_movers]


def test_the_worked_example_of_text_004():
    """Its figures 17-14 and 17-15, rounded there: TV .167, KL .101 and .099, JS .0248, EM .16.  The logarithms are to the base 2, which they do not say."""
    assert total_variation(P, Q) == pytest.approx(1 / 6)
    assert kl(P, Q, base=2) == pytest.approx(0.1013, abs=5e-5)
    assert kl(Q, P, base=2) == pytest.approx(0.0995, abs=5e-5)
    assert js(P, Q, base=2) == pytest.approx(0.0249, abs=5e-5)
    assert earth_movers(P, Q) == pytest.approx(1 / 6)
    in_nats = kl(P, Q), kl(Q, P), js(P, Q)
    assert in_nats == pytest.approx((0.0702, 0.0690, 0.01725), abs=5e-5)


def test_total_variation_is_of_events_and_not_of_points():
    """The text takes the largest difference in a single point: the same in its example, where one outcome alone is likelier under Q."""
    assert total_variation(P, Q) == pytest.approx(np.abs(np.subtract(P, Q)).max())
    p, q = [0.4, 0.4, 0.1, 0.1], [0.1, 0.1, 0.4, 0.4]
    assert total_variation(p, q) == pytest.approx(0.6)  # of the event "one of the first two"; in no point more than 0.3


@pytest.mark.parametrize("theta", [1.0, 0.25, 7.0])
def test_the_two_parallel_lines_of_text_004(theta):
    """Equation 10 has JS = log(2) / 2; by the text's own definition, half of either divergence, it is log 2."""
    p, q, positions = [1, 0], [0, 1], [0, theta]
    assert kl(p, q) == kl(q, p) == math.inf
    assert total_variation(p, q) == 1
    assert js(p, q) == pytest.approx(math.log(2)) and js(p, q, base=2) == 1
    assert earth_movers(p, q, positions) == theta  # equation 11: the only one that says how far
    assert [kl(p, p), js(p, p), total_variation(p, p), earth_movers(p, p, positions)] == [0, 0, 0, 0]  # theta 0


def distributions(k, n=30):
    random = np.random.default_rng(k)
    for _ in range(n):
        yield random.dirichlet(np.full(k, 0.5)), random.dirichlet(np.ones(k)), random.dirichlet(np.ones(k))


@pytest.mark.parametrize("base", [math.e, 2, 10])
@pytest.mark.parametrize("k", [2, 3, 50])
def test_kl_is_cross_entropy_without_entropy(k, base):
    """Text 004, equation 9."""
    for p, q, _ in distributions(k):
        assert kl(p, q, base) == pytest.approx(cross_entropy(p, q, base) - entropy(p, base), abs=1e-12)


@pytest.mark.parametrize("k", [2, 3, 50])
def test_laws(k):
    for p, q, r in distributions(k):
        for distance in DISTANCES:
            assert distance(p, q) >= 0 and distance(p, p) == 0
        for distance in (js, total_variation, earth_movers):
            assert distance(p, q) == pytest.approx(distance(q, p))
        for metric in (total_variation, earth_movers, lambda a, b: math.sqrt(js(a, b))):
            assert metric(p, r) <= metric(p, q) + metric(q, r) + 1e-12  # the triangle inequality
        assert js(p, q, base=2) <= 1 and total_variation(p, q) <= 1
        assert 2 * total_variation(p, q) ** 2 <= kl(p, q) + 1e-12  # Pinsker
        assert 0 <= entropy(p) <= math.log(k) + 1e-12
        assert total_variation(p, q) - 1e-12 <= earth_movers(p, q) <= (k - 1) * total_variation(p, q) + 1e-12


def test_earth_movers_is_the_least_cost_over_all_plans():
    """For equal masses on either side the best plan pairs them in order: by brute force over all pairings."""
    import itertools

    random = np.random.default_rng(0)
    for _ in range(10):
        x, y = random.random(5), random.random(5)
        best = min(np.abs(x - y[list(order)]).mean() for order in itertools.permutations(range(5)))
        masses = np.repeat([0.2, 0.0], 5), np.repeat([0.0, 0.2], 5)
        assert earth_movers(*masses, np.concatenate([x, y])) == pytest.approx(best)


def test_positions_scale_and_shift():
    x = np.array([3.0, -1.0, 0.5])
    assert earth_movers(P, Q, 10 * x + 4) == pytest.approx(10 * earth_movers(P, Q, x))


@pytest.mark.every_backend
def test_float32_of_either_backend():
    p, q = (ng.backend.asarray(np.array(values, np.float32)) for values in (P, Q))
    assert [kl(p, q), js(p, q), total_variation(p, q), earth_movers(p, q)] == pytest.approx([d(P, Q) for d in DISTANCES], rel=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kl([0.5, 0.5], [1 / 3] * 3), "kl: 2 outcomes against 3; give both the same, with 0 where one has none"),
        (lambda: js([[0.5, 0.5]], [[0.5, 0.5]]), r"js: a distribution has shape \(1, 2\); give \(K,\)"),
        (lambda: entropy([]), r"^entropy: a distribution has shape \(0,\)"),
        (lambda: total_variation([3, 5], [0.5, 0.5]), "total_variation: .* add up to 8; divide counts by their sum"),
        (lambda: kl([1.5, -0.5], [0.5, 0.5]), "the least of these is -0.5"),
        (lambda: kl([math.nan, 1], [0.5, 0.5]), "nan"),
        (lambda: kl([math.inf, 1], [0.5, 0.5]), "add up to inf"),
        (lambda: kl(P, Q, base=1), "kl: a logarithm to the base 1; give 2 for bits"),
        (lambda: js(P, Q, base=math.nan), "base nan"),
        (lambda: earth_movers(P, Q, [0, 1]), r"earth_movers: positions \(2,\) for distributions \(3,\)"),
        (lambda: earth_movers(P, Q, [0, 1, math.nan]), "one finite number for each outcome"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ng.NanoganError, match=message):
        call()
