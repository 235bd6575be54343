"""The ``xp`` switch: one name for NumPy or CuPy, and the doors between host and device.

    xp.zeros((2, 3))                      # a NumPy array, or a CuPy array after nanogan.use("cupy")

Only this package, floor 0, imports the modules behind it.
"""

import numpy

from nanogan.backend.errors import DTypeError, NanoganError, ShapeError


class Namespace:
    """One name for whichever modules are in force: an attribute is the first module's that has it."""

    def __init__(self, *modules):
        self.__dict__ = {"modules": modules}

    select = __init__  # anew: what the old modules answered is forgotten

    def __getattr__(self, name):  # only for a name not met before: the answer is kept
        for module in self.modules:
            if hasattr(module, name):
                value = self.__dict__[name] = getattr(module, name)
                return value
        raise AttributeError(f"{' and '.join(m.__name__ for m in self.modules)} have no {name!r}")


xp = Namespace(numpy)


def asarray(data):
    """``data`` as an array of the backend.  Arrays keep their dtype; Python floats and lists of them become float32.

    >>> asarray([1.0, 2.0]).dtype, asarray(numpy.ones(2)).dtype
    (dtype('float32'), dtype('float64'))
    """
    if not isinstance(data, (xp.ndarray, numpy.ndarray, numpy.generic)):
        if hasattr(data, "__cuda_array_interface__"):
            raise DTypeError("asarray: this array lies on a GPU, and the backend is numpy; nanogan.to_numpy brings it over")
        data = numpy.asarray(data)
        data = data.astype(numpy.float32) if data.dtype == numpy.float64 else data
    if data.dtype.kind not in "fiub":
        raise DTypeError(f"asarray: dtype {data.dtype} holds no real numbers; convert the data to float32 first")
    return xp.asarray(data)


def to_numpy(array):
    """``array`` (of either backend, or a tensor) as a NumPy array on the host; this waits for the device."""
    array = array.data if hasattr(array, "requires_grad") else array  # (a CuPy array has a .data too, a pointer)
    return array.get() if hasattr(array, "get") else numpy.asarray(array)


def copy_into(arrays, values):
    """Write ``values`` (by name, on the host) into the existing ``arrays`` (by name), or raise and write nothing."""
    if missing := sorted(arrays.keys() - values.keys()):
        raise NanoganError(f"the state lacks {', '.join(missing)}")
    if unknown := sorted(values.keys() - arrays.keys()):
        raise NanoganError(f"the state holds {', '.join(unknown)}, which nothing here is called")
    for name, array in arrays.items():
        if numpy.shape(values[name]) != array.shape:
            raise ShapeError(f"{name} is {array.shape} here and {numpy.shape(values[name])} in the state")
    for name, array in arrays.items():
        array[...] = xp.asarray(values[name], dtype=array.dtype)
