"""Our side: the recipe's own step, networks and optimisers, on random data of the right shape."""

import numpy

from nanogan.backend import load_cupy, random, seed, use
from nanogan.gan import environment, recipes
from nanogan.gan.bench import check, work
from nanogan.gan.bench.profile import Profile
from nanogan.gan.bench.worker import Worker, host_memory, serve


class Nanogan(Worker):
    """``step`` is one training step: discriminator's and generator's updates, on fresh noise and fixed data."""

    def build(self, recipe, batch_size, options, backend):
        """Networks, optimisers and data; what computes."""
        use(backend)
        seed(0)
        self.backend, self.recipe = backend, recipes.get(recipe, **options | {"batch_size": batch_size})
        self.networks = self.recipe.build()
        self.optimizers = self.recipe.optimizers(*self.networks)
        self.start = [part.state_dict() for part in (*self.networks, *self.optimizers)]
        real = [random.uniform((batch_size, *self.recipe.image_shape), -1, 1) for _ in range(check.batches(self.recipe))]
        self.real = real if self.recipe.n_critic else real[0]
        self.before = host_memory()[0]
        return environment.blas_facts() | {"numpy": numpy.__version__}

    def reset(self):
        for part, state in zip((*self.networks, *self.optimizers), self.start, strict=True):
            part.load_state_dict(state)

    def step(self):
        recipe = self.recipe
        noise = [recipe.latent(recipe.batch_size) for _ in range(check.latents(recipe))]
        recipe.step(*self.networks, *self.optimizers, self.real, *([noise] if recipe.n_critic else noise), **recipe.step_options)

    def write_check(self, path):
        """Take one step from a case that is written to ``path``; its losses, and how far the weights moved."""
        self.reset()
        return check.ours(self.networks, self.optimizers, self.recipe, path)

    def work(self):
        """Operations of one step, by kernel."""
        self.reset()
        return work.count(self.step)

    def profile(self, seconds):
        """Where the time of a step goes, see ``profile.Profile.report``."""
        self.turn(seconds)
        self.reset()
        synchronize = load_cupy().cuda.Device().synchronize if self.backend == "cupy" else lambda: None
        with Profile(synchronize) as profile:
            while not profile.steps or profile.whole < seconds:
                profile.run(self.step)
        return profile.report()

    def forget_peak(self):
        super().forget_peak()
        if self.backend == "cupy":
            load_cupy().get_default_memory_pool().free_all_blocks()

    def memory(self):
        """Bytes: the process's peak, and what it held once networks and data were there; on a GPU the pool's."""
        if self.backend == "cupy":
            pool = load_cupy().get_default_memory_pool()
            return {"kind": "GPU memory pool", "peak": pool.total_bytes(), "used": pool.used_bytes(), "before": None}
        return {"kind": "resident", "peak": host_memory()[1], "before": self.before}


if __name__ == "__main__":
    serve(Nanogan)
