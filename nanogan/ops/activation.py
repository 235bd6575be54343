"""Activations and dropout."""

from nanogan.autograd import Function, Light, Tensor, as_tensor
from nanogan.backend import kernels, random


class Gate(Light):
    """x times ``on`` where ``mask`` is true, times ``off`` elsewhere.  With its mask fixed it is its own transpose."""

    def forward(self, x):
        return kernels.gate(x, self.mask, self.on, self.off)

    def backward(self, grad):
        return (Gate(mask=self.mask, on=self.on, off=self.off)(grad),)


class LeakyReLU(Gate):
    """x where x > 0, ``off`` times x elsewhere: it makes its own mask."""

    def forward(self, x):
        y, self.mask = kernels.leaky_relu(x, self.off)
        return y


class Sigmoid(Light):
    """y = sigmoid(x);  dx = g y (1 - y)."""

    def forward(self, x):
        self.y = kernels.sigmoid(x)
        return self.y

    def backward(self, grad):
        y = self.output(self.y)
        return (grad * y * (1 - y),)


class Tanh(Light):
    """y = tanh(x);  dx = g (1 - y**2)."""

    def forward(self, x):
        self.y = kernels.tanh(x)
        return self.y

    def backward(self, grad):
        y = self.output(self.y)
        return (grad * (1 - y * y),)


class SigmoidBCE(Function):
    """-(t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))), entry by entry;  dx = g (sigmoid(x) - t)."""

    def forward(self, x):
        return kernels.sigmoid_bce(x, self.targets)

    def backward(self, grad):
        return (grad * (sigmoid(self.inputs[0]) - self.targets),)


def relu(x) -> Tensor:
    """max(x, 0); the derivative at 0 is 0."""
    return leaky_relu(x, 0.0)


def leaky_relu(x, slope: float = 0.2) -> Tensor:
    """x where x > 0, slope * x elsewhere; the derivative at 0 is ``slope`` (Maas et al. 2013).
    >>> leaky_relu(Tensor([-1.0, 2.0]), 0.5)
    Tensor([-0.5  2. ], float32)
    """
    return LeakyReLU(on=1.0, off=slope)(as_tensor(x))


def sigmoid(x) -> Tensor:
    """1 / (1 + exp(-x)), without overflow at either end."""
    return Sigmoid()(as_tensor(x))


def tanh(x) -> Tensor:
    """The hyperbolic tangent."""
    return Tanh()(as_tensor(x))


def softplus(x) -> Tensor:
    """log(1 + exp(x)) without overflow: the cross-entropy of the logit x against the label 0."""
    return SigmoidBCE(targets=0.0)(as_tensor(x))


def dropout(x, rate: float = 0.5, training: bool = True, key: int | None = None) -> Tensor:
    """Entries set to 0 with probability ``rate``, the others divided by 1 - rate (Srivastava et al. 2014).

    training: False returns x as it is.  key: an integer that fixes the mask; by default the random
    stream draws one.  Raises ValueError for a rate outside [0, 1).
    >>> dropout(Tensor([1.0, 1.0, 1.0, 1.0]), 0.5, key=3)
    Tensor([2. 2. 0. 2.], float32)
    """
    x = as_tensor(x)
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: the rate must be at least 0 and less than 1, not {rate}")
    if not training or rate == 0:
        return x
    key = int(random.stream().integers(2**63)) if key is None else key
    mask = kernels.dropout_mask(key, x.shape, rate)
    return Gate(mask=mask, on=1 / (1 - rate), off=0.0)(x)
