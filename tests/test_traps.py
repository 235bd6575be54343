"""Traps that once caught somebody, each in a line or two."""

import math

import numpy as np
import pytest

import nanogan as ng
from nanogan import nn, ops

pytestmark = pytest.mark.every_backend


def test_a_backward_may_take_gradients_of_its_own():
    class Square(ng.Function):
        def forward(self, x):
            return x * x

        def backward(self, grad):
            (x,) = self.inputs
            y = (x * 3).sum()
            inner = ng.grad(y, x) if y.requires_grad else None  # walks the nodes that the outer walk is in the middle of
            return (grad * x * 2 + (0 if inner is None else inner * 0),)

    a = ng.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    np.testing.assert_allclose(ng.grad(Square()(a * 3).sum(), a).numpy(), [18.0, 36.0])
    np.testing.assert_allclose(ng.grad(Square()(a * 3).sum(), a, create_graph=True).numpy(), [18.0, 36.0])


@pytest.mark.parametrize("fn, x", [(ops.sqrt, [[0.0, 2.0]]), (lambda x: ops.sqrt(ops.sum(x * x)), [[0.0, 0.0]])])
def test_gradcheck_refuses_gradients_that_are_not_finite(fn, x):
    with np.errstate(all="ignore"), pytest.raises(ng.GradcheckError):
        ng.gradcheck(fn, x)


def test_gradcheck_refuses_values_that_are_not_finite():
    with np.errstate(all="ignore"), pytest.raises(ng.GradcheckError, match="not finite"):
        ng.gradcheck(ops.log, [[-1.0]])


@pytest.mark.parametrize("fn, inputs", [(ops.abs, [[0.0, 2.0]]), (ops.maximum, [[1.0, 2.0], [1.0, 3.0]]), (ops.relu, [[0.0]])])
def test_gradcheck_says_that_a_point_lies_on_a_kink(fn, inputs):
    with pytest.raises(ng.GradcheckError, match="lies a kink"):
        ng.gradcheck(fn, inputs)


def test_gradcheck_at_a_large_input():
    ng.gradcheck(lambda x: x * x, [[1e6]])


def test_a_dropout_key_may_come_from_numpy():
    x = ng.Tensor(np.ones(2000, np.float32))
    for key in (3, 2**62 + 12345, -1):
        np.testing.assert_array_equal(ops.dropout(x, 0.3, key=np.int64(key)).numpy(), ops.dropout(x, 0.3, key=key).numpy())
        assert abs((ops.dropout(x, 0.3, key=key).numpy() > 0).mean() - 0.7) < 0.05


def test_numpy_scalars_as_options_keep_float32():
    x = ng.Tensor(np.ones((4, 3), np.float32))
    for y in (ops.leaky_relu(x, np.float64(0.2)), ops.dropout(x, np.float64(0.5)), ops.batch_norm(x, np.ones(3, "f4"), np.ones(3, "f4"), eps=np.float64(1e-5))[0],
              nn.BatchNorm(3, eps=np.float64(1e-3), momentum=np.float64(0.8)).eval()(x), ops.binary_cross_entropy(x, 1, clip=np.float64(1e-7))):  # fmt: skip
        assert y.dtype == np.float32
    assert nn.init.normal((2, 2), np.sqrt(0.5)).dtype == np.float32


def test_batch_norm_refuses_other_channels_in_both_modes():
    for norm in (nn.BatchNorm(64), nn.BatchNorm(64).eval()):
        with pytest.raises(ng.ShapeError):
            norm(np.ones((2, 7, 7, 1), np.float32))
    assert nn.BatchNorm(3).eval()(np.ones((0, 3), np.float32)).shape == (0, 3)


def test_an_incoming_gradient_of_another_dtype_is_refused():
    a = ng.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ng.ShapeError, match="float64"):
        ng.grad(a + 1.0, a, grad_output=ng.Tensor(np.ones(2)))


def test_col2im_refuses_columns_of_another_shape():
    with pytest.raises(ng.ShapeError, match=r"\(9, 2\).*need \(2, 9\)"):
        ops.col2im(np.ones((9, 2)), (2, 3, 3, 1), 3)


def test_flatten_takes_an_empty_batch():
    assert nn.Flatten()(np.zeros((0, 7, 7, 2), np.float32)).shape == (0, 98)


def test_layers_never_share_an_array():
    first = ng.xp.ones((2, 2), np.float32)
    a, b = nn.Dense(2, 2, init=lambda shape: first), nn.Dense(2, 2, init=lambda shape: first)
    a.weight.data += 1
    assert (first == 1).all() and (b.weight.data == 1).all()


def test_the_statistics_that_batch_norm_returns_may_be_written_into():
    x = ng.Tensor(np.random.default_rng(0).normal(size=(5, 2)), requires_grad=True)
    y, mean, var = ops.batch_norm(x, np.ones(2), np.zeros(2))
    expected = ng.grad(ops.sum(y * y * y), x).numpy()
    mean *= 0
    var *= 0
    np.testing.assert_array_equal(ng.grad(ops.sum(y * y * y), x).numpy(), expected)


def test_gates_at_infinity_and_nan():
    np.testing.assert_array_equal(ops.relu(ng.Tensor([-math.inf, math.inf, math.nan])).numpy(), [0.0, math.inf, math.nan])
    assert ops.softplus(ng.Tensor([math.inf])).item() == math.inf


def test_results_among_the_attributes_are_no_parameters():
    class Net(nn.Module):
        def __init__(self):
            self.layers = [nn.Dense(2, 3), nn.ReLU(), nn.Dense(3, 1)]

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            self.seen = x
            return x

    net = Net()
    net(np.ones((1, 2), np.float32))
    assert [name for name, _ in net.named_parameters()] == ["layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]
    assert net.eval().layers[1].training is False and net.astype("float64").layers[0].weight.dtype == np.float64


def test_a_layer_used_twice_is_trained_once():
    layer = nn.Dense(2, 2)
    assert len(nn.Sequential(layer, nn.ReLU(), layer).parameters()) == 2


@pytest.mark.parametrize("layers", [([nn.Dense(2, 2)],), (nn.Dense(2, 2), nn.ReLU), (ops.relu,)])
def test_sequential_takes_layers_only(layers):
    with pytest.raises(TypeError, match="is no layer"):
        nn.Sequential(*layers)


def test_numpy_functions_say_what_to_use_instead():
    with pytest.raises(TypeError, match=r"x\.numpy\(\)"):
        np.array(ng.Tensor([1.0]))
    assert f"{float(ng.Tensor(0.25)):.3f}" == "0.250"


def test_strict_speaks_of_create_graph():
    x = ng.Tensor([1.0, 2.0], requires_grad=True)
    slope = ng.grad((x**3).sum(), x)
    with pytest.raises(ValueError, match="create_graph=True"):
        ng.grad(slope.sum(), x, strict=True)


def test_a_summary_of_a_float64_network():
    assert "Total params: 9" in ng.summary(nn.Sequential(nn.Dense(2, 3)).astype("float64"), (2,))
