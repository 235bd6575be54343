"""The bodies of kernels, compiled by the C++ compiler of this machine; what was compiled once is kept in the temporary folder."""

import ctypes
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

OPTIONS = ("-shared", "-fPIC", "-std=c++17", "-O1", "-ffp-contract=off", "-fno-strict-aliasing", "-w")
HEADER = pathlib.Path(__file__).with_name("device.h").read_text()


class NoCompiler(RuntimeError):
    """There is no C++ compiler, so kernels cannot run here."""


class CompileException(Exception):
    """As CuPy's: the compiler's message, at the first call of a kernel."""


def compiler():
    """The path of the C++ compiler, $CXX or g++ or c++ or clang++; None where there is none."""
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "c++", "clang++"]
    return next((path for path in map(shutil.which, names) if path), None)


@functools.cache
def load(source):
    """(the function ``strict_run`` of this source, an array of what went wrong in it); both compiled and loaded."""
    path = compiler()
    if path is None:
        raise NoCompiler("strict_cupy: no C++ compiler was found (g++, c++, clang++ or $CXX), which runs an ElementwiseKernel without a GPU")
    key = hashlib.sha256("\0".join([path, *OPTIONS, source]).encode()).hexdigest()[:32]
    folder = pathlib.Path(tempfile.gettempdir()) / f"strict_cupy-{os.getuid() if hasattr(os, 'getuid') else 'all'}"
    folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / f"{key}.so"
    if not library.exists():
        _compile(path, source, library)
    loaded = ctypes.PyDLL(str(library))
    loaded.strict_run.argtypes, loaded.strict_run.restype = [ctypes.c_char_p], ctypes.c_longlong
    return loaded.strict_run, (ctypes.c_longlong * 7).in_dll(loaded, "strict_fault")


def _compile(path, source, library):
    """Into a file of another name first: other processes may be compiling or loading the same."""
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        code, built = pathlib.Path(folder) / "kernel.cpp", pathlib.Path(folder) / "kernel.so"
        code.write_text(source)
        done = subprocess.run([path, *OPTIONS, "-o", built, code], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompileException(f"{done.stderr}\n{source[source.index('// kernel') :]}")
        built.rename(library)
