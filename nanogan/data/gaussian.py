"""The two-dimensional Gaussian, the smallest thing that a GAN can learn (D2L, section 20.1).

    points = gaussian2d(1000)             # samples (1000, 2) with mean MEAN and covariance COVARIANCE

One linear layer generates it exactly, so a GAN on it can be judged with two moments.
"""

import numpy

from nanogan.backend import random
from nanogan.data.dataset import Dataset

A = numpy.array([[1.0, 2.0], [-0.1, 0.5]])
MEAN = numpy.array([1.0, 2.0])
COVARIANCE = A.T @ A  # [[1.01, 1.95], [1.95, 4.25]]


def gaussian2d(n=1000):
    """``n`` points X A + b, rows of X from N(0, I) out of the random stream, b = MEAN: float32 (n, 2).

    >>> gaussian2d(10)
    Dataset('gaussian2d': 10 samples of (2,), without labels)
    """
    x = random.stream().standard_normal((n, 2))
    return Dataset("gaussian2d", (x @ A + MEAN).astype(numpy.float32))  # (n, 2) @ (2, 2)
