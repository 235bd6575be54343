"""Evaluation: from a run's folder to figures, and the figures that a run notes while it goes on.

    subject = subject_of("runs/mlp", n=10_000)            # what is judged: its samples, and which data it learned
    judge = judge_of(subject.data)                        # what they are held against, see judges.py
    row = judge.score(subject.samples)                    # {"n": 10000, "frechet": ..., "kl": ..., ...}

The command is ``nanogan/evaluate.py``.
"""

import contextlib
import csv
import dataclasses
import functools
import os
import pathlib
import sys
import zlib

import numpy

from nanogan import data
from nanogan.autograd import no_grad
from nanogan.backend import NanoganError, ShapeError, random, to_numpy
from nanogan.data.cache import key
from nanogan.data.files import cache_directory
from nanogan.gan import checkpoint
from nanogan.gan.config import read
from nanogan.gan.judges import HEADS, HELD_OUT, Judge, PointJudge, any_order, as_bytes, cell
from nanogan.metrics import lenet

SAMPLES = 10_000  # as everybody takes, so that numbers compare
WHILE_TRAINING = 2_000  # in a row of scores.csv
BATCH = 250  # samples that a generator makes at a time
CALLED = "images must be called `images`, uint8 (N, H, W) or (N, H, W, C)"
MNIST = 0xF3639B56  # the CRC-32 of its 60,000 training images, whatever they are called


# --- What is judged ---------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Subject:
    """Samples to score: uint8 images (N, H, W, C), or points float64 (N, 2); where they come from, and which data they are to be like.

    folder, stem: where what is told of them goes.  data: "" where nobody knows.  pictures, data_dir, seed: see ``data.load``.
    """

    name: str
    samples: numpy.ndarray
    folder: pathlib.Path
    stem: str
    data: str
    pictures: dict
    data_dir: str | None = None
    seed: int = 0


def subject_of(path, n=SAMPLES, seed=0):
    """What ``path`` holds: a run's folder, a checkpoint.npz or a generator.npz, of which n samples are drawn, or an .npz of ``images``.

    images: uint8 (N, H, W) or (N, H, W, C), of which n are taken at random.  Raises NanoganError for anything else.
    """
    place = pathlib.Path(os.path.expanduser(path))
    folder, stem = (place, "evaluation") if os.path.isdir(place) else (place.parent, f"{place.stem}-evaluation")
    if (images := _images_in(place)) is not None:
        like = "mnist" if images.shape[1:] == (28, 28, 1) else ""
        return Subject(str(path), images[any_order(len(images), seed)[:n]], folder, stem, data=like, pictures={"shape": images.shape[1:]})
    generator = checkpoint.load_generator(path)
    recipe, config = generator.recipe, _config_of(folder)
    pictures = {"shape": recipe.image_shape} | recipe.data_options
    return Subject(str(path), generate(generator, recipe, n, seed), folder, stem, config.get("data") or recipe.data, pictures,
                   config.get("data_dir"), config.get("seed", 0))  # fmt: skip


def _images_in(path):
    """The array ``images`` of an .npz, (N, H, W, C); None where it is a file of networks, or none that NumPy wrote."""
    import zipfile  # here, because it takes its time to import, and training needs it not

    if not os.path.isfile(path):
        return None
    if not zipfile.is_zipfile(path):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if file.read(6) == b"\x93NUMPY":
                raise NanoganError(f"{path} is one array without a name; {CALLED}, in an .npz: numpy.savez('made.npz', images=x)")
        return None
    images = None
    try:
        with numpy.load(path, allow_pickle=False) as archive:
            names = archive.files
            if "images" in names:
                images = archive["images"]
    except Exception as error:  # a damaged archive can fail in any way
        raise NanoganError(f"{path} cannot be read ({type(error).__name__}: {' '.join(str(error).split()):.100}); write it again") from error
    if images is not None:
        return _checked(path, images)
    if checkpoint.HEADER in names:
        return None
    some = ", ".join(f"{name!r:.40}" for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    raise NanoganError(f"{path} holds {some or 'nothing'}, which is neither networks of nanogan nor images; {CALLED}")


def _checked(path, images):
    """``images`` as (N, H, W, C), where they are what an evaluation takes."""
    if images.dtype != numpy.uint8:
        negative, large = (images.dtype.kind == "f" and bool(found) for found in ((images < 0).any(), (images > 1).any()))
        mend = "((x + 1) * 127.5)" if negative else "x" if large or images.dtype.kind in "iu" else "(x * 255)"
        raise ShapeError(f"{path}: its images are {images.dtype} {images.shape}; they must be uint8, 0...255: {mend}.astype('uint8')")
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or len(images) < 10:
        raise ShapeError(f"{path}: its images are {images.dtype} {images.shape}; they must be (N, H, W) or (N, H, W, C), ten or more")
    return images


def _config_of(folder):
    """The config.json of the run that a file in ``folder`` belongs to, if any."""
    for place in (folder, folder.parent):  # checkpoints/step_N.npz lie one deeper
        with contextlib.suppress(NanoganError):
            if (place / "config.json").is_file():
                return read(place)
    return {}


def generate(generator, recipe, n, seed=0):
    """n samples in inference mode, as they would be saved: uint8 (n, H, W, C), or points, float64 (n, D); on the host.

    The noise follows from ``seed`` alone, and nothing changes: neither the random stream nor the generator's mode and statistics.
    Raises NotFinite where the generator makes what is no number.
    """
    with random.fork([seed, 7]):
        noise = recipe.latent(n)
    training, samples = generator.training, []
    try:
        generator.eval()
        for start in range(0, n, BATCH):
            with no_grad():
                made = to_numpy(generator(noise[start : start + BATCH]).data)
            if not numpy.isfinite(made).all():
                raise NotFinite(f"{recipe.name}: the generator makes values that are not finite; score an earlier checkpoint")
            samples.append(as_bytes(made) if made.ndim == 4 else made.astype(numpy.float64))  # at once: bytes take a quarter of the room
    finally:
        generator.train(training)
    return numpy.concatenate(samples)


class NotFinite(NanoganError):
    """A generator's samples are no numbers."""


# --- What it is held against ------------------------------------------------------------------------------------------


def real_sets(name, data_dir=None, seed=0, pictures=None, download=False):
    """(training set, held-out set) of the data called ``name``: MNIST's two, another draw of what is drawn, two halves of anything else.

    name, data_dir, pictures, download: as for ``data.load``, and its errors; seed: of sets that are drawn, as the run had it.
    Raises NanoganError for data too few to be cut in half.
    """
    load = functools.partial(data.load, name, data_dir, pictures=pictures)
    if name in data.FILES:
        return load(download=download), load(split="test", download=download)
    if name in data.KNOWN:
        return load(seed=seed, download=download), load(seed=seed + HELD_OUT)
    train, place = load(download=download), pathlib.Path(os.path.expanduser(name))
    if train.name == "mnist" and data.find_images([place / "mnist", place], "test"):  # a folder with MNIST's files has a split
        return train, load(split="test")
    if len(train) < 8:
        raise NanoganError(f"{name}: half of the {len(train)} images would be held out, and 4 is the least to be held against; give it more")
    with random.fork(0):
        order = random.stream().permutation(len(train))
    return tuple(_some(train, numpy.sort(half)) for half in (order[len(order) // 2 :], order[: len(order) // 2]))


def _some(dataset, places):
    return data.Dataset(dataset.name, dataset.samples[places], None if dataset.labels is None else dataset.labels[places])


def network_for(train, path=None, progress=None):
    """The LeNet in whose features images like ``train`` are scored, or None: MNIST's is packaged, for other labelled 28x28 images one is trained.

    That one is kept in the user's cache.  path: of another, made by ``--train-lenet``.  Raises NanoganError where it does not fit.
    """
    if train.shape != (28, 28, 1):
        if path:
            raise NanoganError(f"--lenet {path}: LeNet takes images of (28, 28, 1), and {train.name} holds {train.shape}; leave it out")
        return None
    if path:
        return lenet.load_lenet(path)
    if zlib.crc32(train.samples) == MNIST:
        return lenet.load_lenet()
    if train.labels is None:
        return None
    kept = kept_network(train)
    with contextlib.suppress(NanoganError):
        return lenet.load_lenet(kept)
    print(
        f"nanogan: note: training a LeNet on {train.name}, in whose features it is scored, which takes a minute or two; it is kept in {kept}",
        file=sys.stderr,
    )
    net = lenet.train(train.samples, train.labels, progress=progress)
    with contextlib.suppress(OSError):  # a cache is never worth an error
        kept.parent.mkdir(parents=True, exist_ok=True)
        save_network(kept, net)
    return net


def kept_network(train):
    """Where the network for ``train`` is kept, by what it depends on."""
    made_by = [lenet.EPOCHS, lenet.BATCH_SIZE, lenet.RATE]
    return cache_directory() / "lenet" / f"{key('lenet', train.name, zlib.crc32(train.samples), zlib.crc32(train.labels), made_by)}.npz"


def save_network(path, net):
    """Write a LeNet to ``path``, whole or not at all."""
    with checkpoint.replacing(path) as file:
        lenet.save_lenet(file, net)


def judge_of(name, data_dir=None, seed=0, pictures=None, net=None, download=False, shape=None, progress=None):
    """The judge for the data called ``name``; see ``real_sets`` and, for net, a path, ``network_for``.

    shape: of the samples that are to be judged; raises NanoganError where the data are of another.  One network scores all draws of a
    set that is drawn, that of the seed 0: what runs with other seeds get would not compare else.
    """
    train, test = real_sets(name, data_dir, seed, pictures, download)
    if shape and shape != train.shape:
        raise NanoganError(
            f"samples of {shape} cannot be held against {train.name}, which holds {train.shape}; --data names what they are to be like"
        )
    if not train.is_images:
        if net:
            raise NanoganError(f"--lenet {net}: {train.name} holds points, which no network is asked about; leave it out")
        return PointJudge(train)
    learned = data.load(name) if seed and train.shape == (28, 28, 1) and name in data.KNOWN and name not in data.FILES else train
    return Judge(train, test, network_for(learned, net, progress), progress)


# --- While training ---------------------------------------------------------------------------------------------------


class ScoreLog:
    """scores.csv in a run's folder: a row every so many steps, of fewer samples than an evaluation takes.

    judge: of the data that is learned.  every: how many steps.  ``rows_until`` takes rows back when a run is resumed.
    """

    def __init__(self, folder, judge, every, steps=0):
        self.path, self.judge, self.every = pathlib.Path(folder) / "scores.csv", judge, every
        self.columns = ("step", "epoch", "n", *(c for c in judge.columns if c != "memorisation"))
        rows = [row for row in self._rows() if int(row[0]) <= steps]
        with checkpoint.replacing(self.path) as file:
            file.write("".join(",".join(row) + "\n" for row in [self.columns, *rows]).encode())

    def _rows(self):
        if not self.path.exists():
            return []
        with open(self.path, newline="", encoding="utf-8", errors="replace") as file:
            return [row for row in csv.reader(file) if len(row) == len(self.columns) and row[0].isdecimal()]

    def due(self, steps):
        return steps % self.every == 0

    def add(self, trainer):
        """Score the generator as it is now.  The run itself goes on as if nobody had looked."""
        row = dict.fromkeys(self.columns) | {"step": trainer.steps, "epoch": f"{trainer.steps / trainer.per_epoch:.4f}"}
        with contextlib.suppress(NotFinite):  # such a generator has no scores
            row |= self.judge.score(generate(trainer.generator, trainer.recipe, WHILE_TRAINING, trainer.seed), copies=False)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(",".join(_plain(row[c]) for c in self.columns) + "\n")

    def in_words(self):
        """What is written and, as the measure of it, what real samples of that number get."""
        real = self.judge.floor(WHILE_TRAINING, copies=False)
        told = [f"{HEADS[c]} {cell(c, real[c])}" for c in ("frechet", "ndb", "wasserstein2") if real.get(c) is not None]
        return f"every {self.every:,} steps {real['n']:,} samples are scored, into {self.path.name}; real ones of that number get {', '.join(told)}"


def _plain(value):
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
