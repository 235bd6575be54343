"""Every operation against finite differences: its gradient, the gradient of that, and a gradient penalty.

    pytest -m gradcheck -v

ends in a table of operations, orders and errors.
"""

import numpy as np
import pytest
from cases import CASES, penalty

import nanogan as ng
from nanogan import ops

pytestmark = [pytest.mark.gradcheck, pytest.mark.every_backend, pytest.mark.usefixtures("any_size")]
LARGE = 120  # entries from which random directions stand for the axes


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("order", [pytest.param(1, id="order1"), pytest.param(2, id="order2", marks=pytest.mark.slow_on_strict)])
def test_gradients(case, order, record_report):
    arrays = case.arrays()
    check = ng.gradcheck if order == 1 else ng.gradgradcheck
    record_report(str(case), order, check(case.fn, arrays, str(case), directional=order == 2 and sum(a.size for a in arrays) > LARGE))


@pytest.mark.slow_on_strict
@pytest.mark.parametrize("case", CASES, ids=str)
def test_penalty(case, record_report):
    def value(*args):
        *xs, v = args
        return penalty(case, ng.grad(ops.sum(case.fn(*xs) * v), xs, create_graph=True))

    arrays = case.arrays()
    v = np.random.default_rng(1).uniform(0.5, 1.5, case.fn(*arrays).shape)
    report = ng.gradcheck(value, [*arrays, v], f"penalty of {case}", directional=sum(a.size for a in arrays) > LARGE // 4)
    record_report(f"penalty of {case}", 2, report)


def test_third_order_through_convolution(record_report):
    """The gradient of the gradient of tanh(conv) has gradients of its own, and so has a convolution's weight gradient."""
    case = next(c for c in CASES if str(c) == "conv2d-then-tanh")

    def gradient(x, w, v):
        return ng.grad(ops.sum(case.fn(x, w) * v), [x, w], create_graph=True)

    v = np.random.default_rng(2).standard_normal((1, 3, 2, 2))
    record_report(str(case), 3, ng.gradgradcheck(gradient, [*case.arrays(), v], "gradient of tanh(conv2d)"))
