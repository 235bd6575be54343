"""The engine: what is recorded, how the walk goes back, what is computed, and what stays alive."""

import collections
import gc
import operator as op
import threading
import weakref

import numpy as np
import pytest

import nanogan as ng
from nanogan import Tensor, asarray, grad, no_grad, ops, to_numpy
from nanogan.backend import kernels

pytestmark = pytest.mark.every_backend


def leaf(values, dtype=np.float64):
    return Tensor(np.asarray(values, dtype), requires_grad=True)


@pytest.fixture
def calls(monkeypatch):
    """How often each kernel ran, by name."""
    counts = collections.Counter()

    def counted(name):
        kernel = getattr(kernels, name)

        def run(*args):
            counts[name] += 1
            return kernel(*args)

        return run

    for name in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad", "batch_norm", "batch_norm_grad"):
        monkeypatch.setitem(vars(kernels), name, counted(name))
    return counts


# the walk


def test_a_tensor_used_twice_gathers_both_gradients():
    a = leaf(3.0)
    b = a + a
    c = b + b
    assert grad(c, a).item() == 4
    assert grad(a * a * a, a).item() == 27


def test_diamonds():
    x = leaf(2.0)
    y = x
    for _ in range(60):  # 2**60 paths, 120 nodes
        y = y * 0.5 + y * 0.5
    assert grad(y, x).item() == 1
    a, b = ops.exp(x), ops.tanh(x)
    e, t = np.exp(2), np.tanh(2)
    assert grad(a * b + a / b, x).item() == pytest.approx(e * (t + 1 / t) + e * (1 - t**2) * (1 - 1 / t**2))


def test_each_node_is_visited_once():
    visits = []

    class Same(ng.Function):
        def forward(self, x):
            return x.copy()

        def backward(self, grad):
            visits.append(self)
            return (grad,)

    x = leaf(1.0)
    y = Same()(x)
    z = Same()(y + y * y)
    assert grad(z * z + z, x).item() == 15
    assert len(visits) == len(set(visits)) == 2


@pytest.mark.numpy_only  # the same walk on every backend
def test_a_chain_of_100_000_operations():
    y = x = leaf(1.0)
    for _ in range(100_000):
        y = y + 0.001
    assert grad(y, x).item() == 1
    y.backward()
    assert x.grad == 1
    node = weakref.ref(y.node)
    del y
    assert node() is None


@pytest.mark.numpy_only
def test_a_deep_graph_of_a_gradient_is_released():
    y = x = leaf(1.0)
    for _ in range(29_999):
        y = y * x
    dx = grad(y, x, create_graph=True)
    assert dx.item() == 30_000
    node = weakref.ref(dx.node)
    del y, dx
    assert node() is None


@pytest.mark.numpy_only
def test_a_deep_graph_of_a_gradient_is_differentiated():
    y = x = leaf(1.0)
    for _ in range(4999):
        y = y * x
    assert grad(grad(y, x, create_graph=True), x).item() == 5000 * 4999


def test_first_to_fourth_derivative():
    a = np.array([0.5, 1.0, 2.0])
    x = leaf(a)
    y = x**5
    for expected in (5 * a**4, 20 * a**3, 60 * a**2, 120 * a):
        y = grad(ops.sum(y), x, create_graph=True)
        np.testing.assert_allclose(y.numpy(), expected)


def test_without_create_graph_a_gradient_has_no_history():
    x = leaf(2.0)
    assert not grad(x * x * x, x).requires_grad
    assert grad(x * x * x, x, create_graph=True).requires_grad


def test_broadcasting_is_undone():
    shapes = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (4, 1, 1), (4, 2, 3)]
    for a_shape in shapes:
        for b_shape in shapes:
            a, b = leaf(np.full(a_shape, 2.0)), leaf(np.full(b_shape, 3.0))
            y = a * b
            da, db = grad(ops.sum(y), [a, b], create_graph=True)
            np.testing.assert_array_equal(da.numpy(), np.full(a_shape, 3.0 * y.size / a.size))
            np.testing.assert_array_equal(db.numpy(), np.full(b_shape, 2.0 * y.size / b.size))
            np.testing.assert_array_equal(grad(ops.sum(da), b).numpy(), np.full(b_shape, y.size / b.size))


@pytest.mark.parametrize("shape", [(3, 2), (5,), (2, 5), ()])
def test_a_backward_of_the_wrong_shape_is_refused_by_name(shape):
    class Crooked(ng.Function):
        def forward(self, x):
            return x * 2

        def backward(self, grad):
            return (Tensor(np.ones(shape)),)

    x = leaf(np.ones((2, 3)))
    with pytest.raises(ng.ShapeError, match=r"Crooked.backward: .*\(2, 3\)"):
        grad(ops.sum(Crooked()(x)), x)


def test_a_backward_with_too_few_gradients_is_refused():
    class Short(ng.Function):
        def forward(self, a, b):
            return a * b

        def backward(self, grad):
            return (grad,)

    a, b = leaf(1.0), leaf(1.0)
    with pytest.raises(ValueError):
        grad(Short()(a, b), [a, b])


# the forms of grad


def test_a_tensor_for_a_tensor_and_a_list_for_a_list():
    x, y = leaf(2.0), leaf(5.0)
    z = x * y
    assert isinstance(grad(z, x), Tensor)
    for inputs in ([x, y], (x, y)):
        grads = grad(z, inputs)
        assert isinstance(grads, list)
        assert [g.item() for g in grads] == [5, 2]
    assert grad(z, [x])[0].item() == 5
    assert [g.item() for g in grad(z, [x, x])] == [5, 5]
    assert grad(z, []) == []
    assert x.grad is None


def test_unreached_inputs_get_zeros_or_an_error():
    x, far = leaf(2.0), leaf(np.ones((2, 3)), np.float32)
    dx, dfar = grad(x * x, [x, far])
    assert (dx.item(), dfar.shape, dfar.dtype, dfar.numpy().any()) == (4, (2, 3), np.float32, False)
    with pytest.raises(ValueError, match=r"\[1\].*do not reach"):
        grad(x * x, [x, far], strict=True)
    constant = Tensor(3.0)
    assert grad(constant, x).item() == 0
    assert [g.item() for g in grad(x * x, [x], strict=True)] == [4]


def test_inputs_may_lie_within_the_graph():
    x = leaf(2.0)
    y = x * x
    z = y * y
    w = z + y
    dz, dy, dx, dw = grad(w, [z, y, x, w])
    assert [t.item() for t in (dz, dy, dx, dw)] == [1, 9, 36, 1]
    dy = grad(z, y, create_graph=True)
    assert grad(dy, y).item() == 2
    assert grad(dy, x).item() == 8


def test_the_output_itself_may_be_asked_for():
    x = leaf([1.0, 2.0])
    np.testing.assert_array_equal(grad(x, x, grad_output=[3.0, 4.0]).numpy(), [3, 4])
    y = x * 2
    np.testing.assert_array_equal(grad(y, y, grad_output=y.detach()).numpy(), y.numpy())


@pytest.mark.parametrize("form", [lambda v: v, lambda v: v.tolist(), Tensor, lambda v: Tensor(v, requires_grad=True), lambda v: v.astype(np.float32)])
def test_forms_of_grad_output(form):
    x, v = leaf([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, -1.0], [0.5, 2.0]])
    dx = grad(x * x, x, grad_output=form(v))
    np.testing.assert_array_equal(dx.numpy(), 2 * x.numpy() * v)
    assert dx.dtype == np.float64 or form(v).dtype == np.float32


def test_gradients_flow_into_grad_output():
    x, v = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    dx = grad(x * x, x, grad_output=v, create_graph=True)
    np.testing.assert_array_equal(grad(ops.sum(dx), v).numpy(), [2, 4])


def test_what_grad_refuses():
    x = leaf([1.0, 2.0])
    with pytest.raises(ng.ShapeError, match=r"\(2,\); sum it"):
        grad(x * x, x)
    with pytest.raises(ng.ShapeError, match=r"grad_output is float64 \(3,\), the output float64 \(2,\)"):
        grad(x * x, x, grad_output=np.ones(3))
    with pytest.raises(ValueError, match=r"input 1 .*does not require gradients"):
        grad(ops.sum(x), [x, Tensor([1.0])])
    with pytest.raises(ValueError, match="requires_grad"):
        grad(ops.sum(x), [x.data])


def test_backward_adds_to_the_leaves_only():
    x, w, fixed = leaf([1.0, 2.0]), leaf([3.0, 4.0]), Tensor(np.ones(2))
    middle = x * w + fixed
    y = ops.sum(middle)
    y.backward()
    np.testing.assert_array_equal(to_numpy(x.grad), [3, 4])
    np.testing.assert_array_equal(to_numpy(w.grad), [1, 2])
    assert middle.grad is y.grad is fixed.grad is None
    ops.sum(x * w).backward()
    np.testing.assert_array_equal(to_numpy(x.grad), [6, 8])
    middle.backward(np.array([1.0, 0.0]))
    np.testing.assert_array_equal(to_numpy(x.grad), [9, 8])
    lone = leaf(1.0)
    lone.backward()
    assert lone.grad == 1
    with pytest.raises(ValueError, match="no history"):
        fixed.backward()
    with pytest.raises(ng.ShapeError):
        middle.backward()


def test_accumulating_does_not_write_into_a_gradient_that_is_shared():
    a, b = leaf([1.0]), leaf([1.0])
    ops.sum(a + b).backward()
    ops.sum(a).backward()
    assert (a.grad.item(), b.grad.item()) == (2, 1)


# nobody asked


def net(calls):
    rng = np.random.default_rng(0)
    z, g, c = leaf(rng.standard_normal((2, 2, 2, 3))), leaf(rng.standard_normal((3, 3, 1, 3))), leaf(rng.standard_normal((3, 3, 1, 2)))
    gamma, beta = leaf(np.ones(2)), leaf(np.zeros(2))
    fake = ops.conv_transpose2d(z, g, stride=2, padding="same")
    loss = ops.sum(ops.tanh(ops.batch_norm(ops.conv2d(fake, c, padding="same"), gamma, beta)[0]))
    calls.clear()
    return z, g, c, gamma, loss


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_that_nobody_asked_for_are_not_computed(calls, create_graph):
    z, g, c, gamma, loss = net(calls)
    grad(loss, [g], create_graph=create_graph)
    assert (calls["conv2d_weight_grad"], calls["conv2d_input_grad"], calls["conv2d"]) == (1, 1, 0)  # the generator's weight; the critic's input
    calls.clear()
    grad(loss, [c], create_graph=create_graph)
    assert (calls["conv2d_weight_grad"], calls["conv2d_input_grad"], calls["conv2d"]) == (1, 0, 0)
    calls.clear()
    grad(loss, [z], create_graph=create_graph)
    assert (calls["conv2d_weight_grad"], calls["conv2d_input_grad"], calls["conv2d"]) == (0, 1, 1)
    calls.clear()
    grad(loss, [gamma], create_graph=create_graph)
    assert not calls.keys() & {"conv2d_weight_grad", "conv2d_input_grad", "conv2d"}


def test_the_fused_backward_runs_where_no_graph_is_recorded(calls):
    *_, gamma, loss = net(calls)
    grad(loss, gamma, create_graph=True)
    assert calls["batch_norm_grad"] == 0
    grad(loss, gamma)
    assert calls["batch_norm_grad"] == 1


def test_needs_says_who_asked():
    seen = []

    class Product(ng.Function):
        def forward(self, a, b):
            return a * b

        def backward(self, grad):
            seen.append(self.needs)
            return grad * self.inputs[1], grad * self.inputs[0]

    a, b, fixed = leaf(2.0), leaf(3.0), Tensor(np.float64(4.0))
    y = Product()(a, b)
    assert grad(y, a).item() == 3
    assert grad(y, b).item() == 2
    grad(y, [a, b])
    grad(Product()(a * 2, fixed), a)
    assert seen == [(True, False), (False, True), (True, True), (True, False)]


# recording


def test_no_grad_records_nothing():
    x = leaf(2.0)
    with no_grad():
        y = x * x
        with no_grad():
            pass
        z = x * x
    assert not y.requires_grad and not z.requires_grad
    assert y.node is None
    assert (x * x).requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (x * x).requires_grad


def test_no_grad_as_a_decorator():
    x = leaf(2.0)

    @no_grad()
    def square(t):
        return t * t

    assert [square(x).requires_grad for _ in range(2)] == [False, False]
    assert (x * x).requires_grad


def test_no_grad_is_of_one_thread():
    x, results, inside, go_on = leaf(2.0), {}, threading.Event(), threading.Event()

    def quiet():
        with no_grad():
            inside.set()
            assert go_on.wait(10)
            results["quiet"] = (x * x).requires_grad

    thread = threading.Thread(target=quiet)
    thread.start()
    assert inside.wait(10)
    results["main"] = (x * x).requires_grad
    go_on.set()
    thread.join()
    assert results == {"main": True, "quiet": False}


def test_two_threads_train_at_once():
    def work(out, seed):
        x = leaf(np.random.default_rng(seed).standard_normal((20, 20)))
        for _ in range(50):
            dx = grad(ops.sum(ops.tanh(x @ x)), x, create_graph=True)
            out[seed] = grad(ops.sum(dx * dx), x).numpy()

    together, alone = {}, {}
    threads = [threading.Thread(target=work, args=(together, seed)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (1, 2):
        work(alone, seed)
        np.testing.assert_array_equal(together[seed], alone[seed])


def test_detach_cuts_the_history():
    x = leaf(3.0)
    y = (x * x).detach()
    assert (y.requires_grad, y.node, y.item()) == (False, None, 9)
    assert grad(x * y, x).item() == 9


# what stays alive


@pytest.fixture
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive():
    return sum(issubclass(type(o), (Tensor, ng.Function)) for o in gc.get_objects())


def training_step(generator, critic, g_opt, d_opt):
    real, z = ng.backend.random.normal((4, 8, 8, 1)), ng.backend.random.normal((4, 5))
    fake = generator(z)
    x = Tensor(0.3 * real + 0.7 * fake.data, requires_grad=True)
    dx = grad(ops.sum(critic(x)), x, create_graph=True)
    penalty = ops.mean((ops.norm(dx, axis=(1, 2, 3)) - 1) ** 2)
    d_loss = ops.mean(critic(fake.detach())) - ops.mean(critic(real)) + 10 * penalty
    d_opt.step(grad(d_loss, critic.parameters()))
    g_loss = ops.sigmoid_bce(critic(fake), 1)
    g_opt.step(grad(g_loss, generator.parameters()))
    node = weakref.ref(d_loss.node), weakref.ref(penalty.node), weakref.ref(dx.node), weakref.ref(g_loss.node), weakref.ref(fake)
    return node, d_loss.item(), g_loss.item()


def test_nothing_of_a_training_step_is_alive_after_it(without_collector):
    nn = ng.nn
    generator = nn.Sequential(nn.Dense(5, 4 * 4 * 3), nn.Reshape(4, 4, 3), nn.BatchNorm(3), nn.LeakyReLU(), nn.ConvTranspose2D(3, 1, 3, 2), nn.Tanh())
    critic = nn.Sequential(nn.Conv2D(1, 3, 3, 2), nn.BatchNorm(3), nn.LeakyReLU(), nn.Dropout(0.3), nn.Conv2D(3, 4, 3, 2), nn.LayerNorm(4), nn.Sigmoid(),
                           nn.Flatten(), nn.Dense(16, 1))  # fmt: skip
    optimisers = ng.optim.Adam(generator.parameters()), ng.optim.SGD(critic.parameters(), 1e-3, momentum=0.9)
    training_step(generator, critic, *optimisers)
    before = alive()
    for _ in range(3):
        nodes, *_ = training_step(generator, critic, *optimisers)
        assert [n() for n in nodes] == [None] * len(nodes)
    del nodes
    assert alive() <= before


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_graph_dies_with_its_output(without_collector, create_graph):
    x = leaf(np.full((3, 3), 0.5))
    y = ops.sum(ops.exp(x) * ops.tanh(x) / ops.sigmoid(x) @ x + ops.max(x, 0) + ops.norm(x, 1, keepdims=True) * x[1:2])
    dx = grad(y, x, create_graph=create_graph)
    watched = [weakref.ref(o) for o in (y, y.node, dx, *([dx.node] if create_graph else []))]
    y.backward()
    del y, dx
    assert [w() for w in watched] == [None] * len(watched)


def test_a_linear_operation_keeps_no_values():
    x = leaf(np.ones((50, 50)))
    hidden = x * 2.0
    array = weakref.ref(hidden.data)
    y = ops.sum(ops.reshape(hidden, (2500,)) + 1.0)
    del hidden
    assert array() is None
    assert grad(y, x).numpy().tolist() == np.full((50, 50), 2.0).tolist()


def test_an_outline_says_what_to_do():
    class Forgetful(ng.Function):
        keeps_inputs = False

        def forward(self, x):
            return x * x

        def backward(self, grad):
            return (grad * self.inputs[0].data * 2,)

    x = leaf(2.0)
    y = x * 1.0
    with pytest.raises(AttributeError, match="keeps_inputs = True"):
        grad(Forgetful()(y), x)


def test_an_instance_is_one_node():
    class Square(ng.Function):
        def forward(self, x):
            return x * x

    square = Square()
    square(leaf(2.0))
    with pytest.raises(ValueError, match="Square: this instance is a node"):
        square(leaf(3.0))


# tensors, dtypes and numbers


def test_assignment_is_refused_with_advice():
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match=r"cannot be assigned to in place.*nanogan\.ops"):
        x[0] = 5.0


@pytest.mark.parametrize("data", [[1, 2], np.arange(3), np.array([True]), 3])
def test_integers_cannot_require_gradients(data):
    with pytest.raises(ng.DTypeError, match="cannot require gradients"):
        Tensor(data, requires_grad=True)
    assert Tensor(data).dtype.kind in "ib"


def test_dtypes_are_kept_and_floats_are_float32():
    assert [Tensor(d).dtype.name for d in ([1.0], 2.0, np.ones(2), np.ones(2, np.float16), np.float64(3), np.float32(3))] == [
        "float32", "float32", "float64", "float16", "float64", "float32"]  # fmt: skip
    assert Tensor(Tensor([1.0])).dtype == np.float32


NUMBERS = [2, 2.0, True, np.float64(2), np.float32(2), np.sqrt(2), np.ones(3).mean(), np.int64(2), np.prod([2, 3])]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{type(n).__name__}-{n}")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_never_promote(number, dtype):
    x = leaf([1.0, 2.0], dtype)
    results = [x + number, number + x, x - number, number - x, x * number, number * x, x / number, number / x, x**number,
               ops.maximum(x, number), ops.maximum(number, x)]  # fmt: skip
    for y in results:
        assert y.dtype == dtype
        assert grad(ops.sum(y), x).dtype == dtype
    n, a = float(number), x.numpy()
    for y, expected in zip(results, [a + n, n + a, a - n, n - a, a * n, n * a, a / n, n / a, a**n], strict=False):
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{type(n).__name__}-{n}")
def test_numbers_as_targets_never_promote(number):
    x = leaf([0.3, 0.4], np.float32)
    for loss in (ops.sigmoid_bce, ops.binary_cross_entropy, ops.mse, ops.poisson):
        y = loss(x, number)
        assert y.dtype == grad(y, x).dtype == np.float32
        np.testing.assert_allclose(y.item(), loss(x, float(number)).item(), rtol=1e-6)


def test_float32_and_float64_do_not_mix():
    x, y = leaf([1.0], np.float32), leaf([1.0], np.float64)
    for mix in (op.add, op.sub, op.mul, op.truediv, ops.maximum, lambda a, b: ops.concatenate([a, b])):
        for a, b in [(x, y), (y, x), (x, y.data), (y.data, x)]:
            with pytest.raises(ng.DTypeError, match=r"do not mix.*float(32|64) \(1,\), float(32|64) \(1,\)"):
                mix(a, b)


def test_an_array_on_either_side_of_an_operator():
    """Of the host or of the backend."""
    x, a = leaf([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 4.0], [8.0, 16.0]])
    for array in (a, asarray(a)):
        for operator in (op.add, op.sub, op.mul, op.truediv, op.matmul):
            for y, expected in [(operator(array, x), operator(a, x.numpy())), (operator(x, array), operator(x.numpy(), a))]:
                assert isinstance(y, Tensor) and y.requires_grad
                np.testing.assert_allclose(y.numpy(), expected, rtol=1e-15)


def test_tensors_as_values():
    x = leaf([[1.5, 2.0]])
    assert (x.shape, x.ndim, x.size, len(x), x.T.shape) == ((1, 2), 2, 2, 1, (2, 1))
    assert isinstance(x.numpy(), np.ndarray)
    assert type(Tensor(1.5).item()) is float
    assert repr(x) == "Tensor([[1.5 2. ]], float64, requires_grad)"
    assert repr(x * 2).endswith("float64, Multiply)")
    assert len({x, x}) == 1
    assert [row.numpy().tolist() for row in leaf([[1.0], [2.0]])] == [[1], [2]]


def test_values_of_scalars_stay_arrays():
    """NumPy turns 0-d results into scalars, which promote differently; the engine keeps arrays of the backend."""
    y = ops.sum(leaf([1.0, 2.0], np.float32)) * 2
    assert type(y.data) is ng.xp.ndarray
    assert type(grad(y, leaf([1.0], np.float32)).data) is ng.xp.ndarray
