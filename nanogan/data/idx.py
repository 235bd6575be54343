"""IDX, the format of MNIST's files (LeCun, Cortes & Burges, yann.lecun.com/exdb/mnist).

    images = read_idx("train-images-idx3-ubyte.gz")    # (60000, 28, 28) uint8

A file is two zero bytes, a byte for the type, a byte for the number of axes, each axis's length as a
big-endian 32-bit number, and then the items in C order, big-endian too.
"""

import gzip
import math
import struct
import zlib

import numpy

from nanogan.data.files import DataError, open_file

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_AXES = 8
CHUNK = 2**20


def read_idx(path):
    """The array in an IDX file, plain or gzip (told by its first bytes, not its name).

    The dtype is the file's, in this machine's byte order.  Raises DataError for a file that is missing,
    no IDX, cut short, too long or damaged; a false header costs no memory.
    """
    with open_file(path) as file:
        try:
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            return _parse(gzip.GzipFile(fileobj=file) if packed else file, path)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path} is a damaged gzip file ({error}); fetch it again") from error
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}); check the disk it lies on") from error


def _parse(file, path):
    magic = _read(file, 4)
    if not magic:
        raise DataError(f"{path} is empty; fetch it again")
    if len(magic) < 4 or magic[:2] != b"\0\0" or not 1 <= magic[3] <= MAX_AXES:
        raise DataError(
            f"{path} is no IDX file: it begins with 0x{magic.hex()}, where MNIST's images have 0x00000803 and labels 0x00000801; fetch it again"
        )
    if magic[2] not in TYPES:
        known = ", ".join(f"0x{code:02x}" for code in TYPES)
        raise DataError(f"{path} has the type code 0x{magic[2]:02x} (magic number 0x{magic.hex()}); IDX knows {known}: fetch it again")
    ndim, dtype = magic[3], numpy.dtype(TYPES[magic[2]])
    lengths = _read(file, 4 * ndim)
    if len(lengths) < 4 * ndim:
        raise DataError(f"{path} is cut short: its header takes {4 + 4 * ndim} bytes, and {4 + len(lengths)} are there; fetch it again")
    shape = struct.unpack(f">{ndim}I", lengths)
    expected = math.prod(shape) * dtype.itemsize
    if expected == 0:
        raise DataError(f"{path} holds nothing: its header says {shape}; fetch it again")
    data = _read(file, expected + 1)
    if len(data) < expected:
        raise DataError(f"{path} is cut short: {shape} of {dtype} takes {expected} bytes, and {len(data)} follow the header; fetch it again")
    if len(data) > expected:
        raise DataError(f"{path} is too long: more than the {expected} bytes of {shape} of {dtype} follow the header; fetch it again")
    return numpy.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read(file, n):
    """Up to ``n`` bytes.  Piece by piece, so that memory follows what the file holds, not what its header claims."""
    data = bytearray()
    while len(data) < n and (piece := file.read(min(CHUNK, n - len(data)))):
        data += piece
    return data
