"""The checker itself: does it notice, does it say where, and does it keep quiet where nothing is wrong?"""

import re

import numpy as np
import pytest

import nanogan as ng
from nanogan import Tensor, ops
from nanogan.backend import random, xp

pytestmark = pytest.mark.every_backend

X = np.array([[0.3, -0.7, 1.1], [0.9, 0.4, -0.5]])


class Wrong(ng.Function):
    """x**2 y whose gradient for x is wrong at one index."""

    def __init__(self, at=(1, 2), by=1.05):
        self.at, self.by = at, by

    def forward(self, y, x):
        return x * x * y

    def backward(self, grad):
        y, x = self.inputs
        factor = np.ones(x.shape)
        factor[self.at] = self.by
        return grad * x * x, grad * x * y * 2 * Tensor(factor)


def test_a_report_when_all_is_well():
    report = ng.gradcheck(ops.tanh, [X])
    assert (report.operation, report.derivatives) == ("tanh", 6)
    assert 0 <= report.error < 1e-8
    assert report.step == 1e-5
    assert ng.gradgradcheck(ops.tanh, [X], "my tanh").operation == "my tanh (second order)"
    assert ng.gradgradcheck(ops.tanh, [X]).derivatives == 12  # with respect to x, and to what flows in


def test_an_error_says_operation_input_index_values_and_step():
    with pytest.raises(ng.GradcheckError) as caught:
        ng.gradcheck(lambda y, x: Wrong()(y, x), [np.full_like(X, 2.0), X], "squares")
    said = str(caught.value)
    assert said.startswith("squares: the gradient of input 1, shape (2, 3), is wrong: worst at (1, 2): ")
    assert re.search(r"step \d", said)
    gradient, difference = (float(v) for v in re.search(r"gradient (\S+), finite difference (\S+) ", said).groups())
    v = -difference / 2  # d(v x^2 y)/dx = 2 x y v at x = -.5, y = 2
    assert gradient == pytest.approx(1.05 * difference)
    assert abs(v) > 1e-3
    assert isinstance(caught.value, AssertionError)


def test_the_worst_index_is_named_among_several():
    class Twice(Wrong):
        def backward(self, grad):
            dy, dx = super().backward(grad)
            factor = np.ones(dx.shape)
            factor[0, 1] = 1.0001
            return dy, dx * Tensor(factor)

    with pytest.raises(ng.GradcheckError, match=r"worst at \(1, 2\)"):
        ng.gradcheck(lambda y, x: Twice(by=3.0)(y, x), [np.ones_like(X), X])


@pytest.mark.parametrize("error", [1e-4, 1e-2, 1.0])
def test_small_errors_count(error):
    with pytest.raises(ng.GradcheckError):
        ng.gradcheck(lambda y, x: Wrong(by=1 + error)(y, x), [np.ones_like(X), X])


def test_an_error_in_the_second_derivative_alone():
    class Frozen(ng.Function):
        """exp whose gradient forgets that it depends on x."""

        def forward(self, x):
            return xp.exp(x)

        def backward(self, grad):
            return (grad * Tensor(xp.exp(self.inputs[0].data)),)

    ng.gradcheck(lambda x: Frozen()(x), [X])
    with pytest.raises(ng.GradcheckError, match=r"second order.*input 0"):
        ng.gradgradcheck(lambda x: Frozen()(x), [X])


@pytest.mark.parametrize("name", ["backward", "backward_fused"])
def test_batch_norm_with_a_backward_of_zeros_is_noticed(monkeypatch, name):
    """A sum of its outputs is constant, so that a check on the sum would pass this."""
    cls = type(ops.batch_norm(Tensor(X, requires_grad=True), np.ones(3), np.zeros(3))[0].node)
    original = getattr(cls, name)
    monkeypatch.setattr(cls, name, lambda self, grad: (None if d is None else d * 0 for d in original(self, grad)))
    with pytest.raises(ng.GradcheckError):
        ng.gradcheck(lambda x: ops.batch_norm(x, np.ones(3), np.zeros(3))[0], [X])


def test_fused_and_recorded_backward_must_agree():
    class Split(ng.Function):
        def forward(self, x):
            return x * x

        def backward(self, grad):
            return (grad * self.inputs[0] * 2,)

        def backward_fused(self, grad):
            return (grad * self.inputs[0].data * 2.001,)

    with pytest.raises(ng.GradcheckError, match=r"at \(\d, \d\) backward_fused says .*, backward "):
        ng.gradcheck(lambda x: Split()(x), [X])


@pytest.mark.parametrize("distance", [4e-6, -1e-6, 1e-7])
def test_a_kink_nearby_is_survived(distance):
    ng.gradcheck(ops.leaky_relu, [[distance, 0.5, -0.5]])
    ng.gradcheck(ops.abs, [[distance]])
    ng.gradcheck(lambda a, b: ops.maximum(a, b), [[0.3], [0.3 + distance]])


@pytest.mark.parametrize("fn", [ops.relu, ops.leaky_relu, lambda x: ops.abs(x) + ops.relu(x)])
def test_a_kink_at_the_point_is_said(fn):
    """Not where the two slopes' mean happens to be the gradient, as for abs."""
    with pytest.raises(ng.GradcheckError, match=r"kink.*slope .* to the left and .* to the right"):
        ng.gradcheck(fn, [np.zeros(1)])


def test_a_function_that_is_not_one_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ng.GradcheckError, match="another value at each call"):
        ng.gradcheck(lambda x: x * Tensor(rng.standard_normal(x.shape)), [X])


def test_dropout_may_be_drawn_inside():
    for _ in range(3):
        ng.gradcheck(lambda x: ops.dropout(x * x, 0.5), [X])
        ng.gradgradcheck(lambda x: ops.dropout(ops.tanh(ops.dropout(x, 0.3)), 0.5), [X])


def test_the_random_stream_is_left_as_it_was():
    ng.seed(1)
    expected = random.stream().random()
    ng.seed(1)
    ng.gradcheck(ops.tanh, [X])
    ng.gradgradcheck(ops.tanh, [X], directional=True)
    assert random.stream().random() == expected


def test_inputs_are_copied():
    x, leaf = X.copy(), Tensor(X.astype(np.float32), requires_grad=True)
    ng.gradcheck(ops.multiply, [x, leaf])
    np.testing.assert_array_equal(x, X)
    assert leaf.dtype == np.float32 and leaf.grad is None


def test_float32_and_lists_are_checked_in_float64():
    seen = []
    ng.gradcheck(lambda *xs: seen.extend(x.dtype for x in xs) or xs[0] * xs[1], [X.astype(np.float32), 2.0])
    assert set(seen) == {np.dtype(np.float64)}


def test_integers_are_passed_on():
    labels = np.array([2, 0])

    def loss(x, labels):
        assert labels.dtype.kind == "i"
        return ops.softmax_cross_entropy(x, labels)

    assert ng.gradcheck(loss, [X, labels]).derivatives == 6
    assert ng.gradgradcheck(loss, [X, labels]).derivatives == 7
    with pytest.raises(ng.GradcheckError, match="input 2"):
        ng.gradcheck(lambda y, i, x: Wrong()(y, x[i]), [np.ones_like(X), np.array([0, 1]), X])


def test_several_outputs_are_all_checked():
    ng.gradcheck(lambda x: (ops.exp(x), x[0], "not a tensor"), [X])
    with pytest.raises(ng.GradcheckError):
        ng.gradcheck(lambda x: (ops.exp(x), Wrong()(x * 1, x)), [X])


def test_directions_instead_of_axes():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 8, 8, 4)), rng.standard_normal((3, 3, 4, 5))
    report = ng.gradcheck(lambda x, w: ops.conv2d(x, w), [x, w], "conv2d", directional=True)
    assert report.derivatives == 16
    with pytest.raises(ng.GradcheckError, match="a random direction"):
        ng.gradcheck(lambda y, x: Wrong(by=2.0)(y, x), [np.ones_like(X), X], directional=True)


def test_the_cotangent_depends_on_the_seed():
    reports = {ng.gradcheck(ops.exp, [X], seed=seed).error for seed in range(3)}
    assert len(reports) == 3
    assert ng.gradcheck(ops.exp, [X], seed=1) == ng.gradcheck(ops.exp, [X], seed=1)


def test_an_empty_input_has_nothing_to_check():
    assert ng.gradcheck(ops.tanh, [np.zeros((0, 3))]).derivatives == 0
