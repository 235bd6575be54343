"""Walks through the latent space: what lies between two samples.

    between = walk(z[0], z[1], 8)         # (8, *latent_shape), from the one to the other

The generator makes pictures of them.
"""

from nanogan.backend import ShapeError, xp


def walk(start, end, steps, spherical=True):
    """``steps`` points from ``start`` to ``end``, both included: (steps, *shape) of two arrays of one shape.

    spherical: along the great circle, with the length changing evenly (White 2016, "Sampling generative
    networks", 2.1): the middle of two normal vectors is then as long as they are, where on the straight
    line it would be shorter by sqrt(2), as hardly any vector is that the generator was trained on.
    Raises ShapeError for unlike shapes.

    >>> import numpy
    >>> walk(numpy.array([1.0, 0.0]), numpy.array([0.0, 1.0]), 3).round(4).tolist()
    [[1.0, 0.0], [0.7071, 0.7071], [0.0, 1.0]]
    """
    if start.shape != end.shape or steps < 2:
        raise ShapeError(f"walk: {steps} points from {start.shape} to {end.shape}; needs two of one shape, and 2 points or more")
    t = xp.linspace(0, 1, steps).astype(start.dtype).reshape(-1, *(1 for _ in start.shape))  # (steps, 1, ...)
    lengths = [float(xp.sqrt((z * z).sum())) for z in (start, end)]
    if spherical and min(lengths) > 0:
        a, b = start / lengths[0], end / lengths[1]
        angle = 2 * xp.arctan2(xp.sqrt(((a - b) ** 2).sum()), xp.sqrt(((a + b) ** 2).sum()))  # where arccos(<a, b>) loses half the digits
        if float(xp.sin(angle)) > 1e-4:  # else they point the same way, or away from each other: no circle is shortest
            direction = (xp.sin((1 - t) * angle) * a + xp.sin(t * angle) * b) / xp.sin(angle)
            return ((1 - t) * lengths[0] + t * lengths[1]) * direction
    return (1 - t) * start + t * end


def round_trip(points, steps, spherical=True):
    """A closed walk: from each of ``points``, (K, *shape), to the next, at last to the first; (K * steps, *shape)."""
    legs = [walk(points[i], points[(i + 1) % len(points)], steps + 1, spherical)[:-1] for i in range(len(points))]
    return xp.concatenate(legs)
