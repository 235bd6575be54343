"""How far apart two Gaussians are."""

import numpy

from nanogan.backend import NanoganError, ShapeError, to_numpy


def wasserstein2_squared(mean1, covariance1, mean2, covariance2):
    """The squared Wasserstein-2 distance between N(mean1, covariance1) and N(mean2, covariance2).

    |m1 - m2|**2 + trace(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))  (Dowson & Landau 1982).
    means: (D,).  covariances: (D, D), symmetric, no eigenvalue negative; arrays of either backend.  In float64, on the host; at
    least 0, whatever is rounded.  Raises ShapeError for shapes that do not go together, NanoganError for what is not finite.

    >>> round(wasserstein2_squared([0, 0], numpy.eye(2), [3, 4], 4 * numpy.eye(2)), 6)
    27.0
    """
    given = mean1, mean2, covariance1, covariance2
    mean1, mean2, covariance1, covariance2 = given = [numpy.asarray(to_numpy(a), numpy.float64) for a in given]
    D = mean1.size
    if [a.shape for a in given] != [(D,), (D,), (D, D), (D, D)]:
        raise ShapeError(f"wasserstein2_squared: means {mean1.shape} and {mean2.shape}, covariances {covariance1.shape} and {covariance2.shape}; "
                         "give (D,) and (D, D)")  # fmt: skip
    if not all(numpy.isfinite(a).all() for a in given):
        raise NanoganError("wasserstein2_squared: there are moments that are not finite; look at the samples that they are of")
    root = _square_root(covariance1)
    cross = _square_root(root @ covariance2 @ root)
    return max(0.0, float(((mean1 - mean2) ** 2).sum() + numpy.trace(covariance1 + covariance2 - 2 * cross)))


def _square_root(matrix):
    """The symmetric square root, by eigenvalues; those below 0 by rounding count as 0."""
    values, vectors = numpy.linalg.eigh(matrix)
    return (vectors * numpy.sqrt(numpy.maximum(values, 0))) @ vectors.T
