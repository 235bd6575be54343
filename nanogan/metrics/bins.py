"""Scores by bins of pixels, which need no network: does a generator fill the regions of the data as the data do?

    bins = Bins(training_images)           # k-means: 100 typical images, and how many training images are nearest to each
    bins.score(images)                     # {"ndb": 29, "js": 0.02}, or 8 and 0.004 for real test images

Richardson & Weiss 2018, "On GANs and GMMs", section 2.  Digits shifted by a pixel or slanted otherwise fill other bins, which a classifier overlooks.
"""

import math

import numpy

from nanogan.backend import ShapeError, asarray, random, to_numpy, xp
from nanogan.metrics.discrete import js
from nanogan.metrics.neighbours import vectors

BLOCK = 2**23  # numbers in the samples that are compared with all the centres at once
FIT = 2**26  # and in those that k-means looks at
SIGNIFICANT = 3.0  # standard errors by which two shares differ for more than chance


class Bins:
    """K regions of the data, each of what is nearest to one of K centres, and the share of the training samples in each.

    samples: (N, ...), uint8 images or floats, of either backend; N of K or more.  K: how many.  fit: how many samples, taken at
    random, k-means looks at (of large samples fewer; all are counted).  seed: of that choice and of the first centres.
    Raises ShapeError for too few samples, NanoganError for some that are not finite.

    >>> points = numpy.repeat(numpy.eye(4, dtype="float32"), 50, axis=0)
    >>> bins = Bins(points, K=4)
    >>> bins.score(points[::2]), bins.score(points[:50])["ndb"]
    ({'ndb': 0, 'js': 0.0}, 4)
    """

    def __init__(self, samples, K=100, fit=20_000, seed=0, progress=None):
        if K < 1 or len(samples) < K:
            raise ShapeError(f"Bins: {len(samples)} samples for {K} bins; it takes one for each bin, and 1,000 for each to say something")
        samples = samples if hasattr(samples, "shape") else asarray(samples)
        self.shape = samples.shape[1:]
        with random.fork([seed, 6]):
            most = max(K, min(fit, FIT // math.prod(self.shape)))
            chosen = numpy.sort(random.stream().permutation(len(samples))[:most])
            some = samples[chosen] if isinstance(samples, numpy.ndarray) else samples[asarray(chosen)]
            self.centres = k_means(some, K, progress=progress)
        self.counts = self.count(samples)

    def count(self, samples):
        """How many samples lie in each bin: (K,) on the host.  Raises as ``score`` does."""
        if samples.shape[1:] != self.shape or not len(samples):
            raise ShapeError(
                f"Bins: samples {samples.shape}, and the bins are of samples (N, {', '.join(map(str, self.shape))}); give one or more of these"
            )
        found = numpy.zeros(len(self.centres), numpy.int64)
        rows = max(1, BLOCK // self.centres.shape[1])
        for start in range(0, len(samples), rows):
            found += numpy.bincount(to_numpy(_nearest_centre(_float32(samples[start : start + rows]), self.centres)), minlength=len(found))
        return found

    def score(self, samples):
        """{"ndb": how many bins hold a share that differs from the training set's by more than SIGNIFICANT standard errors,
        "js": the Jensen-Shannon divergence of the shares, in nats}.

        With more samples smaller differences become significant, and js falls: compare numbers of the same N.  Raises ShapeError for samples
        of another shape, or none, and NanoganError for some that are not finite.
        """
        found, n, m = self.count(samples), len(samples), self.counts.sum()
        p, q = found / n, self.counts / m
        pooled = (found + self.counts) / (n + m)
        error = numpy.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))  # of a difference of two shares that are the same
        return {"ndb": int((abs(p - q) > SIGNIFICANT * error).sum()), "js": js(p, q)}


def k_means(samples, K, rounds=20, progress=None):
    """K centres, each the mean of the samples nearest to it: (N, ...) -> (K, D) float32 on the backend (Lloyd 1982).

    They start as samples from the random stream, each new one likelier the farther it is from those before (k-means++, Arthur
    & Vassilvitskii 2007); a centre that loses all its samples stays where it is.  Ends after ``rounds``, or when nothing changes.
    Raises NanoganError for samples that are not finite.
    """
    from tqdm import tqdm  # here, because it takes longer to import than all of nanogan

    x = _float32(samples)
    centres, bins = _first_centres(x, K), None
    for _ in tqdm(range(rounds), desc="k-means", leave=False, delay=2, disable=None if progress is None else not progress):
        before, bins = bins, _nearest_centre(x, centres)
        if before is not None and bool((bins == before).all()):
            break
        member = (bins[:, None] == xp.arange(K)).astype(x.dtype)  # (N, K)
        size = member.sum(axis=0)[:, None]  # (K, 1)
        centres = xp.where(size > 0, member.T @ x / xp.maximum(size, 1), centres)  # (K, N) @ (N, D)
    return centres


def _first_centres(x, K):
    draw = random.stream()
    places, lengths = [int(draw.integers(len(x)))], (x * x).sum(axis=1)
    squares = None  # of the distance to the nearest centre so far
    while len(places) < K:
        last = x[places[-1]]
        to_last = xp.maximum(lengths - 2 * (x @ last) + last @ last, 0)
        squares = to_last if squares is None else xp.minimum(squares, to_last)
        odds = to_numpy(squares).astype(numpy.float64).cumsum()
        places.append(min(int(numpy.searchsorted(odds, draw.random() * odds[-1], side="right")), len(x) - 1))
    return x[asarray(numpy.array(places))]


def _nearest_centre(x, centres):
    """Which of the centres is nearest to each of x: (N, D), (K, D) -> (N,)."""
    return ((centres * centres).sum(axis=1) - 2 * (x @ centres.T)).argmin(axis=1)


def _float32(samples):
    return vectors("Bins", samples).astype(xp.float32)
