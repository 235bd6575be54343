"""Arrays from nothing and from the host, and back.  A copy from the host is counted; ``asarray`` of a device array makes none."""

import numpy as np

from strict_cupy.array import device_array, ndarray, new, operand, quiet
from strict_cupy.counting import copied_to_device, totals
from strict_cupy.dtypes import allocate, check_dtype


def empty(shape, dtype=float, order="C"):
    return new(allocate(shape, dtype, order))


def _filled(a, value):
    totals.launches += 1
    with quiet(all="ignore"):
        a[...] = value
    return new(a)


def zeros(shape, dtype=float, order="C"):
    return _filled(allocate(shape, dtype, order), 0)


def ones(shape, dtype=float, order="C"):
    return _filled(allocate(shape, dtype, order), 1)


def full(shape, fill_value, dtype=None, order="C"):
    if type(fill_value) is ndarray:
        raise TypeError("full: a number on the host is needed (strict_cupy)")
    value = operand(fill_value)
    return _filled(allocate(shape, np.asarray(value).dtype if dtype is None else dtype, order), value)


def _like(function, a, dtype, order, subok, shape):
    """Uninitialised, as ``a``; order "K" keeps the memory order of ``a``."""
    a = device_array(a, function)
    if subok is not None:
        raise TypeError("subok is not supported yet")
    if shape is not None:
        return allocate(shape, a.dtype if dtype is None else dtype, "C" if order in "KA" else order)
    dtype = a.dtype if dtype is None else check_dtype(dtype)
    like = np.empty_like(a, dtype, order)
    like[...] = allocate((), dtype)
    return like


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    return new(_like("empty_like", prototype, dtype, order, subok, shape))


def zeros_like(a, dtype=None, order="K", subok=None, shape=None):
    return _filled(_like("zeros_like", a, dtype, order, subok, shape), 0)


def ones_like(a, dtype=None, order="K", subok=None, shape=None):
    return _filled(_like("ones_like", a, dtype, order, subok, shape), 1)


def full_like(a, fill_value, dtype=None, order="K", subok=None, shape=None):
    if type(fill_value) is ndarray:
        raise TypeError("full_like: a number on the host is needed (strict_cupy)")
    return _filled(_like("full_like", a, dtype, order, subok, shape), operand(fill_value))


def arange(start, stop=None, step=1, dtype=None):
    _host_numbers("arange", start, stop, step)
    totals.launches += 1
    return new(np.arange(start, step=step, dtype=dtype) if stop is None else np.arange(start, stop, step, dtype))


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    _host_numbers("linspace", start, stop, num)
    if retstep or axis != 0:
        raise NotImplementedError("linspace(retstep=, axis=) (strict_cupy)")
    totals.launches += 1
    return new(np.linspace(start, stop, num, endpoint, dtype=dtype))


def eye(N, M=None, k=0, dtype=float, order="C"):
    totals.launches += 2
    return new(np.eye(N, M, k, check_dtype(dtype), order))


def identity(n, dtype=float):
    return eye(n, dtype=dtype)


def _host_numbers(function, *numbers):
    for number in numbers:
        if number is not None and not isinstance(number, (int, float, np.number)):
            raise TypeError(f"{function}: {type(number).__name__} where a number is needed (strict_cupy)")


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """A device array of a device array, a NumPy array, a number or lists of numbers."""
    if subok or not isinstance(copy, (bool, type(None))):
        raise NotImplementedError("array(subok=) (strict_cupy)")
    if type(obj) is ndarray:
        dtype = obj.dtype if dtype is None else check_dtype(dtype)
        if copy or dtype != obj.dtype or not _lies_in(obj._a, order):
            if copy is None or copy:
                obj = obj.astype(dtype, order or "K")
            else:
                raise ValueError("Unable to avoid copy while creating an array as requested.")
        return obj if obj.ndim >= ndmin else obj.reshape((1,) * (ndmin - obj.ndim) + obj.shape)
    if isinstance(obj, (list, tuple)) and obj and all(type(x) is ndarray for x in obj):
        from strict_cupy.shaping import stack

        return array(stack(obj), dtype, None, order, ndmin=ndmin)
    if copy is False:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    a = np.array(obj, None if dtype is None else check_dtype(dtype), order=order or "K", ndmin=ndmin)
    check_dtype(a.dtype)
    copied_to_device(a.nbytes)
    return new(a)


def _lies_in(a, order):
    return order in (None, "K", "A") or (a.flags.c_contiguous if order == "C" else a.flags.f_contiguous)


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    if type(a) is ndarray and (dtype is None or dtype == a._a.dtype) and order is None and not copy:
        return a
    return array(a, dtype, copy, order or "K", blocking=blocking)


def ascontiguousarray(a, dtype=None):
    """In C order, of one axis at least; itself where it is already."""
    if type(a) is not ndarray:
        return array(a, dtype, order="C", ndmin=1)
    a = a.reshape(1) if a.ndim == 0 else a
    return a if a._a.flags.c_contiguous and dtype in (None, a.dtype) else a.astype(dtype or a.dtype, "C")


def copy(a, order="K"):
    device_array(a, "copy")
    return a.copy(order)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    if type(a) is ndarray:
        return a.get(stream, order, out, blocking)
    if out is not None:
        out[...] = a
        return out
    return np.asarray(a, order=order)
