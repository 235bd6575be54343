"""Which dtypes there are, and memory that nobody has written to."""

import math

import numpy as np

from strict_cupy.memory import reserve

DTYPES = frozenset(np.dtype(code) for code in "?bBhHiIlLqQefdFD")


def check_dtype(dtype):
    """``dtype`` as one that CuPy has."""
    dtype = np.dtype(dtype)
    if dtype not in DTYPES:
        raise ValueError(f"Unsupported dtype {dtype}")
    return dtype


def allocate(shape, dtype=float, order="C"):
    """A NumPy array full of what nobody should read: NaN, or 0x7f in every byte (CuPy's is whatever lay there)."""
    dtype = check_dtype(dtype)
    if order not in (None, "C", "F", "c", "f"):
        raise TypeError(f"order not understood: {order!r}")
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not all(isinstance(n, (int, np.integer)) for n in shape):
        raise TypeError(f"a shape is made of integers, not {[type(n).__name__ for n in shape]}")
    reserve(dtype.itemsize * math.prod(shape))  # before NumPy is asked for it
    return garbage(np.empty(shape, dtype, order or "C"))


def garbage(a):
    """``a``, filled with it."""
    if a.dtype.kind in "fc":
        a.fill(np.nan)
    elif a.dtype.kind == "b":
        a.fill(True)
    else:
        a.fill(int.from_bytes(b"\x7f" * a.dtype.itemsize, "little"))
    return a
