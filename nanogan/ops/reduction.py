"""Reductions over ``axis`` (None for all, an int, or a tuple); keepdims: leave axes of length 1 behind."""

import math
from numbers import Integral

from nanogan.autograd import Light, SumTo, Tensor, as_tensor
from nanogan.backend import ShapeError, xp
from nanogan.ops.arithmetic import sqrt
from nanogan.ops.shaping import reshape


class Max(Light):
    """The maximum over ``axes``, which stay behind with length 1; entries that share it share its gradient."""

    def forward(self, x):
        top = x.max(axis=self.axes, keepdims=True)
        winners = (x == top).astype(x.dtype)
        self.share = winners / winners.sum(axis=self.axes, keepdims=True)
        return top

    def backward(self, grad):
        return (grad * Tensor(self.share),)


def sum(x, axis=None, keepdims: bool = False) -> Tensor:
    """The sum over ``axis``."""
    x = as_tensor(x)
    axes = _axes("sum", axis, x.shape)
    total = SumTo(shape=tuple(1 if a in axes else n for a, n in enumerate(x.shape)))(x) if axes else x
    return total if keepdims else _drop(total, axes)


def mean(x, axis=None, keepdims: bool = False) -> Tensor:
    """The mean over ``axis``; ShapeError where there is nothing to average."""
    x = as_tensor(x)
    count = math.prod(x.shape[a] for a in _axes("mean", axis, x.shape, least=1))
    return sum(x, axis, keepdims) * (1 / count)


def var(x, axis=None, keepdims: bool = False) -> Tensor:
    """The biased variance over ``axis``: the mean squared distance from the mean."""
    x = as_tensor(x)
    centred = x - mean(x, axis, keepdims=True)
    return mean(centred * centred, axis, keepdims)


def max(x, axis=None, keepdims: bool = False) -> Tensor:
    """The maximum over ``axis``; where several entries share it, they share the gradient equally."""
    x = as_tensor(x)
    axes = _axes("max", axis, x.shape, least=1)
    top = Max(axes=axes)(x)
    return top if keepdims else _drop(top, axes)


def norm(x, axis=None, keepdims: bool = False) -> Tensor:
    """The Euclidean length over ``axis``, with all derivatives 0 where x is 0.

    A plain sqrt(sum(x**2)) has the derivative 0/0 at 0: a gradient penalty then turns into NaN.  For any
    constant s, norm(x) = s norm(x/s), derivatives included: with s = max|x| the sum of squares lies
    between 1 and the number of entries, where nothing overflows or vanishes.
    >>> norm(Tensor([[3.0, 4.0], [0.0, 0.0]]), axis=1)
    Tensor([5. 0.], float32)
    """
    x = as_tensor(x)
    axes = _axes("norm", axis, x.shape)
    scale = (xp.abs(x.data).max if x.size else x.data.sum)(axis=axes, keepdims=True)
    zero = (scale < xp.finfo(x.dtype).tiny).astype(x.dtype)
    scaled = x / Tensor(scale + zero)  # by 1 where x is 0
    squares = sum(scaled * scaled, axes, keepdims=True)  # in [1, number of entries], or 0
    length = sqrt(squares + Tensor(zero)) * Tensor(scale * (1 - zero))
    return length if keepdims else _drop(length, axes)


def _drop(x, axes):
    """x without ``axes``, which have length 1."""
    return reshape(x, tuple(n for a, n in enumerate(x.shape) if a not in axes))


def _axes(name, axis, shape, least=0):
    """``axis`` as a sorted tuple of different axes >= 0, each holding at least ``least`` entries."""
    given = tuple(range(len(shape))) if axis is None else (axis,) if isinstance(axis, Integral) else tuple(axis)
    axes = tuple(sorted({a % len(shape) for a in given if -len(shape) <= a < len(shape)}))
    if len(axes) != len(given):
        raise ShapeError(f"{name}: axis {axis} is not among the axes of shape {shape}, or names one twice")
    if any(shape[a] < least for a in axes):
        raise ShapeError(f"{name}: nothing to reduce over axis {axis} of shape {shape}")
    return axes


Tensor.sum, Tensor.mean, Tensor.max = sum, mean, max
