"""The trainer: bookkeeping, a seed that repeats a run, a run that goes on as if never stopped; then two measurements of whole runs."""

import dataclasses
import json
import os
import signal
import statistics
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import nanogan as ng
from nanogan import asarray, data, metrics, to_numpy
from nanogan.backend import random
from nanogan.data import Dataset
from nanogan.data.gaussian import COVARIANCE, MEAN
from nanogan.gan import recipes, steps
from nanogan.gan.command import Stopped
from nanogan.gan.run import MEASURES
from nanogan.gan.trainer import Meter, Trainer, Watched, WatchedOptimizer


def noise_images(n=10, shape=(28, 28, 1), **options):
    return Dataset("noise", np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8), **options)


def points(n=10):
    return Dataset("points", np.random.default_rng(0).standard_normal((n, 2)).astype(np.float32))


SMALL = {  # recipe, data, options that make it small
    "quickstart": (noise_images(), {"batch_size": 4}),
    "gaussian2d": (points(), {"batch_size": 4}),
    "mlp-mnist": (noise_images(), {"batch_size": 4}),
    "dcgan-mnist": (noise_images(5), {"batch_size": 2}),
    "dcgan-pokemon": (noise_images(5, (64, 64, 3)), {"batch_size": 2, "grid": (1, 3)}),
    "dcgan-fifa": (noise_images(5, (64, 64, 3)), {"batch_size": 2, "grid": (1, 3)}),
    "dcgan-k5-mnist": (noise_images(5), {"batch_size": 2, "grid": (2, 2)}),
    "wgan-gp-mnist": (noise_images(9), {"batch_size": 2, "grid": (2, 2), "shuffle_buffer": 4}),
    "wgan-gp-paper": (noise_images(9), {"batch_size": 2, "grid": (2, 2), "n_critic": 2}),
    "ring2d": (points(), {"batch_size": 4}),
    "grid2d": (points(), {"batch_size": 4}),
}


LIGHT = {"quickstart", "gaussian2d", "ring2d", "grid2d"}


def slow_if_heavy(name, *more):
    """A row of parameters, slow on the stand-in where the recipe is large."""
    return pytest.param(name, *more, marks=[] if name in LIGHT else pytest.mark.slow_on_strict)


def trainer(name="gaussian2d", seed=0, fields=None, **options):
    """options: of the recipe, as they are set by name; fields: of Recipe, whatever can be set."""
    dataset, small = SMALL[name]
    return Trainer(dataclasses.replace(recipes.get(name, **small | options), **fields or {}), dataset, seed)


def state(t):
    """Everything that a step may change, as arrays by name."""
    parts = {"generator": t.generator, "critic": t.critic, "g_opt": t.g_opt, "d_opt": t.d_opt}
    return {f"{part}.{key}": value for part, thing in parts.items() for key, value in thing.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


def equal(a, b):
    """The same entries, wherever they lie."""
    return np.array_equal(to_numpy(a), to_numpy(b))


def make_steps(t, n):
    """What was measured, a row on the host for each step."""
    with np.errstate(all="ignore"):
        return [to_numpy(t.step()) for _ in range(n)]


class Nowhere:
    """A run that is written nowhere."""

    folder = "nowhere"

    def add_row(self, *row):
        pass

    add_text_logs = save_samples = save_checkpoint = add_row

    def drop_picture(self, steps):
        self.noted.append(("dropped", steps))

    def keep_due(self, steps):
        return False

    checkpoint_due = keep_due


class Noting(Nowhere):
    """A run that notes what it is asked to write, as (what, step)."""

    def __init__(self, checkpoint_every=0, keep_every=0):
        self.checkpoint_every, self.keep_every, self.rows, self.noted = checkpoint_every, keep_every, [], []

    def add_row(self, step, epoch, measures, norms, rate):
        self.rows.append((step, epoch, np.array(measures, np.float64), norms, rate))
        self.noted.append(("row", step))

    def add_text_logs(self, measures):
        self.noted.append(("text", np.array(measures, np.float64)))

    def save_samples(self, t):
        self.noted.append(("picture", t.steps))

    def save_checkpoint(self, t, keep=False):
        self.noted.append(("kept" if keep else "checkpoint", t.steps))

    def drop_picture(self, steps):
        self.noted.append(("dropped", steps))

    def keep_due(self, steps):
        return bool(self.keep_every) and steps % self.keep_every == 0

    def checkpoint_due(self, steps):
        return bool(self.checkpoint_every) and steps % self.checkpoint_every == 0

    def of(self, kind):
        return [value for what, value in self.noted if what == kind]


def trained(t, *totals, run=None):
    run = run or Noting()
    for total in totals:
        t.train(total, run, progress=False)
    return run


def test_small_data_for_every_recipe():
    assert list(SMALL) == recipes.names()


# --- A run repeats --------------------------------------------------------------------------------------------


@pytest.mark.every_backend
@pytest.mark.parametrize("name", [slow_if_heavy(name) for name in SMALL])
def test_a_seed_repeats_a_run_and_another_does_not(name):
    def run(seed):
        t = trainer(name, seed)
        return t.generator.state_dict(), make_steps(t, 2), state(t)  # one run at a time: there is one random stream

    (first_a, measures_a, a), (first_b, measures_b, b), (first_c, _, c) = map(run, (3, 3, 4))
    assert same(first_a, first_b) and same(a, b) and np.array_equal(measures_a, measures_b, equal_nan=True)
    assert not any(np.array_equal(first_a[key], first_c[key]) for key in first_a if key.endswith(".weight"))
    assert not any(np.array_equal(a[key], c[key]) for key in a if key.endswith(".weight"))


@pytest.mark.every_backend
@pytest.mark.parametrize("name", [slow_if_heavy(name) for name in SMALL])
def test_looking_does_not_change_a_run(name):
    """Pictures and rows at every step against none at all; in either mode, of fixed noise or fresh."""
    options = {"log_every": 1, "grid": (2, 3)}
    looked = trainer(name, fields={"sample_every": ("steps", 1)}, **options)

    class Looking(Noting):
        def save_samples(self, t):
            super().save_samples(t)
            assert t.samples().shape == (6, *SMALL[name][0].shape)

    run = trained(looked, 2, run=Looking())
    assert run.of("picture") == [0, 1, 2]
    before = state(looked), random.stream().bit_generator.state
    assert equal(looked.samples(), looked.samples())
    assert same(before[0], state(looked)) and before[1] == random.stream().bit_generator.state
    assert all(part.training for _, part in looked.generator.modules())
    blind = trainer(name, grid=(2, 3))
    make_steps(blind, 2)
    assert same(state(looked), state(blind))


@pytest.mark.every_backend
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("quickstart", {}),
        ("quickstart", {"sample_mode": "train"}),
        ("gaussian2d", {"sample_noise": "fixed"}),
        ("gaussian2d", {}),
        ("dcgan-pokemon", {}),
        ("mlp-mnist", {"sample_mode": "train"}),
    ],
)
def test_the_noise_and_the_mode_of_pictures(name, options):
    """Fresh noise differs from step to step, and is the same for one seed and step; fixed noise stays."""
    t, fixed = trainer(name, 5, **options), (SMALL[name][1] | {"sample_noise": recipes.get(name).sample_noise} | options)["sample_noise"] == "fixed"
    seen, generator = [], t.generator

    class Looked:
        def __getattr__(self, attribute):
            return getattr(generator, attribute)

        def train(self, training=True):
            generator.train(training)
            return self

        def __call__(self, noise):
            seen.append((generator.training, to_numpy(noise).copy()))
            return generator(noise)

    t.generator = Looked()
    for step in (0, 0, 1, 2):
        t.steps = step
        t.samples()
    assert {training for training, _ in seen} == {t.recipe.sample_mode == "train"} and generator.training
    noises = [noise for _, noise in seen]
    assert np.array_equal(noises[0], noises[1]) and noises[0].shape == (np.prod(t.recipe.grid), *t.recipe.latent_shape)
    assert np.array_equal(noises[1], noises[2]) == np.array_equal(noises[2], noises[3]) == fixed
    other, again = trainer(name, 6, **options), trainer(name, 5, **options)
    again.steps = other.steps = 2
    pick = (lambda t: t.sample_noise) if fixed else (lambda t: t._fresh_noise())
    assert equal(pick(again), noises[3]) and not equal(pick(other), noises[3])


@pytest.mark.every_backend
def test_pictures_in_training_mode_use_the_statistics_of_their_batch():
    t = trainer("dcgan-pokemon")
    noise = t.recipe.latent(4)
    kept = t.generator.state_dict()
    assert equal(t.samples(noise), t.generator(noise))  # a pass in training mode, which moves them ...
    assert not same(kept, t.generator.state_dict())
    t.generator.load_state_dict(kept)
    t.samples(noise)
    assert same(kept, t.generator.state_dict())  # ... but a look does not
    assert not equal(t.samples(noise)[:2], t.samples(noise[:2]))
    t.recipe = dataclasses.replace(t.recipe, sample_mode="inference")
    np.testing.assert_allclose(to_numpy(t.samples(noise)[:2]), to_numpy(t.samples(noise[:2])), atol=1e-5)


@pytest.mark.every_backend
def test_the_noise_looked_at_follows_the_seed():
    assert equal(trainer(seed=5).sample_noise, trainer(seed=5).sample_noise)
    assert not equal(trainer(seed=5).sample_noise, trainer(seed=6).sample_noise)


@pytest.mark.every_backend
def test_samples_of_given_noise():
    t = trainer("quickstart")
    made = to_numpy(t.samples(asarray(np.zeros((2, 32), np.float32))))
    assert made.shape == (2, 28, 28, 1) and np.array_equal(made[0], made[1])


@pytest.mark.every_backend
def test_training_in_two_parts_is_training_in_one():
    one, two = trainer(log_every=2), None
    rows_one = trained(one, 6)
    state_one = state(one)
    two = trainer(log_every=2)
    rows_two = trained(two, 4, 6)
    assert same(state_one, state(two))
    for a, b in zip(rows_one.rows, rows_two.rows, strict=True):
        assert a[:2] == b[:2] and np.array_equal(a[2], b[2], equal_nan=True) and a[3] == b[3]
    assert rows_two.of("picture") == [0, 3, 4, 6] and rows_one.of("picture") == [0, 3, 6]  # 4: the end of the first part ...
    assert rows_two.of("dropped") == [4] and rows_one.of("dropped") == []  # ... is taken back when it goes on
    trained(two, 6, 3)  # already there: nothing happens
    assert two.steps == 6


# --- Going on as if never stopped -----------------------------------------------------------------------------


@pytest.mark.every_backend
@pytest.mark.parametrize(
    ("name", "first", "more"),
    [slow_if_heavy(name, 2, 1) for name in SMALL] + [slow_if_heavy(name, 3, 2) for name in ("mlp-mnist", "wgan-gp-mnist", "ring2d")],
)
def test_from_a_state_the_next_steps_are_the_same_bit_for_bit(name, first, more):
    """Dropout's keys, orders half used, and what was measured since the last row, too."""
    t = trainer(name, 7)
    make_measured_steps(t, first)
    header, arrays = t.state_dict()
    header, arrays = json.loads(json.dumps(header)), {key: value.copy() for key, value in arrays.items()}  # as a file keeps them
    make_measured_steps(t, more)
    expected = state(t), random.stream().bit_generator.state, t.batches.position, t.batches.order, t.samples()
    measured, norms = [to_numpy(row) for row in t.meter.measured], [t.watched_d.norm(), t.watched_g.norm()]

    other = trainer(name, 8)  # of another seed: all that counts comes from the state
    other.seed, other.sample_noise = t.seed, t.sample_noise
    other.load_state_dict(header, arrays)
    assert other.steps == first and len(other.meter.measured) == first
    assert [other.watched_d.norm(), other.watched_g.norm()] == header["norms"]
    make_measured_steps(other, more)
    assert same(expected[0], state(other)) and expected[1] == random.stream().bit_generator.state
    assert other.batches.position == expected[2] and np.array_equal(other.batches.order, expected[3])
    assert equal(other.samples(), expected[4])
    assert np.array_equal([to_numpy(row) for row in other.meter.measured], measured, equal_nan=True)
    assert [other.watched_d.norm(), other.watched_g.norm()] == norms and other.steps == t.steps
    assert (other.g_opt.counter is other.d_opt.counter) == (name == "mlp-mnist")


@pytest.mark.every_backend
def test_a_state_is_a_copy():
    t = trainer("mlp-mnist")
    make_steps(t, 1)
    header, arrays = t.state_dict()
    kept = {key: value.copy() for key, value in arrays.items()}
    make_steps(t, 2)
    assert same(arrays, kept) and header["steps"] == 1
    t.load_state_dict(header, arrays)
    assert t.steps == 1 and not t.meter.measured and [t.watched_d.norm(), t.watched_g.norm()] == header["norms"]


@pytest.mark.every_backend
def test_the_counter_that_two_optimisers_share():
    t = trainer("mlp-mnist")
    make_steps(t, 2)
    _, arrays = t.state_dict()
    assert arrays["g_opt/steps"] == arrays["d_opt/steps"] == [6]  # three updates a step


@pytest.mark.every_backend
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda h, a: a.pop("critic/dense_1.weight"), ng.NanoganError),
        (lambda h, a: a.update({"g_opt/m.0": np.zeros(3, np.float32)}), ng.NanoganError),
        (lambda h, a: a.update({"generator/more": np.zeros(3, np.float32)}), ng.NanoganError),
        (lambda h, a: a.update({"batches/order": np.arange(11)}), ng.NanoganError),  # of other data
        (lambda h, a: h.pop("random"), KeyError),
        (lambda h, a: h.pop("norms"), KeyError),
        (lambda h, a: h["random"].update(bit_generator="MT19937"), ValueError),
    ],
)
def test_a_state_that_does_not_fit(change, error):
    t = trainer()
    make_steps(t, 1)
    header, arrays = t.state_dict()
    change(header, arrays)
    with pytest.raises(error):
        trainer().load_state_dict(header, arrays)


# --- What is written, and when --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log_every", "sample_every", "total", "rows", "pictures"),
    [
        (2, ("steps", 2), 5, [2, 4, 5], [0, 2, 4, 5]),
        (5, ("steps", 100), 5, [5], [0, 5]),
        (100, ("epochs", 1), 7, [7], [0, 3, 6, 7]),  # 10 samples in batches of 4: 3 steps an epoch
        (1, ("epochs", 2), 6, [1, 2, 3, 4, 5, 6], [0, 6]),
        (1, ("epochs", 1), 1, [1], [0, 1]),
        (3, ("iterations", 3), 8, [3, 6, 8], [1, 4, 7, 8]),  # iterations count from 0, the first step; none before it
        (3, ("iterations", 3), 7, [3, 6, 7], [1, 4, 7]),
        (3, ("iterations", 100), 1, [1], [1]),
    ],
)
def test_rows_and_pictures_at_their_cadence(log_every, sample_every, total, rows, pictures):
    run = trained(trainer(log_every=log_every, fields={"sample_every": sample_every}), total)
    assert run.of("row") == rows and run.of("picture") == pictures
    assert [row[1] for row in run.rows] == pytest.approx([step / 3 for step in rows])
    assert run.of("text") == []


def test_the_outputs_of_text_002():
    """Over its 30,001 iterations: 301 lines in each text file, 11 pictures, and a row of history every 100."""
    t = trainer("mlp-mnist")

    def step():
        t.steps += 1
        return np.full(7, t.steps, np.float32)

    t.step = step
    run = trained(t, 30_001)
    assert [int(line[0]) for line in run.of("text")] == list(range(1, 30_002, 100))
    assert run.of("picture") == list(range(1, 30_002, 3000))
    assert run.of("row") == [*range(100, 30_001, 100), 30_001]
    assert run.rows[0][2][0] == 50.5 and run.rows[-1][2][0] == 30_001  # the mean of 1 to 100; that of the last step alone


def test_an_epoch_of_several_critic_steps():
    """9 samples in batches of 2, the last left out: 4 batches, of which a step takes 2."""
    t = trainer("wgan-gp-paper")
    assert t.per_epoch == 2 and t.batches.per_epoch == 4
    assert trainer("wgan-gp-paper", n_critic=5).per_epoch == 1  # never 0
    assert trainer("wgan-gp-mnist").per_epoch == 4 and trainer("wgan-gp-mnist", n_critic=3).per_epoch == 1
    run = trained(t, 4)
    assert run.of("picture") == [0, 2, 4] and [row[1] for row in run.rows] == [2.0]


@pytest.mark.parametrize(
    ("every", "kept", "checkpoints", "keeps"),
    [(0, 0, [0, 7], []), (3, 0, [0, 3, 6, 7], []), (0, 3, [0, 7], [3, 6]), (2, 4, [0, 2, 6, 7], [4]), (7, 7, [0], [7])],
)
def test_checkpoints_at_their_cadence(every, kept, checkpoints, keeps):
    run = trained(trainer(log_every=100), 7, run=Noting(every, kept))
    assert run.of("checkpoint") == checkpoints and run.of("kept") == keeps


def test_the_checkpoint_comes_after_all_else_of_its_step():
    run = trained(trainer(log_every=2, fields={"sample_every": ("steps", 2), "text_log": 1}), 4, run=Noting(checkpoint_every=2))
    kinds = [what for what, _ in run.noted]
    assert kinds == ["picture", "checkpoint", "text", *["text", "row", "picture", "checkpoint"], "text", *["text", "row", "picture", "checkpoint"]]


@pytest.mark.every_backend
def test_a_row_is_the_mean_since_the_row_before():
    run = trained(trainer(log_every=3), 5)
    measured = np.array(make_steps(trainer(), 5), np.float64)
    for (_, _, means, _, rate), part in zip(run.rows, (measured[:3], measured[3:]), strict=True):
        np.testing.assert_allclose(means, part.mean(axis=0), rtol=1e-5)
        assert rate > 0


@pytest.mark.every_backend
@pytest.mark.parametrize("name", [slow_if_heavy(name) for name in SMALL])
def test_rows_have_the_norms_of_the_last_steps_gradients(name):
    """The critic's of its last update in the step."""
    t, noted = trainer(name, log_every=2), {}
    for which in ("d", "g"):
        optimizer = getattr(t, f"{which}_opt")

        def step(grads, which=which, own=optimizer.step):
            noted[which] = [to_numpy(g).astype(np.float64) for g in grads]
            own(grads)

        optimizer.step = step
    run = trained(t, 2)
    expected = [np.sqrt(sum((g**2).sum() for g in noted[which])) for which in ("d", "g")]
    np.testing.assert_allclose(run.rows[-1][3], expected, rtol=1e-4)
    assert min(expected) > 0


@pytest.mark.every_backend
def test_what_is_left_over_counts_again():
    """A stop between two regular rows adds one of its own; going on, the regular one holds all since the one before."""
    one, two = trained(trainer(log_every=4), 4), Noting()
    t = trainer(log_every=4)
    trained(t, 3, run=two)
    assert two.of("row") == [3]
    t = trainer(log_every=4)
    make_measured_steps(t, 3)
    header, arrays = t.state_dict()
    resumed, rest = trainer(log_every=4), Noting()
    resumed.load_state_dict(header, arrays)
    trained(resumed, 4, run=rest)
    np.testing.assert_allclose(rest.rows[0][2], one.rows[0][2], rtol=1e-6)


def make_measured_steps(t, n):
    """Steps whose measures the meter has, as in a run that is stopped after them."""
    with np.errstate(all="ignore"):
        for _ in range(n):
            t.meter.add(t.step(), t.in_batch)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_finishes_the_step_and_saves(number, status):
    t, run, before = trainer(log_every=4), Noting(), signal.getsignal(signal.SIGINT)
    own = t.step

    def step():
        if t.steps == 5:
            os.kill(os.getpid(), number)
        return own()

    t.step = step
    with pytest.raises(Stopped) as caught:
        trained(t, 100, run=run)
    assert caught.value.status == status and t.steps == 6
    assert run.of("checkpoint") == [0, 6] and run.of("row") == [4, 6]
    assert signal.getsignal(signal.SIGINT) is before
    trained(t, 8, run=run)
    assert t.steps == 8


@pytest.mark.every_backend
def test_losses_that_are_no_numbers_end_the_run():
    t = trainer("gaussian2d", lr=(1e38, 1e38), log_every=4)
    run = Noting()
    with pytest.raises(FloatingPointError, match=r"no longer finite at step 4 .*lower --lr and train again; what there is, is in nowhere$"):
        trained(t, 8, run=run)
    assert t.steps == 4 and run.of("row") == [4] and run.of("checkpoint") == [0]  # nothing spoilt is saved


def test_the_bar_tells_of_the_losses(capsys):
    trainer().train(2, Nowhere())
    err = capsys.readouterr().err
    assert "2/2" in err and "D 0." in err and "D(G(z))" in err


def test_a_meter():
    meter = Meter()
    for i, n in ((1.0, 4), (2.0, 4), (6.0, 2)):
        meter.add(np.array([i, -i], np.float32), n)
    assert meter.latest().tolist() == [6, -6] and meter.samples == 10
    meter.since -= 5
    means, rate = meter.read()
    assert means.tolist() == [3, -3] and rate == pytest.approx(2, rel=0.05) and not meter.measured and meter.samples == 0


@pytest.mark.every_backend
@pytest.mark.parametrize(
    ("decay", "total", "factors"),
    [
        (0.0, 4, [1, 1, 1, 1]),
        (0.5, 8, [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]),  # over the last half; after the last step it would be 0
        (1.0, 4, [1, 0.75, 0.5, 0.25]),
        (0.25, 4, [1, 1, 1, 1]),
    ],
)
def test_rates_fall_to_0_at_the_end(decay, total, factors):
    t, rates = trainer(lr=(0.5, 2.0), fields={"decay": decay}), []
    own = t.step

    def step():
        rates.append((t.g_opt.lr, t.d_opt.lr))
        return own()

    t.step = step
    trained(t, total)
    assert rates == [(0.5 * factor, 2.0 * factor) for factor in factors]


# --- Data that do not fit -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dataset", "said"),
    [
        ("gaussian2d", noise_images(), r"the recipe gaussian2d needs samples of shape \(2,\), and noise holds \(28, 28, 1\); choose other data"),
        ("quickstart", points(), r"needs samples of shape \(28, 28, 1\), and points holds \(2,\)"),
        ("mlp-mnist", noise_images(4, (32, 32, 1)), r"noise holds \(32, 32, 1\)"),
        ("dcgan-mnist", noise_images(4, (28, 28, 3)), r"noise holds \(28, 28, 3\)"),
        ("dcgan-pokemon", noise_images(4), r"needs samples of shape \(64, 64, 3\), and noise holds \(28, 28, 1\)"),
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


# --- What a step gets, and what the critic said ---------------------------------------------------------------


@pytest.mark.every_backend
@pytest.mark.parametrize(
    ("name", "options", "low", "high"),
    [
        ("dcgan-fifa", {}, 0, 255),
        ("dcgan-fifa", {"pixels": "scaled"}, -1, 1),
        ("dcgan-pokemon", {}, -1, 1),
        ("dcgan-pokemon", {"pixels": "raw"}, 0, 255),
        ("mlp-mnist", {}, -1, 1),
        ("dcgan-mnist", {}, -1, 1),
        ("wgan-gp-mnist", {}, -1, 1),
        ("quickstart", {}, -1, 1),
    ],
)
def test_the_range_of_the_data(name, options, low, high):
    real, noise = trainer(name, **options)._draw()
    assert float(real.min()) == low and float(real.max()) == high and real.dtype == np.float32  # of thousands of pixels
    assert all(z.shape == (len(real), *recipes.get(name).latent_shape) for z in noise)


@pytest.mark.every_backend
@pytest.mark.parametrize(("name", "n_critic"), [("wgan-gp-paper", 2), ("wgan-gp-paper", 1), ("wgan-gp-mnist", 3)])
def test_several_batches_a_step(name, n_critic):
    t = trainer(name, n_critic=n_critic)
    if name == "wgan-gp-mnist":
        t.batches.used = 9  # as with drop_last=false: the fifth batch holds a single sample
    taken, own = [], t.batches.next
    t.batches.next = lambda: taken.append(own()) or taken[-1]
    for _ in range(3):
        taken.clear()
        reals, (zs,) = t._draw()
        assert len(reals) == len(taken) == n_critic and len(zs) == n_critic + 1
        assert all(equal(real, t.dataset.batch(indices)) for real, indices in zip(reals, taken, strict=True))
        assert [len(z) for z in zs] == [len(real) for real in reals] + [2] and t.in_batch == sum(map(len, reals))
        assert len({to_numpy(z).tobytes() for z in zs}) == n_critic + 1  # fresh noise each time


@pytest.mark.every_backend
def test_two_noise_batches_are_two():
    _, noise = trainer("mlp-mnist")._draw()
    assert len(noise) == 2 and not equal(*noise)


@pytest.mark.every_backend
@pytest.mark.parametrize("name", [slow_if_heavy(name) for name in SMALL])
def test_watched_notes_real_first_and_generated_second(name):
    t, seen = trainer(name), []
    critic = t.critic

    class Seeing:
        def __call__(self, x):
            seen.append(to_numpy(x).copy())
            return critic(x)

        def __getattr__(self, attribute):
            return getattr(critic, attribute)

    t.watched = Watched(Seeing())
    drawn, own = [], t.batches.next
    t.batches.next = lambda: drawn.append(own()) or drawn[-1]
    for i in (1, 2):
        drawn.clear()
        make_steps(t, 1)
        assert equal(seen[0], t.dataset.batch(drawn[0], scaled=name != "dcgan-fifa")) and not np.array_equal(seen[1], seen[0])
        assert len(t.watched.answers) == len(seen) >= 2, f"step {i}"
        assert all(type(answer) is ng.xp.ndarray and answer.shape == (len(drawn[0]), 1) for answer in t.watched.answers)
        seen.clear()
    assert t.watched.parameters() == critic.parameters() and t.watched.training


@pytest.mark.every_backend
def test_a_watched_optimizer():
    p = ng.Tensor(np.ones(3), requires_grad=True)
    watched = WatchedOptimizer(ng.optim.SGD([p], 0.5))
    assert watched.norm() == 0
    watched.before = 7.0
    assert watched.norm() == 7
    watched.step([ng.Tensor(np.array([1.0, 2.0, -2.0]))])
    assert watched.norm() == 3 and p.numpy().tolist() == [0.5, 0, 2]
    watched.step([asarray(np.zeros(3))])
    assert watched.norm() == 0


NAN = float("nan")


@pytest.mark.every_backend
@pytest.mark.parametrize(
    ("gives", "real", "fake", "expected"),
    [
        ("logit", [2, -1, 0, 3], [-2, 1, 0, -3], [(0.880797 + 0.268941 + 0.5 + 0.952574) / 4, (0.119203 + 0.731059 + 0.5 + 0.047426) / 4, 0.5, 0.75]),
        ("probability", [0.9, 0.5, 0.2, 0.6], [0.1, 0.5, 0.7, 0.4], [0.55, 0.425, 0.5, 0.75]),
        ("logit", [800, -800], [-800, 800], [0.5, 0.5, 0.5, 0.5]),
        ("score", [-200, 100], [30, 50], [-50, 40, NAN, NAN]),  # a score has no threshold
    ],
)
@pytest.mark.parametrize("penalty", [None, 0.125])
def test_measures(gives, real, fake, expected, penalty):
    """Mean answer and share of right ones; an answer of exactly one half counts as "generated"."""
    answers = iter([real, fake, fake])

    def step(generator, critic, g_opt, d_opt, x, z):
        critic(x), critic(generator(z)), critic(x)
        return ng.Tensor(1.25), ng.Tensor(0.75), *([ng.Tensor(penalty)] if penalty else [])

    t = trainer(fields={"step": step, "critic_gives": gives, "step_options": {}})
    t.watched = Watched(lambda x: ng.Tensor(np.array(next(answers), np.float32).reshape(-1, 1)))
    got = to_numpy(t.step())
    np.testing.assert_allclose(got, [1.25, 0.75, *expected, penalty or NAN], rtol=1e-5)
    assert len(got) == len(MEASURES) and got.dtype == np.float32


@pytest.mark.every_backend
def test_measures_of_a_real_step():
    got, by_hand = to_numpy(trainer("quickstart").step()), trainer("quickstart")
    real, z = by_hand.dataset.batch(by_hand.batches.next()), by_hand.recipe.latent(4)
    logits = [by_hand.critic(x).numpy().astype(np.float64) for x in (real, by_hand.generator(z))]
    p_real, p_fake = (1 / (1 + np.exp(-x)) for x in logits)
    d_loss = -np.log(p_real).mean() - np.log(1 - p_fake).mean()
    np.testing.assert_allclose(got[[0, 2, 3]], [d_loss, p_real.mean(), p_fake.mean()], rtol=1e-5)
    assert got[[4, 5]].tolist() == [(p_real > 0.5).mean(), (p_fake <= 0.5).mean()] and np.isnan(got[6])


@pytest.mark.slow_on_strict
@pytest.mark.every_backend
@pytest.mark.parametrize(
    ("name", "options", "weight"), [("wgan-gp-mnist", {}, 10), ("wgan-gp-mnist", {"penalty_weight": 3}, 3), ("wgan-gp-paper", {"n_critic": 3}, 10)]
)
def test_measures_of_a_wasserstein_step(name, options, weight):
    """The critic's loss is mean(D(G(z))) - mean(D(x)) + weight * penalty; scores have no share of right answers."""
    d_loss, g_loss, d_real, d_fake, right_real, right_fake, penalty = make_steps(trainer(name, **options), 2)[-1]
    assert d_loss == pytest.approx(d_fake - d_real + weight * penalty, rel=1e-4) and penalty > 0
    assert np.isnan(right_real) and np.isnan(right_fake)
    if name == "wgan-gp-mnist":
        assert g_loss == pytest.approx(-d_fake, rel=1e-5)  # from the same forward pass


@pytest.mark.every_backend
@pytest.mark.parametrize("name", ["quickstart", "dcgan-mnist", "ring2d"])
@pytest.mark.parametrize("objective", ["minimax", "probabilities", "double-sigmoid", "least-squares"])
def test_every_objective_trains(name, objective):
    t = trainer(name, objective=objective)
    before = state(t)
    measured = np.array(make_steps(t, 2))
    assert np.isfinite(measured[:, :6]).all() and np.isnan(measured[:, 6]).all()
    after = state(t)
    assert not any(np.array_equal(before[key], after[key]) for key in before if key.endswith(".weight"))


@pytest.mark.slow_on_strict
@pytest.mark.every_backend
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mlp-mnist", {"g_loss": "mse"}),
        ("mlp-mnist", {"g_loss": "poisson"}),
        ("wgan-gp-mnist", {"batch_norm": False, "dropout": 0}),
        ("wgan-gp-mnist", {"gp_mode": "train"}),
        ("wgan-gp-mnist", {"n_critic": 2}),
        ("wgan-gp-paper", {"dropout": 0.2}),
    ],
)
def test_every_mended_form_trains(name, options):
    measured = np.array(make_steps(trainer(name, **options), 2))
    assert np.isfinite(measured[:, :4]).all()


# --- What whoever starts a run should know --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("quickstart", {}, []),
        ("mlp-mnist", {}, []),
        ("dcgan-pokemon", {}, []),
        ("dcgan-pokemon", {"pixels": "raw"}, ["pixels=scaled"]),
        ("dcgan-fifa", {}, ["real pixels lie in [0, 255]"]),
        ("dcgan-fifa", {"pixels": "scaled"}, []),
        ("gaussian2d", {"pixels": "raw"}, []),  # points have none
        ("wgan-gp-mnist", {}, ["inference mode"]),
        ("wgan-gp-mnist", {"gp_mode": "train"}, ["batch as a whole"]),
        ("wgan-gp-mnist", {"batch_norm": False}, []),
        ("wgan-gp-paper", {}, []),
        ("wgan-gp-paper", {"batch_norm": True}, ["batch as a whole"]),
        ("wgan-gp-mnist", {"pixels": "raw"}, ["inference mode", "real pixels"]),
    ],
)
def test_notes(name, options, words):
    notes = trainer(name, **options).notes()
    assert len(notes) == len(words) and all(word in note and "\n" not in note for word, note in zip(words, notes, strict=True))


@pytest.mark.parametrize(
    ("skipped", "note"),
    [
        ([("a.png", "no picture")], "1 of 11 files could not be read and are left out: a.png (no picture)"),
        ([(f"{i}.png", "torn") for i in range(3)], "3 of 13 files could not be read and are left out: 0.png (torn), 1.png (torn), 2.png (torn)"),
        (
            [(f"{i}.png", "torn") for i in range(4)],
            "4 of 14 files could not be read and are left out: 0.png (torn), 1.png (torn), 2.png (torn), ... (skipped.txt in the run lists all)",
        ),
    ],
)
def test_a_note_of_files_that_could_not_be_read(skipped, note):
    assert Trainer(recipes.get("quickstart", batch_size=4), noise_images(skipped=skipped)).notes() == [note]


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
        with ng.use("numpy", kernels="reference"):  # the fast kernels' memory is lent, in sizes that are rounded
            fake = generator(z)
            loss = steps.sigmoid_bce(critic(real), 1) + steps.sigmoid_bce(critic(fake), 0)
        blocks = [trace.size // (4 * N) for trace in tracemalloc.take_snapshot().traces]  # float32 values a sample
    finally:
        tracemalloc.stop()
    assert loss.item() > 0
    columns = {7 * 7 * 9 * 128, 14 * 14 * 9 * 64, 14 * 14 * 9 * 1, 7 * 7 * 9 * 32, 4 * 4 * 9 * 64}
    assert max(blocks) == 14 * 14 * 128 and not columns & set(blocks)  # the largest activation
    assert sum(blocks) < 150_000, f"{sum(blocks)} values a sample are kept; the columns would take another 220,000"
