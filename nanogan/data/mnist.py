"""MNIST: 60,000 and 10,000 handwritten digits, 28x28 (LeCun, Cortes & Burges; CC BY-SA 3.0).

    train = mnist("/data")                # reads /data/mnist/train-images-idx3-ubyte.gz and its labels

Fashion-MNIST and others that come in files of the same names are read from a folder of their own.
"""

import numpy

from nanogan.data.dataset import Dataset
from nanogan.data.files import DataError, data_directory, labels_beside
from nanogan.data.idx import read_idx

STEMS = {"train": "train-images", "test": "t10k-images"}


def mnist(data_dir=None, split="train"):
    """MNIST's ``split``, "train" or "test", from the files in ``data_dir``/mnist or ``data_dir`` itself.

    data_dir: else the variable NANOGAN_DATA, else the user's cache (see data_directory).  The files keep
    their usual names, or the dotted ones of some mirrors, plain or .gz.  Without a file of labels
    beside the images, labels is None.  Raises DataError naming every place that was looked at.
    """
    if split not in STEMS:
        raise DataError(f"mnist: there is no split {split!r}; choose train or test")
    names = [f"{STEMS[split]}{mark}idx3-ubyte" for mark in "-."]
    folders = [data_directory(data_dir) / "mnist", data_directory(data_dir)]
    for path in (folder / (name + end) for folder in folders for name in names for end in ("", ".gz")):
        if path.is_file():
            return idx_images(path, "mnist")
    raise DataError(
        f"mnist: no file {' or '.join(names)}, plain or .gz, in {' or '.join(map(str, folders))}; "
        "put MNIST's files there, or say with --data-dir or NANOGAN_DATA where they are"
    )


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
