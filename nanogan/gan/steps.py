"""The training steps: what happens to two networks with one batch.  This is what a GAN is.

    d_loss, g_loss = dcgan_step(generator, critic, g_opt, d_opt, real, z)

generator: (N, latent) -> samples.  critic: samples -> (N, 1), the logit (or, where said, the
probability) that a sample is real.  real: (N, ...) samples.  z: (N, latent) noise.  Each returns the
two losses as scalar tensors, and those with a gradient penalty that as a third.  Each asks the critic
first about real, then about generated samples.

Two rules hold in all of them.  ``grad(loss, critic.parameters())`` differentiates with respect to the
critic alone, whatever else the loss depends on.  And an optimiser changes weights in place: a
gradient that belongs to the old weights is taken before the optimiser steps.
"""

from nanogan.autograd import grad, no_grad
from nanogan.backend import random
from nanogan.gan.objectives import GENERATOR_LOSSES, OBJECTIVES, gradient_penalty
from nanogan.ops import binary_cross_entropy, mean, sigmoid_bce


def dcgan_step(generator, critic, g_opt, d_opt, real, z):
    """One alternating update with the non-saturating loss (Goodfellow et al. 2014; Radford et al. 2016).

    The generator then plays against the critic that has just learned.
    """
    fake = generator(z)
    d_loss = sigmoid_bce(critic(real), 1) + sigmoid_bce(critic(fake.detach()), 0)
    d_opt.step(grad(d_loss, critic.parameters()))
    d_loss = d_loss.detach()  # a loss that is only told keeps no graph, and no memory
    g_loss = sigmoid_bce(critic(fake), 1)
    g_opt.step(grad(g_loss, generator.parameters()))
    return d_loss, g_loss


def d2l_step(generator, critic, g_opt, d_opt, real, z):
    """As texts 001 and 003 alternate: losses summed over the batch, and the generator run twice on one z.

    The second run gives the same samples, but batch norm's moving statistics advance once more.
    The losses are returned as the text prints them, per example.
    """
    with no_grad():
        fake = generator(z)
    d_loss = (sigmoid_bce(critic(real), 1, "sum") + sigmoid_bce(critic(fake), 0, "sum")) / 2
    d_opt.step(grad(d_loss, critic.parameters()))
    d_loss = d_loss.detach()  # a loss that is only told keeps no graph, and no memory
    g_loss = sigmoid_bce(critic(generator(z)), 1, "sum")
    g_opt.step(grad(g_loss, generator.parameters()))
    return d_loss / len(z), g_loss / len(z)


def simultaneous_step(generator, critic, g_opt, d_opt, real, z):
    """As text 000 updates: both losses from one forward pass, both gradients, then both optimisers.

    d_loss = -mean(log D(x) + log(1 - D(G(z)))),  g_loss = -mean(log D(G(z))), here from logits, where
    neither can become infinite.  Real and generated images are two batches for batch norm.
    """
    fake = generator(z)
    real_logits, fake_logits = critic(real), critic(fake)
    d_loss = sigmoid_bce(real_logits, 1) + sigmoid_bce(fake_logits, 0)
    g_loss = sigmoid_bce(fake_logits, 1)
    d_grads = grad(d_loss, critic.parameters())
    g_grads = grad(g_loss, generator.parameters())
    d_opt.step(d_grads)
    g_opt.step(g_grads)
    return d_loss, g_loss


def two_batch_step(generator, critic, g_opt, d_opt, real, z, z_new, objective="cross-entropy"):
    """As text 002 updates, Keras's way: the critic steps on real images, then on generated, then the generator.

    The images shown to the critic come from the generator in inference mode; the generator learns in
    training mode, from fresh noise ``z_new``.  The critic ends in a sigmoid, and the loss is computed
    from its clipped probability.  d_loss is the mean of the two, the second after the first's update.
    objective: the generator's, "cross-entropy", or the text's alternatives "mse" and "poisson".
    """
    with no_grad():
        fake = generator.eval()(z)
    generator.train()
    d_loss_real = binary_cross_entropy(critic(real), 1)
    d_opt.step(grad(d_loss_real, critic.parameters()))
    d_loss_fake = binary_cross_entropy(critic(fake), 0)
    d_opt.step(grad(d_loss_fake, critic.parameters()))
    g_loss = GENERATOR_LOSSES[objective](critic(generator(z_new)))
    g_opt.step(grad(g_loss, generator.parameters()))
    return (d_loss_real + d_loss_fake) / 2, g_loss


def objective_step(generator, critic, g_opt, d_opt, real, z, objective="least-squares", order="alternating"):
    """``dcgan_step`` (order "alternating") or ``simultaneous_step`` ("simultaneous") with another of the OBJECTIVES."""
    critic_loss, generator_loss, _ = OBJECTIVES[objective]
    fake = generator(z)
    on_real, on_fake = critic(real), critic(fake)
    d_loss = critic_loss(on_real, on_fake)
    d_grads = grad(d_loss, critic.parameters())
    if order == "alternating":
        d_opt.step(d_grads)
        on_fake = critic(fake)
    g_loss = generator_loss(on_fake)
    g_grads = grad(g_loss, generator.parameters())
    if order == "simultaneous":
        d_opt.step(d_grads)
    g_opt.step(g_grads)
    return d_loss, g_loss


def wgan_gp_step(generator, critic, g_opt, d_opt, real, z, gp_mode="inference", penalty_weight=10.0, alpha=None):
    """As text 004 updates (eqs. 15-19): one forward pass gives both losses, then both gradients, then both optimisers.

    So critic and generator learn under the same dropout masks.  gp_mode: the critic's mode within the
    penalty; the text's "inference" measures the slope of another network than the one that is trained.
    alpha: (N, 1, ...), the interpolation weights; by default drawn uniformly.
    """
    fake = generator(z)
    on_real, on_fake = critic(real), critic(fake)
    penalty = _penalty(critic, real, fake, gp_mode, alpha)
    d_loss = mean(on_fake) - mean(on_real) + penalty_weight * penalty
    g_loss = -mean(on_fake)
    d_grads = grad(d_loss, critic.parameters())
    g_grads = grad(g_loss, generator.parameters())
    d_opt.step(d_grads)
    g_opt.step(g_grads)
    return d_loss, g_loss, penalty


def n_critic_step(generator, critic, g_opt, d_opt, reals, zs, gp_mode="train", penalty_weight=10.0, alphas=None):
    """As Gulrajani et al. 2017, algorithm 1: several critic updates, each on fresh samples, then one of the generator.

    reals: n_critic batches.  zs: n_critic + 1 batches of noise, the last for the generator.  Returned
    are the critic's last loss and penalty.
    """
    for i, real in enumerate(reals):
        with no_grad():
            fake = generator(zs[i])
        distance = -mean(critic(real)) + mean(critic(fake))
        penalty = _penalty(critic, real, fake, gp_mode, alphas and alphas[i])
        d_loss = distance + penalty_weight * penalty
        d_opt.step(grad(d_loss, critic.parameters()))
        d_loss, penalty, distance = d_loss.detach(), penalty.detach(), None  # only told from here on
    g_loss = -mean(critic(generator(zs[-1])))
    g_opt.step(grad(g_loss, generator.parameters()))
    return d_loss, g_loss, penalty


def _penalty(critic, real, fake, gp_mode, alpha):
    if alpha is None:
        alpha = random.uniform((len(real), *(1 for _ in real.shape[1:])))
    critic.train(gp_mode == "train")
    penalty = gradient_penalty(critic, real, fake, alpha)
    critic.train()
    return penalty
