"""Moving entries without changing them: each operation's backward puts them back, what was cut away as zeros."""

from nanogan.autograd import BroadcastTo, Light, Tensor, as_tensor
from nanogan.backend import DTypeError, ShapeError, xp


class Reshape(Light):
    """The same entries in the same order under another shape."""

    def forward(self, x):
        return x.reshape(self.shape)

    def backward(self, grad):
        return (reshape(grad, self.inputs[0].shape),)


class Transpose(Light):
    """Axes in another order; the way back is the inverse permutation."""

    def forward(self, x):
        return x.transpose(self.axes)

    def backward(self, grad):
        return (transpose(grad, tuple(self.axes.index(a) for a in range(len(self.axes)))),)


class GetItem(Light):
    """x[index]; its transpose puts into zeros at the same index."""

    def forward(self, x):
        return x[self.index]

    def backward(self, grad):
        return (PutItem(index=self.index, shape=self.inputs[0].shape)(grad),)


class PutItem(Light):
    """Zeros of ``shape`` with x added at ``index``; an entry named twice receives both."""

    def forward(self, x):
        out = xp.zeros(self.shape, dtype=x.dtype)
        if any(isinstance(i, xp.ndarray) and i.dtype.kind != "b" for i in self.index):
            xp.add.at(out, self.index, x)
        else:
            out[self.index] = x
        return out

    def backward(self, grad):
        return (GetItem(index=self.index)(grad),)


class Concatenate(Light):
    """Tensors end to end along ``axis``; backward cuts them apart."""

    def forward(self, *xs):
        return xp.concatenate(xs, axis=self.axis)

    def backward(self, grad):
        cuts, end = [], 0
        for t, need in zip(self.inputs, self.needs, strict=True):
            start, end = end, end + t.shape[self.axis]
            cuts.append(grad[(slice(None),) * (self.axis % t.ndim) + (slice(start, end),)] if need else None)
        return tuple(cuts)


def reshape(x, shape) -> Tensor:
    """x under another ``shape`` of as many entries; one length may be -1.
    >>> reshape(Tensor([1.0, 2.0, 3.0, 4.0]), (2, -1)).shape
    (2, 2)
    """
    x = as_tensor(x)
    return x if shape == x.shape else Reshape(shape=shape)(x)


def transpose(x, axes=None) -> Tensor:
    """x with its axes in the order ``axes`` (None: reversed), as ``numpy.transpose``."""
    x = as_tensor(x)
    return Transpose(axes=tuple(range(x.ndim))[::-1] if axes is None else tuple(a % x.ndim for a in axes))(x)


def broadcast_to(x, shape) -> Tensor:
    """x repeated along axes of length 1 and new axes in front, until it has ``shape``."""
    x = as_tensor(x)
    return x if shape == x.shape else BroadcastTo(shape=tuple(shape))(x)


def concatenate(tensors, axis=0) -> Tensor:
    """Tensors end to end along ``axis``; their other lengths must agree."""
    return Concatenate(axis=axis)(*tensors)


def getitem(x, index) -> Tensor:
    """x[index]: slices, integers, None, or arrays of integers or booleans, as in NumPy.
    >>> getitem(Tensor([1.0, 2.0, 3.0]), slice(1, None))
    Tensor([2. 3.], float32)
    """
    index = tuple(i.data if isinstance(i, Tensor) else xp.asarray(i) if isinstance(i, list) or hasattr(i, "dtype") else i
                  for i in (index if isinstance(index, tuple) else (index,)))  # fmt: skip
    if any(isinstance(i, xp.ndarray) and i.dtype.kind not in "iub" for i in index):
        raise DTypeError("getitem: an index array must hold integers or booleans")
    return GetItem(index=index)(x)


def pad(x, widths) -> Tensor:
    """Zeros around x: ``widths`` is (before, after) for each axis.
    >>> pad(Tensor([1.0]), [(1, 2)])
    Tensor([0. 1. 0. 0.], float32)
    """
    x = as_tensor(x)
    if len(widths) != x.ndim or any(min(width) < 0 for width in widths):
        raise ShapeError(f"pad: {widths} are not (before, after), each at least 0, for every axis of shape {x.shape}")
    index = tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))
    return PutItem(index=index, shape=tuple(n + sum(width) for width, n in zip(widths, x.shape, strict=True)))(x)


Tensor.__getitem__, Tensor.T = getitem, property(transpose)
Tensor.reshape = lambda self, *shape: reshape(self, shape[0] if isinstance(shape[0], tuple) else shape)
