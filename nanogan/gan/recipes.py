"""The recipes: everything that a training run needs to know, by name.

    recipe = get("mlp-mnist")
    generator, critic = recipe.build()

A recipe follows its course text to the letter; its docstring names the text and what is odd in it.
"""

import dataclasses
import difflib
from collections.abc import Callable

from nanogan.backend import NanoganError, random
from nanogan.gan import networks, steps
from nanogan.optim import Adam


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One system: data, networks, loss, step order, optimisers, length.

    networks: (make a generator, make a critic).  step: one of ``nanogan.gan.steps``.
    latents: how many noise batches a step takes.  lr: (generator's, critic's).
    length: ("steps", n) or ("epochs", n).  critic_gives: "logit" or "probability".
    with_replacement: batches drawn at random, instead of epochs that see every sample once.
    log_every, sample_every: in steps; sample_every may be ("epochs", n).  grid: (rows, columns) of a sample picture.
    """

    name: str
    source: str
    data: str
    latent_shape: tuple
    image_shape: tuple
    batch_size: int
    length: tuple
    networks: tuple
    step: Callable
    lr: tuple
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    eps_hat: bool = False
    shared_counter: bool = False
    latents: int = 1
    critic_gives: str = "logit"
    with_replacement: bool = False
    log_every: int = 25
    sample_every: tuple = ("epochs", 1)
    grid: tuple = (4, 4)
    about: str = ""

    def build(self):
        """A fresh (generator, critic), weights drawn from the random stream."""
        make_generator, make_critic = self.networks
        return make_generator(), make_critic()

    def optimizers(self, generator, critic):
        """(generator's, critic's) optimiser."""
        options = {"beta1": self.beta1, "beta2": self.beta2, "eps": self.eps, "eps_hat": self.eps_hat}
        d_opt = Adam(critic.parameters(), self.lr[1], **options)
        g_opt = Adam(generator.parameters(), self.lr[0], **options, counter=d_opt.counter if self.shared_counter else None)
        return g_opt, d_opt

    def latent(self, n):
        """Noise for n samples: (n, *latent_shape), N(0, 1)."""
        return random.normal((n, *self.latent_shape))


def gaussian2d():
    """A linear generator learns a 2-D Gaussian (text 003).

    Every parameter, biases included, starts at N(0, 0.02**2), so the generator's first samples are all
    near 0.  The critic learns ten times faster.  The losses end near 0.69 whether the generator has
    learned or not: look at the points, or at the Wasserstein distance that the run prints.
    """
    return Recipe(
        name="gaussian2d", source="003, first part", data="gaussian2d", latent_shape=(2,), image_shape=(2,), batch_size=8,
        length=("epochs", 20), networks=(networks.gaussian_generator, networks.gaussian_critic), step=steps.d2l_step,
        lr=(0.005, 0.05), log_every=25, grid=(10, 10),
    )  # fmt: skip


def mlp_mnist():
    """A multilayer perceptron draws MNIST digits (text 002, written for Keras 2).

    Kept from the text: batch norm after the activation; images for the critic from the generator in
    inference mode; two critic steps, on real and on generated images; batches drawn with replacement;
    one Adam compiled into both networks, whose step counter therefore runs three times as fast; the
    loss from a clipped probability.  The text says "epoch" for an iteration.  Moving variances follow
    TensorFlow 2.15 (biased; Keras 2 used n/(n-1-eps), 3.2 % more at 32 samples).
    """
    return Recipe(
        name="mlp-mnist", source="002", data="mnist", latent_shape=(100,), image_shape=(28, 28, 1), batch_size=32,
        length=("steps", 30_001), networks=(networks.mlp_generator, networks.mlp_critic), step=steps.two_batch_step,
        lr=(2e-4, 2e-4), beta1=0.5, eps=1e-7, eps_hat=True, shared_counter=True, latents=2, critic_gives="probability",
        with_replacement=True, log_every=100, sample_every=("steps", 3000), grid=(5, 5),
    )  # fmt: skip


def dcgan_mnist():
    """A small DCGAN draws MNIST digits (text 000).

    Kept from the text: both gradients are taken before either optimiser moves; the rate of 1e-5,
    which is slow (--lr 2e-4 --beta1 0.5 gives digits in six epochs); the last batch of 96.
    Mended: the losses come from logits, where the text's log of an unclipped sigmoid can reach infinity.
    Batch norm's momentum of 0.99 still holds 9 % of its initial statistics after one epoch, so that
    pictures of the first epoch, drawn in inference mode, look broken when nothing is.
    """
    return Recipe(
        name="dcgan-mnist", source="000", data="mnist", latent_shape=(20,), image_shape=(28, 28, 1), batch_size=256,
        length=("epochs", 100), networks=(networks.dcgan_generator, networks.dcgan_critic), step=steps.simultaneous_step,
        lr=(1e-5, 1e-5), eps=1e-7, eps_hat=True, grid=(4, 4),
    )  # fmt: skip


def quickstart():
    """A DCGAN of two layers draws digits in about two minutes, with no download (nanogan's own).

    Its data are glyphs, digits drawn with the fonts that matplotlib ships.
    """
    return Recipe(
        name="quickstart", source="ours", data="glyphs", latent_shape=(32,), image_shape=(28, 28, 1), batch_size=32,
        length=("steps", 3000), networks=(networks.quick_generator, networks.quick_critic), step=steps.dcgan_step,
        lr=(2e-3, 5e-4), beta1=0.5, log_every=50, sample_every=("steps", 500), grid=(6, 10),
    )  # fmt: skip


RECIPES = {make().name: make for make in (quickstart, gaussian2d, mlp_mnist, dcgan_mnist)}


def names():
    """The names of all recipes.

    >>> names()
    ['quickstart', 'gaussian2d', 'mlp-mnist', 'dcgan-mnist']
    """
    return list(RECIPES)


def get(name):
    """The recipe called ``name``; NanoganError, naming the nearest, where there is none.

    >>> get("mlp-mnist").batch_size
    32
    """
    if name not in RECIPES:
        near = difflib.get_close_matches(str(name).lower(), RECIPES, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}? " if near else ""
        raise NanoganError(f"no recipe {name!r}; {hint}the recipes are {', '.join(RECIPES)}")
    make = RECIPES[name]
    return dataclasses.replace(make(), about=make.__doc__)
