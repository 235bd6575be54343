"""A data set: samples in memory as they were stored, and batches as a network wants them.

    real = dataset.batch([3, 1, 4])       # (3, 28, 28, 1) float32 on the backend, in [-1, 1]

Nothing else scales a sample or gathers a batch.
"""

import contextlib

import numpy

from nanogan.backend import asarray, backend_name, load_cupy, xp
from nanogan.data.files import DataError

DEVICE_SHARE = 0.25  # of a GPU's free memory: samples that need no more lie there, all of them


class Dataset:
    """Samples with or without labels.

    name: what to call it.  samples: images as uint8 (N, H, W, C), or points as float32 (N, 2).
    labels: N whole numbers, kept as int64, or None.  skipped: (path, reason) of each file that could
    not be read.  centres, (K, 2), and std: of the modes of a mixture.  Raises DataError where samples
    and labels do not go together.

    >>> d = Dataset("two", numpy.array([0, 255], dtype="uint8").reshape(2, 1, 1, 1), labels=[7, 8])
    >>> d
    Dataset('two': 2 samples of (1, 1, 1), with labels)
    >>> d.batch([1, 0]).ravel()
    array([ 1., -1.], dtype=float32)
    """

    def __init__(self, name, samples, labels=None, *, skipped=(), centres=None, std=None):
        samples = numpy.asarray(samples)
        if len(samples) == 0 or (samples.dtype, samples.ndim) not in ((numpy.uint8, 4), (numpy.float32, 2)):
            raise DataError(f"{name}: samples are {samples.dtype} {samples.shape}; images are uint8 (N, H, W, C), points float32 (N, D)")
        if labels is not None:
            labels = numpy.asarray(labels).astype(numpy.int64)
            if labels.shape != samples.shape[:1]:
                raise DataError(f"{name}: {len(samples)} samples, but labels of shape {labels.shape}; use files that belong together")
        self.name, self.samples, self.labels = name, samples, labels
        self.skipped, self.centres, self.std = skipped, centres, std
        self._there = None, None, None  # these samples, the kind of array that holds them on a device, and that array

    def __len__(self):
        return len(self.samples)

    def __repr__(self):
        return f"Dataset({self.name!r}: {len(self)} samples of {self.shape}, with{'out' if self.labels is None else ''} labels)"

    @property
    def shape(self):
        """Shape of one sample: (H, W, C), or (2,) for points."""
        return self.samples.shape[1:]

    @property
    def is_images(self):
        return self.samples.dtype == numpy.uint8

    def batch(self, indices, scaled=True):
        """The samples at ``indices``, a host array or a list of n, or a slice, as a float32 array (n, *shape) of the backend.

        Images are scaled from 0...255 to [-1, 1] here, a batch at a time: in memory they stay bytes.  On a
        GPU all samples lie in its memory, as bytes, if they fit into DEVICE_SHARE of what is free when the
        first batch is asked for, and only indices travel; else each batch does.  With scaled=False images
        come as 0...255, and points always come as they are.  Raises IndexError beyond the samples.
        Who writes into ``samples`` after that writes into the host's only; another array in its place is noticed.
        """
        samples = self._on_device()
        if samples is None:
            chosen = asarray(self.samples[indices])
        elif isinstance(indices, slice):
            chosen = samples[indices]
        else:
            chosen = samples[asarray(self._within(indices))]
        chosen = chosen.astype(xp.float32)
        if self.is_images and scaled:
            chosen /= 127.5
            chosen -= 1
        return chosen

    def _on_device(self):
        """All samples in the memory of a GPU; None where NumPy computes, and where they are too many."""
        if backend_name() == "numpy":
            return None
        of, kind, there = self._there
        if of is not self.samples or kind is not xp.ndarray:
            there = None
            with contextlib.suppress(MemoryError):  # it was free a moment ago
                if self.samples.nbytes <= DEVICE_SHARE * self._room():
                    there = xp.empty(self.samples.shape, dtype=self.samples.dtype)
                    there.set(numpy.ascontiguousarray(self.samples))
            self._there = self.samples, xp.ndarray, there
        return there

    @staticmethod
    def _room():
        """Bytes of the GPU that can be had."""
        pool = load_cupy().get_default_memory_pool()
        free = load_cupy().cuda.Device().mem_info[0] + pool.free_bytes()
        return min(free, pool.get_limit() - pool.used_bytes()) if pool.get_limit() else free

    def _within(self, indices):
        """The indices as whole numbers, as NumPy would have them: a GPU takes those beyond the end for others, and says nothing."""
        indices = numpy.asarray(indices)
        if indices.dtype == bool:
            indices = numpy.arange(len(self))[indices]
        if indices.size and (indices.dtype.kind not in "iu" or not -len(self) <= indices.min() <= indices.max() < len(self)):
            raise IndexError(f"{self.name}: {indices.dtype} indices of {indices.min()} ... {indices.max()}; it has {len(self)} samples")
        return indices.astype(numpy.int64)
