"""Files: where they lie, and what a user is told when one cannot be read."""

import os
import pathlib
import sys

from nanogan.backend import NanoganError


class DataError(NanoganError):
    """Data that is missing, damaged or of the wrong kind; the message says where it was looked for."""


def data_directory(data_dir=None):
    """The folder that holds data sets: ``data_dir``, else the variable NANOGAN_DATA, else the user's cache.

    The cache is ~/.cache/nanogan on Linux (XDG_CACHE_HOME is obeyed), ~/Library/Caches/nanogan on a
    Mac, and %LOCALAPPDATA%\\nanogan on Windows.  The folder need not exist.

    >>> data_directory("/data").as_posix()
    '/data'
    """
    return _as_path(data_dir or os.environ.get("NANOGAN_DATA") or cache_directory())


def cache_directory():
    """The user's cache, whatever NANOGAN_DATA says: for what can be made again."""
    return _cache() / "nanogan"


def _as_path(path):
    return pathlib.Path(os.path.expanduser(path))


def _cache():
    if sys.platform == "win32":
        return _as_path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local")
    if sys.platform == "darwin":
        return _as_path("~/Library/Caches")
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return _as_path(xdg if os.path.isabs(xdg) else "~/.cache")  # a relative one is invalid by the XDG specification


def open_file(path):
    """``path`` opened to read bytes, or a DataError that says what stands in the way."""
    path = _as_path(path)
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder where a file is expected; name a file in it")
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}; check its name") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be opened ({getattr(error, 'strerror', error)}); check its name and permissions") from error


def labels_beside(path):
    """The file of labels that belongs to the file of images ``path``, by its name, or None.

    imagesTrain.bin goes with labelsTrain.bin, and train-images-idx3-ubyte.gz with
    train-labels-idx1-ubyte, compressed or not.
    """
    path = _as_path(path)
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    plain = name.removesuffix(".gz")
    found = [path.with_name(n) for n in (name, plain, plain + ".gz") if n != path.name and path.with_name(n).is_file()]
    return found[0] if found else None
