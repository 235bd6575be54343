"""The notebooks' text: what a learner gets and what a teacher has are made of one source, the solutions in ``exercises/``.

A notebook's cell with the tag "exercise" and the name of one in its metadata holds what ``stub`` makes of the solution; the
notebook in solutions/ holds ``source`` in its place.
"""

import copy
import inspect
import os
import re
import textwrap

from nanogan.course import exercises

OPENS, CLOSES = "# <yours>", "# </yours>"  # around what a learner is to write, in a solution
OUTPUTS = "The outputs below are those of the solved notebook, so that it can be read without being run. Clear them before you begin.\n\n"


def quick(usual, short):
    """``usual``, or ``short`` in quick mode: where NANOGAN_QUICK is set in the environment, as tests do to run all notebooks in minutes.

    >>> steps = quick(3000, 100)
    """
    return short if os.environ.get("NANOGAN_QUICK", "") not in ("", "0") else usual


def source(exercise):
    """The solution as a notebook shows it, without the marks."""
    return "\n".join(line for line in _lines(exercise) if line.strip() not in (OPENS, CLOSES))


def stub(exercise):
    """What the learner begins with: the solution, with a line that raises NotImplementedError where it says what to write.

    >>> from nanogan.course import exercises
    >>> print(stub(exercises.get("06.same_pads")).splitlines()[-1])
        raise NotImplementedError("your code here")
    """
    kept, inside = [], False
    for line in _lines(exercise):
        if line.strip() == OPENS:
            inside = True
            kept.append(line.replace(OPENS, 'raise NotImplementedError("your code here")'))
        elif line.strip() == CLOSES:
            inside = False
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def _lines(exercise):
    return textwrap.dedent(inspect.getsource(exercise.solution)).rstrip().splitlines()


def filled(notebook, what):
    """The notebook, a dictionary as in its .ipynb file, with what(exercise), source or stub, in each cell of an exercise; its outputs as they are."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        if (name := cell["metadata"].get("exercise")) is not None:
            cell["source"] = what(exercises.get(name))
    return notebook


def solved(notebook):
    """As a teacher has it: the solutions in their places, no outputs, and the title says so."""
    notebook = filled(notebook, source)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        else:  # which lies a folder deeper
            cell["source"] = "".join(cell["source"]).replace("](../", "](../../")
    first = notebook["cells"][0]
    first["source"] = re.sub(r"^# (.*)$", r"# \1, solved", "".join(first["source"]), count=1, flags=re.MULTILINE).replace(OUTPUTS, "")
    return notebook
