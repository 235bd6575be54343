"""Notebook 10, what broke: the failure clinic, and a watchman."""

import functools

import numpy as np

from nanogan.backend import NanoganError
from nanogan.course import clinic as hospital
from nanogan.course.exercise import Exercise, Mistake

# --- 10.clinic --------------------------------------------------------------------------------------------------------


def clinic():
    """What each of the ten patients has: a dictionary from "A" ... "J" to one of nanogan.course.clinic.DIAGNOSES.

    Each diagnosis is right once; one of them is "healthy".
    """
    # <yours>
    return {
        "A": "batch-norm-lag",
        "B": "critic-won",
        "C": "healthy",
        "D": "wasserstein-too-large",
        "E": "checkerboard",
        "F": "loss-frozen",
        "G": "generator-collapsed",
        "H": "ranges-differ",
        "I": "dead-units",
        "J": "critic-changed",
    }
    # </yours>


@functools.cache
def _patients():
    return hospital.patients()


def _first_wrong(answer):
    """Judged patient by patient, so that nothing is said but who is the first that is wrong."""
    found, right = answer(), clinic()
    if not isinstance(found, dict):
        raise NanoganError('give a dictionary, {"A": "...", ..., "J": "..."}, with a name for each patient')
    if strangers := [name for name in found if name not in right]:
        raise NanoganError(f"there is no patient {strangers[0]!r}")
    for name in right:
        if name not in found:
            raise NanoganError(f"patient {name} has no diagnosis yet")
        if found[name] not in hospital.DIAGNOSES:
            raise NanoganError(f"{name}: there is no diagnosis {found[name]!r}; they are {', '.join(hospital.DIAGNOSES)}")
    wrong = [name for name in right if found[name] != right[name]]
    return f"{wrong[0]} is {found[wrong[0]]}" if wrong else "right of all ten"


def _against(name, diagnosis):
    """What in patient ``name`` speaks against a wrong diagnosis: a sentence with its figures."""
    patient = _patients()[name]
    h = patient.history
    last = {column: values[-1] for column, values in h.items()}
    right_on_both = min(last["d_acc_real"], last["d_acc_fake"])
    low, high, least, most = patient.ranges
    who = f"{name} is not {diagnosis}:"
    if diagnosis == "healthy":
        return f"{who} {SICK[name].format(**last, low=low, high=high)}"
    if diagnosis in ("critic-won", "loss-frozen") and patient.critic_gives == "score":
        return f"{who} its critic gives scores, and no probabilities, so there is nothing to be sure of, and no logarithm to clip"
    if diagnosis == "critic-won":
        if name == "H":
            return f"{who} the critic has won, true, but for a reason: look at the ranges of what it is shown, real and generated"
        if name == "F":
            return f"{who} a critic that has won is right on both kinds; this one is right on {last['d_acc_real']:.0%} of the real samples"
        return f"{who} at the end the critic is right on {right_on_both:.0%} of the kind that it knows less well, and D(G(z)) is {last['d_fake']:.2g}"
    if diagnosis == "loss-frozen":
        return (f"{who} there one of the losses stands still at 16.12, or at half of that, from early on; here D's ends at {last['d_loss']:.3g} and G's at "
                f"{last['g_loss']:.3g}")  # fmt: skip
    if diagnosis == "generator-collapsed":
        if name == "H":
            return f"{who} its samples are alike, true, but the critic never compared like with like: look at the ranges"
        return f"{who} its samples are {last['spread']:.2f} times as far apart as real ones (column spread); of a collapsed one that is near 0"
    if diagnosis == "ranges-differ":
        return f"{who} real samples lie in [{low:.3g}, {high:.3g}], generated ones in [{least:.3g}, {most:.3g}]: one scale"
    if diagnosis == "batch-norm-lag":
        return f"{who} its pictures in training and in inference mode are the same, or as good as each other"
    if diagnosis == "wasserstein-too-large":
        return f"{who} its critic gives a probability, and not a Wasserstein critic's score: its accuracy is in the history, its penalty is not"
    if diagnosis == "critic-changed":
        if patient.critic_gives == "score":
            return f"{who} the critic's score of real samples is above that of generated ones, as it should be, and by far: it works for itself"
        return (f"{who} a critic that works for the generator takes generated samples for real and is worse than a coin; here D(G(z)) ends at "
                f"{last['d_fake']:.2g} and D's loss at {last['d_loss']:.3g}")  # fmt: skip
    if diagnosis == "dead-units":
        if name == "J":
            return (f"{who} the generator's gradient is {last['g_grad_norm']:.2g}, true, but the critic's has a norm of {last['d_grad_norm']:.3g}, so nothing "
                    "is dead there; the generator has nothing to learn, because all it makes is taken for real")  # fmt: skip
        if name == "F":
            return f"{who} its gradients are 0 in many rows, true, but not in all; and behind dead units a loss stands at that of a coin. Look at where this one stands"
        return f"{who} behind dead units no gradient is left; its critic's has a norm of {last['d_grad_norm']:.2g}, its generator's {last['g_grad_norm']:.2g}"
    if name in "CG":
        return f"{who} it makes points, and no images"
    if name in "BIJ":
        return f"{who} there is a lattice, as in the samples of every generator that is hardly trained; look at the curves for why it is not trained"
    return f"{who} its samples have no lattice that the real ones lack, or something worse besides"


SICK = {
    "A": "its curves are, true, and so are the pictures in training mode; compare them with those in inference mode",
    "B": "D(G(z)) ends at {d_fake:.2g}, and G's loss at {g_loss:.3g}; two that learn from each other are not so far apart",
    "D": "its estimate, d_real - d_fake, ends at {d_real:.3g} - ({d_fake:.3g}); hold it against the column diameter",
    "E": "its curves may be; look at the samples, closely",
    "F": "from the second row on D's loss is {d_loss:.4g}, to the second decimal; the losses of a living game tremble",
    "G": "its samples are {spread:.2g} times as far apart as real ones",
    "H": "D(G(z)) falls to {d_fake:.2g}, and the real pixels lie in [{low:.3g}, {high:.3g}]",
    "I": "the losses are those of a draw, true; but the gradients' norms are {d_grad_norm:.2g} and {g_grad_norm:.2g}, and the losses do not tremble",
    "J": "D's loss ends at {d_loss:.3g}, above the 1.386 of a critic that tosses a coin, and D(G(z)) at {d_fake:.2g}",
}


def _misdiagnosed(name, diagnosis):
    return lambda: clinic() | {name: diagnosis}


CLINIC = Exercise(
    "10.clinic", clinic, lambda rng: [()], outcome=_first_wrong,
    mistakes=[Mistake(_against(name, wrong), _misdiagnosed(name, wrong)) for name, right in clinic().items() for wrong in hospital.DIAGNOSES if wrong != right],
    hints=[
        "Begin with the clear ones: whose points lie in one place?  Whose real pixels reach beyond 1?  Whose critic gives scores?",
        "Whose two rows of pictures differ?  Whose losses stand at 16.12, or half of it?  Whose D-loss is above 1.386, the loss of a coin, and stays there?",
        "Two patients have losses of 0.693, the ideal.  Look at their gradients' norms: one of them lives.",
    ],
)  # fmt: skip

# --- 10.diagnose ------------------------------------------------------------------------------------------------------


def diagnose(history):
    """What the last five rows of a history say, in one word.

    history: {column: (N,) array}, N of 5 or more, with the columns d_acc_real, d_acc_fake, d_real, d_fake, spread, diameter and g_grad_norm.
    The first of these that is so in EACH of the last five rows:

    "dead-units"              g_grad_norm is below 1e-6
    "wasserstein-too-large"   d_acc_real is NaN, as it is where the critic gives scores, and d_real - d_fake is above diameter
    "critic-won"              d_acc_real and d_acc_fake are above 0.98, and d_fake is below 0.02
    "generator-collapsed"     spread is below 0.25
    "healthy"                 else; it means: nothing found
    """
    # <yours>
    h = {column: values[-5:] for column, values in history.items()}
    signs = {
        "dead-units": h["g_grad_norm"] < 1e-6,
        "wasserstein-too-large": np.isnan(h["d_acc_real"]) & (h["d_real"] - h["d_fake"] > h["diameter"]),
        "critic-won": (h["d_acc_real"] > 0.98) & (h["d_acc_fake"] > 0.98) & (h["d_fake"] < 0.02),
        "generator-collapsed": h["spread"] < 0.25,
    }
    return next((name for name, rows in signs.items() if rows.all()), "healthy")
    # </yours>


def _history(rng, N, sick, rows=None, also=()):
    """N rows of a living game, of which ``rows`` (by default the last 5) show the sicknesses named."""
    h = {
        "d_acc_real": rng.uniform(0.55, 0.8, N), "d_acc_fake": rng.uniform(0.55, 0.8, N), "d_real": rng.uniform(0.5, 0.6, N),
        "d_fake": rng.uniform(0.4, 0.5, N), "spread": rng.uniform(0.8, 1.1, N), "diameter": rng.uniform(20, 40, N),
        "g_grad_norm": rng.uniform(0.5, 5, N),
    }  # fmt: skip
    rows = slice(-5, None) if rows is None else rows
    for name in (sick, *also):
        if name == "dead-units":
            h["g_grad_norm"][rows] = 0
        elif name in ("scores", "wasserstein-too-large"):
            h["d_acc_real"][:] = h["d_acc_fake"][:] = np.nan
            h["d_real"], h["d_fake"] = rng.uniform(8, 9, N) + 60, rng.uniform(2, 3, N) + 60
            if name != "scores":
                h["d_real"][rows] += 50
        elif name == "critic-won":
            h["d_acc_real"][rows], h["d_acc_fake"][rows], h["d_fake"][rows] = 1.0, 0.99, 0.001
        elif name == "generator-collapsed":
            h["spread"][rows] = 0.1
        elif name == "surprised":  # it is right on generated samples, and on few real ones
            h["d_acc_fake"][rows], h["d_fake"][rows] = 1.0, 0.001
        elif name == "sure of both":  # right on both, and by little
            h["d_acc_real"][rows] = h["d_acc_fake"][rows] = 1.0
    return (h,)


NEAR = [  # a sickness, of which one column is brought to one side of its limit
    ("dead-units", "g_grad_norm", 3e-7), ("dead-units", "g_grad_norm", 1e-5), ("critic-won", "d_fake", 0.01), ("critic-won", "d_fake", 0.05),
    ("critic-won", "d_acc_fake", 0.97), ("critic-won", "d_acc_real", 0.97), ("generator-collapsed", "spread", 0.2), ("generator-collapsed", "spread", 0.3),
]  # fmt: skip


def _histories(rng):
    names = ("dead-units", "wasserstein-too-large", "critic-won", "generator-collapsed", "healthy")
    yield from (_history(rng, 5, name) for name in ("healthy", "critic-won", "generator-collapsed", "wasserstein-too-large", "dead-units"))
    yield _history(rng, 12, "critic-won", slice(0, 6))  # as a run may begin
    yield _history(rng, 12, "critic-won", slice(-3, -2))  # and one row is chance
    yield _history(rng, 12, "critic-won", slice(-1, None))
    yield _history(rng, 12, "generator-collapsed", slice(0, 6))
    yield _history(rng, 12, "scores")
    yield _history(rng, 12, "surprised")
    yield _history(rng, 12, "sure of both")
    yield _history(rng, 12, "critic-won", also=["generator-collapsed"])
    yield _history(rng, 12, "dead-units", also=["critic-won"])
    yield _history(rng, 12, "wasserstein-too-large", slice(-4, None))
    yield _history(rng, 12, "dead-units", slice(-3, None))
    for near, column, value in NEAR:
        (h,) = _history(rng, 9, near, also=["surprised"] if column == "d_acc_real" else ())
        h[column][-5:] = value
        yield (h,)
    (h,) = _history(rng, 9, "healthy")  # probabilities that are further apart than the samples
    h["d_real"][:], h["d_fake"][:], h["diameter"][:] = 0.9, 0.1, 0.3
    yield (h,)
    (h,) = _history(rng, 9, "scores")  # the wrong way round
    h["d_real"][:] -= 100
    yield (h,)
    (h,) = _history(rng, 9, "generator-collapsed")  # of the last five rows, some are dead besides
    h["g_grad_norm"][-3:] = 0
    yield (h,)
    for _ in range(12):
        N = int(rng.integers(5, 30))
        yield _history(rng, N, names[int(rng.integers(5))], slice(-int(rng.integers(3, min(N, 9) + 1)), None))


def _watchman(
    rows=slice(-5, None), enough=np.all, scores=True, estimate=lambda h: h["d_real"] - h["d_fake"], sure=None, order=None, dead=1e-6, doubt=0.02, alike=0.25
):  # fmt: skip
    """diagnose with a mistake or several; dead, doubt, alike: its limits for g_grad_norm, d_fake and spread."""

    def answer(history):
        h = {column: values[rows] for column, values in history.items()}
        signs = {
            "dead-units": h["g_grad_norm"] < dead,
            "wasserstein-too-large": (np.isnan(h["d_acc_real"]) | (not scores)) & (estimate(h) > h["diameter"]),
            "critic-won": sure(h) if sure else (h["d_acc_real"] > 0.98) & (h["d_acc_fake"] > 0.98) & (h["d_fake"] < doubt),
            "generator-collapsed": h["spread"] < alike,
        }
        return next((name for name in order or signs if enough(signs[name])), "healthy")

    return answer


def _row_by_row(history):
    """diagnose that names each row by itself."""
    rows = [{column: values[-5:][i : i + 1] for column, values in history.items()} for i in range(5)]
    names = {_watchman()(row) for row in rows}
    return names.pop() if len(names) == 1 else "healthy"


LIMITS = [
    ("dead", 1e-7, "a g_grad_norm below 1e-6 is dead, and need not be 0"), ("dead", 1e-3, "a g_grad_norm is dead below 1e-6, and not before"),
    ("doubt", 0.2, "d_fake is below 0.02"), ("doubt", 1e-3, "a d_fake below 0.02 is enough"),
    ("alike", 0.15, "a spread below 0.25 is enough"), ("alike", 0.5, "the spread is below 0.25"),
]  # fmt: skip


DIAGNOSE = Exercise(
    "10.diagnose", diagnose, _histories, stars=3,
    mistakes=[
        Mistake("these are the first five rows, and every run begins a little sick; the last five are asked for", _watchman(slice(0, 5))),
        Mistake("one row of the five is enough for this one; it has to be so in each: all, not any", _watchman(enough=np.any)),
        Mistake("only the last row was looked at, which can be chance; it has to be so in each of the last five", _watchman(slice(-1, None))),
        Mistake("more rows than the last five were asked; what counts is whether it is so now", _watchman(slice(None))),
        Mistake("a sickness in most of the five rows is not one in each of them", _watchman(enough=lambda rows: rows.mean() > 0.5)),
        Mistake("the critic was asked about generated samples alone; one that says no to everything has won nothing: d_acc_real, too",
                _watchman(sure=lambda h: (h["d_acc_fake"] > 0.98) & (h["d_fake"] < 0.02))),
        Mistake("it is right on both kinds, but d_fake is not below 0.02: it still has doubts, and the generator something to learn",
                _watchman(sure=lambda h: (h["d_acc_real"] > 0.98) & (h["d_acc_fake"] > 0.98))),
        Mistake("the score of real samples alone means nothing, as all scores can be moved by one number; the estimate is d_real - d_fake",
                _watchman(estimate=lambda h: h["d_real"])),
        Mistake("a critic that gives probabilities was held against the diameter, too; ask first whether d_acc_real is NaN", _watchman(scores=False)),
        Mistake("an estimate below 0 is no large one; leave its sign", _watchman(estimate=lambda h: abs(h["d_real"] - h["d_fake"]))),
        Mistake("NaN == NaN is false: ask np.isnan", _watchman(estimate=lambda h: np.full(len(h["diameter"]), -np.inf))),
        Mistake("where two are so, it is the first in the order given",
                _watchman(order=["generator-collapsed", "critic-won", "wasserstein-too-large", "dead-units"])),
        Mistake("each row was given a name of its own, and then the names compared; ask of each sickness whether it is in all five rows", _row_by_row),
        Mistake("the two accuracies are above 0.98 each; their mean does not say it",
                _watchman(sure=lambda h: ((h["d_acc_real"] + h["d_acc_fake"]) / 2 > 0.98) & (h["d_fake"] < 0.02))),
        *(Mistake(f"look at the limits once more: {sentence}", _watchman(**{name: limit})) for name, limit, sentence in LIMITS),
    ],
    hints=[
        "Take the last five of each column first: h = {column: values[-5:] for column, values in history.items()}.",
        "Each sign is then an array of five truths, such as h['spread'] < 0.25, and & joins two of them; .all() asks for each row.",
        "Go through them in order, and return the first name whose array is true throughout.",
    ],
)  # fmt: skip
