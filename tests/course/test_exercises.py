"""Every exercise of the course: the solution passes, each common mistake is named, and what a learner begins with says so."""

import ast
import inspect
import pathlib

import pytest

from nanogan.course import exercises
from nanogan.course.checking import CheckFailed, all_cases, verdict
from nanogan.course.notebooks import CLOSES, OPENS, source, stub

NUMBERS = list(exercises.FILES)
ALL = [exercise for number in NUMBERS for exercise in exercises.of_notebook(number)]
every_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)


def test_there_are_ten_notebooks():
    assert NUMBERS == list(exercises.TITLES) == [f"{i:02}" for i in range(1, 11)]


def names_of(text):
    return next(node.name for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef)))


@every_exercise
def test_the_solution_passes(exercise):
    assert verdict(exercise, exercise.solution) == len(all_cases(exercise)) >= 1


@pytest.mark.parametrize(("exercise", "mistake"), [pytest.param(e, m, id=f"{e.name}-{i}") for e in ALL for i, m in enumerate(e.mistakes, 1)])
def test_each_mistake_is_named(exercise, mistake):
    with pytest.raises(CheckFailed) as caught:
        verdict(exercise, mistake.answer)
    assert caught.value.likely == mistake.sentence, str(caught.value)


@every_exercise
def test_what_the_learner_begins_with(exercise):
    text = stub(exercise)
    names = {}
    exec(compile(ast.parse(text), "stub", "exec"), _surroundings(exercise), names)
    begun = names[names_of(text)]
    assert begun.__name__ == exercise.solution.__name__ == names_of(source(exercise))
    with pytest.raises(CheckFailed, match="nothing is written yet"):
        verdict(exercise, begun)


def _surroundings(exercise):
    """What a notebook has imported when it comes to an exercise: what the solution's module has, without its functions."""
    module = inspect.getmodule(exercise.solution)
    return {name: value for name, value in vars(module).items() if inspect.ismodule(value) or name == "__builtins__"}


@every_exercise
def test_it_is_a_whole_exercise(exercise):
    assert exercise.name.partition(".")[0] in NUMBERS
    assert len(exercise.mistakes) >= 3, "learners make three mistakes at least"
    assert len({mistake.sentence for mistake in exercise.mistakes}) == len(exercise.mistakes)
    assert len(exercise.hints) >= 2
    assert inspect.getdoc(exercise.solution), "the docstring is the task"
    text = inspect.getsource(exercise.solution)
    assert text.count(OPENS) == text.count(CLOSES) >= 1, "no place to write is marked"


def test_names_are_unique_and_in_their_notebook():
    names = [exercise.name for exercise in ALL]
    assert len(set(names)) == len(names)
    for number in NUMBERS:
        assert {exercise.name.partition(".")[0] for exercise in exercises.of_notebook(number)} == {number}


def test_teachers_are_told_how_many_there_are():
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "course" / "teacher.md").read_text(encoding="utf-8")
    one, two, three = ([exercise.stars for exercise in ALL].count(stars) for stars in (1, 2, 3))
    assert f"There are {len(ALL)} exercises: {one} ★ (on paper, or a line), {two} ★★ (a function) and {three} ★★★ (a thought)" in page
    assert all([exercise.stars for exercise in exercises.of_notebook(number)].count(3) == 1 for number in NUMBERS), "one ★★★ in each notebook"
