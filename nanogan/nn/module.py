"""Networks as objects that own parameters, as in ``Sequential(Dense(100, 256), LeakyReLU(0.2), Dense(256, 1))``."""

from nanogan.autograd import Tensor
from nanogan.backend import copy_into, to_numpy


class Module:
    """A part of a network.  Tensors among its attributes are its parameters, modules its parts; lists of them are looked into.
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Tensor(2.0, requires_grad=True)
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(Tensor(3.0)).item()
    6.0
    """

    training = True
    statistics = ()  # names of plain arrays that are kept and saved, but not trained

    def __call__(self, *inputs):
        return self.forward(*inputs)

    def fused_with(self, after):
        """This layer and the one ``after`` it as a single function, where that is faster and the same; else None."""

    def attributes(self):
        """(name, value) of every attribute, with lists and tuples opened: layers.0, layers.1, ..."""
        for key, value in vars(self).items():
            yield from ((f"{key}.{i}", v) for i, v in enumerate(value)) if isinstance(value, (list, tuple)) else [(key, value)]

    def modules(self, name=""):
        """(name, module) of every part, in order of definition, this one first."""
        yield name, self
        for key, value in self.attributes():
            if isinstance(value, Module):
                yield from value.modules(f"{name}.{key}".lstrip("."))

    def named_state(self, prefix=""):
        """(name, tensor or array) of every parameter and statistic, in order of definition."""
        for key, value in self.attributes():
            if isinstance(value, Module):
                yield from value.named_state(f"{prefix}{key}.")
            elif (isinstance(value, Tensor) and value.node is None) or key in self.statistics:
                yield prefix + key, value

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """(name, tensor) pairs, a list in order of definition."""
        return [(name, value) for name, value in self.named_state() if isinstance(value, Tensor)]

    def parameters(self) -> list[Tensor]:
        """The tensors that training changes, a list in order of definition."""
        return list({id(value): value for _, value in self.named_parameters()}.values())  # a layer used twice counts once

    def state_dict(self) -> dict:
        """Parameters and moving statistics by name, as NumPy arrays (copies)."""
        return {name: to_numpy(value).copy() for name, value in self.named_state()}

    def load_state_dict(self, state: dict) -> None:
        """Write ``state`` into the existing arrays; names and shapes must agree exactly, or nothing is written."""
        copy_into({name: value.data if isinstance(value, Tensor) else value for name, value in self.named_state()}, state)

    def astype(self, dtype):
        """Convert every parameter and statistic, to float64 for a gradient check, say; returns the module."""
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)
        for _, module in self.modules():
            for key in vars(module).keys() & module.statistics:
                setattr(module, key, getattr(module, key).astype(dtype))
        return self

    def train(self, training: bool = True):
        """Training mode: batch statistics, dropout on.  Returns the module."""
        for _, module in self.modules():
            module.training = training
        return self

    def eval(self):
        """Inference mode: moving statistics, no dropout.  Returns the module."""
        return self.train(False)


class Sequential(Module):
    """Layers one after the other, named after their kind: dense_1, leakyrelu_1, dense_2, ..."""

    def __init__(self, *layers):
        if wrong := [layer for layer in layers if not isinstance(layer, Module)]:
            raise TypeError(f"Sequential: {wrong[0]!r:.80} is no layer; write nn.ReLU(), not nn.ReLU or ops.relu, and Sequential(*layers) for a list")
        kinds = [type(layer).__name__.lower() for layer in layers]
        for i, layer in enumerate(layers):
            setattr(self, f"{kinds[i]}_{kinds[: i + 1].count(kinds[i])}", layer)

    def forward(self, x):
        layers = [layer for layer in vars(self).values() if isinstance(layer, Module)]
        while layers:
            layer, *layers = layers
            if layers and (fused := layer.fused_with(layers[0])):
                layer, *layers = fused, *layers[1:]
            x = layer(x)
        return x
