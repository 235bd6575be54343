"""Notebook 10, is it any good: the Frechet distance, bins with a standard error, precision and recall, a conditional generator, memorisation.

Its other question, what broke, is in ``what_broke.py``.
"""

import math

import numpy as np

from nanogan import nn, ops
from nanogan.backend import random, xp
from nanogan.course import engine as ng
from nanogan.course.exercise import Exercise, Mistake, named
from nanogan.course.exercises.what_broke import CLINIC, DIAGNOSE

# --- 10.frechet -------------------------------------------------------------------------------------------------------


def frechet(x, y):
    """The squared Wasserstein-2 distance between the Gaussians of two sets of features: |m1 - m2|**2 + trace(C1 + C2 - 2 root(R C2 R)).

    x: (N, D), y: (M, D) arrays.  m1 and C1 are the mean (D,) and the covariance (D, D), over N - 1, of x, m2 and C2 those of y; R = root(C1).
    root(A) of a symmetric matrix is V diag(sqrt(values)) V.T, from np.linalg.eigh; values below 0, by rounding, count as 0.  Gives a number.
    """

    # <yours>
    def root(matrix):
        values, vectors = np.linalg.eigh(matrix)  # (D,), (D, D)
        return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T

    c1, c2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)  # (D, D)
    r = root(c1)
    return ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + np.trace(c1 + c2 - 2 * root(r @ c2 @ r))
    # </yours>


FIVE = np.array([[1.0, 1], [-1, 1], [1, -1], [-1, -1], [0, 0]])  # as on a die: mean 0, covariance 1


def _features(rng):
    yield FIVE, 2 * FIVE + [3, 4]
    yield FIVE, FIVE @ [[2, 1], [1, 2]] + [0, 1]
    yield FIVE[:4], FIVE @ [[1, 3], [0, 1]]
    for _ in range(12):
        D = int(rng.integers(2, 6))
        yield rng.normal(size=(int(rng.integers(D + 2, 20)), D)), rng.normal(size=(int(rng.integers(21, 40)), D)) @ rng.normal(size=(D, D)) + 1
    for D in (6, 8, 10):  # fewer samples than numbers in each, and a number that is always 0
        x, y = rng.normal(size=(D - 2, D)), rng.normal(size=(D + 5, D))
        x[:, 0] = y[:, 0] = 0
        yield x, y


def _root(matrix, least=0.0):
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, least)) @ vectors.T


def _frechet(means=lambda d: (d**2).sum(), cov=lambda x: np.cov(x, rowvar=False), root=_root, cross=None, twice=2, done=lambda d: d):
    """frechet with a mistake or several."""

    def answer(x, y):
        c1, c2 = cov(x), cov(y)
        both = cross(c1, c2) if cross else root(root(c1) @ c2 @ root(c1))
        return done(means(x.mean(axis=0) - y.mean(axis=0)) + np.trace(c1 + c2 - twice * both))

    return answer


FRECHET = Exercise(
    "10.frechet", frechet, _features, rtol=1e-6,
    mistakes=[
        Mistake("the distance of the means is squared: the sum of (m1 - m2)**2, without a root", _frechet(means=np.linalg.norm)),
        Mistake("the covariances are divided by N; over N - 1 is asked for, as np.cov has it", _frechet(cov=lambda x: np.cov(x, rowvar=False, bias=True))),
        Mistake("np.cov takes each row for a variable: with samples in rows give rowvar=False, or the transpose", _frechet(cov=np.cov)),
        Mistake("np.sqrt takes the root of each entry; the root of a matrix goes through its eigenvalues",
                _frechet(root=lambda c: np.sqrt(np.maximum(c, 0)))),
        Mistake("C1 @ C2 is not symmetric, and eigh looks at one half of it only; take the root of R @ C2 @ R, with R the root of C1",
                _frechet(cross=lambda c1, c2: _root(c1 @ c2))),
        Mistake("the roots of C1 and of C2 are multiplied; that is right only where the two matrices can change places",
                _frechet(cross=lambda c1, c2: _root(c1) @ _root(c2))),
        Mistake("the cross term counts twice: C1 + C2 - 2 root(R C2 R)", _frechet(twice=1)),
        Mistake("the covariance's eigenvalues can be a little below 0 by rounding, and their root is NaN: np.maximum(values, 0) first",
                _frechet(root=lambda c: _root(c, -np.inf))),
        Mistake("only the variances are compared; the other entries of the covariances count, too",
                _frechet(cross=lambda c1, c2: np.diag(np.sqrt(np.diag(c1) * np.diag(c2))))),
        Mistake("this is the root of what is asked for", _frechet(done=np.sqrt)),
    ],
    hints=[
        "The means are x.mean(axis=0), the covariances np.cov(x, rowvar=False).",
        "values, vectors = np.linalg.eigh(matrix); the root is vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T.",
        "r = root(c1), and then np.trace(c1 + c2 - 2 * root(r @ c2 @ r)), with @ and not *.",
    ],
)  # fmt: skip

# --- 10.different_bins ------------------------------------------------------------------------------------------------


def different_bins(found, training):
    """By how many standard errors the share of samples in each bin differs from the share of training images: (K,), positive where it is larger.

    found, training: (K,) arrays, how many samples and how many training images lie in each bin.  With n and m in all, the shares are p = found / n
    and q = training / m; the share of both together is s, and the standard error of p - q is sqrt(s (1 - s) (1/n + 1/m)).  A bin that is empty
    in both gets 0.
    """
    # <yours>
    n, m = found.sum(), training.sum()
    s = (found + training) / (n + m)  # (K,)
    error = np.sqrt(s * (1 - s) * (1 / n + 1 / m))
    return np.divide(found / n - training / m, error, out=np.zeros(len(s)), where=error > 0)
    # </yours>


def _counts(rng):
    yield np.array([60.0, 940.0]), np.array([400.0, 9600.0])
    yield np.array([10.0, 20.0, 70.0]), np.array([10.0, 20.0, 70.0])
    yield np.array([5.0, 0.0, 95.0]), np.array([500.0, 0.0, 500.0])
    yield np.array([0.0, 50.0, 50.0]), np.array([300.0, 300.0, 400.0])
    for i in range(20):
        K = int(rng.integers(2, 8))
        shares, others = rng.dirichlet(np.ones(K)), rng.dirichlet(np.ones(K))
        found, training = rng.multinomial(int(rng.integers(50, 2000)), shares), rng.multinomial(int(rng.integers(2000, 9000)), others)
        if i % 4 == 0:
            found[0] = training[0] = 0
        yield found.astype(float), training.astype(float)


def _bins(share=None, spread=None, empty=0.0, part=lambda v: v):
    """different_bins with a mistake or several; share(f, t, n, m): of both, spread(s, p, q, n, m): the standard error."""

    def answer(found, training):
        n, m = found.sum(), training.sum()
        p, q = found / n, training / m
        s = share(found, training, n, m) if share else (found + training) / (n + m)
        error = spread(s, p, q, n, m) if spread else np.sqrt(s * (1 - s) * (1 / n + 1 / m))
        with np.errstate(all="ignore"):
            return part(np.where((error > 0) | np.isnan(empty), (p - q) / error, empty))

    return answer


DIFFERENT_BINS = Exercise(
    "10.different_bins", different_bins, _counts,
    mistakes=[
        Mistake("that is divided by the variance; the standard error is its root", _bins(spread=lambda s, p, q, n, m: s * (1 - s) * (1 / n + 1 / m))),
        Mistake("that is the share of training images alone; s is the share of both together, (found + training) / (n + m)", _bins(share=lambda f, t, n, m: t / m)),
        Mistake("each share has an error of its own here; if the two are the same, which is what is tested, their share is the pooled one, s",
                _bins(spread=lambda s, p, q, n, m: np.sqrt(p * (1 - p) / n + q * (1 - q) / m))),
        Mistake("the share of both together is (found + training) / (n + m), and not the mean of p and q: the larger set has more to say",
                _bins(share=lambda f, t, n, m: (f / n + t / m) / 2)),
        Mistake("the training images are a sample, too: it is 1/n + 1/m", _bins(spread=lambda s, p, q, n, m: np.sqrt(s * (1 - s) / n))),
        Mistake("a share of s has the variance s (1 - s); the 1 - s is missing", _bins(spread=lambda s, p, q, n, m: np.sqrt(s * (1 / n + 1 / m)))),
        Mistake("the errors of n and of m add up: 1/n + 1/m, and not 1 / (n + m)", _bins(spread=lambda s, p, q, n, m: np.sqrt(s * (1 - s) / (n + m)))),
        Mistake("it has no sign: positive where samples have more, negative where they have less", _bins(part=np.abs)),
        Mistake("the sign is that of training less samples; it is positive where samples have the larger share", _bins(part=np.negative)),
        Mistake("a bin that is empty in both is 0 / 0; give it 0", _bins(empty=np.nan)),
    ],
    hints=[
        "n = found.sum(), m = training.sum(); everything else is one number a bin.",
        "s = (found + training) / (n + m) is the share if both came from one urn.  A count of n draws has the variance n s (1 - s), a share 1/n of s (1 - s).",
        "np.divide(p - q, error, out=np.zeros(len(s)), where=error > 0) leaves 0 where nothing is.",
    ],
)  # fmt: skip

# --- 10.precision_recall ----------------------------------------------------------------------------------------------


def precision_recall(made, real, k):
    """(precision, recall): the share of made points on the ground of the real ones, and the share of real points on the ground of the made ones.

    made: (N, D), real: (M, D) arrays, of more than k points each.  Around each point of a set lies a ball, its edge included, that reaches to
    its k-th nearest OTHER point of the same set; the ground of a set is what its balls cover.  Two numbers.
    """

    # <yours>
    def distances(a, b):
        return np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))  # (N, M)

    def on_ground(points, ground):
        reach = np.sort(distances(ground, ground), axis=1)[:, k]  # (M,): number 0 is the point itself
        return (distances(points, ground) <= reach).any(axis=1).mean()

    return on_ground(made, real), on_ground(real, made)
    # </yours>


def _point_sets(rng):
    yield np.array([[0.5], [9.0]]), np.array([[0.0], [1.0], [3.0]]), 1
    yield np.full((3, 2), 2.0), np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 0.0], [9.0, 9.0]]), 1
    yield np.array([[0.0], [1.0], [2.0], [10.0]]), np.array([[0.0], [4.0], [5.0], [6.0], [7.0]]), 2
    for i in range(20):
        D, k = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        N, M = (int(n) for n in rng.integers(6, 25, size=2))
        yield rng.normal(size=(N, D)) * rng.uniform(0.3, 2) + (i % 3) / 2, rng.normal(size=(M, D)), k


def _apart(a, b):
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))


def _shares(reach=lambda d, k: np.sort(d, axis=1)[:, k], inside=lambda d, r: (d <= r).any(axis=1), own=False, swap=False):
    """precision_recall with a mistake or several."""

    def answer(made, real, k):
        def on(points, ground):
            if own:
                return (_apart(points, ground) <= reach(_apart(points, points), k)[:, None]).any(axis=1).mean()
            return inside(_apart(points, ground), reach(_apart(ground, ground), k)).mean()

        found = on(made, real), on(real, made)
        return found[::-1] if swap else found

    return answer


PRECISION_RECALL = Exercise(
    "10.precision_recall", precision_recall, _point_sets,
    mistakes=[
        Mistake("precision and recall have changed places: precision is about the made points", _shares(swap=True)),
        Mistake("the point itself, at distance 0, was counted as its nearest: of the sorted distances take number k, not k - 1",
                _shares(reach=lambda d, k: np.sort(d, axis=1)[:, k - 1])),
        Mistake("these are balls around the points that are judged; the balls lie around the points of the other set, the ground", _shares(own=True)),
        Mistake("a point need not lie in all balls; one is enough", _shares(inside=lambda d, r: (d <= r).all(axis=1))),
        Mistake("every ball has a reach of its own; this is one for all, their mean", _shares(reach=lambda d, k: np.full(len(d), np.sort(d, axis=1)[:, k].mean()))),
        Mistake("the edge belongs to the ball: <= and not <", _shares(inside=lambda d, r: (d < r).any(axis=1))),
        Mistake("only the ball of the nearest point was asked; a point further away can have a wider one",
                _shares(inside=lambda d, r: d.min(axis=1) <= r[d.argmin(axis=1)])),
        Mistake("the reach is the mean distance to the k nearest; it is the distance to the k-th", _shares(reach=lambda d, k: np.sort(d, axis=1)[:, 1 : k + 1].mean(axis=1))),
    ],
    hints=[
        "All distances at once: np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2)) is (N, M).",
        "The reach of a ground: sort each row of its distances to itself.  Number 0 is the point itself, so number k is its k-th nearest other.",
        "(distances(points, ground) <= reach) is (N, M): a point in each row, a ball in each column.  .any(axis=1).mean() is the share.",
    ],
)  # fmt: skip

# --- 10.conditional ---------------------------------------------------------------------------------------------------


def conditioned(draw, z):
    """What a conditional generator gives: an image of what was asked for, and behind it what was asked for, as planes; a Tensor (N, H, W, 1 + 10).

    z: an array (N, 42): 32 numbers of noise, and ten more, of which the largest stands in the place of the label.
    draw: a network, (N, 42) -> (N, H, W, 1).  It gets the noise, and beside it ten numbers that are 0 but for a 2 in the place of the label.
    The ten planes are those of a data set whose bytes are 255 in the plane of the label and 128 elsewhere: 1.0 and 128 / 127.5 - 1.
    Arrays are made with xp, which is NumPy or CuPy, and tensors joined with ops.concatenate.
    """
    # <yours>
    label = xp.eye(10, dtype=z.dtype)[z[:, 32:].argmax(axis=1)]  # (N, 10): one 1
    image = draw(xp.concatenate([z[:, :32], 2 * label], axis=1))  # (N, H, W, 1)
    planes = xp.zeros((*image.shape[:3], 10), z.dtype) + ((127 * label + 128) / 127.5 - 1)[:, None, None]  # (N, 10) -> (N, H, W, 10)
    return ops.concatenate([image, planes], axis=3)  # (N, H, W, 11)
    # </yours>


def _artists(rng):
    for N, size in ((2, 1), (3, 2), (5, 3), (4, 4)):
        with random.fork(int(rng.integers(1000))):
            draw = nn.Sequential(nn.Dense(42, size * size), nn.Reshape(size, size, 1), nn.Tanh()).astype("float64")
        yield draw, rng.normal(size=(N, 42))


def _with_what_it_learns(answer, draw, z):
    """What comes back, and what the generator learns from it."""
    made = answer(draw, z)
    if not isinstance(made, ng.Tensor):
        return made
    cotangent = np.cos(np.arange(made.size)).reshape(made.shape)
    learned = ng.grad(ops.sum(made * cotangent), draw.parameters()) if made.requires_grad else [np.zeros(p.shape) for p in draw.parameters()]
    return {"what comes back": made.numpy(), "what the generator's weights learn": ng.to_numpy(getattr(learned[0], "data", learned[0]))}


def _conditioned(label=lambda z: z[:, 32:].argmax(axis=1), noise=lambda z: z[:, :32], size=2, planes=lambda one: (127 * one + 128) / 127.5 - 1,
                 join=lambda image, planes: ops.concatenate([image, planes], axis=3)):  # fmt: skip
    """conditioned with a mistake."""

    def answer(draw, z):
        one = np.eye(10)[label(z)]
        image = draw(np.concatenate([noise(z), size * one], axis=1))
        return join(image, np.zeros((*image.shape[:3], 10)) + planes(one)[:, None, None])

    return answer


CONDITIONAL = Exercise(
    "10.conditional", conditioned, _artists, outcome=_with_what_it_learns,
    mistakes=[
        Mistake("the planes are 1 and 0 here; a data set scales its bytes, and 128 becomes 128 / 127.5 - 1, a little above 0", _conditioned(planes=lambda one: one)),
        Mistake("the planes hold the bytes, 255 and 128; scaled they are 255 / 127.5 - 1 and 128 / 127.5 - 1", _conditioned(planes=lambda one: 127 * one + 128)),
        Mistake("the planes are 1 and -1 here, as of the bytes 255 and 0; 128 becomes a little above 0", _conditioned(planes=lambda one: 2 * one - 1)),
        Mistake("the label is the largest of the LAST ten numbers; here the first ten were asked", _conditioned(label=lambda z: z[:, :10].argmax(axis=1))),
        Mistake("the label is where the largest of the ten stands, and not the smallest", _conditioned(label=lambda z: z[:, 32:].argmin(axis=1))),
        Mistake("the network gets a 1 in the place of the label; a 2 is asked for", _conditioned(size=1)),
        Mistake("the network got z as it is; its last ten numbers are to be 0 but for a 2 in the place of the label",
                lambda draw, z: ops.concatenate([draw(z), conditioned(draw, z)[..., 1:]], axis=3)),
        Mistake("the planes stand before the image; the image comes first", _conditioned(join=lambda image, planes: ops.concatenate([planes, image], axis=3))),
        Mistake("the image comes back without its history (.data, .numpy()), so the generator learns nothing",
                _conditioned(join=lambda image, planes: ng.Tensor(np.concatenate([image.data, planes], axis=3)))),
    ],
    hints=[
        "z[:, 32:].argmax(axis=1) are the labels, (N,); xp.eye(10, dtype=z.dtype)[labels] has a row for each with one 1.",
        "The network gets xp.concatenate([z[:, :32], 2 * label], axis=1), which is (N, 42) again.",
        "(127 * label + 128) / 127.5 - 1 is (N, 10); with [:, None, None] it spreads over a xp.zeros of (N, H, W, 10).",
    ],
)  # fmt: skip

# --- 10.by_hand -------------------------------------------------------------------------------------------------------


def by_hand():
    """Three numbers, worked out on paper.

    1. The squared Wasserstein-2 distance between N(1, 2**2) and N(4, 6**2), Gaussians with the deviations 2 and 6.
    2. A bin holds 60 of 500 samples, and 90 of 1,000 training images: the standard error of the difference of the two shares.
    3. By how many standard errors they differ.

    Three digits will do.
    """
    # <yours>
    return 25.0, 0.01643, 1.826
    # </yours>


def _hand(w=25.0, error=None, shares=0.03):
    error = math.sqrt(0.1 * 0.9 * (1 / 500 + 1 / 1000)) if error is None else error
    return lambda: (w, error, shares / error)


THREE = ("the squared distance", "the standard error", "how many of them")

BY_HAND = Exercise(
    "10.by_hand", by_hand, lambda rng: [()], outcome=named(*THREE), rtol=5e-3, stars=1,
    mistakes=[
        Mistake("the deviations' difference is squared, too: (4 - 1)**2 + (6 - 2)**2", _hand(w=13.0)),
        Mistake("this is the distance; its square is asked for", _hand(w=5.0)),
        Mistake("2 and 6 are deviations; their squares are the variances, and it is the deviations that are subtracted", _hand(w=9.0 + 32**2)),
        Mistake("deviations do not add up here: a point of one is carried to one of the other, so it is (6 - 2)**2 and not 6**2 + 2**2", _hand(w=49.0)),
        Mistake("the standard error is the root of 0.1 * 0.9 * (1/500 + 1/1000); this is without the root", _hand(error=0.09 * 0.003)),
        Mistake("each share has an error of its own here; the pooled share is (60 + 90) / 1,500 = 0.1",
                _hand(error=math.sqrt(0.12 * 0.88 / 500 + 0.09 * 0.91 / 1000))),
        Mistake("the pooled share is (60 + 90) / 1,500 = 0.1, and not the mean of 0.12 and 0.09",
                _hand(error=math.sqrt(0.105 * 0.895 * 0.003))),
        Mistake("the training images are a sample, too: 1/500 + 1/1000", _hand(error=math.sqrt(0.09 / 500))),
        Mistake("it is the difference of the shares, 0.12 - 0.09, in standard errors", _hand(shares=0.12)),
        Mistake("this is in percent; the shares are 0.12 and 0.09, and the error is one of shares", lambda: (25.0, 1.643, 1.826)),
        Mistake("the samples have the larger share: the sign is the wrong way round", _hand(shares=-0.03)),
    ],
    hints=[
        "1. Two squares: of the difference of the means, and of the difference of the deviations.",
        "2. Both together hold 150 of 1,500, a share of 0.1.  Then sqrt(0.1 * 0.9 * (1/500 + 1/1000)).",
        "3. (0.12 - 0.09) divided by that.",
    ],
)  # fmt: skip

# --- 10.memorisation --------------------------------------------------------------------------------------------------


def memorisation(samples, unseen, training):
    """How far samples keep from the training points, measured by how far unseen real points do: about 1 is honest, 0 is copied.

    samples: (N, D), unseen: (L, D), training: (M, D) arrays.  The mean distance (Euclidean) from a sample to the training point nearest to it,
    divided by the mean distance from an unseen point to the training point nearest to it.  A number.
    """

    # <yours>
    def away(points):
        distances = np.sqrt(((points[:, None] - training[None]) ** 2).sum(axis=2))  # (N, M)
        return distances.min(axis=1).mean()  # (N,) -> a number

    return away(samples) / away(unseen)
    # </yours>


def _three_sets(rng):
    line = np.arange(4.0)[:, None]
    yield line + 0.25, line + 0.5, line
    yield np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[0.0, 1.0], [0.0, -1.0], [2.0, 0.0]]), np.zeros((1, 2))
    yield line[:2], line[:3] + 0.5, line
    for i in range(15):
        D = int(rng.integers(1, 5))
        N, L, M = (int(n) for n in rng.integers(3, 20, size=3))
        training = rng.normal(size=(M, D))
        samples = training[rng.integers(M, size=N)] + 0.1 * rng.normal(size=(N, D)) if i % 3 == 0 else 1.3 * rng.normal(size=(N, D))
        yield samples, rng.normal(size=(L, D)), training


def _copied(distances=_apart, nearest=lambda d: d.min(axis=1), over=np.mean, ratio=lambda samples, unseen: samples / unseen, beside_samples=False):
    """memorisation with a mistake or several."""

    def answer(samples, unseen, training):
        far = over(nearest(distances(unseen, samples if beside_samples else training)))
        return ratio(over(nearest(distances(samples, training))), far)

    return answer


MEMORISATION = Exercise(
    "10.memorisation", memorisation, _three_sets,
    mistakes=[
        Mistake("this is the mean distance to all training points; only the nearest counts, of each sample its own", _copied(nearest=lambda d: d.mean(axis=1))),
        Mistake("that is, for each training point, the nearest sample; asked is, for each sample, the nearest training point: the minimum along axis 1",
                _copied(nearest=lambda d: d.min(axis=0))),
        Mistake("that is the smallest distance of all pairs; each sample has a nearest of its own, and then comes the mean", _copied(nearest=np.min)),
        Mistake("these are squared distances; take the root before the minimum and the mean", _copied(distances=lambda a, b: _apart(a, b) ** 2)),
        Mistake("the differences are added up without their squares; the distance is Euclidean", _copied(distances=lambda a, b: abs(a[:, None] - b[None]).sum(axis=2))),
        Mistake("it is upside down: the samples' distance above, that of the unseen points below", _copied(ratio=lambda samples, unseen: unseen / samples)),
        Mistake("this is the samples' distance alone; it has a unit until it is divided by that of unseen points", _copied(ratio=lambda samples, unseen: samples)),
        Mistake("the unseen points are held against the training points, too, and not against the samples", _copied(beside_samples=True)),
        Mistake("these are sums of distances, and there need not be as many samples as unseen points: means", _copied(over=np.sum)),
        Mistake("this is the median; the mean is asked for", _copied(over=np.median)),
    ],
    hints=[
        "All distances at once, as in precision_recall: np.sqrt(((points[:, None] - training[None]) ** 2).sum(axis=2)) is (N, M).",
        "A sample in each row: .min(axis=1) is how far its nearest training point is, and then the mean.",
        "Do the same for the unseen points, and divide.",
    ],
)  # fmt: skip

EXERCISES = [FRECHET, DIFFERENT_BINS, PRECISION_RECALL, CLINIC, CONDITIONAL, BY_HAND, MEMORISATION, DIAGNOSE]
