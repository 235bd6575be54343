"""PyTorch's side computes what ours does: every recipe, with the steps and layers that it has."""

import numpy as np
import pytest

from nanogan import Tensor, nn, no_grad
from nanogan.backend import NanoganError
from nanogan.gan import recipes
from nanogan.gan.bench import check
from nanogan.gan.bench.nanogan_worker import Nanogan

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
from nanogan.gan.bench.torch_networks import Peer, images  # noqa: E402
from nanogan.gan.bench.torch_worker import Torch  # noqa: E402

pytestmark = pytest.mark.torch

CASES = [(name, {}) for name in recipes.names()]
CASES += [("ring2d", {"objective": name}) for name in ("minimax", "probabilities", "double-sigmoid", "least-squares")]
CASES += [("mlp-mnist", {"g_loss": "mse"}), ("mlp-mnist", {"g_loss": "poisson"}), ("dcgan-mnist", {"objective": "least-squares"})]
CASES += [("wgan-gp-mnist", {"gp_mode": "train"}), ("wgan-gp-paper", {"n_critic": "2", "batch_norm": "yes", "dropout": "0.3"})]


@pytest.fixture(autouse=True)
def _one_thread():
    """As many as before, afterwards."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def both(recipe, options=None, batch_size=3, layout="default"):
    """(our worker, the peer)."""
    ours, peer = Nanogan(), Torch()
    ours.build(recipe, batch_size, options or {}, "numpy")
    peer.build(recipe, batch_size, options or {}, "numpy", threads=1, layout=layout)
    return ours, peer


@pytest.mark.parametrize(("recipe", "options"), CASES, ids=["-".join([name, *options.values()]) for name, options in CASES])
def test_losses_agree(tmp_path, recipe, options):
    ours, peer = both(recipe, options, batch_size=8 if "wgan" in recipe else 3)  # a rounding that moves one unit across a kink moves the penalty
    check.compare(recipe, ours.write_check(tmp_path / "case.npz"), peer.check(tmp_path / "case.npz"))


def test_losses_agree_in_the_other_layout(tmp_path):
    ours, peer = both("wgan-gp-mnist", layout="channels_last")
    check.compare("", ours.write_check(tmp_path / "case.npz"), peer.check(tmp_path / "case.npz"))


@pytest.mark.parametrize("network", ["generator", "critic"])
def test_one_wrong_weight_is_noticed(tmp_path, network):
    ours, peer = both("dcgan-pokemon")
    result = ours.write_check(tmp_path / "case.npz")
    case = dict(np.load(tmp_path / "case.npz"))
    name = next(name for name in case if name.startswith(network))
    case[name].flat[7] += 3
    np.savez(tmp_path / "case.npz", **case)
    with pytest.raises(check.LossesDiffer, match="losses"):
        check.compare("", result, peer.check(tmp_path / "case.npz"))


@pytest.mark.parametrize("wrong", ["g_opt", "d_opt"])
def test_a_missing_update_is_noticed(tmp_path, monkeypatch, wrong):
    ours, peer = both("dcgan-mnist")
    monkeypatch.setattr(peer.optimizers[wrong == "d_opt"], "step", lambda: None)
    with pytest.raises(check.LossesDiffer, match="move by"):
        check.compare("", ours.write_check(tmp_path / "case.npz"), peer.check(tmp_path / "case.npz"))


@pytest.mark.parametrize("layers", [
    [nn.Conv2D(3, 4, 4, 1), nn.Tanh()],  # an uneven padding that no layer of PyTorch's has
    [nn.Conv2D(3, 4, 3, 2, padding=((0, 1), (2, 1))), nn.Flatten(), nn.Dense(3 * 4 * 4, 3)],
    [nn.Conv2D(3, 4, 2, 2, padding="valid"), nn.ConvTranspose2D(4, 2, 3, 2), nn.ConvTranspose2D(2, 2, 4, 2, padding=1)],
    [nn.Flatten(), nn.BatchNorm(6 * 7 * 3), nn.Dense(6 * 7 * 3, 8), nn.Reshape(2, 2, 2), nn.Conv2D(2, 3, 1)],
    [nn.Flatten(), nn.Dense(6 * 7 * 3, 8), nn.Dense(8, 12), nn.BatchNorm(12), nn.Reshape(2, 3, 2), nn.Flatten(), nn.LeakyReLU(0.1), nn.Dense(12, 3)],
])  # fmt: skip
def test_layers_agree(layers):
    network = nn.Sequential(*layers)
    random = np.random.default_rng(0)
    network.load_state_dict({name: check.weights(name, array.shape, random) for name, array in network.state_dict().items()})
    peer = Peer(network, (6, 7, 3))
    peer.load(network.state_dict())
    x = random.standard_normal((4, 6, 7, 3), dtype="float32")
    with no_grad(), torch.no_grad():
        y, theirs = network(Tensor(x)).numpy(), peer.module(images(x))
    np.testing.assert_allclose(theirs.numpy(), images(y).numpy(), rtol=1e-4, atol=1e-5)


def test_mirrored_layers_pad_nothing_by_hand():
    """All that the recipes need is in the padding arguments."""
    for name in recipes.names():
        recipe = recipes.get(name)
        for network, shape in zip(recipe.build(), (recipe.latent_shape, recipe.image_shape), strict=True):
            assert not any(isinstance(module, torch.nn.ZeroPad2d) for module in Peer(network, shape).module)


def test_what_cannot_be_translated_is_said():
    with pytest.raises(NanoganError, match="no translation of LayerNorm"):
        Peer(nn.Sequential(nn.LayerNorm(3)), (4, 4, 3))


def test_the_generators_step_leaves_no_gradients_in_the_critic():
    """Nor does it compute them: a critic's weight gradients are not asked for."""
    _, peer = both("dcgan-k5-mnist")
    seen = []
    for p in peer.networks[1].parameters():
        p.register_hook(lambda grad: seen.append(1))
    peer.step()
    assert len(seen) == len(list(peer.networks[1].parameters()))  # of the critic's own step alone
    assert all(p.requires_grad for p in peer.networks[1].parameters())


def test_every_turn_starts_from_the_same_weights():
    _, peer = both("gaussian2d")
    peer.step()
    peer.reset()
    assert all(
        torch.equal(value, start[name]) for net, start in zip(peer.networks, peer.start, strict=True) for name, value in net.state_dict().items()
    )
    assert all(not value.any() for optimizer in peer.optimizers for moments in optimizer.state.values() for value in moments.values())
