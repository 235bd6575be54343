"""LeNet-5, the small classifier whose features the scores of images are computed in.

    net = load_lenet()                             # the packaged one, trained on MNIST by this file
    features, probabilities = embed(net, images)   # of uint8 (N, 28, 28, 1)

A score in a network's features depends on the network: numbers compare only where the weights are the same.  So
one set of weights comes with the package, is checked against its SHA-256 when it is read, and ``fingerprint`` is
printed with every score.
"""

import hashlib
import math
import os
import pathlib

import numpy

from nanogan import ops
from nanogan.autograd import grad, no_grad
from nanogan.backend import NanoganError, ShapeError, asarray, random, to_numpy, xp
from nanogan.nn import Conv2D, Dense, Module
from nanogan.optim import Adam

PACKAGED = pathlib.Path(__file__).with_name("lenet_mnist.npz")
SHA256 = "c177c07d05823a64848689e98ce34b7dfd532659be5764a47801bded575ed14d"  # of the packaged weights
EPOCHS, BATCH_SIZE, RATE = 12, 100, 2e-3  # what made them, see ``train``
SEED = 2  # with it; of 0, 1 and 2 that by which two real sets are neither nearest nor farthest apart
AT_A_TIME = 500  # images that a network looks at together


class LeNet(Module):
    """28x28x1 -> 28x28x6 -> 14x14x6 -> 10x10x16 -> 5x5x16 -> 120 -> 84 -> classes.  61,706 parameters for ten classes.

    LeCun et al. 1998, figure 2, with average pooling, ReLU, and every map of the second layer seeing all six.
    """

    def __init__(self, classes: int = 10):
        self.conv1, self.conv2 = Conv2D(1, 6, 5, padding=2), Conv2D(6, 16, 5, padding="valid")
        self.dense1, self.dense2, self.out = Dense(5 * 5 * 16, 120), Dense(120, 84), Dense(84, classes)

    def features(self, x):
        """The penultimate layer: (N, 28, 28, 1) in [-1, 1], as generators make images -> (N, 84), at least 0."""
        x = (x + 1) * 0.5  # black is 0, as is what pads it
        x = average_pool(ops.relu(self.conv1(x)))  # (N, 14, 14, 6)
        x = average_pool(ops.relu(self.conv2(x)))  # (N, 5, 5, 16)
        return ops.relu(self.dense2(ops.relu(self.dense1(ops.reshape(x, (len(x), 400))))))

    def forward(self, x):
        return self.out(self.features(x))  # (N, classes) logits


def average_pool(x):
    """The mean of 2x2 pixels: (N, 2H, 2W, C) -> (N, H, W, C)."""
    N, H, W, C = x.shape
    return ops.mean(ops.reshape(x, (N, H // 2, 2, W // 2, 2, C)), axis=(2, 4))


def train(images, labels, seed=SEED, epochs=EPOCHS, progress=None):
    """A LeNet that has learned ``labels``, (N,) whole numbers from 0, of ``images``, (N, 28, 28, 1) uint8, on the backend in use.

    Softmax cross-entropy, Adam, batches of BATCH_SIZE in a new order each epoch, a rate that falls from RATE to 0 in a
    straight line; no augmentation, so that the features notice what is shifted.  seed: of weights and order, whatever the
    state of the random stream.  epochs: parts of one too.  progress: True shows a bar, False none, None one on a terminal.
    Raises ShapeError for other images or labels.
    """
    from tqdm import tqdm  # here, because it takes longer to import than all of nanogan

    net, steps = None, training(images, labels, seed, epochs)
    total = max(1, round(epochs * max(1, len(images) // BATCH_SIZE)))
    for net, _ in tqdm(steps, total=total, desc="LeNet", unit="step", leave=False, disable=None if progress is None else not progress):  # noqa: B007
        pass
    return net.eval()


def training(images, labels, seed=SEED, epochs=EPOCHS):
    """The steps of ``train``: (network, loss), the network after the step and the loss before it, a tensor."""
    images, labels = _checked(images), numpy.asarray(labels)
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ShapeError(f"LeNet: labels are {labels.dtype} {labels.shape} for images {images.shape}; give a whole number from 0 for each image")
    batch = min(BATCH_SIZE, len(images))
    per_epoch = len(images) // batch
    total = max(1, round(epochs * per_epoch))
    with random.fork([seed, 5]):
        net = LeNet(int(labels.max()) + 1)
        orders = [random.stream().permutation(len(images)) for _ in range(math.ceil(total / per_epoch))]
    weights, optimizer = net.parameters(), Adam(net.parameters(), RATE)
    for step in range(total):
        epoch, i = divmod(step, per_epoch)
        chosen = orders[epoch][i * batch : (i + 1) * batch]
        loss = ops.softmax_cross_entropy(net(_scaled(images[chosen])), asarray(labels[chosen]))
        optimizer.lr = RATE * (1 - step / total)
        optimizer.step(grad(loss, weights))
        yield net, loss.detach()


def embed(net, images, progress=None):
    """(features, probabilities) of images, uint8 (N, 28, 28, 1): float32 arrays of the backend, (N, 84) and (N, classes).

    Raises ShapeError for images that LeNet does not take.

    >>> features, probabilities = embed(LeNet(), numpy.zeros((3, 28, 28, 1), numpy.uint8))
    >>> features.shape, probabilities.shape
    ((3, 84), (3, 10))
    """
    from tqdm import tqdm

    images = _checked(images)
    features, probabilities = [], []
    starts = range(0, len(images), AT_A_TIME)
    with no_grad():
        for start in tqdm(starts, desc="features", leave=False, delay=2, disable=None if progress is None else not progress):
            found = net.features(_scaled(images[start : start + AT_A_TIME]))
            logits = net.out(found).data
            odds = xp.exp(logits - logits.max(axis=1, keepdims=True))
            features.append(found.data)
            probabilities.append(odds / odds.sum(axis=1, keepdims=True))
    return xp.concatenate(features), xp.concatenate(probabilities)


def accuracy(net, images, labels):
    """The share of images, uint8 (N, 28, 28, 1), whose most probable class is that of ``labels``, (N,)."""
    _, probabilities = embed(net, images)
    return float((to_numpy(probabilities).argmax(axis=1) == numpy.asarray(labels)).mean())


def fingerprint(net):
    """The SHA-256 of a network's weights, in hexadecimal: of the names, shapes and float32 bytes (least byte first), in order.

    The first eight digits stand beside every score that was computed in its features.
    """
    digest = hashlib.sha256()
    for name, value in net.state_dict().items():
        digest.update(f"{name} {value.shape}".encode() + numpy.ascontiguousarray(value, "<f4").tobytes())
    return digest.hexdigest()


def save_lenet(file, net):
    """Write the weights to ``file``, a path or an open binary file, as an .npz of float32 arrays."""
    numpy.savez(file, **net.state_dict())


def load_lenet(path=PACKAGED):
    """The LeNet in an .npz file of ``save_lenet``; by default the packaged one, whose SHA-256 is checked.

    Raises NanoganError for a file that is missing, damaged or of another network.

    >>> embed(load_lenet(), numpy.zeros((1, 28, 28, 1), numpy.uint8))[0].shape
    (1, 84)
    """
    import zipfile  # here, because it takes its time to import

    remedy = "python -m nanogan.evaluate --train-lenet makes one"
    place = os.path.expanduser(path)
    if os.path.isfile(place) and not zipfile.is_zipfile(place):
        raise NanoganError(f"{path} holds no LeNet, for it is no .npz file; {remedy}")
    try:
        with open(place, "rb") as file, numpy.load(file, allow_pickle=False) as archive:
            state = {name: archive[name] for name in archive.files}
        with random.fork(0):  # its weights are about to be replaced
            net = LeNet(len(state["out.bias"]))
        net.load_state_dict(state)
        if not all(bool(xp.isfinite(p.data).all()) for p in net.parameters()):
            raise ValueError("there are weights that are not finite")
    except OSError as error:
        raise NanoganError(f"{path} cannot be read ({error.strerror or error}); {remedy}") from error
    except KeyError as error:
        raise NanoganError(f"{path} holds no LeNet, for it has no array {error}; {remedy}") from error
    except Exception as error:  # a damaged archive can fail in any way
        why = " ".join(str(error).split())
        raise NanoganError(f"{path} holds no LeNet ({type(error).__name__}: {why:.100}); {remedy}") from error
    if path == PACKAGED and fingerprint(net) != SHA256:
        raise NanoganError(f"{path} is not the network that this version of nanogan scores with (its SHA-256 differs); install nanogan again")
    return net.eval()


def _scaled(images):
    """uint8 -> float32 of the backend in [-1, 1], as the data sets scale their batches."""
    return asarray(images).astype(xp.float32) / 127.5 - 1


def _checked(images):
    images = numpy.asarray(images)
    if images.dtype != numpy.uint8 or images.shape[1:] != (28, 28, 1) or not len(images):
        raise ShapeError(f"LeNet: images are {images.dtype} {images.shape}; it takes uint8 (N, 28, 28, 1)")
    return images
