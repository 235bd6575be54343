"""Pictures of a run one after another, as a film.

    save_animation("samples.gif", sorted(folder.glob("samples/*.png")))

Every frame is a picture that was saved before.
"""

import os

import numpy

from nanogan.backend import NanoganError
from nanogan.viz.files import read_picture, whole_file

LONGEST = 600  # seconds; a GIF file counts hundredths of a second in 16 bits, and equal frames are added up


def save_animation(path, pictures, seconds=0.25, hold=2.0, at_most=100):
    """Write a GIF that shows ``pictures`` in turn, each for ``seconds``, the last for ``hold``, over and over.

    pictures: paths, or uint8 arrays (H, W) or (H, W, 3), all of one size.  Grey pictures stay exactly as
    they are; colour is reduced to the 256 that cover those of each picture best.  Of more than ``at_most``
    pictures some are left out, evenly; the first and the last are always in.  Times are rounded to 0.01
    s, and equal neighbours become one frame that is shown for longer.
    Raises NanoganError where there is no picture, or pictures differ in size.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_animation(os.path.join(folder, "a.gif"), [numpy.full((8, 8), v, numpy.uint8) for v in (0, 128, 255)])
    ...     os.listdir(folder)
    ['a.gif']
    """
    chosen = _evenly(list(pictures), at_most)
    if not chosen:
        raise NanoganError("an animation needs at least one picture")
    times = [seconds] * (len(chosen) - 1) + [hold]
    if not (min(times) >= 0.02 and sum(times) <= LONGEST):
        raise NanoganError(f"an animation of {len(chosen)} pictures, each for {seconds} s and the last for {hold} s, is not possible; "
                           f"choose 0.02 s or more for each and {LONGEST} s or less for all")  # fmt: skip
    times = [10 * round(100 * t) for t in times]  # milliseconds
    frames = _frames(chosen)
    with whole_file(path) as file:
        # optimize would renumber the greys of the first frame, and later frames would be read with the new numbers
        frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=False)


def _evenly(pictures, at_most):
    if at_most < 2:
        raise NanoganError(f"an animation of at most {at_most} pictures does not move; choose 2 or more")
    if len(pictures) <= at_most:
        return pictures
    return [pictures[i] for i in numpy.linspace(0, len(pictures) - 1, at_most).round().astype(int)]


def _frames(pictures):
    """PIL images with palettes, all of one size; all grey or all in colour."""
    from PIL import Image

    pixels = [read_picture(p) for p in pictures]
    for picture, array in zip(pictures, pixels, strict=True):
        if array.shape[:2] != pixels[0].shape[:2]:
            raise NanoganError(f"the pictures of an animation must be of one size: {_called(pictures[0])} is {_size(pixels[0])} pixels, "
                               f"{_called(picture)} {_size(array)}; leave one of them out")  # fmt: skip
    if all(array.ndim == 2 for array in pixels):
        return [Image.fromarray(array) for array in pixels]
    return [Image.fromarray(array).convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE) for array in pixels]


def _called(picture):
    return str(picture) if isinstance(picture, (str, os.PathLike)) else "an array"


def _size(pixels):
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
