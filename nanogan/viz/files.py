"""Files of pictures: written whole or not at all, and read back as arrays.

    with whole_file("losses.png") as file:
        figure.savefig(file)

Whoever looks at a picture while a run goes on sees the old one or the new one, never half of one.
"""

import contextlib
import os
import pathlib

import numpy

from nanogan.backend import NanoganError


@contextlib.contextmanager
def whole_file(path):
    """A binary file to write, which gets the name ``path`` when the block ends without an error.

    Until then it lies beside ``path`` under a temporary name, and after an error nothing of it is left.
    Raises NanoganError where no file of that name can be made.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(os.path.join(folder, "a.txt")) as file:
    ...         size = file.write(b"hello")
    ...     os.listdir(folder)
    ['a.txt']
    """
    path = pathlib.Path(os.path.expanduser(path))
    if os.path.exists(path) and not os.path.isfile(path):
        raise NanoganError(f"{path} is not a file that a picture could replace; choose another name")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        file = open(temporary, "wb")  # noqa: SIM115
    except OSError as error:
        raise NanoganError(f"cannot write {path}: {error.strerror or error}; choose another name") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # before the name: a power failure leaves the old picture or the new one
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise


def save_pixels(path, pixels):
    """Write uint8 pixels, (H, W) grey or (H, W, 3) colour, as the kind of file that the name ends in: .png, .jpg ..."""
    from PIL import Image

    Image.preinit()  # PNG, JPEG and a few more; all the others, which take their time, only where one is asked for
    ending = os.path.splitext(path)[1].lower()
    kind = Image.EXTENSION.get(ending) or Image.registered_extensions().get(ending)
    if kind not in Image.SAVE:
        raise NanoganError(f"{path}: its ending names no kind of picture; choose a name that ends in .png")
    with whole_file(path) as file:
        Image.fromarray(pixels).save(file, format=kind)


def save_figure(path, figure):
    """Write a matplotlib figure as the kind of file that the name ends in: .png, .pdf, .svg ..."""
    kind = os.path.splitext(path)[1].lower().removeprefix(".")
    if kind not in figure.canvas.get_supported_filetypes():
        raise NanoganError(f"{path}: its ending names no kind of picture; choose a name that ends in .png")
    with whole_file(path) as file:
        figure.savefig(file, format=kind, dpi=figure.dpi)


def read_picture(picture):
    """The pixels of a picture, a path or an array: uint8, (H, W) if it is grey, else (H, W, 3), what is transparent on white.

    Raises NanoganError for a file that is missing or no picture, and for an array of another kind.

    >>> read_picture(numpy.zeros((28, 28, 1), numpy.uint8)).shape
    (28, 28)
    """
    if not isinstance(picture, (str, os.PathLike)):
        return _checked(numpy.asarray(picture))
    from PIL import Image

    try:
        with Image.open(picture) as image:
            if image.mode in ("1", "L"):
                return numpy.array(image.convert("L"))
            image = image.convert("RGBA")
            return numpy.array(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"))
    except OSError as error:  # PIL's UnidentifiedImageError is one
        raise NanoganError(f"{picture} cannot be read as a picture: {error.strerror or 'it is damaged or of another kind'}") from error


def _checked(pixels):
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype != numpy.uint8 or pixels.size == 0 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise NanoganError(f"an array of {pixels.dtype} {pixels.shape} is no picture; needs uint8 (H, W) or (H, W, 3), as image_grid makes it")
    return pixels
