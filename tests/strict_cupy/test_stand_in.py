"""The stand-in for CuPy refuses what CuPy refuses, and counts what costs."""

import copy
import importlib.util
import operator
import pickle
import sys

import numpy as np
import pytest

import nanogan as ng
import strict_cupy
from strict_cupy import cupy as cp
from strict_cupy import cupyx
from strict_cupy.example import HOST, same

# ---- installed


def test_nanogan_takes_it_for_cupy():
    before = {name for name in sys.modules if name.split(".")[0] in ("cupy", "cupyx")}
    with strict_cupy.installed() as module:
        import cupy
        from cupy.cuda.memory import OutOfMemoryError
        from cupyx import empty_pinned

        assert cupy is module is cp and OutOfMemoryError is strict_cupy.OutOfMemoryError and empty_pinned is cupyx.empty_pinned
        with ng.use("cupy", kernels="reference"):
            assert ng.backend_name() == "cupy" and type(ng.asarray([1.0])) is cp.ndarray
            assert type(ng.to_numpy(ng.asarray([1.0]))) is np.ndarray
        assert ng.backend.gpu_problem() is None and importlib.util.find_spec("cupy") is not None
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("cupy.cudnn")
    assert before == {name for name in sys.modules if name.split(".")[0] in ("cupy", "cupyx")}


def test_the_question_for_a_gpu_is_asked_anew():
    outside = ng.backend.gpu_problem()
    with strict_cupy.installed():
        assert ng.backend.gpu_problem() is None
    assert ng.backend.gpu_problem() == outside


def test_other_modules_of_these_names_are_put_aside(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy._core", "real")
    with strict_cupy.installed():
        assert "cupy._core" not in sys.modules
    assert sys.modules["cupy._core"] == "real"


def test_what_cupy_lacks_is_lacking(a):
    for name in ("errstate", "block", "insert", "unstack", "vecdot", "nditer", "float128", "object_", "asmatrix", "RawKernel"):
        with pytest.raises(AttributeError, match=f"module 'cupy' has no attribute '{name}'"):
            getattr(cp, name)
    for name in ("__array_interface__", "__index__", "__contains__", "__imatmul__", "ctypes", "resize", "setflags", "to_device", "__buffer__"):
        assert not hasattr(a, name), name
    assert not hasattr(a.flags, "writeable")


# ---- nothing is converted in silence


@pytest.mark.parametrize(
    "convert",
    [np.asarray, np.array, lambda a: np.array([a, a]), lambda a: np.zeros((2, 3)).__setitem__(slice(None), a), lambda a: np.mean([a, a]),
     lambda a: np.testing.assert_allclose(a, 1)],
)  # fmt: skip
def test_implicit_conversion(a, convert):
    with pytest.raises(TypeError, match=r"Implicit conversion to a NumPy array is not allowed\. Please use `\.get\(\)`|use the backend's xp"):
        convert(a)


@pytest.mark.parametrize("function", [np.sum, np.exp, np.transpose, np.zeros_like, np.shape, lambda a: np.concatenate([a, a]), np.linalg.norm])
def test_numpys_functions(a, function):
    with pytest.raises(TypeError, match="xp"):
        function(a)


@pytest.mark.parametrize("use", [operator.index, range, round, lambda a: [1, 2][a], memoryview, bytes, lambda a: np.arange(5)[a], hash])
def test_no_number_no_buffer(use):
    with pytest.raises((TypeError, IndexError)):
        use(cp.asarray(1))


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul, operator.eq, operator.lt, operator.and_,
             operator.iadd, operator.imul]  # fmt: skip


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize(
    "other",
    [HOST, HOST[0, 0, None], np.array(2.0), [1, 2, 3], (1, 2, 3), None, "1", pytest.param(object(), id="object")],
    ids=repr,
)
def test_operands_from_the_host(a, op, other):
    with pytest.raises(TypeError, match=r"Unsupported type|incorrect type"):
        op(a, other)
    if isinstance(other, np.ndarray):
        with pytest.raises(TypeError):
            op(other, a)


def test_numbers_are_operands(a):
    for number in (2, 2.0, True, np.float32(2), np.int8(2), np.float16(2)):
        for op in OPERATORS[:4]:
            assert same(op(a, number), op(HOST, number))
            assert same(op(number, a + 1), op(number, HOST + 1))
    assert (a * np.float64(2)).dtype == np.float64  # promotes, as in NumPy 2
    assert (a * 2.0).dtype == np.float32


def test_a_tensor_is_asked_first():
    with strict_cupy.installed(), ng.use("cupy", kernels="reference"):
        a = cp.asarray(HOST)
        assert all(isinstance(t, ng.Tensor) for t in (a + ng.Tensor(a), a * ng.Tensor(a), a / ng.Tensor(a + 1)))


DOORS = "sum mean var max prod reshape transpose ravel squeeze swapaxes repeat take clip flip copy concatenate where stack expand_dims split moveaxis all any"


@pytest.mark.parametrize("name", [*DOORS.split(), "dot", "tensordot", "einsum", "matmul", "pad", "broadcast_to", "argmax", "zeros_like", "isclose"])
def test_functions_refuse_arrays_of_the_host(name):
    more = {"reshape": [6], "swapaxes": [0, 1], "repeat": [2], "take": [0], "clip": [0, 1], "expand_dims": [0], "split": [1], "moveaxis": [0, 1],
            "dot": [HOST.T], "tensordot": [HOST], "matmul": [HOST.T], "pad": [1], "broadcast_to": [(2, 3)], "where": [1, 2], "isclose": [1.0]}  # fmt: skip
    first = {"concatenate": ([HOST, HOST],), "stack": ([HOST, HOST],), "einsum": ("ij->ji", HOST)}.get(name, (HOST,))
    with pytest.raises(TypeError):
        getattr(cp, name)(*first, *more.get(name, ()))


# ---- arrays


def test_an_array_tells_what_it_is(a):
    assert (a.shape, a.dtype, a.ndim, a.size, a.nbytes, a.itemsize, a.strides, len(a)) == ((2, 3), np.float32, 2, 6, 24, 4, (12, 4), 2)
    assert a.flags.c_contiguous and not a.T.flags.c_contiguous and a.T.flags["F_CONTIGUOUS"] and a.flags.owndata and not a[0].flags.owndata
    assert a.base is None and a[0].base is a and a[0][1:].base is a
    assert a.data.ptr + 12 == a[1].data.ptr == int(a.data + 12) and a.device == cp.cuda.Device(0)
    assert a.__cuda_array_interface__["shape"] == (2, 3)


def test_nothing_can_be_set_on_it(a):
    for name in ("foo", "dtype", "strides", "T", "size"):
        with pytest.raises(AttributeError):
            setattr(a, name, 1)
    a.shape = (3, 2)
    assert a.shape == (3, 2)
    with pytest.raises(AttributeError):
        a.T.shape = (6,)


def test_copies(a):
    for other in (
        a.copy(),
        copy.copy(a),
        copy.deepcopy(a),
        pickle.loads(pickle.dumps(a)),
        a + 0,
        a.astype(a.dtype),
        cp.array(a),
        a[a >= 0].reshape(2, 3),
    ):
        assert same(other, HOST)
        other[...] = 9
    assert same(a, HOST)
    assert cp.asarray(a) is a and a.astype("float32", copy=False) is a and cp.ascontiguousarray(a) is a
    assert not a.T.copy().strides == a.T.strides == cp.copy(a.T).strides == a.T.astype("float64").astype("float32").strides


def test_results_without_axes_and_views_stay_arrays(a):
    entry, row = a[1, 2], a[1]
    for x in (entry, a.sum(), a[0] @ a[0], cp.exp(1.0), a.max(), row[0], cp.add(cp.asarray(1), 1)):
        assert type(x) is cp.ndarray and x.shape == ()
    a[1] = 7
    assert float(entry) == 7 and row.tolist() == [7, 7, 7]
    entry += 1
    assert a[1].tolist() == [7, 7, 8]
    for x in a:
        x[0] = -1
    assert a[:, 0].tolist() == [-1, -1]


def test_views(a):
    views = [a.reshape(3, 2), a.reshape((6,)), a.ravel(), a.T, a.transpose(1, 0), cp.transpose(a), a[None], a[:, ::2], a[..., 0], a.swapaxes(0, 1),
             cp.expand_dims(a, 0), cp.squeeze(a[None]), cp.moveaxis(a, 0, 1), cp.broadcast_to(a, (4, 2, 3)), a.view("int32"), a.mT, cp.flip(a)]  # fmt: skip
    assert all(cp.may_share_memory(x, a) and x.base is a for x in views)
    assert not any(cp.may_share_memory(x, a) for x in (a.T.reshape(-1), a.T.ravel(), a.flatten(), a[[cp.asarray([0])][0]], a.copy(), a[:, 0] + 0))


def test_a_broadcast_is_not_written_into(a):
    wide = cp.broadcast_to(a, (4, 2, 3))
    with pytest.raises(ValueError, match="read-only"):
        wide[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        wide += 1


def test_as_strided_stays_within_its_memory(a):
    as_strided = cp.lib.stride_tricks.as_strided
    windows = as_strided(a.ravel(), (5, 2), (4, 4))
    assert windows.get().tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]
    windows[0, 0] = 9
    assert float(a[0, 0]) == 9
    assert as_strided(a[1], (3,), (-4,)).tolist() == [3, 2, 1]
    for shape, strides in [((6, 2), (4, 4)), ((3,), (-4,)), ((2,), (24,))]:
        with pytest.raises(IndexError, match="leaves its memory"):
            as_strided(a, shape, strides)
    with pytest.raises(TypeError):
        as_strided(a, (2,), (4,), writeable=False)
    with pytest.raises(NotImplementedError):
        cp.lib.stride_tricks.sliding_window_view(a, (1, 2), writeable=True)
    assert cp.lib.stride_tricks.sliding_window_view(a, (2, 2)).shape == (1, 2, 2, 2)


def test_an_array_at_a_pointer(a):
    assert cp.ndarray((2,), "float32", a.data + 8).tolist() == [2, 3]
    with pytest.raises(IndexError):
        cp.ndarray((5,), "float32", a.data + 8)


# ---- indices


def test_indices(a):
    rows, mask = cp.asarray([1, 0]), a > 2
    host_rows, host_mask = [1, 0], HOST > 2
    for index, host in [(0, 0), ((1, 2), (1, 2)), (np.int64(1), 1), (rows, host_rows), ((slice(None), rows), (slice(None), host_rows)), (mask, host_mask),
                        ((rows, rows), (host_rows, host_rows)), ((None, ..., 1), (None, ..., 1)), (cp.asarray(1), 1), (~mask, ~host_mask)]:  # fmt: skip
        assert same(a[index], np.asarray(HOST[host]))
        b, expected = a.copy(), HOST.copy()
        b[index], expected[host] = 5, 5
        assert same(b, expected)
    assert not cp.may_share_memory(a[cp.asarray(1)], a)


@pytest.mark.parametrize("index", [np.array([0]), np.array([True, False]), [0], ([0], 1), 1.5, "x", np.float32(1), True, np.True_], ids=repr)
def test_indices_from_the_host(a, index):
    with pytest.raises(IndexError, match="device arrays"):
        a[index]
    with pytest.raises(IndexError, match="device arrays"):
        a[index] = 1


def test_bad_indices(a):
    for index in (2, -3, (0, 3), (0, 0, 0), cp.asarray([2]), cp.asarray([1.0])):
        with pytest.raises(IndexError):
            a[index]
    with pytest.raises(TypeError):
        a[cp.asarray(0) : 1]
    with pytest.raises(IndexError):
        cp.take(a, cp.asarray([7]))


@pytest.mark.parametrize("value", [HOST, HOST[0], [1, 2, 3], np.array(1.0)], ids=repr)
def test_assigning_from_the_host(a, value):
    with pytest.raises(ValueError, match=r"non-scalar numpy\.ndarray cannot be used for fill"):
        a[...] = value


def test_set_and_get(a):
    a.set(HOST * 2)
    assert same(a, HOST * 2)
    out = np.empty((2, 3), np.float32)
    assert a.get(out=out) is out and np.array_equal(out, HOST * 2)
    for host, error in [(HOST.astype(float), TypeError), (HOST[0], ValueError), (HOST.tolist(), TypeError)]:
        with pytest.raises(error):
            a.set(host)
    with pytest.raises(RuntimeError, match="non-contiguous"):
        a[:, 1:].set(HOST[:, 1:])
    with pytest.raises(ValueError):
        a[0] = cp.zeros(2)
    a[0] = cp.ones(3)  # another dtype is converted
    assert a[0].tolist() == [1, 1, 1]


def test_a_copy_onto_itself(a):
    flat = a.ravel()
    with pytest.raises(ValueError, match="overlap"):
        flat[1:] = flat[:-1]
    a[...] = a
    flat[::2][1:] = flat[::2][:-1]  # by a kernel, which copies the source first
    flat[:3] = flat[3:]
    assert flat.tolist() == [3, 2, 5, 3, 2, 5]
