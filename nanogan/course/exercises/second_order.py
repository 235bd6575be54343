"""Notebook 03: differences that test a gradient, and gradients of gradients."""

import numpy as np

from nanogan import nn, ops
from nanogan.course import engine as ng
from nanogan.course.exercise import Exercise, Mistake

# --- 03.central_difference ----------------------------------------------------------------------------------------------


def central_difference(f, x, h):
    """The gradient of f at x by central differences: f takes an array and gives a number, x is an array (...); returns an array (...)."""
    # <yours>
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        slopes[i] = (f(up) - f(down)) / (2 * h)
    return slopes
    # </yours>


def _named(text):
    """A function is called by its formula where a case is shown."""

    def name(function):
        function.__name__ = text
        return function

    return name


@_named("the sum of x**2")
def _square(x):
    return float((x**2).sum())


@_named("the sum of x**3, plus the sum of x times its first entry")
def _cubic(x):
    return float((x**3).sum() + x.sum() * x.ravel()[0])


def _functions(rng):
    yield _square, np.array([3.0]), 0.5
    yield _cubic, np.array([1.0, 2.0]), 0.1
    for _ in range(12):
        shape = tuple(int(n) for n in rng.integers(1, 4, rng.integers(1, 4)))
        yield _cubic, rng.normal(size=shape), 10.0 ** -int(rng.integers(1, 4))


def _forward_difference(f, x, h):
    return np.array([(f(x + h * unit.reshape(x.shape)) - f(x)) / h for unit in np.eye(x.size)]).reshape(x.shape)


def _divided_by_h(f, x, h):
    return 2 * central_difference(f, x, h)


def _all_at_once(f, x, h):
    return np.full_like(x, (f(x + h) - f(x - h)) / (2 * h))


def _never_put_back(f, x, h):
    x, slopes = x.copy(), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        x[i] += h
        up = f(x)
        x[i] -= 2 * h
        slopes[i] = (up - f(x)) / (2 * h)
    return slopes


def _not_a_copy(f, x, h):
    x, slopes = x.copy(), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up = down = x
        up[i] += h
        down[i] -= h
        slopes[i] = (f(up) - f(down)) / (2 * h)
    return slopes


def _taken_back(f, x, h):
    return _forward_difference(f, x, h) / 2


CENTRAL_DIFFERENCE = Exercise(
    "03.central_difference", central_difference, _functions, rtol=1e-7,
    mistakes=[
        Mistake("this is the forward difference; take f on both sides of x, and divide by the 2 h between them", _forward_difference),
        Mistake("from x - h to x + h it is 2 h: divide by that", _divided_by_h),
        Mistake("all entries are moved together; move one at a time, for one slope each", _all_at_once),
        Mistake("f gets the same array both times: y = x is a second name of x, not a copy; write x.copy()", _not_a_copy),
        Mistake("this is (f(x + h) - f(x)) / 2h: the second point is x itself.  A second y = x is no fresh copy, so that subtracting h only takes back "
                "what was added; write x.copy()", _taken_back),
        Mistake("an entry that was moved is not put back before the next one moves", _never_put_back),
    ],
    hints=[
        "for i in np.ndindex(x.shape): goes over all entries, whatever the shape.",
        "Copy x twice, add h to one entry of the one, subtract it from that entry of the other.",
        "(f(up) - f(down)) / (2 * h)",
    ],
)  # fmt: skip

# --- 03.double_backward -------------------------------------------------------------------------------------------------


def double_backward(f, x, v):
    """The gradient, with respect to x, of the product v . grad f(x), which is H v: f takes a tensor and gives a number, x and v are arrays of one shape; returns a tensor of that shape."""
    # <yours>
    x = ng.Tensor(x, requires_grad=True)
    slope = ng.grad(f(x), x, create_graph=True)
    return ng.grad(ops.sum(slope * v), x)
    # </yours>


@_named("p[0]**2 * p[1]")
def _p2q(p):
    return p[0] ** 2 * p[1]


@_named("the sum of p**3, plus the square of the sum of p times p[0]")
def _coupled(p):
    return ops.sum(p**3) + ops.sum(p) ** 2 * p[0]


@_named("the sum of tanh(p) * exp(p / 2), plus p[0] times the sum of p**2")
def _wave(p):
    return ops.sum(ops.tanh(p) * ops.exp(p * 0.5)) + ops.sum(p[0] * p * p)


def _products(rng):
    yield _p2q, np.array([1.0, 2.0]), np.array([1.0, 1.0])
    for f in (_coupled, _wave):
        for n in (2, 3, 5):
            yield f, rng.normal(size=n), rng.normal(size=n)


def _no_graph(f, x, v):
    x = ng.Tensor(x, requires_grad=True)
    return ng.grad(ops.sum(ng.grad(f(x), x) * v), x)


def _only_once(f, x, v):
    x = ng.Tensor(x, requires_grad=True)
    return ng.grad(f(x), x)


def _without_v(f, x, v):
    x = ng.Tensor(x, requires_grad=True)
    return ng.grad(ops.sum(ng.grad(f(x), x, create_graph=True)), x)


def _times_v_afterwards(f, x, v):
    return _without_v(f, x, v) * v


def _of_the_product_with_f(f, x, v):
    x = ng.Tensor(x, requires_grad=True)
    return ng.grad(f(x), x) * v


DOUBLE_BACKWARD = Exercise(
    "03.double_backward", double_backward, _products,
    mistakes=[
        Mistake("the first gradient has no history, so its gradient is 0: ask for it with create_graph=True", _no_graph),
        Mistake("this is the first gradient; take the gradient of its product with v", _only_once),
        Mistake("v is missing: this is the gradient of the sum of the slopes, H times ones", _without_v),
        Mistake("v comes too late: multiply the slope by it before the second gradient is taken, not after", _times_v_afterwards),
        Mistake("this is the first gradient times v, entry by entry; there is a second gradient to take", _of_the_product_with_f),
    ],
    hints=[
        "Three lines: a tensor that asks for a gradient, the first gradient, the second.",
        "ng.grad(f(x), x, create_graph=True) keeps the history of the gradient itself.",
        "Then ng.grad(ops.sum(slope * v), x).",
    ],
)  # fmt: skip

# --- 03.forward_and_central ---------------------------------------------------------------------------------------------


def forward_and_central():
    """(forward, central): the two differences of f(x) = x**2 at x = 3 with h = 0.5, two numbers."""
    # <yours>
    return 6.5, 6.0  # forward is off by f''/2 * h; the error of the central one needs a third derivative, and x**2 has none
    # </yours>


FORWARD_AND_CENTRAL = Exercise(
    "03.forward_and_central", forward_and_central, lambda rng: [()], stars=1,
    mistakes=[
        Mistake("the two have changed places", lambda: (6.0, 6.5)),
        Mistake("the first is the backward difference, (f(3) - f(2.5)) / 0.5; forward goes to 3.5", lambda: (5.5, 6.0)),
        Mistake("the central difference is divided by 2 h, which is 1", lambda: (6.5, 12.0)),
        Mistake("the central difference is divided by 2 here; it is 2 h, which is 1", lambda: (6.5, 3.0)),
        Mistake("the forward difference is divided by h = 0.5: (f(3.5) - f(3)) / 0.5; 2 h belongs to the central one", lambda: (3.25, 6.0)),
        Mistake("h = 0.5 is missing in both: divide the forward difference by h, and the central one by 2 h", lambda: (3.25, 3.0)),
    ],
    hints=["f(2.5) = 6.25, f(3) = 9, f(3.5) = 12.25.", "Forward: (12.25 - 9) / 0.5.  Central: (12.25 - 6.25) / 1."],
)  # fmt: skip

# --- 03.hessian ---------------------------------------------------------------------------------------------------------


def hessian(f, x):
    """All second derivatives of f at x: f takes a tensor (n,) and gives a number, x is an array (n,); returns an array (n, n)."""

    # <yours>
    def times(v):
        t = ng.Tensor(x, requires_grad=True)
        return ng.grad(ops.sum(ng.grad(f(t), t, create_graph=True) * v), t).numpy()

    return np.stack([times(unit) for unit in np.eye(len(x))], axis=1)  # the product with a unit vector is a column
    # </yours>


@_named("(1 - x)**2 + 100 (y - x**2)**2, where x, y = p")
def _banana(p):
    x, y = p[0], p[1]
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _at_points(rng):
    yield _banana, np.array([1.0, 1.0])
    yield _coupled, np.array([1.0, 2.0, 0.5])
    for f in (_coupled, _wave):
        for n in (2, 3, 4):
            yield f, rng.normal(size=n)


def _diagonal_only(f, x):
    return np.diag(np.diag(hessian(f, x)))


def _row_sums(f, x):
    return _without_v(f, x, None).numpy()


def _outer(f, x):
    t = ng.Tensor(x, requires_grad=True)
    slope = ng.grad(f(t), t).numpy()
    return np.outer(slope, slope)


def _zeros(f, x):
    return np.stack([_no_graph(f, x, unit).numpy() for unit in np.eye(len(x))], axis=1)


HESSIAN = Exercise(
    "03.hessian", hessian, _at_points,
    mistakes=[
        Mistake("only the diagonal is there; a unit vector times H gives a whole column, all of which belongs in it", _diagonal_only),
        Mistake("these are the sums of its rows, H times ones: take one product for each unit vector", _row_sums),
        Mistake("this is the gradient times itself; the Hessian is the gradient of the gradient", _outer),
        Mistake("the first gradient has no history, so its gradient is 0: ask for it with create_graph=True", _zeros),
    ],
    hints=[
        "np.eye(n) has the unit vectors as rows.",
        "double_backward(f, x, unit) is a column of H; np.stack(..., axis=1) puts columns side by side.",
    ],
)  # fmt: skip

# --- 03.depends_on ------------------------------------------------------------------------------------------------------


def depends_on(critic, batch):
    """Which samples critic(batch)[0] depends on: batch is an array (N, D), critic gives (N, 1); returns a list of numbers from 0 to N - 1."""
    # <yours>
    x = ng.Tensor(batch, requires_grad=True)
    dx = ng.grad(ops.sum(critic(x)[0]), x).numpy()  # (N, D): zero says that whatever you do to this sample, nothing happens
    return [i for i in range(len(batch)) if np.abs(dx[i]).max() > 0]
    # </yours>


def _critic(*layers):
    critic = nn.Sequential(*layers)
    critic.told = lambda: ", ".join(type(layer).__name__ for layer in layers)
    return critic


def _critics(rng):
    for layer in (nn.LayerNorm(8), nn.BatchNorm(8), nn.Tanh()):
        for n in (4, 6):
            yield _critic(nn.Dense(5, 8), layer, nn.Tanh(), nn.Dense(8, 1)), rng.normal(size=(n, 5)).astype(np.float32)
    for layer in (nn.Tanh(), nn.BatchNorm(8)):  # faint, deaf on its first feature, and one sample is all 0: none of these is independence
        first, last = nn.Dense(5, 8), nn.Dense(8, 1)
        first.weight.data[0] = 0
        last.weight.data *= 1e-4
        batch = rng.normal(size=(4, 5)).astype(np.float32)
        batch[0] = 0
        yield _critic(first, layer, nn.Tanh(), last), batch
    for layer in (nn.Tanh(), nn.BatchNorm(8)):  # it begins with a layer that does not notice a shift; eighths of 4 entries: it is exact in float32
        batch = rng.integers(-16, 16, size=(4, 4)) / 8
        yield _critic(nn.LayerNorm(4), nn.Dense(4, 8), layer, nn.Tanh(), nn.Dense(8, 1)), batch.astype(np.float32)


def _of_all_outputs(critic, batch):
    x = ng.Tensor(batch, requires_grad=True)
    dx = ng.grad(ops.sum(critic(x)), x).numpy()
    return [i for i in range(len(batch)) if np.abs(dx[i]).max() > 0]


def _clear_ones_only(critic, batch):
    x = ng.Tensor(batch, requires_grad=True)
    dx = ng.grad(ops.sum(critic(x)[0]), x).numpy()
    return [i for i in range(len(batch)) if np.abs(dx[i]).max() > 1e-3]


def _only_itself(critic, batch):
    return [0]


def _features(critic, batch):
    x = ng.Tensor(batch, requires_grad=True)
    dx = ng.grad(ops.sum(critic(x)[0]), x).numpy()
    return [i for i in range(batch.shape[1]) if np.abs(dx[:, i]).max() > 0]


def _shifted(critic, batch):
    found = []
    for i in range(len(batch)):
        moved = batch.copy()
        moved[i] += 1
        if not np.allclose(critic(moved).numpy()[0], critic(batch).numpy()[0]):
            found.append(i)
    return found


def _as_flags(critic, batch):
    return [int(i in depends_on(critic, batch)) for i in range(len(batch))]


DEPENDS_ON = Exercise(
    "03.depends_on", depends_on, _critics, stars=3,
    mistakes=[
        Mistake("samples are named that output 0 does not depend on: look at critic(x)[0] alone; "
                "and if you move the samples one after another, put each back before the next", _of_all_outputs),
        Mistake("that holds where each sample is on its own; batch norm ties the batch together, so look at the gradient", _only_itself),
        Mistake("these are features, the second axis; samples are the first", _features),
        Mistake("all entries of a sample are moved by the same number, and layer norm takes that away again; "
                "move its entries by different numbers, or look at the gradient", _shifted),
        Mistake("samples are missing: a faint dependence is one, and so is one through a few entries only; "
                "output 0 does not depend on a sample where the whole row of the gradient is 0", _clear_ones_only),
        Mistake("these are zeros and ones; the numbers of the samples were asked for", _as_flags),
    ],
    hints=[
        "What an output does not depend on has gradient 0.",
        "Differentiate ops.sum(critic(x)[0]) with respect to the whole batch, and see which rows are not 0.",
    ],
)  # fmt: skip

EXERCISES = [CENTRAL_DIFFERENCE, DOUBLE_BACKWARD, FORWARD_AND_CENTRAL, HESSIAN, DEPENDS_ON]
