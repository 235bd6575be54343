"""Scores in the features of a classifier: how far apart two sets of images are, and which classes a set holds.

    frechet_distance(features, real_features)          # 0 is the same; between real sets of 10,000 about 1
    class_scores(probabilities, real_labels)           # {"kl": ..., "modes": ..., "confidence": ...}

Features and probabilities are arrays of either backend.
"""

import numpy

from nanogan.backend import NanoganError, ShapeError, to_numpy
from nanogan.metrics.discrete import kl
from nanogan.metrics.gaussian import wasserstein2_squared

MODE_SHARE = 0.01  # of the samples, which a class must exceed to count as found


def frechet_distance(features1, features2):
    """The squared Wasserstein-2 distance between the Gaussians of two sets of features (Heusel et al. 2017, eq. 6).

    features: (N, D) and (M, D), arrays of either backend; means, covariances (over N - 1) and root in float64, on the host.
    It shrinks as N grows, towards what more samples would show: compare only numbers of the same N, and of the same network.
    Raises ShapeError for fewer than 2 samples or other shapes, NanoganError for features that are not finite.

    >>> x = numpy.random.default_rng(0).standard_normal((1000, 3))
    >>> round(frechet_distance(x, x + [3, 4, 0]), 6)
    25.0
    """
    a, b = (numpy.asarray(to_numpy(f), numpy.float64) for f in (features1, features2))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ShapeError(f"frechet_distance: features {a.shape} and {b.shape}; give (N, D) and (M, D) with two samples or more")
    if not (numpy.isfinite(a).all() and numpy.isfinite(b).all()):
        raise NanoganError("frechet_distance: there are features that are not finite; look at the samples, which must be at fault")
    moments = [(f.mean(axis=0), numpy.cov(f, rowvar=False).reshape(a.shape[1], -1)) for f in (a, b)]
    return wasserstein2_squared(*moments[0], *moments[1])


def class_scores(probabilities, labels):
    """What a classifier makes of N samples: {"histogram", "kl", "modes", "confidence"}.

    probabilities: (N, K), of either backend.  labels: (M,) whole numbers, the classes of real samples.
    histogram: the share of each class, by the most probable; kl: KL(histogram || that of the labels) in nats, infinite where a
    class turns up that has no labels; modes: how many of the K classes have more than MODE_SHARE of the samples; confidence: the
    mean of the largest probability, which is low where images are between classes, and says nothing about those beside all classes.
    Raises ShapeError for other shapes and labels, NanoganError for probabilities that are not finite.

    >>> scores = class_scores([[0.75, 0.25], [1.0, 0.0]], [0, 1])
    >>> scores["histogram"], round(scores["kl"], 4), scores["modes"], scores["confidence"]
    ([1.0, 0.0], 0.6931, 1, 0.875)
    """
    p, labels = numpy.asarray(to_numpy(probabilities), numpy.float64), numpy.asarray(to_numpy(labels))
    fits = p.ndim == 2 and p.size and labels.ndim == 1 and labels.size and labels.dtype.kind in "iu"
    if not fits or not 0 <= labels.min() <= labels.max() < p.shape[1]:
        raise ShapeError(f"class_scores: probabilities {p.shape} and labels {labels.dtype} {labels.shape}; give (N, K), and (M,) whole numbers "
                         "from 0 to K - 1")  # fmt: skip
    if not numpy.isfinite(p).all():
        raise NanoganError("class_scores: there are probabilities that are not finite; look at the classifier's weights")
    K = p.shape[1]
    found, real = (numpy.bincount(classes, minlength=K) / len(classes) for classes in (p.argmax(axis=1), labels))
    return {
        "histogram": found.tolist(),
        "kl": kl(found, real),
        "modes": int((found > MODE_SHARE).sum()),
        "confidence": float(p.max(axis=1).mean()),
    }
