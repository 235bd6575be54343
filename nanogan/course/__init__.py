"""Floor 5: the checks and hints behind the notebooks of the course.

    from nanogan.course import check, hint, mine, progress

    check("06.im2col", my_im2col)     # right, or the first case that fails and the likely mistake
    hint("06.im2col")                 # the next hint
    im2col = mine("06.im2col")        # yours, once it is right; until then the solution, so that the notebook goes on
    progress()                        # what is done

Checks run in float64 on NumPy, whatever backend is in use.
"""

from nanogan.course.checking import CheckFailed, check, hint, mine, progress
from nanogan.course.exercise import Exercise, Mistake
from nanogan.course.notebooks import quick
