"""CuPy's faster forms of the kernels: one launch, where plain ``xp`` takes many.  Same names and signatures as in reference.py.

A GPU does in microseconds what the host takes ten to ask for, so a step is fast that asks seldom.  Each ``Kernel`` below
is a piece of CUDA C++: what the thread for entry ``i`` does.  No two threads write to one place, so that nothing need be
added atomically and a sum has one order: the same run gives the same bits.  Products are cuBLAS's, each a plain one of two
matrices.  What is not here falls through to the definition, and so do dtypes other than float32 and float64.

A new kernel is written as its definition first (reference.py), then here; tests/backend/test_cupy_kernels.py compares
the two.  Without a GPU the same source runs there through a C++ compiler.
"""

import builtins
import functools
import math

import numpy

from nanogan.backend import reference
from nanogan.backend.arrays import xp
from nanogan.backend.reference import samples, windows_in

COLUMN_BYTES = 2**28  # of columns built at a time: few products, large ones, in a quarter of a GiB
SUM_THREADS = 2**17  # over which a sum is spread: enough to keep any GPU busy
SUM_ROWS = 512  # from which that pays
WIDE = 2**31 - 2**20  # entries from which an index needs 64 bits, with a little room for the sums that lead up to it
AT_ONCE = 16  # parameters that one launch updates: their addresses have to fit into the 4 KB of a launch's arguments
FLOATS = frozenset({numpy.dtype("float32"), numpy.dtype("float64")})


class Kernel:
    """CUDA C++ for every entry ``i``, compiled when first called; ``inputs``, ``outputs`` and body as in cupy.ElementwiseKernel.

    In it, ``Index`` is a 32-bit integer where all arrays are small enough for that, since 64-bit division is slow, else a 64-bit one.
    """

    def __init__(self, name, inputs, outputs, body, preamble=""):
        self.name, self.source = name, (inputs, outputs, body, preamble)

    def __call__(self, *arguments, wide=False, **size):
        return _compiled(xp.ElementwiseKernel, self, wide)(*arguments, **size)

    def text(self, wide):
        """(inputs, outputs, body, preamble) with Index spelt out."""
        inputs, outputs, *code = self.source
        parameters = [text.replace("Index", "int64" if wide else "int32") for text in (inputs, outputs)]
        return *parameters, *(text.replace("Index", "long long" if wide else "int") for text in code)


@functools.cache
def _compiled(make, kernel, wide):
    inputs, outputs, body, preamble = kernel.text(wide)
    return make(inputs, outputs, body, f"nanogan_{kernel.name}{'_wide' * wide}", preamble=preamble)


def _plain(*arrays):
    """Whether some array is of a dtype that these kernels are not written for."""
    return any(array.dtype not in FLOATS for array in arrays)


# --- Convolution ------------------------------------------------------------------------------------------------


IM2COL = Kernel(
    "im2col",
    "raw T x, Index H, Index W, Index C, Index KH, Index KW, Index SH, Index SW, Index top, Index left, Index OH, Index OW",
    "T column",
    """
    Index at = i;                               // ((((n * OH + oh) * OW + ow) * KH + kh) * KW + kw) * C + c
    const Index c = at % C;  at /= C;
    const Index kw = at % KW;  at /= KW;
    const Index kh = at % KH;  at /= KH;
    const Index w = at % OW * SW + kw - left;  at /= OW;
    const Index h = at % OH * SH + kh - top;
    const Index n = at / OH;
    const bool inside = 0 <= h && h < H && 0 <= w && w < W;
    column = inside ? x[((n * H + h) * W + w) * C + c] : T(0);
    """,
)

COL2IM = Kernel(
    "col2im",
    "raw T columns, Index H, Index W, Index C, Index KH, Index KW, Index SH, Index SW, Index top, Index left, Index OH, Index OW",
    "T x",
    """
    Index at = i;                               // ((n * H + h) * W + w) * C + c
    const Index c = at % C;  at /= C;
    const Index w = at % W + left;  at /= W;    // in the padded image
    const Index h = at % H + top;
    const Index n = at / H;
    const Index last_h = h / SH < OH ? h / SH : OH - 1, last_w = w / SW < OW ? w / SW : OW - 1;
    T sum = 0;
    for (Index oh = last_h; oh >= 0 && h - oh * SH < KH; oh--)      // the windows that cover it
        for (Index ow = last_w; ow >= 0 && w - ow * SW < KW; ow--)
            sum += columns[((((n * OH + oh) * OW + ow) * KH + h - oh * SH) * KW + w - ow * SW) * C + c];
    x = sum;
    """,
)


def im2col(x, kernel, stride, pads):
    """As the reference: one launch instead of KH*KW copies and a padded image."""
    if _plain(x):
        return reference.im2col(x, kernel, stride, pads)
    OH, OW = windows_in(x.shape[1:3], kernel, stride, pads)
    columns = xp.empty((x.shape[0] * OH * OW, math.prod(kernel) * x.shape[3]), dtype=x.dtype)
    _move(IM2COL, xp.ascontiguousarray(x), x.shape, kernel, stride, pads, (OH, OW), columns)
    return columns


def col2im(columns, shape, kernel, stride, pads):
    """As the reference: one launch, in which each pixel gathers what the windows over it hold, in the reference's order."""
    if _plain(columns):
        return reference.col2im(columns, shape, kernel, stride, pads)
    x = xp.empty(shape, dtype=columns.dtype)
    _move(COL2IM, xp.ascontiguousarray(columns), shape, kernel, stride, pads, windows_in(shape[1:3], kernel, stride, pads), x)
    return x


def _move(code, source, shape, kernel, stride, pads, windows, out):
    code(source, *shape[1:], *kernel, *stride, pads[0][0], pads[1][0], *windows, out, wide=max(source.size, out.size) >= WIDE)


def conv2d(x, w, stride, pads):
    """As the reference, with im2col in one launch, and each product straight into its place."""
    if _plain(x):
        return reference.conv2d(x, w, stride, pads)
    KH, KW, C, O = w.shape
    OH, OW = windows_in(x.shape[1:3], (KH, KW), stride, pads)
    w, y = w.reshape(KH * KW * C, O), xp.empty((len(x), OH, OW, O), dtype=x.dtype)
    for some in samples(len(x), OH * OW * len(w) * x.dtype.itemsize, COLUMN_BYTES):
        xp.dot(im2col(x[some], (KH, KW), stride, pads), w, out=y[some].reshape(-1, O))  # (n*OH*OW, K) @ (K, O)
    return y


def conv2d_input_grad(g, w, size, stride, pads):
    """As the reference, with col2im in one launch, straight into its place."""
    if _plain(g):
        return reference.conv2d_input_grad(g, w, size, stride, pads)
    N, OH, OW, O = g.shape
    KH, KW, C, O = w.shape
    w, x = w.reshape(KH * KW * C, O), xp.empty((N, *size, C), dtype=g.dtype)
    for some in samples(N, OH * OW * len(w) * g.dtype.itemsize, COLUMN_BYTES):
        columns = xp.dot(g[some].reshape(-1, O), w.T)  # (n*OH*OW, O) @ (O, K)
        _move(COL2IM, columns, x[some].shape, (KH, KW), stride, pads, (OH, OW), x[some])
    return x


def conv2d_weight_grad(x, g, kernel, stride, pads):
    """As the reference, with im2col in one launch."""
    if _plain(x):
        return reference.conv2d_weight_grad(x, g, kernel, stride, pads)
    N, OH, OW, O = g.shape
    K = math.prod(kernel) * x.shape[3]
    w = None
    for some in samples(N, OH * OW * K * x.dtype.itemsize, COLUMN_BYTES):
        part = xp.dot(im2col(x[some], kernel, stride, pads).T, g[some].reshape(-1, O))  # (K, n*OH*OW) @ (n*OH*OW, O)
        w = part if w is None else xp.add(w, part, out=w)
    return xp.zeros((*kernel, x.shape[3], O), dtype=x.dtype) if w is None else w.reshape(*kernel, x.shape[3], O)


# --- Sums over rows, and batch norm -------------------------------------------------------------------------------
#
# Of an array (M, C), thread i takes column i % C of every P-th row, so that neighbours read neighbouring entries, whatever
# C is.  Its sum goes to (c, p) of an array (C, P), and CuPy adds up each row of that, with a block of threads for each.

GATED = """
    template <typename F> __device__ F gated(F x, bool mask, F on, F off) {
        return mask ? x * on : off == 0 ? F(0) : x * off;
    }
"""

ROW_SIZES = "Index M, Index C, Index P"


def _over_rows(name, inputs, start, each, end):
    """The Kernel that does ``each`` for every entry j of a thread's rows, between ``start`` and ``end``."""
    column = "const Index c = (Index)i % C, p = (Index)i / C;\n"
    loop = f"for (Index j = i; j < M * C; j += P * C) {{ {each} }}\n"
    return Kernel(name, f"{inputs}, {ROW_SIZES}", "raw T sums", f"{column}{start}\n{loop}{end}", GATED)


SUM = _over_rows("sum", "raw T x, T scale", "T sum = 0;", "sum += x[j];", "sums[c * P + p] = sum * scale;")

SQUARES = _over_rows(
    "squares",
    "raw T x, raw T mean, T scale",
    "T sum = 0;",
    "const T centred = x[j] - mean[c];  sum += centred * centred;",
    "sums[c * P + p] = sum * scale;",
)

NORMALISE = Kernel("normalise", "T x, T gamma, T beta, T mean, T var, T eps", "T y", "y = (x - mean) * (gamma / sqrt(var + eps)) + beta;")

NORMALISE_LEAKY = Kernel(
    "normalise_leaky", "T x, T gamma, T beta, T mean, T var, T eps, T slope", "T y, bool mask",
    """
    const T normal = (x - mean) * (gamma / sqrt(var + eps)) + beta;
    mask = !(normal <= 0);
    y = gated<T>(normal, mask, 1, slope);
    """,
    GATED,
)  # fmt: skip


def _batch_norm_sums(name, mask, flowing):
    return _over_rows(
        name,
        f"raw T g, raw T x, {mask}raw T mean, raw T var, T eps, T slope",
        "T dgamma = 0, dbeta = 0;",
        f"const T flowing = {flowing};  dbeta += flowing;  dgamma += flowing * (x[j] - mean[c]);",
        "sums[c * P + p] = dgamma / sqrt(var[c] + eps);  sums[(C + c) * P + p] = dbeta;",
    )


BATCH_NORM_SUMS = _batch_norm_sums("batch_norm_sums", "", "g[j]")
BATCH_NORM_SUMS_LEAKY = _batch_norm_sums("batch_norm_sums_leaky", "raw bool mask, ", "gated<T>(g[j], mask[j], 1, slope)")

BATCH_NORM_GRAD = Kernel(
    "batch_norm_grad",
    "T g, T x, T gamma, T mean, T var, T dgamma, T dbeta, bool mask, T slope, T eps, T share",
    "T dx",
    """
    const T scale = 1 / sqrt(var + eps), flowing = gated<T>(g, mask, 1, slope);
    dx = gamma * scale * (flowing - dbeta * share - (x - mean) * scale * (dgamma * share));
    """,
    GATED,
)


def sum(x, axis=None, **options):
    """As CuPy's, but over all axes up to one, as a bias's gradient needs it, on many threads: CuPy's own takes few for few columns."""
    leading = isinstance(axis, tuple) and 0 < len(axis) < x.ndim and axis == tuple(range(len(axis)))
    if options or not leading or _plain(x) or math.prod(x.shape[: len(axis)]) < SUM_ROWS or not x.flags.c_contiguous:
        return xp.sum(x, axis, **options)
    return _sum_rows(SUM, x, math.prod(x.shape[len(axis) :]), 1.0).reshape(x.shape[len(axis) :])


def _sum_rows(code, x, C, *inputs, outputs=()):
    """The sums that ``code`` makes over the rows of x, taken as (M, C): (*outputs, C)."""
    if not x.size:
        return xp.zeros((*outputs, C), dtype=x.dtype)
    M, P, wide = _spread(x.size, C)
    sums = xp.empty((*outputs, C, P), dtype=x.dtype)
    code(x, *inputs, M, C, P, sums, size=P * C, wide=wide)
    return sums.sum(axis=-1)


def _spread(size, C):
    """(M, P, whether indices are 64-bit) for sums over the rows of (M, C): P threads for a column, of 8 rows or more each."""
    M = size // C
    P = max(1, min(M // 8, SUM_THREADS // C))
    P -= P % 32 if P > 32 else 0  # whole warps
    return M, P, size + P * C >= WIDE  # the step past the last row counts, too


def batch_norm(x, gamma, beta, eps, slope=None):
    """As the reference, in five launches: two passes that sum, with a little sum after each, and one that normalises."""
    if _plain(x, gamma, beta):
        return reference.batch_norm(x, gamma, beta, eps, slope)
    contiguous, C = xp.ascontiguousarray(x), x.shape[-1]
    mean = _sum_rows(SUM, contiguous, C, C / x.size)  # (C,)
    var = _sum_rows(SQUARES, contiguous, C, mean, C / x.size)  # (C,)
    if slope is None:
        return NORMALISE(x, gamma, beta, mean, var, eps), mean, var
    y, mask = NORMALISE_LEAKY(x, gamma, beta, mean, var, eps, slope)
    return y, mean, var, mask


def batch_norm_grad(g, x, gamma, mean, var, eps, mask=None, slope=None):
    """As the reference, in three launches: both sums in one pass, a little sum after it, and one pass for dx."""
    if _plain(g, x, gamma):
        return reference.batch_norm_grad(g, x, gamma, mean, var, eps, mask, slope)
    g, x, C, slope = xp.ascontiguousarray(g), xp.ascontiguousarray(x), x.shape[-1], 1.0 if slope is None else slope
    masks = () if mask is None else (mask,)
    code = BATCH_NORM_SUMS if mask is None else BATCH_NORM_SUMS_LEAKY
    dgamma, dbeta = _sum_rows(code, g, C, x, *masks, mean, var, eps, slope, outputs=(2,))  # (C,) each
    dx = BATCH_NORM_GRAD(g, x, gamma, mean, var, dgamma, dbeta, True if mask is None else mask, slope, eps, C / x.size)
    return dx, dgamma, dbeta


MOVING_AVERAGES = Kernel(
    "moving_averages",
    "T batch_mean, T batch_var, T momentum, T correction",
    "T mean, T var",
    "mean = mean * momentum + batch_mean * (1 - momentum);  var = var * momentum + batch_var * correction * (1 - momentum);",
)


def moving_averages(mean, var, batch_mean, batch_var, momentum, correction):
    """As the reference, both in one launch."""
    arrays = mean, var, batch_mean, batch_var
    if _plain(*arrays) or len({array.dtype for array in arrays}) > 1:
        return reference.moving_averages(*arrays, momentum, correction)
    MOVING_AVERAGES(batch_mean, batch_var, momentum, correction, mean, var)


# --- Entry by entry ---------------------------------------------------------------------------------------------


LEAKY_RELU = Kernel("leaky_relu", "T x, T slope", "T y, bool mask", "mask = !(x <= 0);  y = gated<T>(x, mask, 1, slope);", GATED)

GATE = Kernel("gate", "T x, bool mask, T on, T off", "T y", "y = gated<T>(x, mask, on, off);", GATED)

SIGMOID = Kernel("sigmoid", "T x", "T y", "const T e = exp(-fabs(x));  y = (x >= 0 ? T(1) : e) / (1 + e);")

SIGMOID_BCE = Kernel(  # max(NaN, 0) would be 0
    "sigmoid_bce", "T x, T t", "T y", "y = (x < 0 ? T(0) : x) - (t == 0 ? T(0) : x * t) + log1p(exp(-fabs(x)));"
)

DROPOUT_MASK = Kernel(
    "dropout_mask", "uint32 low, uint32 high, uint32 least", "bool kept",
    """
    unsigned int bits = i;
    for (int half = 0; half < 2; half++) {
        bits = bits * 0x9E3779B1u + (half ? high : low);
        bits = (bits ^ (bits >> 16)) * 0x85EBCA6Bu;
        bits = (bits ^ (bits >> 13)) * 0xC2B2AE35u;
        bits = bits ^ (bits >> 16);
    }
    kept = bits >= least;
    """,
)  # fmt: skip


def leaky_relu(x, slope):
    """As the reference, in one launch."""
    return reference.leaky_relu(x, slope) if _plain(x) else LEAKY_RELU(x, slope)


def gate(x, mask, on, off):
    """As the reference, in one launch."""
    return reference.gate(x, mask, on, off) if _plain(x) or mask.dtype != bool else GATE(x, mask, on, off)


def sigmoid(x):
    """As the reference, in one launch."""
    return reference.sigmoid(x) if _plain(x) else SIGMOID(x)


def sigmoid_bce(x, t):
    """As the reference, in one launch; targets of 0 and infinite logits go together in an array, too."""
    return reference.sigmoid_bce(x, t) if _plain(x) else SIGMOID_BCE(x, t)


def dropout_mask(key, shape, rate):
    """As the reference, in one launch and without its integers in memory."""
    key = int(key)
    return DROPOUT_MASK(key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF, min(int(rate * 2**32), 2**32 - 1), xp.empty(shape, dtype=bool))


# --- Optimisers -------------------------------------------------------------------------------------------------
#
# All parameters of a network in one launch: thread i has entry i of them, laid end to end, and finds whose it is.


ADAM = """
    template <typename F> __device__ void adam(F& p, F g, F& m, F& v, F beta1, F rest1, F beta2, F rest2, F rate, F correction, F eps) {
        m = m * beta1 + g * rest1;
        v = v * beta2 + g * g * rest2;
        p -= m * rate / (sqrt(v / correction) + eps);
    }
"""

DESCENT = """
    template <typename F> __device__ void descent(F& p, F g, F lr) {
        p -= g * lr;
    }
"""

MOMENTUM = """
    template <typename F> __device__ void momentum(F& p, F g, F& velocity, F lr, F factor) {
        velocity = velocity * factor + g;
        p -= velocity * lr;
    }
"""


@functools.cache
def optimiser_kernel(name, n, changed, scalars, preamble):
    """The Kernel that updates n parameters by the function ``name`` of the preamble.

    It takes p, a gradient, and the arrays ``changed`` with p (slots of the optimiser), then scalars.
    """
    inputs = [f"raw T g{k}, int64 n{k}" for k in range(n)] + [f"T {scalar}" for scalar in scalars]
    outputs = [f"raw T {array}{k}" for k in range(n) for array in ("p", *changed)]
    body = "long long j = i;\n"
    for k in range(n):
        arrays = [f"p{k}[j]", f"g{k}[j]", *(f"{array}{k}[j]" for array in changed)]
        body += f"{'else ' if k else ''}if ({f'(j -= n{k - 1})' if k else 'j'} < n{k}) {name}<T>({', '.join([*arrays, *scalars])});\n"
    return Kernel(f"{name}_{n}", ", ".join(inputs), ", ".join(outputs), body, preamble)


def sgd_step(params, grads, velocities, lr, momentum):
    """As the reference, in one launch for every AT_ONCE parameters."""
    if _unlike(params, grads, velocities or ()):
        return reference.sgd_step(params, grads, velocities, lr, momentum)
    if velocities is None:
        return _update("descent", params, grads, {}, {"lr": lr}, DESCENT)
    _update("momentum", params, grads, {"velocity": velocities}, {"lr": lr, "factor": momentum}, MOMENTUM)


def adam_step(params, grads, ms, vs, t, lr, beta1, beta2, eps, eps_hat):
    """As the reference, in one launch for every AT_ONCE parameters."""
    if _unlike(params, grads, ms, vs):
        return reference.adam_step(params, grads, ms, vs, t, lr, beta1, beta2, eps, eps_hat)
    correction1, correction2 = 1 - beta1**t, 1 - beta2**t
    scalars = {"beta1": beta1, "rest1": 1 - beta1, "beta2": beta2, "rest2": 1 - beta2}
    scalars["rate"] = lr * math.sqrt(correction2) / correction1 if eps_hat else lr / correction1
    scalars |= {"correction": 1.0 if eps_hat else correction2, "eps": eps}
    _update("adam", params, grads, {"m": ms, "v": vs}, scalars, ADAM)


def _unlike(params, grads, *slots):
    """Whether the arrays differ in dtype, or those to write into do not lie in one piece."""
    kinds = {array.dtype for arrays in (params, grads, *slots) for array in arrays}
    return len(kinds) != 1 or not kinds <= FLOATS or not all(array.flags.c_contiguous for arrays in (params, *slots) for array in arrays)


def _update(name, params, grads, slots, scalars, preamble):
    for start in range(0, len(params), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        flat = [[array.ravel() for array in arrays[some]] for arrays in (params, *slots.values())]  # views, of the same memory
        sized = [value for g in grads[some] for value in (g.ravel(), g.size)]
        kernel = optimiser_kernel(name, len(flat[0]), tuple(slots), tuple(scalars), preamble)
        if total := builtins.sum(p.size for p in flat[0]):
            kernel(*sized, *scalars.values(), *(array for arrays in zip(*flat, strict=True) for array in arrays), size=total)
