"""Runs that are stopped, killed, or run out of disk: what they leave is whole, and with --resume they end as if nothing had happened.

Real processes, each with one thread, so that the same numbers come out whatever else the machine does.
"""

import contextlib
import errno
import functools
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from commands import assert_same_run, call, config, environment, history, process, said, start, tree, wait_for, write_digits

import nanogan as ng
from nanogan import train
from nanogan.gan import checkpoint
from nanogan.gan.run import Run

posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits are POSIX's")


@pytest.fixture
def here(here):
    """An empty folder to work in, and forty digits in it."""
    write_digits(here / "digits")
    return here


def finished(*argv, **options):
    """What a training process that comes to its end says."""
    done = process("train", *argv, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def steps_of(folder):
    """How far the checkpoint of a run is; it can be read."""
    return checkpoint.load(folder / "checkpoint.npz")[0]["steps"]


# --- Stopped by Ctrl-C or SIGTERM ---------------------------------------------------------------------------------


RUNS = {
    "gaussian2d": (["--recipe", "gaussian2d", "--steps", "500", "--set", "log_every=7"], [signal.SIGTERM, signal.SIGINT]),
    "ring2d": (["--recipe", "ring2d", "--steps", "150", "--batch-size", "64", "--set", "log_every=9"], [signal.SIGINT]),
    "quickstart": (["--data", "digits", "--steps", "90", "--set", "batch_size=4", "--set", "log_every=4"], [signal.SIGTERM]),
    "mlp-mnist": (["--recipe", "mlp-mnist", "--data", "digits", "--steps", "120", "--batch-size", "4", "--set", "log_every=11"], [signal.SIGINT]),
}
LONGER = {
    name: (
        ["--recipe", name, "--data", "digits", "--steps", "12", "--batch-size", "3", "--set", "log_every=2", "--set", "grid=1x2"],
        [signal.SIGTERM],
    )
    for name in ("dcgan-mnist", "dcgan-k5-mnist", "wgan-gp-mnist", "wgan-gp-paper")
}
LONGER["dcgan-pokemon"] = (
    ["--recipe", "dcgan-pokemon", "--steps", "6", "--batch-size", "2", "--set", "log_every=1", "--set", "grid=1x2"],
    [signal.SIGTERM],
)


@posix
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in ("quickstart", "ring2d") else pytest.mark.slow) for name in (*RUNS, *LONGER)]
)
def test_a_stopped_run_goes_on_as_if_never_stopped(name, here):
    argv, signals = (RUNS | LONGER)[name]
    total = int(argv[argv.index("--steps") + 1])
    with start(*argv, "--out", "straight", cwd=here) as straight:
        stopped_at = 0
        for i, number in enumerate(signals):
            arguments = ["--resume", "stopped"] if i else [*argv, "--out", "stopped"]
            with start(*arguments, cwd=here) as program:
                wait_for(functools.partial(further, here / "stopped" / "history.csv", stopped_at), program)
                program.send_signal(number)
                out, err = program.communicate(timeout=120)
            assert program.returncode == 128 + number
            line, last = [line for line in said(err) if "note: " not in line]
            assert last == "nanogan: interrupted" and len(out.splitlines()) == 1 + (i > 0)
            before, stopped_at = stopped_at, steps_of(here / "stopped")
            assert line == f"stopped at step {stopped_at:,} of {total:,}; python -m nanogan.train --resume stopped goes on"
            assert before < stopped_at < total and [row["step"] for row in history(here / "stopped")][-1] == str(stopped_at)
            assert {"samples.gif", "losses.png", "generator.npz", "critic.npz"} <= set(tree(here / "stopped"))
        assert straight.wait(timeout=240) == 0, straight.communicate()
    out = finished("--resume", "stopped", cwd=here)
    assert f"going on from step {stopped_at:,}" in out.splitlines()
    assert_same_run(here / "straight", here / "stopped")
    assert (here / "straight" / "generator.npz").read_bytes() == (here / "stopped" / "generator.npz").read_bytes()
    if name == "mlp-mnist":
        assert len((here / "stopped" / "g_loss.txt").read_text().split()) == 2  # of steps 1 and 101


def further(path, step):
    """Whether a history.csv has two rows and is past ``step``."""
    rows = path.read_text().splitlines() if path.exists() else []
    return len(rows) > 3 and int(rows[-2].split(",")[0]) > step


@posix
def test_one_run_in_a_folder_at_a_time(here):
    with start("--recipe", "gaussian2d", "--steps", 10**6, "--out", "run", cwd=here) as program:
        wait_for(lambda: (here / "run" / "checkpoint.npz").exists(), program)
        done = process("train", "--resume", "run", cwd=here)
        program.kill()
    assert done.returncode == 2 and said(done.stderr) == ["nanogan: error: another process is training in run; wait for it, or stop it first"]


# --- Killed -------------------------------------------------------------------------------------------------------


def kill_and_resume(here, kills, argv, seed=0):
    """Kill a run ``kills`` times at random, resuming it each time, and as often begin again; every run that ends is the straight one.

    Returns what was there at each kill: the step of the checkpoint, or None where there was none yet.
    """
    began = time.monotonic()
    with start(*argv, "--out", "straight", cwd=here) as program:
        wait_for(lambda: (here / "straight" / "checkpoint.npz").exists(), program)
        starting = time.monotonic() - began
        assert program.wait(timeout=600) == 0
    training = time.monotonic() - began - starting
    chance, found, runs = random.Random(seed), [], 0

    def delay():
        """Every third falls into the start; the others together come to most of a run."""
        return chance.uniform(0, starting) if chance.random() < 1 / 3 else starting + chance.uniform(0, 2.4 * training / kills)

    run = here / "killed"
    while True:
        arguments = ["--resume", "killed"] if (run / "config.json").exists() else [*argv, "--out", "killed"]
        if arguments[0] != "--resume" and run.exists():
            shutil.rmtree(run)  # nothing is in it but empty folders and torn files
        with start(*arguments, cwd=here) as program:
            if len(found) < kills:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    program.wait(delay())
                program.kill()
            _, err = program.communicate(timeout=600)
        if program.returncode == 0:
            assert_same_run(here / "straight", run)
            shutil.rmtree(run)
            runs += 1
            if len(found) >= kills:
                return found
        else:
            assert program.returncode == -signal.SIGKILL, err
            found.append(steps_of(run) if (run / "checkpoint.npz").exists() else None)


@posix
@pytest.mark.slow
def test_killed_at_five_moments(here):
    argv = ["--recipe", "gaussian2d", "--steps", "400", "--set", "log_every=7", "--checkpoint-every", "10", "--keep-every", "50"]
    assert len(kill_and_resume(here, 5, argv)) == 5


@posix
@pytest.mark.slow
@pytest.mark.parametrize("name", ["gaussian2d", "mlp-mnist"])
def test_killed_at_fifty_moments(name, here):
    """Points are quick, so that most kills fall between steps and into pictures; checkpoints of 26 MB take longer than the steps between them."""
    argv = {
        "gaussian2d": ["--recipe", "gaussian2d", "--steps", "5000", "--set", "log_every=7", "--checkpoint-every", "10", "--keep-every", "500"],
        "mlp-mnist": ["--recipe", "mlp-mnist", "--data", "digits", "--steps", "800", "--batch-size", "4", "--set", "log_every=3",
                      "--checkpoint-every", "5", "--keep-every", "400"],
    }[name]  # fmt: skip
    found = kill_and_resume(here, 50, argv)
    assert len(found) == 50 and len(set(found)) > 15  # all over the run


AT_EVERY_RENAMING = """
import os, pathlib, shutil, sys
import numpy, PIL.Image, tqdm
from nanogan import train, viz
from nanogan.gan import command

def scatter(path, generated, *_):
    '''The points as pixels: to draw them takes as long as all else.'''
    viz.files.save_pixels(path, numpy.ascontiguousarray(generated, numpy.float32).view(numpy.uint8))

def losses(path, history, *_):
    columns = [history[name] for name in sorted(history) if name != "images_per_second"]
    viz.files.save_pixels(path, numpy.stack(columns).view(numpy.uint8))

viz.save_scatter, viz.save_losses = scatter, losses

def run(argv, die_at=None):
    '''In a process of its own: its status, 9 if it died when it was about to give the die_at-th file its name.'''
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    replace, count = os.replace, iter(range(10**6))

    def dying(*names):
        if next(count) == die_at:
            history = pathlib.Path(argv[-1], "history.csv")
            if history.exists():
                with open(history, "a") as file:
                    file.write("12,0.09")  # as much of a row as there was time for
            os._exit(9)
        replace(*names)

    os.replace = dying
    os._exit(command.run(train.main, argv))

argv = sys.argv[1:]
print("straight", run([*argv, "--out", "straight"]))
k = 0
while (status := run([*argv, "--out", f"run-{k}"], die_at=k)) == 9:
    if not os.path.exists(f"run-{k}/config.json"):
        shutil.rmtree(f"run-{k}")
        print(f"run-{k}", run([*argv, "--out", f"run-{k}"]))
    else:
        print(f"run-{k}", run(["--resume", f"run-{k}"]))
    k += 1
print(f"run-{k}", status)
"""


@posix
def test_killed_before_each_file_gets_its_name(here):
    """Every state on disk that a kill can leave, one after another, with half a row in history.csv besides."""
    argv = ["--recipe", "gaussian2d", "--steps", "9", "--set", "log_every=4", "--checkpoint-every", "5", "--keep-every", "5"]
    done = subprocess.run([sys.executable, "-c", AT_EVERY_RENAMING, *argv], capture_output=True, text=True, cwd=here, env=environment(), timeout=300)
    assert done.returncode == 0, done.stderr
    statuses = dict(line.split() for line in done.stdout.splitlines())
    assert len(statuses) >= 16 and set(statuses.values()) == {"0"}, statuses
    for name in statuses:
        assert_same_run(here / "straight", here / name)


# --- A full disk, a folder that may not be written --------------------------------------------------------------------


def complaint(stderr):
    """The one line on stderr, without what it always starts with."""
    (line,) = said(stderr)
    assert line.startswith("nanogan: error: ") and "Traceback" not in stderr
    return line.removeprefix("nanogan: error: ")


def limited(size):
    """For a process: no file longer than ``size`` bytes, as if the disk were full."""

    def limit():
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return {"preexec_fn": limit}


@posix
def test_a_full_disk_leaves_the_checkpoint_before(here):
    argv = ["--recipe", "ring2d", "--batch-size", "64", "--set", "log_every=5"]
    finished(*argv, "--steps", 20, "--checkpoint-every", 10, "--out", "run", cwd=here)
    before = (here / "run" / "checkpoint.npz").read_bytes()
    assert len(before) > 1_000_000  # and all else is shorter than the limit
    done = process("train", "--resume", "run", "--steps", 40, cwd=here, **limited(500_000))
    line = complaint(done.stderr)
    assert done.returncode == 1 and line.startswith("File too large") and "checkpoint.npz" in line
    assert (here / "run" / "checkpoint.npz").read_bytes() == before
    assert not [name for name in tree(here / "run") if name.endswith((".tmp", ".part"))]
    # Room is made, and the run goes on to the 40 steps that it was last asked for.
    finished("--resume", "run", cwd=here)
    finished(*argv, "--steps", 40, "--checkpoint-every", 10, "--out", "straight", cwd=here)
    for folder in ("run", "straight"):
        (here / folder / "samples.gif").unlink()
    assert_same_run(here / "straight", here / "run")


@posix
def test_a_disk_that_was_full_from_the_start(here):
    done = process("train", "--recipe", "gaussian2d", "--out", "run", cwd=here, **limited(0))
    assert done.returncode in (1, 2) and "File too large" in complaint(done.stderr)


@pytest.mark.parametrize("which", [2, 3, 5, 8, 11])
def test_no_space_when_a_file_is_synced(which, here, capsys, monkeypatch):
    """fsync is where some file systems notice.  Whatever write fails, what was there before is whole."""
    argv = ["--recipe", "gaussian2d", "--steps", 12, "--checkpoint-every", 4, "--set", "log_every=3", "--out", "run"]
    fsync, count = os.fsync, iter(range(1000))

    def full(handle):
        if next(count) >= which:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    status = call(train, *argv)
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert status in (1, 2) and "No space left on device" in complaint(capsys.readouterr().err)
    if (here / "run" / "checkpoint.npz").exists():
        assert steps_of(here / "run") in (0, 4, 8) and status == 1
    assert call(train, "--resume", "run") == 0 and call(train, *argv[:-1], "straight") == 0
    assert_same_run(here / "straight", here / "run")


def without_privilege():
    """For a process of root's: permissions are to hold for it as for anyone else (CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH are dropped)."""
    if os.geteuid() == 0:
        import ctypes

        for capability in (1, 2):
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


@pytest.fixture
def plain_user(here):
    """Options of a process that may not write where permissions forbid it."""
    if os.name != "posix":
        pytest.skip("permissions are POSIX's")
    (here / "shut").mkdir(mode=0o555)
    options = {"preexec_fn": without_privilege}
    try:
        tried = subprocess.run([sys.executable, "-c", "open('shut/file', 'w')"], cwd=here, capture_output=True, **options)
    except subprocess.SubprocessError:
        tried = None
    if tried is None or b"Permission denied" not in tried.stderr:
        pytest.skip("root cannot be kept from writing here")
    yield options
    for path in [here, *here.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)


def test_a_folder_that_may_not_be_written(here, plain_user):
    finished("--recipe", "gaussian2d", "--steps", 5, "--out", "run", cwd=here)
    for path in [here / "run", here / "run" / "samples", here]:
        path.chmod(0o555)
    before = tree(here)
    for argv, line in {
        ("train", "--recipe", "gaussian2d", "--out", "new"): "cannot write a run to new: Permission denied; choose another --out",
        ("train", "--recipe", "gaussian2d", "--out", "new/run"): "cannot write a run to new/run: Permission denied; choose another --out",
        ("train", "--resume", "run", "--steps", "9"): "cannot go on in run: Permission denied; check its permissions",
        ("sample", "run"): "cannot write run/samples-seed0.png: Permission denied; choose another name",
        ("sample", "run", "--out", "new/a.png"): "the folder new cannot be made (Permission denied); choose another --out",
    }.items():
        done = process(*argv, cwd=here, **plain_user)
        assert (done.returncode, complaint(done.stderr), done.stdout) == (2, line, ""), argv
    assert tree(here) == before and steps_of(here / "run") == 5


def test_a_folder_that_is_locked_while_a_run_goes_on(here, plain_user):
    with start("--recipe", "gaussian2d", "--steps", 10**6, "--checkpoint-every", 50, "--out", "run", cwd=here, **plain_user) as program:
        wait_for(lambda: (here / "run" / "checkpoint.npz").exists() and steps_of(here / "run") > 0, program)
        (here / "run").chmod(0o555)
        _, err = program.communicate(timeout=120)
    line = complaint(err)
    assert program.returncode == 1 and "Permission denied" in line and ".npz" in line
    assert steps_of(here / "run") % 50 == 0 and ng.load_generator(here / "run").recipe.name == "gaussian2d"


# --- Checkpoints, lengths, and the same again -------------------------------------------------------------------------


GAUSSIAN = ["--recipe", "gaussian2d", "--batch-size", 100, "--set", "log_every=5"]  # ten steps an epoch


def test_which_checkpoints_are_saved_and_kept(here, monkeypatch):
    saved, save = [], Run.save_checkpoint

    def note(run, trainer, keep=False):
        saved.append((trainer.steps, keep))
        save(run, trainer, keep)

    monkeypatch.setattr(Run, "save_checkpoint", note)
    assert call(train, *GAUSSIAN, "--steps", 23, "--checkpoint-every", 7, "--keep-every", 10, "--out", "run") == 0
    assert saved == [(0, False), (7, False), (10, True), (14, False), (20, True), (21, False), (23, False)]
    kept = sorted((here / "run" / "checkpoints").iterdir())
    assert [path.name for path in kept] == ["step_000010.npz", "step_000020.npz"]
    assert [checkpoint.load(path)[0]["steps"] for path in kept] == [10, 20]
    weights = [ng.load_generator(path).state_dict() for path in (*kept, here / "run")]
    assert all(any((a[name] != b[name]).any() for name in a) for a, b in itertools.pairwise(weights))
    # A run of ten steps ends where the checkpoint of the tenth was kept.
    assert call(train, *GAUSSIAN, "--steps", 10, "--out", "short") == 0
    short = ng.load_generator(here / "short").state_dict()
    assert all((short[name] == weights[0][name]).all() for name in short)


def test_once_a_minute_if_nothing_else_is_asked_for(here, monkeypatch):
    saved, clock, save = [], iter(range(0, 10**6, 25)), Run.save_checkpoint
    monkeypatch.setattr(Run, "save_checkpoint", lambda run, trainer, keep=False: (saved.append(trainer.steps), save(run, trainer, keep)))
    monkeypatch.setattr("nanogan.gan.run.time.monotonic", lambda: next(clock))
    assert call(train, *GAUSSIAN, "--steps", 10, "--out", "run") == 0
    assert saved == [0, 3, 6, 9, 10]  # each look at the clock is 25 seconds later


@pytest.mark.parametrize("again", [["--steps", 40], ["--epochs", 4], ["--iterations", 40]])
def test_a_finished_run_goes_on_for_longer(again, here):
    assert call(train, *GAUSSIAN, "--steps", 20, "--out", "run") == 0 and call(train, *GAUSSIAN, "--steps", 40, "--out", "straight") == 0
    assert call(train, "--resume", "run", *again) == 0
    assert_same_run(here / "straight", here / "run")


def test_a_finished_run_resumed_stays_as_it_is(here, capsys):
    assert call(train, *GAUSSIAN, "--steps", 23, "--out", "run") == 0  # 23 is no multiple of 5: its last row is of three steps
    before = tree(here / "run"), history(here / "run")
    capsys.readouterr()
    assert call(train, "--resume", "run") == 0
    assert "this run is complete" in capsys.readouterr().out
    after = tree(here / "run"), history(here / "run")
    assert before[1] == after[1] and [row["step"] for row in after[1]] == ["5", "10", "15", "20", "23"]
    del before[0]["history.csv"], after[0]["history.csv"]
    assert before[0] == after[0]


def test_fewer_steps_than_are_made_are_refused(here, capsys):
    assert call(train, *GAUSSIAN, "--steps", 20, "--out", "run") == 0
    before = tree(here / "run")
    capsys.readouterr()
    assert call(train, "--resume", "run", "--epochs", 1) == 2
    assert "run has made 20 steps, and 10 in all are asked for" in capsys.readouterr().err and tree(here / "run") == before


def test_the_length_asked_for_last_counts_though_no_checkpoint_came_after(here):
    assert call(train, *GAUSSIAN, "--steps", 20, "--out", "run") == 0 and call(train, *GAUSSIAN, "--steps", 40, "--out", "straight") == 0
    asked = json.dumps(config(here / "run") | {"steps": 40}, indent=2) + "\n"  # as --resume run --steps 40 leaves it, killed at once
    (here / "run" / "config.json").write_text(asked)
    assert call(train, "--resume", "run") == 0
    assert_same_run(here / "straight", here / "run")


@pytest.mark.parametrize("damaged", [b"{", b"", None])
def test_a_run_goes_on_without_its_config_json(damaged, here):
    """The checkpoint says what it needs."""
    assert call(train, *GAUSSIAN, "--steps", 20, "--out", "run") == 0
    before = tree(here / "run")
    (here / "run" / "config.json").unlink()
    if damaged is not None:
        (here / "run" / "config.json").write_bytes(damaged)
    assert call(train, "--resume", "run") == 0
    assert tree(here / "run")["config.json"] == before["config.json"]


def test_a_run_killed_before_its_first_checkpoint_starts_from_its_config(here):
    assert call(train, *GAUSSIAN, "--steps", 20, "--seed", 3, "--out", "straight") == 0
    for folder in ("run", "run/samples"):
        (here / folder).mkdir()
    shutil.copy(here / "straight" / "config.json", here / "run")
    (here / "run" / ".history.csv.123.tmp").write_text("step,ep")
    (here / "run" / "samples" / ".step_000000.png.123.part").write_text("")
    assert call(train, "--resume", "run") == 0
    assert_same_run(here / "straight", here / "run")


def test_data_that_have_moved(here, capsys):
    argv = ["--recipe", "quickstart", "--batch-size", 4, "--set", "grid=1x2"]
    (here / "mnist").mkdir()
    shutil.copytree(here / "digits", here / "first" / "mnist")
    assert call(train, *argv, "--data", "mnist", "--data-dir", "first", "--steps", 2, "--out", "run") == 0
    (here / "first").rename(here / "second")
    capsys.readouterr()
    assert call(train, "--resume", "run", "--steps", 4) == 2 and f"in {here}/first/mnist or {here}/first; " in capsys.readouterr().err
    assert call(train, "--resume", "run", "--steps", 4, "--data-dir", "second") == 0
    assert config(here / "run")["data_dir"] == str(here / "second") and steps_of(here / "run") == 4


def test_the_same_again_from_a_config(here):
    argv = ["--recipe", "ring2d", "--set", "width=8", "--set", "objective=least-squares", "--lr", "2e-3,1e-3", "--batch-size", 32, "--seed", 5]
    assert call(train, *argv, "--steps", 30, "--checkpoint-every", 20, "--keep-every", 20, "--out", "run") == 0
    assert call(train, "--config", here / "run" / "config.json", "--out", "again") == 0
    assert_same_run(here / "run", here / "again")
    assert (
        call(train, "--config", "run", "--seed", 6, "--steps", 10, "--set", "width=4", "--out", "other") == 0
    )  # a folder does; what is said besides counts more
    other, run = config(here / "other"), config(here / "run")
    assert (other["seed"], other["steps"], other["options"]) == (6, 10, run["options"] | {"width": 4})
    assert other["data"] == run["data"] and other["checkpoint_every"] == 20


def test_seeds(here):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert call(train, *GAUSSIAN, "--steps", 10, "--seed", seed, "--out", name) == 0
    assert_same_run(here / "a", here / "b")
    assert history(here / "a") != history(here / "c") and tree(here / "a")["generator.npz"] != tree(here / "c")["generator.npz"]
