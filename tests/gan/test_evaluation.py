"""Judges, and what comes before them: whose samples, against which data, in whose features."""

import csv
import json
import math
import re
import zlib

import numpy as np
import pytest
from commands import call, config, history, write_digits

import nanogan as ng
from nanogan import data, evaluate, nn, train
from nanogan.data.gaussian import COVARIANCE, MEAN
from nanogan.gan import checkpoint, evaluation, judges, recipes
from nanogan.metrics import lenet


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def digits():
    """(training set, held-out set): drawn, with labels."""
    return data.load("glyphs", n=200), data.load("glyphs", seed=1, n=100)


def tiny(judge):
    """So that a few hundred samples will do."""
    judge.bins = judges.metrics.Bins(judge.train.samples, K=5)
    return judge


# --- Judges -------------------------------------------------------------------------------------------------------------


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
def test_a_row_of_real_images(digits):
    train, test = digits
    judge = tiny(judges.Judge(train, test, lenet.load_lenet()))
    row = judge.score(test.samples)
    assert set(row) == {"n", "histogram", *judges.COLUMNS} and row["n"] == 100
    assert row["frechet"] == pytest.approx(0, abs=1e-3) and (row["precision"], row["recall"]) == (1, 1)
    assert row["memorisation"] == pytest.approx(1) and sum(row["histogram"]) == pytest.approx(1)
    assert judge.score(train.samples[:50])["memorisation"] == 0  # copies
    assert judge.score(test.samples, copies=False)["memorisation"] is None


def test_the_floor_takes_each_score_from_the_set_that_it_was_not_made_with(digits):
    train, test = digits
    judge = tiny(judges.Judge(train, test, lenet.load_lenet()))
    floor, seen, unseen = judge.floor(80), judge.score(judge.real(80)), judge.score(judge.test.samples[:80])
    assert floor["n"] == 80 and floor["memorisation"] == 1
    assert all(floor[c] == seen[c] for c in ("frechet", "kl", "modes", "confidence", "precision", "recall", "histogram"))
    assert floor["ndb"] == unseen["ndb"] and floor["js"] == unseen["js"]
    assert judge.floor(80, copies=False)["memorisation"] is None
    assert (judge.real(80, seed=1) != judge.real(80)).any()


def test_the_order_of_the_samples_does_not_matter(digits, monkeypatch):
    """Where only some are looked at, they are not the first: those of other programs come sorted by class."""
    train, test = digits
    monkeypatch.setattr(judges, "NEIGHBOURS", 30)
    monkeypatch.setattr(judges, "COPIES", 30)
    judge = tiny(judges.Judge(train, test))
    rows = [judge.score(np.concatenate([train.samples[:50], np.full_like(test.samples[:50], 255)])) for _ in range(2)]
    assert rows[0] == rows[1] and 0.3 < rows[0]["precision"] < 0.7 and rows[0]["memorisation"] > 0
    assert (judge.test.samples[:50] != test.samples[:50]).any()


def test_how_good_the_network_is_counts_once(digits, monkeypatch):
    judge = judges.Judge(*digits, lenet.load_lenet())
    assert judge.about()["accuracy"] == lenet.accuracy(judge.net, digits[1].samples, digits[1].labels)
    monkeypatch.setattr(lenet, "embed", None)  # nor is it asked again
    assert judge.about()["features"][:8] in judge.in_words() and f"{judge.accuracy:.2%} right" in judge.in_words()


def test_without_a_classifier(digits):
    row = tiny(judges.Judge(*digits)).score(digits[1].samples)
    assert [row[c] for c in ("frechet", "kl", "modes", "confidence", "histogram")] == [None] * 5
    assert (row["precision"], row["recall"]) == (1, 1) and row["js"] >= 0


def test_sick_samples_are_what_they_are_called(digits):
    train, test = digits
    judge = judges.Judge(train, test)
    sick = dict(judges.sick_samples(judge, 100))
    assert len(sick) == 10 and all(x.dtype == np.uint8 and x.shape[1:] == (28, 28, 1) for x in sick.values())
    real = sick["real: training images"]
    assert sorted(x.tobytes() for x in sick["real: held-out images"]) == sorted(x.tobytes() for x in test.samples)
    assert (sick["shifted by a pixel"][:, :, 1:] == real[:, :, :-1]).all() and not sick["shifted by a pixel"][:, :, 0].any()
    assert (sick["100 images x 1"] == real[:100]).all()
    noise = sick["+ noise of deviation 0.3"].astype(float) - real
    assert noise[(real > 100) & (real < 150)].std() == pytest.approx(0.3 * 127.5, rel=0.1)
    assert sick["blurred, 3x3"][0, 5, 5, 0] == pytest.approx(real[0, 4:7, 4:7, 0].mean(), abs=1)
    labels = {image.tobytes(): label for image, label in zip(train.samples, train.labels, strict=True)}
    assert {labels[image.tobytes()] for image in sick["no class 9"]} == set(range(9))
    assert {labels[image.tobytes()] for image in sick["class 1 only"]} == {1}


def test_points():
    ring = data.load("ring2d", n=20_000)
    judge = judges.PointJudge(ring)
    assert judge.mean == pytest.approx(ring.samples.mean(axis=0), abs=0.05) and judge.covariance == pytest.approx(np.cov(ring.samples.T), abs=0.05)
    real = judge.floor(5000)
    assert real["n"] == 5000 and real["modes"] == 8 and real["good"] > 0.95 and real["wasserstein2"] < 0.01
    one = judge.score(ring.samples[ring.labels == 3][:500].astype(float))
    assert one["modes"] == 1 and one["wasserstein2"] > 1
    line = judges.PointJudge(data.load("gaussian2d"))
    assert (line.mean == MEAN).all() and (line.covariance == COVARIANCE).all()
    assert line.floor(5000)["wasserstein2"] < 0.02 and line.floor(5000)["modes"] is None
    assert line.score(np.zeros((9, 2)))["wasserstein2"] == pytest.approx(10.26)  # a fresh generator, all at 0


@pytest.mark.slow
def test_every_score_reacts(data_dir):
    """To what is done to 10,000 real digits; the page on evaluation has the table."""
    judge = evaluation.judge_of("mnist", data_dir)
    rows = {name: judge.score(images) for name, images in judges.sick_samples(judge)}
    real, unseen = rows["real: training images"], rows["real: held-out images"]
    assert 0.5 < real["frechet"] < 1.3 and real["kl"] < 0.001 and real["precision"] > 0.8 and real["recall"] > 0.8
    assert unseen["ndb"] < 20 and 0.002 < unseen["js"] < 0.008 and unseen["memorisation"] == pytest.approx(1, abs=0.05)
    assert 2 < rows["+ noise of deviation 0.1"]["frechet"] < 8 < 15 < rows["+ noise of deviation 0.3"]["frechet"] < 50
    blurred, shifted = rows["blurred, 3x3"], rows["shifted by a pixel"]
    assert blurred["frechet"] > 30 and blurred["recall"] < 0.6
    assert shifted["frechet"] > 4 and shifted["ndb"] > 30
    assert rows["no class 9"]["kl"] == pytest.approx(math.log(10 / 9), abs=0.02) and rows["no class 9"]["modes"] == 9
    assert rows["class 1 only"]["modes"] == 1 and rows["class 1 only"]["ndb"] > 95 and rows["class 1 only"]["frechet"] > 300
    repeats = rows["100 images x 100"]
    assert repeats["recall"] < 0.01 and repeats["precision"] > 0.7 and repeats["ndb"] > 50 and repeats["memorisation"] == 0
    noise = rows["uniform noise"]
    assert noise["frechet"] > 300 and noise["recall"] == 0 and noise["ndb"] > 95 and noise["confidence"] < 0.9


# --- Whose samples ------------------------------------------------------------------------------------------------------


@pytest.mark.every_backend
def test_generating_repeats_and_changes_nothing():
    recipe = recipes.get("quickstart")
    generator, _ = recipe.build()
    before = {name: ng.to_numpy(value).copy() for name, value in generator.named_state()}
    ng.seed(5)
    one, other = evaluation.generate(generator, recipe, 5, seed=1), evaluation.generate(generator, recipe, 5, seed=2)
    after = ng.backend.random.stream().random()
    ng.seed(5)
    assert ng.backend.random.stream().random() == after
    assert one.shape == (5, 28, 28, 1) and one.dtype == np.uint8 and (one != other).any()
    assert (evaluation.generate(generator, recipe, 5, seed=1) == one).all()
    assert generator.training and all((before[name] == ng.to_numpy(value)).all() for name, value in generator.named_state())
    with ng.backend.random.fork([1, 7]), ng.no_grad():
        made = generator.eval()(recipe.latent(5)).numpy()
    assert (one == np.rint(made * 127.5 + 127.5)).all()


def test_a_generator_that_makes_no_numbers():
    recipe = recipes.get("gaussian2d")
    generator = nn.Sequential(nn.Dense(2, 2))
    generator.parameters()[0].data[...] = np.nan
    with pytest.raises(evaluation.NotFinite, match="gaussian2d: the generator makes values that are not finite"):
        evaluation.generate(generator, recipe, 10)
    assert generator.training


@pytest.mark.parametrize("shape", [(12, 28, 28), (12, 28, 28, 1)])
def test_images_of_any_program(tmp_path, shape):
    np.savez(tmp_path / "made.npz", images=np.ones(shape, np.uint8))
    subject = evaluation.subject_of(tmp_path / "made.npz", n=11)
    assert subject.samples.shape == (11, 28, 28, 1) and (subject.data, subject.stem, subject.folder) == ("mnist", "made-evaluation", tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.ones((12, 28, 28))}, r"its images are float64 .*; they must be uint8, 0...255: \(x \* 255\).astype\('uint8'\)"),
        ({"images": -np.ones((12, 28, 28), np.float32)}, r"float32 .*: \(\(x \+ 1\) \* 127.5\).astype"),
        ({"images": np.full((12, 28, 28), 200)}, r"int64 .*: x.astype"),
        ({"images": np.ones((12, 784), np.uint8)}, r"uint8 \(12, 784\)"),
        ({"images": np.ones((9, 28, 28), np.uint8)}, "ten or more"),
        ({"images": np.array([None] * 12)}, "cannot be read"),
        ({"pictures": np.ones((12, 28, 28), np.uint8)}, "holds 'pictures', .*; images must be called `images`, uint8"),
        (dict.fromkeys("abcde", np.ones(3)), "holds 'a', 'b', 'c' and 2 more, "),
    ],
)
def test_images_that_are_none(tmp_path, arrays, message):
    np.savez(tmp_path / "made.npz", **arrays)
    with pytest.raises(ng.NanoganError, match=message):
        evaluation.subject_of(tmp_path / "made.npz")


def test_runs_and_their_files(here):
    assert call(train, "--recipe", "ring2d", "--steps", 4, "--batch-size", 8, "--keep-every", 2, "--seed", 3, "--out", "ring") == 0
    files = {"ring": "evaluation", "ring/generator.npz": "generator-evaluation", "ring/checkpoint.npz": "checkpoint-evaluation",
             "ring/checkpoints/step_000004.npz": "step_000004-evaluation"}  # fmt: skip
    subjects = [evaluation.subject_of(path, n=50) for path in files]
    for subject, stem in zip(subjects, files.values(), strict=True):
        assert (subject.data, subject.seed, subject.stem) == ("ring2d", 3, stem)
        assert (subject.samples == subjects[0].samples).all() and subject.samples.shape == (50, 2)


# --- Against which data ---------------------------------------------------------------------------------------------------


def test_sets_that_are_drawn_are_drawn_again():
    learned, unseen = evaluation.real_sets("glyphs", seed=4)
    assert (learned.samples == data.load("glyphs", seed=4).samples).all()
    assert not {image.tobytes() for image in learned.samples} & {image.tobytes() for image in unseen.samples}


def test_files_with_and_without_a_split(tmp_path):
    images = write_digits(tmp_path / "data")
    halves = evaluation.real_sets(tmp_path / "data")
    assert [len(half) for half in halves] == [20, 20]
    assert sorted(image.tobytes() for half in halves for image in half.samples) == sorted(image.tobytes() for image in images)
    for path in (tmp_path / "data").iterdir():
        (tmp_path / "data" / path.name.replace("train", "t10k")).write_bytes(path.read_bytes())
    assert [len(part) for part in evaluation.real_sets(tmp_path / "data")] == [40, 40]
    for path in (tmp_path / "data").glob("t10k-*"):
        path.write_bytes(b"damaged")
    with pytest.raises(data.DataError, match="t10k-"):  # and not half of the training images instead
        evaluation.real_sets(tmp_path / "data")


def test_files_too_few_to_be_cut_in_half(tmp_path):
    write_digits(tmp_path / "data", n=7)
    with pytest.raises(ng.NanoganError, match="half of the 7 images would be held out, and 4 is the least"):
        evaluation.real_sets(tmp_path / "data")


def test_mnist_has_a_split(data_dir):
    train, test = evaluation.real_sets("mnist", data_dir)
    assert (len(train), len(test)) == (60_000, 10_000)
    assert lenet.fingerprint(evaluation.network_for(train)) == lenet.SHA256


# --- In whose features ------------------------------------------------------------------------------------------------------


def test_networks(tmp_path, capsys, monkeypatch, digits):
    glyphs, _ = digits
    colours = data.Dataset("colours", np.zeros((9, 8, 8, 3), np.uint8))
    bare = data.Dataset("bare", glyphs.samples)
    mnist = data.Dataset("any name", glyphs.samples, glyphs.labels)
    assert evaluation.network_for(colours) is None and evaluation.network_for(bare) is None
    with monkeypatch.context() as patch:  # told by its bytes, not by its name
        patch.setattr(evaluation, "MNIST", zlib.crc32(glyphs.samples))
        assert lenet.fingerprint(evaluation.network_for(mnist)) == lenet.SHA256
    made = lenet.fingerprint(evaluation.network_for(glyphs))
    assert "training a LeNet on glyphs" in capsys.readouterr().err
    assert lenet.fingerprint(evaluation.network_for(glyphs)) == made and not capsys.readouterr().err  # kept
    kept = evaluation.kept_network(glyphs)
    assert tmp_path in kept.parents and lenet.fingerprint(evaluation.network_for(bare, kept)) == made
    kept.write_bytes(b"damaged")
    assert lenet.fingerprint(evaluation.network_for(glyphs)) == made and "training" in capsys.readouterr().err
    with pytest.raises(ng.NanoganError, match=r"--lenet x.npz: ring2d holds points"):
        evaluation.judge_of("ring2d", net="x.npz")
    with pytest.raises(ng.NanoganError, match=r"--lenet x.npz: LeNet takes images of \(28, 28, 1\), and colours holds \(8, 8, 3\)"):
        evaluation.network_for(colours, "x.npz")


def test_all_seeds_of_a_drawn_set_are_scored_in_one_network(monkeypatch):
    """That of seed 0: features of networks that learned other draws would not compare."""
    asked = []
    monkeypatch.setattr(
        data, "load", lambda name, *_, seed=0, **options: data.Dataset(name, np.full((20, 28, 28, 1), seed % 251, np.uint8), np.arange(20) % 10)
    )
    monkeypatch.setattr(evaluation, "network_for", lambda train, *_: asked.append(train.samples.max()))
    for seed in (0, 7):
        judge = evaluation.judge_of("glyphs", seed=seed)
        assert judge.train.samples.max() == seed and judge.test.samples.max() == (seed + judges.HELD_OUT) % 251  # its own all the same
    assert asked == [0, 0]


# --- While training -----------------------------------------------------------------------------------------------------------


def scores(folder):
    with open(folder / "scores.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_run_that_is_scored_is_the_same_run(here, capsys):
    line = ["--recipe", "ring2d", "--batch-size", 8, "--steps", 9]
    assert call(train, *line, "--out", "plain") == 0
    assert call(train, *line, "--score-every", 3, "--out", "scored") == 0
    assert "every 3 steps 2,000 samples are scored, into scores.csv; real ones of that number get Wasserstein-2 0.0" in capsys.readouterr().err
    assert history(here / "plain") == history(here / "scored") and not (here / "plain" / "scores.csv").exists()
    one, other = (checkpoint.load(here / name / "generator.npz")[1] for name in ("plain", "scored"))
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)
    rows = scores(here / "scored")
    assert [row["step"] for row in rows] == ["3", "6", "9"] and {row["n"] for row in rows} == {"2000"}
    assert config(here / "scored")["score_every"] == 3 and config(here / "plain")["score_every"] is None
    assert call(evaluate, "scored", "--samples", 2000) == 0
    last = json.loads((here / "scored" / "evaluation.json").read_text())["rows"][0]
    assert float(rows[-1]["wasserstein2"]) == pytest.approx(last["wasserstein2"], rel=1e-4)  # the same samples


def test_going_on_takes_scores_back(here):
    line = ["--recipe", "ring2d", "--batch-size", 8]
    assert call(train, *line, "--steps", 8, "--score-every", 2, "--out", "whole") == 0
    assert call(train, *line, "--steps", 4, "--score-every", 2, "--out", "parts") == 0
    with open(here / "parts" / "scores.csv", "a") as file:
        file.write("6,0.1,2000,0,0,0\n7,torn")  # of after the checkpoint, as a crash leaves it
    assert call(train, "--resume", "parts", "--steps", 8) == 0
    assert scores(here / "parts") == scores(here / "whole")


def test_images_are_scored_while_training(here, capsys):
    write_digits(here / "digits")
    assert call(train, "--data", "digits", "--batch-size", 4, "--steps", 2, "--score-every", 2, "--out", "run") == 0
    assert re.search(r"real ones of that number get Frechet \d+\.\d\d, NDB \d+", capsys.readouterr().err)
    (row,) = scores(here / "run")
    assert row["step"] == "2" and float(row["frechet"]) > 0 and "memorisation" not in row


def test_scores_of_no_numbers_are_left_out(here):
    class Broken:
        recipe, steps, per_epoch, seed = recipes.get("gaussian2d"), 5, 2, 0
        generator = nn.Sequential(nn.Dense(2, 2))

    Broken.generator.parameters()[0].data[...] = np.nan
    log = evaluation.ScoreLog(here, judges.PointJudge(data.load("gaussian2d")), 5)
    log.add(Broken)
    (row,) = scores(here)
    assert row["step"] == "5" and row["wasserstein2"] == ""


def test_missing_data_are_told_before_a_run_begins(here):
    assert call(train, "--recipe", "mlp-mnist", "--score-every", 5, "--out", "run") == 2
    assert not (here / "run").exists()
