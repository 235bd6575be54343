"""The trainer: it feeds a recipe's step with batches, and has a run keep what comes out.

    trainer = Trainer(recipe, dataset, seed_number=0)
    with Run.new(out, config) as run:     # nanogan.gan.run: the folder
        trainer.train(total_steps, run)

What a step gets and gives is in ``steps.py``, what else can be set in ``recipe.py``.
"""

import shutil
import sys
import time

import numpy

from nanogan.autograd import Tensor, no_grad
from nanogan.backend import NanoganError, backend_name, kernels, random, seed, to_numpy, xp
from nanogan.backend.device import cupy_wheels
from nanogan.gan import checkpoint
from nanogan.gan.batches import Batches
from nanogan.gan.command import Stopped, stop_requests
from nanogan.gan.diagnosis import networks
from nanogan.gan.diagnosis.watch import Watch, started, tell
from nanogan.gan.objectives import penalty_notice

NARROW = "{percentage:3.0f}% {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class Watched:
    """Stands in for a critic and notes what it is asked about, and its answers, as arrays without history."""

    def __init__(self, critic):
        self.critic, self.asked, self.answers = critic, [], []

    def __call__(self, x):
        answer = self.critic(x)
        self.asked.append(x.data if isinstance(x, Tensor) else x)
        self.answers.append(answer.data)
        return answer

    def __getattr__(self, name):
        return getattr(self.critic, name)


class WatchedOptimizer:
    """Stands in for an optimiser and holds the gradients that it got last; ``before`` is their norm, as long as it got none."""

    def __init__(self, optimizer):
        self.optimizer, self.grads, self.before = optimizer, [], 0.0

    def step(self, grads):
        self.grads = [g.data if isinstance(g, Tensor) else g for g in grads]
        self.optimizer.step(self.grads)

    def norm(self):
        """The Euclidean norm of all those gradients together; the device is waited for once."""
        if not self.grads:
            return self.before
        squares = to_numpy(xp.stack([g.ravel() @ g.ravel() for g in self.grads]))
        return float(squares.sum(dtype=numpy.float64)) ** 0.5


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
        self.recipe, self.dataset, self.seed = recipe, dataset, seed_number
        seed(seed_number)
        self.generator, self.critic = recipe.build()
        self.g_opt, self.d_opt = recipe.optimizers(self.generator, self.critic)
        self.watched, self.watched_g, self.watched_d = Watched(self.critic), WatchedOptimizer(self.g_opt), WatchedOptimizer(self.d_opt)
        self.batches = Batches(len(dataset), recipe.batch_size, recipe.with_replacement, recipe.drop_last, recipe.shuffle_buffer)
        with random.fork([seed_number, 1]):  # of its own, so that looking does not change the run
            self.sample_noise = recipe.latent(recipe.grid[0] * recipe.grid[1])
        self.scores = None  # an evaluation.ScoreLog, where scores are asked for on the way
        self.steps, self.in_batch, self.meter = 0, 0, Meter()  # how many steps are made; how many samples the last one saw
        self.watch, self.seen = Watch(recipe), None  # the last batches of real and generated samples that the critic was asked about

    @property
    def per_epoch(self):
        """Steps an epoch."""
        return max(1, self.batches.per_epoch // max(1, self.recipe.n_critic))

    def notes(self):
        """What whoever starts this run should know, a line each."""
        notes = []
        if "penalty_weight" in self.recipe.step_options:
            notes.append(penalty_notice(self.critic, self.recipe.step_options.get("gp_mode", "train")))
        if self.recipe.pixels == "raw" and self.dataset.is_images:
            notes.append(
                "real pixels lie in [0, 255], and generated ones in [-1, 1]: a critic tells them apart at once, or, where batch norm follows its first "
                "convolution, never sees brightness and contrast (--set pixels=scaled mends it)"
            )
        if backend_name() == "cupy":
            notes.append("the first step takes longer: it compiles GPU kernels, which CuPy keeps for the next run; rates do not count it")
            if len(wheels := cupy_wheels()) > 1:
                notes.append(f"several CuPy wheels overwrite each other ({', '.join(wheels)}); pip uninstall all of them, then install one")
        if skipped := self.dataset.skipped:
            some = ", ".join(f"{name} ({why})" for name, why in skipped[:3])
            notes.append(f"{len(skipped)} of {len(skipped) + len(self.dataset)} files could not be read and are left out: {some}"
                         + (", ... (skipped.txt in the run lists all)" if len(skipped) > 3 else ""))  # fmt: skip
        return [note for note in notes if note]

    def step(self):
        """One training step; returns the MEASURES as an array on the device."""
        real, noise = self._draw()
        self.watched.answers.clear()
        self.seen = None
        d_loss, g_loss, *penalty = self.recipe.step(
            self.generator, self.watched, self.watched_g, self.watched_d, real, *noise, **self.recipe.step_options
        )
        self.steps += 1
        last = 3 * max(0, self.recipe.n_critic - 1)  # of several critic updates, each of which asks about real, fake and points between
        on_real, on_fake = self.watched.answers[last : last + 2]
        self.seen = self.watched.asked[last : last + 2]
        self.watched.asked.clear()
        if self.recipe.critic_gives == "logit":
            on_real, on_fake = kernels.sigmoid(on_real), kernels.sigmoid(on_fake)
        measures = [d_loss.data, g_loss.data, on_real.mean(), on_fake.mean(), None, None, penalty[0].data if penalty else None]
        if self.recipe.critic_gives != "score":  # which has no threshold
            measures[4:6] = [guess.astype(on_real.dtype).mean() for guess in (on_real > 0.5, on_fake <= 0.5)]
        row = xp.full(len(measures), numpy.nan, dtype=on_real.dtype)
        for i, measure in enumerate(measures):
            if measure is not None:
                row[i] = measure  # on the device; CuPy's stack would send it the addresses of what it stacks
        return row

    def _draw(self):
        """(real, noise batches) for one step: one real batch, or lists of them where the recipe has an n_critic."""
        n_critic, latent = self.recipe.n_critic, self.recipe.latent
        reals = [self.dataset.batch(self.batches.next(), scaled=self.recipe.pixels == "scaled") for _ in range(max(1, n_critic))]
        self.in_batch = sum(len(real) for real in reals)
        if n_critic:
            return reals, [[latent(len(real)) for real in reals] + [latent(self.recipe.batch_size)]]
        return reals[0], [latent(self.in_batch) for _ in range(self.recipe.latents)]

    def samples(self, noise=None):
        """What the generator makes of ``noise``, by default the recipe's for pictures, in the recipe's sample_mode.

        Looking changes nothing: neither the random stream nor the moving statistics.
        """
        if noise is None:
            noise = self.sample_noise if self.recipe.sample_noise == "fixed" else self._fresh_noise()
        kept = {name: value.copy() for name, value in self.generator.named_state() if not isinstance(value, Tensor)}
        with no_grad():
            made = self.generator.train(self.recipe.sample_mode == "train")(noise).data
        self.generator.train()
        for name, value in self.generator.named_state():
            if name in kept:
                value[...] = kept[name]
        return made

    def _fresh_noise(self):
        with random.fork([self.seed, 1, self.steps]):
            return self.recipe.latent(self.recipe.grid[0] * self.recipe.grid[1])

    def train(self, total_steps, run, progress=True):
        """Step until ``total_steps`` steps are made; rows, pictures and checkpoints go to ``run`` on the way.

        After Ctrl-C or SIGTERM the step under way is finished and a checkpoint saved; then it raises Stopped.
        """
        from tqdm import tqdm

        if self.steps == 0 and total_steps:
            if self.recipe.sample_every[0] != "iterations":
                run.save_samples(self)
            run.save_checkpoint(self)
        elif self.steps < total_steps and not self._picture_due():
            run.drop_picture(self.steps)  # the last one of a run that now goes on
        if self.steps < total_steps:
            tell(started(self.watch, self))
        narrow = shutil.get_terminal_size().columns < 110  # no room for a bar beside the numbers
        bar = tqdm(total=total_steps, initial=self.steps, unit="step", disable=not progress or self.steps >= total_steps, dynamic_ncols=True,
                   mininterval=0.5 if sys.stderr.isatty() else 10, bar_format=NARROW if narrow else None)  # fmt: skip
        with stop_requests() as asked, bar, numpy.errstate(all="ignore"):  # losses that overflow are told of in one line, below
            shown, warming_up = 0.0, backend_name() == "cupy"
            while self.steps < total_steps and not asked:
                self.set_rates(total_steps)
                self.meter.add(self.step(), self.in_batch)
                if warming_up:
                    self.meter.restart()
                    bar.unpause()
                    warming_up = False
                bar.update()
                if progress and time.perf_counter() - shown > 1.0:  # reading a measure waits for the device: once a second is enough
                    bar.set_postfix_str(_in_words(self.meter.latest()), refresh=False)
                    shown = time.perf_counter()
                self._record(run, last=self.steps == total_steps)
            if asked:
                self._save(run)
            if self.meter.measured:  # those since the last regular row, which count again if the run goes on
                self._add_row(run)
        if asked:
            raise Stopped(asked[0])

    def set_rates(self, total_steps):
        """Give the optimisers the recipe's learning rates, which over its ``decay`` fall to 0 at ``total_steps`` in a straight line."""
        ending = self.recipe.decay * total_steps
        factor = min(1.0, (total_steps - self.steps) / ending) if ending else 1.0
        self.g_opt.lr, self.d_opt.lr = (rate * factor for rate in self.recipe.lr)

    def _record(self, run, last):
        """Whatever is due after this step.  The checkpoint comes last: what it says is done has been written."""
        recipe = self.recipe
        if recipe.text_log and (self.steps - 1) % recipe.text_log == 0:
            run.add_text_logs(self.meter.latest())
        if self.steps % recipe.log_every == 0:
            self._add_row(run)
        if self._picture_due() or last:
            run.save_samples(self)
        if self.scores and self.scores.due(self.steps):
            self.scores.add(self)
        keep = run.keep_due(self.steps)
        if last or keep or run.checkpoint_due(self.steps):
            self._save(run, keep)

    def _save(self, run, keep=False):
        """A checkpoint, but never of networks whose losses are no numbers: the one before is of more use."""
        if self.meter.measured:
            self._check_finite(run, self.meter.latest())
        run.save_checkpoint(self, keep)

    def _picture_due(self):
        kind, every = self.recipe.sample_every
        if kind == "iterations":
            return (self.steps - 1) % every == 0
        return self.steps % (every if kind == "steps" else every * self.per_epoch) == 0

    def _add_row(self, run):
        means, rate = self.meter.read()
        norms = [self.watched_d.norm(), self.watched_g.norm()]
        run.add_row(self.steps, self.steps / self.per_epoch, means, norms, rate)
        if self.seen:  # not where a run goes on, and stops before its first step
            tell(self.watch.row(self.steps, means, norms, *self.seen))
        self._check_finite(run, means)

    def _check_finite(self, run, measures):
        if not numpy.isfinite(measures[:2]).all():
            first = networks.not_finite(self.generator, self.critic, self.sample_noise, self.seen and self.seen[0])
            where = f"; {first.sentence}" if first else ""
            raise FloatingPointError(f"the losses are no longer finite at step {self.steps} ({_in_words(measures)}){where}; "
                                     f"lower --lr and train again; what there is, is in {run.folder}")  # fmt: skip

    def state_dict(self):
        """(header, arrays): all that decides how training goes on, to be saved."""
        header = {
            "steps": self.steps, "random": random.stream().bit_generator.state, "position": self.batches.position,
            "norms": [self.watched_d.norm(), self.watched_g.norm()],
        }  # fmt: skip
        arrays = {}
        for name in ("generator", "critic", "g_opt", "d_opt"):
            arrays |= checkpoint.prefixed(name, getattr(self, name).state_dict())
        if self.batches.order is not None:
            arrays["batches/order"] = self.batches.order
        if self.meter.measured:
            arrays["meter/measured"] = to_numpy(xp.stack(self.meter.measured))
        return header, arrays

    def load_state_dict(self, header, arrays):
        """Go back to where ``state_dict`` was taken.  Raises NanoganError where names or shapes differ."""
        order = arrays.get("batches/order")
        if order is not None and len(order) != self.batches.n:
            raise NanoganError(f"its batches are of {len(order)} samples, and {self.dataset.name} holds {self.batches.n}")
        for name in ("generator", "critic", "g_opt", "d_opt"):
            getattr(self, name).load_state_dict(checkpoint.part(name, arrays))
        random.stream().bit_generator.state = header["random"]
        self.steps = int(header["steps"])
        self.batches.order, self.batches.position = order, int(header["position"])
        self.watched_d.grads, self.watched_g.grads = [], []
        self.watched_d.before, self.watched_g.before = header["norms"]
        self.meter = Meter()
        self.meter.measured = [xp.asarray(row) for row in arrays.get("meter/measured", ())]


class Meter:
    """The measures since it was last read; until then they stay on the device."""

    def __init__(self):
        self.measured, self.samples, self.since = [], 0, time.perf_counter()

    def add(self, measures, samples):
        self.measured.append(measures)
        self.samples += samples

    def latest(self):
        """The measures of the last step, on the host."""
        return to_numpy(self.measured[-1])

    def restart(self):
        """Measure the rate from now on, once the device has done what it was asked for."""
        self.latest()
        self.samples, self.since = 0, time.perf_counter()

    def rate(self):
        """Samples a second; NaN if none were added."""
        return self.samples / max(time.perf_counter() - self.since, 1e-9) if self.samples else numpy.nan

    def read(self):
        """(means, rate) of all steps added, which are then forgotten."""
        means, rate = to_numpy(xp.stack(self.measured)).mean(axis=0), self.rate()
        self.__init__()
        return means, rate


def _in_words(measures):
    d_loss, g_loss, d_real, d_fake, *_ = (float(m) for m in measures)
    return f"D {d_loss:.3f} G {g_loss:.3f} D(x) {d_real:.2f} D(G(z)) {d_fake:.2f}"
