"""The peer's side: the same networks, losses and step in idiomatic eager PyTorch, on the same number of threads.

Its optimiser is torch.optim.Adam with the recipe's rates.  Where a recipe follows Keras (eps_hat, a counter that both
networks share), that is the same work with slightly other numbers.
"""

import numpy
import torch

from nanogan.backend import seed
from nanogan.gan import environment, recipes
from nanogan.gan.bench import check, torch_steps
from nanogan.gan.bench.torch_networks import Peer, images
from nanogan.gan.bench.worker import Worker, host_memory, serve


class Torch(Worker):
    """``step`` is one training step.  layout: "default", or "channels_last", in which images lie in memory as (N, H, W, C)."""

    def build(self, recipe, batch_size, options, backend, threads, layout="default"):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        if backend == "cupy" and not torch.cuda.is_available():
            raise RuntimeError("this PyTorch sees no GPU; install the one for its CUDA")
        # Single precision on both sides; with our products in TF32, PyTorch as it is by default: convolutions so, matrix products not.
        torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = environment.tf32(), True
        self.backend, self.device = backend, torch.device("cuda" if backend == "cupy" else "cpu")
        self.format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        self.recipe = recipe = recipes.get(recipe, **options | {"batch_size": batch_size})
        seed(0)
        ours = recipe.build()
        self.peers = [Peer(network, shape) for network, shape in zip(ours, (recipe.latent_shape, recipe.image_shape), strict=True)]
        self.networks = [self.placed(peer.module) for peer in self.peers]
        for peer, network in zip(self.peers, ours, strict=True):
            peer.load(network.state_dict())
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr, (recipe.beta1, recipe.beta2), recipe.eps)
            for network, lr in zip(self.networks, recipe.lr, strict=True)
        ]
        self.latent_shape = (recipe.latent_shape[-1], *recipe.latent_shape[:-1])
        self.options = dict(recipe.step_options)
        self.training_step = getattr(torch_steps, recipe.step.__name__)
        stream = numpy.random.default_rng(0)
        real = [self.samples(stream.random((batch_size, *recipe.image_shape), "float32") * 2 - 1) for _ in range(check.batches(recipe))]
        self.real = real if recipe.n_critic else real[0]
        self.start = [{name: value.clone() for name, value in network.state_dict().items()} for network in self.networks]
        self.before = host_memory()[0]
        return {"version": torch.__version__, "threads": torch.get_num_threads(), "device": str(self.device),
                "mkldnn": torch.backends.mkldnn.is_available()}  # fmt: skip

    def placed(self, thing):
        """A module, or a tensor of images, on the device and in the layout."""
        images = isinstance(thing, torch.nn.Module) or thing.ndim == 4
        return thing.to(device=self.device, memory_format=self.format) if images else thing.to(self.device)

    def samples(self, array):
        return self.placed(images(array))

    def reset(self):
        for network, state in zip(self.networks, self.start, strict=True):
            network.load_state_dict(state)
        for optimizer in self.optimizers:
            for moments in optimizer.state.values():
                for value in moments.values():
                    value.zero_()

    def latent(self):
        shape = (self.recipe.batch_size, *self.latent_shape)
        if self.recipe.latent_distribution == "normal":
            return torch.randn(shape, device=self.device)
        return torch.rand(shape, device=self.device) * 2 - 1

    def step(self):
        noise = [self.latent() for _ in range(check.latents(self.recipe))]
        return self.training_step(*self.networks, *self.optimizers, self.real, *([noise] if self.recipe.n_critic else noise), **self.options)

    def check(self, path):
        """The losses of one step from the case in the file ``path``, and how far the weights moved."""
        with numpy.load(path) as file:
            case = dict(file)
        for kind, peer in zip(("generator", "critic"), self.peers, strict=True):
            peer.load({name.partition("/")[2]: array for name, array in case.items() if name.startswith(kind)})
        masks = iter([case[f"mask/{i}"] for i in range(sum(name.startswith("mask/") for name in case))])
        dropouts = [(theirs, order) for peer in self.peers for *_, theirs, _, order in peer.links if isinstance(theirs, torch.nn.Dropout)]
        for layer, order in dropouts:
            layer.forward = lambda x, layer=layer, order=order: self.masked(x, layer, order, masks)
        before = [copies(network) for network in self.networks]
        options = self.options | check.alphas(self.recipe, case, lambda array: self.placed(torch.from_numpy(array)))
        losses = self.training_step(*self.networks, *self.optimizers, *check.step_inputs(self.recipe, case, self.samples), **options)
        for layer, _ in dropouts:
            del layer.forward
        moved = [check.distance(old, copies(network)) for old, network in zip(before, self.networks, strict=True)]
        return {"name": "PyTorch", "losses": [loss.item() for loss in losses], "moved": moved}

    def masked(self, x, layer, order, masks):
        """Dropout with the next mask of the case."""
        if not layer.training:
            return x
        mask = next(masks)
        return x * self.samples(mask if mask.ndim == 4 else mask[:, order]) / (1 - layer.p)

    def elapsed(self, count):
        if self.device.type == "cpu":
            return super().elapsed(count)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        self.repeat(count)
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1000  # from milliseconds

    def profile(self, seconds, most=12):
        """The operations in which PyTorch itself says that it spent most time."""
        self.turn(seconds)
        self.reset()
        gpu = self.device.type == "cuda"
        activities = [torch.profiler.ProfilerActivity.CPU] + [torch.profiler.ProfilerActivity.CUDA] * gpu
        with torch.profiler.profile(activities=activities) as profile:
            self.step()
        rows = [(row.key, (row.self_device_time_total if gpu else row.self_cpu_time_total) / 1e6, row.count) for row in profile.key_averages()]
        whole = sum(seconds for _, seconds, _ in rows)
        rows.sort(key=lambda row: -row[1])
        return {"seconds": whole, "rows": [
            {"operation": name, "seconds": seconds, "share": seconds / whole, "calls": calls, "gflops": None} for name, seconds, calls in rows[:most]
        ]}  # fmt: skip

    def forget_peak(self):
        super().forget_peak()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def memory(self):
        """Bytes: the process's peak, and what it held once networks and data were there; on a GPU the allocator's."""
        if self.device.type == "cuda":
            return {"kind": "GPU memory pool", "peak": torch.cuda.max_memory_reserved(), "used": torch.cuda.max_memory_allocated(), "before": None}
        return {"kind": "resident", "peak": host_memory()[1], "before": self.before}


def copies(network):
    """Its parameters, as arrays."""
    return [p.detach().cpu().numpy().copy() for p in network.parameters()]


if __name__ == "__main__":
    serve(Torch)
