"""Random numbers: one stream on the host, whichever backend computes, so that a seed gives the same run on both."""

import contextlib
import math

import numpy

from nanogan.backend.arrays import asarray, xp

_streams = [numpy.random.default_rng()]  # the last one is in force


def seed(n: int) -> None:
    """Start the random stream anew at ``n``: weights, noise, shuffles and dropout keys follow from it."""
    _streams[-1] = numpy.random.default_rng(n)


def stream() -> numpy.random.Generator:
    """The ``numpy.random.Generator`` behind it all, for shuffles and indices on the host."""
    return _streams[-1]


@contextlib.contextmanager
def fork(n):
    """Inside, the stream starts at ``n``; afterwards it goes on as if nothing had happened."""
    _streams.append(numpy.random.default_rng(n))
    try:
        yield
    finally:
        _streams.pop()


def normal(shape, mean=0.0, std=1.0):
    """float32 array of ``shape``, N(mean, std**2)."""
    return asarray(_streams[-1].standard_normal(shape, dtype=numpy.float32) * float(std) + float(mean))


def uniform(shape, low=0.0, high=1.0):
    """float32 array of ``shape``, uniform on [low, high)."""
    return asarray(_streams[-1].random(shape, dtype=numpy.float32) * float(high - low) + float(low))


def dropout_mask(key, shape, rate):
    """Booleans of ``shape``, True with probability ``1 - rate``, from (key, position) alone:
    the position is hashed with both halves of the key by MurmurHash3's finaliser, in integers that wrap alike everywhere.
    >>> float(dropout_mask(7, (1000,), 0.3).mean())
    0.724
    """
    bits = xp.arange(math.prod(shape), dtype=xp.uint32)
    for half in (int(key) & 0xFFFFFFFF, int(key) >> 32 & 0xFFFFFFFF):
        bits = bits * 0x9E3779B1 + half
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            bits = (bits ^ (bits >> shift)) * factor
        bits = bits ^ (bits >> 16)
    return (bits >= min(int(rate * 2**32), 2**32 - 1)).reshape(shape)
