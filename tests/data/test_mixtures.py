"""The ring and the grid: modes where they should be, of the width they should have, all equally likely."""

import numpy as np
import pytest

import nanogan as ng
from nanogan.data import DataError, grid2d, load, ring2d


@pytest.mark.parametrize(("make", "modes", "std"), [(ring2d, 8, 0.02), (grid2d, 25, 0.05)])
def test_statistics(make, modes, std):
    d = make()
    n = 100_000
    assert d.name == make.__name__ and d.samples.shape == (n, 2) and d.samples.dtype == np.float32 and d.std == std
    assert d.centres.shape == (modes, 2) and d.centres.dtype == np.float64
    nearest = ((d.samples[:, None] - d.centres) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, d.labels)
    counts, share = np.bincount(nearest, minlength=modes), n / modes
    assert 0 < abs(counts - share).max() < 5 * np.sqrt(share)  # drawn one by one, not dealt out evenly
    rest = (d.samples - d.centres[nearest]) / std
    assert abs(rest.mean()) < 5 / np.sqrt(2 * n) and abs(rest.std() - 1) < 5 / np.sqrt(4 * n)
    assert abs(np.corrcoef(rest.T)[0, 1]) < 5 / np.sqrt(n) and abs((rest**4).mean() - 3) < 0.15


def test_centres():
    ring, odd, even = ring2d(1).centres, grid2d(1).centres, grid2d(1, side=2, spacing=3.0).centres
    np.testing.assert_allclose(ring[[0, 2, 4, 6]], [[2, 0], [0, 2], [-2, 0], [0, -2]], atol=1e-12)
    np.testing.assert_allclose(np.hypot(*ring.T), 2)
    np.testing.assert_allclose(np.hypot(*ring2d(1, modes=3, radius=0.5).centres.T), [0.5] * 3)
    assert sorted(map(tuple, odd.tolist())) == [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]
    assert sorted(map(tuple, even.tolist())) == [(x, y) for x in (-1.5, 1.5) for y in (-1.5, 1.5)]


@pytest.mark.parametrize("name", ["ring2d", "grid2d"])
def test_points_depend_on_the_seed_alone(name):
    ng.seed(5)
    first = ng.backend.random.stream().random()
    ng.seed(5)
    a, b, c = load(name, seed=1, n=500), load(name, seed=1, n=500), load(name, seed=2, n=500)
    assert ng.backend.random.stream().random() == first
    np.testing.assert_array_equal(a.samples, b.samples)
    assert not np.array_equal(a.samples, c.samples)
    assert len(load(name)) == 100_000


def test_the_random_stream_is_where_they_come_from():
    ng.seed(3)
    a, b = ring2d(50).samples, ring2d(50).samples
    ng.seed(3)
    assert np.array_equal(a, ring2d(50).samples) and not np.array_equal(a, b)


@pytest.mark.parametrize(
    ("make", "wrong"),
    [(ring2d, {"n": 0}), (ring2d, {"modes": 0}), (ring2d, {"radius": 0}), (ring2d, {"std": -1.0}), (ring2d, {"std": np.nan}),
     (grid2d, {"n": -5}), (grid2d, {"side": 0}), (grid2d, {"spacing": np.inf}), (grid2d, {"std": 0})],
)  # fmt: skip
def test_impossible_wishes_are_refused(make, wrong):
    with pytest.raises(DataError, match=f"{make.__name__}: {next(iter(wrong))} is .*; it is"):
        make(**wrong)
