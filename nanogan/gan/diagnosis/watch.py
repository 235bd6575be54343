"""What is noticed while training goes on: a line on stderr, once for each finding.

    watch = Watch(recipe)
    watch.start(trainer.generator, ...)              # before the first step: findings of what is cheap to look at once
    watch.row(step, measures, norms, real, fake)     # at every row of history: findings that are new

It looks at what the trainer has measured anyway, and at the last batches that the critic saw, once a row: that row is
read from the device just then, so that nothing waits more often.
"""

import sys

import numpy

from nanogan.backend import random, to_numpy, xp
from nanogan.gan import steps
from nanogan.gan.diagnosis import history, networks

SOME = 128  # samples of a batch that distances are taken of
KEPT = 200  # rows that are remembered
COLUMNS = ("step", "d_loss", "g_loss", "d_real", "d_fake", "d_acc_real", "d_acc_fake", "penalty", "d_grad_norm", "g_grad_norm", "spread", "diameter")


class Watch:
    """The rows of one run as it goes on, and what was found in them; ``recipe`` is the run's."""

    def __init__(self, recipe):
        self.recipe, self.rows, self.names, self.begun = recipe, [], set(), False

    def start(self, generator, critic, optimizers, batches, noise, real):
        """Findings before training: ranges, batch norm's eps and mode, and whether a step that is not one of nanogan's leaves the critic alone in the generator's turn.

        batches: of one step.  noise, real: a few samples of each.
        """
        found = [networks.large_eps(generator, critic), networks.wrong_mode(generator, critic)]
        if self.recipe.pixels != "raw":  # of which the trainer tells itself
            found.append(networks.ranges_differ(generator, noise, real))
        if getattr(self.recipe.step, "__module__", None) != steps.__name__:
            found.append(networks.critic_changed(self.recipe.step, generator, critic, *optimizers, batches, self.recipe.step_options))
        return self.new(found)

    def row(self, step, measures, norms, real, fake):
        """Findings of the rows so far.  measures, norms: as they go to history.csv; real, fake: the last batches that the critic saw."""
        self.rows = [*self.rows[1 - KEPT :], [step, *(float(m) for m in (*measures, *norms)), *self._distances(real, fake)]]
        table = numpy.array(self.rows, numpy.float64)
        columns = dict(zip(COLUMNS, table.T, strict=True))
        found = history.from_history(columns, self.recipe.critic_gives, numpy.nanmax([0.0, *columns["diameter"]]))
        return self.new(finding for finding in found if finding.name != "not-finite")  # the trainer stops, and names the layer

    @staticmethod
    def _distances(real, fake):
        """(spread of generated samples as a share of the real ones', the largest distance between any two)."""
        n = len(real[:SOME])
        both = to_numpy(xp.concatenate([real[:SOME], fake[:SOME]]))  # one copy from the device
        if not numpy.isfinite(both).all():
            return numpy.nan, numpy.nan
        everything = networks.distances(both)
        usual = everything[:n, :n].sum() / max(1, n * (n - 1))
        apart = everything[n:, n:].sum() / max(1, (len(both) - n) * (len(both) - n - 1))
        return (apart / usual if usual else numpy.nan), everything.max()

    def new(self, found):
        """Those of ``found`` that no one was told of yet."""
        new = [finding for finding in found if finding and finding.name not in self.names]
        self.names |= {finding.name for finding in new}
        return new


def started(watch, trainer):
    """``watch.start`` with the parts of a trainer, the first time; neither its random stream nor its batches move on."""
    if watch.begun:
        return []
    watch.begun = True
    recipe = trainer.recipe
    real = trainer.dataset.batch(slice(0, SOME), scaled=recipe.pixels == "scaled")
    with random.fork(0):
        noise = recipe.latent(4)
    return watch.start(trainer.generator, trainer.critic, (trainer.g_opt, trainer.d_opt), one_step(recipe, real), noise, real)


def one_step(recipe, real):
    """What a step of the recipe takes after the optimisers: real batches and noise, of 32 samples or fewer."""
    n = min(recipe.batch_size, 32, len(real))
    with random.fork(0):
        if recipe.n_critic:
            return [[real[:n]] * recipe.n_critic, [recipe.latent(n) for _ in range(recipe.n_critic + 1)]]
        return [real[:n], *(recipe.latent(n) for _ in range(recipe.latents))]


def tell(findings):
    """A line on stderr for each, also while a progress bar is shown there."""
    from tqdm import tqdm  # here, because it takes longer to import than all of nanogan

    for finding in findings:
        tqdm.write(f"nanogan: note: {finding}", file=sys.stderr)
