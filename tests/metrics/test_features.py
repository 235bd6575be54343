"""Scores in a classifier's features: the Frechet distance and the classes."""

import math

import numpy as np
import pytest

import nanogan as ng
from nanogan.metrics import class_scores, frechet_distance, wasserstein2_squared


def features(n=500, d=6, seed=0):
    random = np.random.default_rng(seed)
    return random.standard_normal((n, d)) @ random.standard_normal((d, d)) + random.standard_normal(d)


def test_frechet_distance_is_that_of_the_gaussians():
    a, b = features(), features(400, seed=1)
    moments = a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T)
    assert frechet_distance(a, b) == pytest.approx(wasserstein2_squared(*moments))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_scales_and_turns():
    a, b = features(), features(seed=1)
    turn, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((6, 6)))
    assert frechet_distance(3 * a @ turn + 1, 3 * b @ turn + 1) == pytest.approx(9 * frechet_distance(a, b))


def test_frechet_distance_of_dead_units_and_of_one_feature():
    a, b = features(), features(seed=1)
    dead = np.zeros((500, 2))
    assert frechet_distance(np.hstack([a, dead]), np.hstack([b, dead])) == pytest.approx(frechet_distance(a, b))
    assert frechet_distance(a[:, :1], a[:, :1] + 2) == pytest.approx(4)


@pytest.mark.every_backend
def test_frechet_distance_is_float64_inside():
    """Features far from 0, as float32 arrays of the backend: a mean of 1,000 must not swallow a variance of 1."""
    a = (np.random.default_rng(0).standard_normal((20_000, 2)) + 1000).astype(np.float32)
    there = ng.backend.asarray(a)
    assert frechet_distance(there, there + 1) == pytest.approx(2, abs=1e-3)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((5, 3)), np.zeros((5, 4)), r"features \(5, 3\) and \(5, 4\)"),
        (np.zeros((1, 3)), np.zeros((5, 3)), "two samples or more"),
        (np.zeros(5), np.zeros(5), r"\(N, D\)"),
        (np.full((5, 3), np.nan), np.zeros((5, 3)), "not finite"),
    ],
)
def test_frechet_distance_errors(a, b, message):
    with pytest.raises(ng.NanoganError, match=message):
        frechet_distance(a, b)


def one_hot(classes, k=10):
    return np.eye(k)[classes]


def test_class_scores():
    labels = np.arange(1000) % 10
    same = class_scores(one_hot(labels), labels)
    assert same == {"histogram": [0.1] * 10, "kl": 0.0, "modes": 10, "confidence": 1.0}
    without_nine = class_scores(one_hot(labels[labels != 9]), labels)
    assert without_nine["kl"] == pytest.approx(math.log(10 / 9)) and without_nine["modes"] == 9
    one = class_scores(one_hot(np.ones(50, int)), labels)
    assert one["kl"] == pytest.approx(math.log(10)) and one["modes"] == 1
    assert class_scores(np.full((20, 10), 0.1), labels)["confidence"] == pytest.approx(0.1)


def test_a_mode_needs_more_than_a_hundredth():
    for stray, modes in ((10, 1), (11, 2)):
        classes = np.zeros(1000, int)
        classes[:stray] = 3
        assert class_scores(one_hot(classes), [0, 3])["modes"] == modes


def test_a_class_that_is_not_real():
    assert class_scores(one_hot([0, 1], 2), [0, 0])["kl"] == math.inf


@pytest.mark.parametrize(
    ("p", "labels"), [(np.ones((0, 3)), [0]), (np.ones((2, 3)), []), (np.ones((2, 3)), [3]), (np.ones((2, 3)), [-1]), (np.ones(3), [0])]
)
def test_class_scores_errors(p, labels):
    with pytest.raises(ng.ShapeError, match="class_scores"):
        class_scores(p, np.array(labels, int))


def test_classes_that_are_no_numbers():
    with pytest.raises(ng.ShapeError, match=r"labels float64 \(2,\); give .* whole numbers"):
        class_scores(np.ones((2, 3)), [0.0, 1.0])
    with pytest.raises(ng.NanoganError, match="class_scores: there are probabilities that are not finite"):
        class_scores([[np.nan, 1.0]], [0, 1])
