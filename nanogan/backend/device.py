"""Is there a GPU that CuPy can compute on?  If not: why not, and what helps."""

import functools
import importlib
import importlib.metadata
import re

import numpy

# A piece of what CuPy says when something is missing, and what then helps.
REMEDIES = {
    "insufficientdriver": "install or update the NVIDIA driver",
    "nodevice": "no CUDA device is visible: see nvidia-smi and CUDA_VISIBLE_DEVICES",
    "nvrtc": "NVRTC is missing: pip install 'cupy-cuda12x[ctk]' (or 'cupy-cuda13x[ctk]')",
    "cublas": "cuBLAS is missing: pip install 'cupy-cuda12x[ctk]' (or 'cupy-cuda13x[ctk]')",
    "out of memory": "another process holds the GPU's memory: see nvidia-smi",
}


def load_cupy():
    """The module cupy.  It imports without a GPU, so ask ``gpu_problem`` before."""
    return importlib.import_module("cupy")


def cupy_wheels():
    """Names and versions of the installed CuPy distributions; more than one break each other."""
    return sorted({f"{d.name} {d.version}" for d in importlib.metadata.distributions() if re.fullmatch("cupy(-cuda.*|-rocm.*)?", d.name or "", re.I)})


@functools.cache
def gpu_problem():
    """Why CuPy cannot be used here, with the remedy, in one line; None where it can.

    It can where a compiled kernel and a matrix product ran and gave the right number: CuPy alone imports anywhere.
    """
    wheels = ", ".join(cupy_wheels())
    try:
        cupy = load_cupy()
        version = cupy.__version__
    except (Exception, SystemExit) as error:  # a broken install can raise anything
        if not wheels and getattr(error, "name", None) == "cupy":
            return "CuPy is not installed; pip install 'nanogan[cupy]' (CUDA 12) or 'nanogan[cupy-cuda13]' (CUDA 13)"
        return f"CuPy ({wheels or 'no wheel'}) does not import: {_in_one_line(error)}; uninstall every cupy wheel, then install one"
    if int(version.split(".")[0]) < 14:
        return f"CuPy {version} does not go with NumPy {numpy.__version__}; pip install 'cupy-cuda12x[ctk]>=14'"
    try:
        ones = cupy.ones((4, 4), "float32")
        total = float(((ones @ ones) * 2 + ones).sum())
    except Exception as error:  # CUDA errors, ImportError for a missing library, MemoryError, ...
        said = _in_one_line(error)
        remedy = next((text for sign, text in REMEDIES.items() if sign in said.lower()), "see python -m nanogan.doctor")
        if len(cupy_wheels()) > 1:
            remedy = f"several CuPy wheels overwrite each other ({wheels}): uninstall all, then install one"
        return f"CuPy {version} is installed, but no GPU is usable: {said}; {remedy}"
    return None if total == 144.0 else f"the GPU computes wrongly (a test product gave {total}, not 144); update driver and CuPy"


def _in_one_line(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200] or 'no message'}"
