"""Kernels run on the host: by CuPy's rules, with their indices and races watched."""

import multiprocessing
import pathlib
import sys

import numpy as np
import pytest

import strict_cupy
from strict_cupy import compilation
from strict_cupy import cupy as cp

HOST = np.arange(6, dtype=np.float32).reshape(2, 3)
needs_compiler = pytest.mark.skipif(strict_cupy.compiler() is None, reason="no C++ compiler: g++, c++, clang++ or $CXX")
MULTIPLY = cp.ElementwiseKernel("T x, T y", "T z", "z = x * y", "multiply")
GATHER = cp.ElementwiseKernel("raw T x, int32 step", "T y", "y = x[i * step]", "gather")
SCATTER = cp.ElementwiseKernel("raw T x, int32 step", "raw T y", "y[i * step] = x[i]", "scatter")
TWO = cp.ElementwiseKernel(
    "T x", "T y, bool positive", "y = twice(x);  positive = x > 0;", "two", preamble="__device__ float twice(float x) { return x * 2; }"
)


@pytest.fixture
def a():
    return cp.asarray(HOST)


def on_host(x):
    return x.get().tolist()


@needs_compiler
def test_arrays_are_broadcast_whatever_their_layout(a):
    for x, y in [
        (a, a),
        (a, a[1]),
        (a, a[:, :1]),
        (a.T, a.T),
        (a[:, ::-1], a),
        (a[:, None], a[None]),
        (a, 2.5),
        (a, True),
        (a.sum(), a),
        (a[::2], a[1]),
    ]:
        z = MULTIPLY(x, y)
        expected = (x.get() * (y.get() if isinstance(y, cp.ndarray) else np.float32(y))).astype(np.float32)
        assert z.flags.c_contiguous and z.dtype == np.float32 and z.shape == expected.shape and np.array_equal(z.get(), expected)
    assert MULTIPLY(a[:0], a[:0]).shape == (0, 3)
    assert on_host(MULTIPLY(a.astype("float64"), 3)) == (HOST * 3.0).tolist()


@needs_compiler
def test_outputs_that_are_given(a):
    out = cp.empty((2, 3), "float32")
    assert MULTIPLY(a, 2.0, out) is out and on_host(out) == (HOST * 2).tolist()
    assert MULTIPLY(a, a, a) is a and on_host(a) == (HOST * HOST).tolist()  # in place
    columns = cp.zeros((3, 2), "float32")
    MULTIPLY(cp.asarray(HOST), 1, columns.T)
    assert on_host(columns) == HOST.T.tolist()
    y, positive = TWO(cp.asarray(HOST) - 2)
    assert on_host(y) == ((HOST - 2) * 2).tolist() and positive.dtype == bool and on_host(positive) == (HOST > 2).tolist()


@needs_compiler
def test_raw_arrays_are_indexed_in_c_order(a):
    assert on_host(GATHER(a, 2, size=3)) == [0, 2, 4]
    assert on_host(GATHER(a.T, 1, size=6)) == HOST.T.ravel().tolist()
    assert on_host(GATHER(a[:, ::2], 1, cp.empty((2, 2), "float32"))) == HOST[:, ::2].tolist()
    out = cp.zeros(6, "float32")
    assert SCATTER(a[0], 2, out, size=3) is out and on_host(out) == [0, 0, 1, 0, 2, 0]
    sizes = cp.ElementwiseKernel("raw T x, raw T y", "int64 n", "n = x.size() * 100 + y.size() * 10 + _ind.size()")
    assert on_host(sizes(a, a[0], size=2)) == [632, 632]
    corner = cp.ElementwiseKernel("raw T x", "T y", "int at[2] = {1, (int)i};  y = x[at]")
    assert on_host(corner(a, size=3)) == [3, 4, 5] and on_host(corner(a.T, size=2)) == [1, 4]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda a: MULTIPLY(a), TypeError, "Wrong number of arguments for 'multiply'. It must be either 2 or 3"),
        (lambda a: MULTIPLY(a, HOST), TypeError, "Unsupported type <class 'numpy.ndarray'>"),
        (lambda a: MULTIPLY(a, [1, 2, 3]), TypeError, "Unsupported type"),
        (lambda a: MULTIPLY(a, None), TypeError, "Unsupported type"),
        (lambda a: MULTIPLY(a, a.astype("float64")), TypeError, "Type is mismatched. y float64 float32 T"),
        (lambda a: MULTIPLY(a, a, a.astype("float64")), TypeError, "Type is mismatched"),
        (lambda a: MULTIPLY(a, cp.ones(4, "float32")), ValueError, "broadcast"),
        (lambda a: MULTIPLY(a, a, a[:1]), ValueError, "Out shape is mismatched"),
        (lambda a: MULTIPLY(a, a, HOST.copy()), TypeError, "Unsupported type"),
        (lambda a: MULTIPLY(a, a, 2.0), TypeError, "Output arguments type must be cupy.ndarray"),
        (lambda a: MULTIPLY(a[:1], a[:1], cp.broadcast_to(a[:1], (1, 3))), ValueError, "broadcast view"),
        (lambda a: MULTIPLY(1.0, 2.0), ValueError, "Loop size is undecided"),
        (lambda a: MULTIPLY(a, a, size=6), ValueError, "Specified 'size' can be used only if all of the ndarray are 'raw'"),
        (lambda a: MULTIPLY(1.0, 2.0, size=3), KeyError, "no array decides this type"),
        (lambda a: MULTIPLY(a, a, n=1), TypeError, "n"),
        (lambda a: GATHER(a, 2), ValueError, "Loop size is undecided"),
        (lambda a: GATHER(1.0, 2, size=3), TypeError, "raw"),
        (lambda a: GATHER(a, 2.5, size=3), TypeError, "step"),
        (lambda a: GATHER(a, 2**40, size=3), TypeError, "step"),
        (lambda a: GATHER(a, cp.asarray(2), size=3), ValueError, "size"),
        (lambda a: GATHER(a, cp.asarray(2), a[0] + 0), TypeError, "Type is mismatched. step int64 int32"),
        (lambda a: SCATTER(a, 1), ValueError, "Loop size is undecided"),
        (lambda a: cp.ElementwiseKernel("T x", "T y", "y = x")(a.astype("float16")), NotImplementedError, "float16"),
        (lambda a: cp.ElementwiseKernel("T i", "T y", "y = i"), ValueError, "Can not use 'i' as a parameter name"),
        (lambda a: cp.ElementwiseKernel("T x", "T y", "y = x", "my kernel"), ValueError, "Invalid kernel name"),
        (lambda a: cp.ElementwiseKernel("T x", "T x", "x = x"), ValueError, "one name"),
        (lambda a: cp.ElementwiseKernel("x", "T y", "y = x"), Exception, "Syntax error: x"),
        (lambda a: cp.ElementwiseKernel("const T x", "T y", "y = x"), Exception, 'Unknown keyword "const"'),
        (lambda a: cp.ElementwiseKernel("flot x", "T y", "y = x"), TypeError, "flot"),
        (lambda a: cp.ElementwiseKernel("T x", "T y", "y = x", preambel=""), TypeError, "preambel"),
    ],
)  # fmt: skip
@needs_compiler
def test_what_kernels_do_not_take(a, call, error, said):
    with pytest.raises(error, match=said):
        call(a)


@needs_compiler
@pytest.mark.parametrize(
    ("body", "said"),
    [("y = z", "z"), ("x = 1; y = x", "read-only"), ("y = std::sqrt(x)", "there_is_no_std_here"), ("y = x[i]", "subscript"), ("y = n + words", "was not declared")],
)  # fmt: skip
def test_bodies_that_do_not_compile(a, body, said):
    kernel = cp.ElementwiseKernel("T x", "T y", body)
    with pytest.raises(cp.cuda.compiler.CompileException, match=said):
        kernel(a)


@needs_compiler
def test_an_index_out_of_range(a):
    with pytest.raises(IndexError, match=r"^gather: x\[6\] of 6 entries, at i = 3 \(2 such accesses in this call\)$"):
        GATHER(a, 2, size=5)
    with pytest.raises(IndexError, match=r"x\[-1\] of 6 entries, at i = 1"):
        GATHER(a, -1, size=2)
    before, out = np.zeros(4, np.float32), cp.zeros(4, "float32")
    with pytest.raises(IndexError, match=r"scatter: y\[4\] of 4 entries"):
        SCATTER(a, 4, out, size=2)
    assert np.array_equal(out.get()[1:], before[1:])  # what lies beyond was not touched
    GATHER(a, 2, size=3)  # nothing is left of it
    with pytest.raises(IndexError, match=r"x\[3\]"):
        cp.ElementwiseKernel("raw T x", "T y", "int at[2] = {0, (int)i + 1};  y = x[at]")(a, size=3)


@needs_compiler
def test_two_entries_at_one_place(a):
    with pytest.raises(strict_cupy.RaceCondition, match=r"scatter: i = 0 and i = 1 both use y\[0\]"):
        SCATTER(a, 0, cp.zeros(6, "float32"), size=2)
    neighbour = cp.ElementwiseKernel("raw T x", "raw T y", "y[i] = x[i];  if (i) y[i] += y[i - 1]")
    with pytest.raises(strict_cupy.RaceCondition, match=r"both use y\[0\]"):
        neighbour(a, cp.zeros(6, "float32"), size=6)
    add = cp.ElementwiseKernel("raw T x", "raw T y", "atomicAdd(&y[0], x[i])")
    out = cp.zeros(1, "float32")
    add(a, out, size=6)
    assert float(out[0]) == 15


@needs_compiler
def test_the_order_of_entries(a):
    # which reads what it writes, through another array: no race of one raw output, yet the order tells
    shift = cp.ElementwiseKernel("raw T x", "T y", "y = i ? x[i - 1] + 1 : 0")
    found = {}
    for order in ("forward", "reversed", "shuffled"):
        with strict_cupy.kernel_order(order):
            assert on_host(GATHER(a, 1, size=6)) == HOST.ravel().tolist()
            b = cp.zeros(6, "float32")
            shift(b, b)
            found[order] = on_host(b)
    assert (
        found["forward"] == [0, 1, 2, 3, 4, 5]
        and found["reversed"] == [0, 1, 1, 1, 1, 1]
        and found["shuffled"] not in (found["forward"], found["reversed"])
    )
    with pytest.raises(ValueError, match="sideways"), strict_cupy.kernel_order("sideways"):
        pass


@needs_compiler
def test_every_order_meets_every_entry():
    for order in ("reversed", "shuffled"):
        with strict_cupy.kernel_order(order):
            for n in (1, 2, 3, 4, 5, 6, 7, 12, 100):
                assert on_host(GATHER(cp.arange(n, dtype="float32"), 1, size=n)) == list(range(n))


MATHS = """
    y[0] = exp(x);  y[1] = log1p(x);  y[2] = fabs(-x);  y[3] = sqrt(x);  y[4] = rsqrt(x);  y[5] = max(x, T(0)) + min(0.5, 1.0f) + max(i, 3) + min(2u, 3);
    y[6] = isnan(x) + isinf(x) + isfinite(x);  y[7] = tanh(x) + pow(x, T(2)) + floor(x) + expf(x) + abs(-x) + fmax(x, T(1)) + max(T(NAN), T(1));
"""


@needs_compiler
def test_cudas_mathematics():
    kernel = cp.ElementwiseKernel("T x", "raw T y", MATHS)
    for dtype in ("float32", "float64"):
        x, y = np.asarray(0.25, dtype)[()], cp.empty(8, dtype)
        kernel(cp.asarray(x).reshape(1), y)
        last = np.tanh(x) + x**2 + np.floor(x) + np.exp(x) + x + 1 + 1
        np.testing.assert_allclose(y.get(), [np.exp(x), np.log1p(x), x, 0.5, 2, x + 0.5 + 3 + 2, 1, last], rtol=1e-6)


@needs_compiler
def test_numbers_reach_the_body_as_they_are():
    kinds = ["float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"]
    kernel = cp.ElementwiseKernel(", ".join(f"{kind} a{k}" for k, kind in enumerate(kinds)), "raw float64 y",
                                  " ".join(f"y[{k}] = a{k};" for k in range(len(kinds))))  # fmt: skip
    values = [0.1, 0.1, -100, 200, -30000, 60000, -(2**31), 2**32 - 1, -(2**53), 2**53, True]
    y = cp.empty(len(kinds), "float64")
    kernel(*values, y, size=1)
    assert on_host(y) == [float(np.dtype(kind).type(value)) for kind, value in zip(kinds, values, strict=True)]
    kernel(*(np.dtype(kind).type(value) for kind, value in zip(kinds, values, strict=True)), y, size=1)
    assert on_host(y)[0] == np.float32(0.1)


@needs_compiler
def test_numbers_too_large_for_float32_are_infinite(a):
    assert on_host(MULTIPLY(a[:1, 1:], 1e300)) == on_host(MULTIPLY(a[:1, 1:], np.float64(np.inf))) == [[np.inf, np.inf]]
    assert on_host(MULTIPLY(a[:1, 1:], -1e300)) == [[-np.inf, -np.inf]] and np.isnan(MULTIPLY(a, np.nan).get()).all()
    both = cp.ElementwiseKernel("float32 x, float64 y", "raw float64 z", "z[0] = x;  z[1] = y")
    z = cp.empty(2)
    both(1e300, 1e300, z, size=1)
    assert on_host(z) == [np.inf, 1e300]


@needs_compiler
def test_options_and_results(a):
    nothing = cp.ElementwiseKernel("T x", "T y", "y = x", no_return=True)
    out = cp.empty_like(a)
    assert nothing(a, out) is None and on_host(out) == HOST.tolist()
    assert isinstance(cp.ElementwiseKernel("T x", "T y", "y = x", return_tuple=True)(a), tuple)
    around = cp.ElementwiseKernel(
        "T x", "T y", "seen += x;  y = seen", loop_prep="T seen = 100", after_loop="seen = 0", reduce_dims=False, options=("-O3",)
    )
    assert on_host(around(a[0], block_size=64)) == [100, 101, 103]
    assert (MULTIPLY.nin, MULTIPLY.nout, MULTIPLY.nargs, MULTIPLY.name) == (2, 1, 3, "multiply")


@needs_compiler
def test_a_launch_has_room_for_so_many_arguments():
    n = 110
    kernel = cp.ElementwiseKernel(", ".join(f"raw T x{k}" for k in range(n)), "T y", "y = x0[i]")
    with pytest.raises(RuntimeError, match=r"take \d+ bytes; 4096"):
        kernel(*[cp.zeros((1, 1), "float32")] * n, size=1)


@needs_compiler
def test_a_kernel_is_one_launch_and_keeps_float32(a):
    with strict_cupy.counted() as counts, strict_cupy.forbid_float64():
        MULTIPLY(a, 2.0)
        GATHER(a, 1, size=6)
        MULTIPLY(a[:0], 2.0)
    assert (counts.launches, counts.synchronisations, counts.to_host, counts.to_device) == (2, 0, 0, 0)


def test_without_a_compiler(monkeypatch, a):
    monkeypatch.setenv("CXX", "")
    monkeypatch.setenv("PATH", "")
    assert strict_cupy.compiler() is None
    with pytest.raises(strict_cupy.NoCompiler, match=r"no C\+\+ compiler was found"):
        cp.ElementwiseKernel("T x", "T y", "y = x + 4711")(a)
    monkeypatch.setenv("CXX", sys.executable)
    assert strict_cupy.compiler() == sys.executable


SOURCE = """extern "C" { long long strict_fault[7];  long long strict_run(const long long* words) { return words[0] + 4712; } }"""


def compile_it(folder):
    """In a process of its own."""
    compilation.tempfile.tempdir = folder
    return compilation.load(SOURCE)[0]((3).to_bytes(8, sys.byteorder))


@needs_compiler
def test_several_processes_compile_the_same(tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(compile_it, [str(tmp_path)] * 3) == [4715] * 3
    assert len(list(pathlib.Path(tmp_path).rglob("*.so"))) == 1
