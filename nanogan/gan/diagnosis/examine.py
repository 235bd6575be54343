"""A whole run, looked at afterwards: its history, its networks, and hundreds of samples in both modes.

    report = of_run("runs/quickstart-1")
    report["findings"]                     # [] if it is healthy

What can be found is listed in ``finding.py``; the command is ``nanogan/diagnose.py``.
"""

import dataclasses
import math
import os
import pathlib
import time
import zlib

import numpy

from nanogan import data, viz
from nanogan.backend import NanoganError, asarray, random, to_numpy, xp
from nanogan.gan import checkpoint, config, recipes
from nanogan.gan.diagnosis import history, lattice, networks
from nanogan.gan.diagnosis.finding import NAMES
from nanogan.gan.diagnosis.watch import one_step
from nanogan.gan.evaluation import MNIST
from nanogan.gan.run import damaged_line, pictures_in, read_history, step_of
from nanogan.gan.trainer import Trainer
from nanogan.metrics import lenet

SAMPLES = 256
POINTS = 2_500  # samples in which modes are counted
REPLAY_SECONDS = 20  # for the steps between a checkpoint and a loss that is no number
PICTURES = 100  # of a run that are looked through for when it collapsed, from the first to the last


def of_run(folder, n=SAMPLES):
    """{"run", "recipe", "steps", "history", "networks", "findings", "left_out"}: of which steps the last row of history and the networks are
    (None where there are none), the later of both, a list of Findings in the order of NAMES, and what could not be looked at, and why.

    n: how many samples are drawn.  Raises NanoganError where ``folder`` holds no run, or nothing but a damaged checkpoint.  The random stream
    stays as it is.
    """
    folder = pathlib.Path(os.path.expanduser(folder))
    if not os.path.isdir(folder):
        raise NanoganError(f"{folder} is no folder; name that of a run, such as runs/quickstart-1")
    if not (folder / "config.json").exists():
        raise NanoganError(f"{folder} holds no run (there is no config.json in it); name the folder of one, such as runs/quickstart-1")
    with random.fork(0):  # a trainer seeds it
        return _of_run(folder, n)


def _of_run(folder, n):
    settings = config.read(folder)
    recipe = recipes.get(settings["recipe"], **settings.get("options", {}))
    rows, left_out = _history(folder, recipe)
    trainer = None
    try:
        trainer, why = _trainer(settings, recipe, folder)
    except NanoganError as error:
        if not rows:  # nothing to judge by
            raise
        why = [f"networks and samples are not judged: {error}"]
    left_out += why
    networks_at, history_to = trainer and trainer.steps, rows and int(rows["step"][-1])
    found, diameter = examine(trainer, n, folder) if trainer else ([], None)
    if rows:
        found += _with_slope(history.from_history(rows, recipe.critic_gives, diameter), trainer, n)
        found = [_replayed(finding, trainer, settings) if trainer and finding.name == "not-finite" else finding for finding in found]
    return {"run": str(folder), "recipe": recipe.name, "steps": max(history_to or 0, networks_at or 0), "history": history_to,
            "networks": networks_at, "findings": ordered(found), "left_out": left_out}  # fmt: skip


def _history(folder, recipe):
    """(the rows, or None; reasons why not all is judged by them)."""
    path = folder / "history.csv"
    if not path.is_file():
        return None, ["there is no history.csv: losses are not judged"]
    rows, damaged = read_history(path), damaged_line(path)
    if not len(rows["step"]):
        return None, [f"history.csv {f'is damaged at line {damaged} and ' if damaged else ''}holds no row: losses are not judged"]
    why = [f"history.csv is damaged at line {damaged}: what is no row is not judged"] if damaged else []
    if recipe.critic_gives == "score":
        what, first = "a Wasserstein estimate that is too large", max(history.LARGE_STEPS, history.LARGE_ROWS * recipe.log_every)
    else:
        what, first = "a critic that has won", max(history.WON_STEPS, history.WON_ROWS * recipe.log_every)
    if rows["step"][-1] < first:
        why.append(f"young run, history to step {rows['step'][-1]:.0f}: {what} is not looked for before step {first:,}")
    return rows, why


def _trainer(settings, recipe, folder):
    """(the run's trainer as it was at the checkpoint, or None; reasons why not all is judged by it).  Raises NanoganError for one that is damaged."""
    path = folder / "checkpoint.npz"
    if not path.exists():
        return None, ["there is no checkpoint.npz: networks and samples are not judged"]
    header, arrays = checkpoint.load(path)
    if header.get("recipe", recipe.name) != recipe.name:
        raise checkpoint.CheckpointError(
            f"{path} is of the recipe {header['recipe']!s:.40}, and config.json says {recipe.name}; put back the checkpoint of this run"
        )
    try:
        pictures = {"shape": recipe.image_shape} | recipe.data_options
        dataset = data.load(settings.get("data") or recipe.data, settings.get("data_dir"), seed=settings.get("seed", 0), pictures=pictures)
    except data.DataError as error:
        return None, [f"the data are not there ({error}): networks and samples are not judged"]
    trainer = Trainer(recipe, dataset, settings.get("seed", 0))
    try:
        trainer.load_state_dict(header, arrays)
    except (NanoganError, KeyError, TypeError, ValueError) as error:
        raise NanoganError(f"{path} does not fit the recipe {recipe.name} of this version ({error}); train anew") from error
    return trainer, _too_young(trainer)


def _too_young(trainer):
    """What is not looked for in networks as young as these, as a list of one reason, or none."""
    parts = [("samples and units are not judged", networks.YOUNG), ("a collapse is not looked for", alike_from(trainer.recipe))]
    if trainer.dataset.centres is not None:
        parts.append(("missing modes are not looked for", networks.MODES_STEPS))
    why = [f"{what} before step {first:,}" for what, first in parts if trainer.steps < first]
    return [f"young run, networks of step {trainer.steps:,}: {', '.join(why)}"] if why else []


def alike_from(recipe):
    """The first step after which a generator whose samples are all alike has collapsed: as many as a history of it would have to have."""
    return max(history.ALIKE_STEPS, history.ALIKE_ROWS * recipe.log_every)


def examine(trainer, n=SAMPLES, folder=None):
    """(findings, diameter) of a trainer as it is: its networks, optimisers and data.  folder: the run's, for its pictures.

    The diameter is the largest distance between two samples, real or generated; None where that is no number: it is what
    ``history.from_history`` takes.  Of a young run less is said, for all begin alike: nothing about samples and units before
    ``networks.YOUNG`` steps, about samples that are all alike before ``alike_from``, about modes before ``networks.MODES_STEPS``.
    """
    recipe, generator, critic = trainer.recipe, trainer.generator, trainer.critic
    noise, real = _draws(trainer, n)
    if broken := networks.not_finite(generator, critic, noise[:8], real[:8]):
        return [broken], None
    optimizers, step = (trainer.g_opt, trainer.d_opt), one_step(recipe, real)
    lag = networks.batch_norm_lag(generator, noise, real) if trainer.steps >= networks.YOUNG else None
    batch_wise = lag is not None or recipe.sample_mode == "train"  # else samples that only lag would look alike
    samples = networks.made(generator, noise, batch_wise, recipe.batch_size)
    found = [
        lag,
        networks.ranges_differ(generator, noise, real),
        networks.large_eps(generator, critic),
        networks.critic_changed(recipe.step, generator, critic, *optimizers, step, recipe.step_options),
    ]
    if trainer.steps >= networks.YOUNG:
        scaled = real / 127.5 - 1 if recipe.pixels == "raw" else real  # ranges are a finding of their own
        found += [
            networks.dead_units(generator, noise, "generator"),
            networks.dead_units(critic, xp.concatenate([real, samples]), "critic"),
            _collapsed(trainer, n, samples, scaled, folder) or _modes_missing(trainer),
            lattice.checkerboard(samples, scaled, lattice.stride_periods(generator)),
        ]
    most = networks.distances(numpy.concatenate([to_numpy(real), to_numpy(samples)])).max()
    return [finding for finding in found if finding], float(most)


def _collapsed(trainer, n, samples, real, folder):
    """The finding of samples that are all alike, unless the run is so young that they need not be otherwise yet."""
    recipe, dataset = trainer.recipe, trainer.dataset
    if trainer.steps < alike_from(recipe):
        return None
    labels = None if dataset.labels is None else dataset.labels[_chosen(trainer, n)]
    digits = dataset.shape == (28, 28, 1) and zlib.crc32(dataset.samples) == MNIST
    collapsed = networks.generator_collapsed(samples, real, labels, _classes if digits else None)
    return dataclasses.replace(collapsed, since=collapsed_since(folder, recipe)) if collapsed and folder else collapsed


def _modes_missing(trainer):
    """The finding of a mixture's modes that are not made, unless the run is so young that they need not be found yet."""
    recipe, dataset = trainer.recipe, trainer.dataset
    if dataset.centres is None or len(dataset.centres) < 2 or trainer.steps < networks.MODES_STEPS:
        return None
    with random.fork([trainer.seed, 4]):
        noise = recipe.latent(POINTS)
    return networks.modes_missing(networks.made(trainer.generator, noise, recipe.sample_mode == "train"), dataset.centres, dataset.std)


def _chosen(trainer, n):
    with random.fork([trainer.seed, 3]):
        return random.stream().permutation(len(trainer.dataset))[:n]


def _draws(trainer, n):
    """(noise, real samples) of n, always the same of one run."""
    with random.fork([trainer.seed, 4]):
        noise = trainer.recipe.latent(n)
    return noise, trainer.dataset.batch(_chosen(trainer, n), scaled=trainer.recipe.pixels == "scaled")


def _classes(images):
    """The digits that LeNet sees in images in [-1, 1]."""
    pixels = numpy.rint(numpy.clip(to_numpy(images), -1, 1) * 127.5 + 127.5).astype(numpy.uint8)
    return to_numpy(lenet.embed(lenet.load_lenet(), pixels, progress=False)[1]).argmax(axis=1)


def _with_slope(found, trainer, n):
    """A Wasserstein estimate that is too large, with the critic's slope beside it, where the networks are not from before that."""
    for i, finding in enumerate(found):
        if finding.name == "wasserstein-too-large" and trainer and trainer.steps >= finding.since:
            noise, real = _draws(trainer, min(n, 64))
            slope = networks.slope(trainer.critic, real, asarray(networks.made(trainer.generator, noise, True, trainer.recipe.batch_size)))
            found[i] = dataclasses.replace(finding, sentence=f"{finding.sentence} (the mean norm of its gradient, which should be 1, is {slope:.3g})",
                                           figures=finding.figures | {"slope": slope})  # fmt: skip
    return found


def _replayed(finding, trainer, settings):
    """The loss that was no number, with the first layer that is to blame: the steps from the checkpoint to there are made again, if they are few."""
    if finding.since is None or trainer.steps >= finding.since:
        return finding
    began = time.monotonic()
    with numpy.errstate(all="ignore"):
        while trainer.steps < finding.since and time.monotonic() - began < REPLAY_SECONDS:
            trainer.set_rates(settings.get("steps") or finding.since)
            if not numpy.isfinite(to_numpy(trainer.step())[:2]).all():
                break
    first = networks.not_finite(trainer.generator, trainer.critic, trainer.sample_noise, trainer.seen and trainer.seen[0])
    if first is None:
        return finding
    return dataclasses.replace(finding, sentence=f"{finding.sentence}: {first.sentence}", figures=finding.figures | first.figures)


def collapsed_since(folder, recipe):
    """The step of the first of a run's pictures from which on the images in all of them are alike; None where pictures do not tell.

    Of more than PICTURES every second is looked at, or every third ...
    """
    pictures = pictures_in(folder)
    if len(recipe.image_shape) != 3 or not (folder / "real.png").is_file() or len(pictures) < 2:
        return None
    try:
        usual = _apart(folder / "real.png", *(recipe.real_grid or recipe.grid), recipe)
        since = None
        for path in pictures[:: -len(pictures) // PICTURES]:  # the last one first
            if _apart(path, *recipe.grid, recipe) >= history.ALIKE * usual:
                break
            since = step_of(path)
        return since
    except (NanoganError, OSError, ValueError):  # a picture that cannot be read tells nothing
        return None


def _apart(path, rows, columns, recipe):
    """The mean distance between the images of a saved grid."""
    picture = numpy.asarray(viz.files.read_picture(path), numpy.float64)
    boxes = viz.images.cell_boxes(rows, columns, recipe.image_shape, size=recipe.picture)
    return networks.spread(numpy.stack([picture[top:bottom, left:right] for left, top, right, bottom in boxes]))


def ordered(found):
    """One finding of each name, in the order of NAMES; that which knows since when, where there are two."""
    best = {}
    for finding in found:
        if finding.name not in best or best[finding.name].since is None:
            best[finding.name] = finding
    return [best[name] for name in NAMES if name in best]


def plain(report):
    """The report as JSON holds it: what is not finite is None, as is whether a run is healthy of which not all could be judged."""
    found = [dataclasses.asdict(finding) for finding in report["findings"]]
    return report | {"healthy": False if found else None if report["left_out"] else True, "findings": _finite(found)}


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
