"""The peer's networks: an ``nn.Sequential`` of ours, layer by layer, in PyTorch's own layers and layout.

PyTorch keeps images as (N, C, H, W), kernels as (out, in, KH, KW) and, of a transposed convolution, (in, out, KH, KW).

And it sees every image mirrored, up against down and left against right, with mirrored kernels, which comes to the same
numbers.  Where "same" padding is uneven, TensorFlow's odd pixel goes after; PyTorch's layers can have it before,
without a further operation: ``Conv2d(padding=)`` because the last row of padding then goes unused,
``ConvTranspose2d(padding=, output_padding=)`` by its definition.  Nobody who writes PyTorch would pad by hand there.
"""

import math

import numpy
import torch
from torch import nn

from nanogan import nn as ours
from nanogan.autograd import no_grad
from nanogan.backend import NanoganError
from nanogan.ops.convolution import pair, resolve_padding


def images(array):
    """An array (N, H, W, C) as a tensor (N, C, H, W), mirrored; one (N, features) as it is."""
    array = array[:, ::-1, ::-1].transpose(0, 3, 1, 2) if array.ndim == 4 else array
    return torch.from_numpy(array.copy())


class Peer:
    """``.module``, a torch.nn.Sequential that computes what ``network`` does for samples of ``shape``, and the door to its weights."""

    def __init__(self, network, shape):
        self.links = []  # (name of our layer, our layer, theirs, order of the features before it, after it)
        layers = traced(network, shape)
        modules = []
        for i, (name, layer, before, after) in enumerate(layers):
            made = translated(layer, before, after)
            modules += made
            orders = order(before, layers, i), order(after, layers, i + 1)
            self.links.append((name, layer, made[-1], *orders))
        self.module = nn.Sequential(*modules)

    def load(self, state):
        """Take over ``state``, as the state_dict of ours has it."""
        with torch.no_grad():
            for name, layer, theirs, before, after in self.links:
                for key, tensor in tensors(layer, theirs):
                    array = state[f"{name}.{key}"]
                    if array.ndim == 4:
                        array = array[::-1, ::-1].transpose(3, 2, 0, 1)  # (KH, KW, C, O) -> (O, C, KH, KW)
                    elif array.ndim == 2:
                        array = array[before][:, after].T  # (in, out) -> (out, in)
                    else:
                        array = array[after]
                    tensor.copy_(torch.from_numpy(array.copy()))


def tensors(layer, theirs):
    """(name in our layer, tensor of theirs) of each parameter and moving statistic."""
    names = {"weight": "weight", "bias": "bias"}
    if isinstance(layer, ours.BatchNorm):
        names = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_var": "running_var"}
    return [(name, getattr(theirs, their_name)) for name, their_name in names.items() if getattr(layer, name, None) is not None]


def traced(network, shape):
    """(name, layer, shape before it, shape after it) for each layer, without the batch axis."""
    layers, x = [], numpy.zeros((1, *shape), numpy.float32)
    network.eval()
    with no_grad():
        for name, layer in vars(network).items():
            if isinstance(layer, ours.Module):
                before, x = x.shape[1:], layer(x)
                layers.append((name, layer, before, x.shape[1:]))
    network.train()
    return layers


AS_IT_IS = slice(None)


def order(shape, layers, i):
    """Where PyTorch has the features of ``shape`` before layer ``i``: elsewhere if they are an image laid out flat.

    They are if a Reshape makes an image of them before the next dense layer, or a Flatten made them of one.
    """
    if len(shape) != 1:
        return AS_IT_IS
    for _, layer, _, after in layers[i:]:
        if isinstance(layer, ours.Dense):
            break
        if isinstance(layer, ours.Reshape):
            return flat_order(after)
    for _, layer, before, _ in reversed(layers[:i]):
        if isinstance(layer, ours.Dense):
            break
        if isinstance(layer, ours.Flatten):
            return flat_order(before)
    return AS_IT_IS


def flat_order(shape):
    """Index of our feature, for each feature of PyTorch's, in an image (H, W, C) laid out flat."""
    index = numpy.arange(math.prod(shape)).reshape(shape)
    return index[::-1, ::-1].transpose(2, 0, 1).ravel() if len(shape) == 3 else AS_IT_IS


def translated(layer, before, after):
    """PyTorch's modules for a layer of ours; the one with the weights is the last."""
    if isinstance(layer, (ours.Conv2D, ours.ConvTranspose2D)):
        return convolution(layer, before, after)
    if isinstance(layer, ours.Dense):
        return [nn.Linear(*layer.weight.shape, bias=layer.bias is not None)]
    if isinstance(layer, ours.BatchNorm):
        kind = nn.BatchNorm2d if len(before) == 3 else nn.BatchNorm1d
        return [kind(before[-1], eps=layer.eps, momentum=1 - layer.momentum)]
    if isinstance(layer, ours.Reshape):
        return [nn.Unflatten(1, (after[2], *after[:2]))]
    if isinstance(layer, ours.LeakyReLU):
        return [nn.LeakyReLU(layer.slope, inplace=True)]
    if isinstance(layer, ours.Dropout):
        return [nn.Dropout(layer.rate)]
    simple = {ours.ReLU: lambda: nn.ReLU(inplace=True), ours.Tanh: nn.Tanh, ours.Sigmoid: nn.Sigmoid, ours.Flatten: nn.Flatten}
    if type(layer) not in simple:
        raise NanoganError(f"PyTorch's side of the benchmark has no translation of {type(layer).__name__}")
    return [simple[type(layer)]()]


def convolution(layer, before, after):
    """Either kind.  Padding that PyTorch's layer cannot have goes into a layer of its own."""
    transposed = isinstance(layer, ours.ConvTranspose2D)
    stride, kernel, bias = pair("stride", layer.stride), layer.weight.shape[:2], layer.bias is not None
    large, small = (after, before) if transposed else (before, after)
    pads = resolve_padding(layer.padding, large[:2], kernel, stride)
    unused = [(n + sum(p) - k) % s for n, p, k, s in zip(large[:2], pads, kernel, stride, strict=True)]  # rows after the last window
    first = tuple(after - u for (_, after), u in zip(pads, unused, strict=True))  # mirrored: what was after is before
    odd = tuple(f - before for f, (before, _) in zip(first, pads, strict=True))
    fits = all(f >= 0 and 0 <= o < s for f, o, s in zip(first, odd, stride, strict=True))  # odd rows make no further window
    if transposed:
        if any(unused) or not fits:
            raise NanoganError(
                f"PyTorch's side of the benchmark has no translation of ConvTranspose2D from {before} to {after} with the padding {pads}"
            )
        return [nn.ConvTranspose2d(small[2], large[2], kernel, stride, first, odd, bias=bias)]
    if fits:
        return [nn.Conv2d(large[2], small[2], kernel, stride, first, bias=bias)]
    (top, _), (left, _) = pads
    return [nn.ZeroPad2d((first[1], left, first[0], top)), nn.Conv2d(large[2], small[2], kernel, stride, bias=bias)]
