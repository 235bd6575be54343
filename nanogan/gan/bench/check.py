"""Do both sides compute the same?  One training step from the same weights, data, noise and dropout masks, and its losses.

Ours writes a case into a file and says what it got (``ours``); the peer reads the file and says what it
got; ``compare`` raises LossesDiffer.  The weights of the case are large, so that every layer matters to the
losses: from weights of 0.02, a critic's logits are nearly 0 whatever it computes.
"""

import contextlib
import math

import numpy

from nanogan import nn
from nanogan.backend import asarray, random, to_numpy, xp
from nanogan.gan import environment
from nanogan.ops import dropout

TOLERANCE, TOLERANCE_TF32 = 1e-3, 3e-2  # relative to the largest loss
MOVES = 0.1  # relative: how far the weights may have come; see ``compare``


class LossesDiffer(FloatingPointError):
    """Both sides were given the same, and came to something else."""


def ours(networks, optimizers, recipe, path, seed=1):
    """Make a case, write it to ``path``, and take one step of ``recipe``: {"losses": [...], "moved": [...]}."""
    with random.fork(seed):
        stream = random.stream()
        case, masks = {}, []
        for kind, network in zip(("generator", "critic"), networks, strict=True):
            state = {name: weights(name, array.shape, stream) for name, array in network.state_dict().items()}
            network.load_state_dict(state)
            case |= {f"{kind}/{name}": array for name, array in state.items()}
        case |= arrays(
            "real", [numpy.tanh(stream.standard_normal((recipe.batch_size, *recipe.image_shape), "float32")) for _ in range(batches(recipe))]
        )
        case |= arrays("noise", [to_numpy(recipe.latent(recipe.batch_size)) for _ in range(latents(recipe))])
        if "penalty_weight" in recipe.step_options:
            ones = [1] * len(recipe.image_shape)
            case |= arrays("alpha", [stream.random((recipe.batch_size, *ones), "float32") for _ in range(batches(recipe))])
        before = [network.state_dict() for network in networks]
        with recorded_dropout(networks, masks):
            losses = recipe.step(*networks, *optimizers, *step_inputs(recipe, case, asarray), **recipe.step_options | alphas(recipe, case, asarray))
        case |= arrays("mask", masks)
    numpy.savez(path, **case)
    distances = [
        distance([old[name] for name, _ in network.named_parameters()], [to_numpy(p) for p in network.parameters()])
        for network, old in zip(networks, before, strict=True)
    ]
    return {"losses": [loss.item() for loss in losses], "moved": distances}


def weights(name, shape, stream):
    """Random float32 values for a parameter or a moving statistic, of a size at which signals neither die out nor explode."""
    kind = name.split(".")[-1]
    if kind == "weight":
        taps = shape[:-1] if len(shape) == 2 else shape[:3]  # what is summed up, about
        return stream.standard_normal(shape, "float32") * numpy.float32(math.prod(taps) ** -0.5)
    if kind == "moving_var":
        return stream.random(shape, "float32") + numpy.float32(0.5)
    return stream.standard_normal(shape, "float32") * numpy.float32(0.3) + numpy.float32(kind == "gamma")


def batches(recipe):
    """How many real batches a step takes."""
    return max(1, recipe.n_critic)


def latents(recipe):
    """How many batches of noise it takes."""
    return recipe.n_critic + 1 if recipe.n_critic else recipe.latents


def step_inputs(recipe, case, convert):
    """(real, noise ...) as the recipe's step takes them: arrays, or lists of them where it has an n_critic."""
    reals, noises = ([convert(case[f"{kind}/{i}"]) for i in range(n)] for kind, n in (("real", batches(recipe)), ("noise", latents(recipe))))
    return (reals, noises) if recipe.n_critic else (*reals, *noises)


def alphas(recipe, case, convert):
    """The interpolation weights of a penalty as an option of the step; {} for a step without one."""
    if "alpha/0" not in case:
        return {}
    values = [convert(case[f"alpha/{i}"]) for i in range(batches(recipe))]
    return {"alphas": values} if recipe.n_critic else {"alpha": values[0]}


def arrays(kind, values):
    """Named kind/0, kind/1, ..."""
    return {f"{kind}/{i}": value for i, value in enumerate(values)}


@contextlib.contextmanager
def recorded_dropout(networks, masks):
    """Inside, each dropout adds its mask, booleans, to ``masks``."""
    layers = [layer for network in networks for _, layer in network.modules() if isinstance(layer, nn.Dropout)]

    def forward(layer, x):
        if not layer.training:
            return x
        key = int(random.stream().integers(2**63))
        masks.append(to_numpy(dropout(xp.ones(x.shape, dtype=x.dtype), layer.rate, key=key)) != 0)
        return dropout(x, layer.rate, key=key)

    for layer in layers:
        layer.forward = lambda x, layer=layer: forward(layer, x)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def distance(before, after):
    """The Euclidean distance between two lists of arrays."""
    return math.sqrt(sum(float(((b.astype("float64") - a) ** 2).sum()) for a, b in zip(before, after, strict=True)))


def compare(name, ours, theirs):
    """Raise LossesDiffer unless the losses agree, and the weights of both networks have moved about as far.

    How far tells whether the same updates were made.  It cannot agree closely: where a gradient is nearly 0, the
    first step of Adam is its sign, which rounding decides, and recipes in Keras's form of Adam have another eps.
    """
    scale, tolerance = max(abs(loss) for loss in ours["losses"]), TOLERANCE_TF32 if environment.tf32() else TOLERANCE
    apart = [abs(a - b) for a, b in zip(ours["losses"], theirs["losses"], strict=True)]
    if not max(apart) <= tolerance * scale:  # NaN too
        raise LossesDiffer(f"{name}: from the same weights nanogan's losses are {listed(ours['losses'])}, {theirs['name']}'s {listed(theirs['losses'])}; "
                           "the times of different computations are not to be compared")  # fmt: skip
    if not all(abs(a - b) <= MOVES * a for a, b in zip(ours["moved"], theirs["moved"], strict=True)):
        raise LossesDiffer(f"{name}: in one step nanogan's weights (generator's, critic's) move by {listed(ours['moved'])}, {theirs['name']}'s by "
                           f"{listed(theirs['moved'])}; the times of different updates are not to be compared")  # fmt: skip
    return {"nanogan": ours["losses"], theirs["name"]: theirs["losses"], "apart": max(apart) / scale, "tolerance": tolerance}


def listed(values):
    return ", ".join(f"{value:.6g}" for value in values)
