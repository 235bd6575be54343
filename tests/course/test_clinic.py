"""The failure clinic: ten real runs, whose illnesses show in what a learner is given; and the leaderboard."""

import json

import numpy as np
import pytest

import nanogan as ng
from nanogan.course import clinic, exercises, leaderboard
from nanogan.course.checking import CheckFailed, verdict
from nanogan.gan.diagnosis import history
from nanogan.gan.diagnosis.lattice import checkerboard
from nanogan.metrics import nearest

PATIENTS = clinic.patients()
RIGHT = exercises.get("10.clinic").solution()


def test_ten_patients_and_a_diagnosis_for_each():
    assert list(PATIENTS) == list(RIGHT) == list("ABCDEFGHIJ")
    assert sorted(RIGHT.values()) == sorted(clinic.DIAGNOSES)
    assert clinic.FILE.stat().st_size < 250_000


@pytest.mark.parametrize("name", PATIENTS)
def test_a_patient_is_whole(name):
    patient = PATIENTS[name]
    assert tuple(patient.history) == clinic.COLUMNS
    assert len({len(values) for values in patient.history.values()}) == 1 and len(patient.history["step"]) >= 10
    assert all(values.dtype == np.float64 for values in patient.history.values())
    scores = patient.critic_gives == "score"
    for column, values in patient.history.items():
        missing = column in ("d_acc_real", "d_acc_fake") if scores else column == "penalty"
        assert np.isnan(values).all() if missing else np.isfinite(values).all(), column
    shapes = {kind: (a.dtype, a.shape[1:]) for kind, a in patient.pictures.items()}
    assert list(shapes) == ["real", "inference", "train"] and len(set(shapes.values())) == 1
    assert set(shapes.values()) <= {(np.dtype("uint8"), (28, 28, 1)), (np.dtype("float32"), (2,))}
    assert patient.ranges[0] < patient.ranges[1] and patient.ranges[2] < patient.ranges[3]
    assert not any(word in patient.told for word in clinic.DIAGNOSES)


def found_in_rows(name):
    """What the engine's own diagnosis finds in the rows."""
    patient = PATIENTS[name]
    gives = "score" if patient.critic_gives == "score" else "logit"
    return [finding.name for finding in history.from_history(patient.history, gives, patient.history["diameter"].max())]


def lag(patient):
    trained, inferred = (patient.pictures[mode].astype(float) for mode in ("train", "inference"))
    return ((trained - inferred) ** 2).mean() ** 0.5 / patient.pictures["real"].astype(float).std()


def test_what_each_has_shows():
    of = {diagnosis: name for name, diagnosis in RIGHT.items()}
    for diagnosis in ("critic-won", "loss-frozen", "generator-collapsed", "wasserstein-too-large"):
        assert diagnosis in found_in_rows(of[diagnosis]), diagnosis
    assert PATIENTS[of["ranges-differ"]].ranges[1] == 255
    assert all(PATIENTS[name].ranges[1] <= 1 for name in RIGHT if name not in (of["ranges-differ"], of["healthy"], of["generator-collapsed"]))
    lags = {name: lag(patient) for name, patient in PATIENTS.items() if patient.pictures["real"].ndim == 4}
    assert lags.pop(of["batch-norm-lag"]) > 0.8 and max(lags.values()) < 0.5, lags
    fooled = PATIENTS[of["critic-changed"]].history
    assert fooled["d_loss"][-5:].min() > 2 * np.log(2) and fooled["d_fake"][-5:].min() > 0.9
    dead = PATIENTS[of["dead-units"]].history
    assert (dead["g_grad_norm"][-5:] == 0).all() and np.allclose(dead["d_loss"][-5:], 2 * np.log(2), rtol=1e-3)
    lattice = PATIENTS[of["checkerboard"]].pictures
    assert checkerboard(lattice["inference"] / 127.5 - 1, lattice["real"] / 127.5 - 1, [2]).name == "checkerboard"


def test_the_others_do_not_have_it():
    assert found_in_rows(next(name for name, diagnosis in RIGHT.items() if diagnosis == "healthy")) == []
    for name in RIGHT:
        if RIGHT[name] in ("batch-norm-lag", "checkerboard", "critic-changed", "dead-units"):
            assert found_in_rows(name) == [], name
    alike = {name for name, patient in PATIENTS.items() if patient.history["spread"][-5:].max() < history.ALIKE}
    assert alike == {name for name, diagnosis in RIGHT.items() if diagnosis in ("generator-collapsed", "ranges-differ")}


def test_generated_pictures_are_no_copies_of_the_real_ones():
    for patient in PATIENTS.values():
        if patient.pictures["real"].ndim == 4:
            assert nearest(patient.pictures["inference"], patient.pictures["real"])[0].min() > 1


def test_a_check_names_the_first_who_is_wrong_and_does_not_tell_what_it_is():
    wrong = RIGHT | {"C": "dead-units", "F": "critic-won"}
    with pytest.raises(CheckFailed) as caught:
        verdict(exercises.get("10.clinic"), lambda: wrong)
    assert "C is not dead-units" in str(caught.value) and "healthy" not in str(caught.value)
    for answer, said in (
        ({"A": "healthy"}, "patient"),
        ({}, "patient A has no diagnosis yet"),
        (RIGHT | {"A": "flu"}, "there is no diagnosis 'flu'"),
        (RIGHT | {"K": "healthy"}, "there is no patient 'K'"),
        (list(RIGHT.values()), "give a dictionary"),
    ):
        with pytest.raises(CheckFailed, match=said):
            verdict(exercises.get("10.clinic"), lambda answer=answer: answer)


@pytest.fixture
def board(monkeypatch, tmp_path):
    monkeypatch.setenv("NANOGAN_PROGRESS", str(tmp_path / "deep" / "progress.json"))
    return tmp_path / "deep" / "leaderboard.json"


def test_the_leaderboard_keeps_what_a_score_depends_on(board, capsys):
    leaderboard.show()
    assert capsys.readouterr().out == "the leaderboard is empty\n"
    about = {"data": "glyphs", "features": "c177c07d", "samples": 2000, "against": 4000}
    leaderboard.enter("one", **about, seeds=[0, 1], frechet=np.array([30.0, 20.0]))
    leaderboard.enter("two", **about, seeds=[0], frechet=[24.0])
    leaderboard.enter("two", **about | {"samples": 1000}, seeds=[0], frechet=[1.0])
    leaderboard.enter("two", **about | {"against": 9000}, seeds=[0], frechet=[2.0])
    leaderboard.enter("one", **about, seeds=[0, 1], frechet=[31.0, 21.0])  # again: it replaces the first
    assert json.loads(board.read_text())[-1] == {"recipe": "one", **about, "seeds": [0, 1], "frechet": [31.0, 21.0]}
    leaderboard.show()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("   ")] == ["seeds", "two", "seeds", "two", "one", "seeds", "two"]
    assert lines[6].split() == ["26.00", "21.00", "31.00", "2", "one"]
    assert [path.name for path in board.parent.iterdir()] == ["leaderboard.json"]


def test_the_leaderboard_refuses(board):
    about = {"data": "glyphs", "features": "c177c07d", "samples": 2000, "against": 4000}
    for seeds, frechet in (([0, 1], [1.0]), ([], []), ([0, 0], [1.0, 2.0])):
        with pytest.raises(ng.NanoganError, match="one for each, and each seed once"):
            leaderboard.enter("x", **about, seeds=seeds, frechet=frechet)
    for wrong, said in (
        ({"seeds": 0, "frechet": 1.0}, "are lists of numbers"),
        ({"frechet": ["low"]}, "are lists of numbers"),
        ({"frechet": [float("nan")]}, "0 or more"),
        ({"frechet": [-5.0]}, "0 or more"),
        ({"data": np.zeros(3)}, "data is a ndarray; give its name"),
    ):
        with pytest.raises(ng.NanoganError, match=said):
            leaderboard.enter("x", **about | {"seeds": [0], "frechet": [1.0]} | wrong)
    board.parent.mkdir()
    for text in ("{", "{}", "[1]", '[{"recipe": "x"}]'):
        board.write_text(text)
        with pytest.raises(ng.NanoganError, match="move it away"):
            leaderboard.enter("x", **about, seeds=[0], frechet=[1.0])
        assert board.read_text() == text
