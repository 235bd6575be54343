"""What comes of an answer, compared with what should have: both in words.

An outcome is a number, an array, a Tensor, text, None, a tuple or list of outcomes, a dictionary of them, or Raised.
"""

import dataclasses

import numpy

from nanogan.autograd import Tensor
from nanogan.backend import to_numpy

SMALL = 8  # entries of an array that is shown in full
SHOWN = 20  # bytes of a file, in hexadecimal


@dataclasses.dataclass(frozen=True)
class Raised:
    """An answer that failed.  line: the source line of it that did, if known."""

    error: Exception
    line: str | None = None


def difference(mine, expected, rtol):
    """In words how ``mine`` is not ``expected``; None where it is, but for rounding.

    >>> difference([1.0, 2.0], (1.0, 2.0), 1e-6), difference(3.0, 2.0, 1e-6)
    (None, 'you give 3, and it is 2')
    """
    if isinstance(mine, Raised):
        if isinstance(expected, Raised) and type(mine.error) is type(expected.error):
            return None
        where = f"\nin the line: {mine.line.strip()}" if mine.line else ""
        said = " ".join(str(mine.error).split())
        return f"it raises {type(mine.error).__name__}: {said:.300}{where}"
    if isinstance(expected, Raised):
        return f"it should raise {type(expected.error).__name__}, and gives {told(mine)}"
    if isinstance(expected, dict):
        return _parts(mine, expected, rtol, lambda key: f"{key}: ")
    if isinstance(expected, (tuple, list)) and not _plain(expected):
        return _parts(*(dict(enumerate(v)) if isinstance(v, (tuple, list)) else v for v in (mine, expected)), rtol, lambda i: f"value {i + 1}: ")
    if expected is None or isinstance(expected, (str, bool, type)):
        return None if type(mine) is type(expected) and mine == expected else f"you give {told(mine)}, and it is {told(expected)}"
    a, b = array_of(mine), array_of(expected)
    if a is None:
        return f"you give {kind_of(mine)}{told(mine)}, and it is {told(expected)}"
    if isinstance(expected, Tensor) and not isinstance(mine, Tensor):
        return f"you give {told(mine)}, of type {type(mine).__name__}, and a tensor is asked for"
    if a.shape != b.shape:
        return f"its shape is {a.shape}, and it should be {b.shape}"
    if close(a, b, rtol):
        return None
    if a.size <= SMALL:
        return "you give {}, and it is {}".format(*_apart(lambda digits: (told(mine, digits), told(expected, digits))))
    gap = numpy.where(numpy.isfinite(a) & numpy.isfinite(b), numpy.abs(a - b), numpy.inf)
    gap[(a == b) | (numpy.isnan(a) & numpy.isnan(b))] = 0
    worst = numpy.unravel_index(gap.argmax(), gap.shape)
    wrong = int((gap > rtol * max(1e-12, numpy.max(numpy.abs(b[numpy.isfinite(b)]), initial=0))).sum())
    there = _apart(lambda digits: (told(a[worst], digits), told(b[worst], digits)))
    return f"{wrong:,} of {a.size:,} entries are wrong; at {[int(i) for i in worst]} you give {there[0]}, and it is {there[1]}"


def _apart(texts):
    """texts(digits), with as few digits as two numbers need to look different."""
    return next((pair for pair in map(texts, (6, 9, 12)) if pair[0] != pair[1]), texts(17))


def kind_of(value):
    """What a list of tensors is, which looks like an array when it is printed; nothing for anything else."""
    return "a list of tensors, " if isinstance(value, (tuple, list)) and any(isinstance(v, Tensor) for v in value) else ""


def _parts(mine, expected, rtol, label):
    """``difference`` of dictionaries: the first part that differs, after its label(key)."""
    if not isinstance(mine, dict) or mine.keys() != expected.keys():
        if mine is None:  # expected may have more parts than are given back: what the answer did, too
            return "you give None"
        what = f"{len(mine)} values" if isinstance(mine, dict) else told(mine)
        return f"you give {what}, and {len(expected)} are asked for"
    for key, value in expected.items():
        found = difference(mine[key], value, rtol)
        if found:
            return label(key) + found
    return None


def _plain(values):
    """Whether a tuple or list holds nothing but numbers: then it is shown and compared as one array."""
    return bool(values) and all(isinstance(v, (int, float, numpy.number)) and not isinstance(v, bool) for v in values)


def array_of(value):
    """A number, an array, a Tensor, or a list of numbers as an array on the host; None for anything else."""
    if isinstance(value, (bool, str, bytes, dict, type)) or value is None:
        return None
    try:
        found = numpy.asarray(to_numpy(value.data if isinstance(value, Tensor) else value))
    except (TypeError, ValueError, NotImplementedError):
        return None
    return found if found.dtype.kind in "biufc" else None


def close(a, b, rtol):
    """Whether two arrays of one shape are equal up to ``rtol`` of the largest entry; NaN equals NaN."""
    finite = numpy.abs(b[numpy.isfinite(b)])
    return bool(numpy.allclose(a, b, rtol=0, atol=rtol * max(float(numpy.max(finite, initial=0.0)), 1e-3), equal_nan=True))


def told(value, digits=6):
    """A value in a few characters; what has a method told() says it itself.

    >>> told(numpy.zeros((2, 3, 3))), told([0.5, 2.0]), told(0.1)
    ('float64 (2, 3, 3)', '[0.5, 2]', '0.1')
    """
    if callable(getattr(value, "told", None)):
        return value.told()
    if isinstance(value, (str, bool, type(None))):
        return repr(value)
    if isinstance(value, bytes):
        return value[:SHOWN].hex(" ") + " ..." * (len(value) > SHOWN)
    if isinstance(value, type) or callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {told(v, digits)}" for key, v in value.items()) + "}"
    if isinstance(value, (tuple, list)):
        opens, closes = "()" if isinstance(value, tuple) else "[]"
        inside = ", ".join(told(v, digits) for v in value)
        return opens + inside + ("," if isinstance(value, tuple) and len(value) == 1 else "") + closes
    found = array_of(value)
    if found is None:
        return type(value).__name__
    if found.ndim == 0:
        return f"{found.item():,}" if found.dtype.kind in "iu" else f"{found.item() + 0.0:.{digits}g}"  # + 0.0: 0, and not -0
    if found.size <= SMALL:
        return numpy.array2string(found, separator=", ", formatter={"float_kind": lambda v: f"{v + 0.0:.{digits - 1}g}"}).replace("\n", "")
    return f"{found.dtype} {found.shape}"
