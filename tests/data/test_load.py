"""load: names and paths, one door for all of them."""

import subprocess
import sys

import numpy as np
import pytest

import nanogan as ng
from nanogan import data
from nanogan.data import DataError, load


def write_images(path, n=12):
    """An IDX file of images (n, 8, 9)."""
    images = np.random.default_rng(0).integers(0, 256, (n, 8, 9), dtype=np.uint8)
    path.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 8, 0, 0, 0, 9]) + images.tobytes())
    return images


def test_every_name_loads(tmp_path):
    for folder in ("mnist", "fashion-mnist"):
        (tmp_path / folder).mkdir()
        write_images(tmp_path / folder / "train-images-idx3-ubyte", 20)
    for name in data.names():
        d = load(name, tmp_path, seed=3, **({} if "mnist" in name else {"n": 20}))
        assert d.name == name and len(d) == 20


def test_a_path_may_be_an_idx_file_or_a_folder(tmp_path, monkeypatch):
    images = write_images(tmp_path / "some-images.idx")
    d = load(tmp_path / "some-images.idx")
    assert d.name == "some-images.idx" and d.labels is None
    np.testing.assert_array_equal(d.samples[..., 0], images)
    (tmp_path / "some-labels.idx").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 12]) + bytes(range(12)))
    assert load(tmp_path / "some-images.idx").labels.tolist() == list(range(12))
    with pytest.raises(DataError, match="no images in"):
        load(tmp_path)
    write_images(tmp_path / "train-images.idx3-ubyte")
    assert len(load(tmp_path)) == 12
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.*plain or \.gz"):
        load(tmp_path, split="test")
    (tmp_path / "above" / "mnist").mkdir(parents=True)
    write_images(tmp_path / "above" / "mnist" / "train-images-idx3-ubyte", 9)
    assert len(load(tmp_path / "above")) == 9
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert len(load("~/some-images.idx")) == 12


def test_colour_images_and_wrong_kinds(tmp_path):
    path = tmp_path / "colour"
    path.write_bytes(bytes([0, 0, 8, 4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3]) + bytes(6))
    assert load(path).shape == (1, 1, 3)
    path.write_bytes(bytes([0, 0, 0xC, 1, 0, 0, 0, 1]) + bytes(4))
    with pytest.raises(DataError, match="int32"):
        load(path)


def test_a_name_comes_before_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "glyphs").mkdir()
    assert len(load("glyphs", n=10)) == 10


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("glyps", "glyphs"),
        ("MNIST", "mnist"),
        ("gaussian", "gaussian2d"),
        ("mnst", "mnist"),
        ("", ""),
        ("/no/such/folder", ""),
        ("xyz", ""),
        ("fashion", "fashion-mnist"),
        ("ring", "ring2d"),
        ("sprite", "sprites"),
    ],
)
def test_an_unknown_name_gets_the_nearest_one(wrong, nearest):
    with pytest.raises(DataError) as caught:
        load(wrong)
    text = str(caught.value)
    assert repr(wrong) in text and (f"did you mean '{nearest}'? " in text) == bool(nearest) and "path" in text and "\n" not in text


@pytest.mark.parametrize(
    ("name", "options", "known"),
    [
        ("glyphs", {"sides": 3}, "n, size, progress"),
        ("glyphs", {"shape": (28, 28, 1)}, "n, size, progress"),
        ("sprites", {"split": "test"}, "n, size, progress"),
        ("gaussian2d", {"size": 3}, "n"),
        ("ring2d", {"side": 3}, "n, modes, radius, std"),
        ("grid2d", {"modes": 3}, "n, side, spacing, std"),
        ("mnist", {"shape": (28, 28, 1)}, "split, progress"),
        ("fashion-mnist", {"n": 3}, "split, progress"),
        ("file.idx", {"split": "test"}, "none"),
        ("file.bin", {"split": "test"}, "height, width, channels"),
        (".", {"n": 3}, "shape, alpha, background, fit, progress, cache"),
    ],
)
def test_an_option_that_the_maker_does_not_know(tmp_path, monkeypatch, name, options, known):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "file.idx")
    (tmp_path / "file.bin").write_bytes(bytes(784))
    with pytest.raises(DataError) as caught:
        load(name, **options)
    assert str(caught.value) == f"{name} takes no option {next(iter(options))!r}; it takes {known}"


def test_a_negative_seed_is_refused():
    for name in data.names():
        with pytest.raises(DataError, match="the seed is -1"):
            load(name, seed=-1)


def test_a_path_that_cannot_be(tmp_path):
    for name in ("a\0b", "x" * 5000, "~nobody-of-this-name/x"):
        with pytest.raises(DataError, match="no data set and no file"):
            load(name)


def test_drawn_sets_depend_on_their_seed_and_leave_the_stream_alone():
    ng.seed(5)
    first = ng.backend.random.stream().random()
    ng.seed(5)
    a, b, c = load("gaussian2d", seed=1), load("gaussian2d", seed=1), load("gaussian2d", seed=2)
    load("glyphs", seed=1, n=10)
    assert ng.backend.random.stream().random() == first
    np.testing.assert_array_equal(a.samples, b.samples)
    assert not np.array_equal(a.samples, c.samples)


def test_points_are_not_the_noise_of_the_same_seed():
    ng.seed(0)
    noise = ng.backend.random.stream().standard_normal((1000, 2))
    x = (load("gaussian2d", seed=0).samples - data.gaussian.MEAN) @ np.linalg.inv(data.gaussian.A)
    assert abs(np.corrcoef(noise.ravel(), x.ravel())[0, 1]) < 0.1


def test_importing_nanogan_imports_no_pictures():
    code = "import sys, nanogan; print(sorted({'PIL', 'matplotlib', 'tqdm'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
