"""Sliders, buttons and films: real widgets where they are live, a still picture of the same where they are not."""

import ast
import io
import pathlib
import re
import sys
import types

import matplotlib.pyplot as plt
import pytest
from PIL import Image

import nanogan as ng
from nanogan.course import interactive

ENVIRONMENT = ("NANOGAN_STATIC", "NANOGAN_QUICK")


@pytest.fixture(autouse=True)
def page(monkeypatch):
    """What is displayed, in a list; no figure is left open."""
    plt.switch_backend("agg")
    plt.close("all")
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    page = []
    monkeypatch.setattr(interactive, "_display", page.append)
    yield page
    assert plt.get_fignums() == []


@pytest.fixture
def widgets(monkeypatch):
    """ipywidgets, with everything live."""
    ipywidgets = pytest.importorskip("ipywidgets", reason="ipywidgets are the live controls: pip install ipywidgets")
    monkeypatch.setattr(interactive, "_why_still", lambda: "")
    return ipywidgets


class Draw:
    """A drawing function that remembers how it was called; the figure is the taller, the larger its first value."""

    def __init__(self, width=2.0, left_open=False):
        self.calls, self.width, self.left_open = [], width, left_open

    def __call__(self, *args, **values):
        self.calls.append(args + tuple(values.values()))
        first = next(iter(self.calls[-1]), 0)
        figure, axes = plt.subplots(figsize=(self.width, 1 + 0.1 * first), dpi=50, layout="constrained")
        axes.plot([1, 2])
        print(f"drawn for {first}")
        return None if self.left_open else figure


def size(png):
    return Image.open(io.BytesIO(png)).size


def only(page):
    (found,) = page
    return found


# --- still ----------------------------------------------------------------------------------------------------------------


def test_a_still_slider_draws_the_figure_once_and_the_control_under_it(page):
    draw = Draw(left_open=True)
    interactive.slider(draw, at={"theta": 1.5, "n": 2}, theta=(0.0, 4.0, 0.1), n=(1, 5, 1))
    assert draw.calls == [(1.5, 2)]
    still = only(page)
    width, height = size(still.png)
    assert width == 100 and height > 58 + 2 * 20, "two sliders and a note stand under a figure of 58 pixels"
    data, metadata = still._repr_mimebundle_()
    assert data == {"image/png": still.png, "text/plain": "<sliders at theta = 1.5, n = 2>"}
    assert metadata["image/png"]["alt"] == "sliders at theta = 1.5, n = 2"


def test_where_the_knob_stands_is_seen(page):
    for theta in (0.0, 4.0):
        interactive.slider(lambda theta: Draw(6)(0), at={"theta": theta}, theta=(0.0, 4.0, 0.1))
    low, high = (still.png for still in page)
    assert size(low) == size(high) and low != high


def test_several_values_stand_side_by_side_as_far_as_a_page_is_wide(page):
    draw = Draw(6)  # 300 pixels
    interactive.slider(draw, at=[{"n": n} for n in (1, 2, 3)], n=(1, 9, 1))
    interactive.slider(draw, at=[{"n": n} for n in (1, 2, 3, 4)], n=(1, 9, 1))
    assert draw.calls == [(1,), (2,), (3,), (1,), (2,), (3,), (4,)]
    three, four = (size(still.png) for still in page)
    assert three[0] == four[0] == 900 and four[1] > three[1] + 50


def test_still_buttons_run_their_script_and_show_before_and_after(page):
    state, draw = {"n": 0}, Draw()

    def add(n):
        state["n"] += n

    actions = {"one": lambda: add(1), "ten": lambda: add(10)}
    interactive.buttons(lambda: draw(state["n"]), actions, ["one", "one", "ten", "one"])
    assert draw.calls == [(0,), (13,)]
    still = only(page)
    assert still.told == "buttons one, ten; at the start, and after one 2 times, then ten, then one"
    assert size(still.png)[0] == 200


def test_a_still_film_is_a_strip_from_the_first_frame_to_the_last(page):
    draw = Draw()
    interactive.player(draw, 40, shown=5)
    assert draw.calls == [(0,), (10,), (20,), (29,), (39,)]
    interactive.player(draw, frames=[0.25, 0.5])
    assert draw.calls[5:] == [(0.25,), (0.5,)]
    interactive.player(draw, 7, shown=1)
    assert draw.calls[7:] == [(6,)]
    assert [still.told for still in page][:2] == [
        "a film of 40 frames, of which these: 0, 10, 20, 29, 39",
        "a film of 2 frames, of which these: 0.25, 0.5",
    ]


def test_figures_that_are_there_already_are_shown_and_closed(page):
    figures = [Draw()(i) for i in range(6)]
    interactive.player(figures, shown=3)
    assert only(page).told.endswith("these: 0, 2, 5")


def test_what_fails_in_a_still_drawing_fails_in_the_cell(page):
    def broken(**values):
        plt.figure()
        raise ZeroDivisionError("of the learner")

    with pytest.raises(ZeroDivisionError, match="of the learner"):
        interactive.slider(broken, at={"n": 1}, n=(0, 2, 1))
    with pytest.raises(ng.NanoganError, match=r"made no figure.*plt\.show"):
        interactive.player(lambda i: None, 3)
    assert page == []


def test_what_does_not_fit_is_refused():
    draw = Draw()
    for at, ranges, said in (
        ({"a": 1}, {"b": (0, 2, 1)}, "values for a, and there are ranges for b"),
        ({"a": 3}, {"a": (0, 2, 1)}, "a = 3 is not between 0 and 2"),
        ({"a": 1}, {"a": (0, 2)}, r"a = \(0, 2\) is no \(low, high, step\)"),
        ({"a": 1}, {"a": (2, 0, 1)}, "is no"),
        ({}, {}, "at least one"),
        ([], {"a": (0, 2, 1)}, "at least one"),
    ):
        with pytest.raises(ng.NanoganError, match=said):
            interactive.slider(draw, at, **ranges)
    with pytest.raises(ng.NanoganError, match="no 'step E' among the actions step D"):
        interactive.buttons(draw, {"step D": print}, ["step D", "step E"])
    for frames in (0, None, []):
        with pytest.raises(ng.NanoganError, match="no frames"):
            interactive.player(draw, frames)
    assert draw.calls == []


# --- live -----------------------------------------------------------------------------------------------------------------


def parts(box, kind):
    """All widgets of a kind in a box, in order."""
    return [one for child in getattr(box, "children", ()) for one in ([child] if isinstance(child, kind) else parts(child, kind))]


def test_a_moved_slider_draws_with_the_new_value(page, widgets, capsys):
    draw = Draw(left_open=True)
    interactive.slider(draw, at=[{"theta": 1.5, "n": 2}, {"theta": 3.0, "n": 4}], theta=(0.0, 4.0, 0.1), n=(1, 5, 1))
    assert draw.calls == [(1.5, 2)], "live it begins with the first"
    box = only(page)
    theta, n = parts(box, (widgets.FloatSlider, widgets.IntSlider))
    assert isinstance(theta, widgets.FloatSlider) and isinstance(n, widgets.IntSlider)
    assert (theta.description, theta.min, theta.max, theta.step, theta.value) == ("theta", 0.0, 4.0, 0.1, 1.5)
    (image,), (said,) = parts(box, widgets.Image), parts(box, widgets.HTML)
    first = image.value
    theta.value = 3.0
    assert draw.calls[1:] == [(3.0, 2)]
    n.value = 5
    assert draw.calls[2:] == [(3.0, 5)]
    assert size(first)[1] < size(image.value)[1], "the picture is the new one"
    assert "drawn for 3.0" in said.value, "what a drawing prints stands under it"
    assert capsys.readouterr().out == "drawn for 1.5\n"


def test_a_button_runs_its_action_and_draws(page, widgets):
    state, draw, able = {"n": 0}, Draw(), []

    def add():
        state["n"] += 1
        able.append([button.disabled for button in parts(page[0], widgets.Button)])

    interactive.buttons(lambda: draw(state["n"]), {"step D": add, "again": lambda: state.update(n=0)}, ["step D"] * 9)
    assert draw.calls == [(0,)], "live the script is not run"
    step, again = parts(only(page), widgets.Button)
    assert (step.description, again.description) == ("step D", "again")
    step.click()
    step.click()
    again.click()
    assert draw.calls == [(0,), (1,), (2,), (0,)]
    assert able == [[True, True]] * 2 and not step.disabled, "clicks do not queue up"


def test_a_film_plays_and_draws_each_frame_once(page, widgets):
    draw = Draw()
    interactive.player(draw, [0.0, 2.5, 5.0], interval=50)
    box = only(page)
    (play,), (place,), (label,), (image,) = (parts(box, kind) for kind in (widgets.Play, widgets.IntSlider, widgets.Label, widgets.Image))
    assert (play.interval, play.max, place.max) == (50, 2, 2)
    heights = [size(image.value)[1]]
    for i in (1, 2, 1, 0):
        place.value = i
        heights.append(size(image.value)[1])
    assert draw.calls == [(0.0,), (2.5,), (5.0,)], "a frame that was drawn is kept"
    assert heights[0] == heights[4] < heights[1] == heights[3] < heights[2] and label.value == "0"


def test_figures_that_are_there_already_make_a_film(page, widgets):
    interactive.player([Draw()(i) for i in range(3)])
    (place,), (image,) = (parts(only(page), kind) for kind in (widgets.IntSlider, widgets.Image))
    first = size(image.value)
    place.value = 2
    assert size(image.value)[1] > first[1]
    assert plt.get_fignums() == [], "and none is left open"


def test_what_fails_in_a_live_drawing_is_told_and_the_picture_stays(page, widgets):
    def draw(n):
        figure = plt.figure(figsize=(1, 1), dpi=50)
        print("before <it>")
        if n == 2:
            raise ZeroDivisionError("a < b")
        return figure

    interactive.slider(draw, at={"n": 1}, n=(0, 4, 1))
    box = only(page)
    (n,), (image,), (said,) = (parts(box, kind) for kind in (widgets.IntSlider, widgets.Image, widgets.HTML))
    shown = image.value
    n.value = 2
    assert image.value == shown
    assert "before &lt;it&gt;" in said.value and "ZeroDivisionError: a &lt; b" in said.value and "in draw" in said.value
    n.value = 3
    assert "Error" not in said.value, "the next one that succeeds clears it"


def test_what_fails_in_a_button_is_told_and_the_buttons_go_on(page, widgets):
    draw, wrong = Draw(), [True]

    def action():
        if wrong[0]:
            raise ValueError("of the learner")

    interactive.buttons(draw, {"go": action}, [])
    (button,), (said,) = (parts(only(page), kind) for kind in (widgets.Button, widgets.HTML))
    button.click()
    assert "ValueError: of the learner" in said.value and draw.calls == [()] and not button.disabled
    wrong[0] = False
    button.click()
    assert "Error" not in said.value and draw.calls == [(), ()]


def test_what_fails_at_once_fails_in_the_cell(page, widgets):
    with pytest.raises(ng.NanoganError, match="made no figure"):
        interactive.slider(lambda n: None, at={"n": 1}, n=(0, 2, 1))
    assert page == []


# --- which of the two -----------------------------------------------------------------------------------------------------


def test_live_is_a_kernel_with_widgets_and_nothing_against_it(monkeypatch):
    assert not interactive.live(), "a test has no kernel"
    monkeypatch.setattr(interactive, "_shell", lambda: types.SimpleNamespace(kernel=None))
    assert interactive._why_still() == "run this in a notebook"
    monkeypatch.setattr(interactive, "_shell", lambda: types.SimpleNamespace(kernel="one"))
    monkeypatch.setattr(interactive.importlib.util, "find_spec", lambda name: name)
    assert interactive.live()
    for name in ENVIRONMENT:
        for value, expected in (("1", False), ("0", True), ("", True)):
            with monkeypatch.context() as patch:
                patch.setenv(name, value)
                assert interactive.live() is expected
    monkeypatch.setattr(interactive.importlib.util, "find_spec", lambda name: None)
    assert not interactive.live() and "pip install ipywidgets" in interactive._why_still()


def test_neither_matplotlib_nor_widgets_are_loaded_before_they_are_needed():
    tree = ast.parse(pathlib.Path(interactive.__file__).read_text())
    top = {name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    top |= {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in top} <= {*sys.stdlib_module_names, "nanogan"}


CELL = """
import matplotlib.pyplot as plt
from nanogan.course import interactive
def draw(n=0):
    plt.subplots(figsize=(2, 1))
state = {"n": 0}
interactive.slider(draw, at={"n": 1}, n=(0, 4, 1))
interactive.buttons(draw, {"go": lambda: state.update(n=1)}, ["go"])
interactive.player(draw, 3)
"""


@pytest.mark.notebook
@pytest.mark.filterwarnings("default")  # of the tools that run it
@pytest.mark.parametrize("static", ["1", ""])
def test_in_a_notebook(static, tmp_path, monkeypatch):
    pytest.importorskip("nbclient", reason="nbclient runs notebooks: pip install nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="ipykernel runs notebooks: pip install ipykernel")
    pytest.importorskip("ipywidgets", reason="ipywidgets are the live controls: pip install ipywidgets")
    import nbclient
    from nbformat import v4

    root = str(pathlib.Path(ng.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", root)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("NANOGAN_STATIC", static)
    notebook = v4.new_notebook(cells=[v4.new_code_cell(CELL)])
    nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = notebook.cells[0].outputs
    assert [output.output_type for output in shown] == ["display_data"] * 3, "three, and no figure a second time"
    kind = "image/png" if static else "application/vnd.jupyter.widget-view+json"
    assert [[name for name in output.data if name != "text/plain"] for output in shown] == [[kind]] * 3
    if static:
        assert [re.match("<sliders|<buttons|<a film", output.data["text/plain"])[0] for output in shown] == ["<sliders", "<buttons", "<a film"]
