"""Floor 4: the data sets, and the files they are read from.

    from nanogan import data
    digits = data.load("glyphs")          # or another of names(), or the path of a file or folder
    real = digits.batch([3, 1, 4])        # (3, 28, 28, 1) float32 in [-1, 1]

Drawn on the spot: "glyphs" (digits), "sprites" (creatures, 64x64, in colour), and points in the plane:
"gaussian2d", "ring2d" and "grid2d".  Read from files, which load(..., download=True) fetches: "mnist" and
"fashion-mnist".  Any folder of pictures is a data set too.

Read ``dataset.py`` first.  Most other files make one kind of Dataset each; ``files.py``, ``cache.py`` and
``download.py`` serve them.
"""

import difflib
import functools
import inspect
import os
import pathlib

from nanogan.backend import random
from nanogan.data.binary import IMAGES, binary_images, binary_mnist, read_binary
from nanogan.data.dataset import Dataset
from nanogan.data.download import FILES, fetch
from nanogan.data.files import DataError, data_directory
from nanogan.data.folder import EXTENSIONS, image_folder
from nanogan.data.gaussian import gaussian2d
from nanogan.data.glyphs import glyphs
from nanogan.data.idx import read_idx
from nanogan.data.mixtures import grid2d, ring2d
from nanogan.data.mnist import STEMS, fashion_mnist, find_images, idx_images, mnist
from nanogan.data.sprites import sprites

KNOWN = {
    "glyphs": glyphs,
    "sprites": sprites,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "gaussian2d": gaussian2d,
    "ring2d": ring2d,
    "grid2d": grid2d,
}
# Keeps what these draw from the random stream apart from weights and noise drawn with the same seed.
SALTS = {"gaussian2d": 0x6761757373, "ring2d": 0x72696E67, "grid2d": 0x67726964}


def names():
    """What ``load`` knows by name.

    >>> names()
    ['glyphs', 'sprites', 'mnist', 'fashion-mnist', 'gaussian2d', 'ring2d', 'grid2d']
    """
    return list(KNOWN)


def load(name, data_dir=None, seed=0, download=False, pictures=None, **options):
    """The data set called ``name``, or the one at the path ``name``.

    A path is that of an IDX file of images, a .bin file, a folder with imagesTrain.bin or MNIST's IDX
    files in it, whose labels are read from the file beside the images, where there is one, or any other
    folder, of pictures.
    data_dir: where mnist and fashion-mnist lie (see data_directory).
    seed: of the sets that are drawn, whatever the state of the random stream.  download: fetch mnist or
    fashion-mnist if it is not there.  pictures: options of image_folder, such as {"shape": (64, 64, 3)},
    which nothing but a folder of pictures heeds.  options go to the maker: see glyphs, sprites, mnist
    (split), gaussian2d, ring2d, grid2d, image_folder, and binary_images for a .bin file.
    Raises DataError for an unknown name or option, and for files that are missing or damaged.

    >>> load("gaussian2d", n=100)
    Dataset('gaussian2d': 100 samples of (2,), without labels)
    """
    name = os.fspath(name)
    if download and name not in FILES:
        raise DataError(f"{name}: there is nothing to download; only {' and '.join(FILES)} are fetched")
    if seed < 0:
        raise DataError(f"{name}: the seed is {seed}; it is 0 or more")
    if name in FILES:
        return _call(name, functools.partial(KNOWN[name], data_dir, download=download), options)
    if name in SALTS:
        with random.fork([SALTS[name], seed]):
            return _call(name, KNOWN[name], options)
    if name in KNOWN:
        return _call(name, functools.partial(KNOWN[name], seed=seed), options)
    return _call(name, _reader(name, pictures or {}), options)


def _call(name, make, options):
    """The data set that ``make`` makes with ``options``, all of which it knows."""
    known = [option for option in inspect.signature(make).parameters if option not in ("seed", "download")]
    for option in options:
        if option not in known:
            raise DataError(f"{name} takes no option {option!r}; it takes {', '.join(known) or 'none'}")
    return make(**options)


def _reader(name, pictures):
    """What reads the file or folder ``name``: a function of options alone."""
    path = pathlib.Path(os.path.expanduser(name))
    if not name or not os.path.exists(path):
        near = difflib.get_close_matches(name.lower(), KNOWN, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DataError(
            f"no data set and no file or folder is called {name!r}; {hint}the names are {', '.join(KNOWN)}, "
            "and a path may be given: an IDX or .bin file, a folder with MNIST's files, or a folder of images"
        )
    if (path / IMAGES).is_file():
        return functools.partial(binary_mnist, path)
    if any(find_images([path / "mnist", path], split) for split in STEMS):
        return functools.partial(mnist, path)
    if path.is_dir():
        return functools.partial(image_folder, path, **pictures)
    if path.suffix.lower() in EXTENSIONS:
        raise DataError(f"{path} is a single image; name the folder that it lies in, with all the others")
    return functools.partial(binary_images if path.suffix.lower() == ".bin" else idx_images, path, path.name)
