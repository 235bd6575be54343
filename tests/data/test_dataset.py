"""A Dataset keeps bytes, and hands out float32 batches."""

import tracemalloc

import numpy as np
import pytest

import nanogan as ng
from nanogan import to_numpy
from nanogan.data import DataError, Dataset

pytestmark = pytest.mark.every_backend


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (50, 4, 5, 3), dtype=np.uint8)


def test_images_are_scaled_to_one_batch_at_a_time(images):
    images[0], images[1] = 0, 255
    d = Dataset("random", images, range(50))
    assert (len(d), d.shape, d.is_images, d.labels.dtype) == (50, (4, 5, 3), True, np.int64)
    batch = to_numpy(d.batch([1, 0, 7]))
    assert batch.dtype == np.float32 and batch.shape == (3, 4, 5, 3)
    assert (batch[0] == 1).all() and (batch[1] == -1).all()
    np.testing.assert_allclose(batch[2], images[7] / 127.5 - 1, atol=1e-6)
    assert d.samples is images and d.samples.dtype == np.uint8


def test_every_byte_survives_the_scaling():
    d = Dataset("all", np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1))
    back = np.rint((to_numpy(d.batch(slice(None))).ravel() + 1) * 127.5)
    np.testing.assert_array_equal(back, np.arange(256))


def test_indices_may_be_an_array_a_list_a_slice_and_repeat(images):
    d = Dataset("random", images)
    for indices in (np.array([3, 3, 49]), [3, 3, 49]):
        np.testing.assert_array_equal(to_numpy(d.batch(indices)), to_numpy(d.batch(slice(None)))[[3, 3, 49]])
    with pytest.raises(IndexError):
        d.batch([50])


def test_a_batch_does_not_share_memory_with_the_samples(images):
    before = images.copy()
    d, points = Dataset("random", images), Dataset("points", np.ones((5, 2), np.float32))
    d.batch(slice(None))[...] = 0
    np.testing.assert_array_equal(images, before)
    points.batch([0, 1])[...] = 7
    points.batch(slice(None))[...] = 7
    assert (points.samples == 1).all()


@pytest.mark.numpy_only  # whose memory is the process's
def test_the_whole_set_is_never_a_float_array():
    d = Dataset("big", np.zeros((20_000, 28, 28, 1), np.uint8))
    tracemalloc.start()
    d.batch(np.arange(100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_points_come_as_they_are():
    points = np.array([[300.0, -2.5], [1, 2]], np.float32)
    d = Dataset("points", points)
    assert not d.is_images and d.shape == (2,) and d.labels is None
    np.testing.assert_array_equal(to_numpy(d.batch([1, 0])), points[::-1])
    assert d.batch([0]).dtype == np.float32


def test_images_may_come_as_they_were_stored(images):
    d = Dataset("random", images)
    batch = to_numpy(d.batch([3, 1], scaled=False))
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch, images[[3, 1]])
    np.testing.assert_allclose(to_numpy(d.batch([3, 1], scaled=True)), batch / 127.5 - 1, atol=1e-6)
    points = Dataset("points", np.array([[300.0, -2.5]], np.float32))
    np.testing.assert_array_equal(to_numpy(points.batch([0], scaled=False)), to_numpy(points.batch([0])))


def test_what_else_is_known_of_the_samples(images):
    plain = Dataset("random", images)
    assert (plain.skipped, plain.centres, plain.std) == ((), None, None)
    told = Dataset("random", images, skipped=[("a.png", "empty")], centres=np.eye(2), std=0.5)
    assert told.skipped == [("a.png", "empty")] and told.centres.shape == (2, 2) and told.std == 0.5


@pytest.mark.parametrize(
    ("samples", "labels"),
    [
        (np.zeros((3, 28, 28), np.uint8), None),
        (np.zeros((3, 28, 28, 1), np.float32), None),
        (np.zeros((3, 2), np.float64), None),
        (np.zeros((0, 28, 28, 1), np.uint8), None),
        (np.zeros((3, 28, 28, 1), np.uint8), [1, 2]),
        (np.zeros((3, 28, 28, 1), np.uint8), [[1], [2], [3]]),
    ],
)
def test_what_is_no_data_set_is_refused(samples, labels):
    with pytest.raises(DataError, match=r"^odd: .*; "):
        Dataset("odd", samples, labels)


def test_a_data_error_is_a_users_mistake():
    assert issubclass(DataError, ng.NanoganError)
