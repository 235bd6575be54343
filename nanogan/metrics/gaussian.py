"""How far apart two Gaussians are."""

import numpy


def wasserstein2_squared(mean1, covariance1, mean2, covariance2):
    """The squared Wasserstein-2 distance between N(mean1, covariance1) and N(mean2, covariance2).

    |m1 - m2|**2 + trace(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))  (Dowson & Landau 1982).
    means: (D,).  covariances: (D, D), symmetric, no eigenvalue negative.  In float64, on the host.

    >>> round(wasserstein2_squared([0, 0], numpy.eye(2), [3, 4], 4 * numpy.eye(2)), 6)
    27.0
    """
    mean1, mean2 = numpy.asarray(mean1, float), numpy.asarray(mean2, float)
    covariance1, covariance2 = numpy.asarray(covariance1, float), numpy.asarray(covariance2, float)
    root = _square_root(covariance1)
    cross = _square_root(root @ covariance2 @ root)
    return float(((mean1 - mean2) ** 2).sum() + numpy.trace(covariance1 + covariance2 - 2 * cross))


def _square_root(matrix):
    """The symmetric square root, by eigenvalues; those below 0 by rounding count as 0."""
    values, vectors = numpy.linalg.eigh(matrix)
    return (vectors * numpy.sqrt(numpy.maximum(values, 0))) @ vectors.T
