"""The modules that ``import cupy`` finds inside ``installed()``: exactly these names, each with CuPy's signature."""

import functools
import importlib.machinery
import types

import numpy as np

from strict_cupy import creation, cuda, products, random, reductions, shaping
from strict_cupy.array import ndarray
from strict_cupy.kernel import ElementwiseKernel
from strict_cupy.ufuncs import UFUNCS, ufunc

# What CuPy takes from NumPy as it is.
FROM_NUMPY = """bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 intp uintp intc uintc byte ubyte short ushort long ulong longlong ulonglong
int_ uint half single double float16 float32 float64 complex64 complex128 csingle cdouble number integer signedinteger unsignedinteger inexact
floating complexfloating generic dtype finfo iinfo newaxis nan inf pi e euler_gamma promote_types issubdtype isdtype isscalar broadcast_shapes
index_exp s_"""

OTHER_NAMES = {"asanyarray": creation.asarray, "concat": shaping.concatenate, "permute_dims": shaping.transpose, "round": reductions.around,
               "amax": reductions.max, "amin": reductions.min}  # fmt: skip


def _module(name, **contents):
    """A package, so that its submodules can be imported."""
    module = types.ModuleType(name, "A strict stand-in for CuPy's module of this name (tests/strict_cupy).")
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    vars(module).update({"__path__": [], **contents})
    return module


def _functions(of):
    """The public functions that a module of ours defines, by their names."""
    return {name: f for name, f in vars(of).items() if isinstance(f, types.FunctionType) and f.__module__ == of.__name__ and name[0] != "_"}


def get_array_module(*args):
    """cupy where an argument is a device array, else numpy."""
    return modules()["cupy"] if any(type(x) is ndarray for x in args) else np


def can_cast(from_, to, casting="safe"):
    return np.can_cast(from_.dtype if type(from_) is ndarray else from_, to, casting)


def result_type(*arrays_and_dtypes):
    return np.result_type(*(x.dtype if type(x) is ndarray else x for x in arrays_and_dtypes))


def may_share_memory(a, b, max_work=None):
    return np.may_share_memory(a._a, b._a)


def show_config(*, _full=False):
    print("strict_cupy: no GPU")


@functools.cache
def modules():
    """{name: module}."""
    names = {name: getattr(np, name) for name in FROM_NUMPY.split()} | UFUNCS
    for part in (creation, shaping, reductions, products):
        names |= _functions(part)
    linalg = _module("cupy.linalg", norm=names.pop("norm"))
    generators = _module("cupy.random", default_rng=random.default_rng, Generator=random.Generator)
    tricks = _module("cupy.lib.stride_tricks", as_strided=names.pop("as_strided"), sliding_window_view=names.pop("sliding_window_view"))
    lib = _module("cupy.lib", stride_tricks=tricks)
    on_device = cuda.modules(_module)
    here = (get_array_module, can_cast, result_type, may_share_memory, show_config)
    here += (cuda.is_available, cuda.get_default_memory_pool, cuda.get_default_pinned_memory_pool)
    names |= {f.__name__: f for f in here} | OTHER_NAMES
    parts = {"cuda": on_device["cupy.cuda"], "linalg": linalg, "random": generators, "lib": lib}
    cupy = _module("cupy", __version__="14.2.0", ndarray=ndarray, ufunc=ufunc, ElementwiseKernel=ElementwiseKernel, **parts, **names)
    return {module.__name__: module for module in (cupy, linalg, generators, tricks, lib, *on_device.values())}
