"""The exercises, a file for each notebook (two for the tenth), loaded when the first of them is asked for."""

import difflib
import importlib

from nanogan.backend import NanoganError

TITLES = {
    "01": "A game of two samples",
    "02": "Autograd from nothing",
    "03": "Gradients you can trust, twice",
    "04": "The Gaussian GAN",
    "05": "A GAN of dense layers draws digits",
    "06": "Convolution and its adjoint",
    "07": "DCGAN",
    "08": "How far apart are two distributions?",
    "09": "WGAN-GP",
    "10": "Is it any good? What broke?",
}
FILES = {
    "01": "two_samples", "02": "autograd", "03": "second_order", "04": "gaussian_gan", "05": "dense_gan", "06": "convolution", "07": "dcgan",
    "08": "distances", "09": "gradient_penalty", "10": "evaluation",
}  # fmt: skip


def of_notebook(number):
    """The exercises of notebook ``number``, "01" to "10", in the order of the notebook."""
    return importlib.import_module(f"nanogan.course.exercises.{FILES[number]}").EXERCISES


def get(name):
    """The exercise called ``name``; raises NanoganError, with the nearest name, where there is none."""
    number, _, subject = str(name).partition(".")
    if number in FILES and subject:
        for exercise in of_notebook(number):
            if exercise.name == name:
                return exercise
    known = [exercise.name for n in ([number] if number in FILES else FILES) for exercise in of_notebook(n)]
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    raise NanoganError(f"there is no exercise {name!r:.60}; {f'did you mean {near[0]!r}?' if near else 'a name is such as ' + repr(known[0])}")
