"""What the players want, against closed forms; and the gradient penalty against critics whose slope is known."""

import numpy as np
import pytest

import nanogan as ng
from nanogan import asarray, nn, ops, to_numpy
from nanogan.gan.objectives import GENERATOR_LOSSES, OBJECTIVES, gradient_penalty, penalty_notice

pytestmark = pytest.mark.every_backend
LOGITS = np.array([[-3.0], [-0.5], [0.0], [0.25], [2.0]])
OTHERS = np.array([[1.5], [-2.0], [0.0], [4.0]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def losses(name, on_real, on_fake):
    """(critic's, generator's) loss as numbers, of answers in float64."""
    critic_loss, generator_loss, _ = OBJECTIVES[name]
    real, fake = (ng.Tensor(np.asarray(x, np.float64).reshape(-1, 1)) for x in (on_real, on_fake))
    made = critic_loss(real, fake), generator_loss(fake)
    assert [t.shape for t in made] == [(), ()]
    return [t.item() for t in made]


def generator_gradient(name, on_fake, dtype=np.float64):
    """Of the generator's loss with respect to a single answer."""
    x = ng.Tensor(np.full((1, 1), on_fake, dtype), requires_grad=True)
    return ng.grad(OBJECTIVES[name].generator_loss(x), x).item()


# --- Closed forms ---------------------------------------------------------------------------------------------


def by_hand(name, a, b):
    """The two losses from answers to real samples a and to generated ones b, by their formulas."""
    p, q = sigmoid(a), sigmoid(b)
    usual = -np.log(p).mean() - np.log(1 - q).mean()
    return {
        "non-saturating": (usual, -np.log(q).mean()),
        "minimax": (usual, np.log(1 - q).mean()),
        "probabilities": (usual, -np.log(q).mean()),
        "double-sigmoid": (-np.log(sigmoid(p)).mean() - np.log(1 - sigmoid(q)).mean(), -np.log(sigmoid(q)).mean()),
        "least-squares": (((a - 1) ** 2).mean() / 2 + (b**2).mean() / 2, ((b - 1) ** 2).mean() / 2),
    }[name]


def test_names():
    assert list(OBJECTIVES) == ["non-saturating", "minimax", "probabilities", "double-sigmoid", "least-squares"]
    assert {name: o.critic_gives for name, o in OBJECTIVES.items()} == dict.fromkeys(OBJECTIVES, "logit") | {"least-squares": "value"}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses(name):
    np.testing.assert_allclose(losses(name, LOGITS, OTHERS), by_hand(name, LOGITS, OTHERS), rtol=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_are_differentiable_in_both_answers(name):
    critic_loss, generator_loss, _ = OBJECTIVES[name]
    ng.gradcheck(critic_loss, [LOGITS, OTHERS], name)
    ng.gradcheck(generator_loss, [OTHERS], name)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_of_float32_are_float32(name):
    x = ng.Tensor(LOGITS.astype(np.float32))
    critic_loss, generator_loss, _ = OBJECTIVES[name]
    assert critic_loss(x, x).dtype == generator_loss(x).dtype == np.float32


@pytest.mark.parametrize(
    ("name", "critic", "generator"),
    [
        ("non-saturating", 1.386294, 0.693147),  # 2 log 2, log 2
        ("minimax", 1.386294, -0.693147),
        ("probabilities", 1.386294, 0.693147),
        ("double-sigmoid", 1.448154, 0.474077),  # softplus(-1/2) + softplus(1/2), softplus(-1/2)
    ],
)
def test_where_the_critic_cannot_tell(name, critic, generator):
    np.testing.assert_allclose(losses(name, 0, 0), [critic, generator], atol=1e-6)


def test_least_squares_of_a_critic_that_knows_all():
    assert losses("least-squares", 1, 0) == [0, 0.5] and losses("least-squares", 0, 1) == [1, 0]
    assert losses("least-squares", 0.5, 0.5) == [0.25, 0.125]


def test_the_floors_of_the_double_sigmoid():
    """The critic's loss stays above softplus(-1) + log 2 = 1.0064, the generator's within [0.3133, 0.6931]."""
    rows = np.array([losses("double-sigmoid", a, b) for a in np.linspace(-60, 60, 25) for b in np.linspace(-60, 60, 25)])
    assert rows[:, 0].min() == pytest.approx(1.0064, abs=5e-5) and (rows[:, 0] >= 1.00640).all()
    assert rows[:, 1].min() == pytest.approx(0.3133, abs=5e-5) and rows[:, 1].max() == pytest.approx(0.6931, abs=5e-5)


# --- Gradients that vanish, and that do not -------------------------------------------------------------------


@pytest.mark.parametrize("logit", [-4.0, 0.0, 4.0])
def test_two_generator_losses_of_one_game(logit):
    """d/dx -log sigmoid(x) = sigmoid(x) - 1;  d/dx log(1 - sigmoid(x)) = -sigmoid(x)."""
    assert generator_gradient("non-saturating", logit) == pytest.approx(sigmoid(logit) - 1, rel=1e-12)
    assert generator_gradient("minimax", logit) == pytest.approx(-sigmoid(logit), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_the_critic_rejects_all_samples(dtype):
    """Logits towards -infinity: the minimax loss has no gradient left, the non-saturating one -1, the double sigmoid's none."""
    for logit in (-50, -200, -1e4):
        assert generator_gradient("non-saturating", logit, dtype) == -1
        assert abs(generator_gradient("minimax", logit, dtype)) < 1e-20
        assert abs(generator_gradient("double-sigmoid", logit, dtype)) < 1e-20
    assert generator_gradient("least-squares", -50.0, dtype) == -51  # grows with the distance


def test_probabilities_are_the_logits_form_until_they_are_infinite():
    for a, b in ((-10, 10), (3, -3), (0.1, 12.0), (12, -12)):
        np.testing.assert_allclose(losses("probabilities", a, b), losses("non-saturating", a, b), rtol=1e-6)
    wrong = ng.Tensor(np.full((1, 1), 40, np.float32))  # sigmoid(40) is 1 in float32
    with np.errstate(divide="ignore"):
        assert OBJECTIVES["probabilities"].critic_loss(wrong, wrong).item() == np.inf
        assert OBJECTIVES["probabilities"].generator_loss(ng.Tensor(np.full((1, 1), -200, np.float32))).item() == np.inf
        assert OBJECTIVES["probabilities"].critic_loss(-5 * wrong, -wrong).item() == np.inf  # the other half
    assert OBJECTIVES["non-saturating"].critic_loss(wrong, wrong).item() == pytest.approx(40)
    assert OBJECTIVES["non-saturating"].generator_loss(-wrong).item() == pytest.approx(40)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("cross-entropy", lambda p: -np.log(p).mean()),
        ("mse", lambda p: ((p - 1) ** 2).mean()),
        ("poisson", lambda p: (p - np.log(p + 1e-7)).mean()),
    ],
)
def test_the_losses_of_text_002(name, formula):
    p = np.array([[0.1], [0.5], [0.9]])
    assert list(GENERATOR_LOSSES) == ["cross-entropy", "mse", "poisson"]
    assert GENERATOR_LOSSES[name](ng.Tensor(p)).item() == pytest.approx(formula(p), rel=1e-9)
    ng.gradcheck(GENERATOR_LOSSES[name], [p], name)


@pytest.mark.parametrize("name", GENERATOR_LOSSES)
def test_the_losses_of_text_002_want_a_probability_of_1(name):
    values = [GENERATOR_LOSSES[name](ng.Tensor(np.full((2, 1), p))).item() for p in (0.01, 0.3, 0.6, 0.999)]
    assert values == sorted(values, reverse=True) and values[-1] < values[0]


# --- The gradient penalty -------------------------------------------------------------------------------------


def batch(shape, seed=0):
    """(real array, fake tensor, alpha) in float64, on the backend."""
    random = np.random.default_rng(seed)
    real, fake, alpha = (random.standard_normal(shape), random.standard_normal(shape), random.random((shape[0], *(1 for _ in shape[1:]))))
    return asarray(real), ng.Tensor(fake), asarray(alpha)


@pytest.mark.parametrize("shape", [(5, 2), (4, 3, 3, 2), (1, 7), (3, 2, 5, 1)])
@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0, 3.0])
def test_a_linear_critic(shape, slope):
    """D(x) = <w, x> with ||w|| = slope has that slope everywhere: (slope - 1)**2."""
    w = np.random.default_rng(1).standard_normal((int(np.prod(shape[1:])), 1))
    w *= slope / np.linalg.norm(w)
    penalty = gradient_penalty(lambda x: ops.reshape(x, (len(x), -1)) @ ng.Tensor(w), *batch(shape))
    assert penalty.shape == () and penalty.item() == pytest.approx((slope - 1) ** 2, rel=1e-9, abs=1e-12)


def test_the_norm_is_of_each_sample():
    """D(x) = |x|^2 / 2 has the slope |x|: the mean of (|x_i| - 1)^2, not a norm over the batch."""
    real, fake, alpha = batch((6, 2, 2, 3))
    x = to_numpy(alpha * real + (1 - alpha) * fake.data)
    norms = np.sqrt((x**2).sum(axis=(1, 2, 3)))
    penalty = gradient_penalty(lambda x: ops.reshape(ops.sum(x * x, axis=(1, 2, 3)), (-1, 1)) / 2, real, fake, alpha)
    assert penalty.item() == pytest.approx(((norms - 1) ** 2).mean(), rel=1e-12)
    assert penalty.item() != pytest.approx((np.sqrt((x**2).sum()) - 1) ** 2, rel=1e-3)


def test_alpha_is_the_share_of_the_real_samples():
    seen, real, fake = [], asarray(np.full((3, 2), 10.0)), ng.Tensor(np.full((3, 2), -10.0))

    def critic(x):
        seen.append(x.numpy())
        return ops.sum(x, axis=1, keepdims=True)

    gradient_penalty(critic, real, fake, asarray(np.array([[1.0], [0.0], [0.75]])))
    assert len(seen) == 1  # it asks the critic once
    np.testing.assert_allclose(seen[0], [[10, 10], [-10, -10], [5, 5]])


def tanh_critic(w, v):
    return lambda x: ops.tanh(ops.reshape(x, (len(x), -1)) @ w) @ v


@pytest.mark.parametrize("shape", [(4, 3), (3, 2, 2, 1)])
def test_it_is_differentiable_with_respect_to_the_critic(shape):
    """A gradient of a gradient, against finite differences, and to the order after that."""
    random, (real, fake, alpha) = np.random.default_rng(2), batch(shape)
    inputs = [random.standard_normal((int(np.prod(shape[1:])), 5)), random.standard_normal((5, 1))]
    ng.gradcheck(lambda w, v: gradient_penalty(tanh_critic(w, v), real, fake, alpha), inputs, "gradient_penalty")
    ng.gradgradcheck(lambda w, v: gradient_penalty(tanh_critic(w, v), real, fake, alpha), inputs, "gradient_penalty")


@pytest.mark.parametrize("training", [True, False])
def test_through_batch_norm(training):
    """In both modes; the statistics of a batch depend on its samples, and are no constants."""
    real, fake, alpha = batch((4, 6, 6, 1))
    critic = nn.Sequential(nn.Conv2D(1, 3, 3, 2), nn.BatchNorm(3), nn.Tanh(), nn.Flatten(), nn.Dense(27, 1)).astype(np.float64).train(training)
    weights = [p.data.copy() for p in critic.parameters()]

    def penalty(*values):
        parts = iter(values)
        for _, module in critic.modules():
            for key, value in list(vars(module).items()):
                if isinstance(value, ng.Tensor):
                    setattr(module, key, next(parts))
        return gradient_penalty(critic, real, fake, alpha)

    ng.gradcheck(penalty, weights, "gradient_penalty", directional=True)


def test_no_gradient_reaches_the_generator():
    real, _, alpha = batch((4, 3))
    random = np.random.default_rng(2)
    w, v = (ng.Tensor(random.standard_normal(shape), requires_grad=True) for shape in ((3, 5), (5, 1)))
    z = ng.Tensor(random.standard_normal((4, 3)), requires_grad=True)
    penalty = gradient_penalty(tanh_critic(w, v), real, z * 2.0, alpha)
    assert not ng.grad(penalty, z).numpy().any() and ng.grad(penalty, w).numpy().any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_gradient_of_zero_is_no_catastrophe(dtype):
    """Where the critic is flat the norm has no derivative; the plain square root would give NaN, here it is 0."""
    real, fake, alpha = asarray(np.ones((4, 3), dtype)), ng.Tensor(np.zeros((4, 3), dtype)), asarray(np.full((4, 1), 0.5, dtype))
    w = ng.Tensor(np.zeros((3, 1), dtype), requires_grad=True)
    with np.errstate(all="raise"):
        penalty = gradient_penalty(lambda x: x @ w, real, fake, alpha)
        dw = ng.grad(penalty, w)
    assert penalty.item() == 1 and penalty.dtype == dw.dtype == dtype and (dw.numpy() == 0).all()
    dead = ng.Tensor(np.array([[1.0], [-1.0], [0.0]], dtype), requires_grad=True)  # some samples at a relu's flat side
    penalty = gradient_penalty(lambda x: ops.relu(x - 2.0) @ dead, real, fake, alpha)
    assert np.isfinite(ng.grad(penalty, dead).numpy()).all()


# --- What is said of it ---------------------------------------------------------------------------------------


def test_notices():
    plain, normed = nn.Sequential(nn.Dense(2, 3), nn.LayerNorm(3)), nn.Sequential(nn.Dense(2, 3), nn.Sequential(nn.BatchNorm(3)))
    for mode in ("inference", "train"):
        assert penalty_notice(plain, mode) is None
    inference, train = penalty_notice(normed, "inference"), penalty_notice(normed, "train")
    assert "inference mode" in inference and "gp_mode=train" in inference and "wgan-gp-paper" in inference
    assert "batch as a whole" in train and "wgan-gp-paper" in train and "gp_mode" not in train
    assert "\n" not in inference + train
