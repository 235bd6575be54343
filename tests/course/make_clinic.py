"""Train the broken runs of notebook 10's failure clinic, and write what is left of them to nanogan/course/clinic.npz.

    python tests/course/make_clinic.py            # all of them, a minute or two on two cores
    python tests/course/make_clinic.py A F        # these anew; the others stay as they are

Each is a real run of the trainer, with one thing wrong, named here after what ``python -m nanogan.diagnose`` would call it.  Rates
differ from machine to machine in the last digits, so a run that is made again need not give the same numbers, but the same diagnosis.
"""

import dataclasses
import sys

import numpy

from nanogan import data, nn, optim
from nanogan.autograd import grad
from nanogan.backend import random, to_numpy
from nanogan.course import clinic
from nanogan.gan import networks, recipes
from nanogan.gan.diagnosis import watch
from nanogan.gan.judges import as_bytes
from nanogan.gan.objectives import gradient_penalty
from nanogan.gan.trainer import Trainer
from nanogan.ops import mean, sigmoid_bce

SHOWN, POINTS = 12, 200


def quickstart(**changes):
    return dataclasses.replace(recipes.get("quickstart"), decay=0.0, **changes)


def make_generator(kernel, momentum):
    """quickstart's, begun as Radford et al. 2016 have it, with kernels of another size, or batch norm with another memory."""
    layers = [
        nn.Dense(32, 128, bias=False), nn.BatchNorm(128, momentum), nn.LeakyReLU(0.2),
        nn.Dense(128, 7 * 7 * 64, bias=False), nn.BatchNorm(7 * 7 * 64, momentum), nn.LeakyReLU(0.2), nn.Reshape(7, 7, 64),
        nn.ConvTranspose2D(64, 32, kernel, stride=2, bias=False), nn.BatchNorm(32, momentum), nn.LeakyReLU(0.2),
        nn.ConvTranspose2D(32, 1, kernel, stride=2), nn.Tanh(),
    ]  # fmt: skip
    return networks.d2l_init(nn.Sequential(*layers), "ones")


def relu_critic():
    """quickstart's, with ReLU in place of leaky ReLU."""
    return nn.Sequential(
        nn.Conv2D(1, 16, 4, stride=2), nn.ReLU(), nn.Conv2D(16, 32, 4, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Dense(7 * 7 * 32, 128), nn.ReLU(), nn.Dense(128, 1),
    )  # fmt: skip


class OneOptimizerForBoth:
    """dcgan_step with a mistake: what moves the generator moves the critic, too, so that it finds its generated samples more and more real."""

    def __init__(self):
        self.moves_both = None

    def __call__(self, generator, critic, g_opt, d_opt, real, z):
        self.moves_both = self.moves_both or optim.Adam(critic.parameters(), 2e-3, 0.5)  # as the generator's
        fake = generator(z)
        d_loss = sigmoid_bce(critic(real), 1) + sigmoid_bce(critic(fake.detach()), 0)
        d_opt.step(grad(d_loss, critic.parameters()))
        g_loss = sigmoid_bce(critic(fake), 1)
        g_grads, d_grads = grad(g_loss, generator.parameters()), grad(g_loss, critic.parameters())
        g_opt.step(g_grads)
        self.moves_both.step(d_grads)
        return d_loss, g_loss


def penalty_without_history(generator, critic, g_opt, d_opt, real, z):
    """A Wasserstein step whose penalty is in the loss, and teaches nothing: create_graph=True was forgotten."""
    fake = generator(z)
    on_real, on_fake = critic(real), critic(fake)
    penalty = gradient_penalty(critic, real, fake, random.uniform((len(real), 1, 1, 1))).detach()
    d_loss, g_loss = mean(on_fake) - mean(on_real) + 10 * penalty, -mean(on_fake)
    d_grads, g_grads = grad(d_loss, critic.parameters()), grad(g_loss, generator.parameters())
    d_opt.step(d_grads)
    g_opt.step(g_grads)
    return d_loss, g_loss, penalty


RUNS = {  # letter: (diagnosis, recipe, steps, seed)
    "A": ("batch-norm-lag", quickstart(networks=(lambda: make_generator(4, 0.999), networks.quick_critic), lr=(5e-4, 5e-4), log_every=10), 200, 0),
    "B": ("critic-won", quickstart(lr=(1e-5, 5e-3), log_every=10), 300, 0),
    "C": ("healthy", recipes.get("gaussian2d", log_every=50), 2500, 1),
    "D": ("wasserstein-too-large", quickstart(step=penalty_without_history, critic_gives="score", lr=(1e-4, 1e-4), log_every=10), 200, 0),
    "E": ("checkerboard", quickstart(networks=(lambda: make_generator(3, 0.8), networks.quick_critic), lr=(1e-3, 1e-3), log_every=4), 64, 0),
    "F": ("loss-frozen", recipes.get("mlp-mnist", lr="1e-6,1e-2", log_every=10), 300, 0),
    "G": ("generator-collapsed", recipes.get("ring2d", lr="1e-1", log_every=20), 600, 0),
    "H": ("ranges-differ", quickstart(pixels="raw", log_every=10), 300, 0),
    "I": ("dead-units", quickstart(networks=(networks.quick_generator, relu_critic), lr=(2e-3, 5e-2), log_every=10), 300, 0),
    "J": ("critic-changed", quickstart(step=OneOptimizerForBoth(), log_every=10), 300, 0),
}  # fmt: skip


class Nowhere:
    """A run that keeps nothing."""

    folder = "nowhere"

    def nothing(self, *_, **__):
        return False

    add_row = add_text_logs = save_samples = save_checkpoint = drop_picture = keep_due = checkpoint_due = nothing


def trained(letter):
    """The trainer of that run, after it."""
    _, recipe, total, seed = RUNS[letter]
    trainer = Trainer(recipe, data.load("glyphs" if recipe.data == "mnist" else recipe.data, seed=seed), seed)
    trainer.watch.begun = True  # or it would try the step on copies first, and find what is wrong with J
    trainer.train(total, Nowhere(), progress=sys.stderr.isatty())
    return trainer


def record(letter):
    """{name in the archive: array} of that run."""
    kept, watch.KEPT = watch.KEPT, 10**9
    try:
        trainer = trained(letter)
    finally:
        watch.KEPT = kept
    real, made = (to_numpy(x) for x in trainer.seen)
    images = trainer.dataset.is_images
    found = {
        "history": numpy.array(trainer.watch.rows, numpy.float32),
        "ranges": numpy.array([real.min(), real.max(), made.min(), made.max()], numpy.float32),
        "real": trainer.dataset.samples[: SHOWN if images else POINTS],
    }
    for mode in ("inference", "train"):
        trainer.recipe = dataclasses.replace(RUNS[letter][1], sample_mode=mode)
        samples = to_numpy(trainer.samples() if images else trainer.samples(trainer.recipe.latent(POINTS)))
        found[mode] = as_bytes(samples[:SHOWN]) if images else samples
    return {f"{letter}/{name}": array for name, array in found.items()}


if __name__ == "__main__":
    archive = {}
    if clinic.FILE.exists():
        with numpy.load(clinic.FILE) as old:
            archive = {name: old[name] for name in old.files if name[0] in RUNS}
    for letter in sys.argv[1:] or RUNS:
        archive |= record(letter)
        print(f"{letter}: {RUNS[letter][0]}", flush=True)
    numpy.savez_compressed(clinic.FILE, **dict(sorted(archive.items())))
    print(f"{clinic.FILE.name}: {clinic.FILE.stat().st_size // 1000} KB")
