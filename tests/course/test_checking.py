"""What a check says: of a right answer, of wrong ones of every kind, and what it keeps of it."""

import json

import numpy as np
import pytest

import nanogan as ng
from nanogan.course import checking, exercises, hint, mine, progress, quick, records
from nanogan.course.exercise import Exercise, Mistake
from nanogan.course.notebooks import filled, solved, source, stub


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    monkeypatch.setenv("NANOGAN_PROGRESS", str(tmp_path / "deep" / "progress.json"))
    monkeypatch.setattr(checking, "_right", {})
    return tmp_path / "deep" / "progress.json"


def double(x, w):
    """x @ w + w, of (2, 3) and (3, 3)."""
    # <yours>
    return 2 * x @ w
    # </yours>


EXERCISE = Exercise(
    "99.double",
    double,
    cases=lambda rng: [(np.arange(4.0).reshape(2, 2), np.eye(2)), *((rng.normal(size=(n, 3)), rng.normal(size=(3, n))) for n in (2, 3, 5))],
    mistakes=[Mistake("the two is missing", lambda x, w: x @ w), Mistake("this is elementwise", lambda x, w: 2 * x * w)],
    hints=["first", "second"],
)


@pytest.fixture
def exercise(monkeypatch):
    monkeypatch.setitem(exercises.FILES, "99", "none")
    monkeypatch.setitem(exercises.TITLES, "99", "A notebook")
    ours = exercises.of_notebook
    monkeypatch.setattr(exercises, "of_notebook", lambda number: [EXERCISE] if number == "99" else ours(number))
    return EXERCISE


def failure(answer, of=EXERCISE):
    with pytest.raises(checking.CheckFailed) as caught:
        checking.verdict(of, answer)
    return str(caught.value)


def changes_its_argument(x, w):
    x *= 2
    return x @ w


def crashes(x, w):
    return x[7] @ w


WRONG = {
    "the two is missing": lambda x, w: x @ w,
    "this is the transpose": lambda x, w: (2 * x @ w).T,
    "the sign is the wrong way round": lambda x, w: -2 * x @ w,
    "all of it is 1.5 times what it should be": lambda x, w: 3 * x @ w,
    "it gives back nothing; is a return missing?": lambda x, w: None,
    "all of it is 0": lambda x, w: 0 * (x @ w),
    "it is flipped along axis 1": lambda x, w: (2 * x @ w)[:, ::-1],
    "the numbers are right, in another shape": lambda x, w: (2 * x @ w).ravel(),
    "it changes its argument x; work on a copy": changes_its_argument,
    "not finite: is something divided by 0": lambda x, w: 2 * x @ w + np.log(np.zeros(len(x))),
    "computed in float32": lambda x, w: 2 * x.astype(np.float32) @ w.astype(np.float32),
    "in the line: return x[7] @ w": crashes,
    "it takes (x), and the exercise gives (x, w)": lambda x: x,
    "float was given, and a function is asked for": 2.0,
    "nothing is written yet": None,
    "a function is asked for": dict,
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_any_answer_can_get_wrong_is_named(sentence):
    assert sentence in failure(WRONG[sentence])


def test_a_mean_where_the_sum_was_asked_for():
    total = Exercise("99.sum", lambda x: x.sum(axis=0), cases=lambda rng: [(rng.normal(size=(5, 3)),)])
    assert "5 times too small, as a mean over 5 where the sum was asked for" in failure(lambda x: x.mean(axis=0), total)
    mean = Exercise("99.mean", lambda x: x.mean(axis=0), cases=lambda rng: [(rng.normal(size=(5, 3)),)])
    assert "5 times too large, as a sum over 5 where the mean was asked for" in failure(lambda x: x.sum(axis=0), mean)


def test_the_first_case_that_fails_is_shown_with_its_shapes():
    said = failure(lambda x, w: 2 * x @ w if x.shape == (2, 2) else x @ w)
    assert said.splitlines()[1].startswith("  case 2 of 4: x = [[") and "\n  you give" in said
    bigger = failure(lambda x, w: 2 * x @ w if x.shape != (5, 3) else x @ w)
    assert "case 4 of 4: x = float64 (5, 3), w = float64 (3, 5)" in bigger and "25 of 25 entries are wrong; at [" in bigger


def test_what_is_asked_on_paper_is_not_given_away():
    paper = Exercise("99.paper", lambda: (633_601, 2.5), cases=lambda rng: [("a",), ("b",)], outcome=lambda answer, question: answer()["ab".index(question)])
    assert failure(lambda: (633_601, 3.5), paper).splitlines()[1:3] == ["  case 2 of 2: question b", "  you give 3.5, and that is not it"]
    assert "you give 633,600, and that is not it" in failure(lambda: (633_600, 2.5), paper)


def test_a_failure_has_no_traceback_in_a_notebook():
    error = checking.CheckFailed("a\nb")
    assert error._render_traceback_() == ["a", "b"]
    assert isinstance(error, ng.NanoganError) and isinstance(error, AssertionError)


def test_dictionaries_and_tuples_say_which_part_differs():
    parts = Exercise("99.parts", lambda x: {"mean": x.mean(), "kept": x}, cases=lambda rng: [(rng.normal(size=4),)])
    assert "mean: you give" in failure(lambda x: {"mean": x.sum(), "kept": x}, parts)
    assert "you give 1 values, and 2 are asked for" in failure(lambda x: {"mean": x.mean()}, parts)
    pair = Exercise("99.pair", lambda x: (x.min(), x[:3]), cases=lambda rng: [(rng.normal(size=4),)])
    assert "value 1: you give" in failure(lambda x: (0.0, x[:3]), pair)
    assert "the values are right, in the wrong order" in failure(lambda x: (x[:3], x.min()), pair)
    raises = Exercise("99.raises", lambda x: [][1], cases=lambda rng: [(1,)])
    assert "it should raise IndexError, and gives 3" in failure(lambda x: 3, raises)
    assert checking.verdict(raises, lambda x: "a"[2]) == 1


def test_the_answer_of_a_learner_who_passed_is_used_and_recorded(exercise, place, capsys):
    assert mine("99.double") is double and "the solution stands in" in capsys.readouterr().out
    with pytest.raises(checking.CheckFailed, match="the solution that stands in for yours; run the cell"):
        checking.check("99.double", mine("99.double"))
    assert not place.exists()
    capsys.readouterr()
    with pytest.raises(checking.CheckFailed):
        checking.check("99.double", lambda x, w: x @ w)

    def answer(x, w):
        return x @ w + x @ w

    checking.check("99.double", answer)
    assert capsys.readouterr().out == "99.double: right, in 4 cases, at the 2nd try\n"
    assert mine("99.double") is answer and capsys.readouterr().out == ""
    assert json.loads(place.read_text()) == {"99.double": {"hints": 0, "passed": True, "tries": 2}}
    with pytest.raises(checking.CheckFailed):  # what was right once stays so in the record
        checking.check("99.double", lambda x, w: x @ w)
    assert records.read()["99.double"]["passed"] and mine("99.double") is answer
    assert [path.name for path in place.parent.iterdir()] == ["progress.json"], "temporary files are left"


def test_hints_come_in_steps(exercise, capsys):
    for said in (
        "first   (hint 1 of 2)\n",
        "second   (hint 2 of 2)\n",
        "1. first\n2. second\nThat is all of them; the notebook in solutions/ has the rest.\n",
    ):
        hint("99.double")
        assert capsys.readouterr().out == said
    assert records.read()["99.double"] == {"passed": False, "tries": 0, "hints": 2}


def test_progress_counts_what_is_done(exercise, monkeypatch, capsys):
    monkeypatch.setattr(exercises, "TITLES", {"99": "A notebook"})
    progress()
    checking.check("99.double", lambda x, w: double(x, w))
    progress()
    assert capsys.readouterr().out.splitlines() == ["99  A notebook  0 of 1", "99.double: right, in 4 cases", "99  A notebook  1 of 1  double"]


def test_a_record_that_cannot_be_read_is_left_alone(exercise, place):
    place.parent.mkdir()
    for text in ("{", "[1]", '{"a": 1}', '{"a": {"tries": "x"}}'):
        place.write_text(text)
        with pytest.raises(ng.NanoganError, match=r"cannot be read .*move it away"):
            checking.check("99.double", lambda x, w: double(x, w))
        assert place.read_text() == text


def test_names_that_do_not_exist(exercise):
    for wrong, said in (("99.duble", "did you mean '99.double'"), ("77.x", "did you mean|a name is such as"), ("", "a name is such as|did you mean")):
        with pytest.raises(ng.NanoganError, match=f"there is no exercise '{wrong}'.*({said})"):
            checking.check(wrong, double)


def test_neither_backend_nor_random_stream_are_moved_by_a_check():
    drawn = Exercise("99.drawn", lambda x: x + ng.backend.random.normal((2,)), cases=lambda rng: [(np.zeros(2),)])
    with ng.backend.random.fork(3):
        first = ng.backend.random.normal((2,))
    with ng.backend.random.fork(3):
        checking.verdict(drawn, drawn.solution)
        assert (ng.backend.random.normal((2,)) == first).all()


def test_quick(monkeypatch):
    for value, expected in ((None, 9), ("", 9), ("0", 9), ("1", 3)):
        monkeypatch.delenv("NANOGAN_QUICK", raising=False)
        if value is not None:
            monkeypatch.setenv("NANOGAN_QUICK", value)
        assert quick(9, 3) == expected


def test_a_notebook_is_filled_and_solved(exercise):
    cell = {"cell_type": "code", "metadata": {"exercise": "99.double"}, "source": "", "outputs": [1], "execution_count": 2}
    notebook = {"cells": [{"cell_type": "markdown", "metadata": {}, "source": "# 99 · A notebook\ntext"}, cell]}
    assert filled(notebook, stub)["cells"][1]["source"].endswith('raise NotImplementedError("your code here")')
    done = solved(notebook)["cells"]
    assert done[0]["source"] == "# 99 · A notebook, solved\ntext"
    assert done[1] == cell | {"source": source(EXERCISE), "outputs": [], "execution_count": None}
    assert done[1]["source"].splitlines()[-1] == "    return 2 * x @ w"
    assert cell["source"] == "", "the notebook itself was changed"
