"""Functions that move entries or choose among them.  Each wants device arrays; CuPy runs some of them on the host, unnoticed."""

import numpy as np

from strict_cupy.array import device_array, in_c_order, ndarray, new, operand, quiet, view, view_or_new
from strict_cupy.counting import copied_to_device, synchronised, totals


def reshape(a, newshape, order="C", *, copy=None):
    device_array(a, "reshape")
    return a.reshape(newshape, order=order, copy=copy)


def ravel(a, order="C"):
    device_array(a, "ravel")
    return a.ravel(order)


def transpose(a, axes=None):
    device_array(a, "transpose")
    return a.transpose(axes)


def swapaxes(a, axis1, axis2):
    return view(device_array(a, "swapaxes").swapaxes(axis1, axis2), a)


def moveaxis(a, source, destination):
    return view(np.moveaxis(device_array(a, "moveaxis"), source, destination), a)


def expand_dims(a, axis):
    return view(np.expand_dims(device_array(a, "expand_dims"), axis), a)


def squeeze(a, axis=None):
    return view(device_array(a, "squeeze").squeeze(axis), a)


def flip(a, axis=None):
    return view(np.flip(device_array(a, "flip"), axis), a)


def atleast_1d(*arys):
    arrays = [view(np.atleast_1d(device_array(a, "atleast_1d")), a) for a in arys]
    return arrays[0] if len(arrays) == 1 else arrays


def split(ary, indices_or_sections, axis=0):
    if not isinstance(indices_or_sections, int) and any(type(i) is ndarray for i in indices_or_sections):
        raise TypeError("split: the cuts must lie on the host (strict_cupy)")
    return [view(part, ary) for part in np.split(device_array(ary, "split"), indices_or_sections, axis)]


def broadcast_to(array, shape):
    """A view that repeats.  Here it cannot be written into; CuPy would let you, and write every repetition at once."""
    return view(np.broadcast_to(device_array(array, "broadcast_to"), shape), array)


def broadcast_arrays(*args):
    shape = np.broadcast_shapes(*(device_array(a, "broadcast_arrays").shape for a in args))
    return [broadcast_to(a, shape) for a in args]


def as_strided(x, shape=None, strides=None):
    """A view by strides in bytes; IndexError where it leaves the memory of ``x`` (CuPy would not notice)."""
    device_array(x, "as_strided")
    return ndarray(x.shape if shape is None else tuple(shape), x.dtype, x.data, x.strides if strides is None else tuple(strides))


def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    if writeable:
        raise NotImplementedError("Writeable views are not supported.")
    sizes = window_shape if np.iterable(window_shape) else (window_shape,)
    copied_to_device(8 * len(sizes))
    for _ in sizes:
        synchronised("synchronisation: sliding_window_view looks at its window_shape on the device")
    return view(np.lib.stride_tricks.sliding_window_view(device_array(x, "sliding_window_view"), window_shape, axis), x)


def _joined(function, name, tup, out, dtype, casting, **options):
    arrays = [device_array(a, name, "tup") for a in tup]
    if not arrays:
        raise ValueError("need at least one array to concatenate")
    totals.launches += 1
    if out is None:
        return new(in_c_order(function(arrays, dtype=dtype, casting=casting, **options)))
    function(arrays, out=device_array(out, name, "out"), casting=casting, **options)
    return out


def concatenate(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    return _joined(np.concatenate, "concatenate", tup, out, dtype, casting, axis=axis)


def stack(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    return _joined(np.stack, "stack", tup, out, dtype, casting, axis=axis)


def vstack(tup, *, dtype=None, casting="same_kind"):
    return _joined(np.vstack, "vstack", tup, None, dtype, casting)


def hstack(tup, *, dtype=None, casting="same_kind"):
    return _joined(np.hstack, "hstack", tup, None, dtype, casting)


def pad(array, pad_width, mode="constant", **kwargs):
    a = device_array(array, "pad")
    if not isinstance(mode, str) or any(type(x) is ndarray for x in kwargs.values()):
        raise NotImplementedError("pad: a mode by name, and values on the host (strict_cupy)")
    totals.launches += 1 + 2 * sum(any(widths) for widths in np.broadcast_to(pad_width, (a.ndim, 2)).tolist())
    return new(np.pad(a, pad_width, mode, **kwargs))


def where(condition, x=None, y=None):
    """By a mask of booleans.  With a mask alone the number of results must be waited for."""
    if not hasattr(condition, "astype"):
        raise AttributeError(f"'{type(condition).__name__}' object has no attribute 'astype'")
    mask = device_array(condition, "where", "condition")
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if x is None:
        return nonzero(condition)
    totals.launches += 1 if mask.dtype.kind == "b" else 2
    with quiet(all="ignore"):
        return new(in_c_order(np.where(mask, operand(x), operand(y))))


def nonzero(a):
    synchronised("synchronisation: nonzero")
    totals.launches += 3
    found = new(np.ascontiguousarray(np.argwhere(device_array(a, "nonzero"))))
    return tuple(view(found._a[:, axis], found) for axis in range(found.shape[1]))


def take(a, indices, axis=None, out=None):
    """Entries by an integer or a device array of integers; outside of the axis an IndexError (CuPy wraps around in silence)."""
    source, index = device_array(a, "take"), operand(indices)
    if not isinstance(index, int) and np.asarray(index).dtype.kind not in "iu":
        raise TypeError("take: the indices must be integers (strict_cupy)")
    totals.launches += 1
    found = np.array(source.take(index, axis), order="C")
    if out is None:
        return new(found)
    if device_array(out, "take", "out").dtype != found.dtype:
        raise TypeError("Output dtype mismatch")
    if out.shape != found.shape:
        raise ValueError("Output shape mismatch")
    out._a[...] = found
    return out


def repeat(a, repeats, axis=None):
    if not isinstance(repeats, (int, list, tuple)):
        raise TypeError("repeat: the repeats must lie on the host (strict_cupy)")
    totals.launches += 1
    return new(in_c_order(np.repeat(device_array(a, "repeat"), repeats, axis)))


def tile(A, reps):
    totals.launches += 1
    return new(in_c_order(np.tile(device_array(A, "tile", "A"), reps)))


def roll(a, shift, axis=None):
    if type(shift) is ndarray:
        raise TypeError("roll: the shift must lie on the host (strict_cupy)")
    totals.launches += 1
    return new(in_c_order(np.roll(device_array(a, "roll"), shift, axis)))


def copyto(dst, src, casting="same_kind", where=None):
    target, source = device_array(dst, "copyto", "dst"), operand(src)
    totals.launches += 1
    with quiet(all="ignore"):
        np.copyto(target, source, casting, True if where is None else device_array(where, "copyto", "where"))


def tril(m, k=0):
    totals.launches += 1
    return new(in_c_order(np.tril(device_array(m, "tril", "m"), k)))


def triu(m, k=0):
    totals.launches += 1
    return new(in_c_order(np.triu(device_array(m, "triu", "m"), k)))


def diag(v, k=0):
    a = device_array(v, "diag", "v")
    return view_or_new(np.diag(a, k), v)


def unravel_index(indices, dims, order="C"):
    """Looks twice, and waits, whether the indices lie within ``dims``."""
    index = device_array(indices, "unravel_index", "indices")
    for _ in range(2):
        synchronised("synchronisation: unravel_index checks its indices")
    totals.launches += 4 + 2 * len(dims)
    return tuple(new(np.array(i)) for i in np.unravel_index(index, dims, order))


def shape(a):
    device_array(a, "shape")
    return a.shape


def ndim(a):
    device_array(a, "ndim")
    return a.ndim


ndarray.take = lambda self, indices, axis=None, out=None: take(self, indices, axis, out)
ndarray.repeat = lambda self, repeats, axis=None: repeat(self, repeats, axis)
ndarray.nonzero = lambda self: nonzero(self)
