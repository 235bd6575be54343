"""What stands in brackets: integers, slices, None, Ellipsis and device arrays of integers or booleans."""

import numpy as np


def checked_index(index, ndarray):
    """(index for NumPy, whether it holds arrays, whether reading by it must wait for a mask to be counted)."""
    if type(index) is not tuple:
        index = (index,)
    arrays = mask = ellipsis = False
    checked = []
    for i in index:
        kind = type(i)
        if kind is slice:
            for bound in (i.start, i.stop, i.step):
                if bound is not None and not isinstance(bound, (int, np.integer)):
                    raise TypeError(f"slice indices must be integers or None, not {type(bound).__name__}")
        elif kind is int or i is None:
            pass
        elif i is Ellipsis:
            ellipsis = True
        elif kind is ndarray:
            if i._a.dtype.kind not in "iub":
                raise IndexError("arrays used as indices must be of integer (or boolean) type")
            arrays, mask, i = True, mask or i._a.dtype.kind == "b", i._a
        elif isinstance(i, np.integer):
            i = int(i)
        else:
            raise IndexError(f"index by device arrays, integers and slices, not {kind.__name__}: CuPy would copy it to the device (strict_cupy)")
        checked.append(i)
    if not (arrays or ellipsis):
        checked.append(Ellipsis)  # so that NumPy answers with a view even where one entry is left
    return tuple(checked), arrays, mask


def given_axes(axes):
    """A shape, or axes, as given to a method: one sequence, or numbers one by one."""
    axes = axes[0] if len(axes) == 1 and not isinstance(axes[0], (int, np.integer)) else axes
    if axes is not None and not (isinstance(axes, (tuple, list)) and all(isinstance(n, (int, np.integer)) for n in axes)):
        raise TypeError(f"integers are needed, not {[type(n).__name__ for n in axes] if isinstance(axes, (tuple, list)) else type(axes).__name__}")
    return axes
