"""The threads that share work, the BLAS that is held to one of them, and the memory that is lent."""

import contextlib
import gc
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pytest
from lowered import lower

import nanogan
from nanogan.backend import numpy_kernels, numpy_workers, reference
from nanogan.backend.numpy_workers import empty, one_blas_thread, openblas, scratch, share, share_range, threads

ROOT = pathlib.Path(nanogan.__file__).parent.parent
needs_openblas = pytest.mark.skipif(openblas() is None, reason="NumPy's BLAS is not OpenBLAS here: there is one thread")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def run(code, *options, status=0, **environment):
    """``code`` in a Python of its own, warnings being errors, with tests/lowered.py at hand; its standard output."""
    kept = {key: value for key, value in os.environ.items() if key not in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "backend")))
    command = [sys.executable, "-W", "error", *options, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env={**kept, "PYTHONPATH": paths, **environment}, timeout=240)
    assert (done.returncode, done.stderr) == (status, ""), done.stderr or done.stdout
    return done.stdout.split()


@pytest.fixture
def low(monkeypatch):
    """Every kernel call is shared among three threads."""
    lower(monkeypatch.setattr, 3)


# --- How many threads -------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """``asked(cpus, OMP_NUM_THREADS=...)``: how many threads there would be."""

    def answer(cpus, **environment):
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            monkeypatch.delenv(name, raising=False)
            if name in environment:
                monkeypatch.setenv(name, environment[name])
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cpus)), raising=False)
        return threads.__wrapped__()

    return answer


@needs_openblas
def test_as_many_threads_as_cpus_or_as_one_asks_for(asked):
    assert asked(4) == 4 and asked(1) == 1
    assert asked(4, OMP_NUM_THREADS="3") == 3
    assert asked(4, OPENBLAS_NUM_THREADS="2") == 2
    assert asked(4, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="2") == 1  # which of them wins
    assert asked(2, OMP_NUM_THREADS="64") == 2
    assert asked(8, OMP_NUM_THREADS="2,1") == 2  # for nested regions
    assert asked(8, OMP_NUM_THREADS=" 3 ") == 3


@needs_openblas
@pytest.mark.parametrize("nonsense", ["", " ", "abc", "0", "-1", "1.5", ",", ",2", "²"])
def test_nonsense_asks_for_nothing(nonsense, asked):
    assert asked(4, OMP_NUM_THREADS=nonsense) == 4
    assert asked(4, OMP_NUM_THREADS=nonsense, OPENBLAS_NUM_THREADS="2") == 2
    assert asked(4, OPENBLAS_NUM_THREADS=nonsense) == 4


def test_another_blas_leaves_one_thread(asked, monkeypatch):
    monkeypatch.setattr(numpy_workers, "openblas", lambda: None)
    assert asked(4) == asked(4, OMP_NUM_THREADS="3") == 1
    with one_blas_thread:
        np.ones((4, 4)) @ np.ones((4, 4))


def test_where_the_system_knows_no_affinity(asked, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for cpus, expected in ((3, 3), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda cpus=cpus: cpus)
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            monkeypatch.delenv(name, raising=False)
        assert threads.__wrapped__() == (expected if openblas() else 1)


@needs_openblas
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no process can be bound to CPUs here")
def test_a_process_bound_to_one_cpu_has_one_thread():
    code = """
import os, threading
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import numpy as np
from nanogan.backend import kernels, numpy_workers
kernels.add(np.ones(2**20), 1.0)
print(numpy_workers.threads(), threading.active_count())
"""
    assert run(code) == ["1", "1"]
    assert run("from nanogan.backend.numpy_workers import threads; print(threads())", OMP_NUM_THREADS="1") == ["1"]


# --- Sharing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_every_task_runs_once(count, low):
    for crew in (None, 1, 2, 5):
        done = []
        share(done.append, count, crew)
        assert sorted(done) == list(range(count))


@pytest.mark.parametrize("n", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("most", [1, 3, 1000])
@pytest.mark.parametrize("worth", [True, False])
def test_a_range_is_covered_once_in_pieces_no_larger_than_asked(n, most, worth, low):
    pieces = []
    share_range(lambda start, stop: pieces.append((start, stop)), n, most, worth)
    assert [i for start, stop in sorted(pieces) for i in range(start, stop)] == list(range(n))
    assert all(0 < stop - start <= most for start, stop in pieces)


def test_several_threads_take_part(low):
    barrier = threading.Barrier(3, timeout=120)  # which nobody passes alone
    share(lambda i: barrier.wait(), 3)


def test_a_task_may_share_work_itself(low):
    done = []
    share(lambda i: share(lambda j: done.append((i, j)), 5), 7)
    assert sorted(done) == [(i, j) for i in range(7) for j in range(5)]


class Trouble(Exception):
    pass


@pytest.mark.parametrize("kind", [Trouble, MemoryError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["everywhere", "in the caller", "in a helper"])
def test_an_exception_reaches_the_caller(kind, where, low):
    caller, helped = threading.get_ident(), threading.Event()

    def task(i):
        mine = threading.get_ident() == caller
        if mine and where == "in a helper":
            helped.wait(120)
        if where == "everywhere" or mine == (where == "in the caller"):
            helped.set()
            raise kind("of its own")
        if where == "in the caller":
            helped.wait(120)

    with pytest.raises(kind, match="of its own"):
        share(task, 3)
    done = []
    share(done.append, 50)
    assert sorted(done) == list(range(50))
    x = np.arange(1000.0)
    np.testing.assert_array_equal(numpy_kernels.add(x, x), x + x)


def test_the_callers_errstate_holds_in_every_thread(low):
    tiny = np.full(5000, 1e-300)
    with np.errstate(under="raise"), pytest.raises(FloatingPointError, match="underflow"):
        numpy_kernels.multiply(tiny, tiny)
    with np.errstate(under="ignore"):
        assert not numpy_kernels.multiply(tiny, tiny).any()

    def each(i):
        barrier.wait()
        return np.array([1e308]) * 10

    barrier = threading.Barrier(3, timeout=120)
    with np.errstate(over="ignore"):
        share(each, 3)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        share(each, 3)
    seen = []
    with np.errstate(over="call", call=lambda *said: seen.append(said)):
        share(each, 3)
    assert len(seen) == 3


def test_a_warning_that_is_an_error_reaches_the_caller(low):
    caller, helped = threading.get_ident(), threading.Event()

    def task(i):
        if threading.get_ident() == caller:
            helped.wait(120)
        else:
            helped.set()
            np.array([1e308]) * 10

    with pytest.raises(RuntimeWarning, match="overflow"):
        share(task, 3)
    with pytest.raises(RuntimeWarning, match="overflow"):
        numpy_kernels.multiply(np.full(5000, 1e308), 10.0)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal can be sent to a thread here")
def test_ctrl_c_leaves_a_pool_that_works(low):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    held = openblas()["get_num_threads"]() if openblas() else None
    assert held is None or not one_blas_thread.inside
    x = np.random.default_rng(0).standard_normal((200, 50))
    w = np.ones((50, 50))
    try:
        for delay in (0, 0.0003, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01):
            main, stop = threading.main_thread().ident, threading.Event()

            def press(delay=delay, main=main, stop=stop):
                time.sleep(delay)
                if not stop.is_set():
                    signal.pthread_kill(main, signal.SIGINT)

            presser = threading.Thread(target=press)
            with pytest.raises(KeyboardInterrupt):
                presser.start()
                while True:
                    numpy_kernels.matmul(numpy_kernels.add(x, 1.0), w)
            stop.set()
            presser.join()
    finally:
        signal.signal(signal.SIGINT, before)
        one_blas_thread.__init__()  # a Ctrl-C in the middle of its own few lines may have cost it its count
        if openblas():
            openblas()["set_num_threads"](held)
    np.testing.assert_allclose(numpy_kernels.matmul(x, w), x @ w)


def test_a_helper_that_never_comes_is_not_waited_for(low):
    """The workers are kept busy elsewhere: the caller does all the work itself, and on time."""
    busy, enough = threading.Barrier(3, timeout=120), threading.Event()

    def hold(i):
        busy.wait()
        enough.wait(120)

    holder = threading.Thread(target=share, args=(hold, 3))
    holder.start()
    workers = []
    try:
        done = []
        for _ in range(3):
            share(lambda i: (done.append(i), workers.append(threading.get_ident())), 20)
        assert sorted(done) == sorted(3 * list(range(20)))
        x = np.arange(10_000.0)
        np.testing.assert_array_equal(numpy_kernels.add(x, 1.0), x + 1)
    finally:
        enough.set()
        holder.join(120)
    assert not holder.is_alive()
    done = []
    share(done.append, 20)
    assert sorted(done) == list(range(20))


def test_where_no_thread_can_be_started_the_caller_works_alone(low, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(numpy_workers, "_workers", type(numpy_workers._workers)())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    x = np.arange(5000.0)
    np.testing.assert_array_equal(numpy_kernels.add(x, x), x + x)


def test_calls_from_several_threads_at_once(low):
    errors = []

    def work(seed):
        try:
            random = np.random.default_rng(seed)
            x, w, k = random.standard_normal((60, 30)), random.standard_normal((30, 20)), random.standard_normal((4, 4, 2, 3))
            images, gamma = random.standard_normal((3, 8, 8, 2)), np.ones(30)
            right = x @ w, reference.batch_norm(x, gamma, gamma, 1e-5)[0], reference.conv2d(images, k, (2, 2), ((1, 1), (1, 1)))
            for _ in range(25):
                given = (numpy_kernels.matmul(x, w), numpy_kernels.batch_norm(x, gamma, gamma, 1e-5)[0],
                         numpy_kernels.conv2d(images, k, (2, 2), ((1, 1), (1, 1))))  # fmt: skip
                for a, b in zip(given, right, strict=True):
                    np.testing.assert_allclose(a, b, atol=1e-10)
        except BaseException as error:
            errors.append(error)

    callers = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
    assert not any(caller.is_alive() for caller in callers)
    assert errors == []


def test_a_job_done_is_forgotten(low):
    """Nobody keeps the arrays of the last job: no worker, and nobody in the queue."""
    block = np.ones(10)
    count = sys.getrefcount(block)
    share(lambda i, block=block: time.sleep(0.001), 6)
    assert eventually(lambda: sys.getrefcount(block) == count)


# --- BLAS -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def blas():
    """OpenBLAS, set to two threads of its own."""
    if openblas() is None:
        pytest.skip("NumPy's BLAS is not OpenBLAS here")
    before = openblas()["get_num_threads"]()
    openblas()["set_num_threads"](2)
    if openblas()["get_num_threads"]() != 2:
        pytest.skip("this OpenBLAS has one thread")
    yield openblas()["get_num_threads"]
    openblas()["set_num_threads"](before)


def test_blas_gets_its_threads_back(blas, low):
    x, w, images, k = np.ones((40, 30)), np.ones((30, 20)), np.ones((3, 8, 8, 2)), np.ones((4, 4, 2, 3))
    at = (2, 2), ((1, 1), (1, 1))
    for call in (
        lambda: numpy_kernels.matmul(x, w),
        lambda: numpy_kernels.matmul_grad(np.ones((40, 20)), x, w, (True, True)),
        lambda: numpy_kernels.conv2d(images, k, *at),
        lambda: numpy_kernels.conv2d_input_grad(np.ones((3, 4, 4, 3)), k, (8, 8), *at),
        lambda: numpy_kernels.conv2d_weight_grad(images, np.ones((3, 4, 4, 3)), (4, 4), *at),
    ):
        call()
        assert blas() == 2
    with pytest.raises(ValueError):
        numpy_kernels.matmul(x, x)
    with pytest.raises((ValueError, IndexError)):
        numpy_kernels.conv2d(images, np.ones((4, 4, 5, 3)), *at)
    assert blas() == 2


def test_inside_blas_has_one_thread(blas):
    inside, go = threading.Barrier(2, timeout=120), threading.Event()

    def other():
        with one_blas_thread:
            inside.wait()
            go.wait(120)

    thread = threading.Thread(target=other)
    with one_blas_thread:
        assert blas() == 1
        assert blas() == 1
        thread.start()
        inside.wait()
    assert blas() == 1  # somebody is still inside
    go.set()
    thread.join()
    assert blas() == 2
    with contextlib.suppress(Trouble), one_blas_thread:
        raise Trouble
    assert blas() == 2


# --- Other processes --------------------------------------------------------------------------------------------------

BEGIN = """
import os, sys, threading, warnings
import numpy as np
from lowered import lower
lower(setattr, 3)
from nanogan.backend import numpy_kernels, numpy_workers

def right():
    x = np.arange(20000.0).reshape(200, 100)
    w = np.ones((100, 30))
    return bool(np.array_equal(numpy_kernels.add(x, x), 2 * x) and np.allclose(numpy_kernels.matmul(x, w), x.sum(1, keepdims=True) + np.zeros(30)))

assert right()
assert threading.active_count() == 3
"""

FORK = """
warnings.simplefilter("ignore", DeprecationWarning)  # that threads do not survive a fork: ours are made anew
busy = threading.Event()
def load():
    while not busy.is_set():
        right()
loads = [threading.Thread(target=load) for _ in range(2)]
for thread in loads:
    thread.start()
for _ in range(5):
    child = os.fork()
    if not child:
        ok = all(right() for _ in range(3))
        nested = os.fork()
        if not nested:
            os._exit(0 if right() else 3)
        os._exit(0 if ok and os.waitpid(nested, 0)[1] == 0 else 4)
    assert os.waitpid(child, 0)[1] == 0
busy.set()
for thread in loads:
    thread.join()
assert right()
child = os.fork()
if not child:
    right()
    sys.exit(0)  # all of Python's own exit
print(os.waitpid(child, 0)[1])
"""


@needs_fork
def test_a_forked_child_computes_with_threads_of_its_own():
    assert run(BEGIN + FORK)[-1] == "0"


MULTIPROCESSING = """
import multiprocessing, os, sys, warnings
import processes_at_work

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    processes_at_work.right()
    for method in sys.argv[1:]:
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(*pool.map(processes_at_work.right, range(6)))
"""


@needs_fork
def test_multiprocessing(tmp_path):
    (tmp_path / "processes_at_work.py").write_text(BEGIN.replace("def right():", "def right(i=0):"))
    (tmp_path / "main.py").write_text(MULTIPROCESSING)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests", tmp_path)))}
    command = [sys.executable, "-W", "error", str(tmp_path / "main.py"), "fork", "spawn"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["True"] * 12


EXITS = {
    "having computed": "",
    "by sys.exit": "sys.exit(0)",
    "with lent arrays in every corner": """
kept = numpy_kernels.add(np.ones(10**6), 1.0)
class Keeper:
    array = numpy_kernels.add(np.ones(10**6), 1.0)
Keeper.itself, sys.kept, np.kept, numpy_workers.kept, threading.kept = Keeper, kept[1:], kept[2:], kept[3:], Keeper
cycle = [kept]
cycle.append(cycle)
local = threading.local()
local.kept = kept[::2]
import atexit
atexit.register(lambda: right() or print("wrong"))
""",
    "while a daemon computes": """
started = threading.Event()
def forever():
    while True:
        right()
        started.set()
for _ in range(2):
    threading.Thread(target=forever, daemon=True).start()
started.wait()
""",
    "by an exception in a task": """
try:
    numpy_workers.share(lambda i: 1 / 0, 5)
except ZeroDivisionError:
    pass
""",
    "for the first time when all is over": """
import atexit
numpy_workers._workers.__init__()
atexit.register(lambda: right() or print("wrong"))
""",
}


@pytest.mark.parametrize("case", EXITS)
def test_a_process_exits_at_once_and_in_silence(case):
    assert run(BEGIN + EXITS[case] + "\nprint('end')" * ("exit" not in case)) == ["end"] * ("exit" not in case)


TRAIN = """
import sys, zlib
from lowered import lower
if "lowered" in sys.argv[1:]:
    lower(setattr, 2, BLOCK=256)
sys.path[:0] = ["{tests}"]
import nanogan as ng, test_house
for _ in range(2):
    ng.seed(7)
    nets = test_house.train(3)
    print(*[zlib.crc32(a.tobytes()) for part in nets for a in part.state_dict().values()], sep="-")
"""


def test_three_steps_give_the_same_bits_in_one_process_and_in_two(monkeypatch):
    code = TRAIN.replace('"{tests}"', repr(str(ROOT / "tests"))).replace('if "lowered" in sys.argv[1:]:\n    ', "")
    bits = [run(code), run(code)]
    assert len(bits[0]) == 2 and bits[0][0] == bits[0][1] and bits[1] == bits[0]


# --- Memory -----------------------------------------------------------------------------------------------------------

LARGE = (2**20,)  # of uint8: lent


def address(array):
    return array.__array_interface__["data"][0]


@pytest.fixture(autouse=True)
def _no_blocks(monkeypatch):
    """There are no blocks to lend but those of this test."""
    gc.collect()
    monkeypatch.setattr(numpy_workers, "_lender", type(numpy_workers._lender)())


def waiting(size=0):
    """How many blocks wait, of at least ``size`` bytes."""
    return sum(block.nbytes >= size for stack in numpy_workers._lender.free.values() for _, block in stack)


def eventually(condition):
    """Whether it comes true: a helper may be a little late."""
    began = time.monotonic()
    while not condition() and time.monotonic() - began < 20:
        time.sleep(0.001)
    return condition()


@pytest.mark.parametrize("shape", [(2**18,), (2**9, 2**10), (1, 2**20, 1), (3, 5, 7, 2**14), (2**20 + 1,)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bool", "uint32"])
def test_what_is_lent_is_an_array_like_any_other(shape, dtype):
    array = empty(shape, dtype)
    assert type(array) is np.ndarray and array.shape == shape and array.dtype == dtype
    assert array.flags.c_contiguous and array.flags.aligned and array.flags.writeable and address(array) % 16 == 0
    array[...] = 1
    assert array.sum() == array.size
    array.reshape(-1)[-1] = 0
    assert array.sum() == array.size - 1


def test_a_block_is_used_again():
    array = empty(LARGE, "uint8")
    at = address(array)
    del array
    again = empty((2**18,), "float32")
    assert address(again) == at
    other = empty(LARGE, "uint8")
    assert not np.shares_memory(other, again)
    del again
    assert address(empty(LARGE, "uint8")) == at


def test_small_arrays_are_not_lent():
    array = empty((1000,), "float32")
    assert array.base is None
    del array
    assert waiting() == 0


@pytest.mark.parametrize("view", [lambda a: a[5:6], lambda a: a.reshape(2, -1)[1].T, lambda a: a.view("float32")[::2], lambda a: memoryview(a), np.asarray,
                                  lambda a: np.broadcast_to(a, (2, *LARGE)), lambda a: np.frombuffer(a, "uint8"), lambda a: iter(a.flat)])  # fmt: skip
def test_a_view_keeps_the_block(view):
    array = empty(LARGE, "uint8")
    at, kept = address(array), view(array)
    del array
    gc.collect()
    others = [empty(LARGE, "uint8") for _ in range(3)]
    assert at not in [address(other) for other in others] and waiting() == 0
    del kept
    assert waiting() == 1 and address(empty(LARGE, "uint8")) == at


def test_the_last_one_out_gives_it_back_whatever_the_garbage_collector_does(low):
    gc.disable()
    try:
        array = numpy_kernels.add(np.ones(2**18, "float32"), 1.0)
        at = address(array)
        del array
        assert eventually(waiting) and address(empty((2**18,), "float32")) == at
    finally:
        gc.enable()


def test_sizes_no_longer_asked_for_are_given_up(monkeypatch):
    """In a program that goes on with other sizes, all of which it finds again; whatever it held before."""
    monkeypatch.setattr(numpy_workers, "FORGOTTEN", 100)
    for extra in range(2):  # an odd and an even number of blocks
        before = [empty((2**22,), "uint8") for _ in range(4 + extra)]
        del before
        assert waiting(2**22) == 4 + extra
        for _ in range(1000):
            empty(LARGE, "uint8")
        assert waiting(2**22) == 0
        assert waiting() == 1


def test_sizes_in_use_are_kept(monkeypatch):
    monkeypatch.setattr(numpy_workers, "FORGOTTEN", 100)
    seen = set()
    for _ in range(200):
        arrays = [empty((2**20 * i,), "uint8") for i in (1, 2, 3)]
        seen.add(tuple(map(address, arrays)))
        del arrays
    assert len(seen) == 1


def test_memory_does_not_grow(low):
    """A hundred steps hold no more than a few."""
    x = np.ones((300, 100))

    def step():
        y, *_ = numpy_kernels.batch_norm(numpy_kernels.multiply(x, 2.0), np.ones(100), np.ones(100), 1e-5)
        numpy_kernels.matmul(numpy_kernels.tanh(y), x.T)

    for _ in range(3):
        step()
    held = waiting()
    for _ in range(100):
        step()
    assert waiting() <= held + 3


def juggle(seed, rounds, failures):
    """Borrow, fill, hand on views, give back, in random order: what is written in one array never shows in another."""
    random, held = np.random.default_rng(seed), []
    for round in range(rounds):
        if len(held) > 6 or (held and random.random() < 0.4):
            array, view, total = held.pop(random.integers(len(held)))
            if zlib.crc32(view) != total or (array is not None and zlib.crc32(array) != zlib.crc32(array.copy())):
                failures.append((seed, round))
        else:
            array = empty((int(random.integers(64, 4096)),), "uint8")
            array[...] = random.integers(0, 256, array.size, dtype=np.uint8)
            view = array[random.integers(0, 32) :]
            held.append((array if random.random() < 0.5 else None, view, zlib.crc32(view)))
        del array, view
    failures += [(seed, "end") for _, view, total in held if zlib.crc32(view) != total]


def test_no_array_writes_into_another(monkeypatch):
    monkeypatch.setattr(numpy_workers, "LENT_BYTES", 64)
    monkeypatch.setattr(numpy_workers, "FORGOTTEN", 50)
    failures = []
    juggle(0, 5000, failures)
    assert failures == []


@pytest.mark.parametrize("traced", [False, True])
def test_no_array_writes_into_another_threads(traced, monkeypatch):
    """Also where threads change between any two lines, as under a debugger."""
    monkeypatch.setattr(numpy_workers, "LENT_BYTES", 64)
    monkeypatch.setattr(numpy_workers, "FORGOTTEN", 50)
    failures, lent = [], []
    jugglers = [threading.Thread(target=juggle, args=(seed, 150 if traced else 1500, failures)) for seed in range(4)]

    def trace(frame, event, argument):
        if frame.f_code.co_filename != numpy_workers.__file__:
            return None
        lent.append(1)
        time.sleep(0)
        return trace

    interval, before = sys.getswitchinterval(), threading.gettrace()
    sys.setswitchinterval(1e-5)
    if traced:
        threading.settrace(trace)
    try:
        for juggler in jugglers:
            juggler.start()
        for juggler in jugglers:
            juggler.join(240)
    finally:
        threading.settrace(before)
        sys.setswitchinterval(interval)
    assert not any(juggler.is_alive() for juggler in jugglers)
    assert failures == [] and bool(lent) == traced


def test_workspaces_belong_to_one_thread():
    mine, others = scratch("a", (100,), np.dtype("float32")), []
    thread = threading.Thread(target=lambda: others.append(scratch("a", (100,), np.dtype("float32"))))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, others[0])
    assert np.shares_memory(mine, scratch("a", (5, 5), np.dtype("float64"))) and not np.shares_memory(mine, scratch("b", (100,), np.dtype("float32")))
    assert scratch("a", (5, 2000), np.dtype("float64")).shape == (5, 2000)


# --- When something goes wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ValueError])
def test_after_an_exception_nobody_works_any_longer(trouble):
    started, finished, main = [], [], threading.get_ident()

    def task(i):
        started.append(i)
        if threading.get_ident() == main:
            raise trouble
        time.sleep(0.01)
        finished.append(i)

    for _ in range(5):
        with pytest.raises(trouble):
            numpy_workers.share(task, 50, crew=2)
        before = len(started), len(finished)
        time.sleep(0.05)
        assert (len(started), len(finished)) == before and len(started) < 50
        started.clear()
        finished.clear()


def test_memory_that_is_not_to_be_had():
    before = numpy_workers._lender.lent, numpy_workers._lender.most
    with pytest.raises(MemoryError):
        numpy_workers.empty((2**46,), "f4")
    assert (numpy_workers._lender.lent, numpy_workers._lender.most) == before
