"""Matrix products."""

from nanogan.autograd import Function, Tensor, as_tensor
from nanogan.backend import ShapeError, kernels
from nanogan.ops.shaping import transpose


class Matmul(Function):
    """a @ b over the last two axes;  da = g b^T,  db = a^T g."""

    def forward(self, a, b):
        return kernels.matmul(a, b)

    def backward(self, grad):
        a, b = self.inputs
        return (matmul(grad, _swap(b)) if self.needs[0] else None), (matmul(_swap(a), grad) if self.needs[1] else None)

    def backward_fused(self, grad):
        a, b = self.inputs
        return kernels.matmul_grad(grad, a.data, b.data, self.needs)


def _swap(x):
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))  # (..., M, N) -> (..., N, M)


def matmul(a, b) -> Tensor:
    """(..., M, K) @ (..., K, N) -> (..., M, N); axes in front broadcast.  Both have at least two axes."""
    a, b = as_tensor(a), as_tensor(b)
    if min(a.ndim, b.ndim) < 2:
        raise ShapeError(f"matmul: {a.shape} @ {b.shape}: both need two axes or more; reshape a vector to a row or a column")
    return Matmul()(a, b)


def dense(x, w, b=None) -> Tensor:
    """x @ w + b: (N, in) @ (in, out) + (out,) -> (N, out)."""
    x, w = as_tensor(x), as_tensor(w)
    if x.ndim != 2 or w.ndim != 2 or x.shape[1] != w.shape[0]:
        raise ShapeError(f"dense: x is {x.shape}, w {w.shape}; needs (N, in) and (in, out); flatten images first")
    return add_bias("dense", Matmul()(x, w), b)


def add_bias(name, y, b) -> Tensor:
    """y + b for one bias per feature, the last axis of y; y for b None."""
    if b is not None and as_tensor(b).shape != y.shape[-1:]:
        raise ShapeError(f"{name}: a bias of shape {as_tensor(b).shape} for an output {y.shape}, which needs {y.shape[-1:]}")
    return y if b is None else y + b


Tensor.__matmul__, Tensor.__rmatmul__ = matmul, lambda self, other: matmul(other, self)
