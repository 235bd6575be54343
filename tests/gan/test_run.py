"""A run's folder: what is in it, what a stop or a crash may leave there, and how it goes on."""

import csv
import dataclasses
import errno
import fcntl
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import nanogan as ng
from nanogan.data import Dataset
from nanogan.gan import checkpoint, recipes
from nanogan.gan import run as run_module
from nanogan.gan.run import COLUMNS, MEASURES, Run, free_folder, read_history, read_rows, step_of, strip_of
from nanogan.gan.trainer import Trainer


@pytest.fixture
def real_scatter():
    """Asked for by tests that look at a picture of points."""


@pytest.fixture(autouse=True)
def quick_scatter(request, monkeypatch):
    """Elsewhere points become pixels: drawing a picture of them takes as long as a hundred steps."""

    def save(path, generated, *_):
        Image.frombytes("L", (8, len(generated)), np.ascontiguousarray(ng.to_numpy(generated), np.float32).tobytes()).save(path)

    if "real_scatter" not in request.fixturenames:
        monkeypatch.setattr(run_module.viz, "save_scatter", save)


def dataset(shape=(28, 28, 1), n=10, **options):
    noise = np.random.default_rng(0)
    if len(shape) == 1:
        return Dataset("points", noise.standard_normal((n, *shape)).astype(np.float32), **options)
    return Dataset("noise", noise.integers(0, 256, (n, *shape), dtype=np.uint8), **options)


def trainer(name="gaussian2d", data=None, **options):
    """With 10 samples in batches of 4, which makes 3 steps an epoch."""
    recipe = recipes.get(name, **{"batch_size": 4, "log_every": 2} | options)
    return Trainer(recipe, data or dataset(recipe.image_shape), 3)


def config(t, **more):
    return {"recipe": t.recipe.name, "options": t.recipe.changes} | more


def new(folder, t, total, **more):
    """A new run in ``folder``, trained up to ``total``."""
    with Run.new(folder, config(t, **more)) as run:
        t.train(total, run, progress=False)
    return run


def resumed(folder, total=None, name="gaussian2d", **options):
    """(trainer, the names of the pictures before it went on) of the run in ``folder``, gone on with up to ``total``."""
    t = trainer(name, **options)
    with Run.resume(folder, t, config(t)) as run:
        pictures = names(folder / "samples")
        t.train(t.steps if total is None else total, run, progress=False)
    return t, pictures


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def rows(folder):
    """The rows of history.csv as dictionaries, but for the rate, which no two runs share."""
    with open(folder / "history.csv", newline="") as file:
        made = list(csv.DictReader(file))
    assert all(list(row) == list(COLUMNS) and None not in row.values() for row in made)
    return [{key: value for key, value in row.items() if key != "images_per_second"} for row in made]


# --- A new folder ---------------------------------------------------------------------------------------------


def test_columns():
    assert MEASURES == ("d_loss", "g_loss", "d_real", "d_fake", "d_acc_real", "d_acc_fake", "penalty")
    assert list(COLUMNS) == ["step", "epoch", *MEASURES, "d_grad_norm", "g_grad_norm", "images_per_second"]


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
def test_config_and_folder(tmp_path):
    settings = {"recipe": "x", "options": {"lr": (1e-3, 5e-4)}, "seed": 7, "data_dir": None, "settings": {"grid": (3, 7), "picture": None}}
    with Run.new(tmp_path / "a" / "b" / "run", settings) as run:
        assert (run.folder / "history.csv").read_text() == ",".join(COLUMNS) + "\n"  # the head of the table is there at once
    assert json.loads((run.folder / "config.json").read_text()) == json.loads(json.dumps(settings))  # tuples become lists
    assert names(run.folder) == [".lock", "config.json", "history.csv", "samples"] and names(run.folder / "samples") == []


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
def test_what_a_run_holds(tmp_path):
    run = new(tmp_path / "run", trainer("quickstart", grid="2x3"), 4)
    assert names(run.folder) == [".lock", "checkpoint.npz", "config.json", "critic.npz", "generator.npz", "history.csv", "samples"]
    assert names(run.folder / "samples") == ["step_000000.png", "step_000004.png"]
    t = trainer("quickstart", grid="2x3")
    with Run.resume(run.folder, t, config(t)) as run:
        run.save_real(t)
        run.finish(t)
    assert {"film_strip.png", "losses.png", "real.png", "samples.gif"} < set(names(run.folder))
    assert not [name for name in names(run.folder) if name.endswith((".tmp", ".part"))]


def test_what_a_run_of_points_holds(tmp_path, real_scatter):
    t = trainer("ring2d", dataset((2,), centres=np.zeros((3, 2))), grid="2x3")
    run = new(tmp_path / "run", t, 4)
    run.save_real(t)
    run.finish(t)
    assert names(run.folder) == [
        ".lock", "checkpoint.npz", "config.json", "critic.npz", "generator.npz", "history.csv", "losses.png", "samples", "samples.gif",
    ]  # fmt: skip


def test_a_row_is_on_disk_at_once(tmp_path):
    with Run.new(tmp_path / "run", {}) as run:
        run.add_row(3, 0.5, np.arange(7, dtype=np.float32) / 8, [0.1, 123456.7], 1234.56)
        assert (run.folder / "history.csv").read_text().splitlines()[1] == "3,0.5000,0,0.125,0.25,0.375,0.5,0.625,0.75,0.1,123457,1234.6"


def test_what_a_recipe_does_not_have_stays_empty(tmp_path):
    """But losses that are no numbers are told of."""
    nan, inf = float("nan"), float("inf")
    with Run.new(tmp_path / "run", {}) as run:
        run.add_row(3, 0.5, [1, 2, -300, 400, nan, nan, 0.5], [nan, inf], 1)
        run.add_row(4, 0.6, [nan, inf, nan, 0, 1, 1, nan], [0, 1], 1)
    lines = (run.folder / "history.csv").read_text().splitlines()[1:]
    assert lines == ["3,0.5000,1,2,-300,400,,,0.5,,,1.0", "4,0.6000,nan,inf,,0,1,1,,0,1,1.0"]
    history = read_history(run.folder / "history.csv")
    assert np.isnan(history["d_acc_real"][0]) and np.isnan(history["d_grad_norm"][0]) and np.isinf(history["g_loss"][1])


@pytest.mark.parametrize("name", ["config.json", "anything", ".hidden", "folder/"])
def test_a_run_is_never_overwritten(name, tmp_path):
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("mine")
    with pytest.raises(ng.NanoganError, match="is not empty, and a run is never overwritten; choose another --out, or go on with --resume"):
        Run.new(tmp_path, {})
    assert names(tmp_path) == [name.rstrip("/")] and (name.endswith("/") or (tmp_path / name).read_text() == "mine")


def test_an_empty_folder_is_taken(tmp_path):
    with Run.new(tmp_path, {}):
        assert (tmp_path / "history.csv").is_file()


@pytest.mark.parametrize("place", ["file", "file/run", "file/deep/run", "x" * 300])
def test_a_place_that_cannot_be_written(place, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ng.NanoganError, match=r"cannot write a run to .*; choose another --out$"):
        Run.new(tmp_path / place, {})
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    run = new(tmp_path / "run", trainer(), 2)
    run.folder.chmod(0o500)
    try:
        with pytest.raises(ng.NanoganError, match=r"cannot write a run to .*Permission denied; choose another --out"):
            Run.new(run.folder / "inner", {})
        with pytest.raises(ng.NanoganError, match=r"cannot go on in .*Permission denied; check its permissions"):
            resumed(run.folder)
    finally:
        run.folder.chmod(0o700)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_is_full(call, tmp_path, monkeypatch):
    """One line for it, nothing left open, and no lock that stays."""
    run = new(tmp_path / "run", trainer(), 2)
    before = {name: (run.folder / name).read_bytes() for name in names(run.folder) if name != "samples"}

    def full(*anything):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    t = trainer()
    with monkeypatch.context() as broken:
        broken.setattr(os, call, full)
        with pytest.raises(ng.NanoganError, match=r"cannot write a run to .*No space left on device"):
            Run.new(tmp_path / "other", {})
        with pytest.raises(ng.NanoganError, match=r"cannot go on in .*No space left on device"):
            Run.resume(run.folder, t, config(t))
    assert {name: (run.folder / name).read_bytes() for name in names(run.folder) if name != "samples"} == before
    resumed(run.folder, 3)


def test_a_checkpoint_that_cannot_be_written_spoils_nothing(tmp_path, monkeypatch):
    t = trainer()
    with Run.new(tmp_path / "run", config(t)) as run:
        t.train(2, run, progress=False)
        before = (run.folder / "checkpoint.npz").read_bytes()
        t.step()
        with monkeypatch.context() as broken, pytest.raises(OSError, match="on fire"):
            broken.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(OSError(5, "on fire")))
            run.save_checkpoint(t)
    assert (run.folder / "checkpoint.npz").read_bytes() == before
    assert not [name for name in names(run.folder) if name.endswith(".tmp")]


def test_free_folder(tmp_path):
    assert free_folder("x", tmp_path) == tmp_path / "x-1"
    (tmp_path / "x-1").mkdir()
    (tmp_path / "x-2").write_text("")
    (tmp_path / "x-3").symlink_to("nowhere")
    (tmp_path / "x-5").mkdir()
    assert free_folder("x", tmp_path) == tmp_path / "x-4" and free_folder("y", tmp_path) == tmp_path / "y-1"
    assert not (tmp_path / "x-4").exists()  # asking makes nothing


# --- Pictures -------------------------------------------------------------------------------------------------


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize(
    ("name", "options", "size", "mode"),
    [
        ("quickstart", {"grid": "2x3"}, (594, 396), "L"),  # 28 pixels, enlarged 7 times with a gap of 1 around each
        ("mlp-mnist", {}, (640, 480), "L"),  # as the text saves it
        ("dcgan-mnist", {}, (400, 400), "L"),
        ("dcgan-pokemon", {"grid": "1x2"}, None, "RGB"),
        ("gaussian2d", {"grid": "4x4"}, (480, 480), None),
    ],
)
def test_pictures(name, options, size, mode, tmp_path, real_scatter):
    t = trainer(name, **options)
    with Run.new(tmp_path / "run", config(t)) as run:
        run.save_samples(t)
        made = t.samples()
        t.steps = 70
        run.save_samples(t)
        run.save_real(t)
    assert names(run.folder / "samples") == ["step_000000.png", "step_000070.png"]
    with Image.open(run.folder / "samples" / "step_000000.png") as picture:
        assert picture.format == "PNG" and size in (None, picture.size) and mode in (None, picture.mode)
        pixels = np.asarray(picture)
    if mode:
        grid = ng.viz.image_grid(made, *t.recipe.grid, size=t.recipe.picture)
        assert np.array_equal(pixels.reshape(grid.shape), grid)
    assert (run.folder / "real.png").exists() == bool(mode)


def test_the_real_samples(tmp_path):
    """The first of the data set, as the generated ones are laid out."""
    t = trainer("quickstart", grid="2x3")
    with Run.new(tmp_path / "run", config(t)) as run:
        run.save_real(t)
    with Image.open(run.folder / "real.png") as picture:
        assert np.array_equal(np.asarray(picture)[..., None], ng.viz.image_grid(t.dataset.batch(range(6)), 2, 3))
    assert not (run.folder / "skipped.txt").exists()


def test_files_that_could_not_be_read_are_listed(tmp_path):
    t = trainer("quickstart", dataset(skipped=[("a/é.png", "no picture"), ("b.png", "torn: 3 of 9 bytes")]))
    with Run.new(tmp_path / "run", config(t)) as run:
        run.save_real(t)
    assert (run.folder / "skipped.txt").read_text(encoding="utf-8") == "a/é.png: no picture\nb.png: torn: 3 of 9 bytes\n"


def test_finish_draws_what_there_is(tmp_path):
    t = trainer("quickstart", grid="1x5")
    run = new(tmp_path / "run", t, 1)
    run.finish(t)
    for name in ("film_strip.png", "losses.png", "samples.gif"):
        with Image.open(run.folder / name) as picture:
            assert min(picture.size) > 20
    with Image.open(run.folder / "samples.gif") as film:
        assert film.n_frames == 2


def paths(tmp_path, *steps):
    return [tmp_path / f"step_{step:06d}.png" for step in steps]


@pytest.mark.parametrize(
    ("steps", "epochs", "per_epoch", "expected"),
    [
        ([0, 468, 936, 1404, 1872], (1, 2, 4, 10), 468, [("epoch 1", 468), ("epoch 2", 936), ("epoch 4", 1872)]),  # those that are there yet
        ([0, 10, 20, 30], (1, 2, 3), 10, [("epoch 1", 10), ("epoch 2", 20), ("epoch 3", 30)]),
        ([0, 10, 20], (5,), 10, [("step 10", 10), ("step 20", 20)]),  # none of them: what there is
        ([0, 5], (), 10, [("step 5", 5)]),  # not the first, of a generator that has learned nothing
        ([0], (), 10, [("step 0", 0)]),
        ([1], (), 10, [("step 1", 1)]),
        ([], (), 10, []),
        ([0, 1000, 2000, 3000], (), 7, [("step 1,000", 1000), ("step 2,000", 2000), ("step 3,000", 3000)]),
        (range(0, 1200, 100), (), 7, [(f"step {n:,}", n) for n in (100, 300, 500, 700, 900, 1100)]),
        (range(0, 900, 100), (), 7, [(f"step {n}", n) for n in (100, 200, 400, 500, 700, 800)]),
    ],
)
def test_the_film_strip_shows(steps, epochs, per_epoch, expected, tmp_path):
    chosen = strip_of(paths(tmp_path, *steps), epochs, per_epoch)
    assert chosen == [(label, paths(tmp_path, step)[0]) for label, step in expected]
    assert len(chosen) <= 6 or epochs


def test_steps_of_pictures(tmp_path):
    assert [step_of(path) for path in paths(tmp_path, 0, 500, 1234567)] == [0, 500, 1234567]


def test_pictures_of_others_are_let_be(tmp_path):
    """Ordered by number, not by name; and what one puts there oneself does no harm."""
    t = trainer("quickstart", grid="1x5")
    run = new(tmp_path / "run", t, 2)
    for name in ("step_final.png", "step_.png", "step_1b.png", "mine.png", "step_²5.png"):
        (run.folder / "samples" / name).write_bytes(b"mine")
    os.rename(run.folder / "samples" / "step_000002.png", run.folder / "samples" / "step_1000000.png")
    assert [step_of(path) for path in run_module.pictures_in(run.folder)] == [0, 1_000_000]
    t, pictures = resumed(run.folder, 3, "quickstart", grid="1x5")
    assert len(pictures) == 6 and "step_1000000.png" not in pictures  # later than the checkpoint
    run.finish(t)


# --- The history ----------------------------------------------------------------------------------------------

ROW = "50,1.2500,1.3,0.7,0.5,0.4,0.6,0.9,,0.1,0.2,100.0"


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", []),
        ("\n\n", []),
        (f"{ROW}", []),  # no end: it may be torn
        (f"{ROW}\n", [50]),
        (f"{','.join(COLUMNS)}\n{ROW}\n", [50]),
        (f"{ROW}\n{ROW.replace('50,', '75,', 1)[:20]}", [50]),
        (f"{ROW}\n{ROW[:-9]}\n", [50]),  # a cell is missing
        (f"{ROW},7\n{ROW}\n", [50]),
        (f"x{ROW}\n-{ROW.replace(',0.7', ',0.7.1')}\n{ROW}\n", [50]),
        (f"{ROW.replace('50', '5²', 1)}\n{ROW}\n", [50]),
        (f"{'9' * 5000}{ROW}\n{ROW}\n", [50]),
        (f"{ROW.replace('0.7', 'low')}\n{ROW}\n", [50]),
        (f'"{ROW}\n{ROW}\n', [50]),  # a quote that nothing closes
        ("\0" * 100 + f"\n{ROW}\n", [50]),  # what a power failure leaves
        (f"{ROW}\r\n", [50]),
        ("x" * 300_000 + f"\n{ROW}\n", [50]),
    ],
)
def test_what_is_read_of_a_history(text, steps, tmp_path):
    path = tmp_path / "history.csv"
    path.write_bytes(text.encode() + b"")
    assert [int(row[0]) for row in read_rows(path)] == steps
    history = read_history(path)
    assert list(history) == list(COLUMNS) and history["step"].tolist() == steps
    assert all(column.dtype == np.float64 and column.shape == (len(steps),) for column in history.values())
    if steps:
        assert history["g_loss"][0] == 0.7 and np.isnan(history["penalty"][0]) and history["images_per_second"][0] == 100


def test_a_history_that_is_no_text(tmp_path):
    (tmp_path / "history.csv").write_bytes(bytes(range(256)) * 10 + b"\n" + ROW.encode() + b"\n")
    assert read_history(tmp_path / "history.csv")["step"].tolist() == [50]


def test_a_history_that_is_not_there(tmp_path):
    assert read_rows(tmp_path / "none.csv") == []
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(ng.NanoganError, match=r"there is no .*; name the history.csv of a run"):
            read_history(path)


# --- Going on -------------------------------------------------------------------------------------------------


class Crash(BaseException):
    pass


def crashed(folder, t, total, steps, saved):
    """A run up to ``total`` that ends without a word in step ``steps`` + 1, its last checkpoint at ``saved``."""
    own = t.step

    def step():
        if t.steps == steps:
            raise Crash
        return own()

    t.step = step
    with pytest.raises(Crash), Run.new(folder, config(t)) as run:
        run.checkpoint_due = lambda made: made == saved
        t.train(total, run, progress=False)


def stopped_in_parts(folder, saved, steps):
    """A run in two parts whose checkpoints are those of the first."""
    t = trainer()
    with Run.new(folder, config(t)) as run:
        t.train(saved, run, progress=False)
        kept = {path: path.read_bytes() for path in run.folder.glob("*.npz")}
        t.train(steps, run, progress=False)
    for path, content in kept.items():
        path.write_bytes(content)


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize(
    ("name", "options", "steps", "saved"),
    [("gaussian2d", {"grid": "3x3"}, steps, saved) for steps, saved in ((5, 3), (6, 4), (4, 1), (5, 5))]
    + [pytest.param("mlp-mnist", {}, *at, marks=pytest.mark.slow_on_strict) for at in ((5, 3), (4, 1))]
    + [("quickstart", {"grid": "2x2", "log_every": 3}, 6, 4)],
)
def test_it_is_as_if_it_had_never_stopped(name, options, steps, saved, tmp_path):
    """Networks, history, text logs and every picture."""
    whole = trainer(name, **options)
    new(tmp_path / "whole", whole, 8)
    crashed(tmp_path / "run", trainer(name, **options), 8, steps, saved)
    _, pictures = resumed(tmp_path / "run", 8, name, **options)
    assert max(step_of(tmp_path / picture) for picture in pictures) <= saved
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")
    for file in ("d_loss.txt", "d_acc.txt", "g_loss.txt") if name == "mlp-mnist" else ():
        assert (tmp_path / "run" / file).read_text() == (tmp_path / "whole" / file).read_text()
    assert names(tmp_path / "run" / "samples") == names(tmp_path / "whole" / "samples")
    for picture in names(tmp_path / "whole" / "samples"):
        assert (tmp_path / "run" / "samples" / picture).read_bytes() == (tmp_path / "whole" / "samples" / picture).read_bytes()
    (_, one), (_, other) = (checkpoint.load(tmp_path / run / "checkpoint.npz") for run in ("run", "whole"))
    assert one.keys() == other.keys() and all(np.array_equal(one[key], other[key], equal_nan=True) for key in one)


def test_what_was_written_after_the_checkpoint_is_taken_back(tmp_path):
    stopped_in_parts(tmp_path / "run", 5, 9)
    folder = tmp_path / "run"
    assert [row["step"] for row in rows(folder)] == ["2", "4", "5", "6", "8", "9"]
    assert names(folder / "samples") == [f"step_{n:06d}.png" for n in (0, 3, 6, 9)]  # not 5, the last before it went on
    with open(folder / "history.csv", "a") as file:
        file.write("10,3.3333,0.1,0.")  # torn
    for stale in (".checkpoint.npz.123.tmp", ".history.csv.123.tmp", "samples/.step_000009.png.123.part", ".losses.png.123.part"):
        (folder / stale).write_bytes(b"torn")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / ".step_000005.npz.123.tmp").write_bytes(b"torn")
    t = trainer()
    with Run.resume(folder, t, config(t, seed=9)):
        assert t.steps == 5
        assert [row["step"] for row in rows(folder)] == ["2", "4"]  # that of 5 stood between two regular ones
        assert names(folder / "samples") == [f"step_{n:06d}.png" for n in (0, 3)]
        assert not [path for path in folder.rglob(".*") if path.name != ".lock"]
        assert json.loads((folder / "config.json").read_text())["seed"] == 9


@pytest.mark.parametrize(("saved", "lines"), [(1, 1), (3, 1), (4, 2), (7, 3)])
def test_text_logs_are_cut(saved, lines, tmp_path, monkeypatch):
    """A line at steps 1, 4, 7 ..."""
    monkeypatch.setattr(run_module, "CHECKPOINT_SECONDS", 1e9)

    def make():
        t = trainer("mlp-mnist")
        t.recipe = dataclasses.replace(t.recipe, text_log=3)
        return t

    t = make()
    with Run.new(tmp_path / "run", config(t)) as run:
        t.train(saved, run, progress=False)
        kept = (run.folder / "checkpoint.npz").read_bytes()
        t.train(8, run, progress=False)
    whole = {name: (run.folder / name).read_text() for name in run_module.TEXT_LOGS}
    assert [text.count("\n") for text in whole.values()] == [3, 3, 3]
    (run.folder / "checkpoint.npz").write_bytes(kept)
    with open(run.folder / "d_acc.txt", "a") as file:
        file.write("0.25")  # torn
    t = make()
    with Run.resume(run.folder, t, config(t)) as run:
        assert [(run.folder / name).read_text().splitlines() for name in run_module.TEXT_LOGS] == [
            text.splitlines()[:lines] for text in whole.values()
        ]
        t.train(8, run, progress=False)
    assert {name: (run.folder / name).read_text() for name in run_module.TEXT_LOGS} == whole


def test_text_logs_hold_the_losses_of_a_step_and_the_accuracy_of_both_halves(tmp_path):
    with Run.new(tmp_path / "run", {}) as run:
        run.add_text_logs(np.array([0.1, 0.7, 0.5, 0.5, 1.0, 0.25, np.nan], np.float32))
        run.add_text_logs(np.array([1 / 3, 1e-9, 0.5, 0.5, 0, 0, np.nan], np.float32))
    assert (run.folder / "d_loss.txt").read_text() == "0.100000001\n0.333333343\n"  # every digit of a float32
    assert (run.folder / "d_acc.txt").read_text() == "0.625\n0\n" and (run.folder / "g_loss.txt").read_text() == "0.699999988\n9.99999972e-10\n"


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
def test_a_run_that_is_done_stays_as_it_is(tmp_path):
    new(tmp_path / "run", trainer(), 5)
    before = rows(tmp_path / "run"), names(tmp_path / "run" / "samples"), (tmp_path / "run" / "generator.npz").read_bytes()
    t, _ = resumed(tmp_path / "run")
    assert t.steps == 5
    assert (rows(tmp_path / "run"), names(tmp_path / "run" / "samples"), (tmp_path / "run" / "generator.npz").read_bytes()) == before


def test_going_on_from_a_kept_checkpoint(tmp_path):
    """Copied to the place of the last one, it leads to where the run had come."""
    t = trainer()
    with Run.new(tmp_path / "run", config(t, keep_every=3)) as run:
        t.train(7, run, progress=False)
    assert names(run.folder / "checkpoints") == ["step_000003.npz", "step_000006.npz"]
    _, arrays = checkpoint.load(run.folder / "checkpoint.npz")
    expected = rows(run.folder)
    os.replace(run.folder / "checkpoints" / "step_000003.npz", run.folder / "checkpoint.npz")
    t, _ = resumed(run.folder, 7)
    _, again = checkpoint.load(run.folder / "checkpoint.npz")
    assert all(np.array_equal(arrays[key], again[key], equal_nan=True) for key in arrays) and rows(run.folder) == expected


def test_a_run_stopped_before_its_first_checkpoint(tmp_path):
    t = trainer()
    with Run.new(tmp_path / "run", config(t)):
        pass
    t, _ = resumed(tmp_path / "run", 4)
    whole = trainer()
    new(tmp_path / "whole", whole, 4)
    assert rows(tmp_path / "run") == rows(tmp_path / "whole") and t.steps == 4


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: [(folder / name).unlink() for name in ("checkpoint.npz", "config.json")], "there is no run or file "),
        (lambda folder: (folder / "checkpoint.npz").write_bytes(b"torn"), "is damaged, or no checkpoint"),
        (lambda folder: (folder / "checkpoint.npz").write_bytes((folder / "generator.npz").read_bytes()), "does not fit the networks"),
    ],
)
def test_checkpoints_that_cannot_be_used(spoil, said, tmp_path):
    run = new(tmp_path / "run", trainer(), 3)
    spoil(run.folder)
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    with pytest.raises(ng.NanoganError, match=said) as caught:
        resumed(run.folder, 4)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before


def test_a_checkpoint_of_other_networks(tmp_path):
    new(tmp_path / "run", trainer("ring2d", width=16), 2)
    with pytest.raises(ng.NanoganError, match=r"does not fit the networks of this version's recipe ring2d .*train anew"):
        resumed(tmp_path / "run", 4, "ring2d")
    with pytest.raises(ng.NanoganError, match=r"does not fit the networks .*batches are of 10 samples, and points holds 11"):
        t = trainer("ring2d", dataset((2,), 11), width=16)
        Run.resume(tmp_path / "run", t, config(t))


def test_fewer_steps_than_were_made(tmp_path):
    new(tmp_path / "run", trainer(), 5)
    t = trainer()
    with pytest.raises(ng.NanoganError, match="has made 5 steps, and 3 in all are asked for"):
        Run.resume(tmp_path / "run", t, config(t, steps=3))
    assert rows(tmp_path / "run")[-1]["step"] == "5"


# --- One at a time --------------------------------------------------------------------------------------------

OTHER = """
import sys
from nanogan.gan.run import Run
with Run.new(sys.argv[1], {"recipe": "gaussian2d", "options": {}}) as run:
    print("training", flush=True)
    sys.stdin.read()
"""


def start_another(folder):
    """Another process that trains in ``folder`` until its stdin is closed, or it is killed."""
    place = os.path.dirname(ng.__path__[0])
    other = subprocess.Popen([sys.executable, "-c", OTHER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=place)
    assert other.stdout.readline() == "training\n"
    return other


@pytest.mark.parametrize("end", ["close", "kill"])
def test_two_processes_do_not_train_in_one_folder(end, tmp_path):
    with start_another(tmp_path / "run") as other:
        try:
            t = trainer()
            with pytest.raises(ng.NanoganError, match=r"another process is training in .*run; wait for it, or stop it first"):
                Run.resume(tmp_path / "run", t, config(t))
        finally:
            other.stdin.close() if end == "close" else other.kill()
    resumed(tmp_path / "run", 2)  # free again, however the other one ended


def test_a_second_run_in_this_process(tmp_path):
    t = trainer()
    with Run.new(tmp_path / "run", config(t)) as run:
        t.train(2, run, progress=False)
        before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
        with pytest.raises(ng.NanoganError, match="another process is training in"):
            Run.resume(run.folder, trainer(), {})
        assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before
        run.add_row(3, 1, np.zeros(7), [0, 0], 1)  # the first one still writes
    resumed(tmp_path / "run", 4)


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refuse(*anything):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    new(tmp_path / "run", trainer(), 2)
    resumed(tmp_path / "run", 4)


# --- When a checkpoint is due ---------------------------------------------------------------------------------


def test_every_so_many_steps(tmp_path):
    with Run.new(tmp_path / "run", {"checkpoint_every": 3, "keep_every": 4}) as run:
        run.saved_at -= 1e6  # time does not count then
        assert [n for n in range(1, 10) if run.checkpoint_due(n)] == [3, 6, 9] and [n for n in range(1, 10) if run.keep_due(n)] == [4, 8]


@pytest.mark.parametrize("settings", [{}, {"checkpoint_every": None, "keep_every": None}])
def test_once_a_minute(settings, tmp_path):
    t = trainer()
    with Run.new(tmp_path / "run", config(t, **settings)) as run:
        assert not any(run.checkpoint_due(n) or run.keep_due(n) for n in range(1, 100))
        run.saved_at -= 61
        assert run.checkpoint_due(5) and not run.keep_due(5)
        run.save_checkpoint(t)
        assert not run.checkpoint_due(6) and run.saved_at == pytest.approx(time.monotonic(), abs=30)


def test_checkpoints_while_training(tmp_path):
    t = trainer()
    seen = []
    with Run.new(tmp_path / "run", config(t, checkpoint_every=2, keep_every=4)) as run:
        own = t.step

        def step():
            seen.append(checkpoint.load(run.folder / "checkpoint.npz")[0]["steps"])
            return own()

        t.step = step
        t.train(7, run, progress=False)
    assert seen == [0, 0, 2, 2, 4, 4, 6]
    headers = {
        name: checkpoint.load(run.folder / name)[0] for name in ("checkpoint.npz", "generator.npz", "critic.npz", "checkpoints/step_000004.npz")
    }
    assert [header["steps"] for header in headers.values()] == [7, 7, 7, 4] and names(run.folder / "checkpoints") == ["step_000004.npz"]
    assert [header["kind"] for header in headers.values()] == ["checkpoint", "generator", "critic", "checkpoint"]
    assert headers["checkpoint.npz"]["config"]["keep_every"] == 4
    assert all(header["recipe"] == "gaussian2d" and header["options"] == {"batch_size": 4, "log_every": 2} for header in headers.values())


def test_rows_are_on_disk_before_the_checkpoint_that_counts_on_them(tmp_path, monkeypatch):
    t, done = trainer(), []
    with Run.new(tmp_path / "run", config(t)) as run:
        fsync, replace, handle = os.fsync, os.replace, run.history.fileno()
        monkeypatch.setattr(os, "fsync", lambda n: done.append("history" if n == handle else "other") or fsync(n))
        monkeypatch.setattr(os, "replace", lambda a, b: done.append(os.path.basename(b)) or replace(a, b))
        run.save_checkpoint(t)
    files = [name for name in done if name != "other"]
    assert files == ["history", "generator.npz", "critic.npz", "checkpoint.npz"]  # and it is the last to be written
