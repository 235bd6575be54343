"""Train a GAN.

    python -m nanogan.train                                  # a small DCGAN on glyphs, no download
    python -m nanogan.train --list                           # the recipes
    python -m nanogan.train --recipe gaussian2d --seed 3
    python -m nanogan.train --recipe mlp-mnist --download --out runs/mlp
    python -m nanogan.train --recipe dcgan-mnist --lr 2e-4 --beta1 0.5 --epochs 6 --backend auto
    python -m nanogan.train --recipe wgan-gp-mnist --set gp_mode=train --set batch_size=64
    python -m nanogan.train --recipe dcgan-pokemon --data ~/pictures --lr 5e-4
    python -m nanogan.train --resume runs/mlp --steps 60000  # go on after a stop, or for longer
    python -m nanogan.train --config runs/mlp/config.json    # the same run again

It prints where the pictures are.  Ctrl-C saves a checkpoint first.
"""

import contextlib
import math
import os
import pathlib
import shlex
import sys

import numpy

import nanogan as ng
from nanogan import data, metrics, viz
from nanogan.backend import random
from nanogan.data.gaussian import COVARIANCE, MEAN
from nanogan.gan import command, environment, evaluation, listing, recipes
from nanogan.gan.config import complete, of_run, read, refuse_differences
from nanogan.gan.run import Run, free_folder
from nanogan.gan.trainer import Trainer


def parser():
    p = command.Parser("nanogan.train", __doc__)
    p.add_argument("--recipe", metavar="NAME", help="what to train (default: quickstart); see --list")
    p.add_argument("--set", action="append", metavar="KEY=VALUE", help="an option of the recipe, as often as wanted; --recipe NAME --list shows them")
    p.add_argument("--data", metavar="NAME|PATH", help=f"one of {', '.join(data.names())}, or a file or a folder of images (default: the recipe's)")
    p.add_argument("--data-dir", metavar="DIR", help="holds mnist/ or its files (default: $NANOGAN_DATA, else the user's cache)")
    p.add_argument("--download", action="store_true", help="fetch the data first, if they are not there (mnist, fashion-mnist)")
    p.add_argument("--backend", choices=("numpy", "cupy", "auto"), help="what computes (default: numpy)")
    length = p.add_mutually_exclusive_group()
    length.add_argument("--steps", "--iterations", type=command.positive_int, metavar="N", help="how many training steps in all")
    length.add_argument("--epochs", type=command.positive_float, metavar="N", help="how many passes through the data in all")
    p.add_argument("--batch-size", type=command.positive_int, metavar="N", help="samples in a batch (default: the recipe's)")
    p.add_argument("--lr", metavar="X[,Y]", help="learning rate of both optimisers, or generator's,critic's (default: the recipe's)")
    p.add_argument("--beta1", type=command.fraction, metavar="X", help="Adam's first decay rate (default: the recipe's)")
    p.add_argument("--gp-mode", choices=("inference", "train"), help="the critic's mode within a gradient penalty (default: the recipe's)")
    p.add_argument("--seed", type=command.nonnegative_int, metavar="N", help="of weights, noise and batches (default: 0)")
    p.add_argument("--out", metavar="DIR", help="where the run goes (default: runs/RECIPE-N, the first that is free)")
    p.add_argument("--checkpoint-every", type=command.positive_int, metavar="N", help="save a checkpoint every N steps (default: once a minute)")
    p.add_argument("--keep-every", type=command.positive_int, metavar="N", help="keep the checkpoint of every N-th step, in checkpoints/")
    p.add_argument("--score-every", type=command.positive_int, metavar="N", help="score 2,000 samples every N steps, into scores.csv")
    start = p.add_mutually_exclusive_group()
    start.add_argument("--resume", metavar="DIR", help="go on with the run in DIR from its last checkpoint")
    start.add_argument("--config", metavar="FILE", help="train as the config.json of another run says; options given besides count more")
    p.add_argument("--list", action="store_true", help="list the recipes, or with --recipe the options of one, and stop")
    return p


def main(argv=None):
    args = parser().parse_args(argv)
    check_empty(args)
    if args.list:
        print(listing.of_options(args.recipe) if args.recipe else listing.of_recipes())
        return 0
    config = settings(args)
    recipe = recipes.get(config["recipe"], **config["options"])
    ng.use(config["backend"])
    check_picture(recipe)
    if len(recipe.image_shape) != 3 and os.path.isdir(os.path.expanduser(config["data"])):
        raise ng.NanoganError(f"{recipe.name} learns points, and {config['data']} is a folder, of images; choose another recipe, or leave --data out")
    pictures = {"shape": recipe.image_shape} | recipe.data_options
    dataset = data.load(config["data"], config["data_dir"], seed=config["seed"], download=args.download, pictures=pictures)
    judge = evaluation.judge_of(config["data"], config["data_dir"], config["seed"], pictures) if config["score_every"] else None
    memory = f"at batch size {recipe.batch_size}", "a smaller --batch-size needs less"
    with environment.memory_explained(
        *memory, Run(pathlib.Path(os.path.expanduser(args.resume)), config).last_checkpoint if args.resume else lambda: ""
    ):
        trainer = Trainer(recipe, dataset, config["seed"])
        config["steps"] = total_steps(args, recipe, trainer.per_epoch, config["steps"])
        complete(config, trainer, args.resume)
        run = Run.resume(args.resume, trainer, config) if args.resume else Run.new(args.out or free_folder(recipe.name), config)
    if judge:
        trainer.scores = evaluation.ScoreLog(run.folder, judge, config["score_every"], trainer.steps)
    announce(trainer, config, run)
    with run, environment.memory_explained(*memory, run.last_checkpoint):
        work(trainer, config, run)
    print(verdict(trainer), end="")
    last = run.folder / "samples" / f"step_{trainer.steps:06d}.png"
    print(f"pictures: {last}, {run.folder / 'samples.gif'}   losses: {run.folder / 'losses.png'}\n"
          f"look closer: python -m nanogan.sample {place(run)}\n"
          f"is it good?  python -m nanogan.evaluate {place(run)}\n"
          f"what broke?  python -m nanogan.diagnose {place(run)}")  # fmt: skip
    return 0


def work(trainer, config, run):
    """Train; and whatever ends it, leave pictures of what there is."""
    try:
        run.save_real(trainer)
        trainer.train(config["steps"], run)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno and not error.filename:
            error.filename = str(run.folder)
        if isinstance(error, KeyboardInterrupt):
            print(f"stopped at step {trainer.steps:,} of {config['steps']:,}; python -m nanogan.train --resume {place(run)} goes on", file=sys.stderr)
        if trainer.steps:
            with contextlib.suppress(Exception):  # what went wrong first is what is told
                run.finish(trainer)
        raise
    run.finish(trainer)


def place(run):
    """Its folder, as a shell wants it."""
    return shlex.quote(str(run.folder))


def check_empty(args):
    for option in ("recipe", "data", "data_dir", "out", "resume", "config", "lr"):
        if getattr(args, option) == "":
            raise ng.NanoganError(f"--{option.replace('_', '-')} is empty (an unset variable?); name something or leave it out")


def settings(args):
    """What the arguments ask for, over what --config or --resume say, over the defaults; all but the length."""
    base = read(args.config) if args.config else of_run(args.resume) if args.resume else {}
    name = args.recipe or base.get("recipe", "quickstart")
    if name != base.get("recipe", name) and args.config:  # another recipe has its own options, data and length
        base = {key: base[key] for key in ("data_dir", "seed", "backend") if key in base}
    options = base.get("options", {}) if name == base.get("recipe") else {}
    asked = dict(assignment(text) for text in args.set or ())
    asked |= {key: value for key in ("batch_size", "lr", "beta1", "gp_mode") if (value := getattr(args, key)) is not None}
    recipe = recipes.get(name, **options | asked)
    config = {
        "recipe": name, "options": recipe.changes,
        "data": args.data or base.get("data") or recipe.data, "data_dir": args.data_dir or base.get("data_dir"),
        "seed": args.seed if args.seed is not None else base.get("seed", 0),
        "backend": args.backend or base.get("backend", "numpy"),
        "steps": base.get("steps"),
        "checkpoint_every": args.checkpoint_every or base.get("checkpoint_every"), "keep_every": args.keep_every or base.get("keep_every"),
        "score_every": args.score_every or base.get("score_every"),
    }  # fmt: skip
    if args.resume:
        if args.out:
            raise ng.NanoganError(f"--out {args.out} with --resume {args.resume}: a resumed run stays where it is; leave --out out")
        refuse_differences(args.resume, base, config)
        config["dataset"] = base.get("dataset")
    return config


def assignment(text):
    """key=value -> (key, value)."""
    key, mark, value = text.partition("=")
    if not mark or not key.strip():
        raise ng.NanoganError(f"--set {text!r:.60} is no assignment; write --set key=value")
    return key.strip(), value


def total_steps(args, recipe, per_epoch, before=None):
    """How many steps --steps, --epochs, the run before or the recipe ask for."""
    given = ("steps", args.steps) if args.steps else ("epochs", args.epochs) if args.epochs else ("steps", before) if before else recipe.length
    kind, n = given
    steps = n if kind == "steps" else n * per_epoch
    if steps > 1e12:
        raise ng.NanoganError(f"--{kind} asks for more than a trillion steps; ask for fewer")
    return max(1, math.ceil(steps))


def check_picture(recipe):
    """Raise NanoganError where the recipe's grid does not go into a picture of its size, before anything is made."""
    if len(recipe.image_shape) == 3:
        try:
            viz.images.grid_size(*recipe.grid, recipe.image_shape, size=recipe.picture)
        except ng.NanoganError as error:
            raise ng.NanoganError(f"--set grid={recipe.grid[0]}x{recipe.grid[1]}: {error}; choose fewer rows or columns") from error


# --- What is printed ------------------------------------------------------------------------------------------------


def announce(trainer, config, run):
    recipe, dataset = trainer.recipe, trainer.dataset
    print(f"{recipe.name}: {listing.counted(trainer.generator)} parameters in the generator, {listing.counted(trainer.critic)} in the critic; "
          f"{len(dataset):,} samples of {printable(dataset.name)}; {config['steps']:,} steps of {recipe.batch_size} on {device()}; "
          f"it goes to {run.folder}")  # fmt: skip
    if trainer.steps >= config["steps"]:
        print("this run is complete; --steps with a larger total would go on")
        return
    if trainer.steps:
        print(f"going on from step {trainer.steps:,}")
    for note in [*trainer.notes(), *([trainer.scores.in_words()] if trainer.scores else [])]:
        print(f"nanogan: note: {note}", file=sys.stderr)


def device():
    """What computes: "numpy", or "cupy (NVIDIA H200)"."""
    name = environment.gpu_facts()["device"] if ng.backend_name() == "cupy" else None
    return f"{ng.backend_name()} ({name})" if name else ng.backend_name()


def printable(name):
    """The name of a file, which need not be text."""
    return name.encode(errors="backslashreplace").decode()


def verdict(trainer, n=10_000):
    """How well points were learned, in a line; nothing for images, which one looks at."""
    if trainer.dataset.is_images:
        return ""
    with random.fork([trainer.seed, 2]):
        points = ng.to_numpy(trainer.samples(trainer.recipe.latent(n))).astype("float64")
    if trainer.dataset.centres is not None:
        found, good = metrics.mode_coverage(points, trainer.dataset.centres, trainer.dataset.std)
        return f"{found} of {len(trainer.dataset.centres)} modes found; {good:.1%} of {n:,} generated points lie within 3 deviations of one\n"
    if trainer.dataset.name != "gaussian2d":
        return ""
    distance = metrics.wasserstein2_squared(points.mean(axis=0), numpy.cov(points.T), MEAN, COVARIANCE)
    return f"squared Wasserstein-2 distance between {n:,} generated points and the true Gaussian: {distance:.3f} (0 is perfect, untrained about 10)\n"


if __name__ == "__main__":
    sys.exit(command.run(main))
