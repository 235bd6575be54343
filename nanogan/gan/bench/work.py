"""How much arithmetic a step holds: multiplications and additions of its convolutions and matrix products, from shapes.

A convolution multiplies every output position with every entry of its window, and adds: 2 N OH OW K O operations,
K = KH*KW*C, borders included.  Its two transposes have as many.  How a kernel gets there plays no part.
"""

import contextlib
import math

from nanogan.backend import kernels

# Of a kernel: operations, from its result and its arguments.
OPERATIONS = {
    "conv2d": lambda y, x, w, *windows: 2 * y.size * math.prod(w.shape[:3]),  # y (N, OH, OW, O), w (KH, KW, C, O)
    "conv2d_input_grad": lambda x, g, w, *windows: 2 * g.size * math.prod(w.shape[:3]),  # g (N, OH, OW, O)
    "conv2d_weight_grad": lambda w, x, g, *windows: 2 * g.size * math.prod(w.shape[:3]),
    "matmul": lambda y, a, b: 2 * y.size * a.shape[-1],  # (..., M, K) @ (..., K, N)
    "matmul_grad": lambda grads, g, a, b, needs: 2 * g.size * a.shape[-1] * sum(needs),  # two products of the same numbers
}


class Watched:
    """Stands before the modules of kernels: a kernel called by name is called as ``around(name, kernel, *arguments)``."""

    def __init__(self, modules, around):
        self.modules, self.around = modules, around

    def __getattr__(self, name):
        kernel = next((getattr(module, name) for module in self.modules if hasattr(module, name)), None)
        if kernel is None:
            raise AttributeError(name)
        return (lambda *arguments, **options: self.around(name, kernel, *arguments, **options)) if callable(kernel) else kernel


@contextlib.contextmanager
def watching(around):
    """Inside, whoever asks for a kernel gets one that is called through ``around``."""
    modules = kernels.modules
    kernels.select(Watched(modules, around), *modules)
    try:
        yield
    finally:
        kernels.select(*modules)


def operations(name, result, arguments):
    """Multiplications and additions in one call of a kernel; 0 for one that is not counted."""
    return OPERATIONS[name](result, *arguments) if name in OPERATIONS else 0


def count(step):
    """Run ``step()`` and add up what its kernels compute: {kernel: operations}."""
    counts, inside = dict.fromkeys(OPERATIONS, 0), []

    def around(name, kernel, *arguments, **options):
        inside.append(name)
        result = kernel(*arguments, **options)
        inside.pop()
        if not inside and name in OPERATIONS:  # a kernel that is part of another is counted with it
            counts[name] += operations(name, result, arguments)
        return result

    with watching(around):
        step()
    return counts
