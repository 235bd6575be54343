"""Would the gradient checks notice a wrong backward?  Break each one in turn and see.

A case counts as relevant to a mutant where the broken gradient really flows in it: the backward runs,
its gradient for that input is not zero, and, for a transposition, not symmetric.
"""

import collections
import importlib
import inspect
import pkgutil
import sys
from functools import partial

import numpy as np
import pytest
from cases import CASES

import nanogan as ng
from nanogan import ops
from nanogan.autograd import Function, Tensor

for module in pkgutil.walk_packages([*ng.ops.__path__], "nanogan.ops."):
    importlib.import_module(module.name)


def subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def of_nanogan(cls):
    """Whether it is an operation of the engine: not one that a learner writes, or gets wrong, in the course."""
    ours = cls.__module__.startswith("nanogan.") and not cls.__module__.startswith("nanogan.course.")
    return ours and getattr(sys.modules[cls.__module__], cls.__name__, None) is cls


# (class, "backward" or "backward_fused") that a mutant replaces
BACKWARDS = [(cls, name) for cls in sorted(set(subclasses(Function)), key=lambda c: c.__name__) if of_nanogan(cls)
             for name in ("backward", "backward_fused") if vars(cls).get(name)]  # fmt: skip

# What a mutant makes of one input's gradient.  Each works on tensors and on arrays.
MUTATIONS = {
    "is zero": lambda d: d * 0,
    "is negated": lambda d: d * -1,
    "is scaled by 1.01": lambda d: d * 1.01,
    "is dropped": lambda d: None,
    "is transposed": lambda d: d.T,
}


def flows(mutation, d):
    """Whether the mutation makes a difference to this gradient."""
    array = d.data if isinstance(d, Tensor) else d
    if mutation == "is transposed":
        return array.ndim == 2 and array.shape[0] == array.shape[1] and not np.allclose(array, array.T)
    return bool(np.any(array))


def replace(cls, name, mutate, patch):
    """Put a backward in place that passes each (input, gradient) through ``mutate``."""
    original = vars(cls)[name]

    def backward(self, grad):
        return tuple(d if d is None or not need else mutate(i, d) for i, (d, need) in enumerate(zip(original(self, grad), self.needs, strict=True)))

    patch.setattr(cls, name, backward)


def note(seen, cls, name, i, d):
    seen.update((cls, name, mutation, i) for mutation in MUTATIONS if flows(mutation, d))
    return d


@pytest.fixture(scope="module")
def relevant():
    """(class, name, mutation, input) -> [(case, order)] in which that mutant makes a difference, small cases first; found out on NumPy."""
    found = collections.defaultdict(list)
    for case in sorted(CASES, key=lambda c: sum(a.size for a in c.arrays())):
        arrays = case.arrays()
        for order in (1, 2):
            for fused in (False, True) if order == 1 else (False,):
                seen = set()
                with pytest.MonkeyPatch.context() as patch:
                    for cls, name in BACKWARDS:
                        replace(cls, name, partial(note, seen, cls, name), patch)
                    xs = [Tensor(a, requires_grad=True) for a in arrays]
                    y = case.fn(*xs)
                    v = Tensor(np.random.default_rng(0).standard_normal(y.shape), requires_grad=True)
                    grads = ng.grad(ops.sum(y * v), xs, create_graph=not fused)
                    if order == 2:
                        ng.grad(sum((ops.sum(g * g.detach()) for g in grads), start=ops.sum(y) * 0), [*xs, v], create_graph=True)
                for mutant in seen:
                    if (case, order) not in found[mutant]:
                        found[mutant].append((case, order))
    return found


@pytest.mark.gradcheck
@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize(("cls", "name"), BACKWARDS, ids=[f"{cls.__name__}.{name}" for cls, name in BACKWARDS])
def test_every_mutant_is_noticed(cls, name, relevant):
    mutants = [key for key in relevant if key[:2] == (cls, name)]
    assert mutants, f"no case runs {cls.__name__}.{name} with a gradient that is not zero"
    for names in [(name,)] if cls.backward_fused is None else [(name,), ("backward", "backward_fused")]:  # alone, and alike in both
        survivors = [f"the gradient of input {i} {mutation}" for *_, mutation, i in mutants if not noticed(cls, names, mutation, i, relevant)]
        assert not survivors, f"{cls.__name__}.{name}: no gradient check notices that {', nor that '.join(survivors)}"


def noticed(cls, names, mutation, which, relevant):
    for case, order in relevant[cls, names[0], mutation, which]:
        with pytest.MonkeyPatch.context() as patch:
            for name in names:
                replace(cls, name, lambda i, d: MUTATIONS[mutation](d) if i == which else d, patch)
            try:
                (ng.gradcheck if order == 1 else ng.gradgradcheck)(case.fn, case.arrays(), str(case))
            except (ng.GradcheckError, ng.ShapeError):
                return True
    return False


def test_the_list_of_backwards_is_complete():
    names = {cls.__name__ for cls, _ in BACKWARDS}
    assert {"Add", "SumTo", "BroadcastTo", "Multiply", "Matmul", "Conv2D", "ConvTranspose2D", "Conv2DWeightGrad", "BatchNorm", "PutItem"} <= names


@pytest.mark.parametrize(("cls", "name"), BACKWARDS, ids=[f"{cls.__name__}.{name}" for cls, name in BACKWARDS])
def test_every_input_has_mutants(cls, name, relevant):
    parameters = list(inspect.signature(cls.forward).parameters.values())[1:]
    count = 2 if parameters[0].kind is parameters[0].VAR_POSITIONAL else len(parameters)
    for mutation in ("is zero", "is negated", "is scaled by 1.01", "is dropped"):
        assert {i for c, n, m, i in relevant if (c, n, m) == (cls, name, mutation)} >= set(range(count))


def test_square_matrices_are_transposed_somewhere(relevant):
    assert {(c.__name__, i) for c, _, mutation, i in relevant if mutation == "is transposed"} >= {("Matmul", 0), ("Matmul", 1), ("Transpose", 0)}
