"""What every test shares: the backends it runs on, the real data where it is at hand, and a table of the gradient checks."""

import contextlib
import functools
import gc
import os
import pathlib
import re

import pytest
import strict_cupy
from lowered import lower

import nanogan as ng
from nanogan.backend import FAST_KERNELS, gpu_problem

BACKENDS = {"numpy": (), "strict": (pytest.mark.strict_cupy,), "cupy": (pytest.mark.gpu,)}
problem_of_the_gpu = functools.cache(gpu_problem)  # asked once, before any test plays with what it depends on


def pytest_generate_tests(metafunc):
    """A test marked every_backend runs once on each; one that asks for any_size twice, but on NumPy only."""
    marked = metafunc.definition.get_closest_marker
    names = ["numpy"]
    if marked("every_backend") and not marked("numpy_only"):
        asked = re.search(r"(?<!not )\bgpu\b", metafunc.config.getoption("markexpr"))  # without a GPU: skipped, but only where somebody asks
        names = [name for name in BACKENDS if name != "cupy" or asked or not problem_of_the_gpu()]
        names = names[1:] if marked("cupy_only") else names
    sized = "any_size" in metafunc.fixturenames
    rows = [pytest.param(*([name, ""] if sized else [name]), marks=BACKENDS[name], id=name) for name in names]
    if sized:
        rows.append(pytest.param("numpy", "lowered", id="numpy-lowered"))
    if names != ["numpy"] or sized:
        metafunc.parametrize(("backend", "any_size") if sized else "backend", rows, indirect=True)


def pytest_xdist_auto_num_workers(config):
    """Two processes for the whole suite, on two cores or more; one, this one, for files or a kind of test that were asked for."""
    whole = config.args_source == pytest.Config.ArgsSource.TESTPATHS and "gradcheck" not in config.getoption("markexpr")
    return 2 if whole and (os.cpu_count() or 1) > 1 else 0


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    """What is marked slow_on_strict is slow on the stand-in, what is marked slow_if_lowered with lowered thresholds."""
    for item in items:
        lowered = hasattr(item, "callspec") and item.callspec.params.get("any_size") == "lowered"
        if (item.get_closest_marker("slow_on_strict") and item.get_closest_marker("strict_cupy")) or (
            item.get_closest_marker("slow_if_lowered") and lowered
        ):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish():
    """What is there by now, all these tests, stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def backend(request):
    """Its name: "numpy", "strict" or "cupy".  Each test starts from the same random stream, on NumPy where it is not marked every_backend."""
    name = getattr(request, "param", "numpy")
    ng.seed(0)
    with contextlib.ExitStack() as stack:
        if name == "cupy" and problem_of_the_gpu():
            pytest.skip(problem_of_the_gpu())
        if name == "strict":
            stack.enter_context(stand_in(request.node))
        stack.enter_context(ng.use("numpy" if name == "numpy" else "cupy"))
        yield name


PLAIN_ONLY = []  # why the stand-in ran the plain kernels only, if it did


@contextlib.contextmanager
def stand_in(test):
    """The strict stand-in for CuPy in its place; without a C++ compiler, with the plain kernels."""
    with strict_cupy.installed(), pytest.MonkeyPatch.context() as patch:
        if strict_cupy.compiler() is None:
            PLAIN_ONLY[:] = ["no C++ compiler was found: on the stand-in for CuPy the plain kernels ran, and not the compiled ones"]
            patch.setitem(FAST_KERNELS, "cupy", ())
            if test.get_closest_marker("cupy_only"):
                pytest.skip("no C++ compiler was found, which the stand-in needs for compiled kernels")
        yield


@pytest.fixture
def any_size(request, monkeypatch):
    """On NumPy, the test runs twice, the second time with the fast kernels' thresholds so low that its small arrays go through all of them."""
    if request.param:
        lower(monkeypatch.setattr, 2, BLOCK=2**14, COLUMN_BYTES=2**16, AT_A_TIME=2**18, ROWS_AT_A_TIME=2**18)
    return request.param


@pytest.fixture
def data_dir():
    """The folder that holds mnist/, from NANOGAN_DATA; the test is skipped where it is not set."""
    folder = os.environ.get("NANOGAN_DATA")
    if not folder or not (pathlib.Path(folder) / "mnist").is_dir():
        pytest.skip("NANOGAN_DATA names no folder with mnist/ in it, so there is no real MNIST to test on")
    return pathlib.Path(folder).resolve()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, and no data set anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NANOGAN_DEBUG", raising=False)
    monkeypatch.setenv("NANOGAN_DATA", str(tmp_path / "no-data"))
    return tmp_path


REPORTS = []  # (operation, order, Report) of every gradient check that ran


@pytest.fixture
def record_report(backend):
    """Adds (operation, order, Report) to the table at the end."""
    where = "" if backend == "numpy" else f" on {backend}"
    return lambda operation, order, report: REPORTS.append((operation + where, order, report))


def pytest_terminal_summary(terminalreporter):
    for line in PLAIN_ONLY:
        terminalreporter.line(line)
    if REPORTS and terminalreporter.verbosity > 0:
        terminalreporter.section("gradient checks: error relative to the largest derivative")
        for operation, order, report in REPORTS:
            terminalreporter.line(f"{operation:<60} order {order}   {report.error:8.1e}   {report.derivatives:>5} derivatives")
