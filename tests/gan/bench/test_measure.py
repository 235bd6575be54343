"""What is made of the turns."""

import pytest

from nanogan.gan.bench import check, measure
from nanogan.gan.bench.measure import Plan, Setting


class Facts:
    """Stands in for a process."""

    facts, check = {"threads": 1}, None

    def ask(self, do):
        return {"kind": "resident", "peak": 200, "before": 50}


def test_a_side():
    side = measure.side([0.2, 0.1, 0.4, 0.3, 9.0], images=60, operations=3e9, process=Facts())
    assert (side["seconds"], side["quartiles"]) == (0.3, [0.2, 0.4])
    assert side["images_per_second"] == pytest.approx(200) and side["seconds_per_image"] == pytest.approx(0.005)
    assert side["gflops"] == pytest.approx(10)
    assert measure.side([0.2], 1, 0, Facts())["quartiles"] == [0.2, 0.2]


def test_the_better_layout_is_quoted():
    sides = {layout: measure.side(times, 1, 0, Facts()) for layout, times in (("default", [1.0, 2.0, 4.0]), ("channels_last", [2.5, 2.5, 0.5]))}
    found = measure.against(sides, [1.0, 1.0, 3.0])
    assert found["quoted"] == "default" and found["ratio"] == 0.5
    assert found["ratio_of_turns"] == 0.75  # of 1, 1/2, 3/4


def test_layouts():
    assert measure.layouts(Setting("gaussian2d", 4)) == measure.layouts(Setting("mlp-mnist", 4)) == ["default"]
    assert measure.layouts(Setting("dcgan-mnist", 4)) == ["default", "channels_last"]


@pytest.mark.parametrize(("asked", "threads"), [(None, 4), ("2", 2), ("99", 4), ("0", 4), ("many", 4)])
def test_threads(monkeypatch, asked, threads):
    monkeypatch.setattr(measure.os, "sched_getaffinity", lambda pid: range(4), raising=False)
    assert measure.threads_allowed({"OMP_NUM_THREADS": asked} if asked else {}) == threads


def test_scaling():
    results = [
        {"batch_size": n, "nanogan": {"seconds_per_image": t, "memory": {"peak": 100 + 3 * n}}} for n, t in ((64, 0.010), (128, 0.010), (256, 0.011))
    ]
    found = measure.scaling(results)
    assert found["flat"] == pytest.approx(0.1)
    assert found["memory"] == pytest.approx({"constant": 100, "per_sample": 3, "deviation": 0}, abs=1e-9)
    results[0]["nanogan"]["memory"]["peak"] = None
    assert measure.scaling(results)["memory"] is None and measure.scaling(results[1:2])["memory"] is None


OURS = {"losses": [1.5, -0.2], "moved": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("theirs", "word"),
    [({"losses": [1.5, -0.198]}, "losses are 1.5, -0.2, PyTorch's 1.5, -0.198"), ({"losses": [float("nan"), -0.2]}, "nan"),
     ({"moved": [1.0, 0.0]}, "move by 1, 2, PyTorch's by 1, 0")],
)  # fmt: skip
def test_what_differs_is_said(theirs, word):
    with pytest.raises(check.LossesDiffer, match=word):
        check.compare("mlp-mnist", OURS, OURS | {"name": "PyTorch"} | theirs)


def test_what_agrees_is_kept():
    found = check.compare("mlp-mnist", OURS, {"losses": [1.5, -0.2003], "moved": [1.05, 2.0], "name": "PyTorch"})
    assert found["apart"] == pytest.approx(2e-4) and found["PyTorch"] == [1.5, -0.2003]


def test_a_plan_says_all():
    assert vars(Plan(2)).keys() == {"threads", "against", "backend", "turns", "warm_up", "seconds", "pause"}
