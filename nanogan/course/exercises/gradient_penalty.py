"""Notebook 09: points between, the price on a critic's slope, and the step that trains with it."""

import itertools

import numpy as np

from nanogan import backend, nn, ops, optim
from nanogan.course import engine as ng
from nanogan.course.exercise import Exercise, Mistake, named


def _gives(*values):
    return lambda: values


# --- 09.interpolate -----------------------------------------------------------------------------------------------------


def interpolate(real, fake, uniform):
    """One point between each real sample and the fake one beside it: alpha * real + (1 - alpha) * fake, an array of their shape.

    real, fake: arrays (N, ...) of one shape, points (N, 2) or images (N, H, W, C).
    uniform: uniform(shape) gives an array of random numbers in [0, 1).  Each sample gets one alpha of its own, for all of its entries.
    """
    # <yours>
    alpha = uniform((len(real), *(1 for _ in real.shape[1:])))  # (N, 1) for points, (N, 1, 1, 1) for images
    return alpha * real + (1 - alpha) * fake
    # </yours>


def _two_sets(rng):
    uniform = backend.random.uniform
    yield np.array([[2.0, 0.0], [4.0, 4.0]]), np.array([[0.0, 4.0], [0.0, 0.0]]), uniform
    for shape in [(3, 2), (2, 2, 2, 1), (4, 3, 3, 1), (3, 4, 2, 3), (5, 1), (4, 6)] * 3:
        yield rng.normal(size=shape), rng.normal(size=shape), uniform


def _mixed(alpha_of, first=lambda a: a, second=lambda a: 1 - a):
    """interpolate with another alpha, or with other shares."""

    def answer(real, fake, uniform):
        alpha = alpha_of(real, uniform)
        return first(alpha) * real + second(alpha) * fake

    return answer


def _per_sample(real, uniform):
    return uniform((len(real),) + (1,) * (real.ndim - 1))


INTERPOLATE = Exercise(
    "09.interpolate", interpolate, _two_sets,
    mistakes=[
        Mistake("one alpha serves the whole batch; each sample is to have its own, so the shape begins with N",
                _mixed(lambda real, uniform: uniform((1,) * real.ndim))),
        Mistake("each entry has an alpha of its own, which leads to points beside the line between the two; one alpha for all entries of a sample is asked for",
                _mixed(lambda real, uniform: uniform(real.shape))),
        Mistake("alpha has the shape (N,), which is laid along the last axis; give it the shape (N, 1) for points, (N, 1, 1, 1) for images",
                _mixed(lambda real, uniform: uniform((len(real),)))),
        Mistake("here alpha is the share of fake; equation 18 makes it that of real (both are right in the long run, but the check compares)",
                _mixed(_per_sample, lambda a: 1 - a, lambda a: a)),
        Mistake("the two shares do not add up to 1: the one of fake is 1 - alpha", _mixed(_per_sample, second=lambda a: a)),
        Mistake("alpha has the shape (N, 1), right for points; with images it is laid along rows and columns, and where N is their width no error says so",
                _mixed(lambda real, uniform: uniform((len(real), 1)))),
        Mistake("uniform is called twice, and the two shares do not add up to 1; keep alpha in a variable",
                lambda real, fake, uniform: _per_sample(real, uniform) * real + (1 - _per_sample(real, uniform)) * fake),
        Mistake("this is the middle, always; the penalty is to be asked for anywhere between the two", _mixed(lambda real, uniform: 0.5)),
    ],
    hints=[
        "N numbers are drawn, one for each sample.  Which shape have they, if they are to be multiplied with (N, H, W, C)?",
        "real.ndim is 2 for points and 4 for images: the shape is N, and then as many ones as it takes.",
        "alpha = uniform((len(real),) + (1,) * (real.ndim - 1))",
    ],
)  # fmt: skip

# --- 09.gradient_penalty ------------------------------------------------------------------------------------------------


def gradient_penalty(critic, x):
    """The mean over the samples of (slope - 1)**2, a tensor with a history that leads to the critic's parameters.

    critic: a network, (N, ...) -> (N, 1).  x: an array (N, ...), points (N, 2) or images (N, H, W, C).
    The slope of a sample is the length of the gradient of its answer with respect to all entries of that sample.
    It may be 0, and then the penalty must still have a gradient.
    """
    # <yours>
    x = ng.Tensor(x, requires_grad=True)
    dx = ng.grad(ops.sum(critic(x)), x, create_graph=True)  # (N, ...), with a history
    slopes = ops.norm(dx, axis=tuple(range(1, dx.ndim)))  # (N,)
    return ops.mean((slopes - 1) ** 2)
    # </yours>


def _dense(n_in=2, width=4, squash=nn.LeakyReLU):
    return nn.Sequential(nn.Dense(n_in, width), squash(), nn.Dense(width, 1)).astype("float64")


def _convolutional(channels=1, width=2):
    return nn.Sequential(
        nn.Conv2D(channels, width, 3, 2), nn.LeakyReLU(0.2), nn.Conv2D(width, 2 * width, 3, 2), nn.LeakyReLU(0.2), nn.Flatten(), nn.Dense(2 * width, 1)
    ).astype("float64")  # fmt: skip


def _linear(*weight):
    critic = nn.Sequential(nn.Dense(len(weight), 1)).astype("float64")
    critic.dense_1.weight.data[...] = np.array(weight)[:, None]
    return critic


def _flat_for_some():
    """A critic that is flat, slope exactly 0, where the sum of the two entries is negative."""
    critic = _dense(2, 2, nn.ReLU)
    critic.dense_1.weight.data[...] = np.array([[1.0, 2.0], [1.0, 2.0]])
    critic.dense_2.weight.data[...] = np.array([[0.3], [0.2]])
    return critic


def _critics_and_points(rng):
    yield _linear(0.36, 0.48), np.array([[1.0, 2.0], [0.0, -1.0]])
    yield _linear(3.0, 4.0), rng.normal(size=(3, 2))
    yield _flat_for_some(), np.array([[-1.0, -2.0], [1.0, 2.0]])
    for i in range(18):
        N = int(rng.integers(2, 6))
        if i % 3 == 2:
            channels = int(rng.integers(1, 3))
            yield _convolutional(channels), rng.normal(size=(N, 4, 4, channels))
        else:
            critic = _dense()
            for p in critic.parameters():  # slopes on both sides of 1
                p.data *= (1.0, 2.0)[i % 2]
            yield critic, rng.normal(size=(N, 2))


def _with_gradients(answer, critic, x):
    """The penalty, and what it teaches every parameter."""
    penalty = answer(critic, x)
    if penalty is None:
        return None
    if isinstance(penalty, (tuple, list)):
        raise ValueError(f"{len(penalty)} values come back, and the penalty alone is asked for")
    names, parameters = zip(*critic.named_parameters(), strict=True)
    learns = isinstance(penalty, ng.Tensor) and penalty.requires_grad
    gradients = ng.grad(penalty, list(parameters)) if learns else [ng.Tensor(np.zeros(p.shape)) for p in parameters]
    return {"the penalty": penalty.numpy() if isinstance(penalty, ng.Tensor) else penalty} | {
        f"its gradient by {name}": g for name, g in zip(names, gradients, strict=True)
    }


def _penalty(price=lambda slopes: (slopes - 1) ** 2, length=None, out=ops.sum, last=ops.mean, create_graph=True):
    """gradient_penalty with one thing changed."""

    def answer(critic, x):
        x = ng.Tensor(x, requires_grad=True)
        dx = ng.grad(out(critic(x)), x, create_graph=create_graph)
        return last(price(length(dx) if length else ops.norm(dx, axis=tuple(range(1, dx.ndim)))))

    return answer


def _rest(dx):
    return tuple(range(1, dx.ndim))


GRADIENT_PENALTY = Exercise(
    "09.gradient_penalty", gradient_penalty, _critics_and_points, outcome=_with_gradients, rtol=1e-8,
    mistakes=[
        Mistake("this is the length over the whole batch, one number; each sample has a length of its own, over all axes but the first",
                _penalty(length=lambda dx: ops.norm(dx))),
        Mistake("each entry is compared with 1 by itself; the length of a sample's whole gradient is",
                _penalty(length=lambda dx: ops.sqrt(dx * dx + 1e-300))),
        Mistake("the length is taken over axis 1 alone, which for images are the rows; it goes over all axes but the first",
                _penalty(length=lambda dx: ops.norm(dx, axis=1))),
        Mistake("axes 1, 2 and 3 are there for images only; tuple(range(1, dx.ndim)) is right for points as well",
                _penalty(length=lambda dx: ops.norm(dx, axis=(1, 2, 3)))),
        Mistake("this is the square of the length; the root is missing", _penalty(length=lambda dx: ops.sum(dx * dx, axis=_rest(dx)))),
        Mistake("slopes below 1 cost nothing here; (slope - 1)**2 charges them too", _penalty(price=lambda slopes: ops.relu(slopes - 1) ** 2)),
        Mistake("the penalty has no history, so it teaches the critic nothing: take the first gradient with create_graph=True", _penalty(create_graph=False)),
        Mistake("the square is missing; without it a slope of 0 and one of 2 cancel", _penalty(price=lambda slopes: slopes - 1)),
        Mistake("the slope is compared with 0, not with 1: subtract 1 before the square", _penalty(price=lambda slopes: slopes**2)),
        Mistake("the length is taken over the last axis alone, which for images is the channels: one slope for each pixel; it goes over all axes but the first",
                _penalty(length=lambda dx: ops.norm(dx, axis=-1))),
        Mistake("the penalty is the square of the distance from 1, not its absolute value", _penalty(price=lambda slopes: ops.abs(slopes - 1))),
        Mistake("a small constant under the root changes the slope, most of all where it is 0; ops.norm needs none",
                _penalty(length=lambda dx: ops.sqrt(ops.sum(dx * dx, axis=_rest(dx)) + 1e-12))),
        Mistake("the mean of the answers is differentiated, so all slopes are N times too small; take their sum", _penalty(out=ops.mean)),
        Mistake("this is the sum over the samples; their mean is asked for", _penalty(last=ops.sum)),
        Mistake("sqrt(sum(dx**2)) has no derivative at 0, and the NaN reaches the weights; ops.norm is the length that is safe there",
                _penalty(length=lambda dx: ops.sqrt(ops.sum(dx * dx, axis=_rest(dx))))),
        Mistake("the slopes are averaged before they are compared with 1; compare each, then take the mean",
                lambda critic, x: _penalty(price=lambda slopes: (ops.mean(slopes) - 1) ** 2)(critic, x)),
    ],
    hints=[
        "It is notebook 3's: a tensor that asks for a gradient, the gradient of the SUM of the answers, with create_graph=True.  dx has the shape of x.",
        "ops.norm(dx, axis=...) with all axes but the first: one length for each sample, (N,).",
        "Subtract 1, square, ops.mean.",
    ],
)  # fmt: skip

# --- 09.by_hand ---------------------------------------------------------------------------------------------------------


def by_hand():
    """Five numbers about D(x1, x2) = v * leaky_relu(w1 x1 + w2 x2 + b, 0.2) with v = 2, w = (3, 4), b = 0, worked out on paper.

    The batch is x = (1, 1) and x = (-1, -1).  In this order: the penalty, and its gradient by v, by w1, by w2 and by b.  Three digits will do.
    """
    # <yours>
    return 41.0, 46.0, 11.04, 14.72, 0.0
    # </yours>


BY = ("the penalty", "by v", "by w1", "by w2", "by b")

BY_HAND = Exercise(
    "09.by_hand", by_hand, lambda rng: [()], outcome=named(*BY), rtol=4e-3, stars=1,
    mistakes=[
        Mistake("the second sample lies where the leaky ReLU has the slope 0.2, so that its slope is 2 and not 10", _gives(81.0, 90.0, 21.6, 28.8, 0.0)),
        Mistake("these are sums over the two samples; the penalty is their mean", _gives(82.0, 92.0, 22.08, 29.44, 0.0)),
        Mistake("the derivative of (n - 1)**2 is 2 (n - 1): the 2 is missing", _gives(41.0, 23.0, 5.52, 7.36, 0.0)),
        Mistake("the two slopes are averaged before they are compared with 1", _gives(25.0, 30.0, 7.2, 9.6, 0.0)),
        Mistake("moving b moves the answer, but not its slope (as long as no gate flips): the gradient by b is 0",
                _gives(41.0, 46.0, 11.04, 14.72, 46.0)),
        Mistake("the derivative of |w| by w is w / |w| = (0.6, 0.8), not w = (3, 4)", _gives(41.0, 46.0, 55.2, 73.6, 0.0)),
        Mistake("with v = 2 the slope of the first sample is 2 * 5 = 10; this is v = 1", _gives(8.0, 20.0, 2.4, 3.2, 0.0)),
    ],
    hints=[
        "The first sample has 7 before the leaky ReLU, the second -7.  The gradient of D is v * (1 or 0.2) * w, its length n = v * (1 or 0.2) * |w|.",
        "|w| = 5, so n is 10 and 2: the penalties are 81 and 1.",
        "By v: 2 (n - 1) times (1 or 0.2) * 5, which is 90 and 2.  By w: 2 (n - 1) times v * (1 or 0.2) * w / |w|.  Then the means.",
    ],
)  # fmt: skip

# --- 09.n_critic_step ---------------------------------------------------------------------------------------------------


def n_critic_step(generator, critic, g_opt, d_opt, reals, zs, penalty_weight=10.0):
    """Several steps of the critic, each on fresh samples, then one of the generator; gives (d_loss, g_loss, penalty), three tensors, the critic's last.

    reals: a list of n_critic arrays.  zs: a list of n_critic + 1 arrays of noise; the last one is the generator's.
    A step of the critic asks it about real samples, about fake ones, and, with gradient_penalty, about points
    interpolate(real, fake, ng.backend.random.uniform) between the two, which are arrays (a tensor's is .data).
    g_opt, d_opt: step(gradients) lowers a loss.
    """
    # <yours>
    for real, z in zip(reals, zs[:-1], strict=True):
        with ng.no_grad():
            fake = generator(z).data  # an array: the critic's step does not touch the generator
        estimate = ops.mean(critic(real)) - ops.mean(critic(fake))
        penalty = gradient_penalty(critic, interpolate(real, fake, ng.backend.random.uniform))
        d_loss = -estimate + penalty_weight * penalty
        d_opt.step(ng.grad(d_loss, critic.parameters()))
    g_loss = -ops.mean(critic(generator(zs[-1])))
    g_opt.step(ng.grad(g_loss, generator.parameters()))
    return d_loss, g_loss, penalty
    # </yours>


def _batches(rng):
    for n_critic, N, weight in [(1, 2, 10.0), (2, 3, 10.0), (3, 4, 1.0), (5, 2, 20.0)]:
        reals, zs = [rng.normal(size=(N, 2)) + 2 for _ in range(n_critic)], [rng.normal(size=(N, 2)) for _ in range(n_critic + 1)]
        yield _planar(2), _dense(2, 4, nn.Tanh), reals, zs, weight


def _planar(n_in):
    return nn.Sequential(nn.Dense(n_in, 3), nn.Tanh(), nn.Dense(3, 2)).astype("float64")


def _stepped(answer, generator, critic, reals, zs, weight):
    """What two steps give, and leave."""
    g_opt, d_opt = optim.SGD(generator.parameters(), 0.2), optim.SGD(critic.parameters(), 0.02)
    found = {}
    for i in (1, 2):
        values = answer(generator, critic, g_opt, d_opt, reals, zs, penalty_weight=weight)
        if not isinstance(values, (tuple, list)) or len(values) != 3:
            if values is None:
                return None
            given = len(values) if isinstance(values, (tuple, list)) else 1
            raise ValueError(f"(d_loss, g_loss, penalty) are asked for, three values, and {given} come{'s' * (given == 1)} back")
        found |= {f"{name} of step {i}": value for name, value in zip(("d_loss", "g_loss", "the penalty"), values, strict=True)}
    for whose, network in (("critic", critic), ("generator", generator)):
        found |= {f"{whose}'s {name} after two steps": array for name, array in network.state_dict().items()}
    return found


def _step(
    critic_sign=1, generator_sign=1, penalty_sign=1, history=True, noise=-1, rounds=None, weight=None, place=interpolate, every=False, stale=False,
    blind=False, same_noise=False, same_real=False
):  # fmt: skip
    """n_critic_step with one thing changed."""

    def answer(generator, critic, g_opt, d_opt, reals, zs, penalty_weight=10.0):
        def generator_gradients():
            fake = generator(zs[noise])
            g_loss = -generator_sign * ops.mean(critic(fake.data if blind else fake))
            return g_loss, ng.grad(g_loss, generator.parameters())

        old = generator_gradients()
        for real, z in itertools.islice(zip(reals, zs[:-1], strict=True), rounds):
            real, z = reals[0] if same_real else real, zs[0] if same_noise else z
            with ng.no_grad():
                fake = generator(z).data
            estimate = critic_sign * (ops.mean(critic(real)) - ops.mean(critic(fake)))
            penalty = gradient_penalty(critic, place(real, fake, backend.random.uniform))
            price = (weight or penalty_weight) * (penalty if history else penalty.detach())
            d_loss = -estimate + penalty_sign * price
            d_opt.step(ng.grad(d_loss, critic.parameters()))
            if every:
                g_loss, gradients = generator_gradients()
                g_opt.step(gradients)
        if not every:
            g_loss, gradients = old if stale else generator_gradients()
            g_opt.step(gradients)
        return d_loss, g_loss, penalty

    return answer


N_CRITIC_STEP = Exercise(
    "09.n_critic_step", n_critic_step, _batches, outcome=_stepped, rtol=1e-8, arguments=("generator", "critic", "reals", "zs", "penalty_weight"),
    mistakes=[
        Mistake("the critic lowers its estimate; it is to raise it, so its loss has mean D(fake) - mean D(real)", _step(critic_sign=-1)),
        Mistake("the generator lowers the critic's answers to its samples; its loss is MINUS their mean", _step(generator_sign=-1)),
        Mistake("the penalty is taken away from the loss, which rewards steepness; add it", _step(penalty_sign=-1)),
        Mistake("the penalty comes into the loss as a plain number (.item() or .detach()), without its history, and teaches nothing", _step(history=False)),
        Mistake("the generator learns from noise that the critic was trained on; the last one, zs[-1], is its own", _step(noise=0)),
        Mistake("the critic makes one step only; it makes one for each batch in reals", _step(rounds=1)),
        Mistake("the generator steps after every step of the critic; it steps once, at the end", _step(every=True)),
        Mistake("the generator learns from the critic as it was at the beginning; its gradient is taken after the critic's steps", _step(stale=True)),
        Mistake("the penalty is taken at the real samples; it belongs at points between real and fake",
                _step(place=lambda real, fake, uniform: real + 0 * interpolate(real, fake, uniform))),
        Mistake("the penalty is taken at the fake samples; it belongs at points between real and fake",
                _step(place=lambda real, fake, uniform: fake + 0 * interpolate(real, fake, uniform))),
        Mistake("the generator's samples have no history here (no_grad, or .data), so its gradients are all 0, and it does not learn", _step(blind=True)),
        Mistake("every step of the critic sees the first noise; step i gets zs[i]", _step(same_noise=True)),
        Mistake("every step of the critic sees the first real samples; step i gets reals[i]", _step(same_real=True)),
        Mistake("interpolate is given fake and real in the wrong order, so that alpha is the share of fake",
                _step(place=lambda real, fake, uniform: interpolate(fake, real, uniform))),
        Mistake("the penalty is multiplied by 10, whatever penalty_weight says", _step(weight=10.0)),
    ],
    hints=[
        "A loop over zip(reals, zs[:-1]), then three lines for the generator.",
        "In the loop: fake = generator(z).data under ng.no_grad(); estimate = mean D(real) - mean D(fake); d_loss = -estimate + penalty_weight * penalty.",
        "d_opt.step(ng.grad(d_loss, critic.parameters())).  After the loop: g_loss = -ops.mean(critic(generator(zs[-1]))).",
    ],
)  # fmt: skip

# --- 09.what_lambda_buys ------------------------------------------------------------------------------------------------


def what_lambda_buys():
    """Two clouds lie d = 4 apart, and a critic rises from one to the other with slope k everywhere: it gains k d, and pays lambda (k - 1)**2.

    Five numbers: the slope k of the best critic where lambda is 10, its estimate, what it pays, and its loss;
    and the lambda at which the estimate is 5 % too large.
    """
    # <yours>
    return 1.2, 4.8, 0.4, -4.4, 40.0
    # </yours>


PRICES = ("the slope", "the estimate", "what it pays", "the loss", "lambda")


WHAT_LAMBDA_BUYS = Exercise(
    "09.what_lambda_buys", what_lambda_buys, lambda rng: [()], outcome=named(*PRICES), rtol=1e-3, stars=1,
    mistakes=[
        Mistake("the derivative of (k - 1)**2 is 2 (k - 1): the slope is 1 + d / (2 lambda)", _gives(1.4, 5.6, 1.6, -4.0, 80.0)),
        Mistake("d / (2 lambda) is what the slope exceeds 1 by; it is 1 + that", _gives(0.2, 0.8, 6.4, 5.6, 40.0)),
        Mistake("the slope is above 1, not below: a steeper critic gains more", _gives(0.8, 3.2, 0.4, -2.8, 40.0)),
        Mistake("the critic does not measure d, but its slope times d", _gives(1.2, 4.0, 0.4, -3.6, 40.0)),
        Mistake("what it pays is lambda times (k - 1)**2, and lambda is missing", _gives(1.2, 4.8, 0.04, -4.76, 40.0)),
        Mistake("the loss is minus the estimate plus what it pays: low is good", _gives(1.2, 4.8, 0.4, 4.4, 40.0)),
        Mistake("5 % of what? The estimate is k d, so k = 1.05, and lambda = d / (2 * 0.05)", _gives(1.2, 4.8, 0.4, -4.4, 10.0)),
    ],
    hints=[
        "It wants k d - lambda (k - 1)**2 as large as possible.  Where is the derivative by k zero?",
        "d = 2 lambda (k - 1).",
        "Its loss is -(k d) + lambda (k - 1)**2.  For the last one, put k = 1.05 into d = 2 lambda (k - 1).",
    ],
)  # fmt: skip

# --- 09.own_slopes ------------------------------------------------------------------------------------------------------


def own_slopes(critic, x):
    """How steep the answer to each sample is in that sample itself, while the others stay as they are: an array (N,).

    critic: a network, (N, ...) -> (N, 1), which may look at the whole batch.  x: an array (N, ...).
    Number i is the length of the gradient of answer i with respect to sample i.
    """
    # <yours>
    x = ng.Tensor(x, requires_grad=True)
    answers = critic(x)  # (N, 1), asked once
    return np.array([np.linalg.norm(ng.grad(ops.sum(answers[i]), x).numpy()[i]) for i in range(len(x))])
    # </yours>


def _all_kinds(rng):
    yield _linear(3.0, 4.0), np.array([[1.0, 2.0], [0.0, -1.0]])
    for i in range(12):
        N = int(rng.integers(3, 6))
        if i % 4 == 3:
            yield _convolutional(), rng.normal(size=(N, 4, 4, 1))
        else:
            layer = (nn.BatchNorm, nn.LayerNorm, lambda _: nn.Tanh())[i % 4 % 3]
            yield nn.Sequential(nn.Dense(3, 4), layer(4), nn.LeakyReLU(0.2), nn.Dense(4, 1)).astype("float64"), rng.normal(size=(N, 3))


def _jacobian(critic, x):
    """(N, N, D): how answer i depends on the entries of sample j."""
    x = ng.Tensor(x, requires_grad=True)
    answers = critic(x)
    return np.array([ng.grad(ops.sum(answers[i]), x).numpy().reshape(len(x), -1) for i in range(len(x))])


def _sum_trick(critic, x):
    return np.linalg.norm(_jacobian(critic, x).sum(axis=0), axis=1)


def _one_at_a_time(critic, x):
    return np.concatenate([np.linalg.norm(_jacobian(critic, x[i : i + 1])[0], axis=1) for i in range(len(x))])


OWN_SLOPES = Exercise(
    "09.own_slopes", own_slopes, _all_kinds, rtol=1e-8,
    mistakes=[
        Mistake("the sum of all answers is differentiated; where the critic has batch norm the others' answers move too, so differentiate answer i alone", _sum_trick),
        Mistake("this is the length over all samples; only row i, its own, is asked for", lambda critic, x: np.linalg.norm(_jacobian(critic, x), axis=(1, 2))),
        Mistake("each sample is shown to the critic alone; batch norm then has a batch of one, so give it the whole batch, and differentiate one answer",
                _one_at_a_time),
        Mistake("answer 0 is differentiated each time; number i belongs to answer i", lambda critic, x: np.linalg.norm(_jacobian(critic, x)[0], axis=1)),
        Mistake("the critic is asked in inference mode; leave it in the mode it comes in", lambda critic, x: own_slopes(critic.eval(), x)),
        Mistake("these are the squares of the slopes; the root is missing", lambda critic, x: own_slopes(critic, x) ** 2),
        Mistake("the gradient's absolute values are added up; its length is the root of the sum of squares",
                lambda critic, x: np.abs(np.einsum("iid->id", _jacobian(critic, x))).sum(axis=1)),
    ],
    hints=[
        "The answers are (N, 1); answers[i] is one of them, and ng.grad(ops.sum(answers[i]), x) is (N, ...), a row for each sample.",
        "Of that take row i, and its length: np.linalg.norm(....numpy()[i]).",
        "A loop or a list over i in range(len(x)); the graph may be walked as often as you like.",
    ],
)  # fmt: skip

# --- 09.two_networks ----------------------------------------------------------------------------------------------------


def two_networks():
    """Five numbers from two lines of text 004's log, worked out on paper.  Its d_loss is L_real + L_fake + 10 * penalty.

    After epoch 1: the penalty, and the slope k that all points between have, if they all have the same, (k - 1)**2 = penalty with k > 1.
    After epoch 100: the same two.  And: by notebook 8 the trained critic has a slope of at least 31.43 there; how many times k is that?
    Three digits will do.
    """
    # <yours>
    return 8.529, 3.920, 3.735, 2.933, 10.72
    # </yours>


NETWORKS = ("the penalty, epoch 1", "the slope, epoch 1", "the penalty, epoch 100", "the slope, epoch 100", "how many times")


def _read(first, last, slope=lambda penalty: 1 + penalty**0.5):
    return _gives(first, slope(first), last, slope(last), 31.43 / slope(last))


TWO_NETWORKS = Exercise(
    "09.two_networks", two_networks, lambda rng: [()], outcome=named(*NETWORKS), rtol=2e-3, stars=3,
    mistakes=[
        Mistake("that is 10 times the penalty: divide by lambda", _read(85.29, 37.35)),
        Mistake("the slope is 1 + the root of the penalty; the root is missing", _read(8.529, 3.735, lambda penalty: 1 + penalty)),
        Mistake("the root of the penalty is k - 1; add the 1", _read(8.529, 3.735, lambda penalty: penalty**0.5)),
        Mistake("the whole d_loss is divided by 10; take L_real and L_fake away from it first", _read(-30.589, -172.293, lambda penalty: 1 + abs(penalty) ** 0.5)),
        Mistake("the penalty is a square, and cannot be negative: it is d_loss - (L_real + L_fake), over 10",
                _read(-8.529, -3.735, lambda penalty: 1 + abs(penalty) ** 0.5)),
        Mistake("this is k over 31.43; it is asked how many times k is contained in 31.43",
                _gives(8.529, 3.9204, 3.735, 2.9326, 2.9326 / 31.43)),
    ],
    hints=[
        "After epoch 1: -305.89 = -204.71 - 186.47 + 10 * penalty.",
        "-305.89 + 391.18 = 85.29, so the penalty is 8.529.  Its root is 2.92.",
        "After epoch 100: -1722.93 = 5541.48 - 7301.76 + 10 * penalty.",
    ],
)  # fmt: skip

EXERCISES = [INTERPOLATE, GRADIENT_PENALTY, BY_HAND, N_CRITIC_STEP, WHAT_LAMBDA_BUYS, OWN_SLOPES, TWO_NETWORKS]
