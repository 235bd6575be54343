"""What every ``python -m nanogan.X`` shares: its parser, the types of its arguments, and its way out.

    def main(argv=None):
        args = Parser("nanogan.train", __doc__).parse_args(argv)
        ...
    if __name__ == "__main__":
        sys.exit(run(main))

A user's mistake is one line on stderr, ``nanogan: error: WHAT, WHERE, WHAT TO DO``.  Exit status: 2
for bad input or usage, 1 for a failure while working, 130 after Ctrl-C, 143 after SIGTERM, 141 when whoever read the
output went away.  NANOGAN_DEBUG=1 in the environment shows the traceback as well.
"""

import argparse
import contextlib
import difflib
import errno
import math
import os
import signal
import sys
import textwrap
import threading
import traceback

from nanogan.backend import NanoganError
from nanogan.gan.environment import OutOfMemory

FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}  # of a disk, a file, a quota


class Parser(argparse.ArgumentParser):
    """An argument parser for ``python -m module``; its help ends with the examples in the module's docstring.

    An option must be spelt out: an abbreviation that works today would change its meaning with the next option.
    """

    def __init__(self, module, doc=None):
        what, _, examples = (doc or "").strip().partition("\n\n")
        super().__init__(
            prog=f"python -m {module}",
            description=what,
            epilog=textwrap.indent(textwrap.dedent(examples.rstrip()), "  "),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--version", action="version", version=f"nanogan {sys.modules['nanogan'].__version__}")

    def parse_args(self, args=None, namespace=None):
        namespace, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown[0].partition("=")[0]))
        return namespace

    def _unknown(self, word):
        if not word.startswith("-"):
            return f"unexpected argument {word!r:.60}"
        options = [option for action in self._actions for option in action.option_strings]
        near = [option for option in options if word.startswith("--") and option.startswith(word)]
        near = near or difflib.get_close_matches(word, options, n=1)
        return f"unknown option {word!r:.60}" + (f"; did you mean {near[0]}?" if near else "")

    def error(self, message):
        _say(f"error: {message} ({self.prog} -h lists what it takes)")
        sys.exit(2)


def did_you_mean(word, known):
    """The question that names the nearest of ``known``, or nothing where none is near.

    >>> did_you_mean("gp_mod", ["gp_mode", "lr"])
    'did you mean gp_mode? '
    """
    near = difflib.get_close_matches(str(word).lower(), known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}? " if near else ""


def positive_int(text):
    """1, 2, 3, ..."""
    return _number(text, int, lambda n: n >= 1, "a whole number of at least 1")


def nonnegative_int(text):
    """0, 1, 2, ..."""
    return _number(text, int, lambda n: n >= 0, "a whole number of at least 0")


def positive_float(text):
    """A finite number above 0: a learning rate, a count of epochs."""
    return _number(text, float, lambda x: 0 < x < math.inf, "a number above 0")


def nonnegative_float(text):
    """A finite number of at least 0: a weight."""
    return _number(text, float, lambda x: 0 <= x < math.inf, "a number of at least 0")


def fraction(text):
    """A number in [0, 1): a decay rate of Adam, a dropout rate."""
    return _number(text, float, lambda x: 0 <= x < 1, "a number from 0 to below 1")


def _number(text, kind, allowed, description):
    with contextlib.suppress(ValueError):  # not a number at all
        if allowed(number := kind(text)):
            return number
    raise argparse.ArgumentTypeError(f"expected {description}, got {text!r:.60}")


class Stopped(KeyboardInterrupt):
    """Work that was asked to stop, by Ctrl-C or SIGTERM, and did so in good order."""

    def __init__(self, number):
        super().__init__()
        self.status = 128 + number


@contextlib.contextmanager
def stop_requests():
    """A list that gets the number of the signal when Ctrl-C or SIGTERM asks to stop; a second one interrupts at once.

    Whoever works can so finish what it is about.  Outside the main thread nothing is caught.
    """
    asked = []

    def note(number, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def run(main, argv=None):
    """Call ``main(argv)``, turn whatever goes wrong into one line on stderr, and return the exit status.

    >>> run(lambda argv: print("training on", *argv), ["glyphs"])
    training on glyphs
    0
    """
    try:
        status = main(argv) or 0
        print(end="", flush=True)  # what cannot be written fails here, not after the last line of Python
        return status
    except SystemExit as leaving:  # the parser, after -h or an error
        return leaving.code or 0
    except BrokenPipeError:  # python -m nanogan.X | head
        return 141
    except KeyboardInterrupt as error:
        return _fail(error, "interrupted", getattr(error, "status", 130))
    except NanoganError as error:
        return _fail(error, f"error: {error}", 2)
    except FloatingPointError as error:
        return _fail(error, f"error: {error}", 1)
    except OutOfMemory as error:
        return _fail(error, f"error: out of memory: {error}", 1)
    except MemoryError as error:
        return _fail(error, f"error: out of memory: {str(error) or 'no room left'}; a smaller --batch-size needs less", 1)
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        remedy = "; make room there and try again, a run that has a checkpoint with --resume" if error.filename and error.errno in FULL else ""
        if error.errno in FULL and not error.filename:  # whatever else is written has a name
            place, remedy = ", where the output goes", "; make room there, or send it elsewhere"
        return _fail(error, f"error: {error.strerror or error}{place}{remedy}", 1)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(os.path.dirname(where.filename))}/{os.path.basename(where.filename)}:{where.lineno}"
        what = f"{type(error).__name__}: {error}, at {place}"
        return _fail(error, f"error: {what}; NANOGAN_DEBUG=1 in the environment shows the traceback", 1)
    finally:
        _give_up_stdout_if_closed()


def _fail(error, message, status):
    if os.environ.get("NANOGAN_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    _say(message)
    return status


def _say(message):
    print("nanogan:", " ".join(message.split()), file=sys.stderr)


def _give_up_stdout_if_closed():
    """Point an output that takes no more bytes at nothing: Python would try again at exit, and complain."""
    try:
        print(end="", flush=True)
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):  # stdout need not be a file
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
