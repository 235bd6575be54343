"""Running the commands as a user does, and looking at what they leave behind: what the tests of the commands share."""

import csv
import gzip
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time

import numpy as np

import nanogan as ng
from nanogan.gan import checkpoint, command

ROOT = pathlib.Path(ng.__file__).parent.parent


def call(module, *argv):
    """In this process, as ``__main__`` does it: the exit status."""
    return command.run(module.main, [str(arg) for arg in argv])


def environment(**more):
    """Of a command in a Python of its own: one thread, so that two at once do not slow each other down; no data set anywhere."""
    kept = {key: value for key, value in os.environ.items() if key not in ("NANOGAN_DEBUG", "NANOGAN_DATA")}
    return kept | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "NANOGAN_DATA": "no-data"} | more


def process(name, *argv, env=None, timeout=300, **options):
    """``python -m nanogan.NAME``, run to its end."""
    line = [sys.executable, "-m", f"nanogan.{name}", *map(str, argv)]
    return subprocess.run(line, capture_output=True, text=True, env=env or environment(), timeout=timeout, **options)


def start(*argv, **options):
    """``python -m nanogan.train``, going on meanwhile."""
    if os.name == "posix":  # a shell may have started pytest in the background, where Ctrl-C is ignored
        options = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)} | options
    line = [sys.executable, "-m", "nanogan.train", *map(str, argv)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), **options)


def wait_for(condition, program, seconds=120):
    """Look again and again until ``condition`` holds; an error if ``program`` ends before."""
    began = time.monotonic()
    while not condition():
        assert program.poll() is None, program.communicate()
        assert time.monotonic() - began < seconds
        time.sleep(0.01)


def said(stderr):
    """The lines on stderr without the progress bar's."""
    lines = [line.rpartition("\r")[2] for line in stderr.splitlines()]
    return [line for line in lines if line.strip() and "step/s" not in line and "s/step" not in line]


def history(folder):
    """history.csv without the rate, which no seed repeats."""
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if key != "images_per_second"} for row in csv.DictReader(file)]


def config(folder):
    """config.json, which must be JSON in the strict sense."""

    def refuse(constant):
        raise AssertionError(f"config.json holds {constant}, which is no JSON")

    return json.loads((folder / "config.json").read_text(encoding="utf-8"), parse_constant=refuse)


def tree(folder):
    """Everything in ``folder`` and below: path -> bytes, or None for a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def assert_same_run(one, other):
    """What two runs left is the same, to the bit: rows, pictures, text logs, checkpoints, networks.  Only the rate may differ."""
    assert history(one) == history(other)
    left, right = tree(one), tree(other)
    by_rate = ("history.csv", "config.json", ".lock")  # config.json: compared as what it says
    assert sorted(left) == sorted(right)
    assert [name for name in left if left[name] != right[name] and name not in by_rate] == []
    assert config(one) == config(other)
    (header_1, arrays_1), (header_2, arrays_2) = (checkpoint.load(folder / "checkpoint.npz") for folder in (one, other))
    assert header_1 == header_2 and list(arrays_1) == list(arrays_2)
    assert all(arrays_1[name].tobytes() == arrays_2[name].tobytes() for name in arrays_1)


def idx(array):
    """The bytes of an IDX file of uint8."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_digits(folder, n=40):
    """Files like MNIST's, of noise; returns the images."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(n)
    images, labels = random.integers(0, 256, (n, 28, 28), dtype=np.uint8), random.integers(0, 10, n, dtype=np.uint8)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return images
