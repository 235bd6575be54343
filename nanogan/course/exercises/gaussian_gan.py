"""Notebook 04: the whole game in the plane: two losses, and the order of the two steps."""

import numpy as np

from nanogan import nn, ops, optim
from nanogan.course import engine as ng
from nanogan.course.exercise import Exercise, Mistake, named
from nanogan.metrics.gaussian import wasserstein2_squared

# --- 04.d_loss ------------------------------------------------------------------------------------------------------------


def d_loss(on_real, on_fake):
    """What the critic minimises: half of (the mean of -log D(x) over real x, plus the mean of -log(1 - D(G(z))) over generated).

    on_real: (N, 1) tensor, the critic's logits for N real samples; D(x) = sigmoid of them.
    on_fake: (N, 1) tensor, its logits for N generated samples.
    Returns a tensor of one number, (), made with nanogan's ops, finite for any finite logits.
    """
    # <yours>
    return (ops.sigmoid_bce(on_real, 1) + ops.sigmoid_bce(on_fake, 0)) / 2
    # </yours>


def _answers(rng):
    yield np.array([[0.0]]), np.array([[0.0]])
    yield np.array([[2.0], [1.0]]), np.array([[-1.0], [-3.0]])
    yield np.array([[-1.0], [0.5]]), np.array([[2.0], [0.0]])
    for _ in range(15):
        N = int(rng.integers(1, 20))
        yield rng.normal(scale=3, size=(N, 1)), rng.normal(scale=3, size=(N, 1))
    for a in (800.0, -800.0):  # a critic that is quite sure: right, then wrong
        yield np.array([[a], [1.0]]), np.array([[-a], [0.0]])


def _with_slopes(answer, *logits):
    """The loss, and its slope with respect to each logit."""
    tensors = [ng.Tensor(one, requires_grad=True) for one in logits]
    loss = answer(*tensors)
    if loss is None:
        return None
    if not isinstance(loss, ng.Tensor):
        raise TypeError(f"this is a {type(loss).__name__}; the loss is to be a tensor, made with nanogan's ops, or it has no gradient")
    slopes = ng.grad(ops.sum(loss), tensors)
    return {"loss": loss} | dict(zip(("slope on real", "slope on fake")[-len(logits) :], slopes, strict=True))


def _d_naive(r, f):
    return -(ops.mean(ops.log(ops.sigmoid(r))) + ops.mean(ops.log(1 - ops.sigmoid(f)))) / 2


def _d_clipped(r, f):
    return (ops.binary_cross_entropy(ops.sigmoid(r), 1) + ops.binary_cross_entropy(ops.sigmoid(f), 0)) / 2


D_LOSS = Exercise(
    "04.d_loss", d_loss, _answers, outcome=_with_slopes,
    mistakes=[
        Mistake("this is the sum of the two means; half of it was asked for", lambda r, f: 2 * d_loss(r, f)),
        Mistake("the labels are the wrong way round: a real sample has the label 1, a generated one 0", lambda r, f: d_loss(-r, -f)),
        Mistake("both are called real; for the critic a generated sample has the label 0, and costs -log(1 - D)",
                lambda r, f: (ops.sigmoid_bce(r, 1) + ops.sigmoid_bce(f, 1)) / 2),
        Mistake("this is a sum over the batch; the mean was asked for", lambda r, f: d_loss(r, f) * len(r)),
        Mistake("only the generated samples are counted, and the real ones cost too", lambda r, f: ops.sigmoid_bce(f, 0) / 2),
        Mistake("the sigmoid is taken twice: sigmoid_bce wants logits, and takes it itself", lambda r, f: d_loss(ops.sigmoid(r), ops.sigmoid(f))),
        Mistake("the formula is right, and overflows: at logit 800 the sigmoid is exactly 1, and log(1 - 1) is minus infinity; "
                "work from the logits, with ops.sigmoid_bce or ops.softplus", _d_naive),
        Mistake("the probability is clipped, so that every sure mistake costs 16.1 and has no slope; work from the logits, with ops.sigmoid_bce",
                _d_clipped),
        Mistake("these are the costs of the pairs, one by one; their mean was asked for",
                lambda r, f: (ops.sigmoid_bce(r, 1, "none") + ops.sigmoid_bce(f, 0, "none")) / 2),
    ],
    hints=[
        "-log D for the logit o is softplus(-o), and -log(1 - D) is softplus(o).  There is also ops.sigmoid_bce(logits, label), which is both.",
        "ops.sigmoid_bce(on_real, 1) is the mean of -log D over the real samples.  What is the label of the generated ones?",
        "Add the two means, and halve the sum.",
    ],
)  # fmt: skip

# --- 04.slopes ------------------------------------------------------------------------------------------------------------


def slopes():
    """(slope of the saturating loss, slope of the non-saturating loss), two numbers, in the critic's logit o.

    The critic gives a generated sample the probability D = sigmoid(o) = 0.02 of being real.
    The losses are log(1 - D) and -log D; the slopes are their derivatives with respect to o, not to D.
    """
    # <yours>
    return (-0.02, -0.98)
    # </yours>


SLOPES = Exercise(
    "04.slopes", slopes, lambda rng: [()], rtol=1e-6, stars=1,
    mistakes=[
        Mistake("these are the slopes in D; the slope in the logit is asked for, and dD/do = D (1 - D)", lambda: (-1 / 0.98, -1 / 0.02)),
        Mistake("the two are exchanged: the loss that saturates is log(1 - D), and its slope is the small one", lambda: (-0.98, -0.02)),
        Mistake("the sign: both losses fall when the critic believes more, so both slopes are negative", lambda: (0.02, 0.98)),
        Mistake("this is dD/do = D (1 - D) alone; the logarithm has a slope too", lambda: (-0.0196, -0.0196)),
        Mistake("these are the losses; their slopes are asked for", lambda: (np.log(0.98), -np.log(0.02))),
    ],
    hints=[
        "Chain rule: the slope in o is the slope in D, times dD/do = D (1 - D).",
        "log(1 - D) has the slope -1 / (1 - D) in D, and -log D has -1 / D.  Multiply each by D (1 - D) and cancel.",
    ],
)  # fmt: skip

# --- 04.g_loss ------------------------------------------------------------------------------------------------------------


def g_loss(on_fake):
    """What the generator minimises, the non-saturating loss: the mean of -log D(G(z)).

    on_fake: (N, 1) tensor, the critic's logits for N generated samples; D(G(z)) = sigmoid of them.
    Returns a tensor of one number, (), made with nanogan's ops, finite for any finite logits.
    """
    # <yours>
    return ops.sigmoid_bce(on_fake, 1)
    # </yours>


def _answers_on_fake(rng):
    return [(on_fake,) for _, on_fake in _answers(rng)]


G_LOSS = Exercise(
    "04.g_loss", g_loss, _answers_on_fake, outcome=_with_slopes, stars=1,
    mistakes=[
        Mistake("this is log(1 - D), the saturating loss: its slope vanishes where the critic is sure; -log D was asked for",
                lambda f: -ops.sigmoid_bce(f, 0)),
        Mistake("this is the critic's cost for the label 0, and a generator that lowers it helps the critic; the generator claims the label 1",
                lambda f: ops.sigmoid_bce(f, 0)),
        Mistake("this is log D, which is to be raised; an optimiser lowers its loss, so the minus stays", lambda f: -ops.sigmoid_bce(f, 1)),
        Mistake("this is a sum over the batch; the mean was asked for", lambda f: ops.sigmoid_bce(f, 1, "sum")),
        Mistake("the sigmoid is taken twice: sigmoid_bce wants logits, and takes it itself", lambda f: ops.sigmoid_bce(ops.sigmoid(f), 1)),
        Mistake("the formula is right, and overflows: at logit -800 the sigmoid is exactly 0, and log 0 is minus infinity; "
                "work from the logits, with ops.sigmoid_bce or ops.softplus", lambda f: -ops.mean(ops.log(ops.sigmoid(f)))),
        Mistake("this is half of it; the half belongs to the critic, whose loss has two parts", lambda f: ops.sigmoid_bce(f, 1) / 2),
        Mistake("these are the costs of the samples, one by one; their mean was asked for", lambda f: ops.sigmoid_bce(f, 1, "none")),
    ],
    hints=[
        "It is the critic's cost for real samples, -log D, of samples that are not real.",
        "So the generator gives its own samples the label 1: ops.sigmoid_bce(on_fake, 1).",
    ],
)  # fmt: skip

# --- 04.train_step --------------------------------------------------------------------------------------------------------


def train_step(generator, critic, g_opt, d_opt, real, z):
    """One step of the game: first the critic learns, then the generator, from the critic that has just learned.

    generator, critic: the networks.  generator(z): (N, 2), critic(x): (N, 1) logits.
    g_opt, d_opt: their optimisers; d_opt.step(grads) moves the critic, with grads in the order of critic.parameters().
    real: (N, 2) array of real samples.  z: (N, 2) array of noise, which serves both halves of the step.
    Returns (d_loss, g_loss), two tensors of one number each, as they were when their gradients were taken.
    """
    # <yours>
    fake = generator(z)  # (N, 2)
    loss_d = d_loss(critic(real), critic(fake.detach()))
    d_opt.step(ng.grad(loss_d, critic.parameters()))
    loss_g = g_loss(critic(fake))  # asked again: it is another critic now
    g_opt.step(ng.grad(loss_g, generator.parameters()))
    return loss_d, loss_g
    # </yours>


NETWORKS = {
    "2 -> 2": lambda: nn.Sequential(nn.Dense(2, 2)),
    "2 -> 4 -> 2": lambda: nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 2)),
    "2 -> 1": lambda: nn.Sequential(nn.Dense(2, 1)),
    "2 -> 5 -> 3 -> 1": lambda: nn.Sequential(nn.Dense(2, 5), nn.Tanh(), nn.Dense(5, 3), nn.Tanh(), nn.Dense(3, 1)),
}
OPTIMISERS = {
    "SGD(lr=0.5)": lambda parameters: optim.SGD(parameters, 0.5),
    "Adam(lr=0.005)": lambda parameters: optim.Adam(parameters, 0.005),
    "Adam(lr=0.05)": lambda parameters: optim.Adam(parameters, 0.05),
}


def _games(rng):
    """Networks and optimisers by name, and the batches of three steps, (3, N, 2)."""
    for generator, critic, g_opt, d_opt in (
        ("2 -> 2", "2 -> 1", "SGD(lr=0.5)", "SGD(lr=0.5)"),
        ("2 -> 2", "2 -> 5 -> 3 -> 1", "SGD(lr=0.5)", "SGD(lr=0.5)"),
        ("2 -> 2", "2 -> 5 -> 3 -> 1", "Adam(lr=0.005)", "Adam(lr=0.05)"),
        ("2 -> 4 -> 2", "2 -> 5 -> 3 -> 1", "Adam(lr=0.005)", "Adam(lr=0.05)"),
    ):
        for N in (1, 8, 3):
            yield generator, critic, g_opt, d_opt, rng.normal(1, 2, (3, N, 2)), rng.normal(size=(3, N, 2))


class _Watched:
    """A generator that keeps what it was given."""

    def __init__(self, network):
        self._network, self.inputs = network, []

    def __call__(self, z):
        self.inputs.append(ng.to_numpy(z.data if isinstance(z, ng.Tensor) else z).copy())
        return self._network(z)

    def __getattr__(self, name):
        return getattr(self._network, name)


def _kind(losses):
    """In words, what a step gave back."""
    if not isinstance(losses, (tuple, list)):
        return type(losses).__name__
    how_many = "two" if len(losses) == 2 else len(losses)
    return f"{how_many} tensors" if all(isinstance(loss, ng.Tensor) for loss in losses) else f"{how_many} values that are no tensors"


def _three_steps(answer, generator, critic, g_opt, d_opt, real, z):
    """What the losses and both networks' parameters are, step after step, in float64; None for them where it is clear without them what is wrong."""
    generator, critic = (NETWORKS[name]().astype(np.float64) for name in (generator, critic))
    g_opt, d_opt = OPTIMISERS[g_opt](generator.parameters()), OPTIMISERS[d_opt](critic.parameters())
    kind, noises, numbers = "two tensors", "z", {}
    for i, (x, noise) in enumerate(zip(real, z, strict=True), 1):
        watched = _Watched(generator)
        losses = answer(watched, critic, g_opt, d_opt, x, noise)
        if losses is None:
            return None
        kind = _kind(losses) if kind == "two tensors" else kind
        noises = noises if all(np.array_equal(given, noise) for given in watched.inputs) else "z, and other noise"
        for name, network in (("critic", critic), ("generator", generator)):
            numbers[f"the {name}'s parameters after step {i}"] = np.concatenate([p.data.ravel() for p in network.parameters()])
        numbers[f"(d_loss, g_loss) of step {i}"] = tuple(float(loss) for loss in losses) if kind == "two tensors" else None
    known = kind == "two tensors" and noises == "z"
    return {"what is given back": kind, "the noise that the generator gets": noises} | (numbers if known else dict.fromkeys(numbers))


def _simultaneous(generator, critic, g_opt, d_opt, real, z):
    fake = generator(z)
    on_fake = critic(fake)
    loss_d, loss_g = d_loss(critic(real), on_fake), g_loss(on_fake)
    d_grads, g_grads = ng.grad(loss_d, critic.parameters()), ng.grad(loss_g, generator.parameters())
    d_opt.step(d_grads)
    g_opt.step(g_grads)
    return loss_d, loss_g


def _stale(generator, critic, g_opt, d_opt, real, z):
    fake = generator(z)
    on_fake = critic(fake)
    loss_d, loss_g = d_loss(critic(real), on_fake), g_loss(on_fake)
    d_opt.step(ng.grad(loss_d, critic.parameters()))
    g_opt.step(ng.grad(loss_g, generator.parameters()))
    return loss_d, loss_g


def _generator_first(generator, critic, g_opt, d_opt, real, z):
    fake = generator(z)
    loss_g = g_loss(critic(fake))
    g_opt.step(ng.grad(loss_g, generator.parameters()))
    loss_d = d_loss(critic(real), critic(generator(z).detach()))
    d_opt.step(ng.grad(loss_d, critic.parameters()))
    return loss_d, loss_g


def _one_loss_for_both(generator, critic, g_opt, d_opt, real, z):
    fake = generator(z)
    loss_d = d_loss(critic(real), critic(fake.detach()))
    d_opt.step(ng.grad(loss_d, critic.parameters()))
    loss_g = d_loss(critic(real), critic(fake))
    g_opt.step(ng.grad(loss_g, generator.parameters()))
    return loss_d, loss_g


def _critic_moves_twice(generator, critic, g_opt, d_opt, real, z):
    loss_d, loss_g = train_step(generator, critic, _Idle(), d_opt, real, z)
    loss_g = g_loss(critic(generator(z)))
    d_grads, g_grads = ng.grad(loss_g, critic.parameters()), ng.grad(loss_g, generator.parameters())
    g_opt.step(g_grads)
    d_opt.step(d_grads)
    return loss_d, loss_g


class _Idle:
    """An optimiser that leaves everything as it is."""

    def step(self, grads):
        pass


def _generator_idle(generator, critic, g_opt, d_opt, real, z):
    return train_step(generator, critic, _Idle(), d_opt, real, z)


def _critic_idle(generator, critic, g_opt, d_opt, real, z):
    return train_step(generator, critic, g_opt, _Idle(), real, z)


def _swapped(generator, critic, g_opt, d_opt, real, z):
    loss_d = d_loss(critic(generator(z).detach()), critic(real))
    d_opt.step(ng.grad(loss_d, critic.parameters()))
    loss_g = g_loss(critic(generator(z)))
    g_opt.step(ng.grad(loss_g, generator.parameters()))
    return loss_d, loss_g


def _leftover(generator, critic, g_opt, d_opt, real, z):
    d_opt.zero_grad()
    loss_d = d_loss(critic(real), critic(generator(z)))
    loss_d.backward()
    d_opt.step()
    loss_g = g_loss(critic(generator(z)))
    loss_g.backward()
    g_opt.step()
    g_opt.zero_grad()
    return loss_d, loss_g


def _losses_exchanged(generator, critic, g_opt, d_opt, real, z):
    return train_step(generator, critic, g_opt, d_opt, real, z)[::-1]


def _step_with(loss_of_generator):
    """The step, with another loss of the generator."""

    def answer(generator, critic, g_opt, d_opt, real, z):
        loss_d = d_loss(critic(real), critic(generator(z).detach()))
        d_opt.step(ng.grad(loss_d, critic.parameters()))
        loss_g = loss_of_generator(critic, generator, z)
        g_opt.step(ng.grad(loss_g, generator.parameters()))
        return loss_d, loss_g

    return answer


def _fresh_noise(critic, generator, z):
    return g_loss(critic(generator(np.random.default_rng(0).normal(size=z.shape))))


def _numbers(*arguments):
    return tuple(loss.item() for loss in train_step(*arguments))


def _recomputed(generator, critic, g_opt, d_opt, real, z):
    train_step(generator, critic, g_opt, d_opt, real, z)
    fake = generator(z)
    return d_loss(critic(real), critic(fake)), g_loss(critic(fake))


def _never_cleared(generator, critic, g_opt, d_opt, real, z):
    fake = generator(z)
    loss_d = d_loss(critic(real), critic(fake.detach()))
    loss_d.backward()
    d_opt.step()
    loss_g = g_loss(critic(fake))
    loss_g.backward()
    g_opt.step()
    return loss_d, loss_g


def _two_steps_of_the_critic(generator, critic, g_opt, d_opt, real, z):
    train_step(generator, critic, _Idle(), d_opt, real, z)
    return train_step(generator, critic, g_opt, d_opt, real, z)


TRAIN_STEP = Exercise(
    "04.train_step", train_step, _games, outcome=_three_steps, rtol=1e-10,
    mistakes=[
        Mistake("both gradients were taken before the critic moved: this is the simultaneous step; let the critic step first, and ask it again",
                _simultaneous),
        Mistake("the generator's loss was recorded before d_opt.step, and differentiated after it: its graph mixes old answers with new weights; "
                "compute critic(fake) anew after the critic's step", _stale),
        Mistake("the generator stepped first; here the critic does", _generator_first),
        Mistake("the generator lowers the critic's own loss, and so helps it; it is to lower g_loss", _one_loss_for_both),
        Mistake("the generator never moves: either its samples are detached in its own half of the step too, or g_opt.step is missing", _generator_idle),
        Mistake("the critic moves in the generator's half as well, and unlearns; there only g_opt may step", _critic_moves_twice),
        Mistake("the critic never moves: d_opt.step is missing", _critic_idle),
        Mistake("the critic is given real and generated samples the wrong way round: d_loss(on_real, on_fake)", _swapped),
        Mistake("the generator steps uphill: it lowers g_loss, so its gradient goes into g_opt.step as it is",
                _step_with(lambda critic, generator, z: -g_loss(critic(generator(z))))),
        Mistake("the critic's loss has left a gradient in the generator (.backward() without detach), and g_opt.step follows both: detach generator(z) "
                "in the critic's half, or use ng.grad", _leftover),
        Mistake("the losses are given back in the wrong order: (d_loss, g_loss) was asked for", _losses_exchanged),
        Mistake("give back the two losses as tensors; the trainer reads them", _numbers),
        Mistake("the losses were computed again after the steps; give back those whose gradients were taken", _recomputed),
        Mistake("the generator's half has noise of its own; z serves both halves of the step", _step_with(_fresh_noise)),
        Mistake(".backward() adds to .grad, and nothing clears it, so that the second step follows the first one's gradients too: "
                "call zero_grad() of the optimiser before it, or use ng.grad", _never_cleared),
        Mistake("the critic steps twice; each of the two has one step", _two_steps_of_the_critic),
        Mistake("the generator lowers log(1 - D), the saturating loss; it is to lower g_loss, -log D",
                _step_with(lambda critic, generator, z: -ops.sigmoid_bce(critic(generator(z)), 0))),
    ],
    hints=[
        "Two halves of three lines each: the loss, its gradient with respect to one network's parameters, the step of that network's optimiser.",
        "The critic's half: d_loss of critic(real) and critic(fake.detach()), ng.grad(..., critic.parameters()), d_opt.step(...).",
        "The generator's half asks the critic again, about fake with its history: g_loss(critic(fake)).  The critic has changed since.",
        "Give back both losses, the critic's first.",
    ],
)  # fmt: skip

# --- 04.floors ------------------------------------------------------------------------------------------------------------


def floors():
    """(least critic's loss, least generator's loss, greatest generator's loss), three numbers, to four decimals.

    The critic ends in a sigmoid, and its answers p, between 0 and 1, go into a loss that expects logits, so that a
    second sigmoid is taken.  The critic's loss is the sum of both means, as in text 000, without the half:
    softplus(-p) over real samples plus softplus(p) over generated ones.  The generator's is softplus(-p).
    """
    # <yours>
    return (1.0064, 0.3133, 0.6931)
    # </yours>


def _to_four_decimals(answer):
    """The three ends by name; more decimals than are asked for are no mistake."""
    ends = named("the critic's least", "the generator's least", "the generator's greatest")(answer)
    if not isinstance(ends, dict):
        return ends
    return {name: right if abs(end - right) < 6e-5 else end for (name, end), right in zip(ends.items(), floors(), strict=True)}


FLOORS = Exercise(
    "04.floors", floors, lambda rng: [()], outcome=_to_four_decimals, stars=1,
    mistakes=[
        Mistake("these are the ends where the loss gets logits, which can be any number; here it gets p, which lies between 0 and 1",
                lambda: (0.0, 0.0, np.inf)),
        Mistake("for a generated sample p falls to 0 and no further, so that it still costs softplus(0) = 0.6931", lambda: (0.6265, 0.3133, 0.6931)),
        Mistake("that is the critic's loss when it knows nothing, 2 log 2; at its best it says p = 1 to real samples and p = 0 to generated ones",
                lambda: (1.3863, 0.3133, 0.6931)),
        Mistake("this is half the critic's loss; text 000 adds the two means and does not halve them", lambda: (0.5032, 0.3133, 0.6931)),
        Mistake("the generator's two ends are exchanged: its loss is least where the critic says p = 1", lambda: (1.0064, 0.6931, 0.3133)),
        Mistake("this is softplus(p) for the generator; its loss is softplus(-p)", lambda: (1.0064, 0.6931, 1.3133)),
    ],
    hints=[
        "softplus(u) = log(1 + e^u).  Which p makes softplus(-p) least, if p lies between 0 and 1?  Which softplus(p)?",
        "A perfect critic says p = 1 to real samples and p = 0 to generated ones: softplus(-1) + softplus(0).",
        "The generator's loss is softplus(-p), with p anywhere between 0 and 1: look at both ends.",
    ],
)  # fmt: skip

# --- 04.one_number --------------------------------------------------------------------------------------------------------


def one_number(covariance):
    """The least squared Wasserstein-2 distance that a generator G(z) = z w + c with ONE random number z ~ N(0, 1) can reach.  A number.

    covariance: (D, D) array, of the Gaussian that it is to learn.  w and c, of D numbers each, may be anything.
    All that it makes lies on a line.  A generated Gaussian of covariance w w^T and the right mean is at the distance
    trace(C) + |w|^2 - 2 sqrt(w^T C w).
    """
    # <yours>
    return np.trace(covariance) - np.linalg.eigvalsh(covariance)[-1]
    # </yours>


def _covariances(rng):
    yield (np.diag([1.0, 4.0]),)
    yield (np.array([[1.01, 1.95], [1.95, 4.25]]),)
    yield (np.diag([3.0, 1.0, 2.0]),)
    for _ in range(15):
        D = int(rng.integers(2, 5))
        A = rng.normal(size=(D, D))
        yield (A.T @ A,)


def _eigenvalues(C):
    return np.linalg.eigvalsh(C)


def _unit_line(C):
    """With w of length 1 along the long axis."""
    return float(np.trace(C) + 1 - 2 * np.sqrt(_eigenvalues(C)[-1]))


def _too_long(C):
    """With w = the largest eigenvalue times its axis, where its square root belongs."""
    values, axes = np.linalg.eigh(C)
    w = values[-1] * axes[:, -1]
    return wasserstein2_squared(np.zeros(len(C)), np.outer(w, w), np.zeros(len(C)), C)


ONE_NUMBER = Exercise(
    "04.one_number", one_number, _covariances, rtol=1e-6, stars=3,
    mistakes=[
        Mistake("this is the largest eigenvalue, what lies along the best line; asked for is what lies across it", lambda C: _eigenvalues(C)[-1]),
        Mistake("this is the smallest eigenvalue; in more than two dimensions all but the largest are lost", lambda C: _eigenvalues(C)[0]),
        Mistake("this is a standard deviation; the squared distance is a sum of variances", lambda C: np.sqrt(one_number(C))),
        Mistake("the line may lie aslant: this is right for lines along the coordinate axes only; look at the eigenvalues",
                lambda C: np.trace(C) - np.diag(C).max()),
        Mistake("this is a line along the long axis, with a w of length 1; the best length is the square root of the largest eigenvalue", _unit_line),
        Mistake("the w in this is the eigenvalue long; its square root is the standard deviation along the axis", _too_long),
        Mistake("this is the determinant, the product of the eigenvalues; a distance adds them", lambda C: np.linalg.det(C)),
    ],
    hints=[
        "Write w = s u, with a length s and a direction u of length 1: trace(C) + s^2 - 2 s sqrt(u^T C u).  Which s is best for a given u?",
        "s = sqrt(u^T C u), and trace(C) - u^T C u is left.  Which direction u makes u^T C u greatest, and how great?",
        "The eigenvector of the largest eigenvalue.  np.linalg.eigvalsh gives the eigenvalues, the largest last.",
    ],
)  # fmt: skip

EXERCISES = [D_LOSS, SLOPES, G_LOSS, TRAIN_STEP, FLOORS, ONE_NUMBER]
