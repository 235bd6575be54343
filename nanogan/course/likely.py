"""Why is an answer wrong?  One sentence, or none.

What an exercise knows of mistakes is tried first: whichever does the same as the answer in the case that failed, and in the most of the
others, is it; but not where they agree in a quarter or less of the cases that either gets wrong, since in one small case many are alike.
Else what can be seen from the two results: a missing return, a transpose, a sign, a factor, a flip.
"""

import inspect
import re

import numpy

from nanogan.autograd import Tensor
from nanogan.course.outcomes import SMALL, Raised, array_of, close, difference, kind_of

BY_HAND = 5e-3  # how near a number from paper is to the mistake that it was made with
OFTEN = 0.25  # of the cases that it or the answer gets wrong: in more than these a mistake is to do the same
BY_CHANCE = ("in another shape", "as a sum over", "as a mean over", "rounded too far")  # what one number may look like, so that all cases are asked


def likely(exercise, answer, cases, failing, outcome):
    """The sentence about what is wrong with ``answer``, which fails in case number ``failing``; outcome(exercise, answer, case)[0] is what comes of it."""
    cases = cases[: max(failing + 1, 8)]
    mine, expected = ([outcome(exercise, one, case)[0] for case in cases] for one in (answer, exercise.solution))
    made = [(mistake.sentence, [outcome(exercise, mistake.answer, case)[0] for case in cases]) for mistake in exercise.mistakes]
    paper = on_paper(exercise)
    rounded = paper and not isinstance(expected[failing], int)  # a count is not
    for rtol in (exercise.rtol, BY_HAND) if rounded else (exercise.rtol,):
        if known := _known(mine, expected, made, failing, rtol, 0 if paper else OFTEN):
            return known
    parts = list(zip(mine, expected, cases, strict=True))
    first = general(*parts[failing], exercise.rtol)
    kind = next((kind for kind in BY_CHANCE if first and kind in first), None)
    if paper or kind is None:
        return first
    said = [general(*part, exercise.rtol) for part in parts if not _same(*part[:2], exercise.rtol)]
    return next((other for other in said if not other or kind not in other), first)


def _known(mine, expected, made, failing, rtol, often):
    """The sentence of the mistake that does most of what the answer does, and more than the part ``often`` of it; None where there is none."""
    wrong = [not _same(a, b, rtol) for a, b in zip(mine, expected, strict=True)]
    best, most = None, 0
    for sentence, values in made:
        same = [_same(_bare(a), _bare(b), rtol) for a, b in zip(mine, values, strict=True)]
        errs = [not _same(a, b, rtol) for a, b in zip(values, expected, strict=True)]
        telling = [s for s, w, e in zip(same, wrong, errs, strict=True) if w or e]  # where both are right, that they agree says nothing
        if same[failing] and wrong[failing] and errs[failing] and sum(telling) > often * len(telling) and sum(same) > most:
            best, most = sentence, sum(same)
    return best


def on_paper(exercise):
    """Whether numbers are asked for, and no function of anything."""
    return not inspect.isclass(exercise.solution) and not inspect.signature(exercise.solution).parameters


def _same(a, b, rtol):
    if isinstance(a, Raised) and isinstance(b, Raised) and str(a.error) != str(b.error):  # two errors of one type may have two reasons
        return False
    return difference(a, b, rtol) is None


def _bare(value):
    """An outcome with arrays for tensors: a mistake is the same mistake in either."""
    if isinstance(value, dict):
        return {key: _bare(v) for key, v in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)([_bare(v) for v in value])
    return array_of(value) if isinstance(value, Tensor) else value


def general(mine, expected, case, rtol):
    """What any function can get wrong, seen from what it gives.

    >>> general(numpy.ones((2, 3)), -numpy.ones((2, 3)), (), 1e-6)
    'the sign is the wrong way round'
    """
    if isinstance(mine, Raised):
        return None if isinstance(expected, Raised) else _of_error(str(mine.error))
    if isinstance(expected, Raised):
        return None
    if mine is None:
        return "it gives back nothing; is a return missing?"
    if isinstance(expected, dict) and isinstance(mine, dict) and mine.keys() == expected.keys():
        return _of_parts([(f"{k}: ", mine[k], v) for k, v in expected.items()], case, rtol)
    if isinstance(expected, (tuple, list)) and isinstance(mine, (tuple, list)) and len(mine) == len(expected):
        if len(mine) > 1 and all(_same(a, b, rtol) for a, b in zip(mine, reversed(expected), strict=True)):
            return "the values are right, in the wrong order"
        return _of_parts([(f"value {i}: ", a, b) for i, (a, b) in enumerate(zip(mine, expected, strict=True), 1)], case, rtol)
    a, b = array_of(mine), array_of(expected)
    if kind_of(mine):
        asked = (
            "a tensor is asked for: ops.stack(...)" if isinstance(expected, Tensor) else "an array is asked for: np.stack([t.numpy() for t in ...])"
        )
        return f"this is a list of tensors; {asked}"
    if isinstance(expected, Tensor) and not isinstance(mine, Tensor) and a is not None and a.shape == b.shape and close(a, b, rtol):
        return "a tensor is asked for: leave .numpy(), .data, .item() and NumPy's functions away"
    return None if a is None or b is None else _of_arrays(a, b, case, rtol)


def _of_parts(parts, case, rtol):
    """Of (label, mine, expected): what is wrong with the first that differs, by its name; without, where it is wrong with all of them."""
    said = [(label, general(a, b, case, rtol)) for label, a, b in parts if not _same(a, b, rtol)]
    if not said or said[0][1] is None:
        return None
    everywhere = len(said) == len(parts) and len({sentence for _, sentence in said}) == 1
    return said[0][1] if everywhere else said[0][0] + said[0][1]


def _of_error(text):
    """What an error's message means, where it does not say it to those who do not know the engine."""
    if found := re.match(r"(\w+)\(\) got an unexpected keyword argument '(dtype|out)'", text):
        return f"NumPy's {found[1]} was given a tensor, and calls its method in its own way; use ops.{found[1]}, or .{found[1]}()"
    if "does not support ufuncs" in text:
        return "a function of NumPy was given a tensor; nanogan's ops has the same functions for tensors"
    if "has no attribute 'node'" in text:
        return "these are arrays, which have no history; use the tensors, without .data and .numpy()"
    return None


def _of_arrays(a, b, case, rtol):
    if a.shape != b.shape:
        if a.ndim == b.ndim == 2 and a.shape == b.shape[::-1]:
            return "this is the transpose" if close(a.T, b, rtol) else "the shape is that of the transpose"
        if a.size == b.size and close(a.ravel(), b.ravel(), rtol):
            return f"the numbers are right, in another shape: {a.shape} for {b.shape}"
        return None
    one = a.ndim == 0
    if numpy.isnan(a[~numpy.isnan(b)]).any():
        what = "it is NaN, not a number" if one else "there are entries that are NaN, not a number"
        return f"{what}: is it 0 / 0, or infinity minus infinity, or the root or logarithm of something negative?"
    if numpy.isinf(a[numpy.isfinite(b)]).any():
        what = "it is" if one else "there are entries that are"
        return f"{what} not finite: is something divided by 0, or the logarithm of 0 taken?"
    if a.ndim == 2 and a.shape[0] == a.shape[1] and close(a.T, b, rtol):
        return "this is the transpose"
    if not a.any() and b.any():
        return "all of it is 0" if a.size > 1 else None  # one 0 is seen without help
    if (factor := _factor(a, b, rtol)) is not None:
        return _of_factor(factor, case, b)
    for axis in range(a.ndim):
        if a.shape[axis] > 1 and close(numpy.flip(a, axis), b, rtol):
            return f"it is flipped along axis {axis}"
    if _rounded(a, b):
        return "right, but rounded too far"
    whole = a.dtype.kind in "iu" and b.dtype.kind in "iu"  # a count is right, or it is not
    if not whole and numpy.isfinite(a).all() and close(a, b, 1e-4):
        return "it is nearly right: is something computed in float32, or a small constant another one?"
    return None


def _rounded(a, b):
    """Whether a is b with fewer digits, written down by hand: each number of a has its few, two at least, and b has the same ones."""
    if a.size > SMALL or a.dtype.kind == "c" or b.dtype.kind == "c":
        return False
    for mine, true in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
        if mine == true:
            continue
        if not (numpy.isfinite(mine) and numpy.isfinite(true)) or abs(mine - true) > 0.05 * abs(true):
            return False
        written = repr(int(mine) if mine == int(mine) else mine)
        places = len(written.partition(".")[2])
        if places > 5 or round(true, places) != mine or len(written.replace(".", "").lstrip("-0")) < 2:
            return False
    return True


def _factor(a, b, rtol):
    """c where a = c b, whatever c is but 1; None else."""
    size = float((b * b).sum())
    if not size or not numpy.isfinite(a).all():
        return None
    c = float((a * b).sum()) / size
    if abs(c - 1) < 1e-4:  # which is nearly right
        return None
    if a.size == 1:  # any number is some factor times another
        return c if abs(c + 1) < 1e-9 else None
    return c if close(a, c * b, rtol) else None


def _of_factor(c, case, b):
    if abs(c + 1) < 1e-9:
        return "the sign is the wrong way round"
    sizes = {n for value in case if (found := array_of(value)) is not None for n in (*found.shape, found.size) if n > 1}
    for n in sorted(sizes):
        if abs(c * n - 1) < 1e-9:
            return f"it is {n} times too small, as a mean over {n} where the sum was asked for"
        if abs(c / n - 1) < 1e-9:
            return f"it is {n} times too large, as a sum over {n} where the mean was asked for"
    return f"all of it is {c:.6g} times what it should be"
