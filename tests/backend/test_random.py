"""The random stream and the hash behind dropout masks."""

import numpy as np
import pytest

import nanogan as ng
from nanogan import to_numpy
from nanogan.backend import random

pytestmark = pytest.mark.every_backend


def draws():
    return [to_numpy(random.normal((3, 2))), to_numpy(random.uniform((4,), -1, 1)), random.stream().permutation(10)]


def test_a_seed_repeats_everything():
    ng.seed(3)
    first = draws()
    ng.seed(3)
    for a, b in zip(first, draws(), strict=True):
        np.testing.assert_array_equal(a, b)
    ng.seed(4)
    assert not np.array_equal(first[0], to_numpy(random.normal((3, 2))))


def test_the_stream_goes_on():
    assert not np.array_equal(to_numpy(random.normal((5,))), to_numpy(random.normal((5,))))
    assert random.stream().random() != random.stream().random()


def test_draws_are_float32_with_the_moments_asked_for():
    x, u = to_numpy(random.normal((100_000,), 2.0, 0.5)), to_numpy(random.uniform((100_000,), -3.0, 1.0))
    assert x.dtype == u.dtype == np.float32
    assert (x.mean(), x.std()) == pytest.approx((2.0, 0.5), abs=0.01)
    assert (u.mean(), u.std()) == pytest.approx((-1.0, 4 / 12**0.5), abs=0.02)
    assert u.min() >= -3
    assert u.max() <= 1


def test_fork_leaves_the_stream_alone():
    ng.seed(1)
    expected = [random.stream().random(), random.stream().random()]
    ng.seed(1)
    first = random.stream().random()
    with random.fork(5):
        inside = random.stream().random()
        with random.fork(5):
            assert random.stream().random() == inside
    assert [first, random.stream().random()] == expected
    with pytest.raises(ZeroDivisionError), random.fork(5):
        raise ZeroDivisionError
    assert random.stream() is not None
    ng.seed(5)
    assert random.stream().random() == inside


N = 400_000


def dropout_mask(*arguments):
    """On the host."""
    return to_numpy(random.dropout_mask(*arguments))


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("key", [0, 1, 2**32, 0x0123456789ABCDEF])
def test_mask_keeps_the_rate(key, rate):
    """Within five standard deviations, in the whole and in each tenth."""
    mask = dropout_mask(key, (N,), rate)
    assert mask.dtype == bool
    for part in (mask, *np.split(mask, 10)):
        assert part.mean() == pytest.approx(1 - rate, abs=5 * (rate * (1 - rate) / part.size) ** 0.5)


def test_mask_depends_on_key_and_position_alone():
    flat = dropout_mask(9, (24,), 0.5)
    np.testing.assert_array_equal(dropout_mask(9, (2, 3, 4), 0.5).ravel(), flat)
    np.testing.assert_array_equal(dropout_mask(9, (10,), 0.5), flat[:10])
    assert dropout_mask(9, (0, 4), 0.5).shape == (0, 4)


def correlation(a, b):
    return np.corrcoef(a.astype(float), b.astype(float))[0, 1]


@pytest.mark.parametrize("lag", [1, 2, 3, 28, 64, 1024, 65536])
def test_neighbours_are_independent(lag):
    mask = dropout_mask(123456789, (N,), 0.5)
    assert abs(correlation(mask[lag:], mask[:-lag])) < 5 / N**0.5


@pytest.mark.parametrize("bit", range(0, 64, 3))
def test_every_bit_of_the_key_changes_half_the_mask(bit):
    mask, other = dropout_mask(0x9E3779B97F4A7C15, (N,), 0.5), dropout_mask(0x9E3779B97F4A7C15 ^ 1 << bit, (N,), 0.5)
    assert abs(correlation(mask, other)) < 5 / N**0.5


def test_the_ends_of_the_rate():
    assert dropout_mask(3, (1000,), 0.0).all()
    assert not dropout_mask(3, (1000,), 1.0).any()
