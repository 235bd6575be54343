"""The recipes: everything that a training run needs to know, by name.

    recipe = get("mlp-mnist")
    generator, critic = recipe.build()
    mended = get("wgan-gp-mnist", gp_mode="train", batch_size=64)

A recipe follows its course text to the letter.  Its docstring names the text and what is odd in it: what
is kept, and which option mends it.  The arguments of its function are the options that only it has.
"""

import functools

from nanogan.backend import NanoganError
from nanogan.gan import networks, steps
from nanogan.gan.command import did_you_mean
from nanogan.gan.objectives import OBJECTIVES
from nanogan.gan.recipe import Recipe, configure


def gaussian2d():
    """A linear generator learns a 2-D Gaussian (text 003).

    Every parameter, biases included, starts at N(0, 0.02**2), so the generator's first samples are all
    near 0.  The critic learns ten times faster.  The losses end near 0.69 whether the generator has
    learned or not: look at the points (100 fresh ones each epoch), or at the Wasserstein distance that
    the run prints.
    """
    return Recipe(
        name="gaussian2d", source="003, first part", data="gaussian2d", latent_shape=(2,), image_shape=(2,), batch_size=8,
        length=("epochs", 20), networks=(networks.gaussian_generator, networks.gaussian_critic), step=steps.d2l_step,
        lr=(0.005, 0.05), log_every=25, grid=(10, 10), sample_noise="fresh", epoch_seconds=0.09,
    )  # fmt: skip


def mlp_mnist(g_loss="cross-entropy"):
    """A multilayer perceptron draws MNIST digits (text 002, written for Keras 2).

    Kept from the text: batch norm after the activation; images for the critic from the generator in
    inference mode; two critic steps, on real and on generated images; batches drawn with replacement;
    one Adam compiled into both networks, whose step counter therefore runs three times as fast; the
    loss from a probability clipped to [1e-7, 1 - 1e-7] (TensorFlow 2.15 finds the sigmoid's logits
    again and does not clip; up to a loss of 16.1 that is the same).  The text says "epoch" for an iteration.  Moving variances follow
    TensorFlow 2.15 (biased; Keras 2 used n/(n-1-eps), 3.2 % more at 32 samples).  Pictures are of fresh
    noise, 640 x 480 pixels; d_loss.txt, d_acc.txt and g_loss.txt get a line every 100 iterations.
    g_loss: the text also lists "mse" and "poisson" for its generator.
    """
    return Recipe(
        name="mlp-mnist", source="002", data="mnist", latent_shape=(100,), image_shape=(28, 28, 1), batch_size=32,
        length=("steps", 30_001), networks=(networks.mlp_generator, networks.mlp_critic), step=steps.two_batch_step,
        lr=(2e-4, 2e-4), beta1=0.5, eps=1e-7, eps_hat=True, shared_counter=True, latents=2, critic_gives="probability",
        with_replacement=True, step_options={"objective": g_loss}, log_every=100, sample_every=("iterations", 3000), grid=(5, 5), picture=(640, 480),
        sample_noise="fresh", loss_figure="points", text_log=100, epoch_seconds=21,
    )  # fmt: skip


def dcgan_mnist(objective="non-saturating"):
    """A small DCGAN draws MNIST digits (text 000).

    Kept from the text: both gradients are taken before either optimiser moves; the rate of 1e-5,
    which is slow (--lr 2e-4 --beta1 0.5 gives digits in six epochs); the last batch of 96.
    Mended: the losses come from logits, where the text's log of an unclipped sigmoid can reach infinity;
    objective=probabilities is the text's form, objective=double-sigmoid its two unused losses.
    Batch norm's momentum of 0.99 still holds 9 % of its initial statistics after one epoch, so that
    pictures of the first epoch, drawn in inference mode, look broken when nothing is.
    """
    return Recipe(
        name="dcgan-mnist", source="000", data="mnist", latent_shape=(20,), image_shape=(28, 28, 1), batch_size=256,
        length=("epochs", 100), networks=(networks.dcgan_generator, networks.dcgan_critic),
        **_objective(objective, steps.simultaneous_step, order="simultaneous"),
        lr=(1e-5, 1e-5), eps=1e-7, eps_hat=True, sample_every=("epochs", 5), grid=(4, 4), picture=(400, 400), loss_figure="panels",
        epoch_seconds=70,
    )  # fmt: skip


def _objective(objective, usual, **options):
    """The fields of a recipe that depend on its objective; the usual one has a step that spells it out."""
    if objective == "non-saturating":
        return {"step": usual}
    return {
        "step": steps.objective_step, "step_options": {"objective": objective} | options,
        "critic_gives": OBJECTIVES[objective].critic_gives,
    }  # fmt: skip


def dcgan_pokemon(bn_init="normal", slope=0.2, alpha="drop", background="white"):
    """A DCGAN draws 64 x 64 sprites in colour (text 001); give a folder of images with --data.

    Kept from the text, whose PyTorch tab this follows: every parameter starts at N(0, 0.02**2), batch
    norm's gammas too, whose mean is then 0 (bn_init=ones is the MXNet tab, bn_init=around-one the DCGAN
    paper); batch norm in the critic's first layer, though the summary says there is none; losses summed
    over the batch; a rate of 0.005, at which the critic wins (--lr 5e-4, as the TensorFlow tab has it,
    is the better one); the generator run twice on one z; 3 x 7 pictures of fresh noise in training mode.
    Transparency is dropped, so that the colour under it shows (alpha=composite puts the image on a
    background).  Mended: drawing pictures leaves the moving statistics alone.
    slope: of the critic's leaky ReLU; 0 is the text's first exercise.
    """
    return Recipe(
        name="dcgan-pokemon", source="001", data="sprites", **_d2l(bn_init, slope), data_options={"alpha": alpha, "background": background},
        epoch_seconds=110,
    )  # fmt: skip


def dcgan_fifa(bn_init="normal", slope=0.2, alpha="mask", background="white"):
    """The same on faces of footballers, cut out (text 003, second part); give a folder of images with --data.

    Kept from the text: colours are multiplied by (alpha > 50), so that what is nearly transparent is
    black; and pixels stay in 0...255, while the generator's tanh cannot leave [-1, 1].  The batch norm
    behind the critic's first convolution hides the difference from it, and with it brightness and contrast
    from the generator, which never learns them: pixels=scaled mends it.  All else, bn_init, slope, alpha and
    background too, is as in dcgan-pokemon.
    """
    return Recipe(
        name="dcgan-fifa", source="003, second part", data="sprites", **_d2l(bn_init, slope),
        data_options={"alpha": alpha, "background": background}, pixels="raw", epoch_seconds=110,
    )  # fmt: skip


def _d2l(bn_init, slope):
    return {
        "latent_shape": (1, 1, 100), "image_shape": (64, 64, 3), "batch_size": 256, "length": ("epochs", 20),
        "networks": (functools.partial(networks.d2l_generator, bn_init=bn_init), functools.partial(networks.d2l_critic, bn_init=bn_init, slope=slope)),
        "step": steps.d2l_step, "lr": (0.005, 0.005), "beta1": 0.5, "log_every": 10, "grid": (3, 7), "real_grid": (4, 5), "sample_noise": "fresh", "sample_mode": "train",
    }  # fmt: skip


def dcgan_k5_mnist(objective="non-saturating"):
    """Text 004's networks, with the cross-entropy that its first half explains.

    Critic and generator alternate; Adam at 2e-4 with beta1 0.5 for both.  The choice of optimiser and
    length is nanogan's: the text trains these networks as wgan-gp-mnist only.  objective: another loss.
    """
    return Recipe(
        name="dcgan-k5-mnist", source="004, networks", data="mnist", **_K5, length=("epochs", 20), batch_size=128,
        networks=(networks.k5_generator, networks.k5_critic), **_objective(objective, steps.dcgan_step), lr=(2e-4, 2e-4), beta1=0.5, epoch_seconds=470,
    )  # fmt: skip


_K5 = {
    "latent_shape": (20,), "image_shape": (28, 28, 1), "latent_distribution": "uniform",
    "grid": (8, 16), "strip": (1, 2, 4, 10, 50, 100), "strip_reverse": True,
}  # fmt: skip


def wgan_gp_mnist(gp_mode="inference", penalty_weight=10.0, n_critic=1, batch_norm=True, dropout=0.3):
    """A Wasserstein GAN with gradient penalty draws MNIST digits (text 004).

    Kept from the text: batch norm in the critic, which a per-sample penalty does not go with
    (batch_norm=false, or the recipe wgan-gp-paper); the penalty taken in inference mode, so that it
    bounds another network than the one trained (gp_mode=train); one critic step to one of the generator
    (n_critic=5), both from one forward pass, so under the same dropout masks; biases before batch norm; a shuffle
    buffer of 10,000 of the 60,000 images (shuffle_buffer=0 shuffles all); the last, smaller batch left out.
    penalty_weight: lambda.  Mended: the norm is safe at a gradient of 0, where the text's square root gives NaN.
    """
    one = n_critic == 1
    return Recipe(
        name="wgan-gp-mnist", source="004", data="mnist", **_K5, length=("epochs", 100), batch_size=128,
        networks=(networks.k5_generator, functools.partial(networks.k5_critic, batch_norm=batch_norm, dropout=dropout)),
        step=steps.wgan_gp_step if one else steps.n_critic_step, n_critic=0 if one else n_critic, latents=1 if one else n_critic + 1,
        step_options={"gp_mode": gp_mode, "penalty_weight": penalty_weight}, critic_gives="score",
        lr=(2e-4, 2e-4), eps=1e-7, eps_hat=True, shuffle_buffer=10_000, drop_last=True, epoch_seconds=600,
    )  # fmt: skip


def wgan_gp_paper(gp_mode="train", penalty_weight=10.0, n_critic=5, batch_norm=False, dropout=0.0):
    """WGAN-GP as its paper has it (Gulrajani et al. 2017, algorithm 1), with text 004's networks.

    No batch norm and no dropout in the critic (batch_norm, dropout); five critic steps, each on fresh samples,
    to one of the generator (n_critic); the penalty on the network that is trained (gp_mode), times 10
    (penalty_weight); Adam(1e-4, 0, 0.9).  A step here is one of the generator: it takes five batches.
    """
    return Recipe(
        name="wgan-gp-paper", source="the WGAN-GP paper", data="mnist", **_K5, length=("epochs", 100), batch_size=64,
        networks=(networks.k5_generator, functools.partial(networks.k5_critic, batch_norm=batch_norm, dropout=dropout)),
        step=steps.n_critic_step, n_critic=n_critic, latents=n_critic + 1, step_options={"gp_mode": gp_mode, "penalty_weight": penalty_weight},
        critic_gives="score", lr=(1e-4, 1e-4), beta1=0.0, beta2=0.9, drop_last=True, epoch_seconds=500,
    )  # fmt: skip


def ring2d(objective="non-saturating", width=128):
    """Eight Gaussians on a circle: does the generator find them all?

    The usual test of mode collapse: radius 2, deviation 0.02.  The run prints how many modes were found,
    and the share of samples within three deviations of one.  objective: another loss; width: of both networks.
    """
    return Recipe(name="ring2d", data="ring2d", **_planar(objective, width))


def grid2d(objective="non-saturating", width=128):
    """Twenty-five Gaussians on a 5 x 5 grid of spacing 2, deviation 0.05; objective, width and all else as ring2d."""
    return Recipe(name="grid2d", data="grid2d", **_planar(objective, width))


def _planar(objective, width):
    return {
        "source": "the usual test", "latent_shape": (2,), "image_shape": (2,), "batch_size": 512, "length": ("steps", 25_000),
        "networks": (functools.partial(networks.planar_generator, width=width), functools.partial(networks.planar_critic, width=width)),
        **_objective(objective, steps.dcgan_step), "lr": (1e-3, 1e-3), "beta1": 0.5, "log_every": 100, "sample_every": ("steps", 1000),
        "grid": (20, 50), "epoch_seconds": 0.5,
    }  # fmt: skip


def quickstart(objective="non-saturating"):
    """A small DCGAN draws digits in about a minute, with no download (nanogan's own).

    Its data are glyphs, digits drawn with the fonts that matplotlib ships.  Over the last half of the run
    both learning rates fall to 0 in a straight line, which gives rare digits their share.  objective: another loss.
    """
    return Recipe(
        name="quickstart", source="nanogan's own", data="glyphs", latent_shape=(32,), image_shape=(28, 28, 1), batch_size=32,
        length=("steps", 3600), networks=(networks.quick_generator, networks.quick_critic), **_objective(objective, steps.dcgan_step),
        lr=(2e-3, 5e-4), beta1=0.5, decay=0.5, log_every=50, sample_every=("steps", 600), grid=(6, 10), epoch_seconds=3.5,
    )  # fmt: skip


MAKERS = (
    quickstart, gaussian2d, mlp_mnist, dcgan_mnist, dcgan_pokemon, dcgan_fifa, dcgan_k5_mnist, wgan_gp_mnist, wgan_gp_paper, ring2d, grid2d,
)  # fmt: skip
RECIPES = {make().name: make for make in MAKERS}


def names():
    """The names of all recipes.

    >>> names()[:4]
    ['quickstart', 'gaussian2d', 'mlp-mnist', 'dcgan-mnist']
    """
    return list(RECIPES)


def get(name, /, **options):
    """The recipe called ``name``, with options set; a value may be given as text, as from a command line.

    Raises NanoganError for a name, an option or a value that is not known, and names the nearest.

    >>> get("mlp-mnist").batch_size
    32
    >>> get("wgan-gp-mnist", gp_mode="train").step_options["gp_mode"]
    'train'
    """
    if name not in RECIPES:
        raise NanoganError(f"no recipe {name!r}; {did_you_mean(name, RECIPES)}the recipes are {', '.join(RECIPES)}")
    return configure(RECIPES[name], options)
