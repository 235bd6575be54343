"""The drawn creatures: the same for the same seed, whole, symmetric enough, colourful and varied."""

import subprocess
import sys

import numpy as np
import pytest

from nanogan.data import DataError, load, sprites
from nanogan.data.creatures import EARS, GROUND, SPECIES


@pytest.fixture(scope="module")
def herd():
    return sprites(1000)


@pytest.fixture(scope="module")
def ink(herd):
    """Where there is a creature: (1000, 64, 64) booleans."""
    background = herd.samples[:, -1:, :1].astype(int)
    return abs(herd.samples - background).max(axis=3) > 0


def test_what_they_are(herd):
    assert herd.name == "sprites" and herd.samples.shape == (1000, 64, 64, 3) and herd.samples.dtype == np.uint8
    counts = np.bincount(herd.labels, minlength=len(SPECIES))
    assert len(counts) == len(SPECIES) == 10 and counts.min() > 60


def test_a_sprite_depends_on_its_seed_and_place_alone(herd):
    again, other = load("sprites", n=20), load("sprites", n=20, seed=1)
    np.testing.assert_array_equal(again.samples, herd.samples[:20])
    np.testing.assert_array_equal(again.labels, herd.labels[:20])
    assert not any(np.array_equal(a, b) for a, b in zip(again.samples, other.samples, strict=True))
    assert len({image.tobytes() for image in herd.samples}) == 1000


def test_the_background_is_light_and_plain_and_nothing_is_cut_off(herd, ink):
    frame = np.concatenate([ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1]], axis=1)
    assert not frame.any()
    background = herd.samples[:, 0, 0]
    assert background.min() > 230 and 0.4 < (background == 255).all(axis=1).mean() < 0.6


def test_creatures_are_of_a_size_stand_in_the_middle_and_on_the_ground(ink):
    area = ink.mean(axis=(1, 2))
    assert area.min() > 0.15 and area.max() < 0.6
    columns, rows = ink.any(axis=1), ink.any(axis=2)
    left, right = columns.argmax(axis=1), 63 - columns[:, ::-1].argmax(axis=1)
    assert abs((left + right) / 2 - 31.5).max() < 9 and (right - left).min() > 20
    bottom = 63 - rows[:, ::-1].argmax(axis=1)
    assert abs(bottom - GROUND).max() <= 3


def test_they_are_nearly_symmetric(ink):
    """Tails and raised arms aside: each is its own mirror image about some line."""
    same = []
    for image in ink[:200]:
        both = [(image & np.roll(image[:, ::-1], shift, axis=1)).sum() / image.sum() for shift in range(-6, 7)]
        same.append(max(both))
    assert np.mean(same) > 0.9 and min(same) > 0.75


def test_edges_are_smooth_and_colours_many(herd):
    colours = [len(np.unique(image.reshape(-1, 3), axis=0)) for image in herd.samples[:100]]
    assert min(colours) > 100  # a few flat colours, and the many between them
    hues = herd.samples[:, 45, 32].astype(int)
    assert (hues.std(axis=0) > 25).all()


def test_species_differ_in_outline(herd, ink):
    """Every species has ears or wings of its own: the mean outlines are all different."""
    means = np.stack([ink[herd.labels == k].mean(axis=0) for k in range(10)])
    apart = abs(means[:, None] - means).mean(axis=(2, 3)) + np.eye(10)
    assert apart.min() > 0.008
    assert {kinds[0] for kinds in SPECIES.values()} == set(EARS)


@pytest.mark.parametrize("size", [16, 32, 96, 128])
def test_other_sizes_show_the_same_creatures(herd, size):
    small = sprites(5, size=size).samples
    assert small.shape == (5, size, size, 3)
    if size == 32:
        halved = herd.samples[:5].reshape(5, 32, 2, 32, 2, 3).mean(axis=(2, 4))
        assert abs(small - halved).mean() < 5


@pytest.mark.parametrize("wrong", [{"n": 0}, {"seed": -1}, {"size": 8}, {"size": 1000}])
def test_impossible_wishes_are_refused(wrong):
    with pytest.raises(DataError, match=r"sprites: .*16 to 128"):
        sprites(**({"n": 1} | wrong))


def test_progress_is_shown_only_when_asked_for_or_on_a_terminal(capsys):
    sprites(3, progress=False)
    sprites(3)
    assert capsys.readouterr().err == ""


def test_other_processes_draw_the_same(herd):
    code = "import zlib; from nanogan.data import sprites; print(zlib.crc32(sprites(5).samples))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    import zlib

    assert int(run.stdout) == zlib.crc32(np.ascontiguousarray(herd.samples[:5]))
