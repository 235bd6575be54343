"""Notebook 07: the two networks of a DCGAN, layer by layer, and walks in the latent space."""

import math

import numpy as np

from nanogan import nn
from nanogan.autograd import Tensor, no_grad
from nanogan.course.exercise import Exercise, Mistake
from nanogan.course.outcomes import told

# --- 07.layer_sizes -----------------------------------------------------------------------------------------------------


def layer_sizes(size, kernel, stride, padding):
    """(after a convolution, after a transposed convolution): how long an axis of ``size`` entries becomes, both whole numbers.

    The convolution has ``padding`` zeros put on both ends first, and leaves out a last window that does not fit.  The transposed
    one lays a kernel down every ``stride`` places, and then has ``padding`` entries cut off both ends.
    """
    # <yours>
    down = (size + 2 * padding - kernel) // stride + 1
    up = (size - 1) * stride + kernel - 2 * padding
    return down, up
    # </yours>


def _axes(rng):
    yield from [(16, 4, 2, 1), (4, 4, 1, 0), (7, 3, 2, 1), (5, 5, 1, 2), (10, 3, 3, 0)]
    for _ in range(30):
        kernel, stride = int(rng.integers(1, 8)), int(rng.integers(1, 5))
        padding = int(rng.integers(0, (kernel + 1) // 2))
        yield int(rng.integers(kernel, 40)), kernel, stride, padding


LAYER_SIZES = Exercise(
    "07.layer_sizes", layer_sizes, _axes, stars=1,
    mistakes=[
        Mistake("the convolution rounds down: a window that does not fit whole is left out",
                lambda n, k, s, p: (-(-(n + 2 * p - k) // s) + 1, layer_sizes(n, k, s, p)[1])),
        Mistake("the convolution has one window more: the first is there before any stride is made",
                lambda n, k, s, p: ((n + 2 * p - k) // s, layer_sizes(n, k, s, p)[1])),
        Mistake("1 is added after the division, for the first window; here it is added before",
                lambda n, k, s, p: ((n + 2 * p - k + 1) // s, layer_sizes(n, k, s, p)[1])),
        Mistake("padding is on both ends; here it counts once", lambda n, k, s, p: ((n + p - k) // s + 1, (n - 1) * s + k - p)),
        Mistake("the padding is put on both ends: 2 * padding", lambda n, k, s, p: ((n + p - k) // s + 1, layer_sizes(n, k, s, p)[1])),
        Mistake("the padding is cut off both ends: 2 * padding", lambda n, k, s, p: (layer_sizes(n, k, s, p)[0], (n - 1) * s + k - p)),
        Mistake("a transposed convolution cuts the padding off; here it is put on",
                lambda n, k, s, p: (layer_sizes(n, k, s, p)[0], (n - 1) * s + k + 2 * p)),
        Mistake("n entries are n - 1 strides apart, from the first to the last; here there are n strides",
                lambda n, k, s, p: (layer_sizes(n, k, s, p)[0], n * s + k - 2 * p)),
        Mistake("a whole number of windows is asked for: // leaves out the one that does not fit, and / counts a part of it",
                lambda n, k, s, p: ((n + 2 * p - k) / s + 1, layer_sizes(n, k, s, p)[1])),
        Mistake('size * stride is right for padding "same" only; the kernel and the padding count, too',
                lambda n, k, s, p: (layer_sizes(n, k, s, p)[0], n * s)),
    ],
    hints=[
        "Down: on size + 2 * padding entries the first window begins at 0, the last at the largest multiple of stride that leaves room for kernel.",
        "Up: the first kernel begins at 0, the last at (size - 1) * stride, and reaches kernel further.",
        "Up, at last: padding entries are cut off both ends.",
    ],
)  # fmt: skip

# --- 07.count_parameters --------------------------------------------------------------------------------------------------


def count_parameters(kernel, n_in, n_out, bias, batch_norm):
    """(trained, kept): the numbers in a layer with a kernel x kernel window from n_in channels to n_out, whole numbers.

    bias, batch_norm: True or False, whether the layer has a bias, and whether a batch norm comes after it.  Batch norm trains gamma
    and beta, and keeps the two moving statistics, which no optimiser touches.
    """
    # <yours>
    trained = kernel * kernel * n_in * n_out
    if bias:
        trained += n_out
    if batch_norm:
        trained += 2 * n_out
    return trained, 2 * n_out if batch_norm else 0
    # </yours>


def _layers(rng):
    yield from [(3, 5, 32, True, False), (3, 32, 96, True, True), (4, 100, 512, False, True), (4, 64, 3, False, False)]
    for _ in range(20):
        kernel, n_in, n_out = (int(n) for n in rng.integers(1, (8, 300, 300)))
        yield kernel, n_in, n_out, bool(rng.integers(2)), bool(rng.integers(2))


def _count(k, n_in, n_out, bias, norm, *, area=None, biases=None, normed=None):
    biases, normed = n_out if biases is None else biases, n_out if normed is None else normed
    return (k * k if area is None else area) * n_in * n_out + bias * biases + norm * 2 * normed, norm * 2 * normed


COUNT_PARAMETERS = Exercise(
    "07.count_parameters", count_parameters, _layers,
    mistakes=[
        Mistake("the window is kernel x kernel; here its side counts once", lambda k, i, o, b, n: _count(k, i, o, b, n, area=k)),
        Mistake("there is one bias for each channel that comes out; here each that goes in has one", lambda k, i, o, b, n: _count(k, i, o, b, n, biases=i)),
        Mistake("the bias is left out where batch norm follows; count it wherever bias is True", lambda k, i, o, b, n: _count(k, i, o, b and not n, n)),
        Mistake("batch norm stands after the layer, so it has the channels that come out; here it has those that go in",
                lambda k, i, o, b, n: _count(k, i, o, b, n, normed=i)),
        Mistake("the moving statistics are kept, not trained; here all four numbers of batch norm are trained",
                lambda k, i, o, b, n: (_count(k, i, o, b, n)[0] + n * 2 * o, 0)),
        Mistake("batch norm has four numbers for each channel; here four are trained and two more are kept: gamma and beta are the trained ones",
                lambda k, i, o, b, n: (_count(k, i, o, b, n)[0] + n * 2 * o, n * 2 * o)),
        Mistake("batch norm trains two numbers for each channel, gamma and beta; here it trains one",
                lambda k, i, o, b, n: (_count(k, i, o, b, n)[0] - n * o, _count(k, i, o, b, n)[1])),
        Mistake("each filter reaches over all n_in channels; here it sees one", lambda k, i, o, b, n: _count(k, 1, o, b, n)),
    ],
    hints=[
        "A single number of the output is a weighted sum over a window of kernel x kernel places and all n_in channels.  How many weights is that?",
        "There are n_out such filters, each with a bias of its own if there are biases.",
        "Batch norm: gamma, beta, moving mean and moving variance, n_out of each.  The first two are trained.",
    ],
)  # fmt: skip

# --- 07.glorot_limit ------------------------------------------------------------------------------------------------------


def glorot_limit(shape):
    """The limit a of Glorot's uniform start, a number: weights of ``shape`` are drawn evenly between -a and a.

    shape: (in, out) of a dense layer, or (KH, KW, in, out) of a convolution.  a = sqrt(6 / (fan_in + fan_out)), where a fan is the
    number of channels times the places of the window, KH * KW.
    """
    # <yours>
    places = np.prod(shape[:-2])
    fan_in, fan_out = places * shape[-2], places * shape[-1]
    return np.sqrt(6 / (fan_in + fan_out))
    # </yours>


def _shapes(rng):
    yield from [((20, 12544),), ((5, 5, 64, 128),), ((4, 4, 1, 16),), ((3, 3),)]
    for _ in range(20):
        fans = tuple(int(n) for n in rng.integers(1, 300, 2))
        yield ((*(int(n) for n in rng.integers(1, 6, 2)), *fans) if rng.integers(2) else fans,)


def _fans(shape):
    places = math.prod(shape[:-2])
    return places, places * shape[-2], places * shape[-1]


GLOROT_LIMIT = Exercise(
    "07.glorot_limit", glorot_limit, _shapes, stars=1,
    mistakes=[
        Mistake("this is the deviation, sqrt(2 / ...); the limit is sqrt(3) times that", lambda shape: glorot_limit(shape) / math.sqrt(3)),
        Mistake("this looks at fan_in alone; Glorot takes fan_in + fan_out", lambda shape: math.sqrt(6 / _fans(shape)[1])),
        Mistake("the window is left out: each fan is the channels times KH * KW", lambda shape: math.sqrt(6 / (shape[-2] + shape[-1]))),
        Mistake("the window counts for both fans, and here for fan_in only", lambda shape: math.sqrt(6 / (_fans(shape)[1] + shape[-1]))),
        Mistake("the fans are the last two axes; here they are the first two", lambda shape: math.sqrt(6 / (shape[0] + shape[1]))),
        Mistake("this is the variance over 2 without its root; take the square root", lambda shape: 6 / (_fans(shape)[1] + _fans(shape)[2])),
    ],
    hints=[
        "The last two entries of the shape are the channels, whatever stands before them.",
        "np.prod(shape[:-2]) is KH * KW, and 1 for a dense layer.",
        "np.sqrt(6 / (places * (shape[-2] + shape[-1])))",
    ],
)  # fmt: skip

# --- 07.make_generator ----------------------------------------------------------------------------------------------------


def make_generator(latent=32, width=64):
    """An nn.Sequential from noise (N, latent) to pictures (N, 28, 28, 1) in [-1, 1], with fresh weights in nanogan's usual start.

    (7, 7, width): a Dense layer without bias, reshaped, batch norm, ReLU.
    (14, 14, width // 2): ConvTranspose2D of kernel 4 and stride 2 without bias, batch norm, ReLU.
    (28, 28, 1): ConvTranspose2D of kernel 4 and stride 2 with bias, then tanh; no batch norm here.
    Every nn.BatchNorm has momentum=0.99.
    """
    # <yours>
    return nn.Sequential(
        nn.Dense(latent, 7 * 7 * width, bias=False),
        nn.Reshape(7, 7, width),
        nn.BatchNorm(width, momentum=0.99),
        nn.ReLU(),  # (7, 7, width)
        nn.ConvTranspose2D(width, width // 2, 4, stride=2, bias=False),
        nn.BatchNorm(width // 2, momentum=0.99),
        nn.ReLU(),  # (14, 14, width // 2)
        nn.ConvTranspose2D(width // 2, 1, 4, stride=2),
        nn.Tanh(),  # (28, 28, 1)
    )
    # </yours>


def _as_it_is(network, x, **shown):
    """What a network is judged by: its numbers, shapes and start, and what it makes of x in both modes, its weights the same for all."""
    if not isinstance(network, nn.Module):
        raise TypeError(f"a network is asked for, nn.Sequential(...) with return before it, and {type(network).__name__} came back")
    network.astype(np.float64)
    state = list(network.named_state())
    trained = sum(value.size for _, value in state if isinstance(value, Tensor))
    start = [_start(value.data) for _, value in state if isinstance(value, Tensor) and value.ndim > 1]
    shapes, y = _passed_through(network.eval(), x[:1])
    found = {"shapes after the layers that have weights": shapes, "shape of the answer": y.shape[1:]}
    found |= {"trained parameters": trained, "kept statistics": sum(value.size for _, value in state) - trained, "how the weights start": start}
    _fill(network)
    with no_grad():
        found["the answer in training mode"] = network.train()(x).data
        kept = [value.ravel() for _, value in network.named_state() if not isinstance(value, Tensor)]
        found["the moving statistics after one step"] = np.concatenate(kept) if kept else np.zeros(0)
        found["the answer in inference mode"] = network.eval()(x).data
    return found


def _passed_through(network, x):
    """([shape after each layer with a weight, without the batch], what comes out)."""
    shapes, parts = [], [part for _, part in network.modules() if isinstance(getattr(part, "weight", None), Tensor)]

    def watched(its_own):
        def forward(*inputs):
            y = its_own(*inputs)
            shapes.append(y.shape[1:])
            return y

        return forward

    for part in parts:
        part.forward = watched(part.forward)
    try:
        with no_grad():
            y = network(x)
    finally:
        for part in parts:
            vars(part).pop("forward", None)
    return shapes, y


def _start(weight):
    """How a weight was drawn, in words."""
    deviation, glorot = weight.std(), glorot_limit(weight.shape) / math.sqrt(3)
    if not deviation:
        return "all alike"
    known = {"Glorot": glorot, "N(0, 0.02)": 0.02, "N(0, 1)": 1.0}
    near = min(known, key=lambda name: abs(math.log(deviation / known[name])))
    return near if abs(math.log(deviation / known[near])) < 0.25 else f"deviation {deviation:.1g}"


def _fill(network):
    """Write the same numbers into all networks of a kind, whatever they drew: they depend on the shape, the name and how many such came before."""
    seen = {}
    for name, value in network.named_state():
        kind, array = name.split(".")[-1], value.data if isinstance(value, Tensor) else value
        number = seen[kind, array.shape] = seen.get((kind, array.shape), 0) + 1
        rng = np.random.default_rng([number, *map(ord, kind), *array.shape])
        spread = glorot_limit(array.shape) if array.ndim > 1 else 0.3
        array[...] = {"gamma": 1.0, "moving_var": 1.0}.get(kind, 0.0) + spread * rng.uniform(-1, 1, array.shape)


def _pictures_made(answer, latent, width):
    z = np.random.default_rng([latent, width]).normal(size=(6, latent))
    return _as_it_is(answer(latent, width), z)


def _generator(
    latent,
    width,
    *,
    bias=False,
    second_bias=None,
    momentum=0.99,
    slope=0.0,
    first_norm=True,
    last_norm=False,
    last=nn.Tanh,
    last_bias=True,
    turned=(False, False),
    flat=False,
    folded=None,
    **options,
):
    def block(layer, n, turned, reshape=(), norm=True):
        norm = [nn.BatchNorm(n, momentum=momentum)] if norm else []
        active = [nn.LeakyReLU(slope) if slope else nn.ReLU()]
        return [layer, *reshape, *(active + norm if turned else norm + active)]

    def first_block():
        dense, reshape = nn.Dense(latent, 49 * width, bias=bias, **options), [nn.Reshape(*(folded(width) if folded else (7, 7, width)))]
        return [*block(dense, 49 * width, turned[0]), *reshape] if flat else block(dense, width, turned[0], reshape, first_norm)

    half, second_bias = width // 2, bias if second_bias is None else second_bias
    return nn.Sequential(
        *first_block(),
        *block(nn.ConvTranspose2D(width, half, 4, stride=2, bias=second_bias, **options), half, turned[1]),
        nn.ConvTranspose2D(half, 1, 4, stride=2, bias=last_bias, **options), *([nn.BatchNorm(1, momentum=momentum)] if last_norm else []), last(),
    )  # fmt: skip


def _like(make, **changes):
    return lambda *sizes: make(*sizes, **changes)


MAKE_GENERATOR = Exercise(
    "07.make_generator", make_generator, lambda rng: [(32, 64), (10, 32), (5, 48)], outcome=_pictures_made,
    mistakes=[
        Mistake("the last layer ends in a sigmoid, [0, 1]; the real pictures lie in [-1, 1], so tanh is asked for", _like(_generator, last=nn.Sigmoid)),
        Mistake("nothing bounds the pictures: the last layer ends in tanh", _like(_generator, last=nn.Sequential)),
        Mistake("batch norm stands before the tanh; the last layer goes without", _like(_generator, last_norm=True)),
        Mistake("the reshaped noise has no batch norm; only the last layer goes without", _like(_generator, first_norm=False)),
        Mistake("the biases before batch norm do nothing, since it subtracts the mean: bias=False there", _like(_generator, bias=True)),
        Mistake("the Dense layer before batch norm has a bias; bias=False there, too", _like(_generator, bias=True, second_bias=False)),
        Mistake("the ConvTranspose2D before batch norm has a bias; bias=False there, too", _like(_generator, second_bias=True)),
        Mistake("batch norm stands after the ReLU; before it is asked for", _like(_generator, turned=(True, True))),
        Mistake("in the first block batch norm stands after the ReLU; before it is asked for", _like(_generator, turned=(True, False))),
        Mistake("in the second block batch norm stands after the ReLU; before it is asked for", _like(_generator, turned=(False, True))),
        Mistake("batch norm stands before the reshape, and has a gamma for each of the 7 * 7 * width numbers; one gamma per channel: reshape first",
                _like(_generator, flat=True)),
        Mistake("this is text 002's order, ReLU, batch norm, reshape; here it is reshape, batch norm, ReLU, with one gamma per channel",
                _like(_generator, flat=True, turned=(True, True))),
        Mistake("the last layer has a bias: no batch norm follows that would subtract it", _like(_generator, last_bias=False)),
        Mistake("the width is written in as 64; use width", lambda latent=32, width=64: _generator(latent, 64)),
        Mistake("the ReLUs are leaky; the generator's are plain, and the critic's leak", _like(_generator, slope=0.2)),
        Mistake("batch norm's momentum is 0.9, the layer's default; 0.99 is asked for", _like(_generator, momentum=0.9)),
        Mistake("batch norm's momentum is 0.01, as PyTorch would have it; nanogan's is the share of the old value: 0.99", _like(_generator, momentum=0.01)),
        Mistake("the channels come last: nn.Reshape(7, 7, width)", _like(_generator, folded=lambda width: (width, 7, 7))),
        Mistake("the weights start from N(0, 0.02); leave init away, which is Glorot's start", _like(_generator, init=nn.init.normal)),
    ],
    hints=[
        "nn.Sequential(layer, layer, ...).  The Dense layer gives 7 * 7 * width numbers, and nn.Reshape(7, 7, width) makes a picture of them.",
        'nn.ConvTranspose2D(width, width // 2, 4, stride=2, bias=False): the padding is "same", which doubles both sides.',
        "print(ng.summary(make_generator(), (32,))) shows the shapes: (7, 7, 64), (14, 14, 32), (28, 28, 1).  It should train 133,825 numbers.",
    ],
)  # fmt: skip

# --- 07.make_critic -------------------------------------------------------------------------------------------------------


def make_critic(width=16):
    """An nn.Sequential from pictures (N, 28, 28, 1) to logits (N, 1), with fresh weights in nanogan's usual start.

    (14, 14, width): Conv2D of kernel 4 and stride 2 with bias, leaky ReLU; no batch norm here.
    (7, 7, 2 * width): Conv2D of kernel 4 and stride 2 without bias, batch norm, leaky ReLU.
    (4, 4, 4 * width): the same once more; then flattened, and a Dense layer with bias to 1 number, which is the logit.
    Every leaky ReLU has slope 0.2, every nn.BatchNorm momentum=0.99.
    """
    # <yours>
    return nn.Sequential(
        nn.Conv2D(1, width, 4, stride=2),
        nn.LeakyReLU(0.2),  # (14, 14, width)
        nn.Conv2D(width, 2 * width, 4, stride=2, bias=False),
        nn.BatchNorm(2 * width, momentum=0.99),
        nn.LeakyReLU(0.2),  # (7, 7, 2 width)
        nn.Conv2D(2 * width, 4 * width, 4, stride=2, bias=False),
        nn.BatchNorm(4 * width, momentum=0.99),
        nn.LeakyReLU(0.2),  # (4, 4, 4 width)
        nn.Flatten(),
        nn.Dense(4 * 4 * 4 * width, 1),
    )
    # </yours>


def _pictures_judged(answer, width):
    x = np.random.default_rng(width).uniform(-1, 1, size=(6, 28, 28, 1))
    return _as_it_is(answer(width), x)


def _critic(
    width, *, bias=False, momentum=0.99, slope=0.2, first_norm=False, inner_norm=True, last=(), turned=False, padding="same", side=4, **options
):
    layers = []
    for n_in, n_out in ((1, width), (width, 2 * width), (2 * width, 4 * width)):
        first = n_in == 1
        norm = [nn.BatchNorm(n_out, momentum=momentum)] if (first_norm if first else inner_norm) else []
        active = [nn.LeakyReLU(slope) if slope else nn.ReLU()]
        layers += [nn.Conv2D(n_in, n_out, 4, stride=2, bias=first or bias, padding=padding, **options), *(active + norm if turned else norm + active)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dense(side * side * 4 * width, 1, **options), *(layer() for layer in last))


MAKE_CRITIC = Exercise(
    "07.make_critic", make_critic, lambda rng: [(16,), (8,), (12,)], outcome=_pictures_judged,
    mistakes=[
        Mistake("it ends in a sigmoid; the loss takes the sigmoid of the logit, and twice is once too often", _like(_critic, last=(nn.Sigmoid,))),
        Mistake("the first layer has batch norm; the critic should see the pictures as they are", _like(_critic, first_norm=True)),
        Mistake("there is no batch norm; all but the first layer have it", _like(_critic, inner_norm=False)),
        Mistake("the biases before batch norm do nothing, since it subtracts the mean: bias=False there", _like(_critic, bias=True)),
        Mistake("the ReLUs do not leak; the critic's have slope 0.2, or the generator hears nothing from where they are 0", _like(_critic, slope=0.0)),
        Mistake("the slope of the leaky ReLU is 0.01; 0.2 is asked for", _like(_critic, slope=0.01)),
        Mistake('padding=1 leaves 3x3 after the last convolution; the default "same" gives 4x4', _like(_critic, padding=1, side=3)),
        Mistake('padding=1 leaves 3x3, which does not fit the Dense layer; the default "same" gives 4x4', _like(_critic, padding=1)),
        Mistake("batch norm stands after the leaky ReLU; before it is asked for", _like(_critic, turned=True)),
        Mistake("batch norm's momentum is 0.9, the layer's default; 0.99 is asked for", _like(_critic, momentum=0.9)),
        Mistake("the weights start from N(0, 0.02); leave init away, which is Glorot's start", _like(_critic, init=nn.init.normal)),
    ],
    hints=[
        'nn.Conv2D(1, width, 4, stride=2): the padding is "same", so 28 becomes 14, then 7, then 4, which is 3.5 rounded up.',
        "After nn.Flatten() there are 4 * 4 * 4 * width numbers; nn.Dense(..., 1) weighs them.",
        "print(ng.summary(make_critic(), (28, 28, 1))) shows the shapes.  It should train 42,449 numbers, and end in the Dense layer.",
    ],
)  # fmt: skip

# --- 07.first_epoch -------------------------------------------------------------------------------------------------------


def first_epoch():
    """Three numbers about batch norm with momentum 0.99, in text 000's first epoch of 235 steps.

    1. The share of a moving mean's first value that is left in the generator after the epoch, to two decimals.
    2. PyTorch's momentum that does the same.
    3. How many times a moving mean of the critic has moved: each step runs it on real pictures, and on generated ones.
    """
    # <yours>
    return 0.09, 0.01, 470
    # </yours>


class _ToTwoDecimals(float):
    """A number that counts as it is to two decimals, and is told of as it was written."""

    def __new__(cls, number):
        made = super().__new__(cls, round(float(number), 2))
        made.written = number
        return made

    def told(self):
        return told(self.written)


def _to_two_decimals(answer):
    numbers = answer()
    return tuple(map(_ToTwoDecimals, numbers)) if isinstance(numbers, (tuple, list)) or np.ndim(numbers) == 1 else numbers


FIRST_EPOCH = Exercise(
    "07.first_epoch", first_epoch, lambda rng: [()], outcome=_to_two_decimals, stars=1,
    mistakes=[
        Mistake("the first is in percent; a share is asked for, between 0 and 1", lambda: (9.42, 0.01, 470)),
        Mistake("the first is the share that has been replaced; what is left is 0.99 ** 235", lambda: (0.91, 0.01, 470)),
        Mistake("each step multiplies what is left by 0.99; the losses of 1 percent do not add up to 235", lambda: (0, 0.01, 470)),
        Mistake("PyTorch's momentum is the share of the new value: 1 - 0.99", lambda: (0.09, 0.99, 470)),
        Mistake("the critic runs twice a step, and each run moves its statistics", lambda: (0.09, 0.01, 235)),
    ],
    hints=[
        "Each step keeps 0.99 of the old value.  After two steps 0.99 * 0.99 of the first one is left.",
        "PyTorch writes new = (1 - momentum) * old + momentum * batch.",
        "235 real batches and 235 generated ones.",
    ],
)  # fmt: skip

# --- 07.slerp -------------------------------------------------------------------------------------------------------------


def slerp(start, end, t):
    """The point at t, from 0 to 1, on the way round from start to end, (n,) as both are: its direction turns evenly, its length changes evenly.

    With a and b the directions of start and end (their vectors divided by their lengths), and w the angle between them, the direction is
    (sin((1 - t) w) a + sin(t w) b) / sin(w).  The length is (1 - t) |start| + t |end|.
    """
    # <yours>
    from_length, to_length = np.linalg.norm(start), np.linalg.norm(end)
    a, b = start / from_length, end / to_length
    w = np.arccos(np.clip(a @ b, -1, 1))
    direction = (np.sin((1 - t) * w) * a + np.sin(t * w) * b) / np.sin(w)
    return ((1 - t) * from_length + t * to_length) * direction
    # </yours>


def _ends(rng):
    yield np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.5
    yield np.array([2.0, 0.0]), np.array([0.0, 4.0]), 0.5
    yield np.array([3.0, 0.0]), np.array([0.0, 1.0]), 0.25
    for _ in range(20):
        start, end = rng.normal(size=(2, int(rng.integers(2, 40))))
        yield start, end, float(rng.uniform())


def _parts(start, end):
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    a, b = start / lengths[0], end / lengths[1]
    return *lengths, a, b, np.arccos(np.clip(a @ b, -1, 1))


def _unequal(start, end, t):
    *_, w = _parts(start, end)
    return (np.sin((1 - t) * w) * start + np.sin(t * w) * end) / np.sin(w)


def _not_divided(start, end, t):
    r, s, a, b, w = _parts(start, end)
    return ((1 - t) * r + t * s) * (np.sin((1 - t) * w) * a + np.sin(t * w) * b)


def _line_stretched(start, end, t):
    line = (1 - t) * start + t * end
    return ((1 - t) * np.linalg.norm(start) + t * np.linalg.norm(end)) * line / np.linalg.norm(line)


def _direction(start, end, t):
    r, s, *_ = _parts(start, end)
    return slerp(start, end, t) / ((1 - t) * r + t * s)


def _angle_of_ends(start, end, t):
    r, s, a, b, _ = _parts(start, end)
    w = np.arccos(np.clip(start @ end, -1, 1))
    return ((1 - t) * r + t * s) * (np.sin((1 - t) * w) * a + np.sin(t * w) * b) / np.sin(w)


def _turning(start, end, turned, lengthened, radian=1.0):
    """slerp with one t for the direction, another for the length, and an angle that counts ``radian`` for a radian."""
    r, s, a, b, w = _parts(start, end)
    w = radian * w
    return ((1 - lengthened) * r + lengthened * s) * (np.sin((1 - turned) * w) * a + np.sin(turned * w) * b) / np.sin(w)


SLERP = Exercise(
    "07.slerp", slerp, _ends,
    mistakes=[
        Mistake("this is the straight line, which is too short in the middle; turn the direction", lambda start, end, t: (1 - t) * start + t * end),
        Mistake("the ends have changed places: t = 0 is start", lambda start, end, t: slerp(end, start, t)),
        Mistake("the sines weigh the vectors as they are; weigh their directions, and give the length afterwards", _unequal),
        Mistake("the sum of the directions is not divided by sin(w), so that it is not of length 1", _not_divided),
        Mistake("the length is right, but the direction is that of the straight line, which does not turn evenly", _line_stretched),
        Mistake("this is the direction alone; it has still to be given its length", _direction),
        Mistake("arccos of <start, end> is no angle; that of the two directions is", _angle_of_ends),
        Mistake("the sines have changed places: at t = 0 the direction is a", lambda start, end, t: _turning(start, end, 1 - t, t)),
        Mistake("the lengths have changed places: (1 - t) belongs to start", lambda start, end, t: _turning(start, end, t, 1 - t)),
        Mistake("np.sin wants radians, as np.arccos gives them", lambda start, end, t: _turning(start, end, t, t, 180 / np.pi)),
    ],
    hints=[
        "The length of a vector is np.linalg.norm(start); its direction is start divided by that.",
        "The angle is np.arccos(a @ b), for a and b of length 1.",
        "Try it on (2, 0) and (0, 4) at t = 0.5: the length is 3, and the direction halfway between the axes, so both entries are 3 / sqrt(2) = 2.12.",
    ],
)  # fmt: skip

# --- 07.to_channels_last --------------------------------------------------------------------------------------------------


def to_channels_last(weight, C, H, W):
    """The weight of a Dense layer, (latent, C * H * W), from a program that keeps channels first, as nanogan needs it: (latent, H * W * C).

    There its output is reshaped to (C, H, W), here to (H, W, C).  Both should hold the same picture.
    """
    # <yours>
    latent = len(weight)
    return weight.reshape(latent, C, H, W).transpose(0, 2, 3, 1).reshape(latent, H * W * C)
    # </yours>


def _weights(rng):
    yield np.arange(4.0).reshape(1, 4), 2, 1, 2
    yield np.arange(12.0).reshape(1, 12), 2, 2, 3
    for _ in range(20):
        latent, C, H, W = (int(n) for n in rng.integers(2, 6, 4))
        yield rng.normal(size=(latent, C * H * W)), C, H, W


def _moved(shape, order):
    """What to_channels_last does, with another first shape or another order of axes."""

    def answer(weight, C, H, W):
        sizes = {"C": C, "H": H, "W": W}
        return weight.reshape(len(weight), *(sizes[letter] for letter in shape)).transpose(0, *order).reshape(len(weight), -1)

    return answer


TO_CHANNELS_LAST = Exercise(
    "07.to_channels_last", to_channels_last, _weights, stars=3,
    mistakes=[
        Mistake("the columns are where they were; the shapes fit, but entry 1 is the next column there and the next channel here", lambda w, C, H, W: w.copy()),
        Mistake("the columns are read as (H, W, C), as they are to become; they come as (C, H, W)", _moved("HWC", (3, 1, 2))),
        Mistake("rows and columns of the picture have changed places: (C, H, W) becomes (H, W, C), not (W, H, C)", _moved("CHW", (3, 2, 1))),
        Mistake("the channels are still before the columns: (H, C, W); they go to the very end", _moved("CHW", (2, 1, 3))),
        Mistake("this is the reversed order of columns; the axes change places, and none is turned round", lambda w, C, H, W: w[:, ::-1].copy()),
    ],
    hints=[
        "Column number i belongs to one place (c, h, w).  Which i is that there, and which here?",
        "Let NumPy count: reshape the columns to (C, H, W), change the order of axes, and reshape back.",
        "The axes of weight.reshape(latent, C, H, W) are numbered 0 to 3; transpose(0, 2, 3, 1) puts the channels last.",
    ],
)  # fmt: skip

EXERCISES = [LAYER_SIZES, COUNT_PARAMETERS, GLOROT_LIMIT, MAKE_GENERATOR, MAKE_CRITIC, FIRST_EPOCH, SLERP, TO_CHANNELS_LAST]
