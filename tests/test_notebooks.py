"""The notebooks run from a clean kernel, and what is stored in them is what a reader should see.

pytest -m notebook tests/test_notebooks.py        # run every notebook in quick mode, with the solutions and without
NANOGAN_QUICK=0 pytest -m notebook ...            # at their full length
python tests/test_notebooks.py [NAME.ipynb ...]   # run them at full length, store their outputs, and write solutions/

What is stored in notebooks/ are the learner's cells, with the outputs that the solutions give.
"""

import base64
import io
import os
import pathlib
import re
import sys
import tempfile
import time

import numpy as np
import pytest

from nanogan.course import exercises
from nanogan.course.notebooks import OUTPUTS, filled, solved, source, stub

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MINUTES = 10
LARGEST = 400_000  # bytes, figures included: a page of the repository that still opens at once

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks: pip install nbformat")
    return nbformat.read(path, as_version=4)


def with_cells(notebook, what):
    """The notebook with what(exercise) in the cells of exercises: source or stub."""
    import nbformat

    return nbformat.from_dict(filled(notebook, what))


def execute(notebook, quick=False, allow_errors=False):
    """The notebook, run in a fresh kernel, in an empty folder that is removed afterwards."""
    import matplotlib.font_manager  # noqa: F401  where no font was ever listed this does it, and says so here rather than in the notebook
    import nbclient

    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "module://matplotlib_inline.backend_inline", "NANOGAN_QUICK": str(int(quick)),
        "NANOGAN_STATIC": "1", "NANOGAN_PROGRESS": "progress.json",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            notebook,
            timeout=60 * MINUTES,
            kernel_name="python3",
            record_timing=False,
            allow_errors=allow_errors,
            resources={"metadata": {"path": folder}},
        )
        return joined(client.execute(env=environment))


def joined(notebook):
    """The notebook with what a cell prints in one go as one output: a kernel hands it over in as many pieces as time cuts it into."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            whole = []
            for out in cell.outputs:
                if whole and out.output_type == "stream" == whole[-1].output_type and out.name == whole[-1].name:
                    whole[-1].text += out.text
                else:
                    whole.append(out)
            cell.outputs = whole
    return notebook


def store(path):
    """Run the notebook with its solutions, and write it back with the learner's cells and the outputs; write the solved one beside it, without any."""
    import nbformat

    began = time.monotonic()
    fresh = execute(with_cells(read(path), source))
    took = time.monotonic() - began
    if took > 60 * MINUTES:
        raise SystemExit(f"{path.name} took {took:.0f} s, and {60 * MINUTES} is the most; nothing is stored")
    fresh = with_cells(smaller(fresh), stub)
    fresh.metadata.language_info = {"name": "python"}  # the rest of it changes with every Python
    nbformat.write(fresh, path)
    (path.parent / "solutions").mkdir(exist_ok=True)
    nbformat.write(nbformat.from_dict(solved(fresh)), path.parent / "solutions" / path.name)
    return took


def smaller(notebook):
    """The notebook with its pictures in 128 colours each, which is a third of the bytes and looks the same."""
    from PIL import Image

    for _, out in outputs(notebook):
        if "image/png" in out.get("data", {}):
            picture = Image.open(io.BytesIO(base64.b64decode(out.data["image/png"]))).convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            file = io.BytesIO()
            Image.alpha_composite(white, picture).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
            out.data["image/png"] = base64.b64encode(file.getvalue()).decode()
    return notebook


def outputs(notebook):
    """(index of the cell, output), one by one."""
    return [(i, out) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" for out in cell.outputs]


def text(out):
    """All that an output says in words."""
    shown = [v for kind, v in out.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join([out.get("text", ""), *shown, *out.get("traceback", [])])


def complaints(notebook):
    """What no reader should see: errors, warnings, and anything else on stderr."""
    return [f"cell {i}: {text(out).strip()[-500:]}" for i, out in outputs(notebook)
            if out.output_type == "error" or out.get("name") == "stderr" or re.search(r"Warning\b", text(out))]  # fmt: skip


def quick_mode():
    return os.environ.get("NANOGAN_QUICK", "") != "0"


@pytest.mark.notebook
@pytest.mark.filterwarnings("default")  # of the tools that run it; a warning inside the notebook is an output, and fails
@every_notebook
def test_solved_it_runs_from_a_clean_kernel(path):
    pytest.importorskip("nbclient", reason="nbclient runs the notebooks: pip install nbclient ipykernel")
    stored = read(path)
    fresh = execute(with_cells(stored, source), quick_mode())
    assert complaints(fresh) == []
    for i, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        if "source" in old.metadata.get("tags", []):  # an excerpt of the engine's own source, which must not grow old
            assert [text(out) for out in old.outputs] == [text(out) for out in new.outputs], (
                f"cell {i} shows source that has changed since: run python tests/test_notebooks.py {path.name}"
            )
        if "check" in old.metadata.get("tags", []):
            assert next(text(out) for out in new.outputs).partition(":")[2].startswith(" right, in"), f"cell {i}"


@pytest.mark.notebook
@pytest.mark.filterwarnings("default")
@every_notebook
def test_unsolved_it_fails_at_its_checks_and_nowhere_else(path):
    pytest.importorskip("nbclient", reason="nbclient runs the notebooks: pip install nbclient ipykernel")
    fresh = execute(read(path), quick=True, allow_errors=True)
    failed = {i: out for i, out in outputs(fresh) if out.output_type == "error"}
    checks = [i for i, cell in enumerate(fresh.cells) if "check" in cell.metadata.get("tags", [])]
    assert {i: text(out) for i, out in failed.items() if i not in checks} == {}
    assert sorted(failed) == checks
    assert {out.ename for out in failed.values()} <= {"CheckFailed"}
    assert all("nothing is written yet" in text(out) and "Traceback" not in text(out) for out in failed.values())


@pytest.mark.notebook
@pytest.mark.every_backend
@pytest.mark.cupy_only
@every_notebook
def test_on_a_gpu_by_changing_one_line(path, monkeypatch, tmp_path):
    """In quick mode, with the solutions; on the strict stand-in where there is no GPU."""
    line = 'ng.use("numpy")'
    code = code_of(path)
    if "import nanogan as ng" not in code:
        pytest.skip("this one computes with NumPy alone")
    assert code.count(line) == 1, f"the first cell says {line}, once"
    run_here(code.replace(line, 'ng.use("cupy")'), monkeypatch, tmp_path)


@pytest.mark.notebook
def test_clothes_are_made_where_there_are_some(monkeypatch, tmp_path, capsys):
    """Notebook 10's last cell but a few trains on Fashion-MNIST, which is seldom at hand: here on a few images in its place."""
    rng = np.random.default_rng(0)
    for split, n in (("train", 300), ("t10k", 200)):
        images, labels = rng.integers(0, 256, (n, 28, 28), np.uint8), np.arange(n, dtype=np.uint8) % 10
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            file = tmp_path / "fashion-mnist" / f"{split}-{kind}-ubyte"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes())
    monkeypatch.setenv("NANOGAN_DATA", str(tmp_path))
    run_here(code_of(ROOT / "notebooks" / "10_is_it_any_good_what_broke.ipynb"), monkeypatch, tmp_path)
    said = capsys.readouterr().out
    assert re.search(r"^clothes +200 ", said, re.MULTILINE)


def code_of(path):
    """The notebook's cells of code, with the solutions, as one program."""
    return "\n\n".join(cell.source for cell in with_cells(read(path), source).cells if cell.cell_type == "code")


def run_here(code, monkeypatch, tmp_path):
    """Run a notebook's code in this process, in quick mode, in an empty folder, and show no picture."""
    import matplotlib.pyplot as plt

    for name, value in {"NANOGAN_QUICK": "1", "NANOGAN_STATIC": "1", "NANOGAN_PROGRESS": str(tmp_path / "progress.json")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: plt.close("all"))
    plt.switch_backend("agg")
    with plt.rc_context(), np.errstate():
        exec(compile(code, "notebook", "exec"), {"__name__": "notebook"})
    plt.close("all")


def test_there_are_ten():
    assert [path.name[:2] for path in NOTEBOOKS] == list(exercises.TITLES) == [f"{i:02}" for i in range(1, 11)]


@every_notebook
def test_what_is_stored(path):
    import nbformat

    assert path.stat().st_size <= LARGEST
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "the cells were not run once each, from top to bottom"
    assert complaints(notebook) == []
    assert joined(read(path)) == notebook, "what is printed lies there in pieces"
    folders = re.compile(r"(?<![\w/:.])/(home|Users|tmp|work|root|usr|opt|var|private|mnt)/|\b[A-Z]:\\\\?Users")
    told = [(i, text(out)) for i, out in outputs(notebook)] + [(i, cell.source) for i, cell in enumerate(notebook.cells)]
    assert [i for i, words in told if folders.search(words)] == [], "cells with a path of the machine that ran them"


@every_notebook
def test_exercises_are_those_of_the_course(path):
    """The learner's cells and the teacher's notebook are made of the solutions: python tests/test_notebooks.py makes them anew."""
    notebook = read(path)
    number = path.name.partition("_")[0]
    assert re.search(rf"^# {int(number)} · {re.escape(exercises.TITLES[number])}$", notebook.cells[0].source, re.MULTILINE)
    assert OUTPUTS in notebook.cells[0].source
    assert filled(notebook, stub) == notebook, "a learner's cell is not what the exercise says"
    named = [cell.metadata["exercise"] for cell in notebook.cells if "exercise" in cell.metadata]
    assert named == [exercise.name for exercise in exercises.of_notebook(number)], "the exercises, in the order of the notebook"
    checks = [cell.source for cell in notebook.cells if "check" in cell.metadata.get("tags", [])]
    assert checks == [f'check("{name}", {exercises.get(name).solution.__name__})' for name in named]
    teachers = path.parent / "solutions" / path.name
    assert teachers.is_file(), "solutions/ lacks it"
    assert read(teachers) == solved(notebook)


if __name__ == "__main__":
    for chosen in [ROOT / "notebooks" / pathlib.Path(name).name for name in sys.argv[1:]] or NOTEBOOKS:
        took = store(chosen)
        print(f"{chosen.name}: {took:.0f} s, {chosen.stat().st_size // 1000} KB")
