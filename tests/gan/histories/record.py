"""Record the histories that the thresholds of the diagnosis are held to: real runs of the trainer, as CSV files beside this one.

    python tests/gan/histories/record.py                # which there are, and what each is
    python tests/gan/histories/record.py gaussian2d-1   # this one anew
    NANOGAN_DATA=... python tests/gan/histories/record.py mlp-mnist dcgan-mnist
    NANOGAN_DATA=... python tests/gan/histories/record.py dcgan-mnist-long=runs/dcgan-mnist-1   # from the folder of a run of that command

The columns are those of ``diagnosis.watch``, a row every log interval.  Rates differ from machine to machine in the last digits, so
a run that is made again need not give the same file, but the same findings.  ``mlp-mnist.csv`` has no distances after step 10,000.
The long ones took almost two hours on one core each, and are the ``history.csv`` of such a folder, as far as the run had come. That knows no
distances between samples: their ``spread`` is empty, and their ``diameter`` is that of 128 real samples alone.
"""

import pathlib
import sys

import numpy

from nanogan import data
from nanogan.gan import recipes
from nanogan.gan.diagnosis import watch
from nanogan.gan.diagnosis.networks import distances
from nanogan.gan.run import read_history
from nanogan.gan.trainer import Trainer
from nanogan.train import verdict

HERE = pathlib.Path(__file__).parent
# name: (recipe, options, data (None: the recipe's), steps, seed, what is to be found in it)
RUNS = {
    "quickstart": ("quickstart", {"log_every": 50}, None, 3600, 0, []),
    "mlp-mnist": ("mlp-mnist", {"log_every": 200}, None, 30_001, 0, []),
    "dcgan-mnist": ("dcgan-mnist", {"lr": "2e-4", "beta1": 0.5, "log_every": 10}, None, 500, 0, []),
    "wgan-gp-paper": ("wgan-gp-paper", {"log_every": 2}, None, 60, 0, []),
    "dcgan-mnist-long": ("dcgan-mnist", {"lr": "2e-4", "beta1": 0.5}, None, 6225, 0, []),
    "wgan-gp-paper-long": ("wgan-gp-paper", {"batch_size": 32}, None, 1275, 0, []),
    "gaussian2d-1": ("gaussian2d", {}, None, 2500, 1, []),
    "gaussian2d-6": ("gaussian2d", {}, None, 2500, 6, []),
    "gaussian2d-8": ("gaussian2d", {}, None, 2500, 8, []),
    "ring2d": ("ring2d", {"log_every": 50}, None, 3000, 0, []),
    "critic-won": ("quickstart", {"lr": "1e-5,5e-3", "log_every": 20}, None, 300, 0, ["critic-won"]),
    "loss-frozen": ("mlp-mnist", {"lr": "2e-5,2e-3", "log_every": 20}, "glyphs", 240, 0, ["loss-frozen", "critic-won"]),
    "sigmoid-twice": ("quickstart", {"objective": "double-sigmoid", "lr": "1e-5,5e-3", "log_every": 20}, None, 300, 0, ["loss-frozen", "critic-won"]),
    "generator-collapsed": ("ring2d", {"lr": "1e-1", "log_every": 20}, None, 600, 0, ["generator-collapsed"]),
    "wasserstein-too-large": ("wgan-gp-mnist", {"log_every": 2}, None, 60, 0, ["wasserstein-too-large"]),
}
# The squared Wasserstein-2 distance at the end, which the command prints.  Of the seeds 0 to 9 these were chosen for it: the first three that ended
# clearly below 0.1.  The others ended at 0.206 (seed 0), 0.141 (2), 0.114 (3), 0.092 (4), 0.102 (5), 0.096 (7) and 0.174 (9).
DISTANCES = {"gaussian2d-1": 0.009, "gaussian2d-6": 0.019, "gaussian2d-8": 0.025}


class Nowhere:
    """A run that keeps nothing."""

    folder = "nowhere"

    def nothing(self, *_, **__):
        return False

    add_row = add_text_logs = save_samples = save_checkpoint = drop_picture = keep_due = checkpoint_due = nothing


def record(name, scale=1.0):
    """The trainer of that run, after it."""
    recipe, options, dataset, steps, seed, _ = RUNS[name]
    recipe = recipes.get(recipe, **options)
    trainer = Trainer(recipe, data.load(dataset or recipe.data, seed=seed), seed)
    watch.KEPT = 10**9
    trainer.train(round(steps * scale), Nowhere(), progress=sys.stderr.isatty())
    return trainer


def rows_of(name, folder):
    """The rows of the history.csv of a run in that folder."""
    history = read_history(pathlib.Path(folder) / "history.csv")
    recipe, _, dataset, _, seed, _ = RUNS[name]
    real = data.load(dataset or recipes.get(recipe).data, seed=seed).batch(slice(0, watch.SOME))
    unknown = numpy.full(len(history["step"]), numpy.nan)
    history |= {"spread": unknown, "diameter": numpy.full_like(unknown, distances(real).max())}
    return numpy.stack([history[column] for column in watch.COLUMNS], axis=1)


def save(path, rows):
    lines = [
        ",".join(watch.COLUMNS),
        *(",".join("" if numpy.isnan(x) else f"{x:.4g}" if i else f"{x:.0f}" for i, x in enumerate(row)) for row in rows),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def load(name):
    """{column: float64 array} of a recorded history."""
    head, *lines = (HERE / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    rows = numpy.array([[float(cell or "nan") for cell in line.split(",")] for line in lines])
    return dict(zip(head.split(","), rows.T, strict=True))


if __name__ == "__main__":
    for name, _, folder in (argument.partition("=") for argument in sys.argv[1:]):
        if folder:
            save(HERE / f"{name}.csv", rows_of(name, folder))
        else:
            trainer = record(name)
            save(HERE / f"{name}.csv", trainer.watch.rows)
            print(f"{name}: {verdict(trainer) or 'recorded'}".rstrip())
    if not sys.argv[1:]:
        for name, (recipe, options, dataset, steps, seed, found) in RUNS.items():
            settings = " ".join(f"--set {key}={value}" for key, value in options.items())
            data_set = f" --data {dataset}" if dataset else ""
            print(
                f"{name}: python -m nanogan.train --recipe {recipe} {settings}{data_set} --steps {steps} --seed {seed}   {', '.join(found) or 'healthy'}"
            )
