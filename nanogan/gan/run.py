"""A run's folder: what a training run keeps, and how it goes on after a stop.

    with Run.new("runs/digits", config) as run:     # makes the folder, or says why it cannot
        trainer.train(total_steps, run)
    with Run.resume("runs/digits", trainer, config) as run:  # puts the trainer back to the last checkpoint
        trainer.train(total_steps, run)

``config.json``: all that repeats the run.  ``history.csv``: a row every log_every steps.  ``samples/*.png``:
pictures, ``samples.gif`` all of them, ``film_strip.png`` some epochs.  ``losses.png``.  ``real.png``: what they
should look like.  ``checkpoint.npz``, ``checkpoints/``: to go on from.  ``generator.npz``, ``critic.npz``: the networks.
"""

import contextlib
import csv
import io
import json
import os
import pathlib
import time

import numpy

from nanogan import viz
from nanogan.backend import NanoganError
from nanogan.gan import checkpoint
from nanogan.gan.checkpoint import CheckpointError

# A row holds the mean over the steps since the row before, of: losses; the critic's mean answer (a probability, or a
# Wasserstein critic's score) to real and to generated samples; the share of each that it gets right; the
# penalty.  Then the norms of the last step's gradients, and the rate.  What a recipe does not have stays empty.
MEASURES = ("d_loss", "g_loss", "d_real", "d_fake", "d_acc_real", "d_acc_fake", "penalty")
COLUMNS = ("step", "epoch", *MEASURES, "d_grad_norm", "g_grad_norm", "images_per_second")
TEXT_LOGS = ("d_loss.txt", "d_acc.txt", "g_loss.txt")
CHECKPOINT_SECONDS = 60  # between checkpoints, where no number of steps is asked for


class Run:
    """The folder of one run; a context manager that closes its files."""

    def __init__(self, folder, config):
        self.folder, self.config = folder, config
        self.saved_at = time.monotonic()
        self.lock = self.history = None

    @classmethod
    def new(cls, out, config):
        """A run in a folder that is made now.  Raises NanoganError where it holds something already or cannot be written."""
        run = cls(pathlib.Path(os.path.expanduser(out)), config)
        try:
            run.folder.mkdir(parents=True, exist_ok=True)
            if not is_empty(run.folder):
                raise NanoganError(f"{run.folder} is not empty, and a run is never overwritten; choose another --out, or go on with --resume")
            run.lock = _lock(run.folder)
            if not is_empty(run.folder):  # of two runs that start here at once, one is refused before it writes
                raise NanoganError(f"another run has just begun in {run.folder}; choose another --out")
            (run.folder / "samples").mkdir()
            run._write_config()
            run._open_history([])
        except BaseException as error:
            run._clear()
            run.__exit__()
            if isinstance(error, OSError):
                raise NanoganError(f"cannot write a run to {run.folder}: {error.strerror or error}; choose another --out") from error
            raise
        return run

    def _clear(self):
        """Leave nothing of a run that could not begin; with a config.json it can be resumed."""
        with contextlib.suppress(OSError):  # it was no folder, or is not empty
            if self.lock and {path.name for path in self.folder.iterdir()} <= {".lock", "samples"}:
                for folder in filter(pathlib.Path.exists, (self.folder / "samples", self.folder)):
                    (self.folder / ".lock").unlink(missing_ok=True)
                    folder.rmdir()

    @classmethod
    def resume(cls, folder, trainer, config):
        """The run in ``folder``, with ``trainer`` put back to its last checkpoint and what was written after that taken back.

        Raises NanoganError where there is no checkpoint, or it is damaged or does not fit the trainer.
        """
        run = cls(pathlib.Path(os.path.expanduser(folder)), config)
        path = run.folder / "checkpoint.npz"
        if path.exists() or not (run.folder / "config.json").exists():  # else it was stopped before its first checkpoint
            header, arrays = checkpoint.load(path)
            try:
                trainer.load_state_dict(header, arrays)
            except (NanoganError, KeyError, TypeError, ValueError) as error:
                raise CheckpointError(
                    f"{path} does not fit the networks of this version's recipe {trainer.recipe.name} ({error}); train anew"
                ) from error
        if trainer.steps > config.get("steps", trainer.steps):
            raise NanoganError(f"{run.folder} has made {trainer.steps:,} steps, and {config['steps']:,} in all are asked for; ask for more")
        try:
            run.lock = _lock(run.folder)
            (run.folder / "samples").mkdir(exist_ok=True)
            run._take_back(trainer)
            run._write_config()
        except OSError as error:
            run.__exit__()
            raise NanoganError(f"cannot go on in {run.folder}: {error.strerror or error}; check its permissions") from error
        return run

    def _take_back(self, trainer):
        """Drop rows and pictures later than the checkpoint, rows that a stop left between two regular ones, and torn files."""
        recipe, steps = trainer.recipe, trainer.steps
        self._open_history([row for row in read_rows(self.folder / "history.csv") if int(row[0]) <= steps and int(row[0]) % recipe.log_every == 0])
        for name in TEXT_LOGS if recipe.text_log else ():
            lines = (self.folder / name).read_text().splitlines(keepends=True) if (self.folder / name).exists() else []
            _rewrite(self.folder / name, "".join(lines[: -(-steps // recipe.text_log)]))
        for path in [*self.folder.rglob(".*.tmp"), *self.folder.rglob(".*.part")]:
            path.unlink()
        for path in pictures_in(self.folder):
            if step_of(path) > steps:
                path.unlink()

    # --- What is written while training goes on ---------------------------------------------------------------

    def add_row(self, step, epoch, measures, norms, rate):
        """One line of history.csv, in the order of COLUMNS."""
        cells = [f"{float(m):.6g}" if numpy.isfinite(m) or i < 2 else "" for i, m in enumerate([*measures, *norms])]
        self._write_row(step, f"{epoch:.4f}", *cells, f"{rate:.1f}" if numpy.isfinite(rate) else "")

    def add_text_logs(self, measures):
        """A line in each of text 002's files: this step's critic loss, its accuracy, and the generator's loss."""
        values = measures[0], (measures[4] + measures[5]) / 2, measures[1]
        for name, value in zip(TEXT_LOGS, values, strict=True):
            with open(self.folder / name, "a", encoding="utf-8") as file:
                file.write(f"{float(value):.9g}\n")

    def save_samples(self, trainer):
        """A picture of the generator's samples as they are now: a grid of images, or points in the plane."""
        path, recipe, dataset = self.folder / "samples" / f"step_{trainer.steps:06d}.png", trainer.recipe, trainer.dataset
        if dataset.is_images:
            viz.save_image_grid(path, trainer.samples(), *recipe.grid, size=recipe.picture)
        else:
            viz.save_scatter(
                path, trainer.samples(), dataset.samples[: recipe.grid[0] * recipe.grid[1]], f"{recipe.name}, step {trainer.steps}", dataset.centres
            )

    def drop_picture(self, steps):
        """Take back the picture after ``steps`` steps, if there is one."""
        (self.folder / "samples" / f"step_{steps:06d}.png").unlink(missing_ok=True)

    def save_checkpoint(self, trainer, keep=False):
        """checkpoint.npz, and the networks by themselves; with ``keep``, also a checkpoint that stays."""
        self.history.flush()
        os.fsync(self.history.fileno())  # rows, and lines, before the checkpoint that counts on them
        for path in filter(os.path.exists, (self.folder / name for name in TEXT_LOGS)):
            with open(path, "ab") as file:
                os.fsync(file.fileno())
        header, arrays = trainer.state_dict()
        header |= {"kind": "checkpoint", "config": self.config} | self.maker
        if keep:
            (self.folder / "checkpoints").mkdir(exist_ok=True)
            checkpoint.save(self.folder / "checkpoints" / f"step_{trainer.steps:06d}.npz", header, arrays)
        for which, name in checkpoint.NAMES.items():
            state = checkpoint.prefixed(which, checkpoint.part(which, arrays))
            checkpoint.save(self.folder / name, {"kind": which, "steps": trainer.steps} | self.maker, state)
        checkpoint.save(self.folder / "checkpoint.npz", header, arrays)  # last: the run goes on from here, with all else of this step written
        self.saved_at = time.monotonic()

    def last_checkpoint(self):
        """What the run can go on from, in words; "" where it has saved nothing."""
        path = self.folder / "checkpoint.npz"
        return f"{path} is intact, --resume goes on from there" if path.exists() else ""

    @property
    def maker(self):
        """What builds the networks anew."""
        return {"recipe": self.config.get("recipe"), "options": self.config.get("options", {})}

    def checkpoint_due(self, steps):
        """Whether one should be saved after ``steps`` steps: every so many, or once a minute where none is said."""
        every = self.config.get("checkpoint_every")
        return steps % every == 0 if every else time.monotonic() - self.saved_at > CHECKPOINT_SECONDS

    def keep_due(self, steps):
        """Whether the checkpoint after ``steps`` steps is one that stays."""
        every = self.config.get("keep_every")
        return bool(every) and steps % every == 0

    # --- Before and after --------------------------------------------------------------------------------------

    def save_real(self, trainer):
        """real.png: the first real samples.  skipped.txt: the files that could not be read."""
        recipe, dataset = trainer.recipe, trainer.dataset
        if dataset.is_images:
            rows, columns = recipe.real_grid or recipe.grid
            real = dataset.samples[: rows * columns].astype(numpy.float32) / 127.5 - 1
            viz.save_image_grid(self.folder / "real.png", real, rows, columns, size=recipe.picture)
        if dataset.skipped:
            _rewrite(self.folder / "skipped.txt", "".join(f"{name}: {why}\n" for name, why in dataset.skipped))

    def finish(self, trainer):
        """The pictures of the whole run: losses.png, samples.gif and, of images, film_strip.png."""
        recipe = trainer.recipe
        pictures = [path for path in pictures_in(self.folder) if is_readable(path)]
        viz.save_losses(self.folder / "losses.png", read_history(self.folder / "history.csv"), recipe.loss_figure, recipe.name, trainer.per_epoch)
        viz.save_animation(self.folder / "samples.gif", pictures)
        if trainer.dataset.is_images:
            chosen = strip_of(pictures, recipe.strip, trainer.per_epoch)
            viz.save_film_strip(
                self.folder / "film_strip.png", chosen, *recipe.grid, recipe.image_shape, size=recipe.picture, reverse=recipe.strip_reverse
            )

    def _write_config(self):
        _rewrite(self.folder / "config.json", json.dumps(self.config, indent=2) + "\n")

    def _open_history(self, rows):
        path = self.folder / "history.csv"
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
        _rewrite(path, text.getvalue())
        self.history = open(path, "a", newline="", encoding="utf-8")  # noqa: SIM115

    def _write_row(self, *cells):
        csv.writer(self.history, lineterminator="\n").writerow(cells)
        self.history.flush()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for file in (self.history, self.lock):
            if file:
                file.close()


def _rewrite(path, text):
    with checkpoint.replacing(path) as file:
        file.write(text.encode(errors="backslashreplace"))  # a file's name can be no text


def _lock(folder):
    """Keep other processes from training in ``folder`` until this one ends, however it ends; nothing where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    file = open(folder / ".lock", "w")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise NanoganError(f"another process is training in {folder}; wait for it, or stop it first") from error
    except OSError:  # a file system without locks
        pass
    return file


def is_empty(folder):
    """Whether nothing lies in ``folder``, but for the lock of a run that is gone."""
    return all(path.name == ".lock" for path in folder.iterdir())


def pictures_in(folder):
    """The pictures of the run in ``folder``, in the order of their steps."""
    return sorted((path for path in (folder / "samples").glob("step_*.png") if path.stem[5:].isdecimal()), key=step_of)


def is_readable(path):
    """Whether the picture is one still, and whole."""
    with contextlib.suppress(NanoganError):
        return viz.files.read_picture(path) is not None
    return False


def step_of(path):
    """step_000500.png -> 500."""
    return int(path.stem.removeprefix("step_"))


def strip_of(pictures, epochs, per_epoch, most=6):
    """(label, path) for the film strip: the pictures at the ends of ``epochs``, or up to six, evenly spread."""
    if chosen := [(f"epoch {epoch}", path) for epoch in epochs for path in pictures if step_of(path) == round(epoch * per_epoch)]:
        return chosen
    later = pictures[1:] if len(pictures) > 1 else pictures
    places = numpy.unique(numpy.linspace(0, len(later) - 1, min(most, len(later))).round().astype(int))
    return [(f"step {step_of(later[i]):,}", later[i]) for i in places]


def read_rows(path):
    """The whole rows of a history.csv, as lists of texts, without its head; what is torn or no row is left out."""
    return [row for row in (line.split(",") for line in _whole_lines(path)) if _is_row(row)]


def damaged_line(path):
    """The number of the first whole line of a history.csv that is neither its head nor a row; None where there is none."""
    for number, line in enumerate(_whole_lines(path), 1):
        if not _is_row(line.split(",")) and (number > 1 or line != ",".join(COLUMNS)):
            return number
    return None


def _whole_lines(path):
    """All lines but one that is just being written, or was when the run ended."""
    if not pathlib.Path(path).exists():
        return []
    text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    return text[: text.rfind("\n") + 1].splitlines()


def _is_row(cells):
    try:
        int(cells[0])
        return len([float(cell or "nan") for cell in cells]) == len(COLUMNS)
    except ValueError:
        return False


def read_history(path):
    """The columns of a history.csv: name -> float64 array, NaN for what is empty.

    Raises NanoganError where there is no such file.
    """
    if not pathlib.Path(path).is_file():
        raise NanoganError(f"there is no {path}; name the history.csv of a run")
    rows = read_rows(path)
    return {name: numpy.array([float(row[i] or "nan") for row in rows]) for i, name in enumerate(COLUMNS)}


def free_folder(recipe_name, parent="runs"):
    """A folder for a run that does not exist yet: runs/NAME-1, runs/NAME-2, ..."""
    n = 1
    while os.path.lexists(pathlib.Path(parent) / f"{recipe_name}-{n}"):
        n += 1
    return pathlib.Path(parent) / f"{recipe_name}-{n}"
