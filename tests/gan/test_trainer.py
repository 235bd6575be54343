"""The trainer: batches, bookkeeping, and a seed that repeats a run; then two measurements of whole runs."""

import csv
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image

import nanogan as ng
from nanogan import data, metrics
from nanogan.backend import random
from nanogan.data import Dataset
from nanogan.data.gaussian import COVARIANCE, MEAN
from nanogan.gan import recipes, steps
from nanogan.gan.trainer import MEASURES, Batches, Run, Trainer, Watched, free_folder


def noise_images(n=10, shape=(28, 28, 1)):
    return Dataset("noise", np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8))


def points(n=10):
    return Dataset("points", np.random.default_rng(0).standard_normal((n, 2)).astype(np.float32))


SMALL = {  # recipe, data, batch
    "quickstart": (noise_images(), 4),
    "gaussian2d": (points(), 4),
    "mlp-mnist": (noise_images(), 4),
    "dcgan-mnist": (noise_images(5), 2),
}


def trainer(name="gaussian2d", seed=0, **changes):
    dataset, batch_size = SMALL[name]
    return Trainer(dataclasses.replace(recipes.get(name), **{"batch_size": batch_size} | changes), dataset, seed)


def state(t):
    """Everything that a step may change, as arrays by name."""
    parts = {"generator": t.generator, "critic": t.critic, "g_opt": t.g_opt, "d_opt": t.d_opt}
    return {f"{part}.{key}": value for part, thing in parts.items() for key, value in thing.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


def train(folder, t, *totals):
    """The rows of history.csv and the names of the pictures after training up to each total in turn."""
    with Run(folder, {"seed": 1}) as run:
        for total in totals:
            t.train(total, run, progress=False)
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file)), sorted(path.name for path in (folder / "samples").iterdir())


class Nowhere:
    """A run that is written nowhere."""

    def add_row(self, *row):
        pass

    def save_samples(self, t):
        pass


# --- Batches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "size", "sizes"), [(10, 4, [4, 4, 2]), (12, 4, [4, 4, 4]), (4, 4, [4]), (3, 1, [1, 1, 1]), (5, 4, [4, 1])])
def test_an_epoch_sees_every_sample_once(n, size, sizes):
    batches = Batches(n, size)
    assert batches.per_epoch == len(sizes)
    epochs = [[batches.next() for _ in sizes] for _ in range(3)]
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == sizes
        assert sorted(np.concatenate(epoch)) == list(range(n))


def test_epochs_differ_and_follow_the_seed():
    def orders(seed):
        ng.seed(seed)
        batches = Batches(100, 100)
        return [batches.next().tolist() for _ in range(2)]

    first, second = orders(0)
    assert first != second and [first, second] == orders(0) != orders(1)


def test_with_replacement():
    batches = Batches(10, 4, with_replacement=True)
    assert batches.per_epoch == 2
    drawn = [batches.next() for _ in range(2500)]
    assert {len(batch) for batch in drawn} == {4} and any(len(set(batch)) < 4 for batch in drawn)
    counts = np.bincount(np.concatenate(drawn), minlength=10)
    assert len(counts) == 10 and (abs(counts - 1000) < 5 * 30).all()  # sqrt(10000 * .1 * .9) = 30


def test_with_replacement_a_batch_may_be_larger_than_the_data():
    batches = Batches(3, 8, with_replacement=True)
    assert batches.per_epoch == 1 and len(batches.next()) == 8


# --- A run repeats --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_repeats_a_run_and_another_does_not(name):
    def run(seed):
        t = trainer(name, seed)
        return t.generator.state_dict(), [t.step() for _ in range(4)], state(t)  # one run at a time: there is one random stream

    (first_a, measures_a, a), (first_b, measures_b, b), (first_c, _, c) = map(run, (3, 3, 4))
    assert same(first_a, first_b) and same(a, b) and np.array_equal(measures_a, measures_b)
    assert not any(np.array_equal(first_a[key], first_c[key]) for key in first_a if key.endswith(".weight"))
    assert not any(np.array_equal(a[key], c[key]) for key in a if key.endswith(".weight"))


@pytest.mark.parametrize("name", SMALL)
def test_looking_does_not_change_a_run(name, tmp_path):
    """Pictures and rows at every step, of any size, against none at all; and what is looked at is fixed noise."""
    looked = trainer(name, log_every=1, sample_every=("steps", 1), grid=(2, 3))
    train(tmp_path / "run", looked, 3)
    assert looked.samples().shape == (6, *SMALL[name][0].shape)
    before = state(looked), random.stream().bit_generator.state
    assert np.array_equal(looked.samples(), looked.samples())
    assert same(before[0], state(looked)) and before[1] == random.stream().bit_generator.state
    assert all(part.training for _, part in looked.generator.modules())
    blind = trainer(name)
    for _ in range(3):
        blind.step()
    assert same(state(looked), state(blind))


def test_the_noise_looked_at_follows_the_seed():
    assert np.array_equal(trainer(seed=5).sample_noise, trainer(seed=5).sample_noise)
    assert not np.array_equal(trainer(seed=5).sample_noise, trainer(seed=6).sample_noise)


def test_training_in_two_parts_is_training_in_one(tmp_path):
    one = trainer(log_every=2)
    rows_one, pictures_one = train(tmp_path / "one", one, 6)
    two = trainer(log_every=2)
    rows_two, pictures_two = train(tmp_path / "two", two, 4, 6)
    assert same(state(one), state(two))
    for row in rows_one + rows_two:
        del row["images_per_second"]
    assert rows_one == rows_two and set(pictures_two) - set(pictures_one) == {"step_000004.png"}  # the end of the first part
    train(tmp_path / "three", two, 6, 3)  # already there: nothing happens
    assert two.steps == 6


def test_samples_of_given_noise():
    t = trainer("quickstart")
    noise = np.zeros((2, 32), np.float32)
    made = t.samples(noise)
    assert made.shape == (2, 28, 28, 1) and np.array_equal(made[0], made[1])


# --- What is written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "total", "rows", "pictures"),
    [
        ({"log_every": 2, "sample_every": ("steps", 2)}, 5, [2, 4, 5], [0, 2, 4, 5]),
        ({"log_every": 5, "sample_every": ("steps", 100)}, 5, [5], [0, 5]),
        ({"log_every": 100, "sample_every": ("epochs", 1)}, 7, [7], [0, 3, 6, 7]),  # 10 samples in batches of 4: 3 steps an epoch
        ({"log_every": 1, "sample_every": ("epochs", 2)}, 6, [1, 2, 3, 4, 5, 6], [0, 6]),
        ({"log_every": 1, "sample_every": ("epochs", 1)}, 1, [1], [0, 1]),
    ],
)
def test_rows_and_pictures_at_their_cadence(changes, total, rows, pictures, tmp_path):
    history, names = train(tmp_path / "run", trainer(**changes), total)
    assert list(history[0]) == ["step", "epoch", *MEASURES, "images_per_second"]
    assert [int(row["step"]) for row in history] == rows
    assert [float(row["epoch"]) for row in history] == pytest.approx([step / 3 for step in rows], abs=1e-4)
    assert names == [f"step_{step:06d}.png" for step in pictures]


def test_columns():
    assert MEASURES == ("d_loss", "g_loss", "d_real", "d_fake", "d_acc_real", "d_acc_fake")


def test_a_row_is_the_mean_since_the_row_before(tmp_path):
    rows, _ = train(tmp_path / "run", trainer(log_every=3), 5)
    counted = trainer()
    measured = np.array([counted.step() for _ in range(5)], np.float64)
    for row, part in zip(rows, (measured[:3], measured[3:]), strict=True):
        np.testing.assert_allclose([float(row[name]) for name in MEASURES], part.mean(axis=0), rtol=1e-5)
        assert float(row["images_per_second"]) > 0


@pytest.mark.parametrize(("name", "grid", "size", "mode"), [("quickstart", (2, 3), (594, 396), "L"), ("gaussian2d", (4, 4), (480, 480), None)])
def test_pictures(name, grid, size, mode, tmp_path):
    """Images of 28 pixels, enlarged 7 times with a gap of 1 around each; points on a square of 480."""
    t = trainer(name, grid=grid)
    _, names = train(tmp_path / "run", t, 1)
    pictures = []
    for file in names:
        with Image.open(tmp_path / "run" / "samples" / file) as picture:
            assert picture.format == "PNG" and picture.size == size and mode in (None, picture.mode)
            pictures.append(np.asarray(picture))
    assert not np.array_equal(*pictures)
    if mode:
        assert np.array_equal(pictures[-1][..., None], ng.viz.image_grid(t.samples(), *grid))


def test_config_and_folder(tmp_path):
    config = {"recipe": {"lr": [1e-3, 5e-4]}, "seed": 7, "data_dir": None}
    run = Run(tmp_path / "a" / "b" / "run", config)
    assert (run.folder / "history.csv").read_text().count("\n") == 1  # the head of the table is there at once
    run.history.close()
    assert json.loads((run.folder / "config.json").read_text()) == config
    assert sorted(path.name for path in run.folder.iterdir()) == ["config.json", "history.csv", "samples"]


def test_a_row_is_on_disk_at_once(tmp_path):
    run = Run(tmp_path / "run", {})
    run.add_row(3, 0.5, np.arange(6, dtype=np.float32) / 8, 1234.56)
    assert (run.folder / "history.csv").read_text().splitlines()[1] == "3,0.5000,0,0.125,0.25,0.375,0.5,0.625,1234.6"
    run.history.close()


@pytest.mark.parametrize("name", ["config.json", "anything", ".hidden"])
def test_a_run_is_never_overwritten(name, tmp_path):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ng.NanoganError, match="is not empty, and a run is never overwritten; choose another --out"):
        Run(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "mine"


def test_an_empty_folder_is_taken(tmp_path):
    Run(tmp_path, {}).history.close()
    assert (tmp_path / "history.csv").is_file()


@pytest.mark.parametrize("place", ["file", "file/run", "file/deep/run"])
def test_a_place_that_cannot_be_written(place, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ng.NanoganError, match=r"cannot write a run to .*; choose another --out"):
        Run(tmp_path / place, {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "mine"


def test_free_folder(tmp_path):
    assert free_folder("x", tmp_path) == tmp_path / "x-1"
    (tmp_path / "x-1").mkdir()
    (tmp_path / "x-2").write_text("")
    (tmp_path / "x-3").symlink_to("nowhere")
    (tmp_path / "x-5").mkdir()
    assert free_folder("x", tmp_path) == tmp_path / "x-4" and free_folder("y", tmp_path) == tmp_path / "y-1"
    assert not (tmp_path / "x-4").exists()  # asking makes nothing


# --- Data that do not fit -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dataset", "said"),
    [
        ("gaussian2d", noise_images(), r"the recipe gaussian2d needs samples of shape \(2,\), and noise holds \(28, 28, 1\); choose other data"),
        ("quickstart", points(), r"needs samples of shape \(28, 28, 1\), and points holds \(2,\)"),
        ("mlp-mnist", noise_images(4, (32, 32, 1)), r"noise holds \(32, 32, 1\)"),
        ("dcgan-mnist", noise_images(4, (28, 28, 3)), r"noise holds \(28, 28, 3\)"),
        ("dcgan-mnist", noise_images(255), r"a batch of 256 is more than noise holds \(255 samples\); lower --batch-size"),
        ("gaussian2d", points(7), r"a batch of 8 is more than points holds \(7 samples\); lower --batch-size"),
    ],
)
def test_data_that_do_not_fit(name, dataset, said):
    with pytest.raises(ng.NanoganError, match=said):
        Trainer(recipes.get(name), dataset)


@pytest.mark.parametrize("name", ["mlp-mnist", "gaussian2d"])
def test_more_in_a_batch_than_there_is(name):
    with pytest.raises(ng.NanoganError, match=r"a batch of 13 is more than .* holds \(10 samples\); lower --batch-size"):
        trainer(name, batch_size=13)


def test_losses_that_are_no_numbers_end_the_run(tmp_path):
    t = trainer("gaussian2d", lr=(1e39, 1e39), log_every=4)
    with pytest.raises(FloatingPointError, match=r"no longer finite at step 4 .*lower --lr"), np.errstate(all="ignore"):
        train(tmp_path / "run", t, 8)
    assert t.steps == 4


# --- What the critic said -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_watched_notes_real_first_and_generated_second(name):
    t, seen = trainer(name), []
    critic = t.critic

    class Noting:
        def __call__(self, x):
            seen.append(x.data.copy() if isinstance(x, ng.Tensor) else x.copy())
            return critic(x)

        def __getattr__(self, attribute):
            return getattr(critic, attribute)

    t.watched = Watched(Noting())
    drawn, own = [], t.batches.next
    t.batches.next = lambda: drawn.append(own()) or drawn[-1]
    for i in (1, 2):
        t.step()
        assert np.array_equal(seen[0], t.dataset.batch(drawn[-1])) and not np.array_equal(seen[1], seen[0])
        assert len(t.watched.answers) == len(seen) >= 2, f"step {i}"
        assert all(type(answer) is np.ndarray and answer.shape == (len(drawn[-1]), 1) for answer in t.watched.answers)
        seen.clear()
    assert t.watched.parameters() == critic.parameters() and t.watched.training


@pytest.mark.parametrize(
    ("gives", "real", "fake", "expected"),
    [
        ("logit", [2, -1, 0, 3], [-2, 1, 0, -3], [(0.880797 + 0.268941 + 0.5 + 0.952574) / 4, (0.119203 + 0.731059 + 0.5 + 0.047426) / 4, 0.5, 0.75]),
        ("probability", [0.9, 0.5, 0.2, 0.6], [0.1, 0.5, 0.7, 0.4], [0.55, 0.425, 0.5, 0.75]),
        ("logit", [800, -800], [-800, 800], [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_measures(gives, real, fake, expected):
    """Mean probability and share of right answers; an answer of exactly one half counts as "generated"."""
    answers = iter([real, fake])

    def step(generator, critic, g_opt, d_opt, x, z):
        critic(x), critic(generator(z))
        return ng.Tensor(1.25), ng.Tensor(0.75)

    t = trainer(step=step, critic_gives=gives)
    t.watched = Watched(lambda x: ng.Tensor(np.array(next(answers), np.float32).reshape(-1, 1)))
    np.testing.assert_allclose(t.step(), [1.25, 0.75, *expected], rtol=1e-5)


def test_measures_of_a_real_step():
    got, by_hand = trainer("quickstart").step(), trainer("quickstart")
    real, z = by_hand.dataset.batch(by_hand.batches.next()), by_hand.recipe.latent(4)
    logits = [by_hand.critic(x).data.astype(np.float64) for x in (real, by_hand.generator(z))]
    p_real, p_fake = (1 / (1 + np.exp(-x)) for x in logits)
    d_loss = -np.log(p_real).mean() - np.log(1 - p_fake).mean()
    np.testing.assert_allclose(got[[0, 2, 3]], [d_loss, p_real.mean(), p_fake.mean()], rtol=1e-5)
    assert got[[4, 5]].tolist() == [(p_real > 0.5).mean(), (p_fake <= 0.5).mean()]


# --- Whole runs -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_gaussian_is_learned_as_in_the_text(capsys):
    """Forty seeds as they come, by the exact Gaussian that each generator makes: y = x W + b has mean b, covariance W^T W."""
    distances = []
    for seed in range(40):
        t = Trainer(recipes.get("gaussian2d"), data.load("gaussian2d", seed=seed), seed)
        t.train(2500, Nowhere(), progress=False)
        W, b = (p.data.astype(np.float64) for p in t.generator.parameters())
        distances.append(metrics.wasserstein2_squared(b, W.T @ W, MEAN, COVARIANCE))
    low, median, high = statistics.quantiles(distances, n=4)
    with capsys.disabled():
        print(f"\nsquared Wasserstein-2 over seeds 0-39: median {median:.3f}, quartiles {low:.3f} and {high:.3f}, worst {max(distances):.3f}")
    assert 0.04 < median < 0.10


MEMORY = """
import numpy, nanogan as ng
from nanogan.data import Dataset
from nanogan.gan import recipes
from nanogan.gan.trainer import Trainer
images = numpy.random.default_rng(0).integers(0, 256, (768, 28, 28, 1), dtype=numpy.uint8)
t = Trainer(recipes.get("dcgan-mnist"), Dataset("noise", images), 0)
assert t.recipe.batch_size == 256
for _ in range(3):
    t.step()
print(*(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""  # not ru_maxrss, which remembers the process that started this one


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak of its memory from Linux's /proc")
def test_a_step_of_the_dcgan_takes_less_than_700_megabytes(capsys):
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, env=environment, cwd=os.path.dirname(ng.__path__[0]))
    assert done.returncode == 0, done.stderr
    megabytes = int(done.stdout.split()[1]) / 1000
    with capsys.disabled():
        print(f"  three dcgan-mnist steps of 256: peak {megabytes:.0f} MB", end=" ")
    assert megabytes < 700


def test_no_columns_are_kept_between_forward_and_backward():
    """The graph keeps activations; the columns of the convolutions, two to nine times as large, are made anew where they are needed."""
    N = 8
    generator, critic = recipes.get("dcgan-mnist").build()
    real, z = noise_images(N).batch(range(N)), random.normal((N, 20))
    tracemalloc.start()
    try:
        fake = generator(z)
        loss = steps.sigmoid_bce(critic(real), 1) + steps.sigmoid_bce(critic(fake), 0)
        blocks = [trace.size // (4 * N) for trace in tracemalloc.take_snapshot().traces]  # float32 values a sample
    finally:
        tracemalloc.stop()
    assert loss.item() > 0
    columns = {7 * 7 * 9 * 128, 14 * 14 * 9 * 64, 14 * 14 * 9 * 1, 7 * 7 * 9 * 32, 4 * 4 * 9 * 64}
    assert max(blocks) == 14 * 14 * 128 and not columns & set(blocks)  # the largest activation
    assert sum(blocks) < 150_000, f"{sum(blocks)} values a sample are kept; the columns would take another 220,000"
