"""The architectures, layer by layer.  Shapes in comments are (H, W, C) or features, without the batch axis.

Every function returns a fresh ``nn.Sequential`` with weights drawn from the random stream.
"""

from nanogan.nn import (
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Flatten,
    LeakyReLU,
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
        ConvTranspose2D(256, 128, 3, stride=2), _keras_batch_norm(128), LeakyReLU(0.01),    # (14, 14, 128)
        ConvTranspose2D(128, 64, 3, stride=1), _keras_batch_norm(64), LeakyReLU(0.01),      # (14, 14, 64)
        ConvTranspose2D(64, 1, 3, stride=2), Tanh(),                                        # (28, 28, 1)
    )  # fmt: skip


def dcgan_critic():
    """28x28x1 -> 14x14x32 -> 7x7x64 -> 4x4x128 -> 1 logit, kernels 3x3.  95,489 parameters."""
    return Sequential(
        Conv2D(1, 32, 3, stride=2), LeakyReLU(0.01),                                        # (14, 14, 32), no batch norm
        Conv2D(32, 64, 3, stride=2), _keras_batch_norm(64), LeakyReLU(0.01),                # (7, 7, 64)
        Conv2D(64, 128, 3, stride=2), _keras_batch_norm(128), LeakyReLU(0.01),              # (4, 4, 128)
        Flatten(), Dense(4 * 4 * 128, 1),
    )  # fmt: skip


def _keras_batch_norm(channels):
    """Keras's defaults; for images its moving variance is the unbiased one."""
    return BatchNorm(channels, momentum=0.99, eps=1e-3, unbiased=True)


def quick_generator(latent=32):
    """32 -> 7x7x64 -> 14x14x32 -> 28x28x1, kernels 4x4, which a stride of 2 covers evenly."""
    return Sequential(
        Dense(latent, 7 * 7 * 64, bias=False), BatchNorm(7 * 7 * 64), LeakyReLU(0.2), Reshape(7, 7, 64),
        ConvTranspose2D(64, 32, 4, stride=2, bias=False), BatchNorm(32), LeakyReLU(0.2),    # (14, 14, 32)
        ConvTranspose2D(32, 1, 4, stride=2), Tanh(),                                        # (28, 28, 1)
    )  # fmt: skip


def quick_critic():
    """28x28x1 -> 14x14x32 -> 7x7x64 -> 1 logit, kernels 4x4."""
    return Sequential(
        Conv2D(1, 32, 4, stride=2), LeakyReLU(0.2),                                         # (14, 14, 32)
        Conv2D(32, 64, 4, stride=2, bias=False), BatchNorm(64), LeakyReLU(0.2),             # (7, 7, 64)
        Flatten(), Dense(7 * 7 * 64, 1),
    )  # fmt: skip
