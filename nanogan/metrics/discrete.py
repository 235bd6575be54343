"""Distances between discrete distributions: what a GAN's loss stands for, on numbers small enough to check by hand.

    p, q = [1/3, 1/3, 1/3], [0.2, 0.5, 0.3]
    kl(p, q, base=2)            # 0.1013 bits; kl(q, p, base=2) is 0.0995: it has a direction

p, q: probabilities of the same K outcomes, lists or arrays of either backend; what is computed is float64, on the host.  Each is
at least 0 and together they are 1, or NanoganError says what they are.  base: of the logarithm; e gives nats, 2 bits.
"""

import math

import numpy

from nanogan.backend import NanoganError, ShapeError, to_numpy

SLACK = 1e-5  # by which probabilities, in float32 perhaps, may together miss 1; they are then divided by their sum


def entropy(p, base=math.e):
    """H(p) = -sum p log p: how much there is to tell about an outcome.

    >>> entropy([0.25, 0.25, 0.5], base=2)
    1.5
    """
    p = _distribution("entropy", p)
    return cross_entropy(p, p, base)


def cross_entropy(p, q, base=math.e):
    """H(p, q) = -sum p log q: what it takes where outcomes are p's and the code is q's.  Infinite where q excludes what p has.

    >>> cross_entropy([0.5, 0.5], [0.25, 0.75], base=2) > entropy([0.5, 0.5], base=2)
    True
    """
    p, q = _pair("cross_entropy", p, q)
    some = p > 0  # 0 log 0 is 0
    with numpy.errstate(divide="ignore"):
        return float(-(p[some] * numpy.log(q[some])).sum() / _log("cross_entropy", base)) + 0.0  # not -0.0


def kl(p, q, base=math.e):
    """KL(p || q) = sum p log(p / q) = H(p, q) - H(p) (Kullback & Leibler 1951): at least 0, 0 for p = q, infinite where q excludes what p has.

    >>> round(kl([1 / 3, 1 / 3, 1 / 3], [0.2, 0.5, 0.3], base=2), 4)
    0.1013
    """
    p, q = _pair("kl", p, q)
    some = p > 0
    with numpy.errstate(divide="ignore"):
        return max(0.0, float((p[some] * (numpy.log(p[some]) - numpy.log(q[some]))).sum() / _log("kl", base)))


def js(p, q, base=math.e):
    """The Jensen-Shannon divergence, (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2 (Lin 1991): in [0, log 2].

    It is log 2, one bit, wherever the two share nothing, however far apart they lie: a generator that starts out beside the
    data gets no direction from it, which is what the earth mover's distance is for (Arjovsky et al. 2017, example 1).

    >>> js([1, 0], [0, 1], base=2)
    1.0
    """
    p, q = _pair("js", p, q)
    middle = (p + q) / 2
    return (kl(p, middle, base) + kl(q, middle, base)) / 2


def total_variation(p, q):
    """TV = sum |p - q| / 2, the most by which the probability of any event differs: in [0, 1].

    >>> round(total_variation([1 / 3, 1 / 3, 1 / 3], [0.2, 0.5, 0.3]), 4)
    0.1667
    """
    p, q = _pair("total_variation", p, q)
    return float(numpy.abs(p - q).sum() / 2)


def earth_movers(p, q, positions=None):
    """The earth mover's distance (Wasserstein-1) on a line: the least mass times way that turns p into q.

    In one dimension it is the area between the two cumulative distributions.  positions: (K,), where the outcomes
    lie, in any order; 0, 1, 2, ... by default.  Raises ShapeError for positions that do not fit, or are not finite.

    >>> earth_movers([1, 0, 0], [0, 0, 1])
    2.0
    >>> earth_movers([1, 0], [0, 1], positions=[0, 0.3])
    0.3
    """
    p, q = _pair("earth_movers", p, q)
    x = numpy.arange(len(p), dtype=float) if positions is None else numpy.asarray(to_numpy(positions), float)
    if x.shape != p.shape or not numpy.isfinite(x).all():
        raise ShapeError(f"earth_movers: positions {x.shape} for distributions {p.shape}; give one finite number for each outcome")
    order = numpy.argsort(x)
    moved = numpy.abs(numpy.cumsum((p - q)[order])[:-1])  # what has to pass from each place to the next
    return float((moved * numpy.diff(x[order])).sum())


def _log(name, base):
    if not 1 < base < math.inf:
        raise NanoganError(f"{name}: a logarithm to the base {base}; give 2 for bits, leave it out for nats")
    return math.log(base)


def _pair(name, p, q):
    """Both as float64, once they are distributions over the same outcomes."""
    p, q = (_distribution(name, values) for values in (p, q))
    if p.shape != q.shape:
        raise ShapeError(f"{name}: {len(p)} outcomes against {len(q)}; give both the same, with 0 where one has none")
    return p, q


def _distribution(name, values):
    values = numpy.asarray(to_numpy(values), dtype=numpy.float64)
    if values.ndim != 1 or not values.size:
        raise ShapeError(f"{name}: a distribution has shape {values.shape}; give (K,) probabilities")
    total = values.sum()
    if not (values >= 0).all() or not abs(total - 1) <= SLACK:  # NaN fails both
        raise NanoganError(f"{name}: probabilities are at least 0 and add up to 1; the least of these is {values.min():.3g} and they add up to "
                           f"{total:.6g}; divide counts by their sum")  # fmt: skip
    return values / total
