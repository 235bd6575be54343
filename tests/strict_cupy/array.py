"""The array: NumPy computes, but whoever uses it may do only what CuPy >= 14 allows, or less.

``ndarray._a`` is the NumPy array underneath, ``_memory`` the allocation that it lies in.  Nothing here hands the
NumPy array out, save ``get`` and the conversions to Python numbers, which are counted as waits for the device.
"""

import numpy as np

from strict_cupy.counting import copied_to_device, copied_to_host, made_float64, synchronised, totals
from strict_cupy.dtypes import allocate, check_dtype
from strict_cupy.indices import checked_index, given_axes
from strict_cupy.memory import Memory, MemoryPointer

NO_CONVERSION = "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly."
SCALARS = (bool, int, float, complex, np.generic)
quiet = np.errstate  # a GPU gives no floating point warnings


def new(a):
    """A fresh NumPy result as a device array in memory of its own."""
    if type(a) is not np.ndarray:
        a = np.asarray(a)
    if a.dtype.char in "dD":
        made_float64()
    self = object.__new__(ndarray)
    self._a, self._memory, self._base = a, Memory(a), None
    return self


def view(a, of):
    """A NumPy view of ``of._a`` as a device array in the same memory."""
    self = object.__new__(ndarray)
    self._a, self._memory, self._base = a, of._memory, of if of._base is None else of._base
    return self


def view_or_new(a, of):
    """What NumPy made of ``of._a``: a view where it is one, else a fresh array, which took a copy on the device."""
    if np.may_share_memory(a, of._a) or a.size == 0:
        return view(a, of)
    totals.launches += 1
    return new(a)


def in_c_order(a):
    """A NumPy result as CuPy would have laid it out."""
    if type(a) is not np.ndarray:
        return np.asarray(a)
    return a if a.flags.c_contiguous else a.copy("C")


def device_array(x, function, name="a"):
    """The NumPy array under ``x``, which must be a device array: CuPy runs some functions of a NumPy array on the host, unnoticed."""
    if type(x) is not ndarray:
        raise TypeError(f"{function}: argument {name!r} must be a cupy.ndarray, not {type(x).__module__}.{type(x).__name__} (strict_cupy)")
    return x._a


def operand(x):
    """What NumPy is given for an operand: a device array or a number."""
    if type(x) is ndarray:
        return x._a
    if isinstance(x, SCALARS):
        return x
    raise TypeError(f"Unsupported type {type(x)}")


class Flags:
    """Contiguity and ownership; CuPy's arrays know nothing about being read-only."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata")

    def __init__(self, c_contiguous, f_contiguous, owndata):
        self.c_contiguous, self.f_contiguous, self.owndata = c_contiguous, f_contiguous, owndata

    fnc = property(lambda self: self.f_contiguous and not self.c_contiguous)
    forc = property(lambda self: self.f_contiguous or self.c_contiguous)

    def __getitem__(self, name):
        names = {"C_CONTIGUOUS": "c_contiguous", "F_CONTIGUOUS": "f_contiguous", "OWNDATA": "owndata"}
        if name not in names:
            raise KeyError(f"{name} is not defined for cupy.ndarray.flags")
        return getattr(self, names[name])


class ndarray:
    """See the module's docstring; ``ndarray(shape, dtype=float, memptr=None, strides=None, order='C')`` is uninitialised, as ``empty``."""

    __slots__ = ("__weakref__", "_a", "_base", "_memory")
    __array_priority__ = 100
    __hash__ = None

    def __new__(cls, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is None:
            if strides is not None:
                raise ValueError("ndarray: strides need a memptr (strict_cupy)")
            return new(allocate(shape, dtype, order))
        dtype, shape = check_dtype(dtype), (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        bytes_, offset = memptr.mem.bytes(), memptr.ptr - memptr.mem.ptr
        try:  # NumPy checks that all of it lies within the allocation, which CuPy does not
            a = np.ndarray(shape, dtype, bytes_, offset, None if strides is None else tuple(strides), order or "C")
        except (ValueError, TypeError) as error:
            raise IndexError(f"ndarray: {shape} of {dtype}, strides {strides}, leaves its memory: {error} (strict_cupy)") from error
        self = object.__new__(cls)
        self._a, self._memory, self._base = a, memptr.mem, None
        return self

    # ---- what it is

    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    nbytes = property(lambda self: self._a.nbytes)
    itemsize = property(lambda self: self._a.itemsize)
    strides = property(lambda self: self._a.strides)
    base = property(lambda self: self._base)

    @shape.setter
    def shape(self, shape):
        reshaped = self._a.reshape(shape)
        if self._a.size and not np.may_share_memory(reshaped, self._a):
            raise AttributeError("incompatible shape")
        self._a = reshaped

    @property
    def flags(self):
        flags = self._a.flags
        return Flags(flags.c_contiguous, flags.f_contiguous, self._base is None)

    @property
    def data(self):
        return MemoryPointer(self._memory, self._address() - self._memory.ptr)

    @property
    def device(self):
        from strict_cupy.cuda import Device

        return Device(0)

    @property
    def __cuda_array_interface__(self):
        strides = None if self._a.flags.c_contiguous else self._a.strides
        return {"shape": self.shape, "typestr": self.dtype.str, "descr": self.dtype.descr, "stream": 1, "version": 3,
                "strides": strides, "data": (self._address(), False)}  # fmt: skip

    def _address(self):
        return self._a.__array_interface__["data"][0]

    # ---- from the device to the host: each of these waits

    def get(self, stream=None, order="C", out=None, blocking=True):
        """A NumPy array."""
        if out is not None:
            if not isinstance(out, np.ndarray):
                raise TypeError(f"Only numpy.ndarray can be obtained from cupy.ndarray, not {type(out)}")
            if out.dtype != self.dtype:
                raise TypeError(f"{out.dtype} array cannot be obtained from {self.dtype} array")
            if out.shape != self.shape:
                raise ValueError(f"Shape mismatch. Expected shape: {self.shape}, actual shape: {out.shape}")
            if not (out.flags.c_contiguous or out.flags.f_contiguous):
                raise RuntimeError("out must be C-contiguous or F-contiguous (strict_cupy)")
        copied_to_host(self._a.nbytes)
        if out is None:
            return self._a.copy(order)
        out[...] = self._a
        return out

    def item(self):
        """The only entry as a Python number."""
        if self._a.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self):
        return self.get().tolist()

    def tobytes(self, order="C"):
        return self.get().tobytes(order)

    def __bool__(self):
        return bool(self.get())

    def __int__(self):
        return int(self.get())

    def __float__(self):
        return float(self.get())

    def __complex__(self):
        return complex(self.get())

    def __repr__(self):
        return repr(self.get())

    def __str__(self):
        return str(self.get())

    def __format__(self, specification):
        return format(self.get(), specification)

    def __reduce__(self):
        from strict_cupy.creation import array

        return array, (self.get(),)

    def __array__(self, dtype=None, copy=None):
        raise TypeError(NO_CONVERSION)

    def __array_ufunc__(self, function, method, *inputs, **options):
        """numpy.float32(2) * a comes here, and works; numpy.exp(a) does too, and is refused (CuPy would compute it)."""
        from strict_cupy import ufuncs

        numbers = [x for x in inputs if isinstance(x, np.generic)]
        known = ufuncs.BY_NUMPY.get(function)
        if method != "__call__" or options or known is None or not numbers or not all(isinstance(x, (ndarray, np.generic)) for x in inputs):
            kinds = ", ".join(type(x).__name__ for x in (*inputs, *options.get("out", ())))
            raise TypeError(f"Unsupported type <class 'numpy.ndarray'>: numpy.{function.__name__} of ({kinds}); use the backend's xp (strict_cupy)")
        return known(*inputs)

    def __array_function__(self, function, types, arguments, options):
        raise TypeError(f"numpy.{function.__name__} of a cupy.ndarray: use the backend's xp (CuPy would compute it, slowly) (strict_cupy)")

    # ---- from the host to the device

    def set(self, arr, stream=None):
        """Copy a NumPy array of the same dtype and shape here."""
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not (self._a.flags.c_contiguous or self._a.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        copied_to_device(arr.nbytes)
        self._a[...] = arr

    def fill(self, value):
        """With a number; CuPy would wait for one on the device."""
        if type(value) is ndarray:
            raise TypeError("fill: a number on the host is needed; assign an array by a[...] = value (strict_cupy)")
        self[...] = value

    # ---- entries

    def __len__(self):
        if not self._a.ndim:
            raise TypeError("len() of unsized object")
        return len(self._a)

    def __iter__(self):
        if not self._a.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self._a)))

    def __getitem__(self, index):
        """A view by integers and slices; a copy by arrays; by a mask a copy whose size the host must wait for."""
        index, arrays, mask = checked_index(index, ndarray)
        if not arrays:
            return view(self._a[index], self)
        totals.launches += 1
        if mask:
            synchronised("synchronisation: reading by a mask")
        return new(np.array(self._a[index], order="C"))

    def __setitem__(self, index, value):
        if isinstance(value, (np.ndarray, list, tuple)):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        index, arrays, mask = checked_index(index, ndarray)
        if arrays and type(value) is not ndarray:
            copied_to_device(self._a.itemsize)  # CuPy makes an array of the number
        if mask:
            synchronised("synchronisation: writing by a mask")
        if not arrays and type(value) is ndarray and value._memory is self._memory:
            _check_overlap(self._a[index], value._a)
        totals.launches += 1
        with quiet(all="ignore"):
            self._a[index] = operand(value)

    # ---- views

    def reshape(self, *shape, order="C", copy=None):
        """A view where one can be had, else a copy."""
        if copy is not None:
            raise NotImplementedError("reshape(copy=) (strict_cupy)")
        return view_or_new(self._a.reshape(given_axes(shape), order=order), self)

    def ravel(self, order="C"):
        return view_or_new(self._a.ravel(order), self)

    def flatten(self, order="C"):
        totals.launches += 1
        return new(self._a.flatten(order))

    def transpose(self, *axes):
        return view(self._a.transpose(given_axes(axes) if axes else None), self)

    T = property(lambda self: view(self._a.T, self))

    @property
    def mT(self):
        if self._a.ndim < 2:
            raise ValueError("matrix transpose with ndim < 2 is undefined")
        return view(self._a.swapaxes(-1, -2), self)

    def swapaxes(self, axis1, axis2):
        return view(self._a.swapaxes(axis1, axis2), self)

    def squeeze(self, axis=None):
        return view(self._a.squeeze(axis), self)

    def view(self, dtype=None, type=None):
        if type is not None:
            raise NotImplementedError("view(type=) (strict_cupy)")
        return view(self._a.view(self.dtype if dtype is None else check_dtype(dtype)), self)

    # ---- copies

    def copy(self, order="C"):
        totals.launches += 1
        return new(self._a.copy(order))

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        """The same numbers in another dtype.  A copy, unless ``copy`` is False and nothing changes."""
        if casting is not None:
            raise TypeError("casting is not supported yet")
        if subok is not None:
            raise TypeError("subok is not supported yet")
        dtype = check_dtype(dtype)
        if not copy and dtype == self._a.dtype and order == "K":
            return self
        totals.launches += 1
        with quiet(all="ignore"):
            return new(self._a.astype(dtype, order))


ndarray.__module__ = "cupy"


def _check_overlap(target, source):
    """CuPy copies like to like by a plain copy of memory, whose outcome is undefined where the two overlap."""
    alike = (target.shape, target.strides, target.dtype) == (source.shape, source.strides, source.dtype) and target.flags.c_contiguous
    if alike and target.__array_interface__["data"] != source.__array_interface__["data"] and np.may_share_memory(target, source):
        raise ValueError("source and target of this assignment overlap; copy the source first (strict_cupy)")
