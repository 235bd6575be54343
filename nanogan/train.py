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

import json
import math
import pathlib
import sys
import zlib

import numpy

import nanogan as ng
from nanogan import data, metrics
from nanogan.backend import random
from nanogan.data.gaussian import COVARIANCE, MEAN
from nanogan.gan import checkpoint, command, environment, recipes
from nanogan.gan.recipe import COMMON
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
    start = p.add_mutually_exclusive_group()
    start.add_argument("--resume", metavar="DIR", help="go on with the run in DIR from its last checkpoint")
    start.add_argument("--config", metavar="FILE", help="train as the config.json of another run says; options given besides count more")
    p.add_argument("--list", action="store_true", help="list the recipes, or with --recipe the options of one, and stop")
    return p


def main(argv=None):
    args = parser().parse_args(argv)
    check_empty(args)
    if args.list:
        print(table_of_options(args.recipe) if args.recipe else table_of_recipes())
        return 0
    config = settings(args)
    recipe = recipes.get(config["recipe"], **config["options"])
    ng.use(config["backend"])
    pictures = {"shape": recipe.image_shape} | recipe.data_options
    dataset = data.load(config["data"], config["data_dir"], seed=config["seed"], download=args.download, pictures=pictures)
    trainer = Trainer(recipe, dataset, config["seed"])
    complete(config, args, trainer)
    run = Run.resume(args.resume, trainer, config) if args.resume else Run.new(args.out or free_folder(recipe.name), config)
    announce(trainer, config, run)
    with run:
        try:
            run.save_real(trainer)
            trainer.train(config["steps"], run)
        except KeyboardInterrupt:
            print(f"stopped at step {trainer.steps:,} of {config['steps']:,}; python -m nanogan.train --resume {run.folder} goes on", file=sys.stderr)
            raise
        finally:
            if trainer.steps:
                run.finish(trainer)
    print(verdict(trainer), end="")
    print(f"pictures: {run.folder / 'samples'}, {run.folder / 'samples.gif'}   losses: {run.folder / 'losses.png'}\n"
          f"look closer: python -m nanogan.sample {run.folder}")  # fmt: skip
    return 0


# --- From arguments to settings -----------------------------------------------------------------------------------


def check_empty(args):
    for option in ("recipe", "data", "data_dir", "out", "resume", "config", "lr"):
        if getattr(args, option) == "":
            raise ng.NanoganError(f"--{option.replace('_', '-')} is empty (an unset variable?); name something or leave it out")


def settings(args):
    """What the arguments ask for, over what --config or --resume say, over the defaults; all but the length."""
    base = read_config(args.config) if args.config else saved_config(args.resume) if args.resume else {}
    name = args.recipe or base.get("recipe", "quickstart")
    options = base.get("options", {}) if name == base.get("recipe") else {}  # another recipe's options are its own
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


CONFIG = {  # what a config.json says of its run, and of what kind it is
    "recipe": str, "options": dict, "data": str, "data_dir": str, "seed": int, "backend": str, "steps": int,
    "checkpoint_every": int, "keep_every": int, "dataset": dict, "settings": dict, "parameters": dict, "versions": dict, "blas": dict,
}  # fmt: skip


def read_config(path):
    """The settings in a config.json.  Raises NanoganError for a file that is missing or says what no config.json says."""
    path = pathlib.Path(path).expanduser()
    path = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ng.NanoganError(f"there is no file {path} to read ({error.strerror or error}); name the config.json of a run") from error
    except ValueError as error:
        raise ng.NanoganError(f"{path} is no JSON ({error}); name the config.json of a run") from error
    return checked_config(path, config)


def checked_config(path, config):
    if not isinstance(config, dict) or "recipe" not in config:
        raise ng.NanoganError(f"{path} names no recipe; give the config.json of a run")
    for key, value in config.items():
        if key not in CONFIG:
            raise ng.NanoganError(f"{path}: {key!r:.60} is no setting of a run; the settings are {', '.join(CONFIG)}")
        if value is not None and (not isinstance(value, CONFIG[key]) or isinstance(value, bool) or (CONFIG[key] is int and value < 0)):
            raise ng.NanoganError(f"{path}: {key} is {value!r:.60}, which it cannot be; give the config.json of a run")
    if config.get("backend") not in (None, "numpy", "cupy", "auto"):
        raise ng.NanoganError(f"{path}: backend is {config['backend']!r:.60}; choose numpy, cupy or auto")
    return {key: value for key, value in config.items() if value is not None}


def saved_config(folder):
    """The settings of the run in ``folder``: of its checkpoint, or of its config.json if it was stopped before the first."""
    folder = pathlib.Path(folder).expanduser()
    if not folder.is_dir():
        raise ng.NanoganError(f"there is no run {folder} to resume; name the folder of one, such as runs/quickstart-1")
    if (folder / "checkpoint.npz").exists():
        header, _ = checkpoint.load(folder / "checkpoint.npz")
        return checked_config(folder / "checkpoint.npz", header.get("config"))
    if (folder / "config.json").exists():
        return read_config(folder)
    raise ng.NanoganError(f"{folder} holds no run (no checkpoint.npz and no config.json); name the folder of one, or train anew")


def refuse_differences(folder, base, config):
    """A resumed run is the run that it was; only its length, its place of data and its backend may change."""
    different = [key for key in ("recipe", "data", "seed") if base.get(key) != config[key]]
    differences = [f"its {key} is {base.get(key)!r}, not {config[key]!r}" for key in different]
    if base["recipe"] == config["recipe"]:
        made, asked = (recipes.get(base["recipe"], **c["options"]).options() for c in (base | {"options": base.get("options", {})}, config))
        differences += [f"its {key} is {made[key]}, not {asked[key]}" for key in made if made[key] != asked[key]]
    if differences:
        raise ng.NanoganError(
            f"--resume {folder} cannot become another run: {'; '.join(differences)}; leave that out, or train anew without --resume"
        )


def complete(config, args, trainer):
    """Add to ``config`` the length, and what is known only now; refuse to go on with other data than before."""
    dataset = trainer.dataset
    facts = {"name": dataset.name, "samples": len(dataset), "shape": list(dataset.shape), "crc32": zlib.crc32(dataset.samples)}
    before = config.get("dataset")
    if args.resume and before and before != facts:
        raise ng.NanoganError(f"--resume {args.resume}: its data were {_in_words(before)}, and now they are {_in_words(facts)}; "
                              "bring the data back, or train anew")  # fmt: skip
    config["dataset"] = facts
    config["steps"] = total_steps(args, trainer.recipe, trainer.per_epoch, config["steps"])
    config["backend"] = ng.backend_name()
    config["settings"] = {key: value for key, value in vars(trainer.recipe).items() if key not in ("networks", "step", "about", "changes")}
    config["parameters"] = {"generator": _count(trainer.generator), "critic": _count(trainer.critic)}
    config["versions"], config["blas"] = environment.versions(), environment.blas_facts()


def _in_words(facts):
    return f"{facts['samples']:,} samples of {facts['name']} {tuple(facts['shape'])} (checksum {facts['crc32']:08x})"


def total_steps(args, recipe, per_epoch, before=None):
    """How many steps --steps, --epochs, the run before or the recipe ask for."""
    given = ("steps", args.steps) if args.steps else ("epochs", args.epochs) if args.epochs else ("steps", before) if before else recipe.length
    kind, n = given
    steps = n if kind == "steps" else n * per_epoch
    if steps > 1e12:
        raise ng.NanoganError(f"--{kind} asks for more than a trillion steps; ask for fewer")
    return max(1, math.ceil(steps))


# --- What is printed ------------------------------------------------------------------------------------------------


def announce(trainer, config, run):
    recipe, dataset = trainer.recipe, trainer.dataset
    print(f"{recipe.name}: {_counted(trainer.generator)} parameters in the generator, {_counted(trainer.critic)} in the critic; "
          f"{len(dataset):,} samples of {dataset.name}; {config['steps']:,} steps of {recipe.batch_size} on {ng.backend_name()}; "
          f"it goes to {run.folder}")  # fmt: skip
    if trainer.steps:
        print(f"going on from step {trainer.steps:,}")
    for note in trainer.notes():
        print(f"nanogan: note: {note}", file=sys.stderr)


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
    return f"squared Wasserstein-2 distance between {n:,} generated points and the true Gaussian: {distance:.3f}\n"


def _count(network):
    """{"trained": parameters, "statistics": moving means and variances}, how many numbers of each."""
    trained = sum(p.size for p in network.parameters())
    return {"trained": trained, "statistics": sum(value.size for _, value in network.named_state()) - trained}


def _counted(network):
    """As Keras would sum them up: "633,217 + 384"; only the first is what PyTorch counts."""
    count = _count(network)
    return f"{count['trained']:,}" + (f" + {count['statistics']:,}" if count["statistics"] else "")


def table_of_recipes():
    """The recipes, a line each."""
    rows = [("recipe", "text", "data", "sample", "generator", "critic", "batch", "length", "an epoch")]
    for name in recipes.names():
        r = recipes.get(name)
        with random.fork(0):
            generator, critic = r.build()
        rows.append((name, r.source, r.data, "x".join(map(str, r.image_shape)), _counted(generator), _counted(critic), str(r.batch_size),
                     f"{r.length[1]:,} {r.length[0]}", _duration(r.epoch_seconds)))  # fmt: skip
    return _table(rows) + (
        "\ngenerator, critic: parameters trained + moving statistics kept.  an epoch: as measured on one CPU core."
        "\n--recipe NAME --list tells more of one, and its options."
    )


def _duration(seconds):
    return f"{seconds:.1g} s" if seconds < 1 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def table_of_options(name):
    """A recipe in its own words, and what --set takes, with the values as they are."""
    recipe = recipes.get(name)
    rows = [("option", "now")] + [(key, _text(value)) for key, value in recipe.options().items()]
    return f"{name}: {recipe.about}\n\n{_table(rows)}\n(the last {len(COMMON)} are those of every recipe; --set option=value changes one)"


def _text(value):
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)


def _table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


if __name__ == "__main__":
    sys.exit(command.run(main))
