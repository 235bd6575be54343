"""A strict stand-in for CuPy >= 14: NumPy computes, and everything that would fail, wait or cost on a GPU fails or is counted here.

    import strict_cupy

    with strict_cupy.installed(), nanogan.use("cupy"):          # import cupy now finds the stand-in
        with strict_cupy.counted() as counts, strict_cupy.forbid_float64():
            step()
    assert counts.synchronisations == 0, counts                 # says where

The modules: installed, and cupy and cupyx by themselves.  Costs: counted, forbid_float64.  A small device: limited_memory.
Results in another memory order: permuted.  Kernels, which the host's C++ compiler makes run (compiler() is its path, or
None): entries in another order by kernel_order; an index out of range raises IndexError, two entries at one place RaceCondition.

Where it is not known what CuPy does, or where CuPy does in silence what an engine should not ask for (NumPy's functions and
indices, indices out of range, writing through a broadcast, copying onto itself), this refuses.  What it cannot show: how
CuPy rounds, how long anything takes, what happens out of order, arrays of more than 2**31 entries.
test_against_cupy.py holds it against the real package.
"""

import contextlib
import sys

from strict_cupy.compilation import CompileException, NoCompiler, compiler
from strict_cupy.counting import Counts, Float64Created, counted, forbid_float64
from strict_cupy.kernel import RaceCondition, kernel_order
from strict_cupy.memory import OutOfMemoryError, limited_memory
from strict_cupy.module import modules
from strict_cupy.ufuncs import permuted

cupy, cupyx = modules()["cupy"], modules()["cupyx"]


@contextlib.contextmanager
def installed():
    """Inside, ``import cupy`` finds the stand-in, and nanogan asks anew whether a GPU can be used."""
    from nanogan.backend import gpu_problem

    def real():
        return {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("cupy", "cupyx", "cupy_backends")}

    before = real()
    for name in before:
        del sys.modules[name]
    sys.modules.update(modules())
    gpu_problem.cache_clear()
    try:
        yield cupy
    finally:
        for name in real():
            del sys.modules[name]
        sys.modules.update(before)
        gpu_problem.cache_clear()
