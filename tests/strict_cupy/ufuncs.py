"""Operations entry by entry: CuPy's ufunc objects, and the operators of arrays made of them.

They take ``out``, ``dtype`` and ``casting``, nothing else; and what they return lies in C order, however its inputs lay,
unless ``permuted()`` is in force, where it lies in the opposite order, so that code which counts on one is found.
"""

import contextlib

import numpy as np

from strict_cupy.array import ndarray, new, operand, quiet
from strict_cupy.counting import copied_to_device, synchronised, totals
from strict_cupy.indices import checked_index


class Layout:
    """The memory order of results."""

    order = "C"


@contextlib.contextmanager
def permuted():
    """Inside, the results of ufuncs and reductions lie in Fortran order; CuPy's lie in C order, which its manual does not promise."""
    before, Layout.order = Layout.order, "F"
    try:
        yield
    finally:
        Layout.order = before


class ufunc:
    """An operation on ``nin`` arrays or numbers, entry by entry, with broadcasting.
    scatters, reduces: whether CuPy has its ``at`` and ``reduce``.
    """

    __slots__ = ("__name__", "_function", "_reduces", "_scatters", "name", "nargs", "nin", "nout")

    def __init__(self, name, function, scatters=False, reduces=False):
        self.name = self.__name__ = name
        self._function, self._scatters, self._reduces = function, scatters, reduces
        self.nin, self.nout, self.nargs = function.nin, function.nout, function.nargs

    def __repr__(self):
        return f"<ufunc {self.name!r}>"

    def __call__(self, *args, **options):
        if options or len(args) != self.nin:
            return self._with_options(args, **options)
        inputs = [x._a if type(x) is ndarray else operand(x) for x in args]
        totals.launches += 1
        with quiet(all="ignore"):
            return new(self._function(*inputs, order=Layout.order))

    def _with_options(self, args, out=None, dtype=None, casting="same_kind", **others):
        if others:
            raise TypeError(f"Wrong arguments {others}")
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(f"Wrong number of arguments for {self.name!r}. "
                            f"It must be either {self.nin} or {self.nargs} (with outputs), but given {len(args)}.")  # fmt: skip
        if len(args) > self.nin:
            if out is not None:
                raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
            out = args[self.nin]
        if isinstance(out, tuple):
            if len(out) != 1:
                raise ValueError("The 'out' tuple must have exactly one entry per ufunc output")
            (out,) = out
        inputs = [operand(x) for x in args[: self.nin]]
        totals.launches += 1
        with quiet(all="ignore"):
            if out is None:
                return new(self._function(*inputs, dtype=dtype, casting=casting, order=Layout.order))
            if type(out) is not ndarray:
                raise TypeError("Output arguments type must be cupy.ndarray")
            shapes = [np.shape(x) for x in inputs]
            if out._a.shape not in shapes and np.broadcast_shapes(*shapes) != out._a.shape:
                raise ValueError("Out shape is mismatched")  # CuPy would repeat the inputs into a larger one
            self._function(*inputs, out=out._a, dtype=dtype, casting=casting)
        return out

    def at(self, a, indices, b=None):
        """``a[indices] op= b``, an entry named twice receiving both; only where CuPy has an atomic operation for it."""
        if not self._scatters:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        if type(a) is not ndarray:
            raise TypeError(f"Argument 'a' has incorrect type (expected cupy.ndarray, got {type(a).__name__})")
        if a.dtype.char not in ("iILQfd" if self.name in ("cupy_maximum", "cupy_minimum") else "iILQefd"):
            raise TypeError(f"`{self.name}.at` has no atomic operation for {a.dtype}")
        index, arrays, mask = checked_index(indices, ndarray)
        value = operand(b)
        totals.launches += 1
        if arrays and type(b) is not ndarray:
            copied_to_device(a.itemsize)  # CuPy makes an array of the number
        if mask:
            synchronised("synchronisation: writing by a mask")
        with quiet(all="ignore"):
            self._function.at(a._a, index, value)

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        if not self._reduces:
            raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")
        from strict_cupy import reductions

        return {"cupy_add": reductions.sum, "cupy_multiply": reductions.prod}[self.name](array, axis, dtype, out, keepdims)


# The ufuncs that CuPy calls as NumPy does.
PLAIN = """subtract negative exp exp2 expm1 log log2 log10 log1p sqrt square cbrt reciprocal sin cos tan arcsin arccos arctan arctan2
sinh cosh tanh arcsinh arccosh arctanh hypot logaddexp floor ceil rint trunc sign signbit copysign isfinite isnan isinf
fmax fmin fmod floor_divide remainder power equal not_equal less less_equal greater greater_equal
logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor invert left_shift right_shift deg2rad rad2deg
ldexp nextafter float_power positive fabs heaviside"""

add = ufunc("cupy_add", np.add, scatters=True, reduces=True)
multiply = ufunc("cupy_multiply", np.multiply, reduces=True)
maximum = ufunc("cupy_maximum", np.maximum, scatters=True)
minimum = ufunc("cupy_minimum", np.minimum, scatters=True)
UFUNCS = {"add": add, "multiply": multiply, "maximum": maximum, "minimum": minimum}
UFUNCS |= {name: ufunc(f"cupy_{name}", getattr(np, name), scatters=name == "subtract") for name in PLAIN.split()}
UFUNCS["divide"] = UFUNCS["true_divide"] = ufunc("cupy_true_divide", np.true_divide)
UFUNCS["absolute"] = UFUNCS["abs"] = ufunc("cupy_absolute", np.absolute)
UFUNCS["pow"], UFUNCS["mod"] = UFUNCS["power"], UFUNCS["remainder"]
UFUNCS |= {f"a{name}": UFUNCS[f"arc{name}"] for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "tan2")}
UFUNCS["bitwise_not"] = UFUNCS["bitwise_invert"] = UFUNCS["invert"]
UFUNCS["bitwise_left_shift"], UFUNCS["bitwise_right_shift"] = UFUNCS["left_shift"], UFUNCS["right_shift"]
BY_NUMPY = {function._function: function for function in UFUNCS.values()}


def asks_first(x, y):
    """Whether ``x op y`` must be left to y: its ``__array_ufunc__`` is None (NEP 13), or its priority is higher."""
    if type(y) is ndarray or isinstance(y, (bool, int, float, complex)):
        return False
    try:
        return y.__array_ufunc__ is None
    except AttributeError:
        return ndarray.__array_priority__ < getattr(y, "__array_priority__", 0)


def _operators(function):
    """``x op y``, ``y op x`` and ``x op= y``."""

    def forward(x, y):
        return NotImplemented if asks_first(x, y) else function(x, y)

    def backward(x, y):
        return NotImplemented if asks_first(x, y) else function(y, x)

    def in_place(x, y):
        return function(x, y, x)

    return forward, backward, in_place


OPERATORS = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide", "mod": "remainder",
             "pow": "power", "lshift": "left_shift", "rshift": "right_shift", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor"}  # fmt: skip
for symbol, name in OPERATORS.items():
    for prefix, operator in zip(("", "r", "i"), _operators(UFUNCS[name]), strict=True):
        setattr(ndarray, f"__{prefix}{symbol}__", operator)
for symbol, name in {"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}.items():
    setattr(ndarray, f"__{symbol}__", _operators(UFUNCS[name])[0])
ndarray.__neg__ = lambda x: UFUNCS["negative"](x)
ndarray.__pos__ = lambda x: UFUNCS["positive"](x)
ndarray.__abs__ = lambda x: UFUNCS["absolute"](x)
ndarray.__invert__ = lambda x: UFUNCS["invert"](x)
