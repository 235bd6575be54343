"""Every operation's values: against the oracle, in float32, on strided memory, on an empty batch."""

import inspect

import numpy as np
import pytest
from cases import CASES

import nanogan as ng
from nanogan import ops

pytestmark = pytest.mark.every_backend
each_case = pytest.mark.parametrize("case", CASES, ids=str)


def tensors(arrays):
    return [ng.Tensor(a, requires_grad=True) for a in arrays]


def gradients(case, arrays, v):
    xs = tensors(arrays)
    return [g.numpy() for g in ng.grad(case.fn(*xs), xs, grad_output=v)]


def scattered(array):
    """The same values on the backend, at every other place of memory, last axis slowest, first axis backwards."""
    spread = ng.xp.full(tuple(2 * n for n in array.shape), np.nan, array.dtype, order="F")
    view = spread[(*(slice(None, None, -2 if axis == 0 else 2) for axis in range(array.ndim)), ...)]
    view[...] = ng.asarray(array)
    return view


def test_every_public_operation_has_cases():
    public = {name for name, value in vars(ops).items() if inspect.isfunction(value)}
    assert public == {case.op for case in CASES}


def test_cases_have_different_names():
    assert len({str(case) for case in CASES}) == len(CASES)


@each_case
def test_forward(case):
    arrays = case.arrays()
    y, expected = case.fn(*tensors(arrays)).numpy(), case.oracle(*arrays)
    assert y.shape == np.shape(expected)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)


@each_case
def test_float32_stays_float32(case):
    xs = tensors(case.arrays(np.float32))
    y = case.fn(*xs)
    first = ng.grad(y, xs, grad_output=ng.Tensor(np.full(y.shape, 0.7, np.float32)), create_graph=True)
    total = sum((ops.sum(g * g) for g in first), start=ops.sum(y))
    second = ng.grad(total, xs)
    assert {t.dtype for t in (y, *first, total, *second)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(y.numpy(), case.oracle(*case.arrays()), rtol=2e-4, atol=2e-5)


@each_case
def test_strided_memory_changes_nothing(case):
    arrays = case.arrays()
    y = case.fn(*tensors(arrays)).numpy()
    v = np.random.default_rng(0).standard_normal(y.shape)
    elsewhere = [scattered(a) for a in arrays]
    np.testing.assert_allclose(case.fn(*tensors(elsewhere)).numpy(), y, rtol=1e-12)
    expected = gradients(case, arrays, v)
    for given in (gradients(case, elsewhere, v), gradients(case, arrays, scattered(v))):
        for g, e in zip(given, expected, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-10, atol=1e-12)


@each_case
def test_plain_kernels_agree(case):
    arrays = case.arrays()
    y = case.fn(*tensors(arrays)).numpy()
    fast = [y, *gradients(case, arrays, y)]
    with ng.use(ng.backend_name(), kernels="reference"):
        plain = [case.fn(*tensors(arrays)).numpy(), *gradients(case, arrays, y)]
    for a, b in zip(fast, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", [c for c in CASES if c.batch], ids=str)
def test_empty_batch(case):
    arrays = [a[:0] if i in case.batch else a for i, a in enumerate(case.arrays())]
    xs = tensors(arrays)
    if case.empty == "refuses":
        with pytest.raises(ng.ShapeError, match=r"nothing to reduce|empty"):
            case.fn(*xs)
        return
    y = case.fn(*xs)
    assert y.shape == np.shape(case.oracle(*arrays))
    for x, g in zip(xs, ng.grad(ops.sum(y), xs), strict=True):
        assert g.shape == x.shape
        assert not g.numpy().any()
