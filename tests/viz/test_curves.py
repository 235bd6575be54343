"""Pictures of losses: the right numbers, whatever is missing among them."""

import time

import numpy as np
import pytest
from PIL import Image

import nanogan as ng
from nanogan.viz import curves, save_losses
from nanogan.viz.curves import thinned

STYLES = ("curves", "panels", "points")
SIZES = {"curves": (800, 620), "panels": (1200, 400), "points": (1200, 480)}
BLUE, VERMILION = "#0072B2", "#D55E00"


def history(rows, critic_scores=False):
    step, random = 50.0 * np.arange(1, rows + 1), np.random.default_rng(0)
    columns = {
        "step": step,
        "epoch": step / 200,
        "d_loss": 1.3 + 0.1 * random.standard_normal(rows),
        "g_loss": 1 + 0.1 * random.standard_normal(rows),
    }
    columns |= {"d_real": random.uniform(0.5, 1, rows), "d_fake": random.uniform(0, 0.5, rows), "penalty": np.full(rows, np.nan)}
    columns |= {"d_acc_real": random.uniform(0, 1, rows), "images_per_second": np.full(rows, 1e3)}
    if critic_scores:
        columns |= {"d_loss": -300 * columns["d_loss"], "d_real": 100 * columns["d_real"], "penalty": random.uniform(0, 9, rows)}
    return columns


@pytest.fixture
def drawn(monkeypatch):
    """drawn(history, ...) -> the figure."""

    def draw(*args, **kwargs):
        figures = []
        monkeypatch.setattr(curves, "save_figure", lambda path, figure: figures.append(figure))
        save_losses("a.png", *args, **kwargs)
        return figures[0]

    return draw


def line(axes, colour):
    (found,) = [one for one in axes.lines if one.get_color() == colour]
    return found.get_xydata()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("rows", [0, 1, 300])
def test_picture(tmp_path, style, rows):
    columns = history(rows)
    columns["d_loss"][200:] = np.inf
    save_losses(tmp_path / "a.png", columns, style, title="cost: $1_000")
    with Image.open(tmp_path / "a.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (800, 420) if (style, rows) == ("curves", 0) else SIZES[style])


def test_curves(drawn):
    columns = history(300)
    figure = drawn(columns, title="a run")
    losses, answers = figure.axes
    assert figure.get_suptitle() == "a run"
    assert np.array_equal(line(losses, BLUE), np.stack([columns["step"], columns["d_loss"]], 1))
    assert np.array_equal(line(losses, VERMILION), np.stack([columns["step"], columns["g_loss"]], 1))
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["critic", "generator"]
    assert [text.get_text() for text in answers.get_legend().get_texts()] == ["D(x), real", "D(G(z)), generated"]
    assert answers.get_ylim() == (-0.03, 1.03)  # probabilities


def test_critic_scores_and_penalty(drawn):
    columns = history(300, critic_scores=True)
    losses, answers, penalty = drawn(columns).axes
    assert answers.get_ylim()[1] > 90
    assert np.array_equal(penalty.lines[0].get_ydata(), columns["penalty"])
    assert losses.get_xlim() == penalty.get_xlim() and penalty.get_legend() is None


@pytest.mark.parametrize(("change", "per_epoch", "expected"), [({}, None, 200), ({}, 468, 468), ({"epoch": np.full(30, np.nan)}, None, None)])
def test_epochs_below_the_steps(drawn, change, per_epoch, expected):
    figure = drawn({**history(30), **change}, per_epoch=per_epoch)
    figure.draw_without_rendering()
    axes = figure.axes[-1]
    below = axes.child_axes
    assert len(below) == (1 if expected else 0)
    if expected:
        assert below[0].get_xlabel() == "epoch" and below[0].get_xlim() == pytest.approx([limit / expected for limit in axes.get_xlim()])


def test_panels(drawn):
    columns = history(40)
    axes = drawn(columns, style="panels").axes
    assert [one.get_title(loc="left") for one in axes] == ["$J^G$", "$J^D$", "$J^G + J^D$"]
    for one, values in zip(axes, (columns["g_loss"], columns["d_loss"], columns["g_loss"] + columns["d_loss"]), strict=True):
        assert np.array_equal(one.lines[0].get_ydata(), values) and one.get_xlabel() == "epoch"
        assert np.allclose(one.lines[0].get_xdata(), columns["epoch"])


def test_points(drawn):
    columns = history(40)
    left, right = drawn(columns, style="points").axes
    largest = max(columns["d_loss"].max(), columns["g_loss"].max())
    assert left.get_ylim() == pytest.approx((0, 1.1 * largest)) and right.get_ylim() == pytest.approx((0, 1.05 * largest))
    critic, generator = left.collections
    assert np.allclose(critic.get_offsets(), np.stack([columns["step"] / 100, columns["d_loss"]], 1))
    assert np.allclose(generator.get_offsets(), np.stack([columns["step"] / 100, columns["g_loss"]], 1))
    assert critic.get_facecolor().tolist() == [[0, 0, 1, 1]] and critic.get_edgecolor().tolist() == [[0, 0, 0, 1]]
    assert np.array_equal(line(right, "red")[:, 1], columns["g_loss"]) and np.array_equal(line(right, "green")[:, 1], columns["d_loss"])
    assert [one.get_linestyle() for one in right.lines] == ["--", "-"]
    assert left.get_xlabel() == right.get_xlabel() == "iteration / 100"


def test_losses_below_zero_are_seen_as_points(drawn):
    left, _ = drawn(history(40, critic_scores=True), style="points").axes
    assert left.get_ylim()[0] < -300 < 0 < left.get_ylim()[1]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_not_finite_are_told_of(drawn, style, value):
    columns = history(50)
    columns["g_loss"][[3, 40]] = value
    said = [one.get_title(loc="right") for one in drawn(columns, style).axes]
    gone = "| not finite: 2 of 50 rows"
    assert said == {"curves": [gone, ""], "panels": [gone, "", gone], "points": [gone, gone]}[style]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("rows", "words"), [(0, "no rows yet"), (1, "no finite value in 1 row"), (30, "no finite value in 30 rows")])
def test_nothing_to_draw(drawn, style, rows, words):
    columns = {name: np.full(rows, np.nan) for name in history(1)}
    for axes in drawn(columns, style).axes:
        assert [text.get_text() for text in axes.texts] == [words]
    assert drawn({}, style).axes[0].texts[0].get_text() == "no rows yet"


def test_only_what_there_is(drawn):
    figure = drawn({"d_loss": [3, 2, 1], "penalty": [5.0, 7.0, 9.0]})
    losses, penalty = figure.axes
    assert line(losses, BLUE).tolist() == [[1, 3], [2, 2], [3, 1]] and len(losses.lines) == 1
    assert penalty.get_ylim()[1] > 9


@pytest.mark.parametrize("style", STYLES)
def test_the_history_is_not_changed(drawn, style):
    columns = history(30)
    before = {name: values.copy() for name, values in columns.items()}
    drawn(columns, style)
    assert columns.keys() == before.keys()
    assert all(np.array_equal(columns[name], before[name], equal_nan=True) for name in before)


@pytest.mark.parametrize("style", STYLES)
def test_very_long_runs(tmp_path, style):
    columns = history(100_000, critic_scores=True)
    columns["g_loss"][::7] = np.nan
    columns["d_loss"][1000:3000] = np.inf
    start = time.perf_counter()
    save_losses(tmp_path / "a.png", columns, style)
    assert time.perf_counter() - start < 2 * 5  # 2 s on a quiet machine


@pytest.mark.parametrize(("n", "most", "groups"), [(5, 5, 5), (6, 5, 3), (1000, 600, 500), (100_000, 600, 599), (0, 5, 0)])
def test_thinned(n, most, groups):
    values = np.random.default_rng(0).standard_normal(n)
    values[5:8] = np.nan
    step, mean, least, greatest = thinned(np.arange(n), values, most)
    size = -(-n // most) if n > most else 1
    parts = [values[i : i + size] for i in range(0, n, size)]
    assert len(step) == groups == len(parts)
    for i, part in enumerate(parts):
        assert step[i] == pytest.approx(i * size + (len(part) - 1) / 2)
        known = part[np.isfinite(part)]
        expected = (known.mean(), known.min(), known.max()) if len(known) else [np.nan] * 3
        assert (mean[i], least[i], greatest[i]) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("columns", "style", "message"),
    [
        ({}, "bars", "no style 'bars' of losses; choose one of curves, panels, points"),
        ({"step": [1, 2], "d_loss": [1]}, "curves", r"one length; these hold \{'step': 2, 'd_loss': 1\} rows"),
    ],
)
def test_what_makes_no_picture(tmp_path, columns, style, message):
    with pytest.raises(ng.NanoganError, match=message):
        save_losses(tmp_path / "a.png", columns, style)
    assert not list(tmp_path.iterdir())
