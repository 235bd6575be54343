"""What ``import nanogan as ng`` gives a learner, of the floors below this one; exercises import it under the same name.

from nanogan.course import engine as ng
"""

from nanogan import backend, data, metrics, nn, ops, optim, viz
from nanogan.autograd import Function, Tensor, grad, no_grad
from nanogan.backend import BackendError, DTypeError, NanoganError, ShapeError, asarray, backend_name, seed, to_numpy, use, xp
from nanogan.gradient_check import GradcheckError, gradcheck, gradgradcheck
from nanogan.viz import summary
