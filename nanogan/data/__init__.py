"""Floor 4: the data sets, and the files they are read from.

    from nanogan import data
    digits = data.load("glyphs")          # or "mnist", "gaussian2d", or the path of a file or folder
    real = digits.batch([3, 1, 4])        # (3, 28, 28, 1) float32 in [-1, 1]

Read ``dataset.py`` first.  Each other file makes one kind of Dataset.
"""

import difflib
import os

from nanogan.backend import random
from nanogan.data.binary import IMAGES, binary_images, binary_mnist, read_binary
from nanogan.data.dataset import Dataset
from nanogan.data.files import DataError, data_directory
from nanogan.data.gaussian import gaussian2d
from nanogan.data.glyphs import glyphs
from nanogan.data.idx import read_idx
from nanogan.data.mnist import idx_images, mnist

GAUSSIAN_SALT = 0x6761757373  # keeps the points apart from weights and noise drawn with the same seed


def _gaussian2d(data_dir, seed, **options):
    with random.fork([GAUSSIAN_SALT, seed]):
        return gaussian2d(**options)


KNOWN = {
    "glyphs": lambda data_dir, seed, **options: glyphs(seed=seed, **options),
    "mnist": lambda data_dir, seed, **options: mnist(data_dir, **options),
    "gaussian2d": _gaussian2d,
}


def names():
    """What ``load`` knows by name.

    >>> names()
    ['glyphs', 'mnist', 'gaussian2d']
    """
    return list(KNOWN)


def load(name, data_dir=None, seed=0, **options):
    """The data set called ``name``, or the one at the path ``name``.

    A path is that of an IDX file of images, a .bin file, or a folder with imagesTrain.bin or MNIST's
    IDX files in it; labels are read from the file beside the images, where there is one.
    data_dir: where mnist lies (see data_directory).  seed: of the sets that are drawn, whatever the
    state of the random stream.  options go to the maker: n, size and progress for glyphs, n for
    gaussian2d, split for mnist, height, width and channels for a .bin file.
    Raises DataError for an unknown name and for files that are missing or damaged.

    >>> load("gaussian2d", n=100)
    Dataset('gaussian2d': 100 samples of (2,), without labels)
    """
    name = os.fspath(name)
    if name in KNOWN:
        return KNOWN[name](data_dir, seed, **options)
    path = os.path.expanduser(name)
    if os.path.isfile(os.path.join(path, IMAGES)):
        return binary_mnist(path, **options)
    if os.path.isdir(path):
        return mnist(path, **options)
    if os.path.isfile(path):
        return (binary_images if path.lower().endswith(".bin") else idx_images)(path, os.path.basename(path), **options)
    nearest = difflib.get_close_matches(name.lower(), KNOWN, n=1, cutoff=0)[0]
    raise DataError(
        f"no data set and no file is called {name!r}; the nearest name is {nearest!r} (of {', '.join(KNOWN)}), "
        "and a path may be given: an IDX or .bin file, or a folder with MNIST's files"
    )
