"""Is the learner's answer right, and if not, where does it go wrong first, and why?

check("06.im2col", my_im2col) runs the answer and the solution on the exercise's cases and compares.  Where they differ, it
looks for the reason: first among the mistakes that the exercise knows, by doing what they do; then among those that any array
can have (transposed, the wrong sign, a mean for a sum).
"""

import copy
import inspect
import traceback
import warnings

import numpy

from nanogan.autograd import Tensor
from nanogan.backend import NanoganError, random, use
from nanogan.course import exercises, records
from nanogan.course.exercise import Exercise
from nanogan.course.likely import likely, on_paper
from nanogan.course.outcomes import Raised, difference, told

SEED = 140610  # of the cases: everybody's are the same, and nobody's own default_rng(0) draws them
_right = {}  # what passed in this session: name -> the learner's own


class CheckFailed(NanoganError, AssertionError):
    """An answer that is not right yet.  likely: the sentence about the mistake, None where none is known.  In a notebook it has no traceback."""

    def __init__(self, message, likely=None):
        super().__init__(message)
        self.likely = likely

    def _render_traceback_(self):
        return str(self).splitlines()


def check(name: str, answer) -> None:
    """Run ``answer`` on the cases of the exercise ``name``, in float64; print that it is right, or raise CheckFailed, which says what is not.

    >>> check("06.same_pads", lambda size, kernel, stride: (0, 0))  # doctest: +SKIP
    CheckFailed: 06.same_pads: not yet.
      case 1 of 30: size = 3, kernel = 3, stride = 1
      you give (0, 0), and it is (1, 1)
      likely: ...
    """
    exercise = exercises.get(name)
    if answer is exercise.solution:  # mine() gave it, and the cell of the exercise was not run since
        raise CheckFailed(f"{name}: this is the solution that stands in for yours; run the cell in which you write it, then this one", "the stand-in")
    try:
        cases = verdict(exercise, answer)
    except CheckFailed:
        records.note(name, tries=1)
        raise
    _right[name] = answer
    record = records.note(name, tries=1, passed=True)
    print(f"{name}: right, in {cases} case{'s' if cases > 1 else ''}" + (f", at the {_nth(record['tries'])} try" if 1 < record["tries"] < 10 else ""))


def _nth(n):
    return {2: "2nd", 3: "3rd"}.get(n, f"{n}th")


def verdict(exercise: Exercise, answer) -> int:
    """How many cases the answer is right in, which is all of them; raises CheckFailed else."""
    _callable(exercise, answer)
    cases = all_cases(exercise)
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for number, case in enumerate(cases):
            mine, changed = outcome(exercise, answer, case)
            expected, _ = outcome(exercise, exercise.solution, case)
            if isinstance(mine, Raised) and isinstance(mine.error, NotImplementedError):
                raise CheckFailed(f"{exercise.name}: nothing is written yet; hint({exercise.name!r}) helps to begin", "nothing is written yet")
            differs = difference(mine, expected, exercise.rtol)
            if differs is None and changed is None:
                continue
            if differs and not isinstance(mine, Raised) and on_paper(exercise):
                differs = _on_paper(mine, expected, exercise.rtol)
            if changed:
                why = f"it changes its argument {changed}; work on a copy (y = {changed} is none, only a second name)"
            else:
                why = likely(exercise, answer, cases, number, outcome)
            shown = _names(exercise, case)
            lines = [
                f"{exercise.name}: not yet.",
                f"  case {number + 1} of {len(cases)}: {shown}",
                *(f"  {line}" for line in (differs or "").splitlines()),
            ]
            lines += [f"  likely: {why}"] if why else []
            raise CheckFailed("\n".join([*lines, f"  hint({exercise.name!r}) gives a hint"] if exercise.hints else lines), why)
    return len(cases)


def _on_paper(mine, expected, rtol):
    """What differs, without what it should be: the answer is not given away."""
    if isinstance(mine, dict) and isinstance(expected, dict) and mine.keys() == expected.keys():
        key = next(key for key in expected if difference(mine[key], expected[key], rtol))
        return f"{key}: you give {told(mine[key])}, and that is not it"
    return f"you give {told(mine)}, and that is not it"


def all_cases(exercise):
    with use("numpy"), random.fork(SEED):
        return [tuple(case) for case in exercise.cases(numpy.random.default_rng(SEED))]


def outcome(exercise, answer, case):
    """(what comes of ``answer`` on a case, or Raised; the name of an argument that it changed, or None), on NumPy, the random stream always the same."""
    given = copy.deepcopy(case)
    try:
        with use("numpy"), random.fork(SEED):
            found = exercise.outcome(answer, *given)
    except Exception as error:  # whatever a learner's code can raise
        return Raised(error, _line_of(error, answer)), None
    names = _parameters(exercise)
    for i, (before, after) in enumerate(zip(case, given, strict=True)):
        if isinstance(before, (numpy.ndarray, list, Tensor)) and difference(after, before, 0.0):
            return found, names[i] if i < len(names) else f"number {i + 1}"
    return found, None


def _line_of(error, answer):
    """The line of the answer in which it failed, if it can be told."""
    here = inspect.unwrap(answer)
    place = getattr(getattr(here, "__code__", None), "co_filename", None)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if place and frame.filename == place]
    return frames[-1].line if frames else None


def _callable(exercise, answer):
    if not callable(answer):
        what = "nothing is written yet" if answer is None or answer is ... else f"{type(answer).__name__} was given, and a function is asked for"
        raise CheckFailed(f"{exercise.name}: {what}", what)
    if inspect.isclass(answer) != inspect.isclass(exercise.solution):
        if inspect.isclass(answer):
            what = "a function is asked for, and a class was given; write def, and return what is asked for"
        else:
            what = "a class is asked for; give it without brackets after its name"
        raise CheckFailed(f"{exercise.name}: {what}", what)
    many = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    wanted = [p for p in inspect.signature(exercise.solution).parameters.values() if p.default is p.empty and p.kind not in many]
    try:
        inspect.signature(answer).bind(*wanted)
    except TypeError:
        what = f"it takes {inspect.signature(answer)}, and the exercise gives {inspect.signature(exercise.solution)}"
        raise CheckFailed(f"{exercise.name}: {what}", what) from None
    except ValueError:  # a builtin, of which nothing is known
        pass


def _parameters(exercise):
    """What the values of a case are called: as the exercise or the solution calls them, or, if that is a class, as its outcome does."""
    if exercise.arguments:
        return [*exercise.arguments]
    if inspect.isclass(exercise.solution):
        names = inspect.signature(exercise.outcome).parameters.values()
        return [p.name for p in names if p.kind is not p.VAR_POSITIONAL][1:]
    return [*inspect.signature(exercise.solution).parameters]


def _names(exercise, case):
    """The arguments of a case, as a learner would write them, small arrays in full."""
    names = _parameters(exercise)
    if on_paper(exercise):
        return ", ".join(f"question {value}" for value in case) or "no arguments"
    names += [f"number {i + 1}" for i in range(len(names), len(case))]
    return ", ".join(f"{name} = {told(value)}" for name, value in zip(names, case, strict=False))


def mine(name: str):
    """The learner's own answer to ``name`` if it passed in this session, else the solution, with a line that says so.

    >>> mine("06.same_pads")(5, 3, 2)
    06.same_pads: the solution stands in until yours is right
    (1, 1)
    """
    exercise = exercises.get(name)
    if name in _right:
        return _right[name]
    print(f"{name}: the solution stands in until yours is right")
    return exercise.solution


def hint(name: str) -> None:
    """Print the next hint for the exercise ``name``; after the last one, all of them again."""
    exercise = exercises.get(name)
    n, given = len(exercise.hints), records.read().get(name, {}).get("hints", 0)
    if not n:
        print(f"{name}: there is no hint for this one")
    elif given >= n:
        print(
            "\n".join(f"{i}. {text}" for i, text in enumerate(exercise.hints, 1)) + "\nThat is all of them; the notebook in solutions/ has the rest."
        )
    else:
        records.note(name, hints=1)
        print(f"{exercise.hints[given]}   (hint {given + 1} of {n})")


def progress() -> None:
    """Print which exercises are done, notebook by notebook, with their stars.

    >>> progress()  # doctest: +SKIP
    06  Convolution and its adjoint            2 of 7  im2col ★★, same_pads ★
    """
    found = records.read()
    width = max(map(len, exercises.TITLES.values()))
    for number, title in exercises.TITLES.items():
        all_of_it = exercises.of_notebook(number)
        done = [f"{e.name.partition('.')[2]} {'★' * e.stars}" for e in all_of_it if found.get(e.name, {}).get("passed")]
        print(f"{number}  {title:{width}}  {len(done)} of {len(all_of_it)}  {', '.join(done)}".rstrip())
