"""What the networks themselves tell: their samples, layers and weights.  Each function returns a Finding, or None.

Looking changes nothing: neither weights nor moving statistics, modes or the random stream.  Samples are arrays of the
backend, (N, H, W, C) or (N, D).
"""

import contextlib
import copy

import numpy

from nanogan import metrics, nn, ops
from nanogan.autograd import Tensor, grad, no_grad
from nanogan.backend import random, to_numpy, xp
from nanogan.gan.diagnosis.finding import Finding
from nanogan.gan.diagnosis.history import ALIKE, alike

OUTPUTS = {nn.Tanh: (-1.0, 1.0), nn.Sigmoid: (0.0, 1.0), nn.ReLU: (0.0, numpy.inf)}  # what a generator that ends so can reach
BEYOND = 0.05  # how far real samples may leave that, as a share of their own span
WITHIN = 0.4  # how much of it they may leave unused at either end
LAG = 0.35  # samples in training and in inference mode may differ by that share of the real samples' deviation, in the root mean square
EPS = 0.01  # batch norm's
DEAD = 0.5  # of the units of a layer
ONE_CLASS = 0.6  # of the samples, if of real ones less than half of that are of it
MISSED = 0.1  # of a mode's even share of the samples ...
NEAR = 0.25  # ... that lie no farther from it than that part of the way to the next mode
YOUNG = 16  # steps before which samples and units are not judged: those of every network are bad, and moving statistics far behind
MODES_STEPS = 2_000  # and before which a generator need not have found a mixture's modes


@contextlib.contextmanager
def untouched(*networks):
    """What happens to modes and moving statistics inside is undone, and the random stream is another one."""
    kept = [(part, part.training, {name: getattr(part, name).copy() for name in part.statistics}) for net in networks for _, part in net.modules()]
    try:
        with random.fork(0):
            yield
    finally:
        for part, training, statistics in kept:
            part.training = training
            for name, value in statistics.items():
                getattr(part, name)[...] = value


def layer_outputs(network, x):
    """[(name, layer, input, output)] of every layer that has no parts, in the order in which ``x`` goes through them."""
    seen = []

    def hook(name, layer):
        forward = layer.forward

        def noting(x, *rest):
            y = forward(x, *rest)
            seen.append((name, layer, x.data if isinstance(x, Tensor) else x, y.data))
            return y

        layer.forward = noting

    leaves = [(name, part) for name, part in network.modules() if not any(isinstance(v, nn.Module) for _, v in part.attributes())]
    try:
        for name, layer in leaves:
            hook(name or type(layer).__name__.lower(), layer)
        with no_grad():
            network(x)
    finally:
        for _, layer in leaves:
            vars(layer).pop("forward", None)
    return seen


def made(generator, noise, training=False, at_a_time=128):
    """Samples in one of the two modes; with batch statistics they depend on how many are made at a time."""
    with no_grad(), untouched(generator):
        generator.train(training)
        return xp.concatenate([generator(noise[i : i + at_a_time]).data for i in range(0, len(noise), at_a_time)])


def distances(x, y=None):
    """Euclidean distances between all of x, or from each of x to each of y: a float64 array on the host."""
    x = to_numpy(x).reshape(len(x), -1).astype(numpy.float64)
    y = x if y is None else to_numpy(y).reshape(len(y), -1).astype(numpy.float64)
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1) - 2 * x @ y.T
    return numpy.sqrt(numpy.maximum(squares, 0))


def spread(x):
    """The mean distance between two of x.

    >>> spread(numpy.array([[0.0], [3.0]]))
    3.0
    """
    return float(distances(x).sum() / max(1, len(x) * (len(x) - 1)))


# --- The sicknesses ---------------------------------------------------------------------------------------------------


def not_finite(generator, critic, noise, real=None):
    """The first layer that makes what is no number out of numbers, or that holds such weights."""
    with untouched(generator, critic), numpy.errstate(all="ignore"):
        for who, network, x in (("generator", generator, noise), ("critic", critic, real)):
            if x is None:
                continue
            for training in (True, False):
                for name, layer, _, y in layer_outputs(network.train(training), x):
                    weights = [key for key, value in layer.named_state() if not _finite(value.data if isinstance(value, Tensor) else value)]
                    if weights or not _finite(y):
                        why = f"its {' and '.join(weights)} are not finite" if weights else "its input is finite"
                        return Finding(
                            "not-finite",
                            f"the {who}'s layer {name} is the first to make values that are not finite ({why})",
                            "lower --lr, and train anew or go on from a checkpoint before that",
                            {"network": who, "layer": name, "weights": weights},
                        )
    return None


def _finite(array):
    return bool(xp.isfinite(array).all())


def ranges_differ(generator, noise, real):
    """Real samples that a generator which ends in tanh or sigmoid cannot make, or that leave most of what it can make unused.

    >>> generator = nn.Sequential(nn.Dense(2, 3), nn.Tanh())
    >>> noise = numpy.zeros((4, 2), "float32")
    >>> ranges_differ(generator, noise, real=numpy.array([[0.0, 128.0, 255.0]])).figures
    {'real': [0.0, 255.0], 'reach': [-1.0, 1.0]}
    """
    with untouched(generator):
        layers = layer_outputs(generator.eval(), noise[:4])
    last = next((layer for _, layer, _, _ in reversed(layers) if not isinstance(layer, (nn.Reshape, nn.Flatten))), None)
    low, high = OUTPUTS.get(type(last), (-numpy.inf, numpy.inf))
    least, most = float(real.min()), float(real.max())
    some, span = BEYOND * (most - least), high - low
    outside = least < low - some or most > high + some
    unused = numpy.isfinite(span) and (least > low + WITHIN * span or most < high - WITHIN * span)
    if not (outside or unused):
        return None
    return Finding(
        "ranges-differ",
        f"real samples lie in [{least:.3g}, {most:.3g}], and a generator that ends in {type(last).__name__} makes values in [{low:.3g}, {high:.3g}]: "
        "a critic tells them apart by that alone, or, behind a first batch norm, is blind to brightness and contrast",
        "scale the data to what the generator makes (--set pixels=scaled)",
        {"real": [least, most], "reach": [low, high if numpy.isfinite(high) else None]},
    )


def large_eps(*networks):
    """Batch norm with an eps of the size of a variance: a momentum that was given in its place."""
    eps = max((part.eps for net in networks for _, part in net.modules() if isinstance(part, nn.BatchNorm)), default=0)
    if not eps > EPS:
        return None
    return Finding(
        "batch-norm-eps",
        f"batch norm's eps is {eps:g}: added to variances of about 1, it shrinks what it should normalise",
        "give it as momentum, if that was meant, and leave eps at 1e-3 or 1e-5",
        {"eps": eps},
    )


def wrong_mode(generator, critic):
    """A network that is in inference mode as training begins, where batch norm takes moving statistics, and nothing moves them."""
    for whose, network in (("generator", generator), ("critic", critic)):
        if any(isinstance(part, nn.BatchNorm) and not part.training for _, part in network.modules()):
            return Finding(
                "batch-norm-lag",
                f"the {whose} is in inference mode as training begins: its batch norm takes moving statistics, and nothing moves them",
                f"call {whose}.train() before the first step",
                {"network": whose},
            )
    return None


def batch_norm_lag(generator, noise, real):
    """Samples that differ between training mode (statistics of the batch) and inference mode (moving statistics).

    All of ``noise`` is one batch: a small one's statistics are off by chance, however good the moving ones are.
    """
    norms = [part for _, part in generator.modules() if isinstance(part, nn.BatchNorm)]
    if not norms:
        return None
    trained, inferred = made(generator, noise, True, len(noise)), made(generator, noise)
    lag = float(to_numpy(((trained - inferred) ** 2).mean())) ** 0.5 / max(float(to_numpy(real.std())), 1e-12)
    if not lag > LAG:
        return None
    momentum = max(norm.momentum for norm in norms)
    patience = f"train on, for they forget their start only after some {3 / (1 - momentum):.0f} steps" if momentum < 1 else "lower the momentum"
    return Finding(
        "batch-norm-lag",
        f"one z gives two images: samples in inference mode differ from those in training mode by {lag:.2f} of the data's deviation, because batch "
        f"norm's moving statistics (momentum {momentum:g}) are not those of the batches",
        f"{patience}, or look in training mode (--set sample_mode=train)",
        {"lag": lag, "momentum": momentum},
    )


def generator_collapsed(samples, real, labels=None, classify=None):
    """Samples all alike, or nearly all of one class.  labels: of the real ones; classify: what gives images classes, else the nearest real one's."""
    n = min(500, len(samples), len(real))
    ratio = spread(samples[:n]) / max(spread(real[:n]), 1e-12)
    share, found, usual, sure = _commonest(samples, real, labels, classify)
    like = f", and {share:.0%} of them {'are' if sure else 'look like'} class {found}, of the real ones {usual:.0%}" if found is not None else ""
    if ratio < ALIKE or (found is not None and share > ONE_CLASS and usual < share / 2):
        finding = alike(ratio, like=like)
    else:
        return None
    finding.figures.update({"class": found, "share": share, "real_share": usual} if found is not None else {})
    return finding


def _commonest(samples, real, labels, classify):
    """(share, class, its share of real ones, whether a classifier said so) of the class that most samples belong to."""
    if labels is None or real.ndim != 4:
        return None, None, None, False
    if classify:
        classes, usual = classify(samples), classify(real)
    else:
        classes, usual = numpy.asarray(labels)[metrics.nearest(samples, real)[1]], numpy.asarray(labels)
    values, counts = numpy.unique(classes, return_counts=True)
    found = int(values[counts.argmax()])
    return float(counts.max() / len(classes)), found, float((usual == found).mean()), classify is not None


def modes_missing(samples, centres, std):
    """Modes of a mixture near which hardly a sample lies.  centres: (K, D), K of 2 or more, and std of each, as ``metrics.mode_coverage`` takes them.

    That counts those that are hit, which come and go while a generator still learns where exactly they are; those that are missed do not.

    >>> modes_missing(numpy.zeros((9, 2)), numpy.array([[0, 0], [5, 5]]), std=0.1).figures
    {'missing': 1, 'of': 2, 'hit': 1, 'samples': 9}
    """
    n, K = len(samples), len(centres)
    far = distances(samples, centres)  # (n, K)
    gap = distances(centres)[~numpy.eye(K, dtype=bool)].min()
    near = numpy.bincount(far.argmin(axis=1)[far.min(axis=1) <= NEAR * gap], minlength=K)  # (K,)
    missing = int((near < MISSED * n / K).sum())
    if not missing:
        return None
    hit, _ = metrics.mode_coverage(samples, centres, std)
    return Finding(
        "modes-missing",
        f"{missing} of {K} modes are missing: near each of them lies less than a tenth of its share of {n:,} samples (within three deviations "
        f"of their centres {hit} are hit)",
        "train anew with a lower --lr or another objective (--set objective=least-squares); to train on seldom brings them back",
        {"missing": missing, "of": K, "hit": hit, "samples": n},
    )


def critic_changed(step, generator, critic, g_opt, d_opt, batches, options):
    """One training step, on copies: with the critic's optimiser held still the critic must stay as it is, and what that
    optimiser is given must not be the gradient of the generator's loss.

    batches: what the step takes after the optimisers; options: its keyword arguments.
    """
    moved = _moved_by_others(step, *copy.deepcopy((generator, critic, g_opt, d_opt)), batches, options)
    if moved:
        (name, far), more = max(moved.items(), key=lambda item: item[1]), len(moved) - 1
        what = f"{name}{f' and {more} more' if more else ''} moved by up to {far:.2g} while the critic's own optimiser was held still"
    elif _learns_for_the_generator(step, *copy.deepcopy((generator, critic, g_opt, d_opt)), batches, options):
        what = "its optimiser is given the gradient of the generator's loss, which teaches it to be fooled"
    else:
        return None
    return Finding(
        "critic-changed",
        f"the generator's step changes the critic: {what}",
        "give the generator's optimiser generator.parameters() alone, and take its gradient with grad(g_loss, generator.parameters())",
        {"moved": moved},
    )


def _moved_by_others(step, generator, critic, g_opt, d_opt, batches, options):
    """{weight of the critic: how far it moved}, though its optimiser did nothing."""
    before = critic.state_dict()
    with random.fork(0), numpy.errstate(all="ignore"):
        step(generator, critic, g_opt, _Idle(d_opt), *batches, **options)
    after = critic.state_dict()
    far = {name: float(abs(after[name] - before[name]).max()) for name, _ in critic.named_parameters()}
    return {name: most for name, most in far.items() if most > 0}


def _learns_for_the_generator(step, generator, critic, g_opt, d_opt, batches, options):
    """Whether the critic's optimiser is given what lowers the generator's loss."""
    idle = _Idle(d_opt)
    with random.fork(0), numpy.errstate(all="ignore"):
        _, g_loss, *_ = step(generator, critic, _Idle(g_opt), idle, *batches, **options)
        if not isinstance(g_loss, Tensor) or g_loss.node is None:
            return False
        wrong = _direction(grad(g_loss, critic.parameters()))
    return any(float(_direction(grads) @ wrong) > 0.999 for grads in idle.given)


def _direction(grads):
    """All of them as one vector of length 1, float64 on the host."""
    flat = numpy.concatenate([to_numpy(getattr(g, "data", g)).ravel() for g in grads]).astype(numpy.float64)
    return flat / max(float(numpy.linalg.norm(flat)), 1e-300)


class _Idle:
    """An optimiser that does nothing but keep what it is given."""

    def __init__(self, optimizer):
        self.optimizer, self.given = optimizer, []

    def step(self, grads=None):
        self.given += [grads] if grads is not None else []

    def __getattr__(self, name):
        return getattr(self.optimizer, name)


def dead_units(network, x, who):
    """ReLU units that are 0 on every one of x: no gradient reaches what is before them.  x: all that ``network``, ``who``, is trained on."""
    worst = None
    with untouched(network):
        for name, layer, _, y in layer_outputs(network.eval(), x):
            if getattr(layer, "slope", None) != 0:
                continue
            dead = int(to_numpy((y.reshape(-1, y.shape[-1]).max(axis=0) <= 0).sum()))
            if dead > DEAD * y.shape[-1] and (worst is None or dead / y.shape[-1] > worst[1] / worst[2]):
                worst = name, dead, y.shape[-1]
    if worst is None:
        return None
    name, dead, units = worst
    return Finding(
        "dead-units",
        f"{dead:,} of {units:,} units of the {who}'s {name} are 0 on every one of {len(x)} samples, so nothing before them learns",
        "lower --lr, or use LeakyReLU, which lets a gradient through on both sides",
        {"network": who, "layer": name, "dead": dead, "units": units, "samples": len(x)},
    )


def slope(critic, real, fake):
    """The mean norm of the critic's gradient between real and generated samples, as many of each as there are of both, in training mode."""
    n = min(len(real), len(fake))
    real, fake = real[:n], fake[:n]
    with untouched(critic):
        critic.train()
        alpha = random.uniform((len(real), *(1 for _ in real.shape[1:])))
        x = Tensor(alpha * real + (1 - alpha) * fake, requires_grad=True)
        dx = grad(ops.sum(critic(x)), x).data
    return float(to_numpy(xp.sqrt((dx.reshape(len(dx), -1) ** 2).sum(axis=1)).mean()))
