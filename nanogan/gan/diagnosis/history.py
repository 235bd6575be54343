"""What the rows of a run's history tell: each function looks at them and returns a Finding, or None.

    finding = critic_has_won(read_history("runs/quickstart-1/history.csv"))

A history is {column: float64 array}, a row every log interval, NaN for what a recipe does not have.  A sickness counts while it
lasts, that is, if it holds in the last rows, and has held long enough not to be the start of a run or chance.
"""

import itertools
import math

import numpy

from nanogan.gan.diagnosis.finding import Finding

SURE = 0.98  # a critic that is right more often than that, on real and on generated samples, in the mean over a row's steps ...
REJECTED = 0.02  # ... and that gives generated ones no more probability, has won, if it goes on for ...
WON_ROWS, WON_STEPS = 5, 100  # ... that many rows in a row and that many steps
FROZEN_ROWS = 3  # rows in which a loss stands at a clip value ...
FROZEN_WITHIN = 0.01  # ... within that share of it ...
NO_GRADIENT = 1e-3  # ... and its gradient's norm, which is that of one step a row, is in the median below that
CLIPS = {"-log(1e-7)": -math.log(1e-7), "-log(1 - float32(1 - 1e-7))": 23 * math.log(2), "-log(1e-6)": -math.log(1e-6)}
TWICE = math.log1p(math.exp(-1)) + math.log(2), math.log(2)  # (critic's, generator's) loss, sigmoid taken twice, once the critic is certain
TWICE_WITHIN = 0.005
LARGE_ROWS, LARGE_STEPS = 3, 50  # that many rows at the end, or a fifth of them, hold a Wasserstein estimate too large in the median; not before
ALIKE = 0.25  # generated samples whose mean distance is below that share of the real ones' are all alike ...
ALIKE_ROWS, ALIKE_STEPS = 15, 200  # ... if it is so for that many rows in a row and that many steps: every run begins with it


def from_history(history, critic_gives="logit", diameter=None):
    """All findings in ``history``.  critic_gives: as the recipe has it; diameter: the largest distance between samples, if it is known."""
    found = [not_finite(history), loss_frozen(history) if critic_gives in ("logit", "probability") else None]
    if critic_gives == "score":
        found.append(wasserstein_too_large(history, diameter) if diameter else None)
    else:
        found.append(critic_has_won(history))
    return [finding for finding in [*found, collapsed(history)] if finding]


def lasting(sick, steps, rows, over=0):
    """The first step of the rows at the end in which ``sick`` holds, if there are at least ``rows``, over at least ``over`` steps; else None.

    The first row of all stands for as many steps as the second: a history can begin where a run was resumed.

    >>> lasting(numpy.array([True, False, True, True]), numpy.array([10, 20, 30, 40]), rows=2)
    30
    """
    healthy = numpy.flatnonzero(~sick)
    start = healthy[-1] + 1 if len(healthy) else 0
    if len(sick) - start < rows:
        return None
    first = max(0, 2 * steps[0] - steps[1]) if len(steps) > 1 else 0
    before = steps[start - 1] if start else first
    if steps[-1] - before < over:
        return None
    return int(steps[start])


def critic_has_won(history):
    """The critic tells every real from every generated sample, which leaves the generator little to learn from.

    >>> ten = numpy.ones(10)
    >>> rows = {"step": 50 * numpy.arange(1, 11), "d_acc_real": ten, "d_acc_fake": ten, "d_fake": 0 * ten, "g_loss": 9 * ten, "g_grad_norm": ten}
    >>> critic_has_won(rows).since
    50
    """
    h = history
    steps, right = h["step"], numpy.fmin(h["d_acc_real"], h["d_acc_fake"])
    since = lasting((right > SURE) & (h["d_fake"] < REJECTED), steps, WON_ROWS, WON_STEPS)
    if since is None:
        return None
    at = steps >= since
    norms = h["g_grad_norm"]
    figures = {"accuracy": float(right[at].min()), "d_fake": float(h["d_fake"][-1]), "g_loss": float(h["g_loss"][-1]),
               "g_grad_norm": float(norms[-1]), "g_grad_norm_most": float(numpy.nanmax(norms)), "rows": int(at.sum())}  # fmt: skip
    fallen = figures["g_grad_norm"] < 0.1 * figures["g_grad_norm_most"]
    gradient = f", and the generator's gradient has fallen from {figures['g_grad_norm_most']:.3g} to {figures['g_grad_norm']:.3g}" if fallen else ""
    return Finding(
        "critic-won",
        f"the critic has won: it is right on {figures['accuracy']:.0%} of samples, at least, in each of {figures['rows']} rows, D(G(z)) is "
        f"{figures['d_fake']:.2g} and the generator's loss {figures['g_loss']:.3g}{gradient}",
        "lower the critic's rate (--lr G,C takes two), and look whether real and generated samples have one range",
        figures, since,
    )  # fmt: skip


def loss_frozen(history):
    """A loss that stands where a probability is clipped (or a sigmoid taken twice), with no gradient left."""
    h = history
    for (who, letter), (other, others) in itertools.permutations((("generator", "g"), ("critic", "d"))):
        loss, norms = h[f"{letter}_loss"], h[f"{letter}_grad_norm"]
        for name, clip in sorted(CLIPS.items(), key=lambda item: abs(item[1] - loss[-1])):
            for share in (1, 0.5, 2) if letter == "d" else (1,):  # of two losses, of which one is 0, the mean; both, the sum
                since = lasting(abs(loss - share * clip) < FROZEN_WITHIN * share * clip, h["step"], FROZEN_ROWS)
                if since is not None and (norm := float(numpy.median(norms[h["step"] >= since]))) < NO_GRADIENT:
                    figures = {"loss": float(loss[-1]), "clip": share * clip, "grad_norm": norm}
                    times = {1: "", 0.5: "half of ", 2: "twice "}[share]
                    beside = "" if abs(figures["loss"] - figures["clip"]) < 0.01 else "beside "
                    return Finding(
                        "loss-frozen",
                        f"the {who}'s loss is frozen at {figures['loss']:.2f}, {beside}{times}the clip value {name} = {clip:.2f}: the critic's sigmoid "
                        f"is saturated, and no gradient passes (norm {figures['grad_norm']:.1g}); the {other}'s loss is {h[f'{others}_loss'][-1]:.2f}",
                        "compute the loss from logits (ops.sigmoid_bce), lower the critic's rate, and see that labels are not swapped",
                        figures, since,
                    )  # fmt: skip
    twice = (abs(h["d_loss"] - TWICE[0]) < TWICE_WITHIN) & (abs(h["g_loss"] - TWICE[1]) < TWICE_WITHIN)
    since = lasting(twice, h["step"], FROZEN_ROWS)
    if since is None or not numpy.median(h["g_grad_norm"][h["step"] >= since]) < NO_GRADIENT:
        return None
    return Finding(
        "loss-frozen",
        f"the losses are frozen at {h['d_loss'][-1]:.4f} and {h['g_loss'][-1]:.4f}, the limits of a sigmoid that is taken twice (1.0064, 0.6931)",
        "give the loss logits, or probabilities to binary_cross_entropy (--set objective=non-saturating)",
        {"d_loss": float(h["d_loss"][-1]), "g_loss": float(h["g_loss"][-1])}, since,
    )  # fmt: skip


def wasserstein_too_large(history, diameter):
    """The mean score of real samples less that of generated ones: with a slope of at most 1 it cannot exceed the distance between them."""
    h = history
    estimate, last = h["d_real"] - h["d_fake"], max(LARGE_ROWS, len(h["step"]) // 5)
    if len(estimate) < LARGE_ROWS or h["step"][-1] < LARGE_STEPS or not numpy.median(estimate[-last:]) > diameter:
        return None
    since = lasting(estimate > diameter, h["step"], 1) or int(h["step"][-last:][estimate[-last:] > diameter][0])
    figures = {"estimate": float(numpy.median(estimate[-last:])), "diameter": float(diameter), "penalty": float(numpy.median(h["penalty"][-last:]))}
    return Finding(
        "wasserstein-too-large",
        f"the Wasserstein estimate is {figures['estimate']:.3g}, and no two samples are further apart than {figures['diameter']:.3g}: "
        f"the critic is at least {figures['estimate'] / figures['diameter']:.1f} times steeper than 1, so the penalty is not acting",
        "take the penalty on the network that is trained (--set gp_mode=train) without batch norm in the critic (--set batch_norm=false)",
        figures, since,
    )  # fmt: skip


def collapsed(history):
    """Generated samples all alike, by the column ``spread``: their mean distance as a share of that of real ones."""
    if "spread" not in history:
        return None
    since = lasting(history["spread"] < ALIKE, history["step"], ALIKE_ROWS, ALIKE_STEPS)
    if since is None:
        return None
    return alike(float(history["spread"][-1]), since)


def alike(spread, since=None, like=""):
    """The Finding of samples that are ``spread`` times as far apart as real ones; like: what they look like, in words."""
    apart = f"{spread:.2g} times as far apart as real ones" if spread >= 0.005 else "all the same"
    return Finding(
        "generator-collapsed",
        f"the generator has collapsed: its samples are {apart}{like}",
        "lower --lr, give the critic more steps or a higher rate than the generator, and train anew or from an earlier checkpoint",
        {"spread": spread}, since,
    )  # fmt: skip


def not_finite(history):
    """A loss that is infinite or no number."""
    bad = ~numpy.isfinite(history["d_loss"]) | ~numpy.isfinite(history["g_loss"])
    if not bad.any():
        return None
    i = int(numpy.flatnonzero(bad)[0])
    figures = {"d_loss": str(history["d_loss"][i]), "g_loss": str(history["g_loss"][i])}
    return Finding(
        "not-finite",
        f"the losses are no longer finite (D {figures['d_loss']} G {figures['g_loss']})",
        "lower --lr, compute losses from logits, and train anew or go on from a checkpoint before that",
        figures, int(history["step"][i]),
    )  # fmt: skip
