"""What the right answer is, in loops over single entries: slow, obvious, and without a line of nanogan."""

import numpy as np


def taps(size, out, kernel, stride, pads):
    """Every (output row, output column, kernel row, kernel column, image row, image column) that falls into the image."""
    for i, j, kh, kw in np.ndindex(*out, *kernel):
        h, v = i * stride[0] + kh - pads[0][0], j * stride[1] + kw - pads[1][0]
        if 0 <= h < size[0] and 0 <= v < size[1]:
            yield i, j, kh, kw, h, v


def out_size(size, kernel, stride, pads):
    """How many times the kernel fits, by sliding it until it leaves the padded image."""
    return tuple(len(range(0, n + sum(p) - k + 1, s)) for n, k, s, p in zip(size, kernel, stride, pads, strict=True))


def conv2d(x, w, stride, pads):
    """Gather: y[i, j] = sum of x[i s + kh - top, j s + kw - left] @ w[kh, kw]."""
    out = out_size(x.shape[1:3], w.shape[:2], stride, pads)
    y = np.zeros((x.shape[0], *out, w.shape[3]))
    for i, j, kh, kw, h, v in taps(x.shape[1:3], out, w.shape[:2], stride, pads):
        y[:, i, j] += x[:, h, v] @ w[kh, kw]
    return y


def conv2d_input_grad(y, w, size, stride, pads):
    """Scatter: every y[i, j] is spread over the pixels it was gathered from."""
    x = np.zeros((y.shape[0], *size, w.shape[2]))
    for i, j, kh, kw, h, v in taps(size, y.shape[1:3], w.shape[:2], stride, pads):
        x[:, h, v] += y[:, i, j] @ w[kh, kw].T
    return x


def conv2d_weight_grad(x, y, kernel, stride, pads):
    w = np.zeros((*kernel, x.shape[3], y.shape[3]))
    for i, j, kh, kw, h, v in taps(x.shape[1:3], y.shape[1:3], kernel, stride, pads):
        w[kh, kw] += x[:, h, v].T @ y[:, i, j]
    return w


def im2col(x, kernel, stride, pads):
    out = out_size(x.shape[1:3], kernel, stride, pads)
    columns = np.zeros((x.shape[0], *out, *kernel, x.shape[3]))
    for i, j, kh, kw, h, v in taps(x.shape[1:3], out, kernel, stride, pads):
        columns[:, i, j, kh, kw] = x[:, h, v]
    return columns.reshape(-1, kernel[0] * kernel[1] * x.shape[3])


def col2im(columns, shape, kernel, stride, pads):
    out, x = out_size(shape[1:3], kernel, stride, pads), np.zeros(shape)
    columns = columns.reshape(shape[0], *out, *kernel, shape[3])
    for i, j, kh, kw, h, v in taps(shape[1:3], out, kernel, stride, pads):
        x[:, h, v] += columns[:, i, j, kh, kw]
    return x


def batch_norm(x, gamma, beta, eps):
    """(y, mean, biased variance), one channel after the other."""
    y, means, variances = np.zeros(x.shape), [], []
    for c in range(x.shape[-1]):
        values = [float(v) for v in x[..., c].ravel()]
        means.append(sum(values) / len(values))
        variances.append(sum((v - means[c]) ** 2 for v in values) / len(values))
        y[..., c] = gamma[c] * (x[..., c] - means[c]) / (variances[c] + eps) ** 0.5 + beta[c]
    return y, np.array(means), np.array(variances)


def layer_norm(x, gamma, beta, eps):
    samples = [(s - s.mean()) / (((s - s.mean()) ** 2).mean() + eps) ** 0.5 for s in x]
    return np.array(samples) * gamma + beta


def dropout_mask(key, shape, rate):
    """The hash of (key, position) in Python's unbounded integers, cut to 32 bits by hand."""
    kept = []
    for bits in range(int(np.prod(shape))):
        for half in (key % 2**32, key // 2**32):
            bits = (bits * 0x9E3779B1 + half) % 2**32
            bits = (bits ^ bits // 2**16) * 0x85EBCA6B % 2**32
            bits = (bits ^ bits // 2**13) * 0xC2B2AE35 % 2**32
            bits = bits ^ bits // 2**16
        kept.append(bits >= int(rate * 2**32))
    return np.array(kept).reshape(shape)


def softmax_cross_entropy(logits, labels):
    return np.array([np.log(sum(np.exp(row))) - row[label] for row, label in zip(logits, labels, strict=True)])
