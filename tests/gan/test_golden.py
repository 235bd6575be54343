"""The training steps against what TensorFlow 2.15 (texts 000, 002, 004) and PyTorch (001, 003) made of the same numbers.

``tests/golden/`` holds their results, the scripts that computed them, and, in ``digest.py``, how they are stored.
"""

import importlib.util
import pathlib
import types

import numpy as np
import pytest

from nanogan import asarray, to_numpy
from nanogan.backend import random
from nanogan.gan import recipes
from nanogan.nn import BatchNorm, LeakyReLU

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
SPEC = importlib.util.spec_from_file_location("golden_digest", GOLDEN / "digest.py")
digest = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(digest)

# text: (recipe, batch size, does TensorFlow compute it, the parameters whose gradient is 0 in exact arithmetic: biases that batch norm
# subtracts again; and text 004's last bias, which the critic's loss takes once with + and once with -)
TEXTS = {
    "000": ("dcgan-mnist", 6, True, {"generator convtranspose2d_1.bias", "generator convtranspose2d_2.bias", "critic conv2d_2.bias", "critic conv2d_3.bias"}),
    "001": ("dcgan-pokemon", 4, False, set()),
    "002": ("mlp-mnist", 8, True, set()),
    "003": ("gaussian2d", 4, False, set()),
    "004": ("wgan-gp-mnist", 4, True, {f"critic conv2d_{i}.bias" for i in (1, 2, 3, 4)}),
}  # fmt: skip
each_text = pytest.mark.parametrize("text", [text if text == "003" else pytest.param(text, marks=pytest.mark.slow_on_strict) for text in TEXTS])


class Noting:
    """An optimiser that notes the digests of the gradients that it is given."""

    def __init__(self, optimizer, network, label, noted):
        self.optimizer, self.noted = optimizer, noted
        self.labels = [f"{label} {name}" for name, _ in network.named_parameters()]

    def step(self, grads):
        self.noted += [(label, digest.digest(to_numpy(g))) for label, g in zip(self.labels, grads, strict=True)]
        self.optimizer.step(grads)


def three_steps(text, dtype, monkeypatch):
    """(losses, gradients, parameters, moving statistics): the first (3, k), the others lists of (name, digest), a list a step of the middle two."""
    name, n, tensorflow, _ = TEXTS[text]
    recipe = recipes.get(name)
    draws = digest.Draws(int(text), n, recipe.image_shape, recipe.latent_shape)
    nets = dict(zip(("generator", "critic"), recipe.build(), strict=True))
    first = {}
    for seed, (label, net) in enumerate(nets.items()):
        first[label] = digest.state({key: value.shape for key, value in net.state_dict().items()}, seed, text)
        net.astype(dtype).load_state_dict({key: value.astype(dtype) for key, value in first[label].items()})
        if tensorflow and dtype == "float64":
            as_tensorflow_does_it_in_float64(net)
    noted, keys, losses, gradients, parameters = [], [], [], [], []
    optimisers = recipe.optimizers(*nets.values())
    rates = dict(zip(nets, (opt.lr for opt in optimisers), strict=True))
    noting = [Noting(opt, net, label, noted) for opt, (label, net) in zip(optimisers, nets.items(), strict=True)]
    monkeypatch.setattr(random, "stream", lambda: types.SimpleNamespace(integers=lambda high: keys.pop(0)))  # of dropout masks
    for _ in range(3):
        noted.clear()
        batch, options = [asarray(draws.real().astype(dtype))], {}
        if text == "004":
            batch.append(asarray(draws.noise().astype(dtype)))
            options["alpha"] = asarray(draws.alpha().astype(dtype))
            keys += draws.keys(4)
        else:
            batch += [asarray(draws.noise().astype(dtype)) for _ in range(recipe.latents)]
        losses.append([t.item() for t in recipe.step(*nets.values(), *noting, *batch, **options, **recipe.step_options)])
        assert not keys
        gradients.append(list(noted))
        parameters.append([
            (f"{label} {key}", digest.digest((p.numpy() - first[label][key]) / rates[label])) for label, net in nets.items() for key, p in net.named_parameters()
        ])  # fmt: skip
    moving = [(f"{label} {key}", digest.digest(value)) for label, net in nets.items() for key, value in net.state_dict().items() if "moving" in key]
    return np.array(losses), gradients, parameters, moving


def as_tensorflow_does_it_in_float64(network):
    """Where it is not what it does in training, in float32, with which the networks are compared as they are.

    Images have no fused batch norm in float64, and the plain one's moving variance is biased.  And two
    numbers are rounded to float32 in every dtype: 1 - momentum, and the slope of a leaky ReLU.
    """
    for _, part in network.modules():
        if isinstance(part, BatchNorm):
            part.unbiased, part.momentum = False, 1 - float(np.float32(1 - part.momentum))
        elif isinstance(part, LeakyReLU):
            part.slope = float(np.float32(part.slope))


def golden(text):
    with np.load(GOLDEN / f"text_{text}.npz", allow_pickle=False) as file:
        return dict(file)


def pairs(got, expected):
    """(name, our digest, the golden one) for a list of (name, digest) and all golden ones in one vector."""
    assert sum(len(vector) for _, vector in got) == len(expected)
    ends = np.cumsum([len(vector) for _, vector in got])
    return [(name, ours, theirs) for (name, ours), theirs in zip(got, np.split(expected, ends[:-1]), strict=True)]


@pytest.mark.every_backend
@pytest.mark.usefixtures("any_size")
@pytest.mark.slow_if_lowered
@each_text
def test_three_steps_in_float64(text, monkeypatch):
    """Every loss and gradient to 1e-7 of its scale, every parameter to 1e-3 of the learning rate."""
    zeros = TEXTS[text][-1]
    losses, gradients, parameters, moving = three_steps(text, "float64", monkeypatch)
    file, found = golden(text), set()
    np.testing.assert_allclose(losses, file["losses"], rtol=1e-7)
    for step in range(3):
        for name, ours, theirs in pairs(gradients[step], file["gradients"][step]):
            scale = np.abs(theirs).max() if len(theirs) < digest.LENGTH else theirs[0]
            if scale < 1e-12:
                found.add(name)
                assert np.abs(ours).max() < 1e-12, f"step {step}, {name}: the gradient should be 0"
            else:
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-7 * scale, err_msg=f"step {step}, gradient of {name}")
        for name, ours, theirs in pairs(parameters[step], file["parameters"][step]):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3, err_msg=f"step {step}, {name}, in learning rates")
    assert found == zeros
    for name, ours, theirs in pairs(moving, file["moving"]) if moving else []:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * np.abs(theirs).max(), err_msg=name)


@pytest.mark.every_backend
@pytest.mark.slow_if_lowered
@each_text
def test_three_steps_in_float32(text, any_size, monkeypatch):
    """Every loss to 1e-3, of the framework's in float32 and in float64.

    But for text 004 where every product is made by Winograd's filtering, which rounds differently: there one entry falls on
    the other side of a leaky ReLU's kink, Adam makes full steps of the difference, and from then on it is 1e-2.

    TensorFlow's moving variances too, which in training are unbiased for images and biased for features.
    (Not the means: they hold the biases that batch norm subtracts, which Adam moves as rounding will have it.)
    """
    losses, _, _, moving = three_steps(text, "float32", monkeypatch)
    file = golden(text)
    for right in (file["losses32"], file["losses"]):
        np.testing.assert_allclose(losses[0], right[0], rtol=1e-3)
        np.testing.assert_allclose(losses, right, rtol=1e-2 if any_size and text == "004" else 1e-3)
    if "variances32" in file:
        variances = [(name, ours) for name, ours in moving if "moving_var" in name]
        for name, ours, theirs in pairs(variances, file["variances32"]):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=(1e-5 if any_size else 1e-6) * np.abs(theirs).max(), err_msg=name)


def test_a_digest_misses_no_entry():
    """One entry wrong, or all of them, by 1e-6 of the largest: ten times what a gradient may be off, and it shows as much."""
    random = np.random.default_rng(0)
    gradient = random.standard_normal((3, 3, 32, 64))
    before, scale = digest.digest(gradient), np.abs(gradient).max()
    assert len(before) == digest.LENGTH and before[0] == scale
    for spoilt in ((0, 0, 0, 0), (1, 2, 31, 5), (2, 2, 31, 63), ...):
        after = gradient.copy()
        after[spoilt] += 1e-6 * scale * (random.choice([-1, 1], gradient.shape) if spoilt is ... else 1)
        assert np.abs(digest.digest(after) - before).max() > 0.999e-6 * scale
    order = np.argsort(random.random(gradient.size))
    assert np.abs(digest.digest(gradient.ravel()[order]) - before)[1:].max() > 1  # the right numbers in the wrong places
    assert digest.digest(np.arange(6.0).reshape(2, 3)).tolist() == [0, 1, 2, 3, 4, 5]


def test_the_files_are_small():
    sizes = {path.name: path.stat().st_size for path in GOLDEN.glob("*.npz")}
    assert sizes.keys() == {f"text_{text}.npz" for text in TEXTS}
    assert max(sizes.values()) < 100_000 and sum(sizes.values()) < 300_000, sizes
