"""Pictures: every pixel where it belongs."""

import numpy as np
import pytest
from PIL import Image

import nanogan as ng
from nanogan.viz import cell_boxes, image_grid, save_image_grid
from nanogan.viz.images import grid_size


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


def random_images(n, size=(28, 28), channels=1):
    return np.random.default_rng(0).uniform(-1, 1, (n, *size, channels)).astype(np.float32)


LAYOUTS = [  # rows, columns, image size, options, how many times an image is enlarged
    (4, 4, (28, 28), {}, 5),
    (1, 3, (28, 28), {"width": 84}, 1),
    (2, 3, (5, 7), {"width": 84}, 4),
    (2, 3, (5, 7), {"width": 84, "separated": False}, 4),
    (5, 5, (28, 28), {"size": (640, 480)}, 3),
    (3, 10, (28, 28), {"size": (640, 480)}, 2),
    (3, 10, (28, 28), {"size": (560, 84), "separated": False}, 1),
    (4, 4, (28, 28), {"size": (224, 224), "separated": False}, 2),
    (1, 1, (7, 5), {"size": (100, 200)}, 16),
    (3, 7, (64, 64), {"size": (800, 400)}, None),
    (10, 10, (64, 64), {"size": (320, 240)}, None),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("rows", "columns", "shape", "options", "scale"), LAYOUTS)
def test_boxes_cut_out_what_went_in(rows, columns, shape, options, scale, channels):
    """And outside the boxes there is nothing but the ground."""
    images = random_images(rows * columns, shape, channels)
    grid, boxes = image_grid(images, rows, columns, **options), cell_boxes(rows, columns, shape, **options)
    assert grid.shape[1::-1] == grid_size(rows, columns, (*shape, channels), **options) == options.get("size", grid.shape[1::-1])
    assert len(boxes) == rows * columns and {(right - left, bottom - top) for left, top, right, bottom in boxes} == {
        (boxes[0][2] - boxes[0][0], boxes[0][3] - boxes[0][1])
    }
    ground = np.ones(grid.shape[:2], bool)
    for image, (left, top, right, bottom) in zip(images, boxes, strict=True):
        assert ground[top:bottom, left:right].all(), "two images overlap"
        ground[top:bottom, left:right] = False
        cut = grid[top:bottom, left:right].astype(float)
        if scale:
            assert np.array_equal(cut, np.rint(image * 127.5 + 127.5).repeat(scale, 0).repeat(scale, 1))
        else:  # bilinear: other pixels, the same brightness
            assert abs(cut.mean() - (image.mean() * 127.5 + 127.5)) < 4
    assert (grid[ground] == (255 if "size" in options else 0)).all()


@pytest.mark.parametrize(
    ("rows", "columns", "shape", "size"), [(5, 5, (28, 28), (640, 480)), (3, 10, (28, 28), (641, 479)), (3, 7, (64, 64), (803, 401))]
)
def test_images_are_spread_evenly(rows, columns, shape, size):
    boxes = np.array(cell_boxes(rows, columns, shape, size=size)).reshape(rows, columns, 4)
    for starts, ends, total in ((boxes[0, :, 0], boxes[0, :, 2], size[0]), (boxes[:, 0, 1], boxes[:, 0, 3], size[1])):
        gaps = {int(gap) for gap in starts[1:] - ends[:-1]}
        assert len(gaps) == 1  # exactly the same between all
        margins = np.array([starts[0], total - ends[-1]])
        assert abs(margins - gaps.pop()).max() <= len(starts)
        assert abs(margins[0] - margins[1]) <= 1


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_places_without_an_image_stay_white_in_a_picture_of_a_size(tmp_path, channels, mode):
    images = -np.ones((2, 4, 4, channels), np.float32)
    save_image_grid(tmp_path / "a.png", images, 2, 2, size=(40, 30))
    with Image.open(tmp_path / "a.png") as picture:
        assert (picture.mode, picture.size) == (mode, (40, 30))
        pixels = np.asarray(picture).reshape(30, 40, channels)
    dark = [not pixels[top:bottom, left:right].any() for left, top, right, bottom in cell_boxes(2, 2, (4, 4), size=(40, 30))]
    assert dark == [True, True, False, False] and pixels[15:].min() == 255


def test_what_is_not_a_number_is_grey():
    assert image_grid(tiles([np.nan]), 1, 1, width=3)[1:-1, 1:-1].ravel().tolist() == [128] * 6


@pytest.mark.parametrize(
    ("shape", "rows", "columns", "options", "message"),
    [
        ((4, 28, 28), 2, 2, {}, r"shape \(4, 28, 28\); needs \(N, H, W, C\)"),
        ((4, 28, 28, 2), 2, 2, {}, "2 channels make no picture; needs 1 or 3"),
        ((4, 28, 28, 1), 0, 2, {}, "a grid of 0 x 2 images of 28 x 28 pixels is empty"),
        ((4, 28, 28, 1), 2, 2, {"size": (2, 2)}, "2 x 2 pixels are too few for 2 x 2 images"),
    ],
)
def test_what_makes_no_grid(shape, rows, columns, options, message):
    with pytest.raises(ng.NanoganError, match=message):
        image_grid(np.zeros(shape), rows, columns, **options)
