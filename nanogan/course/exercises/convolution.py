"""Notebook 06: convolution as a matrix product, and its adjoint."""

import operator

import numpy as np

from nanogan.course.exercise import Exercise, Mistake

NONE = (0, 0), (0, 0)
TEXTS = [  # (side, kernel, stride, padding) of every convolution of the course texts; a transposed one as the convolution it transposes
    (28, 3, 2, "same"), (14, 3, 2, "same"), (7, 3, 2, "same"), (14, 3, 1, "same"),  # 000
    (4, 4, 1, 0), (8, 4, 2, 1), (16, 4, 2, 1), (32, 4, 2, 1), (64, 4, 2, 1),  # 001, 003
    (28, 5, 1, "same"), (28, 5, 2, "same"), (14, 5, 2, "same"), (7, 5, 1, "same"), (7, 7, 1, 0),  # 004
]  # fmt: skip


def _pads_of(size, kernel, stride, padding):
    """((top, bottom), (left, right)) for images of ``size`` (H, W)."""
    return tuple(same_pads(n, kernel, stride) if padding == "same" else (padding, padding) for n in size)


def _outputs(size, kernel, stride, pads=NONE):
    """(OH, OW)."""
    return tuple((n + sum(p) - kernel) // stride + 1 for n, p in zip(size, pads, strict=True))


def _windows(rng):
    """(size, kernel, stride, pads): all of the texts, then others, which are oblong and have any pads."""
    for side, kernel, stride, padding in TEXTS:
        yield (side, side), kernel, stride, _pads_of((side, side), kernel, stride, padding)
    for _ in range(12):
        kernel, stride = (int(n) for n in rng.integers(1, (5, 4)))
        size = tuple(int(n) for n in kernel + rng.integers(0, 6, 2))
        yield size, kernel, stride, tuple(tuple(int(n) for n in rng.integers(0, 3, 2)) for _ in range(2))


def _few(rng):
    """N, C and O."""
    return tuple(int(n) for n in rng.integers(1, 4, 3))


# --- 06.im2col ----------------------------------------------------------------------------------------------------------


def im2col(x, kernel, stride):
    """Every window of x as a row: (N, H, W, C) -> (N*OH*OW, kernel*kernel*C), with OH = (H - kernel) // stride + 1.

    Rows run over images, then rows, then columns of windows; in a row the entries run over window row, window column, channel.
    """
    # <yours>
    N, H, W, C = x.shape
    OH, OW = (H - kernel) // stride + 1, (W - kernel) // stride + 1
    cols = np.empty((N, OH, OW, kernel, kernel, C), x.dtype)
    for i in range(kernel):
        for j in range(kernel):
            cols[:, :, :, i, j] = x[:, i : i + OH * stride : stride, j : j + OW * stride : stride]
    return cols.reshape(N * OH * OW, kernel * kernel * C)
    # </yours>


def _images(rng):
    yield np.arange(9.0).reshape(1, 3, 3, 1), 2, 1
    yield np.arange(16.0).reshape(1, 4, 4, 1), 2, 2
    for _ in range(20):
        N, C, kernel, stride = (int(n) for n in rng.integers(1, (4, 4, 4, 4)))
        H, W = (int(n) for n in kernel + rng.integers(0, 6, 2))
        yield rng.normal(size=(N, H, W, C)), kernel, stride


def _reordered(x, kernel, stride, order):
    """The windows as (N, OH, OW, kernel, kernel, C), with the axes in another order."""
    windows = len(x), *_outputs(x.shape[1:3], kernel, stride), kernel, kernel, x.shape[3]
    cols = im2col(x, kernel, stride)
    return cols.reshape(windows).transpose(order).reshape(len(cols), -1)


def _innermost(x, kernel, stride):
    """Rows run over window rows, window columns, images."""
    cols = im2col(x, kernel, stride)
    return cols.reshape(len(x), -1, cols.shape[1]).swapaxes(0, 1).reshape(cols.shape)


def _pieces(x, kernel, stride):
    """(OH, OW), and {(i, j): the slice of x that has no end, only a start and a stride}."""
    return _outputs(x.shape[1:3], kernel, stride), {(i, j): x[:, i::stride, j::stride] for i, j in np.ndindex(kernel, kernel)}


def _without_ends(x, kernel, stride):
    (OH, OW), pieces = _pieces(x, kernel, stride)
    cols = np.empty((len(x), OH, OW, kernel, kernel, x.shape[3]), x.dtype)
    for (i, j), piece in pieces.items():
        cols[:, :, :, i, j] = piece
    return cols.reshape(len(x) * OH * OW, -1)


def _stacked_without_ends(x, kernel, stride):
    (OH, OW), pieces = _pieces(x, kernel, stride)
    return np.stack([*pieces.values()], axis=3).reshape(len(x) * OH * OW, -1)


def _at_every_pixel(x, kernel, stride):
    OH, OW = _outputs(x.shape[1:3], kernel, stride)
    return im2col(x[:, : OH + kernel - 1, : OW + kernel - 1], kernel, 1)


IM2COL = Exercise(
    "06.im2col", im2col, _images,
    mistakes=[
        Mistake("the channel comes last in a row: window row, window column, channel", lambda x, k, s: _reordered(x, k, s, (0, 1, 2, 5, 3, 4))),
        Mistake("window rows and columns have changed places", lambda x, k, s: _reordered(x, k, s, (0, 1, 2, 4, 3, 5))),
        Mistake("windows run over rows first, then columns", lambda x, k, s: _reordered(x, k, s, (0, 2, 1, 3, 4, 5))),
        Mistake("the stride is not used: windows start at 0, stride, 2 * stride, ...", lambda x, k, s: im2col(x, k, 1)),
        Mistake("the windows start at every pixel; the stride is in OH and OW, but not in the slices", _at_every_pixel),
        Mistake("the slices do not fit: stop each at i + OH * stride, or it goes on to the end of x", _without_ends),
        Mistake("the slices are of several sizes: stop each at i + OH * stride, or it goes on to the end of x", _stacked_without_ends),
        Mistake("the images run innermost; images come first, then rows, then columns", lambda x, k, s: _innermost(x, k, s)),
        Mistake("windows that are flipped belong to the convolution of mathematics; a network's does not flip",
                lambda x, k, s: im2col(x, k, s).reshape(-1, k * k, x.shape[3])[:, ::-1].reshape(-1, k * k * x.shape[3])),
    ],
    hints=[
        "First fill an array of shape (N, OH, OW, kernel, kernel, C); the rows are its reshape at the end.",
        "Loop over the places (i, j) within a window: what is at (i, j) of every window is a slice of x.",
        "That slice is x[:, i : i + OH * stride : stride, j : j + OW * stride : stride].",
    ],
)  # fmt: skip

# --- 06.same_pads -------------------------------------------------------------------------------------------------------


def same_pads(size, kernel, stride):
    """(before, after): zeros at the two ends of an axis, so that the convolution gives ceil(size / stride) entries.

    An odd number of zeros has the odd one after.
    """
    # <yours>
    out = -(-size // stride)
    total = max(0, (out - 1) * stride + kernel - size)
    return total // 2, total - total // 2
    # </yours>


def _sizes(rng):
    yield from [(3, 3, 1), (28, 5, 2), (7, 4, 1), (28, 4, 2), (2, 2, 2), (1, 1, 3), (6, 1, 2)]
    yield from (case[:3] for case in TEXTS)
    yield from (tuple(int(n) for n in rng.integers(1, (33, 8, 5))) for _ in range(30))


def _whole(answer, *case):
    return tuple(operator.index(n) for n in answer(*case))


def _pads_before(size, kernel, stride):
    before, after = same_pads(size, kernel, stride)
    return after, before


def _pads_stride_one(size, kernel, stride):
    total = kernel - 1
    return total // 2, total - total // 2


def _pads_both_alike(size, kernel, stride):
    return (kernel // 2,) * 2


def _pads_negative(size, kernel, stride):
    total = (-(-size // stride) - 1) * stride + kernel - size
    return total // 2, total - total // 2


def _pads_floor(size, kernel, stride):
    total = max(0, (size // stride - 1) * stride + kernel - size)
    return total // 2, total - total // 2


SAME_PADS = Exercise(
    "06.same_pads", same_pads, _sizes, stars=1, outcome=_whole,
    mistakes=[
        Mistake("the odd zero is on the wrong side: it goes after", _pads_before),
        Mistake("that is right for stride 1 only; how far does the last window reach with this stride?", _pads_stride_one),
        Mistake("kernel // 2 on both sides does for odd kernels and stride 1; an even kernel needs an odd number of zeros", _pads_both_alike),
        Mistake("there are no negative pads: a kernel smaller than the stride may need none, so take max(0, ...)", _pads_negative),
        Mistake("the output has ceil(size / stride) entries: round up, -(-size // stride)", _pads_floor),
        Mistake("whole numbers are asked for: // gives them, / and np.ceil give floats",
                lambda size, kernel, stride: tuple(float(n) for n in same_pads(size, kernel, stride))),
        Mistake("whole numbers are asked for, and np.ceil gives NumPy's floats; -(-size // stride) rounds up and stays whole",
                lambda size, kernel, stride: tuple(np.float64(n) for n in same_pads(size, kernel, stride))),
    ],
    hints=[
        "How many outputs are there?  -(-size // stride) rounds up.",
        "The first window starts at 0, the last at (out - 1) * stride, and reaches kernel further.  How many of these entries are missing?",
        "total = max(0, (out - 1) * stride + kernel - size); half of it, rounded down, goes before.",
    ],
)  # fmt: skip

# --- 06.conv2d ----------------------------------------------------------------------------------------------------------


def conv2d(x, w, stride, pads):
    """Convolution, not flipped: images x (N, H, W, C) and a kernel w (k, k, C, O) -> (N, OH, OW, O).

    pads: ((top, bottom), (left, right)), the rows and columns of zeros that are put around every image first.
    Use im2col: what is left is one matrix product.
    """
    # <yours>
    x = np.pad(x, ((0, 0), *pads, (0, 0)))
    N, H, W, C = x.shape
    k, O = w.shape[0], w.shape[3]
    OH, OW = (H - k) // stride + 1, (W - k) // stride + 1
    cols = im2col(x, k, stride)  # (N*OH*OW, k*k*C)
    return (cols @ w.reshape(k * k * C, O)).reshape(N, OH, OW, O)
    # </yours>


def _convolutions(rng):
    yield np.arange(9.0).reshape(1, 3, 3, 1), np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1), 1, NONE
    yield np.arange(6.0).reshape(1, 2, 3, 1), np.arange(1.0, 5.0).reshape(2, 2, 1, 1), 1, ((1, 0), (2, 3))
    yield np.arange(16.0).reshape(1, 4, 4, 1), np.arange(1.0, 10.0).reshape(3, 3, 1, 1), 2, ((0, 1), (0, 1))
    yield np.arange(8.0).reshape(1, 2, 2, 2), np.arange(16.0).reshape(2, 2, 2, 2), 1, NONE
    for size, kernel, stride, pads in _windows(rng):
        N, C, O = _few(rng)
        yield rng.normal(size=(N, *size, C)), rng.normal(size=(kernel, kernel, C, O)), stride, pads


def _product(x, w, stride, pads, matrix=None, unpack=None):
    """conv2d with another matrix for the kernel, or another way from (N*OH*OW, O) to the images."""
    N, OH, OW, O = conv2d(x, w, stride, pads).shape
    y = im2col(np.pad(x, ((0, 0), *pads, (0, 0))), len(w), stride) @ (w.reshape(-1, O) if matrix is None else matrix)
    return y.reshape(N, OH, OW, O) if unpack is None else unpack(y, N, OH, OW, O)


def _counted_too_early(x, w, stride, pads):
    (OH, OW), O = _outputs(x.shape[1:3], len(w), stride), w.shape[3]
    return (im2col(np.pad(x, ((0, 0), *pads, (0, 0))), len(w), stride) @ w.reshape(-1, O)).reshape(len(x), OH, OW, O)


def _other_ends(pads):
    return tuple(p[::-1] for p in pads)


CONV2D = Exercise(
    "06.conv2d", conv2d, _convolutions,
    mistakes=[
        Mistake("the kernel is flipped: mathematics flips it, a network's convolution does not", lambda x, w, s, p: conv2d(x, w[::-1, ::-1], s, p)),
        Mistake("the pads are on the wrong side: pads are ((top, bottom), (left, right))", lambda x, w, s, p: conv2d(x, w, s, _other_ends(p))),
        Mistake("both ends get the zeros of the first; bottom and right are numbers of their own",
                lambda x, w, s, p: conv2d(x, w, s, tuple((first, first) for first, _ in p))),
        Mistake("both ends get the zeros of the last; top and left are numbers of their own",
                lambda x, w, s, p: conv2d(x, w, s, tuple((last, last) for _, last in p))),
        Mistake("rows got the pads of columns: top and bottom come first", lambda x, w, s, p: conv2d(x, w, s, p[::-1])),
        Mistake("there is no padding: zeros are put around the images first", lambda x, w, s, p: conv2d(x, w, s, NONE)),
        Mistake("the stride is not used", lambda x, w, s, p: conv2d(x, w, 1, p)),
        Mistake("the axes of w are in the wrong order: the output channel comes last, so the matrix is w.reshape(k * k * C, O)",
                lambda x, w, s, p: _product(x, w, s, p, matrix=w.reshape(w.shape[3], -1).T)),
        Mistake("OH and OW are counted before the zeros are put on; count them on the padded x", _counted_too_early),
        Mistake("kernel rows and kernel columns have changed places", lambda x, w, s, p: conv2d(x, w.transpose(1, 0, 2, 3), s, p)),
        Mistake("a row of the product holds the O channels of one place, so its reshape is (N, OH, OW, O), at once",
                lambda x, w, s, p: _product(x, w, s, p, unpack=lambda y, N, OH, OW, O: y.reshape(N, O, OH, OW).transpose(0, 2, 3, 1))),
    ],
    hints=[
        "np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0))) puts zeros around the images.  All that follows sees only the padded x.",
        "im2col makes every window a row of k * k * C numbers, in the order of w's first three axes.  So what matrix is w?",
        "im2col(...) @ w.reshape(k * k * C, O) is (N*OH*OW, O); its reshape is the answer.",
    ],
)  # fmt: skip

# --- 06.col2im ----------------------------------------------------------------------------------------------------------


def col2im(cols, shape, kernel, stride):
    """The transpose of im2col: (N*OH*OW, kernel*kernel*C) -> images of ``shape`` (N, H, W, C).

    Every entry goes back to the pixel that im2col copied it from.  What arrives at one pixel is added up; a pixel of no window is 0.
    """
    # <yours>
    N, H, W, C = shape
    OH, OW = (H - kernel) // stride + 1, (W - kernel) // stride + 1
    cols = cols.reshape(N, OH, OW, kernel, kernel, C)
    x = np.zeros(shape, cols.dtype)
    for i in range(kernel):
        for j in range(kernel):
            x[:, i : i + OH * stride : stride, j : j + OW * stride : stride] += cols[:, :, :, i, j]
    return x
    # </yours>


def _columns(rng):
    yield np.ones((4, 4)), (1, 3, 3, 1), 2, 1
    yield np.arange(1.0, 17.0).reshape(4, 4), (1, 3, 3, 1), 2, 1
    yield np.arange(1.0, 17.0).reshape(4, 4), (1, 4, 4, 1), 2, 2
    yield np.arange(1.0, 37.0).reshape(2, 18), (1, 4, 6, 2), 3, 2
    for size, kernel, stride, pads in _windows(rng):
        N, C, _ = _few(rng)
        H, W = (n + sum(p) for n, p in zip(size, pads, strict=True))
        OH, OW = _outputs((H, W), kernel, stride)
        yield rng.normal(size=(N * OH * OW, kernel * kernel * C)), (N, H, W, C), kernel, stride


def _scattered(cols, shape, kernel, stride, step=None, window_by_window=False):
    """col2im that puts, and does not add; step: between windows, if not the stride."""
    N, H, W, C = shape
    (OH, OW), step = _outputs((H, W), kernel, stride), step or stride
    cols, x = cols.reshape(N, OH, OW, kernel, kernel, C), np.zeros(shape)
    if window_by_window:
        for oh, ow in np.ndindex(OH, OW):
            x[:, oh * step : oh * step + kernel, ow * step : ow * step + kernel] = cols[:, oh, ow]
    else:
        for i, j in np.ndindex(kernel, kernel):
            x[:, i : i + OH * step : step, j : j + OW * step : step] = cols[:, :, :, i, j]
    return x


def _added_at_one(cols, shape, kernel, stride):
    """Adds, as if windows were one pixel apart."""
    N, H, W, C = shape
    OH, OW = _outputs((H, W), kernel, stride)
    cols, x = cols.reshape(N, OH, OW, kernel, kernel, C), np.zeros(shape)
    for i, j in np.ndindex(kernel, kernel):
        x[:, i : i + OH, j : j + OW] += cols[:, :, :, i, j]
    return x


def _averaged(cols, shape, kernel, stride):
    return col2im(cols, shape, kernel, stride) / np.maximum(1, col2im(np.ones_like(cols), shape, kernel, stride))


def _within(cols, shape, kernel, order):
    """The entries of each row, read in another order of (window row, window column, channel)."""
    axes = (kernel, kernel, shape[3])
    back = cols.reshape(-1, *(axes[i] for i in order))
    return back.transpose(0, *(1 + order.index(i) for i in range(3))).reshape(cols.shape)


COL2IM = Exercise(
    "06.col2im", col2im, _columns,
    mistakes=[
        Mistake("this overwrites: where += belongs stands =, and of what arrives at one pixel only the last is kept", _scattered),
        Mistake("a pixel of several windows keeps what the last window brings; x[index] += adds only once for each pixel, too",
                lambda cols, shape, k, s: _scattered(cols, shape, k, s, window_by_window=True)),
        Mistake("this is the mean of what arrives at a pixel; the sum was asked for", _averaged),
        Mistake("the stride is not used: neighbouring windows lie stride pixels apart", _added_at_one),
        Mistake("in a row the channel comes last: window row, window column, channel",
                lambda cols, shape, k, s: col2im(_within(cols, shape, k, (2, 0, 1)), shape, k, s)),
        Mistake("window rows and columns have changed places", lambda cols, shape, k, s: col2im(_within(cols, shape, k, (1, 0, 2)), shape, k, s)),
    ],
    hints=[
        "Take your im2col, and let the data run the other way: x is empty, and cols is read.",
        "Start with zeros of the shape asked for.  Reshape cols to (N, OH, OW, kernel, kernel, C), loop over (i, j), and use the same slice of x.",
        "x[:, i : i + OH * stride : stride, j : j + OW * stride : stride] += cols[:, :, :, i, j]",
    ],
)  # fmt: skip

# --- 06.conv_transpose2d --------------------------------------------------------------------------------------------------


def conv_transpose2d(y, w, stride, pads, size):
    """The transpose of conv2d: y (N, OH, OW, O) and the same kernel w (k, k, C, O) -> (N, H, W, C), where size is (H, W).

    stride and pads are those of the conv2d whose transpose it is, and size is that of the images that it would be given.
    Use col2im, and take away what stands for the pads.
    """
    # <yours>
    N, OH, OW, O = y.shape
    k, C = w.shape[0], w.shape[2]
    (top, bottom), (left, right), (H, W) = *pads, size
    cols = y.reshape(N * OH * OW, O) @ w.reshape(k * k * C, O).T  # (N*OH*OW, k*k*C)
    x = col2im(cols, (N, top + H + bottom, left + W + right, C), k, stride)
    return x[:, top : top + H, left : left + W]
    # </yours>


def _transposes(rng):
    yield np.arange(1.0, 5.0).reshape(1, 2, 2, 1), np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1), 1, NONE, (3, 3)
    yield np.arange(1.0, 5.0).reshape(1, 2, 2, 1), np.arange(1.0, 10.0).reshape(3, 3, 1, 1), 2, ((0, 1), (0, 1)), (4, 4)
    yield np.arange(1.0, 3.0).reshape(1, 1, 1, 2), np.arange(16.0).reshape(2, 2, 2, 2), 1, NONE, (2, 2)
    yield np.arange(1.0, 7.0).reshape(1, 2, 3, 1), np.arange(1.0, 5.0).reshape(2, 2, 1, 1), 2, ((0, 0), (1, 0)), (4, 5)
    yield np.arange(1.0, 3.0).reshape(1, 1, 2, 1), np.arange(1.0, 5.0).reshape(2, 2, 1, 1), 2, NONE, (3, 5)
    for size, kernel, stride, pads in _windows(rng):
        N, C, O = _few(rng)
        yield rng.normal(size=(N, *_outputs(size, kernel, stride, pads), O)), rng.normal(size=(kernel, kernel, C, O)), stride, pads, size


def _transposed(y, w, stride, pads, size, back=col2im, matrix=None, cut=lambda p: p[0]):
    """conv_transpose2d with another col2im, another matrix for the kernel, or another first row and column (None: all are kept)."""
    (N, _, _, O), k, C = y.shape, len(w), w.shape[2]
    cols = y.reshape(-1, O) @ (w.reshape(-1, O).T if matrix is None else matrix)
    x = back(cols, (N, *(n + sum(p) for n, p in zip(size, pads, strict=True)), C), k, stride)
    if cut is None:
        return x
    top, left = map(cut, pads)
    return x[:, top : top + size[0], left : left + size[1]]


def _cropped(y, w, stride, pads, size, first, last):
    """The rows first(top, bottom, H) : last(...), and the columns likewise."""
    x = _transposed(y, w, stride, pads, size, cut=None)
    rows, columns = (slice(first(*p, n), last(*p, n)) for p, n in zip(pads, size, strict=True))
    return x[:, rows, columns]


def _without_size(y, w, stride, pads, size):
    reached = tuple((n - 1) * stride + len(w) - sum(p) for n, p in zip(y.shape[1:3], pads, strict=True))
    return conv_transpose2d(y, w, stride, pads, reached)


CONV_TRANSPOSE2D = Exercise(
    "06.conv_transpose2d", conv_transpose2d, _transposes,
    mistakes=[
        Mistake("the crop is on the wrong side, and the picture shifted: top and left are cut off at the beginning, bottom and right at the end",
                lambda *case: _transposed(*case, cut=lambda p: p[1])),
        Mistake("the rows and columns that stand for the pads are still there: crop them", lambda *case: _transposed(*case, cut=None)),
        Mistake("a slice top : -bottom is empty where bottom is 0; write top : top + H",
                lambda *case: _cropped(*case, lambda top, bottom, H: top, lambda top, bottom, H: -bottom)),
        Mistake("a slice top : H holds H - top rows; write top : top + H",
                lambda *case: _cropped(*case, lambda top, bottom, H: top, lambda top, bottom, H: H)),
        Mistake("size is not used: where windows do not reach the last rows or columns of the image, those are there too, and 0", _without_size),
        Mistake("this overwrites where kernels overlap; what arrives at one pixel is added up", lambda *case: _transposed(*case, back=_scattered)),
        Mistake("this is the mean of what arrives at a pixel; the transpose has the sum", lambda *case: _transposed(*case, back=_averaged)),
        Mistake("the kernel is flipped; col2im puts everything where im2col took it from, so the kernel stays as it is",
                lambda y, w, s, p, size: conv_transpose2d(y, w[::-1, ::-1], s, p, size)),
        Mistake("the stride is not used: neighbouring kernels lie stride pixels apart", lambda *case: _transposed(*case, back=_added_at_one)),
        Mistake("the axes of w are in the wrong order: the matrix is the transpose of conv2d's, w.reshape(k * k * C, O).T",
                lambda y, w, s, p, size: _transposed(y, w, s, p, size, matrix=w.reshape(y.shape[3], -1))),
    ],
    hints=[
        "conv2d pads, then takes windows apart (im2col), then multiplies by a matrix.  The transpose does the transposes in the reverse order.",
        "First the product: y as (N*OH*OW, O), times w.reshape(k * k * C, O).T.  Then col2im, into images that still have their pads.",
        "The transpose of padding is cropping: of (N, top + H + bottom, left + W + right, C) keep [:, top : top + H, left : left + W].",
    ],
)  # fmt: skip

# --- 06.sizes_and_counts --------------------------------------------------------------------------------------------------


def sizes_and_counts():
    """Five numbers, from paper.  a to d: a Conv2D of text 004's critic: 28x28x64 in, 128 channels out, kernel 5, stride 2, "same", with bias.

    a: the side of its output.  b: the columns of im2col.  c: its parameters.  d: multiplications for one image.
    e: the side of what a transposed convolution makes of 16x16, with kernel 4, stride 2 and a padding of 1 on every side.
    """
    a = b = c = d = e = None
    # <yours>
    a = 14  # ceil(28 / 2)
    b = 5 * 5 * 64
    c = b * 128 + 128
    d = a * a * b * 128
    e = (16 - 1) * 2 + 4 - 1 - 1
    # </yours>
    return a, b, c, d, e


def _letter(answer, letter):
    values = answer()
    if values is None:
        return None
    if not (isinstance(values, (tuple, list)) or np.ndim(values) == 1) or len(values) != 5:
        raise TypeError("five numbers are asked for, in this order: return a, b, c, d, e")
    return values["abcde".index(letter)]


def _with(**wrong):
    """The right numbers but for these."""
    return lambda: tuple(wrong.get(letter, n) for letter, n in zip("abcde", sizes_and_counts(), strict=True))


SIZES_AND_COUNTS = Exercise(
    "06.sizes_and_counts", sizes_and_counts, lambda rng: [(letter,) for letter in "abcde"], stars=1, outcome=_letter,
    mistakes=[
        Mistake('a is 12 without padding; "same" adds zeros until ceil(28 / 2) windows fit', _with(a=12)),
        Mistake('"same" keeps the size only at stride 1; a stride of 2 halves it', _with(a=28)),
        Mistake("a window has all the channels: 5 * 5 * 64 numbers", _with(b=25)),
        Mistake("columns are a window's numbers, 5 * 5 * 64; rows are the windows, 14 * 14", _with(b=196)),
        Mistake("every output channel has a kernel of its own: b * 128, and the biases", _with(c=1600 + 1)),
        Mistake("the biases are missing: one for each of the 128 output channels", _with(c=204_800)),
        Mistake("there is one bias for each output channel, 128, and not one for each input channel", _with(c=204_864)),
        Mistake("there are 14 * 14 windows, not 28 * 28: the stride skips three of four", _with(d=160_563_200)),
        Mistake("each window meets 128 kernels: 14 * 14 * b * 128", _with(d=313_600)),
        Mistake("these are the weights; every weight is used in each of the 14 * 14 windows", _with(d=204_800)),
        Mistake("34 is (16 - 1) * 2 + 4, before the crop: a padding of 1 takes one away on every side", _with(e=34)),
        Mistake("the last kernel starts at (16 - 1) * 2 and covers 4, so there are 34 before the crop, and the crop takes two away", _with(e=31)),
        Mistake("a crop on both sides takes two away, not one", _with(e=33)),
        Mistake("that is the convolution from 16 to 8; the transposed one goes the other way", _with(e=8)),
    ],
    hints=[
        'a: "same" gives ceil(size / stride).  b: how many numbers does one window hold, channels and all?',
        "c: a kernel is as large as a window, and there is one for each output channel; and then the biases.  d: how many windows meet how many kernels?",
        "e: the first kernel starts at 0, the last at (16 - 1) * 2, and reaches 4 further.  Then crop one on both sides.",
    ],
)  # fmt: skip

# --- 06.transpose_as_convolution ------------------------------------------------------------------------------------------


def transpose_as_convolution(y, w, stride):
    """A transposed convolution without col2im: y (N, OH, OW, O), w (k, k, C, O) -> (N, (OH - 1) * stride + k, (OW - 1) * stride + k, C).

    The same as conv_transpose2d without pads, but of zeros, slices, a transpose, and one conv2d of stride 1.
    The check sees what comes out, not how: a call of conv_transpose2d would pass, and show nothing.
    """
    # <yours>
    N, OH, OW, O = y.shape
    k = w.shape[0]
    spread = np.zeros((N, (OH - 1) * stride + 1, (OW - 1) * stride + 1, O), y.dtype)
    spread[:, ::stride, ::stride] = y  # stride - 1 zeros between neighbours
    flipped = w[::-1, ::-1].transpose(0, 1, 3, 2)  # (k, k, O, C)
    return conv2d(spread, flipped, 1, ((k - 1, k - 1), (k - 1, k - 1)))
    # </yours>


def _transposes_without_pads(rng):
    yield np.array([1.0, 10.0]).reshape(1, 1, 2, 1), np.arange(1.0, 5.0).reshape(2, 2, 1, 1), 1
    yield np.arange(1.0, 5.0).reshape(1, 2, 2, 1), np.arange(1.0, 10.0).reshape(3, 3, 1, 1), 2
    yield np.arange(1.0, 3.0).reshape(1, 1, 1, 2), np.arange(16.0).reshape(2, 2, 2, 2), 1
    for _ in range(20):
        (N, C, O), (OH, OW, k, stride) = _few(rng), (int(n) for n in rng.integers(1, (5, 5, 6, 4)))
        yield rng.normal(size=(N, OH, OW, O)), rng.normal(size=(k, k, C, O)), stride


def _by_conv(y, w, stride, turn=lambda w: w[::-1, ::-1].transpose(0, 1, 3, 2), step=None, pad=None):
    N, OH, OW, O = y.shape
    step, pad = step or stride, len(w) - 1 if pad is None else pad
    spread = np.zeros((N, (OH - 1) * step + 1, (OW - 1) * step + 1, O))
    spread[:, ::step, ::step] = y
    return conv2d(spread, turn(w), 1, ((pad, pad), (pad, pad)))


TRANSPOSE_AS_CONVOLUTION = Exercise(
    "06.transpose_as_convolution", transpose_as_convolution, _transposes_without_pads, stars=3,
    mistakes=[
        Mistake("the kernel is not flipped: in a transposed convolution the later entry of y meets the earlier entry of w",
                lambda y, w, s: _by_conv(y, w, s, turn=lambda w: w.transpose(0, 1, 3, 2))),
        Mistake("the kernel is flipped along one axis only; both rows and columns turn round",
                lambda y, w, s: _by_conv(y, w, s, turn=lambda w: w[::-1].transpose(0, 1, 3, 2))),
        Mistake("rows and columns of the kernel have changed places; only the two axes of channels do",
                lambda y, w, s: _by_conv(y, w, s, turn=lambda w: w[::-1, ::-1].transpose(1, 0, 3, 2))),
        Mistake("the channels of w have not changed places: a reshape to (k, k, O, C) only relabels them, a transpose moves them",
                lambda y, w, s: _by_conv(y, w, s, turn=lambda w: w[::-1, ::-1].reshape(*w.shape[:2], w.shape[3], w.shape[2]))),
        Mistake("stride - 1 zeros go between neighbours, not stride", lambda y, w, s: _by_conv(y, w, s, step=s + 1)),
        Mistake("no zeros are put between neighbours: with a stride of 2 there is one", lambda y, w, s: _by_conv(y, w, s, step=1)),
        Mistake("k // 2 zeros around are too few: the first pixel of y reaches k - 1 pixels before any whole window does, so k - 1 are needed",
                lambda y, w, s: _by_conv(y, w, s, pad=len(w) // 2)),
    ],
    hints=[
        "Take one axis, stride 1, y = [p, q] and w = [1, 2, 3].  Write down the four outputs.  Which window over [0, 0, p, q, 0, 0] gives the second?",
        "The second is 2 p + 1 q: the later entry of y meets the earlier entry of w.  So the kernel is flipped, along both axes.",
        "A stride puts neighbours of y further apart: place them with spread[:, ::stride, ::stride] = y, zeros between.",
        "k - 1 zeros around, w[::-1, ::-1].transpose(0, 1, 3, 2), stride 1.",
    ],
)  # fmt: skip

EXERCISES = [IM2COL, SAME_PADS, CONV2D, COL2IM, CONV_TRANSPOSE2D, SIZES_AND_COUNTS, TRANSPOSE_AS_CONVOLUTION]
