"""Reductions, sorting and comparisons of whole arrays.  The answer is always a device array, of no axes where one number is left."""

import numpy as np

from strict_cupy.array import device_array, ndarray, new, operand, quiet
from strict_cupy.counting import totals
from strict_cupy.ufuncs import UFUNCS, Layout


def _reduced(name, a, axis, out, options):
    """NumPy's ``name`` of the array; the result lies in the layout of a ufunc's."""
    array = device_array(a, name)
    if axis is not None and not isinstance(axis, (int, np.integer, tuple)):
        raise TypeError(f"{name}: axis must be None, an integer or a tuple, not {type(axis).__name__} (strict_cupy)")
    totals.launches += 1
    with quiet(all="ignore"):
        if out is not None:
            _exact("out", device_array(out, name, "out"), getattr(array, name)(axis=axis, **options).shape)
            getattr(array, name)(axis=axis, out=out._a, **options)
            return out
        found = getattr(array, name)(axis=axis, **options)
    return new(np.asarray(found) if np.ndim(found) == 0 else found.copy(Layout.order))


def _exact(name, a, shape):
    if a.shape != shape:
        raise ValueError(f"{name} has shape {a.shape}, the result {shape}")


def sum(a, axis=None, dtype=None, out=None, keepdims=False):
    return _reduced("sum", a, axis, out, {"dtype": dtype, "keepdims": keepdims})


def prod(a, axis=None, dtype=None, out=None, keepdims=False):
    return _reduced("prod", a, axis, out, {"dtype": dtype, "keepdims": keepdims})


def mean(a, axis=None, dtype=None, out=None, keepdims=False):
    return _reduced("mean", a, axis, out, {"dtype": dtype, "keepdims": keepdims})


def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    totals.launches += 2
    return _reduced("var", a, axis, out, {"dtype": dtype, "ddof": ddof, "keepdims": keepdims})


def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    totals.launches += 3
    return _reduced("std", a, axis, out, {"dtype": dtype, "ddof": ddof, "keepdims": keepdims})


def max(a, axis=None, out=None, keepdims=False):
    return _reduced("max", a, axis, out, {"keepdims": keepdims})


def min(a, axis=None, out=None, keepdims=False):
    return _reduced("min", a, axis, out, {"keepdims": keepdims})


def any(a, axis=None, out=None, keepdims=False):
    return _reduced("any", a, axis, out, {"keepdims": keepdims})


def all(a, axis=None, out=None, keepdims=False):
    return _reduced("all", a, axis, out, {"keepdims": keepdims})


def argmax(a, axis=None, dtype=None, out=None, keepdims=False):
    return _position("argmax", a, axis, dtype, out, keepdims)


def argmin(a, axis=None, dtype=None, out=None, keepdims=False):
    return _position("argmin", a, axis, dtype, out, keepdims)


def _position(name, a, axis, dtype, out, keepdims):
    found = _reduced(name, a, axis, out, {"keepdims": keepdims})
    return found if dtype is None else found.astype(dtype)


def cumsum(a, axis=None, dtype=None, out=None):
    return _whole("cumsum", a, np.cumsum, axis, dtype, None if out is None else device_array(out, "cumsum", "out")) if out is None else None


def _whole(name, a, function, *arguments):
    totals.launches += 2
    with quiet(all="ignore"):
        return new(np.array(function(device_array(a, name), *arguments), order="C"))


def sort(a, axis=-1, kind=None):
    return _whole("sort", a, np.sort, axis)


def argsort(a, axis=-1, kind=None):
    return _whole("argsort", a, np.argsort, axis, "stable")


def count_nonzero(a, axis=None):
    return _whole("count_nonzero", a, np.count_nonzero, axis)


def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    if not copy:
        raise NotImplementedError("nan_to_num(copy=False) (strict_cupy)")
    return _whole("nan_to_num", x, np.nan_to_num, True, nan, posinf, neginf)


def clip(a, a_min, a_max, out=None):
    device_array(a, "clip")
    return a.clip(a_min, a_max, out)


def _clip(self, min=None, max=None, out=None):
    """The method; its bounds have other names than the function's."""
    if min is None and max is None:
        raise ValueError("array_clip: must set either max or min (strict_cupy)")
    bounds = [None if bound is None else operand(bound) for bound in (min, max)]
    totals.launches += 1
    with quiet(all="ignore"):
        if out is None:
            return new(np.array(np.clip(self._a, *bounds), order=Layout.order))
        np.clip(self._a, *bounds, out=device_array(out, "clip", "out"))
    return out


def around(a, decimals=0, out=None):
    if out is not None:
        raise NotImplementedError("round(out=) (strict_cupy)")
    return _whole("round", a, np.round, decimals)


def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    totals.launches += 1
    a, b = (x if isinstance(x, (bool, int, float)) else device_array(x, "isclose") for x in (a, b))
    with quiet(all="ignore"):
        return new(np.asarray(np.isclose(a, b, rtol, atol, equal_nan)))


def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """A device array, not a bool: whoever asks it waits."""
    return isclose(a, b, rtol, atol, equal_nan).all()


def array_equal(a1, a2, equal_nan=False):
    if equal_nan:
        raise NotImplementedError("array_equal(equal_nan=True) (strict_cupy)")
    if device_array(a1, "array_equal").shape != device_array(a2, "array_equal").shape:
        return new(np.asarray(False))
    return UFUNCS["equal"](a1, a2).all()


ndarray.sum = lambda self, axis=None, dtype=None, out=None, keepdims=False: sum(self, axis, dtype, out, keepdims)
ndarray.prod = lambda self, axis=None, dtype=None, out=None, keepdims=None: prod(self, axis, dtype, out, bool(keepdims))
ndarray.mean = lambda self, axis=None, dtype=None, out=None, keepdims=False: mean(self, axis, dtype, out, keepdims)
ndarray.var = lambda self, axis=None, dtype=None, out=None, ddof=0, keepdims=False: var(self, axis, dtype, out, ddof, keepdims)
ndarray.std = lambda self, axis=None, dtype=None, out=None, ddof=0, keepdims=False: std(self, axis, dtype, out, ddof, keepdims)
ndarray.max = lambda self, axis=None, out=None, keepdims=False: max(self, axis, out, keepdims)
ndarray.min = lambda self, axis=None, out=None, keepdims=False: min(self, axis, out, keepdims)
ndarray.any = lambda self, axis=None, out=None, keepdims=False: any(self, axis, out, keepdims)
ndarray.all = lambda self, axis=None, out=None, keepdims=False: all(self, axis, out, keepdims)
ndarray.argmax = lambda self, axis=None, out=None, dtype=None, keepdims=False: argmax(self, axis, dtype, out, keepdims)
ndarray.argmin = lambda self, axis=None, out=None, dtype=None, keepdims=False: argmin(self, axis, dtype, out, keepdims)
ndarray.cumsum = lambda self, axis=None, dtype=None, out=None: cumsum(self, axis, dtype, out)
ndarray.argsort = lambda self, axis=-1, kind=None: argsort(self, axis, kind)
ndarray.round = lambda self, decimals=0, out=None: around(self, decimals, out)
ndarray.clip = _clip
