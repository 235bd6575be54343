"""The switch between backends and kernels, and the doors that data goes through."""

import inspect
import sys
import types

import numpy as np
import pytest

import nanogan as ng
from nanogan import backend
from nanogan.backend import FAST_KERNELS, gpu_problem, kernels, reference
from nanogan.backend.arrays import Namespace, copy_into


@pytest.fixture
def cupy(monkeypatch):
    """A module of the name cupy that computes, with NumPy: enough to be chosen as a backend."""
    module = types.ModuleType("cupy")
    vars(module).update({name: getattr(np, name) for name in ("ndarray", "ones", "zeros", "asarray", "exp", "abs", "where", "float32")})
    module.__version__ = "14.2.0"
    module.only_here = "on the device"
    monkeypatch.setitem(sys.modules, "cupy", module)
    gpu_problem.cache_clear()
    yield module
    gpu_problem.cache_clear()


@pytest.fixture
def no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    gpu_problem.cache_clear()
    yield
    gpu_problem.cache_clear()


@pytest.fixture
def fast(monkeypatch):
    """A module of fast kernels for NumPy that holds one, a sigmoid which is easily told from the real one."""
    module = types.ModuleType("fast")
    module.sigmoid = lambda x: x * 0 + 7
    monkeypatch.setitem(FAST_KERNELS, "numpy", (module,))
    return module


def in_force():
    return ng.backend_name(), kernels.modules


# ---- use


def test_use_as_a_function_lasts(cupy):
    ng.use("cupy")
    assert ng.backend_name() == "cupy"
    ng.use("numpy")
    assert ng.backend_name() == "numpy"


def test_use_as_a_context_manager_ends(cupy, fast):
    before = in_force()
    with ng.use("cupy"):
        assert ng.backend_name() == "cupy"
        with ng.use("numpy", kernels="reference"):
            assert in_force() == ("numpy", (reference, np))
            with ng.use("numpy"):
                assert in_force() == ("numpy", (fast, reference, np))
            assert in_force() == ("numpy", (reference, np))
        assert ng.backend_name() == "cupy"
    assert in_force() == before


def test_an_exception_ends_it_too(cupy):
    before = in_force()
    with pytest.raises(ZeroDivisionError), ng.use("cupy"), ng.use("numpy", kernels="reference"):
        raise ZeroDivisionError
    assert in_force() == before


@pytest.mark.parametrize("arguments", [("nympy",), ("",), (None,), (3,), ("numpy", "slow"), ("numpy", None), ("CUPY",)])
def test_an_unknown_choice_names_the_choices(arguments):
    before = in_force()
    with pytest.raises(ng.BackendError, match="choose numpy, cupy or auto, and fast or reference") as error:
        ng.use(*arguments)
    assert repr(arguments[-1]) in str(error.value) and in_force() == before


def test_cupy_never_falls_back(no_cupy, capsys):
    with pytest.raises(ng.BackendError) as error:
        ng.use("cupy")
    message = str(error.value)
    assert message.startswith("the backend cupy cannot be used: ") and len(message.splitlines()) == 1
    assert "CuPy" in message and "install" in message and message.endswith("choose the backend numpy")
    assert ng.backend_name() == "numpy" and capsys.readouterr() == ("", "")


def test_a_refused_choice_changes_nothing(no_cupy):
    with ng.use("numpy", kernels="reference"):
        with pytest.raises(ng.BackendError):
            ng.use("cupy")
        assert in_force() == ("numpy", (reference, np))


def test_auto_says_in_one_line_why_it_takes_numpy(no_cupy, capsys):
    with ng.use("auto"):
        assert ng.backend_name() == "numpy"
    out, err = capsys.readouterr()
    assert out == "" and err == f"nanogan: backend numpy ({gpu_problem()})\n" and "CuPy" in err and len(err.splitlines()) == 1


def test_auto_says_in_one_line_that_it_takes_cupy(cupy, capsys):
    with ng.use("auto", kernels="reference"):
        assert in_force() == ("cupy", (reference, cupy))
    assert capsys.readouterr() == ("", "nanogan: backend cupy (a usable GPU was found)\n")


def test_numpy_and_cupy_are_taken_in_silence(cupy, capsys):
    with ng.use("cupy"), ng.use("numpy"):
        pass
    assert capsys.readouterr() == ("", "")


# ---- xp and kernels


def test_xp_is_the_module_in_use(cupy):
    assert ng.xp.exp is np.exp and not hasattr(ng.xp, "only_here")
    with ng.use("cupy"):
        assert ng.xp.only_here == "on the device"
        assert not hasattr(ng.xp, "log1p")  # this cupy has none: NumPy's is not taken in its place
    assert not hasattr(ng.xp, "only_here") and ng.xp.log1p is np.log1p


def test_a_name_that_nobody_has_is_named():
    with pytest.raises(AttributeError, match="'expp'"):
        _ = ng.xp.expp


def test_the_first_module_that_has_a_name_answers():
    a, b = types.ModuleType("a"), types.ModuleType("b")
    a.both, b.both, b.one = 1, 2, 3
    names = Namespace(a, b)
    assert (names.both, names.one, names.both) == (1, 3, 1)
    names.select(b)
    assert names.both == 2


def test_an_operation_runs_the_fast_kernel(fast):
    x = ng.Tensor([0.0])
    with ng.use("numpy"):
        assert ng.ops.sigmoid(x).item() == 7
        assert ng.ops.leaky_relu(ng.Tensor([-1.0])).item() == pytest.approx(-0.2)  # which ``fast`` lacks
        with ng.use("numpy", kernels="reference"):
            assert ng.ops.sigmoid(x).item() == 0.5
        assert ng.ops.sigmoid(x).item() == 7


def test_fast_kernels_belong_to_one_backend(fast, cupy, monkeypatch):
    monkeypatch.setitem(FAST_KERNELS, "cupy", ())
    with ng.use("cupy"):
        assert ng.ops.sigmoid(ng.Tensor([0.0])).item() == 0.5


def test_a_reference_kernel_computes_on_the_backend_in_use(cupy):
    used = []
    cupy.exp = lambda x: used.append(x) or np.exp(x)
    with ng.use("cupy", kernels="reference"):
        kernels.sigmoid(np.zeros(2, np.float32))
    assert len(used) == 1
    kernels.sigmoid(np.zeros(2, np.float32))
    assert len(used) == 1


def test_every_fast_kernel_has_a_definition():
    """A misspelt name in a module of fast kernels would never run.  (What the workers lend them are tools, not kernels.)"""
    for modules in FAST_KERNELS.values():
        for module in modules:
            public = [
                name
                for name, value in vars(module).items()
                if inspect.isfunction(value)
                and not name.startswith("_")
                and getattr(value, "__module__", "").startswith("nanogan.")
                and "workers" not in value.__module__
            ]
            assert public and [name for name in public if not hasattr(reference, name) and not hasattr(np, name)] == [], module.__name__


def test_what_no_kernel_is_written_for_is_the_array_librarys(cupy):
    cupy.add = lambda a, b: "on the device"
    x = np.ones(3, np.float32)
    assert kernels.add(x, x).tolist() == [2, 2, 2]
    with ng.use("numpy", kernels="reference"):
        assert kernels.add is np.add and kernels.tanh is np.tanh
    with ng.use("cupy"):
        assert kernels.add(x, x) == "on the device"


# ---- asarray and to_numpy


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool"])
def test_arrays_keep_their_dtype(dtype):
    for data in (np.ones((2, 3), dtype), np.ones((), dtype)[()]):
        assert ng.asarray(data).dtype == dtype and ng.asarray(data).shape == data.shape
    array = np.ones(2, dtype)
    assert ng.asarray(array) is array


@pytest.mark.parametrize(
    ("data", "dtype"),
    [(1.5, "float32"), ([1.0, 2.0], "float32"), ([[1, 2.0]], "float32"), ((0.5,), "float32"), ([], "float32"),
     (3, "int64"), ([1, 2], "int64"), (True, "bool"), ([True, False], "bool"), (range(3), "int64")],
)  # fmt: skip
def test_numbers_and_lists(data, dtype):
    array = ng.asarray(data)
    assert array.dtype == (np.asarray(3).dtype if dtype == "int64" else dtype)
    assert array.tolist() == (data if isinstance(data, (int, float)) else list(map(list, data)) if np.ndim(data) > 1 else list(data))


@pytest.mark.parametrize(
    "data",
    [1j, [1j], np.ones(2, complex), None, object(), {"a": 1}, [None], "one", np.array(["a"]), np.array([object()]), np.datetime64("2020")],
)
def test_what_holds_no_real_numbers_is_refused(data):
    with pytest.raises(ng.DTypeError, match=r"^asarray: .*float32"):
        ng.asarray(data)


class ForeignArray:
    """An array of another library on a GPU, as far as one sees from outside; NumPy must not touch it."""

    __cuda_array_interface__ = {"shape": (2,), "typestr": "<f4", "data": (0, False), "version": 3}

    def __array__(self, *arguments, **options):
        raise AssertionError("copied in silence from the GPU")


def test_an_array_on_a_gpu_is_not_copied_in_silence():
    with pytest.raises(ng.DTypeError, match="lies on a GPU and is no array of numpy; copy it to the host first"):
        ng.asarray(ForeignArray())
    with pytest.raises(ng.DTypeError):
        ng.Tensor(ForeignArray())


class DeviceArray:
    """What to_numpy needs of CuPy's arrays."""

    data = "a pointer"

    def get(self):
        return np.ones(2)


@pytest.mark.parametrize(
    "array",
    [np.ones(2, np.float32), ng.Tensor(np.ones(2, np.float32)), [1.0, 1.0], np.float32(1), np.bool_(True), 1.5, ng.Tensor(2.0)],
)
def test_to_numpy_brings_everything_to_the_host(array):
    host = ng.to_numpy(array)
    assert type(host) is np.ndarray
    assert host.dtype == getattr(array, "dtype", float) and host.shape == getattr(array, "shape", np.shape(array))
    assert host.tolist() == (array.numpy().tolist() if isinstance(array, ng.Tensor) else np.asarray(array).tolist())


def test_to_numpy_does_not_copy_what_is_there():
    array = np.ones(2)
    assert ng.to_numpy(array) is array and ng.to_numpy(ng.Tensor(array)) is array


# ---- copy_into


def state():
    return {"w": np.zeros((2, 3), np.float32), "n": np.zeros((), np.int64)}


def test_copy_into_writes_into_the_arrays_that_are_there():
    arrays = state()
    w, n = arrays["w"], arrays["n"]
    copy_into(arrays, {"n": 5, "w": np.arange(6.0, dtype=np.float32).reshape(2, 3)})
    assert arrays["w"] is w and arrays["n"] is n
    assert w.tolist() == [[0, 1, 2], [3, 4, 5]] and n == 5 and w.dtype == np.float32 and n.dtype == np.int64


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"w": np.ones((2, 3))}, ng.NanoganError, "the state lacks n"),
        ({}, ng.NanoganError, "the state lacks n, w"),
        ({"w": np.ones((2, 3)), "n": 1, "b": 2, "a": 1}, ng.NanoganError, "the state holds a, b"),
        ({"w": np.ones((3, 2)), "n": 1}, ng.ShapeError, r"w is \(2, 3\) here and \(3, 2\) in the state"),
        ({"w": np.ones(3), "n": 1}, ng.ShapeError, r"w is \(2, 3\) here and \(3,\) in the state"),  # which would broadcast
        ({"w": np.ones((2, 3)), "n": [1]}, ng.ShapeError, r"n is \(\) here and \(1,\) in the state"),
    ],
)
def test_copy_into_is_strict_and_writes_all_or_nothing(values, error, said):
    arrays = state()
    with pytest.raises(error, match=said):
        copy_into(arrays, values)
    assert not arrays["w"].any() and not arrays["n"].any()


# ---- the public names


def test_the_package_hands_these_on():
    for name in ("use", "seed", "asarray", "to_numpy", "xp", "backend_name", "BackendError", "DTypeError", "NanoganError", "ShapeError"):
        assert getattr(ng, name) is getattr(backend, name)


@pytest.mark.parametrize(("error", "kin"), [(ng.ShapeError, ValueError), (ng.DTypeError, TypeError), (ng.BackendError, ng.NanoganError)])
def test_errors_are_what_python_would_have_raised_too(error, kin):
    assert issubclass(error, kin) and issubclass(error, ng.NanoganError)
