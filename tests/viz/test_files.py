"""Files of pictures: whole or not there, and read back as what they are."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import nanogan as ng
from nanogan.viz import save_animation, save_film_strip, save_image_grid, save_losses, save_scatter
from nanogan.viz.files import read_picture, whole_file

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8)
WRITERS = {
    "save_image_grid": lambda path: save_image_grid(path, np.zeros((1, 8, 8, 1)), 1, 1),
    "save_scatter": lambda path: save_scatter(path, np.zeros((3, 2)), np.ones((3, 2))),
    "save_animation": lambda path: save_animation(path, [GREY, 255 - GREY]),
    "save_film_strip": lambda path: save_film_strip(path, [("a", np.zeros((58, 58), np.uint8))], 1, 1, (8, 8), width=56),
    "save_losses": lambda path: save_losses(path, {"d_loss": [1.0], "g_loss": [2.0]}),
}


def test_the_file_appears_at_the_end(tmp_path):
    path = tmp_path / "a.bin"
    with whole_file(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_all_is_as_before(tmp_path, error):
    (tmp_path / "a.bin").write_bytes(b"old")
    with pytest.raises(error), whole_file(tmp_path / "a.bin") as file:
        file.write(b"half")
        raise error
    assert (tmp_path / "a.bin").read_bytes() == b"old" and os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("name", WRITERS)
def test_every_picture_is_whole_or_not_there(tmp_path, monkeypatch, name):
    ending = "gif" if name == "save_animation" else "png"
    path = tmp_path / f"a.{ending}"
    WRITERS[name](path)
    before = path.read_bytes()
    WRITERS[name](str(path))  # once more, over the first
    assert os.listdir(tmp_path) == [path.name]

    def full(self, file, *args, **kwargs):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("PIL.Image.Image.save", full)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    with pytest.raises(OSError, match="No space"):
        WRITERS[name](path)
    assert os.listdir(tmp_path) == [path.name] and path.read_bytes() == before


@pytest.mark.parametrize("name", WRITERS)
def test_where_nothing_can_be_written(tmp_path, name):
    ending = "gif" if name == "save_animation" else "png"
    with pytest.raises(ng.NanoganError, match=r"cannot write .*: No such file or directory; choose another name"):
        WRITERS[name](tmp_path / "nowhere" / f"a.{ending}")
    (tmp_path / f"folder.{ending}").mkdir()
    with pytest.raises(ng.NanoganError, match="is not a file that a picture could replace"):
        WRITERS[name](tmp_path / f"folder.{ending}")


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"save_animation"}))
@pytest.mark.parametrize("ending", ["", ".txt"])
def test_the_ending_says_what_kind(tmp_path, name, ending):
    with pytest.raises(ng.NanoganError, match=r"its ending names no kind of picture; choose a name that ends in .png"):
        WRITERS[name](tmp_path / f"a{ending}")
    assert not os.listdir(tmp_path)


def test_other_kinds(tmp_path):
    WRITERS["save_image_grid"](tmp_path / "a.JPG")
    WRITERS["save_losses"](tmp_path / "a.svg")
    with Image.open(tmp_path / "a.JPG") as picture:
        assert picture.format == "JPEG"
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


def test_the_first_picture_of_all_may_be_of_a_rare_kind(tmp_path):
    code = "import sys, numpy; from nanogan import viz; viz.save_image_grid(sys.argv[1], numpy.zeros((1, 8, 8, 1)), 1, 1)"
    subprocess.run([sys.executable, "-W", "error", "-c", code, tmp_path / "a.tif"], check=True)
    with Image.open(tmp_path / "a.tif") as picture:
        assert picture.format == "TIFF"


@pytest.mark.parametrize(
    ("mode", "value", "pixel"),
    [
        ("L", 7, 7),
        ("1", 1, 255),
        ("RGB", (1, 2, 3), [1, 2, 3]),
        ("RGBA", (9, 9, 9, 0), [255] * 3),
        ("RGBA", (9, 9, 9, 255), [9] * 3),
        ("LA", (5, 255), [5] * 3),
    ],
)
def test_read_picture(tmp_path, mode, value, pixel):
    Image.new(mode, (3, 2), value).save(tmp_path / "a.png")
    pixels = read_picture(tmp_path / "a.png")
    assert pixels.dtype == np.uint8 and pixels.shape[:2] == (2, 3) and pixels[1, 2].tolist() == pixel


@pytest.mark.parametrize("array", [np.zeros((2, 2)), np.zeros((2, 2, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8), [[1, 2]]])
def test_arrays_that_are_no_picture(array):
    with pytest.raises(ng.NanoganError, match=r"is no picture; needs uint8 \(H, W\) or \(H, W, 3\)"):
        read_picture(array)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No such file"), (b"", "damaged or of another kind"), (b"\x89PNG\r\n\x1a\n" + bytes(9), "damaged|kind|read")]
)
def test_files_that_are_no_picture(tmp_path, content, message):
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ng.NanoganError, match=f"a.png cannot be read as a picture: .*({message})"):
        read_picture(tmp_path / "a.png")
