"""The recipes as tables to be printed."""

from nanogan.backend import random
from nanogan.gan import recipes
from nanogan.gan.config import count
from nanogan.gan.recipe import COMMON


def of_recipes():
    """The recipes, a line each."""
    rows = [("recipe", "text", "data", "sample", "generator", "critic", "batch", "length", "an epoch", "whole run")]
    for name in recipes.names():
        r = recipes.get(name)
        with random.fork(0):
            generator, critic = r.build()
        rows.append((name, r.source, r.data, "x".join(map(str, r.image_shape)), counted(generator), counted(critic), str(r.batch_size),
                     f"{r.length[1]:,} {r.length[0]}", _duration(r.epoch_seconds), _duration(r.epoch_seconds * _epochs(r))))  # fmt: skip
    return _table(rows) + (
        "\ngenerator, critic: parameters trained + moving statistics kept.  an epoch, whole run: time on one CPU core, as measured."
        "\n--recipe NAME --list tells more of one, and its options."
    )


SAMPLES = {"glyphs": 10_000, "sprites": 10_000, "mnist": 60_000, "gaussian2d": 1_000, "ring2d": 100_000, "grid2d": 100_000}


def _epochs(recipe):
    """How many passes through its own data a recipe makes."""
    kind, n = recipe.length
    return n if kind == "epochs" else n * recipe.batch_size / SAMPLES[recipe.data]


def _duration(seconds):
    if seconds < 120:
        return f"{seconds:.1g} s" if seconds < 1 else f"{seconds:.0f} s"
    return f"{seconds / 60:.2g} min" if seconds < 5400 else f"{seconds / 3600:.2g} h"


def of_options(name):
    """A recipe in its own words, and what --set takes, with the values as they are."""
    recipe = recipes.get(name)
    rows = [("option", "now")] + [(key, _text(value)) for key, value in recipe.options().items()]
    return f"{name}: {recipe.about}\n\n{_table(rows)}\n(the last {len(COMMON)} are those of every recipe; --set option=value changes one)"


def _text(value):
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)


def _table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def counted(network):
    """As Keras would sum them up: "633,217 + 384"; only the first is what PyTorch counts."""
    trained, kept = count(network).values()
    return f"{trained:,}" + (f" + {kept:,}" if kept else "")
