"""Floor 2: the operations, one family a file; differentiable at every order, since every backward is made of operations."""

from nanogan.ops.activation import dropout, leaky_relu, relu, sigmoid, softplus, tanh
from nanogan.ops.arithmetic import abs, add, divide, exp, log, maximum, multiply, negative, power, sqrt, subtract
from nanogan.ops.convolution import col2im, conv2d, conv_transpose2d, im2col
from nanogan.ops.linear import dense, matmul
from nanogan.ops.loss import binary_cross_entropy, mse, poisson, sigmoid_bce, softmax_cross_entropy
from nanogan.ops.normalization import batch_norm, layer_norm
from nanogan.ops.reduction import max, mean, norm, sum, var
from nanogan.ops.shaping import broadcast_to, concatenate, getitem, pad, reshape, transpose
