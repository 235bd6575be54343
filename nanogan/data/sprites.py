"""Small creatures drawn on the spot, such as games are full of: colour images that need no download.

    herd = sprites(5000)                  # (5000, 64, 64, 3) uint8, labelled by species

What a creature consists of stands in ``creatures.py``; here it is drawn at four times the size, layer upon
layer, each with a dark outline, and then made smaller, which smooths the edges.
"""

import colorsys
import math
from typing import NamedTuple

import numpy

from nanogan.data import creatures
from nanogan.data.dataset import Dataset
from nanogan.data.files import DataError

LARGE = 4  # how much larger than a sample it is drawn
OUTLINE = 0.9  # in pixels of a 64x64 sprite
SALT = 0x73707269746573  # keeps these draws apart from those of the random stream with the same seed
STEPS = [((1 - t) ** 2, 2 * t * (1 - t), t * t, 1 - t, t) for t in (i / 6 for i in range(7))]  # weights along a quadratic Bezier curve


def sprites(n=10_000, seed=0, size=64, progress=None):
    """``n`` creatures on a plain light background, ``size`` x ``size`` pixels, in colour, labelled by species.

    Sample i depends on (seed, i) alone, so a longer set begins with a shorter one (the same bits for the
    same version of Pillow).  progress: True shows a bar, False none, None one on a terminal if it takes
    over a second.  Raises DataError for a size outside 16...128.

    >>> sprites(20)
    Dataset('sprites': 20 samples of (64, 64, 3), with labels)
    """
    if n < 1 or seed < 0 or not 16 <= size <= 128:
        raise DataError(f"sprites: n {n}, seed {seed}, size {size}; n is 1 or more, the seed 0 or more, the size 16 to 128")
    from tqdm import tqdm  # here, as Pillow below, because it takes longer to import than all of nanogan

    samples, labels = numpy.empty((n, size, size, 3), numpy.uint8), numpy.empty(n, numpy.int64)
    kinds = list(creatures.SPECIES.values())
    options = {"unit": "", "leave": False, "delay": 1, "disable": None if progress is None else not progress}
    for i in tqdm(range(n), desc="sprites", **options):
        random = numpy.random.default_rng([SALT, seed, i])
        labels[i] = random.integers(len(kinds))
        samples[i] = _sprite(kinds[labels[i]], Chances(random), size)
    return Dataset("sprites", samples, labels)


def _sprite(species, chances, size):
    """One sample, (size, size, 3) uint8: its layers from back to front."""
    on_head, tail, back, mouth = species
    colours, body = _colours(chances), creatures.body(chances)
    canvas = Canvas(size, colours, zoom=chances.between(0.92, 1.04), shift=chances.between(-2, 2))
    canvas.layer(creatures.tail(tail, body, colours, chances))
    canvas.layer(creatures.back(back, body, colours, chances))
    canvas.layer(creatures.legs(body, colours, chances))
    canvas.layer(creatures.round_part(body.torso, colours))
    canvas.layer(creatures.belly(body, colours, chances), outline=0)
    canvas.layer(creatures.arms(body, colours, chances))
    canvas.layer(creatures.ears(on_head, body, colours, chances))
    canvas.layer(creatures.round_part(body.head, colours))
    canvas.layer(creatures.markings(body, colours, chances), outline=0)
    canvas.layer(creatures.mouth(mouth, body, colours, chances), outline=0)
    canvas.layer(creatures.eyes(on_head, body, colours, chances), outline=0)
    return canvas.finished()


class Chances:
    """Random numbers, one after another."""

    def __init__(self, random):
        self.numbers = iter(random.random(64).tolist())

    def between(self, low, high):
        return low + (high - low) * next(self.numbers)

    def one_in(self, n):
        return next(self.numbers) * n < 1


class Colours(NamedTuple):
    coat: tuple
    shade: tuple  # the coat where less light falls
    pale: tuple  # belly, muzzle, inside of the ears
    accent: tuple  # wings, horns, spots
    outline: tuple
    iris: tuple
    background: tuple


def _colours(chances):
    """A coat of any hue, and what goes with it."""
    hue, saturation, value = chances.between(0, 1), chances.between(0.35, 0.8), chances.between(0.75, 1)
    away = (0.08, -0.08, 0.5, 0.33)[int(chances.between(0, 4))]
    iris = chances.between(0, 1)
    background = creatures.WHITE if chances.one_in(2) else _rgb(chances.between(0, 1), 0.07, 1)
    return Colours(
        coat=_rgb(hue, saturation, value), shade=_rgb(hue + 0.02, min(1, saturation * 1.15), value * 0.82), pale=_rgb(hue - 0.03, 0.16, 1),
        accent=_rgb(hue + away, 0.65, 0.92), outline=_rgb(hue + 0.03, 0.6, 0.3), iris=_rgb(iris, 0.75, 0.6), background=background,
    )  # fmt: skip


def _rgb(hue, saturation, value):
    return tuple(round(255 * c) for c in colorsys.hsv_to_rgb(hue % 1, saturation, value))


class Canvas:
    """A large picture to draw layers on; the creature's feet stay on the ground whatever its zoom."""

    def __init__(self, size, colours, zoom, shift):
        from PIL import Image, ImageDraw

        self.image = Image.new("RGB", (LARGE * size, LARGE * size), colours.background)
        self.draw, self.outline = ImageDraw.Draw(self.image), colours.outline
        self.scale = LARGE * size / 64 * zoom
        self.x, self.y = LARGE * size * (32 + shift) / 64, LARGE * size * creatures.GROUND / 64 - self.scale * creatures.GROUND

    def layer(self, parts, outline=OUTLINE):
        """Every part a little larger in the colour of outlines, then every part, so that parts of a layer merge."""
        if outline:
            for shape, _ in parts:
                self.add(shape, outline, self.outline)
        for shape, colour in parts:
            self.add(shape, 0, colour)

    def add(self, shape, more, colour):
        """A blob or a limb, ``more`` pixels larger all around."""
        if len(shape) == 4:
            x, y, rx, ry = shape
            self.ellipse(x, y, rx + more, ry + more, colour)
            return
        (x0, y0, r0), (x1, y1, r1), (x2, y2, r2) = shape
        left, right = [], []
        for a, b, c, d, e in STEPS:
            x, y, r = a * x0 + b * x1 + c * x2, a * y0 + b * y1 + c * y2, a * r0 + b * r1 + c * r2 + more
            dx, dy = d * (x1 - x0) + e * (x2 - x1), d * (y1 - y0) + e * (y2 - y1)  # along the curve
            r /= math.hypot(dx, dy) or 1
            left.append(self.point(x - r * dy, y + r * dx))
            right.append(self.point(x + r * dy, y - r * dx))
        self.draw.polygon(left + right[::-1], fill=colour)
        self.ellipse(x0, y0, r0 + more, r0 + more, colour)
        self.ellipse(x2, y2, r2 + more, r2 + more, colour)

    def ellipse(self, x, y, rx, ry, colour):
        self.draw.ellipse((*self.point(x - rx, y - ry), *self.point(x + rx, y + ry)), fill=colour)

    def point(self, x, y):
        return self.x + self.scale * x, self.y + self.scale * y

    def finished(self):
        """Reduced to the size of a sample, each pixel the mean of LARGE x LARGE: uint8 (size, size, 3)."""
        return numpy.asarray(self.image.reduce(LARGE))
