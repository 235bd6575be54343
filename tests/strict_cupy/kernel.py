"""``ElementwiseKernel``: CuPy's rules for its arguments, and its body compiled for the host and run on the arrays' memory.

A raw parameter notes indices out of range, and the call then raises IndexError: on a GPU one reads or overwrites whatever
lies there.  A raw output notes which entry ``i`` used which place, and where two use one, RaceCondition is raised, unless
the body adds atomically.  The entries are run one after the other; ``kernel_order("reversed")`` or ``"shuffled"`` runs
them in another order, which shows whether the outcome depends on it in another way.
"""

import contextlib
import math
import re
import struct

import numpy as np

from strict_cupy.array import SCALARS, ndarray, new
from strict_cupy.compilation import HEADER, load
from strict_cupy.counting import totals
from strict_cupy.dtypes import allocate, check_dtype

C_TYPES = {"float64": "double", "float32": "float", "int64": "long long", "int32": "int", "int16": "short", "int8": "signed char", "bool": "bool",
           "uint64": "unsigned long long", "uint32": "unsigned int", "uint16": "unsigned short", "uint8": "unsigned char"}  # fmt: skip
FORMATS = {"float64": "d", "float32": "f4x", "int64": "q", "int32": "i4x", "int16": "h6x", "int8": "b7x", "bool": "?7x",
           "uint64": "Q", "uint32": "I4x", "uint16": "H6x", "uint8": "B7x"}  # fmt: skip
LARGEST_FLOAT = float(np.finfo(np.float32).max)
LAUNCH_BYTES = 4096  # what the arguments of one launch may take on every GPU


class RaceCondition(AssertionError):
    """Two entries use one place of a raw output: on a GPU nobody knows which comes first."""


class Order:
    """In which order entries run."""

    name = "forward"


@contextlib.contextmanager
def kernel_order(name):
    """Inside, kernels run their entries "forward", "reversed" or "shuffled"."""
    if name not in ("forward", "reversed", "shuffled"):
        raise ValueError(f"kernel_order: {name!r} is none of forward, reversed, shuffled")
    before, Order.name = Order.name, name
    try:
        yield
    finally:
        Order.name = before


def _first_and_step(n):
    """The first entry, and the step to the next, modulo n."""
    if Order.name == "forward":
        return 0, 1
    if Order.name == "reversed":
        return n - 1, n - 1
    step = next(k for k in range(int(n * 0.618) or 1, 2 * n + 2) if math.gcd(k, n) == 1)  # it then meets every entry
    return n // 3, step % n


class Parameter:
    """One parameter: ``raw T x`` or ``float32 x``."""

    def __init__(self, text, is_const):
        *words, kind, self.name = text.split() if len(text.split()) > 1 else [None, None]
        if kind is None:
            raise Exception(f"Syntax error: {text}")
        for word in words:
            if word != "raw":
                raise Exception(f'Unknown keyword "{word}"')
        self.raw, self.is_const = "raw" in words, is_const
        self.dtype = None if len(kind) == 1 else check_dtype(kind)
        self.ctype = kind if self.dtype is None else C_TYPES[self.dtype.name]

    def __repr__(self):
        return f"<{'raw ' * self.raw}{self.ctype} {self.name}>"


def _parameters(text, is_const):
    return tuple(Parameter(part, is_const) for part in text.strip().split(",")) if text else ()


class ElementwiseKernel:
    """As CuPy's.  float16 and complex numbers are not supported here."""

    def __init__(self, in_params, out_params, operation, name="kernel", reduce_dims=True, preamble="", no_return=False, return_tuple=False, **kwargs):
        if not re.fullmatch("[a-zA-Z_][a-zA-Z_0-9]*", name):
            raise ValueError(f'Invalid kernel name: "{name}"')
        if unknown := kwargs.keys() - {"loop_prep", "after_loop", "options"}:
            raise TypeError(f"ElementwiseKernel: unknown options {sorted(unknown)}")
        self.in_params, self.out_params = _parameters(in_params, True), _parameters(out_params, False)
        self.params = self.in_params + self.out_params
        self.nin, self.nout, self.nargs = len(self.in_params), len(self.out_params), len(self.params)
        self.operation, self.name, self.__name__, self.preamble = operation, name, name, preamble
        self.reduce_dims, self.no_return, self.return_tuple, self.kwargs = reduce_dims, no_return, return_tuple, kwargs
        names = [p.name for p in self.params]
        if "i" in names:
            raise ValueError("Can not use 'i' as a parameter name")
        if len(set(names)) < len(names):
            raise ValueError(f"two parameters have one name: {names} (strict_cupy)")
        self._types, self._runs = {}, {}

    def __call__(self, *args, size=-1, block_size=128, stream=None):
        """Outputs may follow the inputs; ``size`` is needed, and allowed, where every array is raw."""
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(f"Wrong number of arguments for {self.name!r}. "
                            f"It must be either {self.nin} or {self.nargs} (with outputs), but given {len(args)}.")  # fmt: skip
        shape = self._loop(args, size)
        dtypes = tuple([x._a.dtype if type(x) is ndarray else None for x in args])
        types = self._types.get(dtypes)
        if types is None:
            types = self._types[dtypes] = self._decide(dtypes)
        outputs = list(args[self.nin :]) or self._allocated(types, shape, size)
        for p, out in zip(self.out_params, outputs, strict=True):
            if not p.raw and out._a.shape != shape:
                raise ValueError("Out shape is mismatched")
            if not out._a.flags.writeable:
                raise ValueError(f"{self.name}: the output {p.name} is a broadcast view (strict_cupy)")
        if 0 not in shape:
            totals.launches += 1
            self._run([*args[: self.nin], *outputs], types, shape)
        if self.no_return:
            return None
        return outputs[0] if self.nout == 1 and not self.return_tuple else tuple(outputs)

    def _loop(self, args, size):
        """The shape over which the body is run."""
        shapes = []
        for p, x in zip(self.params, args, strict=False):
            if type(x) is ndarray:
                if not p.raw:
                    shapes.append(x._a.shape)
            elif not isinstance(x, SCALARS):
                raise TypeError(f"Unsupported type {type(x)}")
            elif p.raw:
                raise TypeError(f"{self.name}: {p.name} is raw and must be an array (strict_cupy)")
            elif not p.is_const:
                raise TypeError("Output arguments type must be cupy.ndarray")
        if size != -1:
            if shapes:
                raise ValueError("Specified 'size' can be used only if all of the ndarray are 'raw'.")
            return (size,)
        if not shapes:
            raise ValueError("Loop size is undecided.")
        return shapes[0] if all(s == shapes[0] for s in shapes) else np.broadcast_shapes(*shapes)

    def _decide(self, dtypes):
        """The dtype of each parameter.  Scalars have no say in it: they are converted."""
        letters, n = {}, len(dtypes)
        order = [*range(self.nin, n), *range(self.nin)]  # outputs that are given come first
        for p, dtype in ((self.params[k], dtypes[k]) for k in order):
            expected = p.dtype or letters.get(p.ctype)
            if dtype is not None and expected is not None and dtype != expected:
                raise TypeError(f"Type is mismatched. {p.name} {dtype} {expected}{'' if p.dtype else f' {p.ctype}'}")
            if dtype is not None and p.dtype is None:
                letters[p.ctype] = dtype
        for p in self.params:
            if p.dtype is None and p.ctype not in letters:
                raise KeyError(f"{p.ctype}: no array decides this type of {self.name!r}")
        types = tuple([p.dtype or letters[p.ctype] for p in self.params])
        for p, dtype in zip(self.params, types, strict=True):
            if dtype.name not in C_TYPES:
                raise NotImplementedError(f"{self.name}: {p.name} is {dtype} (strict_cupy)")
        return types

    def _allocated(self, types, shape, size):
        if size == -1 and any(p.raw for p in self.out_params):
            raise ValueError("Output array size is Undecided")
        return [new(allocate(shape, dtype)) for dtype in types[self.nin :]]

    def _run(self, args, types, shape):
        run, fault = self._compiled(types)
        n = math.prod(shape)
        shape, strides = _collapsed(shape, [None if p.raw or type(x) is not ndarray else x._a for p, x in zip(self.params, args, strict=True)])
        form, words, launch_bytes = ["=4q", "q" * len(shape)], [n, *_first_and_step(n), len(shape), *shape], 16 + 16 * len(shape)
        for p, x, dtype, steps in zip(self.params, args, types, strides, strict=True):
            if type(x) is not ndarray:
                form += "q", FORMATS[dtype.name], "q" * len(shape)
                words += 0, _rounded(x) if dtype.char == "f" else x, *(0 for _ in shape)
                launch_bytes += 8
                continue
            a = x._a
            address, launch_bytes = a.__array_interface__["data"][0], launch_bytes + 16 + 16 * a.ndim
            if p.raw:
                form.append(f"{4 + 2 * a.ndim}q")
                words += address, a.size, a.flags.c_contiguous, a.ndim, *a.shape, *a.strides
            else:
                form.append(f"{2 + len(shape)}q")
                words += address, 0, *steps
        if launch_bytes > LAUNCH_BYTES:
            raise RuntimeError(f"{self.name}: the arguments of this launch take {launch_bytes} bytes; {LAUNCH_BYTES} work everywhere (strict_cupy)")
        if run(self._packed("".join(form), words)):
            count, race, k, index, entries, i, other = fault
            if race:
                raise RaceCondition(f"{self.name}: i = {other} and i = {i} both use {self.params[k].name}[{index}], which one may write")
            raise IndexError(f"{self.name}: {self.params[k].name}[{index}] of {entries} entries, at i = {i} ({count} such accesses in this call)")

    def _packed(self, form, words):
        """The arguments as bytes; what is no integer, or too large a one, is refused where one is needed."""
        try:
            return struct.pack(form, *words)
        except struct.error as error:
            raise TypeError(f"{self.name}({', '.join(p.name for p in self.params)}): a number does not fit its parameter: {error}") from error

    def _compiled(self, types):
        if types not in self._runs:
            self._runs[types] = load(self._source(types))
        return self._runs[types]

    def _source(self, types):
        """C++ for the host.  The argument is one block of 8-byte words: the loop, then each parameter in turn."""
        letters = sorted({(p.ctype, C_TYPES[t.name]) for p, t in zip(self.params, types, strict=True) if p.dtype is None})
        watched = "atomic" not in self.operation + self.preamble  # for two entries at one place
        taken, bound = [], []
        for k, p in enumerate(self.params):
            const = "const " * p.is_const
            if p.raw:
                taken.append(f"    {const}CArray<{const}{p.ctype}> {p.name}(_words, {k}, {int(watched and not p.is_const)});")
            else:
                taken.append(
                    f"    char* const _at_{p.name} = (char*)(_words[0] ? _words[0] : (_word)(_words + 1));\n"
                    f"    const _word* const _step_{p.name} = _words + 2;\n"
                    f"    _words += 2 + _ndim;"
                )
                bound.append(f"        {const}{p.ctype}& {p.name} = *({const}{p.ctype}*)(_at_{p.name} + _offset(_step_{p.name}));")
        return TEMPLATE.format(
            header=HEADER, name=self.name, typedefs="\n".join(f"typedef {to} {letter};" for letter, to in letters), preamble=self.preamble,
            taken="\n".join(taken), bound="\n".join(bound), operation=self.operation,
            loop_prep=self.kwargs.get("loop_prep", ""), after_loop=self.kwargs.get("after_loop", ""),
        )  # fmt: skip


TEMPLATE = """{header}
// kernel {name}
#define std _there_is_no_std_here
{typedefs}
{preamble}

extern "C" {{
_word strict_fault[_FAULT];

_word strict_run(const _word* _words) {{
    const _word _n = _words[0], _first = _words[1], _step = _words[2], _ndim = _words[3];
    const _word* const _shape = _words + 4;
    _words += 4 + _ndim;
    _fault[0] = 0;
{taken}
    const _Indexer _ind = {{_n}};
    _word _index[64];
    auto _offset = [&](const _word* _steps) {{
        _word _sum = 0;
        for (int _axis = 0; _axis < _ndim; _axis++) _sum += _index[_axis] * _steps[_axis];
        return _sum;
    }};
    {loop_prep};
    for (_word _k = 0, _at = _first; _k < _n; _k++, _at += _at < _n - _step ? _step : _step - _n) {{
        ptrdiff_t i = _now = _at;
        _word _rest = _at;
        for (int _axis = _ndim - 1; _axis > 0; _axis--) {{
            _index[_axis] = _rest % _shape[_axis];
            _rest /= _shape[_axis];
        }}
        _index[0] = _rest;
{bound}
        {operation};
    }}
    {after_loop};
    for (int _k = 0; _k < _FAULT; _k++) strict_fault[_k] = _fault[_k];
    return _fault[0];
}}
}}
"""


def _rounded(x):
    """What is too large for a float32 becomes infinite."""
    return math.copysign(math.inf, x) if abs(x) > LARGEST_FLOAT else x


def _collapsed(shape, arrays):
    """(shape, strides of each array over it) with as few axes as describe the same walk; None for an array that takes no part."""
    n = math.prod(shape)
    if all(a is None or (a.flags.c_contiguous and a.shape == shape) for a in arrays):
        return (n,), [None if a is None else (a.itemsize,) for a in arrays]
    strides = [None if a is None else _broadcast_strides(a, shape) for a in arrays]
    walked = [s for s in strides if s is not None]
    kept = [axis for axis, length in enumerate(shape) if length != 1]
    groups = []  # of axes that every array walks as if they were one
    for axis in kept:
        if groups and all(s[groups[-1][-1]] == s[axis] * shape[axis] for s in walked):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    new_shape = tuple(math.prod(shape[axis] for axis in group) for group in groups)
    return new_shape, [None if s is None else tuple(s[group[-1]] for group in groups) for s in strides]


def _broadcast_strides(a, shape):
    missing = len(shape) - a.ndim
    return (0,) * missing + tuple(0 if length == 1 else step for length, step in zip(a.shape, a.strides, strict=True))
