"""Notebook 10's failure clinic: ten runs, nine of them broken, to be diagnosed from their curves and pictures.

    from nanogan.course import clinic

    patients = clinic.patients()                      # {"A": Patient, ..., "J": Patient}
    patients["A"].history["d_loss"]                   # a row every few steps, as in a run's history.csv

``tests/course/make_clinic.py`` trained them, and wrote clinic.npz.  What each has is in the exercise ``10.clinic``, not here.
"""

import dataclasses
import pathlib

import numpy

FILE = pathlib.Path(__file__).with_name("clinic.npz")
COLUMNS = ("step", "d_loss", "g_loss", "d_real", "d_fake", "d_acc_real", "d_acc_fake", "penalty", "d_grad_norm", "g_grad_norm", "spread", "diameter")
DIAGNOSES = (
    "healthy", "critic-won", "generator-collapsed", "loss-frozen", "ranges-differ", "batch-norm-lag", "wasserstein-too-large", "critic-changed",
    "dead-units", "checkerboard",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Patient:
    """What is known of a run.

    told: what its owner says.  critic_gives: "probability", or "score" of a Wasserstein critic.  history: {column: (rows,) float64}, each row the
    mean over the steps since the row before; "spread" is how far generated samples are apart, as a share of how far real ones are, "diameter" the
    largest distance between any two samples.  pictures: {"real", "inference", "train"}: uint8 images (n, H, W, C) or points (n, 2), generated ones
    from one noise in both modes.  ranges: (least real, largest real, least generated, largest generated) as the critic saw them last.
    """

    name: str
    told: str
    critic_gives: str
    history: dict
    pictures: dict
    ranges: tuple


TOLD = {
    "A": "Digits.  In the pictures that I save I see only grey clouds, after 200 steps.",
    "B": "Digits.  The critic's loss is almost 0.  That is good, is it not?",
    "C": "Points in the plane.  Both losses ended at 0.693 and do not move any more.  Did it stop learning?",
    "D": "Digits, a Wasserstein GAN with gradient penalty.  The losses run away.  Is that the distance?",
    "E": "Digits.  I used kernels of 3 x 3 with a stride of 2, and looked early.",
    "F": "Digits, with text 002's networks and loss.  Nothing happens at all.",
    "G": "Points: eight heaps on a circle.  I was in a hurry, and took a large learning rate.",
    "H": "Digits.  I read the files, and off it went.",
    "I": "Digits.  I took ReLU for the critic, and a large rate.  Now both losses are ideal.",
    "J": "Digits.  The generator's loss is so low; it must be very good.",
}


def patients() -> dict:
    """{"A": Patient, ..., "J": Patient}, read from the package.

    >>> some = patients()["G"]
    >>> some.history["step"][:3], some.pictures["real"].shape
    (array([20., 40., 60.]), (200, 2))
    """
    with numpy.load(FILE, allow_pickle=False) as archive:
        return {
            name: _patient(name, {part: archive[f"{name}/{part}"] for part in ("history", "ranges", "real", "inference", "train")}) for name in TOLD
        }


def _patient(name, parts):
    columns = dict(zip(COLUMNS, parts["history"].astype(numpy.float64).T, strict=True))
    gives = "score" if numpy.isnan(columns["d_acc_real"]).all() else "probability"
    pictures = {kind: parts[kind] for kind in ("real", "inference", "train")}
    return Patient(name, TOLD[name], gives, columns, pictures, tuple(float(x) for x in parts["ranges"]))
