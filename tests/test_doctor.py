"""The doctor tells facts, finds what is wrong, and survives any CuPy."""

import copy
import json
import subprocess
import sys

import pytest

from nanogan import doctor
from nanogan.gan import environment

WELL = {
    "versions": {"nanogan": "0.1.0", "python": "3.11.7", "platform": "Linux", "numpy": "2.4.6", "matplotlib": "3.11.2", "pillow": "13.0.0",
                 "tqdm": "4.70.1", "cupy": None},
    "blas": {"name": "OpenBLAS", "version": "0.3.31", "kernel": "Zen", "threads": 4, "variables": {}},
    "cpus": {"count": 8, "allowed": 4},
    "gpu": {"installed": False, "wheels": [], "problem": "CuPy is not installed; pip install it", "cupy": None, "driver": None, "runtime": None,
            "device": None, "compute_capability": None, "memory_free": None, "memory_total": None},
    "data": {"NANOGAN_DATA": None, "exists": False, "mnist": False},
}  # fmt: skip
GPU = {
    "installed": True, "wheels": ["cupy-cuda13x 14.2.0"], "problem": None, "cupy": "14.2.0", "driver": "13.0", "runtime": "13.2",
    "device": "NVIDIA H200", "compute_capability": "9.0", "memory_free": 100 * 2**30, "memory_total": 139 * 2**30,
}  # fmt: skip


def facts(**changes):
    """WELL, with some entries of some sections changed."""
    made = copy.deepcopy(WELL)
    for section, entries in changes.items():
        made[section].update(entries)
    return made


def broken(problem, *wheels):
    return facts(gpu=GPU | {"problem": problem, "wheels": [*wheels] or GPU["wheels"]})


@pytest.mark.parametrize("healthy", [facts(), facts(gpu=GPU), facts(blas={"name": None, "version": None, "kernel": None, "threads": None}),
                                     facts(blas={"variables": {"OMP_NUM_THREADS": "4", "OPENBLAS_L2_SIZE": "512"}}),
                                     facts(cpus={"count": None, "allowed": None}, blas={"variables": {"OMP_NUM_THREADS": "99"}}),
                                     facts(data={"NANOGAN_DATA": "/d", "exists": True, "mnist": True})])  # fmt: skip
def test_nothing_is_wrong(healthy):
    assert list(doctor.wrong(healthy)) == []
    text = doctor.report(healthy | {"wrong": []})
    assert text.endswith("wrong\n  nothing") and text.isascii() and max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("sick", "problem", "remedy"),
    [
        (facts(versions={"python": "3.9.18"}), "Python 3.9.18 is too old", "install Python 3.10 or newer"),
        (facts(versions={"numpy": "1.26.4"}), "NumPy 1.26.4", "pip install 'numpy>=2'"),
        (facts(versions={"numpy": None}), "numpy is not installed", "pip install numpy"),
        (facts(versions={"matplotlib": None}), "matplotlib is not installed", "pip install matplotlib"),
        (facts(versions={"pillow": None}), "pillow is not installed", "pip install pillow"),
        (facts(versions={"tqdm": None}), "tqdm is not installed", "pip install tqdm"),
        (facts(blas={"kernel": "Prescott", "variables": {"OPENBLAS_CORETYPE": "Prescott"}}),
         "OPENBLAS_CORETYPE=Prescott holds OpenBLAS to the kernels of Prescott", "unset OPENBLAS_CORETYPE"),
        (facts(blas={"variables": {"OMP_NUM_THREADS": "5"}}), "OMP_NUM_THREADS=5 asks for more threads than the 4 CPUs", "set it to 4"),
        (facts(blas={"variables": {"OPENBLAS_NUM_THREADS": "64"}}), "OPENBLAS_NUM_THREADS=64", "set it to 4"),
        (facts(data={"NANOGAN_DATA": "/nowhere"}), "NANOGAN_DATA=/nowhere is no folder", "set it to the folder that holds mnist/"),
        (broken("CuPy 14.2.0 is installed, but no GPU is usable: E: nvrtc; no, really; pip install nvrtc"),
         "CuPy 14.2.0 is installed, but no GPU is usable: E: nvrtc; no, really", "pip install nvrtc"),
        (broken("no remedy known"), "no remedy known", "python -c 'import cupy; cupy.show_config()'"),
        (broken("E: strange; see python -m nanogan.doctor"), "E: strange", "python -c 'import cupy; cupy.show_config()'"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_remedy(sick, problem, remedy):
    [(found, advice)] = doctor.wrong(sick)
    assert found.startswith(problem) and advice.startswith(remedy)
    text = doctor.report(sick | {"wrong": [{"problem": found, "remedy": advice}]})
    assert text.isascii() and "  1. " in text and "     -> " in text and "None" not in text


def test_several_wheels_are_a_problem_of_their_own():
    wheels = ["cupy-cuda12x 14.2.0", "cupy-cuda13x 14.2.0"]
    assert list(doctor.wrong(facts(gpu=GPU | {"wheels": wheels}))) == [
        ("several CuPy wheels overwrite each other: cupy-cuda12x 14.2.0, cupy-cuda13x 14.2.0",
         "pip uninstall cupy-cuda12x cupy-cuda13x, then install one of them")
    ]  # fmt: skip
    _, (problem, remedy) = doctor.wrong(broken("no driver; install one", *wheels))
    assert (problem, remedy) == ("no driver", "repair the wheels first, then look again")


def test_the_report_shows_a_gpu():
    text = doctor.report(facts(gpu=GPU) | {"wrong": []})
    for fact in ("NVIDIA H200 (compute capability 9.0)", "100.0 of 139.0 GiB free", "13.2", "usable               yes"):
        assert fact in text


@pytest.mark.parametrize("sick", [facts(), facts(versions={"tqdm": None})])
def test_the_exit_status(sick, monkeypatch, capsys):
    monkeypatch.setattr(environment, "versions", lambda: sick["versions"])
    monkeypatch.setattr(environment, "blas_facts", lambda: sick["blas"])
    monkeypatch.setattr(environment, "gpu_facts", lambda: sick["gpu"])
    monkeypatch.delenv("NANOGAN_DATA", raising=False)
    status = doctor.main([])
    text = capsys.readouterr().out
    assert status == doctor.main(["--json"]) == (sick != WELL)
    told = json.loads(capsys.readouterr().out)
    assert told == doctor.examine() and bool(told["wrong"]) == bool(status) == ("tqdm is not installed" in text)


def test_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NANOGAN_DATA", str(tmp_path))
    assert doctor.examine()["data"] == {"NANOGAN_DATA": str(tmp_path), "exists": True, "mnist": False}
    (tmp_path / "mnist").mkdir()
    assert doctor.examine()["data"]["mnist"]


# ---- the facts themselves


def test_the_facts_are_plain_data():
    for ask in (environment.versions, environment.blas_facts, environment.gpu_facts):
        assert json.loads(json.dumps(ask())) == ask()


def test_numpy_is_asked_for_its_blas(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    blas = environment.blas_facts()
    assert blas["variables"]["OMP_NUM_THREADS"] == "3"
    if blas["name"] == "OpenBLAS":
        assert blas["version"][0].isdecimal() and blas["kernel"].isalnum() and blas["threads"] >= 1


@pytest.mark.parametrize(
    ("config", "name", "version"),
    [
        ({"Build Dependencies": {"blas": {"name": "mkl-sdl", "version": "2024.1"}}}, "mkl-sdl", "2024.1"),
        ({"Build Dependencies": {"blas": {"name": "accelerate"}}}, "accelerate", None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_another_blas_is_named(config, name, version, monkeypatch):
    monkeypatch.setattr(environment.numpy_workers, "openblas", lambda: None)
    monkeypatch.setattr(environment.numpy, "show_config", lambda mode: config)
    blas = environment.blas_facts()
    assert (blas["name"], blas["version"], blas["kernel"], blas["threads"]) == (name, version, None, None)


def test_openblas_wherever_it_lies(monkeypatch, tmp_path):
    """With no library beside NumPy, those that its core is linked to are searched; with rubbish there, it is passed over."""
    here = environment.numpy_workers.openblas()
    (tmp_path / "numpy.libs").mkdir()
    (tmp_path / "numpy.libs" / "libopenblas.so").write_text("no library")
    monkeypatch.setattr(environment.numpy, "__file__", str(tmp_path / "numpy" / "__init__.py"))
    there = environment.numpy_workers.openblas.__wrapped__()
    if not sys.platform.startswith("win"):
        assert bool(there) == bool(here) and (not here or there["get_corename"]() == here["get_corename"]())


class Device:
    id, compute_capability, mem_info = 0, "100", (3, 4)


def working_cupy(monkeypatch):
    """A CuPy that knows enough to be examined."""
    cupy = type(sys)("cupy")
    cupy.__version__ = "14.2.0"
    cupy.cuda = type(sys)("cupy.cuda")
    cupy.cuda.Device = Device
    cupy.cuda.runtime = type(sys)("cupy.cuda.runtime")
    cupy.cuda.runtime.driverGetVersion, cupy.cuda.runtime.runtimeGetVersion = lambda: 13000, lambda: 12090
    cupy.cuda.runtime.getDeviceProperties = lambda id: {"name": b"NVIDIA B200"}
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(environment, "cupy_wheels", lambda: ["cupy-cuda13x 14.2.0"])
    monkeypatch.setattr(environment, "gpu_problem", lambda: None)
    return cupy


def test_the_gpu_is_described(monkeypatch):
    working_cupy(monkeypatch)
    assert environment.gpu_facts() == {
        "installed": True, "wheels": ["cupy-cuda13x 14.2.0"], "problem": None, "cupy": "14.2.0", "driver": "13.0", "runtime": "12.9",
        "device": "NVIDIA B200", "compute_capability": "10.0", "memory_free": 3, "memory_total": 4, "tf32": False,
    }  # fmt: skip


def test_a_gpu_that_cannot_be_described(monkeypatch):
    del working_cupy(monkeypatch).cuda
    monkeypatch.setattr(environment, "gpu_problem", lambda: sys.exit("this CuPy\nleaves"))
    gpu = environment.gpu_facts()
    assert gpu["problem"] == "CuPy is broken: SystemExit: this CuPy leaves; uninstall every cupy wheel, then install one"
    assert gpu["cupy"] == "14.2.0" and gpu["device"] is gpu["driver"] is gpu["memory_total"] is None


# ---- the command, as it is typed


def run_doctor(*arguments, cupy=None, folder=None):
    """Run it; ``cupy`` is the text of the CuPy that is installed for it in ``folder``, with a wheel's metadata."""
    code = "import sys, runpy; sys.argv[0] = 'doctor'; runpy.run_module('nanogan.doctor', run_name='__main__')"
    if cupy is not None:
        (folder / "cupy").mkdir()
        (folder / "cupy" / "__init__.py").write_text(cupy)
        (folder / "cupy_cuda13x-14.2.0.dist-info").mkdir()
        (folder / "cupy_cuda13x-14.2.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: cupy-cuda13x\nVersion: 14.2.0\n")
        code = f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"
    return subprocess.run([sys.executable, "-W", "error", "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_python_m_nanogan_doctor():
    program = subprocess.run([sys.executable, "-m", "nanogan.doctor"], capture_output=True, text=True, check=False, timeout=60)
    assert program.returncode in (0, 1) and program.stderr == ""
    assert (program.returncode == 0) == program.stdout.endswith("wrong\n  nothing\n")


@pytest.mark.parametrize(
    ("cupy", "said"),
    [
        ("raise ImportError('no module\\nof mine')", "does not import: ImportError: no module of mine"),
        ("raise OSError('libcuda.so.1')", "does not import: OSError: libcuda.so.1"),
        ("import sys; sys.exit(3)", "does not import: SystemExit: 3"),
        ("raise RuntimeError", "does not import: RuntimeError"),
        ("1 / 0", "does not import: ZeroDivisionError"),
        ("def", "does not import: SyntaxError"),
        ("", "CuPy"),  # whatever it is, it is no CuPy
    ],
)
def test_a_broken_cupy_is_reported(cupy, said, tmp_path):
    program = run_doctor("--json", cupy=cupy, folder=tmp_path)
    assert program.returncode == 1 and program.stderr == ""
    told = json.loads(program.stdout)
    assert told["versions"]["cupy"] == "cupy-cuda13x 14.2.0"
    [found] = [w for w in told["wrong"] if "CuPy" in w["problem"]]
    assert said in found["problem"] and found["remedy"]


def test_a_mistake_in_the_command():
    program = run_doctor("--jsn")
    assert program.returncode == 2 and program.stdout == ""
    assert program.stderr.startswith("nanogan: error: unknown option '--jsn'; did you mean --json?") and program.stderr.count("\n") == 1
