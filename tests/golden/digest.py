"""What the golden files hold, and the numbers that both sides start from.  NumPy alone: read by the scripts here and by the test.

A golden file is an .npz with, for three training steps of one text:

    losses        (3, k) float64    the critic's, the generator's, and text 004's penalty
    gradients     (3, L) float64    of the loss with respect to each parameter, in the order of the updates
    parameters    (3, M) float32    after each step: (parameter - initial parameter) / learning rate
    moving        (K,)   float64    batch norm's moving statistics after the third step
    losses32      (3, k) float64    the losses when the framework computes in float32
    variances32   (J,)   float32    TensorFlow's moving variances when it does

A text has up to 6.3 million gradient entries a step, so of every tensor there is a ``digest`` only: all of
it where that is at most 64 numbers, else the largest magnitude, 32 entries at random places, and 32
projections on random vectors of +1 and -1.  It is the projections that let nothing through: all entries are
in each of them.  Say that one entry is off by e, whatever the errors of the others are.  Of two sign
vectors that differ in that entry's sign alone, one at least shows an error of e or more, since the two
differ by 2e; so each vector shows e with probability 1/2 or more, and 32 miss it with at most 2**-32.
The rounding of such a sum is near 1e-16 * sqrt(entries) of the largest entry, 1e-13 for two million: far
below the 1e-7 that is asked for.  The entries are there to be looked at when a projection fails.
"""

import math

import numpy as np

ENTRIES = PROJECTIONS = 32
LENGTH = 1 + ENTRIES + PROJECTIONS
CHUNK = 2**15


def digest(array):
    """A vector: all of ``array`` (one of at most 64 numbers), or [largest magnitude, 32 entries, 32 projections]."""
    flat = np.asarray(array, np.float64).ravel()
    if flat.size < LENGTH:
        return flat
    random = np.random.default_rng(flat.size)
    entries, projections = flat[random.integers(flat.size, size=ENTRIES)], np.zeros(PROJECTIONS)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        bits = np.frombuffer(random.bytes(part.size * PROJECTIONS // 8), np.uint8)
        signs = np.unpackbits(bits).astype(np.float64).reshape(part.size, PROJECTIONS)
        projections += 2 * (part @ signs) - part.sum()
    return np.concatenate([[np.abs(flat).max()], entries, projections])


def digests(arrays):
    """The digests of several arrays, one after the other in one vector."""
    return np.concatenate([np.empty(0), *map(digest, arrays)])


def split(vector, shapes):
    """The inverse: one digest for each of ``shapes``."""
    ends = np.cumsum([min(math.prod(shape), LENGTH) for shape in shapes])
    assert ends[-1] == len(vector), "the golden file is of other networks"
    return np.split(vector, ends[:-1])


# --- What both sides start from -----------------------------------------------------------------------------


def state(layout, seed, text):
    """{name: float64 array} for a layout {name: shape} as of ``state_dict()``.

    Weights are as wide as Glorot's.  No bias is 0, no gamma 1, no moving statistic where it starts.
    Text 001's gammas are small, as they start in the text: around 1, at its rate of 0.005, the losses of
    three steps jump from 1 to 45 to 23, and float32 has lost them (0.5 % from float64, within PyTorch).
    """
    gamma = 0.03 if text == "001" else 1.0
    ranges = {"bias": (-0.1, 0.1), "gamma": (0.8 * gamma, 1.2 * gamma), "beta": (-0.1, 0.1), "moving_mean": (-0.1, 0.1), "moving_var": (0.5, 1.5)}
    arrays = {}
    for i, (name, shape) in enumerate(layout.items()):
        glorot = math.sqrt(6 / (math.prod(shape[:-2]) * sum(shape[-2:])))
        low, high = ranges.get(name.split(".")[-1], (-glorot, glorot))
        arrays[name] = low + (high - low) * np.random.default_rng([seed, i]).random(shape)
    return arrays


class Draws:
    """Real samples in [-1, 1), noise of variance 1, interpolation weights in [0, 1) and keys of dropout masks, step by step."""

    def __init__(self, seed, n, image_shape, latent_shape):
        self.random, self.n, self.image_shape, self.latent_shape = np.random.default_rng([seed, 2**20]), n, image_shape, latent_shape

    def real(self):
        return 2 * self.random.random((self.n, *self.image_shape)) - 1

    def noise(self):
        return math.sqrt(12) * (self.random.random((self.n, *self.latent_shape)) - 0.5)

    def alpha(self):
        return self.random.random((self.n, *(1 for _ in self.image_shape)))

    def keys(self, count):
        return [int(self.random.random() * 2**53) for _ in range(count)]


# --- Files ------------------------------------------------------------------------------------------------------


TOLERANCES = {"losses": 1e-9, "gradients": 1e-9, "parameters": 1e-4, "moving": 1e-9, "losses32": 1e-4, "variances32": 1e-6}


def keep(path, arrays, check):
    """Write the golden file; or (``check``) compare it with ``arrays``, computed anew, and say True where it holds."""
    if not check:
        np.savez_compressed(path, **arrays)
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")
        return True
    with np.load(path, allow_pickle=False) as file:
        there = dict(file)
    # Relative to the largest number of an array, whatever its tensor: a coarser measure than the test's, for files from another machine.
    errors = {key: float(np.abs(there[key] - arrays[key]).max(initial=0)) / max(float(np.abs(there[key]).max(initial=0)), 1e-300) for key in there}
    print(f"{path.name}:", ", ".join(f"{key} {error:.0e}" for key, error in errors.items()))
    return there.keys() == arrays.keys() and all(errors[key] <= TOLERANCES[key] for key in errors)
