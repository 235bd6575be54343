"""Grids of sample images, and where in a grid each image lies.

    save_image_grid("samples.png", images, 4, 4)                  # about 560 pixels wide, one-pixel lines between
    save_image_grid("samples.png", images, 5, 5, size=(640, 480)) # exactly 640x480, spread over white

``cell_boxes`` says which pixels belong to which image, so that a saved grid can be cut up again.
"""

import math

import numpy

from nanogan.backend import NanoganError, ShapeError, to_numpy
from nanogan.viz.files import save_pixels

GAP = 0.1  # the least space between images on white, as a share of an image
ROUNDING = 0.75  # a factor becomes whole, which keeps pixels sharp, if this share of it is left


def image_grid(images, rows, columns, width=560, size=None, separated=True):
    """Images side by side, row by row: (N, H, W, C) in [-1, 1] -> uint8 (height, width, C).  C is 1 or 3.

    Without ``size`` each image is enlarged by a whole number so that the grid is about ``width`` pixels
    wide, and framed by a black line unless ``separated`` is false; places without an image stay black.
    size: (width, height), for a picture of exactly that many pixels.  It is white, the images are spread
    evenly over it (or touch, if not ``separated``), all enlarged by the same factor: a whole one, pixel
    for pixel, if that leaves them nearly as large, else any, bilinear.
    What is not a number is shown as the grey of 0.  Raises NanoganError for images that make no picture.

    >>> image_grid(numpy.zeros((4, 28, 28, 1)), 2, 2, width=112).shape
    (116, 116, 1)
    >>> image_grid(numpy.zeros((25, 28, 28, 1)), 5, 5, size=(640, 480)).shape
    (480, 640, 1)
    """
    images = to_numpy(images)
    if images.ndim != 4:
        raise ShapeError(f"image_grid: images of shape {images.shape}; needs (N, H, W, C)")
    C = images.shape[3]
    if C not in (1, 3):
        raise NanoganError(f"images of {C} channels make no picture; needs 1 or 3")
    place = images.shape[1:3], width, size, separated
    across, down = grid_size(rows, columns, *place)
    grid = numpy.full((down, across, C), 0 if size is None else 255, numpy.uint8)
    for image, (left, top, right, bottom) in zip(images, cell_boxes(rows, columns, *place), strict=False):
        grid[top:bottom, left:right] = _resized(_as_bytes(image), right - left, bottom - top)
    return grid


def _as_bytes(image):
    return numpy.rint(numpy.nan_to_num(numpy.clip(image, -1, 1)) * 127.5 + 127.5).astype(numpy.uint8)


def _resized(pixels, w, h):
    """uint8 (H, W, C) -> (h, w, C)."""
    H, W, C = pixels.shape
    if w % W == 0 and h % H == 0:
        return pixels.repeat(h // H, axis=0).repeat(w // W, axis=1)
    from PIL import Image

    image = Image.fromarray(pixels[:, :, 0] if C == 1 else pixels)
    return numpy.asarray(image.resize((w, h), Image.Resampling.BILINEAR)).reshape(h, w, C)


def save_image_grid(path, images, rows, columns, width=560, size=None, separated=True):
    """Write ``image_grid`` as a PNG file (or of the kind that the name ends in), grey for one channel.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_image_grid(os.path.join(folder, "grid.png"), numpy.zeros((4, 28, 28, 1)), 2, 2)
    ...     os.listdir(folder)
    ['grid.png']
    """
    grid = image_grid(images, rows, columns, width, size, separated)
    save_pixels(path, grid[:, :, 0] if grid.shape[2] == 1 else grid)


def cell_boxes(rows, columns, image_shape, width=560, size=None, separated=True):
    """Where the images of an ``image_grid`` lie, row by row: pixels (left, top, right, bottom), the last two exclusive.

    image_shape: (H, W) or (H, W, C) of one image.  The rest is what image_grid was called with.

    >>> cell_boxes(1, 2, (28, 28), width=112)
    [(1, 1, 57, 57), (59, 1, 115, 57)]
    >>> cell_boxes(5, 5, (28, 28), size=(640, 480))[0]
    (38, 10, 122, 94)
    """
    _, (w, h), (left, top), (across, down) = _layout(rows, columns, image_shape, width, size, separated)
    corners = [(left + across * column, top + down * row) for row in range(rows) for column in range(columns)]
    return [(x, y, x + w, y + h) for x, y in corners]


def grid_size(rows, columns, image_shape, width=560, size=None, separated=True):
    """(width, height) in pixels of an ``image_grid``.

    >>> grid_size(2, 2, (28, 28), width=112)
    (116, 116)
    """
    return _layout(rows, columns, image_shape, width, size, separated)[0]


def _layout(rows, columns, image_shape, width, size, separated):
    """(picture, image, first corner, distance from corner to corner), each (across, down) in pixels."""
    H, W = image_shape[:2]
    if min(rows, columns, H, W) < 1:
        raise NanoganError(f"a grid of {rows} x {columns} images of {H} x {W} pixels is empty; each must be 1 or more")
    if size is not None:
        return _layout_of_size(rows, columns, H, W, size, separated)
    scale, gap = max(1, round(width / (columns * W))), int(separated)
    w, h = W * scale, H * scale
    across, down = w + 2 * gap, h + 2 * gap
    return (columns * across, rows * down), (w, h), (gap, gap), (across, down)


def _layout_of_size(rows, columns, H, W, size, separated):
    share = GAP if separated else 0
    factor = min(total / (length * (n + share * (n + 1))) for total, length, n in zip(size, (W, H), (columns, rows), strict=True))
    if int(factor) >= ROUNDING * factor:
        factor = int(factor)
    w, h = math.floor(W * factor + 1e-6), math.floor(H * factor + 1e-6)
    if min(w, h) < 1:
        raise NanoganError(f"{size[0]} x {size[1]} pixels are too few for {rows} x {columns} images; choose a larger size")
    gaps = [(total - n * length) // (n + 1) if separated else 0 for total, n, length in zip(size, (columns, rows), (w, h), strict=True)]
    left = (size[0] - columns * w - (columns - 1) * gaps[0]) // 2  # what the division leaves over goes to the margins
    top = (size[1] - rows * h - (rows - 1) * gaps[1]) // 2
    return tuple(size), (w, h), (left, top), (w + gaps[0], h + gaps[1])
