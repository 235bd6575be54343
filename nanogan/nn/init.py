"""First values of weights, float32; fan_in and fan_out are the last two axes of a shape times KH*KW, as in Keras."""

import math

from nanogan.backend import random


def normal(shape, std=0.02, mean=0.0):
    """N(mean, std**2); the DCGAN paper's 0.02 by default (Radford et al. 2016)."""
    return random.normal(shape, mean, std)


def glorot_uniform(shape):
    """Uniform within sqrt(6 / (fan_in + fan_out)) of 0 (Glorot & Bengio 2010, eq. 16); Keras's default."""
    limit = math.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
    return random.uniform(shape, -limit, limit)


def he_normal(shape):
    """N(0, 2 / fan_in), for ReLU nets (He et al. 2015, eq. 10)."""
    return random.normal(shape, 0.0, math.sqrt(2 / math.prod(shape[:-1])))
