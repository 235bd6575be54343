"""The optimisers against their formulas, written out, and against PyTorch's."""

import numpy as np
import pytest

import nanogan as ng
from nanogan import Tensor, asarray, ops, to_numpy
from nanogan.optim import SGD, Adam

pytestmark = pytest.mark.every_backend


def parameters(dtype=np.float64):
    rng = np.random.default_rng(0)
    return [Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True) for shape in [(3, 2), (4,), ()]]


def gradients(steps, dtype=np.float64):
    rng = np.random.default_rng(1)
    return [[(rng.standard_normal(shape) * scale).astype(dtype) for shape, scale in [((3, 2), 1.0), ((4,), 1e-6), ((), 100.0)]] for _ in range(steps)]


def step(opt, grads):
    """With gradients that lie on the host."""
    opt.step([asarray(g) for g in grads])


def adam_by_hand(p, grads, lr, beta1, beta2, eps, eps_hat):
    """Algorithm 1 of Kingma & Ba 2015, or its rewriting at the end of section 2, one number at a time."""
    m = v = 0.0
    for t, g in enumerate(grads, start=1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        if eps_hat:
            p -= lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t) * m / (v**0.5 + eps)
        else:
            p -= lr * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)) ** 0.5 + eps)
    return p


@pytest.mark.parametrize("eps_hat", [False, True])
@pytest.mark.parametrize(("lr", "beta1", "beta2", "eps"), [(1e-3, 0.9, 0.999, 1e-8), (2e-4, 0.5, 0.999, 1e-7), (1e-4, 0.0, 0.9, 1e-3)])
def test_adam_is_its_formula(eps_hat, lr, beta1, beta2, eps):
    params, steps = parameters(), gradients(5)
    before = [p.numpy().copy() for p in params]
    opt = Adam(params, lr, beta1, beta2, eps, eps_hat)
    for grads in steps:
        step(opt, grads)
    for i, (p, start) in enumerate(zip(params, before, strict=True)):
        for index in np.ndindex(p.shape):
            by_hand = adam_by_hand(start[index], [g[i][index] for g in steps], lr, beta1, beta2, eps, eps_hat)
            assert p.numpy()[index] == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(("eps_hat", "moved"), [(True, 0.00307), (False, 0.05)])
def test_the_two_forms_differ_where_gradients_are_as_small_as_eps(eps_hat, moved):
    """Gradient 1e-7, eps 1e-7, lr 0.1: the first step of Keras's form is sixteen times shorter than PyTorch's."""
    p = Tensor(np.zeros(1), requires_grad=True)
    Adam([p], lr=0.1, eps=1e-7, eps_hat=eps_hat).step([asarray(np.full(1, 1e-7))])
    assert -p.item() == pytest.approx(moved, rel=2e-3)


def test_sgd_is_its_formula():
    params, steps = parameters(), gradients(4)
    plain, heavy = [p.numpy().copy() for p in params], [p.numpy().copy() for p in params]
    velocity = [0.0, 0.0, 0.0]
    rolling = [Tensor(p.numpy().copy(), requires_grad=True) for p in params]
    one, two = SGD(params, lr=0.1), SGD(rolling, lr=0.1, momentum=0.9)
    for grads in steps:
        step(one, grads)
        step(two, grads)
        for i, g in enumerate(grads):
            plain[i] -= 0.1 * g
            velocity[i] = 0.9 * velocity[i] + g
            heavy[i] -= 0.1 * velocity[i]
    for p, q, a, b in zip(params, rolling, plain, heavy, strict=True):
        np.testing.assert_allclose(p.numpy(), a, rtol=1e-12)
        np.testing.assert_allclose(q.numpy(), b, rtol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["adam", "adam-dcgan", "sgd", "sgd-momentum"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_torch_agrees(name, dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here, and it is not installed")
    ours, theirs = {
        "adam": (lambda p: Adam(p, 1e-2), lambda p: torch.optim.Adam(p, 1e-2)),
        "adam-dcgan": (lambda p: Adam(p, 2e-4, 0.5, eps=1e-7), lambda p: torch.optim.Adam(p, 2e-4, betas=(0.5, 0.999), eps=1e-7)),
        "sgd": (lambda p: SGD(p, 1e-2), lambda p: torch.optim.SGD(p, 1e-2)),
        "sgd-momentum": (lambda p: SGD(p, 1e-2, 0.9), lambda p: torch.optim.SGD(p, 1e-2, momentum=0.9)),
    }[name]
    params = parameters(dtype)
    copies = [torch.tensor(p.numpy().copy(), requires_grad=True) for p in params]
    opt, other = ours(params), theirs(copies)
    for grads in gradients(20, dtype):
        step(opt, grads)
        for t, g in zip(copies, grads, strict=True):
            t.grad = torch.tensor(g)
        other.step()
    for p, t in zip(params, copies, strict=True):
        np.testing.assert_allclose(p.numpy(), t.detach().numpy(), rtol=1e-10 if dtype == np.float64 else 2e-5, atol=1e-12)


OPTIMISERS = {"adam": lambda p, **o: Adam(p, **o), "sgd": lambda p: SGD(p, 0.1), "momentum": lambda p: SGD(p, 0.1, 0.9)}
each_optimiser = pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)


@each_optimiser
def test_arrays_are_written_in_place_and_keep_their_dtype(make):
    params, (kept,) = parameters(np.float32), gradients(1, np.float32)
    arrays, grads = [p.data for p in params], [asarray(g.copy()) for g in kept]
    opt = make(params)
    opt.step([Tensor(g) for g in grads])
    assert all(p.data is a and a.dtype == np.float32 for p, a in zip(params, arrays, strict=True))
    assert all(a.dtype == np.float32 for name, a in opt.state_dict().items() if name != "steps")
    for g, k in zip(grads, kept, strict=True):
        np.testing.assert_array_equal(to_numpy(g), k)


@each_optimiser
def test_step_after_backward(make):
    def loss(a, b, c):
        return ops.sum(a**3 * c + ops.sum(b**2))

    params, others = parameters(), parameters()
    one, two = make(params), make(others)
    for _ in range(2):
        loss(*params).backward()
        one.step()
        one.zero_grad()
        two.step(ng.grad(loss(*others), others))
    for p, q in zip(params, others, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
        assert p.grad is None


@each_optimiser
def test_a_saved_state_goes_on_bit_for_bit(make):
    params, others, steps = parameters(), parameters(), gradients(6)
    one, two = make(params), make(others)
    for grads in steps[:3]:
        step(one, grads)
    state = one.state_dict()
    for p, q in zip(params, others, strict=True):
        q.data[...] = p.data
    for grads in steps[3:]:
        step(one, grads)  # the state taken is a copy
    two.load_state_dict(state)
    assert two.counter.steps == 3
    for grads in steps[3:]:
        step(two, grads)
    for p, q in zip(params, others, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


@pytest.mark.parametrize(("spoil", "error", "sentence"), [
    (lambda s: s.pop("m.1"), ng.NanoganError, "m.1"),
    (lambda s: s.pop("steps"), ng.NanoganError, "steps"),
    (lambda s: s.update({"velocity.0": np.zeros(2)}), ng.NanoganError, "velocity.0"),
    (lambda s: s.update({"v.0": np.zeros((2, 3))}), ng.ShapeError, r"v.0 is \(3, 2\)"),
])  # fmt: skip
def test_a_wrong_state_is_refused_and_nothing_is_written(spoil, error, sentence):
    opt = Adam(parameters())
    step(opt, gradients(1)[0])
    before, state = opt.state_dict(), Adam(parameters()).state_dict()
    spoil(state)
    with pytest.raises(error, match=sentence):
        opt.load_state_dict(state)
    for name, array in opt.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_two_optimisers_may_count_together():
    """With a shared counter the second network's first step is corrected as a second step, as in a shared Keras optimiser."""
    p, q = (Tensor(np.zeros(1), requires_grad=True) for _ in range(2))
    first = Adam([p], lr=0.1, eps=0.0)
    second = Adam([q], lr=0.1, eps=0.0, counter=first.counter)
    g = [np.ones(1)]
    step(first, g)
    step(second, g)
    assert first.counter.steps == second.counter.steps == 2
    assert -p.item() == pytest.approx(0.1)
    assert -q.item() == pytest.approx(0.1 * (0.1 / (1 - 0.9**2)) / (0.001 / (1 - 0.999**2)) ** 0.5)
    assert Adam([p]).counter is not first.counter


def test_what_is_refused():
    params, (grads,) = parameters(), gradients(1)
    for nothing in ([], [np.ones(2)], [None]):
        with pytest.raises(ValueError, match="Adam: needs a list of tensors"):
            Adam(nothing)
    opt = Adam(params)
    with pytest.raises(ng.ShapeError, match="2 gradients for 3 parameters"):
        step(opt, grads[:2])
    with pytest.raises(ng.ShapeError, match=r"Adam.step: .*\(2, 3\)"):
        step(opt, [grads[0].T, *grads[1:]])
    with pytest.raises(ng.ShapeError, match=r"Adam.step: .*float32"):
        step(opt, [grads[0], grads[1].astype(np.float32), grads[2]])
    with pytest.raises(ValueError, match=r"Adam.step: .* 0 .*backward"):
        opt.step()
    assert opt.counter.steps == 0
    assert all((p.numpy() == q.numpy()).all() for p, q in zip(params, parameters(), strict=True))


def test_a_parameter_that_is_not_contiguous_is_updated():
    whole = asarray(np.zeros((4, 6)))
    p = Tensor(whole[::2, ::3], requires_grad=True)
    step(Adam([p], lr=0.1, eps=0.0), [np.ones((2, 2))])
    np.testing.assert_allclose(p.numpy(), -0.1)
    assert np.count_nonzero(to_numpy(whole)) == 4
