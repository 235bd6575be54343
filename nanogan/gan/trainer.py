"""The trainer: it feeds a recipe's step with batches, and keeps what comes out in a run's folder.

    with Run(out, config) as run:         # makes the folder, or says why it cannot
        Trainer(recipe, dataset, 0).train(total_steps, run)

A run's folder holds ``config.json`` (all that repeats the run), ``history.csv`` (a row every
``log_every`` steps) and ``samples/*.png``.
"""

import csv
import json
import os
import pathlib
import time

import numpy

from nanogan import viz
from nanogan.autograd import no_grad
from nanogan.backend import NanoganError, kernels, random, seed, to_numpy, xp

# A row holds the mean over the steps since the row before: losses; the critic's mean answer, as a
# probability, to real and to generated samples; and the share of each that it gets right.
MEASURES = ("d_loss", "g_loss", "d_real", "d_fake", "d_acc_real", "d_acc_fake")


class Batches:
    """An endless supply of indices into ``n`` samples.

    Either epochs, each a fresh permutation whose last batch may be smaller, or (``with_replacement``)
    independent draws, where n / batch_size of them are called an epoch.
    """

    def __init__(self, n, batch_size, with_replacement=False):
        self.n, self.batch_size, self.with_replacement = n, batch_size, with_replacement
        self.per_epoch = max(1, n // batch_size) if with_replacement else -(-n // batch_size)
        self.order, self.position = None, n

    def next(self):
        """The indices of the next batch."""
        if self.with_replacement:
            return random.stream().integers(self.n, size=self.batch_size)
        if self.position >= self.n:
            self.order, self.position = random.stream().permutation(self.n), 0
        start, self.position = self.position, self.position + self.batch_size
        return self.order[start : self.position]


class Watched:
    """Stands in for a critic and notes its answers, as arrays without history."""

    def __init__(self, critic):
        self.critic, self.answers = critic, []

    def __call__(self, x):
        answer = self.critic(x)
        self.answers.append(answer.data)
        return answer

    def __getattr__(self, name):
        return getattr(self.critic, name)


class Trainer:
    """Networks, optimisers, data and random stream of one run; ``step`` makes one training step.

    Seeding comes first, so that a seed fixes the weights as well as all that follows.
    """

    def __init__(self, recipe, dataset, seed_number=0):
        if dataset.shape != recipe.image_shape:
            raise NanoganError(f"the recipe {recipe.name} needs samples of shape {recipe.image_shape}, and {dataset.name} holds {dataset.shape}; "
                               "choose other data or another recipe")  # fmt: skip
        if recipe.batch_size > len(dataset):
            raise NanoganError(f"a batch of {recipe.batch_size} is more than {dataset.name} holds ({len(dataset)} samples); lower --batch-size")
        self.recipe, self.dataset = recipe, dataset
        seed(seed_number)
        self.generator, self.critic = recipe.build()
        self.g_opt, self.d_opt = recipe.optimizers(self.generator, self.critic)
        self.watched = Watched(self.critic)
        self.batches = Batches(len(dataset), recipe.batch_size, recipe.with_replacement)
        with random.fork([seed_number, 1]):  # of its own, so that looking does not change the run
            self.sample_noise = recipe.latent(recipe.grid[0] * recipe.grid[1])
        self.steps, self.in_batch = 0, 0  # how many steps are made; how many samples the last one saw

    def step(self):
        """One training step; returns the MEASURES as an array on the device."""
        indices = self.batches.next()
        real = self.dataset.batch(indices)
        noise = [self.recipe.latent(len(indices)) for _ in range(self.recipe.latents)]
        self.watched.answers.clear()
        d_loss, g_loss = self.recipe.step(self.generator, self.watched, self.g_opt, self.d_opt, real, *noise)
        on_real, on_fake = self.watched.answers[:2]
        if self.recipe.critic_gives == "logit":
            on_real, on_fake = kernels.sigmoid(on_real), kernels.sigmoid(on_fake)
        self.steps, self.in_batch = self.steps + 1, len(indices)
        right = [guess.astype(on_real.dtype).mean() for guess in (on_real > 0.5, on_fake <= 0.5)]
        return xp.stack([d_loss.data, g_loss.data, on_real.mean(), on_fake.mean(), *right])

    def samples(self, noise=None):
        """What the generator makes in inference mode of ``noise``, by default the run's fixed noise."""
        with no_grad():
            made = self.generator.eval()(self.sample_noise if noise is None else noise)
        self.generator.train()
        return made.data

    def train(self, total_steps, run, progress=True):
        """Step until ``total_steps`` steps are made, with a progress bar, rows and pictures on the way."""
        from tqdm import tqdm

        kind, every = self.recipe.sample_every
        picture_every = every if kind == "steps" else every * self.batches.per_epoch
        if self.steps == 0:
            run.save_samples(self)
        bar = tqdm(total=total_steps, initial=self.steps, unit="step", disable=not progress, dynamic_ncols=True, mininterval=0.5)
        meter, shown = Meter(), 0.0
        try:
            with bar, numpy.errstate(all="ignore"):  # losses that overflow are told of in one line, below
                while self.steps < total_steps:
                    meter.add(self.step(), self.in_batch)
                    bar.update()
                    if time.perf_counter() - shown > 1.0:  # reading a measure waits for the device: once a second is enough
                        bar.set_postfix_str(_in_words(meter.latest(), meter.rate()))
                        shown = time.perf_counter()
                    if self.steps % self.recipe.log_every == 0:
                        self._add_row(run, meter)
                    if self.steps % picture_every == 0 or self.steps == total_steps:
                        run.save_samples(self)
        finally:  # the steps since the last row, after Ctrl-C too
            if meter.measured:
                self._add_row(run, meter)

    def _add_row(self, run, meter):
        means, rate = meter.read()
        run.add_row(self.steps, self.steps / self.batches.per_epoch, means, rate)
        if not numpy.isfinite(means).all():
            raise FloatingPointError(f"the losses are no longer finite at step {self.steps} ({_in_words(means, rate)}); "
                                     f"lower --lr and train again; what there is, is in {run.folder}")  # fmt: skip


class Meter:
    """The measures since it was last read; until then they stay on the device."""

    def __init__(self):
        self.measured, self.samples, self.since = [], 0, time.perf_counter()

    def add(self, measures, samples):
        self.measured.append(measures)
        self.samples += samples

    def latest(self):
        return to_numpy(self.measured[-1])

    def rate(self):
        """Samples a second."""
        return self.samples / max(time.perf_counter() - self.since, 1e-9)

    def read(self):
        """(means, rate) of all steps added, which are then forgotten."""
        means, rate = to_numpy(xp.stack(self.measured)).mean(axis=0), self.rate()
        self.__init__()
        return means, rate


def _in_words(measures, rate):
    d_loss, g_loss, d_real, d_fake, *_ = (float(m) for m in measures)
    return f"D {d_loss:.3f} G {g_loss:.3f} D(x) {d_real:.2f} D(G(z)) {d_fake:.2f} {rate:,.0f}/s"


class Run:
    """The folder of a run.  Raises NanoganError where it holds something already or cannot be written."""

    def __init__(self, out, config):
        self.folder = pathlib.Path(out).expanduser()
        try:
            if self.folder.exists() and any(self.folder.iterdir()):
                raise NanoganError(f"{self.folder} is not empty, and a run is never overwritten; choose another --out")
            (self.folder / "samples").mkdir(parents=True, exist_ok=True)
            with open(self.folder / "config.json", "w", encoding="utf-8") as file:
                json.dump(config, file, indent=2)
                file.write("\n")
            self.history = open(self.folder / "history.csv", "w", newline="", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise NanoganError(f"cannot write a run to {self.folder}: {error.strerror or error}; choose another --out") from error
        self.rows = csv.writer(self.history, lineterminator="\n")
        self._write_row("step", "epoch", *MEASURES, "images_per_second")

    def add_row(self, step, epoch, means, rate):
        """One line of history.csv."""
        self._write_row(step, f"{epoch:.4f}", *(f"{float(m):.6g}" for m in means), f"{rate:.1f}")

    def _write_row(self, *cells):
        self.rows.writerow(cells)
        self.history.flush()

    def save_samples(self, trainer):
        """A picture of the generator's samples as they are now: a grid of images, or points in the plane."""
        path = self.folder / "samples" / f"step_{trainer.steps:06d}.png"
        if trainer.dataset.is_images:
            viz.save_image_grid(path, trainer.samples(), *trainer.recipe.grid)
        else:
            viz.save_scatter(path, trainer.samples(), trainer.dataset.samples[:100], f"{trainer.recipe.name}, step {trainer.steps}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.history.close()


def free_folder(recipe_name, parent="runs"):
    """A folder for a run that does not exist yet: runs/NAME-1, runs/NAME-2, ..."""
    n = 1
    while os.path.lexists(pathlib.Path(parent) / f"{recipe_name}-{n}"):
        n += 1
    return pathlib.Path(parent) / f"{recipe_name}-{n}"
