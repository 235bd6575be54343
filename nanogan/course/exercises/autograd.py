"""Notebook 02: the rules of an engine of one's own, and an operation for nanogan's."""

import sys

import numpy as np

from nanogan.course import engine as ng
from nanogan.course.exercise import Exercise, Mistake

# --- 02.matmul_rule -----------------------------------------------------------------------------------------------------


def matmul_rule(g, x, w):
    """(dx, dw) for y = x @ w: x is (N, in), w is (in, out), and g, the gradient of y, is (N, out)."""
    # <yours>
    return g @ w.T, x.T @ g
    # </yours>


def _products(rng):
    yield np.array([[1.0]]), np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    yield np.ones((3, 1)), np.arange(6.0).reshape(3, 2), np.array([[3.0], [4.0]])
    for _ in range(15):
        N, I, O = (int(n) for n in rng.integers(1, 5, 3))
        yield rng.normal(size=(N, O)), rng.normal(size=(N, I)), rng.normal(size=(I, O))


MATMUL_RULE = Exercise(
    "02.matmul_rule", matmul_rule, _products,
    mistakes=[
        Mistake("the two have changed places: dx first, then dw", lambda g, x, w: (x.T @ g, g @ w.T)),
        Mistake("g is missing: what comes back is multiplied by it", lambda g, x, w: (np.ones_like(g) @ w.T, x.T @ np.ones_like(g))),
        Mistake("dw is averaged over the batch; each sample's share is added, not averaged", lambda g, x, w: (g @ w.T, x.T @ g / len(x))),
        Mistake("x must be turned in dw: an (in, out) can only come from x.T @ g", lambda g, x, w: (g @ w.T, x @ g)),
    ],
    hints=[
        "Write the shapes side by side: from (N, out) and (in, out) an (N, in) is to come.",
        "dx = g @ w.T.  For dw, (in, out) must come from (N, in) and (N, out).",
    ],
)  # fmt: skip

# --- 02.undo_broadcast --------------------------------------------------------------------------------------------------


def undo_broadcast(g, shape):
    """Sum g, the gradient of an array that was broadcast from ``shape``, over the axes along which it was repeated; returns an array of ``shape``."""
    # <yours>
    new_axes = g.ndim - len(shape)
    g = g.sum(axis=tuple(range(new_axes)))
    repeated = tuple(i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=repeated, keepdims=True)
    # </yours>


def _broadcasts(rng):
    yield np.ones((3, 2)), (2,)
    yield np.ones((3, 2)), (3, 1)
    yield np.arange(6.0).reshape(3, 2), (3, 2)
    yield np.arange(6.0).reshape(3, 2), ()
    yield np.arange(6.0).reshape(3, 2), (1, 1)  # two axes stretched
    for _ in range(20):
        full = tuple(int(n) for n in rng.integers(1, 4, rng.integers(1, 5)))
        kept = tuple(1 if rng.random() < 0.4 else n for n in full)[int(rng.integers(0, len(full) + 1)) :]
        yield rng.normal(size=full), kept


def _new_axes_only(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def _ones_only(g, shape):
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def _mean_of_copies(g, shape):
    total = undo_broadcast(g, shape)
    return total * total.size / g.size


def _drops_axes(g, shape):
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1))


def _first_axis(g, shape):
    return g.sum(axis=0)


UNDO_BROADCAST = Exercise(
    "02.undo_broadcast", undo_broadcast, _broadcasts,
    mistakes=[
        Mistake("new axes in front are summed, and axes of length 1 that were stretched are not", _new_axes_only),
        Mistake("axes of length 1 are summed, and new axes in front are not: NumPy puts them there when it broadcasts", _ones_only),
        Mistake("this is the mean; the sum was asked for: every copy counts in full", _mean_of_copies),
        Mistake("an axis of length 1 must stay: keepdims=True", _drops_axes),
        Mistake("everything is summed, into one number; only the repeated axes are, and shape says which those were", lambda g, shape: g.sum()),
        Mistake("everything is summed; only the repeated axes are, so that each entry gets the sum of its own copies", lambda g, shape: np.full(shape, g.sum())),
        Mistake("this sums over the first axis, whatever the shape; a (3, 1) was repeated along the other one, and a (3, 2) not at all", _first_axis),
        Mistake("this takes one of the copies; all of them count, so they are added", lambda g, shape: np.broadcast_to(g.ravel()[:1].reshape(()), shape) * 1),
    ],
    hints=[
        "NumPy repeats in two ways: it puts new axes in front, and it stretches axes of length 1.",
        "g.ndim - len(shape) axes in front are new: sum over them first.",
        "Then sum over the axes where shape is 1, with keepdims=True.",
    ],
)  # fmt: skip

# --- 02.by_hand ---------------------------------------------------------------------------------------------------------


def by_hand():
    """(df/dx, df/dy) of f(x, y) = x y + x at x = 2, y = 5: two numbers."""
    # <yours>
    return 6, 2
    # </yours>


BY_HAND = Exercise(
    "02.by_hand", by_hand, lambda rng: [()], stars=1,
    mistakes=[
        Mistake("x is used twice, in the product and in the sum; you counted the product only", lambda: (5, 2)),
        Mistake("x is used twice, in the product and in the sum; you counted the sum only", lambda: (1, 2)),
        Mistake("the two have changed places", lambda: (2, 6)),
        Mistake("df/dy is x, which is 2; the second x in the formula has no y beside it", lambda: (6, 3)),
    ],
    hints=["Draw the graph, and count the arrows that leave x.", "Through the product x gets y, through the sum it gets 1.  Add."],
)  # fmt: skip

# --- 02.Cube ------------------------------------------------------------------------------------------------------------


class Cube(ng.Function):
    """y = x**3, entry by entry, for nanogan.  forward: an array to an array; backward: a tensor, the gradient of y, to (dx,)."""

    def forward(self, x):
        # <yours>
        return x**3
        # </yours>

    def backward(self, grad):
        (x,) = self.inputs
        # <yours>
        return (grad * x * x * 3,)
        # </yours>


class _Square3(ng.Function):
    def forward(self, x):
        return x**3

    def backward(self, grad):
        (x,) = self.inputs
        return (grad * x * 3,)


class _NoGrad(ng.Function):
    def forward(self, x):
        return x**3

    def backward(self, grad):
        (x,) = self.inputs
        return (x * x * 3,)


class _Constant(ng.Function):
    def forward(self, x):
        return x**3

    def backward(self, grad):
        (x,) = self.inputs
        return (grad * (x.data * x.data * 3),)


class _GradConstant(ng.Function):
    def forward(self, x):
        return x**3

    def backward(self, grad):
        (x,) = self.inputs
        return (grad.data * (x * x * 3),)


class _NoComma(ng.Function):
    def forward(self, x):
        return x**3

    def backward(self, grad):
        (x,) = self.inputs
        return grad * x * x * 3


class _Arrays(ng.Function):
    def forward(self, x):
        return x**3

    def backward(self, grad):
        (x,) = self.inputs
        return (grad.data * x.data * x.data * 3,)


class _ThreeX(ng.Function):
    def forward(self, x):
        return 3 * x

    def backward(self, grad):
        return (grad * 3,)


def _all_orders(cube, x, grad):
    """Its value, what kind of thing its backward returns, its gradient, and the gradient of that; no gradients of what the engine cannot use."""
    x = ng.Tensor(x, requires_grad=True)
    y = cube()(x)
    y.node.needs = (True,)  # as the engine says before it calls backward
    back = y.node.backward(ng.Tensor(grad))
    kind = f"({', '.join(type(value).__name__ for value in back)},)" if isinstance(back, (tuple, list)) else type(back).__name__
    found = {
        "forward": y,
        "backward returns": kind,
        "backward": None,
        "the gradient of the gradient": None,
        "the second derivative of the cube of the cube": None,
    }
    if kind == "(Tensor,)":
        found["backward"] = dx = ng.grad(y, x, grad, create_graph=True)
        found["the gradient of the gradient"] = ng.grad(dx, x, grad)
        z = cube()(cube()(x))  # here grad has a history too
        found["the second derivative of the cube of the cube"] = ng.grad(ng.grad(z, x, grad, create_graph=True), x, grad)
    return found


CUBE = Exercise(
    "02.Cube", Cube, lambda rng: [(np.array([2.0]), np.array([1.0])), *((rng.normal(size=s), rng.normal(size=s)) for s in [(3,), (2, 3), (1, 2, 2)])],
    outcome=_all_orders,
    mistakes=[
        Mistake("the derivative of x**3 is 3 x**2; here a power is missing", _Square3),
        Mistake("backward does not multiply by grad, the gradient of the result", _NoGrad),
        Mistake("backward computes with x.data, a plain array, which has no history: the first derivative is right and the second is lost.  Use the tensor x", _Constant),
        Mistake("backward takes grad.data, a plain array, and loses its history; where one cube follows another, grad depends on x too.  Use the tensor grad", _GradConstant),
        Mistake("backward must return a tuple, (dx,); mind the comma", _NoComma),
        Mistake("backward computes with arrays, .data, and gives one back, which has no history; compute with the tensors x and grad", _Arrays),
        Mistake("the cube is x**3, and this is three times x", _ThreeX),
    ],
    hints=[
        "forward gets and returns plain arrays: one line.",
        "In backward, (x,) = self.inputs gives the tensor that went in; the derivative is 3 x**2.",
        "backward returns a tuple with one gradient for each input: (grad * x * x * 3,).",
    ],
)  # fmt: skip

# --- 02.users_first -----------------------------------------------------------------------------------------------------


def users_first_in_a_loop(output):
    """Every node under ``output`` (each has .parents, a tuple), once, after everything that uses it: a list.  Without recursion."""
    # <yours>
    users, seen, todo = {}, {output}, [output]
    while todo:
        for parent in todo.pop().parents:
            users[parent] = users.get(parent, 0) + 1
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    order, ready = [], [output]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in node.parents:
            users[parent] -= 1
            if users[parent] == 0:
                ready.append(parent)
    return order
    # </yours>


CALLS = 300  # within each other, and it is recursion; the chain is longer, and Python's own limit can be raised by anyone


class _Node:
    """A node that is asked for its parents by a function, but not by one that has called itself down to the frame number ``deepest``."""

    def __init__(self, parents, deepest):
        self._parents, self._deepest = parents, deepest

    @property
    def parents(self):
        try:
            sys._getframe(self._deepest)
        except ValueError:  # there is no such frame
            return self._parents
        raise RecursionError(f"more than {CALLS} calls within each other; without recursion was asked for")


class _Graph:
    """parents: for each node the numbers of those that it was made from, which come before it; the last is the output."""

    def __init__(self, parents):
        self.parents = parents

    def told(self):
        last = len(self.parents) - 1
        if last > 10:
            return f"the end of a chain of {last + 1:,} nodes, each made from the one before"
        listed = [f"{i}{', the output,' if i == last else ''} has {tuple(p) if p else 'no parents'}" for i, p in enumerate(self.parents)]
        return "a node of this graph: node " + ", ".join(listed)


def _chain(length):
    return _Graph([[], *([i] for i in range(length))])


def _frames():
    """How many calls lie within each other here."""
    frame, n = sys._getframe(), 0
    while frame := frame.f_back:
        n += 1
    return n


def _order_is_right(answer, graph):
    """What holds of the order in which ``answer`` has the nodes of a graph."""
    nodes, deepest = [], _frames() + CALLS
    for parents in graph.parents:
        nodes.append(_Node(tuple(nodes[i] for i in parents), deepest))
    found = list(answer(nodes[-1]))
    under, todo = {nodes[-1]}, [nodes[-1]]
    while todo:
        for parent in todo.pop().parents:
            if parent not in under:
                under.add(parent)
                todo.append(parent)
    place = {node: i for i, node in enumerate(found)}
    return {
        "how many nodes there are": len(found),
        "no node comes twice": len(place) == len(found),
        "all nodes are there": set(found) == under,
        "the output comes first": found[:1] == nodes[-1:],
        "users come first": all(place.get(node, -1) < place.get(parent, len(nodes)) for node in under for parent in node.parents),
    }


def _graphs(rng):
    yield (_Graph([[]]),)
    yield (_Graph([[], [0], [1, 0]]),)  # a shortcut
    yield (_Graph([[], [0, 0], [1, 1], [1, 2]]),)
    for _ in range(15):
        n = int(rng.integers(2, 9))
        yield (_Graph([[int(p) for p in rng.integers(0, i, rng.integers(1, 4))] if i else [] for i in range(n)]),)
    yield (_chain(2000),)  # deeper than recursion goes, and short enough for one who looks through a list at every step


def _recursive(output):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(output)
    return order[::-1]


def _breadth_first(output):
    order, seen = [output], {output}
    for node in order:
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                order.append(parent)
    return order


def _depth_first(output):
    order, seen, todo = [], {output}, [output]
    while todo:
        node = todo.pop()
        order.append(node)
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return order


def _counted_by_paths(output):
    users, todo = {}, [output]
    while todo:
        for parent in todo.pop().parents:
            users[parent] = users.get(parent, 0) + 1
            todo.append(parent)
    order, ready = [], [output]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in node.parents:
            users[parent] -= 1
            if users[parent] == 0:
                ready.append(parent)
    return order


def _parents_first(output):
    return users_first_in_a_loop(output)[::-1]


def _every_path(output):
    order = [output]
    for node in order:
        if len(order) > 10_000:
            break
        order.extend(node.parents)
    return order


USERS_FIRST = Exercise(
    "02.users_first", users_first_in_a_loop, _graphs, outcome=_order_is_right, stars=3,
    mistakes=[
        Mistake("the function calls itself, and Python stops at about a thousand calls within each other; keep a list of what is to be visited", _recursive),
        Mistake("a node is taken as soon as one of its users was; wait until all of them were (count them first)", _breadth_first),
        Mistake("a node is taken when it is seen for the first time, and some of its users come later; wait until all of them were (count them first)",
                _depth_first),
        Mistake("nodes are lost: while counting, a node that is reached twice counts its parents twice, and their count never falls to 0; "
                "remember what was seen", _counted_by_paths),
        Mistake("the order is upside down: the output comes first", _parents_first),
        Mistake("a node that is used twice comes twice; remember what was seen", _every_path),
    ],
    hints=[
        "First walk over all nodes, in any order, and count for each how often it is a parent.",
        "Then begin with the output.  Whenever a node was taken, lower the count of each of its parents by one.",
        "A parent whose count reaches 0 has had all its users taken: it is ready.",
    ],
)  # fmt: skip

EXERCISES = [MATMUL_RULE, UNDO_BROADCAST, BY_HAND, CUBE, USERS_FIRST]
