"""What computes here: versions, the BLAS behind NumPy's products, the GPU behind CuPy's.

All of it is plain data (dictionaries of strings and numbers), to be printed or written as JSON, and
nothing here raises: what cannot be found out is None.
"""

import contextlib
import importlib.util
import os
import platform
import sys
import warnings

import numpy

from nanogan.backend import backend_name, gpu_problem, numpy_workers
from nanogan.backend.device import cupy_wheels, load_cupy

OUT_OF_MEMORY = ("cudaErrorMemoryAllocation", "CUBLAS_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED")  # the last where it begins on a full GPU
BLAS_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",
)  # fmt: skip


def versions():
    """Of nanogan, Python, and what it stands on, by name; None for what is not installed.

    >>> versions()["numpy"] == numpy.__version__
    True
    """
    found = {"nanogan": sys.modules["nanogan"].__version__, "python": platform.python_version(), "platform": platform.platform()}
    return found | {name: _version(name) for name in ("numpy", "matplotlib", "pillow", "tqdm")} | {"cupy": ", ".join(cupy_wheels()) or None}


def _version(name):
    import importlib.metadata  # here, because it takes its time to import, and only who asks needs it

    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)


def blas_facts():
    """The library behind NumPy's matrix products.

    name, version; kernel: the type of CPU whose kernels it runs; threads: how many it uses; nanogan_threads:
    how many nanogan's kernels use, with one of BLAS in each; variables: those set in the environment that change
    any of this.  kernel and threads are known of OpenBLAS only.
    """
    facts = {"name": None, "version": None, "kernel": None, "threads": None, "nanogan_threads": numpy_workers.threads()}
    if openblas := numpy_workers.openblas():
        # "OpenBLAS 0.3.31.188.0  USE64BITINT DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64"
        facts["name"], facts["version"] = openblas["get_config"]().decode().split()[:2]
        facts["kernel"], facts["threads"] = openblas["get_corename"]().decode(), openblas["get_num_threads"]()
    else:
        with contextlib.suppress(Exception):  # a NumPy built in some way of its own
            blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
            facts["name"], facts["version"] = blas["name"], blas.get("version")
    return facts | {"variables": {name: os.environ[name] for name in BLAS_VARIABLES if name in os.environ}}


def gpu_facts():
    """The GPU as CuPy sees it.

    installed: whether there is any CuPy, working or not; wheels: its distributions; cupy: its version;
    problem: why it cannot be used, in one line, or None; driver, runtime: CUDA versions; device,
    compute_capability; memory_free, memory_total: bytes; tf32: whether float32 products are rounded to TF32.
    """
    names = ("cupy", "driver", "runtime", "device", "compute_capability", "memory_free", "memory_total")
    facts = {"installed": _has_cupy(), "wheels": cupy_wheels(), "problem": None, "tf32": tf32()} | dict.fromkeys(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of several wheels at once, which `wheels` shows
        facts["problem"] = _ask(gpu_problem, report=True)
        cupy = _ask(load_cupy)
        facts["cupy"] = _ask(lambda: cupy.__version__)
        facts["driver"] = _cuda_version(_ask(lambda: cupy.cuda.runtime.driverGetVersion()))
        facts["runtime"] = _cuda_version(_ask(lambda: cupy.cuda.runtime.runtimeGetVersion()))
        if facts["problem"] is None:
            device = _ask(lambda: cupy.cuda.Device())
            facts["device"] = _ask(lambda: cupy.cuda.runtime.getDeviceProperties(device.id)["name"].decode())
            facts["compute_capability"] = _ask(lambda: f"{device.compute_capability[:-1]}.{device.compute_capability[-1]}")
            facts["memory_free"], facts["memory_total"] = _ask(lambda: [int(n) for n in device.mem_info]) or (None, None)
    return facts


def tf32():
    """Whether CUPY_TF32 in the environment has CuPy round the factors of float32 products to TF32, which has 10 bits of mantissa, not 23."""
    return os.environ.get("CUPY_TF32", "0").strip() not in ("", "0")


def gpu_memory():
    """What CuPy holds of the GPU's memory and what is free there, in words; "" where NumPy computes.

    >>> gpu_memory()
    ''
    """
    if backend_name() == "numpy":
        return ""
    pool, sizes = _ask(lambda: load_cupy().get_default_memory_pool()), _ask(lambda: load_cupy().cuda.Device().mem_info)
    held, limit = _ask(lambda: pool.total_bytes()), _ask(lambda: pool.get_limit())
    words = [f"CuPy's pool holds {held / 2**30:.2f} GiB" + (f" of at most {limit / 2**30:.2f}" if limit else "")] if held is not None else []
    words += [f"{sizes[0] / 2**30:.2f} of the GPU's {sizes[1] / 2**30:.2f} GiB are free"] if sizes else []
    return ", ".join(words)


class OutOfMemory(MemoryError):
    """Memory ran out, of the host or of a GPU; the message says at what, what there is, and what helps."""


@contextlib.contextmanager
def memory_explained(at, remedy, kept=lambda: ""):
    """Where memory runs out inside: OutOfMemory, with ``at`` (the batch size, say), what CuPy holds, what ``kept()`` says is safe, and the remedy.

    >>> with memory_explained("at batch size 64", "lower --batch-size", lambda: "all is kept"):
    ...     raise MemoryError("no 8 GiB")
    Traceback (most recent call last):
    nanogan.gan.environment.OutOfMemory: no 8 GiB, at batch size 64; all is kept; lower --batch-size
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        what = " ".join(str(error).split()).rstrip(".") or "no room left"
        raise OutOfMemory("; ".join(filter(None, [f"{what}, {at}", gpu_memory(), kept(), remedy]))) from error


def is_out_of_memory(error):
    """Whether it says so: CUDA itself and cuBLAS raise other kinds than MemoryError, which CuPy's pool raises."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in OUT_OF_MEMORY)


def _has_cupy():
    with contextlib.suppress(ValueError):  # a module without a specification
        return bool(cupy_wheels()) or importlib.util.find_spec("cupy") is not None
    return True


def _ask(question, report=False):
    """Its answer; where it raises (a broken CuPy can raise anything), None or what it raised in one line."""
    try:
        return question()
    except (Exception, SystemExit) as error:
        return (
            f"CuPy is broken: {type(error).__name__}: {' '.join(str(error).split())}; uninstall every cupy wheel, then install one"
            if report
            else None
        )


def _cuda_version(number):
    """12090 -> "12.9"; 0, which stands for no driver, -> None."""
    return f"{number // 1000}.{number % 1000 // 10}" if number else None
