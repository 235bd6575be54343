"""A teacher grades notebooks with pytest: one test an exercise, each with what its check says."""

import os
import subprocess
import sys

import pytest

from nanogan.course import exercises
from nanogan.course.grading import CHECK, check_of
from nanogan.course.notebooks import source, stub


def test_checks_are_found_however_they_are_written():
    for text in ('check("06.im2col", im2col)', "x = 1\ncheck( '06.im2col', mine)", '  check("06.im2col",im2col)  # now'):
        assert CHECK.search(text).group(1) == "06.im2col"
    assert not CHECK.search('# check("06.im2col", im2col)') and not CHECK.search('recheck("06.im2col", f)')
    assert check_of("06.same_pads").endswith('check("06.same_pads", same_pads)')


@pytest.mark.notebook
def test_a_folder_of_notebooks_is_graded(tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat writes the notebooks: pip install nbformat")
    pytest.importorskip("nbclient", reason="nbclient runs the notebooks: pip install nbclient ipykernel")

    def write(path, same_pads, im2col, check='check("06.same_pads", same_pads)'):
        cells = ["import numpy as np\nfrom nanogan.course import check", same_pads, check, "1 / 0", im2col]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
        for i, name in ((1, "06.same_pads"), (4, "06.im2col")):
            notebook.cells[i].metadata["exercise"] = name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)

    pads, im2col = (exercises.get(name) for name in ("06.same_pads", "06.im2col"))
    write(tmp_path / "anna" / "06_convolution.ipynb", source(pads), source(im2col))
    wrong = "def same_pads(size, kernel, stride):\n    return kernel // 2, kernel // 2\n"
    write(tmp_path / "bert" / "mine.ipynb", wrong, stub(im2col), check='check("06.same_pads", lambda *a: (0, 0))')
    (tmp_path / "anna" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "anna" / ".ipynb_checkpoints" / "06.ipynb").write_text("{}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "nanogan.course.grading",
        "-p",
        "no:cacheprovider",
        "-rA",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    for line in (
        "PASSED anna/06_convolution.ipynb::06.same_pads",
        "PASSED anna/06_convolution.ipynb::06.im2col",
        "FAILED bert/mine.ipynb::06.same_pads",
    ):
        assert line in done.stdout, done.stdout
    assert "kernel // 2 on both sides does for odd kernels" in done.stdout and "06.im2col: nothing is written yet" in done.stdout
    assert "the notebook has no such exercise any more" in done.stdout, "the other exercises of notebook 06"
    assert "Traceback" not in done.stdout
