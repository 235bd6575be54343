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
    x, axes, shape = _reduced("sum", x, axis, keepdims)
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    return reshape(SumTo(shape=kept)(x) if axes else x, shape)


def mean(x, axis=None, keepdims: bool = False) -> Tensor:
    """The mean over ``axis``; ShapeError where there is nothing to average."""
    x, axes, _ = _reduced("mean", x, axis, keepdims, least=1)
    return sum(x, axes, keepdims) * (1 / math.prod(x.shape[a] for a in axes))


def var(x, axis=None, keepdims: bool = False) -> Tensor:
    """The biased variance over ``axis``: the mean squared distance from the mean."""
    centred = x - mean(x, axis, keepdims=True)
    return mean(centred * centred, axis, keepdims)


def max(x, axis=None, keepdims: bool = False) -> Tensor:
    """The maximum over ``axis``; where several entries share it, they share the gradient equally."""
    x, axes, shape = _reduced("max", x, axis, keepdims, least=1)
    return reshape(Max(axes=axes)(x), shape)


def norm(x, axis=None, keepdims: bool = False) -> Tensor:
    """The Euclidean length over ``axis``, all derivatives 0 where x is 0: that of a plain sqrt(sum(x**2)) is 0/0 there, a gradient penalty's NaN.
    For any constant s, norm(x) = s norm(x/s), derivatives included; with s = max|x|, nothing overflows or vanishes in the sum of squares.
    >>> norm(Tensor([[3.0, 4.0], [0.0, 0.0]]), axis=1)
    Tensor([5. 0.], float32)
    """
    x, axes, shape = _reduced("norm", x, axis, keepdims)
    scale = (xp.abs(x.data).max if x.size else x.data.sum)(axis=axes, keepdims=True)
    zero = (scale < xp.finfo(x.dtype).tiny).astype(x.dtype)
    scaled = x / Tensor(scale + zero)  # by 1 where x is 0
    squares = sum(scaled * scaled, axes, keepdims=True)  # in [1, number of entries], or 0
    return reshape(sqrt(squares + Tensor(zero)) * Tensor(scale * (1 - zero)), shape)


def _reduced(name, x, axis, keepdims, least=0):
    """x as a tensor; ``axis`` as a sorted tuple of different axes >= 0, each of at least ``least`` entries; and the shape of the result."""
    x = as_tensor(x)
    given = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, Integral) else tuple(axis)
    axes = tuple(sorted({a % x.ndim for a in given if -x.ndim <= a < x.ndim}))
    if len(axes) != len(given):
        raise ShapeError(f"{name}: axis {axis} is not among the axes of shape {x.shape}, or names one twice")
    if any(x.shape[a] < least for a in axes):
        raise ShapeError(f"{name}: nothing to reduce over axis {axis} of shape {x.shape}")
    return x, axes, tuple(1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes)


Tensor.sum, Tensor.mean, Tensor.max = sum, mean, max
