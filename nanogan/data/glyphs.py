"""Digits drawn on the spot, a stand-in for MNIST that needs no download.

    digits = glyphs(10_000)               # (10000, 28, 28, 1) uint8, labelled, white on black

The digits come from the fonts that matplotlib ships.  Each pair of font and digit is drawn once at
four times the size; a sample is that drawing seen through a random affine map.
"""

import importlib.util
import math
import pathlib

import numpy

from nanogan.data.dataset import Dataset
from nanogan.data.files import DataError

# Font: the strokes, in pixels of the large drawing, that may be added around its outline.  Light faces
# get more.  Left out: DejaVu Sans Mono, whose zero has a dot in it; cmmi10, whose digits are
# old-style and uneven; cmti10, whose 4 and 7 are unlike any other; and the fonts of symbols.
FONTS = {
    "DejaVuSans": (0, 3), "DejaVuSans-Oblique": (0, 3), "DejaVuSans-Bold": (0, 1), "DejaVuSans-BoldOblique": (0, 1),
    "DejaVuSerif": (1, 3), "DejaVuSerif-Italic": (1, 3), "DejaVuSerif-Bold": (0, 1), "DejaVuSerif-BoldItalic": (0, 1),
    "STIXGeneral": (2, 4), "STIXGeneralItalic": (2, 4), "STIXGeneralBol": (0, 2), "STIXGeneralBolIta": (0, 2),
    "cmr10": (2, 4), "cmb10": (1, 3), "cmss10": (1, 4), "cmtt10": (1, 4),
}  # fmt: skip
LARGE = 4  # how much larger than a sample the drawings are
SALT = 0x676C797068  # keeps these draws apart from those of the random stream with the same seed


def glyphs(n=10_000, seed=0, size=28, progress=None):
    """``n`` digits, ``size`` x ``size`` pixels, framed as in MNIST: 20/28 of the size tall, centred, never cut off.

    The digits are balanced: any ten in a row from a multiple of ten hold each class once.  Sample i
    depends on (seed, i) alone, so a longer set begins with a shorter one (the same bits for the same
    versions of matplotlib and Pillow).  progress: True shows a bar, False none, None one on a terminal
    if it takes over a second.  Raises DataError for a size outside 12...128, and without the fonts.

    >>> glyphs(20)
    Dataset('glyphs': 20 samples of (28, 28, 1), with labels)
    """
    if n < 1 or seed < 0 or not 12 <= size <= 128:
        raise DataError(f"glyphs: n {n}, seed {seed}, size {size}; n is 1 or more, the seed 0 or more, the size 12 to 128")
    from tqdm import tqdm  # here, as Pillow below, because it takes longer to import than all of nanogan

    drawings = Drawings(size)
    samples, labels = numpy.empty((n, size, size, 1), numpy.uint8), numpy.empty(n, numpy.int64)
    with tqdm(total=n, desc="glyphs", unit="", leave=False, delay=1, disable=None if progress is None else not progress) as bar:
        for start in range(0, n, 10):
            random = numpy.random.default_rng([SALT, seed, start // 10])
            digits, chances = random.permutation(10), random.random((10, 8))
            for i in range(start, min(start + 10, n)):
                labels[i] = digits[i - start]
                samples[i, :, :, 0] = _glyph(drawings, int(labels[i]), *chances[i - start].tolist())
            bar.update(min(10, n - start))
    return Dataset("glyphs", samples, labels)


def _glyph(drawings, digit, font, stroke, tall, wide, turn, lean, right, down):
    """One sample, (size, size) uint8, from eight numbers in [0, 1)."""
    from PIL import Image

    size = drawings.size
    drawing, width, height = drawings.get(digit, font, stroke)
    scale = size * (18 + 3 * tall) / 28 / height
    stretch, shear, angle = 0.85 + 0.25 * wide, 0.3 * (lean - 0.5), math.radians(20 * (turn - 0.5))
    # Out = M @ in, both measured from their centres: stretch and shear, then rotate.
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    a, b = cos * stretch, cos * shear - sin
    c, d = sin * stretch, sin * shear + cos
    # Half the room that the drawn box takes up now.  It must leave 1.25 pixels free all around.
    half_width, half_height = (abs(a) * width + abs(b) * height) / 2, (abs(c) * width + abs(d) * height) / 2
    room = size / 2 - 1.25
    shrink = min(1, room / half_width, room / half_height)
    a, b, c, d = a * shrink, b * shrink, c * shrink, d * shrink
    x = size / 2 + (2 * right - 1) * min(size / 20, room - half_width * shrink)
    y = size / 2 + (2 * down - 1) * min(size / 20, room - half_height * shrink)
    # Pillow asks for the inverse: where in the drawing each pixel looks.
    det = a * d - b * c
    a, b, c, d = d / det, -b / det, -c / det, a / det
    center_x, center_y = drawing.width / 2, drawing.height / 2
    inverse = (a, b, center_x - a * x - b * y, c, d, center_y - c * x - d * y)
    return numpy.asarray(drawing.transform((size, size), Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR))


class Drawings:
    """The large drawings, made when first asked for."""

    def __init__(self, size):
        self.size, self.fonts, self.made = size, _fonts(LARGE * size * 20 / 28), {}

    def get(self, digit, font, stroke):
        """(image, width and height of the digit in it); font and stroke are chosen by numbers in [0, 1)."""
        thinnest, thickest = list(FONTS.values())[int(font * len(FONTS))]
        stroke = round((thinnest + int(stroke * (thickest - thinnest + 1))) * self.size / 28)
        key = digit, int(font * len(FONTS)), stroke
        if key not in self.made:
            self.made[key] = _draw(str(digit), self.fonts[key[1]], stroke)
        return self.made[key]


def _draw(digit, font, stroke):
    """White on black, centred, and averaged over the LARGE x LARGE pixels that one of a sample will cover."""
    from PIL import Image, ImageDraw, ImageFilter

    canvas, margin = Image.new("L", (3 * font.size, 3 * font.size)), 2 * LARGE
    ImageDraw.Draw(canvas).text((font.size, font.size), digit, font=font, fill=255, stroke_width=stroke)
    left, top, right, bottom = canvas.getbbox()  # of the ink: a font's own box is as wide as the step to the next digit
    image = canvas.crop((left - margin, top - margin, right + margin, bottom + margin))
    return image.filter(ImageFilter.BoxBlur((LARGE - 1) / 2)), right - left, bottom - top


def _fonts(height):
    """Every font of FONTS, at the size at which its zero is about ``height`` pixels tall."""
    try:
        from PIL import ImageFont

        folder = _font_folder()

        def font(name, size):
            return ImageFont.truetype(str(folder / f"{name}.ttf"), size, layout_engine=ImageFont.Layout.BASIC)

        zeros = [font(name, 200).getbbox("0") for name in FONTS]
        return [font(name, round(200 * height / (bottom - top))) for name, (_, top, _, bottom) in zip(FONTS, zeros, strict=True)]
    except (ImportError, OSError) as error:
        raise DataError(f"glyphs: the fonts of matplotlib cannot be used ({error}); pip install --force-reinstall matplotlib pillow") from error


def _font_folder():
    """Found without importing matplotlib, which takes its time, unless its data lie elsewhere (as in Debian's package)."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise ImportError("matplotlib is not installed")
    folder = pathlib.Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    if not folder.is_dir():
        from matplotlib import get_data_path

        folder = pathlib.Path(get_data_path()) / "fonts" / "ttf"
    return folder
