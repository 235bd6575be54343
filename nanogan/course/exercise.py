"""An exercise: what a learner is to write, what it is tried on, and what commonly goes wrong.

    Exercise(
        "01.mean", mean,                                              # the solution: a function, its docstring the task
        cases=lambda rng: [([1.0, 2.0],), (rng.normal(size=5),)],     # arguments, small ones first
        mistakes=[Mistake("this is the sum; divide by how many there are", lambda x: sum(x))],
        hints=["add them up", "then divide by len(x)"],
    )

A mistake is an answer that learners give.  An answer that fails, and on the cases does just what a mistake does, gets its sentence.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy


@dataclasses.dataclass(frozen=True)
class Mistake:
    """sentence: what is wrong, and what was asked for.  answer: a function, or a class, that makes it."""

    sentence: str
    answer: Callable


def called(answer, *case):
    """What an answer is judged by, usually: its value."""
    return answer(*case)


def named(*names):
    """An outcome for several numbers from paper: each has a name, by which a wrong one is told of, whether they come as a tuple, a list or an array."""

    def outcome(answer, *case):
        values = answer(*case)
        several = isinstance(values, (tuple, list)) or (isinstance(values, numpy.ndarray) and values.ndim == 1)
        return dict(zip(names, values, strict=True)) if several and len(values) == len(names) else values

    return outcome


@dataclasses.dataclass(frozen=True)
class Exercise:
    """name: notebook and subject, "06.im2col".  solution: what is right.  cases: from a NumPy generator to tuples of arguments.

    outcome: (answer, *case) -> what is compared with the solution's: a number, an array, a Tensor, text, a tuple of those, or a
    dictionary, whose keys then name what differs.  rtol: how near, beside the largest entry.  stars: 1 on paper or a line,
    2 a function, 3 a thought.  arguments: what the values of a case are called, where the solution's parameters do not say it.
    """

    name: str
    solution: Callable
    cases: Callable[[numpy.random.Generator], Iterable[tuple]]
    mistakes: Sequence[Mistake] = ()
    hints: Sequence[str] = ()
    outcome: Callable = called
    rtol: float = 1e-9
    stars: int = 2
    arguments: Sequence[str] = ()
