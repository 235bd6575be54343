"""Why a GPU cannot be used: every cause is told from the others, in one line, with what helps.

The causes are played by small stand-ins for the module cupy.  Their messages are CuPy 14's own.
"""

import sys
import types

import numpy
import pytest

import nanogan as ng
from nanogan.backend import device, gpu_problem
from nanogan.backend.device import cupy_wheels


class CUDARuntimeError(RuntimeError):
    pass


class DynamicLibNotFoundError(RuntimeError):
    pass


class OutOfMemoryError(MemoryError):
    pass


INSUFFICIENT_DRIVER = CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version")
NO_DEVICE = CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
NO_NVRTC = DynamicLibNotFoundError('Failure finding "libnvrtc.so":\n    No such file: libnvrtc.so*\n    CONDA_PREFIX is not set')
NO_CUBLAS = ImportError("libcublasLt.so.12: cannot open shared object file: No such file or directory")
OUT_OF_MEMORY = OutOfMemoryError("Out of memory allocating 512 bytes (allocated so far: 0 bytes).")


class Array:
    """Where a real device array would compute, this one raises: at a product, or at anything elementwise."""

    def __init__(self, product=None, elementwise=None):
        self.product, self.elementwise = product, elementwise

    def __matmul__(self, other):
        return self._answer(self.product)

    def __mul__(self, other):
        return self._answer(self.elementwise)

    __add__ = __mul__

    def sum(self):
        return 144.0

    def _answer(self, error):
        if error:
            raise error
        return self


def a_cupy(version="14.2.0", ones=numpy.ones):
    cupy = types.ModuleType("cupy")
    cupy.__version__, cupy.ones = version, ones
    return cupy


def raising(error):
    def ones(*arguments):
        raise error

    return ones


@pytest.fixture(autouse=True)
def _asked_afresh():
    gpu_problem.cache_clear()
    yield
    gpu_problem.cache_clear()


@pytest.fixture
def install(monkeypatch, tmp_path):
    """``install(cupy, *wheels)``: ``cupy`` is a module, the text of one, or None for none at all."""

    def put(cupy, *wheels):
        monkeypatch.delitem(sys.modules, "cupy", raising=False)
        if isinstance(cupy, str):
            (tmp_path / "cupy").mkdir()
            (tmp_path / "cupy" / "__init__.py").write_text(cupy)
            monkeypatch.syspath_prepend(tmp_path)
        else:
            monkeypatch.setitem(sys.modules, "cupy", cupy)  # None makes the import fail
        folders = [tmp_path / place for place in ("site-packages", "missing", "dist-packages")]
        for i, wheel in enumerate([*wheels, "numpy 2.4.6"]):  # as pip writes them: cupy_cuda12x-14.2.0.dist-info
            (folders[i % 2 * 2] / f"{wheel.replace('-', '_').replace(' ', '-')}.dist-info").mkdir(parents=True)
        monkeypatch.setattr(device, "sys", types.SimpleNamespace(path=["", *map(str, folders)]))

    return put


ONE, TWO = ("cupy-cuda12x 14.2.0",), ("cupy-cuda12x 14.2.0", "cupy-cuda13x 14.2.0")


@pytest.mark.parametrize(
    ("cupy", "wheels", "cause", "remedy"),
    [
        (None, (), "CuPy is not installed", "pip install 'nanogan[cupy]' (CUDA 12) or 'nanogan[cupy-cuda13]' (CUDA 13)"),
        (None, ONE, "CuPy (cupy-cuda12x 14.2.0) does not import: ModuleNotFoundError", "uninstall every cupy wheel, then install one"),
        ("raise OSError('libcuda.so.1:\\n  no such file')", ONE, "does not import: OSError: libcuda.so.1: no such file", "uninstall every"),
        ("1 / 0", TWO, "CuPy (cupy-cuda12x 14.2.0, cupy-cuda13x 14.2.0) does not import: ZeroDivisionError", "uninstall every cupy wheel"),
        (a_cupy("13.6.0"), ("cupy-cuda12x 13.6.0",), "CuPy 13.6.0 does not go with NumPy " + numpy.__version__, "'cupy-cuda12x[ctk]>=14'"),
        (a_cupy(ones=raising(INSUFFICIENT_DRIVER)), ONE, "CUDARuntimeError: cudaErrorInsufficientDriver", "update the NVIDIA driver"),
        (a_cupy(ones=raising(NO_DEVICE)), ONE, "cudaErrorNoDevice", "no CUDA device is visible: see nvidia-smi and CUDA_VISIBLE_DEVICES"),
        (a_cupy(ones=lambda *a: Array(elementwise=NO_NVRTC)), ONE, 'Failure finding "libnvrtc.so": No such file', "NVRTC is missing: pip install"),
        (a_cupy(ones=lambda *a: Array(product=NO_CUBLAS)), ONE, "ImportError: libcublasLt.so.12", "cuBLAS is missing: pip install"),
        (a_cupy(ones=raising(OUT_OF_MEMORY)), ONE, "Out of memory allocating 512 bytes", "another process holds the GPU's memory"),
        (a_cupy(ones=raising(RuntimeError())), ONE, "RuntimeError: no message", "see python -m nanogan.doctor"),
        (a_cupy(ones=raising(RuntimeError("x" * 10**4))), ONE, "RuntimeError: xxx", "see python -m nanogan.doctor"),
        (a_cupy(ones=raising(INSUFFICIENT_DRIVER)), TWO, "cudaErrorInsufficientDriver", "several CuPy wheels overwrite each other"),
        (a_cupy(ones=lambda *a: numpy.zeros(*a)), ONE, "the GPU computes wrongly (a test product gave 0.0, not 144)", "update driver and CuPy"),
        (a_cupy(ones=lambda *a: numpy.full(*a[:1], numpy.nan)), ONE, "the GPU computes wrongly", "update driver and CuPy"),
    ],
)  # fmt: skip
def test_each_cause_is_named_with_its_remedy(cupy, wheels, cause, remedy, install):
    install(cupy, *wheels)
    problem = gpu_problem()
    assert cause in problem and remedy in problem.rpartition("; ")[2]
    assert len(problem.splitlines()) == 1 and len(problem) < 500
    with pytest.raises(ng.BackendError, match="the backend cupy cannot be used") as error:
        ng.use("cupy")
    assert problem in str(error.value) and str(error.value).endswith("choose the backend numpy")
    assert ng.backend_name() == "numpy"


def test_all_is_well(install):
    install(a_cupy(), *ONE)
    assert gpu_problem() is None


def test_a_compiled_kernel_and_a_product_are_tried(install):
    """A CuPy that says it is available proves nothing."""
    array = Array()
    install(a_cupy(ones=lambda *a: array), *ONE)
    assert gpu_problem() is None
    array.product = NO_CUBLAS
    gpu_problem.cache_clear()
    assert "cuBLAS" in gpu_problem()
    array.product, array.elementwise = None, NO_NVRTC
    gpu_problem.cache_clear()
    assert "NVRTC" in gpu_problem()


def test_the_gpu_is_tried_once(install):
    tried = []
    install(a_cupy(ones=lambda *a: tried.append(a) or numpy.ones(*a)), *ONE)
    assert gpu_problem() is None and gpu_problem() is None and len(tried) == 1


def test_wheels_are_listed_once_and_in_order(install):
    install(None, "cupy-cuda13x 14.2.0", "cupy-cuda12x 14.2.0", "scikit-learn 1.7", "cupy-cuda13x 14.2.0")
    assert cupy_wheels() == [*TWO]


def test_wheels_of_every_name_and_no_others(install, tmp_path):
    install(None, "cupy 13.6.0", "cupy-rocm-5-0 13.6.0", "cupy-xarray 0.1.4", "cupyx 1.0", "numpy-cupy 1.0")
    (tmp_path / "site-packages" / "CuPy-9.0.0rc1-py3.8.egg-info").write_text("Name: CuPy")  # as setuptools once wrote it
    (tmp_path / "site-packages" / "~upy_cuda12x-14.2.0.dist-info").mkdir()  # what pip leaves when it is interrupted
    assert cupy_wheels() == ["CuPy 9.0.0rc1", "cupy 13.6.0", "cupy-rocm-5-0 13.6.0"]


def test_broken_metadata_of_a_wheel_do_no_harm(install, tmp_path):
    install(None, *ONE, "cupy-cuda13x 14.2.0")
    (tmp_path / "site-packages" / "cupy_cuda12x-14.2.0.dist-info" / "METADATA").write_bytes(b"\xff\x00")
    assert cupy_wheels() == [*TWO]


@pytest.mark.gpu
def test_a_real_gpu_is_found():
    pytest.importorskip("cupy", reason="CuPy is not installed")
    if (problem := gpu_problem()) and "cudaError" in problem:
        pytest.skip(problem)
    assert gpu_problem() is None
