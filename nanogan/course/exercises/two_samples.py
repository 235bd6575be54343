"""Notebook 01: a player who tells real numbers from generated ones, and a generator that listens."""

import numpy as np

from nanogan.course.exercise import Exercise, Mistake


def sigmoid(u):
    return 0.5 + 0.5 * np.tanh(u / 2)


# --- 01.cross_entropy -----------------------------------------------------------------------------------------------------


def cross_entropy(logits, labels):
    """The mean of -log(the probability given to the right answer), over N cards.  A number.

    logits: (N,), the player's a x + b; the probability of "real" is D = sigmoid(logits).
    labels: (N,), 1.0 for a real card, 0.0 for a generated one.
    It must be finite for any finite logits: for the logit 800 and the label 0 the penalty is 800.
    """
    # <yours>
    return np.mean(np.logaddexp(0, logits) - labels * logits)
    # </yours>


def _cards(rng):
    yield np.array([0.0]), np.array([1.0])
    yield np.array([2.0, -2.0]), np.array([1.0, 1.0])
    yield np.array([2.0, 1.0, 0.5]), np.array([1.0, 0.0, 0.0])
    for _ in range(15):
        N = int(rng.integers(1, 30))
        yield rng.normal(scale=3, size=N), rng.integers(0, 2, N).astype(float)
    yield np.array([800.0, -800.0]), np.array([0.0, 1.0])
    yield np.array([800.0, -800.0]), np.array([1.0, 0.0])
    for _ in range(4):
        yield rng.normal(scale=1000, size=5), rng.integers(0, 2, 5).astype(float)


def _entropy_naive(logits, labels):
    D = 1 / (1 + np.exp(-logits))
    return -np.mean(labels * np.log(D) + (1 - labels) * np.log(1 - D))


def _entropy_clipped(logits, labels):
    D = 1 / (1 + np.exp(-logits))
    return -np.mean(labels * np.log(D + 1e-12) + (1 - labels) * np.log(1 - D + 1e-12))


def _clipped_at(smallest):
    def answer(logits, labels):
        D = np.clip(1 / (1 + np.exp(-logits)), smallest, 1 - smallest)
        return -np.mean(labels * np.log(D) + (1 - labels) * np.log(1 - D))

    return answer


CROSS_ENTROPY = Exercise(
    "01.cross_entropy", cross_entropy, _cards,
    mistakes=[
        Mistake("this is the sum of the penalties; their mean was asked for", lambda u, y: cross_entropy(u, y) * len(u)),
        Mistake("these are the penalties, one for each card; their mean was asked for", lambda u, y: np.logaddexp(0, u) - y * u),
        Mistake("the labels are the wrong way round: a real card has the label 1, and costs -log D", lambda u, y: cross_entropy(u, 1 - y)),
        Mistake("only the real cards are counted; a generated card costs -log(1 - D)", lambda u, y: np.mean(y * np.logaddexp(0, -u))),
        Mistake("this is the mean of log(...), which is never positive; the penalty is -log(...)", lambda u, y: -cross_entropy(u, y)),
        Mistake("the formula is right, and overflows: at logit 800 sigmoid is exactly 1, and log(1 - 1) is minus infinity; "
                "use log(1 + e^u) = np.logaddexp(0, u)", _entropy_naive),
        Mistake("the small constant inside the logarithm keeps it finite, but at 27.6 = -log(1e-12) instead of 800: every sure mistake costs the same",
                _entropy_clipped),
        *(Mistake(f"D is clipped at {smallest:g}, so that every sure mistake costs {-np.log(smallest):.1f} and has no slope; compute with the logits "
                  "instead, they need no clip: np.logaddexp(0, u)", _clipped_at(smallest))
          for smallest in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)),
        Mistake("this is |D - label|, the distance from the right answer; the penalty is the logarithm of what was given to it",
                lambda u, y: np.mean(np.abs(sigmoid(u) - y))),
    ],
    hints=[
        "A real card costs -log(sigmoid(u)), a generated one -log(1 - sigmoid(u)).  Put 1 / (1 + e^-u) in, and simplify both.",
        "They are log(1 + e^-u) and log(1 + e^u), and the first is the second minus u.  So one formula serves both: log(1 + e^u) - label u.",
        "np.logaddexp(0, u) is log(e^0 + e^u) without the overflow.  Then np.mean.",
    ],
)  # fmt: skip

# --- 01.gradient ----------------------------------------------------------------------------------------------------------


def gradient(a, b, x, labels):
    """(dL/da, dL/db) of the loss L = cross_entropy(a x + b, labels), two numbers.

    x: (N,), the numbers on the cards.  labels: (N,), 1.0 for real, 0.0 for generated.  sigmoid(u) is given.
    """
    # <yours>
    wrong = sigmoid(a * x + b) - labels  # (N,): by how much the answer is too high
    return np.mean(wrong * x), np.mean(wrong)
    # </yours>


def _decks(rng):
    yield 0.0, 0.0, np.array([3.0, 1.0]), np.array([1.0, 0.0])
    yield 0.5, 0.0, np.array([3.0, 1.0]), np.array([1.0, 0.0])
    yield 2.0, -4.0, np.array([1.0, 2.0, 3.0, 1.5]), np.array([0.0, 1.0, 1.0, 0.0])
    for _ in range(20):
        N = int(rng.integers(2, 30))
        yield (*rng.normal(size=2), rng.normal(1, 2, N), rng.integers(0, 2, N).astype(float))


def _times(factor):
    def answer(a, b, x, labels):
        D = sigmoid(a * x + b)
        g = factor(D, labels)
        return np.mean(g * x), np.mean(g)

    return answer


def _gradient_without_x(a, b, x, labels):
    wrong = sigmoid(a * x + b) - labels
    return np.mean(wrong), np.mean(wrong)


def _gradient_of_sum(a, b, x, labels):
    wrong = sigmoid(a * x + b) - labels
    return np.sum(wrong * x), np.sum(wrong)


GRADIENT = Exercise(
    "01.gradient", gradient, _decks,
    mistakes=[
        Mistake("the sign is the wrong way round: this points downhill, and the gradient points uphill, (D - label)", _times(lambda D, y: y - D)),
        Mistake("this is the sum over the cards; the loss is a mean, so its gradient is one too", _gradient_of_sum),
        Mistake("dL/da lacks its factor x: a is multiplied by x in the logit a x + b", _gradient_without_x),
        Mistake("there is a factor D (1 - D) too much: it belongs to -log D's own slope 1/D, and the two cancel", _times(lambda D, y: (D - y) * D * (1 - D))),
        Mistake("the labels are not used: a real card gives D - 1, a generated one D", _times(lambda D, y: D)),
        Mistake("only the real cards are counted; a generated card gives D", _times(lambda D, y: (D - 1) * y)),
        Mistake("the labels are the wrong way round: a real card gives D - 1, a generated one D", _times(lambda D, y: D - (1 - y))),
    ],
    hints=[
        "Two links: how the loss changes with the logit u of a card, and how u = a x + b changes with a and with b.",
        "The first is D - label, whatever the card.  The second is x for a, and 1 for b.",
        "wrong = sigmoid(a * x + b) - labels; then the mean of wrong * x, and the mean of wrong.",
    ],
)  # fmt: skip

# --- 01.best_answers ------------------------------------------------------------------------------------------------------


def best_answers(real, fake, edges):
    """For each bin, the best probability to answer that a card in this bin is real.  An array (K,).

    real: (N,) and fake: (M,), two samples, perhaps of different sizes; edges: (K + 1,), the ends of the bins.
    A card is real with probability 1/2, so each sample counts as one, whatever its size: use shares, not counts.
    In a bin where no sample has anything, nothing is known: answer 0.5.
    An edge belongs to the bin on its right, as in np.histogram.
    """
    # <yours>
    p = np.histogram(real, edges)[0] / len(real)  # (K,)
    q = np.histogram(fake, edges)[0] / len(fake)  # (K,)
    empty = p + q == 0
    return np.where(empty, 0.5, p / np.where(empty, 1, p + q))
    # </yours>


def _binned(rng):
    yield np.array([0.5, 1.5, 1.6, 1.7]), np.array([0.2, 0.4, 0.6, 1.5]), np.array([0.0, 1.0, 2.0])
    yield np.array([0.5, 1.5]), np.array([0.2, 0.4, 0.6, 1.5]), np.array([0.0, 1.0, 2.0])
    yield np.array([0.5, 1.5]), np.array([1.4, 1.6]), np.array([0.0, 1.0, 2.0, 3.0])
    yield np.array([0.5, 1.0, 1.5]), np.array([0.2, 0.4, 1.0, 1.6]), np.array([0.0, 1.0, 2.0])  # the 1 lies on an edge
    yield np.array([0.5, 1.5, 7.0]), np.array([0.2, 0.4, 1.6]), np.array([0.0, 1.0, 2.0])  # the 7 lies in no bin
    for _ in range(20):
        N, M, K = (int(n) for n in rng.integers((5, 5, 2), (60, 60, 12)))
        yield rng.normal(1, 1, N), rng.normal(-1, 1, M), np.sort(rng.uniform(-6, 6, K + 1))


def _from_shares(answer):
    def found(real, fake, edges):
        return answer(np.histogram(real, edges)[0] / len(real), np.histogram(fake, edges)[0] / len(fake))

    return found


def _from_counts(real, fake, edges):
    p, q = np.histogram(real, edges)[0], np.histogram(fake, edges)[0]
    return np.where(p + q == 0, 0.5, p / np.maximum(p + q, 1))


def _from_densities(real, fake, edges):
    p, q = np.histogram(real, edges, density=True)[0], np.histogram(fake, edges, density=True)[0]
    return np.where(p + q == 0, 0.5, p / np.where(p + q == 0, 1, p + q))


BEST_ANSWERS = Exercise(
    "01.best_answers", best_answers, _binned,
    mistakes=[
        Mistake("these are the raw counts, and a sample twice as large counts twice; divide each by the size of its sample", _from_counts),
        Mistake("this is the share of the generated ones; the probability of a real one was asked for",
                lambda real, fake, edges: 1 - best_answers(real, fake, edges)),
        Mistake("an empty bin gives 0 / 0; where nothing is known the answer is 0.5", _from_shares(lambda p, q: p / (p + q))),
        Mistake("an empty bin is no evidence against real; where nothing is known the answer is 0.5",
                _from_shares(lambda p, q: np.where(p + q == 0, 0, p / np.where(p + q == 0, 1, p + q)))),
        Mistake("this is the ratio p / q, the odds; the probability is p / (p + q)", _from_shares(lambda p, q: p / q)),
        Mistake("this is a bare yes or no; the best probability says how sure one can be, p / (p + q)",
                _from_shares(lambda p, q: np.where(p == q, 0.5, (p > q).astype(float)))),
        Mistake("density=True divides by the number of those inside the edges; some lie outside, so divide the counts by len(sample)", _from_densities),
        Mistake("a number on an edge belongs to the bin on its right, as in np.histogram; here it is counted on the left",
                lambda real, fake, edges: best_answers(-real, -fake, -edges[::-1])[::-1]),
    ],
    hints=[
        "np.histogram(real, edges)[0] counts.  Divide by len(real) to get the share p of the real ones that lie in each bin.",
        "Do the same for fake to get q.  Of the cards in a bin, p real ones come with q generated ones: what share is real?",
        "p / (p + q), and np.where(p + q == 0, 0.5, ...) for the empty bins.",
    ],
)  # fmt: skip

# --- 01.best_line ---------------------------------------------------------------------------------------------------------


def best_line():
    """(a, b) of the best player, D(x) = sigmoid(a x + b), where the real numbers have mean 5, the generated ones mean 1, and both the width 2.

    A normal density with mean m and width s is exp(-(x - m)^2 / (2 s^2)) times a constant.
    """
    # <yours>
    # log p - log q = ((x - 1)^2 - (x - 5)^2) / 8 = (8 x - 24) / 8
    return 1.0, -3.0
    # </yours>


BEST_LINE = Exercise(
    "01.best_line", best_line, lambda rng: [()], stars=1,
    mistakes=[
        Mistake("the width is missing, as if it were 1: divide by its square", lambda: (4.0, -12.0)),
        Mistake("this divides by the width; the density has its square", lambda: (2.0, -6.0)),
        Mistake("this is log q - log p, the probability of a generated one; D is the probability of a real one", lambda: (-1.0, 3.0)),
        Mistake("b lacks its factor 1/2: is D(3) = 0.5, half-way between the two?", lambda: (1.0, -6.0)),
        Mistake("b has the wrong sign: is D(3) = 0.5, half-way between the two?", lambda: (1.0, 3.0)),
        Mistake("the slope a lacks a factor 2 from the squares, each of which has a 2 m x", lambda: (0.5, -3.0)),
    ],
    hints=[
        "The best player's logit is log p(x) - log q(x).  The constants are the same and cancel.",
        "What is left is ((x - 1)^2 - (x - 5)^2) / 8.  Multiply out: x^2 cancels too.",
    ],
)  # fmt: skip

# --- 01.generator_gradient ------------------------------------------------------------------------------------------------


def generator_gradient(mean, width, noise, a, b, c):
    """(dL/dmean, dL/dwidth) of the generator's loss L = mean of -log D(x), two numbers.

    The generator makes x = mean + width * noise, with noise (N,).  The player is D(x) = sigmoid(a x + b + c x^2).
    """
    # <yours>
    x = mean + width * noise  # (N,)
    D = sigmoid(a * x + b + c * x * x)
    dx = -(1 - D) * (a + 2 * c * x)  # (N,): how the penalty of each number changes with the number
    return np.mean(dx), np.mean(dx * noise)
    # </yours>


def _generators(rng):
    yield 1.0, 1.0, np.array([0.0]), 2.0, -4.0, 0.0
    yield 1.0, 1.0, np.array([-1.0, 1.0]), 2.0, -4.0, 0.0
    yield 0.0, 2.0, np.array([1.0, -0.5]), 0.0, 0.5, -0.5
    for _ in range(20):
        yield rng.normal(), rng.uniform(0.3, 2), rng.normal(size=int(rng.integers(1, 20))), *rng.normal(size=2), rng.normal() / 2


def _follows(dx_of, mean=np.mean):
    def answer(m, s, z, a, b, c):
        x = m + s * z
        dx = dx_of(x, sigmoid(a * x + b + c * x * x), a, c)
        return mean(dx), mean(dx * z)

    return answer


def _width_like_mean(m, s, z, a, b, c):
    g = generator_gradient(m, s, z, a, b, c)[0]
    return g, g


def _width_times_x(m, s, z, a, b, c):
    x = m + s * z
    dx = -(1 - sigmoid(a * x + b + c * x * x)) * (a + 2 * c * x)
    return np.mean(dx), np.mean(dx * x)


def _product_of_means(m, s, z, a, b, c):
    g = generator_gradient(m, s, z, a, b, c)[0]
    return g, g * np.mean(z)


GENERATOR_GRADIENT = Exercise(
    "01.generator_gradient", generator_gradient, _generators,
    mistakes=[
        Mistake("the sign is the wrong way round: where D rises with x, a larger x has a smaller -log D",
                _follows(lambda x, D, a, c: (1 - D) * (a + 2 * c * x))),
        Mistake("this is the gradient of log(1 - D), with D where 1 - D was asked for: a generator that is seen through then hardly moves",
                _follows(lambda x, D, a, c: -D * (a + 2 * c * x))),
        Mistake("the slope of the logit lacks 2 c x, which comes from c x^2", _follows(lambda x, D, a, c: -(1 - D) * a)),
        Mistake("the slope of c x^2 is 2 c x; the 2 is missing", _follows(lambda x, D, a, c: -(1 - D) * (a + c * x))),
        Mistake("this is the sum over the samples; the loss is a mean, so its gradient is one too",
                _follows(lambda x, D, a, c: -(1 - D) * (a + 2 * c * x), np.sum)),
        Mistake("dL/dwidth lacks its factor: the width is multiplied by the noise", _width_like_mean),
        Mistake("in dL/dwidth the factor is the noise, not x: x = mean + width * noise", _width_times_x),
        Mistake("the mean of a product is not the product of the means: multiply each slope by its noise, then take the mean", _product_of_means),
        Mistake("the slope of the logit, a + 2 c x, is missing", _follows(lambda x, D, a, c: -(1 - D))),
    ],
    hints=[
        "Three links: the loss with the logit, the logit with x, x with the mean and with the width.",
        "-log(sigmoid(u)) has the slope -(1 - D).  The logit u = a x + b + c x^2 has the slope a + 2 c x.  Call their product dx.",
        "x changes by 1 with the mean and by the noise with the width: np.mean(dx), and np.mean(dx * noise).",
    ],
)  # fmt: skip

# --- 01.disguise ----------------------------------------------------------------------------------------------------------


def disguise():
    """A source that the player sigmoid(a x + b + c x^2) can never tell from the normal one with mean 0 and width 1.

    (values, probabilities): the few numbers that it makes, and how often it makes each, such as (3, 5), (0.9, 0.1).
    """
    # <yours>
    return (-1, 1), (0.5, 0.5)
    # </yours>


def _moments(answer):
    values, probabilities = (np.asarray(part, dtype=float) for part in answer())
    return {
        "the smallest probability is not negative": bool(probabilities.min() >= 0),
        "the sum of the probabilities": probabilities.sum(),
        "the mean of x": (probabilities * values).sum(),
        "the mean of x^2": (probabilities * values**2).sum(),
    }


DISGUISE = Exercise(
    "01.disguise", disguise, lambda rng: [()], outcome=_moments, stars=3,
    mistakes=[
        Mistake("the mean is right, but it never leaves 0: a player who looks at x^2 sees that at once", lambda: ((0,), (1,))),
        Mistake("a coin of 0 and 1 has the mean 0.5: the player's line sees that; put it around 0", lambda: ((0, 1), (0.5, 0.5))),
        Mistake("the probabilities do not add up to 1", lambda: ((-1, 1), (1, 1))),
        Mistake("with thirds for -1, 0 and 1 the mean of x^2 is 2/3, and 1 is needed: move the outer ones further out",
                lambda: ((-1, 0, 1), (1 / 3, 1 / 3, 1 / 3))),
        Mistake("this is read as the values (-1, 0.5) with the probabilities (1, 0.5); give all values first, then all probabilities",
                lambda: ((-1, 0.5), (1, 0.5))),
        Mistake("this is read as the value -1 with the probability 1; give (values, probabilities), each of them in brackets", lambda: (-1, 1)),
        Mistake("the mean of x^2 is 4 here: the width is 2, and 1 is needed", lambda: ((-2, 2), (0.5, 0.5))),
    ],
    hints=[
        "What does the player know of a source?  Its three gradients need the means of 1, of x and of x^2, and nothing else, while it answers 0.5.",
        "The normal source has the mean of x 0 and the mean of x^2 1.  Two values will do.",
    ],
)  # fmt: skip

EXERCISES = [CROSS_ENTROPY, GRADIENT, BEST_ANSWERS, BEST_LINE, GENERATOR_GRADIENT, DISGUISE]
