"""The notebooks run from a clean kernel, and what is stored in them is what a reader should see.

pytest -m notebook tests/test_notebooks.py     # run every notebook
python tests/test_notebooks.py                 # run every notebook and store its outputs
"""

import os
import pathlib
import re
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MINUTES = 10
LARGEST = 400_000  # bytes, figures included: a page of the repository that still opens at once

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def execute(path):
    """The notebook at ``path``, run in a fresh kernel, in an empty folder that is removed afterwards."""
    import matplotlib.font_manager  # noqa: F401  where no font was ever listed this does it, and says so here rather than in the notebook
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            notebook, timeout=60 * MINUTES, kernel_name="python3", record_timing=False, resources={"metadata": {"path": folder}}
        )
        return client.execute(env=environment)


def store(path):
    """Run the notebook and write it back with its outputs."""
    import nbformat

    notebook = execute(path)
    notebook.metadata.language_info = {"name": "python"}  # the rest of it changes with every Python
    nbformat.write(notebook, path)


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


@pytest.mark.notebook
@pytest.mark.filterwarnings("default")  # of the tools that run it; a warning inside the notebook is an output, and fails
@every_notebook
def test_runs_from_a_clean_kernel(path):
    pytest.importorskip("nbclient", reason="nbclient runs the notebooks: pip install nbclient ipykernel")
    import nbformat

    stored, fresh = nbformat.read(path, as_version=4), execute(path)
    assert complaints(fresh) == []
    for i, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        if "source" in old.metadata.get("tags", []):  # an excerpt of the engine's own source, which must not grow old
            assert [text(out) for out in old.outputs] == [text(out) for out in new.outputs], (
                f"cell {i} shows source that has changed since: run python tests/test_notebooks.py {path.name}"
            )


@every_notebook
def test_what_is_stored(path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks: pip install nbformat")
    assert path.stat().st_size <= LARGEST
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "the cells were not run once each, from top to bottom"
    assert complaints(notebook) == []
    folders = re.compile(r"(?<![\w/:.])/(home|Users|tmp|work|root|usr|opt|var|private|mnt)/|\b[A-Z]:\\\\?Users")
    told = [(i, text(out)) for i, out in outputs(notebook)] + [(i, cell.source) for i, cell in enumerate(notebook.cells)]
    assert [i for i, words in told if folders.search(words)] == [], "cells with a path of the machine that ran them"


if __name__ == "__main__":
    for chosen in [ROOT / "notebooks" / pathlib.Path(name).name for name in sys.argv[1:]] or NOTEBOOKS:
        store(chosen)
        print(f"{chosen.name}: {chosen.stat().st_size // 1000} KB")
