"""Headerless binaries; and files of any kind that cannot be opened."""

import os

import numpy as np
import pytest
from data_files import complaint

from nanogan.data import load, read_binary, read_idx
from nanogan.data.binary import binary_mnist


def test_raw_binaries_come_back_as_written(tmp_path):
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (40, 28, 28, 1), dtype=np.uint8), random.integers(0, 10, 40, dtype=np.uint8)
    images.tofile(tmp_path / "imagesTrain.bin")
    np.testing.assert_array_equal(read_binary(tmp_path / "imagesTrain.bin"), images)
    assert binary_mnist(tmp_path).labels is None
    labels.tofile(tmp_path / "labelsTrain.bin")
    for d in (binary_mnist(tmp_path), load(str(tmp_path)), load(tmp_path / "imagesTrain.bin")):
        assert d.samples.dtype == np.uint8 and d.labels.dtype == np.int64
        np.testing.assert_array_equal(d.samples, images)
        np.testing.assert_array_equal(d.labels, labels)
    assert binary_mnist(tmp_path).name == "mnist"
    assert load(tmp_path / "imagesTrain.bin", height=14, width=28, channels=2).shape == (14, 28, 2)


def test_a_raw_binary_of_another_size_is_refused(tmp_path):
    path = tmp_path / "imagesTrain.bin"
    path.write_bytes(bytes(2 * 784 + 5))
    text = complaint(read_binary, path)
    assert str(path) in text and "1573 bytes" in text and "28x28x1" in text and "5 too many" in text
    assert read_binary(path, 11, 13, 11).shape == (1, 11, 13, 11)
    assert "1 or more" in complaint(read_binary, path, 0)
    path.write_bytes(b"")
    assert "0 bytes" in complaint(read_binary, path)
    path.write_bytes(bytes(2 * 784))
    (tmp_path / "labelsTrain.bin").write_bytes(bytes(3))
    text = complaint(binary_mnist, tmp_path)
    assert "3 labels" in text and "2 images" in text
    assert "there is no file" in complaint(binary_mnist, tmp_path / "nowhere")


@pytest.mark.parametrize("read", [read_idx, read_binary])
def test_what_is_no_file_is_refused(tmp_path, read):
    assert "is a folder" in complaint(read, tmp_path)
    assert "there is no file" in complaint(read, tmp_path / "missing")
    (tmp_path / "file").touch()
    assert "cannot be opened" in complaint(read, tmp_path / "file" / "below")
    assert "cannot be opened" in complaint(read, "a\0b")
    complaint(read, "x" * 5000)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every file")
@pytest.mark.parametrize("read", [read_idx, read_binary])
def test_an_unreadable_file_is_refused(tmp_path, read):
    (tmp_path / "locked").touch(0o000)
    assert "permissions" in complaint(read, tmp_path / "locked")
