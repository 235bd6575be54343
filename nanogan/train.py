"""Train a GAN.

    python -m nanogan.train                                  # a small DCGAN on glyphs, no download
    python -m nanogan.train --list                           # the recipes
    python -m nanogan.train --recipe gaussian2d --seed 3
    python -m nanogan.train --recipe mlp-mnist --data-dir ~/data --out runs/mlp
    python -m nanogan.train --recipe dcgan-mnist --lr 2e-4 --beta1 0.5 --epochs 6 --backend auto

It prints where the pictures are.
"""

import dataclasses
import math
import sys

import numpy

import nanogan as ng
from nanogan import data, metrics
from nanogan.backend import random
from nanogan.data.gaussian import COVARIANCE, MEAN
from nanogan.gan import command, environment, recipes
from nanogan.gan.trainer import Run, Trainer, free_folder


def parser():
    p = command.Parser("nanogan.train", __doc__)
    p.add_argument("--recipe", default="quickstart", metavar="NAME", help="what to train (default: quickstart); see --list")
    p.add_argument("--data", metavar="NAME|PATH", help=f"one of {', '.join(data.names())}, or a file or folder (default: the recipe's)")
    p.add_argument("--data-dir", metavar="DIR", help="holds mnist/ or its files (default: $NANOGAN_DATA, else the user's cache)")
    p.add_argument("--backend", default="numpy", choices=("numpy", "cupy", "auto"), help="what computes (default: numpy)")
    length = p.add_mutually_exclusive_group()
    length.add_argument("--steps", type=command.positive_int, metavar="N", help="how many training steps in all (iterations)")
    length.add_argument("--epochs", type=command.positive_float, metavar="N", help="how many passes through the data in all")
    p.add_argument("--batch-size", type=command.positive_int, metavar="N", help="samples in a batch (default: the recipe's)")
    p.add_argument("--lr", type=command.positive_float, metavar="X", help="learning rate of both optimisers (default: the recipe's)")
    p.add_argument("--beta1", type=command.fraction, metavar="X", help="Adam's first decay rate (default: the recipe's)")
    p.add_argument("--seed", type=command.nonnegative_int, default=0, metavar="N", help="of weights, noise and batches (default: 0)")
    p.add_argument("--out", metavar="DIR", help="where the run goes (default: runs/RECIPE-N, the first that is free)")
    p.add_argument("--list", action="store_true", help="list the recipes and stop")
    return p


def main(argv=None):
    args = parser().parse_args(argv)
    if args.list:
        print(table_of_recipes())
        return 0
    recipe = recipes.get(args.recipe)
    changes = {"batch_size": args.batch_size, "beta1": args.beta1, "lr": args.lr and (args.lr, args.lr)}
    recipe = dataclasses.replace(recipe, **{name: value for name, value in changes.items() if value is not None})
    for option in ("data", "data_dir", "out"):
        if getattr(args, option) == "":
            raise ng.NanoganError(f"--{option.replace('_', '-')} is empty (an unset variable?); name something or leave it out")
    ng.use(args.backend)
    dataset = data.load(args.data or recipe.data, args.data_dir, seed=args.seed)
    trainer = Trainer(recipe, dataset, args.seed)
    total = total_steps(args, recipe, trainer.batches.per_epoch)
    run = Run(args.out or free_folder(recipe.name), configuration(args, trainer, total))
    print(f"{recipe.name}: {_count(trainer.generator):,} parameters in the generator, {_count(trainer.critic):,} in the critic; "
          f"{len(dataset):,} samples of {dataset.name}; {total:,} steps of {recipe.batch_size} on {ng.backend_name()}")  # fmt: skip
    with run:
        try:
            trainer.train(total, run)
        except KeyboardInterrupt:
            print(f"stopped at step {trainer.steps:,} of {total:,}; history and pictures so far are in {run.folder}", file=sys.stderr)
            raise
    if dataset.name == "gaussian2d":
        print(f"squared Wasserstein-2 distance between 10,000 generated points and the true Gaussian: {distance(trainer):.3f}")
    print(f"pictures: {run.folder / 'samples'}   losses: {run.folder / 'history.csv'}   settings: {run.folder / 'config.json'}")
    return 0


def total_steps(args, recipe, per_epoch):
    """How many steps --steps, --epochs or the recipe ask for."""
    kind, n = ("steps", args.steps) if args.steps else ("epochs", args.epochs) if args.epochs else recipe.length
    steps = n if kind == "steps" else n * per_epoch
    if steps > 1e12:
        raise ng.NanoganError(f"--{kind} asks for more than a trillion steps; ask for fewer")
    return max(1, math.ceil(steps))


def distance(trainer, n=10_000):
    """How far the Gaussian that fits n generated points best lies from the one that they should come from."""
    points = ng.to_numpy(trainer.samples(random.normal((n, 2)))).astype("float64")
    return metrics.wasserstein2_squared(points.mean(axis=0), numpy.cov(points.T), MEAN, COVARIANCE)


def configuration(args, trainer, total):
    """All that repeats the run, as plain data for config.json."""
    fields = {f.name: getattr(trainer.recipe, f.name) for f in dataclasses.fields(trainer.recipe) if f.name not in ("networks", "step", "about")}
    return {
        "recipe": fields, "data": args.data or trainer.recipe.data, "data_dir": args.data_dir, "steps": total, "seed": args.seed,
        "backend": ng.backend_name(), "parameters": {"generator": _count(trainer.generator), "critic": _count(trainer.critic)},
        "versions": environment.versions(), "blas": environment.blas_facts(),
    }  # fmt: skip


def _count(network):
    """How many numbers a network holds, moving statistics included."""
    return sum(value.size for _, value in network.named_state())


def table_of_recipes():
    """The recipes, a line each."""
    rows = [("recipe", "text", "data", "image", "batch", "length", "what it is")]
    for name in recipes.names():
        r = recipes.get(name)
        rows.append((name, r.source, r.data, "x".join(map(str, r.image_shape)), str(r.batch_size), f"{r.length[1]:,} {r.length[0]}",
                     r.about.strip().splitlines()[0]))  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


if __name__ == "__main__":
    sys.exit(command.run(main))
