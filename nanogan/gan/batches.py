"""Which samples make up which batch.

    batches = Batches(60_000, 128)
    real = dataset.batch(batches.next())

An order of the samples, once drawn, is served batch by batch until it is used up.
"""

import numpy

from nanogan.backend import random


class Batches:
    """An endless supply of indices into ``n`` samples.

    Either epochs, each in a fresh order whose last batch may be smaller (or, with drop_last, is left
    out), or, with_replacement, independent draws, where n / batch_size of them are called an epoch.
    shuffle_buffer: 0 for orders that are all equally likely, else the size of ``through_buffer``'s.
    """

    def __init__(self, n, batch_size, with_replacement=False, drop_last=False, shuffle_buffer=0):
        self.n, self.batch_size, self.with_replacement = n, batch_size, with_replacement
        self.shuffle_buffer = shuffle_buffer
        whole = n // batch_size
        self.per_epoch = max(1, whole if with_replacement or drop_last else -(-n // batch_size))
        self.used = whole * batch_size if drop_last else n  # samples of an order that make batches
        self.order, self.position = None, n

    def next(self):
        """The indices of the next batch."""
        if self.with_replacement:
            return random.stream().integers(self.n, size=self.batch_size)
        if self.position >= self.used:
            self.order = through_buffer(self.n, self.shuffle_buffer) if self.shuffle_buffer else random.stream().permutation(self.n)
            self.position = 0
        start, self.position = self.position, self.position + self.batch_size
        return self.order[start : self.position]


def through_buffer(n, size):
    """0 ... n-1 as a shuffle buffer hands them out: each time one of the ``size`` that it holds, and the next takes its place.

    So a number can come out late, but never more than ``size`` places early: no full shuffle, if size < n.
    """
    chances = random.stream().random(n)
    held, order = list(range(min(size, n))), numpy.empty(n, numpy.int64)
    for i in range(n):
        place = int(chances[i] * len(held))
        order[i] = held[place]
        if i + size < n:
            held[place] = i + size
        else:
            held[place] = held[-1]
            held.pop()
    return order
