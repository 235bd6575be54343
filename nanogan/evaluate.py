"""Score a generator: held against real samples, in figures that can be compared.

    python -m nanogan.evaluate runs/mlp                                  # a table, and evaluation.json and .png in the run
    python -m nanogan.evaluate runs/mlp runs/dcgan-mnist-1               # a row each
    python -m nanogan.evaluate runs/mlp/checkpoints/step_010000.npz --samples 2000 --seed 1
    python -m nanogan.evaluate others.npz --data mnist --out scores/     # images, uint8 (N, 28, 28), of any program
    python -m nanogan.evaluate --calibrate                               # what each figure makes of noise, blur, repeats ...
    python -m nanogan.evaluate --train-lenet --out lenet.npz             # the network whose features are compared, anew

The last row is of real samples, as many: what is no farther off than they are is as good as real.
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

from tqdm import tqdm

import nanogan as ng
from nanogan import metrics, viz
from nanogan.gan import command, environment, evaluation, judges
from nanogan.gan.checkpoint import replacing
from nanogan.metrics import lenet

SHOWN = 20  # samples in the picture
MOST = 1_000_000  # samples


def parser():
    p = command.Parser("nanogan.evaluate", __doc__)
    p.add_argument("paths", nargs="*", metavar="RUN_OR_CHECKPOINT", help="a run's folder, a checkpoint.npz, a generator.npz, or an .npz of images")
    p.add_argument("--samples", type=command.positive_int, default=evaluation.SAMPLES, metavar="N", help="how many (default: 10,000)")
    p.add_argument(
        "--seed", type=command.nonnegative_int, metavar="N", help=f"of the noise (default: 0), or of LeNet's weights (default: {lenet.SEED})"
    )
    p.add_argument("--data", metavar="NAME|PATH", help="what the samples are to be like (default: what the generator learned, else mnist)")
    p.add_argument("--data-dir", metavar="DIR", help="holds mnist/ or its files (default: the run's, $NANOGAN_DATA, the user's cache)")
    p.add_argument("--download", action="store_true", help="fetch the data first, if they are not there (mnist, fashion-mnist)")
    p.add_argument("--backend", default="numpy", choices=("numpy", "cupy", "auto"), help="what computes (default: numpy)")
    p.add_argument("--lenet", metavar="FILE", help="score in the features of this network, made by --train-lenet")
    p.add_argument("--json", action="store_true", help="print JSON, not a table")
    p.add_argument("--out", metavar="PATH", help="the folder for JSON and pictures (default: beside what is scored), or the file of --train-lenet")
    other = p.add_mutually_exclusive_group()
    other.add_argument("--calibrate", action="store_true", help="score real images that something was done to, to see how each figure reacts")
    other.add_argument("--train-lenet", action="store_true", help="train the network whose features are compared, on --data (default: mnist)")
    return p


def main(argv=None):
    args = parser().parse_args(argv)
    if args.seed is None:
        args.seed = lenet.SEED if args.train_lenet else 0
    check(args)
    ng.use(args.backend)
    remedy = "--backend numpy takes the host's memory" if ng.backend_name() == "cupy" else "fewer --samples need less"
    with environment.memory_explained(f"scoring {args.samples:,} samples", remedy):
        (train_lenet if args.train_lenet else calibrate if args.calibrate else evaluate)(args)
    return 0


def check(args):
    for option in ("data", "data_dir", "out", "lenet"):
        if getattr(args, option) == "":
            raise ng.NanoganError(f"--{option.replace('_', '-')} is empty (an unset variable?); name something or leave it out")
    alone = "--calibrate" if args.calibrate else "--train-lenet" if args.train_lenet else None
    if alone and args.paths:
        raise ng.NanoganError(f"{alone} scores nothing but real images, and {args.paths[0]!r:.60} is given; leave one out")
    if not alone and not args.paths:
        raise ng.NanoganError("nothing to score is named; name a run's folder, a checkpoint.npz, or an .npz of images")
    if "" in args.paths:
        raise ng.NanoganError("RUN_OR_CHECKPOINT is empty (an unset variable?); name something")
    if args.samples < 10:
        raise ng.NanoganError(f"--samples {args.samples} are too few to say anything; ask for 10 or more, 10,000 to compare")
    if args.samples > MOST:
        raise ng.NanoganError(f"--samples asks for more than anybody compares; ask for {MOST:,} or fewer, 10,000 to compare")
    if args.train_lenet and (args.lenet or args.json):
        raise ng.NanoganError(f"--train-lenet makes a network and scores nothing; leave {'--lenet' if args.lenet else '--json'} out")


def evaluate(args):
    """Score every path, and real samples of the same number; print, and leave JSON and pictures."""
    began = time.perf_counter()
    subjects = [subject_of(path, args) for path in tqdm(args.paths, desc="samples", leave=False, delay=2, disable=None)]
    folders = folders_for(args, subjects)
    judge = judge_for(args, subjects)
    rows = [{"name": subject.name} | judge.score(subject.samples) for subject in tqdm(subjects, desc="scores", leave=False, delay=2, disable=None)]
    real = {n: {"name": "real"} | judge.floor(n, args.seed) for n in sorted({row["n"] for row in rows})}
    tell(args, judge, [*rows, *real.values()])  # first: whatever becomes of the files, this was worth a minute
    where = []
    for subject, folder, row in zip(subjects, folders, rows, strict=True):
        where.append(f"{folder / subject.stem}.png{replaced(folder / f'{subject.stem}.json', row['n'])}")
        write_json(folder / f"{subject.stem}.json", report(args, judge, [row, real[row["n"]]]))
        save_picture(folder / f"{subject.stem}.png", judge, subject, row)
    if not args.json:
        print(f"pictures, and JSON beside them: {', '.join(where)}   ({time.perf_counter() - began:.0f} s)")


def subject_of(path, args):
    """What ``path`` holds; of an error it is told which of all paths has it."""
    try:
        return evaluation.subject_of(path, args.samples, args.seed)
    except ng.NanoganError as error:
        if path in str(error):
            raise
        raise ng.NanoganError(f"{path}: {error}") from error


def replaced(path, n):
    """A note that the evaluation in ``path``, which is about to be written anew, was of another number of samples; "" if it was not."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["rows"][0]["n"]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return ""
    return f" (replaced one of {before:,} samples)" if isinstance(before, int) and before != n else ""


def judge_for(args, subjects):
    """What all subjects are held against: --data, or what every one of them learned."""
    names = {args.data or subject.data for subject in subjects}
    if names == {""}:
        raise ng.NanoganError(f"nobody knows what {subjects[0].name} is to be like; name its data with --data")
    if len(names) > 1:
        said = each(subjects, lambda subject: subject.data or "nothing known")
        raise ng.NanoganError(f"what is given is to be like different data ({said}); name one with --data, or score one by one")
    first, name = subjects[0], names.pop()
    shapes = {subject.samples.shape[1:] for subject in subjects}
    if len(shapes) > 1:
        raise ng.NanoganError(f"what is given is of different shapes ({each(subjects, lambda subject: subject.samples.shape[1:])}); score one by one")
    seed = first.seed if name == first.data else 0  # of the very set that was learned
    return evaluation.judge_of(name, args.data_dir or first.data_dir, seed, first.pictures, args.lenet, args.download, shapes.pop())


def each(subjects, fact):
    """A fact of each subject, in words: one subject for each different one, and four at most."""
    firsts = {fact(subject): subject.name for subject in reversed(subjects)}
    return ", ".join(f"{name}: {value}" for value, name in list(firsts.items())[:-5:-1])


def report(args, judge, rows):
    """All of it, for JSON."""
    return {"seed": args.seed, "reference": judge.about(), "rows": rows, "versions": environment.versions()}


def tell(args, judge, rows):
    if args.json:
        print(json.dumps(strict(report(args, judge, rows)), indent=2))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(judges.table(rows, judge.columns, width) + "\n" + judge.in_words())


def folders_for(args, subjects):
    """Where JSON and picture of each subject go; in one folder each has a name of its own."""
    if args.out and len(subjects) > 1:
        for subject in subjects:
            subject.stem = f"{pathlib.Path(subject.name).resolve().name.removesuffix('.npz')}-evaluation"
    folders = [pathlib.Path(os.path.expanduser(args.out)) if args.out else subject.folder for subject in subjects]
    places = [os.path.abspath(folder / subject.stem) for subject, folder in zip(subjects, folders, strict=True)]
    if twice := [place for place in places if places.count(place) > 1]:
        raise ng.NanoganError(f"two of what is given would be told of in one file, {twice[0]}.json; score them one by one, into different folders")
    return [writable(folder) for folder in folders]


def writable(folder):
    """``folder``, made, and found to be writable, before the work whose results are to lie in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ng.NanoganError(f"the folder {folder} cannot be made ({error.strerror or error}); choose another --out") from error
    try:
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise ng.NanoganError(f"nothing can be written to {folder} ({error.strerror or error}); name another folder with --out") from error


def write_json(path, facts):
    with replacing(path) as file:
        file.write((json.dumps(strict(facts), indent=2) + "\n").encode())


def strict(value):
    """For JSON, which knows no infinity: that is null there, as is what there is no figure for."""
    if isinstance(value, dict):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


def save_picture(path, judge, subject, row):
    """Samples beside their nearest real ones, and the classes; of points, a scatter."""
    if not judge.train.is_images:
        viz.save_scatter(path, subject.samples[:1000], judge.train.samples[:1000], subject.name, judge.train.centres)
        return
    shown = subject.samples[:SHOWN]
    _, places = metrics.nearest(shown, judge.train.samples)
    real = None
    if row["histogram"]:
        real = [float((judge.labels == i).mean()) for i in range(len(row["histogram"]))]
    viz.save_scores(path, shown, judge.train.samples[places], row["histogram"], real, subject.name)


def calibrate(args):
    """Score what was done to real images."""
    folder = writable(pathlib.Path(os.path.expanduser(args.out))) if args.out else None
    judge = evaluation.judge_of(args.data or "mnist", args.data_dir, net=args.lenet, download=args.download)
    if not judge.train.is_images:
        raise ng.NanoganError(f"--calibrate is of images, and {judge.train.name} holds points; choose another --data")
    sick = judges.sick_samples(judge, args.samples, args.seed)
    rows = [{"name": name} | judge.score(images) for name, images in tqdm(sick, desc="scores", total=10, leave=False, disable=None)]
    tell(args, judge, rows)
    if folder:
        write_json(folder / "calibration.json", report(args, judge, rows))


def train_lenet(args):
    """Train the network, say how good it is, and write it."""
    train, test = evaluation.real_sets(args.data or "mnist", args.data_dir, 0, None, args.download)
    if train.labels is None or train.shape != (28, 28, 1):
        raise ng.NanoganError(f"LeNet learns the labels of images of (28, 28, 1), and {train.name} holds {train.shape} with"
                              f"{'out' if train.labels is None else ''} labels; choose another --data")  # fmt: skip
    out = pathlib.Path(os.path.expanduser(args.out or f"lenet-{train.name}.npz"))
    out = out / f"lenet-{train.name}.npz" if os.path.isdir(out) else out
    writable(out.parent)
    began = time.perf_counter()
    net = lenet.train(train.samples, train.labels, args.seed)
    seconds = time.perf_counter() - began
    evaluation.save_network(out, net)
    right = (
        f"{lenet.accuracy(net, test.samples, test.labels):.2%} of {len(test):,} held-out images right"
        if test.labels is not None
        else "no labels held out"
    )
    print(f"LeNet {lenet.fingerprint(net)[:8]}, seed {args.seed}, {lenet.EPOCHS} epochs of {len(train):,} images of {train.name} in {seconds:.0f} s: {right}\n"
          f"it is in {out}; python -m nanogan.evaluate --lenet {out} ... scores in its features")  # fmt: skip


if __name__ == "__main__":
    sys.exit(command.run(main))
