"""Floor 0: arrays, devices, random numbers, and the kernels that do every multiplication.

    import nanogan as ng
    ng.use("cupy")                        # from here on, new tensors live on the GPU
    with ng.use("numpy", kernels="reference"):
        ...                               # the plain kernels, to step through in a debugger

Nothing above this floor names NumPy or CuPy: it writes ``xp.exp(x)`` and ``kernels.conv2d(...)``,
and this package decides what that means.  Read ``reference.py`` next: it defines every kernel.
"""

import sys

import numpy

from nanogan.backend import random, reference
from nanogan.backend.arrays import Namespace, asarray, copy_into, to_numpy, xp
from nanogan.backend.device import gpu_problem, load_cupy
from nanogan.backend.errors import BackendError, DTypeError, NanoganError, ShapeError
from nanogan.backend.random import seed

# Modules that hold faster forms of some kernels, by backend: same names, same signatures.  A kernel
# that is in none of them falls through to the reference.
FAST_KERNELS = {"numpy": (), "cupy": ()}

kernels = Namespace(reference)


class use:
    """Choose the backend, "numpy", "cupy" or "auto"; as a context manager, for a while.

    kernels: "fast" takes the backend's faster forms where it has some, "reference" the plain ones.
    "auto" takes CuPy where a GPU can be used and NumPy elsewhere, and says so in one line.
    "cupy" never falls back: raises BackendError with cause and remedy where no GPU can be used.
    Tensors, networks and optimisers belong to the backend they were made on.

    >>> with use("numpy", kernels="reference"):
    ...     backend_name()
    'numpy'
    """

    def __init__(self, name, kernels="fast"):
        if name not in ("numpy", "cupy", "auto") or kernels not in ("fast", "reference"):
            raise BackendError(f"use: no backend {name!r} with kernels {kernels!r}; choose numpy, cupy or auto, and fast or reference")
        problem = None if name == "numpy" else gpu_problem()
        if name == "cupy" and problem:
            raise BackendError(f"the backend cupy cannot be used: {problem}; or choose the backend numpy")
        if name == "auto":
            name = "numpy" if problem else "cupy"
            print(f"nanogan: backend {name} ({problem or 'a usable GPU was found'})", file=sys.stderr)
        self._before = _in_force()
        faster = FAST_KERNELS[name] if kernels == "fast" else ()
        _put_in_force((numpy if name == "numpy" else load_cupy(),), (*faster, reference))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        _put_in_force(*self._before)


def _in_force():
    return xp.modules, kernels.modules


def _put_in_force(array_modules, kernel_modules):
    xp.select(*array_modules)
    kernels.select(*kernel_modules)


def backend_name():
    """The backend in use: "numpy" or "cupy"."""
    return xp.modules[0].__name__
