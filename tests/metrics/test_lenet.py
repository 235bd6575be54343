"""LeNet-5: its shape, its weights in the package, and that this code made them."""

import itertools

import numpy as np
import pytest

import nanogan as ng
from nanogan import data
from nanogan.metrics import frechet_distance, lenet

# Of the first steps with the packaged network's seed on MNIST, in order.
FIRST_LOSSES = [2.3141, 2.29021, 2.28534, 2.2631, 2.24828, 2.21805, 2.17585, 2.10177, 2.02824, 1.98023]


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28, 1), np.uint8)


def test_parameters_layer_by_layer():
    net = lenet.LeNet()
    assert {name: p.size for name, p in net.named_parameters() if name.endswith("weight")} == {
        "conv1.weight": 150, "conv2.weight": 2400, "dense1.weight": 48_000, "dense2.weight": 10_080, "out.weight": 840,
    }  # fmt: skip
    assert sum(p.size for p in net.parameters()) == 61_706


@pytest.mark.every_backend
def test_features_logits_and_what_embed_makes_of_them():
    net = lenet.load_lenet()
    few = images(7)
    x = ng.backend.asarray(few.astype(np.float32) / 127.5 - 1)
    features, logits = net.features(x).numpy(), net(x).numpy()
    assert features.shape == (7, 84) and logits.shape == (7, 10) and features.min() >= 0
    embedded, odds = (ng.to_numpy(a) for a in lenet.embed(net, few))
    assert embedded == pytest.approx(features, rel=1e-4, abs=1e-4) and embedded.dtype == odds.dtype == np.float32
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert odds == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-5)


def test_embed_in_pieces(monkeypatch):
    net, few = lenet.load_lenet(), images(7)
    whole = lenet.embed(net, few)
    monkeypatch.setattr(lenet, "AT_A_TIME", 3)
    for a, b in zip(whole, lenet.embed(net, few), strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-5)


@pytest.mark.every_backend
def test_average_pool():
    x = np.arange(2 * 4 * 6 * 3, dtype=np.float32).reshape(2, 4, 6, 3)
    pooled = lenet.average_pool(ng.Tensor(x)).numpy()
    assert pooled.shape == (2, 2, 3, 3)
    assert pooled[1, 0, 2].tolist() == x[1, 0:2, 4:6].mean(axis=(0, 1)).tolist()


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
def test_it_learns_and_a_seed_repeats_it():
    """Bright above or bright below."""
    labels = np.arange(60) % 2
    halves = images(60) // 4
    halves[labels == 0, :14] += 128
    halves[labels == 1, 14:] += 128
    ng.seed(1)
    net = lenet.train(halves, labels, seed=0, epochs=10)
    after = ng.backend.random.stream().random()
    assert lenet.accuracy(net, halves, labels) == 1 and not net.training
    assert lenet.fingerprint(lenet.train(halves, labels, seed=0, epochs=10)) == lenet.fingerprint(net)
    assert lenet.fingerprint(lenet.train(halves, labels, seed=1, epochs=10)) != lenet.fingerprint(net)
    ng.seed(1)
    assert ng.backend.random.stream().random() == after  # whatever the state of the stream, which is left as it was


def test_the_fingerprint_is_of_every_weight(tmp_path):
    net = lenet.load_lenet()
    assert lenet.fingerprint(net) == lenet.SHA256
    lenet.save_lenet(tmp_path / "a.npz", net)
    assert lenet.fingerprint(lenet.load_lenet(tmp_path / "a.npz")) == lenet.SHA256
    for p in net.parameters():
        p.data.reshape(-1)[-1] += 1
        assert lenet.fingerprint(net) != lenet.SHA256
        p.data.reshape(-1)[-1] -= 1


def test_a_package_that_was_tampered_with(tmp_path, monkeypatch):
    monkeypatch.setattr(lenet, "PACKAGED", tmp_path / "a.npz")
    lenet.save_lenet(tmp_path / "a.npz", lenet.LeNet())
    with pytest.raises(ng.NanoganError, match=r"a\.npz is not the network .*SHA-256 differs.*install nanogan again"):
        lenet.load_lenet(lenet.PACKAGED)


def test_files_that_are_no_lenet(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", **{"out.bias": np.zeros(10)})
    np.savez(tmp_path / "pickled.npz", **{"out.bias": np.array([None])})
    sick = lenet.LeNet()
    sick.dense1.weight.data[3, 4] = np.nan
    lenet.save_lenet(tmp_path / "sick.npz", sick)
    for name in ("missing.npz", "text.npz", "other.npz", "pickled.npz", "sick.npz"):
        with pytest.raises(ng.NanoganError, match=f"{name} (cannot be read|holds no LeNet).*--train-lenet makes one"):
            lenet.load_lenet(tmp_path / name)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 28, 28), np.uint8), np.zeros((2, 28, 28, 1), np.float32), np.zeros((2, 64, 64, 3), np.uint8), images(0)]
)
def test_images_that_it_does_not_take(wrong):
    with pytest.raises(ng.ShapeError, match=r"LeNet: images are .*; it takes uint8 \(N, 28, 28, 1\)"):
        lenet.embed(lenet.LeNet(), wrong)


@pytest.mark.parametrize("labels", [[0], [0.0, 1.0], [-1, 0]])
def test_labels_that_it_does_not_take(labels):
    with pytest.raises(ng.ShapeError, match="LeNet: labels are"):
        lenet.train(images(2), np.array(labels))


def test_the_packaged_network_knows_its_digits(data_dir):
    test = data.load("mnist", data_dir, split="test")
    assert lenet.accuracy(lenet.load_lenet(), test.samples, test.labels) >= 0.99


def test_real_digits_are_about_as_near_as_the_page_says(data_dir):
    """10,000 training images against the test images."""
    net, chosen = lenet.load_lenet(), np.random.default_rng(0).permutation(60_000)[:10_000]
    train, test = data.load("mnist", data_dir).samples[chosen], data.load("mnist", data_dir, split="test").samples
    assert 0.5 < frechet_distance(lenet.embed(net, train)[0], lenet.embed(net, test)[0]) < 1.3


def test_this_code_made_the_packaged_network(data_dir):
    """Its first steps are the same; the full training is below."""
    train = data.load("mnist", data_dir)
    losses = [loss.item() for _, loss in itertools.islice(lenet.training(train.samples, train.labels), len(FIRST_LOSSES))]
    assert losses == pytest.approx(FIRST_LOSSES, rel=2e-3)


@pytest.mark.slow
def test_it_is_trained_from_scratch(data_dir):
    train, test = data.load("mnist", data_dir), data.load("mnist", data_dir, split="test")
    net = lenet.train(train.samples, train.labels)
    assert lenet.accuracy(net, test.samples, test.labels) >= 0.99
