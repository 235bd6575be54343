"""k-means, and the share of each bin."""

import numpy as np
import pytest

import nanogan as ng
from nanogan.backend import asarray, random, to_numpy
from nanogan.metrics import Bins, bins, js

pytestmark = pytest.mark.every_backend


def clusters(sizes, seed=0):
    """Points around far corners, of so many each."""
    rng = np.random.default_rng(seed)
    corners = 100 * np.random.default_rng(9).standard_normal((len(sizes), 3))
    return np.concatenate([c + 0.1 * rng.standard_normal((n, 3)) for c, n in zip(corners, sizes, strict=True)]).astype(np.float32)


def test_k_means_finds_the_clusters():
    sizes = [40, 10, 25, 60, 15]
    samples = clusters(sizes)
    random.seed(0)
    centres = to_numpy(bins.k_means(asarray(samples), 5))
    means = [part.mean(axis=0) for part in np.split(samples, np.cumsum(sizes)[:-1])]
    assert centres[np.argsort(centres[:, 0])] == pytest.approx(np.array(sorted(means, key=lambda m: m[0])), abs=1e-3)


def test_k_means_never_gets_worse():
    samples = np.random.default_rng(0).random((300, 4)).astype(np.float32)

    def error(rounds):
        with random.fork(1):
            centres = to_numpy(bins.k_means(samples, 12, rounds))
        return ((samples[:, None] - centres) ** 2).sum(axis=2).min(axis=1).sum()

    errors = [error(rounds) for rounds in (0, 1, 2, 5, 20)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < errors[0]


def test_more_centres_than_kinds():
    """A centre without samples stays, and disturbs nobody."""
    found = Bins(np.repeat(np.eye(3, dtype=np.float32), 10, axis=0), K=5)
    assert np.isfinite(to_numpy(found.centres)).all() and found.counts.sum() == 30


def test_shares_and_what_differs():
    scored = Bins(clusters([400, 300, 200, 100]), K=4)
    assert sorted(scored.counts.tolist()) == [100, 200, 300, 400]
    assert scored.score(clusters([40, 30, 20, 10], seed=1)) == {"ndb": 0, "js": 0.0}
    without = scored.score(clusters([400, 300, 200, 0], seed=1))
    assert without["js"] == pytest.approx(js([0.4, 0.3, 0.2, 0.1], [4 / 9, 3 / 9, 2 / 9, 0]))
    assert without["ndb"] == 1  # of the others none is that far off: (.444 - .4) / .0227 = 1.96
    assert scored.score(clusters([100, 0, 0, 0]))["ndb"] == 4


def test_a_difference_counts_beyond_three_standard_errors():
    """Of 1,000 and 1,000, half and half: the standard error of a difference is sqrt(.25 * 2 / 1000) = 0.0224, and three are 0.067."""
    scored = Bins(clusters([500, 500]), K=2)
    assert scored.score(clusters([560, 440]))["ndb"] == 0
    assert scored.score(clusters([570, 430]))["ndb"] == 2


def test_of_images_and_repeatable():
    images = np.random.default_rng(0).integers(0, 256, (120, 5, 5, 1), np.uint8)
    random.seed(3)
    one = Bins(images, K=10)
    after = random.stream().random()
    random.seed(3)
    assert random.stream().random() == after  # looking draws nothing
    other = Bins(images, K=10)
    assert one.counts.tolist() == other.counts.tolist() and one.score(images) == {"ndb": 0, "js": 0.0}


def test_samples_that_lie_on_the_device():
    images = np.random.default_rng(0).integers(0, 256, (60, 5, 5, 1), np.uint8)
    there, here = Bins(asarray(images), K=6), Bins(images, K=6)
    assert there.counts.tolist() == here.counts.tolist() and there.score(asarray(images[:20])) == here.score(images[:20])


def test_count_in_pieces(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), np.uint8)
    whole = Bins(images, K=6).counts
    monkeypatch.setattr(bins, "BLOCK", 100)
    assert Bins(images, K=6).counts.tolist() == whole.tolist()


def test_errors():
    with pytest.raises(ng.ShapeError, match="Bins: 3 samples for 4 bins"):
        Bins(np.zeros((3, 2), np.float32), K=4)
    with pytest.raises(ng.NanoganError, match="not finite"):
        Bins(np.full((9, 2), np.nan, np.float32), K=2)
    some = Bins(np.eye(2, dtype=np.float32), K=2)
    with pytest.raises(ng.NanoganError, match="not finite"):
        some.score(np.full((9, 2), np.nan, np.float32))
    for shape in ((3, 4), (0, 2)):
        with pytest.raises(ng.ShapeError, match=r"Bins: samples .*, and the bins are of samples \(N, 2\)"):
            some.score(np.zeros(shape, np.float32))
