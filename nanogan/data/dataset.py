"""A data set: samples in memory as they were stored, and batches as a network wants them.

    real = dataset.batch([3, 1, 4])       # (3, 28, 28, 1) float32 on the backend, in [-1, 1]

Nothing else scales a sample or gathers a batch.
"""

import numpy

from nanogan.backend import asarray, xp
from nanogan.data.files import DataError


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
        """The samples at ``indices``, a host array or a list of n, as a float32 array (n, *shape) of the backend.

        Images are scaled from 0...255 to [-1, 1] here, a batch at a time: in memory, and on the way to
        a GPU, they stay bytes.  With scaled=False they come as 0...255, and points always come as they are.
        """
        chosen = asarray(self.samples[indices]).astype(xp.float32)
        if self.is_images and scaled:
            chosen /= 127.5
            chosen -= 1
        return chosen
