"""What a recipe is, and how its options are set.

    recipe = configure(make_a_recipe, {"lr": "2e-4", "gp_mode": "train"})

The recipes themselves are in ``recipes.py``.
"""

import argparse
import dataclasses
import inspect
from collections.abc import Callable

from nanogan.backend import NanoganError, random
from nanogan.gan.command import did_you_mean, fraction, nonnegative_float, nonnegative_int, positive_float, positive_int
from nanogan.gan.objectives import GENERATOR_LOSSES, OBJECTIVES
from nanogan.nn import Module
from nanogan.optim import Adam


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One system: data, networks, loss, step order, optimisers, length, and how it shows what it does.

    networks: (make a generator, make a critic).  step: one of ``nanogan.gan.steps``, called with
    step_options besides.  latents: how many noise batches a step takes.  n_critic: 0 for a step that
    takes one real batch; n for one that takes a list of n, and a list of n + 1 noise batches.
    lr: (generator's, critic's); over the last ``decay`` of a run, a share of it, they fall to 0.  length: ("steps", n) or ("epochs", n).
    critic_gives: "logit", "probability", "value" (around 0 and 1), or "score", which has no scale.
    with_replacement: batches drawn at random, instead of epochs that see every sample once, in an
    order shuffled whole or (shuffle_buffer > 0) through a buffer; drop_last: without a last, smaller batch.
    data_options: for ``data.load``.  pixels: "scaled" to [-1, 1], or "raw", 0...255.

    log_every: steps between rows of history.  sample_every: ("epochs", n) or ("steps", n) between
    pictures, or ("iterations", n), which counts from 0, the first step.  A picture is a grid of
    (rows, columns) samples, that of real ones of ``real_grid`` if it is another, ``picture`` its (width, height) in pixels where the text fixes that, from
    sample_noise "fixed" or "fresh", drawn in sample_mode "inference" or "train" (batch statistics).
    loss_figure: a style of ``viz.save_losses``.  text_log: steps between lines of d_loss.txt, d_acc.txt
    and g_loss.txt; 0 for none.  strip: the epochs of the film strip; () for six, evenly spread.
    strip_reverse: dark on white.
    epoch_seconds: of one epoch, measured on one CPU core (docs/texts.md says how).
    own: the options that only this recipe has, as they are; changes: the options that were set by name.
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
    decay: float = 0.0
    step_options: dict = dataclasses.field(default_factory=dict)
    latents: int = 1
    n_critic: int = 0
    latent_distribution: str = "normal"
    critic_gives: str = "logit"
    with_replacement: bool = False
    shuffle_buffer: int = 0
    drop_last: bool = False
    data_options: dict = dataclasses.field(default_factory=dict)
    pixels: str = "scaled"
    log_every: int = 25
    sample_every: tuple = ("epochs", 1)
    grid: tuple = (4, 4)
    real_grid: tuple | None = None
    picture: tuple | None = None
    sample_noise: str = "fixed"
    sample_mode: str = "inference"
    loss_figure: str = "curves"
    text_log: int = 0
    strip: tuple = ()
    strip_reverse: bool = False
    epoch_seconds: float | None = None
    about: str = ""
    own: dict = dataclasses.field(default_factory=dict)
    changes: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        """Raises NanoganError for the slips that are easily made in a recipe of one's own, which would fail later and elsewhere."""
        if len(self.networks) != 2 or any(isinstance(make, Module) or not callable(make) for make in self.networks):
            raise NanoganError(
                f"recipe {self.name}: networks are two functions or classes, called to make the generator and the critic; give them without brackets: (Generator, Critic)"
            )
        for field in ("latent_shape", "image_shape"):
            if not isinstance(getattr(self, field), (tuple, list)):
                raise NanoganError(f"recipe {self.name}: {field} is {getattr(self, field)!r:.60}; give a tuple, such as (32,) or (28, 28, 1)")
        if not isinstance(self.lr, (tuple, list)) or len(self.lr) != 2:
            raise NanoganError(f"recipe {self.name}: lr is {self.lr!r:.60}; give two rates, the generator's and the critic's, such as (2e-4, 2e-4)")

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
        """Noise for n samples: (n, *latent_shape), N(0, 1) or uniform on [-1, 1)."""
        shape = (n, *self.latent_shape)
        return random.normal(shape) if self.latent_distribution == "normal" else random.uniform(shape, -1, 1)

    def options(self):
        """Every option that can be set, by name, as it is now: the recipe's own, then those all recipes have."""
        return dict(self.own) | {name: getattr(self, name) for name in COMMON}


def configure(make, settings=None):
    """The recipe that ``make`` returns, with options set: {name: value or the text of one}.

    The keyword arguments of ``make`` are the options of its own; COMMON are those of every recipe.
    Raises NanoganError for a name or value that it does not take, naming the nearest.
    """
    defaults = {name: p.default for name, p in inspect.signature(make).parameters.items()}
    name = make().name
    known = list(defaults) + [option for option in COMMON if option not in defaults]
    changes = {option: _parsed(name, option, value, known) for option, value in (settings or {}).items()}
    own = defaults | {option: value for option, value in changes.items() if option in defaults}
    recipe = make(**own)
    fields = {option: value for option, value in changes.items() if option not in defaults}
    return dataclasses.replace(recipe, **fields, own=own, changes=changes, about=inspect.cleandoc(make.__doc__ or ""))


def _parsed(recipe, option, value, known):
    if option not in known:
        raise NanoganError(f"{recipe} has no option {option!r:.60}; {did_you_mean(option, known)}its options are {', '.join(known)}")
    try:
        return PARSERS[option](str(value).strip())
    except argparse.ArgumentTypeError as error:
        raise NanoganError(f"option {option} of {recipe}: {error}") from error


def choice(*values):
    """One of some words."""

    def parse(text):
        if text not in values:
            hint = did_you_mean(text, values).strip()
            raise argparse.ArgumentTypeError(f"expected {' or '.join(values)}, got {text!r:.60}" + (f"; {hint}" if hint else ""))
        return text

    return parse


def boolean(text):
    """true or false, yes or no, on or off, 1 or 0."""
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in words:
        raise argparse.ArgumentTypeError(f"expected true or false, got {text!r:.60}")
    return words[text.lower()]


def pair_of(kind, marks):
    """Two numbers with one of ``marks`` between them, or one that stands for both: "5x5", "2e-4,5e-4", "2e-4"."""

    def parse(text):
        parts = [text.strip("()[] ")]
        for mark in marks:
            parts = [piece for part in parts for piece in part.split(mark)]
        if len(parts) > 2:
            raise argparse.ArgumentTypeError(f"expected one number or two, got {text!r:.60}")
        return kind(parts[0].strip()), kind(parts[-1].strip())

    return parse


def up_to(most):
    """1, 2, 3, ... most."""

    def parse(text):
        if (n := positive_int(text)) > most:
            raise argparse.ArgumentTypeError(f"expected a whole number of at most {most:,}, got {text!r:.60}")
        return n

    return parse


def layout(text):
    """Rows and columns of a grid that fits into memory: "6x10"."""
    try:
        rows, columns = pair_of(positive_int, "x,×")(text.lower())
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"expected rows and columns, such as 3x10, got {text!r:.60}") from error
    if rows * columns > 10_000:
        raise argparse.ArgumentTypeError(f"expected at most 10,000 places, got {text!r:.60}")
    return rows, columns


def word(text):
    """Any text but none at all."""
    if not text:
        raise argparse.ArgumentTypeError("expected a word, got nothing")
    return text


COMMON = {  # the options of every recipe
    "batch_size": positive_int, "lr": pair_of(positive_float, ","), "beta1": fraction, "beta2": fraction, "eps": positive_float,
    "eps_hat": boolean, "shared_counter": boolean, "decay": fraction, "latent_distribution": choice("normal", "uniform"),
    "with_replacement": boolean, "shuffle_buffer": nonnegative_int, "drop_last": boolean, "pixels": choice("scaled", "raw"),
    "log_every": positive_int, "grid": layout,
    "sample_noise": choice("fixed", "fresh"), "sample_mode": choice("inference", "train"),
}  # fmt: skip

PARSERS = COMMON | {  # and those that only some have
    "objective": choice(*OBJECTIVES), "g_loss": choice(*GENERATOR_LOSSES),
    "gp_mode": choice("inference", "train"), "penalty_weight": nonnegative_float, "n_critic": up_to(1000),
    "batch_norm": boolean, "dropout": fraction, "bn_init": choice("normal", "ones", "around-one"), "slope": fraction, "width": up_to(10_000),
    "alpha": choice("composite", "drop", "mask"), "background": word,
}  # fmt: skip
