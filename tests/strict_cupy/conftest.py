"""What the stand-in's own tests share."""

import pytest

from strict_cupy import cupy as cp
from strict_cupy.example import HOST


@pytest.fixture
def a():
    """HOST on the device."""
    return cp.asarray(HOST)
