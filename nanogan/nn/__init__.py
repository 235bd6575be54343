"""Floor 3: layers, and how their weights start."""

from nanogan.nn import init
from nanogan.nn.layers import BatchNorm, Conv2D, ConvTranspose2D, Dense, Dropout, Flatten, LayerNorm, LeakyReLU, ReLU, Reshape, Sigmoid, Tanh
from nanogan.nn.module import Module, Sequential
