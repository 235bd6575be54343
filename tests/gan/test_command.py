"""The way into a command and the way out of it: one line for a mistake, the right exit status, no traceback."""

import errno
import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import nanogan as ng
from nanogan.gan import command

DOC = """Bake a loaf.

    python -m nanogan.bake --steps 3        # 100% rye
"""


def bake(argv=None):
    parser = command.Parser("nanogan.bake", DOC)
    parser.add_argument("--steps", type=command.positive_int)
    parser.add_argument("--seed", type=command.nonnegative_int, default=0)
    parser.add_argument("--lr", type=command.positive_float)
    parser.add_argument("--beta1", type=command.fraction)
    parser.add_argument("--backend", choices=("numpy", "cupy", "auto"))
    parser.add_argument("--batch-size", type=command.positive_int)
    parser.add_argument("--batch-norm", action="store_true")
    print(parser.parse_args(argv).steps)


def one_line(capsys):
    """What stands on stderr, which must be one line that starts with "nanogan: "; stdout is nobody's business."""
    err = capsys.readouterr().err
    assert err.startswith("nanogan: ") and err.endswith("\n") and len(err.splitlines()) == 1, err
    return err.removeprefix("nanogan: ").rstrip("\n")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--stpes", "3"], "unknown option '--stpes'; did you mean --steps?"),
        (["--step", "3"], "unknown option '--step'; did you mean --steps?"),  # no abbreviations
        (["--step=3"], "unknown option '--step'; did you mean --steps?"),
        (["--batch", "3"], "did you mean --batch-size?"),
        (["--learning-rate-of-both", "3"], "unknown option '--learning-rate-of-both' ("),
        (["--" + "x" * 500], "unknown option '--xxx"),
        (["3"], "unexpected argument '3'"),
        (["--steps"], "argument --steps: expected one argument"),
        (["--steps", "0"], "argument --steps: expected a whole number of at least 1, got '0'"),
        (["--steps", "-3"], "argument --steps: expected a whole number of at least 1, got '-3'"),
        (["--steps", "1.5"], "argument --steps: expected a whole number of at least 1, got '1.5'"),
        (["--steps", "9" * 5000], "argument --steps: expected a whole number of at least 1, got '999"),
        (["--steps", "1\n2"], r"argument --steps: expected a whole number of at least 1, got '1\n2'"),
        (["--seed", "-1"], "argument --seed: expected a whole number of at least 0, got '-1'"),
        (["--lr", "0"], "argument --lr: expected a number above 0, got '0'"),
        (["--lr", "nan"], "argument --lr: expected a number above 0, got 'nan'"),
        (["--lr", "inf"], "argument --lr: expected a number above 0, got 'inf'"),
        (["--lr", "fast"], "argument --lr: expected a number above 0, got 'fast'"),
        (["--beta1", "1"], "argument --beta1: expected a number from 0 to below 1, got '1'"),
        (["--beta1", "nan"], "argument --beta1: expected a number from 0 to below 1, got 'nan'"),
        (["--backend", "cuda"], "auto"),  # the choices are named
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(argv, said, capsys):
    assert command.run(bake, argv) == 2
    line = one_line(capsys)
    assert line.startswith("error: ") and said in line and "python -m nanogan.bake -h" in line
    assert len(line) < 250


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (command.positive_int, "7", 7),
        (command.nonnegative_int, "0", 0),
        (command.positive_float, "2e-4", 2e-4),
        (command.nonnegative_float, "0", 0.0),
        (command.nonnegative_float, "2.5", 2.5),
        (command.fraction, "0", 0.0),
        (command.fraction, "0.999", 0.999),
    ],
)
def test_argument_types(kind, text, value):
    assert kind(text) == value and type(kind(text)) is type(value)


def test_help_ends_with_the_examples(capsys):
    assert command.run(bake, ["-h"]) == 0
    out = capsys.readouterr().out
    assert "Bake a loaf." in out and out.rstrip().endswith("\n  python -m nanogan.bake --steps 3        # 100% rye")
    assert out.startswith("usage: python -m nanogan.bake ")


def test_a_parser_needs_no_docstring(capsys):  # python -OO has none
    assert command.Parser("nanogan.bake", None).parse_args([]) is not None


class OutOfMemory(MemoryError):  # as CuPy's and NumPy's are
    pass


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ng.NanoganError("no recipe 'x', in --recipe,\n choose y"), 2, "error: no recipe 'x', in --recipe, choose y"),
        (ng.BackendError("no GPU"), 2, "error: no GPU"),
        (ng.ShapeError("(2,) and (3,)"), 2, "error: (2,) and (3,)"),
        (ng.DTypeError("int64"), 2, "error: int64"),
        (FileNotFoundError(2, "No such file or directory", "runs/x"), 1, "error: No such file or directory: runs/x"),
        (OSError("the disk\nis on fire"), 1, "error: the disk is on fire"),
        (
            OSError(errno.ENOSPC, "No space left"),
            1,
            "error: No space left, where the output goes; make room there, or send it elsewhere",
        ),
        (OutOfMemory("Unable to allocate 9 GiB"), 1, "error: out of memory: Unable to allocate 9 GiB; a smaller --batch-size needs less"),
        (MemoryError(), 1, "error: out of memory: no room left; a smaller --batch-size needs less"),
        (ZeroDivisionError("by\r\nzero"), 1, "error: ZeroDivisionError: by zero, at gan/test_command.py:"),
        (FloatingPointError("the losses are\nno longer finite"), 1, "error: the losses are no longer finite"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (command.Stopped(signal.SIGINT), 130, "interrupted"),
        (command.Stopped(signal.SIGTERM), 143, "interrupted"),
    ],
)
def test_a_failure_is_one_line_and_a_status(error, status, said, capsys, monkeypatch):
    monkeypatch.delenv("NANOGAN_DEBUG", raising=False)

    def fail(argv):
        raise error

    assert command.run(fail) == status
    line = one_line(capsys)
    assert line == said or (line.startswith(said) and line.endswith("; NANOGAN_DEBUG=1 in the environment shows the traceback"))


@pytest.mark.parametrize(("value", "shown"), [("1", True), ("0", False), ("", False)])
@pytest.mark.parametrize("error", [ng.NanoganError("no"), ZeroDivisionError("no"), KeyboardInterrupt()])
def test_debug_shows_the_traceback(error, value, shown, capsys, monkeypatch):
    monkeypatch.setenv("NANOGAN_DEBUG", value)

    def fail(argv):
        raise error

    command.run(fail)
    err = capsys.readouterr().err
    assert ("Traceback" in err) == shown
    assert err.splitlines()[-1].startswith("nanogan: ")  # the line comes last


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (1, 1), (3, 3)])
def test_the_status_of_main(returned, status):
    assert command.run(lambda argv: returned, []) == status


def test_a_closed_stdout_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    sys.stdout.close()
    assert command.run(lambda argv: None) == 1  # "I/O operation on closed file", and no second error on the way out


def start(body, **streams):
    """A Python of its own that runs a command with this body."""
    code = f"import sys\nfrom nanogan.gan import command\ndef main(argv):\n    {body}\nsys.exit(command.run(main))"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # where errors come late
    return subprocess.Popen([sys.executable, "-c", code], text=True, stderr=subprocess.PIPE, env=buffered, **streams)


@pytest.mark.parametrize(
    ("body", "status"), [("print('y\\n' * 10**6)", 141), ("print('y'); sys.stdin.read()", 141), ("print('y'); sys.stdin.read(); sys.exit(0)", 0)]
)
def test_a_reader_that_goes_away_is_no_news(body, status):
    with start(body, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        program.stdout.close()  # what head does
        program.stdin.close()
        assert program.stderr.read() == ""
    assert program.returncode == status


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full is Linux's")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full, start("print('y')", stdout=full) as program:
        assert program.stderr.read() == "nanogan: error: No space left on device, where the output goes; make room there, or send it elsewhere\n"
    assert program.returncode == 1


def test_a_warning_is_not_an_error():
    with start("import warnings; warnings.warn('mind the gap')", stdout=subprocess.PIPE) as program:
        assert "UserWarning: mind the gap" in program.stderr.read()
    assert program.returncode == 0


# --- Asked to stop --------------------------------------------------------------------------------------------

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


def ask(number):
    """Send this process a signal, and wait until Python has seen it."""
    os.kill(os.getpid(), number)
    for _ in range(100):
        time.sleep(0.001)


@pytest.fixture
def own_handlers():
    """Whatever a test does, SIGTERM does not end the tests."""
    before = handlers()
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_request_is_noted(number, own_handlers):
    before = handlers()
    with command.stop_requests() as asked:
        assert asked == [] and not asked
        ask(number)
        assert asked == [number]
    assert handlers() == before and asked == [number]


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_second_one_interrupts_at_once(first, second, own_handlers):
    before = handlers()
    with pytest.raises(KeyboardInterrupt) as caught, command.stop_requests() as asked:
        ask(first)
        ask(second)
        asked.append("it went on")
    assert asked == [first] and handlers() == before and type(caught.value) is KeyboardInterrupt


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_handlers_come_back_after_an_error(error, own_handlers):
    mine = lambda number, frame: None  # noqa: E731
    signal.signal(signal.SIGTERM, mine)
    before = handlers()
    with pytest.raises(error), command.stop_requests():
        assert handlers() != before
        raise error
    assert handlers() == before and signal.getsignal(signal.SIGTERM) is mine


def test_one_inside_another(own_handlers):
    with command.stop_requests() as outer:
        with command.stop_requests() as inner:
            ask(signal.SIGINT)
        assert inner == [signal.SIGINT] and outer == []
        ask(signal.SIGTERM)
        assert outer == [signal.SIGTERM]


def test_elsewhere_than_in_the_main_thread_nothing_is_caught():
    seen = []

    def work():
        before = handlers()
        with command.stop_requests() as asked:
            seen.append((asked, handlers() == before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [([], True)]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped(number, status):
    stopped = command.Stopped(number)
    assert stopped.status == status and isinstance(stopped, KeyboardInterrupt) and not isinstance(stopped, Exception)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_program_that_is_asked_to_stop(number, status):
    body = (
        "import time; asked = (guard := command.stop_requests()).__enter__(); print('ready', flush=True)\n"
        "    for _ in range(3000): asked or time.sleep(0.01)\n"
        "    guard.__exit__(None, None, None); print('in good order', flush=True)\n"
        "    raise command.Stopped(asked[0])"
    )
    with start(body, stdout=subprocess.PIPE) as program:
        assert program.stdout.readline() == "ready\n"
        program.send_signal(number)
        assert program.stdout.read() == "in good order\n" and program.stderr.read() == "nanogan: interrupted\n"
    assert program.returncode == status
