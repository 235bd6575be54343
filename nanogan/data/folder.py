"""A folder of pictures of any size and kind, made into one array.

    sprites = image_folder("pokemon")     # (N, 64, 64, 3) uint8, transparent parts white
    sprites.skipped                       # [("front/25.png", "image file is truncated ...")]

Decoding tens of thousands of files takes minutes, so the array is kept, in a file beside the data sets
(``cache.py``), until a file, or an option here, changes.
"""

import contextlib
import os
import pathlib
import warnings

import numpy

from nanogan.data import cache as caches
from nanogan.data.dataset import Dataset
from nanogan.data.files import DataError, cache_directory

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # no others, whatever a file is called: some run programs
ALPHA, FIT = ("composite", "drop", "mask"), ("stretch", "crop")
MASK_ABOVE = 50  # of 255: the alpha above which "mask" keeps a pixel


def image_folder(path, shape=(64, 64, 3), alpha="composite", background="white", fit="stretch", progress=None, cache=None):
    """Every picture in the folder ``path`` and the folders in it, in the order of their names, as uint8 (N, *shape).

    shape: (H, W, C), C 1 for grey or 3 for colour.  Pictures are turned as their EXIF data say and
    resized bilinearly with antialiasing, as torchvision's Resize does; fit: "stretch" ignores the aspect
    ratio, "crop" cuts the longer side.  alpha, for transparent pixels: "composite" lays them on
    ``background``, a colour's name or #rrggbb; "drop" shows the colour that is stored under them (what
    torchvision's ImageFolder does); "mask" makes those with alpha of 50 or less black.  16-bit grey is
    scaled to 8, and of an animation the first frame counts.

    Files that cannot be read are left out, and listed with the reason in ``skipped``; names that begin
    with a dot are passed over.  progress: True shows a bar, False none, None one on a terminal if it
    takes over a second.  cache: a folder, False for none, None for the user's, cache_directory()/images; what is in
    it may be deleted at any time.
    Raises DataError for wrong options, and where there is no picture that can be read.

    >>> import tempfile; from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGBA", (100, 80)).save(folder + "/empty.png")
    ...     image_folder(folder, shape=(8, 8, 1), cache=False).samples.mean()
    np.float64(255.0)
    """
    root = pathlib.Path(os.path.expanduser(path))
    look = _checked(shape, alpha, background, fit)
    found, skipped = _find(root)
    if not found:
        raise DataError(f"there are no images in {root}: no {' '.join(EXTENSIONS)} in it or in the folders in it; name a folder that holds some")
    store = None if cache is False else pathlib.Path(cache or cache_directory() / "images")
    key = caches.key(os.path.realpath(root), found, *look)
    kept = caches.read(store, key)
    samples, unreadable = kept or _decode_all(root, found, look, progress)
    if not len(samples):
        name, reason = unreadable[0]
        raise DataError(f"none of the {len(found)} images in {root} can be read ({name}: {reason}); fetch them again")
    if not kept:
        caches.write(store, key, samples, unreadable)
    return Dataset(root.resolve().name, samples, skipped=sorted(skipped + unreadable))


def _checked(shape, alpha, background, fit):
    """The options as the cache and the decoder want them: (shape, alpha, (r, g, b), fit)."""
    from PIL import ImageColor  # here, because it takes longer to import than all of nanogan

    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if len(shape) != 3 or not all(isinstance(n, int) and 1 <= n <= 4096 for n in shape) or shape[2] not in (1, 3):
        raise DataError(f"images cannot be made {shape}; give a shape (height, width, 1 or 3), as in (64, 64, 3)")
    for what, value, choices in (("alpha", alpha, ALPHA), ("fit", fit, FIT)):
        if value not in choices:
            raise DataError(f"images: there is no {what} {value!r}; choose {' or '.join(choices)}")
    try:
        return shape, alpha, ImageColor.getrgb(background)[:3], fit
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(f"images: there is no background {background!r}; give a colour's name, as white, or #rrggbb") from error


def _find(root):
    """([(name, bytes, mtime in ns)], sorted by name, of every picture under ``root``, [(name, reason)] of what cannot be looked at)."""
    if not root.is_dir():
        raise DataError(f"there is no folder {root}; check its name")
    found, skipped, seen = [], [], set()

    def note(name, error):
        skipped.append((pathlib.Path(name).relative_to(root).as_posix(), error.strerror or str(error)))

    for folder, folders, names in os.walk(root, followlinks=True, onerror=lambda error: note(error.filename, error)):
        status = os.stat(folder)
        again = (status.st_dev, status.st_ino) in seen  # by way of a link
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [] if again else sorted(name for name in folders if not name.startswith("."))
        for name in [] if again else names:
            if name.lower().endswith(EXTENSIONS) and not name.startswith("."):
                file = os.path.join(folder, name)
                try:
                    status = os.stat(file)
                    found.append((os.path.relpath(file, root).replace(os.sep, "/"), status.st_size, status.st_mtime_ns))
                except OSError as error:  # a link that leads nowhere
                    note(file, error)
    return sorted(found), skipped


def _decode_all(root, found, look, progress):
    """(uint8 (N, H, W, C), [(name, reason)] of the files that are not among the N)."""
    from PIL import Image
    from tqdm import tqdm

    samples, skipped, n = numpy.empty((len(found), *look[0]), numpy.uint8), [], 0
    options = {"unit": "", "leave": False, "delay": 1, "disable": None if progress is None else not progress}
    with warnings.catch_warnings(), tqdm(found, desc="images", **options) as bar:
        warnings.simplefilter("ignore")  # what Pillow thinks of metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for name, *_ in bar:
            try:
                samples[n] = _decode(root / name, *look)
                n += 1
            except Exception as error:  # given a damaged file, a decoder raises whatever it happens to stumble over
                reason = " ".join(str(error).replace(str(root), root.name).split())
                skipped.append((name, reason or type(error).__name__))
    return samples[:n], skipped


def _decode(path, shape, alpha, background, fit):
    """One picture as uint8 (H, W, C)."""
    from PIL import Image, ImageOps

    H, W, C = shape
    if path.stat().st_size == 0:
        raise ValueError("the file is empty")
    with Image.open(path, formats=FORMATS) as image:
        image.load()
        with contextlib.suppress(Exception):  # damaged EXIF data are no reason to lose a picture
            ImageOps.exif_transpose(image, in_place=True)
        plain = _opaque(image, alpha, background).convert("L" if C == 1 else "RGB")
    resample = Image.Resampling.BILINEAR
    plain = ImageOps.fit(plain, (W, H), resample) if fit == "crop" else plain.resize((W, H), resample)
    return numpy.asarray(plain).reshape(shape)


def _opaque(image, alpha, background):
    """The picture without its transparency, in 8 bits a channel."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB")  # palettes, CMYK, black and white, ...
    image = image.convert("RGBA")
    transparency, plain = image.getchannel("A"), image.convert("RGB")
    if alpha == "drop":
        return plain
    if alpha == "mask":
        background, transparency = (0, 0, 0), transparency.point([255 * (a > MASK_ABOVE) for a in range(256)])
    return Image.composite(plain, Image.new("RGB", image.size, background), transparency)


def _eight_bits(image):
    """Grey of 16 bits, which Pillow would clip rather than scale."""
    from PIL import Image

    pixels = numpy.asarray(image)
    if image.mode == "F" or pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError(f"its pixels (mode {image.mode}) are neither of 8 nor of 16 bits")
    return Image.fromarray(numpy.rint(pixels / 257).astype(numpy.uint8))
