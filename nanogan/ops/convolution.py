"""Convolution, its two transposes, and the columns beneath them.

    y = ops.conv2d(x, w, b, stride=2, padding="same")             # (8, 28, 28, 1) -> (8, 14, 14, 64)
    x = ops.conv_transpose2d(y, w, stride=2, padding="same")      # (8, 14, 14, 64) -> (8, 28, 28, 1)

conv2d is bilinear in x and w.  So it has two transposes, one in x (``ConvTranspose2D``) and one in w
(``Conv2DWeightGrad``), and the gradient of any of the three is made of the other two.  The three are
closed under differentiation: no order needs a fourth.  (For the arithmetic of sizes: Dumoulin & Visin
2016, chapter 4.)

padding: "valid", "same" (TensorFlow's), an int, or ((top, bottom), (left, right)); kernel and stride: an
int or a pair.  Every function raises ShapeError where shapes, kernel and padding do not go together.
"""

from nanogan.autograd import Function, Linear, as_tensor
from nanogan.backend import ShapeError, kernels
from nanogan.backend.reference import conv_output_size


class Conv2D(Function):
    """(x, w) -> y.  ``windows``, here and below, is (kernel, stride, pads), each a pair."""

    def forward(self, x, w):
        return kernels.conv2d(x, w, *self.windows[1:])

    def backward(self, dy):
        x, w = self.inputs
        dx = ConvTranspose2D(windows=self.windows, shape=x.shape)(dy, w) if self.needs[0] else None
        dw = Conv2DWeightGrad(windows=self.windows)(x, dy) if self.needs[1] else None
        return dx, dw


class ConvTranspose2D(Function):
    """(y, w) -> x: the transpose of Conv2D in x."""

    def forward(self, y, w):
        return kernels.conv2d_input_grad(y, w, self.shape[1:3], *self.windows[1:])

    def backward(self, dx):
        y, w = self.inputs
        dy = Conv2D(windows=self.windows)(dx, w) if self.needs[0] else None
        dw = Conv2DWeightGrad(windows=self.windows)(dx, y) if self.needs[1] else None
        return dy, dw


class Conv2DWeightGrad(Function):
    """(x, y) -> w: the transpose of Conv2D in w."""

    def forward(self, x, y):
        return kernels.conv2d_weight_grad(x, y, *self.windows)

    def backward(self, dw):
        x, y = self.inputs
        dx = ConvTranspose2D(windows=self.windows, shape=x.shape)(y, dw) if self.needs[0] else None
        dy = Conv2D(windows=self.windows)(x, dw) if self.needs[1] else None
        return dx, dy


class Im2Col(Linear):
    """x -> columns."""

    def forward(self, x):
        return kernels.im2col(x, *self.windows)

    def backward(self, grad):
        return (Col2Im(windows=self.windows, shape=self.inputs[0].shape)(grad),)


class Col2Im(Linear):
    """columns -> x: the transpose of Im2Col."""

    def forward(self, columns):
        return kernels.col2im(columns, self.shape, *self.windows)

    def backward(self, grad):
        return (Im2Col(windows=self.windows)(grad),)


def im2col(x, kernel, stride=1, padding="valid"):
    """Every window of the images as a row: (N, H, W, C) -> (N*OH*OW, KH*KW*C).

    >>> im2col(Tensor([[[[0.0], [1.0]], [[2.0], [3.0]]]]), 2)
    Tensor([[0. 1. 2. 3.]], float32)
    """
    x = as_tensor(x)
    return Im2Col(windows=_windows("im2col", x.shape, kernel, stride, padding))(x)


def col2im(columns, shape, kernel, stride=1, padding="valid"):
    """The transpose of im2col: (N*OH*OW, KH*KW*C) -> ``shape`` = (N, H, W, C), overlaps added up.

    >>> col2im(Tensor([[1.0, 1.0], [1.0, 1.0]]), (1, 1, 3, 1), (1, 2)).numpy().ravel()
    array([1., 2., 1.], dtype=float32)
    """
    return Col2Im(windows=_windows("col2im", shape, kernel, stride, padding), shape=shape)(as_tensor(columns))


def conv2d(x, w, b=None, stride=1, padding="valid"):
    """Convolution (strictly: cross-correlation, as in every framework).

    x: (N, H, W, C).  w: (KH, KW, C, O).  b: (O,) or None.
    Returns (N, OH, OW, O), OH = floor((H + top + bottom - KH) / SH) + 1.

    >>> conv2d(xp.ones((1, 28, 28, 1)), xp.ones((5, 5, 1, 64)), stride=2, padding="same").shape
    (1, 14, 14, 64)
    """
    x, w = _check("conv2d", x, w, b, channels=2, features=3)
    y = Conv2D(windows=_windows("conv2d", x.shape, w.shape[:2], stride, padding))(x, w)
    return y if b is None else y + b


def conv_transpose2d(x, w, b=None, stride=1, padding="valid", output_size=None):
    """Transposed convolution: the transpose, as a linear map, of conv2d with the same ``w``.

    x: (N, H, W, C).  w: (KH, KW, O, C).  b: (O,) or None.  Returns (N, OH, OW, O).
    output_size: an int or a pair; up to ``stride`` sizes shrink to the same (H, W) under conv2d, and
    this says which one to make.  By default (H - 1) SH + KH - top - bottom; with "same", H SH.

    >>> conv_transpose2d(xp.ones((1, 16, 16, 8)), xp.ones((4, 4, 3, 8)), stride=2, padding=1).shape
    (1, 32, 32, 3)
    """
    x, w = _check("conv_transpose2d", x, w, b, channels=3, features=2)
    (KH, KW), (SH, SW), (_, H, W, _) = w.shape[:2], pair("conv_transpose2d: stride", stride), x.shape
    if padding == "same":
        size = (H * SH, W * SW)
    else:
        pads = resolve_padding(padding, (H, W), (KH, KW), (SH, SW))
        size = (H - 1) * SH + KH - sum(pads[0]), (W - 1) * SW + KW - sum(pads[1])
    size = size if output_size is None else pair("conv_transpose2d: output_size", output_size)
    shape = (x.shape[0], *size, w.shape[2])
    windows = _windows("conv_transpose2d", shape, (KH, KW), stride, padding)
    if _output_sizes(size, *windows) != (H, W):
        raise ShapeError(f"conv_transpose2d: no output of size {size} for x {x.shape}, w {w.shape}, stride {stride}, padding {padding!r}: "
                         f"such images shrink to {_output_sizes(size, *windows)}")  # fmt: skip
    y = ConvTranspose2D(windows=windows, shape=shape)(x, w)
    return y if b is None else y + b


def pair(name, value, least=1):
    """An int or a pair of ints as a pair, each at least ``least``."""
    values = (value, value) if isinstance(value, int) else tuple(value)
    if len(values) != 2 or not all(isinstance(v, int) and v >= least for v in values):
        raise ShapeError(f"{name} must be an int or a pair of ints, each at least {least}, not {value!r}")
    return values


def resolve_padding(padding, size, kernel, stride):
    """``padding`` as ((top, bottom), (left, right)) for images of ``size`` (H, W).

    "same" is TensorFlow's: ceil(n / s) windows, and where the padding is odd, the odd pixel goes after.

    >>> resolve_padding("same", (28, 28), (3, 3), (2, 2)), resolve_padding(1, (28, 28), (3, 3), (2, 2))
    (((0, 1), (0, 1)), ((1, 1), (1, 1)))
    """
    if padding == "same":
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, stride, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    try:
        top_left = 0 if padding == "valid" else padding
        height, width = (top_left, top_left) if isinstance(top_left, int) else top_left
        return pair("padding", height, 0), pair("padding", width, 0)
    except (TypeError, ValueError):
        raise ShapeError(f'padding must be "valid", "same", an int, or ((top, bottom), (left, right)), not {padding!r}') from None


def _output_sizes(size, kernel, stride, pads):
    return tuple(conv_output_size(n, k, s, p) for n, k, s, p in zip(size, kernel, stride, pads, strict=True))


def _windows(name, shape, kernel, stride, padding):
    """kernel, stride and pads as pairs, once at least one window is known to fit into images of ``shape``."""
    if len(shape) != 4:
        raise ShapeError(f"{name}: images must be (N, H, W, C), not {shape}")
    kernel, stride = pair(f"{name}: kernel", kernel), pair(f"{name}: stride", stride)
    pads = resolve_padding(padding, shape[1:3], kernel, stride)
    if min(shape[1:3]) < 1 or min(_output_sizes(shape[1:3], kernel, stride, pads)) < 1:
        raise ShapeError(f"{name}: a kernel of {kernel} does not fit into images {shape} padded by {pads}")
    return kernel, stride, pads


def _check(name, x, w, b, channels, features):
    """x and w as tensors, once their channels, and the bias's features, are known to agree."""
    x, w = as_tensor(x), as_tensor(w)
    if x.ndim != 4 or w.ndim != 4:
        raise ShapeError(f"{name}: x must be (N, H, W, C) and w have 4 axes, not {x.shape} and {w.shape}")
    if x.shape[3] != w.shape[channels]:
        raise ShapeError(f"{name}: x has {x.shape[3]} channels, the kernel expects {w.shape[channels]} (x {x.shape}, w {w.shape})")
    if b is not None and b.shape != (w.shape[features],):
        raise ShapeError(f"{name}: the bias is {b.shape}, but w {w.shape} makes {w.shape[features]} channels")
    return x, w
