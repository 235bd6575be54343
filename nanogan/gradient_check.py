"""Floor 3: is a gradient right?  Ask the function itself, at two points nearby.

A derivative is compared with the central difference (f(x + h) - f(x - h)) / 2h of f = <v, fn(x)>, in float64,
with a random v: a plain sum of the outputs is blind wherever a wrong gradient sums to zero, as batch norm's does.
"""

import collections

from nanogan import ops
from nanogan.autograd import Tensor, as_tensor, grad
from nanogan.backend import random, xp

# A passed check: the largest error relative to its input's largest derivative, the step, how many derivatives.
Report = collections.namedtuple("Report", "operation error step derivatives")


class GradcheckError(AssertionError):
    """A gradient disagrees with the finite difference, or no finite difference can be taken."""


def gradcheck(fn, inputs, name=None, directional=False, seed: int = 0, step: float = 1e-5, rtol: float = 1e-6, atol: float = 1e-9) -> Report:
    """Check the first derivatives of ``fn``, tensors to one tensor or several, at ``inputs``; returns a Report.
    inputs: arrays or tensors, copied as float64; integer ones are passed on as they are.  directional: compare along 8 random
    directions, not every axis.  seed: fixes cotangents, directions, and what fn itself draws.  A derivative passes within
    ``atol + rtol * largest derivative of its input``; where it does not, smaller steps are tried, away from a kink nearby.  The fused
    backward is checked too.  Raises GradcheckError naming operation, input, worst index, both values and the step, or a kink at the point.
    >>> gradcheck(lambda x: x * x, [[1.0, 2.0]]).derivatives
    2
    """
    name = name or getattr(fn, "__name__", type(fn).__name__)
    xs = [_copy(x) for x in inputs]
    wanted = [x for x in xs if x.requires_grad]
    if not wanted:
        raise GradcheckError(f"{name}: none of the inputs holds floats, so there is no gradient to check")
    vs = _cotangents(fn, xs, seed)

    def f(evaluate=Tensor.item):
        with random.fork(seed):  # the same dropout masks every time
            return evaluate(_inner(fn, xs, vs))

    if not abs((first := f()) - f()) <= 1e-12 * (1 + abs(first)):  # NaN included
        raise GradcheckError(f"{name}: not finite, or another value at each call; it may depend on its inputs and nanogan's random stream alone")
    errors = []
    for x, fused, dx in zip(wanted, f(lambda y: grad(y, wanted)), f(lambda y: grad(y, wanted, create_graph=True)), strict=True):
        where = f"{name}: the gradient of input {[t is x for t in xs].index(True)}, shape {x.shape}, is wrong"
        apart = xp.abs(fused.data - dx.data)  # NaN, too, where one of them is not finite
        if not _largest(apart) <= atol + rtol * _largest(dx.data):
            at = _index(xp.where(xp.isfinite(apart), apart, xp.inf))
            raise GradcheckError(f"{where}: at {at} backward_fused says {fused.data[at]:.10g}, backward {dx.data[at]:.10g}")
        with random.fork(seed + 1):
            errors += _compare(where, x.data, dx.data, f, directional, step, rtol, atol)
    return Report(name, max(errors, default=0.0), step, len(errors))


def gradgradcheck(fn, inputs, name=None, seed: int = 0, **options) -> Report:
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
    return sum(ops.sum(t * v) for t, v in zip(_outputs(fn, xs), vs, strict=True))


def _largest(array):
    return float(xp.abs(array).max()) if array.size else 0.0


def _index(array):
    """Where the largest entry stands."""
    return tuple(int(i) for i in xp.unravel_index(array.argmax(), array.shape))


def _compare(where, x, dx, f, directional, step, rtol, atol):
    """The errors of the gradient ``dx`` against differences of ``f()``, moving the array ``x`` in place."""
    start, base, scale, failures, errors = x.copy(), f(), _largest(dx), [], []
    for i in range(8 if directional else x.size):
        probe = random.normal(x.shape).astype(x.dtype) if directional else (xp.arange(x.size) == i).astype(x.dtype).reshape(x.shape)
        claimed, tries, reach = float((dx * probe).sum()), [], max(1.0, _largest(start * probe))
        for h in (step * reach / 8**k for k in range(5)):  # smaller steps, before a disagreement is believed
            slopes = []
            for move in (h, -h):
                x[...] = start + probe * move
                slopes.append((f() - base) / move)
            right, left = slopes
            kink = abs(right - left) > 1e-3 * max(scale, abs(right), abs(left)) + 1e-7
            tries.append((abs(claimed - (right + left) / 2), kink, left, right, h))
            if tries[-1][0] <= atol + rtol * scale and not kink:
                break
        else:
            failures.append((*min(tries), claimed, probe))
        errors.append(min(tries)[0] / (scale or 1.0))
    x[...] = start
    if failures:
        _, kink, left, right, h, claimed, probe = max(failures, key=lambda failure: failure[0])
        index = "a random direction" if directional else _index(probe)
        if kink:
            found = f"slope {left:.6g} to the left and {right:.6g} to the right (step {h:.1e})"
            raise GradcheckError(f"{where}, or there is none: at {index} lies a kink, {found}, gradient {claimed:.6g}; move the input off it")
        found = f"gradient {claimed:.10g}, finite difference {(left + right) / 2:.10g}"
        raise GradcheckError(f"{where}: worst at {index}: {found} (of randomly weighted outputs, step {h:.1e})")
    return errors
