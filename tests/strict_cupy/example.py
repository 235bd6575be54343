"""The array that the stand-in's own tests work on, and how they compare one with NumPy's."""

import numpy as np

from strict_cupy import cupy as cp

HOST = np.arange(6, dtype=np.float32).reshape(2, 3)


def same(device, host):
    """Whether a device array has this dtype, this shape and these entries."""
    return type(device) is cp.ndarray and device.dtype == host.dtype and device.shape == host.shape and np.array_equal(device.get(), host, True)
