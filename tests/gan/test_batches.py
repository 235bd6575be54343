"""Which samples make up which batch: epochs, independent draws, and the shuffle buffer."""

import collections
import itertools

import numpy as np
import pytest

import nanogan as ng
from nanogan.backend import random
from nanogan.gan.batches import Batches, through_buffer

# --- Epochs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle_buffer", [0, 1, 3, 100])
@pytest.mark.parametrize(("n", "size", "sizes"), [(10, 4, [4, 4, 2]), (12, 4, [4, 4, 4]), (4, 4, [4]), (3, 1, [1, 1, 1]), (5, 4, [4, 1])])
def test_an_epoch_sees_every_sample_once(n, size, sizes, shuffle_buffer):
    batches = Batches(n, size, shuffle_buffer=shuffle_buffer)
    assert batches.per_epoch == len(sizes)
    epochs = [[batches.next() for _ in sizes] for _ in range(3)]
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == sizes
        assert sorted(np.concatenate(epoch)) == list(range(n))


@pytest.mark.parametrize("shuffle_buffer", [0, 4])
@pytest.mark.parametrize(("n", "size", "per_epoch"), [(10, 4, 2), (12, 4, 3), (4, 4, 1), (5, 4, 1), (60_000, 128, 468)])
def test_without_the_last_smaller_batch(n, size, per_epoch, shuffle_buffer):
    batches = Batches(n, size, drop_last=True, shuffle_buffer=shuffle_buffer and n)
    assert batches.per_epoch == per_epoch
    left_out = set()
    for _ in range(3):
        epoch = [batches.next() for _ in range(per_epoch)]
        assert {len(batch) for batch in epoch} == {size}
        seen = np.concatenate(epoch)
        assert len(set(seen.tolist())) == per_epoch * size and seen.min() >= 0 and seen.max() < n
        left_out |= set(range(n)) - set(seen.tolist()) if n < 100 else set()
    if n == 10:
        assert len(left_out) > 2  # other samples each time


def test_the_batches_of_the_texts():
    """MNIST: 235 of 256, the last of 96; 468 of 128, and 96 left out; 1,875 draws of 32 to an epoch."""
    assert Batches(60_000, 256).per_epoch == 235 and Batches(60_000, 128, drop_last=True).per_epoch == 468
    assert Batches(60_000, 128).per_epoch == 469 and Batches(60_000, 32, with_replacement=True).per_epoch == 1_875
    batches = Batches(60_000, 256)
    assert [len(batches.next()) for _ in range(235)][-2:] == [256, 96]


@pytest.mark.parametrize("options", [{}, {"shuffle_buffer": 30}, {"shuffle_buffer": 30, "drop_last": True}])
def test_epochs_differ_and_follow_the_seed(options):
    def orders(seed):
        ng.seed(seed)
        batches = Batches(100, 100, **options)
        return [batches.next().tolist() for _ in range(2)]

    first, second = orders(0)
    assert first != second and [first, second] == orders(0) != orders(1)


def test_nothing_is_drawn_before_the_first_batch():
    before = random.stream().bit_generator.state
    batches = Batches(100, 10, shuffle_buffer=5)
    assert random.stream().bit_generator.state == before and batches.order is None


@pytest.mark.parametrize(
    "options", [{}, {"drop_last": True}, {"shuffle_buffer": 4}, {"shuffle_buffer": 4, "drop_last": True}, {"with_replacement": True}]
)
@pytest.mark.parametrize("made", [0, 1, 2, 3, 4, 7])
def test_going_on_where_another_was(options, made):
    """Order, position and the random stream are all that a supply of batches is."""
    one = Batches(11, 3, **options)
    for _ in range(made):
        one.next()
    state = random.stream().bit_generator.state
    expected_order = None if one.order is None else one.order.copy()
    position, rest = one.position, [one.next().tolist() for _ in range(9)]
    other = Batches(11, 3, **options)
    other.order, other.position = expected_order, position
    random.stream().bit_generator.state = state
    assert [other.next().tolist() for _ in range(9)] == rest


# --- Independent draws ----------------------------------------------------------------------------------------


def test_with_replacement():
    batches = Batches(10, 4, with_replacement=True)
    assert batches.per_epoch == 2
    drawn = [batches.next() for _ in range(2500)]
    assert {len(batch) for batch in drawn} == {4} and any(len(set(batch)) < 4 for batch in drawn)
    counts = np.bincount(np.concatenate(drawn), minlength=10)
    assert len(counts) == 10 and (abs(counts - 1000) < 5 * 30).all()  # sqrt(10000 * .1 * .9) = 30


def test_with_replacement_a_batch_may_be_larger_than_the_data():
    batches = Batches(3, 8, with_replacement=True)
    assert batches.per_epoch == 1 and len(batches.next()) == 8


# --- The shuffle buffer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "size"), [(1, 1), (2, 1), (5, 2), (50, 7), (50, 49), (50, 50), (50, 51), (50, 5000), (1000, 10)])
def test_a_permutation_within_its_bound(n, size):
    """Number k enters the buffer when k - size + 1 numbers have left it, and so never comes sooner."""
    for _ in range(20):
        order = through_buffer(n, size)
        assert order.dtype == np.int64 and sorted(order.tolist()) == list(range(n))
        assert all(order[i] <= i + size - 1 for i in range(n))
    if 1 < size < n:
        orders = [through_buffer(n, size) for _ in range(400)]
        assert max(int(order[i] - i) for order in orders for i in range(n)) == size - 1  # the bound is reached


def test_a_buffer_of_one_shuffles_nothing():
    assert through_buffer(20, 1).tolist() == list(range(20))


def test_a_late_number_may_come_at_any_time_after():
    """No bound on the other side: of 40 numbers through a buffer of 4, the first sometimes comes last of all."""
    places = [int(np.flatnonzero(through_buffer(40, 4) == 0)[0]) for _ in range(4000)]
    assert min(places) == 0 and max(places) > 20
    assert np.mean(np.array(places) == 0) == pytest.approx(0.25, abs=5 * np.sqrt(0.1875 / 4000))


@pytest.mark.parametrize("size", [4, 5, 100])
def test_a_buffer_that_holds_all_makes_all_orders_equally_likely(size):
    draws = 4800
    counts = collections.Counter(tuple(through_buffer(4, size).tolist()) for _ in range(draws))
    assert len(counts) == 24
    chi2 = sum((count - draws / 24) ** 2 / (draws / 24) for count in counts.values())
    assert chi2 < 23 + 5 * np.sqrt(2 * 23)


def tensorflows(n, size):
    """The chance of each order under tf.data's rule: fill a buffer; take any of it, put the next one in its place."""
    chances = collections.Counter()

    def go_on(held, following, order, chance):
        if not held:
            chances[order] += chance
            return
        for i, number in enumerate(held):
            rest = held[:i] + held[i + 1 :]
            if following < n:
                go_on((*rest, following), following + 1, (*order, number), chance / len(held))
            else:
                go_on(rest, following, (*order, number), chance / len(held))

    go_on(tuple(range(min(size, n))), size, (), 1.0)
    return chances


@pytest.mark.parametrize(("n", "size"), [(5, 2), (5, 3), (4, 3), (3, 2)])
def test_orders_are_as_likely_as_tensorflows(n, size):
    expected = tensorflows(n, size)
    assert sum(expected.values()) == pytest.approx(1) and len(expected) < len(list(itertools.permutations(range(n))))
    draws = 8000
    counts = collections.Counter(tuple(through_buffer(n, size).tolist()) for _ in range(draws))
    assert set(counts) <= set(expected)
    chi2 = sum((counts[order] - draws * chance) ** 2 / (draws * chance) for order, chance in expected.items())
    freedom = len(expected) - 1
    assert chi2 < freedom + 5 * np.sqrt(2 * freedom)
