"""Why is an answer wrong?  One sentence, or none.

What an exercise knows of mistakes is tried first: whichever does the same as the answer in the case that failed, and in the most of the
others, is it.  Else what can be seen from the two results: a missing return, a transpose, a sign, a factor, a flip.
"""

import numpy

from nanogan.course.outcomes import Raised, array_of, close, difference


def likely(exercise, answer, cases, failing, outcome):
    """The sentence about what is wrong with ``answer``, which fails in case number ``failing``; outcome(exercise, answer, case)[0] is what comes of it."""
    mine = [outcome(exercise, answer, case)[0] for case in cases[: max(failing + 1, 8)]]
    expected = [outcome(exercise, exercise.solution, case)[0] for case in cases[: len(mine)]]
    best, most = None, 0
    for mistake in exercise.mistakes:
        made = [outcome(exercise, mistake.answer, case)[0] for case in cases[: len(mine)]]
        same = [_same(a, b, exercise.rtol) for a, b in zip(mine, made, strict=True)]
        right = _same(made[failing], expected[failing], exercise.rtol)
        if same[failing] and not right and sum(same) > most:
            best, most = mistake.sentence, sum(same)
    return best or general(mine[failing], expected[failing], cases[failing], exercise.rtol)


def _same(a, b, rtol):
    return difference(a, b, rtol) is None


def general(mine, expected, case, rtol):
    """What any function can get wrong, seen from what it gives.

    >>> general(numpy.ones((2, 3)), -numpy.ones((2, 3)), (), 1e-6)
    'the sign is the wrong way round'
    """
    if isinstance(mine, Raised) or isinstance(expected, Raised):
        return None
    if mine is None:
        return "it gives back nothing; is a return missing?"
    if isinstance(expected, dict) and isinstance(mine, dict) and mine.keys() == expected.keys():
        return next((general(mine[k], v, case, rtol) for k, v in expected.items() if not _same(mine[k], v, rtol)), None)
    if isinstance(expected, (tuple, list)) and isinstance(mine, (tuple, list)) and len(mine) == len(expected):
        if len(mine) > 1 and all(_same(a, b, rtol) for a, b in zip(mine, reversed(expected), strict=True)):
            return "the values are right, in the wrong order"
        return next((general(a, b, case, rtol) for a, b in zip(mine, expected, strict=True) if not _same(a, b, rtol)), None)
    a, b = array_of(mine), array_of(expected)
    return None if a is None or b is None else _of_arrays(a, b, case, rtol)


def _of_arrays(a, b, case, rtol):
    if a.shape != b.shape:
        if a.ndim == b.ndim == 2 and a.shape == b.shape[::-1]:
            return "this is the transpose" if close(a.T, b, rtol) else "the shape is that of the transpose"
        if a.size == b.size and close(a.ravel(), b.ravel(), rtol):
            return f"the numbers are right, in another shape: {a.shape} for {b.shape}"
        return None
    if not numpy.isfinite(a).all() and numpy.isfinite(b).all():
        return "there are entries that are not finite: is something divided by 0, or the logarithm of 0 taken?"
    if a.ndim == 2 and a.shape[0] == a.shape[1] and close(a.T, b, rtol):
        return "this is the transpose"
    if not a.any() and b.any():
        return "all of it is 0"
    if (factor := _factor(a, b, rtol)) is not None:
        return _of_factor(factor, case, b)
    for axis in range(a.ndim):
        if a.shape[axis] > 1 and close(numpy.flip(a, axis), b, rtol):
            return f"it is flipped along axis {axis}"
    if numpy.isfinite(a).all() and close(a, b, 1e-4):
        return "it is nearly right: is something computed in float32, or a small constant another one?"
    return None


def _factor(a, b, rtol):
    """c where a = c b, whatever c is but 1; None else."""
    size = float((b * b).sum())
    if not size or not numpy.isfinite(a).all():
        return None
    c = float((a * b).sum()) / size
    return c if (close(a, c * b, rtol) and a.size + b.size > 2) or (a.size == 1 and abs(c) in (1.0,)) else None


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
