"""Floor 1: tensors that remember how they were made, and the walk back that differentiates them.

    x = Tensor([3.0], requires_grad=True)
    dx = grad(x * x * x, x, create_graph=True)    # 3 x**2 = 27, itself a tensor with a history ...
    grad(dx, x)                                   # ... so that it can be differentiated again: 6 x = 18

A ``Tensor`` is an array with a pointer to the ``Function`` that made it.  A ``Function`` computes forward on
raw arrays, and backward on tensors: so a gradient is made of recorded operations.  And ``grad`` walks the graph
once, from the output back, each node after all of its users (Griewank & Walther 2008, chapter 3).
"""

import contextlib
import math
import threading

import numpy

from nanogan.backend import DTypeError, ShapeError, asarray, kernels, to_numpy, xp

_thread = threading.local()  # .recording: whether operations record their graph


@contextlib.contextmanager
def _recording(flag):
    before, _thread.recording = getattr(_thread, "recording", True), flag
    try:
        yield
    finally:
        _thread.recording = before


def no_grad():
    """Inside ``with no_grad():``, or a function decorated with it, nothing is recorded: results have no history."""
    return _recording(False)


class Tensor:
    """An array of the backend with a history; ``.data``, and ``.grad`` after ``backward()``, are plain arrays.

    data: an array (its dtype is kept), or numbers and lists (floats become float32).
    requires_grad: whether gradients with respect to it will be asked for; integers cannot have any.
    >>> x = Tensor([[1.0, 2.0]], requires_grad=True)
    >>> (x * x).backward([[1.0, 1.0]]); x.grad
    array([[2., 4.]], dtype=float32)
    """

    __slots__ = ("__weakref__", "data", "grad", "node", "requires_grad")
    __array_ufunc__ = None  # array * tensor asks the tensor

    def __init__(self, data, requires_grad: bool = False):
        self.data = asarray(data)
        if requires_grad and self.data.dtype.kind != "f":
            raise DTypeError(f"Tensor: {self.data.dtype} cannot require gradients; convert it to float32 first")
        self.grad, self.requires_grad = None, requires_grad
        self.node = None  # the Function that made it; None for a leaf

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))

    def backward(self, grad=None):
        """Add this tensor's gradient to ``.grad`` of every leaf under it.  grad: what flows in; 1 for a scalar."""
        if not self.requires_grad:
            raise ValueError("backward: this tensor has no history; nothing that made it requires gradients, or it was made under no_grad")
        order = _inputs_first(self.node)
        inputs = [self, *(t for node in order for t in node.inputs if isinstance(t, Tensor))]
        leaves = list({id(t): t for t in inputs if t.node is None and t.requires_grad}.values())
        for leaf, dleaf in zip(leaves, _walk(self, order, leaves, _incoming(self, grad)), strict=True):
            leaf.grad = dleaf.data.copy() if leaf.grad is None else leaf.grad + dleaf.data

    def detach(self):
        """The same array without the history."""
        return _wrap(self.data)

    def numpy(self):
        """The values as a NumPy array on the host."""
        return to_numpy(self.data)

    def item(self) -> float:
        """The value of a tensor of one element, as a Python number; this waits for the device."""
        return self.data.item()

    def __setitem__(self, index, value):
        raise TypeError("a tensor cannot be assigned to in place: its history would be false; use nanogan.ops, or write into .data of a leaf")

    def __array__(self, *options, **more):
        raise TypeError("NumPy asks for the bare array of a tensor: use x.numpy(), or an operation of nanogan.ops to keep the history")

    def __float__(self):
        return float(self.item())

    def __len__(self):
        return len(self.data)

    def __bool__(self):
        return bool(self.data)

    def __repr__(self):
        history = f", {type(self.node).__name__}" if self.node is not None else ", requires_grad" if self.requires_grad else ""
        return f"Tensor({self.data}, {self.dtype}{history})"


def as_tensor(x) -> Tensor:
    """``x`` itself if it is a tensor, else a tensor around it."""
    return x if isinstance(x, Tensor) else Tensor(x)


def _wrap(array, node=None):
    """A tensor around an array of the backend, without the constructor's questions."""
    t = Tensor.__new__(Tensor)
    t.data, t.grad, t.requires_grad, t.node = array, None, node is not None, node
    return t


class Outline(Tensor):
    """What is left of an input whose values no backward reads: shape, dtype and history."""

    __slots__ = ("dtype", "shape")

    def __init__(self, t):
        self.shape, self.dtype, self.requires_grad, self.node, self.grad = t.shape, t.dtype, t.requires_grad, t.node, None

    def __getattr__(self, name):  # only for what it lacks: data
        raise AttributeError(f"this input's {name} was not kept; a Function that reads it in backward needs keeps_inputs = True")


class Function:
    """One differentiable operation; an instance is one node of the graph.

    Options, given by name, become attributes; calling the instance with tensors runs ``forward`` and records.
    >>> class Square(Function):
    ...     def forward(self, x):              # raw arrays in, a raw array out
    ...         return x * x
    ...     def backward(self, grad):          # tensors in, a tensor (or None) per input out
    ...         x, = self.inputs
    ...         return grad * x * 2,
    >>> x = Tensor(3.0, requires_grad=True)
    >>> grad(grad(Square()(x), x, create_graph=True), x).item()
    2.0

    inputs: the input tensors; a Python number stays one, so that float32 * 0.5 stays float32.
    needs: a bool per input, set before each backward: False where backward need not work and returns None.
    Broadcasting is undone by the engine, not in backward.
    keeps_inputs: False where backward reads no input values, so that they need not be kept.
    backward_fused(grad): optional; the same on raw arrays, run while no graph is being recorded.
    output(array): its output as a tensor again; to hold the tensor itself would be a cycle.
    """

    keeps_inputs = True
    backward_fused = None
    inputs = None

    def __init__(self, **options):
        vars(self).update({k: v.item() if isinstance(v, numpy.generic) else v for k, v in options.items()})

    def __call__(self, *inputs):
        if self.inputs is not None:
            raise ValueError(f"{type(self).__name__}: this instance is a node of a graph already; make a new one for each call")
        inputs = tuple([t if type(t) is Tensor else operand(t) for t in inputs])
        tensors = [t for t in inputs if isinstance(t, Tensor)]
        if len({t.data.dtype for t in tensors}) > 1:
            raise DTypeError(f"{type(self).__name__}: dtypes do not mix ({_describe(tensors)}); make the arrays alike, array.astype('float32')")
        try:
            array = self.forward(*[t.data if isinstance(t, Tensor) else t for t in inputs])
        except ValueError as error:
            raise ShapeError(f"{type(self).__name__}: these do not go together: {_describe(tensors)} ({error})") from error
        array = array if isinstance(array, xp.ndarray) else xp.asarray(array)
        if not (getattr(_thread, "recording", True) and True in [t.requires_grad for t in tensors]):
            return _wrap(array)
        if not self.keeps_inputs:
            inputs = tuple(Outline(t) if isinstance(t, Tensor) and (t.node is not None or not t.requires_grad) else t for t in inputs)
        self.inputs = inputs
        return _wrap(array, self)

    def output(self, array):
        return _wrap(array, self)


def operand(x):
    """A tensor, or a Python number.  numpy.float64 is a Python float too, but promotes: it becomes a plain one."""
    x = x.item() if isinstance(x, numpy.generic) else x
    return x if isinstance(x, (Tensor, bool, int, float)) else Tensor(x)


def _describe(tensors):
    return ", ".join(f"{t.dtype} {t.shape}" for t in tensors)


class Light(Function):
    """A Function whose backward reads no inputs: it is linear, or keeps its output or a mask instead."""

    keeps_inputs = False


class Add(Light):
    """a + b, broadcasting.  With the next two it makes the sums in the walk differentiable again."""

    def forward(self, a, b):
        return kernels.add(a, b)

    def backward(self, grad):
        return grad, grad


class SumTo(Light):
    """Sum to a ``shape`` that broadcasts to the input's: the transpose of broadcasting."""

    def forward(self, x):
        shape = (1,) * (x.ndim - len(self.shape)) + self.shape
        axes = tuple(i for i in range(x.ndim) if shape[i] != x.shape[i])
        return (kernels.sum(x, axes) if axes else x).reshape(self.shape)

    def backward(self, grad):
        return (BroadcastTo(shape=self.inputs[0].shape)(grad),)


class BroadcastTo(Light):
    """Repeat along axes of length 1, and along new axes in front, up to ``shape``."""

    def forward(self, x):
        return xp.broadcast_to(x, self.shape)

    def backward(self, grad):
        return (SumTo(shape=self.inputs[0].shape)(grad),)


def grad(output: Tensor, inputs, grad_output=None, create_graph: bool = False, strict: bool = False) -> Tensor | list[Tensor]:
    """The gradient of ``output`` with respect to ``inputs``: a tensor for a tensor, a list for a list.

    output: a scalar, or of any shape if ``grad_output``, what flows in, has the same.
    inputs: tensors that require gradients, leaves or results on the way.
    create_graph: record the computation of the gradient, so that it can be differentiated again.
    strict: raise ValueError for an input that does not reach the output; it gets zeros otherwise.
    Nothing is stored, and only what leads to ``inputs`` is computed.  Results may share memory: do not write into them.
    >>> x, y = Tensor(2.0, requires_grad=True), Tensor(5.0, requires_grad=True)
    >>> [g.item() for g in grad(x * y, [x, y])]
    [5.0, 2.0]
    """
    wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for i, t in enumerate(wanted):
        if not isinstance(t, Tensor) or not t.requires_grad:
            raise ValueError(f"grad: input {i} ({t!r:.60}) does not require gradients; make it with Tensor(..., requires_grad=True)")
    grads = _walk(output, _inputs_first(output.node), wanted, _incoming(output, grad_output), create_graph, strict)
    return grads[0] if isinstance(inputs, Tensor) else grads


def _incoming(output, grad_output):
    """What flows into the output: given, or 1 for a scalar."""
    if grad_output is None and output.size != 1:
        raise ShapeError(f"grad: the output has shape {output.shape}; sum it, or say what flows in by a grad_output of that shape")
    grad_output = xp.ones(output.shape, dtype=output.dtype) if grad_output is None else grad_output
    flowing = grad_output if isinstance(grad_output, Tensor) else _wrap(xp.asarray(grad_output, dtype=output.dtype))
    if (flowing.shape, flowing.dtype) != (output.shape, output.dtype):
        raise ShapeError(f"grad: grad_output is {flowing.dtype} {flowing.shape}, the output {output.dtype} {output.shape}")
    return flowing


def _inputs_first(root):
    """Every node under ``root``, each once, inputs before their users.  A stack, not recursion: any depth works."""
    order, seen, stack = [], set(), [(root, False)] if root is not None else []
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((t.node, False) for t in node.inputs if isinstance(t, Tensor) and t.node is not None and t.node not in seen)
    return order


def _place(t):
    """Where the gradient of ``t`` gathers: at the node that made it, or at the leaf itself."""
    return t if t.node is None else t.node


def _walk(output, order, wanted, incoming, create_graph=False, strict=False):
    """The gradient at each wanted tensor, with ``order`` walked back.  A place is where gradients meet: a node, or a leaf."""
    places = {_place(t) for t in wanted}
    leads = set(places)  # what leads to a wanted tensor: a node does if one of its inputs does
    for node in order:
        if True in [_place(t) in leads for t in node.inputs if isinstance(t, Tensor)]:
            leads.add(node)
    grads = {_place(output): incoming}  # by place: where a tensor is used twice, as in a + a, both gradients meet and add up
    with _recording(create_graph):
        for node in reversed(order):
            node.needs = tuple([isinstance(t, Tensor) and _place(t) in leads for t in node.inputs])
            if True not in node.needs or node not in grads:
                continue
            flowing = grads[node] if node in places else grads.pop(node)
            if node.backward_fused is None or create_graph:
                flown = node.backward(flowing)
            else:
                flown = [d if d is None else _wrap(d) for d in node.backward_fused(flowing.data)]
            for t, need, dt in zip(node.inputs, node.needs, flown, strict=True):
                if need and dt is not None:
                    dt, place = _unbroadcast(dt, t.shape, node), _place(t)
                    grads[place] = Add()(grads[place], dt) if place in grads else dt
    if strict and not places <= grads.keys():
        missing = [i for i, t in enumerate(wanted) if _place(t) not in grads]
        raise ValueError(f"grad: inputs {missing} do not reach the output; if it is made of a gradient, take that one with create_graph=True")
    return [grads[_place(t)] if _place(t) in grads else _wrap(xp.zeros(t.shape, dtype=t.dtype)) for t in wanted]


def _unbroadcast(dt, shape, node):
    """Sum ``dt`` over the axes along which an input of ``shape`` was repeated."""
    if dt.shape == shape:
        return dt
    if dt.ndim < len(shape) or any(n not in (1, m) for n, m in zip(shape[::-1], dt.shape[::-1], strict=False)):
        raise ShapeError(f"{type(node).__name__}.backward: returned a gradient of shape {dt.shape} for an input of shape {shape}")
    return SumTo(shape=shape)(dt)
