"""python -m nanogan.bench: what it writes, and how it fails."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from commands import call, environment, process

from nanogan import bench
from nanogan.gan.bench import measure
from nanogan.gan.bench.processes import THREAD_VARIABLES

QUICK = ("--turns", 2, "--seconds", 0.01)


@pytest.fixture
def quick(here, monkeypatch):
    """Workers that find this nanogan, and a peak that is found at once."""
    kept = {name: value for name, value in environment().items() if name not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}  # else it warns
    monkeypatch.setattr(os, "environ", kept)
    monkeypatch.setattr(measure, "WORKERS", measure.WORKERS | {"sgemm": "small_sgemm"})
    code = "from nanogan.gan.bench import sgemm, worker\nsgemm.SIZES = (64, 128)\nworker.serve(sgemm.Sgemm)\n"
    (here / "small_sgemm.py").write_text(code, encoding="utf-8")
    return here


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_nanogan_alone(quick, capsys):
    assert call(bench, "--recipe", "gaussian2d", "wgan-gp-paper", "--batch-size", 3, "--threads", 1, *QUICK) == 0
    out = capsys.readouterr().out
    assert "gaussian2d" in out and "written: " in out and "PyTorch" not in out
    found = read(quick / "bench" / "speed.json")
    assert found["machine"]["threads"] == 1 and found["plan"]["turns"] == 2
    assert dict.fromkeys(THREAD_VARIABLES, "1").items() <= found["machine"]["blas"]["variables"].items()
    points, images = found["results"]
    assert (points["recipe"], points["batch_size"], points["images_per_step"], images["images_per_step"]) == ("gaussian2d", 3, 3, 15)
    ours = images["nanogan"]
    assert len(ours["turns"]) == 2 and ours["quartiles"][0] <= ours["seconds"] <= ours["quartiles"][1]
    assert ours["images_per_second"] == pytest.approx(15 / ours["seconds"])
    assert ours["gflops"] == pytest.approx(images["gflop"] / ours["seconds"]) and sum(images["operations"].values()) == images["gflop"] * 1e9
    assert ours["memory"]["peak"] >= ours["memory"]["before"] and found["sgemm"]["gflops"] > 0
    assert (quick / "bench" / "speed.png").read_bytes().startswith(b"\x89PNG")


def test_scale(quick, capsys):
    assert call(bench, "--scale", "--recipe", "gaussian2d", "--batch-size", 4, 8, "--out", "else where", "--json", *QUICK) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == read(quick / "else where" / "scale.json")
    assert [result["batch_size"] for result in found["results"]] == [4, 8]
    assert found["scaling"]["gaussian2d"].keys() == {"flat", "memory"} and (quick / "else where" / "scale.png").exists()


def test_profile(quick, capsys):
    assert call(bench, "--profile", "--recipe", "ring2d", "--set", "objective=least-squares", "--batch-size", 4, *QUICK) == 0
    out = capsys.readouterr().out
    assert "ring2d, batch 4" in out and "autograd and the rest" in out
    assert re.search(r"^matmul\w* \(\d+, \d+\) \(\d+, \d+\)", out, re.MULTILINE)  # which products are among the dearest, the clock decides
    (found,) = read(quick / "bench" / "profile.json")["profiles"]
    assert sum(row["seconds"] for row in found["nanogan"]["profile"]["rows"]) == pytest.approx(found["nanogan"]["profile"]["seconds"])


@pytest.mark.torch
@pytest.mark.slow
def test_against_torch(quick, capsys):
    pytest.importorskip("torch", reason="PyTorch, the other side, is not installed")
    assert call(bench, "--against", "torch", "--recipe", "quickstart", "--batch-size", 2, "--threads", 1, *QUICK) == 0
    out = capsys.readouterr().out
    assert "PyTorch, ms" in out and "computed the same losses" in out
    (result,) = read(quick / "bench" / "speed.json")["results"]
    assert set(result["torch"]) == {"default", "channels_last"}
    peer = result["torch"][result["quoted"]]
    assert peer["seconds"] == min(side["seconds"] for side in result["torch"].values())
    assert result["ratio"] == pytest.approx(result["nanogan"]["seconds"] / peer["seconds"]) and result["ratio_of_turns"] > 0
    assert peer["facts"]["threads"] == 1 and peer["check"]["apart"] <= peer["check"]["tolerance"]
    assert call(bench, "--against", "torch", "--profile", "--recipe", "gaussian2d", *QUICK) == 0
    assert "PyTorch (default), by its own profiler" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--recipe", "dcgan-mnits"], "no recipe 'dcgan-mnits'; did you mean dcgan-mnist?"),
        (["--recipe", "mlp-mnist", "--set", "gp_mode=train"], "mlp-mnist has no option 'gp_mode'"),
        (["--set", "gp_mode"], "is no assignment"),
        (["--batch-size", "0"], "a whole number of at least 1"),
        (["--turns", "-1"], "a whole number of at least 1"),
        (["--against", "tensorflow"], "invalid choice: 'tensorflow'"),
        (["--scale", "--profile"], "not allowed with argument"),
        (["--backend", "cupy"], "the backend cupy cannot be used"),
    ],
)
def test_usage(here, capsys, argv, said, monkeypatch):
    monkeypatch.setattr("nanogan.backend.gpu_problem", lambda: "there is none")
    assert call(bench, *argv) == 2
    error = capsys.readouterr().err
    assert error.startswith("nanogan: error: ") and said in error and error.count("\n") == 1
    assert not (here / "bench").exists()


def test_torch_that_is_not_installed(here, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert call(bench, "--against", "torch") == 2
    assert capsys.readouterr().err == "nanogan: error: --against torch: it is not installed here; pip install torch\n"


def test_a_folder_that_cannot_be_made(here, capsys):
    (here / "bench").write_text("a file")
    assert call(bench, "--recipe", "gaussian2d") == 1
    assert capsys.readouterr().err.strip().endswith("bench")


@pytest.mark.parametrize(("name", "code", "said"), [
    ("dies", "import sys; print('no more', file=sys.stderr); sys.exit(5)", "the process of nanogan (gaussian2d, batch 4) died (exit status 5: no more)"),
    ("fails", "from nanogan.gan.bench import worker\nclass W(worker.Worker):\n    def build(self, **options):\n        raise MemoryError('all of it')\nworker.serve(W)",
     "nanogan (gaussian2d, batch 4) cannot build: MemoryError: all of it"),
])  # fmt: skip
def test_a_worker_that_fails_is_one_line(quick, capsys, monkeypatch, name, code, said):
    (quick / f"{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(measure, "WORKERS", measure.WORKERS | {"nanogan": name})
    assert call(bench, "--recipe", "gaussian2d", "--batch-size", 4, *QUICK) == 1
    lines = [line for line in capsys.readouterr().err.split("\n") if line and "round" not in line]
    assert lines == [f"nanogan: error: {said}"]


def test_a_variable_that_slows_products_is_told_of(quick, capsys, monkeypatch):
    monkeypatch.setattr(os, "environ", environment(OPENBLAS_L2_SIZE="512"))
    assert call(bench, "--recipe", "gaussian2d", *QUICK) == 0
    assert "nanogan: WARNING: OPENBLAS_L2_SIZE=512 is set" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix" or not os.path.isdir("/proc"), reason="signals, and /proc to look for what is left")
def test_ctrl_c_leaves_nothing_running(here):
    line = [sys.executable, "-m", "nanogan.bench", "--recipe", "gaussian2d", "--turns", "1000"]
    options = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler), "start_new_session": True}
    running = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), **options)
    said = ""
    while "gaussian2d" not in said:  # the bar's line does not end
        said += running.stderr.read(1) or pytest.fail(said)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    _, error = running.communicate(timeout=60)
    assert running.returncode == 130 and error.splitlines()[-1] == "nanogan: interrupted"
    with pytest.raises(ProcessLookupError):
        for _ in range(600):  # one that had hardly started ends when its stdin does
            os.killpg(running.pid, 0)
            time.sleep(0.05)


def test_help_has_examples(here):
    done = process("bench", "-h")
    assert done.returncode == 0 and "python -m nanogan.bench --against torch" in done.stdout
