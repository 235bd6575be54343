"""What every test shares: the real data where it is at hand, and a table of the gradient checks."""

import os
import pathlib

import pytest
from lowered import lower

import nanogan as ng


@pytest.fixture(autouse=True)
def _everything_as_it_was():
    """Each test starts from the same random stream, on NumPy."""
    ng.seed(0)
    with ng.use("numpy"):
        yield


@pytest.fixture(params=["", "lowered"])
def any_size(request, monkeypatch):
    """The test runs twice, the second time with the fast kernels' thresholds so low that its small arrays go through all of them."""
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
def record_report():
    """Adds (operation, order, Report) to the table at the end."""
    return lambda *row: REPORTS.append(row)


def pytest_terminal_summary(terminalreporter):
    if REPORTS and terminalreporter.verbosity > 0:
        terminalreporter.section("gradient checks: error relative to the largest derivative")
        for operation, order, report in REPORTS:
            terminalreporter.line(f"{operation:<60} order {order}   {report.error:8.1e}   {report.derivatives:>5} derivatives")
