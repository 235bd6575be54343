"""Pictures of points in the plane: steady limits, and no point lost without a word."""

import numpy as np
import pytest
from PIL import Image

import nanogan as ng
from nanogan.viz import points, save_scatter
from nanogan.viz.points import limits


@pytest.fixture
def drawn(monkeypatch):
    """drawn(generated, real, ...) -> the axes, and the words in their corner."""

    def draw(*args, **kwargs):
        figures = []
        monkeypatch.setattr(points, "save_figure", lambda path, figure: figures.append(figure))
        save_scatter("a.png", *args, **kwargs)
        return figures[0].axes[0], [text.get_text() for text in figures[0].axes[0].texts]

    return draw


def test_scatter(tmp_path):
    random = np.random.default_rng(0)
    real, generated = random.standard_normal((100, 2)), random.standard_normal((50, 2)).astype(np.float32) + 1
    save_scatter(tmp_path / "a.png", generated, real, "step 3")
    save_scatter(tmp_path / "b.png", ng.Tensor(generated), real, "step 3")
    save_scatter(tmp_path / "c.png", generated + 0.5, real, "step 3")
    pixels = {}
    for name in "abc":
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert (picture.format, picture.size) == ("PNG", (480, 480))
            pixels[name] = np.asarray(picture.convert("RGB"))
    assert np.array_equal(pixels["a"], pixels["b"]) and not np.array_equal(pixels["a"], pixels["c"])
    for colour in ([31, 119, 180], [255, 127, 14]):  # tab:blue and tab:orange, at .8 over white or each other
        assert (abs(pixels["a"].astype(int) - np.rint(np.array(colour) * 0.8 + 51)).max(axis=2) <= 2).sum() > 200


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((-2, 2), (-3, 3)),  # a ring of radius 2
        ((-2.06, 2.04), (-3, 3)),
        ((-4.1, 4.2), (-6, 6)),  # 5 x 5 Gaussians
        ((-0.002, 0.002), (-0.003, 0.003)),
        ((-2e6, 2e6), (-3e6, 3e6)),
        ((3, 3), (2, 6)),
        ((0, 0), (-0.7, 0.7)),
        ((), (-2, 2)),
        ((np.nan, -2, np.inf, 2), (-3, 3)),
    ],
)
def test_limits(values, expected):
    low, high = limits(np.array(values, np.float64))
    finite = [v for v in values if np.isfinite(v)]
    assert low < min(finite, default=0) and max(finite, default=0) < high
    if values != (3, 3):
        assert (low, high) == pytest.approx(expected)


def test_the_limits_depend_on_the_real_points_alone(drawn):
    ng.seed(0)
    real = ng.data.load("gaussian2d").samples[:100]
    seen = {(*drawn(np.full((5, 2), v), real)[0].get_xlim(), *drawn(np.full((5, 2), v), real)[0].get_ylim()) for v in (0, 2, 1e9, np.nan)}
    ((left, right, bottom, top),) = seen
    assert left <= -1 and right >= 3 and bottom <= -2 and top >= 6
    assert right - left < 10 and top - bottom < 20


@pytest.mark.parametrize(("far", "words"), [(0, []), (1, ["1 point outside"]), (12, ["12 points outside"]), (1500, ["1,500 points outside"])])
@pytest.mark.parametrize("where", [1e30, -7, np.nan, np.inf])
def test_points_outside_are_counted(drawn, far, words, where):
    generated = np.zeros((far + 3, 2), np.float32)
    generated[:far, 1] = where
    axes, said = drawn(generated, np.array([[-2, -2], [2, 2]]))
    assert said == words
    assert len(axes.collections[1].get_offsets()) == 3


def test_many_points_are_drawn_smaller(drawn):
    sizes = [float(drawn(np.zeros((n, 2)), np.zeros((100, 2)))[0].collections[0].get_sizes()[0]) for n in (1, 200, 1000, 5000, 100_000)]
    assert sizes[:2] == [14, 14] and sizes == sorted(sizes, reverse=True) and sizes[2] < 7 and sizes[-1] == 3


def test_centres_and_title(drawn):
    centres = np.array([[0.0, 2.0], [2.0, 0.0]])
    axes, _ = drawn(np.zeros((1, 2)), np.ones((2, 2)), "costs $5 and _", centres=ng.Tensor(centres))
    assert axes.get_title() == "costs $5 and _" and np.array_equal(axes.collections[2].get_offsets(), centres)
    assert len(drawn(np.zeros((1, 2)), np.ones((2, 2)))[0].collections) == 2


def test_no_points_at_all(tmp_path):
    save_scatter(tmp_path / "a.png", np.zeros((0, 2)), np.zeros((0, 2)), "$")
    assert (tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.parametrize(("generated", "real", "name"), [((5, 3), (5, 2), "generated"), ((5, 2), (4,), "real"), ((5, 2, 1), (5, 2), "generated")])
def test_other_shapes(tmp_path, generated, real, name):
    with pytest.raises(ng.NanoganError, match=rf"save_scatter: {name} has shape .*; points in the plane are \(N, 2\)"):
        save_scatter(tmp_path / "a.png", np.zeros(generated), np.zeros(real))
    assert not list(tmp_path.iterdir())
