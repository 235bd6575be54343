"""What an evaluation saw: samples, the real images nearest to them, and how often each class was made.

    save_scores("evaluation.png", images, neighbours, histogram, real_histogram)

A sample that is its own nearest neighbour was learned by heart; one beside which a better image stands was not.
"""

import numpy

from nanogan.backend import NanoganError, ShapeError, to_numpy
from nanogan.viz.curves import FAKE, REAL
from nanogan.viz.files import save_figure

COLUMNS = 10  # images in a row


def save_scores(path, images, neighbours, histogram=None, real_histogram=None, title=""):
    """Write a picture of samples, each above its nearest real image, and below them the shares of the classes.

    images, neighbours: uint8 (N, H, W, C) of either backend, C 1 or 3, ten a row, real ones in a frame of another colour.
    histogram, real_histogram: (K,), the share of each class among samples and real images; without the first that panel is left out.
    Raises ShapeError for images that do not go together, and NanoganError for shares of different classes.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_scores(os.path.join(folder, "a.png"), *numpy.zeros((2, 20, 28, 28, 1), "uint8"), [0.5, 0.5], [0.4, 0.6])
    ...     os.listdir(folder)
    ['a.png']
    """
    from matplotlib.figure import Figure

    images, neighbours = to_numpy(images), to_numpy(neighbours)
    if images.shape != neighbours.shape or images.ndim != 4 or images.dtype != numpy.uint8 or images.shape[3] not in (1, 3) or not images.size:
        raise ShapeError(f"save_scores: images {images.dtype} {images.shape}, neighbours {neighbours.shape}; both are uint8 (N, H, W, C), C 1 or 3")
    if histogram is not None and (real_histogram is None or len(histogram) != len(real_histogram)):
        others = "none" if real_histogram is None else len(real_histogram)
        raise NanoganError(f"save_scores: shares of {len(histogram)} classes against {others}; give both for the same")
    mosaic = _mosaic(images, neighbours)
    tall = 7.2 * mosaic.shape[0] / mosaic.shape[1]
    figure = Figure(figsize=(7.6, tall + (2.6 if histogram is not None else 0.8)), dpi=100, layout="constrained")
    ratios = [tall, 1.9] if histogram is not None else [tall]
    axes = figure.subplots(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
    axes[0].imshow(mosaic, interpolation="nearest")
    axes[0].set_axis_off()
    axes[0].set_title("samples (pink), each above the real image nearest to it (green)", fontsize=10)
    if histogram is not None:
        places = numpy.arange(len(histogram))
        axes[1].bar(places - 0.2, histogram, 0.4, color=FAKE, label="samples")
        axes[1].bar(places + 0.2, real_histogram, 0.4, color=REAL, label="real")
        axes[1].set(xlabel="class", ylabel="share", xticks=places)
        axes[1].set_ylim(0, 1.25 * max(0.01, *histogram, *real_histogram))
        axes[1].legend(frameon=False, fontsize=9, ncols=2, loc="upper right")
    if title:
        figure.suptitle(title, fontsize=10, parse_math=False)
    save_figure(path, figure)


def _mosaic(images, neighbours):
    """Samples and their neighbours in turn, a row of each, framed: uint8 (height, width, 3)."""
    N, H, W, _ = images.shape
    frame = max(1, W // 28)
    columns = min(COLUMNS, N)
    rows = -(-N // columns)
    mosaic = numpy.full((rows * (2 * (H + 3 * frame) + 2 * frame), columns * (W + 3 * frame), 3), 255, numpy.uint8)
    for i in range(N):
        row, column = divmod(i, columns)
        for below, (image, colour) in enumerate(((images[i], FAKE), (neighbours[i], REAL))):
            top, left = row * (2 * (H + 3 * frame) + 2 * frame) + below * (H + 2 * frame), column * (W + 3 * frame)
            mosaic[top : top + H + 2 * frame, left : left + W + 2 * frame] = tuple(bytes.fromhex(colour[1:]))
            mosaic[top + frame : top + frame + H, left + frame : left + frame + W] = image  # a grey one into all three colours
    return mosaic
