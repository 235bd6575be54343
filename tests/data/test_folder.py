"""Folders of pictures: every kind comes out as the eye sees it, the unreadable are named, and the cache is right or not used."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from data_files import complaint
from PIL import Image

from nanogan.data import DataError, files, image_folder, load

RED, SIZE = (200, 30, 60), (10, 8)  # width, height


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """The default cache, away from the pictures."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setattr(files, "_cache", lambda: folder)
    (folder / "nanogan").mkdir()
    return folder / "nanogan" / "images"


@pytest.fixture
def opened(monkeypatch):
    """The pictures that Pillow was asked to open."""
    paths, real = [], Image.open
    monkeypatch.setattr(Image, "open", lambda path, *args, **options: paths.append(path) or real(path, *args, **options))
    return paths


def flat(mode, colour, **options):
    return Image.new(mode, SIZE, colour, **options)


def palette(transparent):
    image = Image.new("P", SIZE, 1)
    image.putpalette([9, 9, 9, *RED])
    if transparent:
        image.info["transparency"] = 1
    return image


def deep(value):
    return Image.fromarray(np.full(SIZE[::-1], value, np.uint16))


GREY = (77, 77, 77)
KINDS = {  # file name: (picture, the colour that it has on a white background, tolerance)
    "rgb.png": (flat("RGB", RED), RED, 0),
    "rgb.bmp": (flat("RGB", RED), RED, 0),
    "rgb.tif": (flat("RGB", RED), RED, 0),
    "rgb.tiff": (flat("RGB", RED), RED, 0),
    "rgb.jpg": (flat("RGB", RED), RED, 3),
    "rgb.JPEG": (flat("RGB", RED), RED, 3),
    "rgb.webp": (flat("RGB", RED), RED, 6),
    "grey.png": (flat("L", 77), GREY, 0),
    "grey.jpg": (flat("L", 77), GREY, 2),
    "black and white.png": (flat("1", 1), (255, 255, 255), 0),
    "16 bits.png": (deep(77 * 257), GREY, 0),
    "16 bits, white.png": (deep(65535), (255, 255, 255), 0),
    "16 bits.tif": (deep(77 * 257), GREY, 0),
    "palette.png": (palette(False), RED, 0),
    "palette.gif": (palette(False), RED, 0),
    "palette, transparent.png": (palette(True), (255, 255, 255), 0),
    "palette, transparent.gif": (palette(True), (255, 255, 255), 0),
    "opaque.png": (flat("RGBA", (*RED, 255)), RED, 0),
    "half.png": (flat("RGBA", (*RED, 128)), (227, 142, 157), 1),
    "clear.png": (flat("RGBA", (*RED, 0)), (255, 255, 255), 0),
    "grey, half.png": (flat("LA", (77, 128)), (166, 166, 166), 1),
    "cmyk.jpg": (flat("CMYK", (0, 255, 255, 0)), (255, 0, 0), 3),
    "UPPER.PNG": (flat("RGB", RED), RED, 0),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_picture(tmp_path, name):
    picture, colour, tolerance = KINDS[name]
    picture.save(tmp_path / name)
    d = image_folder(tmp_path, shape=(6, 7, 3))
    assert d.shape == (6, 7, 3) and d.samples.dtype == np.uint8 and d.skipped == [] and d.labels is None
    assert abs(d.samples.astype(int) - colour).max() <= tolerance
    grey = image_folder(tmp_path, shape=(6, 7, 1)).samples
    assert abs(grey.astype(int) - np.array(colour) @ [0.299, 0.587, 0.114]).max() <= tolerance + 1


@pytest.mark.parametrize(
    ("alpha", "background", "expected"),
    [
        ("composite", "white", [(255, 255, 255), (215, 215, 215), (213, 213, 213), (55, 55, 55)]),
        ("composite", "#000000", [(0, 0, 0), (11, 11, 11), (11, 11, 11), (55, 55, 55)]),
        ("composite", "blue", [(0, 0, 255), (11, 11, 215), (11, 11, 213), (55, 55, 55)]),
        ("drop", "blue", [(55, 55, 55)] * 4),
        ("mask", "blue", [(0, 0, 0), (0, 0, 0), (55, 55, 55), (55, 55, 55)]),
    ],
)
def test_transparency(tmp_path, alpha, background, expected):
    pixels = np.full((1, 4, 4), 55, np.uint8)
    pixels[0, :, 3] = [0, 50, 53, 255]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    got = image_folder(tmp_path, shape=(1, 4, 3), alpha=alpha, background=background).samples[0, 0]
    assert abs(got.astype(int) - expected).max() <= 1


def test_transparent_pixels_do_not_bleed_into_their_neighbours(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, 4:] = 255  # white beside transparent black
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert image_folder(tmp_path, shape=(2, 2, 3)).samples.min() == 255


def test_resizing_averages(tmp_path):
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "a.png")
    small = image_folder(tmp_path, shape=(8, 8, 1)).samples
    assert abs(small.astype(int) - 127.5).max() < 3  # one pixel of four, and it would be black or white


def test_resizing_is_that_of_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    pixels = np.random.default_rng(0).integers(0, 256, (50, 41, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(x, size=(16, 12), mode="bilinear", antialias=True, align_corners=False)[0].permute(1, 2, 0).numpy()
    assert abs(image_folder(tmp_path, shape=(16, 12, 3)).samples[0] - expected).max() <= 1


def test_stretched_or_cropped(tmp_path):
    pixels = np.zeros((10, 30), np.uint8)
    pixels[:, 10:20] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    stretched, cropped = (image_folder(tmp_path, shape=(10, 10, 1), fit=fit).samples[0] for fit in ("stretch", "crop"))
    assert cropped.min() == 255 and stretched[:, 0].max() == 0 and stretched[:, 5].min() == 255


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (0, 1)), (8, (1, 0))])
def test_pictures_are_turned_as_their_exif_data_say(tmp_path, orientation, corner):
    pixels = np.zeros((16, 16), np.uint8)
    pixels[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=95)
    small = image_folder(tmp_path, shape=(2, 2, 1)).samples[0, :, :, 0]
    assert small[corner] == small.max() > 140 and np.sort(small.ravel())[-2] < 80


def test_damaged_exif_data_cost_no_picture(tmp_path):
    flat("RGB", RED).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + b"MM\0*\0\0\0\x08\xff\xff\x01\x12\0\3")
    assert len(image_folder(tmp_path)) == 1


def bomb():
    """A picture that says of itself that it is 60,000 x 60,000."""
    file = io.BytesIO()
    flat("RGB", RED).save(file, "BMP")
    data = bytearray(file.getvalue())
    data[18:26] = (60_000).to_bytes(4, "little") * 2
    return bytes(data)


def png(**options):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(file, "PNG", **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.png", b"", "empty"),
        ("cut.png", png()[:1000], "truncated"),
        ("damaged.png", png()[:60] + b"\0" * 50 + png()[110:], ""),
        ("page.jpg", b"<html>not found</html>", "cannot identify"),
        ("ghost.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot identify"),
        ("bomb.bmp", bomb(), "decompression bomb"),
    ],
)
def test_what_cannot_be_read_is_skipped_and_named(tmp_path, name, data, reason):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / name).write_bytes(data)
    text = complaint(image_folder, tmp_path)
    assert f"none of the 1 images in {tmp_path} can be read (below/{name}: " in text and reason in text
    flat("RGB", RED).save(tmp_path / "good.png")
    for _ in range(2):  # decoded, and out of the cache
        d = image_folder(tmp_path)
        assert len(d) == 1 and [path for path, _ in d.skipped] == [f"below/{name}"]
        assert reason in d.skipped[0][1] and str(tmp_path) not in d.skipped[0][1]


def test_pixels_of_unknown_range_are_skipped(tmp_path):
    for name, pixels in (("float.tif", np.full((4, 4), 0.5, np.float32)), ("long.tif", np.full((4, 4), 70_000, np.int32))):
        Image.fromarray(pixels).save(tmp_path / name)
    flat("RGB", RED).save(tmp_path / "good.png")
    assert [name for name, _ in image_folder(tmp_path).skipped] == ["float.tif", "long.tif"]


def test_pictures_come_in_the_order_of_their_names_from_all_folders(tmp_path):
    names = ["b/2.png", "10.png", "b/c/d/1.png", "a.PNG", "9.png", "Z/1.jpg"]
    for i, name in enumerate(sorted(names)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        flat("L", 40 * i).save(tmp_path / name)
    for name in ("notes.txt", "._a.png", ".hidden/x.png", "b/Thumbs.db", "png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"not a picture")
    d = image_folder(tmp_path, shape=(2, 2, 1), cache=False)
    assert d.skipped == [] and d.name == tmp_path.name
    assert abs(d.samples[:, 0, 0, 0] - 40.0 * np.arange(6)).max() <= 2


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_are_followed_and_loops_end(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "set" / "a").mkdir(parents=True)
    flat("RGB", RED).save(tmp_path / "elsewhere" / "1.png")
    flat("RGB", RED).save(tmp_path / "set" / "a" / "2.png")
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "set" / "a" / "loop").symlink_to(tmp_path / "set", target_is_directory=True)
    (tmp_path / "set" / "nowhere.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "set" / "self.png").symlink_to(tmp_path / "set" / "self.png")
    d = image_folder(tmp_path / "set")
    assert len(d) == 2 and [name for name, _ in d.skipped] == ["nowhere.png", "self.png"]
    assert "No such file" in d.skipped[0][1]


def fill(folder, n=3):
    for i in range(n):
        flat("RGB", (10 * i, 0, 0)).save(folder / f"{i}.png")
    return folder


def test_a_second_load_opens_no_picture(tmp_path, own_cache, opened):
    (fill(tmp_path) / "bad.png").write_bytes(b"bad")
    first = image_folder(tmp_path)
    assert len(opened) == 4 and sorted(p.suffix for p in own_cache.iterdir()) == [".json", ".npy"]
    second = image_folder(str(tmp_path) + os.sep)
    assert len(opened) == 4 and second.skipped == first.skipped and second.name == first.name
    np.testing.assert_array_equal(first.samples, second.samples)
    image_folder(tmp_path, cache=False)
    assert len(opened) == 8
    image_folder(tmp_path, cache=tmp_path / "own")
    image_folder(tmp_path, cache=tmp_path / "own")
    assert len(opened) == 12


@pytest.mark.parametrize(
    "options", [{"shape": (64, 64, 1)}, {"shape": [32, 64, 3]}, {"alpha": "drop"}, {"alpha": "mask"}, {"background": "black"}, {"fit": "crop"}]
)
def test_other_options_are_another_entry(tmp_path, opened, options):
    image_folder(fill(tmp_path))
    image_folder(tmp_path, **options)
    assert len(opened) == 6
    image_folder(tmp_path)
    image_folder(tmp_path, **options)
    image_folder(tmp_path, background="#ffffff")
    assert len(opened) == 6


@pytest.mark.parametrize("change", ["touched", "added", "removed", "renamed", "rewritten"])
def test_a_changed_folder_is_read_again(tmp_path, opened, change):
    image_folder(fill(tmp_path))
    opened.clear()
    {
        "touched": lambda: os.utime(tmp_path / "0.png", (1, 1)),
        "added": lambda: flat("RGB", RED).save(tmp_path / "new.png"),
        "removed": lambda: (tmp_path / "0.png").unlink(),
        "renamed": lambda: (tmp_path / "0.png").rename(tmp_path / "7.png"),
        "rewritten": lambda: (tmp_path / "0.png").write_bytes(png()),
    }[change]()
    d = image_folder(tmp_path)
    assert len(opened) == len(d) == {"added": 4, "removed": 2}.get(change, 3)


def spoil(path, change):
    data = bytearray(path.read_bytes())
    if change == "pickle":
        with open(path, "wb") as file:
            np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    elif change == "other":
        with open(path, "wb") as file:
            np.save(file, np.zeros((3, 64, 64, 3), np.float32))
    else:
        data = {"cut": data[: len(data) // 2], "empty": b"", "zip": b"PK\3\4" + data}.get(change, data)
        if change == "flipped":
            data[-1] ^= 1
        path.write_bytes(data)


@pytest.mark.parametrize("change", ["cut", "empty", "flipped", "zip", "pickle", "other"])
@pytest.mark.parametrize("suffix", [".npy", ".json"])
def test_a_damaged_cache_is_made_anew(tmp_path, own_cache, opened, change, suffix):
    first = image_folder(fill(tmp_path))
    (path,) = own_cache.glob("*" + suffix)
    spoil(path, change)
    np.testing.assert_array_equal(image_folder(tmp_path).samples, first.samples)
    assert len(opened) == 6
    np.testing.assert_array_equal(image_folder(tmp_path).samples, first.samples)
    assert len(opened) == 6 and len(list(own_cache.iterdir())) == 2


def test_json_of_another_form_is_a_damaged_cache(tmp_path, own_cache):
    image_folder(fill(tmp_path))
    (path,) = own_cache.glob("*.json")
    for content in ([], {}, [1, 2], [None, [[]]], None):
        path.write_text(json.dumps(content))
        assert len(image_folder(tmp_path)) == 3


def test_a_cache_that_cannot_be_written_is_none(tmp_path, own_cache, opened, monkeypatch):
    own_cache.touch()  # a file where the folder would be
    image_folder(fill(tmp_path))
    assert len(image_folder(tmp_path)) == 3 and len(opened) == 6
    own_cache.unlink()

    def full(file, array):
        file.write(b"some")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert len(image_folder(tmp_path)) == 3 and list(own_cache.iterdir()) == []


def test_nothing_to_read(tmp_path):
    text = complaint(image_folder, tmp_path)
    assert f"there are no images in {tmp_path}" in text and ".png .jpg .jpeg .bmp .gif .webp .tif .tiff" in text
    assert "there is no folder" in complaint(image_folder, tmp_path / "gone")
    (tmp_path / "file.png").touch()
    assert "there is no folder" in complaint(image_folder, tmp_path / "file.png")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shape": (64, 64)}, r"\(height, width, 1 or 3\)"),
        ({"shape": 64}, "shape"),
        ({"shape": (64, 64, 4)}, "1 or 3"),
        ({"shape": (0, 64, 3)}, "shape"),
        ({"shape": (64, 1e9, 3)}, "shape"),
        ({"alpha": "keep"}, "composite or drop or mask"),
        ({"fit": "pad"}, "stretch or crop"),
        ({"background": "whitish"}, "#rrggbb"),
        ({"background": None}, "#rrggbb"),
    ],
)
def test_impossible_wishes_are_refused(tmp_path, options, said):
    with pytest.raises(DataError, match=said):
        image_folder(fill(tmp_path), **options)


def test_load_takes_a_folder_and_its_options(tmp_path, own_cache, opened):
    folder = fill(tmp_path)
    assert load(folder).shape == (64, 64, 3) and load(str(folder), shape=(8, 9, 1), alpha="drop").shape == (8, 9, 1)
    assert len(list(own_cache.iterdir())) == 4
    load(folder, data_dir=tmp_path / "elsewhere", pictures={"shape": (8, 9, 1), "alpha": "drop"})
    assert len(list(own_cache.iterdir())) == 4 and not (tmp_path / "elsewhere").exists()  # what can be made again lies in the user's cache
    assert load("gaussian2d", pictures={"shape": (8, 9, 1)}).shape == (2,)
    with pytest.raises(DataError, match=r"takes no option 'size'; it takes shape, alpha, background, fit, progress, cache"):
        load(folder, size=3)
    assert "a single image" in complaint(load, folder / "0.png") and "folder" in complaint(load, folder / "0.png")
    (tmp_path / "elsewhere").mkdir()
    assert "there are no images" in complaint(load, tmp_path / "elsewhere")


def test_warnings_and_bars_stay_out_of_the_way(tmp_path):
    image = palette(False)
    image.info["transparency"] = bytes([255, 100])
    image.save(tmp_path / "a.png")
    code = f"from nanogan.data import image_folder; print(len(image_folder({str(tmp_path)!r}, cache=False)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("1\n", "")
