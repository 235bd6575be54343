"""``python -m nanogan.train``, as a user runs it: what it writes, what it says, and what its options do.

How it takes mistakes is in test_bad_input.py; how runs are stopped and resumed, in test_resume.py.
"""

import contextlib
import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from commands import ROOT, assert_same_run, call, config, environment, history, process, said, tree, write_digits
from PIL import Image

import nanogan as ng
from nanogan import data, train
from nanogan.backend import gpu_problem
from nanogan.gan import recipes
from nanogan.gan.config import KINDS
from nanogan.gan.recipe import PARSERS
from nanogan.gan.run import COLUMNS, Run


@pytest.fixture
def digits(here):
    """A folder with forty small "digits" in files like MNIST's."""
    write_digits(here / "data" / "mnist")
    return here / "data"


@pytest.fixture
def untrained(monkeypatch):
    """Runs are made, but no step: the list of (trainer, total steps) that there would have been."""
    trained = []
    monkeypatch.setattr(train.Trainer, "train", lambda self, total, run: trained.append((self, total)))
    monkeypatch.setattr(Run, "finish", lambda self, trainer: None)
    return trained


# --- The command in a process of its own ----------------------------------------------------------------------


def test_a_short_run(here):
    done = process("train", "--recipe", "gaussian2d", "--steps", "60", "--seed", "3", "--out", "runs/a", cwd=here)
    assert done.returncode == 0 and said(done.stderr) == []
    assert re.search(r"60/60 \[.*step/s, D \d\.\d{3} G \d\.\d{3} D\(x\) 0\.\d\d D\(G\(z\)\) 0\.\d\d\]", done.stderr)  # the progress bar
    first, distance, pictures, *next_ones = done.stdout.splitlines()
    assert first == (
        "gaussian2d: 6 parameters in the generator, 37 in the critic; 1,000 samples of gaussian2d; 60 steps of 8 on numpy; it goes to runs/a"
    )
    words, _, number = distance.removesuffix(" (0 is perfect, untrained about 10)").partition(": ")
    assert words == "squared Wasserstein-2 distance between 10,000 generated points and the true Gaussian" and 0 < float(number) < 20
    assert pictures == "pictures: runs/a/samples/step_000060.png, runs/a/samples.gif   losses: runs/a/losses.png"
    assert [line.partition("python")[2] for line in next_ones] == [f" -m nanogan.{command} runs/a" for command in ("sample", "evaluate", "diagnose")]
    run = here / "runs" / "a"
    assert sorted(name for name in tree(run) if not name.startswith(".")) == [
        "checkpoint.npz", "config.json", "critic.npz", "generator.npz", "history.csv", "losses.png", "samples", "samples.gif",
        "samples/step_000000.png", "samples/step_000060.png",
    ]  # fmt: skip
    assert [row["step"] for row in history(run)] == ["25", "50", "60"]
    # The same again, in another folder: the same bits.  Another seed: others.
    assert process("train", "--recipe", "gaussian2d", "--steps", 60, "--seed", 3, "--out", "b", cwd=here).returncode == 0
    assert_same_run(run, here / "b")
    assert call(train, "--recipe", "gaussian2d", "--steps", 60, "--seed", 4, "--out", "c") == 0
    assert history(run) != history(here / "c")


def test_the_quickstart_says_where_the_pictures_are_and_how_to_draw_more(digits):
    """In a folder whose name has a space: what it prints can be pasted into a shell."""
    done = process("train", "--data", digits, "--batch-size", 4, "--steps", 2, "--out", "my run", cwd=digits.parent)
    assert done.returncode == 0 and said(done.stderr) == []
    _, pictures, *next_ones = done.stdout.splitlines()
    assert pictures == "pictures: my run/samples/step_000002.png, my run/samples.gif   losses: my run/losses.png"
    assert {"samples", "samples.gif", "losses.png", "film_strip.png", "real.png"} <= set(tree(digits.parent / "my run"))
    commands = [shlex.split(line[line.index("python") :]) for line in next_ones]
    assert commands == [["python", "-m", f"nanogan.{command}", "my run"] for command in ("sample", "evaluate", "diagnose")]
    words = commands[0]
    drawn = subprocess.run([sys.executable, *words[1:]], cwd=digits.parent, env=environment(), capture_output=True, text=True)
    assert (drawn.returncode, drawn.stdout, drawn.stderr) == (0, "6 x 10 samples: my run/samples-seed0.png\n", "")


def test_with_no_arguments_it_trains_on_glyphs(here, untrained, capsys):
    for number in (1, 2):  # each run in a folder of its own
        assert call(train) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert re.match(
            r"quickstart: \d+,\d+ \+ \d,\d+ parameters in the generator, \d+,\d+.* in the critic; 10,000 samples of glyphs; \d,\d+ steps", first
        )
        assert first.endswith(f" steps of 32 on numpy; it goes to runs/quickstart-{number}")
    assert config(here / "runs" / "quickstart-2")["data"] == "glyphs"


@pytest.mark.parametrize("code", ["import nanogan", "import sys; sys.argv = ['train', '--list']; from nanogan import train; train.main()"])
def test_what_is_not_imported(code):
    """The heavy ones wait until a picture is drawn, or a file is fetched; PyTorch is the oracle of the tests and no more."""
    heavy = {"matplotlib", "PIL", "tqdm", "torch", "tensorflow", "cupy", "scipy", "urllib.request", "http.client", "ssl", "multiprocessing"}
    heavy |= {"importlib.metadata", "tempfile", "zipfile"}
    code += f"; import sys; print(*sorted({heavy} & set(sys.modules)), sep=',')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "")


WHAT_IS_IMPORTED_WHEN = """
import sys
from nanogan import train, viz
from nanogan.gan.trainer import Trainer

def told(owner, name):
    its_own = getattr(owner, name)

    def telling(*args, **options):
        print("->", name, *sorted({"matplotlib", "urllib.request", "PIL.WebPImagePlugin"} & set(sys.modules)))
        return its_own(*args, **options)

    setattr(owner, name, telling)

for owner, name in ((Trainer, "step"), (viz, "save_image_grid"), (viz, "save_scatter"), (viz, "save_losses")):
    told(owner, name)
train.main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "recipe, story",
    [
        ("quickstart", ["save_image_grid", "save_image_grid", "step", "save_image_grid", "save_losses"]),  # of real images, and of samples
        ("mlp-mnist", ["save_image_grid", "step", "save_image_grid", "save_losses"]),
        ("gaussian2d", ["save_scatter", "step matplotlib", "save_scatter matplotlib", "save_losses matplotlib"]),
    ],
)
def test_what_is_imported_when_in_a_run(recipe, story, digits):
    """matplotlib comes with the first picture that it draws; a grid of images needs neither that nor all the kinds of pictures that Pillow knows."""
    line = [sys.executable, "-c", WHAT_IS_IMPORTED_WHEN, "--recipe", recipe, "--steps", "1", "--out", "run"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=digits.parent, env=environment(NANOGAN_DATA="data"))
    assert done.returncode == 0, done.stderr
    assert [line.removeprefix("-> ") for line in done.stdout.splitlines() if line.startswith("-> ")] == story


def test_a_run_that_diverges_says_so(here):
    done = process("train", "--recipe", "ring2d", "--lr", "1e30", "--steps", "500", "--batch-size", 16, "--out", "run", cwd=here)
    (line,) = said(done.stderr)
    assert done.returncode == 1 and line.startswith("nanogan: error: the losses are no longer finite at step 100 (D nan G nan")
    assert line.endswith("; lower --lr and train again; what there is, is in run") and (here / "run" / "losses.png").exists()


# --- What it lists ----------------------------------------------------------------------------------------------


def test_list(here, capsys):
    assert call(train, "--list") == 0
    head, *lines = capsys.readouterr().out.splitlines()
    rows = lines[: len(recipes.names())]
    assert lines[len(rows)].startswith("generator, critic: parameters trained + moving statistics kept.  an epoch, whole run: time on ")
    assert re.split("  +", head) == ["recipe", "text", "data", "sample", "generator", "critic", "batch", "length", "an epoch", "whole run"]
    assert [row.split()[0] for row in rows] == recipes.names() and tree(here) == {}
    assert max(map(len, [head, *lines])) <= 140
    cells = {row.split()[0]: re.split("  +", row) for row in rows}
    assert cells["mlp-mnist"][1:8] == ["002", "mnist", "28x28x1", "1,489,936 + 3,584", "665,089", "32", "30,001 steps"]
    assert cells["gaussian2d"][1:8] == ["003, first part", "gaussian2d", "2", "6", "37", "8", "20 epochs"]
    assert cells["dcgan-pokemon"][2:4] == ["sprites", "64x64x3"]
    assert all(re.fullmatch(r"[\d.]+ (s|min|h)", cell) for row in cells.values() for cell in row[8:]) and cells["dcgan-mnist"][9] == "1.9 h"


@pytest.mark.parametrize("name", recipes.names())
def test_list_of_a_recipe(name, here, capsys):
    """Its own words, and every option with the value it has; what --set takes is what is listed."""
    assert call(train, "--recipe", name, "--list") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{name}: {recipes.get(name).about}\n\noption") and "--set option=value changes one" in out and tree(here) == {}
    listed = dict(re.split("  +", line) for line in out.split("\n\n")[-1].splitlines()[1:-1])
    assert list(listed) == list(recipes.get(name).options()) and max(map(len, out.splitlines())) <= 140
    assert recipes.get(name, **listed).options() == recipes.get(name).options()


def test_help(here, capsys):
    assert call(train, "-h") == 0
    out = capsys.readouterr().out
    options = {option for action in train.parser()._actions for option in action.option_strings}
    assert {"--set", "--config", "--resume", "--keep-every", "--iterations", "--gp-mode", "--download"} < options
    assert all(option in out for option in options) and "python -m nanogan.train --recipe gaussian2d --seed 3" in out


def test_the_examples_of_the_help_are_taken(here, untrained, monkeypatch, capsys):
    """Every line of the docstring, on data that are as large as need be."""
    digits, pictures = data.Dataset("mnist", np.zeros((300, 28, 28, 1), np.uint8)), data.Dataset("pictures", np.zeros((300, 64, 64, 3), np.uint8))
    sets = {"mnist": digits, "glyphs": digits, "~/pictures": pictures, "gaussian2d": data.gaussian2d()}
    monkeypatch.setattr(data, "load", lambda name, *args, **options: sets[name])
    lines = [line.partition("#")[0].split() for line in train.__doc__.splitlines() if line.startswith("    python -m nanogan.train")]
    assert len(lines) == 9
    for line in lines:
        if "--resume" in line or "--config" in line:
            continue  # in test_resume.py
        assert call(train, *line[3:]) == 0, line
    capsys.readouterr()


# --- Data -------------------------------------------------------------------------------------------------------


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize(("name", "steps"), [("mlp-mnist", 2), pytest.param("dcgan-mnist", 3, marks=pytest.mark.slow_on_strict)])
def test_recipes_on_files_like_mnists(name, steps, digits, capsys):
    argv = ["--recipe", name, "--data-dir", digits, "--batch-size", 16, "--steps", steps, "--out", "run", "--backend", ng.backend_name()]
    assert call(train, *argv) == 0
    said = capsys.readouterr().out
    assert "40 samples of mnist" in said and f" on {ng.backend_name()}" in said
    assert [row["step"] for row in history(digits.parent / "run")] == [str(steps)]
    assert config(digits.parent / "run")["data_dir"] == str(digits)


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize(
    "argv", [["--recipe", "gaussian2d"], ["--data", "data/mnist", "--batch-size", 4, "--set", "decay=0"]], ids=["points", "images"]
)
def test_a_run_goes_on_on_its_backend(argv, digits, capsys):
    """Which its config.json tells; bit for bit as if it had never stopped."""
    argv = [*argv, "--set", "log_every=2", "--backend", ng.backend_name()]
    assert call(train, *argv, "--steps", 6, "--out", "straight") == call(train, *argv, "--steps", 4, "--out", "run") == 0
    with ng.use("numpy"):  # whatever was in use before
        assert call(train, "--resume", "run", "--steps", 6) == 0
        assert ng.backend_name() == config(digits.parent / "run")["backend"]
    assert_same_run(digits.parent / "straight", digits.parent / "run")


@pytest.mark.parametrize("name", ["mlp-mnist", "dcgan-mnist"])
def test_recipes_on_mnist(name, data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NANOGAN_DATA", str(data_dir))
    assert call(train, "--recipe", name, "--batch-size", 8, "--steps", 2, "--out", tmp_path / "run") == 0
    assert "60,000 samples of mnist; 2 steps of 8" in capsys.readouterr().out
    row = history(tmp_path / "run")[-1]
    assert row.pop("penalty") == "" and all(np.isfinite(float(value)) for value in row.values())


@pytest.mark.parametrize("where", ["{0}/mnist", "{0}/mnist/train-images-idx3-ubyte.gz"])
def test_data_by_their_path(where, digits, untrained):
    place = where.format(digits)
    assert call(train, "--recipe", "mlp-mnist", "--data", place, "--batch-size", 4, "--out", "run") == 0
    recorded = config(digits.parent / "run")
    assert recorded["data"] == place and recorded["dataset"]["samples"] == 40


@pytest.fixture
def pictures(here):
    """A folder of odd pictures, in many modes and sizes, in folders; three files that are none."""
    folder = here / "pictures"
    (folder / "more").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (50, 70, 4), dtype=np.uint8)
    whole = Image.fromarray(noise)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = whole.convert("L").convert("I").convert("I;16") if mode == "I;16" else whole.convert(mode)
        image.save(folder / f"{mode.replace(';', '')}.png")
    for mode in ("L", "RGB", "CMYK"):
        whole.convert(mode).resize((90, 20)).save(folder / "more" / f"{mode}.JPG", format="JPEG")
    Image.fromarray(noise[:1, :1]).save(folder / "more" / "one-pixel.png")
    (folder / "cut.png").write_bytes((folder / "RGB.png").read_bytes()[:100])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "more" / "text.png").write_text("no picture")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def test_a_folder_of_pictures_trains(pictures):
    done = process("train", "--recipe", "dcgan-pokemon", "--data", "pictures", "--batch-size", 2, "--steps", 2, "--set", "grid=1x2", "--out", "run",
                   cwd=pictures.parent)  # fmt: skip
    assert done.returncode == 0 and "; 11 samples of pictures; 2 steps of 2 on numpy; " in done.stdout
    (note,) = said(done.stderr)
    start = "nanogan: note: 3 of 14 files could not be read and are left out: cut.png ("
    assert note.startswith(start) and "empty.jpg (" in note and "more/text.png (" in note
    run = pictures.parent / "run"
    skipped = (run / "skipped.txt").read_text().splitlines()
    assert [line.partition(": ")[0] for line in skipped] == ["cut.png", "empty.jpg", "more/text.png"]
    row = history(run)[-1]
    assert row["step"] == "2" and np.isfinite([float(row[name]) for name in ("d_loss", "g_loss", "d_grad_norm", "g_grad_norm")]).all()
    assert config(run)["dataset"]["shape"] == [64, 64, 3]


@pytest.mark.parametrize(
    ("argv", "notes"),
    [
        (["--recipe", "gaussian2d"], []),
        (["--recipe", "wgan-gp-mnist", "--data", "digits"], ["the critic has batch norm, and the penalty is taken in inference mode"]),
        (
            ["--recipe", "wgan-gp-mnist", "--data", "digits", "--gp-mode", "train"],
            ["the critic has batch norm, as in the text, which mixes the samples"],
        ),
        (["--recipe", "wgan-gp-mnist", "--data", "digits", "--set", "batch_norm=no"], []),
        (["--recipe", "wgan-gp-paper", "--data", "digits"], []),
        (["--recipe", "dcgan-fifa", "--data", "pictures"], ["real pixels lie in [0, 255]", "3 of 14 files could not be read"]),
        (["--recipe", "dcgan-fifa", "--data", "pictures", "--set", "pixels=scaled"], ["3 of 14 files could not be read"]),
    ],
)
def test_notes(argv, notes, pictures, untrained, capsys):
    """What is odd about a run is told once, on stderr, in a line that names the way out."""
    write_digits(pictures.parent / "digits")
    assert call(train, *argv, "--batch-size", 2, "--out", "run") == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(notes) and all(line.startswith(f"nanogan: note: {note}") for line, note in zip(lines, notes, strict=True))


def test_the_seed_is_that_of_the_data_too(here, untrained):
    for i, seed in enumerate((1, 1, 2)):
        assert call(train, "--recipe", "gaussian2d", "--seed", seed, "--out", f"run-{i}") == 0
    a, b, c = (trainer.dataset.samples for trainer, _ in untrained)
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_download_is_asked_of_the_data(here, monkeypatch, capsys):
    asked = []

    def load(name, data_dir, seed, download, pictures):
        asked.append((name, data_dir, download))
        raise ng.NanoganError("that is enough; stop")

    monkeypatch.setattr(data, "load", load)
    assert call(train, "--recipe", "mlp-mnist", "--download", "--data-dir", "there") == 2 and call(train, "--data", "fashion-mnist") == 2
    assert asked == [("mnist", "there", True), ("fashion-mnist", None, False)]
    capsys.readouterr()


# --- What the options do ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "recorded"),
    [
        (["--steps", 7], {"steps": 7}),
        (["--iterations", 7], {"steps": 7}),
        (["--epochs", 1], {"steps": 125}),
        (["--epochs", 0.5], {"steps": 63}),  # 62.5 steps
        (["--epochs", 1e-9], {"steps": 1}),
        (["--epochs", 2, "--batch-size", 300], {"steps": 8, "batch_size": 300}),  # 1000 points: three batches of 300 and one of 100
        ([], {"steps": 2500, "options": {}}),
        (["--lr", "3e-4"], {"lr": [3e-4, 3e-4], "options": {"lr": [3e-4, 3e-4]}}),
        (["--lr", "3e-4,1e-3"], {"lr": [3e-4, 1e-3]}),
        (["--set", "lr=3e-4, 1e-3"], {"lr": [3e-4, 1e-3]}),
        (["--beta1", 0], {"beta1": 0.0}),
        (["--beta1", 0.5, "--batch-size", 2], {"beta1": 0.5, "batch_size": 2}),
        (["--set", "batch_size=2", "--set", "batch_size=4"], {"batch_size": 4}),  # the last word counts
        (["--set", "batch_size=2", "--batch-size", 4], {"batch_size": 4}),
        (["--seed", 2**70], {"seed": 2**70}),
        (["--backend", "numpy"], {"backend": "numpy"}),
        (["--checkpoint-every", 5, "--keep-every", 10], {"checkpoint_every": 5, "keep_every": 10}),
    ],
)
def test_an_option_reaches_the_run(argv, recorded, here, untrained):
    assert call(train, "--recipe", "gaussian2d", *argv, "--out", "run") == 0
    ((trainer, total),) = untrained
    said = config(here / "run")
    found = said["settings"] | said
    assert {key: found[key] for key in recorded} == recorded
    assert total == said["steps"] and trainer.recipe.batch_size == trainer.batches.batch_size == found["batch_size"]
    for opt, lr in zip((trainer.g_opt, trainer.d_opt), found["lr"], strict=True):
        assert (opt.lr, opt.beta1) == (lr, found["beta1"])


SETTINGS = {  # option -> (recipe, as text, as config.json has it, what of the trainer shows it, its value)
    "batch_size": ("gaussian2d", "7", 7, lambda t: t.batches.batch_size, 7),
    "lr": ("gaussian2d", "0.25", [0.25, 0.25], lambda t: (t.g_opt.lr, t.d_opt.lr), (0.25, 0.25)),
    "beta1": ("gaussian2d", "0.25", 0.25, lambda t: t.d_opt.beta1, 0.25),
    "beta2": ("gaussian2d", "0.5", 0.5, lambda t: t.g_opt.beta2, 0.5),
    "eps": ("gaussian2d", "1e-3", 1e-3, lambda t: t.g_opt.eps, 1e-3),
    "eps_hat": ("gaussian2d", "yes", True, lambda t: t.g_opt.eps_hat, True),
    "shared_counter": ("gaussian2d", "true", True, lambda t: t.g_opt.counter is t.d_opt.counter, True),
    "decay": ("gaussian2d", "0.25", 0.25, lambda t: late_rate(t), 0.4),
    "latent_distribution": ("gaussian2d", "uniform", "uniform", lambda t: bool(abs(t.recipe.latent(1000)).max() <= 1), True),
    "with_replacement": ("gaussian2d", "on", True, lambda t: t.batches.with_replacement, True),
    "shuffle_buffer": ("gaussian2d", "10", 10, lambda t: bool(t.batches.next().max() < 20), True),
    "drop_last": ("gaussian2d", "1", True, lambda t: t.batches.used, 1000),
    "pixels": ("quickstart", "raw", "raw", lambda t: float(t._draw()[0].max()) > 100, True),
    "log_every": ("gaussian2d", "3", 3, lambda t: t.recipe.log_every, 3),
    "grid": ("gaussian2d", "2x5", [2, 5], lambda t: len(t.sample_noise), 10),
    "sample_noise": ("gaussian2d", "fixed", "fixed", lambda t: bool((t.samples() == t.samples()).all()), True),
    "sample_mode": ("quickstart", "train", "train", lambda t: t.recipe.sample_mode, "train"),
    "objective": ("quickstart", "minimax", "minimax", lambda t: t.recipe.step_options["objective"], "minimax"),
    "g_loss": ("mlp-mnist", "mse", "mse", lambda t: t.recipe.step_options, {"objective": "mse"}),
    "gp_mode": ("wgan-gp-mnist", "train", "train", lambda t: t.recipe.step_options["gp_mode"], "train"),
    "penalty_weight": ("wgan-gp-mnist", "0", 0.0, lambda t: t.recipe.step_options["penalty_weight"], 0.0),
    "n_critic": ("wgan-gp-paper", "3", 3, lambda t: len(t._draw()[0]), 3),
    "batch_norm": ("wgan-gp-mnist", "off", False, lambda t: t.notes(), []),
    "dropout": ("wgan-gp-mnist", "0", 0.0, lambda t: [part.rate for part in parts(t.critic, ng.nn.Dropout) if part.rate], []),
    "bn_init": ("dcgan-pokemon", "ones", "ones", lambda t: float(parts(t.generator, ng.nn.BatchNorm)[0].gamma.data.mean()), 1.0),
    "slope": ("dcgan-pokemon", "0", 0.0, lambda t: t.recipe.own["slope"], 0.0),
    "width": ("ring2d", "16", 16, lambda t: t.generator.parameters()[0].shape, (2, 16)),
    "alpha": ("dcgan-pokemon", "mask", "mask", lambda t: t.recipe.data_options["alpha"], "mask"),
    "background": ("dcgan-fifa", "#102030", "#102030", lambda t: t.recipe.data_options["background"], "#102030"),
}


def late_rate(trainer):
    """The share of its rate that the generator's optimiser has left before the last step of ten."""
    trainer.steps = 9
    trainer.set_rates(10)
    return round(trainer.g_opt.lr / trainer.recipe.lr[0], 6)


def parts(network, kind):
    return [part for _, part in network.modules() if isinstance(part, kind)]


@pytest.mark.parametrize("option", SETTINGS)
def test_set(option, here, untrained, monkeypatch):
    """Every option there is: it stands in config.json, and the trainer heeds it."""
    name, text, recorded, look, value = SETTINGS[option]
    shape = recipes.get(name).image_shape
    if len(shape) == 3:
        pixels = np.random.default_rng(0).integers(0, 256, (256, *shape), dtype=np.uint8)
        monkeypatch.setattr(data, "load", lambda *args, **options: data.Dataset("noise", pixels))
    assert call(train, "--recipe", name, "--set", f"{option}={text}", "--out", "run") == 0
    said = config(here / "run")
    assert said["options"] == {option: recorded}
    assert look(untrained[0][0]) == value
    # Given back as a config it says the same, and the run is of the same recipe.
    assert call(train, "--config", "run/config.json", "--out", "again") == 0
    assert config(here / "again") == said and look(untrained[1][0]) == value


def test_every_option_has_its_test():
    assert set(SETTINGS) == set(PARSERS)


def test_config_is_complete(here):
    assert call(train, "--recipe", "gaussian2d", "--steps", 1, "--out", "run") == 0
    recorded = config(here / "run")
    assert set(recorded) == set(KINDS)
    recipe = recipes.get("gaussian2d")
    fields = set(vars(recipe)) - {"networks", "step", "about", "changes"}
    assert set(recorded["settings"]) == fields
    for field in fields:
        value = getattr(recipe, field)
        assert recorded["settings"][field] == (list(value) if isinstance(value, tuple) else value), field
    assert recorded["parameters"] == {"generator": {"trained": 6, "statistics": 0}, "critic": {"trained": 37, "statistics": 0}}
    assert (recorded["recipe"], recorded["options"], recorded["seed"], recorded["steps"]) == ("gaussian2d", {}, 0, 1)
    assert recorded["dataset"]["shape"] == [2] and recorded["dataset"]["samples"] == 1000
    assert recorded["versions"]["numpy"] == np.__version__ and recorded["versions"]["nanogan"] == ng.__version__


def test_the_columns_of_history(here):
    assert call(train, "--recipe", "gaussian2d", "--steps", 30, "--out", "run") == 0
    text = (here / "run" / "history.csv").read_text().splitlines()
    assert text[0] == ",".join(COLUMNS) and len(text) == 3
    row = history(here / "run")[0]
    assert (row["step"], row["epoch"], row["penalty"]) == ("25", "0.2000", "") and 0 < float(row["d_real"]) < 1 and float(row["g_grad_norm"]) > 0


# --- What is printed at the end -----------------------------------------------------------------------------------


def trainer_of(name):
    return train.Trainer(recipes.get(name), data.load(name), 0)


def test_the_distance_of_a_gaussian():
    """Of a generator that makes the very Gaussian, the sampling error is left; of one that makes (0, 0), what the truth is wide and away."""
    t = trainer_of("gaussian2d")
    weight, bias = (p.data for p in t.generator.parameters())
    weight[...], bias[...] = [[1, 2], [-0.1, 0.5]], [1, 2]
    line = train.verdict(t)
    assert line.startswith("squared Wasserstein-2 distance between 10,000 generated points and the true Gaussian: ") and line.endswith("\n")
    assert 0 <= float(line.split(": ")[1].split(" (")[0]) < 0.02
    weight[...], bias[...] = 0, 0
    assert float(train.verdict(t).split(": ")[1].split(" (")[0]) == pytest.approx(1 + 4 + 1.01 + 4.25, abs=0.001)


@pytest.mark.parametrize(("name", "modes"), [("ring2d", 8), ("grid2d", 25)])
def test_the_modes_that_were_found(name, modes, monkeypatch):
    t = trainer_of(name)
    made = {"all": t.dataset.samples[:10_000], "one": np.tile(t.dataset.centres[0], (10_000, 1)), "none": np.full((10_000, 2), 99.0)}
    lines = {}
    for what, points in made.items():
        monkeypatch.setattr(t, "samples", lambda noise, points=points: points.astype(np.float32))
        lines[what] = train.verdict(t)
    assert lines["one"] == f"1 of {modes} modes found; 100.0% of 10,000 generated points lie within 3 deviations of one\n"
    assert lines["none"] == f"0 of {modes} modes found; 0.0% of 10,000 generated points lie within 3 deviations of one\n"
    assert lines["all"].startswith(f"{modes} of {modes} modes found; 98.") or lines["all"].startswith(f"{modes} of {modes} modes found; 99.")


def test_the_verdict_of_a_ring_is_printed_and_changes_nothing(here, capsys):
    assert call(train, "--recipe", "ring2d", "--steps", 2, "--batch-size", 8, "--out", "run") == 0
    assert re.search(r"^\d of 8 modes found; \d+\.\d% of 10,000 generated points lie within 3 deviations of one$", capsys.readouterr().out, re.M)
    t = trainer_of("ring2d")
    state = ng.backend.random.stream().bit_generator.state
    assert train.verdict(t) == train.verdict(t) and ng.backend.random.stream().bit_generator.state == state


def test_images_have_no_verdict():
    recipe = recipes.get("quickstart", batch_size=2)
    assert train.verdict(train.Trainer(recipe, data.Dataset("two", np.zeros((2, 28, 28, 1), np.uint8)), 0)) == ""


@pytest.mark.skipif(gpu_problem() is None, reason="there is a GPU that can be used")
def test_auto_without_a_gpu_says_what_it_takes(here, untrained, capsys):
    assert call(train, "--recipe", "gaussian2d", "--backend", "auto", "--out", "run") == 0
    assert "nanogan: backend numpy (" in capsys.readouterr().err and config(here / "run")["backend"] == "numpy"


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
def test_a_reader_who_goes_away(here):
    with contextlib.ExitStack() as stack:
        read, write = os.pipe()
        os.close(read)
        stack.callback(os.close, write)
        done = subprocess.run([sys.executable, "-m", "nanogan.train", "--list"], stdout=write, stderr=subprocess.PIPE, env=environment(), cwd=ROOT)
    assert (done.returncode, done.stderr) == (141, b"")
