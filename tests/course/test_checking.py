"""What a check says: of a right answer, of wrong ones of every kind, and what it keeps of it."""

import json
import sys
import time

import numpy as np
import pytest

import nanogan as ng
from nanogan import ops
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
    paper = Exercise(
        "99.paper", lambda: (633_601, 2.5), cases=lambda rng: [("a",), ("b",)], outcome=lambda answer, question: answer()["ab".index(question)]
    )
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


def told_of(expected, mine):
    """What a check says to one who gives ``mine`` where ``expected`` is right."""
    return failure(lambda x: mine, Exercise("99.one", lambda x: expected, cases=lambda rng: [(1,)]))


def test_a_tensor_is_asked_for():
    right = ng.Tensor(np.array([6.0, 2.0]))
    said = told_of(right, np.array([6.0, 2.0]))
    assert "you give [6, 2], of type ndarray, and a tensor is asked for" in said
    assert "likely: a tensor is asked for: leave .numpy(), .data, .item() and NumPy's functions away" in said
    assert "of type float, and a tensor is asked for" in told_of(ng.Tensor(np.array(0.5)), 0.5)
    assert "value 1: a tensor is asked for" in told_of((right, right), (right.numpy(), right))
    assert "likely: the sign is the wrong way round" in told_of(right, np.array([-6.0, -2.0]))  # which is the worse of the two
    assert checking.verdict(Exercise("99.array", lambda x: x, cases=lambda rng: [(np.ones(2),)]), lambda x: ng.Tensor(x)) == 1
    once = Exercise("99.once", lambda x: right, cases=lambda rng: [(1,)], mistakes=[Mistake("this is half of it", lambda x: right / 2)])
    assert "likely: this is half of it" in failure(lambda x: right.numpy() / 2, once)  # a mistake is known in arrays, too


def test_a_list_of_tensors_is_no_array():
    rows = [ng.Tensor(row) for row in np.eye(2)]
    said = told_of(np.eye(2), rows)
    assert "you give a list of tensors, [[1, 0], [0, 1]], and it is [[1, 0], [0, 1]]" in said
    assert "likely: this is a list of tensors; an array is asked for: np.stack([t.numpy() for t in ...])" in said
    assert "likely: this is a list of tensors; a tensor is asked for: ops.stack(...)" in told_of(ng.Tensor(np.eye(2)), rows)


def test_a_reason_names_its_part_unless_it_holds_for_all_of_them():
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert "likely: value 2: all of it is 0" in told_of((a, b), (a, 0 * b))
    assert "likely: slope: the sign is the wrong way round" in told_of({"loss": a, "slope": b}, {"loss": a, "slope": -b})
    assert "likely: the sign is the wrong way round" in told_of((a, b), (-a, -b))
    assert "likely" not in told_of((1.5, 0.5), (1.5, 0.0))  # one 0 is seen
    assert "you give (1.5, 0), and it is (1.5, 0.5)" in told_of((1.5, 0.5), (1.5, -0.0))
    assert "[0, 1], and it is [1, 1]" in told_of(np.ones(2), np.array([-0.0, 1.0]))
    assert "likely: the sign is the wrong way round" in told_of(0.101335, -0.10133500000000002)  # to the last digit but one


def test_what_is_nearly_right_is_not_1_times_what_it_should_be_and_looks_different():
    said = told_of(np.array([1.0, 0.5]), np.array([1.0, 0.5]) * (1 - 1e-8))
    assert "you give [0.99999999, 0.49999999], and it is [1, 0.5]" in said and "likely: it is nearly right" in said
    assert "you give 0.333333333, and it is 0.333333303" in told_of(1 / 3 - 3e-8, 1 / 3)
    assert "you give 1.0000001, and it is 1" in told_of(np.ones(20), np.ones(20) + 1e-7)


def test_nan_is_not_infinity():
    assert "likely: there are entries that are NaN" in told_of(np.ones(2), np.array([1.0, np.nan]))
    assert "likely: it is NaN, not a number" in told_of(1.0, np.nan)
    assert "likely: it is not finite: is something divided by 0" in told_of(1.0, np.inf)
    assert "likely: there are entries that are NaN" in told_of(np.array([np.inf, 1.0]), np.array([np.inf, np.nan]))


def test_errors_whose_message_does_not_help():
    loss = Exercise("99.loss", lambda x: ops.mean(x), cases=lambda rng: [(ng.Tensor(rng.normal(size=3)),)])
    assert "NumPy's mean was given a tensor, and calls its method in its own way; use ops.mean, or .mean()" in failure(lambda x: np.mean(x), loss)
    assert "NumPy's sum was given a tensor" in failure(lambda x: np.sum(x), loss)
    assert "a function of NumPy was given a tensor; nanogan's ops has the same functions" in failure(lambda x: np.log(x), loss)
    assert "these are arrays, which have no history; use the tensors" in failure(lambda x: x.data.node, loss)


def test_how_a_case_is_written():
    def formula(x):
        return x

    formula.__name__ = "x**2"

    class Told:
        def told(self):
            return "a graph of two nodes"

    assert "x = (2,)" in failure(lambda x: 0, Exercise("99.tuple", lambda x: 1, cases=lambda rng: [((2,),)]))
    assert "x = x**2" in failure(lambda x: 0, Exercise("99.function", lambda x: 1, cases=lambda rng: [(formula,)]))
    assert "x = a graph of two nodes" in failure(lambda x: 0, Exercise("99.told", lambda x: 1, cases=lambda rng: [(Told(),)]))

    class Right:
        pass

    class Wrong:
        pass

    of_class = Exercise("99.class", Right, cases=lambda rng: [(1, 2)], outcome=lambda answer, x, grad: answer is Right)
    assert "case 1 of 1: x = 1, grad = 2" in failure(Wrong, of_class)


def test_nothing_given_back_where_much_is_compared():
    many = Exercise(
        "99.many", lambda x: 1, cases=lambda rng: [(1,)], outcome=lambda answer, x: None if answer(x) is None else dict.fromkeys("abc", 1.0)
    )
    said = failure(lambda x: None, many)
    assert "  you give None\n" in said and "likely: it gives back nothing; is a return missing?" in said


def test_on_paper_only_the_part_that_is_wrong_is_shown():
    paper = Exercise(
        "99.parts", lambda: (1.0, 2.0), cases=lambda rng: [()], outcome=lambda answer: dict(zip(("least", "greatest"), answer(), strict=True))
    )
    assert "  greatest: you give 3, and that is not it" in failure(lambda: (1.0, 3.0), paper).splitlines()


def same_array_twice(f, x, h):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up = x
        up[i] += h
        slopes[i] = f(up)
        down = x
        down[i] -= h
        slopes[i] = (slopes[i] - f(down)) / (2 * h)
    return slopes


def deep(output):
    sys.setrecursionlimit(100_000)
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(output)
    return order[::-1]


def seen_in_a_list(output):
    users, seen, todo = {}, [output], [output]
    while todo:
        for parent in todo.pop().parents:
            users[parent] = users.get(parent, 0) + 1
            if parent not in seen:
                seen.append(parent)
                todo.append(parent)
    order, ready = [], [output]
    while ready:
        order.append(ready.pop())
        for parent in order[-1].parents:
            users[parent] -= 1
            if not users[parent]:
                ready.append(parent)
    return order


def test_answers_of_students_to_the_first_notebooks():
    """What was accepted though it was wrong, or refused without a reason; the other slips are mistakes of the exercises."""
    assert "likely: this is (f(x + h) - f(x)) / 2h: the second point is x itself" in failure(same_array_twice, exercises.get("03.central_difference"))
    limit = sys.getrecursionlimit()
    try:
        said = failure(deep, exercises.get("02.users_first"))
    finally:
        sys.setrecursionlimit(limit)
    assert "case 19 of 19: output = the end of a chain of 2,001 nodes" in said and "likely: the function calls itself" in said
    began = time.perf_counter()
    assert checking.verdict(exercises.get("02.users_first"), seen_in_a_list) == 19
    assert time.perf_counter() - began < 20
    step = exercises.get("04.train_step")
    for how in (lambda loss: loss.item(), lambda loss: loss.numpy()):
        said = failure(lambda *given, how=how: tuple(how(loss) for loss in step.solution(*given)), step)
        assert "likely: give back the two losses as tensors; the trainer reads them" in said
    twice = exercises.get("03.double_backward")
    assert "of type ndarray, and a tensor is asked for" in failure(lambda f, x, v: twice.solution(f, x, v).numpy(), twice)


def one_axis_of_two(g, shape):
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    for axis, n in enumerate(shape):
        if n != g.shape[axis]:
            return g.sum(axis=axis, keepdims=True)
    return g


def moved(move):
    def answer(critic, batch):
        rng, found = np.random.default_rng(0), []
        for i in range(len(batch)):
            other = batch.copy()
            move(other[i], rng)
            if critic(other).numpy()[0] != critic(batch).numpy()[0]:
                found.append(i)
        return found

    return answer


def to_noise(row, rng):
    row[:] = rng.normal(size=len(row))


def to_zero(row, rng):
    row[:] = 0


def in_its_first_entry(row, rng):
    row[0] += 1


def test_answers_of_a_second_student_to_the_first_notebooks():
    assert "its shape is" in failure(one_axis_of_two, exercises.get("02.undo_broadcast"))
    depends_on = exercises.get("03.depends_on")
    assert checking.verdict(depends_on, moved(to_noise)) == 10, "the noise of the learner is not that of the cases"
    for move in (to_zero, in_its_first_entry):
        assert "likely: samples are missing" in failure(moved(move), depends_on)
    floors, e = exercises.get("04.floors"), np.log1p(np.exp(-1))
    for right in ((e + np.log(2), e, np.log(2)), (1.00641, 0.31326, 0.69315), [1.0064, 0.3133, 0.6931]):
        assert checking.verdict(floors, lambda right=right: right) == 1
    for wrong in ((1.0065, 0.3133, 0.6931), (1.0064, 0.3132, 0.6931)):
        assert "and that is not it" in failure(lambda wrong=wrong: wrong, floors)
    assert "likely: this is half the critic's loss" in failure(lambda: (0.503, 0.313, 0.693), floors)  # a mistake, rounded
    assert "likely: these are the slopes in D" in failure(lambda: (-1.02, -50), exercises.get("04.slopes"))


def test_one_small_case_is_no_proof():
    """A mistake that agrees by chance, and what one number may look like."""
    loss = exercises.get("01.cross_entropy")
    assert "likely: these are the penalties, one for each card" in failure(lambda u, y: np.logaddexp(0, u) - y * u, loss)
    assert "likely: the numbers are right, in another shape" in failure(lambda u, y: loss.solution(u, y)[None], loss)
    assert "likely" not in failure(lambda u, y: np.abs(u - y), Exercise("99.mean", lambda u, y: np.mean(np.abs(u - y)), loss.cases))
    twice = Exercise("99.twice", lambda x: x.mean(axis=0), cases=lambda rng: [(rng.normal(size=(n, 3)),) for n in (2, 5, 7)])
    assert "likely: all of it is 2 times what it should be" in failure(lambda x: 2 * x.mean(axis=0), twice)
    assert "likely: it is 2 times too large, as a sum over 2" in failure(lambda x: x.sum(axis=0), twice)
    share = Exercise("99.share", lambda x: np.mean(x), cases=lambda rng: [(np.array([0.7875]),), (np.array([0.52]),), (np.array([0.61]),)])
    assert "likely" not in failure(lambda x: np.mean(x) + 0.0025, share)
    by_chance = [Mistake("these are squared", lambda x: np.mean(x**2) if np.mean(x) < 2 else np.mean(x))]
    squares = Exercise("99.squares", lambda x: np.mean(x), lambda rng: [(np.full(1, n / 10),) for n in range(5, 14)], by_chance)
    assert "likely: these are squared" in failure(lambda x: np.mean(x) ** 2, squares)
    assert "likely" not in failure(lambda x: np.mean(x) - 0.25, squares)  # 0.5 - 0.25 is 0.5**2


def test_a_number_from_paper_is_near_to_its_mistake():
    paper = Exercise("99.paper", lambda: 2.345, lambda rng: [()], [Mistake("this is half of it", lambda: 1.1725), Mistake("close by", lambda: 2.344)])
    assert "likely: this is half of it" in failure(lambda: 1.17, paper)
    assert "likely: close by" in failure(lambda: 2.344, paper)
    assert "close by" not in failure(lambda: 2.3449, paper), "the right answer is as near"
    count = Exercise("99.count", lambda: 1000, lambda rng: [()], [Mistake("the biases are missing", lambda: 900)])
    assert "biases" in failure(lambda: 900, count) and "biases" not in failure(lambda: 901, count)


def test_two_errors_of_one_type_may_have_two_reasons():
    def kept(x):
        raise TypeError("an array is asked for")

    once = Exercise("99.errors", lambda x: 1, cases=lambda rng: [(ng.Tensor(np.ones(2)),)], mistakes=[Mistake("it has become a tensor", kept)])
    assert "likely: it has become a tensor" in failure(lambda x: kept(x), once)
    said = failure(lambda x: np.sqrt(x), once)
    assert "it raises TypeError" in said and "likely: a function of NumPy was given a tensor" in said


def test_a_count_is_not_nearly_right():
    assert "likely" not in told_of(133_825, 133_824)
    assert "likely: it is nearly right" in told_of(133_825.0, 133_824.9)


def test_what_is_rounded_by_hand_is_said_to_be():
    right = "right, but rounded too far"
    for expected, given in ((0.3466, 0.35), (31.43, 31), (31.43, 31.0), ((1.08, 2.08), (1.1, 2.1)), ((0.3466, np.inf, 1.0), (0.35, np.inf, 1.0))):
        assert right in told_of(expected, given), given
    for expected, given in (
        (0.3466, 0.34),
        (0.3466, 0.3),
        (0.4, 0),
        ((1.0, 2.08), (1.0, 2.2)),
        (2.5, np.inf),
        (6, 6.1),
        (1 / 3, 0.3333333),
        (-0.98, -1),
    ):
        assert right not in told_of(expected, given), given


def test_a_class_where_a_function_is_asked_for():
    class made:
        pass

    assert "a function is asked for, and a class was given" in failure(made) and "brackets" not in failure(made)
    wanted = Exercise("99.class", made, cases=lambda rng: [()])
    assert "a class is asked for; give it without brackets after its name" in failure(lambda: made(), wanted)


def test_an_exercise_can_name_the_values_of_its_cases():
    def step(network, real, limit):
        real *= limit
        return real

    run = Exercise(
        "99.step",
        lambda network, real, limit: real * limit,
        cases=lambda rng: [(np.ones(2), 0.3)],
        outcome=lambda answer, real, limit: answer(None, real, limit),
        arguments=("real", "limit"),
    )
    assert "case 1 of 1: real = [1, 1], limit = 0.3" in failure(lambda network, real, limit: 0, run)
    assert "it changes its argument real; work on a copy" in failure(step, run)


def test_bytes_are_shown_in_hexadecimal():
    file = Exercise("99.file", lambda data: len(data), cases=lambda rng: [(bytes(range(8, 12)),), (bytes(30),)])
    assert "case 1 of 2: data = 08 09 0a 0b\n" in failure(lambda data: 0, file)
    assert "case 2 of 2: data = " + "00 " * 20 + "...\n" in failure(lambda data: 4, file)


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
    assert capsys.readouterr().out.splitlines() == ["99  A notebook  0 of 1", "99.double: right, in 4 cases", "99  A notebook  1 of 1  double ★★"]


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
