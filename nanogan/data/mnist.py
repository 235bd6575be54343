"""MNIST, 60,000 and 10,000 handwritten digits, and Fashion-MNIST, as many pieces of clothing, 28x28.

    train = mnist("/data")                # reads /data/mnist/train-images-idx3-ubyte.gz and its labels

MNIST: LeCun, Cortes & Burges, CC BY-SA 3.0.  Fashion-MNIST: Xiao, Rasul & Vollgraf 2017, MIT.  Others
that come in files of the same names are read from a folder of their own.
"""

import contextlib

import numpy

from nanogan.data.dataset import Dataset
from nanogan.data.download import download as fetch_files
from nanogan.data.files import DataError, data_directory, labels_beside
from nanogan.data.idx import read_idx

STEMS = {"train": "train-images", "test": "t10k-images"}


def mnist(data_dir=None, split="train", download=False, progress=None):
    """MNIST's ``split``, "train" or "test", from the files in ``data_dir``/mnist or ``data_dir`` itself.

    data_dir: else the variable NANOGAN_DATA, else the user's cache (see data_directory).  The files keep
    their usual names, or the dotted ones of some mirrors, plain or .gz.  Without a file of labels
    beside the images, labels is None.  download: fetch what is missing or damaged into ``data_dir``/mnist
    (progress: see fetch).  Raises DataError naming every place that was looked at.
    """
    return _named("mnist", ["mnist", "."], data_dir, split, download, progress)


def fashion_mnist(data_dir=None, split="train", download=False, progress=None):
    """Fashion-MNIST's ``split``, "train" or "test", from the files in ``data_dir``/fashion-mnist; all else as for mnist."""
    return _named("fashion-mnist", ["fashion-mnist"], data_dir, split, download, progress)


def _named(name, places, data_dir, split, download, progress):
    if split not in STEMS:
        raise DataError(f"{name}: there is no split {split!r}; choose train or test")
    folders = [data_directory(data_dir) / place for place in places]
    if download:
        with contextlib.suppress(DataError):  # missing or damaged
            found = _read(name, folders, split)
            if found.labels is not None:
                return found
        fetch_files(name, data_dir, progress)
    return _read(name, folders, split)


def _read(name, folders, split):
    if path := find_images(folders, split):
        return idx_images(path, name)
    raise DataError(
        f"{name}: no file {' or '.join(_names(split))}, plain or .gz, in {' or '.join(map(str, folders))}; fetch it with --download "
        "(download=True in Python), put it there, or say with --data-dir or NANOGAN_DATA where it is"
    )


def _names(split):
    return [f"{STEMS[split]}{mark}idx3-ubyte" for mark in "-."]


def find_images(folders, split):
    """The first file of images of ``split`` under MNIST's names in ``folders``, or None."""
    paths = (folder / (name + end) for folder in folders for name in _names(split) for end in ("", ".gz"))
    return next((path for path in paths if path.is_file()), None)


def idx_images(path, name):
    """The data set called ``name`` in any IDX file of uint8 images, (N, H, W) or (N, H, W, C), with the labels beside it."""
    images = read_idx(path)
    if images.dtype != numpy.uint8 or images.ndim not in (3, 4):
        raise DataError(f"{path} holds {images.dtype} {images.shape}, no images; name a file of uint8 (N, H, W) or (N, H, W, C)")
    images = images if images.ndim == 4 else images[..., None]
    beside = labels_beside(path)
    labels = read_idx(beside) if beside else None
    if labels is not None and labels.shape != images.shape[:1]:
        raise DataError(f"{beside} holds labels of shape {labels.shape} for the {len(images)} images in {path}; use files that belong together")
    return Dataset(name, images, labels)
