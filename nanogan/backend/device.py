"""Is there a GPU that CuPy can compute on?  If not: why not, and what helps."""

import functools
import glob
import importlib
import re
import sys
import warnings

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
    warnings.filterwarnings("ignore", r"\s*-*\s*CuPy may not function correctly because multiple", UserWarning)  # who asks says it in one line
    return importlib.import_module("cupy")


def cupy_wheels():
    """Names and versions of the installed CuPy distributions; more than one break each other."""
    names = (name for folder in sys.path for name in glob.glob("[cC]u[pP]y*-info", root_dir=folder))  # cupy_cuda12x-14.2.0.dist-info
    found = (re.fullmatch(r"(cupy(?:[-_](?:cuda|rocm).*)?)-([^-]+)(?:-py.*)?[.](?:dist|egg)-info", name, re.I) for name in names)
    return sorted({f"{wheel[1].replace('_', '-')} {wheel[2]}" for wheel in found if wheel})


@functools.cache
def gpu_problem():
    """Why CuPy cannot be used here, with the remedy, in one line; None where a compiled kernel and a matrix product gave the right number."""
    wheels, version = ", ".join(cupy_wheels()), None
    try:
        version = load_cupy().__version__
        if int(version.split(".")[0]) < 14:
            return f"CuPy {version} does not go with NumPy {numpy.__version__}; pip install '{(wheels or 'cupy-cuda12x').split()[0]}[ctk]>=14'"
        ones = load_cupy().ones((4, 4), "float32")
        total = float(((ones @ ones) * 2 + ones).sum())
    except (Exception, SystemExit) as error:  # a broken install can raise anything; so can CUDA: its errors, ImportError, MemoryError
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:200] or 'no message'}"
        if version is None and not wheels and getattr(error, "name", None) == "cupy":
            return "CuPy is not installed; pip install 'nanogan[cupy]' (CUDA 12) or 'nanogan[cupy-cuda13]' (CUDA 13)"
        if version is None:
            return f"CuPy ({wheels or 'no wheel'}) does not import: {said}; uninstall every cupy wheel, then install one"
        remedy = next((text for sign, text in REMEDIES.items() if sign in said.lower()), "see python -m nanogan.doctor")
        if len(cupy_wheels()) > 1:
            remedy = f"several CuPy wheels overwrite each other ({wheels}): uninstall all, then install one"
        return f"CuPy {version} is installed, but no GPU is usable: {said}; {remedy}"
    return None if total == 144.0 else f"the GPU computes wrongly (a test product gave {total}, not 144); update driver and CuPy"
