"""Floor 3: is a gradient right?  Ask the function itself, at two points nearby.

    gradcheck(ops.conv2d, [x, w]), gradgradcheck(ops.tanh, [x])

A derivative is compared with the central difference (f(x + h) - f(x - h)) / 2h of f = <v, fn(x)>, in
float64, with a random v.  A plain sum of the outputs would be blind wherever a wrong gradient sums to
zero: batch norm with a backward of zeros passes that.
"""

import collections
import functools

from nanogan import ops
from nanogan.autograd import Tensor, as_tensor, grad
from nanogan.backend import random, xp

RETRIES = 4  # how often the step is divided by 8 before a disagreement is believed


class GradcheckError(AssertionError):
    """A gradient disagrees with the finite difference, or no finite difference can be taken."""


# A passed check: the largest error relative to its input's largest derivative, the step, how many derivatives.
Report = collections.namedtuple("Report", "operation error step derivatives")


def gradcheck(fn, inputs, name=None, directional=False, seed=0, step=1e-5, rtol=1e-6, atol=1e-9):
    """Check the first derivatives of ``fn``, tensors to one tensor or several, at ``inputs``; returns a Report.

    inputs: arrays or tensors, copied as float64; integer ones are passed on as they are.  directional:
    compare along 8 random directions, not every axis.  seed: fixes cotangents, directions, and what fn
    itself draws.  A derivative passes within ``atol + rtol * largest derivative of its input``; where it
    does not, smaller steps are tried, away from a kink nearby.  The fused backward is checked too.

    Raises GradcheckError naming operation, input, worst index, both values and the step, or a kink at the point.
    >>> gradcheck(lambda x: x * x, [[1.0, 2.0]]).derivatives
    2
    """
    name = name or getattr(fn, "__name__", type(fn).__name__)
    xs = [_copy(x) for x in inputs]
    wanted = [x for x in xs if x.requires_grad]
    if not wanted:
        raise GradcheckError(f"{name}: none of the inputs holds floats, so there is no gradient to check")
    vs = _cotangents(fn, xs, seed)

    def value():
        with random.fork(seed):  # the same dropout masks every time
            return _inner(fn, xs, vs).item()

    def gradients(create_graph):
        with random.fork(seed):
            return grad(_inner(fn, xs, vs), wanted, create_graph=create_graph)

    if value() != value():
        raise GradcheckError(f"{name}: gives another value at each call; it may depend on its inputs and nanogan's random stream alone")
    errors = []
    for x, fused, dx in zip(wanted, gradients(False), gradients(True), strict=True):
        where = f"{name}: the gradient of input {[t is x for t in xs].index(True)}, shape {x.shape}, is wrong"
        if _largest(fused.data - dx.data) > atol + rtol * _largest(dx.data):
            raise GradcheckError(f"{where}: backward_fused and backward disagree by {_largest(fused.data - dx.data):.3g}")
        with random.fork(seed + 1):
            errors += _compare(where, x.data, dx.data, value, directional, step, rtol, atol)
    return Report(name, max(errors, default=0.0), step, len(errors))


def gradgradcheck(fn, inputs, name=None, seed=0, **options):
    """Check the second derivatives, in the inputs and in what flows in; otherwise as ``gradcheck``.
    >>> gradgradcheck(lambda x: x * x * x, [[1.0, 2.0]]).derivatives
    4
    """
    xs = [_copy(x) for x in inputs]

    def gradient(*args):
        xs = args[: len(inputs)]
        return grad(_inner(fn, xs, args[len(inputs) :]), [x for x in xs if x.requires_grad], create_graph=True)

    name = f"{name or getattr(fn, '__name__', type(fn).__name__)} (second order)"
    return gradcheck(gradient, [*xs, *_cotangents(fn, xs, seed + 2)], name, seed=seed, **options)


def _copy(x):
    """A tensor of its own: float64 where x is of floats, and then asked for its gradient."""
    array = xp.array(as_tensor(x).data)
    return Tensor(array.astype(xp.float64), requires_grad=True) if array.dtype.kind == "f" else Tensor(array)


def _outputs(fn, xs):
    out = fn(*xs)
    return [t for t in ([out] if isinstance(out, Tensor) else out) if isinstance(t, Tensor)]


def _cotangents(fn, xs, seed):
    with random.fork(seed):
        return [Tensor(random.normal(t.shape).astype(xp.float64)) for t in _outputs(fn, xs)]


def _inner(fn, xs, vs):
    """<v, fn(x)>, a scalar tensor."""
    return functools.reduce(ops.add, [ops.sum(t * v) for t, v in zip(_outputs(fn, xs), vs, strict=True)])


def _largest(array):
    return float(xp.abs(array).max()) if array.size else 0.0


def _compare(where, x, dx, value, directional, step, rtol, atol):
    """The errors of the gradient ``dx`` against differences of ``value()``, moving the array ``x`` in place."""
    start, scale, worst, errors = x.copy(), _largest(dx), (0.0,), []

    def f(probe, h):
        x[...] = start + probe * h
        result = value()
        x[...] = start
        return result

    for i in range(8 if directional else x.size):
        probe = random.normal(x.shape).astype(x.dtype) if directional else (xp.arange(x.size) == i).astype(x.dtype).reshape(x.shape)
        claimed, best = float((dx * probe).sum()), (float("inf"),)
        for h in (step / 8**k for k in range(RETRIES + 1)):
            measured = (f(probe, h) - f(probe, -h)) / (2 * h)
            best = min(best, (abs(claimed - measured), probe, claimed, measured, h), key=lambda found: found[0])
            if best[0] <= atol + rtol * scale:
                break
        else:
            worst = max(worst, best, key=lambda found: found[0])
        errors.append(best[0] / (scale or 1.0))
    if worst[0]:
        _, probe, claimed, measured, h = worst
        index = "a random direction" if directional else str(tuple(int(i) for i in xp.unravel_index(probe.argmax(), x.shape)))
        right, left = (f(probe, h) - value()) / h, (value() - f(probe, -h)) / h
        if abs(right - left) > 1e-3 * max(scale, abs(right), abs(left)):
            raise GradcheckError(f"{where}, or there is none: at {index} lies a kink, with slope {left:.6g} to the left and {right:.6g} "
                                 f"to the right (step {h:.1e}), where the gradient is {claimed:.6g}; move the input off the kink")  # fmt: skip
        raise GradcheckError(f"{where}: worst at {index}: gradient {claimed:.10g}, finite difference {measured:.10g} "
                             f"(of randomly weighted outputs, step {h:.1e})")  # fmt: skip
    return errors
