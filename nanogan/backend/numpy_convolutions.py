"""Fast convolutions on the CPU: ``conv2d`` and its two transposes, by samples, in two ways.

Directly: each thread builds the columns of a few samples at a time, so that they stay in cache, and multiplies them.
A transposed convolution gathers, like a convolution, instead of scattering.  Or, where it pays, with fewer
multiplications: ``numpy_winograd.py``.
"""

import numpy

from nanogan.backend import numpy_winograd as winograd
from nanogan.backend import numpy_workers, reference
from nanogan.backend.numpy_workers import empty, one_blas_thread, plain, scratch, share, share_range, threads
from nanogan.backend.reference import windows_in

COLUMN_BYTES = 4 * 2**20  # of columns that a thread builds at a time
THIN_CHANNELS = 16  # fewer make products too thin to gather


@one_blas_thread
def conv2d(x, w, stride, pads):
    N, H, W, C = x.shape
    KH, KW, C, O = w.shape
    OH, OW = windows_in((H, W), (KH, KW), stride, pads)
    if not (plain(x, w) and N * OH * OW * C * O):
        return reference.conv2d(x, w, stride, pads)
    y = empty((N, OH, OW, O), x.dtype)
    if winograd.tiles_pay(N, (KH, KW), stride, (OH, OW), C, O):
        winograd.tiles_conv2d(x, w, y, stride[0], pads)
        return y
    if winograd.rows_pay(N, (KH, KW), stride, (OH, OW), C, O):
        winograd.rows_conv2d(x, w, y, stride, pads)
        return y
    x, kernel = numpy.ascontiguousarray(x), numpy.ascontiguousarray(w).reshape(KH * KW * C, O)

    def some(start, stop):
        columns = _columns(x[start:stop], (KH, KW), stride, pads, (OH, OW))
        numpy.matmul(columns, kernel, out=y[start:stop].reshape(-1, O))  # (n*OH*OW, K) @ (K, O)

    _share_samples(some, N, OH * OW, KH * KW * C, O, x.itemsize)
    return y


def _share_samples(some, N, windows, K, O, itemsize):
    most = max(1, COLUMN_BYTES // (windows * K * itemsize))
    share_range(some, N, most, worth=2 * N * windows * K * O > numpy_workers.SHARED_FLOP)


def _columns(x, kernel, stride, pads, out):
    """im2col as one copy, into this thread's workspace; where every window is the image, or a pixel, x itself."""
    (KH, KW), (SH, SW), (OH, OW) = kernel, stride, out
    n, H, W, C = x.shape
    if _is_product((H, W), kernel, stride, pads):
        return x.reshape(n * OH * OW, KH * KW * C)
    x = _padded(x, pads)
    step = x.strides
    windows = numpy.ndarray((n, OH, OW, KH, KW * C), x.dtype, x, 0, (step[0], step[1] * SH, step[2] * SW, step[1], step[3]))
    columns = scratch("columns", windows.shape, x.dtype)
    columns[...] = windows  # in runs of KW*C
    return columns.reshape(n * OH * OW, KH * KW * C)


def _is_product(size, kernel, stride, pads):
    """Whether the columns are the images as they lie: one window that is the whole image, or windows of one pixel."""
    return not any(map(any, pads)) and (tuple(kernel) == tuple(size) or (tuple(kernel) == (1, 1) and tuple(stride) == (1, 1)))


def _padded(x, pads):
    """x with zeros around it, in this thread's workspace."""
    (top, bottom), (left, right) = pads
    if not (top or bottom or left or right):
        return x
    n, H, W, C = x.shape
    frame = scratch("padded", (n, top + H + bottom, left + W + right, C), x.dtype)
    frame[:, :top] = frame[:, top + H :] = frame[:, :, :left] = frame[:, :, left + W :] = 0
    frame[:, top : top + H, left : left + W] = x
    return frame


@one_blas_thread
def conv2d_weight_grad(x, g, kernel, stride, pads):
    N, OH, OW, O = g.shape
    (KH, KW), C = kernel, x.shape[3]
    K = KH * KW * C
    if not (plain(x, g) and N * OH * OW * C * O):
        return reference.conv2d_weight_grad(x, g, kernel, stride, pads)
    if winograd.tiles_pay(N, kernel, stride, (OH, OW), C, O):
        return winograd.tiles_weight_grad(x, g, stride[0], pads)
    if winograd.rows_pay(N, kernel, stride, (OH, OW), C, O):
        return winograd.rows_weight_grad(x, g, kernel, stride, pads)
    x, g = numpy.ascontiguousarray(x), numpy.ascontiguousarray(g)
    lanes = min(N, threads()) if 2 * N * OH * OW * K * O > numpy_workers.SHARED_FLOP else 1  # each adds up its own samples
    most = max(1, COLUMN_BYTES // (OH * OW * K * x.itemsize))
    sums = [None] * lanes

    def lane(i):
        first, last = N * i // lanes, N * (i + 1) // lanes
        sums[i] = total = empty((K, O), x.dtype)
        for start in range(first, last, most):
            some = slice(start, min(start + most, last))
            columns = _columns(x[some], kernel, stride, pads, (OH, OW))
            part = total if start == first else scratch("part", (K, O), x.dtype)
            numpy.matmul(columns.T, g[some].reshape(-1, O), out=part)  # (K, n*OH*OW) @ (n*OH*OW, O)
            if part is not total:
                numpy.add(total, part, out=total)

    share(lane, lanes)
    for other in sums[1:]:
        numpy.add(sums[0], other, out=sums[0])
    return sums[0].reshape(KH, KW, C, O)  # from (K, O)


@one_blas_thread
def conv2d_input_grad(g, w, size, stride, pads):
    """Gathers: pixels that are alike modulo the stride receive from the same taps of the kernel, so they are a convolution of g.

    Padded pixel p = a + s i gets, from the taps k = a + s j, the sum over j of g[i - j] w[a + s j]: for each phase
    a = 0 ... s-1 (in height and in width) columns of g, times the taps of that phase, the last one first.
    """
    N, OH, OW, O = g.shape
    KH, KW, C, O = w.shape
    if not (plain(g, w) and N * OH * OW * C * O):
        return reference.conv2d_input_grad(g, w, size, stride, pads)
    x = empty((N, *size, C), g.dtype)
    if winograd.tiles_pay(N, (KH, KW), stride, (OH, OW), C, O):
        winograd.tiles_input_grad(g, w, x, stride[0], pads)
        return x
    g, w = numpy.ascontiguousarray(g), numpy.ascontiguousarray(w)
    if C < THIN_CHANNELS or _is_product(size, (KH, KW), stride, pads):
        _scatter(g, w, x, stride, pads)
        return x
    rows, columns = (_phases(*axis) for axis in zip(size, (KH, KW), stride, pads, strict=True))
    around = tuple(
        (max(0, max(p.taps - 1 - p.first for p in phases)), max(0, max(p.last - n for p in phases))) for phases, n in ((rows, OH), (columns, OW))
    )
    pairs = [(p, q) for p in rows for q in columns if p.last > p.first and q.last > q.first]
    if min(KH, KW) >= max(stride) and winograd.rows_pay(N, (KH, KW), stride, (OH, OW), C, O):
        winograd.rows_input_grad(g, x, [(p, q, *winograd.rows_phase(w, p, q, stride)) for p, q in pairs], stride, around)
        return x
    plan = [(p, q, _taps(w, p, q, stride)) for p, q in pairs]

    def some(start, stop):
        frame = _padded(g[start:stop], around)  # (n, OH + around, OW + around, O)
        n, step = stop - start, frame.strides
        for p, q, taps in plan:
            into = x[start:stop, p.pixel :: stride[0], q.pixel :: stride[1]]  # (n, R, S, C)
            R, S = p.last - p.first, q.last - q.first
            if taps is None:  # a kernel smaller than the stride leaves pixels out
                into[...] = 0
                continue
            corner = (p.first - p.taps + 1 + around[0][0]) * step[1] + (q.first - q.taps + 1 + around[1][0]) * step[2]
            windows = numpy.ndarray((n, R, S, p.taps, q.taps * O), g.dtype, frame, corner, (step[0], step[1], step[2], step[1], step[3]))
            columns = scratch("columns", windows.shape, g.dtype)
            columns[...] = windows
            product = scratch("product", (n * R * S, C), g.dtype)
            numpy.matmul(columns.reshape(n * R * S, -1), taps.T, out=product)  # (n*R*S, taps*O) @ (taps*O, C)
            into[...] = product.reshape(n, R, S, C)

    most = max((p.last - p.first) * (q.last - q.first) * p.taps * q.taps * O for p in rows for q in columns)
    share_range(some, N, max(1, COLUMN_BYTES // max(1, most * g.itemsize)), worth=2 * N * OH * OW * KH * KW * C * O > numpy_workers.SHARED_FLOP)
    return x


class _Phase:
    """One phase along one axis: its number of taps, its i from first to last, and the pixel of the first."""

    def __init__(self, a, n, kernel, stride, before):
        self.a, self.taps = a, max(0, -(-(kernel - a) // stride))
        self.first, self.last = max(0, -(-(before - a) // stride)), max(0, -(-(before + n - a) // stride))
        self.pixel = a + stride * self.first - before


def _phases(n, kernel, stride, pad):
    return [_Phase(a, n, kernel, stride, pad[0]) for a in range(stride)]


def _taps(w, p, q, stride):
    """The taps of a phase, the last one first, as (C, taps*O): a copy in runs of O."""
    if not p.taps or not q.taps:
        return None
    part = w[p.a :: stride[0], q.a :: stride[1]][::-1, ::-1]  # (taps, taps, C, O)
    return numpy.ascontiguousarray(part.transpose(2, 0, 1, 3)).reshape(w.shape[2], -1)


def _scatter(g, w, x, stride, pads):
    """The reference's way, for few channels (products that gather would be too thin), into x."""
    N, OH, OW, O = g.shape
    KH, KW, C, O = w.shape
    (SH, SW), ((top, bottom), (left, right)), (H, W) = stride, pads, x.shape[1:3]
    kernel = w.reshape(KH * KW * C, O)
    direct = _is_product((H, W), (KH, KW), stride, pads)
    every = -(-KW // SW)  # windows so far apart do not overlap: they are added at once

    def some(start, stop):
        n = stop - start
        products = x[start:stop].reshape(-1, KH * KW * C) if direct else scratch("columns", (n * OH * OW, KH * KW * C), g.dtype)
        numpy.matmul(g[start:stop].reshape(-1, O), kernel.T, out=products)  # (n*OH*OW, O) @ (O, K)
        if direct:
            return
        frame = scratch("padded", (n, top + H + bottom, left + W + right, C), g.dtype)
        frame.fill(0)
        step = frame.strides
        products = products.reshape(n, OH, OW, KH, KW * C)
        for kh in range(KH):
            if C == 1:
                for kw in range(KW):
                    into = frame[:, kh : kh + SH * OH : SH, kw : kw + SW * OW : SW, 0]  # (n, OH, OW)
                    numpy.add(into, products[:, :, :, kh, kw], out=into)
                continue
            for first in range(min(every, OW)):
                part = products[:, :, first::every, kh]  # (n, OH, m, KW*C)
                into = numpy.ndarray(
                    part.shape, g.dtype, frame, kh * step[1] + first * SW * step[2], (step[0], step[1] * SH, step[2] * SW * every, step[3])
                )
                numpy.add(into, part, out=into)
        x[start:stop] = frame[:, top : top + H, left : left + W]

    _share_samples(some, N, OH * OW, KH * KW * C, O, g.itemsize)
