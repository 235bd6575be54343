"""What the two players want: losses from a critic's answers, and the gradient penalty.

    d_loss = OBJECTIVES["least-squares"].critic_loss(critic(real), critic(fake))

The steps of the course texts spell their losses out; these are for ``objective_step``, where one is
exchanged for another.  on_real, on_fake: (N, 1) tensors, the critic's answers; losses are scalars.
"""

from collections.abc import Callable
from typing import NamedTuple

from nanogan import ops
from nanogan.autograd import Tensor, grad
from nanogan.nn import BatchNorm
from nanogan.ops import binary_cross_entropy, mean, mse, poisson, sigmoid, sigmoid_bce


class Objective(NamedTuple):
    """critic_loss(on_real, on_fake), generator_loss(on_fake), and what an answer is, see Recipe.critic_gives."""

    critic_loss: Callable
    generator_loss: Callable
    critic_gives: str = "logit"


OBJECTIVES = {
    # Goodfellow et al. 2014: the generator raises log D(G(z)), whose gradient is large while the critic rejects its samples ...
    "non-saturating": Objective(
        lambda on_real, on_fake: sigmoid_bce(on_real, 1) + sigmoid_bce(on_fake, 0),
        lambda on_fake: sigmoid_bce(on_fake, 1),
    ),
    # ... or lowers log(1 - D(G(z))), the same game by its value, whose gradient vanishes there.
    "minimax": Objective(
        lambda on_real, on_fake: sigmoid_bce(on_real, 1) + sigmoid_bce(on_fake, 0),
        lambda on_fake: -sigmoid_bce(on_fake, 0),
    ),
    # Text 000 to the letter: logarithms of probabilities, which a certain critic makes infinite.
    "probabilities": Objective(
        lambda on_real, on_fake: binary_cross_entropy(sigmoid(on_real), 1, clip=0) + binary_cross_entropy(sigmoid(on_fake), 0, clip=0),
        lambda on_fake: binary_cross_entropy(sigmoid(on_fake), 1, clip=0),
    ),
    # A mistake in text 000: from_logits=True on what is a probability already.  The critic's loss cannot
    # fall below softplus(-1) + log 2 = 1.0064, nor the generator's leave [0.3133, 0.6931].
    "double-sigmoid": Objective(
        lambda on_real, on_fake: sigmoid_bce(sigmoid(on_real), 1) + sigmoid_bce(sigmoid(on_fake), 0),
        lambda on_fake: sigmoid_bce(sigmoid(on_fake), 1),
    ),
    # Mao et al. 2017, eq. (2) with a = 0, b = c = 1: no sigmoid at all, and a gradient that grows with the distance.
    "least-squares": Objective(
        lambda on_real, on_fake: (mse(on_real, 1) + mse(on_fake, 0)) / 2,
        lambda on_fake: mse(on_fake, 1) / 2,
        "value",
    ),
}  # fmt: skip

# Text 002's alternatives for its generator: of the probability p that a generated sample is real, against the target 1.
GENERATOR_LOSSES = {
    "cross-entropy": lambda p: binary_cross_entropy(p, 1),
    "mse": lambda p: mse(p, 1),
    "poisson": lambda p: poisson(p, 1),
}


def gradient_penalty(critic, real, fake, alpha):
    """How far the critic's slope is from 1 between real and generated samples: mean((||dD/dx||_2 - 1)**2).

    Gulrajani et al. 2017 (text 004, eq. 18), at x = alpha * real + (1 - alpha) * fake.  real: (N, ...)
    array, fake: (N, ...) tensor, alpha: (N, 1, ...) array in [0, 1).  The norm is each sample's own.
    It is differentiable with respect to the critic's parameters: a gradient of a gradient.

    >>> import numpy
    >>> double = lambda x: 2 * x                       # a critic of slope 2: (2 - 1)**2
    >>> gradient_penalty(double, numpy.ones((3, 1)), Tensor(numpy.zeros((3, 1))), numpy.full((3, 1), 0.5)).item()
    1.0
    """
    x = Tensor(alpha * real + (1 - alpha) * fake.data, requires_grad=True)
    dx = grad(ops.sum(critic(x)), x, create_graph=True)  # (N, ...), itself differentiable
    return mean((ops.norm(dx, axis=tuple(range(1, dx.ndim))) - 1) ** 2)  # a norm that is safe at zero


def penalty_notice(critic, gp_mode):
    """What a gradient penalty means where the critic has batch norm, in one line; None where it has none."""
    if not any(isinstance(part, BatchNorm) for _, part in critic.modules()):
        return None
    return {
        "inference": "the critic has batch norm, and the penalty is taken in inference mode, as in the text: it bounds the slope of another network "
                     "than the one trained (--set gp_mode=train or --recipe wgan-gp-paper change that)",
        "train": "the critic has batch norm, as in the text, which mixes the samples of a batch: the penalty on each sample's slope holds for the "
                 "batch as a whole only (--set batch_norm=false or --recipe wgan-gp-paper change that)",
    }[gp_mode]  # fmt: skip
