"""Floor 3: optimisers, which change parameters in place.

    opt = Adam(net.parameters(), lr=2e-4, beta1=0.5)
    opt.step(grad(loss, net.parameters()))

An optimiser that steps changes the weights under every graph that still stands: where two networks
train on one graph, take both gradients before either steps.
"""

from nanogan.autograd import Tensor
from nanogan.backend import ShapeError, copy_into, kernels, to_numpy, xp


class Counter:
    """How many steps were taken; two optimisers may share one, as two networks compiled with one Keras optimiser do."""

    def __init__(self):
        self.steps = 0


class Optimizer:
    """What all share: parameters, slots (arrays like the parameters, by name) and a step counter."""

    slots = ()

    def __init__(self, params, counter=None):
        self.params = list(params)
        if not self.params or not all(isinstance(p, Tensor) for p in self.params):
            raise ValueError(f"{type(self).__name__}: needs a list of tensors, such as net.parameters(); got {self.params!r:.60}")
        self.counter = counter or Counter()
        for slot in self.slots:
            setattr(self, slot, [xp.zeros_like(p.data) for p in self.params])

    def step(self, grads=None):
        """Update every parameter.  grads: tensors or arrays in the order of params; by default each ``.grad``.

        Raises ShapeError where gradients and parameters do not match, and ValueError where one is missing.
        """
        grads = [p.grad for p in self.params] if grads is None else list(grads)
        if len(grads) != len(self.params):
            raise ShapeError(f"{type(self).__name__}.step: {len(grads)} gradients for {len(self.params)} parameters")
        grads = [g.data if isinstance(g, Tensor) else g for g in grads]
        for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
            if g is None:
                raise ValueError(f"{type(self).__name__}.step: parameter {i} {p.shape} has no gradient; call backward() first or pass grads")
            if g.shape != p.shape or g.dtype != p.dtype:
                raise ShapeError(f"{type(self).__name__}.step: gradient {i} is {g.dtype} {g.shape}, its parameter {p.dtype} {p.shape}")
        self.counter.steps += 1
        for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
            self.update(p.data, g, *(getattr(self, slot)[i] for slot in self.slots))

    def zero_grad(self):
        """Forget every ``.grad``."""
        for p in self.params:
            p.grad = None

    def _arrays(self):
        return {f"{slot}.{i}": array for slot in self.slots for i, array in enumerate(getattr(self, slot))}

    def state_dict(self):
        """Slots and step counter by name, as NumPy arrays (copies)."""
        return {name: to_numpy(array).copy() for name, array in self._arrays().items()} | {"steps": to_numpy([self.counter.steps])}

    def load_state_dict(self, state):
        """Write ``state`` into the slots; names and shapes must agree exactly, or nothing is written."""
        steps = xp.zeros(1, dtype=xp.int64)
        copy_into(self._arrays() | {"steps": steps}, state)
        self.counter.steps = int(steps[0])


class SGD(Optimizer):
    """Gradient descent: velocity = momentum * velocity + g;  p -= lr * velocity.

    >>> p = Tensor([1.0], requires_grad=True)
    >>> SGD([p], lr=0.1).step([xp.ones(1, xp.float32)]); p
    Tensor([0.9], float32, requires_grad)
    """

    def __init__(self, params, lr, momentum=0.0):
        self.lr, self.momentum, self.slots = lr, momentum, ("velocity",) if momentum else ()
        super().__init__(params)

    def update(self, p, g, velocity=None):
        kernels.sgd_step(p, g, velocity, self.lr, self.momentum)


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015): steps of about ``lr`` in each entry, whatever the gradient's scale.

    eps_hat: False is the algorithm as boxed in the paper, and PyTorch's; True is the form at the end of
    its section 2, and Keras's (with eps 1e-7).  counter: another optimiser's, to count steps together.
    """

    slots = ("m", "v")

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, eps_hat=False, counter=None):
        super().__init__(params, counter)
        self.lr, self.beta1, self.beta2, self.eps, self.eps_hat = lr, beta1, beta2, eps, eps_hat

    def update(self, p, g, m, v):
        kernels.adam_step(p, g, m, v, self.counter.steps, self.lr, self.beta1, self.beta2, self.eps, self.eps_hat)
