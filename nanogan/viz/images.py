"""Pictures of samples: grids of images, and points in the plane."""

import numpy

from nanogan.backend import NanoganError, to_numpy


def image_grid(images, rows, columns, width=560):
    """Images side by side, row by row: (N, H, W, C) in [-1, 1] -> uint8 (height, width, C).

    C is 1 or 3.  Each image is enlarged by a whole number so that the grid is about ``width`` pixels
    wide; places without an image stay black.

    >>> image_grid(numpy.zeros((4, 28, 28, 1)), 2, 2, width=112).shape
    (116, 116, 1)
    """
    images = numpy.clip(numpy.rint(to_numpy(images)[: rows * columns] * 127.5 + 127.5), 0, 255).astype(numpy.uint8)
    N, H, W, C = images.shape
    scale, gap = max(1, round(width / (columns * W))), 1
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    grid = numpy.zeros((rows, columns, H * scale + 2 * gap, W * scale + 2 * gap, C), numpy.uint8)
    grid.reshape(rows * columns, *grid.shape[2:])[:N, gap:-gap, gap:-gap] = images
    return grid.transpose(0, 2, 1, 3, 4).reshape(rows * grid.shape[2], columns * grid.shape[3], C)  # (rows, H, columns, W, C)


def save_image_grid(path, images, rows, columns, width=560):
    """Write ``image_grid`` as a PNG file."""
    from PIL import Image

    grid = image_grid(images, rows, columns, width)
    if grid.shape[2] not in (1, 3):
        raise NanoganError(f"images of {grid.shape[2]} channels make no picture; needs 1 or 3")
    Image.fromarray(grid[:, :, 0] if grid.shape[2] == 1 else grid).save(path)


def save_scatter(path, generated, real, title=""):
    """Write a picture of generated points (N, 2) over real ones (M, 2), as a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 4.8), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for points, label, colour in ((to_numpy(real), "real", "tab:blue"), (to_numpy(generated), "generated", "tab:orange")):
        axes.scatter(points[:, 0], points[:, 1], s=14, alpha=0.8, label=label, color=colour)
    axes.set(title=title, xlabel="x", ylabel="y", xlim=(-3, 5), ylim=(-5, 9))
    axes.legend(loc="upper left")
    figure.savefig(path)
