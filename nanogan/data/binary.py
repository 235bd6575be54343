"""Raw binaries, the form in which the MLP course text keeps MNIST: bytes after bytes, no header.

    images = read_binary("imagesTrain.bin")            # (60000, 28, 28, 1) uint8

Nothing in such a file says how large an image is: whoever reads it has to know.
"""

import pathlib

import numpy

from nanogan.data.dataset import Dataset
from nanogan.data.files import DataError, labels_beside, open_file

IMAGES = "imagesTrain.bin"


def read_binary(path, height=28, width=28, channels=1):
    """The images in a headerless file, N*height*width*channels bytes, as uint8 (N, H, W, C).

    Raises DataError where the file is missing or is no whole number of such images.
    """
    shape = (height, width, channels)
    if min(shape) < 1:
        raise DataError(f"{path}: no image has the shape {shape}; give a height, width and channels of 1 or more")
    pixels = _read_bytes(path)
    rest = pixels.size % (height * width * channels)
    if rest or not pixels.size:
        raise DataError(
            f"{path} has {pixels.size} bytes, no whole number of {height}x{width}x{channels} images ({rest} too many); "
            "check height, width and channels, or fetch it again"
        )
    return pixels.reshape(-1, *shape)


def _read_bytes(path):
    with open_file(path) as file:
        try:
            return numpy.frombuffer(bytearray(file.read()), numpy.uint8)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}); check the disk it lies on") from error


def binary_images(path, name=None, height=28, width=28, channels=1):
    """The data set in a headerless file, with the labels beside it, a byte each, where there are any."""
    images = read_binary(path, height, width, channels)
    beside = labels_beside(path)
    labels = _read_bytes(beside) if beside else None
    if labels is not None and len(labels) != len(images):
        raise DataError(f"{beside} holds {len(labels)} labels for the {len(images)} images in {path}; use files that belong together")
    return Dataset(name or pathlib.Path(path).name, images, labels)


def binary_mnist(folder):
    """MNIST from ``folder``/imagesTrain.bin, with labelsTrain.bin if it is there."""
    return binary_images(pathlib.Path(folder).expanduser() / IMAGES, "mnist")
