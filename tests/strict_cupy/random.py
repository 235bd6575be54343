"""cupy.random.default_rng: the 18 methods of CuPy's Generator, and numbers of another stream than NumPy's for the same seed."""

import numpy as np

from strict_cupy.array import ndarray, new
from strict_cupy.counting import totals
from strict_cupy.dtypes import check_dtype


class Generator:
    """No normal, permutation, shuffle or choice; its state cannot be read."""

    __slots__ = ("_host",)

    def __init__(self, bit_generator):
        self._host = bit_generator

    def _drawn(self, numbers, out=None):
        totals.launches += 1
        if out is None:
            return new(np.asarray(numbers))
        out._a[...] = numbers
        return out

    def _size(self, size, out):
        return out.shape if size is None and type(out) is ndarray else size

    def random(self, size=None, dtype=np.float64, out=None):
        return self._drawn(self._host.random(self._size(size, out), check_dtype(dtype)), out)

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        return self._drawn(self._host.standard_normal(self._size(size, out), check_dtype(dtype)), out)

    def standard_exponential(self, size=None, dtype=np.float64, method="inv", out=None):
        return self._drawn(self._host.standard_exponential(self._size(size, out), check_dtype(dtype), method), out)

    def standard_gamma(self, shape, size=None, dtype=np.float64, out=None):
        return self._drawn(self._host.standard_gamma(shape, self._size(size, out), check_dtype(dtype)), out)

    def uniform(self, low=0.0, high=1.0, size=None, dtype=np.float64):
        return self._drawn(np.asarray(self._host.uniform(low, high, size)).astype(check_dtype(dtype)))

    def integers(self, low, high=None, size=None, dtype=np.int64, endpoint=False):
        return self._drawn(self._host.integers(low, high, size, dtype, endpoint))

    def beta(self, a, b, size=None, dtype=np.float64):
        return self._drawn(np.asarray(self._host.beta(a, b, size)).astype(dtype))

    def binomial(self, n, p, size=None):
        return self._drawn(self._host.binomial(n, p, size))

    def chisquare(self, df, size=None):
        return self._drawn(self._host.chisquare(df, size))

    def dirichlet(self, alpha, size=None):
        return self._drawn(self._host.dirichlet(alpha, size))

    def exponential(self, scale=1.0, size=None):
        return self._drawn(self._host.exponential(scale, size))

    def f(self, dfnum, dfden, size=None):
        return self._drawn(self._host.f(dfnum, dfden, size))

    def gamma(self, shape, scale=1.0, size=None):
        return self._drawn(self._host.gamma(shape, scale, size))

    def geometric(self, p, size=None):
        return self._drawn(self._host.geometric(p, size))

    def hypergeometric(self, ngood, nbad, nsample, size=None):
        return self._drawn(self._host.hypergeometric(ngood, nbad, nsample, size))

    def logseries(self, p, size=None):
        return self._drawn(self._host.logseries(p, size))

    def poisson(self, lam=1.0, size=None):
        return self._drawn(self._host.poisson(lam, size))

    def power(self, a, size=None):
        return self._drawn(self._host.power(a, size))


def default_rng(seed=None):
    """As CuPy's, with numbers of its own."""
    return Generator(np.random.Generator(np.random.MT19937(seed)))
