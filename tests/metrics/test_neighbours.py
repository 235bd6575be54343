"""Nearest neighbours, precision and recall, and how much was learned by heart, against brute force."""

import math

import numpy as np
import pytest

import nanogan as ng
from nanogan.backend import asarray
from nanogan.metrics import memorisation, nearest, neighbours, precision_recall

pytestmark = pytest.mark.every_backend


def points(n, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def distances(x, y):
    return np.sqrt(((x[:, None].astype(float) - y[None]) ** 2).sum(axis=2))


@pytest.mark.parametrize("block", [2**24, 64])
def test_nearest(monkeypatch, block):
    """Also where the set is looked through piece by piece."""
    monkeypatch.setattr(neighbours, "BLOCK", block)
    x, y = points(20), points(75, seed=1)
    found, places = nearest(asarray(x), asarray(y))
    expected = distances(x, y)
    assert places.tolist() == expected.argmin(axis=1).tolist()
    assert found == pytest.approx(expected.min(axis=1), rel=1e-5)
    assert isinstance(found, np.ndarray) and isinstance(places, np.ndarray)


def test_nearest_of_bytes_finds_a_copy_at_no_distance():
    images = np.random.default_rng(0).integers(0, 256, (30, 6, 5, 1), np.uint8)
    found, places = nearest(images[[7, 21, 7]], images)
    assert found.tolist() == [0, 0, 0] and places.tolist() == [7, 21, 7]
    scaled, _ = nearest(images[:1] // 2, images)
    far, _ = nearest((images[:1] // 2).astype(np.float32) / 127.5 - 1, images.astype(np.float32) / 127.5 - 1)
    assert scaled == pytest.approx(far)  # bytes count as what they stand for


def balls(generated, real, k):
    """The definition, word for word."""

    def covered(x, ground):
        reach = np.sort(distances(ground, ground), axis=1)[:, k]  # place 0 is the sample itself
        return (distances(x, ground) <= reach).any(axis=1).mean()

    return covered(generated, real), covered(real, generated)


@pytest.mark.parametrize("block", [2**24, 200])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_and_recall(k, block, monkeypatch):
    """Also where little fits into memory at once."""
    monkeypatch.setattr(neighbours, "BLOCK", block)
    generated, real = 0.7 * points(60, 4), points(80, 4, seed=1)
    assert precision_recall(asarray(generated), asarray(real), k) == pytest.approx(balls(generated, real, k))


def test_precision_and_recall_tell_their_failures_apart():
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((100, 2)), rng.standard_normal((100, 2)) + 50
    real = np.concatenate([left, right])
    half = precision_recall(rng.standard_normal((200, 2)), real)  # good, but of one kind
    assert half[0] > 0.8 and 0.3 < half[1] <= 0.5
    stray = precision_recall(np.concatenate([real, real + [0, 500]]), real)  # all kinds, and rubbish besides
    assert stray == (0.5, 1.0)
    assert precision_recall(np.repeat(real[:1], 100, axis=0), real)[1] <= 1 / 200  # one image over and over covers itself
    assert precision_recall(real, real) == (1, 1)


def test_memorisation():
    training, unseen = points(200), points(100, seed=1)
    assert memorisation(training[:50], training, unseen) == 0
    assert memorisation(unseen, training, unseen) == pytest.approx(1)
    assert memorisation(10 * unseen, training, unseen) > 2
    mean = float(nearest(unseen, training)[0].mean())
    assert memorisation(unseen[:30], training, mean) == pytest.approx(memorisation(unseen[:30], training, unseen))
    assert memorisation(unseen[:30], training, np.float32(mean)) == pytest.approx(memorisation(unseen[:30], training, mean))
    assert memorisation(unseen, training, training) == math.inf  # held-out samples that are not


@pytest.mark.parametrize(
    "call",
    [
        lambda: nearest(points(3), points(3, 2)),
        lambda: nearest(points(0), points(3)),
        lambda: nearest([1.0], [2.0]),
        lambda: precision_recall(points(3), points(9)),
        lambda: precision_recall(points(9), points(3)),
        lambda: precision_recall(points(9), points(9), k=0),
    ],
)
def test_errors(call):
    with pytest.raises(ng.ShapeError, match=r"nearest: |precision_recall: "):
        call()


@pytest.mark.parametrize("distance", [nearest, precision_recall])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers(distance, bad):
    sick = points(9)
    sick[3, 1] = bad
    for pair in ((sick, points(9)), (points(9), sick)):
        with pytest.raises(ng.NanoganError, match=f"{distance.__name__}: there are samples that are not finite"):
            distance(*pair)
