"""Arrays kept on disk, so that they need not be made again.

    name = key("what the array", "depends on")
    samples, notes = read(folder, name) or make()
    write(folder, name, samples, notes)

A cache is never worth an error: what cannot be read is made again, and what cannot be written is not kept.
"""

import contextlib
import hashlib
import json
import os
import zlib

import numpy

VERSION = 1  # another one makes every key another one


def key(*parts):
    """A file name for whatever ``parts``, plain values and lists of them, describe.

    >>> key("a", [1, 2]) == key("a", (1, 2)), key("a", 1) == key("a", 2)
    (True, False)
    """
    return hashlib.sha256(json.dumps([VERSION, *parts]).encode()).hexdigest()[:32]


def read(folder, name):
    """(array, notes) as written under ``name``, or None: not there, damaged, or no folder at all."""
    if folder is None:
        return None
    try:
        with open(folder / f"{name}.json", encoding="utf-8") as file:
            check, notes = json.load(file)
        with open(folder / f"{name}.npy", "rb") as file:
            array = numpy.lib.format.read_array(file, allow_pickle=False)
        return (array, [tuple(note) for note in notes]) if _check(array) == check else None
    except Exception:  # bytes that are not what they were can fail anywhere
        return None


def write(folder, name, array, notes):
    """Keep ``array`` and ``notes``, a list of tuples, under ``name``; does nothing where that is impossible."""
    if folder is not None:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            _write_file(folder / f"{name}.npy", lambda file: numpy.save(file, array))
            _write_file(folder / f"{name}.json", lambda file: file.write(json.dumps([_check(array), notes]).encode()))


def _write_file(path, fill):
    """All of the file or none of it, under any circumstances: written under another name, synced and renamed."""
    import tempfile  # here, because it takes its time to import, and few runs need it

    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with open(descriptor, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _check(array):
    return [array.dtype.str, list(array.shape), zlib.crc32(numpy.ascontiguousarray(array))]
