"""Every kernel in a few lines of plain ``xp``: the definitions.

Raw arrays in, raw arrays out.  Axis letters, the same everywhere: ``N`` batch, ``H W`` height and width,
``C`` channels in, ``O`` channels out, ``KH KW`` kernel, ``SH SW`` stride, ``OH OW`` output, ``K = KH*KW*C``.
Images are (N, H, W, C), kernels (KH, KW, C, O), and ``pads`` is ``((top, bottom), (left, right))``.
"""

import math

from nanogan.backend.arrays import xp
from nanogan.backend.random import dropout_mask  # noqa: F401 (a kernel like the others)

COLUMN_BYTES = 4 * 2**20  # of columns built at a time: enough to keep a product busy, little enough to stay near the cache


def windows_in(size, kernel, stride, pads):
    """(OH, OW), how many windows fit into images of ``size`` (H, W): floor((H + top + bottom - KH) / SH) + 1."""
    return tuple((n + sum(p) - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, pads, strict=True))


def im2col(x, kernel, stride, pads):
    """Every window as a row: (N, H, W, C) -> (N*OH*OW, KH*KW*C) (Chellapilla, Puri & Simard 2006).

    Row (n, oh, ow) holds x[n, oh*SH + kh - top, ow*SW + kw - left, c] at column (kh, kw, c), zero outside the image.
    """
    (KH, KW), (SH, SW), (OH, OW) = kernel, stride, windows_in(x.shape[1:3], kernel, stride, pads)
    N, _, _, C = x.shape
    x = xp.pad(x, ((0, 0), *pads, (0, 0)))
    columns = xp.empty((N, OH, OW, KH, KW, C), dtype=x.dtype)
    for kh in range(KH):
        for kw in range(KW):
            columns[:, :, :, kh, kw] = x[:, kh : kh + SH * OH : SH, kw : kw + SW * OW : SW]  # (N, OH, OW, C)
    return columns.reshape(N * OH * OW, KH * KW * C)


def col2im(columns, shape, kernel, stride, pads):
    """The transpose of im2col: each entry is added back where it came from; ``shape`` = (N, H, W, C)."""
    (KH, KW), (SH, SW), ((top, bottom), (left, right)) = kernel, stride, pads
    N, H, W, C = shape
    OH, OW = windows_in((H, W), kernel, stride, pads)
    columns = columns.reshape(N, OH, OW, KH, KW, C)  # from (N*OH*OW, KH*KW*C)
    x = xp.zeros((N, top + H + bottom, left + W + right, C), dtype=columns.dtype)
    for kh in range(KH):
        for kw in range(KW):
            x[:, kh : kh + SH * OH : SH, kw : kw + SW * OW : SW] += columns[:, :, :, kh, kw]  # (N, OH, OW, C)
    return x[:, top : top + H, left : left + W]


def conv2d(x, w, stride, pads):
    """Cross-correlation, one product of columns and kernel: (N, H, W, C) with (KH, KW, C, O) -> (N, OH, OW, O)."""
    N, H, W, C = x.shape
    KH, KW, C, O = w.shape
    OH, OW = windows_in((H, W), (KH, KW), stride, pads)
    y = xp.empty((N, OH, OW, O), dtype=x.dtype)
    for some in samples(N, OH * OW * KH * KW * C * x.dtype.itemsize, COLUMN_BYTES):
        columns = im2col(x[some], (KH, KW), stride, pads)
        y[some] = (columns @ w.reshape(KH * KW * C, O)).reshape(-1, OH, OW, O)  # (n*OH*OW, K) @ (K, O)
    return y


def conv2d_input_grad(g, w, size, stride, pads):
    """The transpose of conv2d in x: (N, OH, OW, O) with (KH, KW, C, O) -> (N, H, W, C), ``size`` = (H, W)."""
    N, OH, OW, O = g.shape
    KH, KW, C, O = w.shape
    x = xp.empty((N, *size, C), dtype=g.dtype)
    for some in samples(N, OH * OW * KH * KW * C * g.dtype.itemsize, COLUMN_BYTES):
        columns = g[some].reshape(-1, O) @ w.reshape(KH * KW * C, O).T  # (n*OH*OW, O) @ (O, K)
        x[some] = col2im(columns, x[some].shape, (KH, KW), stride, pads)
    return x


def conv2d_weight_grad(x, g, kernel, stride, pads):
    """The transpose of conv2d in w: (N, H, W, C) with (N, OH, OW, O) -> (KH, KW, C, O)."""
    N, OH, OW, O = g.shape
    (KH, KW), C = kernel, x.shape[3]
    w = xp.zeros((KH * KW * C, O), dtype=x.dtype)
    for some in samples(N, OH * OW * KH * KW * C * x.dtype.itemsize, COLUMN_BYTES):
        w += im2col(x[some], kernel, stride, pads).T @ g[some].reshape(-1, O)  # (K, n*OH*OW) @ (n*OH*OW, O)
    return w.reshape(KH, KW, C, O)  # from (K, O)


def samples(N, column_bytes, most):
    """Slices of the batch whose columns fit in ``most`` bytes, at least one sample each."""
    step = max(1, most // max(1, column_bytes))
    return [slice(start, start + step) for start in range(0, N, step)]


def matmul_grad(g, a, b, needs):
    """(da, db) of a @ b, None where not ``needs``: da = g b^T, db = a^T g."""
    return g @ xp.swapaxes(b, -1, -2) if needs[0] else None, xp.swapaxes(a, -1, -2) @ g if needs[1] else None


def batch_norm(x, gamma, beta, eps, slope=None):
    """y = gamma * (x - mean) / sqrt(var + eps) + beta over all axes but the last: (y, mean, var), and, with a leaky ReLU of ``slope`` after it, its mask."""
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axis=axes)  # (C,)
    centred = x - mean  # a second pass: in float32, mean(x**2) - mean(x)**2 can come out negative
    var = (centred * centred).mean(axis=axes)  # (C,)
    y = centred * (gamma / xp.sqrt(var + eps)) + beta
    if slope is None:
        return y, mean, var
    y, mask = leaky_relu(y, slope)
    return y, mean, var, mask


def batch_norm_grad(g, x, gamma, mean, var, eps, mask=None, slope=None):
    """(dx, dgamma, dbeta): dx = gamma / (M s) * (M g - sum(g) - xhat * sum(g * xhat)), s = sqrt(var + eps), M = size / C."""
    g = g if mask is None else gate(g, mask, 1.0, slope)  # back through the leaky ReLU
    axes, M, s = tuple(range(x.ndim - 1)), math.prod(x.shape[:-1]), xp.sqrt(var + eps)
    xhat = (x - mean) / s
    dgamma, dbeta = (g * xhat).sum(axis=axes), g.sum(axis=axes)  # (C,) each
    return (gamma / s) * (g - dbeta * (1 / M) - xhat * (dgamma * (1 / M))), dgamma, dbeta


def moving_averages(mean, var, batch_mean, batch_var, momentum, correction):
    """mean = momentum * mean + (1 - momentum) * batch_mean, in place, and var alike, of ``correction`` times the batch's."""
    mean[...] = mean * momentum + batch_mean * (1 - momentum)
    var[...] = var * momentum + batch_var * correction * (1 - momentum)


def leaky_relu(x, slope):
    """(x where x > 0, slope * x elsewhere; the mask of the first).  NaN stays NaN."""
    mask = ~(x <= 0)
    return gate(x, mask, 1.0, slope), mask


def gate(x, mask, on, off):
    """``on * x`` where ``mask``, ``off * x`` elsewhere (numbers): the heart of leaky ReLU and dropout."""
    return xp.where(mask, x * on, x * off if off else 0)


def sigmoid(x):
    """1 / (1 + exp(-x)), by exp(-|x|), which cannot overflow."""
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_bce(x, t):
    """-(t log sigmoid(x) + (1-t) log(1 - sigmoid(x))) from the logit: max(x, 0) - x t + log1p(exp(-|x|))."""
    linear = 0 if isinstance(t, float) and t == 0 else x * t  # softplus(inf) must not meet inf * 0
    return xp.maximum(x, 0) - linear + xp.log1p(xp.exp(-xp.abs(x)))


def sgd_step(params, grads, velocities, lr, momentum):
    """velocity = momentum * velocity + g;  p -= lr * velocity, for every parameter (``velocities`` None: plain descent)."""
    for p, g, velocity in zip(params, grads, velocities or [None] * len(params), strict=True):
        if velocity is not None:
            velocity *= momentum
            velocity += g
            g = velocity
        p -= g * lr


def adam_step(params, grads, ms, vs, t, lr, beta1, beta2, eps, eps_hat):
    """Step ``t`` of Adam on every parameter p, with its moments m and v (Kingma & Ba 2015).  Two forms, which differ where |g| is as small as eps:

    eps_hat False: p -= lr * mhat / (sqrt(vhat) + eps), algorithm 1 as boxed, and PyTorch's.
    eps_hat True:  p -= lr * sqrt(1-beta2^t)/(1-beta1^t) * m / (sqrt(v) + eps), the end of section 2, and Keras's.
    """
    correction1, correction2 = 1 - beta1**t, 1 - beta2**t
    rate = lr * math.sqrt(correction2) / correction1 if eps_hat else lr / correction1
    for p, g, m, v in zip(params, grads, ms, vs, strict=True):
        m *= beta1
        m += g * (1 - beta1)
        v *= beta2
        v += g * g * (1 - beta2)
        p -= m * rate / ((xp.sqrt(v) if eps_hat else xp.sqrt(v / correction2)) + eps)
