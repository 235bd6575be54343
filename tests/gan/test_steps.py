"""The training steps against PyTorch, and what every step owes to its two networks."""

import gc
import os
import pathlib

import numpy as np
import pytest
from test_golden import digest

import nanogan as ng
from nanogan import asarray, to_numpy
from nanogan.autograd import Function
from nanogan.backend import kernels, random
from nanogan.gan import networks, recipes, steps

pytestmark = pytest.mark.every_backend
NAMES = recipes.names()
D_STEPS = {"mlp-mnist": 2, "wgan-gp-paper": 5}  # how often the critic's optimiser steps; once in all others
LIGHT = {"quickstart", "gaussian2d", "ring2d", "grid2d"}
each_recipe = pytest.mark.parametrize("name", [name if name in LIGHT else pytest.param(name, marks=pytest.mark.slow_on_strict) for name in NAMES])
BATCHES = dict.fromkeys(NAMES, 4) | {"dcgan-pokemon": 2, "dcgan-fifa": 2, "dcgan-k5-mnist": 3, "wgan-gp-mnist": 3, "wgan-gp-paper": 2}


def start(name, dtype="float64", n=None, **options):
    """(recipe, generator, critic, a function that draws (real, noise ...) on the host); from where the golden files start: no bias is 0, no gamma 1."""
    recipe, draws, n = recipes.get(name, **options), np.random.default_rng(5), n or BATCHES[name]
    generator, critic = (network.astype(dtype) for network in recipe.build())
    for seed, network in enumerate((generator, critic)):
        layout = {key: value.shape for key, value in network.state_dict().items()}
        arrays = digest.state(layout, seed, "001" if recipe.image_shape == (64, 64, 3) else recipe.source)
        network.load_state_dict({key: value.astype(dtype) for key, value in arrays.items()})

    def real():
        low, high = (-1, 1) if recipe.pixels == "scaled" else (0, 255)
        return draws.uniform(low, high, (n, *recipe.image_shape)).astype(dtype)

    def noise():
        return draws.standard_normal((n, *recipe.latent_shape)).astype(dtype)

    def draw():
        if recipe.n_critic:
            return [real() for _ in range(recipe.n_critic)], [noise() for _ in range(recipe.n_critic + 1)]
        return real(), *(noise() for _ in range(recipe.latents))

    return recipe, generator, critic, draw


def each(function, arrays):
    """``function`` of every array in lists of lists."""
    return [each(function, part) for part in arrays] if isinstance(arrays, (list, tuple)) else function(arrays)


def make_step(recipe, generator, critic, optimisers, batch, step=None, **more):
    """batch, more: arrays on the host."""
    more = {key: each(asarray, value) for key, value in more.items()}
    return (step or recipe.step)(generator, critic, *optimisers, *each(asarray, batch), **recipe.step_options, **more)


# --- The texts again, in PyTorch, from their descriptions ------------------------------------------------------


class Net:
    """Layers as functions of torch over leaves in our order of parameters; ``state`` is a state_dict of ours."""

    def __init__(self, layers, state):
        import torch

        self.torch, self.layers, self.training, self.keys, self.gradients = torch, layers, True, [], []
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

    def conv(self, x, p, stride, padding="same"):
        """TensorFlow's "same": ceil(n / s) windows, the odd pixel of padding below and to the right; or a number of pixels on each side."""
        n, k = x.shape[1], p["weight"].shape[0]
        pad = max((-(-n // stride) - 1) * stride + k - n, 0) if padding == "same" else 2 * padding
        x = self.torch.nn.functional.pad(x.permute(0, 3, 1, 2), (pad // 2, pad - pad // 2) * 2)
        kernel = p["weight"].permute(3, 2, 0, 1).contiguous()  # (kh, kw, in, out) -> (out, in, kh, kw)
        y = self.torch.nn.functional.conv2d(x, kernel, p.get("bias"), stride)
        return y.permute(0, 2, 3, 1)

    def conv_transpose(self, x, p, stride, padding="same"):
        """Of the full transposed convolution, (n - 1) s + k pixels, n s are kept; the odd one goes at the end.  Or PyTorch's padding."""
        n, k = x.shape[1], p["weight"].shape[0]
        x, kernel = x.permute(0, 3, 1, 2), p["weight"].permute(3, 2, 0, 1).contiguous()  # (kh, kw, out, in) -> (in, out, kh, kw)
        if padding != "same":
            return self.torch.nn.functional.conv_transpose2d(x, kernel, None, stride, padding).permute(0, 2, 3, 1)
        y = self.torch.nn.functional.conv_transpose2d(x, kernel, None, stride)
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

    def relu(self, x, p):
        return self.torch.relu(x)

    def dropout(self, x, p, rate):
        """With nanogan's masks, one key after the other."""
        if not self.training:
            return x
        return x * self.torch.from_numpy(to_numpy(random.dropout_mask(self.keys.pop(0), tuple(x.shape), rate))) / (1 - rate)

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
TORCH = ("batch_norm", 0.9, 1e-5, True)
SPRITES = (
    blocks(("conv_transpose", 1, 0), TORCH, ("relu",), *[("conv_transpose", 2, 1), TORCH, ("relu",)] * 3, ("conv_transpose", 2, 1), ("tanh",)),
    blocks(*[("conv", 2, 1), TORCH, ("leaky_relu", 0.2)] * 4, ("conv", 1, 0), ("reshape", 1)),
)
K5_GENERATOR = blocks(
    ("dense",), ("batch_norm", 0.99, 1e-3, False), ("leaky_relu", 0.3), ("reshape", 7, 7, 128), ("conv_transpose", 1), KERAS_4D, ("leaky_relu", 0.3),
    *[("conv_transpose", 2), KERAS_4D, ("leaky_relu", 0.3)] * 2, ("conv_transpose", 1), ("tanh",),
)  # fmt: skip
K5_CRITIC = blocks(
    ("conv", 1), KERAS_4D, ("leaky_relu", 0.3), *[("conv", 2), KERAS_4D, ("leaky_relu", 0.3), ("dropout", 0.3)] * 2, ("conv", 1, 0), ("reshape", 1)
)
PLANE = blocks(*[("dense",), ("relu",)] * 2, ("dense",)), blocks(*[("dense",), ("leaky_relu", 0.2)] * 2, ("dense",))
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
    "dcgan-pokemon": SPRITES,
    "dcgan-fifa": SPRITES,
    "dcgan-k5-mnist": (K5_GENERATOR, K5_CRITIC),
    "wgan-gp-mnist": (K5_GENERATOR, K5_CRITIC),
    "wgan-gp-paper": (K5_GENERATOR, blocks(("conv", 1), ("leaky_relu", 0.3), *[("conv", 2), ("leaky_relu", 0.3)] * 2, ("conv", 1, 0), ("reshape", 1))),
    "ring2d": PLANE,
    "grid2d": PLANE,
    "quickstart": (
        blocks(*[("dense",), TORCH_LIKE, ("leaky_relu", 0.2)] * 2, ("reshape", 7, 7, 64),
               ("conv_transpose", 2), TORCH_LIKE, ("leaky_relu", 0.2), ("conv_transpose", 2), ("tanh",)),
        blocks(*[("conv", 2), ("leaky_relu", 0.2)] * 2, ("reshape", 1568), ("dense",), ("leaky_relu", 0.2), ("dense",)),
    ),
}  # fmt: skip


class KerasAdam:
    """Adam with "epsilon hat"; ``clock`` is a list of one number, the step counter, shared where the optimiser is."""

    def __init__(self, net, lr, beta1, clock):
        self.net, self.params, self.lr, self.beta1, self.clock = net, net.parameters(), lr, beta1, clock
        self.m, self.v = [p.detach() * 0 for p in self.params], [p.detach() * 0 for p in self.params]

    def apply(self, loss):
        self.apply_gradients(self.net.torch.autograd.grad(loss, self.params))

    def apply_gradients(self, grads):
        self.net.gradients.append([g.numpy() for g in grads])
        self.clock[0] += 1
        b1, b2, t = self.beta1, 0.999, self.clock[0]
        for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
            self.m[i] = b1 * self.m[i] + (1 - b1) * g
            self.v[i] = b2 * self.v[i] + (1 - b2) * g**2
            p.data -= self.lr * (1 - b2**t) ** 0.5 / (1 - b1**t) * self.m[i] / (self.v[i].sqrt() + 1e-7)


class TorchAdam:
    """torch.optim.Adam itself."""

    def __init__(self, net, lr, betas):
        self.net, self.params = net, net.parameters()
        self.adam = net.torch.optim.Adam(self.params, lr=lr, betas=betas, eps=1e-8)

    def apply(self, loss):
        grads = self.net.torch.autograd.grad(loss, self.params)
        self.net.gradients.append([g.numpy() for g in grads])
        for p, g in zip(self.params, grads, strict=True):
            p.grad = g
        self.adam.step()


def text_000(torch, G, D):
    """Both losses and both gradients at the old weights, literally with logarithms of probabilities; then both optimisers."""
    g_adam, d_adam = KerasAdam(G, 1e-5, 0.9, [0]), KerasAdam(D, 1e-5, 0.9, [0])

    def step(x, z):
        fake = G(z)
        p_real, p_fake = torch.sigmoid(D(x)), torch.sigmoid(D(fake))
        d_loss, g_loss = -(torch.log(p_real) + torch.log(1 - p_fake)).mean(), -torch.log(p_fake).mean()
        d_grads = torch.autograd.grad(d_loss, D.parameters(), retain_graph=True)
        g_grads = torch.autograd.grad(g_loss, G.parameters())
        d_adam.apply_gradients(d_grads)
        g_adam.apply_gradients(g_grads)
        return d_loss, g_loss

    return step


def text_002(torch, G, D):
    """Three calls of train_on_batch with one Adam: its counter has run to 3 after the first step, its moments are each variable's own."""
    clock = [0]
    g_adam, d_adam = KerasAdam(G, 2e-4, 0.5, clock), KerasAdam(D, 2e-4, 0.5, clock)

    def train_on_batch(adam, p, target):
        p = torch.clamp(p, 1e-7, 1 - 1e-7)
        loss = -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()
        adam.apply(loss)
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
    g_adam, d_adam = TorchAdam(G, lr[0], betas), TorchAdam(D, lr[1], betas)
    loss = torch.nn.BCEWithLogitsLoss(reduction="sum")

    def step(x, z):
        ones, zeros = torch.ones(len(x), 1, dtype=x.dtype), torch.zeros(len(x), 1, dtype=x.dtype)
        loss_d = (loss(D(x), ones) + loss(D(G(z).detach()), zeros)) / 2
        d_adam.apply(loss_d)
        loss_g = loss(D(G(z)), ones)
        g_adam.apply(loss_g)
        return loss_d / len(x), loss_g / len(x)

    return step


def text_001(torch, G, D):
    """The same updates at the text's one rate."""
    return text_003(torch, G, D, lr=(0.005, 0.005), betas=(0.5, 0.999))


def text_004(torch, G, D, gp_mode="inference"):
    """Both losses from one pass; the penalty on the critic in inference mode; both gradients at the old weights."""
    g_adam, d_adam = KerasAdam(G, 2e-4, 0.9, [0]), KerasAdam(D, 2e-4, 0.9, [0])

    def step(x, z, alpha):
        fake = G(z)
        on_real, on_fake = D(x), D(fake)
        penalty = slope_penalty(torch, D, x, fake, alpha, gp_mode)
        d_loss, g_loss = -on_real.mean() + on_fake.mean() + 10 * penalty, -on_fake.mean()
        d_grads = torch.autograd.grad(d_loss, D.parameters(), retain_graph=True)
        g_grads = torch.autograd.grad(g_loss, G.parameters())
        d_adam.apply_gradients(d_grads)
        g_adam.apply_gradients(g_grads)
        return d_loss, g_loss, penalty

    return step


def slope_penalty(torch, D, x, fake, alpha, gp_mode):
    D.training = gp_mode == "train"
    between = (alpha * x + (1 - alpha) * fake.detach()).requires_grad_()
    (slope,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
    D.training = True
    return ((torch.sqrt((slope**2).flatten(1).sum(1)) - 1) ** 2).mean()


def gulrajani(torch, G, D):
    """Algorithm 1 of the WGAN-GP paper: lambda 10, n_critic 5, Adam(1e-4, 0, 0.9)."""
    g_adam, d_adam = TorchAdam(G, 1e-4, (0.0, 0.9)), TorchAdam(D, 1e-4, (0.0, 0.9))

    def step(xs, zs, alphas):
        for t in range(5):
            fake = G(zs[t]).detach()
            real_score, fake_score = D(xs[t]).mean(), D(fake).mean()
            penalty = slope_penalty(torch, D, xs[t], fake, alphas[t], "train")
            d_loss = fake_score - real_score + 10 * penalty
            d_adam.apply(d_loss)
        g_loss = -D(G(zs[5])).mean()
        g_adam.apply(g_loss)
        return d_loss, g_loss, penalty

    return step


def goodfellow(lr, betas=(0.5, 0.999)):
    """The usual alternation: the critic first, then the generator against it, on the same fakes."""

    def oracle(torch, G, D):
        g_adam, d_adam = TorchAdam(G, lr[0], betas), TorchAdam(D, lr[1], betas)
        loss = torch.nn.BCEWithLogitsLoss()

        def step(x, z):
            ones, zeros = torch.ones(len(x), 1, dtype=x.dtype), torch.zeros(len(x), 1, dtype=x.dtype)
            fake = G(z)
            d_loss = loss(D(x), ones) + loss(D(fake.detach()), zeros)
            d_adam.apply(d_loss)
            g_loss = loss(D(fake), ones)
            g_adam.apply(g_loss)
            return d_loss, g_loss

        return step

    return oracle


class Noting:
    """An optimiser that notes the gradients it is given."""

    def __init__(self, optimizer):
        self.optimizer, self.lr, self.gradients = optimizer, optimizer.lr, []

    def step(self, grads):
        self.gradients.append([g.numpy().copy() for g in grads])
        self.optimizer.step(grads)


class Keys:
    """The random stream as dropout sees it: it gives keys of masks, and notes them."""

    def __init__(self):
        self.random, self.given = np.random.default_rng(9), []

    def integers(self, high):
        self.given.append(int(self.random.integers(high)))
        return self.given[-1]


def compare(torch, name, step, oracle, spoil=None, float32=True, **options):
    """Three steps of both from the same weights, data, noise and masks, in float64.

    Losses agree to 1e-9, every gradient to 1e-7 of its tensor's largest entry (one that is 0 in exact
    arithmetic, to 1e-12), parameters to 1e-6 of the learning rate, and moving statistics.  Losses in float32
    agree to 1e-3 at first, and to 3e-3 after Adam has made full steps of what rounding decided; of the largest of the step's losses where the critic has stepped fifteen times and its scores cancel in their mean.
    """
    recipe, generator, critic, draw = start(name, **options)
    _, generator32, critic32, draw32 = start(name, "float32", **options)
    for nets in ((generator, critic), (generator32, critic32)):
        if spoil:
            spoil(*nets)
    G, D = (Net(layers, net.state_dict()) for layers, net in zip(NETS[name], (generator, critic), strict=True))
    g_opt, d_opt = map(Noting, recipe.optimizers(generator, critic))
    optimisers32 = recipe.optimizers(generator32, critic32)
    expect = oracle(torch, G, D)
    first = {id(net): net.state_dict() for net in (generator, critic)}
    weights = np.random.default_rng(7)

    def step_with(keys, nets, opts, batch, more):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(random, "stream", lambda: keys)
            return make_step(recipe, *nets, opts, batch, step, **more)

    keys, keys32 = Keys(), Keys()
    for i in range(3):
        batch, batch32, more = draw(), draw32(), {}
        if "gp_mode" in recipe.step_options:
            alphas = [weights.random((BATCHES[name], *(1 for _ in recipe.image_shape))) for _ in range(max(1, recipe.n_critic))]
            more = {"alphas": alphas} if recipe.n_critic else {"alpha": alphas[0]}
        got = step_with(keys, (generator, critic), (g_opt, d_opt), batch, more)
        D.keys += keys.given
        keys.given.clear()
        expected = expect(*each(torch.from_numpy, batch), *each(torch.from_numpy, list(more.values())))
        assert [t.shape for t in got] == [() for _ in expected] and not D.keys
        losses = [t.item() for t in expected]
        np.testing.assert_allclose([t.item() for t in got], losses, rtol=1e-9)
        for net, opt, oracle_net in ((generator, g_opt, G), (critic, d_opt, D)):
            names = [key for key, _ in net.named_parameters()]
            for ours, theirs in zip(opt.gradients, oracle_net.gradients, strict=True):
                for key, g, right in zip(names, ours, theirs, strict=True):
                    scale = np.abs(right).max()
                    zero = scale < 1e-12 and key.endswith("bias") and not spoil
                    np.testing.assert_allclose(g, right, rtol=0, atol=1e-12 if zero else 1e-7 * scale, err_msg=f"gradient of {key}")
            opt.gradients.clear(), oracle_net.gradients.clear()
            for key, value in net.state_dict().items():
                tolerance = {"rtol": 1e-12, "atol": 1e-11} if "moving" in key else {"rtol": 0, "atol": 1e-6 * opt.lr}
                np.testing.assert_allclose(value, oracle_net.state[key].detach().numpy(), err_msg=key, **tolerance)
        if float32:
            more32 = {key: each(np.float32, value) for key, value in more.items()}
            got = step_with(keys32, (generator32, critic32), optimisers32, batch32, more32)
            assert [t.dtype for t in got] == [np.float32 for _ in expected]
            cancelled = 1e-3 * max(map(abs, losses)) if recipe.n_critic else 0
            np.testing.assert_allclose([t.item() for t in got], losses, rtol=3e-3 if i else 1e-3, atol=cancelled, err_msg="in float32")
    moved = [key for net in (generator, critic) for key, value in net.state_dict().items() if not np.array_equal(value, first[id(net)][key])]
    return moved, generator, critic


@pytest.fixture
def torch():
    """PyTorch on one thread: for batches this small two are slower."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)


ORACLES = {
    "gaussian2d": text_003,
    "mlp-mnist": text_002,
    "dcgan-mnist": text_000,
    "dcgan-pokemon": text_001,
    "dcgan-fifa": text_001,
    "dcgan-k5-mnist": goodfellow((2e-4, 2e-4)),
    "wgan-gp-mnist": text_004,
    "wgan-gp-paper": gulrajani,
    "ring2d": goodfellow((1e-3, 1e-3)),
    "grid2d": goodfellow((1e-3, 1e-3)),
    "quickstart": goodfellow(recipes.get("quickstart").lr),  # our own recipe: its rates are ours to tune
}


@pytest.mark.torch
@each_recipe
def test_three_steps_agree_with_pytorch(torch, name):
    moved, generator, critic = compare(torch, name, None, ORACLES[name])
    still = {"wgan-gp-mnist": 1, "wgan-gp-paper": 1}.get(name, 0)  # the critic's last bias, in both terms of its loss
    assert len(moved) == sum(len(net.state_dict()) for net in (generator, critic)) - still  # every other array of both


@pytest.mark.slow_on_strict
@pytest.mark.torch
def test_the_penalty_of_the_network_that_is_trained(torch):
    """gp_mode=train: batch statistics and dropout within the penalty too, and the moving statistics move a third time."""
    compare(torch, "wgan-gp-mnist", None, lambda *nets: text_004(*nets, gp_mode="train"), gp_mode="train")


@pytest.mark.slow_on_strict
@pytest.mark.torch
def test_the_d2l_step_runs_the_generator_twice(torch):
    """On networks with batch norm, which count: per step the generator's statistics move twice, the critic's three times."""
    compare(torch, "quickstart", steps.d2l_step, lambda *nets: text_003(*nets, lr=recipes.get("quickstart").lr, betas=(0.5, 0.999)))


@pytest.mark.slow_on_strict
@pytest.mark.torch
@pytest.mark.parametrize("shift", [-40, 40])
def test_beyond_the_clip_nothing_is_learned(torch, shift):
    """A critic that is certain: Keras's clipped cross-entropy is at most -log(1e-7) = 16.1 and flat there."""

    def certain(generator, critic):
        critic.dense_3.bias.data += shift

    moved, _, _ = compare(torch, "mlp-mnist", None, text_002, spoil=certain, float32=False)
    assert all("moving" in key for key in moved)


# --- What every step owes ---------------------------------------------------------------------------------


@pytest.mark.slow_on_strict
@pytest.mark.parametrize(
    ("name", "in_generator", "in_critic", "options"),
    [
        ("mlp-mnist", 1, 0, {}), ("dcgan-mnist", 1, 2, {}), ("quickstart", 1, 0, {}), ("dcgan-pokemon", 2, 3, {}), ("dcgan-k5-mnist", 1, 3, {}),
        ("wgan-gp-mnist", 1, 2, {}), ("wgan-gp-mnist", 1, 3, {"gp_mode": "train"}), ("wgan-gp-mnist", 3, 5, {"n_critic": 2}), ("wgan-gp-paper", 6, 0, {}),
    ],
)  # fmt: skip
def test_how_often_moving_statistics_advance(name, in_generator, in_critic, options):
    recipe, generator, critic, draw = start(name, **options)
    moves = {}
    for network in (generator, critic):
        for part_name, part in network.modules():
            if type(part).__name__ == "BatchNorm":  # the statistics' share of what they were: momentum**moves
                part.moving_mean[...], part.gamma.data[...] = 1e12, 1
                moves[id(part)] = (network, part_name, part)
    make_step(recipe, generator, critic, recipe.optimizers(generator, critic), draw())
    for network, part_name, part in moves.values():
        count = np.log(to_numpy(part.moving_mean).mean() / 1e12) / np.log(part.momentum)
        assert count == pytest.approx(in_generator if network is generator else in_critic, abs=1e-6), part_name


@each_recipe
def test_float32_stays_float32(name):
    recipe, generator, critic, draw = start(name, "float32")
    optimisers = recipe.optimizers(generator, critic)
    for _ in range(2):
        losses = make_step(recipe, generator, critic, optimisers, draw())
        assert {t.dtype for t in losses} == {np.dtype(np.float32)}
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


@each_recipe
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
    make_step(recipe, generator, critic, recipe.optimizers(generator, critic), draw())
    assert calls == ["critic"] * D_STEPS.get(name, 1) + ["generator"]
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
    make_step(recipe, generator, critic, recipe.optimizers(generator, critic), draw())
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
        still = {key for (key, _), g in zip(self.own.named_parameters(), grads, strict=True) if not g.data.any()}
        assert still <= {"conv2d_4.bias"}  # a constant that a Wasserstein critic adds: no loss sees it
        after = self.own.state_dict()
        assert all(np.array_equal(value, own[key]) == ("moving" in key or key in still) for key, value in after.items())
        self.order.append(self.own)


@each_recipe
def test_each_optimiser_changes_its_own_network_alone(name):
    recipe, generator, critic, draw = start(name, "float32")
    g_opt, d_opt = recipe.optimizers(generator, critic)
    guarded_g, guarded_d = Guarded(g_opt, generator, critic), Guarded(d_opt, critic, generator)
    guarded_g.order = guarded_d.order
    make_step(recipe, generator, critic, (guarded_g, guarded_d), draw())
    d_steps = D_STEPS.get(name, 1)
    in_order = [True] * d_steps + [False]
    assert [net is critic for net in guarded_d.order] == in_order
    assert (g_opt.counter.steps, d_opt.counter.steps) == ((3, 3) if recipe.shared_counter else (1, d_steps))


def alive(kind):
    return sum(issubclass(type(thing), kind) for thing in gc.get_objects())


@each_recipe
def test_no_graph_survives_a_step(name):
    """With the collector off: the losses hold the graph, and nothing does when they are gone."""
    recipe, generator, critic, draw = start(name, "float32")
    optimisers = recipe.optimizers(generator, critic)
    gc.collect()
    gc.disable()
    gc.freeze()  # what is there already is not counted, here and from now on
    try:
        for _ in range(2):
            losses = make_step(recipe, generator, critic, optimisers, draw())
            assert alive(Function) > 0
            del losses
            assert (alive(Function), alive(ng.Tensor)) == (0, 0)
    finally:
        gc.enable()


@each_recipe
def test_networks_are_left_in_training_mode(name):
    recipe, generator, critic, draw = start(name, "float32")
    make_step(recipe, generator, critic, recipe.optimizers(generator, critic), draw())
    assert all(part.training for net in (generator, critic) for _, part in net.modules())


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one(name):
    """The last of an epoch may be that small: batch norm then has no variance, and nothing becomes infinite."""
    recipe, generator, critic, draw = start(name, "float32", n=1)
    losses = make_step(recipe, generator, critic, recipe.optimizers(generator, critic), draw())
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
