"""Networks as objects: order, names, saving and loading, modes, dtypes, and the table of layers."""

import itertools

import numpy as np
import pytest

import nanogan as ng
from nanogan import Tensor, nn, to_numpy

pytestmark = pytest.mark.every_backend


def net():
    return nn.Sequential(nn.Dense(3, 4), nn.BatchNorm(4), nn.LeakyReLU(), nn.Sequential(nn.Dense(4, 2, bias=False), nn.Tanh()), nn.Dense(2, 1))


NAMES = ["dense_1.weight", "dense_1.bias", "batchnorm_1.gamma", "batchnorm_1.beta", "batchnorm_1.moving_mean", "batchnorm_1.moving_var",
         "sequential_1.dense_1.weight", "dense_2.weight", "dense_2.bias"]  # fmt: skip


def test_order_and_names():
    model = net()
    assert list(model.state_dict()) == NAMES
    named = model.named_parameters()
    assert [n for n, _ in named] == [n for n in NAMES if "moving" not in n]
    assert all(p is q for (_, p), q in zip(named, model.parameters(), strict=True))
    assert isinstance(model.parameters(), list)


def test_a_network_of_ones_own():
    class Residual(nn.Module):
        def __init__(self):
            self.first = nn.Dense(2, 2)
            self.scale = Tensor(2.0, requires_grad=True)
            self.second = nn.Dense(2, 2, bias=False)

        def forward(self, x):
            return x + self.second(self.first(x)) * self.scale

    model = Residual()
    assert set(model.state_dict()) == {"first.weight", "first.bias", "scale", "second.weight"}
    x = np.ones((1, 2), np.float32)
    expected = x + 2 * (x @ model.first.weight.numpy() @ model.second.weight.numpy())
    np.testing.assert_allclose(model(x).numpy(), expected, rtol=1e-5)
    assert [n for n, _ in model.named_parameters()] == ["first.weight", "first.bias", "scale", "second.weight"]


def test_loading_writes_into_the_existing_arrays():
    one, two = net(), net()
    params, arrays, moving = two.parameters(), [p.data for p in two.parameters()], two.batchnorm_1.moving_mean
    one(np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32))
    two.load_state_dict(one.state_dict())
    assert all(p is q and p.data is a for p, q, a in zip(params, two.parameters(), arrays, strict=True))
    assert two.batchnorm_1.moving_mean is moving
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(one.eval()(x).numpy(), two.eval()(x).numpy())


def test_a_state_is_a_copy():
    model = net()
    state = model.state_dict()
    state["dense_1.weight"][...] = 7
    assert not (model.state_dict()["dense_1.weight"] == 7).any()
    assert all(type(a) is np.ndarray for a in state.values())


def test_loading_converts_to_the_networks_dtype():
    model = net()
    model.load_state_dict({n: a.astype(np.float64) for n, a in model.state_dict().items()})
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("spoil", "error", "sentence"), [
    (lambda s: s.pop("dense_2.bias"), ng.NanoganError, "lacks dense_2.bias"),
    (lambda s: s.pop("batchnorm_1.moving_var"), ng.NanoganError, "lacks batchnorm_1.moving_var"),
    (lambda s: s.update(extra=np.zeros(2)), ng.NanoganError, "extra"),
    (lambda s: s.update({"dense_2.bias": np.zeros(2)}), ng.ShapeError, r"dense_2.bias is \(1,\) here and \(2,\)"),
    (lambda s: s.update({"dense_2.bias": np.zeros(())}), ng.ShapeError, r"dense_2.bias"),
])  # fmt: skip
def test_a_wrong_state_is_refused_and_nothing_is_written(spoil, error, sentence):
    model = net()
    before, state = model.state_dict(), {n: a + 1 for n, a in model.state_dict().items()}
    spoil(state)
    with pytest.raises(error, match=sentence):
        model.load_state_dict(state)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_modes_reach_every_part():
    model = net()
    assert all(part.training for _, part in model.modules())
    assert model.eval() is model
    assert not any(part.training for _, part in model.modules())
    assert model.train() is model
    assert all(part.training for _, part in model.modules())
    assert net().training


def test_astype_converts_everything():
    model = net().astype(np.float64)
    assert {a.dtype for a in model.state_dict().values()} == {np.dtype(np.float64)}
    assert model(np.ones((2, 3))).dtype == np.float64
    assert all(p.requires_grad for p in model.parameters())
    with pytest.raises(ng.DTypeError):
        model(np.ones((2, 3), np.float32))


def test_a_seed_fixes_the_weights():
    ng.seed(5)
    one = net().state_dict()
    ng.seed(5)
    for name, array in net().state_dict().items():
        np.testing.assert_array_equal(array, one[name])


# initial values


def test_glorot_limits():
    """sqrt(6 / (fan_in + fan_out)), the fans counting the kernel's pixels: the same for a kernel and its transpose."""
    for shape, limit in [((5, 5, 64, 128), 0.035355), ((5, 5, 128, 64), 0.035355), ((100, 200), 0.141421), ((3, 3, 1, 32), 0.142134)]:
        w = to_numpy(nn.init.glorot_uniform(shape))
        assert (w.shape, w.dtype) == (shape, np.float32)
        assert np.abs(w).max() <= limit * 1.0001
        assert np.abs(w).max() > limit * 0.97
        assert w.std() == pytest.approx(limit / 3**0.5, rel=0.1)
        assert w.mean() == pytest.approx(0, abs=limit * 4 / w.size**0.5)


@pytest.mark.parametrize(("init", "mean", "std"), [
    (nn.init.normal, 0, 0.02),
    (lambda shape: nn.init.normal(shape, std=0.5, mean=1.0), 1, 0.5),
    (nn.init.he_normal, 0, (2 / (25 * 64)) ** 0.5),
])  # fmt: skip
def test_normal_initialisers(init, mean, std):
    w = to_numpy(init((5, 5, 64, 128)))
    assert w.dtype == np.float32
    assert w.mean() == pytest.approx(mean, abs=5 * std / w.size**0.5)
    assert w.std() == pytest.approx(std, rel=0.01)


def test_layers_start_glorot_uniform_with_bias_zero():
    for layer, limit in [(nn.Dense(100, 200), 0.141421), (nn.Conv2D(64, 128, 5), 0.035355), (nn.ConvTranspose2D(128, 64, 5), 0.035355)]:
        assert limit * 0.97 < np.abs(layer.weight.numpy()).max() <= limit * 1.0001
        assert not layer.bias.numpy().any()
    norm = nn.BatchNorm(3)
    assert [a.tolist() for a in norm.state_dict().values()] == [[1] * 3, [0] * 3, [0] * 3, [1] * 3]
    assert nn.Dense(4000, 50, init=nn.init.normal).weight.numpy().std() == pytest.approx(0.02, rel=0.05)


# the table of layers


def mlp_generator():
    """100 -> 256 -> 512 -> 1024 -> 784, with batch norm: the multilayer perceptron of the course's second text."""
    sizes = itertools.pairwise([100, 256, 512, 1024])
    hidden = [part for i, o in sizes for part in (nn.Dense(i, o), nn.LeakyReLU(0.2), nn.BatchNorm(o, momentum=0.8))]
    return nn.Sequential(*hidden, nn.Dense(1024, 784), nn.Tanh(), nn.Reshape(28, 28, 1))


def test_summary_counts_as_keras_does():
    text = ng.summary(mlp_generator(), (100,))
    for line in ("Total params: 1,493,520", "Trainable params: 1,489,936", "Non-trainable params: 3,584"):
        assert line in text.splitlines()
    rows = {line.split()[0]: line for line in text.splitlines() if "(None" in line}
    for name, shape, count in [("dense_1", "(None, 256)", "25,856"), ("batchnorm_3", "(None, 1024)", "4,096"), ("dense_4", "(None, 784)", "803,600"),
                               ("tanh_1", "(None, 784)", "0"), ("leakyrelu_2", "(None, 512)", "0"), ("reshape_1", "(None, 28, 28, 1)", "0")]:  # fmt: skip
        assert shape in rows[name]
        assert rows[name].split()[-1] == count


def test_summary_leaves_the_network_as_it_was():
    model = nn.Sequential(nn.Conv2D(1, 2, 3, 2), nn.ReLU(), nn.BatchNorm(2), nn.Dropout(), nn.Sequential(nn.Flatten(), nn.Sigmoid()), nn.Dense(8, 1))
    model.dropout_1.eval()
    before = model.state_dict()
    text = ng.summary(model, (4, 4, 1))
    assert "(None, 2, 2, 2)" in text and "sequential_1.flatten_1" in text
    assert [part.training for _, part in model.modules()].count(False) == 1
    assert not any("forward" in vars(part) for _, part in model.modules())
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    with pytest.raises(ng.ShapeError):
        ng.summary(model, (5,))
    assert not any("forward" in vars(part) for _, part in model.modules())
