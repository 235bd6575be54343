"""The architectures, layer by layer.  Shapes in comments are (H, W, C) or features, without the batch axis.

Every function returns a fresh ``nn.Sequential`` with weights drawn from the random stream.
"""

import itertools

from nanogan.nn import (
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    Tanh,
    init,
)  # fmt: skip


def gaussian_generator():
    """2 -> 2, one linear layer: all that a Gaussian needs.  6 parameters."""
    return _every_parameter_normal(Sequential(Dense(2, 2)))


def gaussian_critic():
    """2 -> 5 -> 3 -> 1 logit.  37 parameters."""
    return _every_parameter_normal(Sequential(Dense(2, 5), Tanh(), Dense(5, 3), Tanh(), Dense(3, 1)))


def _every_parameter_normal(network):
    """Every parameter, biases too, from N(0, 0.02**2)."""
    for p in network.parameters():
        p.data[...] = init.normal(p.shape, 0.02)
    return network


def mlp_generator(latent=100):
    """100 -> 256 -> 512 -> 1024 -> 28x28x1.  Batch norm stands after the activation.  1,493,520 parameters."""
    layers = []
    for n_in, n_out in ((latent, 256), (256, 512), (512, 1024)):
        layers += [Dense(n_in, n_out), LeakyReLU(0.2), BatchNorm(n_out, momentum=0.8, eps=1e-3)]
    return Sequential(*layers, Dense(1024, 784), Tanh(), Reshape(28, 28, 1))


def mlp_critic():
    """28x28x1 -> 512 -> 512 -> 1 probability.  665,089 parameters, no batch norm."""
    return Sequential(Flatten(), Dense(784, 512), LeakyReLU(0.2), Dense(512, 512), LeakyReLU(0.2), Dense(512, 1), Sigmoid())


def dcgan_generator(latent=20):
    """20 -> 7x7x256 -> 14x14x128 -> 14x14x64 -> 28x28x1, kernels 3x3.  633,601 parameters."""
    return Sequential(
        Dense(latent, 7 * 7 * 256), Reshape(7, 7, 256),                                     # no batch norm, no activation here
        ConvTranspose2D(256, 128, 3, stride=2), keras_batch_norm(128), LeakyReLU(0.01),     # (14, 14, 128)
        ConvTranspose2D(128, 64, 3, stride=1), keras_batch_norm(64), LeakyReLU(0.01),       # (14, 14, 64)
        ConvTranspose2D(64, 1, 3, stride=2), Tanh(),                                        # (28, 28, 1)
    )  # fmt: skip


def dcgan_critic():
    """28x28x1 -> 14x14x32 -> 7x7x64 -> 4x4x128 -> 1 logit, kernels 3x3.  95,489 parameters."""
    return Sequential(
        Conv2D(1, 32, 3, stride=2), LeakyReLU(0.01),                                        # (14, 14, 32), no batch norm
        Conv2D(32, 64, 3, stride=2), keras_batch_norm(64), LeakyReLU(0.01),                 # (7, 7, 64)
        Conv2D(64, 128, 3, stride=2), keras_batch_norm(128), LeakyReLU(0.01),               # (4, 4, 128)
        Flatten(), Dense(4 * 4 * 128, 1),
    )  # fmt: skip


def keras_batch_norm(features, images=True):
    """Keras's defaults.  Its moving variance is the unbiased one for images, the biased one for plain features."""
    return BatchNorm(features, momentum=0.99, eps=1e-3, unbiased=images)


def k5_generator(latent=20):
    """20 -> 7x7x128 -> 7x7x128 -> 14x14x64 -> 28x28x32 -> 28x28x1, kernels 5x5, no biases.  817,824 parameters."""
    return Sequential(
        Dense(latent, 7 * 7 * 128, bias=False), keras_batch_norm(7 * 7 * 128, images=False), LeakyReLU(0.3), Reshape(7, 7, 128),
        ConvTranspose2D(128, 128, 5, stride=1, bias=False), keras_batch_norm(128), LeakyReLU(0.3),    # (7, 7, 128)
        ConvTranspose2D(128, 64, 5, stride=2, bias=False), keras_batch_norm(64), LeakyReLU(0.3),      # (14, 14, 64)
        ConvTranspose2D(64, 32, 5, stride=2, bias=False), keras_batch_norm(32), LeakyReLU(0.3),       # (28, 28, 32)
        ConvTranspose2D(32, 1, 5, stride=1, bias=False), Tanh(),                                      # (28, 28, 1)
    )  # fmt: skip


def k5_critic(batch_norm=True, dropout=0.3):
    """28x28x1 -> 28x28x64 -> 14x14x128 -> 7x7x256 -> 1 number, kernels 5x5, at the end 7x7.  1,040,385 parameters.

    The biases before batch norm do nothing, and are there in the text.  batch_norm False leaves it out, dropout 0 that.
    """
    layers = []
    for n_in, n_out, stride in ((1, 64, 1), (64, 128, 2), (128, 256, 2)):  # (28, 28, 64), (14, 14, 128), (7, 7, 256)
        layers += [Conv2D(n_in, n_out, 5, stride), *([keras_batch_norm(n_out)] if batch_norm else []), LeakyReLU(0.3)]
        layers += [Dropout(dropout)] if dropout and stride == 2 else []
    return Sequential(*layers, Conv2D(256, 1, 7, padding="valid"), Flatten())  # fmt: skip


def d2l_generator(latent=100, bn_init="normal"):
    """1x1x100 -> 4x4x512 -> 8x8x256 -> 16x16x128 -> 32x32x64 -> 64x64x3, kernels 4x4, no biases.  3,576,704 parameters trained.

    bn_init: how the gammas start, see ``d2l_init``.
    """
    widths, layers = (latent, 512, 256, 128, 64), []
    for i, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        stride, padding = (2, 1) if i else (1, "valid")  # 1 -> 4 -> 8 -> 16 -> 32
        layers += [ConvTranspose2D(n_in, n_out, 4, stride, padding, bias=False), torch_batch_norm(n_out), ReLU()]
    return d2l_init(Sequential(*layers, ConvTranspose2D(64, 3, 4, 2, 1, bias=False), Tanh()), bn_init)  # fmt: skip


def d2l_critic(bn_init="normal", slope=0.2):
    """64x64x3 -> 32x32x64 -> 16x16x128 -> 8x8x256 -> 4x4x512 -> 1 logit, kernels 4x4, no biases.  2,765,696 parameters trained."""
    widths, layers = (3, 64, 128, 256, 512), []
    for n_in, n_out in itertools.pairwise(widths):  # 64 -> 32 -> 16 -> 8 -> 4
        layers += [Conv2D(n_in, n_out, 4, 2, 1, bias=False), torch_batch_norm(n_out), LeakyReLU(slope)]
    return d2l_init(Sequential(*layers, Conv2D(512, 1, 4, padding="valid", bias=False), Flatten()), bn_init)  # fmt: skip


def torch_batch_norm(features):
    """PyTorch's defaults."""
    return BatchNorm(features, momentum=0.9, eps=1e-5, unbiased=True)


def d2l_init(network, bn_init):
    """Convolutions from N(0, 0.02**2); batch norm in one of three ways.

    "normal": gamma and beta too, as PyTorch's tab of the text has it, so that the gammas' mean is 0.
    "ones": gamma 1 and beta 0, as MXNet's tab.  "around-one": gamma from N(1, 0.02**2), as Radford et al. 2016.
    """
    for name, p in network.named_parameters():
        kind = name.split(".")[-1]
        if kind == "weight" or bn_init == "normal":
            p.data[...] = init.normal(p.shape, 0.02)
        elif kind == "gamma" and bn_init == "around-one":
            p.data[...] = init.normal(p.shape, 0.02, mean=1.0)
    return network


def planar_generator(latent=2, width=128):
    """2 -> 128 -> 128 -> 2, ReLU: bends a plane of noise onto points.  17,154 parameters."""
    return Sequential(Dense(latent, width), ReLU(), Dense(width, width), ReLU(), Dense(width, 2))


def planar_critic(width=128):
    """2 -> 128 -> 128 -> 1 logit.  17,025 parameters."""
    return Sequential(Dense(2, width), LeakyReLU(0.2), Dense(width, width), LeakyReLU(0.2), Dense(width, 1))


def quick_generator(latent=32):
    """32 -> 128 -> 7x7x64 -> 14x14x32 -> 28x28x1, kernels 4x4, which a stride of 2 covers evenly."""
    return Sequential(
        Dense(latent, 128, bias=False), BatchNorm(128), LeakyReLU(0.2),                     # (128,)
        Dense(128, 7 * 7 * 64, bias=False), BatchNorm(7 * 7 * 64), LeakyReLU(0.2), Reshape(7, 7, 64),
        ConvTranspose2D(64, 32, 4, stride=2, bias=False), BatchNorm(32), LeakyReLU(0.2),    # (14, 14, 32)
        ConvTranspose2D(32, 1, 4, stride=2), Tanh(),                                        # (28, 28, 1)
    )  # fmt: skip


def quick_critic():
    """28x28x1 -> 14x14x16 -> 7x7x32 -> 128 -> 1 logit, kernels 4x4, no batch norm.

    The dense layer of 128 is what sees a digit as a whole: without it the logit is a sum of local opinions.
    """
    return Sequential(
        Conv2D(1, 16, 4, stride=2), LeakyReLU(0.2),                                         # (14, 14, 16)
        Conv2D(16, 32, 4, stride=2), LeakyReLU(0.2),                                        # (7, 7, 32)
        Flatten(), Dense(7 * 7 * 32, 128), LeakyReLU(0.2), Dense(128, 1),
    )  # fmt: skip
