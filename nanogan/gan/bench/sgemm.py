"""The worker that finds the machine's peak: the fastest product of two square matrices in single precision.

It uses what NumPy's products use, with all the threads; on a GPU, what CuPy's use.
"""

from nanogan.backend import use, xp
from nanogan.gan import environment
from nanogan.gan.bench.worker import Worker, serve

SIZES = (1024, 2048, 3072, 4096)


class Sgemm(Worker):
    """A step is one product of n x n matrices; a turn tries each of the sizes."""

    def build(self, backend):
        use(backend)
        self.backend, self.fastest = backend, {}  # size -> seconds of the fastest product
        return environment.blas_facts()

    def step(self):
        xp.matmul(self.a, self.b, out=self.c)

    def turn(self, seconds):
        """Four products of each size, but of none that would take them longer than a turn; the best GFLOP/s so far."""
        for n in SIZES:
            if any(4 * took * (n / smaller) ** 3 > max(seconds, 1.0) for smaller, took in self.fastest.items() if smaller < n):
                break
            self.a = self.b = xp.ones((n, n), dtype=xp.float32)
            self.c = xp.empty_like(self.a)
            self.step()
            for _ in range(3):
                self.fastest[n] = min(self.elapsed(1), self.fastest.get(n, float("inf")))
        return self.peak()["gflops"]

    def peak(self):
        """The best GFLOP/s, and the size that had it."""
        rates = {n: 2 * n**3 / seconds / 1e9 for n, seconds in self.fastest.items()}
        best = max(rates, key=rates.get)
        return {"gflops": rates[best], "size": best, "by_size": rates}


if __name__ == "__main__":
    serve(Sgemm)
