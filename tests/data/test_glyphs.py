"""The drawn digits: the same for the same seed, balanced, whole, legible and varied."""

import importlib.util
import sys

import numpy as np
import pytest

from nanogan.data import DataError, glyphs
from nanogan.data.glyphs import FONTS, Drawings


@pytest.fixture(scope="module")
def digits():
    return glyphs(3000)


def test_what_they_are(digits):
    assert digits.samples.shape == (3000, 28, 28, 1) and digits.samples.dtype == np.uint8 and digits.labels.dtype == np.int64
    batch = digits.batch(slice(0, 500))
    assert batch.dtype == np.float32 and batch.min() == -1 and batch.max() == 1


def test_the_same_seed_gives_the_same_bits_and_a_longer_set_begins_with_a_shorter_one(digits):
    again, other = glyphs(25), glyphs(25, seed=1)
    np.testing.assert_array_equal(again.samples, digits.samples[:25])
    np.testing.assert_array_equal(again.labels, digits.labels[:25])
    assert not np.array_equal(again.samples, other.samples) and not np.array_equal(again.labels, other.labels)


def test_classes_are_balanced_and_in_random_order(digits):
    assert np.bincount(digits.labels).tolist() == [300] * 10
    assert (np.sort(digits.labels.reshape(-1, 10)) == np.arange(10)).all()
    orders = {tuple(ten) for ten in digits.labels.reshape(-1, 10)}
    assert len(orders) > 290
    assert np.bincount(glyphs(17).labels, minlength=10).max() == 2


@pytest.mark.parametrize("size", [12, 28, 32, 64])
def test_no_digit_touches_the_border_or_is_small_or_faint(size):
    images = glyphs(1000, seed=4, size=size).samples[..., 0].astype(int)
    assert images.shape[1:] == (size, size)
    frame = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    assert frame.max() == 0
    rows = (images.max(axis=2) > 60).sum(axis=1) * 28 / size
    assert rows.min() >= 13 and rows.max() <= 26 and 18 < rows.mean() < 22
    assert images.max(axis=(1, 2)).min() > 180


def test_the_framing_is_that_of_mnist(digits):
    images = digits.samples[..., 0] / 255.0
    assert 0.1 < images.mean() < 0.2  # MNIST has 0.13
    mass, places = images.sum(axis=(1, 2)), np.arange(28)
    for axis in (1, 2):
        centre = (images.sum(axis=axis) @ places) / mass
        assert abs(centre.mean() - 13.5) < 0.6 and 0.5 < centre.std() < 2
    grey = (images > 0.05) & (images < 0.95)
    assert 0.1 < grey.mean() / (images > 0.05).mean() < 0.8  # antialiased, not black and white, and not blurred


def test_every_class_is_recognised_by_its_nearest_mean(digits):
    held_out = glyphs(1000, seed=9)
    flat = digits.samples.reshape(3000, -1).astype(float)
    means = np.stack([flat[digits.labels == k].mean(axis=0) for k in range(10)])
    x = held_out.samples.reshape(1000, -1).astype(float)
    guesses = ((x[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    right = guesses == held_out.labels
    assert right.mean() > 0.85
    assert min(right[held_out.labels == k].mean() for k in range(10)) > 0.6


def test_no_two_are_alike(digits):
    assert len({image.tobytes() for image in digits.samples}) == 3000


def test_every_font_draws_ten_different_digits():
    drawings = Drawings(28)
    for font in np.arange(len(FONTS)) / len(FONTS):
        images = [drawings.get(k, font + 1e-9, 0.5) for k in range(10)]
        assert len({image.tobytes() for image, _, _ in images}) == 10
        heights = [height for _, _, height in images]
        assert max(heights) < 1.15 * min(heights)  # lining digits, and no box for a missing glyph
        assert len({width for _, width, _ in images}) > 2


@pytest.mark.parametrize("wrong", [{"n": 0}, {"seed": -1}, {"size": 8}, {"size": 1000}])
def test_impossible_wishes_are_refused(wrong):
    with pytest.raises(DataError, match=r"glyphs: .*12 to 128"):
        glyphs(**({"n": 1} | wrong))


def test_without_its_fonts_it_says_what_to_install(monkeypatch, tmp_path):
    from nanogan.data.glyphs import _font_folder

    assert (_font_folder() / "DejaVuSans.ttf").is_file()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"matplotlib is not installed.*pip install"):
        glyphs(10)
    monkeypatch.setattr(sys.modules["nanogan.data.glyphs"], "_font_folder", lambda: tmp_path)
    with pytest.raises(DataError, match=r"cannot open resource.*pip install"):
        glyphs(10)


def test_progress_is_shown_only_when_asked_for_or_on_a_terminal(capsys):
    glyphs(10, progress=False)
    glyphs(10)
    assert capsys.readouterr().err == ""


def test_matplotlib_stays_unimported():
    import subprocess

    code = "import sys, nanogan; nanogan.data.glyphs(10); print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
