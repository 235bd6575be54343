"""Products of matrices.  Operands are device arrays; an ``out`` must lie in C order and have the result's shape and dtype."""

import numpy as np

from strict_cupy.array import device_array, in_c_order, ndarray, new, quiet, view
from strict_cupy.counting import totals


def _matrix(x, name):
    if type(x) is not ndarray:
        of = f"{type(x).__module__}." if type(x).__module__ != "builtins" else ""
        raise TypeError(f"Argument {name!r} has incorrect type (expected cupy._core.core._ndarray_base, got {of}{type(x).__name__})")
    return x._a


def _copies(a, b):
    """Kernels that CuPy starts to bring operands into a layout which cuBLAS takes."""
    if a.ndim <= 2 and b.ndim <= 2:
        return sum(not (x.flags.c_contiguous or x.flags.f_contiguous) for x in (a, b))
    return sum(not x.flags.c_contiguous for x in (a, b))


def _into(out, result, name):
    if type(out) is not ndarray:
        raise TypeError(f"{name}: out must be a cupy.ndarray, not {type(out).__name__}")
    if out.shape != result.shape:
        raise ValueError(f"{name}: out has shape {out.shape}, the product {result.shape}")
    if out.dtype != result.dtype:
        raise ValueError(f"Not supported dtype combination. ({name}: out is {out.dtype}, the product {result.dtype})")
    if not out._a.flags.c_contiguous:
        raise ValueError("Output array must be C-contiguous")
    out._a[...] = result
    return out


def matmul(*args, out=None):
    """a @ b: of two arrays of one axis or more."""
    if len(args) != 2:
        raise TypeError(f"matmul takes 2 arrays and out=, not {len(args)} arrays (strict_cupy)")
    a, b = _matrix(args[0], "a"), _matrix(args[1], "b")
    totals.launches += 1 + _copies(a, b)
    with quiet(all="ignore"):
        result = in_c_order(np.matmul(a, b))
    return new(result) if out is None else _into(out, result, "matmul")


def dot(a, b, out=None):
    a, b = _matrix(a, "a"), _matrix(b, "b")
    totals.launches += 1 + _copies(a, b)
    with quiet(all="ignore"):
        result = in_c_order(np.dot(a, b))
    return new(result) if out is None else _into(out, result, "dot")


def tensordot(a, b, axes=2):
    a, b = _matrix(a, "a"), _matrix(b, "b")
    totals.launches += 1 + _copies(a, b)
    with quiet(all="ignore"):
        return new(in_c_order(np.tensordot(a, b, axes)))


def outer(a, b, out=None):
    if out is not None:
        raise NotImplementedError("outer(out=) (strict_cupy)")
    totals.launches += 1
    return new(np.outer(_matrix(a, "a"), _matrix(b, "b")))


def einsum(*operands, **kwargs):
    """By a string of subscripts.  Unlike NumPy's it has no ``out``."""
    if not operands or not isinstance(operands[0], str):
        raise NotImplementedError("einsum: subscripts as a string (strict_cupy)")
    if unknown := kwargs.keys() - {"dtype", "optimize"}:
        raise TypeError(f"Did not understand the following kwargs: {list(unknown)}")
    arrays = [device_array(x, "einsum", "operands") for x in operands[1:]]
    totals.launches += len(arrays)
    with quiet(all="ignore"):
        result = np.einsum(operands[0], *arrays, dtype=kwargs.get("dtype"))
    if len(arrays) == 1 and isinstance(result, np.ndarray) and np.may_share_memory(result, arrays[0]):
        return view(result, operands[1])
    return new(in_c_order(result))


def norm(x, ord=None, axis=None, keepdims=False):
    """cupy.linalg.norm."""
    totals.launches += 2
    return new(np.asarray(np.linalg.norm(device_array(x, "norm", "x"), ord, axis, keepdims)))


def _operator(a, b):
    return NotImplemented if getattr(b, "__array_ufunc__", ...) is None else matmul(a, b)


ndarray.__matmul__ = _operator
ndarray.__rmatmul__ = lambda b, a: matmul(a, b)
ndarray.dot = lambda self, b, out=None: dot(self, b, out)
