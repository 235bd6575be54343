"""The fast kernels with thresholds so low that small arrays take every path, on as many threads as one likes."""

import math
import sys

from nanogan.backend import numpy_kernels  # noqa: F401 (loads the modules whose thresholds these are)

LOW = {"SHARED_FLOP": 0, "SHARED_SIZE": 1, "LENT_BYTES": 64, "TOGETHER_FLOP": (0, math.inf), "BLOCK": 96, "COLUMN_BYTES": 512, "AT_A_TIME": 4096,
       "ROWS_AT_A_TIME": 4096}  # fmt: skip
WAYS = {  # to convolve, each wherever it can be taken
    "tiles": {"CHANNELS": 1, "GAIN": math.inf, "ROWS_GAIN": 0, "THIN_CHANNELS": 1},
    "rows": {"CHANNELS": 1, "GAIN": 0, "ROWS_GAIN": math.inf, "THIN_CHANNELS": 1},
    "gather": {"CHANNELS": math.inf, "THIN_CHANNELS": 1},
    "scatter": {"CHANNELS": math.inf, "THIN_CHANNELS": math.inf},
}


def lower(set_attribute, threads=2, way="tiles", **more):
    """set_attribute: monkeypatch.setattr, or setattr to stay."""
    constants = {**LOW, **WAYS[way], **more}
    modules = [module for name, module in sorted(sys.modules.items()) if name.startswith("nanogan.backend.numpy_")]
    assert (unknown := {name for name in constants if not any(hasattr(m, name) for m in modules)}) == set(), f"no fast kernel has {unknown}"
    for module in modules:
        for name in constants.keys() & vars(module).keys():
            set_attribute(module, name, constants[name])
        if hasattr(module, "threads"):  # imported by name
            set_attribute(module, "threads", lambda: threads)
