"""The layers.  Weights start Glorot uniform and biases at 0, as in Keras; ``init=`` takes another of ``nn.init``."""

import math

from nanogan import ops
from nanogan.autograd import Tensor
from nanogan.backend import asarray, kernels, xp
from nanogan.nn import init as initialisers
from nanogan.nn.module import Module
from nanogan.ops.convolution import pair
from nanogan.ops.normalization import check_channels


def _weight(array):
    return Tensor(xp.array(asarray(array)), requires_grad=True)  # a copy: no two layers share an array


class Dense(Module):
    """(N, in_features) -> (N, out_features): x @ weight + bias, weight (in, out)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, init=initialisers.glorot_uniform):
        self.weight = _weight(init((in_features, out_features)))
        self.bias = _weight(xp.zeros(out_features, xp.float32)) if bias else None

    def forward(self, x):
        return ops.dense(x, self.weight, self.bias)


class Conv2D(Module):
    """(N, H, W, in) -> (N, OH, OW, out), weight (KH, KW, in, out).  kernel, stride: an int or a pair."""

    def __init__(self, in_channels, out_channels, kernel, stride=1, padding="same", bias=True, init=initialisers.glorot_uniform):
        self.weight = _weight(init((*pair("Conv2D: kernel", kernel), in_channels, out_channels)))
        self.bias = _weight(xp.zeros(out_channels, xp.float32)) if bias else None
        self.stride, self.padding = stride, padding

    def forward(self, x):
        return ops.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class ConvTranspose2D(Module):
    """(N, H, W, in) -> (N, OH, OW, out), weight (KH, KW, out, in); the sizes are those of ``ops.conv_transpose2d``."""

    def __init__(self, in_channels, out_channels, kernel, stride=1, padding="same", bias=True, output_size=None, init=initialisers.glorot_uniform):
        self.weight = _weight(init((*pair("ConvTranspose2D: kernel", kernel), out_channels, in_channels)))
        self.bias = _weight(xp.zeros(out_channels, xp.float32)) if bias else None
        self.stride, self.padding, self.output_size = stride, padding, output_size

    def forward(self, x):
        return ops.conv_transpose2d(x, self.weight, self.bias, self.stride, self.padding, self.output_size)


class BatchNorm(Module):
    """Normalise each channel (last axis): by the batch in training, by moving statistics in inference (PyTorch's momentum is 1 - this one).
    unbiased: the moving variance takes n / (n - 1) times the batch's, as in PyTorch, and in Keras for images.
    """

    statistics = ("moving_mean", "moving_var")

    def __init__(self, features: int, momentum: float = 0.9, eps: float = 1e-5, unbiased: bool = False):
        self.gamma, self.beta = _weight(xp.ones(features, xp.float32)), _weight(xp.zeros(features, xp.float32))
        self.moving_mean, self.moving_var = xp.zeros(features, xp.float32), xp.ones(features, xp.float32)
        self.momentum, self.eps, self.unbiased = float(momentum), float(eps), unbiased

    def fused_with(self, after):
        hooked = "forward" in vars(self) or "forward" in vars(after)  # replaced on the instance: to be called
        if self.training and type(self) is BatchNorm and type(after) in (LeakyReLU, ReLU) and not hooked:
            return lambda x: self.forward(x, after.slope)

    def forward(self, x, slope=None):
        if not self.training:
            x, _, _ = check_channels("batch_norm", x, self.gamma, self.beta, least=0)
            scale = self.gamma * Tensor((self.moving_var + self.eps) ** -0.5)  # (C,)
            return x * scale + (self.beta - scale * Tensor(self.moving_mean))
        y, mean, var = ops.batch_norm(x, self.gamma, self.beta, self.eps, slope)
        n = y.size // y.shape[-1]
        kernels.moving_averages(self.moving_mean, self.moving_var, mean, var, self.momentum, n / max(n - 1, 1) if self.unbiased else 1.0)
        return y


class LayerNorm(Module):
    """Normalise each sample over all its entries, then scale and shift each channel: the same in both modes."""

    def __init__(self, features: int, eps: float = 1e-5):
        self.gamma, self.beta, self.eps = _weight(xp.ones(features, xp.float32)), _weight(xp.zeros(features, xp.float32)), eps

    def forward(self, x):
        return ops.layer_norm(x, self.gamma, self.beta, self.eps)


class LeakyReLU(Module):
    """x where x > 0, slope * x elsewhere."""

    def __init__(self, slope: float = 0.2):
        self.slope = slope

    def forward(self, x):
        return ops.leaky_relu(x, self.slope)


class ReLU(Module):
    """max(x, 0)."""

    slope = 0.0
    forward = staticmethod(ops.relu)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    forward = staticmethod(ops.sigmoid)


class Tanh(Module):
    """The hyperbolic tangent."""

    forward = staticmethod(ops.tanh)


class Dropout(Module):
    """In training, entries set to 0 with probability ``rate``, the others divided by 1 - rate."""

    def __init__(self, rate: float = 0.5):
        self.rate = rate

    def forward(self, x):
        return ops.dropout(x, self.rate, self.training)


class Reshape(Module):
    """(N, ...) -> (N, *shape)."""

    def __init__(self, *shape: int):
        self.shape = shape

    def forward(self, x):
        return ops.reshape(x, (len(x), *self.shape))


class Flatten(Module):
    """(N, H, W, C) -> (N, H*W*C), the channels fastest."""

    def forward(self, x):
        return ops.reshape(x, (len(x), math.prod(x.shape[1:])))
