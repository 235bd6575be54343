"""Animations: every frame, for as long as was asked, in its own colours."""

import numpy as np
import pytest
from PIL import Image

import nanogan as ng
from nanogan.viz import save_animation, save_image_grid


def frames(path):
    """(pixels (H, W, 3), milliseconds) of each frame."""
    with Image.open(path) as gif:
        assert gif.format == "GIF"
        found = []
        for i in range(gif.n_frames):
            gif.seek(i)
            found.append((np.asarray(gif.convert("RGB")), gif.info["duration"]))
        return found


def noise(n, shape=(12, 10)):
    return list(np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8))


def test_grey_comes_back_exactly(tmp_path):
    pictures = [np.arange(256, dtype=np.uint8).reshape(16, 16), *noise(3, (16, 16))]
    save_animation(tmp_path / "a.gif", pictures)
    found = frames(tmp_path / "a.gif")
    assert [time for _, time in found] == [250, 250, 250, 2000]
    for picture, (pixels, _) in zip(pictures, found, strict=True):
        assert np.array_equal(pixels, np.stack([picture] * 3, axis=2))
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.mode == "L" and gif.info["loop"] == 0  # for ever


def test_a_few_colours_come_back_exactly(tmp_path):
    palette = np.array([[255, 255, 255], [31, 119, 180], [255, 127, 14], [0, 0, 0], [200, 10, 10]], np.uint8)
    pictures = [palette[p % 5] for p in noise(4)]
    save_animation(tmp_path / "a.gif", pictures)
    for picture, (pixels, _) in zip(pictures, frames(tmp_path / "a.gif"), strict=True):
        assert np.array_equal(pixels, picture)


def test_many_colours_come_back_nearly(tmp_path):
    y, x = np.mgrid[0:64, 0:64]
    pictures = [np.stack([4 * x, 4 * y, 2 * (x + y) // (i + 1)], axis=2).astype(np.uint8) for i in range(3)]
    save_animation(tmp_path / "a.gif", pictures)
    for picture, (pixels, _) in zip(pictures, frames(tmp_path / "a.gif"), strict=True):
        assert abs(pixels.astype(int) - picture).mean() < 8


def test_grey_among_colour_stays_what_it_is(tmp_path):
    grey, colour = np.full((4, 4), 77, np.uint8), np.full((4, 4, 3), (250, 3, 3), np.uint8)
    save_animation(tmp_path / "a.gif", [grey, colour])
    assert [pixels[2, 2].tolist() for pixels, _ in frames(tmp_path / "a.gif")] == [[77] * 3, [250, 3, 3]]


def test_from_files(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        save_image_grid(path, np.full((4, 7, 7, 1), i / 2 - 0.5), 2, 2, size=(40, 30))
    save_animation(tmp_path / "a.gif", [str(paths[0]), *paths[1:]], seconds=0.1, hold=0.5)
    found = frames(tmp_path / "a.gif")
    assert [time for _, time in found] == [100, 100, 500]
    for path, (pixels, _) in zip(paths, found, strict=True):
        with Image.open(path) as picture:
            assert np.array_equal(pixels[..., 0], np.asarray(picture))


@pytest.mark.parametrize(("n", "at_most", "kept"), [(1, 100, 1), (2, 2, 2), (100, 100, 100), (101, 100, 100), (250, 100, 100), (9, 5, 5), (7, 2, 2)])
def test_how_many_frames(tmp_path, n, at_most, kept):
    pictures = [np.full((3, 3), i, np.uint8) for i in range(n)]
    save_animation(tmp_path / "a.gif", iter(pictures), at_most=at_most)
    values = [int(pixels[0, 0, 0]) for pixels, _ in frames(tmp_path / "a.gif")]
    assert len(values) == kept and values[0] == 0 and values[-1] == n - 1
    steps = np.diff(values)
    assert kept == 1 or (steps.min() >= 1 and steps.max() - steps.min() <= 1)


def test_equal_neighbours_are_one_frame_for_longer(tmp_path):
    still = np.zeros((5, 5), np.uint8)
    save_animation(tmp_path / "a.gif", [still, still, still + 9])
    assert [time for _, time in frames(tmp_path / "a.gif")] == [500, 2000]


def test_a_picture_that_never_changes(tmp_path):
    save_animation(tmp_path / "a.gif", [np.zeros((5, 5), np.uint8)] * 100, seconds=5, hold=105)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 1


@pytest.mark.parametrize(
    ("pictures", "options", "message"),
    [
        ([], {}, "needs at least one picture"),
        (
            [np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)],
            {},
            "of one size: an array is 3 x 2 pixels, an array 2 x 3; leave one of them out",
        ),
        ([np.zeros((2, 3), np.uint8), np.zeros((2, 4, 3), np.uint8)], {}, "of one size"),
        (["missing.png"], {}, "missing.png cannot be read as a picture: No such file"),
        ([np.zeros((2, 3))], {}, "an array of float64"),
        (noise(2), {"at_most": 1}, "at most 1 pictures does not move"),
        (noise(2), {"seconds": 0}, "an animation of 2 pictures, each for 0 s and the last for 2.0 s, is not possible; choose 0.02 s or more"),
        (noise(2), {"hold": -1}, "choose 0.02 s or more for each"),
        (noise(2), {"hold": float("nan")}, "choose 0.02 s or more for each"),
        (noise(4), {"seconds": 200}, "and 600 s or less for all"),
    ],
)
def test_what_makes_no_animation(tmp_path, pictures, options, message):
    with pytest.raises(ng.NanoganError, match=message):
        save_animation(tmp_path / "a.gif", pictures, **options)
    assert not list(tmp_path.iterdir())
