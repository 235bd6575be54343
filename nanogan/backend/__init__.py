"""Floor 0: arrays, devices, random numbers, and the kernels that do every multiplication.

Above it one writes ``xp.exp(x)`` and ``kernels.conv2d(...)``; what that means is decided here.  Read ``reference.py`` next, the definitions.
"""

import sys

import numpy

from nanogan.backend import cupy_kernels, numpy_kernels, random, reference
from nanogan.backend.arrays import Namespace, asarray, copy_into, to_numpy, xp
from nanogan.backend.device import gpu_problem, load_cupy
from nanogan.backend.errors import BackendError, DTypeError, NanoganError, ShapeError
from nanogan.backend.random import seed

FAST_KERNELS = {"numpy": (numpy_kernels,), "cupy": (cupy_kernels,)}  # modules with faster forms of some kernels, same names and signatures
kernels = Namespace(numpy_kernels, reference, numpy)  # the first that has a kernel: a faster form, the definition, or the array library itself
SWITCHES = (xp, kernels)


class use:
    """Choose the backend, "numpy", "cupy" or "auto"; as a context manager, for a while.

    kernels: "fast" takes the backend's faster forms where it has some, "reference" the plain ones.  "auto"
    takes CuPy where a GPU can be used, else NumPy, and says which.  "cupy" never falls back: BackendError
    tells cause and remedy.  Tensors, networks and optimisers belong to the backend they were made on.
    >>> with use("numpy", kernels="reference"):
    ...     backend_name()
    'numpy'
    """

    def __init__(self, name: str, kernels: str = "fast"):
        if name not in ("numpy", "cupy", "auto") or kernels not in ("fast", "reference"):
            raise BackendError(f"use: no backend {name!r} with kernels {kernels!r}; choose numpy, cupy or auto, and fast or reference")
        problem = None if name == "numpy" else gpu_problem()
        if name == "cupy" and problem:
            raise BackendError(f"the backend cupy cannot be used: {problem}; or choose the backend numpy")
        if name == "auto":
            name = "numpy" if problem else "cupy"
            print(f"nanogan: backend {name} ({problem or 'a usable GPU was found'})", file=sys.stderr)
        self._before = [(switch, switch.modules) for switch in SWITCHES]
        SWITCHES[0].select(numpy if name == "numpy" else load_cupy())
        SWITCHES[1].select(*(FAST_KERNELS[name] if kernels == "fast" else ()), reference, *SWITCHES[0].modules)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for switch, modules in self._before:
            switch.select(*modules)


def backend_name() -> str:
    """The backend in use: "numpy" or "cupy"."""
    return xp.modules[0].__name__
