"""Batch normalisation, over all axes but the last, and layer normalisation, over all axes but the first."""

from nanogan.autograd import Function, Tensor, as_tensor
from nanogan.backend import ShapeError, kernels
from nanogan.ops.activation import Gate
from nanogan.ops.arithmetic import sqrt
from nanogan.ops.reduction import mean, sum, var


class BatchNorm(Function):
    """(x, gamma, beta) -> y.  Mean and variance depend on x, and a gradient of this gradient must see that: ``backward``
    computes them anew, as tensors.  Where nobody differentiates again, ``backward_fused`` takes them as they are.
    With a ``slope``, a leaky ReLU comes after it: what lies between is neither kept nor passed over twice.
    """

    slope = None

    def forward(self, x, gamma, beta):
        y, self.mean, self.var, self.mask = (*kernels.batch_norm(x, gamma, beta, self.eps, self.slope), None)[:4]
        return y

    def backward(self, grad):
        x, gamma, _ = self.inputs
        grad = grad if self.mask is None else Gate(mask=self.mask, on=1.0, off=self.slope)(grad)
        axes, xhat, _ = _normalised(x, self.eps)
        dx = BatchNormGrad(mean=self.mean, var=self.var, eps=self.eps)(grad, x, gamma) if self.needs[0] else None
        return dx, sum(grad * xhat, axes) if self.needs[1] else None, sum(grad, axes) if self.needs[2] else None

    def backward_fused(self, grad):
        x, gamma, _ = self.inputs
        return kernels.batch_norm_grad(grad, x.data, gamma.data, self.mean, self.var, self.eps, self.mask, self.slope)


class BatchNormGrad(Function):
    """(g, x, gamma) -> dx = gamma / s * (g - mean(g) - xhat * mean(g * xhat)), which is linear in g, and its own transpose there."""

    def forward(self, g, x, gamma):
        return kernels.batch_norm_grad(g, x, gamma, self.mean, self.var, self.eps)[0]

    def backward(self, u):
        g, x, gamma = self.inputs
        axes, xhat, s = _normalised(x, self.eps)
        dg = BatchNormGrad(mean=self.mean, var=self.var, eps=self.eps)(u, x, gamma) if self.needs[0] else None
        g, u = g - mean(g, axes), u - mean(u, axes)
        a, b = mean(g * xhat, axes), mean(u * xhat, axes)  # (C,)
        q = mean(g * u, axes) - a * b  # <u, dx> = gamma / s * M * q, differentiated: in gamma, and in the x of xhat and s
        dx = gamma * -1 / (s * s) * (b * g + a * u + xhat * (q - a * b * 2)) if self.needs[1] else None
        return dg, dx, q / s * (x.size // x.shape[-1]) if self.needs[2] else None


def _normalised(x, eps):
    """(axes, xhat, s): xhat = (x - mean) / s, s = sqrt(var + eps)."""
    axes = tuple(range(x.ndim - 1))
    centred = x - mean(x, axes)  # (..., C)
    s = sqrt(mean(centred * centred, axes) + eps)  # (C,)
    return axes, centred / s, s


def batch_norm(x, gamma, beta, eps: float = 1e-5, slope: float | None = None) -> tuple:
    """Normalise each channel over the batch: y = gamma * (x - mean) / sqrt(var + eps) + beta.

    x: (N, ..., C).  gamma, beta: (C,).  Returns (y, mean, var): a tensor, and the batch's mean and biased variance as plain arrays (C,).
    slope: that of a leaky ReLU after it, or None.  ShapeError, also for an empty batch.  Ioffe & Szegedy 2015, algorithm 1.
    >>> y, mean, var = batch_norm(Tensor([[1.0], [3.0]]), Tensor([1.0]), Tensor([0.0]), eps=0.0)
    >>> y.numpy().ravel(), mean.item(), var.item()
    (array([-1.,  1.], dtype=float32), 2.0, 1.0)
    """
    x, gamma, beta = check_channels("batch_norm", x, gamma, beta)
    normalise = BatchNorm(eps=eps, slope=slope)
    y = normalise(x, gamma, beta)
    return y, normalise.mean.copy(), normalise.var.copy()


def layer_norm(x, gamma, beta, eps: float = 1e-5) -> Tensor:
    """Normalise each sample over all its entries, then scale and shift each channel.

    x: (N, ..., C).  gamma, beta: (C,).  Returns a tensor of x's shape.  No sample sees another, so it
    is what to use in a critic under a gradient penalty (Ba et al. 2016; Gulrajani et al. 2017, section 4).
    """
    x, gamma, beta = check_channels("layer_norm", x, gamma, beta)
    axes = tuple(range(1, x.ndim))
    return (x - mean(x, axes, keepdims=True)) / sqrt(var(x, axes, keepdims=True) + eps) * gamma + beta


def check_channels(name, x, gamma, beta, least=1):
    x, gamma, beta = as_tensor(x), as_tensor(gamma), as_tensor(beta)
    if x.ndim < 2 or gamma.shape != x.shape[-1:] or beta.shape != x.shape[-1:]:
        raise ShapeError(f"{name}: x {x.shape} needs gamma and beta of one entry per channel, not {gamma.shape} and {beta.shape}")
    if x.size < least:
        raise ShapeError(f"{name}: x {x.shape} is empty and has no mean")
    return x, gamma, beta
