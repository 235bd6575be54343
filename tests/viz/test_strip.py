"""Film strips: the images that were in the grids, row by row, beside their labels."""

import numpy as np
import pytest
from PIL import Image

import nanogan as ng
from nanogan.viz import image_grid, save_film_strip, save_image_grid


def read(path):
    with Image.open(path) as picture:
        return np.array(picture)


def images(n, channels=1, size=(28, 28), seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, *size, channels)).astype(np.float32)


def squares(image, scale):
    """One image as it should be in the strip."""
    pixels = np.rint(image * 127.5 + 127.5).astype(np.uint8)
    return (pixels[..., 0] if pixels.shape[2] == 1 else pixels).repeat(scale, 0).repeat(scale, 1)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("channels", "rows", "columns", "options", "show", "scale"),
    [
        (1, 5, 5, {"size": (640, 480)}, 5, 3),
        (1, 4, 4, {}, 5, 5),
        (3, 2, 3, {"width": 84}, 4, 4),  # 28 pixels wide in the grid, about 100 in the strip
        (1, 1, 2, {}, 5, 10),  # fewer than 5 to show
    ],
)
def test_the_right_images_in_the_right_places(tmp_path, channels, rows, columns, options, show, scale, reverse):
    made = [images(rows * columns, channels, seed=seed) for seed in range(3)]
    for i, these in enumerate(made):
        save_image_grid(tmp_path / f"{i}.png", these, rows, columns, **options)
    labelled = [(f"epoch {10**i}", tmp_path / f"{i}.png") for i in range(3)]
    save_film_strip(tmp_path / "a.png", labelled, rows, columns, (28, 28, channels), **options, show=show, reverse=reverse)

    strip, side, shown = read(tmp_path / "a.png"), 28 * scale, min(show, rows * columns)
    assert strip.ndim == (2 if channels == 1 else 3)
    width = shown * (side + 8) - 8
    left = strip.shape[1] - 16 - width
    assert left > 32 and strip.shape[0] == 32 + 3 * (side + 8) - 8
    for row in range(3):
        top = 16 + row * (side + 8)
        for column in range(shown):
            x = left + column * (side + 8)
            expected = squares(made[row][column], scale)
            assert np.array_equal(strip[top : top + side, x : x + side], 255 - expected if reverse and channels == 1 else expected)
            strip[top : top + side, x : x + side] = 255
    assert (strip[:, left:] == 255).all()  # between the images and around them it is white
    for row in range(3):  # each label beside its own images, and nothing cut off
        label = strip[16 + row * (side + 8) :][:side, :left]
        assert label.min() < 100
    assert (strip[:, :4] == 255).all() and (strip[:, left - 8 : left] == 255).all()


def test_longer_labels_get_more_room(tmp_path):
    grid = image_grid(images(1), 1, 1, width=84)
    widths = []
    for label in ("1", "epoch 1", "эпоха, or époque, number 1 of 100"):
        save_film_strip(tmp_path / "a.png", [(label, grid), (2, grid)], 1, 1, (28, 28), width=84)
        widths.append(read(tmp_path / "a.png").shape[1])
    assert widths == sorted(set(widths))


def test_grey_and_colour_together(tmp_path):
    grey, colour = (image_grid(images(4, channels), 2, 2) for channels in (1, 3))
    save_film_strip(tmp_path / "a.png", [("a", grey), ("b", colour)], 2, 2, (28, 28), reverse=True)
    strip = read(tmp_path / "a.png")
    side = 28 * 10
    assert np.array_equal(strip[16 : 16 + side, -16 - side : -16, 0], 255 - squares(images(4)[3], 10))
    assert np.array_equal(strip[-16 - side : -16, -16 - side : -16], squares(images(4, 3)[3], 10))


@pytest.mark.parametrize(
    ("pictures", "options", "message"),
    [
        ([], {}, "a film strip of 0 pictures with 5 images of each is empty"),
        ([("a", np.zeros((58, 58), np.uint8))], {"show": 0}, "of 1 pictures with 0 images"),
        (
            [("epoch 3", np.zeros((58, 60), np.uint8))],
            {},
            "epoch 3: the picture is 60 x 58 pixels, and a grid of 2 x 2 images of 28 x 28 is 564 x 564",
        ),
        ([("a", "missing.png")], {}, "missing.png cannot be read"),
    ],
)
def test_what_makes_no_strip(tmp_path, pictures, options, message):
    with pytest.raises(ng.NanoganError, match=message):
        save_film_strip(tmp_path / "a.png", pictures, 2, 2, (28, 28), **options)
    assert not list(tmp_path.iterdir())
