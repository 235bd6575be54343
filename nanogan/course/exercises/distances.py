"""Notebook 08: total variation, Kullback-Leibler, Jensen-Shannon, the earth mover's distance, and a critic that measures it."""

import numpy as np

from nanogan import nn, ops, optim
from nanogan.backend import ShapeError
from nanogan.course import engine as ng
from nanogan.course.exercise import Exercise, Mistake, named


def _distribution(rng, K, gaps=True):
    """(K,) probabilities, some of them 0 where ``gaps``."""
    p = rng.random(K) + 0.05
    if gaps:
        p *= rng.random(K) < 0.7
    return p / p.sum() if p.any() else np.eye(K)[0]


WORKED = np.ones(3) / 3, np.array([0.2, 0.5, 0.3])  # text 004's example

# --- 08.total_variation -------------------------------------------------------------------------------------------------


def total_variation(p, q):
    """Half the sum of |p - q|: the most by which the probability of any event differs.

    p, q: (K,) arrays, probabilities of the same K outcomes.  Gives a number between 0 and 1.
    """
    # <yours>
    return np.abs(p - q).sum() / 2
    # </yours>


def _pairs(rng):
    yield WORKED
    yield np.array([0.5, 0.5, 0.0, 0.0]), np.array([0.0, 0.0, 0.5, 0.5])
    for _ in range(20):
        K = int(rng.integers(2, 9))
        yield _distribution(rng, K), _distribution(rng, K)


TOTAL_VARIATION = Exercise(
    "08.total_variation", total_variation, _pairs, stars=1,
    mistakes=[
        Mistake("this is the whole sum; half of it is asked for, as what p has too much of, q has too little of", lambda p, q: np.abs(p - q).sum()),
        Mistake("this is half of the mean of |p - q| over the outcomes; half of the sum is asked for", lambda p, q: np.abs(p - q).mean() / 2),
        Mistake("this is the mean of |p - q| over the outcomes; half of the sum is asked for", lambda p, q: np.abs(p - q).mean()),
        Mistake("this is the largest difference at a single outcome; an event may be several outcomes together", lambda p, q: np.abs(p - q).max()),
        Mistake("that is how often the judge is right, (1 + TV) / 2; TV alone is asked for", lambda p, q: (1 + total_variation(p, q)) / 2),
        Mistake("without | | the differences cancel: both add up to 1", lambda p, q: (p - q).sum() / 2),
        Mistake("this is the length sqrt(sum (p - q)**2); the sum of |p - q| is asked for, without squares", lambda p, q: np.sqrt(((p - q) ** 2).sum())),
    ],
    hints=[
        "One line: the differences of all outcomes, their absolute values, their sum, half of it.",
        "np.abs(p - q) is an array (K,); .sum() makes it a number.",
    ],
)  # fmt: skip

# --- 08.kl ----------------------------------------------------------------------------------------------------------------


def kl(p, q, base):
    """The Kullback-Leibler divergence, the sum of p log(p / q), its logarithm to ``base``: 2 for bits, np.e for nats.

    p, q: (K,) arrays, probabilities of the same K outcomes.  Where p is 0 an outcome adds 0, whatever q is.
    Where p is not 0, but q is, it is np.inf.  Gives a number.
    """
    # <yours>
    some = p > 0
    if (q[some] == 0).any():
        return np.inf
    return (p[some] * np.log(p[some] / q[some])).sum() / np.log(base)
    # </yours>


def _pairs_and_bases(rng):
    yield *WORKED, 2
    yield *WORKED, np.e
    yield np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5]), 2
    yield np.array([0.5, 0.5]), np.array([1.0, 0.0]), 2
    yield np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5]), np.e
    yield np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.5, 0.0]), np.e
    yield np.array([1e-4, 1e-10, 1 - 1e-4 - 1e-10]), np.array([1e-30, 1e-4, 1 - 1e-4 - 1e-30]), 2  # small is not 0
    for i in range(20):
        K = int(rng.integers(2, 9))
        yield _distribution(rng, K), _distribution(rng, K, gaps=i % 3 == 0), (2, np.e, 10)[i % 3]


def _kl_both_positive(p, q, base):
    some = (p > 0) & (q > 0)
    return (p[some] * np.log(p[some] / q[some])).sum() / np.log(base)


def _kl_cross_entropy(p, q, base):
    some = p > 0
    return -(p[some] * np.log(q[some])).sum() / np.log(base)


KL = Exercise(
    "08.kl", kl, _pairs_and_bases,
    mistakes=[
        Mistake("this is in nats whatever the base; divide by the logarithm of the base", lambda p, q, base: kl(p, q, np.e)),
        Mistake("this is in bits whatever the base; base says in what", lambda p, q, base: kl(p, q, 2)),
        Mistake("log(base) divides; here it multiplies", lambda p, q, base: kl(p, q, np.e) * np.log(base)),
        Mistake("this is KL(q || p); the first weighs, so p stands before the logarithm and above in the fraction", lambda p, q, base: kl(q, p, base)),
        Mistake("0 log 0 counts as 0, and NumPy says nan: leave out the outcomes that p does not have",
                lambda p, q, base: (p * np.log(p / q)).sum() / np.log(base)),
        Mistake("outcomes with q = 0 are left out, too; where p has one of them it is infinite", _kl_both_positive),
        Mistake("q = 0 makes it infinite only where p is not 0: an outcome with p = 0 adds 0, whatever q is",
                lambda p, q, base: np.inf if (q == 0).any() else kl(p, q, base)),
        Mistake("an outcome is left out where p is 0; here it is where p is small, too", lambda p, q, base: kl(np.where(p < 1e-3, 0, p), q, base)),
        Mistake("it is infinite where q is 0; here it is where q is small, too", lambda p, q, base: kl(p, np.where(q < 1e-9, 0, q), base)),
        Mistake("a small constant inside the logarithm makes a finite number of what is infinite, another for each constant",
                lambda p, q, base: (p * np.log((p + 1e-12) / (q + 1e-12))).sum() / np.log(base)),
        Mistake("this is the cross-entropy H(p, q); the entropy of p is still to be taken away", _kl_cross_entropy),
        Mistake("this is text 004's equation 7 as printed: the logarithm is missing, and the sign is wrong", lambda p, q, base: -(p * p / q).sum()),
    ],
    hints=[
        "some = p > 0 marks the outcomes that count; p[some] and q[some] are theirs.",
        "If q is 0 at one of those, return np.inf.",
        "Else the sum of p[some] * np.log(p[some] / q[some]): that is in nats.  log to the base b is log / log(b).",
    ],
)  # fmt: skip

# --- 08.earth_movers ------------------------------------------------------------------------------------------------------


def earth_movers(p, q, x):
    """The earth mover's distance on a line: what passes each gap between neighbouring places, times how wide the gap is, summed.

    p, q: (K,) arrays, how much lies at each place, together 1.  x: (K,) array, where the places are, in any order.
    Gives a number.
    """
    # <yours>
    order = np.argsort(x)
    passing = np.cumsum((p - q)[order])[:-1]  # (K - 1,): what p has more than q, left of each gap
    return (np.abs(passing) * np.diff(x[order])).sum()
    # </yours>


def _piles(rng):
    yield *WORKED, np.array([0.0, 1.0, 2.0])
    yield np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 2.0])
    yield np.array([0.5, 0.0, 0.5]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 2.0])
    yield np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([0.0, 0.3])
    yield np.array([0.6, 0.4, 0.0]), np.array([0.0, 0.3, 0.7]), np.array([2.0, 6.0, -1.0])
    for i in range(20):
        K = int(rng.integers(2, 9))
        x = rng.permutation(40)[:K] / 4 - 5
        yield _distribution(rng, K), _distribution(rng, K), np.sort(x) if i < 8 else x


def _em_shifted_gap(p, q, x):
    order = np.argsort(x)
    return (np.abs(np.cumsum((p - q)[order])[1:]) * np.diff(x[order])).sum()


EARTH_MOVERS = Exercise(
    "08.earth_movers", earth_movers, _piles,
    mistakes=[
        Mistake("x is sorted, p and q are not: use one order = np.argsort(x) for all three",
                lambda p, q, x: (np.abs(np.cumsum(p - q)[:-1]) * np.diff(np.sort(x))).sum()),
        Mistake("every gap counts as 1 wide; multiply by np.diff of the sorted places", lambda p, q, x: np.abs(np.cumsum((p - q)[np.argsort(x)])[:-1]).sum()),
        Mistake("the places are not sorted: p, q and x go through np.argsort(x) first",
                lambda p, q, x: (np.abs(np.cumsum(p - q)[:-1]) * np.diff(x)).sum()),
        Mistake("what is carried to the left and what is carried to the right do not cancel: | | belongs around each gap's cumulative sum, not around the whole",
                lambda p, q, x: abs((x * (p - q)).sum())),
        Mistake("without | | earth carried to the left counts negative", lambda p, q, x: (x * (q - p)).sum()),
        Mistake("this is how much moves, the total variation; how far it moves is missing", lambda p, q, x: total_variation(p, q)),
        Mistake("the gaps are off by one: what passes the first gap is p - q of the first place alone, so the last cumulative sum, 0, is left out",
                _em_shifted_gap),
        Mistake("the differences at the places themselves are used; what passes a gap is their cumulative sum",
                lambda p, q, x: (np.abs((p - q)[np.argsort(x)])[:-1] * np.diff(np.sort(x))).sum()),
    ],
    hints=[
        "Stand in the gap between two neighbours.  What lies left of you in p and not in q has to pass you.  np.cumsum adds up from the left.",
        "There are K places and K - 1 gaps: of K cumulative sums the last one, which is 0, has no gap.",
        "order = np.argsort(x); use (p - q)[order] and np.diff(x[order]).",
    ],
)  # fmt: skip

# --- 08.critic_step -------------------------------------------------------------------------------------------------------


def critic_step(critic, optimizer, real, fake, limit):
    """One step of a Wasserstein critic, then its weights are clipped to [-limit, limit].

    critic: a network, (N, 2) -> (N, 1).  optimizer: of its parameters; step(gradients) lowers a loss.  real, fake: (N, 2) arrays.
    The critic is to make its estimate, the mean of its answers to real minus the mean of those to fake, LARGER.
    Afterwards every parameter's array, p.data, has its entries within the limit.  Gives the estimate before the step, a number.
    """
    # <yours>
    estimate = ops.mean(critic(real)) - ops.mean(critic(fake))
    optimizer.step(ng.grad(-estimate, critic.parameters()))
    for p in critic.parameters():
        p.data[...] = p.data.clip(-limit, limit)
    return estimate.item()
    # </yours>


def _trained(answer, real, fake, limit):
    """What two steps give, and leave, on a small critic in float64."""
    critic = nn.Sequential(nn.Dense(2, 4), nn.LeakyReLU(0.2), nn.Dense(4, 1)).astype("float64")
    optimizer = optim.SGD(critic.parameters(), 0.5)
    found = {f"the estimate of step {i}": answer(critic, optimizer, real, fake, limit) for i in (1, 2)}
    return found | {f"{name} after two steps": array for name, array in critic.state_dict().items()}


def _clouds(rng):
    yield np.array([[0.0, 0.5], [0.0, 1.0]]), np.array([[1.0, 0.5], [1.0, 1.0]]), 0.3
    for limit in (0.1, 0.2, 0.5, 5.0):
        N = int(rng.integers(2, 9))
        yield rng.normal(size=(N, 2)), rng.normal(size=(N, 2)) + 2, limit
    yield rng.normal(size=(3, 2)) + 2, rng.normal(size=(3, 2)), 0.3  # the first estimate is less than 0


def _step(sign=-1, before=False, gradients=False, low=-1.0, weights_only=False, told=1):
    """critic_step with a mistake or several."""

    def step(critic, optimizer, real, fake, limit):
        estimate = ops.mean(critic(real)) - ops.mean(critic(fake))

        def clip():
            for p in critic.parameters():
                if p.ndim > 1 or not weights_only:
                    p.data[...] = p.data.clip(low * limit, limit)

        grads = ng.grad(sign * estimate, critic.parameters())
        if before:
            clip()
        if gradients:
            grads = [g.data.clip(-limit, limit) for g in grads]
        optimizer.step(grads)
        if not before and not gradients:
            clip()
        return told * estimate.item()

    return step


def _clipped_first(critic, optimizer, real, fake, limit):
    for p in critic.parameters():
        p.data[...] = p.data.clip(-limit, limit)
    return _step_without_clipping(critic, optimizer, real, fake, limit)


def _told_after(critic, optimizer, real, fake, limit):
    critic_step(critic, optimizer, real, fake, limit)
    return (ops.mean(critic(real)) - ops.mean(critic(fake))).item()


def _summed(critic, optimizer, real, fake, limit):
    estimate = ops.sum(critic(real)) - ops.sum(critic(fake))
    optimizer.step(ng.grad(-estimate, critic.parameters()))
    for p in critic.parameters():
        p.data[...] = p.data.clip(-limit, limit)
    return estimate.item()


def _climbing_either_way(critic, optimizer, real, fake, limit):
    estimate = ops.abs(ops.mean(critic(real)) - ops.mean(critic(fake)))
    optimizer.step(ng.grad(-estimate, critic.parameters()))
    for p in critic.parameters():
        p.data[...] = p.data.clip(-limit, limit)
    return estimate.item()


def _step_without_clipping(critic, optimizer, real, fake, limit):
    return _step()(critic, optimizer, real, fake, np.inf)


CRITIC_STEP = Exercise(
    "08.critic_step", critic_step, _clouds, outcome=_trained, arguments=("real", "fake", "limit"),
    mistakes=[
        Mistake("the critic lowers its estimate: an optimiser goes down, so give it the gradient of minus the estimate", _step(sign=1)),
        Mistake("the weights are not clipped", _step_without_clipping),
        Mistake("the weights are clipped before the step, which then carries them out of the limit again; clip after it", _step(before=True)),
        Mistake("the weights are clipped first of all, and the step carries them out of the limit again; clip after it", _clipped_first),
        Mistake("the estimate is computed again after the step; that before it is asked for", _told_after),
        Mistake("the answers are added up; the mean of those to real minus the mean of those to fake is asked for", _summed),
        Mistake("the gradients are clipped; the weights are to be, after the step", _step(gradients=True)),
        Mistake("what comes back is the loss; the estimate is minus that", _step(told=-1)),
        Mistake("the estimate has its sign: a critic that is still upside down gives a negative one; give it back without abs()",
                lambda *case: abs(critic_step(*case))),
        Mistake("the estimate has its sign: a critic that is still upside down gives a negative one, and must be turned round; no abs()",
                _climbing_either_way),
        Mistake("the biases are not clipped; every parameter is to be", _step(weights_only=True)),
        Mistake("the weights are clipped to [0, limit]; negative ones are allowed, down to -limit", _step(low=0.0)),
    ],
    hints=[
        "estimate = ops.mean(critic(real)) - ops.mean(critic(fake)) is a tensor, with a history.",
        "optimizer.step takes a list of gradients: ng.grad(loss, critic.parameters()), with loss = -estimate.",
        "For each p in critic.parameters(): p.data[...] = p.data.clip(-limit, limit).  At the end return estimate.item().",
    ],
)  # fmt: skip

# --- 08.half_shared -------------------------------------------------------------------------------------------------------


def half_shared():
    """P = (1/2, 1/2, 0) and Q = (0, 1/2, 1/2), at the places 0, 1 and 2: five numbers, worked out on paper.

    In this order: TV, KL(P || Q) in bits, JS in bits, JS in nats, and the earth mover's distance.  Infinity is np.inf; three digits will do.
    """
    # <yours>
    return 0.5, np.inf, 0.5, 0.3466, 1.0
    # </yours>


HALF_SHARED = Exercise(
    "08.half_shared", half_shared, lambda rng: [()], rtol=5e-3, stars=1,
    mistakes=[
        Mistake("TV is half of the sum |1/2| + |0| + |1/2|", lambda: (1.0, np.inf, 0.5, np.log(2) / 2, 1.0)),
        Mistake("this is KL(P || M); KL(P || Q) divides by Q, which excludes an outcome that P has", lambda: (0.5, 0.5, 0.5, np.log(2) / 2, 1.0)),
        Mistake("the first outcome is left out of KL(P || Q): P has it, and Q excludes it", lambda: (0.5, 0.0, 0.5, np.log(2) / 2, 1.0)),
        Mistake("JS is the mean of KL(P || M) and KL(Q || M), with M = (1/4, 1/2, 1/4); this is their sum", lambda: (0.5, np.inf, 1.0, np.log(2), 1.0)),
        Mistake("bits and nats have changed places: a bit is 0.693 nats, so the number in nats is the smaller one",
                lambda: (0.5, np.inf, np.log(2) / 2, 0.5, 1.0)),
        Mistake("a nat is 1.443 bits; to come from bits to nats multiply by 0.693", lambda: (0.5, np.inf, 0.5, 0.5 / np.log(2), 1.0)),
        Mistake("the earth mover's distance is the mass that moves times the way: 1/2, over 2 places (or two halves over 1 each)",
                lambda: (0.5, np.inf, 0.5, np.log(2) / 2, 0.5)),
        Mistake("only half of the earth moves: 1/2 from place 0 to place 2, or by one place each", lambda: (0.5, np.inf, 0.5, np.log(2) / 2, 2.0)),
    ],
    hints=[
        "TV: the differences are 1/2, 0 and 1/2.  KL: look at the first outcome, with P = 1/2 and Q = 0.",
        "JS: M = (1/4, 1/2, 1/4), and KL(P || M) = 1/2 log(1/2 / 1/4) + 1/2 log(1/2 / 1/2).  log2(2) is 1.",
        "Nats are bits times log 2 = 0.6931.  The earth: half of it, from 0 to 2.",
    ],
)  # fmt: skip

# --- 08.potential ---------------------------------------------------------------------------------------------------------


def potential(p, q, x):
    """A perfect critic on a line: its values f (K,) at the places, beginning with f[0] = 0.

    p, q: (K,) arrays, how much lies at each place, together 1.  x: (K,) array, the places, from left to right.
    Its slope between neighbours is within [-1, 1], and the sum of f * (p - q) is as large as it can be: the earth mover's distance.
    """
    # <yours>
    passing = np.cumsum(p - q)[:-1]  # (K - 1,)
    steps = -np.sign(passing) * np.diff(x)  # downhill wherever earth of p has to pass to the right
    return np.concatenate([[0.0], np.cumsum(steps)])
    # </yours>


def _judged(answer, p, q, x):
    """Many critics are perfect, so it is judged by what it gains, and by how steep it is."""
    f = answer(p, q, x)
    if f is None:
        return None
    if np.shape(f) != x.shape:
        raise ShapeError(f"potential: {np.shape(f)} values for {len(x)} places; give one for each")
    return {
        "sum of f * (p - q)": (f * (p - q)).sum(),
        "f[0]": f[0],
        "the steepest slope, where above 1": max(1.0, np.abs(np.diff(f) / np.diff(x)).max()),
    }


def _sorted_piles(rng):
    yield *WORKED, np.array([0.0, 1.0, 2.0])
    yield np.array([0.5, 0.0, 0.5]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 4.0])
    for _ in range(20):
        K = int(rng.integers(2, 9))
        yield _distribution(rng, K, gaps=False), _distribution(rng, K, gaps=False), np.sort(rng.permutation(40)[:K] / 4 - 5)


def _from_steps(steps):
    return np.concatenate([[0.0], np.cumsum(steps)])


POTENTIAL = Exercise(
    "08.potential", potential, _sorted_piles, outcome=_judged,
    mistakes=[
        Mistake("it is the right critic upside down: it has to be high where p has more, so it falls where earth of p passes to the right",
                lambda p, q, x: -potential(p, q, x)),
        Mistake("each step is 1, whatever the gap: with slope 1 the step is as large as the gap is wide",
                lambda p, q, x: _from_steps(-np.sign(np.cumsum(p - q)[:-1]))),
        Mistake("this is the sign of p - q at each place, which is total variation's critic; from one place to the next it may be too steep",
                lambda p, q, x: np.sign(p - q) - np.sign(p - q)[0]),
        Mistake("the slopes follow the sign of p - q at a place; what counts is the sign of what passes the gap, their cumulative sum",
                lambda p, q, x: _from_steps(-np.sign(p - q)[:-1] * np.diff(x))),
        Mistake("the slopes are off by one gap: what passes the first gap is p - q of the first place alone",
                lambda p, q, x: _from_steps(-np.sign(np.cumsum(p - q)[1:]) * np.diff(x))),
        Mistake("the slope is what passes the gap; only its sign counts, and the slope is 1 or -1", lambda p, q, x: _from_steps(-np.cumsum(p - q)[:-1] * np.diff(x))),
        Mistake("this critic has one slope everywhere, so it sees the difference of the means alone; earth may go left in one gap and right in the next",
                lambda p, q, x: (x - x[0]) * (np.sign((x * (p - q)).sum()) or 1.0)),
    ],
    hints=[
        "passing = np.cumsum(p - q)[:-1], as in the earth mover's distance: more than 0 where earth of p has to go to the right.",
        "Where earth goes to the right, f falls as steeply as it may, and it rises where earth goes to the left.",
        "The steps are -np.sign(passing) * np.diff(x); f begins with 0 and adds them up.",
    ],
)  # fmt: skip

# --- 08.reading_a_log -----------------------------------------------------------------------------------------------------


def reading_a_log():
    """Five numbers about the critic in text 004's log, worked out on paper.

    In this order: the farthest that two images of 28 x 28 pixels in [-1, 1] can lie apart; the critic's estimate after epoch 1, and
    the least Lipschitz constant that it can have there; the same two after epoch 100.  Three digits will do.
    """
    # <yours>
    return 56.0, 391.18, 6.985, 1760.28, 31.43
    # </yours>


LOG = ("the farthest", "the estimate, epoch 1", "the slope, epoch 1", "the estimate, epoch 100", "the slope, epoch 100")


def _slopes(far, first=391.18, last=1760.28):
    return lambda: (far, first, first / far, last, last / far)


READING_A_LOG = Exercise(
    "08.reading_a_log", reading_a_log, lambda rng: [()], outcome=named(*LOG), rtol=5e-3, stars=3,
    mistakes=[
        Mistake("pixels in [-1, 1] differ by up to 2, not 1: sqrt(784) is for images in [0, 1]", _slopes(28.0)),
        Mistake("784 * 2 adds the differences up; the distance is the root of the sum of their squares", _slopes(1568.0)),
        Mistake("that is 28 times 28 times 4, the square of the distance; its root is asked for", _slopes(3136.0)),
        Mistake("the loss of D has the penalty in it; the estimate is minus (D-Real + D-Fake)", _slopes(56.0, 305.89, 1722.93)),
        Mistake("D-Real is minus the mean of the answers to real images: the estimate is minus the sum of the two, not their difference",
                _slopes(56.0, 204.71 - 186.47, 5541.48 + 7301.76)),
        Mistake("D-Real is minus the mean of the answers to real images, so D-Real - D-Fake is no estimate: that is minus the sum of the two",
                lambda: (56.0, 186.47 - 204.71, (186.47 - 204.71) / 56, 5541.48 + 7301.76, (5541.48 + 7301.76) / 56)),
        Mistake("D-Real - D-Fake is no estimate, since D-Real is minus the mean of the answers to real images: that is minus the sum of the two",
                lambda: (56.0, 186.47 - 204.71, (204.71 - 186.47) / 56, 5541.48 + 7301.76, (5541.48 + 7301.76) / 56)),
        Mistake("these are generator losses, minus the mean of the answers to generated images alone; the estimate needs both means",
                _slopes(56.0, 186.47, 7301.76)),
        Mistake("the estimate is mean D(real) - mean D(fake), and D-Real + D-Fake is minus that", _slopes(56.0, -391.18, -1760.28)),
    ],
    hints=[
        "784 pixels, each of which can differ by 2: the root of 784 * 2**2.",
        "L_real = -mean D(x) and L_fake = mean D(G(z)), so the estimate, mean D(x) - mean D(G(z)), is -(L_real + L_fake).",
        "With a Lipschitz constant K the two means differ by at most K times the farthest distance.",
    ],
)  # fmt: skip

EXERCISES = [TOTAL_VARIATION, KL, EARTH_MOVERS, CRITIC_STEP, HALF_SHARED, POTENTIAL, READING_A_LOG]
