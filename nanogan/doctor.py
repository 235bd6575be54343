"""Look at this machine: what computes here, and what is wrong with it.

    python -m nanogan.doctor
    python -m nanogan.doctor --json         # the same, for programs

The exit status is 0 if nothing is wrong, 1 if something is.
"""

import json
import os
import pathlib
import re
import sys
import textwrap

from nanogan.gan import command, environment


def main(argv=None):
    parser = command.Parser("nanogan.doctor", __doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    facts = examine()
    print(json.dumps(facts, indent=2) if args.json else report(facts))
    return 1 if facts["wrong"] else 0


def examine():
    """Everything the doctor knows, as plain data; "wrong" lists pairs of a problem and its remedy."""
    folder = os.environ.get("NANOGAN_DATA")
    facts = {
        "versions": environment.versions(),
        "blas": environment.blas_facts(),
        "cpus": {"count": os.cpu_count(), "allowed": _cpus_allowed()},
        "gpu": environment.gpu_facts(),
        "data": {"NANOGAN_DATA": folder, "exists": bool(folder) and pathlib.Path(folder).is_dir(),
                 "mnist": bool(folder) and (pathlib.Path(folder) / "mnist").is_dir()},
    }  # fmt: skip
    return facts | {"wrong": [{"problem": problem, "remedy": remedy} for problem, remedy in wrong(facts)]}


def _cpus_allowed():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def wrong(facts):
    """Yield each problem with its remedy."""
    versions, gpu, data, allowed = facts["versions"], facts["gpu"], facts["data"], facts["cpus"]["allowed"]
    variables = facts["blas"]["variables"]

    if _numbers(versions["python"]) < (3, 10):
        yield f"Python {versions['python']} is too old", "install Python 3.10 or newer, and nanogan in it"
    for name in ("numpy", "matplotlib", "pillow", "tqdm"):
        if versions[name] is None:
            yield f"{name} is not installed", f"pip install {name}"
    if versions["numpy"] and _numbers(versions["numpy"]) < (2,):
        yield f"NumPy {versions['numpy']} promotes dtypes by rules that NumPy 2 changed", "pip install 'numpy>=2'"

    if kernel := variables.get("OPENBLAS_CORETYPE"):
        yield (
            f"OPENBLAS_CORETYPE={kernel} holds OpenBLAS to the kernels of {facts['blas']['kernel'] or kernel}, whatever this CPU is; "
            "matrix products can take twice the time",
            "unset OPENBLAS_CORETYPE",
        )
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        threads = variables.get(name, "")
        if threads.isdecimal() and allowed and int(threads) > allowed:
            yield (
                f"{name}={threads} asks for more threads than the {allowed} CPUs that this process may use",
                f"set it to {allowed} or unset it",
            )

    if len(gpu["wheels"]) > 1:
        yield (
            f"several CuPy wheels overwrite each other: {', '.join(gpu['wheels'])}",
            f"pip uninstall {' '.join(wheel.split()[0] for wheel in gpu['wheels'])}, then install one of them",
        )
    if gpu["problem"] and gpu["installed"]:  # without CuPy, no GPU is a fact and no fault
        problem, separator, remedy = gpu["problem"].rpartition("; ")
        if len(gpu["wheels"]) > 1:
            remedy = "repair the wheels first, then look again"
        elif not separator or "nanogan.doctor" in remedy:
            remedy = "python -c 'import cupy; cupy.show_config()' shows what CuPy finds"
        yield problem or gpu["problem"], remedy

    if data["NANOGAN_DATA"] and not data["exists"]:
        yield f"NANOGAN_DATA={data['NANOGAN_DATA']} is no folder", "set it to the folder that holds mnist/, or unset it"


def _numbers(version):
    """The first two numbers of a version: (2, 4) of 2.4.6rc1."""
    return tuple(int(digits) for digits in re.findall(r"\d+", version)[:2])


def report(facts):
    """The facts as aligned text, for a terminal of 100 columns."""
    versions, blas, cpus, gpu, data = facts["versions"], facts["blas"], facts["cpus"], facts["gpu"], facts["data"]
    lines = ["versions", *_rows({name: version or "not installed" for name, version in versions.items()})]
    lines += ["", "BLAS, which does NumPy's matrix products"]
    lines += _rows(
        {
            "library": _words(blas["name"], blas["version"]),
            "kernels for": blas["kernel"],
            "threads": blas["threads"],
            "nanogan's threads": blas.get("nanogan_threads"),
        }
    )
    lines += _rows(blas["variables"])
    lines += ["", "CPUs", *_rows({"present": cpus["count"], "for this process": cpus["allowed"]})]
    lines += ["", "GPU, for --backend cupy"]
    lines += _rows({
        "usable": "yes" if not gpu["problem"] else "no, see below" if gpu["installed"] else f"no: {gpu['problem']}",
        "device": _words(gpu["device"], gpu["compute_capability"] and f"(compute capability {gpu['compute_capability']})"),
        "memory": gpu["memory_total"] and f"{gpu['memory_free'] / 2**30:.1f} of {gpu['memory_total'] / 2**30:.1f} GiB free",
        "CUDA driver": gpu["driver"],
        "CUDA runtime": gpu["runtime"],
    })  # fmt: skip
    lines += ["", "data, where mnist is looked for"]
    state = "mnist/ is there" if data["mnist"] else "there is no mnist/ in it" if data["exists"] else "no such folder"
    found = f"{data['NANOGAN_DATA']} ({state})" if data["NANOGAN_DATA"] else "not set; without --data-dir, the user's cache directory"
    lines += _rows({"NANOGAN_DATA": found})
    lines += ["", "wrong"]
    for number, found in enumerate(facts["wrong"], 1):
        lines += _wrap(found["problem"], f"  {number}. ") + _wrap(found["remedy"], "     -> ")
    return "\n".join(lines if facts["wrong"] else [*lines, "  nothing"])


def _words(*words):
    return " ".join(word for word in words if word)


def _rows(facts):
    """Lines "  name    value"; what is not known is left out."""
    return [line for name, value in facts.items() if value for line in _wrap(str(value), f"  {name:<20} ")]


def _wrap(text, indent):
    return textwrap.wrap(text, 100, initial_indent=indent, subsequent_indent=" " * len(indent), break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(command.run(main))
