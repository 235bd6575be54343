"""What is wrong with a run?

    python -m nanogan.diagnose runs/quickstart-1
    python -m nanogan.diagnose runs/mlp --json        # the same, for programs
    python -m nanogan.diagnose runs/mlp --samples 1000

It reads the history, loads the networks, draws samples in both modes, and names what is wrong, with figures and remedy.
The exit status is 0, whatever it finds.
"""

import json
import sys
import textwrap

import nanogan as ng
from nanogan.gan import command, environment
from nanogan.gan.diagnosis import examine


def main(argv=None):
    parser = command.Parser("nanogan.diagnose", __doc__)
    parser.add_argument("run", metavar="RUN", help="the folder of a run")
    parser.add_argument("--samples", type=command.positive_int, default=examine.SAMPLES, metavar="N", help="how many to draw (default: 256)")
    parser.add_argument("--backend", default="numpy", choices=("numpy", "cupy", "auto"), help="what computes (default: numpy)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    if not args.run:
        raise ng.NanoganError("RUN is empty (an unset variable?); name the folder of a run")
    if not 32 <= args.samples <= 2_000:  # all of them go through a network at once
        raise ng.NanoganError("--samples: fewer than 32 say nothing, and more than 2,000 no more; choose a number between")
    ng.use(args.backend)
    with environment.memory_explained(f"looking at {args.samples:,} samples", "fewer --samples need less"):
        found = examine.of_run(args.run, args.samples)
    print(json.dumps(examine.plain(found), indent=2) if args.json else report(found))
    return 0


def report(found):
    """The findings as text, for a terminal of 100 columns."""
    findings = found["findings"]
    lines = [f"{found['run']} ({found['recipe']}, {_age(found)}): {_verdict(found)}"]
    for number, finding in enumerate(findings, 1):
        since = "" if finding.since is None else f", since step {finding.since:,}"
        lines += ["", f"  {number}. {finding.name}{since}", *_wrap(finding.sentence, "     "), *_wrap(finding.remedy, "     -> ")]
    lines += [line for why in found["left_out"] for line in _wrap(why, "  left out: ")]
    return "\n".join(lines)


def _age(found):
    """How far the run is, and its networks, where they are from before."""
    networks, history = found["networks"], found["history"]
    if networks is not None and history is not None and networks != history:
        return f"networks of step {networks:,}, history to {history:,}"
    return f"{found['steps']:,} step{'s' if found['steps'] != 1 else ''}"


def _verdict(found):
    """How much was found, and how much of that which could be found."""
    if findings := found["findings"]:
        return f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"
    if found["networks"] is None and found["history"] is None:
        return "nothing could be judged"
    if found["left_out"]:
        return "nothing found in what could be judged"
    return "healthy: nothing found (how good its samples are, nanogan.evaluate says)"


def _wrap(text, indent):
    return textwrap.wrap(text, 100, initial_indent=indent, subsequent_indent=" " * len(indent), break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(command.run(main))
