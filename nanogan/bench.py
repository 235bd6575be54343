"""Measure how fast a training step is, and against PyTorch's.

    python -m nanogan.bench                                        # four recipes, nanogan alone
    python -m nanogan.bench --against torch                        # and PyTorch, in turn (pip install torch)
    python -m nanogan.bench --recipe mlp-mnist dcgan-mnist --batch-size 32 64
    python -m nanogan.bench --recipe wgan-gp-mnist --profile       # where the time goes, by operation
    python -m nanogan.bench --recipe dcgan-mnist --scale           # batches of 64, 128, ... 1024
    python -m nanogan.bench --backend cupy --against torch         # on a GPU

It prints a table, and writes a JSON file and a picture.  Leave the machine alone meanwhile.
"""

import importlib.util
import os
import sys

from tqdm import tqdm

import nanogan as ng
from nanogan import viz
from nanogan.gan import command, recipes
from nanogan.gan.bench import report
from nanogan.gan.bench.measure import Plan, Setting, measure, profile, scaling, started_sgemm, threads_allowed
from nanogan.train import assignment

USUAL = ("mlp-mnist", "dcgan-mnist", "wgan-gp-mnist", "dcgan-pokemon")
SWEEP = (64, 128, 256, 512, 1024)


def parser():
    p = command.Parser("nanogan.bench", __doc__)
    p.add_argument(
        "--recipe", nargs="+", metavar="NAME", help=f"what to measure (default: {', '.join(USUAL)}; with --scale and --profile: dcgan-mnist)"
    )
    p.add_argument("--batch-size", nargs="+", type=command.positive_int, metavar="N", help="samples in a batch (default: the recipe's)")
    p.add_argument("--set", action="append", metavar="KEY=VALUE", help="an option of the recipe, as often as wanted")
    p.add_argument("--against", choices=("torch",), help="measure the same networks and step in PyTorch, in turn")
    p.add_argument("--backend", choices=("numpy", "cupy", "auto"), default="numpy", help="what computes (default: numpy)")
    p.add_argument("--threads", type=command.positive_int, metavar="N", help="for each side (default: one for each CPU, at most OMP_NUM_THREADS)")
    p.add_argument(
        "--turns", type=command.positive_int, default=9, metavar="N", help="turns that each side takes, two to warm up not counted (default: 9)"
    )
    p.add_argument("--seconds", type=command.positive_float, default=0.3, metavar="X", help="about how long a turn is (default: 0.3)")
    kind = p.add_mutually_exclusive_group()
    kind.add_argument("--profile", action="store_true", help="split the time of a step by operation instead")
    kind.add_argument("--scale", action="store_true", help=f"sweep the batch size instead: {', '.join(map(str, SWEEP))}, or those of --batch-size")
    p.add_argument("--out", default="bench", metavar="DIR", help="where the files go (default: bench)")
    p.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    return p


def main(argv=None):
    args = parser().parse_args(argv)
    settings = asked_settings(args)
    if args.against and not importlib.util.find_spec(args.against):
        raise ng.NanoganError(f"--against {args.against}: it is not installed here; pip install {args.against}")
    ng.use(args.backend)
    plan = Plan(args.threads or threads_allowed(), args.against, ng.backend_name(), args.turns, seconds=args.seconds)
    os.makedirs(args.out, exist_ok=True)
    for line in report.warnings(os.environ):
        print(f"nanogan: WARNING: {line}", file=sys.stderr)
    kind = "profile" if args.profile else "scale" if args.scale else "speed"
    found, text = profiled(settings, plan) if args.profile else compared(settings, plan, args.scale)
    written = [os.path.join(args.out, f"{kind}.json")]
    with open(written[0], "w", encoding="utf-8") as file:
        file.write(report.as_json(found))
    if kind in PICTURES:
        written.append(os.path.join(args.out, f"{kind}.png"))
        PICTURES[kind](written[1], found)
    print(report.as_json(found) if args.json else f"{text}\n\nwritten: {', '.join(written)}", end="" if args.json else "\n")
    return 0


def asked_settings(args):
    """What --recipe, --batch-size, --set and --scale ask for.  Raises NanoganError for what no recipe takes."""
    names = args.recipe or (["dcgan-mnist"] if args.scale or args.profile else USUAL)
    options = dict(assignment(text) for text in args.set or ())
    settings = []
    for name in names:
        sizes = args.batch_size or (SWEEP if args.scale else [recipes.get(name, **options).batch_size])
        settings += [Setting(name, size, options) for size in sizes]
    for setting in settings:
        setting.made()
    return settings


def progress(settings, plan):
    """A bar that counts rounds of turns."""
    return tqdm(total=len(settings) * (plan.warm_up + plan.turns), unit="round", dynamic_ncols=True, mininterval=0.5 if sys.stderr.isatty() else 10)


def compared(settings, plan, scale):
    """(all that was found, the same as text) of whole steps, over recipes or, with ``scale``, over batch sizes."""
    results = []
    with started_sgemm(plan) as sgemm, progress(settings, plan) as bar:
        for setting in settings:
            bar.set_description_str(str(setting))
            results.append(measure(setting, plan, sgemm, bar.update))
        peak, facts = sgemm.ask("peak"), report.machine(plan, sgemm.facts)
    found = {"machine": facts, "plan": vars(plan), "sgemm": peak, "results": results}
    peer = next((result["torch"][result["quoted"]]["facts"] for result in results if "torch" in result), None)
    lines = [*report.of_machine(facts, peer), ""]
    if scale:
        found["scaling"] = {}
        for recipe in dict.fromkeys(setting.recipe for setting in settings):
            some = [result for result in results if result["recipe"] == recipe]
            found["scaling"][recipe] = scaling(some)
            lines += [recipe, report.per_image(some), *report.of_scaling(some, found["scaling"][recipe]), ""]
    else:
        lines += [report.table(results, peak["gflops"]), ""]
    return found, "\n".join(lines + report.notes(results, peak, scale))


def profiled(settings, plan):
    """The same of the parts of steps."""
    results = [profile(setting, plan) for setting in settings]
    facts = report.machine(plan, results[0]["nanogan"]["facts"])
    lines = report.of_machine(facts)
    for result in results:
        lines += ["", *report.of_profile(result)]
    return {"machine": facts, "plan": vars(plan), "profiles": results}, "\n".join(lines)


PICTURES = {
    "speed": lambda path, found: viz.save_speed(path, found["results"], found["sgemm"]["gflops"]),
    "scale": lambda path, found: viz.save_scaling(path, found["results"], found["scaling"]),
}

if __name__ == "__main__":
    sys.exit(command.run(main))
