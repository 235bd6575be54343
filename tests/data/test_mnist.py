"""MNIST is found wherever it may lie, under each of its names; and what is said where it is not."""

import gzip
import hashlib
import os

import numpy as np
import pytest
from data_files import complaint, write_mnist

from nanogan.data import fashion_mnist, load, mnist


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("inside", ["mnist", "."])
def test_mnist_is_found_under_each_of_its_names(tmp_path, split, dotted, end, inside):
    images, labels = write_mnist(tmp_path / inside, split=split, dotted=dotted, end=end)
    d = mnist(tmp_path, split)
    assert d.name == "mnist" and d.shape == (28, 28, 1) and d.samples.dtype == np.uint8
    np.testing.assert_array_equal(d.samples[..., 0], images)
    np.testing.assert_array_equal(d.labels, labels)
    np.testing.assert_array_equal(load("mnist", tmp_path, split=split).samples, d.samples)


def test_labels_may_be_missing_or_packed_otherwise(tmp_path):
    write_mnist(tmp_path, labels=False)
    assert mnist(tmp_path).labels is None
    _, labels = write_mnist(tmp_path / "packed", end=".gz")
    os.replace(tmp_path / "packed" / "train-labels-idx1-ubyte.gz", tmp_path / "train-labels-idx1-ubyte.gz")
    np.testing.assert_array_equal(mnist(tmp_path).labels, labels)


def test_labels_of_another_set_are_refused(tmp_path):
    write_mnist(tmp_path, n=31)
    os.replace(tmp_path / "train-labels-idx1-ubyte", tmp_path / "kept")
    write_mnist(tmp_path, n=30)
    os.replace(tmp_path / "kept", tmp_path / "train-labels-idx1-ubyte")
    text = complaint(mnist, tmp_path)
    assert "(31,)" in text and "30 images" in text and "train-labels-idx1-ubyte" in text


def test_labels_in_the_place_of_images_are_refused(tmp_path):
    write_mnist(tmp_path)
    os.replace(tmp_path / "train-labels-idx1-ubyte", tmp_path / "train-images-idx3-ubyte")
    assert "no images" in complaint(mnist, tmp_path)


def test_the_data_directory_is_the_argument_then_the_variable_then_the_cache(tmp_path, monkeypatch):
    for n, place in enumerate(("argument", "variable", "cache/nanogan"), 10):
        write_mnist(tmp_path / place, n=n)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NANOGAN_DATA", str(tmp_path / "variable"))
    assert len(mnist(tmp_path / "argument")) == 10
    assert len(mnist()) == len(mnist("")) == 11
    monkeypatch.setenv("NANOGAN_DATA", "")
    assert len(mnist()) == 12
    monkeypatch.delenv("NANOGAN_DATA")
    assert len(load("mnist")) == 12


@pytest.mark.parametrize(
    ("platform", "variables", "place"),
    [
        ("linux", {"XDG_CACHE_HOME": "relative"}, ".cache/nanogan"),
        ("linux", {}, ".cache/nanogan"),
        ("darwin", {}, "Library/Caches/nanogan"),
        ("win32", {"LOCALAPPDATA": "~/Local"}, "Local/nanogan"),
        ("win32", {}, "AppData/Local/nanogan"),
    ],
)
def test_each_platform_has_its_cache(tmp_path, monkeypatch, platform, variables, place):
    for name in ("NANOGAN_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)} | variables).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    write_mnist(tmp_path / place)
    assert len(mnist()) == 30


def test_missing_mnist_names_every_place(tmp_path):
    text = complaint(mnist, tmp_path / "nowhere", "test")
    for piece in (
        "t10k-images-idx3-ubyte",
        "t10k-images.idx3-ubyte",
        ".gz",
        f"{tmp_path / 'nowhere' / 'mnist'} or {tmp_path / 'nowhere'};",
        "NANOGAN_DATA",
        "--download",
    ):
        assert piece in text
    assert text.index("--download") < text.index("put it there")
    assert "train or test" in complaint(mnist, tmp_path, "validation")


@pytest.mark.parametrize("split", ["train", "test"])
def test_fashion_mnist_has_a_folder_and_a_name_of_its_own(tmp_path, split):
    write_mnist(tmp_path / "mnist", n=31, split=split)
    write_mnist(tmp_path, n=32, split=split)
    text = complaint(fashion_mnist, tmp_path, split)
    assert f"in {tmp_path / 'fashion-mnist'};" in text and text.startswith("fashion-mnist: no file")
    images, labels = write_mnist(tmp_path / "fashion-mnist", n=33, split=split, end=".gz")
    for d in (fashion_mnist(tmp_path, split), load("fashion-mnist", tmp_path, split=split)):
        assert d.name == "fashion-mnist"
        np.testing.assert_array_equal(d.samples[..., 0], images)
        np.testing.assert_array_equal(d.labels, labels)
    assert len(mnist(tmp_path, split)) == 31 and len(load(tmp_path / "fashion-mnist", split=split)) == 33


def test_the_real_mnist(data_dir):
    train, test = mnist(data_dir), load("mnist", split="test")
    raw = gzip.decompress((data_dir / "mnist" / "train-images-idx3-ubyte.gz").read_bytes())
    assert hashlib.md5(raw).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    assert train.samples.tobytes() == raw[16:] and train.samples.nbytes == 47_040_000
    assert train.samples.shape == (60_000, 28, 28, 1) and test.samples.shape == (10_000, 28, 28, 1)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9] and test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    batch = train.batch(np.arange(1000))
    assert batch.min() == -1 and batch.max() == 1
