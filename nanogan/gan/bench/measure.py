"""The measurement: processes are started, checked against each other, and take turns.

    with started_sgemm(...) as sgemm:
        for setting in settings:
            measure(setting, plan, sgemm)

What comes out are dictionaries of numbers, which ``report.py`` puts into words and files.
"""

import contextlib
import dataclasses
import os
import statistics
import tempfile

from nanogan.gan import recipes
from nanogan.gan.bench import check
from nanogan.gan.bench.processes import Process, take_turns
from nanogan.nn import Conv2D, ConvTranspose2D

WORKERS = {"nanogan": "nanogan.gan.bench.nanogan_worker", "torch": "nanogan.gan.bench.torch_worker", "sgemm": "nanogan.gan.bench.sgemm"}


@dataclasses.dataclass(frozen=True)
class Plan:
    """How to measure.  turns: rounds that count, after ``warm_up`` that do not; seconds: length of a turn; pause: before each."""

    threads: int
    against: str | None = None
    backend: str = "numpy"
    turns: int = 9
    warm_up: int = 2
    seconds: float = 0.3
    pause: float = 0.1


@dataclasses.dataclass(frozen=True)
class Setting:
    """What to measure."""

    recipe: str
    batch_size: int
    options: dict = dataclasses.field(default_factory=dict)

    def __str__(self):
        return f"{self.recipe}, batch {self.batch_size}"

    def made(self):
        """The recipe itself."""
        return recipes.get(self.recipe, **self.options | {"batch_size": self.batch_size})

    def arguments(self, plan):
        """For a worker's ``build``."""
        return {"recipe": self.recipe, "batch_size": self.batch_size, "options": self.options, "backend": plan.backend}


def threads_allowed(environment=None):
    """How many threads to use where nobody says: the CPUs that this process may use, at most OMP_NUM_THREADS and OPENBLAS_NUM_THREADS."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        asked = (os.environ if environment is None else environment).get(name, "").split(",")[0].strip()
        cpus = min(cpus, int(asked)) if asked.isdecimal() and int(asked) else cpus
    return cpus


@contextlib.contextmanager
def started_sgemm(plan):
    """The process that measures matrix products, next to all settings."""
    with Process("the matrix product", WORKERS["sgemm"], plan.threads) as sgemm:
        sgemm.facts = sgemm.ask("build", backend=plan.backend)
        yield sgemm


def layouts(setting):
    """PyTorch's memory layouts to try: channels_last means something to convolutions only."""
    parts = [part for network in setting.made().build() for _, part in network.modules()]
    return ["default", "channels_last"] if any(isinstance(part, (Conv2D, ConvTranspose2D)) for part in parts) else ["default"]


@contextlib.contextmanager
def started(setting, plan):
    """(our process, {layout: the peer's}), built and found to compute the same."""
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        names = {layout: f"PyTorch ({layout})" for layout in layouts(setting)} if plan.against else {}
        ours = stack.enter_context(Process(f"nanogan ({setting})", WORKERS["nanogan"], plan.threads))
        peers = {layout: stack.enter_context(Process(f"{name} ({setting})", WORKERS["torch"], plan.threads)) for layout, name in names.items()}
        ours.facts, ours.check = ours.ask("build", **setting.arguments(plan)), None
        for layout, peer in peers.items():  # they have started at the same time
            peer.facts = peer.ask("build", **setting.arguments(plan), threads=plan.threads, layout=layout)
        if peers:
            path = os.path.join(folder, "case.npz")
            result = ours.ask("write_check", path=path)
            for peer in peers.values():
                peer.check = check.compare(str(setting), result, peer.ask("check", path=path))
        yield ours, peers


def measure(setting, plan, sgemm, after=lambda: None):
    """The result for one setting.  after: called after each round of turns."""
    with started(setting, plan) as (ours, peers):
        work = ours.ask("work")
        for process in (ours, *peers.values()):
            process.ask("forget_peak")
        workers = [ours, *peers.values(), sgemm]
        take_turns(workers, plan.warm_up, plan.seconds, plan.pause, after)
        times, *peer_times, _ = take_turns(workers, plan.turns, plan.seconds, plan.pause, after)
        recipe = setting.made()
        images = recipe.batch_size * max(1, recipe.n_critic)
        result = {
            "recipe": setting.recipe, "batch_size": setting.batch_size, "options": setting.options, "images_per_step": images,
            "operations": work, "gflop": sum(work.values()) / 1e9,
            "nanogan": side(times, images, sum(work.values()), ours),
        }  # fmt: skip
        if peers:
            result |= against({layout: side(t, images, 0, peers[layout]) for layout, t in zip(peers, peer_times, strict=True)}, times)
        return result


def side(times, images, operations, process):
    """What one side's turns come to."""
    median = statistics.median(times)
    first, _, third = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
    made = {
        "seconds": median, "quartiles": [first, third], "turns": times, "images_per_second": images / median,
        "seconds_per_image": median / images, "memory": process.ask("memory"), "facts": process.facts,
    }  # fmt: skip
    if operations:
        made["gflops"] = operations / median / 1e9
    return made | ({"check": process.check} if process.check else {})


def against(sides, times):
    """The peer's sides by layout, the faster one quoted, and our time as a share of its."""
    quoted = min(sides, key=lambda layout: sides[layout]["seconds"])
    peer = sides[quoted]
    return {
        "torch": sides, "quoted": quoted,
        "ratio": statistics.median(times) / peer["seconds"],
        "ratio_of_turns": statistics.median(a / b for a, b in zip(times, peer["turns"], strict=True)),
    }  # fmt: skip


def profile(setting, plan):
    """Where the time of a step goes, ours and the peer's."""
    with started(setting, plan) as (ours, peers):
        made = {"recipe": setting.recipe, "batch_size": setting.batch_size, "options": setting.options}
        made["nanogan"] = {"profile": ours.ask("profile", seconds=3 * plan.seconds), "facts": ours.facts}
        if peers:
            made["torch"] = {name: {"profile": peer.ask("profile", seconds=plan.seconds), "facts": peer.facts} for name, peer in peers.items()}
        return made


def line(xs, ys):
    """The straight line nearest to some points: (constant, slope, largest deviation from it relative to y)."""
    slope, constant = statistics.linear_regression(xs, ys)
    return constant, slope, max(abs(constant + slope * x - y) / y for x, y in zip(xs, ys, strict=True))


def scaling(results):
    """How one recipe's time and memory grow with the batch, over results of several batch sizes.

    flat: the largest deviation of the time per image from its median, relative.
    memory: constant and bytes per sample of the straight line through the peaks, and the largest deviation.
    """
    per_image = [result["nanogan"]["seconds_per_image"] for result in results]
    middle = statistics.median(per_image)
    made = {"flat": max(abs(seconds / middle - 1) for seconds in per_image), "memory": None}
    peaks = [result["nanogan"]["memory"]["peak"] for result in results]
    if len(results) > 1 and all(peaks):
        constant, slope, deviation = line([result["batch_size"] for result in results], peaks)
        made["memory"] = {"constant": constant, "per_sample": slope, "deviation": deviation}
    return made
