"""CuPy's kernels against their definitions: on the strict stand-in, where a C++ compiler plays the GPU, and on a real one.

Sizes, strides, paddings and dtypes are drawn; thresholds are lowered, so that small arrays take every path.
"""

import itertools
import pathlib

import numpy as np
import pytest

import nanogan as ng
from nanogan import to_numpy, xp
from nanogan.backend import cupy_kernels, kernels, reference

pytestmark = [pytest.mark.every_backend, pytest.mark.cupy_only]
DTYPES = ("float32", "float64")
CLOSE = {"float32": {"rtol": 2e-5, "atol": 2e-5}, "float64": {"rtol": 1e-12, "atol": 1e-12}}


@pytest.fixture(params=["", "small pieces", "wide"])
def thresholds(request, monkeypatch):
    """As they are; columns a sample at a time and sums of few rows on few threads; 64-bit indices."""
    if request.param == "small pieces":
        monkeypatch.setattr(cupy_kernels, "COLUMN_BYTES", 64)
        monkeypatch.setattr(cupy_kernels, "SUM_ROWS", 1)
        monkeypatch.setattr(cupy_kernels, "SUM_THREADS", 8)
    if request.param == "wide":
        monkeypatch.setattr(cupy_kernels, "WIDE", 0)
    return request.param


@pytest.fixture(params=DTYPES)
def dtype(request):
    return request.param


def agree(name, *arguments, exact=False, **more):
    """The fast kernel's results are those of the definition, in dtype and shape too; returns them."""
    assert name in vars(cupy_kernels)
    fast, plain = (getattr(module, name)(*arguments, **more) for module in (kernels, reference))
    if not isinstance(fast, tuple):
        fast, plain = (fast,), (plain,)
    for a, b in zip(fast, plain, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            a, b = to_numpy(a), to_numpy(b)
            np.testing.assert_array_equal(a, b) if exact or a.dtype.kind in "biu" else np.testing.assert_allclose(a, b, **CLOSE[str(a.dtype)])
    return fast


def draw(rng, shape, dtype="float32", strided=False):
    """Normal numbers; strided: every other entry of a larger array, its last axis backwards."""
    values = rng.standard_normal(shape).astype(dtype)
    if not strided:
        return xp.asarray(values)
    large = xp.zeros(tuple(2 * n for n in shape), dtype=dtype)
    view = large[tuple(slice(None, None, 2) for _ in shape[:-1]) + (slice(None, None, -2),)]
    view[...] = xp.asarray(values)
    return view


# --- Convolution ------------------------------------------------------------------------------------------------


def windows(seed):
    """(image shape, kernel, stride, pads, output channels), at least one window."""
    rng = np.random.default_rng(seed)
    kernel, stride = (tuple(int(n) for n in rng.integers(1, 5, 2)) for _ in range(2))
    pads = tuple(tuple(int(n) for n in rng.integers(0, 4, 2)) for _ in range(2))
    size = [int(rng.integers(max(1, k - sum(p)), k + 9)) for k, p in zip(kernel, pads, strict=True)]
    return rng, (int(rng.integers(1, 5)), *size, int(rng.integers(1, 6))), kernel, stride, pads, int(rng.integers(1, 6))


@pytest.mark.parametrize("seed", range(12))
def test_convolutions(seed, thresholds, dtype):
    rng, shape, kernel, stride, pads, O = windows(seed)
    strided = seed % 3 == 0
    x, w = draw(rng, shape, dtype, strided), draw(rng, (*kernel, shape[3], O), dtype, strided)
    (columns,) = agree("im2col", x, kernel, stride, pads, exact=True)
    agree("col2im", draw(rng, columns.shape, dtype, strided), shape, kernel, stride, pads, exact=True)
    (y,) = agree("conv2d", x, w, stride, pads)
    g = draw(rng, y.shape, dtype, strided)
    agree("conv2d_input_grad", g, w, shape[1:3], stride, pads)
    agree("conv2d_weight_grad", x, g, kernel, stride, pads)


@pytest.mark.parametrize("seed", range(4))
def test_columns_and_images_are_each_other_transposed(seed):
    """<im2col(x), c> = <x, col2im(c)>."""
    rng, shape, kernel, stride, pads, _ = windows(100 + seed)
    x = draw(rng, shape, "float64")
    columns = kernels.im2col(x, kernel, stride, pads)
    c = draw(rng, columns.shape, "float64")
    assert float((columns * c).sum()) == pytest.approx(float((x * kernels.col2im(c, shape, kernel, stride, pads)).sum()), rel=1e-12)


def test_an_empty_batch(thresholds):
    x, w, g = xp.zeros((0, 5, 5, 2), dtype="float32"), xp.ones((3, 3, 2, 4), dtype="float32"), xp.zeros((0, 3, 3, 4), dtype="float32")
    pads = ((0, 0), (0, 0))
    agree("im2col", x, (3, 3), (1, 1), pads)
    agree("conv2d", x, w, (1, 1), pads)
    agree("conv2d_input_grad", g, w, (5, 5), (1, 1), pads)
    (dw,) = agree("conv2d_weight_grad", x, g, (3, 3), (1, 1), pads)
    assert not to_numpy(dw).any()


# --- Sums, and batch norm -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3000, 1), (2000, 3), (40, 5, 7, 16), (1, 600), (600, 1), (7, 5), (2, 3, 4), (700, 300), (1, 1)], ids=str)
@pytest.mark.parametrize("slope", [None, 0.0, 0.2], ids=str)
def test_batch_norm(shape, slope, thresholds, dtype):
    rng = np.random.default_rng(len(shape))
    x = draw(rng, shape, dtype) * 3 + 5
    gamma, beta, g = draw(rng, shape[-1:], dtype), draw(rng, shape[-1:], dtype), draw(rng, shape, dtype)
    fast = kernels.batch_norm(x, gamma, beta, 1e-5, slope)
    plain = reference.batch_norm(x, gamma, beta, 1e-5, slope)
    assert len(fast) == len(plain) == (3 if slope is None else 4)
    close = {"float32": {"rtol": 1e-4, "atol": 1e-4}, "float64": {"rtol": 1e-10, "atol": 1e-10}}[dtype]
    for a, b in zip(fast[:3], plain[:3], strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), **close)
    mask = {} if slope is None else {"mask": plain[3], "slope": slope}
    if mask:  # where the value is no rounding away from 0
        y = to_numpy(reference.batch_norm(x, gamma, beta, 1e-5)[0])
        np.testing.assert_array_equal(to_numpy(fast[3])[np.abs(y) > 1e-3], to_numpy(plain[3])[np.abs(y) > 1e-3])
    arguments = (g, x, gamma, plain[1], plain[2], 1e-5)
    for a, b in zip(kernels.batch_norm_grad(*arguments, **mask), reference.batch_norm_grad(*arguments, **mask), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        b = to_numpy(b)
        np.testing.assert_allclose(to_numpy(a), b, rtol=close["rtol"], atol=close["atol"] * max(1.0, np.abs(b).max()))


def test_batch_norm_of_strided_memory():
    rng = np.random.default_rng(3)
    x, g = (draw(rng, (30, 4, 4, 6), "float64", strided=True) for _ in range(2))
    gamma, beta = draw(rng, (6,), "float64", strided=True), draw(rng, (6,), "float64")
    _, mean, var, mask = agree("batch_norm", x, gamma, beta, 1e-5, 0.2)
    agree("batch_norm_grad", g, x, gamma, mean, var, 1e-5, mask, 0.2)


def test_a_mean_far_from_zero_costs_no_digits():
    x = draw(np.random.default_rng(0), (4096, 4)) + 1000.0
    _, _, var = kernels.batch_norm(x, xp.ones(4, dtype="float32"), xp.zeros(4, dtype="float32"), 0.0)
    np.testing.assert_allclose(to_numpy(var), to_numpy(x).astype("float64").var(axis=0), rtol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_passed_on(bad):
    x = xp.asarray(np.ones((6, 2), "float32"))
    x[3, 1] = bad
    y, mean, var, _ = kernels.batch_norm(x, xp.ones(2, dtype="float32"), xp.zeros(2, dtype="float32"), 1e-5, 0.2)
    for array in (y, mean, var):
        assert (np.isfinite(to_numpy(array)) == [True, False]).all()


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((1000, 5), (0,)), ((6, 100, 3), (0, 1)), ((6, 100, 3), (0,)), ((600, 2), (1,)), ((600, 2), (0, 1)), ((600, 2, 3), (0, 2)), ((0, 4), (0,))],
    ids=str,
)  # fmt: skip
def test_sums(shape, axes, thresholds, dtype):
    x = draw(np.random.default_rng(1), shape, dtype)
    np.testing.assert_allclose(to_numpy(kernels.sum(x, axes)), to_numpy(x).sum(axis=axes), **CLOSE[dtype])


def test_sums_of_others():
    """Of integers, of strided memory, and with CuPy's own options."""
    integers = xp.arange(3000).reshape(1000, 3)
    assert to_numpy(kernels.sum(integers, (0,))).tolist() == to_numpy(integers).sum(axis=0).tolist()
    strided = draw(np.random.default_rng(2), (600, 3), "float64", strided=True)
    np.testing.assert_allclose(to_numpy(kernels.sum(strided, (0,))), to_numpy(strided).sum(axis=0))
    assert kernels.sum(strided, (0,), keepdims=True).shape == (1, 3) and kernels.sum(strided).shape == ()


@pytest.mark.parametrize("statistics", ["the same", "float32"])
def test_moving_averages(dtype, statistics):
    """Also where a net's parameters were made float64, and its statistics left as they were."""
    rng = np.random.default_rng(4)
    batch = [draw(rng, (5,), dtype) for _ in range(2)]
    fast = [draw(rng, (5,), dtype if statistics == "the same" else "float32") for _ in range(2)]
    plain = [array.copy() for array in fast]
    kernels.moving_averages(*fast, *batch, 0.9, 1.25)
    reference.moving_averages(*plain, *batch, 0.9, 1.25)
    for a, b in zip(fast, plain, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), **CLOSE[str(a.dtype)])


# --- Entry by entry ---------------------------------------------------------------------------------------------


SPECIAL = [0.0, -0.0, 1e-30, -1e-30, 3.0, -3.0, 88.0, -88.0, 750.0, -750.0, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("strided", [False, True])
def test_activations(dtype, strided):
    x = draw(np.random.default_rng(5), (7, 5, 3), dtype, strided)
    agree("sigmoid", x)
    for slope in (0.2, 0.0):
        agree("leaky_relu", x, slope, exact=True)
    agree("gate", x, x > 0.3, 2.0, 0.0, exact=True)
    agree("gate", x, x > 0.3, 0.25, -3.0, exact=True)
    for t in (0.0, 1.0, 0.3, abs(draw(np.random.default_rng(6), (7, 5, 3), dtype))):
        agree("sigmoid_bce", x, t)


def test_activations_at_the_ends(dtype):
    x = xp.asarray(np.array(SPECIAL, dtype))
    agree("sigmoid", x)
    for slope in (0.2, 0.0):
        y, _ = agree("leaky_relu", x, slope)
        np.testing.assert_array_equal(np.signbit(to_numpy(y)), np.signbit(to_numpy(reference.leaky_relu(x, slope)[0])))
    agree("gate", x, x > 1, 1.0, 0.0)
    for t in (0.0, 1.0):
        agree("sigmoid_bce", x, t)


def test_other_dtypes_take_the_definition():
    whole, half = xp.asarray(np.array([-2, 0, 3])), xp.asarray(np.array([-2, 0, 3], "float16"))
    for x in (whole, half):
        assert kernels.sigmoid(x).dtype == reference.sigmoid(x).dtype
        assert kernels.leaky_relu(x, 0.5)[0].dtype == reference.leaky_relu(x, 0.5)[0].dtype
        assert kernels.sigmoid_bce(x, 1.0).dtype == reference.sigmoid_bce(x, 1.0).dtype
        assert kernels.gate(x, x > 0, 2.0, 0.0).dtype == reference.gate(x, x > 0, 2.0, 0.0).dtype
    agree("gate", xp.ones(3, dtype="float32"), xp.asarray(np.array([0.0, 1.0, 1.0], "float32")), 2.0, 0.0)
    x, w = xp.asarray(np.arange(50).reshape(2, 5, 5, 1)), xp.asarray(np.arange(8).reshape(2, 2, 1, 2))
    windows = (1, 1), ((0, 1), (1, 0))
    agree("im2col", x, (2, 2), *windows)
    agree("col2im", reference.im2col(x, (2, 2), *windows), x.shape, (2, 2), *windows)
    (y,) = agree("conv2d", x, w, *windows)
    agree("conv2d_input_grad", y, w, (5, 5), *windows)
    agree("conv2d_weight_grad", x, y, (2, 2), *windows)


@pytest.mark.parametrize("key", [0, 7, 2**32 + 5, 2**63 - 1])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9999999999])
def test_dropout_masks_are_the_same_bits_on_every_backend(key, rate):
    (mask,) = agree("dropout_mask", key, (13, 7, 5), rate)
    with ng.use("numpy"):
        expected = kernels.dropout_mask(key, (13, 7, 5), rate)
    np.testing.assert_array_equal(to_numpy(mask), expected)
    assert kernels.dropout_mask(key, (), rate).shape == () and kernels.dropout_mask(key, (0, 3), rate).shape == (0, 3)


# --- Optimisers -------------------------------------------------------------------------------------------------


SHAPES = [(3, 4), (5,), (), (0, 2), (2, 3, 4, 5), *[(n,) for n in range(1, 2 * cupy_kernels.AT_ONCE)]]


def optimiser_arrays(dtype, slots):
    rng = np.random.default_rng(7)
    grads = [draw(rng, shape, dtype, strided=i % 4 == 0 and bool(shape)) for i, shape in enumerate(SHAPES)]
    return [[draw(rng, shape, dtype) for shape in SHAPES], grads, *([abs(draw(rng, shape, dtype)) for shape in SHAPES] for _ in range(slots))]


def copied(lists):
    return [[array.copy() for array in arrays] for arrays in lists]


@pytest.mark.parametrize("eps_hat", [False, True])
def test_adam(dtype, eps_hat):
    fast = optimiser_arrays(dtype, 2)
    plain = copied(fast)
    for t in (1, 2, 1000):
        for module, lists in ((kernels, fast), (reference, plain)):
            module.adam_step(*lists, t, 1e-3, 0.5, 0.999, 1e-8, eps_hat)
    for a, b in zip(itertools.chain(*fast), itertools.chain(*plain), strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), **CLOSE[dtype])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_descent(dtype, momentum):
    fast = optimiser_arrays(dtype, bool(momentum))
    plain = copied(fast)
    for module, (params, grads, *velocities) in ((kernels, fast), (reference, plain)):
        for _ in range(3):
            module.sgd_step(params, grads, *(velocities or [None]), 0.1, momentum)
    for a, b in zip(itertools.chain(*fast), itertools.chain(*plain), strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), **CLOSE[dtype])


def test_arrays_that_do_not_go_together_take_the_definition():
    """Mixed dtypes, and parameters that do not lie in one piece."""
    rng = np.random.default_rng(8)
    for params in ([draw(rng, (3,)), draw(rng, (3,), "float64")], [draw(rng, (3, 4), strided=True)]):
        grads = [xp.ones(p.shape, dtype=p.dtype) for p in params]
        before = [to_numpy(p).copy() for p in params]
        kernels.sgd_step(params, grads, None, 0.5, 0.0)
        for p, start in zip(params, before, strict=True):
            np.testing.assert_allclose(to_numpy(p), start - 0.5, rtol=1e-6)


# --- All of them --------------------------------------------------------------------------------------------------


def test_every_fast_kernel_has_a_definition_and_a_test():
    fast = {name for name, value in vars(cupy_kernels).items() if callable(value) and getattr(value, "__module__", "") == cupy_kernels.__name__}
    fast = {name for name in fast if name[0].islower() and name not in ("optimiser_kernel",)}
    own = {"sum"}  # CuPy's, which it replaces
    assert {name for name in fast if not hasattr(reference, name)} == own
    source = pathlib.Path(__file__).read_text(encoding="utf-8")
    assert [name for name in sorted(fast) if f'"{name}"' not in source and f"kernels.{name}(" not in source and f"module.{name}(" not in source] == []


def test_the_step_past_the_last_row_of_a_sum_stays_within_its_integers():
    rng = np.random.default_rng(0)
    some = [(682 * 3145728, 3145728), (429 * 5_000_000, 5_000_000)]
    for C in (int(2**exponent) for exponent in rng.uniform(0, 31, 1000)):
        some += [(max(1, int(2 ** rng.uniform(25, 33)) // C) * C, C)]
    narrow = 0
    for size, C in some:
        M, P, wide = cupy_kernels._spread(size, C)
        assert size == M * C and 1 <= P <= max(1, M // 8)
        assert wide or size + P * C < 2**31
        narrow += not wide
    assert 0 < narrow < len(some)


def test_the_same_call_gives_the_same_bits():
    rng = np.random.default_rng(9)
    x, w = draw(rng, (8, 9, 9, 5)), draw(rng, (4, 4, 5, 6))
    pads = ((1, 1), (1, 1))
    g = kernels.conv2d(x, w, (2, 2), pads)
    for make in (
        lambda: kernels.conv2d_input_grad(g, w, (9, 9), (2, 2), pads),
        lambda: kernels.conv2d_weight_grad(x, g, (4, 4), (2, 2), pads),
        lambda: kernels.batch_norm_grad(g, g, g[0, 0, 0], g[0, 0, 1], abs(g[0, 0, 2]), 1e-5)[1],
    ):
        np.testing.assert_array_equal(to_numpy(make()), to_numpy(make()))
