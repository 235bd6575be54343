"""The ``xp`` switch: one name for NumPy or, after nanogan.use("cupy"), CuPy; and the doors between host and device."""

import numpy

from nanogan.backend.errors import DTypeError, NanoganError, ShapeError


class Namespace:
    """One name for whichever modules are in force: an attribute is the first module's that has it."""

    def __init__(self, *modules):
        self.__dict__ = {"modules": modules}

    select = __init__  # anew: what the old modules answered is forgotten

    def __getattr__(self, name):  # only for a name not met before: the answer is kept
        owner = next((module for module in vars(self).get("modules", ()) if hasattr(module, name)), None)
        if owner is None:
            raise AttributeError(f"neither the backend nor its kernels have {name!r}")
        return vars(self).setdefault(name, getattr(owner, name))


xp = Namespace(numpy)


def asarray(data):
    """``data`` as an array of the backend.  Arrays keep their dtype; Python floats and lists of them become float32.
    >>> asarray([1.0, 2.0]).dtype, asarray(numpy.ones(2)).dtype
    (dtype('float32'), dtype('float64'))
    """
    data = data.data if hasattr(data, "requires_grad") else data  # a tensor's array
    if not isinstance(data, (xp.ndarray, numpy.ndarray, numpy.generic)):
        if hasattr(data, "__cuda_array_interface__"):
            raise DTypeError(f"asarray: a {type(data).__name__} lies on a GPU and is no array of {xp.modules[0].__name__}; copy it to the host first")
        try:
            data = numpy.asarray(data)
        except ValueError as error:
            raise ShapeError(f"asarray: this makes no array: {error}") from error
        data = data.astype(numpy.float32) if data.dtype == numpy.float64 else data
    if data.dtype.kind not in "fiub":
        raise DTypeError(f"asarray: dtype {data.dtype} holds no real numbers; convert the data to float32 first")
    return xp.asarray(data)


def to_numpy(array) -> numpy.ndarray:
    """``array`` (of either backend, or a tensor) as a NumPy array on the host; this waits for the device."""
    array = array.data if hasattr(array, "requires_grad") else array  # (a CuPy array has a .data too, a pointer)
    return array.get() if hasattr(array, "get") else numpy.asarray(array)


def copy_into(arrays: dict, values: dict) -> None:
    """Write ``values`` (by name, on the host) into the existing ``arrays`` (by name), or raise and write nothing."""
    if missing := sorted(arrays.keys() - values.keys()):
        raise NanoganError(f"the state lacks {', '.join(missing)}")
    if unknown := sorted(values.keys() - arrays.keys()):
        raise NanoganError(f"the state holds {', '.join(unknown)}, which nothing here is called")
    ready = {name: asarray(value) for name, value in values.items()}
    for name, array in arrays.items():
        if ready[name].shape != array.shape:
            raise ShapeError(f"{name} is {array.shape} here and {ready[name].shape} in the state")
    for name, array in arrays.items():
        array[...] = ready[name].astype(array.dtype)
