"""``python -m nanogan.train``, as a user runs it: what it writes, what it says, and how it takes a mistake."""

import csv
import gzip
import itertools
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest

import nanogan as ng
from nanogan import train
from nanogan.backend import gpu_problem
from nanogan.gan import command, recipes

ROOT = pathlib.Path(ng.__file__).parent.parent


def call(*argv):
    """In this process, as ``__main__`` does it: the exit status."""
    return command.run(train.main, [str(arg) for arg in argv])


def environment(**more):
    return os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"} | more


def process(*argv, **options):
    """The command itself, in a Python of its own."""
    return subprocess.run([sys.executable, "-m", "nanogan.train", *argv], capture_output=True, text=True, env=environment(), **options)


def history(folder):
    """history.csv without the rate, which no seed repeats."""
    with open(folder / "history.csv", newline="") as file:
        return [{key: value for key, value in row.items() if key != "images_per_second"} for row in csv.DictReader(file)]


def config(folder):
    def refuse(constant):
        raise AssertionError(f"config.json holds {constant}, which is no JSON")

    return json.loads((folder / "config.json").read_text(encoding="utf-8"), parse_constant=refuse)


def tree(folder):
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, and no data set anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NANOGAN_DEBUG", raising=False)
    monkeypatch.setenv("NANOGAN_DATA", str(tmp_path / "no-data"))
    return tmp_path


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def digits(here):
    """A folder with forty small "digits" in files like MNIST's."""
    (here / "data" / "mnist").mkdir(parents=True)
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (40, 28, 28), dtype=np.uint8), random.integers(0, 10, 40, dtype=np.uint8)
    (here / "data" / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (here / "data" / "mnist" / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return here / "data"


# --- The command in a process of its own ----------------------------------------------------------------------


def test_a_short_run(here):
    done = process("--recipe", "gaussian2d", "--steps", "60", "--seed", "3", "--out", "runs/a", cwd=here)
    assert done.returncode == 0 and "error" not in done.stderr
    first, distance, last = done.stdout.splitlines()
    assert first == "gaussian2d: 6 parameters in the generator, 37 in the critic; 1,000 samples of gaussian2d; 60 steps of 8 on numpy"
    run = here / "runs" / "a"
    assert distance.startswith("squared Wasserstein-2 distance between 10,000 generated points and the true Gaussian: ")
    assert last == "pictures: runs/a/samples   losses: runs/a/history.csv   settings: runs/a/config.json"
    assert sorted(path.name for path in run.iterdir()) == ["config.json", "history.csv", "samples"]
    assert [row["step"] for row in history(run)] == ["25", "50", "60"]
    # The same again, in this process and by another folder: the same bits in every row.
    assert call("--recipe", "gaussian2d", "--steps", 60, "--seed", 3, "--out", "b") == 0
    assert call("--recipe", "gaussian2d", "--steps", 60, "--seed", 4, "--out", "c") == 0
    assert history(run) == history(here / "b") != history(here / "c")
    assert (run / "samples" / "step_000060.png").read_bytes() == (here / "b" / "samples" / "step_000060.png").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_control_c_keeps_what_there_is(here):
    argv = [sys.executable, "-m", "nanogan.train", "--recipe", "gaussian2d", "--steps", "1000000", "--out", "run"]
    unblock = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}  # a shell may have started pytest in the background
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here, env=environment(), **unblock) as program:
        started = time.monotonic()
        while not ((here / "run" / "history.csv").exists() and len(history(here / "run")) > 2):
            assert program.poll() is None and time.monotonic() - started < 60
            time.sleep(0.05)
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=60)
    assert program.returncode == 130 and "Traceback" not in err
    *_, said, last = err.splitlines()
    assert last == "nanogan: interrupted" and " of 1,000,000; history and pictures so far are in run" in said
    steps = [int(row["step"]) for row in history(here / "run")]
    stopped = int(said.split("stopped at step ")[1].split(" of ")[0].replace(",", ""))
    assert steps == sorted({*range(25, stopped, 25), stopped}) and config(here / "run")["steps"] == 1_000_000


def test_a_mistake_in_a_process(here):
    done = process("--recipe", "gausian2d", cwd=here)
    assert done.returncode == 2 and done.stdout == "" and tree(here) == {}
    assert done.stderr == (
        "nanogan: error: no recipe 'gausian2d'; did you mean gaussian2d? the recipes are quickstart, gaussian2d, mlp-mnist, dcgan-mnist\n"
    )


@pytest.mark.parametrize("code", ["import nanogan", "import sys; sys.argv = ['train', '--list']; from nanogan import train; train.main()"])
def test_what_is_not_imported(code):
    """The heavy ones wait until a picture is drawn; PyTorch is the oracle of the tests and no more."""
    code += "; import sys; print(*sorted({'matplotlib', 'PIL', 'tqdm', 'torch', 'tensorflow', 'cupy', 'scipy'} & set(sys.modules)), sep=',')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "")


# --- What the options do --------------------------------------------------------------------------------------


def test_list(here, capsys):
    assert call("--list") == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["recipe", "text", "data", "image", "batch", "length", "what", "it", "is"]
    assert [row.split()[0] for row in rows] == recipes.names() and tree(here) == {}
    assert all(part in rows[2] for part in ("mlp-mnist", "002", " mnist ", "28x28x1", " 32 ", "30,001 steps", "A multilayer perceptron draws MNIST"))


def test_help(here, capsys):
    assert call("-h") == 0
    out = capsys.readouterr().out
    options = ("recipe", "data", "data-dir", "backend", "steps", "epochs", "batch-size", "lr", "beta1", "seed", "out", "list")
    assert all(f"--{option}" in out for option in options) and "python -m nanogan.train --recipe gaussian2d --seed 3" in out


@pytest.mark.parametrize(("name", "steps"), [("mlp-mnist", 2), ("dcgan-mnist", 3)])
def test_recipes_on_files_like_mnists(name, steps, digits, capsys):
    assert call("--recipe", name, "--data-dir", digits, "--batch-size", 16, "--steps", steps, "--out", "run") == 0
    assert "40 samples of mnist" in capsys.readouterr().out
    assert [row["step"] for row in history(digits.parent / "run")] == [str(steps)]
    assert config(digits.parent / "run")["data_dir"] == str(digits)


def test_the_recipe_of_the_start(here, capsys):
    assert call("--steps", 1) == 0
    assert "runs/quickstart-1/samples" in capsys.readouterr().out
    assert call("--steps", 1) == 0
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["quickstart-1", "quickstart-2"]


@pytest.mark.parametrize("name", ["mlp-mnist", "dcgan-mnist"])
def test_recipes_on_mnist(name, data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NANOGAN_DATA", str(data_dir))
    assert call("--recipe", name, "--batch-size", 8, "--steps", 2, "--out", tmp_path / "run") == 0
    assert "60,000 samples of mnist; 2 steps of 8" in capsys.readouterr().out
    assert all(np.isfinite(float(value)) for row in history(tmp_path / "run") for value in row.values())


@pytest.mark.parametrize("where", ["{0}/mnist", "{0}/mnist/train-images-idx3-ubyte.gz"])
def test_data_by_their_path(where, digits):
    place = where.format(digits)
    assert call("--recipe", "mlp-mnist", "--data", place, "--steps", 1, "--batch-size", 4, "--out", "run") == 0
    assert config(digits.parent / "run")["data"] == place


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--steps", 7], {"steps": 7}),
        (["--epochs", 1], {"steps": 125}),
        (["--epochs", 0.5], {"steps": 63}),  # 62.5 steps
        (["--epochs", 1e-9], {"steps": 1}),
        (["--epochs", 2, "--batch-size", 300], {"steps": 8, "batch_size": 300}),  # 1000 points: three batches of 300 and one of 100
        ([], {"steps": 2500}),
        (["--steps", 1, "--lr", 3e-4], {"lr": [3e-4, 3e-4]}),
        (["--steps", 1, "--beta1", 0], {"beta1": 0.0}),
        (["--steps", 1, "--beta1", 0.5, "--batch-size", 2], {"beta1": 0.5, "batch_size": 2}),
        (["--steps", 1, "--seed", 2**70], {"seed": 2**70}),
        (["--steps", 1, "--backend", "numpy"], {"backend": "numpy"}),
    ],
)
def test_an_option_reaches_the_run(options, said, here, monkeypatch):
    trained = []

    def step(self, total, run):
        trained.append((self, total))

    monkeypatch.setattr(train.Trainer, "train", step)  # the run is made, the steps are not
    assert call("--recipe", "gaussian2d", *options, "--out", "run") == 0
    ((trainer, total),) = trained
    recorded = config(here / "run")
    found = recorded | recorded["recipe"]
    assert {key: found[key] for key in said} == said
    assert total == recorded["steps"] and trainer.recipe.batch_size == trainer.batches.batch_size == found["batch_size"]
    for opt, lr in zip((trainer.g_opt, trainer.d_opt), found["lr"], strict=True):
        assert (opt.lr, opt.beta1) == (lr, found["beta1"])


def test_config_is_complete(here):
    assert call("--recipe", "gaussian2d", "--steps", 1, "--out", "run") == 0
    recorded = config(here / "run")
    assert set(recorded) == {"recipe", "data", "data_dir", "steps", "seed", "backend", "parameters", "versions", "blas"}
    recipe = recipes.get("gaussian2d")
    fields = set(vars(recipe)) - {"networks", "step", "about"}
    assert set(recorded["recipe"]) == fields
    for field in fields:
        value = getattr(recipe, field)
        assert recorded["recipe"][field] == (list(value) if isinstance(value, tuple) else value), field
    assert recorded["parameters"] == {"generator": 6, "critic": 37} and recorded["seed"] == 0
    assert recorded["versions"]["numpy"] == np.__version__ and recorded["versions"]["nanogan"] == ng.__version__


def test_the_seed_is_that_of_the_data_too(here, monkeypatch):
    seen = []
    monkeypatch.setattr(train.Trainer, "train", lambda self, *args, **options: seen.append(self.dataset.samples))
    for i, seed in enumerate((1, 1, 2)):
        assert call("--recipe", "gaussian2d", "--seed", seed, "--out", f"run-{i}") == 0
    assert np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], seen[2])


def test_the_distance_that_a_run_prints():
    """Of a generator that makes the very Gaussian, the sampling error is left; of one that makes (0, 0), what the truth is wide and away."""
    t = train.Trainer(recipes.get("gaussian2d"), ng.data.load("gaussian2d"), 0)
    weight, bias = (p.data for p in t.generator.parameters())
    weight[...], bias[...] = [[1, 2], [-0.1, 0.5]], [1, 2]
    assert 0 < train.distance(t) < 0.02
    weight[...], bias[...] = 0, 0
    assert train.distance(t) == pytest.approx(1 + 4 + 1.01 + 4.25)


# --- Mistakes -------------------------------------------------------------------------------------------------


def refused(argv, capsys, folder):
    """Status 2, one line on stderr, nothing on stdout, and nothing made or changed in ``folder``: the line."""
    before = tree(folder)
    status = call(*argv)
    out, err = capsys.readouterr()
    assert (status, out) == (2, ""), err
    assert err.startswith("nanogan: error: ") and err.endswith("\n") and err.count("\n") == 1 and "Traceback" not in err, err
    assert tree(folder) == before
    return err.removeprefix("nanogan: error: ").rstrip()


GAUSSIAN = ["--recipe", "gaussian2d"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--recipe", "mlp-minst"], "no recipe 'mlp-minst'; did you mean mlp-mnist? the recipes are quickstart, "),
        (["--recipe", ""], "no recipe ''; the recipes are quickstart, "),
        (["--recipe"], "argument --recipe: expected one argument"),
        (["--batch-size", "0"], "argument --batch-size: expected a whole number of at least 1, got '0'"),
        (["--batch-size", "-3"], "argument --batch-size: expected a whole number of at least 1, got '-3'"),
        (["--batch-size", "x"], "argument --batch-size: expected a whole number of at least 1, got 'x'"),
        (["--steps", "0"], "argument --steps: expected a whole number of at least 1, got '0'"),
        (["--steps", "1e3"], "argument --steps: expected a whole number of at least 1, got '1e3'"),
        (["--epochs", "0"], "argument --epochs: expected a number above 0, got '0'"),
        (["--epochs", "inf"], "argument --epochs: expected a number above 0, got 'inf'"),
        (["--steps", "3", "--epochs", "1"], "argument --epochs: not allowed with argument --steps"),
        ([*GAUSSIAN, "--epochs", "1e307"], "--epochs asks for more than a trillion steps; ask for fewer"),
        ([*GAUSSIAN, "--steps", str(10**400)], "--steps asks for more than a trillion steps; ask for fewer"),
        (["--lr", "0"], "argument --lr: expected a number above 0, got '0'"),
        (["--lr", "-1e-3"], "argument --lr: expected"),
        (["--beta1", "1"], "argument --beta1: expected a number from 0 to below 1, got '1'"),
        (["--seed", "-1"], "argument --seed: expected a whole number of at least 0, got '-1'"),
        (["--backend", "cuda"], "argument --backend: invalid choice: 'cuda'"),
        (["--stpes", "3"], "unknown option '--stpes'; did you mean --steps?"),
        (["extra"], "unexpected argument 'extra'"),
        (["--data", "nonsense"], "no data set and no file is called 'nonsense'; the nearest name is "),
        (["--data", "glyhps"], "the nearest name is 'glyphs' (of glyphs, mnist, gaussian2d)"),
        (["--data", "."], "mnist: no file train-images-idx3-ubyte or train-images.idx3-ubyte"),
        ([*GAUSSIAN, "--batch-size", "1001"], "a batch of 1001 is more than gaussian2d holds (1000 samples); lower --batch-size"),
        (["--recipe", "dcgan-mnist", "--data", "gaussian2d"], "needs samples of shape (28, 28, 1), and gaussian2d holds (2,); choose other data"),
        ([*GAUSSIAN, "--out", "/proc/nope"], "cannot write a run to /proc/nope: "),
        ([*GAUSSIAN, "--out", "/dev/null"], "cannot write a run to /dev/null: "),
        ([*GAUSSIAN, "--out", "x" * 300], "File name too long; choose another --out"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(argv, said, here, capsys):
    assert said in refused(argv, capsys, here)


def test_a_full_folder_is_left_alone(here, capsys):
    (here / "run").mkdir()
    (here / "run" / "thesis.txt").write_text("mine")
    assert refused([*GAUSSIAN, "--out", "run"], capsys, here).startswith("run is not empty, and a run is never overwritten; choose another --out")


@pytest.mark.parametrize("out", ["file", "file/run", "file/a/b"])
def test_out_under_a_file(out, here, capsys):
    (here / "file").write_text("mine")
    assert refused([*GAUSSIAN, "--out", out], capsys, here) == f"cannot write a run to {out}: Not a directory; choose another --out"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_out_in_a_folder_that_may_not_be_written(here, capsys):
    (here / "locked").mkdir(mode=0o500)
    assert refused([*GAUSSIAN, "--out", "locked/run"], capsys, here) == "cannot write a run to locked/run: Permission denied; choose another --out"


@pytest.mark.parametrize("option", [True, False])
def test_data_that_are_not_there(option, here, monkeypatch, capsys):
    """What the files are called, and where they were looked for."""
    monkeypatch.setenv("NANOGAN_DATA", str(here / "elsewhere" if option else here / "empty"))
    line = refused(["--recipe", "mlp-mnist", *(["--data-dir", here / "empty"] if option else [])], capsys, here)
    assert "train-images-idx3-ubyte" in line and f"{here}/empty/mnist or {here}/empty;" in line and "--data-dir or NANOGAN_DATA" in line
    assert "elsewhere" not in line


IMAGES, LABELS = idx(np.zeros((40, 28, 28), np.uint8)), idx(np.zeros(40, np.uint8))


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (b"", "is empty; fetch it again"),
        (IMAGES[:3], "is no IDX file"),
        (IMAGES[:10], "is cut short: its header takes 16 bytes, and 10 are there"),
        (IMAGES[:-1], "is cut short: (40, 28, 28) of uint8 takes 31360 bytes, and 31359 follow the header"),
        (IMAGES + b"x", "is too long"),
        (b"\0\0\x08\xff" + IMAGES[4:], "is no IDX file: it begins with 0x000008ff"),
        (b"\0\0\x07\x03" + IMAGES[4:], "has the type code 0x07"),
        (b"PK\x03\x04" + IMAGES[4:], "is no IDX file: it begins with 0x504b0304, where MNIST's images have 0x00000803"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "is cut short"),  # a header that claims 2**96 bytes
        (LABELS, "no images"),  # the wrong file under this name
        (gzip.compress(IMAGES)[:-40], "is a damaged gzip file"),
        (gzip.compress(IMAGES)[:40] + b"?" * 40, "is a damaged gzip file"),
        (idx(np.zeros((41, 28, 28), np.uint8)), "holds labels of shape (40,) for the 41 images"),
        (idx(np.zeros((40, 32, 32), np.uint8)), "needs samples of shape (28, 28, 1), and mnist holds (32, 32, 1); choose other data"),
    ],
    ids=itertools.count(),
)
def test_damaged_data(images, said, here, capsys):
    folder = here / "data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte").write_bytes(images)
    (folder / "train-labels-idx1-ubyte").write_bytes(LABELS)
    line = refused(["--recipe", "mlp-mnist", "--data-dir", here / "data", "--out", "run"], capsys, here)
    assert said in line and (";" in line)


@pytest.mark.skipif(gpu_problem() is None, reason="there is a GPU that can be used")
def test_cupy_without_a_gpu(here, capsys):
    line = refused([*GAUSSIAN, "--backend", "cupy", "--out", "run"], capsys, here)
    assert line.startswith("the backend cupy cannot be used: ") and line.endswith("or choose the backend numpy")
    assert ng.backend_name() == "numpy"


@pytest.mark.skipif(gpu_problem() is None, reason="there is a GPU that can be used")
def test_auto_without_a_gpu_says_what_it_takes(here, capsys):
    assert call(*GAUSSIAN, "--backend", "auto", "--steps", 1, "--out", "run") == 0
    assert "nanogan: backend numpy (" in capsys.readouterr().err and config(here / "run")["backend"] == "numpy"


@pytest.mark.parametrize("option", ["--data", "--data-dir", "--out"])
def test_an_empty_name_is_a_mistake(option, here, capsys):
    assert call("--recipe", "gaussian2d", "--steps", 1, option, "") == 2
    assert capsys.readouterr().err == f"nanogan: error: {option} is empty (an unset variable?); name something or leave it out\n" and tree(here) == {}
