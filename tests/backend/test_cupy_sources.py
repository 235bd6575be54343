"""Every kernel of cupy_kernels.py compiles to machine code with NVRTC, from the very text that CuPy makes of it.  No GPU is needed.

How nanogan calls its kernels is noted by calling its functions on NumPy arrays, with a ``Kernel`` that does not run.
From that CuPy decides the types and writes the source, which is then compiled as CuPy would, for several generations of GPUs.
"""

import collections
import functools
import importlib
import itertools
import re
from unittest import mock

import numpy
import pytest

from nanogan.backend import cupy_kernels
from nanogan.backend.cupy_kernels import AT_ONCE, Kernel, optimiser_kernel

pytestmark = pytest.mark.nvrtc

cupy = pytest.importorskip("cupy", reason="CuPy, which makes the CUDA sources, is not installed")
core, _kernel, nvrtc = map(importlib.import_module, ("cupy._core.core", "cupy._core._kernel", "cupy_backends.cuda.libs.nvrtc"))
try:
    nvrtc.getVersion()
    OPTIONS = (*core.assemble_cupy_compiler_options(()), "-ftz=true", "--device-as-default-execution-space")  # as CuPy compiles
except RuntimeError as error:
    pytest.skip(f"no CUDA source can be compiled: {' '.join(str(error).split())}", allow_module_level=True)

HEADERS = "".join(f"#include <{name}>\n" for name in core._cupy_header_list)
ARRAY, INDEXER, SCALAR = 1, 2, 3  # kinds of arguments, in CuPy's own numbers
ARCHITECTURES = (75, 80, 90)  # Turing, Ampere, Hopper
LAYOUTS = ((0, True), (1, True), (1, False), (4, True), (4, False))  # of arrays that CuPy indexes itself: (axes, whether in one piece)
ATOMIC = re.compile(r"\b(atom|red)\.")  # an instruction that adds
LARGEST = 4096  # bytes of arguments that every CUDA driver launches

OPTIMISERS = {"descent": ((), ("lr",)), "momentum": (("velocity",), ("lr", "factor"))}
OPTIMISERS["adam"] = (("m", "v"), ("beta1", "rest1", "beta2", "rest2", "rate", "correction", "eps"))
COUNTS = (1, 3, AT_ONCE)  # of parameters in one launch
MADE = {value.name: value for value in vars(cupy_kernels).values() if isinstance(value, Kernel)}
MADE |= {f"{name}_{n}": optimiser_kernel(name, n, *of, getattr(cupy_kernels, name.upper())) for name, of in OPTIMISERS.items() for n in COUNTS}

Call = collections.namedtuple("Call", "kernel arguments sized")  # arguments: (dtype, axes, whether in one piece) of an array, None for a number


@functools.cache
def calls(dtype):
    """{name of a kernel: how nanogan calls it, each way once}, for arrays of one dtype."""
    seen = {}

    def note(kernel, *arguments, wide=False, **size):
        assert set(size) <= {"size"}
        arrays = [a if isinstance(a, numpy.ndarray) else None for a in arguments]
        call = Call(kernel, tuple(a if a is None else (a.dtype, a.ndim, a.flags.c_contiguous) for a in arrays), bool(size))
        seen.setdefault(kernel.name, {})[call] = None
        return outputs(call, arrays)

    with mock.patch.object(Kernel, "__call__", note):
        call_everything(numpy.dtype(dtype))
    return seen


def outputs(call, arrays):
    """What a kernel would return, full of zeros."""
    made, (_, types, _) = decided(call, wide=False)
    if len(arrays) == made.nin:
        shape = numpy.broadcast_shapes(*(a.shape for a, p in zip(arrays, made.in_params, strict=True) if a is not None and not p.raw))
        arrays = arrays + [numpy.zeros(shape, dtype) for dtype in types]
    for array in arrays[made.nin :]:
        array[...] = 0
    return tuple(arrays[made.nin :]) if made.nout > 1 else arrays[-1]


def call_everything(dtype):
    """Call each function of cupy_kernels.py, in every way that leads to other kernels or other arguments."""
    x, w = numpy.ones((2, 16, 16, 3), dtype), numpy.ones((4, 4, 3, 5), dtype)  # (N, H, W, C), (KH, KW, C, O)
    windows, c, mask = ((2, 2), ((1, 1), (1, 1))), numpy.ones(3, dtype), x > 0
    g = cupy_kernels.conv2d(x, w, *windows)  # (N, OH, OW, O)
    cupy_kernels.conv2d_input_grad(g, w, (16, 16), *windows)
    cupy_kernels.conv2d_weight_grad(x, g, (4, 4), *windows)
    cupy_kernels.col2im(cupy_kernels.im2col(x, (4, 4), *windows), x.shape, (4, 4), *windows)
    cupy_kernels.sum(x, (0, 1, 2))
    for slope in (None, 0.2):
        cupy_kernels.batch_norm(x, c, c, 1e-5, slope)
        cupy_kernels.batch_norm_grad(x, x, c, c, c, 1e-5, None if slope is None else mask, slope)
    cupy_kernels.moving_averages(c.copy(), c.copy(), c, c, 0.9, 1.0)
    cupy_kernels.leaky_relu(x, 0.2)
    cupy_kernels.gate(x, mask, 1.0, 0.2)
    cupy_kernels.sigmoid(x)
    cupy_kernels.sigmoid_bce(x, 0.0)
    cupy_kernels.sigmoid_bce(x, x)
    cupy_kernels.dropout_mask(7, x.shape, 0.5)
    for n in COUNTS:
        params, grads, slots, others = ([numpy.ones((3, 2), dtype) for _ in range(n)] for _ in range(4))
        cupy_kernels.sgd_step(params, grads, None, 0.1, 0.0)
        cupy_kernels.sgd_step(params, grads, slots, 0.1, 0.9)
        cupy_kernels.adam_step(params, grads, slots, others, 1, 0.1, 0.9, 0.999, 1e-8, False)


def decided(call, wide):
    """The cupy.ElementwiseKernel of a call and (types of inputs, of outputs, names for them), as CuPy decides."""
    made = cupy_kernels._compiled(cupy.ElementwiseKernel, call.kernel, wide)
    dtypes = tuple(argument and argument[0] for argument in call.arguments)
    return made, made._decide_params_type(dtypes[: made.nin], dtypes[made.nin :])


def source(call, wide, layout):
    """The CUDA source that CuPy makes of a call: where not ``raw``, its arrays are in this layout, and where not ``wide``, in 2 GB."""
    made, (inputs, results, names) = decided(call, wide)
    arguments = call.arguments + (layout,) * (made.nargs - len(call.arguments))  # outputs that CuPy makes
    infos = []
    for parameter, argument, dtype in zip(made.params[:-1], arguments, inputs + results, strict=True):
        axes, whole = (0, True) if argument is None else argument[-2:] if parameter.raw else layout
        infos.append(_kernel._ArgInfo(SCALAR if argument is None else ARRAY, object, dtype, axes, whole, argument is None or not wide))
    infos.append(_kernel._ArgInfo(INDEXER, object, None, 1 if call.sized else layout[0], True, not wide))
    return HEADERS + _kernel._get_elementwise_kernel_code(tuple(infos), names, made.params, made.operation, made.name, made.preamble)


def sources(name, dtype):
    """All sources of the kernel ``name`` for arrays of one dtype, without repetitions."""
    ways = itertools.product(calls(dtype)[name], (False, True), LAYOUTS)
    return list(dict.fromkeys(source(*way) for way in ways))


@functools.cache
def compiled(text, architecture):
    """(machine code, PTX) of a CUDA source, or AssertionError with what the compiler says, be it only a warning."""
    program = nvrtc.createProgram(text, "kernel.cu", (), ())
    try:
        nvrtc.compileProgram(program, (*OPTIONS, f"-arch=sm_{architecture}"))
        assert not said(program), f"{said(program)}\n{text}"
        return nvrtc.getCUBIN(program), nvrtc.getPTX(program).decode()
    except nvrtc.NVRTCError as error:
        raise AssertionError(f"{said(program)}\n{text}") from error
    finally:
        nvrtc.destroyProgram(program)


def said(program):
    return nvrtc.getProgramLog(program).strip("\n\0 ")


def argument_bytes(ptx):
    """The size of a kernel's arguments, as the compiler lays them out."""
    end = 0
    for alignment, width, count in re.findall(r"^\s*\.param (?:\.align (\d+) )?\.[bfsu](\d+) \w+(?:\[(\d+)\])?,?$", ptx, re.M):
        one = int(width) // 8
        end += -end % int(alignment or one) + one * int(count or 1)
    return end


def test_every_kernel_is_called():
    assert {"im2col", "sigmoid", f"adam_{AT_ONCE}"} < MADE.keys()
    for dtype in ("float32", "float64"):
        assert calls(dtype).keys() == MADE.keys()
        assert all(call.kernel is MADE[name] for name, ways in calls(dtype).items() for call in ways)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MADE)
def test_a_kernel_compiles(name, dtype):
    """What comes out is small enough to launch, adds nothing atomically, and holds no double that a float kernel did not ask for."""
    assert not any("atomic" in part for part in MADE[name].text(wide=False))
    for text, architecture in itertools.product(sources(name, dtype), ARCHITECTURES):
        code, ptx = compiled(text, architecture)
        assert code[:4] == b"\x7fELF" and f".entry nanogan_{name}" in ptx
        assert 0 < argument_bytes(ptx) <= LARGEST
        assert not ATOMIC.search(ptx)
        assert dtype == "float64" or ".f64" not in ptx


def own(body, inputs="T x", dtype="float32"):
    """The one source of a kernel of this module's own; what is declared as a T is an array of one axis, in one piece."""
    declared = [*inputs.split(", "), "T y"]
    arguments = tuple((numpy.dtype(dtype), 1, True) if text.startswith("T ") else None for text in declared)
    return source(Call(Kernel("own", inputs, "T y", body), arguments, False), False, (1, True))


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("y = no_such_name + x;", 'identifier "no_such_name" is undefined'),
        ("x = y;", "must be a modifiable lvalue"),
        ("y = x", None),  # CuPy ends the last statement
        ("T unused = x;  y = x;", "never referenced"),
        ("y = x; }", "expected"),
    ],
)
def test_a_mistake_is_found(body, complaint):
    if complaint is None:
        compiled(own(body), ARCHITECTURES[0])
    else:
        with pytest.raises(AssertionError, match=complaint):
            compiled(own(body), ARCHITECTURES[0])


@pytest.mark.parametrize(("body", "double"), [("y = x * 0.1;", True), ("y = ::pow((double)x, 2.0);", True), ("y = x * T(0.1);", False)])
def test_double_precision_is_found(body, double):
    assert (".f64" in compiled(own(body), ARCHITECTURES[0])[1]) == double
    assert ".f64" in compiled(own(body, dtype="float64"), ARCHITECTURES[0])[1]


def test_atomics_are_found():
    assert ATOMIC.search(compiled(own("atomicAdd(&y, x);"), ARCHITECTURES[0])[1])


@pytest.mark.parametrize(("arrays", "size"), [(1, 2 * 32 + 24), (3, 4 * 32 + 24), (126, 127 * 32 + 24), (127, 128 * 32 + 24)])
def test_the_size_of_arguments_is_known(arrays, size):
    """Of each array its address and size and, by axis, shape and stride; of the indices a size and, by axis, two numbers."""
    inputs = ", ".join(f"T x{k}" for k in range(arrays))
    assert argument_bytes(compiled(own("y = x0;", inputs), ARCHITECTURES[0])[1]) == size


def test_the_size_of_arguments_counts_small_ones_and_gaps():
    text = own("y = x + a + b + c;", "T x, bool a, float64 b, int32 c")
    assert argument_bytes(compiled(text, ARCHITECTURES[0])[1]) == 32 + (1 + 7) + 8 + (4 + 4) + 32 + 24
