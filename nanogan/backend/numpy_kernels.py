"""Faster forms of some kernels on the CPU: same names, same signatures, and for finite numbers the same results up to rounding.

Nothing here is an idea of its own: ``reference.py`` (or NumPy, for ``add`` and its like) says what is computed, this
file how it is done in less time.  Work is split over a few threads; what takes several passes over an array is done
block by block, all passes while the block is in cache.  Small arrays, odd dtypes and odd strides go to the plain forms.
``numpy_workers.py`` has the threads and the memory, ``numpy_convolutions.py`` the convolutions.
"""

import builtins
import math

import numpy

from nanogan.backend import numpy_workers, reference
from nanogan.backend.numpy_convolutions import conv2d, conv2d_input_grad, conv2d_weight_grad  # noqa: F401 (fast kernels too)
from nanogan.backend.numpy_workers import empty, one_blas_thread, plain, scratch, share, share_range, threads

BLOCK = 2**19  # entries that a thread works on at a time: with fewer, threads wait for the interpreter; with more, for memory
TOGETHER_FLOP = 2.5e7, 3e8  # of each of two products that are better made side by side than one after the other
SMALL = 2**13  # entries: with fewer, the plain batch norm is as good
THIN = 128  # rows: fewer than these make a thin product


# --- Products -------------------------------------------------------------------------------------------------------


@one_blas_thread
def matmul(a, b):
    if not _matrices(a, b) or a.shape[1] != len(b):
        return numpy.matmul(a, b)
    return _matmul(a, b, threads() if _flop(a, b) > numpy_workers.SHARED_FLOP else 1)


@one_blas_thread
def matmul_grad(g, a, b, needs):
    """Both products at once, where neither is large: one thread each."""
    if not (_matrices(a, b) and _matrices(g, a)):
        return reference.matmul_grad(g, a, b, needs)
    flop = _flop(a, b)
    if all(needs) and threads() > 1 and TOGETHER_FLOP[0] < flop < TOGETHER_FLOP[1]:
        grads = [None, None]

        def one(i):
            grads[i] = _matmul(a.T, g, 1) if i else _matmul(g, b.T, 1)

        share(one, 2)
        return grads
    crew = threads() if flop > numpy_workers.SHARED_FLOP else 1
    return _matmul(g, b.T, crew) if needs[0] else None, _matmul(a.T, g, crew) if needs[1] else None


def _matrices(a, b):
    return a.ndim == b.ndim == 2 and plain(a, b)


def _flop(a, b):
    return 2 * a.size * b.shape[1]


def _matmul(a, b, crew):
    """a @ b on ``crew`` threads, each of which makes some rows, or some columns."""
    (M, K), N = a.shape, b.shape[1]
    if K == 1 and len(b) == 1:
        return numpy.multiply(a, b)
    if M < THIN <= N and b.T.flags.c_contiguous:  # few rows times a transposed kernel: OpenBLAS is quicker the other way round
        return numpy.ascontiguousarray(_matmul(b.T, a.T, crew).T)
    if crew == 1 and M * N * a.itemsize < numpy_workers.LENT_BYTES:
        return numpy.matmul(a, b)
    y = empty((M, N), a.dtype)
    if M >= N:
        share(lambda i: numpy.matmul(a[M * i // crew : M * (i + 1) // crew], b, out=y[M * i // crew : M * (i + 1) // crew]), crew)
    else:
        share(lambda i: numpy.matmul(a, b[:, N * i // crew : N * (i + 1) // crew], out=y[:, N * i // crew : N * (i + 1) // crew]), crew)
    return y


# --- Batch norm -----------------------------------------------------------------------------------------------------


def batch_norm(x, gamma, beta, eps, slope=None):
    """The moments about a mean that is nearly right, that of the first block: one pass, and no cancellation to speak of."""
    if not (_worth_it(x, SMALL) and plain(x, gamma, beta) and 0 <= (slope or 0) <= 1):
        return reference.batch_norm(x, gamma, beta, eps, slope)
    C, M, rows = x.shape[-1], x.size // x.shape[-1], _wide(x)
    blocks = _blocks(rows)
    pivot = (_fold(rows[blocks[0]], C) * C / rows[blocks[0]].size).astype(x.dtype)
    pivots, sums = _repeat(pivot, rows), numpy.empty((2, len(blocks), rows.shape[1]), x.dtype)

    def moments(i):
        centred = numpy.subtract(rows[blocks[i]], pivots, out=_scratch_block(rows, blocks[i]))
        numpy.add.reduce(centred, axis=0, out=sums[0, i])
        numpy.add.reduce(numpy.multiply(centred, centred, out=centred), axis=0, out=sums[1, i])

    share(moments, len(blocks))
    shift, square = (_fold(part, C) / M for part in sums)  # (C,), float64
    mean, var = (pivot + shift).astype(x.dtype), numpy.maximum(square - shift * shift, 0).astype(x.dtype)
    y, mask = empty(x.shape, x.dtype), None if slope is None else empty(x.shape, bool)
    into, s = y.reshape(rows.shape), numpy.sqrt(var + eps)
    scale, near = gamma / s, _near(mean, s)
    means, scales, shifts = (_repeat(v, rows) for v in (mean, scale, beta - mean * scale if near else beta))

    def normalise(i):
        out = into[blocks[i]] if slope is None else _scratch_block(rows, blocks[i])
        centred = rows[blocks[i]] if near else numpy.subtract(rows[blocks[i]], means, out=out)
        numpy.multiply(centred, scales, out=out)
        numpy.add(out, shifts, out=out)
        if slope is not None:
            _leaky_relu(out, slope, into[blocks[i]], mask.reshape(rows.shape)[blocks[i]])

    share(normalise, len(blocks))
    return (y, mean, var) if slope is None else (y, mean, var, mask)


def _near(mean, s):
    """Whether every mean is so few deviations from 0 that x * scale - mean * scale is as good as (x - mean) * scale."""
    return bool((numpy.abs(mean) < 16 * s).all())


def batch_norm_grad(g, x, gamma, mean, var, eps, mask=None, slope=None):
    fits = mask is None or (_flat(mask, "?") and 0 <= slope <= 1)
    if not (_worth_it(x, SMALL) and _worth_it(g, SMALL) and plain(g, x, gamma) and fits):
        return reference.batch_norm_grad(g, x, gamma, mean, var, eps, mask, slope)
    C, M, s = x.shape[-1], x.size // x.shape[-1], numpy.sqrt(var + eps)
    dx = empty(x.shape, x.dtype)
    rows, flowing, into = _wide(x), _wide(g), _wide(dx)
    blocks, means, near = _blocks(rows), _repeat(mean, rows), _near(mean, s)
    sums = numpy.empty((2, len(blocks), rows.shape[1]), x.dtype)

    def add_up(i):
        incoming = flowing[blocks[i]]
        if mask is not None:  # what has come through the activation waits where dx will be
            _gate(incoming, mask.reshape(rows.shape)[blocks[i]], 1.0, slope, into[blocks[i]])
            incoming = into[blocks[i]]
        work = _scratch_block(rows, blocks[i])
        centred = rows[blocks[i]] if near else numpy.subtract(rows[blocks[i]], means, out=work)
        numpy.add.reduce(numpy.multiply(centred, incoming, out=work), axis=0, out=sums[0, i])
        numpy.add.reduce(incoming, axis=0, out=sums[1, i])

    share(add_up, len(blocks))
    dgamma, dbeta = (_fold(part, C) for part in sums)  # (C,), float64
    dgamma, dbeta = ((dgamma - mean * dbeta if near else dgamma) / s).astype(x.dtype), dbeta.astype(x.dtype)
    flowing, scale = flowing if mask is None else into, gamma / s
    slopes, shifts = scale * dgamma / (s * M), scale * dbeta / M - scale * dgamma / (s * M) * mean
    scales, slopes, shifts = (_repeat(v, rows) for v in (scale, slopes, shifts))

    def gradient(i):
        out, work = into[blocks[i]], _scratch_block(rows, blocks[i])
        numpy.multiply(rows[blocks[i]], slopes, out=work)
        numpy.add(work, shifts, out=work)
        numpy.multiply(flowing[blocks[i]], scales, out=out)
        numpy.subtract(out, work, out=out)

    share(gradient, len(blocks))
    return dx, dgamma, dbeta


def _worth_it(x, least=None):
    return x.size >= (least or numpy_workers.SHARED_SIZE) and _flat(x)


def _flat(x, kinds="fd"):
    return x.flags.c_contiguous and x.dtype.char in kinds


def _wide(x):
    """(..., C) as fewer and longer rows, each several times the channels, for longer inner loops."""
    M, C = x.size // x.shape[-1], x.shape[-1]
    times = math.gcd(M, 1 << max(0, (1024 // C).bit_length() - 1)) if C <= 1024 else 1
    return x.reshape(M // times, times * C)


def _repeat(v, rows):
    """(C,) for every channel of a wide row."""
    return numpy.tile(v, rows.shape[1] // len(v)).astype(rows.dtype, copy=False)


def _fold(v, C):
    """Sums over wide rows -> (C,), in float64."""
    return v.reshape(-1, C).sum(axis=0, dtype=numpy.float64)


def _blocks(rows):
    """The rows in blocks of about BLOCK entries, as many for each thread."""
    crew = threads() if rows.size >= numpy_workers.SHARED_SIZE else 1
    count = min(len(rows), -(-rows.size // (BLOCK * crew)) * crew)
    return [slice(len(rows) * i // count, len(rows) * (i + 1) // count) for i in range(count)]


def _scratch_block(rows, block):
    return scratch("block", rows[block].shape, rows.dtype)


# --- Entry by entry -------------------------------------------------------------------------------------------------


def add(a, b):
    return _binary(numpy.add, a, b)


def multiply(a, b):
    return _binary(numpy.multiply, a, b)


def _binary(ufunc, a, b):
    """Large arrays of one shape, or one and a number, or one and a row of channels; all else is NumPy's."""
    if not isinstance(a, numpy.ndarray) or (isinstance(b, numpy.ndarray) and b.size > a.size):
        a, b = b, a
    if not isinstance(a, numpy.ndarray) or a.nbytes < numpy_workers.LENT_BYTES or not _flat(a) or isinstance(b, numpy.generic):
        return ufunc(a, b)
    if isinstance(b, numpy.ndarray) and (b.dtype != a.dtype or not b.flags.c_contiguous or b.shape not in (a.shape, a.shape[-1:])):
        return ufunc(a, b)
    y = empty(a.shape, a.dtype)
    if a.size < numpy_workers.SHARED_SIZE:
        ufunc(a, b, out=y)
    elif isinstance(b, numpy.ndarray) and b.shape != a.shape:
        rows, into = _wide(a), _wide(y)
        b, blocks = _repeat(b, rows), _blocks(rows)
        share(lambda i: ufunc(rows[blocks[i]], b, out=into[blocks[i]]), len(blocks))
    elif isinstance(b, numpy.ndarray):
        _share_flat(lambda some, other, out: ufunc(some, other, out=out), a, b, y)
    else:
        _share_flat(lambda some, out: ufunc(some, b, out=out), a, y)
    return y


def _share_flat(task, *arrays):
    """task(block of each array) over contiguous arrays of one size."""
    if arrays[0].size < numpy_workers.SHARED_SIZE:
        task(*arrays)
        return
    arrays = [a.reshape(-1) for a in arrays]
    share_range(lambda start, stop: task(*(a[start:stop] for a in arrays)), arrays[0].size, BLOCK)


def sum(x, axis=None):
    """Over all axes but the last: the sums of the blocks, in float64."""
    axis = axis if isinstance(axis, tuple) or axis is None else (axis,)
    if not (isinstance(x, numpy.ndarray) and _worth_it(x) and x.ndim > 1 and axis == tuple(range(x.ndim - 1))):
        return numpy.sum(x, axis=axis)
    rows = _wide(x)
    blocks = _blocks(rows)
    sums = numpy.empty((len(blocks), rows.shape[1]), x.dtype)
    share(lambda i: numpy.add.reduce(rows[blocks[i]], axis=0, out=sums[i]), len(blocks))
    return _fold(sums, x.shape[-1]).astype(x.dtype)


def tanh(x):
    if not _flat(x):
        return numpy.tanh(x)
    y = empty(x.shape, x.dtype)
    _share_flat(lambda some, out: numpy.tanh(some, out=out), x, y)
    return y


def leaky_relu(x, slope):
    if not (_flat(x) and 0 <= slope <= 1):
        return reference.leaky_relu(x, slope)
    y, mask = empty(x.shape, x.dtype), empty(x.shape, bool)
    _share_flat(lambda block, out, on: _leaky_relu(block, slope, out, on), x, y, mask)
    return y, mask


def _leaky_relu(x, slope, out, mask):
    numpy.less_equal(x, 0, out=mask)
    numpy.logical_not(mask, out=mask)
    if slope:
        numpy.multiply(x, slope, out=out)
    else:
        out.fill(0)  # an array: the maximum with a number is slow
    numpy.maximum(x, out, out=out)


def gate(x, mask, on, off):
    if not (_flat(x) and _flat(mask, "?") and 0 <= off <= on):
        return reference.gate(x, mask, on, off)
    y = empty(x.shape, x.dtype)
    _share_flat(lambda block, chosen, out: _gate(block, chosen, on, off, out), x, mask, y)
    return y


def _gate(x, mask, on, off, out):
    if off:
        out[...] = mask
        numpy.multiply(out, on - off, out=out)  # 0 or on - off ...
        numpy.add(out, off, out=out)  # ... off or on: without a branch
        numpy.multiply(out, x, out=out)
        return
    bits = f"i{x.itemsize}"
    numpy.negative(mask.view(numpy.int8), out=out.view(bits), casting="unsafe")  # no bits, or all of them
    numpy.bitwise_and(out.view(bits), x.view(bits), out=out.view(bits))  # not a product: 0 times infinity is not 0
    if on != 1:
        numpy.multiply(out, on, out=out)


def dropout_mask(key, shape, rate):
    mask = empty(shape, bool)
    least = numpy.uint32(min(int(rate * 2**32), 2**32 - 1))
    flat = mask.reshape(-1)

    def some(start, stop):
        bits, other = (scratch(name, (stop - start,), numpy.dtype(numpy.uint32)) for name in ("centred", "part"))
        bits[...] = numpy.arange(start, stop, dtype=numpy.uint32)
        for half in (int(key) & 0xFFFFFFFF, int(key) >> 32 & 0xFFFFFFFF):
            numpy.multiply(bits, numpy.uint32(0x9E3779B1), out=bits)
            numpy.add(bits, numpy.uint32(half), out=bits)
            for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, None)):
                numpy.right_shift(bits, numpy.uint32(shift), out=other)
                numpy.bitwise_xor(bits, other, out=bits)
                if factor:
                    numpy.multiply(bits, numpy.uint32(factor), out=bits)
        numpy.greater_equal(bits, least, out=flat[start:stop])

    share_range(some, flat.size, BLOCK, worth=flat.size >= numpy_workers.SHARED_SIZE)
    return mask


# --- Optimisers -----------------------------------------------------------------------------------------------------


def adam_step(params, grads, ms, vs, t, lr, beta1, beta2, eps, eps_hat):
    """All parameters as one piece of work, the large ones cut up: the threads are called once."""
    arrays = list(zip(params, grads, ms, vs, strict=True))
    twice = len({id(p) for p in params}) < len(params)  # a parameter named twice steps twice, one after the other
    if twice or not all(_flat(a) and a.dtype == params[0].dtype for four in arrays for a in four):
        return reference.adam_step(params, grads, ms, vs, t, lr, beta1, beta2, eps, eps_hat)
    correction1, correction2 = 1 - beta1**t, 1 - beta2**t
    # lr / correction1 * m / (sqrt(v / correction2) + eps), with sqrt(correction2) multiplied out
    rate = lr * math.sqrt(correction2) / correction1
    eps = eps if eps_hat else eps * math.sqrt(correction2)
    flat = [[a.reshape(-1) for a in four] for four in arrays]
    total = builtins.sum(p.size for p in params)
    step = max(1, min(BLOCK, -(-total // threads())))
    pieces = [(four, start, start + step) for four in flat for start in range(0, four[0].size, step)]
    pieces.sort(key=lambda piece: piece[1] - piece[0][0].size)  # large ones first: the small ones even out

    def some(i):
        four, start, stop = pieces[i]
        p, g, m, v = (a[start:stop] for a in four)
        work = scratch("block", p.shape, p.dtype)
        numpy.multiply(m, beta1, out=m)
        numpy.multiply(g, 1 - beta1, out=work)
        numpy.add(m, work, out=m)
        numpy.multiply(v, beta2, out=v)
        numpy.multiply(g, g, out=work)
        numpy.multiply(work, 1 - beta2, out=work)
        numpy.add(v, work, out=v)
        numpy.sqrt(v, out=work)
        numpy.add(work, eps, out=work)
        numpy.divide(m, work, out=work)
        numpy.multiply(work, rate, out=work)
        numpy.subtract(p, work, out=p)

    share(some, len(pieces), threads() if total >= numpy_workers.SHARED_SIZE else 1)
