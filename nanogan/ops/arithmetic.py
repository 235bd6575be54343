"""Arithmetic, entry by entry, with broadcasting; and the operators of ``Tensor``."""

from nanogan.autograd import Add, Function, Light, Tensor, as_tensor, operand
from nanogan.backend import kernels, xp


class Multiply(Function):
    """a * b;  da = g b,  db = g a."""

    def forward(self, a, b):
        return kernels.multiply(a, b)

    def backward(self, grad):
        a, b = self.inputs
        return (grad * b if self.needs[0] else None), (grad * a if self.needs[1] else None)


class Power(Function):
    """x ** n for a number n;  dx = g n x**(n-1), and 0 at n = 0."""

    def forward(self, x):
        return xp.sqrt(x) if self.n == 0.5 else x**self.n

    def backward(self, grad):
        return (grad * 0 if self.n == 0 else grad * power(self.inputs[0], self.n - 1) * self.n,)


class Exp(Light):
    """y = exp(x);  dx = g y."""

    def forward(self, x):
        self.y = xp.exp(x)
        return self.y

    def backward(self, grad):
        return (grad * self.output(self.y),)


class Log(Function):
    """log(x);  dx = g / x."""

    def forward(self, x):
        return xp.log(x)

    def backward(self, grad):
        return (grad / self.inputs[0],)


class Maximum(Light):
    """The larger of a and b; the gradient goes to the larger, and half to each where they are equal."""

    def forward(self, a, b):
        y = xp.maximum(a, b)
        self.a_wins = (a > b).astype(y.dtype) + (a == b).astype(y.dtype) * 0.5
        return y

    def backward(self, grad):
        return grad * Tensor(self.a_wins), grad * Tensor(1 - self.a_wins)


def add(a, b) -> Tensor:
    """a + b, broadcasting."""
    return Add()(a, b)


def subtract(a, b) -> Tensor:
    """a - b, broadcasting."""
    return Add()(a, negative(b))


def multiply(a, b) -> Tensor:
    """a * b, entry by entry, broadcasting."""
    return Multiply()(a, b)


def divide(a, b) -> Tensor:
    """a / b, broadcasting: a times b to the power -1."""
    b = operand(b)
    return Multiply()(a, power(b, -1) if isinstance(b, Tensor) else 1 / b)


def negative(x) -> Tensor:
    """-x."""
    return operand(x) * -1


def power(x, exponent) -> Tensor:
    """x to a power; ``exponent`` is a number (TypeError otherwise).  At exponent 0 the derivative is 0.
    >>> power(Tensor([2.0, 3.0]), 2)
    Tensor([4. 9.], float32)
    """
    exponent = operand(exponent)
    if isinstance(exponent, Tensor):
        raise TypeError("power: the exponent must be a number; for a tensor y, use exp(log(x) * y)")
    return as_tensor(x) if exponent == 1 else Power(n=exponent)(x)


def exp(x) -> Tensor:
    """e to the x."""
    return Exp()(x)


def log(x) -> Tensor:
    """The natural logarithm; of 0 it is -inf, with NumPy's warning."""
    return Log()(x)


def sqrt(x) -> Tensor:
    """The square root.  Its derivative at 0 is infinite: for a length, use ``norm``, which is safe there."""
    return power(x, 0.5)


def abs(x) -> Tensor:
    """|x|; the derivative at 0 is 0."""
    x = as_tensor(x)
    return x * Tensor(xp.sign(x.data))


def maximum(a, b) -> Tensor:
    """The larger of a and b, broadcasting; where they are equal, each gets half of the gradient."""
    return Maximum()(a, b)


Tensor.__add__ = Tensor.__radd__ = add
Tensor.__mul__ = Tensor.__rmul__ = multiply
Tensor.__rsub__, Tensor.__rtruediv__ = (lambda self, other: subtract(other, self)), (lambda self, other: divide(other, self))
Tensor.__sub__, Tensor.__truediv__, Tensor.__neg__, Tensor.__pow__ = subtract, divide, negative, power
