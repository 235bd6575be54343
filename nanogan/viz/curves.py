"""Losses over a run, in one picture.

    save_losses("losses.png", history)                      # losses, the critic's answers, the penalty
    save_losses("losses.png", history, style="panels")      # J^G, J^D and their sum, side by side
    save_losses("losses.png", history, style="points")      # a scatter plot, and lines beside it

``history`` holds the columns of a run's history.csv: name -> array, a number for each row.
"""

import numpy

from nanogan.backend import NanoganError
from nanogan.viz.files import save_figure

# Told apart by the colour-blind too (Okabe and Ito, jfly.uni-koeln.de/color).
CRITIC, GENERATOR, REAL, FAKE, PENALTY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#555555"
MOST = 600  # a line of more points is drawn as means of neighbours, in a band from the least to the greatest
LARGEST = 3.4e38  # what float32 can hold: what is larger counts as not finite


def save_losses(path, history, style="curves", title="", per_epoch=None):
    """Write a picture of the losses of a run, as a PNG file.

    history: name -> numbers, a row each; uses step, epoch, d_loss, g_loss, d_real, d_fake and penalty, as
    far as they are there.  A row without a number (NaN), or an infinite one, is left out, and the picture says
    so.  Many rows are drawn as means of neighbours, with a band from the least to the greatest.
    style: "curves", panels over the steps, with epochs as a second axis below: both losses; the critic's
    mean answers to real and generated samples; the penalty, where there is one.  "panels": J^G, J^D and
    J^G + J^D, side by side.  "points": both losses as points, and as lines.
    per_epoch: steps an epoch, by default what ``step`` and ``epoch`` say.
    Raises NanoganError for an unknown style and for columns of different lengths.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_losses(os.path.join(folder, "losses.png"), {"step": [1, 2], "d_loss": [1.4, 1.3], "g_loss": [0.7, 0.8]})
    ...     os.listdir(folder)
    ['losses.png']
    """
    styles = {"curves": _curves, "panels": _panels, "points": _points}
    if style not in styles:
        raise NanoganError(f"no style {style!r} of losses; choose one of {', '.join(styles)}")
    history = _columns(history)
    save_figure(path, styles[style](history, title, per_epoch or _steps_an_epoch(history)))


def _columns(history):
    """The columns as float64 arrays of one length, those that are missing or infinite as NaN; ``step`` counts from 1 if need be."""
    history = {name: numpy.asarray(values, dtype=numpy.float64).reshape(-1) for name, values in history.items()}
    lengths = {name: len(values) for name, values in history.items()}
    if len(set(lengths.values())) > 1:
        raise NanoganError(f"the columns of a history must be of one length; these hold {lengths} rows")
    rows = max(lengths.values(), default=0)
    for name in ("step", "epoch", "d_loss", "g_loss", "d_real", "d_fake", "penalty"):
        values = history.get(name, numpy.full(rows, numpy.nan))
        history[name] = numpy.where(abs(values) <= LARGEST, values, numpy.nan)
    if not numpy.isfinite(history["step"]).all():
        history["step"] = numpy.arange(1.0, rows + 1)
    return history


def _steps_an_epoch(history):
    """From the last row that has both, or None."""
    known = numpy.flatnonzero((history["epoch"] > 0) & (history["step"] > 0))
    return history["step"][known[-1]] / history["epoch"][known[-1]] if len(known) else None


def _figure(width, height, title):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)  # inches
    if title:
        figure.suptitle(title, parse_math=False)
    return figure


def _curves(history, title, per_epoch):
    answers = [("d_real", REAL, "-", "D(x), real"), ("d_fake", FAKE, "-", "D(G(z)), generated")]
    panels = [("loss", [("d_loss", CRITIC, "-", "critic"), ("g_loss", GENERATOR, "-", "generator")])]
    panels += [("critic's answer", answers)] if _any(history, "d_real", "d_fake") else []
    panels += [("penalty", [("penalty", PENALTY, "-", None)])] if _any(history, "penalty") else []
    heights = [3.0, 2.0, 1.6][: len(panels)]
    figure = _figure(8, sum(heights) + 1.2, title)
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (label, lines) in zip(all_axes, panels, strict=True):
        _lines(axes, history, lines)
        axes.set_ylabel(label)
    if _are_probabilities(history):
        all_axes[1].axhline(0.5, color="0.6", linewidth=0.8, linestyle=":")
        all_axes[1].set_ylim(-0.03, 1.03)
    figure.align_ylabels(all_axes)
    _label_steps(all_axes[-1], history["step"], per_epoch)
    return figure


def _any(history, *names):
    return any(numpy.isfinite(history[name]).any() for name in names)


def _are_probabilities(history):
    answers = numpy.concatenate([history["d_real"], history["d_fake"]])
    answers = answers[numpy.isfinite(answers)]
    return len(answers) > 0 and answers.min() >= 0 and answers.max() <= 1


def _label_steps(axes, step, per_epoch):
    """Steps from 0 below the axes, and epochs below the steps."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("step")
    if not len(step):
        return
    axes.set_xlim(0, 1.01 * max(step.max(), 1))
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if per_epoch:
        epochs = axes.secondary_xaxis("bottom", functions=(lambda step: step / per_epoch, lambda epoch: epoch * per_epoch))
        epochs.spines.bottom.set_position(("outward", 40))  # points
        epochs.set_xlabel("epoch")


def _panels(history, title, per_epoch):
    """Figure of 12 x 4 inches: the cost of each network, and of both."""
    figure = _figure(12, 4, title)
    history["both"] = history["g_loss"] + history["d_loss"]
    if per_epoch:
        history["step"] = history["step"] / per_epoch
    panels = (("g_loss", GENERATOR, "$J^G$"), ("d_loss", CRITIC, "$J^D$"), ("both", PENALTY, "$J^G + J^D$"))
    for axes, (name, colour, label) in zip(figure.subplots(1, 3), panels, strict=True):
        _lines(axes, history, [(name, colour, "-", None)])
        axes.set_title(label, loc="left")
        axes.set(xlabel="epoch" if per_epoch else "step")
    return figure


def _points(history, title, per_epoch):
    """Figure of two panels: a point a row (of very many rows, some of them, evenly), and lines."""
    figure = _figure(12, 4.8, title)
    history["step"] = history["step"] / 100
    left, right = figure.subplots(1, 2)
    some = slice(None, None, max(1, -(-len(history["step"]) // MOST)))
    left.scatter(history["step"][some], history["d_loss"][some], marker="o", color="blue", edgecolors="black", label="critic")
    left.scatter(history["step"][some], history["g_loss"][some], marker="x", color="red", label="generator")
    _finish(left, history, ["d_loss", "g_loss"])
    _lines(right, history, [("g_loss", "red", "--", "generator"), ("d_loss", "green", "-", "critic")])
    for axes, room in ((left, 1.1), (right, 1.05)):
        axes.set(xlabel="iteration / 100", ylabel="loss")
        _limit(axes, numpy.concatenate([history["d_loss"], history["g_loss"]]), room)
    return figure


def _limit(axes, values, room):
    """From 0, or what is less, to ``room`` times the largest value, where that is above 0."""
    values = values[numpy.isfinite(values)]
    if len(values) and values.max() > 0:
        axes.set_ylim(min(0.0, room * values.min()), room * values.max())


def _lines(axes, history, lines):
    """A line for each (column, colour, line style, label) over the steps."""
    for name, colour, line, label in lines:
        if not _any(history, name):
            continue
        step, mean, least, greatest = thinned(history["step"], history[name])
        alone = len(step) <= 25  # so few that a line may be too short to see
        axes.plot(step, mean, line, color=colour, label=label, linewidth=1.2, marker="o" if alone else None, markersize=3.5)
        if least is not mean:
            axes.fill_between(step, least, greatest, color=colour, alpha=0.2, linewidth=0)
    _finish(axes, history, [name for name, *_ in lines])


def thinned(step, values, most=MOST):
    """(step, mean, least, greatest) of neighbours in ``values`` (n,), so many together that at most ``most`` groups remain.

    Values that are not finite are left out; a group of nothing else is NaN.

    >>> [array.tolist() for array in thinned(numpy.arange(4), numpy.array([1.0, 3.0, numpy.nan, 5.0]), most=2)]
    [[0.5, 2.5], [2.0, 5.0], [1.0, 5.0], [3.0, 5.0]]
    """
    if len(values) <= most:
        return step, values, values, values
    starts = numpy.arange(0, len(values), -(-len(values) // most))  # of the groups
    known = numpy.isfinite(values)
    count = numpy.add.reduceat(known.astype(int), starts)
    sums = numpy.add.reduceat(numpy.where(known, values, 0), starts)
    mean = numpy.divide(sums, count, out=numpy.full(len(starts), numpy.nan), where=count > 0)
    steps = numpy.add.reduceat(step, starts) / numpy.diff(starts, append=len(values))
    return steps, mean, numpy.fmin.reduceat(values, starts), numpy.fmax.reduceat(values, starts)


def _finish(axes, history, names):
    """Grid and legend, the legend above the axes, where it hides nothing; and a word on what is not shown."""
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    rows = len(history["step"])
    if not _any(history, *names):
        words = f"no finite value in {rows:,} row{'s' * (rows > 1)}" if rows else "no rows yet"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color="0.4")
        axes.grid(False)
        axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
        return
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.1)
    missing = numpy.flatnonzero(~numpy.isfinite([history[name] for name in names if _any(history, name)]).all(axis=0))
    if len(missing):
        some = missing[:: -(-len(missing) // MOST)]
        edge = axes.get_xaxis_transform()  # steps across; from 0 at the bottom to 1 at the top
        axes.plot(history["step"][some], numpy.zeros(len(some)), "|", color="red", markersize=7, markeredgewidth=0.8, transform=edge, clip_on=False)
        axes.set_title(f"| not finite: {len(missing):,} of {rows:,} rows", loc="right", fontsize=9, color="red")
