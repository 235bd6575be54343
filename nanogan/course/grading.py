"""Grade notebooks with pytest: one test for each exercise of each notebook.

    python -m pytest -p nanogan.course.grading submissions/                      # every notebook in the folder
    python -m pytest -p nanogan.course.grading anna/05_*.ipynb -v --junitxml=grades.xml

A notebook is run once, from a clean kernel, in quick mode, whatever fails in it; an exercise is right where its check says so.  The
checks are run as the course has them, even if the learner changed or removed them.  Needs nbclient and ipykernel
(pip install "nanogan[notebooks]").  A notebook runs code of its author's: grade strangers' in a container.
"""

import functools
import os
import re
import tempfile

import pytest

from nanogan.course import exercises

MINUTES = 10  # that a cell may take
CHECK = re.compile(r"""^\s*check\(\s*["'](\d\d\.\w+)["']""", re.MULTILINE)


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".ipynb" and ".ipynb_checkpoints" not in file_path.parts:
        return Notebook.from_parent(parent, path=file_path)
    return None


class Notebook(pytest.File):
    """A learner's notebook; its exercises are those of the number that its name, or its first check, begins with."""

    def collect(self):
        import nbformat

        self.notebook = nbformat.read(self.path, as_version=4)
        found = re.match(r"\d\d", self.path.name) or CHECK.search("\n".join(cell.source for cell in self.notebook.cells))
        number = found and found.group(found.lastindex or 0)[:2]
        if number not in exercises.FILES:
            raise self.CollectError(f"{self.path}: of which notebook?  Its name begins with 01 to 10, or it holds a check")
        for exercise in exercises.of_notebook(number):
            yield Graded.from_parent(self, name=exercise.name)

    @functools.cached_property
    def said(self):
        """{exercise: what its check printed or raised}, of one run."""
        import nbclient

        notebook, names = self.notebook, {}
        for i, cell in enumerate(notebook.cells):
            found = CHECK.search(cell.source) if cell.cell_type == "code" else None
            if found:
                cell.source = check_of(found.group(1))
                names[found.group(1)] = i
            elif (name := cell.metadata.get("exercise")) is not None:  # the check may have been removed
                cell.source += f"\n\n{check_of(name)}"
                names.setdefault(name, i)
        environment = os.environ | {"NANOGAN_QUICK": "1", "NANOGAN_STATIC": "1", "NANOGAN_PROGRESS": "progress.json", "MPLBACKEND": "agg"}
        with tempfile.TemporaryDirectory() as folder:
            client = nbclient.NotebookClient(
                notebook, timeout=60 * MINUTES, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": folder}}
            )
            client.execute(env=environment)
        return {name: _words(notebook.cells[i]) for name, i in names.items()}


def check_of(name):
    """The check as the course has it.

    >>> check_of("06.im2col")
    'from nanogan.course import check\\ncheck("06.im2col", im2col)'
    """
    return f'from nanogan.course import check\ncheck("{name}", {exercises.get(name).solution.__name__})'


def _words(cell):
    return "\n".join("\n".join([out.get("text", ""), *out.get("traceback", [])]).strip() for out in cell.outputs)


class NotRight(Exception):
    pass


class Graded(pytest.Item):
    """One exercise."""

    def runtest(self):
        said = self.parent.said.get(self.name, "the notebook has no such exercise any more")
        if not re.search(rf"^{re.escape(self.name)}: right, in", said, re.MULTILINE):
            raise NotRight(said)

    def repr_failure(self, excinfo, style=None):
        return str(excinfo.value) if isinstance(excinfo.value, NotRight) else super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, self.name
