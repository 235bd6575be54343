"""The training steps, as one writes them in PyTorch: eager, with nothing computed that a step does not need.

Each does what the function of the same name in ``nanogan.gan.steps`` does, and takes and returns the same.  Where
that one differentiates with respect to one network, here the other's parameters do not require gradients, or
``backward(inputs=)`` says which do.
"""

import torch
from torch.nn import functional as F


def bce(logits, label, reduction="mean"):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label), reduction=reduction)


def probability_bce(probabilities, label):
    return F.binary_cross_entropy(probabilities, torch.full_like(probabilities, label))


def mse(values, label):
    return F.mse_loss(values, torch.full_like(values, label))


OBJECTIVES = {
    "non-saturating": (lambda on_real, on_fake: bce(on_real, 1) + bce(on_fake, 0), lambda on_fake: bce(on_fake, 1)),
    "minimax": (lambda on_real, on_fake: bce(on_real, 1) + bce(on_fake, 0), lambda on_fake: -bce(on_fake, 0)),
    "probabilities": (
        lambda on_real, on_fake: probability_bce(on_real.sigmoid(), 1) + probability_bce(on_fake.sigmoid(), 0),
        lambda on_fake: probability_bce(on_fake.sigmoid(), 1),
    ),
    "double-sigmoid": (lambda on_real, on_fake: bce(on_real.sigmoid(), 1) + bce(on_fake.sigmoid(), 0), lambda on_fake: bce(on_fake.sigmoid(), 1)),
    "least-squares": (lambda on_real, on_fake: (mse(on_real, 1) + mse(on_fake, 0)) / 2, lambda on_fake: mse(on_fake, 1) / 2),
}

GENERATOR_LOSSES = {
    "cross-entropy": lambda p: probability_bce(p, 1),
    "mse": lambda p: mse(p, 1),
    "poisson": lambda p: F.poisson_nll_loss(p, torch.ones_like(p), log_input=False, eps=1e-7),
}


def update(optimizer, loss):
    """One step of the optimiser along the gradient of the loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def update_generator(g_opt, critic, loss_of):
    """The same for the generator, through a critic whose own gradients nobody needs."""
    critic.requires_grad_(False)
    loss = loss_of()
    update(g_opt, loss)
    critic.requires_grad_(True)
    return loss


def update_both(generator, critic, g_opt, d_opt, d_loss, g_loss):
    """Both gradients from one graph, then both optimisers."""
    d_opt.zero_grad(set_to_none=True)
    g_opt.zero_grad(set_to_none=True)
    d_loss.backward(inputs=list(critic.parameters()), retain_graph=True)
    g_loss.backward(inputs=list(generator.parameters()))
    d_opt.step()
    g_opt.step()


def dcgan_step(generator, critic, g_opt, d_opt, real, z):
    fake = generator(z)
    d_loss = bce(critic(real), 1) + bce(critic(fake.detach()), 0)
    update(d_opt, d_loss)
    return d_loss, update_generator(g_opt, critic, lambda: bce(critic(fake), 1))


def d2l_step(generator, critic, g_opt, d_opt, real, z):
    with torch.no_grad():
        fake = generator(z)
    d_loss = (bce(critic(real), 1, "sum") + bce(critic(fake), 0, "sum")) / 2
    update(d_opt, d_loss)
    g_loss = update_generator(g_opt, critic, lambda: bce(critic(generator(z)), 1, "sum"))
    return d_loss / len(z), g_loss / len(z)


def simultaneous_step(generator, critic, g_opt, d_opt, real, z):
    fake = generator(z)
    on_real, on_fake = critic(real), critic(fake)
    d_loss, g_loss = bce(on_real, 1) + bce(on_fake, 0), bce(on_fake, 1)
    update_both(generator, critic, g_opt, d_opt, d_loss, g_loss)
    return d_loss, g_loss


def two_batch_step(generator, critic, g_opt, d_opt, real, z, z_new, objective="cross-entropy"):
    with torch.no_grad():
        fake = generator.eval()(z)
    generator.train()
    d_loss_real = probability_bce(critic(real), 1)
    update(d_opt, d_loss_real)
    d_loss_fake = probability_bce(critic(fake), 0)
    update(d_opt, d_loss_fake)
    g_loss = update_generator(g_opt, critic, lambda: GENERATOR_LOSSES[objective](critic(generator(z_new))))
    return (d_loss_real + d_loss_fake) / 2, g_loss


def objective_step(generator, critic, g_opt, d_opt, real, z, objective="least-squares", order="alternating"):
    critic_loss, generator_loss = OBJECTIVES[objective]
    fake = generator(z)
    if order == "alternating":
        d_loss = critic_loss(critic(real), critic(fake.detach()))
        update(d_opt, d_loss)
        return d_loss, update_generator(g_opt, critic, lambda: generator_loss(critic(fake)))
    on_real, on_fake = critic(real), critic(fake)
    d_loss, g_loss = critic_loss(on_real, on_fake), generator_loss(on_fake)
    update_both(generator, critic, g_opt, d_opt, d_loss, g_loss)
    return d_loss, g_loss


def wgan_gp_step(generator, critic, g_opt, d_opt, real, z, gp_mode="inference", penalty_weight=10.0, alpha=None):
    fake = generator(z)
    on_real, on_fake = critic(real), critic(fake)
    penalty = gradient_penalty(critic, real, fake.detach(), gp_mode, alpha)
    d_loss = on_fake.mean() - on_real.mean() + penalty_weight * penalty
    g_loss = -on_fake.mean()
    update_both(generator, critic, g_opt, d_opt, d_loss, g_loss)
    return d_loss, g_loss, penalty


def n_critic_step(generator, critic, g_opt, d_opt, reals, zs, gp_mode="train", penalty_weight=10.0, alphas=None):
    for i, real in enumerate(reals):
        with torch.no_grad():
            fake = generator(zs[i])
        on_real, on_fake = critic(real), critic(fake)
        penalty = gradient_penalty(critic, real, fake, gp_mode, alphas and alphas[i])
        d_loss = on_fake.mean() - on_real.mean() + penalty_weight * penalty
        update(d_opt, d_loss)
    return d_loss, update_generator(g_opt, critic, lambda: -critic(generator(zs[-1])).mean()), penalty


def gradient_penalty(critic, real, fake, gp_mode, alpha):
    if alpha is None:
        alpha = torch.rand((len(real), *(1 for _ in real.shape[1:])), device=real.device)
    x = (alpha * real + (1 - alpha) * fake).requires_grad_()
    critic.train(gp_mode == "train")
    (dx,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    critic.train()
    return ((dx.flatten(1).norm(dim=1) - 1) ** 2).mean()
