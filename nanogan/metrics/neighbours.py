"""Scores by nearest neighbours: is each sample like something real, is everything real made, is anything copied?

    precision, recall = precision_recall(features, real_features)
    distances, places = nearest(samples, training_samples)

Distances are Euclidean, of features or of pixels; arrays are (N, ...), of either backend, and each sample is taken as one vector.
They are looked through in blocks: memory grows with N, not with N squared.
"""

import math

import numpy

from nanogan.backend import NanoganError, ShapeError, asarray, to_numpy, xp

BLOCK = 2**24  # how many distances are held at once


def nearest(x, y, progress=None):
    """(distances (N,), places (N,)): how far from each of x its nearest in y is, and which that is, on the host.

    x: (N, ...), y: (M, ...), of one shape.  A copy is at distance 0, exactly, where nothing else is so near that rounding decides between
    the two.  progress: True shows a bar, False none, None one on a terminal.  Raises ShapeError for other shapes, NanoganError for
    samples that are not finite.

    >>> nearest([[0.0], [5.0]], [[1.0], [4.0], [7.0]])
    (array([1., 1.], dtype=float32), array([0, 1]))
    """
    from tqdm import tqdm  # here, because it takes longer to import than all of nanogan

    x, y = _checked("nearest", x, y)
    x = vectors("nearest", x)
    middle = x.mean(axis=0)  # subtracted, so that less is rounded off
    x = x - middle
    least, places, everyone = xp.full(len(x), xp.inf, x.dtype), xp.zeros(len(x), xp.int64), xp.arange(len(x))
    rows = max(1, BLOCK // max(x.shape))
    for start in tqdm(range(0, len(y), rows), desc="neighbours", leave=False, delay=2, disable=None if progress is None else not progress):
        squares = squared_distances(x, vectors("nearest", y[start : start + rows]) - middle)  # (N, rows)
        place = squares.argmin(axis=1)
        square = squares[everyone, place]
        places = xp.where(square < least, place + start, places)
        least = xp.minimum(square, least)
    places = to_numpy(places)
    found = vectors("nearest", y[places] if isinstance(y, numpy.ndarray) else y[asarray(places)]) - middle
    return to_numpy(xp.sqrt(((x - found) ** 2).sum(axis=1))), places  # anew: distances of a product are rounded


def squared_distances(x, y):
    """|x_i - y_j|**2 = |x_i|**2 - 2 x_i y_j + |y_j|**2, at least 0: (N, D), (M, D) -> (N, M), one matrix product."""
    squares = x @ y.T  # (N, D) @ (D, M)
    squares *= -2
    squares += (x * x).sum(axis=1)[:, None]
    squares += (y * y).sum(axis=1)
    return xp.maximum(squares, 0, out=squares)


def precision_recall(generated, real, k=3):
    """(precision, recall) of Kynkaanniemi et al. 2019 (eqs. 1 and 2), each a share.

    Around each sample of a set lies a ball that reaches to its k-th nearest neighbour in the set; together they are the ground that
    the set covers.  Precision: the share of generated samples on real ground.  Recall: the share of real ones on generated ground.
    generated: (N, ...), real: (M, ...), of one shape, each of more than k samples.  Raises ShapeError else, NanoganError for
    samples that are not finite.

    >>> real, one_place = numpy.arange(100.0)[:, None], numpy.full((100, 1), 50.5)
    >>> precision_recall(real, real), precision_recall(one_place, real)
    ((1.0, 1.0), (1.0, 0.0))
    """
    generated, real = _checked("precision_recall", generated, real)
    generated, real = vectors("precision_recall", generated), vectors("precision_recall", real)
    middle = real.mean(axis=0)  # subtracted, so that less is rounded off
    generated, real = generated - middle, real - middle
    if k < 1 or min(len(generated), len(real)) <= k:
        raise ShapeError(f"precision_recall: {len(generated)} and {len(real)} samples with k={k}; each needs more samples than k, and k is 1 or more")
    return _share_on(generated, real, k), _share_on(real, generated, k)


def _share_on(x, ground, k):
    """The share of x that lies in a ball of ``ground``: (N, D), (M, D) -> a number."""
    reach = _reach(ground, k)  # (M,)
    return sum(int((squares <= reach).any(axis=1).sum()) for _, squares in _blocks(x, ground)) / len(x)


def _reach(x, k):
    """The squared distance from each of x to its k-th nearest other: (N,)."""
    reach = []
    for start, squares in _blocks(x, x):
        rows = xp.arange(len(squares))
        squares[rows, rows + start] = xp.inf  # itself does not count
        for _ in range(k - 1):
            squares[rows, squares.argmin(axis=1)] = xp.inf  # nor do those nearer; a sort would take five times as long
        reach.append(squares.min(axis=1))
    return xp.concatenate(reach)


def _blocks(x, y):
    """(start, squared distances of x[start:start + rows] and all of y), so many rows at a time as BLOCK allows."""
    rows = max(1, BLOCK // len(y))
    for start in range(0, len(x), rows):
        yield start, squared_distances(x[start : start + rows], y)


def memorisation(samples, training, held_out, progress=None):
    """How far samples keep from the training set, measured by how far unseen real ones do: a ratio of mean nearest distances.

    About 1: as far from the training samples as real samples are that were not trained on.  0: copies.  Well above 1: unlike real ones.
    samples: (N, ...), training: (M, ...), held_out: (L, ...), or their mean nearest distance to ``training``, a number.  Infinite where
    that is 0.  Raises as ``nearest`` does.

    >>> training, held_out = numpy.arange(100.0)[:, None], numpy.arange(99.0)[:, None] + 0.5
    >>> memorisation(training[:10], training, held_out), memorisation(held_out - 0.25, training, held_out)
    (0.0, 0.5)
    """
    unseen = float(held_out) if numpy.ndim(held_out) == 0 else float(nearest(held_out, training, progress)[0].mean())
    return float(nearest(samples, training, progress)[0].mean()) / unseen if unseen else math.inf


def _checked(name, x, y):
    """Both as arrays, on the host or the device as they are: bytes take little room."""
    x, y = (a if hasattr(a, "shape") else asarray(a) for a in (x, y))
    if min(len(x.shape), len(y.shape)) < 2 or x.shape[1:] != y.shape[1:] or 0 in x.shape + y.shape:
        raise ShapeError(f"{name}: samples {x.shape} and {y.shape}; give (N, ...) and (M, ...) of one shape")
    return x, y


def vectors(name, samples):
    """(N, ...) -> (N, D) of the backend, float32 or float64, bytes in [-1, 1].  name: who asks; raises NanoganError for what is not finite."""
    x = asarray(samples)
    if x.dtype == xp.uint8:
        x = x.astype(xp.float32) / 127.5 - 1
    elif x.dtype != xp.float64:
        x = x.astype(xp.float32)
    if not bool(xp.isfinite(x).all()):
        raise NanoganError(f"{name}: there are samples that are not finite; leave them out")
    return x.reshape(len(x), -1)
