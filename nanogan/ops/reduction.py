"""Sums over axes and what follows from them: mean, variance, maximum, norm.

    ops.mean(x, axis=(1, 2))              # (N, H, W, C) -> (N, C)
    ops.norm(dx, axis=(1, 2, 3))          # (N, H, W, C) -> (N,), one length per sample

axis: None for all, an int, or a tuple; keepdims: leave axes of length 1 behind.
"""

import math

from nanogan.autograd import Function, Linear, Tensor, as_tensor
from nanogan.backend import ShapeError, xp
from nanogan.ops.arithmetic import sqrt
from nanogan.ops.shaping import broadcast_to, reshape


class Sum(Linear):
    """The sum over ``axes``; its transpose repeats."""

    def forward(self, x):
        self.kept = tuple(1 if a in self.axes else n for a, n in enumerate(x.shape))
        return x.sum(axis=self.axes, keepdims=self.keepdims)

    def backward(self, grad):
        return (broadcast_to(reshape(grad, self.kept), self.inputs[0].shape),)


class Max(Function):
    """The maximum over ``axes``; entries that share it share its gradient."""

    keeps_inputs = False

    def forward(self, x):
        top = x.max(axis=self.axes, keepdims=True)
        self.kept, winners = top.shape, (x == top).astype(x.dtype)
        self.share = winners / winners.sum(axis=self.axes, keepdims=True)
        return top if self.keepdims else top.squeeze(self.axes)

    def backward(self, grad):
        return (reshape(grad, self.kept) * Tensor(self.share),)


def sum(x, axis=None, keepdims=False):
    """The sum over ``axis``.

    >>> sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([4. 6.], float32)
    """
    x = as_tensor(x)
    return Sum(axes=_axes("sum", axis, x.shape), keepdims=keepdims)(x)


def mean(x, axis=None, keepdims=False):
    """The mean over ``axis``; ShapeError where there is nothing to average.

    >>> mean(Tensor([[1.0, 2.0], [3.0, 6.0]])).item()
    3.0
    """
    x = as_tensor(x)
    count = math.prod(x.shape[a] for a in _axes("mean", axis, x.shape, least=1))
    return sum(x, axis, keepdims) * (1 / count)


def var(x, axis=None, keepdims=False):
    """The biased variance over ``axis``: the mean squared distance from the mean.

    >>> var(Tensor([1.0, 3.0])).item()
    1.0
    """
    x = as_tensor(x)
    centred = x - mean(x, axis, keepdims=True)
    return mean(centred * centred, axis, keepdims)


def max(x, axis=None, keepdims=False):
    """The maximum over ``axis``; where several entries share it, each gets an equal share of the gradient.

    >>> max(Tensor([[1.0, 5.0], [3.0, 4.0]]), axis=1)
    Tensor([5. 4.], float32)
    """
    x = as_tensor(x)
    return Max(axes=_axes("max", axis, x.shape, least=1), keepdims=keepdims)(x)


def norm(x, axis=None, keepdims=False):
    """The Euclidean length over ``axis``, with all derivatives 0 where x is 0.

    A plain sqrt(sum(x**2)) has the derivative 0/0 at 0, and a gradient penalty then turns into NaN.
    For any constant s, norm(x) = s norm(x/s), and so are all derivatives: with s = max|x| the sum of
    squares lies between 1 and the number of entries, where nothing overflows or vanishes.

    >>> norm(Tensor([[3.0, 4.0], [0.0, 0.0]]), axis=1)
    Tensor([5. 0.], float32)
    """
    x = as_tensor(x)
    axes = _axes("norm", axis, x.shape)
    scale = (xp.abs(x.data).max if x.size else x.data.sum)(axis=axes, keepdims=True)
    zero = (scale < xp.finfo(x.dtype).tiny).astype(x.dtype)
    scaled = x / Tensor(xp.where(zero, zero, scale))
    squares = sum(scaled * scaled, axes, keepdims=True)  # in [1, number of entries], or 0
    length = sqrt(squares + Tensor(zero)) * Tensor(scale * (1 - zero))
    return length if keepdims else reshape(length, tuple(n for a, n in enumerate(x.shape) if a not in axes))


def _axes(name, axis, shape, least=0):
    """``axis`` as a sorted tuple of different axes >= 0, each holding at least ``least`` entries."""
    given = tuple(range(len(shape))) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    axes = tuple(sorted({a % len(shape) for a in given if -len(shape) <= a < len(shape)}))
    if len(axes) != len(given):
        raise ShapeError(f"{name}: axis {axis} is not among the axes of shape {shape}, or names one twice")
    if any(shape[a] < least for a in axes):
        raise ShapeError(f"{name}: nothing to reduce over axis {axis} of shape {shape}")
    return axes


Tensor.sum, Tensor.mean, Tensor.max = sum, mean, max
