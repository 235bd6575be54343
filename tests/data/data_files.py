"""Files as the tests want them, good and bad."""

import gzip
import struct

import numpy as np
import pytest

from nanogan.data import DataError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array):
    code = CODES[array.dtype.str[1:]]
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_mnist(folder, n=30, split="train", dotted=False, end="", labels=True):
    """Files like MNIST's; returns (images, labels)."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(n)
    images, answers = random.integers(0, 256, (n, 28, 28), dtype=np.uint8), random.integers(0, 10, n, dtype=np.uint8)
    stem, mark = {"train": "train", "test": "t10k"}[split], "." if dotted else "-"
    pack = gzip.compress if end else bytes
    (folder / f"{stem}-images{mark}idx3-ubyte{end}").write_bytes(pack(idx_bytes(images)))
    if labels:
        (folder / f"{stem}-labels{mark}idx1-ubyte{end}").write_bytes(pack(idx_bytes(answers)))
    return images, answers


def complaint(function, *args):
    """What a DataError says: one line, with its WHAT, WHERE and WHAT TO DO."""
    with pytest.raises(DataError) as caught:
        function(*args)
    text = str(caught.value)
    assert "\n" not in text and (";" in text or ": " in text)
    return text
