"""Pictures of the benchmark."""

import pytest

from nanogan.viz import save_scaling, save_speed
from nanogan.viz.files import read_picture


def side(seconds, peak=3e8):
    return {
        "seconds": seconds,
        "quartiles": [0.9 * seconds, 1.2 * seconds],
        "seconds_per_image": seconds / 64,
        "gflops": 99.0,
        "memory": {"peak": peak},
    }


def results(peer, peak=3e8):
    made = [{"recipe": "dcgan-mnist", "batch_size": n, "nanogan": side(n / 500, peak)} for n in (64, 128, 256)]
    return [result | ({"torch": {"default": side(0.3)}, "quoted": "default"} if peer else {}) for result in made]


@pytest.mark.parametrize("peer", [True, False])
def test_bars(tmp_path, peer):
    save_speed(tmp_path / "speed.png", results(peer), peak=450)
    pixels = read_picture(tmp_path / "speed.png")
    blue, red = ((pixels == colour).all(axis=2).sum() for colour in ((0, 0x72, 0xB2), (0xD5, 0x5E, 0)))
    assert blue > 1000 and (red > 1000) == peer


@pytest.mark.parametrize(("peer", "memory", "peak"), [(True, {"constant": 1e8, "per_sample": 1e6}, 3e8), (False, None, None)])
def test_sweep(tmp_path, peer, memory, peak):
    save_scaling(tmp_path / "scale.png", results(peer, peak), {"dcgan-mnist": {"flat": 0.1, "memory": memory}})
    assert read_picture(tmp_path / "scale.png").shape == (360, 1000, 3)
