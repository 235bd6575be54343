"""mode_coverage counts what it says."""

import numpy as np
import pytest

import nanogan as ng
from nanogan.data import grid2d, ring2d
from nanogan.metrics import mode_coverage

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


@pytest.mark.parametrize(("make", "modes"), [(ring2d, 8), (grid2d, 25)])
def test_the_real_thing_covers_every_mode(make, modes):
    d = make(20_000)
    found, good = mode_coverage(d.samples, d.centres, d.std)
    assert (found, type(found), type(good)) == (modes, int, float)
    assert abs(good - (1 - np.exp(-4.5))) < 5 * np.sqrt(0.011 / 20_000)  # P(within 3 std) in the plane
    few = d.samples[d.labels < 3]
    assert mode_coverage(few, d.centres, d.std)[0] == 3
    assert mode_coverage(d.samples + 0.6, d.centres, d.std) == (0, 0.0)


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ([1000, 0, 0, 0], 1),
        ([993, 3, 3, 1], 3),  # 1 % of 1000/4 is 2.5 points
        ([994, 2, 2, 2], 1),
        ([37, 1, 1, 1], 4),  # 1 % of 10 is less than a point, and one suffices
        ([1, 0, 0, 0], 1),
        ([0, 1, 0, 1], 2),
    ],
)
def test_what_counts_as_found(counts, found):
    assert mode_coverage(np.repeat(CENTRES, counts, axis=0), CENTRES, 0.1) == (found, 1.0)


def test_the_border_is_three_standard_deviations_in_any_direction():
    points = np.array([[1.49, 0], [0, -1.51], [1.06, 1.06], [1.07, 1.07]])
    assert mode_coverage(points, CENTRES, 0.5) == (1, 0.5)
    assert mode_coverage(points + [10, 10], CENTRES, 0.5) == (1, 0.5)


def test_a_point_between_modes_belongs_to_the_nearest():
    assert mode_coverage([[4.9, 0.0]], CENTRES, 3.0) == (1, 1.0)
    assert mode_coverage([[4.9, 0.0], [5.1, 0.0]], CENTRES, 3.0) == (2, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_points_that_are_not_finite_are_no_good(bad):
    points = np.array([[0, 0], [bad, 0]], np.float32)
    assert mode_coverage(points, CENTRES, 0.1) == (1, 0.5)
    assert mode_coverage(points[1:], CENTRES, 0.1) == (0, 0.0)


def test_tensors_and_other_dimensions():
    assert mode_coverage(ng.Tensor(CENTRES[:2].astype(np.float32)), CENTRES, 0.1) == (2, 1.0)
    assert mode_coverage([[1.0], [2.0]], [[1.0]], 0.1) == (1, 0.5)
    assert mode_coverage(np.eye(3), np.eye(3), 0.1) == (3, 1.0)


@pytest.mark.parametrize(("points", "centres"), [((3,), (4, 2)), ((3, 3), (4, 2)), ((0, 2), (4, 2)), ((3, 2), (0, 2)), ((3, 2), (2,))])
def test_shapes_that_do_not_fit(points, centres):
    with pytest.raises(ng.ShapeError, match="mode_coverage: points"):
        mode_coverage(np.zeros(points), np.zeros(centres), 0.1)


@pytest.mark.parametrize("std", [0, -1.0, np.nan])
def test_a_std_that_is_none(std):
    with pytest.raises(ValueError, match="std"):
        mode_coverage(CENTRES, CENTRES, std)
