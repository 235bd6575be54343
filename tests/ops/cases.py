"""One table of cases per public operation, from which every test of an operation is made.

A case says how to call the operation, on which inputs, what NumPy or a loop says the answer is (the
oracle, which never calls nanogan), and what to call in PyTorch.
"""

import importlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import oracles

from nanogan import ops


class Later:
    """A module imported when it is first used: the table must load where PyTorch is missing."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        return getattr(importlib.import_module(self._name), attribute)


torch, F = Later("torch"), Later("torch.nn.functional")


# Where inputs come from: away from kinks (|x| >= 0.2), positive, inside (0, 1), or all different.
def away(*shape):
    return lambda rng: rng.uniform(0.2, 1.2, shape) * rng.choice([-1, 1], shape)


def positive(*shape):
    return lambda rng: rng.uniform(0.3, 1.7, shape)


def probability(*shape):
    return lambda rng: rng.uniform(0.1, 0.9, shape)


def distinct(*shape):
    return lambda rng: (rng.permutation(int(np.prod(shape))) / np.prod(shape)).reshape(shape) - 0.4


@dataclass(frozen=True)
class Case:
    op: str
    variant: str
    fn: Callable
    inputs: tuple  # shapes, arrays, or functions of a random generator
    oracle: Callable
    torch: Callable  # the same in PyTorch
    batch: tuple = ()  # which inputs have the batch as their first axis
    empty: str = "works"  # what an empty batch does: "works" or "refuses"

    def __str__(self):
        return f"{self.op}-{self.variant}" if self.variant else self.op

    def arrays(self, dtype=np.float64):
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        made = [(away(*i) if isinstance(i, tuple) else i) for i in self.inputs]
        return [np.asarray(i(rng) if callable(i) else i, dtype) for i in made]


def penalty(case, grads):
    """sum over the inputs of mean((||grad|| - 1)^2), the length sample by sample where there are samples."""
    lengths = [ops.norm(g, tuple(range(1, g.ndim)) if i in case.batch else None) for i, g in enumerate(grads)]
    return sum((ops.mean((length - 1) ** 2) for length in lengths), start=0.0)


CASES = []


def case(op, variant, fn, inputs, oracle, torch, batch=(), empty="works"):
    CASES.append(Case(op, variant, fn, tuple(inputs), oracle, torch, batch, empty))


# arithmetic


def binary(op, symbol, second=away):
    """An operation of two operands and its operator: every way of broadcasting, and numbers on either side."""
    shapes = {"": ((2, 3), (2, 3)), "row": ((2, 3), (3,)), "outer": ((3, 1), (1, 2)), "scalar": ((2, 3), ())}
    for variant, (a, b) in shapes.items():
        case(op, variant, getattr(ops, op), [a, second(*b)], symbol, symbol)
    case(op, "number-right", lambda a: getattr(ops, op)(a, 1.5), [(2, 3)], lambda a: symbol(a, 1.5), lambda a: symbol(a, 1.5), batch=(0,))
    case(op, "number-left", lambda b: getattr(ops, op)(1.5, b), [second(2, 3)], lambda b: symbol(1.5, b), lambda b: symbol(1.5, b))
    case(op, "operator", symbol, [(2, 3), second(2, 3)], symbol, symbol, batch=(0, 1))
    case(op, "twice", lambda a: symbol(a, a), [second(2, 3)], lambda a: symbol(a, a), lambda a: symbol(a, a))


binary("add", lambda a, b: a + b)
binary("subtract", lambda a, b: a - b)
binary("multiply", lambda a, b: a * b)
binary("divide", lambda a, b: a / b, positive)
case("divide", "negative-divisor", ops.divide, [(2, 3), (2, 3)], np.divide, lambda a, b: a / b)

for n in (2, 3, -1, -2, 0.5, 1.5, 1, 0):
    case("power", str(n), lambda x, n=n: ops.power(x, n), [positive(2, 3)], lambda x, n=n: x**n, lambda x, n=n: x**n, batch=(0,))
case("power", "operator-negative-base", lambda x: x**3, [(2, 3)], lambda x: x * x * x, lambda x: x**3)

for op, kind, oracle in [
    ("negative", away, np.negative),
    ("exp", away, np.exp),
    ("log", positive, np.log),
    ("sqrt", positive, np.sqrt),
    ("abs", away, np.abs),
    ("tanh", away, np.tanh),
    ("sigmoid", away, lambda x: 1 / (1 + np.exp(-x))),
    ("softplus", away, lambda x: np.log(1 + np.exp(x))),
    ("relu", away, lambda x: np.where(x > 0, x, 0)),
]:
    in_torch = (lambda x: F.softplus(x)) if op == "softplus" else lambda x, op=op: getattr(torch, op)(x)
    case(op, "", getattr(ops, op), [kind(2, 3)], oracle, in_torch, batch=(0,))
    case(op, "scalar", getattr(ops, op), [kind()], oracle, in_torch)

for slope in (0.2, 0.0, -0.5):
    case("leaky_relu", f"slope{slope}", lambda x, s=slope: ops.leaky_relu(x, s), [(3, 4)], lambda x, s=slope: np.where(x > 0, x, s * x),
         lambda x, s=slope: F.leaky_relu(x, s), batch=(0,))  # fmt: skip

for rate in (0.3, 0.5):
    mask = oracles.dropout_mask(5, (3, 4), rate) / (1 - rate)
    case("dropout", f"rate{rate}", lambda x, r=rate: ops.dropout(x, r, key=5), [(3, 4)], lambda x, m=mask: x * m[: len(x)],
         lambda x, m=mask: x * torch.tensor(m)[: len(x)], batch=(0,))  # fmt: skip
case("dropout", "inference", lambda x: ops.dropout(x, 0.5, training=False) * x, [(3, 4)], np.square, lambda x: x * x, batch=(0,))

case("maximum", "", ops.maximum, [distinct(2, 3), lambda rng: distinct(2, 3)(rng) + 0.05], np.maximum, lambda a, b: torch.maximum(a, b), batch=(0, 1))
case("maximum", "row", ops.maximum, [distinct(4, 3), [0.01, -0.22, 0.34]], np.maximum, lambda a, b: torch.maximum(a, b))
case("maximum", "number", lambda a: ops.maximum(a, 0), [(2, 3)], lambda a: np.where(a > 0, a, 0), lambda a: torch.relu(a), batch=(0,))
case("maximum", "number-left", lambda a: ops.maximum(0.1, a), [(2, 3)], lambda a: np.where(a > 0.1, a, 0.1), lambda a: a.clamp(min=0.1))


# reductions


def axes(x, axis):
    return tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis


REDUCTIONS = {
    "sum": (away, lambda x, a, k: x.sum(dim=a, keepdim=k), np.add.reduce),
    "mean": (away, lambda x, a, k: x.mean(dim=a, keepdim=k), np.mean),
    "var": (away, lambda x, a, k: x.var(dim=a, keepdim=k, correction=0), lambda x, **o: np.mean(x**2, **o) - np.mean(x, **o) ** 2),
    "max": (distinct, lambda x, a, k: x.amax(dim=a, keepdim=k), np.maximum.reduce),
    "norm": (away, lambda x, a, k: torch.linalg.vector_norm(x, dim=a, keepdim=k), lambda x, **o: np.sqrt(np.sum(x**2, **o))),
}
for op, (kind, in_torch, oracle) in REDUCTIONS.items():
    for variant, axis, keep in [
        ("all", None, False),
        ("axis0", 0, False),
        ("last", -1, True),
        ("per-sample", (1, 2), False),
        ("all-kept", None, True),
    ]:
        case(op, variant, lambda x, op=op, a=axis, k=keep: getattr(ops, op)(x, a, k), [kind(2, 3, 2)],
             lambda x, f=oracle, a=axis, k=keep: f(x, axis=axes(x, a), keepdims=k), lambda x, f=in_torch, a=axis, k=keep: f(x, axes(x, a), k),
             batch=(0,), empty="refuses" if op in ("mean", "var", "max") and axis in (None, 0) else "works")  # fmt: skip
case("norm", "constant", lambda x: ops.norm(x, 1), [np.ones((2, 4))], lambda x: np.sqrt((x * x).sum(1)), lambda x: torch.linalg.vector_norm(x, dim=1))
case("sum", "method", lambda x: x.sum(axis=1) + x.mean(1) + x.max(axis=1), [distinct(2, 3)], lambda x: x.sum(1) + x.mean(1) + x.max(1),
     lambda x: x.sum(1) + x.mean(1) + x.amax(1), batch=(0,))  # fmt: skip


# shaping

case("reshape", "", lambda x: ops.reshape(x, (3, 4)), [(2, 6)], lambda x: x.reshape(3, 4), lambda x: x.reshape(3, 4))
case(
    "reshape",
    "rest",
    lambda x: x.reshape(x.shape[0], -1),
    [(2, 3, 2)],
    lambda x: np.array([s.ravel() for s in x]).reshape(len(x), 6),
    lambda x: x.flatten(1),
)
case("reshape", "scalar", lambda x: x.reshape(()), [(1, 1)], lambda x: x[0, 0], lambda x: x.reshape(()))
case("transpose", "", lambda x: x.T, [(2, 3)], lambda x: np.array([x[:, i] for i in range(3)]), lambda x: x.T)
case("transpose", "square", ops.transpose, [(3, 3)], lambda x: np.array([x[:, i] for i in range(3)]), lambda x: x.T)
case("transpose", "cycle", lambda x: ops.transpose(x, (2, 0, 1)), [(2, 3, 4)], lambda x: np.moveaxis(x, 2, 0), lambda x: x.permute(2, 0, 1))
case("transpose", "negative-axes", lambda x: ops.transpose(x, (0, -1, 1)), [(2, 3, 4)], lambda x: np.swapaxes(x, 1, 2),
     lambda x: x.permute(0, 2, 1), batch=(0,))  # fmt: skip
for variant, shape, to in [("row", (3,), (2, 3)), ("column", (2, 1), (2, 3)), ("both", (3, 1), (2, 3, 2)), ("scalar", (), (2, 2))]:
    case("broadcast_to", variant, lambda x, to=to: ops.broadcast_to(x, to), [shape], lambda x, to=to: x + np.zeros(to), lambda x, to=to: x.expand(to))
case("concatenate", "", lambda a, b: ops.concatenate([a, b]), [(2, 3), (1, 3)], lambda a, b: np.array([*a, *b]), lambda a, b: torch.cat([a, b]))
case("concatenate", "last-of-three", lambda a, b, c: ops.concatenate([a, b, c], axis=-1), [(2, 1, 2), (2, 1, 3), (2, 1, 1)],
     lambda *xs: np.dstack(xs), lambda *xs: torch.cat(xs, -1), batch=(0, 1, 2))  # fmt: skip
case("concatenate", "itself", lambda a: ops.concatenate([a, a * 2, a], axis=1), [(2, 2)], lambda a: np.hstack([a, 2 * a, a]), lambda a: torch.cat([a, 2 * a, a], 1),
     batch=(0,))  # fmt: skip
for variant, index in [
    ("slice", (slice(None), slice(1, None))),
    ("steps", (slice(None), slice(None, None, 2))),
    ("integer", (slice(None), -1)),
    ("new-axis", (Ellipsis, None, 0)),
    ("repeated", ([0, 2, 0, 0],)),
    ("pairs", (np.array([0, 1, 1]), np.array([2, 0, 2]))),
    ("mask", (np.arange(12).reshape(3, 4) % 5 > 1,)),
]:
    case("getitem", variant, lambda x, i=index: x[i], [(3, 4)], lambda x, i=index: x[i], lambda x, i=index: x[i])
case("getitem", "backwards", lambda x: ops.getitem(x, slice(None, None, -1)), [(3, 4)], np.flipud, lambda x: x.flip(0), batch=(0,))
case("getitem", "overlapping", lambda x: x[1:] * x[:-1], [(4, 2)], lambda x: x[1:] * x[:-1], lambda x: x[1:] * x[:-1])
case("pad", "", lambda x: ops.pad(x, [(1, 2), (0, 1)]), [(2, 3)], lambda x: np.pad(x, [(1, 2), (0, 1)]), lambda x: F.pad(x, (0, 1, 1, 2)))
case(
    "pad", "one-side", lambda x: ops.pad(x, [(0, 0), (3, 0)]), [(2, 2)], lambda x: np.pad(x, [(0, 0), (3, 0)]), lambda x: F.pad(x, (3, 0)), batch=(0,)
)


# products


def product(a, b):
    return np.einsum("...mk,...kn->...mn", a, b)


for variant, a, b in [
    ("", (2, 3), (3, 4)),
    ("square", (3, 3), (3, 3)),
    ("batched", (2, 2, 3), (2, 3, 2)),
    ("broadcast", (2, 1, 2, 3), (2, 3, 2)),
    ("row", (1, 3), (3, 1)),
]:
    case("matmul", variant, lambda a, b: a @ b, [a, b], product, lambda a, b: a @ b, batch=(0,) if variant == "" else ())
case("matmul", "with-itself", lambda a: ops.matmul(a, a), [(3, 3)], lambda a: product(a, a), lambda a: a @ a)
case("dense", "", ops.dense, [(2, 3), (3, 4), (4,)], lambda x, w, b: product(x, w) + b, lambda x, w, b: F.linear(x, w.T, b), batch=(0,))
case("dense", "no-bias", ops.dense, [(1, 3), (3, 2)], product, lambda x, w: F.linear(x, w.T), batch=(0,))


# convolutions

VALID = ((0, 0), (0, 0))


def nchw(x):
    return x.permute(0, 3, 1, 2).contiguous()


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def torch_conv2d(x, w, b=None, stride=(1, 1), pads=VALID):
    (top, bottom), (left, right) = pads
    return nhwc(F.conv2d(F.pad(nchw(x), (left, right, top, bottom)), w.permute(3, 2, 0, 1).contiguous(), b, stride))


def torch_conv_transpose2d(y, w, size, stride, pads):
    """PyTorch's without padding, then cut (or filled with zeros) to ``size``."""
    full = F.conv_transpose2d(nchw(y), w.permute(3, 2, 0, 1).contiguous(), None, stride)
    (top, _), (left, _) = pads
    return nhwc(F.pad(full, (-left, size[1] - full.shape[3] + left, -top, size[0] - full.shape[2] + top)))


# variant: x, kernel, stride, padding as the operation takes it, and as four numbers worked out by hand
CONVOLUTIONS = {
    "valid": ((2, 4, 5, 2), 3, 1, "valid", VALID),
    "same": ((2, 4, 3, 2), 3, 1, "same", ((1, 1), (1, 1))),
    "same-stride2": ((2, 6, 5, 2), 3, 2, "same", ((0, 1), (1, 1))),
    "same-odd-even-kernel": ((1, 7, 5, 1), (4, 3), 2, "same", ((1, 2), (1, 1))),
    "same-kernel5": ((1, 7, 3, 1), 5, 2, "same", ((2, 2), (2, 2))),
    "same-kernel1-stride2": ((2, 5, 4, 2), 1, 2, "same", VALID),
    "kernel1-stride2": ((2, 5, 4, 2), 1, 2, "valid", VALID),
    "kernel-smaller-than-stride": ((1, 7, 8, 1), 2, 3, "valid", VALID),
    "same-kernel-smaller-than-stride": ((1, 7, 8, 1), 2, 3, "same", ((0, 1), (0, 0))),
    "padding1": ((1, 4, 4, 1), (3, 2), 2, 1, ((1, 1), (1, 1))),
    "four-sides": ((1, 3, 4, 2), (3, 2), (2, 1), ((2, 0), (1, 3)), ((2, 0), (1, 3))),
    "pairs": ((1, 5, 4, 1), (3, 2), (1, 2), "valid", VALID),
    "kernel-larger-than-image": ((2, 2, 2, 1), (5, 4), 1, 2, ((2, 2), (2, 2))),
    "one-pixel": ((1, 1, 1, 2), 1, 1, "same", VALID),
}


def both(value):
    return (value, value) if isinstance(value, int) else value


for variant, (shape, kernel, stride, padding, pads) in CONVOLUTIONS.items():
    at = (both(stride), pads)
    case("conv2d", variant, lambda x, w, s=stride, p=padding: ops.conv2d(x, w, stride=s, padding=p), [shape, (*both(kernel), shape[3], 2)],
         lambda x, w, at=at: oracles.conv2d(x, w, *at), lambda x, w, at=at: torch_conv2d(x, w, None, *at), batch=(0,))  # fmt: skip
case("conv2d", "bias", lambda x, w, b: ops.conv2d(x, w, b, 2, "same"), [(2, 4, 4, 1), (3, 3, 1, 2), (2,)],
     lambda x, w, b: oracles.conv2d(x, w, (2, 2), ((0, 1), (0, 1))) + b, lambda x, w, b: torch_conv2d(x, w, b, (2, 2), ((0, 1), (0, 1))),
     batch=(0,))  # fmt: skip
case("conv2d", "then-tanh", lambda x, w: ops.tanh(ops.conv2d(x, w, padding=1)), [(1, 3, 2, 1), (3, 3, 1, 2)],
     lambda x, w: np.tanh(oracles.conv2d(x, w, (1, 1), ((1, 1), (1, 1)))), lambda x, w: torch.tanh(torch_conv2d(x, w, None, 1, ((1, 1), (1, 1)))),
     batch=(0,))  # fmt: skip

# variant: x, kernel, stride, padding, output_size or None, pads by hand, output by hand
TRANSPOSED = {
    "4x3-stride1": ((1, 4, 3, 1), 3, 1, 1, None, ((1, 1), (1, 1)), (4, 3)),
    "4x3-stride2": ((1, 4, 3, 1), 3, 2, 1, None, ((1, 1), (1, 1)), (7, 5)),
    "kernel4-stride2": ((1, 4, 4, 1), 4, 2, 1, None, ((1, 1), (1, 1)), (8, 8)),
    "output-high-end": ((1, 5, 5, 1), 3, 2, 1, 10, ((1, 1), (1, 1)), (10, 10)),
    "output-low-end": ((1, 5, 5, 1), 3, 2, 1, 9, ((1, 1), (1, 1)), (9, 9)),
    "kernel5-stride3-output": ((1, 3, 3, 1), 5, 3, 2, 8, ((2, 2), (2, 2)), (8, 8)),
    "kernel5-stride3-output-high-end": ((1, 3, 2, 1), 5, 3, 2, (9, 6), ((2, 2), (2, 2)), (9, 6)),
    "kernel1-stride2": ((1, 4, 4, 1), 1, 2, 0, None, VALID, (7, 7)),
    "kernel1-stride2-output": ((1, 4, 4, 1), 1, 2, "valid", 8, VALID, (8, 8)),
    "kernel-smaller-than-stride": ((1, 4, 4, 1), 2, 3, 0, None, VALID, (11, 11)),
    "same": ((2, 3, 2, 2), 3, 1, "same", None, ((1, 1), (1, 1)), (3, 2)),
    "same-stride2": ((2, 3, 2, 2), 3, 2, "same", None, ((0, 1), (0, 1)), (6, 4)),
    "same-kernel5": ((1, 2, 2, 2), 5, 2, "same", None, ((1, 2), (1, 2)), (4, 4)),
    "same-odd-output": ((1, 2, 2, 1), 3, 2, "same", (3, 4), ((1, 1), (0, 1)), (3, 4)),
    "same-kernel-smaller-than-stride": ((1, 2, 2, 1), 2, 3, "same", None, VALID, (6, 6)),
    "four-sides": ((1, 3, 3, 2), (3, 2), (2, 1), ((2, 0), (1, 1)), None, ((2, 0), (1, 1)), (5, 2)),
}
for variant, (shape, kernel, stride, padding, output, pads, size) in TRANSPOSED.items():
    at = (size, both(stride), pads)
    case("conv_transpose2d", variant, lambda y, w, s=stride, p=padding, o=output: ops.conv_transpose2d(y, w, None, s, p, o), [shape, (*both(kernel), 2, shape[3])],
         lambda y, w, at=at: oracles.conv2d_input_grad(y, w, *at), lambda y, w, at=at: torch_conv_transpose2d(y, w, *at), batch=(0,))  # fmt: skip
case("conv_transpose2d", "bias", lambda y, w, b: ops.conv_transpose2d(y, w, b, 2, "same"), [(2, 2, 2, 1), (3, 3, 2, 1), (2,)],
     lambda y, w, b: oracles.conv2d_input_grad(y, w, (4, 4), (2, 2), ((0, 1), (0, 1))) + b,
     lambda y, w, b: torch_conv_transpose2d(y, w, (4, 4), (2, 2), ((0, 1), (0, 1))) + b, batch=(0,))  # fmt: skip


def torch_im2col(x, kernel, stride, pads):
    N, _, _, C = x.shape
    columns = F.unfold(nchw(x), kernel, padding=(pads[0][0], pads[1][0]), stride=stride)  # (N, C*KH*KW, OH*OW)
    return columns.reshape(N, C, *kernel, -1).permute(0, 4, 2, 3, 1).reshape(-1, kernel[0] * kernel[1] * C)


def torch_col2im(columns, shape, kernel, stride, pads):
    N, H, W, C = shape
    columns = columns.reshape(N, -1, *kernel, C).permute(0, 4, 2, 3, 1).reshape(N, C * kernel[0] * kernel[1], -1)
    return nhwc(F.fold(columns, (H, W), kernel, padding=(pads[0][0], pads[1][0]), stride=stride))


IMAGES = (2, 5, 6, 2)
for KH, KW, SH, SW, PH, PW in [
    (1, 1, 1, 1, 0, 0),
    (2, 2, 2, 2, 0, 0),
    (3, 3, 2, 2, 1, 1),
    (1, 2, 3, 4, 1, 2),
    (5, 5, 2, 2, 2, 2),
    (4, 4, 2, 2, 1, 1),
]:
    at = ((KH, KW), (SH, SW), ((PH, PH), (PW, PW)))
    OH, OW = oracles.out_size(IMAGES[1:3], *at)
    variant = f"{KH}x{KW}-stride{SH}x{SW}-padding{PH}x{PW}"
    case("im2col", variant, lambda x, at=at: ops.im2col(x, *at), [IMAGES], lambda x, at=at: oracles.im2col(x, *at), lambda x, at=at: torch_im2col(x, *at),
         batch=(0,))  # fmt: skip
    case("col2im", variant, lambda c, at=at: ops.col2im(c, IMAGES, *at), [(2 * OH * OW, KH * KW * 2)], lambda c, at=at: oracles.col2im(c, IMAGES, *at),
         lambda c, at=at: torch_col2im(c, IMAGES, *at))  # fmt: skip


# normalisation


def torch_batch_norm(x, gamma, beta, eps):
    if x.numel() == x.shape[-1]:  # PyTorch refuses one value per channel
        return (x - x) * gamma + beta
    return F.batch_norm(x.movedim(-1, 1), None, None, gamma, beta, training=True, eps=eps).movedim(1, -1)


def torch_layer_norm(x, gamma, beta, eps):
    return F.layer_norm(x, x.shape[1:], eps=eps) * gamma + beta


GAMMAS = {"": [1.5, 0.7], "gamma0": [0.0, 0.7], "negative-gamma": [-1.2, 0.7]}
for shape, eps, gamma in [
    ((5, 2), 2e-5, ""),
    ((5, 2), 0.5, ""),
    ((2, 2, 3, 2), 2e-5, ""),
    ((2, 3, 2, 2), 0.5, ""),
    ((4, 2), 1e-5, "gamma0"),
    ((4, 2), 1e-5, "negative-gamma"),
    ((1, 2, 2, 2), 1e-3, ""),
    ((3, 2, 2), 1e-3, "gamma0"),
    ((1, 2), 0.5, ""),
]:
    for op, oracle, in_torch in [
        ("batch_norm", lambda *a: oracles.batch_norm(*a)[0], torch_batch_norm),
        ("layer_norm", oracles.layer_norm, torch_layer_norm),
    ]:
        if op == "layer_norm" or shape != (1, 2, 2):
            case(op, f"{'x'.join(map(str, shape))}-eps{eps}{'-' + gamma if gamma else ''}",
                 (lambda *a, e=eps: ops.batch_norm(*a, e)[0]) if op == "batch_norm" else lambda *a, e=eps: ops.layer_norm(*a, e),
                 [shape, np.array(GAMMAS[gamma]), (2,)], lambda *a, f=oracle, e=eps: f(*a, e), lambda *a, f=in_torch, e=eps: f(*a, e),
                 batch=(0,), empty="refuses")  # fmt: skip


# losses

TARGETS = np.array([[0.0, 1.0, 0.3], [1.0, 0.0, 0.9]])
LABELS = np.array([2, 0])
LOSSES = {
    "sigmoid_bce": (away, lambda x, t: -t * np.log(1 / (1 + np.exp(-x))) - (1 - t) * np.log(1 / (1 + np.exp(x))),
                    lambda x, t, r: F.binary_cross_entropy_with_logits(x, t, reduction=r)),
    "binary_cross_entropy": (probability, lambda p, t: -t * np.log(p) - (1 - t) * np.log(1 - p), lambda p, t, r: F.binary_cross_entropy(p, t, reduction=r)),
    "mse": (away, lambda p, t: (p - t) ** 2, lambda p, t, r: F.mse_loss(p, t, reduction=r)),
    "poisson": (positive, lambda p, t: p - t * np.log(p + 1e-7), lambda p, t, r: F.poisson_nll_loss(p, t, log_input=False, eps=1e-7, reduction=r)),
}  # fmt: skip
REDUCE = {"mean": np.mean, "sum": np.sum, "none": np.array}
for op, (kind, oracle, in_torch) in LOSSES.items():
    for variant, target, reduction in [
        ("", TARGETS, "mean"),
        ("none", TARGETS, "none"),
        ("sum-target1", 1, "sum"),
        ("target0", 0, "mean"),
        ("target.9", 0.9, "mean"),
    ]:
        case(op, variant, lambda x, op=op, t=target, r=reduction: getattr(ops, op)(x, t if isinstance(t, (int, float)) else t[: len(x)], r), [kind(2, 3)],
             lambda x, f=oracle, t=target, r=reduction: REDUCE[r](f(x, (t + np.zeros((2, 3)))[: len(x)])),
             lambda x, f=in_torch, t=target, r=reduction: f(x, torch.tensor(t + np.zeros((2, 3))), r),
             batch=(0,), empty="refuses" if reduction == "mean" else "works")  # fmt: skip
case("binary_cross_entropy", "no-clip", lambda p: ops.binary_cross_entropy(p, TARGETS, clip=0), [probability(2, 3)],
     lambda p: np.mean(LOSSES["binary_cross_entropy"][1](p, TARGETS)), lambda p: F.binary_cross_entropy(p, torch.tensor(TARGETS)))  # fmt: skip
for reduction in REDUCE:
    case("softmax_cross_entropy", reduction, lambda x, r=reduction: ops.softmax_cross_entropy(x, LABELS[: len(x)], r), [(2, 4)],
         lambda x, r=reduction: REDUCE[r](oracles.softmax_cross_entropy(x, LABELS[: len(x)])),
         lambda x, r=reduction: F.cross_entropy(x, torch.tensor(LABELS), reduction=r), batch=(0,), empty="refuses" if reduction == "mean" else "works")  # fmt: skip
