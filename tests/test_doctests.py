"""Every example in a docstring runs, and prints what it says."""

import doctest
import importlib
import pkgutil

import numpy
import pytest

import nanogan as ng

MODULES = ["nanogan", *(m.name for m in pkgutil.walk_packages(ng.__path__, "nanogan."))]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name.startswith("nanogan.gan.bench.torch_"):
        pytest.importorskip("torch", reason="PyTorch, the benchmark's other side, is not installed")
    module = importlib.import_module(name)
    names = {"ng": ng, "ops": ng.ops, "Tensor": ng.Tensor, "xp": ng.xp, "np": numpy}
    failed, tried = doctest.testmod(
        module, extraglobs={k: v for k, v in names.items() if k not in vars(module)}, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert failed == 0, f"{failed} of {tried} examples in {name} fail (see the captured output)"
