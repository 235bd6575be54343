"""Points in the plane: what a generator makes, over what it should make.

    save_scatter("step_000100.png", generated, real, "step 100")

All pictures of one run have the same limits.
"""

import numpy

from nanogan.backend import ShapeError, to_numpy
from nanogan.viz.files import save_figure

MARGIN = 0.2  # of the real points' extent, on each side


def save_scatter(path, generated, real, title="", centres=None):
    """Write a picture of generated points (N, 2) over real ones (M, 2), 480 x 480 pixels, as a PNG file.

    The limits follow from ``real`` alone, so that pictures of one run can be compared and animated; how
    many generated points lie outside (or are not finite) is written into the corner.  Each axis has a
    scale of its own.  centres: points (K, 2) to mark, such as the means of a mixture.
    Raises ShapeError for anything but points in the plane.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_scatter(os.path.join(folder, "a.png"), numpy.zeros((9, 2)), numpy.eye(2))
    ...     os.listdir(folder)
    ['a.png']
    """
    from matplotlib.figure import Figure

    generated, real = _points(generated, "generated"), _points(real, "real")
    (left, right), (bottom, top) = limits(real[:, 0]), limits(real[:, 1])
    inside = (generated >= (left, bottom)).all(axis=1) & (generated <= (right, top)).all(axis=1)
    many = max(len(generated), len(real), 1)
    size = 14 if many <= 200 else max(3.0, 14 * (200 / many) ** 0.5)  # in square points

    figure = Figure(figsize=(4.8, 4.8), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for points, label, colour in ((real, "real", "tab:blue"), (generated[inside], "generated", "tab:orange")):
        axes.scatter(points[:, 0], points[:, 1], s=size, alpha=0.8, label=label, color=colour, linewidths=1 if size == 14 else 0)
    if centres is not None:
        axes.scatter(*_points(centres, "centres").T, s=40, marker="+", color="black", linewidths=1, label="centres")
    axes.set(xlabel="x", ylabel="y", xlim=(left, right), ylim=(bottom, top))
    axes.set_title(title, parse_math=False)
    axes.set_axisbelow(True)
    axes.grid(color="0.92")
    _say_how_many(axes, len(inside) - int(inside.sum()))
    legend = figure.legend(loc="outside lower center", ncols=3, frameon=False, handletextpad=0.2)
    for handle in legend.legend_handles:
        handle.set_sizes([max(size, 14)])
    save_figure(path, figure)


def _points(points, name):
    points = to_numpy(points)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ShapeError(f"save_scatter: {name} has shape {points.shape}; points in the plane are (N, 2)")
    return points.astype(numpy.float64)


def limits(values):
    """(low, high) of an axis that shows ``values`` (N,) with a margin, both rounded outwards.

    >>> limits(numpy.array([-2.0, 0.5, 2.0]))
    (-3.0, 3.0)
    """
    values = values[numpy.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (-1.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):  # all in one place
        half = max(abs(low), 1.0) / 2
        low, high = low - half, high + half
    margin = MARGIN * (high - low)
    unit = 10.0 ** numpy.floor(numpy.log10((high - low) / 2))
    return float(numpy.floor((low - margin) / unit) * unit), float(numpy.ceil((high + margin) / unit) * unit)


def _say_how_many(axes, outside):
    if outside:
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2}
        words = f"{outside:,} point{'s' * (outside > 1)} outside"
        axes.text(0.98, 0.02, words, transform=axes.transAxes, ha="right", va="bottom", fontsize=9, color="0.3", bbox=box)
