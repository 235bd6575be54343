"""Pictures of a run one below another, as a film strip for paper.

    save_film_strip("strip.png", [("epoch 1", "step_000468.png"), ("epoch 10", "step_004680.png")], 4, 4, (28, 28))

The images are cut out of grids that were saved before.
"""

import os

import numpy

from nanogan.backend import NanoganError
from nanogan.viz.files import read_picture, save_pixels
from nanogan.viz.images import cell_boxes, grid_size

TILE = 100  # about how many pixels wide an image becomes, if it is smaller than that
SPACE = 8  # pixels between images
MARGIN = 16  # pixels around the whole, and between label and images


def save_film_strip(path, pictures, rows, columns, image_shape, width=560, size=None, show=5, reverse=False):
    """Write one picture made of several saved image grids: a row for each, with its label at the left.

    pictures: pairs (label, path or array of an image_grid), from top to bottom.  Each row shows the first
    ``show`` images of its grid (all, where it holds fewer).  rows, columns, image_shape, width and size:
    what save_image_grid was called with, image_shape being (H, W) or (H, W, C) of one image.
    reverse: grey images dark on white, as ink on paper; images in colour stay as they are.
    Raises NanoganError for a picture that is not a grid of this kind.

    >>> import tempfile
    >>> grid = numpy.zeros((568, 568), numpy.uint8)  # 4 x 4 images of 28 x 28, each enlarged by 5 and framed
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_film_strip(os.path.join(folder, "a.png"), [("epoch 1", grid), ("epoch 2", grid)], 4, 4, (28, 28))
    ...     os.listdir(folder)
    ['a.png']
    """
    pictures = list(pictures)
    if not pictures or show < 1:
        raise NanoganError(f"a film strip of {len(pictures)} pictures with {show} images of each is empty; needs 1 or more of both")
    boxes = cell_boxes(rows, columns, image_shape, width, size)[:show]
    across, down = grid_size(rows, columns, image_shape, width, size)
    strips = []
    for label, picture in pictures:
        pixels = read_picture(picture)
        if pixels.shape[:2] != (down, across):
            raise NanoganError(f"{label}: the picture is {pixels.shape[1]} x {pixels.shape[0]} pixels, and a grid of {rows} x {columns} images of "
                               f"{image_shape[0]} x {image_shape[1]} is {across} x {down}; give the rows and columns it was made with")  # fmt: skip
        strips.append(_row([_tile(pixels[top:bottom, left:right], reverse) for left, top, right, bottom in boxes]))
    save_pixels(path, _with_labels([str(label) for label, _ in pictures], strips))


def _tile(pixels, reverse):
    """One image, enlarged by a whole number: (h, w) or (h, w, 3)."""
    if reverse and pixels.ndim == 2:
        pixels = 255 - pixels
    scale = max(1, round(TILE / pixels.shape[1]))
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def _row(tiles):
    """Images side by side on white: (h, n * w + (n - 1) * SPACE, ...)."""
    space = numpy.full_like(tiles[0][:, :1].repeat(SPACE, axis=1), 255)
    return numpy.concatenate([part for tile in tiles for part in (space, tile)][1:], axis=1)


def _with_labels(labels, strips):
    """One picture of the strips below one another, each with its label: uint8 (height, width) or (height, width, 3)."""
    from PIL import Image, ImageDraw

    h, w = strips[0].shape[:2]
    font = _font(max(15, h // 6))
    left = 2 * MARGIN + max(round(font.getlength(label)) for label in labels)  # where the images begin
    mode = "L" if all(strip.ndim == 2 for strip in strips) else "RGB"
    picture = Image.new(mode, (left + w + MARGIN, 2 * MARGIN + len(strips) * (h + SPACE) - SPACE), "white")
    draw = ImageDraw.Draw(picture)
    for i, (label, strip) in enumerate(zip(labels, strips, strict=True)):
        top = MARGIN + i * (h + SPACE)
        draw.text((left - MARGIN, top + h / 2), label, fill="black", font=font, anchor="rm")
        picture.paste(Image.fromarray(strip), (left, top))
    return numpy.asarray(picture)


def _font(size):
    """DejaVu Sans, which comes with matplotlib, ``size`` pixels high: it has Greek, Cyrillic and accents."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)
