"""Where does the time of a step go?  To kernels, to what operations do besides, and to the rest, autograd.

    with Profile() as profile:
        profile.run(step)
    profile.report()

Times are exclusive: what a kernel takes is not counted again for the operation that called it.
"""

import contextlib
import time

from nanogan.autograd import Function
from nanogan.gan.bench import work

METHODS = ("forward", "backward", "backward_fused")


class Profile:
    """Inside ``with``, kernels and operations are timed; ``run`` takes a step and counts its time as a whole.

    synchronize: waits for the device, which makes a GPU's step slower and the times of its parts true.
    """

    def __init__(self, synchronize=lambda: None):
        self.synchronize, self.steps, self.whole = synchronize, 0, 0.0
        self.rows, self.shapes = {}, {}  # name, or (name, shapes) -> [seconds, calls, operations]
        self.inside = []  # for each call under way: seconds that calls within it took

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(work.watching(self.kernel))
        for kind in kinds_of(Function):
            for method in METHODS:
                if callable(vars(kind).get(method)):
                    self.stack.enter_context(replaced(kind, method, self.method, f"{kind.__name__} {method.partition('_')[0]}"))
        return self

    def __exit__(self, *exception):
        self.stack.close()

    def run(self, step):
        """Take one step."""
        _, seconds = self.timed(step)
        self.whole += seconds + self.within
        self.steps += 1

    def kernel(self, name, kernel, *arguments, **options):
        result, seconds = self.timed(kernel, *arguments, **options)
        operations = work.operations(name, result, arguments)
        add(self.rows, name, seconds, operations)
        add(self.shapes, (name, shapes(arguments)), seconds, operations)
        return result

    def method(self, name, method, *arguments):
        result, seconds = self.timed(method, *arguments)
        add(self.rows, name, seconds, 0)
        return result

    def timed(self, function, *arguments, **options):
        """(its result, the seconds that it took itself); those of what it called go to ``within``."""
        self.inside.append(0.0)
        began = self.clock()
        result = function(*arguments, **options)
        took = self.clock() - began
        self.within = self.inside.pop()
        if self.inside:
            self.inside[-1] += took
        return result, took - self.within

    def clock(self):
        self.synchronize()
        return time.perf_counter()

    def report(self, most=10):
        """Per step: {"seconds": of the whole, "rows": [...], "shapes": the most expensive}, rows with the largest first.

        A row: operation, seconds, share of the step, calls, and GFLOP/s where its operations are counted.
        """
        rows = [self.row(name, *row) for name, row in self.rows.items()]
        rest = self.whole - sum(row[0] for row in self.rows.values())
        rows = sorted(rows, key=lambda row: -row["seconds"]) + [self.row("autograd and the rest", rest, 0, 0)]
        dear = sorted(self.shapes.items(), key=lambda item: -item[1][0])
        return {"seconds": self.whole / self.steps, "rows": rows, "shapes": [self.row(f"{name} {text}", *row) for (name, text), row in dear[:most]]}

    def row(self, name, seconds, calls, operations):
        return {
            "operation": name, "seconds": seconds / self.steps, "share": seconds / self.whole, "calls": calls / self.steps,
            "gflops": operations / seconds / 1e9 if operations and seconds else None,
        }  # fmt: skip


@contextlib.contextmanager
def replaced(kind, method, around, name):
    """Inside, the method of a class is called as ``around(name, method, *arguments)``."""
    original = vars(kind)[method]
    setattr(kind, method, lambda *arguments: around(name, original, *arguments))
    try:
        yield
    finally:
        setattr(kind, method, original)


def add(rows, key, seconds, operations):
    row = rows.setdefault(key, [0.0, 0, 0])
    for i, more in enumerate((seconds, 1, operations)):
        row[i] += more


def kinds_of(base):
    """All subclasses, theirs too."""
    for kind in base.__subclasses__():
        yield kind
        yield from kinds_of(kind)


def shapes(arguments):
    """The shapes of the arrays among some arguments, and the numbers and tuples: "(8, 28, 28, 1) (5, 5, 1, 64) (2, 2)".

    >>> import numpy
    >>> shapes((numpy.ones((2, 3)), 1 / 3, (1, 1), None))
    '(2, 3) 0.3333 (1, 1)'
    """
    words = [argument.shape if hasattr(argument, "shape") else argument for argument in arguments]
    return " ".join(f"{word:.4g}" if isinstance(word, float) else str(word) for word in words if isinstance(word, (int, float, tuple)))
