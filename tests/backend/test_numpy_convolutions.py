"""The fast convolutions against their definitions, each in every way there is."""

import inspect

import numpy as np
import pytest
from cases import CONVOLUTIONS, both
from lowered import WAYS, lower
from test_numpy_kernels import compare

from nanogan.backend import numpy_convolutions, numpy_kernels, numpy_winograd, reference

VALID = ((0, 0), (0, 0))

# name: x (N, H, W, C), kernel, stride, pads, O
MORE = {
    "kernel-twice-stride1": ((3, 7, 6, 3), 2, 1, ((1, 0), (0, 1)), 4),
    "kernel-twice-stride2": ((3, 10, 8, 3), 4, 2, ((1, 1), (1, 1)), 5),
    "kernel-twice-stride2-odd": ((2, 9, 11, 2), 4, 2, ((1, 2), (2, 0)), 3),
    "kernel-twice-stride3": ((2, 11, 13, 2), 6, 3, ((2, 1), (0, 3)), 3),
    "kernel-twice-stride-uncovered": ((2, 11, 9, 2), 4, 2, VALID, 3),
    "kernel-twice-stride-one-output": ((5, 4, 4, 3), 4, 2, VALID, 2),
    "kernel-twice-stride-one-row": ((2, 5, 12, 3), 4, 2, VALID, 2),
    "kernel3": ((3, 6, 7, 4), 3, 1, ((1, 1), (1, 1)), 3),
    "kernel3-stride2": ((3, 9, 8, 4), 3, 2, ((1, 0), (0, 1)), 3),
    "kernel3-stride3": ((2, 10, 11, 3), 3, 3, VALID, 2),
    "kernel5": ((2, 8, 9, 3), 5, 1, ((2, 2), (2, 2)), 4),
    "kernel5-stride2": ((3, 14, 14, 3), 5, 2, ((1, 2), (1, 2)), 4),
    "kernel7-stride2": ((2, 13, 9, 2), 7, 2, ((3, 3), (2, 4)), 2),
    "kernel8-stride3": ((2, 17, 11, 2), 8, 3, ((0, 5), (4, 1)), 2),
    "whole-image": ((4, 7, 7, 3), 7, 1, VALID, 2),
    "whole-image-stride2": ((4, 5, 3, 3), (5, 3), 2, VALID, 1),
    "kernel1": ((3, 5, 4, 6), 1, 1, VALID, 4),
    "kernel1-stride2": ((3, 5, 4, 6), 1, 2, VALID, 4),
    "kernel1-padded": ((2, 3, 4, 2), 1, 1, ((1, 0), (0, 2)), 3),
    "smaller-than-stride": ((2, 11, 10, 3), 2, 3, ((1, 0), (0, 1)), 2),
    "smaller-than-stride-uncovered": ((2, 12, 13, 3), 1, 4, VALID, 2),
    "smaller-in-one-axis": ((2, 9, 9, 3), (4, 1), (2, 3), VALID, 2),
    "rectangular": ((2, 9, 7, 3), (2, 5), (3, 1), ((0, 2), (3, 1)), 4),
    "rectangular-tall": ((2, 8, 12, 3), (5, 2), (1, 4), ((4, 0), (0, 0)), 4),
    "uncovered": ((2, 12, 13, 3), 3, 4, VALID, 4),
    "much-padding": ((2, 3, 2, 3), 3, 1, ((5, 4), (6, 7)), 2),
    "much-padding-stride2": ((2, 1, 2, 3), 4, 2, ((7, 4), (6, 5)), 2),
    "one-channel": ((4, 9, 8, 1), 5, 2, ((2, 2), (2, 2)), 1),
    "many-channels": ((2, 5, 4, 70), 3, 1, ((1, 1), (1, 1)), 65),
    "many-channels-stride2": ((2, 6, 6, 40), 4, 2, ((1, 1), (1, 1)), 33),
    "one-sample": ((1, 6, 6, 3), 4, 2, ((1, 1), (1, 1)), 3),
    "many-samples": ((37, 6, 5, 2), 3, 2, ((1, 1), (1, 1)), 3),
}  # fmt: skip
CASES = {f"table-{name}": (*case[:3], case[4], 3) for name, case in CONVOLUTIONS.items()} | MORE


def arrays(case, dtype="float64"):
    (N, H, W, C), kernel, stride, pads, O = case
    kernel, stride, random = both(kernel), both(stride), np.random.default_rng(N + H + C)
    out = reference.windows_in((H, W), kernel, stride, pads)
    x, w, g = (random.standard_normal(shape).astype(dtype) for shape in ((N, H, W, C), (*kernel, C, O), (N, *out, O)))
    return {"conv2d": (x, w, stride, pads), "conv2d_input_grad": (g, w, (H, W), stride, pads), "conv2d_weight_grad": (x, g, kernel, stride, pads)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_way_is_the_definition(case, way, monkeypatch):
    for threads, dtype, bytes in ((1, "float64", 1), (2, "float32", 4096), (3, "float64", 2**22)):
        lower(monkeypatch.setattr, threads, way, COLUMN_BYTES=bytes, AT_A_TIME=bytes, ROWS_AT_A_TIME=bytes)
        for name, arguments in arrays(case, dtype).items():
            compare(name, arguments, dtype)


@pytest.mark.parametrize("way", WAYS)
def test_random_convolutions(way, monkeypatch):
    lower(monkeypatch.setattr, 2, way)
    random, tried = np.random.default_rng(7), 0
    while tried < 60:
        kernel, stride, size = (tuple(map(int, random.integers(1, most, 2))) for most in (7, 4, 13))
        if random.random() < 0.4:
            kernel = (2 * stride[0],) * 2 if way == "tiles" else kernel
            stride = (stride[0],) * 2
        pads = tuple(tuple(map(int, random.integers(0, 4, 2))) for _ in range(2))
        if min(reference.windows_in(size, kernel, stride, pads)) > 0:
            tried += 1
            N, C, O = map(int, random.integers(1, 5, 3))
            for name, arguments in arrays(((N, *size, C), kernel, stride, pads, O)).items():
                compare(name, arguments, "float64")


def noting_calls(monkeypatch):
    """Calls of every function of the two files from here on, by name."""
    called = []

    def noting(name, function):
        return lambda *arguments, **options: called.append(name) or function(*arguments, **options)

    for module in (numpy_convolutions, numpy_winograd):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and name not in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad"):
                monkeypatch.setattr(module, name, noting(name, function))
    return called


@pytest.mark.parametrize(
    ("case", "way", "name", "path"),
    [
        ("kernel-twice-stride2", "tiles", "conv2d", "tiles_conv2d"),
        ("kernel-twice-stride2", "tiles", "conv2d_input_grad", "tiles_input_grad"),
        ("kernel-twice-stride2", "tiles", "conv2d_weight_grad", "tiles_weight_grad"),
        ("kernel5-stride2", "rows", "conv2d", "rows_conv2d"),
        ("kernel5-stride2", "rows", "conv2d_input_grad", "rows_input_grad"),
        ("kernel5-stride2", "rows", "conv2d_weight_grad", "rows_weight_grad"),
        ("kernel5-stride2", "gather", "conv2d", "_columns"),
        ("kernel5-stride2", "gather", "conv2d_input_grad", "_taps"),
        ("kernel5-stride2", "gather", "conv2d_weight_grad", "_columns"),
        ("kernel5-stride2", "scatter", "conv2d_input_grad", "_scatter"),
        ("whole-image", "gather", "conv2d_input_grad", "_scatter"),
        ("kernel1", "gather", "conv2d_input_grad", "_scatter"),
        ("smaller-than-stride", "rows", "conv2d_input_grad", "_taps"),
    ],
)
def test_the_way_asked_for_is_the_one_taken(case, way, name, path, monkeypatch):
    called = noting_calls(monkeypatch)
    lower(monkeypatch.setattr, 2, way)
    compare(name, arrays(CASES[case])[name], "float64")
    paths = {
        "tiles_conv2d",
        "tiles_input_grad",
        "tiles_weight_grad",
        "rows_conv2d",
        "rows_input_grad",
        "rows_weight_grad",
        "_columns",
        "_taps",
        "_scatter",
    }
    assert paths & set(called) == {path}


@pytest.mark.parametrize("kernel", [4, 5])
def test_large_convolutions_with_the_thresholds_as_they_are(kernel):
    """Of the size of the recipes' layers, in float32: there fewer multiplications lose no more than a digit."""
    case = ((4, 28, 28, 64), kernel, 2, ((1, kernel - 3), (1, kernel - 3)), 96)
    for name, arguments in arrays(case, "float32").items():
        exact = getattr(reference, name)(*(a.astype("float64") if isinstance(a, np.ndarray) else a for a in arguments))
        plain, fast = (getattr(module, name)(*arguments) for module in (reference, numpy_kernels))
        assert fast.dtype == "float32"
        assert np.abs(fast - exact).max() < 10 * np.abs(plain - exact).max() + 1e-7 * np.abs(exact).max()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", ["kernel-twice-stride2", "kernel5-stride2", "kernel1", "whole-image", "one-channel", "smaller-than-stride"])
def test_arrays_that_do_not_lie_in_order(case, way, monkeypatch):
    """Gradients come transposed, cut out, or broadcast from one number; kernels, with their axes swapped."""
    lower(monkeypatch.setattr, 2, way)
    twists = [
        lambda a: np.ascontiguousarray(a.transpose(3, 1, 2, 0)).transpose(3, 1, 2, 0),
        lambda a: np.pad(a, 1)[1:-1, 1:-1, 1:-1, 1:-1],
        lambda a: np.broadcast_to(a.dtype.type(0.5), a.shape),
        lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    ]
    for twist in twists:
        for name, (first, second, *rest) in arrays(CASES[case]).items():
            compare(name, (twist(first), second, *rest), "float64")
            compare(name, (first, twist(second) if isinstance(second, np.ndarray) else second, *rest), "float64")
            compare(name, (twist(first), twist(second), *rest), "float64")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("empty", [((0, 6, 6, 3), 4, 2, VALID, 2), ((2, 6, 6, 0), 4, 2, VALID, 2)], ids=["no-samples", "no-channels"])
def test_nothing_to_convolve(way, empty, monkeypatch):
    lower(monkeypatch.setattr, 2, way)
    for name, arguments in arrays(empty).items():
        compare(name, arguments, "float64")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["conv2d", "conv2d_input_grad", "conv2d_weight_grad"])
def test_half_precision_and_mixed_dtypes(name, way, monkeypatch):
    lower(monkeypatch.setattr, 2, way)
    half = arrays(CASES["kernel-twice-stride2"], "float16")[name]
    compare(name, half, "float16")
    mixed = (half[0].astype("float64"), half[1].astype("float32"), *half[2:])
    given, right = (getattr(module, name)(*mixed) for module in (numpy_kernels, reference))
    assert given.dtype == right.dtype
    np.testing.assert_allclose(given, right, atol=1e-4)


def test_padding_that_covers_more_than_the_tiles(monkeypatch):
    """Three rows below sixteen of zeros, of which the last tile ends among the zeros."""
    for way in WAYS:
        lower(monkeypatch.setattr, 2, way)
        for name, arguments in arrays(((2, 3, 3, 2), 10, 5, ((16, 0), (16, 0)), 2)).items():
            compare(name, arguments, "float64")


def test_infinity_and_nan_stay_where_they_are_in_what_is_direct(monkeypatch):
    """One sample's NaN does not get into another's."""
    for way in WAYS:
        lower(monkeypatch.setattr, 2, way)
        for name, (first, *rest) in arrays(CASES["kernel-twice-stride2"]).items():
            if name != "conv2d_weight_grad":
                first[1, 2, 2, 0] = np.nan
                bad = np.isnan(getattr(numpy_kernels, name)(first, *rest)).any(axis=(1, 2, 3))
                assert bad.tolist() == [False, True, False], (way, name)


def test_leftovers_of_a_larger_call_do_not_show(monkeypatch):
    """Workspaces stay, with what was in them: large numbers, then a small call."""
    for way in WAYS:
        lower(monkeypatch.setattr, 1, way)
        for first, second in (
            ("kernel5", "kernel3"),
            ("many-channels-stride2", "kernel-twice-stride2-odd"),
            ("much-padding", "kernel-twice-stride-one-row"),
        ):
            for name, (x, *rest) in arrays(CASES[first]).items():
                getattr(numpy_kernels, name)(np.full_like(x, 1e300), *rest)
            for name, arguments in arrays(CASES[second]).items():
                compare(name, arguments, "float64")
