"""How fast steps are, in a picture: what ``python -m nanogan.bench`` found.

    save_speed("speed.png", results, peak=450.0)       # each recipe beside PyTorch
    save_scaling("scale.png", results, scaling)        # time per image and memory over the batch size

``results`` and ``scaling`` are what ``nanogan.gan.bench.measure`` returns.
"""

from nanogan.viz.files import save_figure

OURS, PEER, LINE = "#0072B2", "#D55E00", "#555555"  # told apart by the colour-blind too, as in curves.py


def save_speed(path, results, peak):
    """Write bars, a group for each result: the time of a step in units of the peer's; without a peer, its share of the peak.

    results: of ``measure``.  peak: GFLOP/s of the fastest product.  A line on a bar is from quartile to quartile.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(5, 1.8 * len(results) + 1.5), 4.2), dpi=100, layout="constrained")
    axes, relative = figure.subplots(), all("torch" in result for result in results)
    for i, result in enumerate(results):
        ours = result["nanogan"]
        times = [ours["seconds"], *ours["quartiles"]]
        if relative:
            peer = result["torch"][result["quoted"]]
            unit = peer["seconds"]
            _bar(axes, i - 0.2, [seconds / unit for seconds in times], ".2f", OURS, "nanogan" if i == 0 else None)
            _bar(axes, i + 0.2, [seconds / unit for seconds in (unit, *peer["quartiles"])], ".2f", PEER, "PyTorch" if i == 0 else None)
        else:
            _bar(axes, i, [ours["gflops"] * ours["seconds"] / seconds / peak for seconds in times], ".0%", OURS, None)
    axes.set_xticks(range(len(results)), [_about(result, peak) for result in results])
    axes.set_xlim(-0.6, len(results) - 0.4)
    axes.set_ylabel("time of a step, PyTorch's = 1" if relative else f"share of {peak:.4g} GFLOP/s, the fastest product")
    axes.set_ylim(0, min(axes.get_ylim()[1], 1.6 * max(bar.get_height() for bar in axes.patches)))  # an unsteady turn may lie above
    _finish(axes, legend=relative)
    save_figure(path, figure)


def _about(result, peak):
    ours = result["nanogan"]
    milliseconds = 1000 * ours["seconds"]
    digits = f"{milliseconds:.3g}" if milliseconds < 100 else f"{milliseconds:,.0f}"
    return f"{result['recipe']}\nbatch {result['batch_size']}\n{digits} ms, {ours['gflops'] / peak:.0%} of peak"


def _bar(axes, x, values, digits, colour, label):
    """A bar as high as the first of the values, a line between the other two, and the height in digits."""
    height, *ends = values
    axes.bar(x, height, 0.4, color=colour, label=label)
    axes.errorbar(x, height, [[height - min(ends)], [max(ends) - height]], color="black", linewidth=1, capsize=3)
    axes.annotate(format(height, digits), (x, height / 2), ha="center", va="center", color="white")


def save_scaling(path, results, scaling):
    """Write a row for each recipe: time per image, and peak memory with its straight line, over the batch size.

    scaling: by recipe, as ``measure.scaling`` returns it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6 * len(scaling)), dpi=100, layout="constrained")
    for (recipe, found), (left, right) in zip(scaling.items(), figure.subplots(len(scaling), 2, squeeze=False), strict=True):
        some = [result for result in results if result["recipe"] == recipe]
        batches = [result["batch_size"] for result in some]
        _sweep(left, batches, [result["nanogan"] for result in some], OURS, "nanogan", "o-")
        _points(right, batches, [result["nanogan"] for result in some], OURS, "nanogan")
        if all("torch" in result for result in some):
            peers = [result["torch"][result["quoted"]] for result in some]
            _sweep(left, batches, peers, PEER, "PyTorch", "s-")
            _points(right, batches, peers, PEER, "PyTorch", "s")
        if fit := found["memory"]:
            ends = [0, max(batches)]
            line = [(fit["constant"] + fit["per_sample"] * n) / 1e6 for n in ends]
            right.plot(ends, line, "--", color=LINE, linewidth=1, label=f"{fit['constant'] / 1e6:.0f} MB + {fit['per_sample'] / 1e6:.3g} MB a sample")
        left.set_xscale("log", base=2)
        left.set_xticks(batches, [str(n) for n in batches])
        left.set(xlabel="batch size", ylabel=f"{recipe}: time per image, ms")
        right.set(xlabel="batch size", ylabel="peak memory, MB")
        for axes in (left, right):
            axes.set_ylim(bottom=0)
            _finish(axes, legend=True)
    save_figure(path, figure)


def _sweep(axes, batches, sides, colour, label, style):
    scale = [1000 * side["seconds_per_image"] / side["seconds"] for side in sides]  # seconds a step -> ms an image
    times = [1000 * side["seconds_per_image"] for side in sides]
    bars = [[side["seconds"] - side["quartiles"][0] for side in sides], [side["quartiles"][1] - side["seconds"] for side in sides]]
    axes.errorbar(
        batches,
        times,
        [[bar * s for bar, s in zip(row, scale, strict=True)] for row in bars],
        fmt=style,
        color=colour,
        label=label,
        capsize=3,
        markersize=4,
    )


def _points(axes, batches, sides, colour, label, marker="o"):
    peaks = [(n, side["memory"]["peak"] / 1e6) for n, side in zip(batches, sides, strict=True) if side["memory"]["peak"]]
    axes.plot([n for n, _ in peaks], [peak for _, peak in peaks], marker, color=colour, label=label, markersize=5)


def _finish(axes, legend):
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, borderaxespad=0.1)
