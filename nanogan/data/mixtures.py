"""Mixtures of Gaussians in the plane, on which a GAN that drops modes is caught at a glance.

    ring = ring2d()                       # samples (100000, 2) around 8 points on a circle
    ring.centres, ring.std                # (8, 2), 0.02: where the modes are, and how wide

The ring of 8 and the grid of 25 are those of VEEGAN (Srivastava et al. 2017, section 4.1) and PacGAN
(Lin et al. 2018, section 4.1); ``metrics.mode_coverage`` counts the modes that a generator found.
"""

import numpy

from nanogan.backend import random
from nanogan.data.dataset import Dataset
from nanogan.data.files import DataError


def ring2d(n=100_000, modes=8, radius=2.0, std=0.02):
    """``n`` points around ``modes`` centres on a circle, the first at angle 0: float32 (n, 2), labelled by mode.

    radius and std are in the units of the plane.  Raises DataError for counts below 1, and for a
    radius or std that is not positive.

    >>> ring2d(100).centres[0]
    array([2., 0.])
    """
    _check("ring2d", counts={"n": n, "modes": modes}, lengths={"radius": radius, "std": std})
    angles = 2 * numpy.pi * numpy.arange(modes) / modes
    return _mixture("ring2d", n, radius * numpy.stack([numpy.cos(angles), numpy.sin(angles)], axis=1), std)


def grid2d(n=100_000, side=5, spacing=2.0, std=0.05):
    """``n`` points around ``side`` x ``side`` centres, ``spacing`` apart, the middle of them at 0: float32 (n, 2), labelled by mode.

    Raises DataError for counts below 1, and for a spacing or std that is not positive.

    >>> grid2d(100).centres[[0, 1, 24]].tolist()
    [[-4.0, -4.0], [-4.0, -2.0], [4.0, 4.0]]
    """
    _check("grid2d", counts={"n": n, "side": side}, lengths={"spacing": spacing, "std": std})
    line = spacing * (numpy.arange(side) - (side - 1) / 2)
    return _mixture("grid2d", n, numpy.stack(numpy.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2), std)


def _check(name, counts, lengths):
    for what, value in counts.items():
        if value < 1:
            raise DataError(f"{name}: {what} is {value}; it is 1 or more")
    for what, value in lengths.items():
        if not 0 < value < numpy.inf:
            raise DataError(f"{name}: {what} is {value}; it is a number above 0")


def _mixture(name, n, centres, std):
    """Each point picks its mode, all equally likely, and then its place: centre + std * N(0, I)."""
    modes = random.stream().integers(len(centres), size=n)
    points = centres[modes] + std * random.stream().standard_normal((n, 2))  # (n, 2)
    return Dataset(name, points.astype(numpy.float32), modes, centres=centres, std=std)
