"""nanogan: generative adversarial networks from nothing but array arithmetic.

    import nanogan as ng
    x = ng.Tensor([1.0, 2.0], requires_grad=True)
    ng.grad((x**3).sum(), x)              # 3 x**2

Read it from the ground floor up: ``backend`` (arrays and kernels), ``autograd``, ``ops``, ``nn`` with
``optim`` and ``gradient_check``, then ``data``, ``metrics`` and ``viz``, then ``gan``.  A file imports only
from floors below its own.
"""

from nanogan import data, gan, metrics, nn, ops, optim, viz
from nanogan.autograd import Function, Tensor, grad, no_grad
from nanogan.backend import BackendError, DTypeError, NanoganError, ShapeError, asarray, backend_name, seed, to_numpy, use, xp
from nanogan.gan.checkpoint import load_critic, load_generator
from nanogan.gradient_check import GradcheckError, gradcheck, gradgradcheck
from nanogan.viz import summary

__version__ = "0.1.0"
