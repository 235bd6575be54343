"""Layers: names and order of their parameters, both modes, moving statistics, and whole nets against differences."""

import numpy as np
import pytest

import nanogan as ng
from nanogan import Tensor, nn, ops, to_numpy

pytestmark = pytest.mark.every_backend

# layer, input shape, parameters and statistics by name, output shape
LAYERS = {
    "Dense": (lambda: nn.Dense(3, 5), (2, 3), {"weight": (3, 5), "bias": (5,)}, (2, 5)),
    "Dense-no-bias": (lambda: nn.Dense(3, 5, bias=False), (2, 3), {"weight": (3, 5)}, (2, 5)),
    "Conv2D": (lambda: nn.Conv2D(2, 4, 3, 2), (2, 5, 6, 2), {"weight": (3, 3, 2, 4), "bias": (4,)}, (2, 3, 3, 4)),
    "Conv2D-pairs": (lambda: nn.Conv2D(2, 4, (3, 2), (1, 2), "valid", bias=False), (2, 5, 6, 2), {"weight": (3, 2, 2, 4)}, (2, 3, 3, 4)),
    "ConvTranspose2D": (lambda: nn.ConvTranspose2D(2, 4, 5, 2), (2, 3, 4, 2), {"weight": (5, 5, 4, 2), "bias": (4,)}, (2, 6, 8, 4)),
    "ConvTranspose2D-sized": (
        lambda: nn.ConvTranspose2D(2, 1, 3, 2, 1, output_size=10),
        (1, 5, 5, 2),
        {"weight": (3, 3, 1, 2), "bias": (1,)},
        (1, 10, 10, 1),
    ),
    "BatchNorm": (lambda: nn.BatchNorm(2), (3, 2, 2, 2), {"gamma": (2,), "beta": (2,), "moving_mean": (2,), "moving_var": (2,)}, (3, 2, 2, 2)),
    "LayerNorm": (lambda: nn.LayerNorm(2), (3, 2, 2, 2), {"gamma": (2,), "beta": (2,)}, (3, 2, 2, 2)),
    "ReLU": (nn.ReLU, (2, 3), {}, (2, 3)),
    "LeakyReLU": (nn.LeakyReLU, (2, 3), {}, (2, 3)),
    "Sigmoid": (nn.Sigmoid, (2, 3), {}, (2, 3)),
    "Tanh": (nn.Tanh, (2, 3), {}, (2, 3)),
    "Dropout": (nn.Dropout, (2, 3), {}, (2, 3)),
    "Flatten": (nn.Flatten, (2, 3, 4, 5), {}, (2, 60)),
    "Reshape": (lambda: nn.Reshape(3, 4), (2, 12), {}, (2, 3, 4)),
}
each_layer = pytest.mark.parametrize("name", LAYERS)


def draw(*shape, dtype=np.float32):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def test_every_layer_is_listed():
    classes = {n for n, c in vars(nn).items() if isinstance(c, type) and issubclass(c, nn.Module)}
    assert classes - {"Module", "Sequential"} == {name.split("-")[0] for name in LAYERS}


@each_layer
def test_names_shapes_and_float32_in_both_modes(name):
    make, shape, state, out = LAYERS[name]
    layer = make()
    assert {n: a.shape for n, a in layer.state_dict().items()} == state
    assert [n for n, _ in layer.named_parameters()] == [n for n in state if not n.startswith("moving")]
    assert all(p.requires_grad and p.dtype == np.float32 for p in layer.parameters())
    for mode in (layer.train(), layer.eval()):
        x = Tensor(draw(*shape), requires_grad=True)
        y = mode(x)
        assert (y.shape, y.dtype) == (out, np.float32)
        assert {g.dtype for g in ng.grad(ops.sum(y * y), [x, *layer.parameters()])} == {np.dtype(np.float32)}
        assert mode(x.data).shape == out
    assert all(a.dtype == np.float32 for a in layer.state_dict().values())


@pytest.mark.gradcheck
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@each_layer
def test_gradients_of_every_layer(name, training):
    make, shape, *_ = LAYERS[name]
    layer = spread(make()).astype(np.float64).train(training)
    check_net(layer, np.sign(draw(*shape)) * (np.abs(draw(*shape)) + 0.1))


def spread(net):
    """Move parameters and statistics away from 0 and 1, where mistakes hide."""
    net.load_state_dict({n: np.abs(draw(*a.shape)) + 0.3 if "moving_var" in n else a + 0.3 * draw(*a.shape) for n, a in net.state_dict().items()})
    return net


def check_net(net, x):
    """First and second derivatives with respect to the input and every parameter."""
    owners = [(module, key) for _, module in net.modules() for key, value in vars(module).items() if isinstance(value, Tensor)]

    def run(x, *values):
        for (module, key), value in zip(owners, values, strict=True):
            setattr(module, key, value)
        return net(x)

    arrays = [vars(module)[key].data for module, key in owners]
    ng.gradcheck(run, [x, *arrays], type(net).__name__)
    ng.gradgradcheck(run, [x, *arrays], type(net).__name__, directional=sum(a.size for a in arrays) > 30)


@pytest.mark.gradcheck
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_gradients_of_whole_nets(training):
    generator = nn.Sequential(
        nn.Dense(2, 8), nn.BatchNorm(8, eps=1e-2), nn.LeakyReLU(), nn.Reshape(2, 2, 2), nn.ConvTranspose2D(2, 1, 3, 2), nn.Tanh()
    )
    critic = nn.Sequential(nn.Conv2D(1, 2, 3, 2), nn.LayerNorm(2), nn.LeakyReLU(0.3), nn.Dropout(0.3), nn.Flatten(), nn.Dense(8, 1), nn.Sigmoid())
    check_net(spread(generator).astype(np.float64).train(training), draw(3, 2, dtype=np.float64))
    check_net(spread(critic).astype(np.float64).train(training), draw(2, 4, 4, 1, dtype=np.float64))


# batch norm


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("shape", [(6, 3), (2, 2, 5, 3)])
def test_moving_statistics(unbiased, shape):
    layer, mean, var = nn.BatchNorm(3, momentum=0.8, unbiased=unbiased), np.zeros(3), np.ones(3)
    arrays = layer.moving_mean, layer.moving_var
    rng = np.random.default_rng(0)
    for _ in range(3):
        x = (rng.standard_normal(shape) * 2 + 5).astype(np.float32)
        layer(x)
        rows = x.reshape(-1, 3).astype(np.float64)
        mean = 0.8 * mean + 0.2 * rows.mean(0)
        var = 0.8 * var + 0.2 * rows.var(0, ddof=int(unbiased))
    assert layer.moving_mean is arrays[0] and layer.moving_var is arrays[1]
    np.testing.assert_allclose(to_numpy(layer.moving_mean), mean, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(layer.moving_var), var, rtol=1e-5)


def test_inference_uses_moving_statistics_and_leaves_them_alone():
    layer, x = spread(nn.BatchNorm(3, eps=1e-3)).eval(), draw(4, 2, 2, 3)
    before = layer.state_dict()
    expected = before["gamma"] * (x - before["moving_mean"]) / np.sqrt(before["moving_var"] + 1e-3) + before["beta"]
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer(x[:1]).numpy(), expected[:1], rtol=1e-4, atol=1e-5)
    assert layer(x[:0]).shape == (0, 2, 2, 3)
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_training_normalises_with_the_biased_variance():
    x = draw(4, 3)
    y = nn.BatchNorm(3, eps=0.0, unbiased=True)(x).numpy()
    np.testing.assert_allclose(y.var(0), 1, rtol=1e-4)
    np.testing.assert_allclose(nn.BatchNorm(3)(x[:1]).numpy(), 0)
    with pytest.raises(ng.ShapeError, match="empty"):
        nn.BatchNorm(3)(x[:0])


def test_recording_or_not_moves_statistics_alike():
    one, two, x = nn.BatchNorm(3), nn.BatchNorm(3), draw(4, 3)
    one(x)
    with ng.no_grad():
        two(x)
    np.testing.assert_array_equal(to_numpy(one.moving_var), to_numpy(two.moving_var))


# dropout


def test_dropout_layer():
    layer, x = nn.Dropout(0.25), np.ones((200, 200), np.float32)
    y = layer(x).numpy()
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    assert y.mean() == pytest.approx(1, abs=0.01)
    assert (layer(x).numpy() != y).any()
    np.testing.assert_array_equal(layer.eval()(x).numpy(), x)
    assert (layer.train()(x).numpy() == 0).any()


# shapes


def test_flatten_and_reshape_keep_the_channels_fastest():
    x = np.arange(24.0, dtype=np.float32).reshape(1, 2, 3, 4)
    flat = nn.Flatten()(x)
    assert flat.numpy().ravel().tolist() == list(range(24))
    np.testing.assert_array_equal(nn.Reshape(2, 3, 4)(flat).numpy(), x)


@pytest.mark.parametrize("make", [lambda: nn.Conv2D(1, 2, 0), lambda: nn.Conv2D(1, 2, (3, 3, 3)), lambda: nn.ConvTranspose2D(1, 2, 2.5)])
def test_kernels_that_are_none(make):
    with pytest.raises((ng.ShapeError, TypeError), match=r"kernel|iterable"):
        make()


def test_a_layer_that_is_hooked_is_called():
    """Batch norm and the activation after it run as one, but not where somebody has put another forward on either."""
    x, seen = np.random.default_rng(0).standard_normal((4, 3)), []
    net = nn.Sequential(nn.BatchNorm(3), nn.LeakyReLU(0.1))
    expected = net(x.astype("float32")).numpy()
    for layer in (net.leakyrelu_1, net.batchnorm_1):
        forward = layer.forward
        layer.forward = lambda x, forward=forward: seen.append(x) or forward(x)
        np.testing.assert_array_equal(net(x.astype("float32")).numpy(), expected)
    assert len(seen) == 3
