"""Floor 3: optimisers, as in ``Adam(net.parameters(), lr=2e-4).step(grad(loss, net.parameters()))``.

A step changes the weights in place, under every graph that still stands: take every gradient before it.
"""

import types

from nanogan.autograd import Tensor
from nanogan.backend import ShapeError, copy_into, kernels, to_numpy, xp


class Optimizer:
    """What all share: parameters, a step counter, and slots: arrays like the parameters, by name.  ``update`` gets lists: arrays, gradients, slots."""

    slots = ()

    def __init__(self, params, counter=None):
        self.params, self.counter = list(params), counter or types.SimpleNamespace(steps=0)
        if not self.params or not all(isinstance(p, Tensor) for p in self.params):
            raise ValueError(f"{type(self).__name__}: needs a list of tensors, such as net.parameters(), not {self.params!r:.60}")
        self.state = {slot: [xp.zeros_like(p.data) for p in self.params] for slot in self.slots}

    def step(self, grads=None) -> None:
        """Update every parameter.  grads: tensors or arrays in the order of params; by default each ``.grad``."""
        grads = [p.grad for p in self.params] if grads is None else [g.data if isinstance(g, Tensor) else g for g in grads]
        if len(grads) != len(self.params):
            raise ShapeError(f"{type(self).__name__}.step: {len(grads)} gradients for {len(self.params)} parameters")
        for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
            if g is None or g.shape != p.shape or g.dtype != p.dtype:
                has = "missing: call backward() first" if g is None else f"{g.dtype} {g.shape}"
                raise ShapeError(f"{type(self).__name__}.step: gradient {i} is {has}, its parameter {p.dtype} {p.shape}")
        self.counter.steps += 1
        self.update([p.data for p in self.params], grads, *self.state.values())

    def zero_grad(self) -> None:
        """Forget every ``.grad``."""
        for p in self.params:
            p.grad = None

    def _arrays(self):
        return {f"{slot}.{i}": array for slot, arrays in self.state.items() for i, array in enumerate(arrays)}

    def state_dict(self) -> dict:
        """Slots and step counter by name, as NumPy arrays (copies)."""
        return {name: to_numpy(array).copy() for name, array in self._arrays().items()} | {"steps": to_numpy([self.counter.steps])}

    def load_state_dict(self, state: dict) -> None:
        """Write ``state`` into the slots; names and shapes must agree exactly, or nothing is written."""
        steps = xp.zeros(1, dtype=xp.int64)
        copy_into(self._arrays() | {"steps": steps}, state)
        self.counter.steps = int(steps[0])


class SGD(Optimizer):
    """Gradient descent: velocity = momentum * velocity + g;  p -= lr * velocity."""

    def __init__(self, params, lr: float, momentum: float = 0.0):
        self.lr, self.momentum, self.slots = lr, momentum, ("velocity",) if momentum else ()
        super().__init__(params)

    def update(self, params, grads, velocities=None):
        kernels.sgd_step(params, grads, velocities, self.lr, self.momentum)


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015): steps of about ``lr`` in each entry, whatever the gradient's scale.

    eps_hat: False for PyTorch's form, True for Keras's (with eps 1e-7); ``reference.adam_step`` has both.
    counter: another optimiser's, to count steps together, as two Keras models do with one optimiser.
    """

    slots = ("m", "v")

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, eps_hat=False, counter=None):
        super().__init__(params, counter)
        self.lr, self.beta1, self.beta2, self.eps, self.eps_hat = lr, beta1, beta2, eps, eps_hat

    def update(self, params, grads, m, v):
        kernels.adam_step(params, grads, m, v, self.counter.steps, self.lr, self.beta1, self.beta2, self.eps, self.eps_hat)
