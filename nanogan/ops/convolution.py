"""Convolution, its two transposes, and the columns beneath them.

conv2d is bilinear in x and w.  So it has two transposes, in x (``ConvTranspose2D``) and in w (``Conv2DWeightGrad``), and the gradient of any of
the three is made of the other two: they are closed under differentiation, and no order needs a fourth.  (Sizes: Dumoulin & Visin 2016, chapter 4.)
padding: "valid", "same" (TensorFlow's), an int, or ((top, bottom), (left, right)); kernel, stride: an int or a pair.
"""

import math
from numbers import Integral

from nanogan.autograd import Function, Light, Tensor, as_tensor
from nanogan.backend import ShapeError, kernels
from nanogan.backend.reference import windows_in
from nanogan.ops.linear import add_bias


class Conv2D(Function):
    """(x, w) -> y.  ``windows``, here and below, is (kernel, stride, pads), as pairs."""

    def forward(self, x, w):
        return kernels.conv2d(x, w, *self.windows[1:])

    def backward(self, dy):
        x, w = self.inputs
        dx = ConvTranspose2D(windows=self.windows, shape=x.shape)(dy, w) if self.needs[0] else None
        return dx, Conv2DWeightGrad(windows=self.windows)(x, dy) if self.needs[1] else None


class ConvTranspose2D(Function):
    """(y, w) -> x: the transpose of Conv2D in x."""

    def forward(self, y, w):
        return kernels.conv2d_input_grad(y, w, self.shape[1:3], *self.windows[1:])

    def backward(self, dx):
        y, w = self.inputs
        dy = Conv2D(windows=self.windows)(dx, w) if self.needs[0] else None
        return dy, Conv2DWeightGrad(windows=self.windows)(dx, y) if self.needs[1] else None


class Conv2DWeightGrad(Function):
    """(x, y) -> w: the transpose of Conv2D in w."""

    def forward(self, x, y):
        return kernels.conv2d_weight_grad(x, y, *self.windows)

    def backward(self, dw):
        x, y = self.inputs
        dx = ConvTranspose2D(windows=self.windows, shape=x.shape)(y, dw) if self.needs[0] else None
        return dx, Conv2D(windows=self.windows)(x, dw) if self.needs[1] else None


class Im2Col(Light):
    """x -> columns."""

    def forward(self, x):
        return kernels.im2col(x, *self.windows)

    def backward(self, grad):
        return (Col2Im(windows=self.windows, shape=self.inputs[0].shape)(grad),)


class Col2Im(Light):
    """columns -> x: the transpose of Im2Col."""

    def forward(self, columns):
        return kernels.col2im(columns, self.shape, *self.windows)

    def backward(self, grad):
        return (Im2Col(windows=self.windows)(grad),)


def im2col(x, kernel, stride=1, padding="valid") -> Tensor:
    """Every window of the images as a row: (N, H, W, C) -> (N*OH*OW, KH*KW*C)."""
    return Im2Col(windows=_windows("im2col", as_tensor(x).shape, kernel, stride, padding))(x)


def col2im(columns, shape, kernel, stride=1, padding="valid") -> Tensor:
    """The transpose of im2col: (N*OH*OW, KH*KW*C) -> ``shape`` = (N, H, W, C), overlaps added up.
    >>> col2im(Tensor([[1.0, 1.0], [1.0, 1.0]]), (1, 1, 3, 1), (1, 2)).numpy().ravel()
    array([1., 2., 1.], dtype=float32)
    """
    columns, windows = as_tensor(columns), _windows("col2im", shape, kernel, stride, padding)
    needed = shape[0] * math.prod(windows_in(shape[1:3], *windows)), math.prod(windows[0]) * shape[3]
    if columns.shape != needed:
        raise ShapeError(f"col2im: columns {columns.shape} for images {shape}, which need {needed}")
    return Col2Im(windows=windows, shape=tuple(shape))(columns)


def conv2d(x, w, b=None, stride=1, padding="valid") -> Tensor:
    """Convolution (strictly, cross-correlation): (N, H, W, C) with w (KH, KW, C, O) and b (O,) -> (N, OH, OW, O).
    >>> conv2d(xp.ones((1, 28, 28, 1)), xp.ones((5, 5, 1, 64)), stride=2, padding="same").shape
    (1, 14, 14, 64)
    """
    x, w = _images_and_kernel("conv2d", x, w, axis=2)
    y = Conv2D(windows=_windows("conv2d", x.shape, w.shape[:2], stride, padding))(x, w)
    return add_bias("conv2d", y, b)


def conv_transpose2d(x, w, b=None, stride=1, padding="valid", output_size=None) -> Tensor:
    """Transposed convolution, the transpose of conv2d with ``w`` as a linear map: (N, H, W, C) with w (KH, KW, O, C) and b (O,) -> (N, OH, OW, O).
    output_size: conv2d shrinks several sizes to (H, W); this int or pair says which to make, else (H - 1) SH + KH - top - bottom; "same": H SH.
    >>> conv_transpose2d(xp.ones((1, 16, 16, 8)), xp.ones((4, 4, 3, 8)), stride=2, padding=1).shape
    (1, 32, 32, 3)
    """
    x, w = _images_and_kernel("conv_transpose2d", x, w, axis=3)
    kernel, small, stride = w.shape[:2], x.shape[1:3], pair("conv_transpose2d: stride", stride)
    sides = zip(small, stride, kernel, resolve_padding(padding, small, kernel, stride), strict=True)
    size = tuple(n * s if padding == "same" else (n - 1) * s + k - sum(p) for n, s, k, p in sides)
    size = size if output_size is None else pair("conv_transpose2d: output_size", output_size)
    shape = (len(x), *size, w.shape[2])
    windows = _windows("conv_transpose2d", shape, kernel, stride, padding)
    if (fit := windows_in(size, *windows)) != small:
        raise ShapeError(f"conv_transpose2d: an output of size {size} shrinks to {fit}, not to {small} (x {x.shape}, w {w.shape})")
    return add_bias("conv_transpose2d", ConvTranspose2D(windows=windows, shape=shape)(x, w), b)


def pair(name, value, least=1):
    """An int or a pair of ints as a pair, each at least ``least``."""
    values = (value, value) if isinstance(value, Integral) else tuple(value)
    if len(values) != 2 or not all(isinstance(v, Integral) and v >= least for v in values):
        raise ShapeError(f"{name} must be an int or a pair of ints, each at least {least}, not {value!r}")
    return values


def resolve_padding(padding, size, kernel, stride):
    """``padding`` as ((top, bottom), (left, right)); "same": ceil(n / s) windows, an odd pixel goes after."""
    if padding == "same":
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, stride, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    try:
        height, width = (0, 0) if padding == "valid" else (padding, padding) if isinstance(padding, Integral) else padding
        return pair("padding", height, 0), pair("padding", width, 0)
    except (TypeError, ValueError):
        raise ShapeError(f'padding must be "valid", "same", an int, or ((top, bottom), (left, right)), not {padding!r}') from None


def _windows(name, shape, kernel, stride, padding):
    """kernel, stride and pads as pairs, once at least one window is known to fit into images of ``shape``."""
    if len(shape) != 4:
        raise ShapeError(f"{name}: images must be (N, H, W, C), not {shape}")
    kernel, stride = pair(f"{name}: kernel", kernel), pair(f"{name}: stride", stride)
    pads = resolve_padding(padding, shape[1:3], kernel, stride)
    if min(shape[1:3]) < 1 or min(windows_in(shape[1:3], kernel, stride, pads)) < 1:
        raise ShapeError(f"{name}: a kernel of {kernel} does not fit into images {shape} padded by {pads}")
    return kernel, stride, pads


def _images_and_kernel(name, x, w, axis):
    """Both as tensors, once the channels of x are known to be what ``axis`` of w expects."""
    x, w = as_tensor(x), as_tensor(w)
    if x.ndim != 4 or w.ndim != 4:
        raise ShapeError(f"{name}: x must be (N, H, W, C) and w have 4 axes, not {x.shape} and {w.shape}")
    if x.shape[3] != w.shape[axis]:
        raise ShapeError(f"{name}: x has {x.shape[3]} channels, the kernel expects {w.shape[axis]} (x {x.shape}, w {w.shape})")
    return x, w
