"""Convolutions with fewer multiplications: minimal filtering (Winograd 1980; Lavin & Gray 2016).

Two neighbouring outputs of two taps take four products; three are enough:

    y0 = d0 g0 + d1 g1 = m0 + m1        m0 = (d0 - d1) g0
    y1 = d1 g0 + d2 g1 = m1 + m2        m1 = d1 (g0 + g1)        m2 = (d2 - d1) g1

that is y = A^T [(B^T d) * (G g)] with matrices of 0, 1 and -1; of three taps, four products instead of six.

In height and width, tiles of 2 x 2 outputs of 2 x 2 taps take 9 products ("points") instead of 16, and each of the 9
is, over all tiles and channels, one matrix product:

    V = B^T x B     U = G w G^T     M = V U        y = A^T M A         conv2d
                    Q = A g A^T     S = Q U^T      x = B S B^T         conv2d_input_grad
                                    W = V^T Q      w = G^T W G         conv2d_weight_grad

A stride s splits image and kernel into s x s phases, which are so many more channels; so this serves every kernel that
is twice its stride, such as 4 x 4 with stride 2.  For other kernels the additions in width eat up what is saved: those
filter in height only, where the additions run over whole rows of pixels, and build columns in width.
"""

import functools
import math

import numpy

from nanogan.backend import numpy_workers
from nanogan.backend.numpy_workers import empty, scratch, share, share_range, threads

GAIN = 0.7  # of the multiplications must be left to make the additions of tiles worth it
ROWS_GAIN = 0.81  # and those of rows
CHANNELS = 32  # fewer are not worth it
AT_A_TIME = 6 * 2**20  # bytes of points that a thread works on
ROWS_AT_A_TIME = 4 * 2**20

# --- Tiles of 2 x 2 outputs, for kernels that are twice their stride --------------------------------------------------


_BT, _G, _AT = ((1, -1, 0), (0, 1, 0), (0, -1, 1)), ((1, 0), (1, 1), (0, 1)), ((1, 1, 0), (0, 1, 1))


def tiles_pay(N, kernel, stride, out, C, O):
    """Whether tiles of 2 x 2 outputs pay."""
    if kernel[0] != kernel[1] or stride[0] != stride[1] or kernel[0] != 2 * stride[0] or min(C, O) < CHANNELS:
        return False
    tiles, direct = math.prod(-(-n // 2) for n in out), math.prod(out) * math.prod(kernel)
    return tiles * 9 * stride[0] ** 2 < GAIN * direct and 2 * N * direct * C * O > numpy_workers.SHARED_FLOP


def _combine(weights, parts, out):
    """out = the sum of weights * parts, for weights of 0, 1 and -1, at least one of them 1."""
    plus = [part for weight, part in zip(weights, parts, strict=True) if weight > 0]
    minus = [part for weight, part in zip(weights, parts, strict=True) if weight < 0]
    total = plus[0]
    for part in plus[1:]:
        total = numpy.add(total, part, out=out)
    for part in minus:
        total = numpy.subtract(total, part, out=out)
    if total is not out:
        out[...] = total


def _spread(parts, out, axis):
    """out = B parts: along ``axis``, pixels 2t, 2t + 1 and 2t + 2 get what the points say of tile t."""
    tiles, lead = parts[0].shape[axis], (slice(None),) * axis
    even, odd, third = (out[(*lead, slice(j, j + 2 * tiles, 2))] for j in range(3))
    out[(*lead, slice(2 * tiles, None))] = 0
    first, second, last = zip(*_BT, strict=True)
    _combine(first, parts, even)
    _combine(second, parts, odd)
    _combine((1, *last), (third, *parts), third)


def _kernel_points(w, s):
    """U = G w G^T: (2s, 2s, C, O) -> (9, s*s*C, O)."""
    C, O = w.shape[2:]
    w = w.reshape(2, s, 2, s, C, O)
    U = empty((3, 3, s, s, C, O), w.dtype)

    def some(i):
        rows = scratch("rows", (s, 2, s, C, O), w.dtype)
        _combine(_G[i], list(w), rows)
        for k in range(3):
            _combine(_G[k], [rows[:, 0], rows[:, 1]], U[i, k])

    share(some, 3)
    return U.reshape(9, s * s * C, O)


def _image_points(x, s, pads, tiles):
    """Yield V = B^T x B point by point, (n*TH*TW, s*s*C), in this thread's workspace."""
    (n, _, _, C), (TH, TW) = x.shape, tiles
    QH, QW = 2 * TH + 1, 2 * TW + 1
    frame = _framed(x, pads, (QH * s, QW * s)).reshape(n, QH, s, QW, s * C)
    for i in range(3):
        rows = scratch("rows", (n, TH, s, QW, s * C), x.dtype)
        _combine(_BT[i], [frame[:, j : j + 2 * TH : 2][:, :TH] for j in range(3)], rows)
        for k in range(3):
            V = scratch("columns", (n, TH, TW, s, s * C), x.dtype)
            _combine(_BT[k], [rows[:, :, :, j : j + 2 * TW : 2][:, :, :, :TW] for j in range(3)], V.transpose(0, 1, 3, 2, 4))
            yield V.reshape(n * TH * TW, s * s * C)


def _framed(x, pads, size):
    """x in a frame of ``size``, at (top, left), cut off or filled up with zeros; in this thread's workspace."""
    (n, H, W, C), ((top, _), (left, _)) = x.shape, pads
    frame = scratch("padded", (n, *size, C), x.dtype)
    H, W = max(0, min(H, size[0] - top)), max(0, min(W, size[1] - left))
    frame[:, :top] = frame[:, top + H :] = frame[:, :, :left] = frame[:, :, left + W :] = 0
    frame[:, top : top + H, left : left + W] = x[:, :H, :W]
    return frame


def _gradient_points(g, tiles):
    """Yield Q = A g A^T point by point, (n*TH*TW, O), in the order of ``_image_points``."""
    (n, OH, OW, O), (TH, TW) = g.shape, tiles
    if (OH, OW) != (2 * TH, 2 * TW):
        whole = scratch("whole", (n, 2 * TH, 2 * TW, O), g.dtype)
        whole[:, OH:] = whole[:, :, OW:] = 0
        whole[:, :OH, :OW] = g
        g = whole
    A = tuple(zip(*_AT, strict=True))
    for i in range(3):
        rows = scratch("gradient rows", (n, TH, 2 * TW, O), g.dtype)
        _combine(A[i], [g[:, 0::2], g[:, 1::2]], rows)
        for k in range(3):
            Q = scratch("gradient", (n, TH, TW, O), g.dtype)
            _combine(A[k], [rows[:, :, 0::2], rows[:, :, 1::2]], Q)
            yield Q.reshape(n * TH * TW, O)


def _tiles_at_a_time(tiles, s, C, O, itemsize):
    """Samples at a time: so many that all M, and V three points at a time, take about AT_A_TIME."""
    return max(1, AT_A_TIME // (math.prod(tiles) * (9 * O + 3 * s * s * C) * itemsize))


def tiles_conv2d(x, w, y, s, pads):
    N, OH, OW, O = y.shape
    TH, TW = tiles = -(-OH // 2), -(-OW // 2)
    U = _kernel_points(w, s)

    def some(start, stop):
        n = stop - start
        M = scratch("points", (9, n * TH * TW, O), x.dtype)
        for V, u, m in zip(_image_points(x[start:stop], s, pads, tiles), U, M, strict=True):
            numpy.matmul(V, u, out=m)  # (n*TH*TW, s*s*C) @ (s*s*C, O)
        M = M.reshape(3, 3, n, TH, TW, O)
        for i in range(2):
            rows = scratch("rows", M.shape[1:], x.dtype)
            _combine(_AT[i], list(M), rows)
            for k in range(2):
                into = y[start:stop, i::2, k::2]
                _combine(_AT[k], [part[:, : into.shape[1], : into.shape[2]] for part in rows], into)

    share_range(some, N, _tiles_at_a_time(tiles, s, x.shape[3], O, x.itemsize))


def tiles_input_grad(g, w, x, s, pads):
    (N, OH, OW, O), (_, H, W, C), ((top, _), (left, _)) = g.shape, x.shape, pads
    TH, TW = tiles = -(-OH // 2), -(-OW // 2)
    QH, QW = 2 * TH + 2, 2 * TW + 2
    U = _kernel_points(w, s)

    def some(start, stop):
        n = stop - start
        S = scratch("points", (3, n, TH, TW, s, s * C), g.dtype)
        rows = scratch("rows", (3, n, TH, s, QW, s * C), g.dtype)
        for i, (Q, u) in enumerate(zip(_gradient_points(g[start:stop], tiles), U, strict=True)):
            numpy.matmul(Q, u.T, out=S[i % 3].reshape(n * TH * TW, s * s * C))  # (n*TH*TW, O) @ (O, s*s*C)
            if i % 3 == 2:
                _spread([part.transpose(0, 1, 3, 2, 4) for part in S], rows[i // 3], axis=3)
        frame = scratch("padded", (n, QH, s, QW, s * C), g.dtype)
        _spread(list(rows), frame, axis=1)
        x[start:stop] = frame.reshape(n, QH * s, QW * s, C)[:, top : top + H, left : left + W]

    share_range(some, N, _tiles_at_a_time(tiles, s, C, O, g.itemsize))


def tiles_weight_grad(x, g, s, pads):
    (N, OH, OW, O), C = g.shape, x.shape[3]
    tiles = -(-OH // 2), -(-OW // 2)
    most = _tiles_at_a_time(tiles, s, C, O, x.itemsize)
    lanes = min(N, threads())
    sums = [empty((9, s * s * C, O), x.dtype) for _ in range(lanes)]

    def lane(i):
        first, last = N * i // lanes, N * (i + 1) // lanes
        for start in range(first, last, most):
            some = slice(start, min(start + most, last))
            for V, Q, total in zip(_image_points(x[some], s, pads, tiles), _gradient_points(g[some], tiles), sums[i], strict=True):
                part = total if start == first else scratch("part", total.shape, x.dtype)
                numpy.matmul(V.T, Q, out=part)  # (s*s*C, n*TH*TW) @ (n*TH*TW, O)
                if part is not total:
                    numpy.add(total, part, out=total)

    share(lane, lanes)
    W = functools.reduce(numpy.add, sums).reshape(3, 3, s, s, C, O)
    w = empty((2, s, 2, s, C, O), x.dtype)

    def tap(j):
        rows = scratch("rows", W.shape[1:], x.dtype)
        _combine([row[j] for row in _G], list(W), rows)
        for k in range(2):
            _combine([row[k] for row in _G], list(rows), w[j, :, k])

    share(tap, 2)
    return w.reshape(2 * s, 2 * s, C, O)


# --- Rows: pairs of outputs in height, columns in width ------------------------------------------------------------


def row_points(kernel, s):
    """What to multiply for two neighbouring outputs of ``kernel`` taps with stride ``s``, in height.

    {what the two outputs get of a product: [(input rows with signs, taps with weights), ...]}, rows from the first of a tile;
    products that go to the same outputs are added up by one matrix product.
    """
    points = {}

    def multiply(outputs, rows, taps):
        points.setdefault(outputs, []).append((rows, taps))

    for phase in range(min(s, kernel)):
        taps = list(range(phase, kernel, s))
        while taps:
            three = len(taps) not in (1, 2, 4)
            k, l, m = taps[0], taps[0] + s, taps[0] + 2 * s  # taps, or rows below the first
            if three:
                multiply((1, 0), {k: 1, m: -1}, {k: 1})
                multiply((1, 1), {l: 1, m: 1}, {k: 0.5, l: 0.5, m: 0.5})
                multiply((1, -1), {m: 1, l: -1}, {k: 0.5, l: -0.5, m: 0.5})
                multiply((0, 1), {m + s: 1, l: -1}, {m: 1})
            elif len(taps) > 1:
                multiply((1, 0), {k: 1, l: -1}, {k: 1})
                multiply((1, 1), {l: 1}, {k: 1, l: 1})
                multiply((0, 1), {m: 1, l: -1}, {l: 1})
            else:
                multiply((1, 0), {k: 1}, {k: 1})
                multiply((0, 1), {l: 1}, {k: 1})
            taps = taps[3 if three else 2 :]
    return points


def rows_pay(N, kernel, stride, out, C, O):
    """Whether pairs of rows pay."""
    tiles = -(-out[0] // 2)
    points = sum(map(len, row_points(kernel[0], stride[0]).values()))
    products = 2 * N * math.prod(out) * math.prod(kernel) * C * O
    return tiles * points < ROWS_GAIN * out[0] * kernel[0] and min(C, O) >= CHANNELS and products > numpy_workers.SHARED_FLOP


def _row_kernels(w, points):
    """For each group of points its kernel: (KH, KW, C, O) -> (products*KW*C, O)."""
    (_, KW, C, O), kernels = w.shape, []
    for group in points.values():
        U = empty((len(group), KW, C, O), w.dtype)
        for i, (_, taps) in enumerate(group):
            U[i] = functools.reduce(numpy.add, [w[k] * weight if weight != 1 else w[k] for k, weight in taps.items()])
        kernels.append(U.reshape(-1, O))
    return kernels


def _row_columns(frame, points, KW, stride, out):
    """Yield for each group of points its columns (n*TH*OW, products*KW*C), in this thread's workspace."""
    (n, _, W, C), (s, sw), (TH, OW) = frame.shape, stride, out
    for group in points.values():
        columns = scratch("columns", (n, TH, OW, len(group), KW * C), frame.dtype)
        for i, (rows, _) in enumerate(group):
            pixels = scratch("rows", (n, TH, W, C), frame.dtype)
            _combine(rows.values(), [frame[:, k : k + 2 * s * (TH - 1) + 1 : 2 * s] for k in rows], pixels)
            step = pixels.strides
            columns[:, :, :, i] = numpy.ndarray((n, TH, OW, KW * C), frame.dtype, pixels, 0, (step[0], step[1], step[2] * sw, step[3]))
        yield columns.reshape(n * TH * OW, len(group) * KW * C)


def _rows_at_a_time(tiles, OW, points, K, O, itemsize):
    groups = len(points)
    return max(1, ROWS_AT_A_TIME // (tiles * OW * (max(map(len, points.values())) * K + groups * O) * itemsize))


def _rows_into(frame, points, kernels, KW, stride, y):
    """y = the convolution of ``frame``, (n, OH, OW, O), which may be a part of an image with steps."""
    n, OH, OW, O = y.shape
    TH = -(-OH // 2)
    M = scratch("points", (len(points), n * TH * OW, O), frame.dtype)
    for columns, kernel, m in zip(_row_columns(frame, points, KW, stride, (TH, OW)), kernels, M, strict=True):
        numpy.matmul(columns, kernel, out=m)  # (n*TH*OW, products*KW*C) @ (products*KW*C, O)
    for i in range(2):
        into = y[:, i::2]
        _combine([outputs[i] for outputs in points], [m.reshape(n, TH, OW, O)[:, : into.shape[1]] for m in M], into)


def rows_conv2d(x, w, y, stride, pads):
    (N, OH, OW, O), (KH, KW, C, _), (_, _, W, _) = y.shape, w.shape, x.shape
    points = row_points(KH, stride[0])
    kernels, TH = _row_kernels(w, points), -(-OH // 2)
    size = 2 * stride[0] * TH + KH, W + sum(pads[1])

    def some(start, stop):
        _rows_into(_framed(x[start:stop], pads, size), points, kernels, KW, stride, y[start:stop])

    share_range(some, N, _rows_at_a_time(TH, OW, points, KW * C, O, x.itemsize))


def rows_weight_grad(x, g, kernel, stride, pads):
    (N, OH, OW, O), (KH, KW), (_, _, W, C) = g.shape, kernel, x.shape
    points, TH = row_points(KH, stride[0]), -(-OH // 2)
    size = 2 * stride[0] * TH + KH, W + sum(pads[1])
    most = _rows_at_a_time(TH, OW, points, KW * C, O, x.itemsize)
    lanes = min(N, threads())
    sums = [[empty((len(group) * KW * C, O), x.dtype) for group in points.values()] for _ in range(lanes)]

    def lane(i):
        first, last = N * i // lanes, N * (i + 1) // lanes
        for start in range(first, last, most):
            some = slice(start, min(start + most, last))
            frame, flowing = _framed(x[some], pads, size), g[some]
            if OH % 2:
                flowing = scratch("whole", (len(flowing), 2 * TH, OW, O), g.dtype)
                flowing[:, :OH], flowing[:, OH:] = g[some], 0
            for outputs, columns, total in zip(points, _row_columns(frame, points, KW, stride, (TH, OW)), sums[i], strict=True):
                Q = scratch("gradient", (len(flowing), TH, OW, O), g.dtype)
                _combine(outputs, [flowing[:, 0::2], flowing[:, 1::2]], Q)
                part = total if start == first else scratch("part", total.shape, x.dtype)
                numpy.matmul(columns.T, Q.reshape(-1, O), out=part)  # (products*KW*C, n*TH*OW) @ (n*TH*OW, O)
                if part is not total:
                    numpy.add(total, part, out=total)

    share(lane, lanes)
    w = numpy.zeros((KH, KW, C, O), x.dtype)
    for group, *parts in zip(points.values(), *sums, strict=True):
        total = functools.reduce(numpy.add, parts).reshape(len(group), KW, C, O)
        for (_, taps), part in zip(group, total, strict=True):
            for k, weight in taps.items():
                w[k] += part * weight if weight != 1 else part
    return w


def rows_phase(w, p, q, stride):
    """Points and kernels of one phase of an input gradient, which is a convolution of g with the phase's taps, the last one first."""
    points = row_points(p.taps, 1)
    taps = w[p.a :: stride[0], q.a :: stride[1]][::-1, ::-1].transpose(0, 1, 3, 2)  # (taps, taps, O, C)
    return points, _row_kernels(taps, points)


def rows_input_grad(g, x, plan, stride, around):
    """plan: for each pair of phases (p, q, points, kernels); around: the zeros around g."""
    (N, OH, OW, O), C = g.shape, x.shape[3]
    around = (around[0][0], around[0][1] + 1), around[1]  # a row more, where the last pair of rows is half outside
    size = sum(around[0]) + OH, sum(around[1]) + OW

    def some(start, stop):
        frame = _framed(g[start:stop], around, size)
        for p, q, points, kernels in plan:
            top, left = p.first - p.taps + 1 + around[0][0], q.first - q.taps + 1 + around[1][0]
            into = x[start:stop, p.pixel :: stride[0], q.pixel :: stride[1]]
            _rows_into(frame[:, top:, left:], points, kernels, q.taps, (1, 1), into)

    most = min(_rows_at_a_time(-(-(p.last - p.first) // 2), q.last - q.first, points, q.taps * O, C, g.itemsize) for p, q, points, _ in plan)
    share_range(some, N, most)
