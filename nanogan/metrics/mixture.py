"""How many modes of a mixture a generator found, and how many of its points are any good."""

import numpy

from nanogan.backend import ShapeError, to_numpy


def mode_coverage(points, centres, std):
    """(modes found, share of good points) of a generator on a mixture of Gaussians.

    A point is good when it lies within 3 std of its nearest centre.  A mode is found when it got at
    least 1 % of its even share, n/K, in good points, and at least one (the count of VEEGAN, Srivastava
    et al. 2017, section 4.1, with a floor under it for stray points).
    points: (n, D), of either backend.  centres: (K, D).  std: of each mode, in the same units.  Raises
    ShapeError for shapes that do not fit and ValueError for a std that is not positive; a point that is
    not finite is no good.

    >>> mode_coverage([[0.0, 0.1], [0.0, 9.0]], [[0, 0], [5, 5]], std=0.1)
    (1, 0.5)
    """
    points, centres = (numpy.asarray(to_numpy(a), numpy.float64) for a in (points, centres))
    if points.ndim != 2 or centres.ndim != 2 or points.shape[1] != centres.shape[1] or not points.size or not centres.size:
        raise ShapeError(f"mode_coverage: points {points.shape}, centres {centres.shape}; give points (n, D) and centres (K, D)")
    if not std > 0:
        raise ValueError(f"mode_coverage: std is {std}; it is above 0")
    n, K = len(points), len(centres)
    finite = points[numpy.isfinite(points).all(axis=1)]
    distances = numpy.stack([numpy.hypot.reduce(finite - c, axis=1) for c in centres], axis=1)  # (n finite, K)
    near = distances.min(axis=1) <= 3 * std
    counts = numpy.bincount(distances.argmin(axis=1)[near], minlength=K)  # (K,)
    return int((counts >= max(1, 0.01 * n / K)).sum()), float(near.sum() / n)
