"""Functions, ufuncs and products of the stand-in: NumPy's numbers, CuPy's names and limits."""

import numpy as np
import pytest

import strict_cupy
from strict_cupy import cupy as cp
from strict_cupy.example import HOST, same

# ---- functions


def test_uninitialised_memory_is_poison():
    for dtype, poison in [
        ("float32", "nan"),
        ("float64", "nan"),
        ("int32", 0x7F7F7F7F),
        ("uint8", 0x7F),
        ("int64", 0x7F7F7F7F7F7F7F7F),
        ("bool", True),
    ]:
        for x in (cp.empty(3, dtype), cp.empty_like(cp.zeros(3, dtype)), cp.ndarray((3,), dtype)):
            assert x.dtype == dtype and [str(entry) for entry in x.tolist()] == [str(poison)] * 3


def test_creation():
    for name, args in [("zeros", [(2, 3)]), ("ones", [2, "int32"]), ("full", [(2,), 7.0]), ("full", [2, 7]), ("full", [2, np.float32(7)]),
                       ("arange", [5]), ("arange", [1, 4, 2, "float32"]), ("linspace", [0, 1, 5]), ("eye", [3]), ("array", [[[1, 2.0]]]), ("asarray", [3])]:  # fmt: skip
        assert same(getattr(cp, name)(*args), np.asarray(getattr(np, name)(*args))), name
    assert same(cp.array([cp.asarray(1.0), cp.asarray(2.0)]), np.array([1.0, 2.0]))
    for name in ("zeros_like", "ones_like", "empty_like"):
        assert getattr(cp, name)(cp.zeros((3, 2), "int8").T).strides == (1, 2)
    for bad in ([1, cp.asarray(2)], [[cp.asarray(2), 1]]):
        with pytest.raises(TypeError):
            cp.array(bad)
    for bad in (["a"], [None], np.array([None])):
        with pytest.raises(ValueError, match="dtype"):
            cp.array(bad)
    for function in (cp.zeros, cp.ones, cp.empty):
        with pytest.raises(TypeError):
            function(3, device=0)
        with pytest.raises(TypeError):
            function(cp.asarray(3))
    one = cp.asarray(3)
    for call in (lambda: cp.arange(one), lambda: cp.full(2, one), lambda: cp.full_like(one, one), lambda: one.fill(one), lambda: cp.linspace(0, one)):
        with pytest.raises(TypeError):
            call()


def test_functions_agree_with_numpys():
    b = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    d = cp.asarray(b)
    for name, args in {
        "concatenate": ((b, b), 1), "stack": ((b, b), -1), "where": (b > 0, b, 0.0), "clip": (b, -0.5, 0.5), "pad": (b, ((0, 0), (1, 2), (3, 0))),
        "tensordot": (b, b, ((0, 1), (0, 1))), "einsum": ("nij,nkj->nik", b, b), "argmax": (b, 1), "repeat": (b, 2, 0), "tile": (b, 2), "roll": (b, 1),
        "cumsum": (b, 1), "take": (b, 1, 2), "allclose": (b, b), "isclose": (b, b), "array_equal": (b, b), "sort": (b,), "outer": (b[0, 0], b[1, 1]),
        "count_nonzero": (b,), "moveaxis": (b, 0, -1), "tril": (b,), "nan_to_num": (b,), "round": (b, 1), "sign": (b,), "isfinite": (b,), "var": (b, 0),
    }.items():  # fmt: skip
        on_device = [cp.asarray(x) if isinstance(x, np.ndarray) else tuple(map(cp.asarray, x)) if isinstance(x, tuple) and isinstance(x[0], np.ndarray) else x
                     for x in args]  # fmt: skip
        assert same(getattr(cp, name)(*on_device), np.asarray(getattr(np, name)(*args))), name
    assert [x.tolist() for x in cp.nonzero(d > 0.9)] == [x.tolist() for x in np.nonzero(b > 0.9)]
    assert [x.tolist() for x in cp.unravel_index(d.argmax(), d.shape)] == [1, 2, 3]
    for name in ("sum", "mean", "prod", "max", "min", "any", "all", "std"):
        for axis in (None, 0, -1, (0, 2)):
            for keepdims in (False, True):
                expected = np.asarray(getattr(b, name)(axis=axis, keepdims=keepdims))
                assert same(getattr(d, name)(axis=axis, keepdims=keepdims), expected) and same(
                    getattr(cp, name)(d, axis, keepdims=keepdims), expected
                )
    assert cp.get_array_module(1, d) is cp and cp.get_array_module(b) is np and cp.asnumpy(d).tolist() == cp.asnumpy(b).tolist() == b.tolist()
    assert cp.result_type(d, np.float64) == np.float64 and cp.is_available() is True


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda a: a.sum(where=a > 0), TypeError), (lambda a: a.max(initial=0), TypeError), (lambda a: a.var(correction=1), TypeError),
        (lambda a: cp.sum(a, where=a > 0), TypeError), (lambda a: cp.take(a, 0, mode="clip"), TypeError), (lambda a: cp.einsum("ij->i", a, out=a[0]), TypeError),
        (lambda a: a.astype("float64", casting="safe"), TypeError), (lambda a: cp.clip(a, min=0, max=1), TypeError), (lambda a: a.clip(a_min=0), TypeError),
        (lambda a: cp.reshape(a, shape=(6,)), TypeError), (lambda a: cp.concatenate(arrays=(a, a)), TypeError), (lambda a: cp.concatenate([]), ValueError),
        (lambda a: cp.where(a > 0, a), ValueError), (lambda a: cp.where([True], 1, 2), AttributeError), (lambda a: a.reshape(4), ValueError),
        (lambda a: a.reshape(newshape=6), TypeError), (lambda a: a.squeeze(0), ValueError), (lambda a: len(a.sum()), TypeError),
        (lambda a: iter(a.sum()), TypeError), (lambda a: bool(a), ValueError), (lambda a: float(a), TypeError), (lambda a: a.item(), ValueError),
        (lambda a: a[:0].max(), ValueError), (lambda a: a.sum(axis=2), np.exceptions.AxisError), (lambda a: a.sum(axis=[0]), TypeError),
        (lambda a: a.view("float64"), ValueError), (lambda a: cp.ones_like(a, subok=True), TypeError), (lambda a: cp.asarray(HOST, like=a), TypeError),
    ],
)  # fmt: skip
def test_what_functions_and_methods_do_not_take(a, call, error):
    with pytest.raises(error):
        call(a)


# ---- ufuncs


def test_ufuncs(a):
    assert repr(cp.add) == "<ufunc 'cupy_add'>" and (cp.add.nin, cp.add.nout, cp.add.nargs) == (2, 1, 3) and isinstance(cp.exp, cp.ufunc)
    out = cp.empty((2, 3), "float32")
    for call in (
        lambda: cp.add(a, 1.0, out),
        lambda: cp.add(a, 1.0, out=out),
        lambda: cp.add(a, 1.0, out=(out,)),
        lambda: cp.add(a, a[:1] * 0 + 1, out=out),
    ):
        out.fill(0)
        assert call() is out
    assert same(out, HOST + 1)
    assert cp.add(a, 1, dtype="float64").dtype == np.float64
    assert same(cp.log(a), np.log(HOST, where=HOST > 0, out=np.full((2, 3), -np.inf, np.float32)))  # without a warning


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda a: cp.add(a, a, where=a > 0), TypeError, "Wrong arguments"),
        (lambda a: cp.add(a, a, order="C"), TypeError, "Wrong arguments"),
        (lambda a: cp.add(a), TypeError, "Wrong number of arguments for 'cupy_add'. It must be either 2 or 3"),
        (lambda a: cp.exp(a, a, a), TypeError, "Wrong number of arguments"),
        (lambda a: cp.add(a, a, a, out=a), ValueError, "both"),
        (lambda a: cp.add(a, a, out=HOST.copy()), TypeError, "Output arguments type must be cupy.ndarray"),
        (lambda a: cp.add(a, a, out=cp.empty((1, 2, 3))), ValueError, "Out shape is mismatched"),
        (lambda a: cp.add(a[:1], a[:1], out=a), ValueError, "Out shape is mismatched"),
        (lambda a: cp.add(a, a, out=a[:1]), ValueError, "shape"),
        (lambda a: cp.add(a, a, out=cp.empty((2, 3), "int32")), TypeError, "same_kind"),
        (lambda a: cp.add(a, cp.ones(4)), ValueError, "broadcast"),
        (lambda a: a.__iadd__(cp.ones((4, 2, 3))), ValueError, "shape|broadcast"),
        (lambda a: cp.ones(2, "int32").__iadd__(1.5), TypeError, "cast"),
        (lambda a: a & a, TypeError, "bitwise_and"),
        (lambda a: cp.maximum.reduce(a), NotImplementedError, "cupy_maximum.reduce"),
        (lambda a: cp.multiply.at(a, 0, 1), NotImplementedError, "cupy_multiply.at"),
        (lambda a: cp.add.at(a.astype("int16"), 0, 1), TypeError, "int16"),
        (lambda a: cp.add.at(a, np.array([0]), 1), IndexError, "device arrays"),
        (lambda a: cp.add.at(a, cp.asarray([0]), HOST[0]), TypeError, "Unsupported type"),
    ],
)  # fmt: skip
def test_what_ufuncs_do_not_take(a, call, error, said):
    with pytest.raises(error, match=said):
        call(a)


def test_at_and_reduce(a):
    cp.add.at(a, cp.asarray([0, 0]), 1)
    assert a.tolist() == [[2, 3, 4], [3, 4, 5]]
    cp.maximum.at(a, (slice(None), cp.asarray([0, 0])), 9)
    assert a[:, 0].tolist() == [9, 9]
    assert cp.add.reduce(a).tolist() == [18, 7, 9] and cp.multiply.reduce(a, 1).tolist() == [108, 180]


def test_results_lie_in_c_order(a):
    results = [
        a.T + 1,
        cp.exp(a.T),
        cp.where(a.T > 0, a.T, 0),
        cp.concatenate((a.T, a.T)),
        a.T.clip(0, 1),
        a[cp.asarray([0, 1])],
        (a.T[None] + 1).sum(0),
    ]
    assert all(x.flags.c_contiguous for x in results)
    with strict_cupy.permuted():
        results = [a.T + 1, a + a, cp.exp(a), a.reshape(1, 2, 3).sum(0)]
        assert not any(x.flags.c_contiguous for x in results) and same(results[0], HOST.T + 1)
        assert cp.zeros((2, 3)).flags.c_contiguous and cp.ascontiguousarray(a + a).flags.c_contiguous
    assert (a + a).flags.c_contiguous


# ---- products


def test_products(a):
    host = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    b = cp.asarray(host)
    assert same(a @ b, HOST @ host) and same(a[0] @ b, HOST[0] @ host) and same(cp.dot(a, a.T), HOST @ HOST.T) and same(a.dot(a.T), HOST @ HOST.T)
    out = cp.empty((2, 2), "float32")
    assert cp.matmul(a, a.T, out=out) is out and cp.dot(a, a.T, out) is out and same(out, HOST @ HOST.T)
    assert (a.T @ a).flags.c_contiguous


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda a, f: f(a, a.T, out=cp.empty((2, 2))), ValueError, "dtype"),
        (lambda a, f: f(a, a.T, out=cp.empty((2, 2), "f4").T[:, ::-1]), ValueError, "C-contiguous"),
        (lambda a, f: f(a, a.T, out=cp.empty((2, 3), "f4")), ValueError, "shape"),
        (lambda a, f: f(a, a.T, out=np.empty((2, 2), "f4")), TypeError, "out"),
        (lambda a, f: f(a, a), ValueError, "align|mismatch"),
        (lambda a, f: f(a, HOST), TypeError, "Argument 'b' has incorrect type"),
        (lambda a, f: f(HOST, a), TypeError, "Argument 'a' has incorrect type"),
        (lambda a, f: f(a, 2.0), TypeError, "Argument 'b' has incorrect type"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("function", [cp.matmul, cp.dot])
def test_what_products_do_not_take(a, function, call, error, said):
    with pytest.raises(error, match=said):
        call(a, function)


def test_a_product_with_a_number_is_none(a):
    with pytest.raises(ValueError):
        a @ a.sum()
