"""The checkerboard that transposed convolutions leave (Odena et al. 2016): a lattice with the period of their strides, found in the spectrum.

finding = checkerboard(samples, real, stride_periods(generator))
"""

import numpy

from nanogan import nn
from nanogan.backend import to_numpy
from nanogan.gan.diagnosis.finding import Finding

PEAK, HIGHER = 2.0, 3.0  # the lattice's frequency against its neighbours' energy, and against that of real samples there


def checkerboard(samples, real, periods):
    """A lattice with the period of the generator's strides: energy at that frequency, against its neighbours and against real samples."""
    if samples.ndim != 4:
        return None
    for period in periods:
        for axis in (0, 1):
            (peak, energy), (_, usual) = (_line(x, period, axis) for x in (samples, real))
            if peak > PEAK and energy > HIGHER * usual:
                return Finding(
                    "checkerboard",
                    f"generated images carry a lattice of period {period}: {'down' if axis == 0 else 'across'} them that frequency has {peak:.1f} times "
                    f"the energy of its neighbours, and {energy / usual:.3g} times that of real images",
                    "use kernels that the stride divides (4 for a stride of 2), or train longer where they are",
                    {"period": period, "peak": peak, "against_real": energy / usual},
                )
    return None


def _line(images, period, axis):
    """(energy at 1/period against its neighbours', that energy as a share of all) along an axis of images, in the mean over all lines."""
    x = to_numpy(images).astype(numpy.float64)
    x = numpy.moveaxis(x - x.mean(axis=(1, 2), keepdims=True), axis + 1, 1)
    power = (abs(numpy.fft.rfft(x, axis=1)) ** 2).mean(axis=(0, 2, 3))
    place = round(x.shape[1] / period)
    near = [i for i in (place - 2, place - 1, place + 1, place + 2) if 0 < i < len(power)]
    return power[place] / max(power[near].mean(), 1e-30), max(power[place] / max(power[1:].sum(), 1e-30), 1e-12)  # never 0: others are divided by it


def stride_periods(generator):
    """The periods of the lattices that transposed convolutions with a stride can leave.

    >>> stride_periods(nn.Sequential(nn.ConvTranspose2D(8, 4, 3, stride=2), nn.ReLU(), nn.ConvTranspose2D(4, 1, 3, stride=2)))
    [2, 4]
    """
    strides = [part.stride for _, part in generator.modules() if isinstance(part, nn.ConvTranspose2D)]
    period, periods = 1, []
    for stride in reversed(strides):
        stride = stride if isinstance(stride, int) else max(stride)
        if stride > 1:
            period *= stride
            periods.append(period)
    return [period for period in periods[:2] if period <= 8]
