"""``python -m nanogan.evaluate``, as a user runs it: tables, JSON, pictures; mistakes are in ``test_bad_input.py``."""

import json
import os

import numpy as np
import pytest
from commands import call, environment, process, said, write_digits
from PIL import Image

from nanogan import data, evaluate, train
from nanogan.metrics import lenet


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with runs: "digits" (learned noise with labels), "ring", and "made.npz", images of another program."""
    runs = tmp_path_factory.mktemp("runs")
    write_digits(runs / "data")
    assert call(train, "--data", runs / "data", "--batch-size", 4, "--steps", 3, "--out", runs / "digits") == 0
    assert call(train, "--recipe", "ring2d", "--batch-size", 8, "--steps", 3, "--out", runs / "ring") == 0
    np.savez(runs / "made.npz", images=data.load("glyphs", n=60).samples[..., 0])
    return runs


@pytest.fixture
def place(here, runs, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    return runs


def strict_json(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_run_of_images(place, capsys):
    assert call(evaluate, place / "digits", "--samples", 50) == 0
    out = capsys.readouterr().out
    head, mine, real, against, where = out.splitlines()
    columns = ["samples", "Frechet", "KL", "modes", "confidence", "precision", "recall", "NDB", "JS", "memorisation"]
    assert head.split() == columns
    assert mine.split()[0] == str(place / "digits") and mine.split()[1] == "50" and len(mine.split()) == len(real.split()) == len(columns) + 1
    assert real.split()[:2] == ["real", "20"]  # half of 40: there are no more
    assert against.startswith("against 20 held-out images of mnist; features of LeNet ") and lenet.SHA256[:8] not in against  # it is not MNIST
    assert f"{place / 'digits' / 'evaluation.png'}" in where
    facts = strict_json((place / "digits" / "evaluation.json").read_text())
    assert facts["reference"]["features"][:8] in against and [row["n"] for row in facts["rows"]] == [50, 20] and facts["seed"] == 0
    with Image.open(place / "digits" / "evaluation.png") as picture:
        assert picture.size[0] == 760


def test_a_seed_repeats_and_json_is_printed(place, capsys):
    rows = []
    for seed in (1, 1, 2):
        assert call(evaluate, place / "digits", "--samples", 30, "--seed", seed, "--json", "--out", "scores") == 0
        rows.append(strict_json(capsys.readouterr().out)["rows"])
    assert rows[0] == rows[1] != rows[2]
    assert sorted(os.listdir("scores")) == ["evaluation.json", "evaluation.png"]


def test_several_at_once(place, capsys):
    paths = [place / "digits", place / "made.npz"]
    assert call(evaluate, *paths, "--samples", 50, "--data", place / "data", "--out", "scores") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == [*map(str, paths), "real"]
    assert sorted(os.listdir("scores")) == [f"{name}-evaluation.{end}" for name in ("digits", "made") for end in ("json", "png")]


def test_a_network_is_not_trained_where_it_cannot_be_kept(place, capsys, monkeypatch):
    monkeypatch.setattr(lenet, "train", None)
    for out, told in {"/proc/nope/lenet.npz": "cannot be made", "/proc/lenet.npz": "nothing can be written to /proc"}.items():
        assert call(evaluate, "--train-lenet", "--data", place / "data", "--out", out) == 2
        assert told in capsys.readouterr().err


def test_two_of_one_name_do_not_overwrite_each_other(place, capsys):
    os.makedirs("other")
    os.symlink(place / "made.npz", "other/made.npz")
    copy = evaluate.pathlib.Path("made.npz")
    copy.write_bytes((place / "made.npz").read_bytes())
    assert call(evaluate, "made.npz", "other/../made.npz", "--data", place / "data") == 2
    assert call(evaluate, "made.npz", place / "made.npz", "--data", place / "data", "--out", "scores") == 2
    lines = said(capsys.readouterr().err)
    assert len(lines) == 2 and all("would be told of in one file" in line and "made-evaluation.json; score them one by one" in line for line in lines)
    assert sorted(os.listdir()) == ["made.npz", "other"]


def test_scores_are_told_even_if_they_cannot_be_kept(place, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "evaluation.png")

    monkeypatch.setattr(evaluate, "save_picture", full)
    assert call(evaluate, place / "ring", "--samples", 50, "--out", "scores") == 1
    told = capsys.readouterr()
    assert "Wasserstein-2" in told.out and "No space left on device: evaluation.png" in told.err


def test_points(place, capsys):
    assert call(evaluate, place / "ring", "--samples", 500, "--out", "scores") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["samples", "modes", "good", "Wasserstein-2"] and lines[2].split()[:3] == ["real", "500", "8"]
    assert lines[3] == "against the true distribution, 8 modes of ring2d"
    assert sorted(os.listdir("scores")) == ["evaluation.json", "evaluation.png"]


def test_what_is_replaced_is_told_if_it_was_of_another_number(place, capsys):
    last = []
    for n in (200, 200, 50):
        assert call(evaluate, place / "ring", "--samples", n, "--out", "scores") == 0
        last.append(capsys.readouterr().out.splitlines()[-1])
    assert ["replaced" in line for line in last] == [False, False, True] and "scores/evaluation.png (replaced one of 200 samples)" in last[2]


def test_a_terminal_that_is_too_narrow(place, capsys, monkeypatch):
    monkeypatch.setattr(evaluate.shutil, "get_terminal_size", lambda: os.terminal_size((80, 24)))
    os.symlink(place / "digits", "digits")
    with monkeypatch.context() as patch:
        patch.setattr(type(evaluate.sys.stdout), "isatty", lambda self: True)
        assert call(evaluate, "digits", "--samples", 30, "--out", "scores") == 0
    first, second = capsys.readouterr().out.split("\n\n")
    lines = [*first.splitlines(), *second.splitlines()[:3]]
    assert max(map(len, lines)) <= 80 and [line.split()[0] for line in lines[1:3]] == [line.split()[0] for line in lines[4:6]]
    assert len([*lines[0].split(), *lines[3].split()]) == 10


def test_calibrate(place, capsys):
    assert call(evaluate, "--calibrate", "--data", place / "data", "--samples", 100, "--out", "scores") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12 and lines[-2].startswith("uniform noise") and "held-out images" in lines[-1]
    rows = strict_json((evaluate.pathlib.Path("scores") / "calibration.json").read_text())["rows"]
    assert len(rows) == 10


def test_training_the_network_and_scoring_with_it(place, capsys):
    line = ["--train-lenet", "--data", place / "data", "--out", "new/lenet.npz"]
    assert call(evaluate, *line) == 0
    out = capsys.readouterr().out
    made = lenet.fingerprint(lenet.load_lenet("new/lenet.npz"))
    assert out.startswith(f"LeNet {made[:8]}, seed 2, 12 epochs of 20 images") and "of 20 held-out images right" in out
    assert call(evaluate, *line[:3], "--seed", 3) == 0 and os.path.exists("lenet-mnist.npz")
    assert lenet.fingerprint(lenet.load_lenet("lenet-mnist.npz")) != made
    capsys.readouterr()
    assert call(evaluate, place / "digits", "--samples", 30, "--lenet", "new/lenet.npz", "--out", "scores") == 0
    assert f"features of LeNet {made[:8]}, " in capsys.readouterr().out


def test_as_a_command(place):
    done = process("evaluate", place / "ring", "--samples", 100, "--out", "scores", env=environment(XDG_CACHE_HOME="cache"))
    assert done.returncode == 0 and done.stdout.split()[:2] == ["samples", "modes"] and not said(done.stderr)
    assert "python -m nanogan.evaluate --calibrate" in process("evaluate", "-h").stdout


@pytest.mark.slow
def test_the_digits_of_mnist(data_dir, place, capsys):
    """Real ones against real ones, in the packaged features: the floor."""
    np.savez("real.npz", images=data.load("mnist", data_dir).samples[20_000:30_000])
    assert call(evaluate, "real.npz", "--data-dir", data_dir, "--json") == 0
    mine, real = strict_json(capsys.readouterr().out)["rows"]
    for row in (mine, real):
        assert 0.5 < row["frechet"] < 1.3 and row["kl"] < 0.002 and row["modes"] == 10
        assert row["precision"] > 0.8 and row["recall"] > 0.8 and row["confidence"] > 0.98
    assert mine["memorisation"] == 0 and real["memorisation"] == 1 and 0.002 < real["js"] < 0.008
