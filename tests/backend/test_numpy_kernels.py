"""The fast kernels against their definitions: random shapes, every path, one thread and several.

Expected is what ``reference.py``, or NumPy, makes of the same numbers in float64.
"""

import copy
import sys
import threading
import types

import numpy as np
import pytest
from lowered import WAYS, lower

from nanogan.backend import numpy_convolutions, numpy_kernels, reference

DTYPES = ["float32", "float64"]


class Draw:
    """Random arrays and sizes."""

    def __init__(self, seed, dtype="float64"):
        self.random, self.dtype = np.random.default_rng(seed), dtype

    def __call__(self, *shape):
        return self.random.standard_normal(shape).astype(self.dtype)

    def mask(self, *shape):
        return self.random.random(shape) < 0.6

    def size(self, least=1, most=40):
        return int(self.random.integers(least, most))

    def shape(self, axes=None):
        """Channels last, some of them many, some not dividing a block."""
        C = self.random.choice([1, 2, 3, 5, 7, 16, 33, 1030])
        return *(self.size(1, 9) for _ in range(axes or self.size(1, 4))), int(C)

    def one_of(self, *values):
        return values[self.random.integers(len(values))]


def product(d):
    M, K, N = d.one_of(1, 3, 40, 150), d.one_of(1, 2, 9, 30), d.one_of(1, 4, 35, 140)
    return d(M, K) if d.one_of(0, 1) else d(K, M).T, d(K, N) if d.one_of(0, 1) else d(N, K).T


def matmul_grad(d):
    a, b = product(d)
    return d(len(a), b.shape[1]), a, b, d.one_of((True, True), (True, False), (False, True), (False, False))


def binary(d):
    shape = d.shape()
    return tuple(d.one_of(
        lambda: (d(*shape), d(*shape)), lambda: (d(*shape), d(*shape[-1:])), lambda: (d(*shape[-1:]), d(*shape)), lambda: (d(*shape), d.one_of(-2, 0.3, True)),
        lambda: (0.7, d(*shape)), lambda: (d(*shape), d(*shape[:-1], 1)), lambda: (d(), d(*shape)), lambda: (d(*shape), d(1)), lambda: (d(*shape).T, d(*shape).T),
    )())  # fmt: skip


def normalised(d):
    shape = d.shape()
    return d(*shape) * 3 + 2, d(shape[-1]), d(shape[-1]), 1e-5


def normalised_grad(d):
    x, gamma, _, eps = normalised(d)
    axes = tuple(range(x.ndim - 1))
    mean = x.astype("float64").mean(axes)
    return d(*x.shape), x, gamma, mean.astype(d.dtype), ((x - mean) ** 2).mean(axes).astype(d.dtype), eps


def activated_grad(d):
    arguments = normalised_grad(d)
    return *arguments, d.mask(*arguments[0].shape), d.one_of(0.2, 0.0, 1.0, -0.3)


def adam(d):
    shapes = [d.shape() for _ in range(d.size(1, 5))] + [(), (3, 0)]
    params, grads, ms, vs = ([d(*shape) for shape in shapes] for _ in range(4))
    return params, grads, ms, [v * v for v in vs], d.one_of(1, 2, 10), 0.01, 0.5, 0.999, 1e-8, d.one_of(True, False)


def convolution(d):
    """(x, w, g, size, kernel, stride, pads)"""
    while True:
        kernel, stride = d.one_of(
            ((3, 3), (2, 2)), ((4, 4), (2, 2)), ((2, 2), (1, 1)), ((5, 5), (1, 1)), ((3, 2), (1, 3)), ((4, 5), (2, 1)), ((1, 1), (1, 1)), ((6, 6), (3, 3)),
        )  # fmt: skip
        size, pads = (d.size(1, 11), d.size(1, 11)), ((d.size(0, 3), d.size(0, 3)), (d.size(0, 3), d.size(0, 3)))
        out = reference.windows_in(size, kernel, stride, pads)
        if min(out) > 0:
            N, C, O = d.size(1, 5), d.size(1, 6), d.size(1, 6)
            return d(N, *size, C), d(*kernel, C, O), d(N, *out, O), size, kernel, stride, pads


def conv2d(d):
    x, w, _, _, _, stride, pads = convolution(d)
    return x, w, stride, pads


def conv2d_input_grad(d):
    _, w, g, size, _, stride, pads = convolution(d)
    return g, w, size, stride, pads


def conv2d_weight_grad(d):
    x, _, g, _, kernel, stride, pads = convolution(d)
    return x, g, kernel, stride, pads


def with_some_rows(d):
    x = d(*d.shape())
    return x, d.one_of(None, 0, -1, tuple(range(x.ndim - 1)), tuple(range(x.ndim)), (0,))


def gated(d):
    shape = d.shape()
    return d(*shape), d.mask(*shape), *d.one_of((1.0, 0.2), (1 / 0.7, 0.0), (1.0, 0.0), (2.0, 2.0), (1.0, -0.5), (0.5, 2.0), (0.0, 0.0))


ARGUMENTS = {
    "matmul": product,
    "matmul_grad": matmul_grad,
    "batch_norm": lambda d: (*normalised(d), d.one_of(None, None, 0.0, 0.2, 1.0, -0.5, 2.0)),
    "batch_norm_grad": lambda d: d.one_of(normalised_grad, activated_grad)(d),
    "add": binary,
    "multiply": binary,
    "sum": with_some_rows,
    "tanh": lambda d: (d(*d.shape()),),
    "leaky_relu": lambda d: (d(*d.shape()), d.one_of(0.0, 0, 0.2, 1.0, 1, 2.0, -0.5)),
    "gate": gated,
    "dropout_mask": lambda d: (int(d.random.integers(2**63)), d.shape(), d.one_of(0.0, 0.3, 0.5, 1.0)),
    "adam_step": adam,
    "conv2d": conv2d,
    "conv2d_input_grad": conv2d_input_grad,
    "conv2d_weight_grad": conv2d_weight_grad,
}
CHANGED = {"adam_step": (0, 2, 3)}  # the arguments that a kernel writes into
KERNELS = sorted(
    name
    for name, value in vars(numpy_kernels).items()
    if callable(value)
    and not name.startswith("_")
    and value.__module__ != "nanogan.backend.numpy_workers"
    and value.__module__.startswith("nanogan.")
)


def definition(name):
    return getattr(reference, name, None) or getattr(np, name)


def arrays_in(value):
    if isinstance(value, (list, tuple)):
        return [a for part in value for a in arrays_in(part)]
    return [value] if isinstance(value, (np.ndarray, np.generic)) else []


def doubled(value):
    """The same in float64."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(doubled, value))
    return np.array(value, "float64") if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def lock(value):
    for array in arrays_in(value):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False


def agree(given, expected, dtype, some_bits=False):
    """Same shapes; floats to within rounding, relative to the largest; booleans exactly (``some_bits``: but for a few at a rounded 0)."""
    assert [a.shape for a in arrays_in(given)] == [a.shape for a in arrays_in(expected)]
    for one, other in zip(arrays_in(given), arrays_in(expected), strict=True):
        if other.dtype == bool:
            assert one.dtype == bool and np.count_nonzero(one != other) <= (2 + other.size // 10**4 if some_bits else 0)
        elif other.size:
            assert one.dtype == dtype
            tolerance = {"float16": 1e-2, "float32": 3e-5, "float64": 1e-12}[str(np.dtype(dtype))]
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, np.abs(other).max()))


def compare(name, arguments, dtype, kernel=None):
    """The fast kernel against the definition in float64; what is not for it to write into, it must leave alone."""
    expected, before = doubled(arguments), copy.deepcopy(arguments)
    at_work = definition(name)(*expected)
    lock([argument for i, argument in enumerate(arguments) if i not in CHANGED.get(name, ())])
    given = (kernel or getattr(numpy_kernels, name))(*arguments)
    if name in CHANGED:
        assert given is None and at_work is None
        given, at_work = ([values[i] for i in CHANGED[name]] for values in (arguments, expected))
    else:
        for y in arrays_in(given):
            assert not any(np.shares_memory(y, a) for a in arrays_in(arguments)), f"{name} gives back a view of what it was given"
    agree(given, at_work, dtype, some_bits=name == "batch_norm")
    for i, (one, other) in enumerate(zip(arguments, before, strict=True)):
        if i not in CHANGED.get(name, ()):
            for a, b in zip(arrays_in(one), arrays_in(other), strict=True):
                np.testing.assert_array_equal(a, b)
    return given


def test_every_fast_kernel_is_tested_here():
    assert set(KERNELS) == set(ARGUMENTS)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KERNELS)
def test_a_fast_kernel_is_its_definition(name, dtype, threads, monkeypatch):
    for seed in range(12):
        lower(monkeypatch.setattr, threads, way=list(WAYS)[seed % 4], BLOCK=[96, 1000, 2**17][seed % 3], THIN=[128, 2][seed % 2])
        compare(name, ARGUMENTS[name](Draw(seed, dtype)), dtype)


@pytest.mark.parametrize("name", KERNELS)
def test_with_thresholds_as_they_are(name):
    for seed in range(3):
        compare(name, ARGUMENTS[name](Draw(seed, "float32")), "float32")


@pytest.mark.parametrize("name", [name for name in KERNELS if name not in ("dropout_mask", "adam_step")])
def test_arrays_that_do_not_lie_in_order(name, monkeypatch):
    """Every other entry of an array, an array read backwards, and one in Fortran's order."""
    lower(monkeypatch.setattr)

    def twisted(value, twist):
        if isinstance(value, (list, tuple)):
            return type(value)(twisted(v, twist) for v in value)
        return twist(value) if isinstance(value, np.ndarray) and value.ndim else value

    for seed in range(4):
        for twist in (lambda a: np.repeat(a, 2, axis=0)[::2], lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1], np.asfortranarray):
            compare(name, twisted(ARGUMENTS[name](Draw(seed)), twist), "float64")


@pytest.mark.parametrize("name", KERNELS)
def test_half_precision_works_too(name, monkeypatch):
    lower(monkeypatch.setattr)
    compare(name, ARGUMENTS[name](Draw(1, "float16")), "float16")


def test_half_precision_overflows_no_earlier_than_the_definition(monkeypatch):
    lower(monkeypatch.setattr, BLOCK=2**12)
    x = (np.random.default_rng(0).standard_normal((4000, 2)) * 30).astype("float16")
    g, one, zero = np.full_like(x, 30), np.ones(2, "float16"), np.zeros(2, "float16")
    _, mean, var = numpy_kernels.batch_norm(x, one, zero, 1e-3)
    np.testing.assert_allclose(var, reference.batch_norm(x, one, zero, 1e-3)[2], rtol=1e-2)
    assert all(np.isfinite(part).all() for part in numpy_kernels.batch_norm_grad(g / 30, x, one, mean, var, 1e-3))


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="there is no longer float here")
@pytest.mark.parametrize("name", KERNELS)
def test_long_double_keeps_its_dtype(name, monkeypatch):
    lower(monkeypatch.setattr)
    given = getattr(numpy_kernels, name)(*ARGUMENTS[name](Draw(2, np.longdouble)))
    assert {a.dtype for a in arrays_in(given)} <= {np.dtype(bool), np.dtype(np.longdouble)}


@pytest.mark.parametrize("name", ["batch_norm", "leaky_relu", "gate", "tanh", "add", "multiply", "sum", "matmul", "matmul_grad"])
def test_mixed_dtypes_and_no_rows(name, monkeypatch):
    """What NumPy makes of float32 with float64, and of arrays without entries, is what a fast kernel makes of it."""
    lower(monkeypatch.setattr)
    first, *rest = ARGUMENTS[name](Draw(3, "float64"))
    first = np.asarray(first, "float32")
    given, expected = getattr(numpy_kernels, name)(first, *rest), definition(name)(first, *rest)
    assert [a.dtype for a in arrays_in(given)] == [a.dtype for a in arrays_in(expected)]
    for one, other in zip(arrays_in(given), arrays_in(expected), strict=True):
        agree(one, other, other.dtype)
    if "norm" not in name and name != "matmul_grad":
        empty = {
            "gate": (np.zeros((0, 3)), np.zeros((0, 3), bool), 1.0, 0.2),
            "leaky_relu": (np.zeros((0, 3)), 0.2),
            "matmul": (np.zeros((0, 3)), np.zeros((3, 2))),
        }
        arguments = empty.get(name, (np.zeros((0, 3)),) if name in ("tanh", "sum") else (np.zeros((0, 3)), np.zeros(3)))
        agree(getattr(numpy_kernels, name)(*arguments), definition(name)(*arguments), "float64")


def test_products_without_rows_columns_or_depth(monkeypatch):
    lower(monkeypatch.setattr, 3)
    for M in (0, 1, 5):
        for K in (0, 1, 3):
            for N in (0, 1, 4):
                for a, b in ((np.ones((M, K)), np.ones((K, N))), (np.ones((K, M)).T, np.ones((N, K)).T)):
                    np.testing.assert_array_equal(numpy_kernels.matmul(a, b), np.full((M, N), float(K)))
                    for given, shape in zip(numpy_kernels.matmul_grad(np.ones((M, N)), a, b, (True, True)), (a.shape, b.shape), strict=True):
                        assert given.shape == shape


@pytest.mark.parametrize(("a", "b"), [((2, 3), (4, 5)), ((2, 1), (3, 4)), ((1, 3), (1, 4)), ((3,), (4,)), ((2, 2, 3), (4, 5))])
def test_a_product_that_does_not_fit_is_refused_as_by_numpy(a, b, monkeypatch):
    lower(monkeypatch.setattr)
    with pytest.raises(ValueError):
        numpy_kernels.matmul(np.ones(a), np.ones(b))


def test_products_of_other_ranks(monkeypatch):
    lower(monkeypatch.setattr)
    d = Draw(0)
    for a, b in (((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4))):
        a, b = d(*a), d(*b)
        np.testing.assert_allclose(numpy_kernels.matmul(a, b), np.matmul(a, b), atol=1e-14)


# --- Every line of it ------------------------------------------------------------------------------------------------


def functions_of(module):
    """Every function of a module, the inner ones too, by (name, first line)."""
    found, todo = {}, [v for v in vars(module).values() if getattr(v, "__module__", None) == module.__name__]
    codes = [getattr(v, "__wrapped__", v).__code__ for v in todo if hasattr(getattr(v, "__wrapped__", v), "__code__")]
    codes += [m.__code__ for v in todo if isinstance(v, type) for m in vars(v).values() if isinstance(m, types.FunctionType)]
    while codes:
        code = codes.pop()
        if not code.co_name.startswith("<"):
            found[code] = f"{module.__name__}.{code.co_name}, line {code.co_firstlineno}"
        codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return found


def test_these_tests_reach_every_function(monkeypatch):
    """Of the kernels and the convolutions, on one thread."""
    modules = [m for name, m in sys.modules.items() if name.startswith("nanogan.backend.numpy_") and not name.endswith("_workers")]
    expected, seen = {}, set()
    for module in modules:
        expected |= functions_of(module)
    sys.setprofile(lambda frame, event, argument: seen.add(frame.f_code))
    try:
        for way in WAYS:
            lower(monkeypatch.setattr, 1 if way != "rows" else 2, way)
            for name in KERNELS:
                for seed in range(12):
                    getattr(numpy_kernels, name)(*ARGUMENTS[name](Draw(seed)))
    finally:
        sys.setprofile(None)
    assert {said for code, said in expected.items() if code not in seen} == set()


# --- Numbers that are hard ---------------------------------------------------------------------------------------------


def hard(monkeypatch, x, gamma, beta, g, block=2**12):
    """Fast batch norm and its gradient in float32 next to the definition in float64."""
    lower(monkeypatch.setattr, BLOCK=block)
    arrays = [np.asarray(a, "float32") for a in (x, gamma, beta, g)]
    x, gamma, beta, g = arrays
    fast = numpy_kernels.batch_norm(x, gamma, beta, 1e-5)
    fast += numpy_kernels.batch_norm_grad(g, x, gamma, *fast[1:], 1e-5)
    x, gamma, beta, g = (a.astype("float64") for a in arrays)
    exact = reference.batch_norm(x, gamma, beta, 1e-5)
    exact += reference.batch_norm_grad(g, x, gamma, *exact[1:], 1e-5)
    assert {a.dtype for a in fast} == {np.dtype("float32")}
    return fast, exact


def off_by(given, exact):
    return np.abs(given - exact).max() / np.abs(exact).max()


def test_batch_norm_of_a_small_deviation_far_from_zero(monkeypatch):
    d = Draw(0)
    (y, mean, var, dx, dgamma, dbeta), exact = hard(monkeypatch, 100 + 0.01 * d(50_000, 3), [1, 2, -1], [0, 1, 2], d(50_000, 3))
    np.testing.assert_allclose(var, exact[2], rtol=0.02)
    np.testing.assert_allclose(var, 1e-4, rtol=0.05)
    np.testing.assert_allclose(mean, exact[1], rtol=1e-6)
    assert off_by(y, exact[0]) < 2e-3 and off_by(dx, exact[3]) < 2e-3 and off_by(dbeta, exact[5]) < 1e-3
    assert np.abs(dgamma - exact[4]).max() < 1e-3 * 50_000**0.5 * 10


@pytest.mark.parametrize("offset", [-1e4, 30.0, 1e4])
def test_batch_norm_where_the_first_block_is_an_outlier(offset, monkeypatch):
    d = Draw(1)
    x = d(40_000, 5)
    x[:900] += offset
    fast, exact = hard(monkeypatch, x, [1, 2, -1, 0.1, 3], d(5), d(40_000, 5))
    np.testing.assert_allclose(fast[2], exact[2], rtol=1e-4)
    assert off_by(fast[0], exact[0]) < 1e-4 and off_by(fast[3], exact[3]) < 1e-4


def test_batch_norm_where_one_channel_is_far_off_and_one_is_constant(monkeypatch):
    d = Draw(2)
    x = d(20_000, 4) * [1, 1, 0, 0] + [0, 1e3, 7, 0]
    fast, exact = hard(monkeypatch, x, [1, -1, 2, 0], [0, 0, 0.5, 0.25], d(20_000, 4))
    np.testing.assert_allclose(fast[2], exact[2], rtol=1e-3, atol=1e-9)
    assert (fast[2] >= 0).all()
    np.testing.assert_allclose(fast[0], exact[0], atol=2e-3)
    np.testing.assert_allclose(fast[3][:, :2], exact[3][:, :2], atol=2e-3)
    np.testing.assert_array_equal(fast[0][:, 3], np.float32(0.25))


@pytest.mark.parametrize("C", [1, 3, 96, 97, 700, 1025])
def test_batch_norm_with_channels_that_do_not_divide_a_block(C, monkeypatch):
    d = Draw(C)
    fast, exact = hard(monkeypatch, 0.5 + d(601, C), d(C) * (np.arange(C) % 3 < 2), d(C), d(601, C), block=1000)
    for given, right in zip(fast, exact, strict=True):
        assert off_by(given, right) < 1e-4


SPECIAL = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-45, -1e-45, 3e38, -3e38, 1.0, -1.0, 1e-30, -1e-30] * 9)


@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0, 2.0, -0.5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_leaky_relu_of_special_numbers(slope, dtype, monkeypatch):
    lower(monkeypatch.setattr)
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(dtype)
        (y, mask), (right, right_mask) = numpy_kernels.leaky_relu(x, slope), reference.leaky_relu(x, slope)
    np.testing.assert_array_equal(mask, right_mask)
    np.testing.assert_array_equal(y, right)
    assert mask[np.isnan(x)].all() and np.isnan(y[np.isnan(x)]).all() and y.dtype == dtype


@pytest.mark.parametrize(("on", "off"), [(1.0, 0.0), (1.0, 0.2), (1.0, 1.0), (1.0, 2.0), (1.0, -0.5), (1 / 0.7, 0.0), (0.0, 0.0), (1, 0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gate_of_special_numbers(on, off, dtype, monkeypatch):
    """Where the gate is shut (off 0), infinity and NaN do not come through."""
    lower(monkeypatch.setattr)
    x, mask = SPECIAL.astype(dtype), np.arange(len(SPECIAL)) % 2 == 0
    with np.errstate(all="ignore"):
        y, right = numpy_kernels.gate(x, mask, on, off), reference.gate(x, mask, on, off)
    np.testing.assert_allclose(y, right, rtol=1e-6 if dtype == "float32" else 1e-15, atol=2e-45)
    assert y.dtype == dtype


@pytest.mark.parametrize("size", [(1,), (95,), (96,), (97,), (7, 31), (1000,), (5, 3, 3, 11), (0, 4), ()])
@pytest.mark.parametrize("key", [0, 1, 2**32 - 1, 2**32, 2**63 + 12345, 2**64 - 1])
def test_dropout_masks_are_the_same_bits(key, size, monkeypatch):
    lower(monkeypatch.setattr, 3)
    for rate in (0.0, 0.25, 0.5, 0.999, 1.0):
        np.testing.assert_array_equal(numpy_kernels.dropout_mask(key, size, rate), reference.dropout_mask(key, size, rate))


def test_a_large_dropout_mask_is_the_same_bits():
    size = (3, 2**18 + 12345)
    np.testing.assert_array_equal(numpy_kernels.dropout_mask(987654321987654321, size, 0.3), reference.dropout_mask(987654321987654321, size, 0.3))


@pytest.mark.parametrize("eps_hat", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_many_steps_of_adam(dtype, eps_hat, monkeypatch):
    """A large parameter, which is cut up, and small ones; gradients as small as eps too."""
    lower(monkeypatch.setattr, 3, BLOCK=2**15)
    d, shapes = Draw(0, dtype), [(300, 301), (7,), (1, 1, 3), (2**15,)]
    params = [d(*shape) for shape in shapes]
    state = [params, None, [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]]
    exact = doubled([params, [], state[2], state[3]])
    for t in range(1, 9):
        state[1] = [d(*shape) * 10.0 ** -d.size(0, 10) for shape in shapes]
        exact[1] = doubled(state[1])
        lock(state[1])
        numpy_kernels.adam_step(*state, t, 1e-3, 0.5, 0.999, 1e-8, eps_hat)
        reference.adam_step(*exact, t, 1e-3, 0.5, 0.999, 1e-8, eps_hat)
    for i in (0, 2, 3):
        for given, right in zip(state[i], exact[i], strict=True):
            assert given.dtype == dtype
            atol = (1e-6 if dtype == "float32" else 1e-14) * np.abs(right).max()  # (and v, which nothing cancels, to its last digits)
            np.testing.assert_allclose(given, right, rtol=1e-5 if dtype == "float32" else 1e-12, atol=0 if i == 3 else atol)


def test_adam_falls_back_where_a_state_is_of_another_dtype():
    p, g, m, v = np.ones(4, "float32"), np.ones(4, "float32"), np.zeros(4), np.zeros(4)
    numpy_kernels.adam_step([p], [g], [m], [v], 1, 0.1, 0.9, 0.999, 0.0, False)
    np.testing.assert_allclose(p, 0.9, rtol=1e-6)
    numpy_kernels.adam_step([], [], [], [], 1, 0.1, 0.9, 0.999, 0.0, False)


@pytest.mark.parametrize("name", ["add", "multiply"])
def test_a_number_does_not_change_the_dtype(name, monkeypatch):
    lower(monkeypatch.setattr)
    x = np.arange(200, dtype="float32")
    for number in (3, 0.5, True, np.float32(2)):
        for a, b in ((x, number), (number, x)):
            y = getattr(numpy_kernels, name)(a, b)
            assert y.dtype == "float32"
            np.testing.assert_array_equal(y, getattr(np, name)(a, b))
    for other in (np.arange(200), np.arange(200.0), np.float16(2), np.array(2.0)):
        y, right = getattr(numpy_kernels, name)(x, other), getattr(np, name)(x, other)
        assert y.dtype == right.dtype
        np.testing.assert_array_equal(y, right)


def test_sums_of_many_rows_are_as_good_as_numpys_own(monkeypatch):
    lower(monkeypatch.setattr, BLOCK=2**12)
    x = (1000 + Draw(0)(100_000, 3)).astype("float32")
    np.testing.assert_allclose(numpy_kernels.sum(x, 0), x.astype("float64").sum(0), rtol=1e-6)


# --- The same bits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KERNELS)
def test_the_same_numbers_give_the_same_bits_also_under_load(name, monkeypatch):
    stop, errors = threading.Event(), []

    def load(seed):
        d = Draw(seed, "float32")
        x, gamma, beta, eps = d(64, 40), d(40), d(40), 1e-5
        y = numpy_kernels.batch_norm(x, gamma, beta, eps)[0]
        while not stop.is_set():
            if not np.array_equal(numpy_kernels.batch_norm(x, gamma, beta, eps)[0], y):
                errors.append(seed)

    lower(monkeypatch.setattr, 3, BLOCK=1000)
    cases = [(way, seed) for way in (WAYS if "conv" in name else ["tiles"]) for seed in range(3)]

    def bits():
        made = []
        for way, seed in cases:
            lower(monkeypatch.setattr, 3, way, BLOCK=1000)
            arguments = ARGUMENTS[name](Draw(seed, "float32"))
            given = getattr(numpy_kernels, name)(*arguments)
            made += [a.tobytes() for a in arrays_in([given, arguments])]
        return made

    first = bits()
    assert bits() == first
    loads = [threading.Thread(target=load, args=(seed,)) for seed in range(3)]
    for thread in loads:
        thread.start()
    try:
        for _ in range(4):
            assert bits() == first
    finally:
        stop.set()
        for thread in loads:
            thread.join()
    assert not errors


def test_the_convolutions_are_the_ones_of_their_file():
    assert numpy_kernels.conv2d is numpy_convolutions.conv2d


def test_adam_on_odd_lists_of_parameters(monkeypatch):
    lower(monkeypatch.setattr, 2)
    numpy_kernels.adam_step(*([np.zeros((0, 3))] for _ in range(4)), 1, 0.1, 0.9, 0.999, 1e-8, False)
    p, g, m, v = (np.linspace(0, 1, 5000) for _ in range(4))
    q, n, w = p.copy(), m.copy(), v.copy()
    numpy_kernels.adam_step([p, p], [g, g], [m, m], [v, v], 1, 0.1, 0.9, 0.999, 1e-8, False)
    reference.adam_step([q, q], [g, g], [n, n], [w, w], 1, 0.1, 0.9, 0.999, 1e-8, False)
    np.testing.assert_array_equal(p, q)  # one step after the other
