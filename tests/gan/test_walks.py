"""Walks through the latent space: where they begin and end, how long the vectors on them are, and where there is no circle."""

import numpy as np
import pytest

import nanogan as ng
from nanogan import asarray, to_numpy
from nanogan.gan import walks

pytestmark = pytest.mark.every_backend

SHAPES = [(2,), (100,), (1, 1, 100), (20,)]


def pair(shape, seed=0):
    return np.random.default_rng(seed).standard_normal((2, *shape)).astype(np.float32)


def walk(start, end, *options):
    """On the backend, from and to the host."""
    return to_numpy(walks.walk(asarray(start), asarray(end), *options))


def round_trip(points, *options):
    return to_numpy(walks.round_trip(asarray(points), *options))


def lengths(points):
    return np.sqrt((points.astype(np.float64).reshape(len(points), -1) ** 2).sum(axis=1))


@pytest.mark.parametrize("spherical", [True, False])
@pytest.mark.parametrize("steps", [2, 3, 9])
@pytest.mark.parametrize("shape", SHAPES)
def test_ends_and_shapes(shape, steps, spherical):
    a, b = pair(shape)
    points = walk(a, b, steps, spherical)
    assert points.shape == (steps, *shape) and points.dtype == np.float32
    np.testing.assert_allclose(points[0], a, atol=1e-6)
    np.testing.assert_allclose(points[-1], b, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_straight_walk(shape):
    a, b = pair(shape)
    np.testing.assert_allclose(walk(a, b, 5, False), [a, 0.75 * a + 0.25 * b, (a + b) / 2, 0.25 * a + 0.75 * b, b], atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_spherical_walk_changes_the_length_evenly(shape):
    a, b = pair(shape)
    b *= 3
    first, last = lengths(np.stack([a, b]))
    np.testing.assert_allclose(lengths(walk(a, b, 11)), np.linspace(first, last, 11), rtol=1e-5)


def test_a_spherical_walk_keeps_the_length_where_a_straight_one_does_not():
    a, b = pair((100,))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    np.testing.assert_allclose(lengths(walk(a, b, 21)), 1, rtol=1e-5)
    assert lengths(walk(a, b, 3, False))[1] == pytest.approx(np.sqrt(0.5), abs=0.1)


def test_equal_angles():
    """Against the formula, in float64: a quarter circle in thirds."""
    points = walk(np.array([2.0, 0.0]), np.array([0.0, 2.0]), 4)
    angles = np.arange(4) * np.pi / 6
    np.testing.assert_allclose(points, 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1), atol=1e-12)
    assert points.dtype == np.float64


@pytest.mark.parametrize("apart", [3.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 0.0])
def test_nearly_the_same_direction(apart):
    a, b = (np.array([np.cos(angle), np.sin(angle)], np.float32) for angle in (0.3, 0.3 + apart))
    np.testing.assert_allclose(lengths(walk(a, b, 9)), 1, rtol=1e-4)


@pytest.mark.parametrize("apart", [1e-1, 3e-2, 1e-2, 1e-3, 5e-4, 2e-4])
def test_nearly_opposite_directions(apart):
    a, b = (np.array([np.cos(angle), np.sin(angle)], np.float32) for angle in (0.3, 0.3 + np.pi - apart))
    np.testing.assert_allclose(lengths(walk(a, b, 9)), 1, rtol=1e-2)


@pytest.mark.parametrize("apart", [1e-4, 1e-5, 1e-6, 0.0])
def test_so_nearly_opposite_that_there_is_no_one_way(apart):
    """The way may then lead through 0, but nowhere far off."""
    a, b = (np.array([np.cos(angle), np.sin(angle)], np.float32) for angle in (0.3, 0.3 + np.pi - apart))
    points = walk(a, b, 9)
    assert np.isfinite(points).all() and lengths(points).max() < 1.1
    np.testing.assert_allclose(points[[0, -1]], [a, b], atol=1e-4)


@pytest.mark.parametrize("spherical", [True, False])
def test_degenerate_ends(spherical):
    a, zero = pair((5,))[0], np.zeros(5, np.float32)
    with np.errstate(all="raise"):
        np.testing.assert_allclose(walk(a, a, 4, spherical), np.stack([a] * 4), rtol=1e-6)
        np.testing.assert_allclose(walk(a, -a, 3, spherical), [a, zero, -a], atol=1e-6)
        np.testing.assert_allclose(walk(a, 2 * a, 3, spherical), [a, 1.5 * a, 2 * a], rtol=1e-6)
        np.testing.assert_allclose(walk(zero, a, 3, spherical), [zero, a / 2, a], rtol=1e-6)
        np.testing.assert_allclose(walk(a, zero, 3, spherical), [a, a / 2, zero], rtol=1e-6)
        assert not walk(zero, zero, 3, spherical).any()


def test_the_ends_stay_as_they_were():
    a, b = pair((7,))
    before = a.copy(), b.copy()
    walk(a, b, 5)
    assert np.array_equal(a, before[0]) and np.array_equal(b, before[1])


@pytest.mark.parametrize(
    ("a", "b", "steps"),
    [(np.zeros(2), np.zeros(3), 4), (np.zeros((1, 2)), np.zeros(2), 4), (np.zeros(2), np.ones(2), 1), (np.zeros(2), np.ones(2), 0)],
)
def test_what_is_no_walk(a, b, steps):
    with pytest.raises(ng.ShapeError, match=rf"walk: {steps} points from .*needs two of one shape, and 2 points or more"):
        walk(a, b, steps)


@pytest.mark.parametrize("spherical", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_round_trip(shape, spherical):
    """Each of three points once, where its leg begins, and from the last step one more to where it began."""
    points = np.random.default_rng(3).standard_normal((3, *shape)).astype(np.float32)
    trip = round_trip(points, 4, spherical)
    assert trip.shape == (12, *shape) and trip.dtype == np.float32
    np.testing.assert_allclose(trip[[0, 4, 8]], points, atol=1e-6)
    legs = [walk(points[i], points[(i + 1) % 3], 5, spherical) for i in range(3)]
    np.testing.assert_allclose(np.concatenate([trip, trip[:1]]), np.concatenate([leg[:4] for leg in legs] + [legs[2][4:]]), atol=1e-6)


def test_a_round_trip_of_one_or_two():
    a, b = pair((4,))
    np.testing.assert_allclose(round_trip(a[None], 3), np.stack([a] * 3), rtol=1e-6)
    there_and_back = round_trip(np.stack([a, b]), 4)
    np.testing.assert_allclose(there_and_back[1:4], there_and_back[:4:-1], atol=1e-5)
