"""The training steps against PyTorch, and what every step owes to its two networks."""

import gc
import os
import pathlib

import numpy as np
import pytest

import nanogan as ng
from nanogan.autograd import Function
from nanogan.backend import kernels
from nanogan.gan import networks, recipes, steps

NAMES = recipes.names()


def start(name, dtype="float64", n=4):
    """(recipe, generator, critic, a function that draws (real, noise ...)); the weights shaken, so that no bias is 0 and no gamma 1."""
    recipe, random = recipes.get(name), np.random.default_rng(5)
    generator, critic = (network.astype(dtype) for network in recipe.build())
    for network in (generator, critic):
        for _, value in network.named_state():
            array = value.data if isinstance(value, ng.Tensor) else value
            array += random.uniform(-0.03, 0.03, array.shape).astype(dtype)

    def draw():
        real = random.uniform(-1, 1, (n, *recipe.image_shape)).astype(dtype)
        return real, *(random.standard_normal((n, *recipe.latent_shape)).astype(dtype) for _ in range(recipe.latents))

    return recipe, generator, critic, draw


# --- The texts again, in PyTorch, from their descriptions ------------------------------------------------------


class Net:
    """Layers as functions of torch over leaves in our order of parameters; ``state`` is a state_dict of ours."""

    def __init__(self, layers, state):
        import torch

        self.torch, self.layers, self.training = torch, layers, True
        self.state = {key: torch.tensor(value, requires_grad="moving" not in key) for key, value in state.items()}

    def parameters(self):
        return [value for value in self.state.values() if value.requires_grad]

    def __call__(self, x):
        for name, layer, *options in self.layers:
            own = {key.split(".")[1]: value for key, value in self.state.items() if key.startswith(name + ".")}
            x = getattr(self, layer)(x, own, *options)
        return x

    def dense(self, x, p):
        return x @ p["weight"] + p["bias"] if "bias" in p else x @ p["weight"]

    def conv(self, x, p, stride):
        """TensorFlow's "same": ceil(n / s) windows, the odd pixel of padding below and to the right."""
        n, k = x.shape[1], p["weight"].shape[0]
        pad = max((-(-n // stride) - 1) * stride + k - n, 0)
        x = self.torch.nn.functional.pad(x.permute(0, 3, 1, 2), (pad // 2, pad - pad // 2) * 2)
        y = self.torch.nn.functional.conv2d(x, p["weight"].permute(3, 2, 0, 1), p.get("bias"), stride)  # (kh, kw, in, out) -> (out, in, kh, kw)
        return y.permute(0, 2, 3, 1)

    def conv_transpose(self, x, p, stride):
        """Of the full transposed convolution, (n - 1) s + k pixels, n s are kept; the odd one goes at the end."""
        n, k = x.shape[1], p["weight"].shape[0]
        y = self.torch.nn.functional.conv_transpose2d(x.permute(0, 3, 1, 2), p["weight"].permute(3, 2, 0, 1), None, stride)  # (in, out, kh, kw)
        before = max(k - stride, 0) // 2
        y = y[:, :, before : before + n * stride, before : before + n * stride].permute(0, 2, 3, 1)
        return y + p["bias"] if "bias" in p else y

    def batch_norm(self, x, p, momentum, eps, unbiased):
        axes = tuple(range(x.ndim - 1))
        if self.training:
            mean, var = x.mean(axes), x.var(axes, unbiased=False)
            with self.torch.no_grad():
                p["moving_mean"] += (1 - momentum) * (mean - p["moving_mean"])
                p["moving_var"] += (1 - momentum) * (x.var(axes, unbiased=unbiased) - p["moving_var"])
        else:
            mean, var = p["moving_mean"], p["moving_var"]
        return p["gamma"] * (x - mean) / self.torch.sqrt(var + eps) + p["beta"]

    def leaky_relu(self, x, p, slope):
        return self.torch.nn.functional.leaky_relu(x, slope)

    def tanh(self, x, p):
        return self.torch.tanh(x)

    def sigmoid(self, x, p):
        return self.torch.sigmoid(x)

    def reshape(self, x, p, *shape):
        return x.reshape(len(x), *shape)


def blocks(*kinds):
    """(name of ours, function, options ...) from (function, options ...): dense -> dense_1, dense_2, ..."""
    ours = {"dense": "dense", "conv": "conv2d", "conv_transpose": "convtranspose2d", "batch_norm": "batchnorm"}
    names = [ours.get(kind, kind) for kind, *_ in kinds]
    return [(f"{names[i]}_{names[: i + 1].count(names[i])}", *kind) for i, kind in enumerate(kinds)]


KERAS_2D, KERAS_4D, TORCH_LIKE = ("batch_norm", 0.8, 1e-3, False), ("batch_norm", 0.99, 1e-3, True), ("batch_norm", 0.9, 1e-5, False)
NETS = {
    "gaussian2d": (blocks(("dense",)), blocks(("dense",), ("tanh",), ("dense",), ("tanh",), ("dense",))),
    "mlp-mnist": (
        blocks(*[("dense",), ("leaky_relu", 0.2), KERAS_2D] * 3, ("dense",), ("tanh",), ("reshape", 28, 28, 1)),
        blocks(("reshape", 784), *[("dense",), ("leaky_relu", 0.2)] * 2, ("dense",), ("sigmoid",)),
    ),
    "dcgan-mnist": (
        blocks(("dense",), ("reshape", 7, 7, 256), ("conv_transpose", 2), KERAS_4D, ("leaky_relu", 0.01),
               ("conv_transpose", 1), KERAS_4D, ("leaky_relu", 0.01), ("conv_transpose", 2), ("tanh",)),
        blocks(("conv", 2), ("leaky_relu", 0.01), *[("conv", 2), KERAS_4D, ("leaky_relu", 0.01)] * 2, ("reshape", 2048), ("dense",)),
    ),
    "quickstart": (
        blocks(("dense",), TORCH_LIKE, ("leaky_relu", 0.2), ("reshape", 7, 7, 64),
               ("conv_transpose", 2), TORCH_LIKE, ("leaky_relu", 0.2), ("conv_transpose", 2), ("tanh",)),
        blocks(("conv", 2), ("leaky_relu", 0.2), ("conv", 2), TORCH_LIKE, ("leaky_relu", 0.2), ("reshape", 3136), ("dense",)),
    ),
}  # fmt: skip


class KerasAdam:
    """Adam with "epsilon hat"; ``clock`` is a list of one number, the step counter, shared where the optimiser is."""

    def __init__(self, params, lr, beta1, clock):
        self.params, self.lr, self.beta1, self.clock = params, lr, beta1, clock
        self.m, self.v = [p.detach() * 0 for p in params], [p.detach() * 0 for p in params]

    def apply(self, grads):
        self.clock[0] += 1
        b1, b2, t = self.beta1, 0.999, self.clock[0]
        for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
            self.m[i] = b1 * self.m[i] + (1 - b1) * g
            self.v[i] = b2 * self.v[i] + (1 - b2) * g**2
            p.data -= self.lr * (1 - b2**t) ** 0.5 / (1 - b1**t) * self.m[i] / (self.v[i].sqrt() + 1e-7)


class TorchAdam:
    """torch.optim.Adam itself."""

    def __init__(self, torch, params, lr, betas):
        self.params, self.adam = params, torch.optim.Adam(params, lr=lr, betas=betas, eps=1e-8)

    def apply(self, grads):
        for p, g in zip(self.params, grads, strict=True):
            p.grad = g
        self.adam.step()


def text_000(torch, G, D):
    """Both losses and both gradients at the old weights, literally with logarithms of probabilities; then both optimisers."""
    g_adam, d_adam = KerasAdam(G.parameters(), 1e-5, 0.9, [0]), KerasAdam(D.parameters(), 1e-5, 0.9, [0])

    def step(x, z):
        fake = G(z)
        p_real, p_fake = torch.sigmoid(D(x)), torch.sigmoid(D(fake))
        d_loss, g_loss = -(torch.log(p_real) + torch.log(1 - p_fake)).mean(), -torch.log(p_fake).mean()
        d_grads = torch.autograd.grad(d_loss, D.parameters(), retain_graph=True)
        g_grads = torch.autograd.grad(g_loss, G.parameters())
        d_adam.apply(d_grads)
        g_adam.apply(g_grads)
        return d_loss, g_loss

    return step


def text_002(torch, G, D):
    """Three calls of train_on_batch with one Adam: its counter has run to 3 after the first step, its moments are each variable's own."""
    clock = [0]
    g_adam, d_adam = KerasAdam(G.parameters(), 2e-4, 0.5, clock), KerasAdam(D.parameters(), 2e-4, 0.5, clock)

    def train_on_batch(adam, p, target):
        p = torch.clamp(p, 1e-7, 1 - 1e-7)
        loss = -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()
        adam.apply(torch.autograd.grad(loss, adam.params))
        return loss

    def step(x, z, z_new):
        G.training = False  # predict
        with torch.no_grad():
            fake = G(z)
        G.training = True
        d_loss_real = train_on_batch(d_adam, D(x), 1)
        d_loss_fake = train_on_batch(d_adam, D(fake), 0)
        g_loss = train_on_batch(g_adam, D(G(z_new)), 1)
        return 0.5 * (d_loss_real + d_loss_fake), g_loss

    return step


def text_003(torch, G, D, lr=(0.005, 0.05), betas=(0.9, 0.999)):
    """update_D, then update_G with the generator run again on the same Z; sums, printed per example."""
    g_adam, d_adam = TorchAdam(torch, G.parameters(), lr[0], betas), TorchAdam(torch, D.parameters(), lr[1], betas)
    loss = torch.nn.BCEWithLogitsLoss(reduction="sum")

    def step(x, z):
        ones, zeros = torch.ones(len(x), 1, dtype=x.dtype), torch.zeros(len(x), 1, dtype=x.dtype)
        loss_d = (loss(D(x), ones) + loss(D(G(z).detach()), zeros)) / 2
        d_adam.apply(torch.autograd.grad(loss_d, D.parameters()))
        loss_g = loss(D(G(z)), ones)
        g_adam.apply(torch.autograd.grad(loss_g, G.parameters()))
        return loss_d / len(x), loss_g / len(x)

    return step


def goodfellow(torch, G, D):
    """The usual alternation: the critic first, then the generator against it, on the same fakes."""
    g_lr, d_lr = recipes.get("quickstart").lr  # our own recipe: its rates are ours to tune
    g_adam, d_adam = TorchAdam(torch, G.parameters(), g_lr, (0.5, 0.999)), TorchAdam(torch, D.parameters(), d_lr, (0.5, 0.999))
    loss = torch.nn.BCEWithLogitsLoss()

    def step(x, z):
        ones, zeros = torch.ones(len(x), 1, dtype=x.dtype), torch.zeros(len(x), 1, dtype=x.dtype)
        fake = G(z)
        d_loss = loss(D(x), ones) + loss(D(fake.detach()), zeros)
        d_adam.apply(torch.autograd.grad(d_loss, D.parameters()))
        g_loss = loss(D(fake), ones)
        g_adam.apply(torch.autograd.grad(g_loss, G.parameters()))
        return d_loss, g_loss

    return step


def compare(torch, name, ours, oracle, n=4, spoil=None):
    """Three steps of both from the same weights, data and noise: losses, parameters, moving statistics."""
    recipe, generator, critic, draw = start(name, n=n)
    if spoil:
        spoil(generator, critic)
    G, D = (Net(layers, net.state_dict()) for layers, net in zip(NETS[name], (generator, critic), strict=True))
    g_opt, d_opt = recipe.optimizers(generator, critic)
    step = oracle(torch, G, D)
    first = {id(net): net.state_dict() for net in (generator, critic)}
    for _ in range(3):
        batch = draw()
        got, expected = (ours or recipe.step)(generator, critic, g_opt, d_opt, *batch), step(*map(torch.from_numpy, batch))
        assert [t.shape for t in got] == [(), ()]
        np.testing.assert_allclose([t.item() for t in got], [t.item() for t in expected], rtol=1e-9)
        for net, opt, oracle_net in ((generator, g_opt, G), (critic, d_opt, D)):
            for key, value in net.state_dict().items():
                tolerance = {"rtol": 1e-12, "atol": 1e-11} if "moving" in key else {"rtol": 0, "atol": 1e-6 * opt.lr}
                np.testing.assert_allclose(value, oracle_net.state[key].detach().numpy(), err_msg=key, **tolerance)
    moved = [key for net in (generator, critic) for key, value in net.state_dict().items() if not np.array_equal(value, first[id(net)][key])]
    return moved, generator, critic


ORACLES = {"gaussian2d": text_003, "mlp-mnist": text_002, "dcgan-mnist": text_000, "quickstart": goodfellow}


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
def test_three_steps_agree_with_pytorch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    moved, generator, critic = compare(torch, name, None, ORACLES[name])
    assert len(moved) == sum(len(net.state_dict()) for net in (generator, critic))  # every array of both


@pytest.mark.torch
def test_the_d2l_step_runs_the_generator_twice():
    """On networks with batch norm, which count: per step the generator's statistics move twice, the critic's three times."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    compare(torch, "quickstart", steps.d2l_step, lambda *nets: text_003(*nets, lr=recipes.get("quickstart").lr, betas=(0.5, 0.999)))


@pytest.mark.torch
@pytest.mark.parametrize("shift", [-40, 40])
def test_beyond_the_clip_nothing_is_learned(shift):
    """A critic that is certain: Keras's clipped cross-entropy is at most -log(1e-7) = 16.1 and flat there."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")

    def certain(generator, critic):
        critic.dense_3.bias.data += shift

    moved, _, _ = compare(torch, "mlp-mnist", None, text_002, spoil=certain)
    assert all("moving" in key for key in moved)


# --- What every step owes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "in_generator", "in_critic"), [("mlp-mnist", 1, 0), ("dcgan-mnist", 1, 2), ("quickstart", 1, 3)])
def test_how_often_moving_statistics_advance(name, in_generator, in_critic):
    recipe, generator, critic, draw = start(name)
    moves = {}
    for network in (generator, critic):
        for part_name, part in network.modules():
            if type(part).__name__ == "BatchNorm":  # the statistics' share of what they were: momentum**moves
                part.moving_mean[...], part.gamma.data[...] = 1e12, 1
                moves[id(part)] = (network, part_name, part)
    recipe.step(generator, critic, *recipe.optimizers(generator, critic), *draw())
    for network, part_name, part in moves.values():
        count = np.log(part.moving_mean.mean() / 1e12) / np.log(part.momentum)
        assert count == pytest.approx(in_generator if network is generator else in_critic, abs=1e-6), part_name


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name):
    recipe, generator, critic, draw = start(name, "float32")
    optimisers = recipe.optimizers(generator, critic)
    for _ in range(2):
        losses = recipe.step(generator, critic, *optimisers, *draw())
        assert [t.dtype for t in losses] == [np.float32] * 2
    arrays = {f"{i} {key}": value for i, net in enumerate((generator, critic)) for key, value in net.state_dict().items()}
    arrays |= {f"{i} {key}": value for i, opt in enumerate(optimisers) for key, value in opt.state_dict().items() if key != "steps"}
    assert {key: value.dtype for key, value in arrays.items() if value.dtype != np.float32} == {}
    assert all(np.isfinite(value).all() for value in arrays.values())


def graph(tensor):
    """Every node under ``tensor``."""
    nodes, todo = set(), [tensor.node]
    while todo:
        if (node := todo.pop()) is not None and node not in nodes:
            nodes.add(node)
            todo += [t.node for t in node.inputs if isinstance(t, ng.Tensor)]
    return nodes


@pytest.mark.parametrize("name", NAMES)
def test_no_gradient_that_nobody_asked_for(name, monkeypatch):
    """In the generator's part no weight gradient of the critic is computed, and in the critic's part none of the generator."""
    recipe, generator, critic, draw = start(name, "float32")
    calls = []

    def spy(loss, wanted):
        gradients = ng.grad(loss, wanted)
        nodes = graph(loss)
        computed = {id(t) for node in nodes for t, need in zip(node.inputs, node.needs, strict=True) if need and t.node is None}
        assert computed == set(map(id, wanted))
        calls.append("generator" if wanted[0] is generator.parameters()[0] else "critic")
        return gradients

    monkeypatch.setattr(steps, "grad", spy)
    recipe.step(generator, critic, *recipe.optimizers(generator, critic), *draw())
    assert calls == (["critic"] if name == "mlp-mnist" else []) + ["critic", "generator"]
    assert all(p.grad is None for net in (generator, critic) for p in net.parameters())


def test_the_convolutions_of_a_dcgan_step(monkeypatch):
    """Counted: 3 layers a network, the critic run twice, each gradient once, none for the images or the noise."""
    counts = {}

    def counted(name, kernel):
        def run(*args):
            counts[name] = counts.get(name, 0) + 1
            return kernel(*args)

        return run

    for name in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad"):
        monkeypatch.setattr(kernels, name, counted(name, getattr(kernels, name)))
    recipe, generator, critic, draw = start("dcgan-mnist", "float32")
    recipe.step(generator, critic, *recipe.optimizers(generator, critic), *draw())
    assert counts == {
        "conv2d": 2 * 3 + 3,  # critic forward; the generator's input gradients
        "conv2d_weight_grad": 2 * 3 + 3,  # the critic's in its own part only; the generator's
        "conv2d_input_grad": 3 + 2 * 2 + 3,  # generator forward; the critic's in its own part, but not to the images; in the generator's part
    }


class Guarded:
    """An optimiser whose step is watched: its own network changes, the other one does not."""

    def __init__(self, optimizer, own, other):
        self.optimizer, self.own, self.other, self.order = optimizer, own, other, []

    def step(self, grads):
        own, other = self.own.state_dict(), self.other.state_dict()
        self.optimizer.step(grads)
        assert all(np.array_equal(value, other[key]) for key, value in self.other.state_dict().items())
        after = self.own.state_dict()
        assert all(np.array_equal(value, own[key]) == ("moving" in key) for key, value in after.items())
        self.order.append(self.own)


@pytest.mark.parametrize("name", NAMES)
def test_each_optimiser_changes_its_own_network_alone(name):
    recipe, generator, critic, draw = start(name, "float32")
    g_opt, d_opt = recipe.optimizers(generator, critic)
    guarded_g, guarded_d = Guarded(g_opt, generator, critic), Guarded(d_opt, critic, generator)
    guarded_g.order = guarded_d.order
    recipe.step(generator, critic, guarded_g, guarded_d, *draw())
    two = name == "mlp-mnist"
    assert [net is critic for net in guarded_d.order] == ([True] if two else []) + [True, False]
    assert (g_opt.counter.steps, d_opt.counter.steps) == ((3, 3) if two else (1, 1))


def alive(kind):
    return sum(issubclass(type(thing), kind) for thing in gc.get_objects())


@pytest.mark.parametrize("name", NAMES)
def test_no_graph_survives_a_step(name):
    """With the collector off: the losses hold the graph, and nothing does when they are gone."""
    recipe, generator, critic, draw = start(name, "float32")
    optimisers = recipe.optimizers(generator, critic)
    gc.collect()
    gc.disable()
    try:
        tensors = alive(ng.Tensor)
        for _ in range(2):
            losses = recipe.step(generator, critic, *optimisers, *draw())
            assert alive(Function) > 0
            del losses
            assert (alive(Function), alive(ng.Tensor)) == (0, tensors)
    finally:
        gc.enable()


@pytest.mark.parametrize("name", NAMES)
def test_networks_are_left_in_training_mode(name):
    recipe, generator, critic, draw = start(name, "float32")
    recipe.step(generator, critic, *recipe.optimizers(generator, critic), *draw())
    assert all(part.training for net in (generator, critic) for _, part in net.modules())


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one(name):
    """The last of an epoch may be that small: batch norm then has no variance, and nothing becomes infinite."""
    recipe, generator, critic, draw = start(name, "float32", n=1)
    losses = recipe.step(generator, critic, *recipe.optimizers(generator, critic), *draw())
    assert all(np.isfinite(t.item()) for t in losses)
    assert all(np.isfinite(value).all() for net in (generator, critic) for value in net.state_dict().values())


def test_a_trained_generator_from_another_framework():
    """Weights of a PyTorch run of mlp-mnist, and what that network made of 25 latent vectors."""
    path = pathlib.Path(os.environ.get("NANOGAN_DATA") or ".") / "reference" / "mlp-mnist-pytorch-seed0-generator.npz"
    if not path.is_file():
        pytest.skip("there is no reference/mlp-mnist-pytorch-seed0-generator.npz in NANOGAN_DATA")
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    z, y = arrays.pop("z"), arrays.pop("y")
    generator = networks.mlp_generator()
    generator.load_state_dict({key.replace("dense", "dense_").replace("bn", "batchnorm_"): value for key, value in arrays.items()})
    with ng.no_grad():
        made = generator.eval()(z)
    assert made.shape == (25, 28, 28, 1) and made.dtype == np.float32
    np.testing.assert_allclose(made.numpy().reshape(25, 784), y, rtol=0, atol=1e-5)
