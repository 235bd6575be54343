"""Notebook 05: an IDX header, batch normalisation in both modes, Adam in both forms, and how often a critic is right."""

import math
import types

import numpy as np

from nanogan import nn, ops
from nanogan.course import engine as ng
from nanogan.course.exercise import Exercise, Mistake

# --- 05.idx_header ------------------------------------------------------------------------------------------------------


def idx_header(data):
    """What the header of an IDX file says.  data: the whole file, a bytes object.

    Returns (type code, shape, start): a number, a tuple of numbers, and the place in data where the items begin.
    """
    # <yours>
    axes = data[3]
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes))
    return data[2], shape, 4 + 4 * axes
    # </yours>


def _header(code, *shape):
    return bytes([0, 0, code, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)


def _files(rng):
    yield (_header(8, 2, 2, 3) + bytes(range(12)),)
    yield (_header(8, 5) + bytes([5, 0, 4, 1, 9]),)
    yield (_header(8, 100_000, 28, 28) + bytes(4),)  # 00 01 86 a0: more than two bytes hold
    yield (_header(8, 300) + bytes(300),)
    yield (_header(8, 3_000_000_000),)  # b2 d0 5e 00: all four bytes, and the first bit, which is no sign
    for _ in range(16):
        axes, code = int(rng.integers(1, 5)), int(rng.choice([0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E]))
        yield (_header(code, *(int(n) for n in rng.integers(1, 1000, axes))) + bytes(16),)


def _header_with(order="big", start=None, width=4, ndim=3, code=2, skipped=0, signed=False):
    def answer(data):
        axes = data[ndim]
        shape = tuple(int.from_bytes(data[4 + width * i + skipped : 4 + width * (i + 1)], order, signed=signed) for i in range(axes))
        return data[code], shape, 4 + width * axes if start is None else start(axes)

    return answer


IDX_HEADER = Exercise(
    "05.idx_header", idx_header, _files,
    mistakes=[
        Mistake("the lengths are read with the last byte as the largest; these have the largest first: big-endian", _header_with("little")),
        Mistake("the header is 16 bytes long for three axes only; it is 4 + 4 * axes", _header_with(start=lambda axes: 16)),
        Mistake("the first four bytes are missing in the place where the items begin: it is 4 + 4 * axes", _header_with(start=lambda axes: 4 * axes)),
        Mistake("byte 2 is the type of the items and byte 3 the number of axes, not the other way round", _header_with(ndim=2, code=3)),
        Mistake("one byte is read for each length; a length has four", _header_with(width=1)),
        Mistake("only the two low bytes of each length are read; a length has four, and may be more than 65,535", _header_with(skipped=2)),
        Mistake("only the three low bytes of each length are read; a length has four", _header_with(skipped=1)),
        Mistake("the lengths are read with a sign; a length has none, and its first bit counts like the others", _header_with(signed=True)),
    ],
    hints=[
        "data[2] and data[3] are numbers already: an entry of a bytes object is one.",
        "The length of axis i lies in data[4 + 4 * i : 8 + 4 * i].",
        'int.from_bytes(four_bytes, "big") is the number.',
    ],
)  # fmt: skip

# --- 05.moving_statistics -----------------------------------------------------------------------------------------------


def moving_statistics():
    """(mean, variance): batch norm's moving statistics, after it has seen the batch [1, 5] twice in training.

    They start at 0 and 1.  The momentum is 0.8, and the variance the biased one.  Three digits will do.
    """
    # <yours>
    return 1.08, 2.08
    # </yours>


MOVING_STATISTICS = Exercise(
    "05.moving_statistics", moving_statistics, lambda rng: [()], rtol=5e-3, stars=1,
    mistakes=[
        Mistake("this is after the batch was seen once; it was seen twice", lambda: (0.6, 1.6)),
        Mistake("the momentum is the share of the old value, 0.8, not of the new one", lambda: (2.88, 3.88)),
        Mistake("this is the unbiased variance of the batch, 8; the biased one, 4, was asked for", lambda: (1.08, 3.52)),
        Mistake("the moving variance starts at 1, not at 0", lambda: (1.08, 1.44)),
        Mistake("this has the deviation of the batch, 2, where its variance, 4, was asked for", lambda: (1.08, 1.36)),
        Mistake("these are the statistics of the batch; the moving ones are still on their way to them", lambda: (3.0, 4.0)),
    ],
    hints=[
        "First the batch: its mean, and the mean of the squared distances from it.",
        "A step is new = 0.8 * old + 0.2 * batch.  Take two, for the mean from 0, for the variance from 1.",
    ],
)  # fmt: skip

# --- 05.batch_norm ------------------------------------------------------------------------------------------------------


class BatchNorm(nn.Module):
    """Batch normalisation of each column: (N, C) -> (N, C), in both modes."""

    statistics = ("moving_mean", "moving_var")  # plain arrays, which are saved with the network and not trained

    def __init__(self, features, momentum=0.8, eps=1e-3, unbiased=False):
        self.gamma = ng.Tensor(ng.asarray(np.ones(features, np.float32)), requires_grad=True)  # (C,)
        self.beta = ng.Tensor(ng.asarray(np.zeros(features, np.float32)), requires_grad=True)  # (C,)
        self.moving_mean = ng.asarray(np.zeros(features, np.float32))  # (C,)
        self.moving_var = ng.asarray(np.ones(features, np.float32))  # (C,)
        self.momentum, self.eps, self.unbiased = momentum, eps, unbiased

    def forward(self, x):
        """gamma * (x - mean) / sqrt(var + eps) + beta.  x: a tensor (N, C); returns one.

        Where self.training is true: with the batch's mean and biased variance; and the moving statistics, which are arrays,
        advance: momentum * old + (1 - momentum) * batch's.  With self.unbiased the moving variance, and it alone, takes
        N / (N - 1) times the batch's.  Where it is false: with the moving statistics, which stay as they are.
        """
        # <yours>
        if self.training:
            mean = ops.mean(x, axis=0)  # (C,)
            centred = x - mean  # (N, C)
            var = ops.mean(centred * centred, axis=0)  # (C,)
            correction = len(x) / (len(x) - 1) if self.unbiased else 1
            self.moving_mean = self.momentum * self.moving_mean + (1 - self.momentum) * mean.data
            self.moving_var = self.momentum * self.moving_var + (1 - self.momentum) * correction * var.data
        else:
            centred, var = x - self.moving_mean, ng.Tensor(self.moving_var)
        return self.gamma * centred / ops.sqrt(var + self.eps) + self.beta
        # </yours>


def _layer(features, momentum, eps, unbiased, batches):
    """A case: with gamma and beta that are not 1 and 0."""
    return features, momentum, eps, unbiased, np.linspace(0.5, 2.0, features), np.linspace(-1.0, 1.0, features), batches


def _batches(rng):
    yield _layer(1, 0.8, 0.0, False, [np.array([[1.0], [1.0], [4.0]])])
    yield _layer(2, 0.8, 1e-3, False, [np.array([[1.0, 0.0], [5.0, 2.0]])])
    yield _layer(2, 0.5, 0.25, True, [np.array([[1.0, 0.0], [5.0, 2.0]]), np.array([[3.0, 1.0], [3.0, 1.5], [0.0, 2.0]])])
    for i in range(17):
        C, count = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        batches = [rng.normal(1, 2, (int(rng.integers(2, 7)), C)) for _ in range(count)]
        yield _layer(C, float(rng.uniform(0.1, 0.95)), float(rng.choice([1e-5, 1e-3, 0.5])), bool(i % 2), batches)


def _normalised(answer, features, momentum, eps, unbiased, gamma, beta, batches):
    """What a layer gives for some batches in training and the last one in inference, and what is left behind in it."""
    layer = answer(features, momentum=momentum, eps=eps, unbiased=unbiased).astype(np.float64)
    layer.gamma.data[...], layer.beta.data[...] = gamma, beta
    found, weights = {}, np.cos(np.arange(batches[-1].size)).reshape(batches[-1].shape)
    for i, batch in enumerate(batches, 1):
        x = ng.Tensor(batch, requires_grad=True)
        y = layer(x)
        if y is None:
            return None
        found[f"in training, batch {i}, y"] = y.numpy()
    dx, dgamma, dbeta = ng.grad(ops.sum(y * weights), [x, layer.gamma, layer.beta])
    found |= {"in training, the gradient of x": dx, "the gradient of gamma": dgamma, "the gradient of beta": dbeta}
    for name in ("moving_mean", "moving_var"):
        found[f"after training, the kind of {name}"] = "a tensor" if isinstance(getattr(layer, name), ng.Tensor) else "an array"
        found[f"after training, {name}"] = np.array(getattr(layer, name))
    layer.eval()
    y = layer(x)
    found["in inference, y"] = y.numpy()
    found["in inference, the gradient of x"] = ng.grad(ops.sum(y * weights), x)
    found["after inference, moving_mean"] = np.array(layer.moving_mean)
    return found


def _wrong_norm(forward):
    return type("BatchNorm", (BatchNorm,), {"forward": forward})


def _norm(self, x, mean, var):
    return self.gamma * (x - mean) / ops.sqrt(var + self.eps) + self.beta


def _of_batch(x):
    mean = ops.mean(x, axis=0)
    return mean, ops.mean((x - mean) * (x - mean), axis=0)


def _correction(self, x):
    return len(x) / (len(x) - 1) if self.unbiased else 1


def _move(self, mean, var, share):
    """Advance the moving statistics, of which ``share`` stays."""
    self.moving_mean = share * self.moving_mean + (1 - share) * mean
    self.moving_var = share * self.moving_var + (1 - share) * var


def _momentum_swapped(self, x):
    if not self.training:
        return BatchNorm.forward(self, x)
    mean, var = _of_batch(x)
    _move(self, mean.data, _correction(self, x) * var.data, 1 - self.momentum)
    return _norm(self, x, mean, var)


def _last_line(norm):
    """A layer whose last line is another: norm(self, x, mean, var)."""

    def forward(self, x):
        mean, var = _of_batch(x) if self.training else (self.moving_mean, ng.Tensor(self.moving_var))
        if self.training:
            _move(self, mean.data, _correction(self, x) * var.data, self.momentum)
        return norm(self, x, mean, var)

    return _wrong_norm(forward)


def _momentum_swapped_for_var(self, x):
    if not self.training:
        return BatchNorm.forward(self, x)
    mean, var = _of_batch(x)
    old_mean, old_var, new_var = self.moving_mean, self.moving_var, _correction(self, x) * var.data
    self.moving_mean = self.momentum * old_mean + (1 - self.momentum) * mean.data
    self.moving_var = (1 - self.momentum) * old_var + self.momentum * new_var
    return _norm(self, x, mean, var)


def _one_mode(self, x):
    mean, var = _of_batch(x)
    if self.training:
        _move(self, mean.data, _correction(self, x) * var.data, self.momentum)
    return _norm(self, x, mean, var)


def _never_asked(self, x):
    mean, var = _of_batch(x)
    _move(self, mean.data, _correction(self, x) * var.data, self.momentum)
    return _norm(self, x, mean, var)


def _always_moving(self, x):
    mean, var = _of_batch(x)
    _move(self, mean.data, _correction(self, x) * var.data, self.momentum)
    return _norm(self, x, mean, var) if self.training else _norm(self, x, self.moving_mean, ng.Tensor(self.moving_var))


def _moving_in_training(self, x):
    if self.training:
        mean, var = _of_batch(x)
        _move(self, mean.data, _correction(self, x) * var.data, self.momentum)
    return _norm(self, x, self.moving_mean, ng.Tensor(self.moving_var))


def _never_unbiased(self, x):
    if not self.training:
        return BatchNorm.forward(self, x)
    mean, var = _of_batch(x)
    _move(self, mean.data, var.data, self.momentum)
    return _norm(self, x, mean, var)


def _always_unbiased(self, x):
    if not self.training:
        return BatchNorm.forward(self, x)
    mean, var = _of_batch(x)
    _move(self, mean.data, len(x) / (len(x) - 1) * var.data, self.momentum)
    return _norm(self, x, mean, var)


def _unbiased_in_both(self, x):
    if not self.training:
        return BatchNorm.forward(self, x)
    mean, var = _of_batch(x)
    var = var * _correction(self, x)
    _move(self, mean.data, var.data, self.momentum)
    return _norm(self, x, mean, var)


def _without_history(self, x):
    if not self.training:
        return BatchNorm.forward(self, x)
    mean, var = (ng.Tensor(s.data) for s in _of_batch(x))
    _move(self, mean.data, _correction(self, x) * var.data, self.momentum)
    return _norm(self, x, mean, var)


def _tensors_kept(self, x):
    if not self.training:
        return BatchNorm.forward(self, x)
    mean, var = _of_batch(x)
    _move(self, mean, _correction(self, x) * var, self.momentum)
    return _norm(self, x, mean, var)


def _moving_deviation(self, x):
    if not self.training:
        return BatchNorm.forward(self, x)
    mean, var = _of_batch(x)
    _move(self, mean.data, np.sqrt(_correction(self, x) * var.data), self.momentum)
    return _norm(self, x, mean, var)


def _one_mean_for_all(self, x):
    if not self.training:
        return BatchNorm.forward(self, x)
    mean = ops.mean(x)
    var = ops.mean((x - mean) * (x - mean))
    _move(self, mean.data, _correction(self, x) * var.data, self.momentum)
    return _norm(self, x, mean, var)


def _never_moving(self, x):
    return _norm(self, x, *(_of_batch(x) if self.training else (self.moving_mean, ng.Tensor(self.moving_var))))


BATCH_NORM = Exercise(
    "05.batch_norm", BatchNorm, _batches, outcome=_normalised, rtol=1e-8,
    mistakes=[
        Mistake("the momentum is the share of the old value; here it is the share of the new one, as in PyTorch", _wrong_norm(_momentum_swapped)),
        Mistake("eps stands outside of the root, as some texts print it; divide by sqrt(var + eps)", _last_line(
            lambda self, x, mean, var: self.gamma * (x - mean) / (ops.sqrt(var) + self.eps) + self.beta)),
        Mistake("eps is missing under the root: sqrt(var + eps)", _last_line(
            lambda self, x, mean, var: self.gamma * (x - mean) / ops.sqrt(var) + self.beta)),
        Mistake("the root is missing: divide by sqrt(var + eps)", _last_line(
            lambda self, x, mean, var: self.gamma * (x - mean) / (var + self.eps) + self.beta)),
        Mistake("gamma is missing: what is normalised is multiplied by it", _last_line(
            lambda self, x, mean, var: (x - mean) / ops.sqrt(var + self.eps) + self.beta)),
        Mistake("beta is missing: it is added at the end", _last_line(
            lambda self, x, mean, var: self.gamma * (x - mean) / ops.sqrt(var + self.eps))),
        Mistake("in moving_var the momentum is the share of the new value; it is that of the old one, as in moving_mean",
                _wrong_norm(_momentum_swapped_for_var)),
        Mistake("in inference this takes the batch's statistics, too; there the moving ones are asked for", _wrong_norm(_one_mode)),
        Mistake("in inference this does what it does in training; there the moving statistics are asked for, and they stay as they are",
                _wrong_norm(_never_asked)),
        Mistake("the moving statistics advance in inference, too; there they must stay as they are", _wrong_norm(_always_moving)),
        Mistake("in training this normalises by the moving statistics; there the batch's own are asked for", _wrong_norm(_moving_in_training)),
        Mistake("self.unbiased is not heeded: with it the moving variance takes N / (N - 1) times the batch's", _wrong_norm(_never_unbiased)),
        Mistake("moving_var always takes N / (N - 1) times the batch's variance; it does so with self.unbiased only", _wrong_norm(_always_unbiased)),
        Mistake("N / (N - 1) is for the moving variance only; normalise by the biased one", _wrong_norm(_unbiased_in_both)),
        Mistake("mean and variance have lost their history, as arrays or by detach(), and the gradient of x does not see that they "
                "depend on x; compute them with ops.mean", _wrong_norm(_without_history)),
        Mistake("the moving statistics have become tensors, which the optimiser would train, and which remember all batches; "
                "take the .data of mean and variance", _wrong_norm(_tensors_kept)),
        Mistake("this is one mean for all columns; each column has its own: axis=0", _wrong_norm(_one_mean_for_all)),
        Mistake("the moving statistics never advance in training", _wrong_norm(_never_moving)),
        Mistake("moving_var takes the batch's deviation; its variance was asked for, without the root", _wrong_norm(_moving_deviation)),
    ],
    hints=[
        "Two cases: if self.training, mean and variance come from x; else they are self.moving_mean and self.moving_var.",
        "ops.mean(x, axis=0) is the mean, a tensor (C,).  The variance is the mean of (x - mean) squared.",
        "mean.data is the array in a tensor: self.moving_mean = self.momentum * self.moving_mean + (1 - self.momentum) * mean.data.",
        "The last line of both cases is the same: self.gamma * (x - mean) / ops.sqrt(var + self.eps) + self.beta; ops.sqrt takes a tensor, so "
        "make one of the array: ng.Tensor(self.moving_var).",
    ],
)  # fmt: skip

# --- 05.adam ------------------------------------------------------------------------------------------------------------


class Adam(ng.optim.Optimizer):
    """Adam in its two forms.  The engine's Optimizer keeps the parameters, the arrays m and v, and the counter of steps."""

    slots = ("m", "v")  # each a list of arrays, one like each parameter, 0 at first

    def __init__(self, params, lr=2e-4, beta1=0.5, beta2=0.999, eps=1e-7, eps_hat=True, counter=None):
        super().__init__(params, counter)
        self.lr, self.beta1, self.beta2, self.eps, self.eps_hat = lr, beta1, beta2, eps, eps_hat

    def update(self, params, grads, ms, vs):
        """One step.  Four lists of arrays of equal length; those in params, ms and vs are changed in place, those in grads not.

        t = self.counter.steps is the number of this step, from 1 on.
        m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g**2, and with c1 = 1 - beta1**t, c2 = 1 - beta2**t

            eps_hat False:  p = p - lr * (m / c1) / (sqrt(v / c2) + eps)
            eps_hat True:   p = p - lr * sqrt(c2) / c1 * m / (sqrt(v) + eps)
        """
        # <yours>
        t = self.counter.steps
        c1, c2 = 1 - self.beta1**t, 1 - self.beta2**t
        for p, g, m, v in zip(params, grads, ms, vs, strict=True):
            m[...] = self.beta1 * m + (1 - self.beta1) * g
            v[...] = self.beta2 * v + (1 - self.beta2) * g**2
            if self.eps_hat:
                p -= self.lr * c2**0.5 / c1 * m / (v**0.5 + self.eps)
            else:
                p -= self.lr * (m / c1) / ((v / c2) ** 0.5 + self.eps)
        # </yours>


def _steps(rng):
    """params, lr, beta1, beta2, eps, eps_hat, steps that others of the counter made before, gradients of each step."""
    yield [np.array([1.0])], 0.3, 0.9, 0.999, 1e-8, False, 0, [[np.array([4.0])]]
    yield [np.array([1.0])], 0.1, 0.9, 0.999, 1e-7, True, 0, [[np.array([1e-7])]]
    yield [np.array([1.0, 2.0])], 0.1, 0.5, 0.9, 1e-3, False, 0, [[np.array([1.0, -3.0])], [np.array([2.0, 0.1])], [np.array([-1.0, 0.2])]]
    yield [np.array([1.0, 2.0])], 0.1, 0.5, 0.9, 1e-3, True, 2, [[np.array([1.0, -3.0])], [np.array([2.0, 0.1])], [np.array([-1.0, 0.2])]]
    for i in range(16):
        shapes = [tuple(int(n) for n in rng.integers(1, 4, rng.integers(1, 3))) for _ in range(rng.integers(1, 4))]
        grads = [[rng.normal(size=shape) * 10.0 ** rng.integers(-3, 2) for shape in shapes] for _ in range(rng.integers(1, 4))]
        beta1, beta2, eps = float(rng.choice([0.0, 0.5, 0.9])), float(rng.choice([0.9, 0.99, 0.999])), float(rng.choice([1e-8, 1e-2]))
        yield [rng.normal(size=shape) for shape in shapes], 0.01, beta1, beta2, eps, bool(i % 2), int(rng.integers(0, 4)), grads


def _stepped(answer, params, lr, beta1, beta2, eps, eps_hat, steps_before, gradients):
    """The weights after each step; the counter is one that others have counted with."""
    tensors = [ng.Tensor(p.copy(), requires_grad=True) for p in params]
    counter = types.SimpleNamespace(steps=steps_before)
    optimizer = answer(tensors, lr=lr, beta1=beta1, beta2=beta2, eps=eps, eps_hat=eps_hat, counter=counter)
    found = {}
    for i, grads in enumerate(gradients, 1):
        optimizer.step(grads)
        found |= {f"weight {k} after {i} step{'s' * (i > 1)}": p.numpy().copy() for k, p in enumerate(tensors)}
    return found


def _wrong_adam(update):
    return type("Adam", (Adam,), {"update": update})


def _adam_with(moments=None, corrections=None, moved=None, kept="mv"):
    """An Adam of which one part is another.  kept: which of m and v the next step finds."""

    def update(self, params, grads, ms, vs):
        t = self.counter.steps
        c1, c2 = (corrections or (lambda self, t: (1 - self.beta1**t, 1 - self.beta2**t)))(self, t)
        for p, g, m, v in zip(params, grads, ms, vs, strict=True):
            new_m, new_v = (moments or _moments)(self, g, m, v)
            if "m" in kept:
                m[...] = new_m
            if "v" in kept:
                v[...] = new_v
            p -= (moved or _moved)(self, new_m, new_v, c1, c2)

    return _wrong_adam(update)


def _moments(self, g, m, v):
    return self.beta1 * m + (1 - self.beta1) * g, self.beta2 * v + (1 - self.beta2) * g**2


def _swapped_moments(self, g, m, v):
    return self.beta2 * m + (1 - self.beta2) * g, self.beta1 * v + (1 - self.beta1) * g**2


def _square_of_m(self, g, m, v):
    m, _ = _moments(self, g, m, v)
    return m, self.beta2 * v + (1 - self.beta2) * m**2


def _moments_with(m_shares=None, v_shares=None):
    """Moments whose old and new value have other shares than (beta, 1 - beta)."""

    def moments(self, g, m, v):
        (old, new), (old_square, new_square) = ((shares or _shares)(beta) for shares, beta in ((m_shares, self.beta1), (v_shares, self.beta2)))
        return old * m + new * g, old_square * v + new_square * g**2

    return moments


def _shares(beta):
    return beta, 1 - beta


def _turned(beta):
    return 1 - beta, beta


def _whole_new(beta):
    return beta, 1


def _moved(self, m, v, c1, c2):
    if self.eps_hat:
        return self.lr * math.sqrt(c2) / c1 * m / (np.sqrt(v) + self.eps)
    return self.lr * (m / c1) / (np.sqrt(v / c2) + self.eps)


def _own_count(self, t):
    self.mine = getattr(self, "mine", 0) + 1
    return 1 - self.beta1**self.mine, 1 - self.beta2**self.mine


def _nothing_moves(self, params, grads, ms, vs):
    for p, g, m, v in zip(params, grads, ms, vs, strict=True):
        p = p - _moved(self, *_moments(self, g, m, v), 1, 1)


def _torch_form(self, m, v, c1, c2):
    return self.lr * (m / c1) / (np.sqrt(v / c2) + self.eps)


def _keras_form(self, m, v, c1, c2):
    return self.lr * math.sqrt(c2) / c1 * m / (np.sqrt(v) + self.eps)


def _c2_without_root(self, m, v, c1, c2):
    return _moved(self, m, v, c1, c2 * c2 if self.eps_hat else c2)


def _eps_inside(self, m, v, c1, c2):
    if self.eps_hat:
        return self.lr * math.sqrt(c2) / c1 * m / np.sqrt(v + self.eps)
    return self.lr * (m / c1) / np.sqrt(v / c2 + self.eps)


def _moved_with(hat=None, plain=None):
    """A step of which one form is another."""
    return lambda self, m, v, c1, c2: ((hat if self.eps_hat else plain) or _moved)(self, m, v, c1, c2)


def _hat_without_eps(self, m, v, c1, c2):
    return self.lr * math.sqrt(c2) / c1 * m / np.sqrt(v)


def _plain_without_eps(self, m, v, c1, c2):
    return self.lr * (m / c1) / np.sqrt(v / c2)


def _hat_without_root(self, m, v, c1, c2):
    return self.lr * math.sqrt(c2) / c1 * m / (v + self.eps)


def _plain_without_root(self, m, v, c1, c2):
    return self.lr * (m / c1) / (v / c2 + self.eps)


ADAM = Exercise(
    "05.adam", Adam, _steps, outcome=_stepped, rtol=1e-10,
    mistakes=[
        Mistake("the bias correction is missing: c1 and c2 are taken for 1", _adam_with(corrections=lambda self, t: (1, 1))),
        Mistake("the engine has counted this step already: t is self.counter.steps, not one less", _adam_with(
            corrections=lambda self, t: (1 - self.beta1 ** (t - 1), 1 - self.beta2 ** (t - 1)))),
        Mistake("the engine has counted this step already: t is self.counter.steps, not one more", _adam_with(
            corrections=lambda self, t: (1 - self.beta1 ** (t + 1), 1 - self.beta2 ** (t + 1)))),
        Mistake("eps stands inside of the root; it is added after the root is taken", _adam_with(moved=_eps_inside)),
        Mistake("where eps_hat is True c2 stands without its root: lr * sqrt(c2) / c1 is asked for", _adam_with(moved=_c2_without_root)),
        Mistake("this counts its own steps; self.counter may be another optimiser's, too, and counts theirs", _adam_with(corrections=_own_count)),
        Mistake("self.eps_hat is not heeded: this is always the form with eps_hat False", _adam_with(moved=_torch_form)),
        Mistake("self.eps_hat is not heeded: this is always the form with eps_hat True", _adam_with(moved=_keras_form)),
        Mistake("the two forms have changed places", _adam_with(moved=_moved_with(_torch_form, _keras_form))),
        Mistake("the step is added; it is taken away: p -= ...", _adam_with(moved=lambda *now: -_moved(*now))),
        Mistake("v takes the square of m; that of g was asked for", _adam_with(moments=_square_of_m)),
        Mistake("v holds the mean of the gradients; of their squares was asked for", _adam_with(
            moments=lambda self, g, m, v: (self.beta1 * m + (1 - self.beta1) * g, self.beta2 * v + (1 - self.beta2) * abs(g)))),
        Mistake("m and v are not kept for the next step: m = ... makes a new array, m[...] = ... writes into the old one", _adam_with(kept="")),
        Mistake("m is not kept for the next step: m[...] = ... writes into the old array", _adam_with(kept="v")),
        Mistake("v is not kept for the next step: v[...] = ... writes into the old array", _adam_with(kept="m")),
        Mistake("the weights have not changed: p = p - ... makes a new array, p -= ... writes into the old one", _wrong_adam(_nothing_moves)),
        Mistake("beta1 and beta2 have changed places", _adam_with(
            moments=_swapped_moments, corrections=lambda self, t: (1 - self.beta2**t, 1 - self.beta1**t))),
        Mistake("in m and v beta1 and beta2 have changed places: beta1 belongs to m", _adam_with(moments=_swapped_moments)),
        Mistake("in c1 and c2 beta1 and beta2 have changed places: beta1 belongs to c1", _adam_with(
            corrections=lambda self, t: (1 - self.beta2**t, 1 - self.beta1**t))),
        Mistake("in m and v the shares are the wrong way round: beta is that of the old value, 1 - beta that of the new one", _adam_with(
            moments=_moments_with(_turned, _turned))),
        Mistake("in m the shares are the wrong way round: beta1 is that of the old m, 1 - beta1 that of g", _adam_with(moments=_moments_with(_turned))),
        Mistake("in v the shares are the wrong way round: beta2 is that of the old v, 1 - beta2 that of g**2", _adam_with(
            moments=_moments_with(v_shares=_turned))),
        Mistake("1 - beta1 is missing before g, and 1 - beta2 before g**2", _adam_with(moments=_moments_with(_whole_new, _whole_new))),
        Mistake("1 - beta1 is missing before g", _adam_with(moments=_moments_with(_whole_new))),
        Mistake("1 - beta2 is missing before g**2", _adam_with(moments=_moments_with(v_shares=_whole_new))),
        Mistake("c1 is missing, or taken for 1: it is 1 - beta1**t", _adam_with(corrections=lambda self, t: (1, 1 - self.beta2**t))),
        Mistake("c2 is missing, or taken for 1: it is 1 - beta2**t", _adam_with(corrections=lambda self, t: (1 - self.beta1**t, 1))),
        Mistake("eps is missing; it is added after the root is taken", _adam_with(moved=_moved_with(_hat_without_eps, _plain_without_eps))),
        Mistake("where eps_hat is True eps is missing", _adam_with(moved=_moved_with(hat=_hat_without_eps))),
        Mistake("where eps_hat is False eps is missing", _adam_with(moved=_moved_with(plain=_plain_without_eps))),
        Mistake("the root of v is missing", _adam_with(moved=_moved_with(_hat_without_root, _plain_without_root))),
        Mistake("where eps_hat is True the root of v is missing", _adam_with(moved=_moved_with(hat=_hat_without_root))),
        Mistake("where eps_hat is False the root of v / c2 is missing", _adam_with(moved=_moved_with(plain=_plain_without_root))),
        Mistake("the step is made with the gradient; it is made with m, the mean of the gradients", _adam_with(
            moments=lambda self, g, m, v: (g * (1 - self.beta1**self.counter.steps), self.beta2 * v + (1 - self.beta2) * g**2))),
    ],
    hints=[
        "Loop over the four lists together: for p, g, m, v in zip(params, grads, ms, vs).",
        "m[...] = self.beta1 * m + (1 - self.beta1) * g writes into the array; v likewise, with g**2.",
        "c1 = 1 - self.beta1**t and c2 = 1 - self.beta2**t, with t = self.counter.steps: the engine has counted this step already.",
        "p -= the step, written in two ways, according to self.eps_hat.",
    ],
)  # fmt: skip

# --- 05.critic_accuracy -------------------------------------------------------------------------------------------------


def critic_accuracy(on_real, on_fake):
    """How often the critic is right: the mean of its shares of right answers on real samples and on generated ones.

    on_real, on_fake: arrays (N, 1) and (M, 1) of probabilities that a sample is real.  More than 0.5 says "real", all else "generated".
    """
    # <yours>
    return ((on_real > 0.5).mean() + (on_fake <= 0.5).mean()) / 2
    # </yours>


def _answers(rng):
    yield np.array([[0.9], [0.6], [0.2], [0.7]]), np.array([[0.1], [0.8]])
    yield np.array([[0.5], [0.9]]), np.array([[0.2], [0.1], [0.5]])
    yield np.array([[0.9], [0.8], [0.7]]), np.array([[0.9]])
    yield np.array([[0.5003], [0.4998]]), np.array([[0.5004], [0.4999], [0.1]])
    above, below = np.nextafter(0.5, 1), np.nextafter(0.5, 0)  # as near to 0.5 as numbers are
    yield np.array([[above], [below], [0.9]]), np.array([[above], [below]])
    for _ in range(20):
        N, M = (int(n) for n in rng.integers(1, 12, 2))
        yield rng.uniform(size=(N, 1)), rng.beta(1, 2, size=(M, 1))


CRITIC_ACCURACY = Exercise(
    "05.critic_accuracy", critic_accuracy, _answers,
    mistakes=[
        Mistake("only the real samples are counted; the generated ones are half of it", lambda r, f: (r > 0.5).mean()),
        Mistake("on generated samples an answer is right where it is not more than 0.5", lambda r, f: ((r > 0.5).mean() + (f > 0.5).mean()) / 2),
        Mistake("this is the mean of the answers themselves; count how many are on the right side of 0.5",
                lambda r, f: (r.mean() + (1 - f).mean()) / 2),
        Mistake("all samples are counted alike, so that the larger batch has more to say; take the mean of the two shares",
                lambda r, f: ((r > 0.5).sum() + (f <= 0.5).sum()) / (len(r) + len(f))),
        Mistake("more than 0.5 says \"real\", however little it is more; here the border lies higher",
                lambda r, f: ((r > 0.501).mean() + (f <= 0.501).mean()) / 2),
        Mistake("the two shares are added; their mean was asked for", lambda r, f: (r > 0.5).mean() + (f <= 0.5).mean()),
        Mistake('an answer of exactly 0.5 says "generated", so it is right for a generated sample', lambda r, f: ((r > 0.5).mean() + (f < 0.5).mean()) / 2),
        Mistake('an answer of exactly 0.5 says "generated", so it is wrong for a real sample', lambda r, f: ((r >= 0.5).mean() + (f <= 0.5).mean()) / 2),
        Mistake('an answer of exactly 0.5 says "generated"; it is wrong for a real sample and right for a generated one', lambda r, f: ((r >= 0.5).mean() + (f < 0.5).mean()) / 2),
    ],
    hints=[
        "on_real > 0.5 is an array of True and False; its mean is the share of True.",
        'On generated samples "generated" is right: on_fake <= 0.5.',
    ],
)  # fmt: skip

# --- 05.shared_counter --------------------------------------------------------------------------------------------------


def shared_counter():
    """By what factor the generator's steps are too large, because the counter that it shares runs three times as fast as its own would.

    Take beta2 = 0.999, a gradient that is always the same, no eps, and a step t of its own that is well beyond 1 / (1 - beta1) and
    well below 1 / (1 - beta2), so that 1 - beta1**t is 1, and 1 - beta2**t is nearly t * (1 - beta2).  Three digits will do.
    """
    # <yours>
    return 3**0.5
    # </yours>


SHARED_COUNTER = Exercise(
    "05.shared_counter", shared_counter, lambda rng: [()], rtol=0.01, stars=3,
    mistakes=[
        Mistake("v is three times too small for the count, and the step has a square root of it", lambda: 3.0),
        Mistake("it is the other way round: c2 is too large, v / c2 too small, and what is divided by it too large", lambda: 3**-0.5),
        Mistake("there is a difference: v has seen t gradients, and the counter says 3 t", lambda: 1.0),
        Mistake("the counter runs three times as fast, once for each update: twice for the critic's two and once for its own", lambda: 2**0.5),
    ],
    hints=[
        "With a constant gradient g, v is (1 - beta2**t) g**2 after t updates, so sqrt(v / c2) is |g| exactly, if c2 has the same t.",
        "The shared counter puts 3 t into c2.  What is (1 - beta2**t) / (1 - beta2**(3 t)), nearly, while t is well below 1,000?",
        "The step is divided by the square root of that.",
    ],
)  # fmt: skip

EXERCISES = [IDX_HEADER, BATCH_NORM, ADAM, MOVING_STATISTICS, CRITIC_ACCURACY, SHARED_COUNTER]
