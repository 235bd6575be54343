"""Floor 3: is a gradient right?  Ask the function itself, at two points nearby.

    gradcheck(lambda x, w: ops.conv2d(x, w, stride=2), [x, w])
    gradgradcheck(ops.tanh, [x])          # and is the gradient's own gradient right?

The derivative along an axis is compared with the central difference (f(x + h) - f(x - h)) / 2h of
f = <v, fn(x)>, in float64, with a random v.  A plain sum of the outputs would be blind wherever a
wrong gradient sums to zero: batch norm with a backward of zeros passes that.
"""

import dataclasses

from nanogan import ops
from nanogan.autograd import Tensor, as_tensor, grad
from nanogan.backend import random, xp

RETRIES = 4  # halvings by 8 of the step before a disagreement is believed


class GradcheckError(AssertionError):
    """A gradient disagrees with the finite difference, or no finite difference can be taken."""


@dataclasses.dataclass
class Report:
    """A passed check: the largest error relative to the input's largest derivative, the step, how many derivatives."""

    operation: str
    error: float
    step: float
    derivatives: int


def gradcheck(fn, inputs, name=None, directional=False, seed=0, step=1e-5, rtol=1e-6, atol=1e-9):
    """Check the first derivatives of ``fn`` at ``inputs`` against central differences; returns a Report.

    fn: tensors to a tensor, or to several.  inputs: arrays or tensors, copied as float64; integer ones
    are passed on as they are.  directional: compare along 8 random directions instead of every axis,
    for large inputs.  seed: fixes cotangents, directions, and what fn itself draws.  A derivative
    passes within ``atol + rtol * largest derivative of that input``.  Where it does not, smaller steps are
    tried, away from a kink nearby.  The fused and the recorded backward are both checked.

    Raises GradcheckError naming operation, input, worst index, both values and the step; or saying
    that the point lies on a kink, where no derivative exists.

    >>> gradcheck(lambda x: x * x, [[1.0, 2.0]]).derivatives
    2
    """
    name = name or getattr(fn, "__name__", type(fn).__name__)
    xs = [_copy(x) for x in inputs]
    wanted = [x for x in xs if x.requires_grad]
    vs = _cotangents(fn, xs, seed)

    def value():
        with random.fork(seed):  # the same dropout masks every time
            return _inner(fn, xs, vs).item()

    if value() != value():
        raise GradcheckError(f"{name}: gives another value at each call; it may depend on its inputs and nanogan's random stream alone")
    def gradients(create_graph):
        with random.fork(seed):
            return grad(_inner(fn, xs, vs), wanted, create_graph=create_graph)

    report = Report(name, 0.0, step, 0)
    for x, fused, dx in zip(wanted, gradients(False), gradients(True), strict=True):
        where = f"{name}: the gradient of input {[t is x for t in xs].index(True)}, shape {x.shape}, is wrong"
        if x.size and float(xp.abs(fused.data - dx.data).max()) > atol + rtol * float(xp.abs(dx.data).max()):
            raise GradcheckError(f"{where}: backward_fused and backward disagree by {float(xp.abs(fused.data - dx.data).max()):.3g}")
        with random.fork(seed + 1):
            _compare(report, where, x.data, dx.data, value, directional, rtol, atol)
    return report


def gradgradcheck(fn, inputs, name=None, seed=0, **options):
    """Check the second derivatives of ``fn``: how its gradient changes with the inputs, and with what flows in.

    Arguments, result and errors as for ``gradcheck``.

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
    return [out] if isinstance(out, Tensor) else [t for t in out if isinstance(t, Tensor)]


def _cotangents(fn, xs, seed):
    with random.fork(seed):
        return [Tensor(random.normal(t.shape).astype(xp.float64)) for t in _outputs(fn, xs)]


def _inner(fn, xs, vs):
    """<v, fn(x)>, a scalar tensor."""
    first, *others = [ops.sum(t * v) for t, v in zip(_outputs(fn, xs), vs, strict=True)]
    for other in others:
        first = first + other
    return first


def _compare(report, where, x, dx, value, directional, rtol, atol):
    """Hold the gradient ``dx`` against differences of ``value()``, moving the array ``x`` in place."""
    start, scale, worst = x.copy(), float(xp.abs(dx).max()) if dx.size else 0.0, None
    along = [random.normal(x.shape).astype(x.dtype) for _ in range(8)] if directional else range(x.size)

    def f(probe, h):
        if directional:
            x[...] = start + probe * h
        else:
            x.reshape(-1)[probe] += h
        result = value()
        x[...] = start
        return result

    for probe in along:
        claimed = float((dx * probe).sum() if directional else dx.reshape(-1)[probe])
        for h in (report.step / 8**k for k in range(RETRIES + 1)):
            measured = (f(probe, h) - f(probe, -h)) / (2 * h)
            error = abs(claimed - measured)
            if error <= atol + rtol * scale:
                break
        else:
            if worst is None or error > worst[0]:
                worst = error, probe, claimed, measured, h
        report.error = max(report.error, error / (scale or 1.0))
        report.derivatives += 1
    if worst is not None:
        _, probe, claimed, measured, h = worst
        index = "a random direction" if directional else str(tuple(int(i) for i in xp.unravel_index(probe, x.shape)))
        right, left = (f(probe, h) - f(probe, 0.0)) / h, (f(probe, 0.0) - f(probe, -h)) / h
        if abs(right - left) > 1e-3 * max(scale, abs(right), abs(left)):
            raise GradcheckError(f"{where}, or cannot be checked: at {index} there is a kink, with slope {left:.6g} to the left and "
                                 f"{right:.6g} to the right (step {h:.1e}), and the gradient says {claimed:.6g}; move the input off the kink")  # fmt: skip
        raise GradcheckError(f"{where}: worst at {index}: gradient {claimed:.10g}, finite difference {measured:.10g} (step {h:.1e})")
