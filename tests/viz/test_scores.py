"""The picture of an evaluation."""

import numpy as np
import pytest
from PIL import Image

import nanogan as ng
from nanogan.viz import save_scores
from nanogan.viz.curves import FAKE, REAL
from nanogan.viz.scores import _mosaic


def images(n, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28, channels), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [1, 10, 13])
def test_every_image_stands_above_its_neighbour(n, channels):
    samples, real = images(n, channels), images(n, channels, seed=1)
    mosaic = _mosaic(samples, real)
    step = 31  # 28 pixels, a frame of one on each side, and one between
    for i in range(n):
        row, column = divmod(i, 10)
        left = 1 + column * step
        for below, (image, colour) in enumerate(((samples[i], FAKE), (real[i], REAL))):
            top = 1 + row * 64 + below * 30
            assert (mosaic[top : top + 28, left : left + 28] == image).all()
            assert mosaic[top - 1, left].tobytes().hex() == colour[1:].lower()


def test_with_and_without_classes(tmp_path):
    sizes = []
    for name, shares in (("with", [[0.5, 0.5], [0.4, 0.6]]), ("without", [])):
        save_scores(tmp_path / f"{name}.png", images(20), images(20), *shares, title="a $run_1")
        with Image.open(tmp_path / f"{name}.png") as picture:
            sizes.append(picture.size)
    assert sizes[0][0] == sizes[1][0] and sizes[0][1] > sizes[1][1]


@pytest.mark.every_backend
def test_arrays_of_the_backend(tmp_path):
    save_scores(tmp_path / "a.png", ng.backend.asarray(images(3)), images(3))
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("samples", "real", "shares"),
    [
        (images(3), images(4), ()),
        (images(3).astype(float), images(3).astype(float), ()),
        (images(0), images(0), ()),
        (images(3, 2), images(3, 2), ()),
        (images(3), images(3), ([0.5, 0.5], [1.0])),
        (images(3), images(3), ([0.5, 0.5],)),
    ],
)
def test_errors(tmp_path, samples, real, shares):
    with pytest.raises(ng.NanoganError, match="save_scores: "):
        save_scores(tmp_path / "a.png", samples, real, *shares)
    assert not list(tmp_path.iterdir())
