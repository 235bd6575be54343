"""What the benchmark found, in words: tables for a terminal, facts about the machine, JSON."""

import json
import platform

from nanogan.gan import environment

MB = 10**6
LEAST = 0.001  # share of a step below which an operation is one of the others
UNSTEADY = 0.2  # by how much quartiles may differ
CHANGES_SPEED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def machine(plan, blas):
    """What computes: processor, threads, BLAS, versions, and the variables that change it."""
    gpu = environment.gpu_facts() if plan.backend == "cupy" else None
    return {"processor": processor(), "backend": plan.backend, "threads": plan.threads, "blas": blas, "gpu": gpu, "versions": environment.versions()}


def processor():
    """The name of the CPU, as far as the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def warnings(variables):
    """A line for each variable that makes the figures those of another machine."""
    return [
        f"{name}={variables[name]} is set, which changes how fast NumPy's products are: these are not the figures of this machine; unset {name}"
        for name in CHANGES_SPEED
        if name in variables
    ]


def of_machine(facts, peer=None):
    """Lines about what computed."""
    blas, versions = facts["blas"], facts["versions"]
    library = " ".join(str(word) for word in (blas["name"], blas["version"], blas["kernel"] and f"with kernels for {blas['kernel']}") if word)
    variables = ", ".join(f"{name}={value}" for name, value in blas["variables"].items())
    lines = [
        f"{facts['processor']}; {facts['threads']} thread{'s' * (facts['threads'] > 1)}; backend {facts['backend']}",
        f"nanogan {versions['nanogan']} on NumPy {versions['numpy']}, {library or 'an unknown BLAS'}",
        f"variables: {variables or 'none that matters'}",
    ]
    if facts["gpu"]:
        lines.append(
            f"{facts['gpu']['device']}, CuPy {facts['gpu']['cupy']}, products in {'TF32 (CUPY_TF32)' if facts['gpu']['tf32'] else 'float32'}"
        )
    if peer:
        lines.append(f"PyTorch {peer['version']} on {peer['device']}, {peer['threads']} thread{'s' * (peer['threads'] > 1)}")
    return lines


def table(results, peak):
    """The comparison, a line for each setting, under a heading."""
    head = ["recipe", "batch", "step, ms", "images/s", "GFLOP/s", "of peak", "memory, MB"]
    head += ["PyTorch, ms", "memory, MB", "ratio"] if any("torch" in result for result in results) else []
    return aligned([head, *(row(result, peak) for result in results)])


def row(result, peak):
    ours = result["nanogan"]
    cells = [
        result["recipe"], str(result["batch_size"]), spread(ours), f"{ours['images_per_second']:.4g}",
        f"{ours['gflops']:.4g}", f"{ours['gflops'] / peak:.0%}", memory(ours["memory"]),
    ]  # fmt: skip
    if "torch" in result:
        peer = result["torch"][result["quoted"]]
        cells += [spread(peer), memory(peer["memory"]), f"{result['ratio']:.2f}"]
    return cells


def spread(side):
    """Median and quartiles in milliseconds: "512 (505-530)"."""
    low, high = (f"{1000 * value:.3g}" if value < 1 else f"{1000 * value:.0f}" for value in side["quartiles"])
    middle = side["seconds"]
    return f"{1000 * middle:.3g} ({low}-{high})" if middle < 1 else f"{1000 * middle:.0f} ({low}-{high})"


def memory(facts):
    """The peak, and after a plus what of it came after networks and data were there."""
    if facts["peak"] is None:
        return "?"
    rise = f" (+{(facts['peak'] - facts['before']) / MB:.0f})" if facts["before"] is not None else ""
    return f"{facts['peak'] / MB:.0f}{rise}"


def notes(results, sgemm, scale=False):
    """What the columns mean, and which layout of PyTorch's was quoted."""
    lines = [
        "step: discriminator's and generator's updates, median of turns (quartiles).",
        "memory: peak of the process (+ what came after imports, networks and data).",
    ]
    if not scale:
        lines += [
            "GFLOP/s: of convolutions and products, counted from shapes;",
            f"of peak: of {sgemm['gflops']:.4g} GFLOP/s, the fastest single-precision product in the same run ({sgemm['size']} x {sgemm['size']}).",
        ]
    if quoted := [f"{result['recipe']} {result['batch_size']}" for result in results if result.get("quoted") == "channels_last"]:
        lines.append(f"PyTorch was faster with channels_last on {', '.join(quoted)}, and that is quoted.")
    if any("torch" in result for result in results):
        lines.append("ratio: nanogan's median over PyTorch's, below 1 where nanogan is faster." * (not scale))
        lines.append("Before that, both computed the same losses from the same weights.")
    if unsteady := [f"{result['recipe']} {result['batch_size']}" for result in results if any(map(is_unsteady, sides(result)))]:
        lines.append(f"UNSTEADY: {', '.join(unsteady)}: a quarter of the turns took {UNSTEADY:.0%} longer than another quarter or more; "
                     "something else was running.")  # fmt: skip
    return [line for line in lines if line]


def sides(result):
    """Those whose times are shown: ours, and the peer's in the layout that is quoted."""
    return [result["nanogan"], *([result["torch"][result["quoted"]]] if "torch" in result else [])]


def is_unsteady(side):
    low, high = side["quartiles"]
    return high > (1 + UNSTEADY) * low


def of_scaling(results, scaling):
    """How time and memory grow with the batch: two lines."""
    lines = [f"time per image: within {scaling['flat']:.0%} of its median from batch {results[0]['batch_size']} to {results[-1]['batch_size']}"]
    if fit := scaling["memory"]:
        lines.append(f"peak memory: {fit['constant'] / MB:.0f} MB + {fit['per_sample'] / MB:.3f} MB for each sample of the batch, "
                     f"within {fit['deviation']:.0%}")  # fmt: skip
    return lines


def per_image(results):
    """The sweep, a line for each batch size."""
    head = ["batch", "ms per image", "step, ms", "memory, MB"]
    head += ["PyTorch, ms per image", "memory, MB"] if any("torch" in result for result in results) else []
    rows = []
    for result in results:
        ours = result["nanogan"]
        rows.append([str(result["batch_size"]), f"{1000 * ours['seconds_per_image']:.4g}", spread(ours), memory(ours["memory"])])
        if "torch" in result:
            peer = result["torch"][result["quoted"]]
            rows[-1] += [f"{1000 * peer['seconds_per_image']:.4g}", memory(peer["memory"])]
    return aligned([head, *rows])


def of_profile(result):
    """Where a step's time goes, a line for each operation; the most expensive shapes; then the peer's."""
    whole = result["nanogan"]["profile"]
    lines = [f"{result['recipe']}, batch {result['batch_size']}: {1000 * whole['seconds']:.4g} ms a step, of which", operations(whole["rows"])]
    lines += ["", "the most expensive by shape", operations(whole["shapes"])]
    for layout, side in result.get("torch", {}).items():
        lines += ["", f"PyTorch ({layout}), by its own profiler", operations(side["profile"]["rows"])]
    return lines


def operations(rows):
    """A line for each operation."""
    head = ["operation", "ms", "share", "calls", "GFLOP/s"]
    small = [row for row in rows if row["share"] < LEAST]
    others = {key: sum(row[key] for row in small) for key in ("seconds", "share")} | {"operation": f"{len(small)} others", "calls": 0, "gflops": None}
    shown = [row for row in rows if row["share"] >= LEAST] + [others] * bool(small)
    cells = [
        [row["operation"], f"{1000 * row['seconds']:.3f}", f"{row['share']:.1%}",
         f"{row['calls']:.4g}" if row["calls"] else "", f"{row['gflops']:.4g}" if row["gflops"] else ""] for row in shown
    ]  # fmt: skip
    return aligned([head, *cells])


def aligned(rows):
    """Columns of text: the first to the left, the others to the right.

    >>> print(aligned([["recipe", "batch"], ["mlp-mnist", "32"]]))
    recipe     batch
    mlp-mnist     32
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def as_json(found):
    """Strict JSON: a number that is none stops here."""
    return json.dumps(found, indent=2, allow_nan=False) + "\n"
