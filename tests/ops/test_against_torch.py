"""Every operation against PyTorch in float64: value, gradient, gradient of the gradient, gradient of a penalty."""

import numpy as np
import pytest
from cases import CASES, penalty

import nanogan as ng
from nanogan import ops

pytestmark = [pytest.mark.torch, pytest.mark.every_backend]


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is the oracle here, and it is not installed")


def ours(case, arrays, v, us):
    xs, v = [ng.Tensor(a, requires_grad=True) for a in arrays], ng.Tensor(v, requires_grad=True)
    y = case.fn(*xs)
    first = ng.grad(ops.sum(y * v), xs, create_graph=True)
    mixed = sum(ops.sum(g * u) for g, u in zip(first, us, strict=True))
    return [t.numpy() for t in (y, *first, *ng.grad(mixed, [*xs, v]), *ng.grad(penalty(case, first), [*xs, v]))]


def theirs(torch, case, arrays, v, us):
    xs, v, us = [torch.tensor(a, requires_grad=True) for a in arrays], torch.tensor(v, requires_grad=True), [torch.tensor(u) for u in us]

    def grad(output, inputs, create_graph=False):
        return torch.autograd.grad(output, inputs, create_graph=create_graph, retain_graph=True, allow_unused=True, materialize_grads=True)

    def norm(g, i):  # 0 at 0, with derivative 0
        flat = g.reshape(len(g) if i in case.batch else 1, -1)
        square = (flat * flat).sum(1)
        return torch.where(square > 0, square, torch.ones_like(square)).sqrt() * (square > 0)

    y = case.torch(*xs)
    first = grad((y * v).sum(), xs, create_graph=True)
    mixed = sum((g * u).sum() for g, u in zip(first, us, strict=True))
    penalties = sum(((norm(g, i) - 1) ** 2).mean() for i, g in enumerate(first))
    second = [grad(t, [*xs, v]) if t.requires_grad else [torch.zeros_like(x) for x in [*xs, v]] for t in (mixed, penalties)]
    return [t.numpy(force=True) for t in (y, *first, *second[0], *second[1])]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_torch_agrees(case, torch):
    arrays, rng = case.arrays(), np.random.default_rng(3)
    v = rng.uniform(0.5, 1.5, np.shape(case.oracle(*arrays)))
    us = [rng.standard_normal(a.shape) for a in arrays]
    for i, (a, b) in enumerate(zip(ours(case, arrays, v, us), theirs(torch, case, arrays, v, us), strict=True)):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10, err_msg=f"entry {i} of value, gradients, second derivatives, penalty's gradients")
