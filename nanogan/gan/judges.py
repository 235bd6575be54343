"""Judges: real samples, or the distribution they come from, and what can be said of others beside them.

    judge = Judge(train, test, net)
    row = judge.score(images)              # {"n": 10000, "frechet": ..., "kl": ..., ...}
    print(table([{"name": "mine"} | row], judge.columns))

``docs/evaluation.md`` says what each figure means.
"""

import functools
import math

import numpy

from nanogan import data, metrics
from nanogan.backend import ShapeError, random, to_numpy
from nanogan.data.gaussian import COVARIANCE, MEAN
from nanogan.metrics import lenet

NEIGHBOURS = 5_000  # samples that precision and recall look at
COPIES = 1_000  # samples whose nearest training image is looked for
HELD_OUT = 2**32  # added to the seed of a set that is drawn: another one of the same kind
COLUMNS = ("frechet", "kl", "modes", "confidence", "precision", "recall", "ndb", "js", "memorisation")
POINT_COLUMNS = ("modes", "good", "wasserstein2")


def any_order(n, seed=0):
    """0 ... n - 1, shuffled, always in the same way."""
    with random.fork([seed, 8]):
        return random.stream().permutation(n)


class Judge:
    """Real images, and what is known of them: scores others.

    train, test: data sets of images of one shape, the second unseen in training.  net: a LeNet, or None: then precision and recall are
    of pixels, and what needs classes is left out.
    """

    columns = COLUMNS

    def __init__(self, train, test, net=None, progress=None):
        if train.shape != test.shape:
            raise ShapeError(f"{train.name}: training images {train.shape} and held-out ones {test.shape}; they must be alike")
        order = any_order(len(test))  # MNIST's first 5,000 test images are easier than the others: no part is to be the beginning
        test = data.Dataset(test.name, test.samples[order], None if test.labels is None else test.labels[order])
        self.train, self.test, self.net, self.progress = train, test, net, progress
        self.labels = test.labels if test.labels is not None else train.labels
        self.features, self.accuracy = None, None  # of the network, on the held-out images
        if net:
            self.features, odds = lenet.embed(net, test.samples, progress)
            if test.labels is not None:
                self.accuracy = float((to_numpy(odds).argmax(axis=1) == test.labels).mean())

    @functools.cached_property
    def bins(self):
        return metrics.Bins(self.train.samples, K=min(100, len(self.train)), progress=self.progress)

    @functools.cached_property
    def unseen(self):
        """How far held-out images are from the training images, in the mean."""
        return float(metrics.nearest(self.test.samples[:COPIES], self.train.samples, self.progress)[0].mean())

    def score(self, images, copies=True):
        """A row: {"n", "frechet", "kl", "modes", "confidence", "precision", "recall", "ndb", "js", "memorisation", "histogram"}.

        images: uint8 (N, H, W, C), 4 or more.  copies: False leaves memorisation out, which takes longest.  What there is no network for
        is None.  Raises ShapeError for images of another shape, or too few.
        """
        if images.shape[1:] != self.train.shape:
            raise ShapeError(
                f"images of {images.shape[1:]} against {self.train.name}'s of {self.train.shape}; --data names the data they are to be like"
            )
        row = {"n": len(images)} | dict.fromkeys((*COLUMNS, "histogram"))
        images = images[any_order(len(images))]  # they may come sorted by class
        known, mine = self.test.samples, images
        if self.net:
            known = self.features
            mine, odds = lenet.embed(self.net, images, self.progress)
            row["frechet"] = metrics.frechet_distance(mine, known)
            row |= metrics.class_scores(odds, self.labels) if self.labels is not None else {}
        most = min(NEIGHBOURS, 2**25 // math.prod(known.shape[1:]))  # large pictures take room
        row["precision"], row["recall"] = metrics.precision_recall(mine[:most], known[:most])
        row |= self.bins.score(images)
        if copies:
            row["memorisation"] = metrics.memorisation(images[:COPIES], self.train.samples, self.unseen, self.progress)
        return row

    def real(self, n, seed=0):
        """n training images, taken at random (all, where there are fewer)."""
        return self.train.samples[any_order(len(self.train), seed)[:n]]

    def floor(self, n, seed=0, copies=True):
        """The row of n real samples, than which nothing is better but by luck or by heart.

        What compares with held-out images is that of training images, what compares with training images that of held-out ones.
        """
        unseen = self.bins.score(self.test.samples[:n]) | ({"memorisation": 1.0} if copies else {})  # 1: it is the measure
        return self.score(self.real(n, seed), copies=False) | unseen

    def about(self):
        """What the scores depend on, for a report: data, number of held-out images, the network's fingerprint and accuracy."""
        features = lenet.fingerprint(self.net) if self.net else None
        return {"data": self.train.name, "training": len(self.train), "held_out": len(self.test), "features": features, "accuracy": self.accuracy}

    def in_words(self):
        facts = self.about()
        against = f"against {facts['held_out']:,} held-out images of {facts['data']}"
        if not self.net:
            return f"{against}; no classifier: precision and recall in pixels"
        sure = f", {facts['accuracy']:.2%} right on them" if facts["accuracy"] is not None else ""
        return f"{against}; features of LeNet {facts['features'][:8]}{sure}"


class PointJudge:
    """The distribution that points come from, known in closed form: scores others."""

    columns = POINT_COLUMNS

    def __init__(self, train):
        self.train = train
        if train.centres is None:
            self.mean, self.covariance = MEAN, COVARIANCE
        else:
            centres = numpy.asarray(train.centres, float)
            self.mean = centres.mean(axis=0)
            self.covariance = numpy.cov(centres.T, bias=True) + train.std**2 * numpy.eye(len(self.mean))

    def score(self, points, copies=True):
        """A row: {"n", "modes", "good", "wasserstein2"}, the first two None where the data are no mixture."""
        row = {"n": len(points)} | dict.fromkeys(POINT_COLUMNS)
        if self.train.centres is not None:
            row["modes"], row["good"] = metrics.mode_coverage(points, self.train.centres, self.train.std)
        row["wasserstein2"] = metrics.wasserstein2_squared(points.mean(axis=0), numpy.cov(points.T), self.mean, self.covariance)
        return row

    def floor(self, n, seed=0, copies=True):
        """The row of n real points."""
        return self.score(data.load(self.train.name, seed=seed + HELD_OUT, n=n).samples.astype(numpy.float64))

    def about(self):
        return {"data": self.train.name, "features": None}

    def in_words(self):
        of = f" {len(self.train.centres)} modes of" if self.train.centres is not None else ""
        return f"against the true distribution,{of} {self.train.name}"


# --- How the scores react -------------------------------------------------------------------------------------------------


def sick_samples(judge, n=10_000, seed=0):
    """(name, images) of real images, and of what is done to them: each is an error that some score must notice."""
    train, real = judge.train, judge.real(n, seed)
    scaled = real.astype(numpy.float32) / 127.5 - 1
    draw = numpy.random.default_rng([seed, 9])
    yield "real: training images", real
    yield "real: held-out images", judge.test.samples[:n]
    for std in (0.1, 0.3):
        yield f"+ noise of deviation {std}", as_bytes(scaled + std * draw.standard_normal(scaled.shape, numpy.float32))
    yield "blurred, 3x3", as_bytes(_blurred(scaled))
    yield "shifted by a pixel", numpy.concatenate([numpy.full_like(real[:, :, :1], real.min()), real[:, :, :-1]], axis=2)
    if train.labels is not None:
        last = train.labels.max()
        order = any_order(len(train), seed)
        for name, kept in ((f"no class {last}", train.labels[order] != last), ("class 1 only", train.labels[order] == 1)):
            if kept.any():
                yield name, train.samples[numpy.resize(order[kept], n)]  # over again where there are too few
    yield f"100 images x {n // 100}", real[:100].repeat(max(1, n // 100), axis=0)
    yield "uniform noise", draw.integers(0, 256, real.shape, numpy.uint8)


def as_bytes(images):
    """[-1, 1] -> 0...255, rounded, as images are saved."""
    return numpy.rint(numpy.clip(images, -1, 1) * 127.5 + 127.5).astype(numpy.uint8)


def _blurred(x):
    """The mean over 3x3 pixels, of (N, H, W, C) with its edges repeated."""
    H, W = x.shape[1:3]
    padded = numpy.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    return sum(padded[:, i : i + H, j : j + W] for i in range(3) for j in range(3)) / 9


# --- What is told -----------------------------------------------------------------------------------------------------------

HEADS = {
    "n": "samples", "frechet": "Frechet", "kl": "KL", "modes": "modes", "confidence": "confidence", "precision": "precision", "recall": "recall",
    "ndb": "NDB", "js": "JS", "memorisation": "memorisation", "good": "good", "wasserstein2": "Wasserstein-2",
}  # fmt: skip
FORMATS = {"n": "{:,}", "frechet": "{:.2f}", "kl": "{:.4f}", "confidence": "{:.3f}", "precision": "{:.2f}", "recall": "{:.2f}", "js": "{:.4f}",
           "memorisation": "{:.2f}", "good": "{:.1%}", "wasserstein2": "{:.4f}"}  # fmt: skip


def table(rows, columns, width=None):
    """Rows, dictionaries with a "name", as lines of text; columns without any figure are left out.

    width: of the terminal, if there is one: what does not fit goes into tables below.

    >>> print(table([{"name": "a", "n": 1000, "ndb": 5}, {"name": "longer", "n": 10, "ndb": None}], ["ndb"]))
            samples  NDB
    a         1,000    5
    longer       10    -
    >>> print(table([{"name": "a", "n": 1000, "ndb": 5}], ["ndb"], width=12))
       samples
    a    1,000
    <BLANKLINE>
       NDB
    a    5
    """
    columns = [c for c in ("n", *columns) if any(row.get(c) is not None for row in rows)]
    cells = [["", *(HEADS[c] for c in columns)]]
    cells += [[row["name"], *(cell(c, row.get(c)) for c in columns)] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns) + 1)]
    blocks = [[]]
    for i in range(1, len(widths)):
        if width and blocks[-1] and widths[0] + sum(2 + widths[j] for j in [*blocks[-1], i]) > width:
            blocks.append([])
        blocks[-1].append(i)
    lines = [["  ".join([line[0].ljust(widths[0]), *(line[i].rjust(widths[i]) for i in block)]).rstrip() for line in cells] for block in blocks]
    return "\n\n".join("\n".join(block) for block in lines)


def cell(column, value):
    return "-" if value is None else FORMATS.get(column, "{}").format(value)
