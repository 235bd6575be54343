"""Makes the golden files of texts 001 and 003 with PyTorch, whose layers, loss and optimiser they use.

    pip install torch                                             # made with 2.13, on a CPU
    PYTHONPATH=. python tests/golden/make_pytorch.py              # writes tests/golden/text_001.npz and text_003.npz, in seconds
    PYTHONPATH=. python tests/golden/make_pytorch.py --check      # computes them anew and compares

The networks are the texts' own code, and ``update_D`` and ``update_G`` those of the library that they are written with.
Everything is computed in float64, and then in float32 for the losses.  Weights, data and noise
come from ``digest``; nanogan tells names and shapes, and nothing else.
PyTorch keeps images as (N, C, H, W) and kernels as (out, in, KH, KW), or (in, out, KH, KW) in a transposed
convolution: on the way in and out they are turned into nanogan's.
"""

import pathlib
import sys

import digest
import numpy as np
import torch
from torch import nn

from nanogan.gan import networks

HERE = pathlib.Path(__file__).parent


def update_D(X, Z, net_D, net_G, loss, trainer_D):
    """Update discriminator."""
    batch_size = X.shape[0]
    ones = torch.ones((batch_size,), device=X.device, dtype=X.dtype)
    zeros = torch.zeros((batch_size,), device=X.device, dtype=X.dtype)
    trainer_D.zero_grad()
    real_Y = net_D(X)
    fake_X = net_G(Z)
    # Do not need to compute gradient for `net_G`, detach it from computing gradients.
    fake_Y = net_D(fake_X.detach())
    loss_D = (loss(real_Y, ones.reshape(real_Y.shape)) + loss(fake_Y, zeros.reshape(fake_Y.shape))) / 2
    loss_D.backward()
    trainer_D.step()
    return loss_D


def update_G(Z, net_D, net_G, loss, trainer_G):
    """Update generator."""
    batch_size = Z.shape[0]
    ones = torch.ones((batch_size,), device=Z.device, dtype=Z.dtype)
    trainer_G.zero_grad()
    # We could reuse `fake_X` from `update_D` to save computation
    fake_X = net_G(Z)
    # Recomputing `fake_Y` is needed since `net_D` is changed
    fake_Y = net_D(fake_X)
    loss_G = loss(fake_Y, ones.reshape(fake_Y.shape))
    loss_G.backward()
    trainer_G.step()
    return loss_G


class G_block(nn.Module):
    def __init__(self, out_channels, in_channels=3, kernel_size=4, strides=2, padding=1, **kwargs):
        super().__init__(**kwargs)
        self.conv2d_trans = nn.ConvTranspose2d(in_channels, out_channels, kernel_size, strides, padding, bias=False)
        self.batch_norm = nn.BatchNorm2d(out_channels)
        self.activation = nn.ReLU()

    def forward(self, X):
        return self.activation(self.batch_norm(self.conv2d_trans(X)))


class D_block(nn.Module):
    def __init__(self, out_channels, in_channels=3, kernel_size=4, strides=2, padding=1, alpha=0.2, **kwargs):
        super().__init__(**kwargs)
        self.conv2d = nn.Conv2d(in_channels, out_channels, kernel_size, strides, padding, bias=False)
        self.batch_norm = nn.BatchNorm2d(out_channels)
        self.activation = nn.LeakyReLU(alpha, inplace=True)

    def forward(self, X):
        return self.activation(self.batch_norm(self.conv2d(X)))


def text_001():
    """The sprites: (networks, our networks, learning rates, other options of Adam, shapes of a sample and of its noise)."""
    n_G = n_D = 64
    net_G = nn.Sequential(
        G_block(in_channels=100, out_channels=n_G * 8, strides=1, padding=0),  # Output: (64 * 8, 4, 4)
        G_block(in_channels=n_G * 8, out_channels=n_G * 4),  # Output: (64 * 4, 8, 8)
        G_block(in_channels=n_G * 4, out_channels=n_G * 2),  # Output: (64 * 2, 16, 16)
        G_block(in_channels=n_G * 2, out_channels=n_G),  # Output: (64, 32, 32)
        nn.ConvTranspose2d(in_channels=n_G, out_channels=3, kernel_size=4, stride=2, padding=1, bias=False),
        nn.Tanh(),
    )  # Output: (3, 64, 64)
    net_D = nn.Sequential(
        D_block(n_D),  # Output: (64, 32, 32)
        D_block(in_channels=n_D, out_channels=n_D * 2),  # Output: (64 * 2, 16, 16)
        D_block(in_channels=n_D * 2, out_channels=n_D * 4),  # Output: (64 * 4, 8, 8)
        D_block(in_channels=n_D * 4, out_channels=n_D * 8),  # Output: (64 * 8, 4, 4)
        nn.Conv2d(in_channels=n_D * 8, out_channels=1, kernel_size=4, bias=False),
    )  # Output: (1, 1, 1)
    ours = networks.d2l_generator(), networks.d2l_critic()
    return (net_G, net_D), ours, (0.005, 0.005), {"betas": [0.5, 0.999]}, (64, 64, 3), (1, 1, 100)


def text_003():
    """The two-dimensional Gaussian, with the rates and the networks of the public course that the text follows."""
    net_G = nn.Sequential(nn.Linear(2, 2))
    net_D = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 1))
    ours = networks.gaussian_generator(), networks.gaussian_critic()
    return (net_G, net_D), ours, (0.005, 0.05), {}, (2,), (2,)


def turned(array, kind):
    """A tensor of PyTorch's, as an array of ours.  kind: "linear", "convolution", or anything that is alike in both."""
    array = array.detach().numpy()
    return array.T if kind == "linear" and array.ndim == 2 else array.transpose(2, 3, 1, 0) if kind == "convolution" and array.ndim == 4 else array


def turned_back(array, kind):
    """The inverse."""
    array = array.T if kind == "linear" and array.ndim == 2 else array.transpose(3, 2, 0, 1) if kind == "convolution" and array.ndim == 4 else array
    return torch.from_numpy(np.ascontiguousarray(array))


def tensors(net):
    """(parameter or moving statistic, kind) in the order of our state_dict: layer after layer, in each weight, bias, mean, variance."""
    for layer in net.modules():
        kind = "linear" if isinstance(layer, nn.Linear) else "convolution"
        own = [*layer.parameters(recurse=False), *(b for b in layer.buffers(recurse=False) if b.ndim)]  # without the count of batches
        yield from ((tensor, kind) for tensor in own)


def three_steps(text, dtype, n=4):
    """What the golden file of ``text`` holds, in one dtype."""
    (net_G, net_D), ours, (lr_G, lr_D), options, image_shape, latent_shape = text()
    start = []
    for seed, (net, our, lr) in enumerate(zip((net_G.to(dtype), net_D.to(dtype)), ours, (lr_G, lr_D), strict=True)):
        layout = {name: array.shape for name, array in our.state_dict().items()}
        assert list(layout.values()) == [turned(t, kind).shape for t, kind in tensors(net)], f"{text.__name__}: other layers"
        for (tensor, kind), (name, array) in zip(tensors(net), digest.state(layout, seed, text.__name__[-3:]).items(), strict=True):
            with torch.no_grad():
                tensor.copy_(turned_back(array, kind))
            start.append((tensor, kind, array, lr, "moving" in name))

    loss = nn.BCEWithLogitsLoss(reduction="sum")
    trainer_D = torch.optim.Adam(net_D.parameters(), lr=lr_D, **options)
    trainer_G = torch.optim.Adam(net_G.parameters(), lr=lr_G, **options)
    draws = digest.Draws(int(text.__name__[-3:]), n, image_shape, latent_shape)

    def images_first(array):
        """(N, H, W, C) -> (N, C, H, W)."""
        return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2) if array.ndim == 4 else array)).to(dtype)

    losses, gradients, parameters = [], [], []
    for _ in range(3):
        X, Z = images_first(draws.real()), images_first(draws.noise())
        loss_D = update_D(X, Z, net_D, net_G, loss, trainer_D)
        d_gradients = [turned(t.grad, kind).copy() for t, kind in tensors(net_D) if t.requires_grad]
        loss_G = update_G(Z, net_D, net_G, loss, trainer_G)
        g_gradients = [turned(t.grad, kind).copy() for t, kind in tensors(net_G) if t.requires_grad]
        losses.append([loss_D.item() / n, loss_G.item() / n])  # per example, as the texts print them
        gradients.append(digest.digests(d_gradients + g_gradients))
        parameters.append(digest.digests((turned(t, kind) - array) / lr for t, kind, array, lr, moving in start if not moving))
    moving = digest.digests(turned(t, kind) for t, kind, _, _, moving in start if moving)
    return {"losses": np.array(losses), "gradients": np.array(gradients), "parameters": np.array(parameters, np.float32), "moving": moving}


def golden(text):
    return three_steps(text, torch.float64) | {"losses32": three_steps(text, torch.float32)["losses"]}


if __name__ == "__main__":
    check = "--check" in sys.argv[1:]
    held = [digest.keep(HERE / f"{text.__name__}.npz", golden(text), check) for text in (text_001, text_003)]
    sys.exit(not all(held))
