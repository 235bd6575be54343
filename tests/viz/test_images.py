"""Pictures: every pixel where it belongs."""

import numpy as np
import pytest
from PIL import Image

import nanogan as ng
from nanogan.viz import image_grid, save_image_grid, save_scatter


def tiles(values, size=(2, 3), channels=1):
    """One flat image per value."""
    return np.ones((len(values), *size, channels), np.float32) * np.asarray(values, np.float32).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("value", "pixel"), [(-1, 0), (1, 255), (0, 128), (-0.998, 0), (0.5, 191), (-5, 0), (1.01, 255), (300, 255), (-np.inf, 0), (np.inf, 255)]
)
def test_values(value, pixel):
    assert image_grid(tiles([value]), 1, 1, width=3)[1:-1, 1:-1].ravel().tolist() == [pixel] * 6


def test_every_byte_comes_back():
    """What Dataset.batch scales to [-1, 1], a picture scales back."""
    data = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    batch = ng.data.dataset.Dataset("bytes", data).batch([0])
    assert np.array_equal(image_grid(batch, 1, 1, width=16)[1:-1, 1:-1], data[0])


def test_row_by_row_with_a_gap_around_each():
    grid = image_grid(tiles([-0.9, -0.5, 0, 0.3, 0.6, 1]), 2, 3, width=9)
    assert grid.shape == (2 * (2 + 2), 3 * (3 + 2), 1) and grid.dtype == np.uint8
    expected = np.zeros((8, 15), np.uint8)
    for i, pixel in enumerate([13, 64, 128, 166, 204, 255]):
        top, left = 4 * (i // 3) + 1, 5 * (i % 3) + 1
        expected[top : top + 2, left : left + 3] = pixel
    assert np.array_equal(grid[..., 0], expected)


@pytest.mark.parametrize(("width", "columns", "scale"), [(560, 5, 4), (560, 4, 5), (560, 10, 2), (112, 2, 2), (28, 1, 1), (1, 4, 1), (70, 1, 2)])
def test_images_are_enlarged_by_a_whole_number(width, columns, scale):
    images = np.random.default_rng(0).uniform(-1, 1, (columns, 28, 28, 1)).astype(np.float32)
    small, grid = image_grid(images, 1, columns, width=1), image_grid(images, 1, columns, width=width)
    assert grid.shape == (28 * scale + 2, columns * (28 * scale + 2), 1)
    for i in range(columns):
        one = small[1:29, 30 * i + 1 : 30 * i + 29]
        large = grid[1:-1, i * (28 * scale + 2) + 1 : (i + 1) * (28 * scale + 2) - 1]
        assert np.array_equal(large, one.repeat(scale, 0).repeat(scale, 1))


def test_colour_stays_in_its_channel():
    images = -np.ones((2, 2, 2, 3), np.float32)
    images[0, 0, 1] = (1, 0, -1)
    grid = image_grid(images, 1, 2, width=4)
    assert grid.shape == (4, 8, 3) and grid[1, 2].tolist() == [255, 128, 0] and grid.sum() == 255 + 128


@pytest.mark.parametrize(("n", "filled"), [(0, 0), (1, 1), (3, 3), (4, 4), (9, 4)])
def test_places_without_an_image_stay_black(n, filled):
    grid = image_grid(tiles([1] * n, size=(2, 2)), 2, 2, width=4)
    assert [bool(grid[r : r + 4, c : c + 4].any()) for r in (0, 4) for c in (0, 4)] == [True] * filled + [False] * (4 - filled)


def test_tensors_are_pictures_too_and_nothing_is_changed():
    images = tiles([-3, 3])
    before = images.copy()
    assert np.array_equal(image_grid(ng.Tensor(images), 1, 2), image_grid(images, 1, 2)) and np.array_equal(images, before)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_png(tmp_path, channels, mode):
    images = np.random.default_rng(0).uniform(-1, 1, (4, 5, 6, channels)).astype(np.float32)
    save_image_grid(tmp_path / "grid.png", images, 2, 2, width=24)
    with Image.open(tmp_path / "grid.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", mode)
        grid = image_grid(images, 2, 2, width=24)
        assert np.array_equal(np.asarray(picture).reshape(grid.shape), grid)


def test_two_channels_make_no_picture(tmp_path):
    with pytest.raises(ng.NanoganError, match="2 channels make no picture; needs 1 or 3"):
        save_image_grid(tmp_path / "grid.png", tiles([0], channels=2), 1, 1)
    assert not list(tmp_path.iterdir())


def test_scatter(tmp_path):
    random = np.random.default_rng(0)
    real, generated = random.standard_normal((100, 2)), random.standard_normal((50, 2)).astype(np.float32) + 3
    save_scatter(tmp_path / "a.png", generated, real, "step 3")
    save_scatter(tmp_path / "b.png", ng.Tensor(generated), real, "step 3")
    save_scatter(tmp_path / "c.png", generated + 1, real, "step 3")
    pixels = {}
    for name in "abc":
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert (picture.format, picture.size) == ("PNG", (480, 480))
            pixels[name] = np.asarray(picture.convert("RGB"))
    assert np.array_equal(pixels["a"], pixels["b"]) and not np.array_equal(pixels["a"], pixels["c"])
    for colour in ([31, 119, 180], [255, 127, 14]):  # tab:blue and tab:orange, at .8 over white or each other
        assert (abs(pixels["a"].astype(int) - np.rint(np.array(colour) * 0.8 + 51)).max(axis=2) <= 2).sum() > 200
