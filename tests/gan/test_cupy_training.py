"""Training on a GPU: what a step waits for and copies, the same run on both backends, memory, and what is said when it runs out.

On the strict stand-in, which counts, and on a real GPU, where only results can be looked at.
"""

import contextlib
import copy
import csv
import gc
import json
import pickle

import numpy as np
import pytest
from commands import call, said
from test_trainer import SMALL, Noting, noise_images, state, trainer

import nanogan as ng
from nanogan import doctor, sample, to_numpy, train
from nanogan.backend import load_cupy
from nanogan.data import Dataset, dataset
from nanogan.gan import recipes
from nanogan.gan.bench import sgemm
from nanogan.gan.bench.check import batches, latents
from nanogan.gan.bench.nanogan_worker import Nanogan
from nanogan.gan.trainer import Trainer

pytestmark = [pytest.mark.every_backend, pytest.mark.cupy_only]
LONG = ["wgan-gp-mnist", "dcgan-pokemon", "wgan-gp-paper"]  # whose steps take seconds on the stand-in


def every_recipe(*long):
    """A test of each; those that take ``long`` on the stand-in, and of which others show the same, are slow there."""
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=pytest.mark.slow_on_strict) if name in long else name for name in recipes.names()]
    )


@pytest.fixture
def counting(backend):
    """``with counting() as counts:`` on the stand-in, which counts."""
    if backend != "strict":
        pytest.skip("a real GPU counts neither copies nor waits")
    import strict_cupy

    return strict_cupy.counted


def drawn(recipe):
    """(copies, bytes) that the random draws of one step come to: indices, noise, interpolation weights; a dropout key is a mere number."""
    n, floats = recipe.batch_size, int(np.prod(recipe.latent_shape))
    weights = batches(recipe) if "penalty_weight" in recipe.step_options else 0
    return batches(recipe) + latents(recipe) + weights, n * (8 * batches(recipe) + 4 * floats * latents(recipe) + 4 * weights)


@every_recipe("dcgan-fifa")
def test_a_step_waits_for_nothing_and_copies_only_what_it_draws(name, counting):
    import strict_cupy

    t = trainer(name)
    t.step()
    with counting() as counts, strict_cupy.forbid_float64():
        t.step()
    copies, size = drawn(t.recipe)
    assert (counts.synchronisations, counts.to_host, counts.float64) == (0, 0, 0), counts
    assert (counts.to_device, counts.to_device_bytes) == (copies, size), counts


def test_the_count_can_fail(counting):
    with counting() as counts:
        t = trainer("gaussian2d")
        float(t.step()[0])
    assert counts.synchronisations == 1 and counts.to_host == 1


@pytest.mark.parametrize("name", ["mlp-mnist", "dcgan-mnist", *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_fast_kernels_ask_for_far_fewer_launches(name, counting):
    launches = {}
    for kind in ("fast", "reference"):
        with ng.use("cupy", kernels=kind):
            t = trainer(name, **({"n_critic": 5} if name == "wgan-gp-paper" else {}))
            t.step()
            with counting() as counts:
                t.step()
        launches[kind] = counts.launches
    print(f"\n| `{name}` | {launches['fast']:,} | {launches['reference']:,} |")
    assert launches["fast"] < 0.6 * launches["reference"], launches


def test_a_log_interval_waits_a_few_times(counting):
    """For the row, for each network's gradients, and for the batch that the diagnosis looks at: not once a parameter, nor once a step."""
    t = trainer("gaussian2d", log_every=5)
    run = Noting()
    t.train(5, run, progress=False)
    with counting() as counts:
        t.train(20, run, progress=False)
    assert len(run.rows) == 4
    assert counts.synchronisations <= 4 * 3 + 2, counts  # and two before the last checkpoint and after the first step


@every_recipe("dcgan-fifa", "dcgan-k5-mnist", *LONG)
def test_the_same_seed_gives_the_same_run_on_both_backends(name):
    """Up to rounding: of two steps, every measure; and each network has come as far."""
    runs = {}
    for backend in ("numpy", "cupy"):
        with ng.use(backend):
            t = trainer(name, seed=3)
            before = state(t)
            with np.errstate(all="ignore"):
                rows = [to_numpy(t.step()) for _ in range(2)]
            after = state(t)
            runs[backend] = np.array(rows), [moved(before, after, network) for network in ("generator.", "critic.")]
    (here, here_moved), (there, there_moved) = runs["numpy"], runs["cupy"]
    np.testing.assert_allclose(there, here, rtol=5e-3, atol=2e-3 * np.nanmax(np.abs(here[:, :2])))
    np.testing.assert_allclose(there_moved, here_moved, rtol=0.02)


def moved(before, after, network):
    """How far its weights have come together; a weight whose gradient is nearly 0 goes where rounding sends it."""
    return np.sqrt(sum(((after[key] - before[key]) ** 2).sum(dtype="float64") for key in after if key.startswith(network)))


# --- The data set -------------------------------------------------------------------------------------------------


def test_the_samples_are_copied_once(counting):
    images = noise_images(100)
    with counting() as counts:
        first = images.batch([3, 99, -1])
    assert counts.to_device_bytes == images.samples.nbytes + 3 * 8
    with counting() as counts:
        again = images.batch(np.array([3, 99, -1]))
    assert (counts.to_device, counts.to_device_bytes, counts.synchronisations) == (1, 3 * 8, 0)
    np.testing.assert_array_equal(to_numpy(first), to_numpy(again))
    np.testing.assert_array_equal(to_numpy(first), (images.samples[[3, 99, -1]].astype("float32") / 127.5 - 1).astype("float32"))


def test_samples_that_do_not_fit_travel_batch_by_batch(counting, monkeypatch):
    fits = noise_images(100)
    expected = to_numpy(fits.batch([5, 7]))
    monkeypatch.setattr(dataset, "DEVICE_SHARE", 1e-9)
    images = noise_images(100)
    for _ in range(2):
        with counting() as counts:
            batch = images.batch([5, 7])
        assert (counts.to_device, counts.to_device_bytes) == (1, 2 * 28 * 28)
    np.testing.assert_array_equal(to_numpy(batch), expected)


def test_samples_travel_batch_by_batch_where_the_pool_is_limited(counting):
    pool = load_cupy().get_default_memory_pool()
    images = noise_images(1000)
    pool.set_limit(size=pool.used_bytes() + 2 * images.samples.nbytes)
    try:
        with counting() as counts:
            images.batch([5, 7])
    finally:
        pool.set_limit(size=0)
    assert counts.to_device_bytes == 2 * 28 * 28


def test_other_samples_are_noticed_and_a_set_can_be_copied():
    images = noise_images(10)
    images.batch([1])
    assert len(pickle.loads(pickle.dumps(images))) == len(copy.deepcopy(images)) == 10
    images.samples = 255 - images.samples
    np.testing.assert_allclose(to_numpy(images.batch([4])), images.samples[[4]] / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("mask", [[True] * 5 + [False] * 5, np.arange(10) % 3 == 0])
def test_a_mask_chooses_as_in_numpy(mask):
    images = noise_images(10)
    np.testing.assert_array_equal(to_numpy(images.batch(mask, scaled=False)), images.samples[np.asarray(mask)])


@pytest.mark.parametrize("indices", [[100], [-101], [0, 5, 100], [1.7]])
def test_an_index_beyond_the_samples_is_refused(indices):
    """A GPU would take another sample, and say nothing."""
    with pytest.raises(IndexError):
        noise_images(100).batch(indices)


def test_each_backend_gets_arrays_of_its_own():
    images = noise_images(10)
    there = images.batch([1, 2])
    with ng.use("numpy"):
        here = images.batch([1, 2])
        assert isinstance(here, np.ndarray)
    np.testing.assert_array_equal(to_numpy(there), here)
    assert isinstance(images.batch([1, 2]), ng.xp.ndarray)


# --- Commands -------------------------------------------------------------------------------------------------------


QUICK = ("--batch-size", "8", "--set", "log_every=2")


def rows_of(folder):
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def train_with(backend, out, *more, recipe="gaussian2d"):
    return call(train, "--recipe", recipe, "--backend", backend, "--out", out, *QUICK, *more)


@pytest.mark.parametrize("first", ["numpy", "cupy"])
def test_a_run_goes_on_and_is_sampled_on_the_other_backend(first, here, capfd):
    second = {"numpy": "cupy", "cupy": "numpy"}[first]
    assert train_with(first, "whole", "--steps", "12") == 0
    assert train_with(first, "run", "--steps", "6") == 0
    assert call(train, "--resume", "run", "--backend", second, "--steps", "12") == 0
    assert json.loads((here / "run/config.json").read_text())["backend"] == second
    whole, run = rows_of(here / "whole"), rows_of(here / "run")
    assert [row["step"] for row in whole] == [row["step"] for row in run] == ["2", "4", "6", "8", "10", "12"]
    for a, b in zip(whole, run, strict=True):
        for key in ("d_loss", "g_loss", "d_real", "d_fake", "d_grad_norm", "g_grad_norm"):
            assert float(a[key]) == pytest.approx(float(b[key]), rel=2e-3, abs=1e-4)
    made = {}
    for backend in ("numpy", "cupy"):
        assert call(sample, "run", "--backend", backend, "--out", f"{backend}.png") == 0
        assert (here / f"{backend}.png").stat().st_size > 1000
        with ng.use(backend):
            generator = ng.load_generator("run")
            ng.seed(1)
            made[backend] = to_numpy(generator(generator.latent(5)).data)
    np.testing.assert_allclose(made["numpy"], made["cupy"], rtol=1e-4, atol=1e-5)


def test_images_are_trained_sampled_and_walked_through(here, capfd):
    out = here / "run"
    assert call(train, "--recipe", "mlp-mnist", "--data", "glyphs", "--backend", "cupy", "--out", out, "--steps", "4", *QUICK) == 0
    assert {"samples.gif", "losses.png", "film_strip.png", "checkpoint.npz"} <= {path.name for path in out.iterdir()}
    assert call(sample, out, "--backend", "cupy", "--grid", "2x3") == 0
    assert call(sample, out, "--backend", "cupy", "--interpolate", "--grid", "1x3", "--out", "walk.png") == 0
    assert call(sample, out, "--backend", "cupy", "--images", "3", "--out", "singles") == 0
    assert len(list((here / "singles").glob("*.png"))) == 3


def test_the_first_step_is_announced_and_not_counted(here, capfd):
    assert train_with("cupy", "run", "--steps", "2") == 0
    assert [line for line in said(capfd.readouterr().err) if "the first step takes longer" in line]
    rates = {}
    for name in ("numpy", "cupy"):
        with ng.use(name):
            t, run = trainer("gaussian2d"), Noting()
            t.train(1, run, progress=False)
            rates[name], notes = run.rows[0][4], t.notes()
            assert bool(notes) == (name == "cupy")
    assert np.isnan(rates["cupy"]) and rates["numpy"] > 0


# --- Memory ---------------------------------------------------------------------------------------------------------


def used():
    return load_cupy().get_default_memory_pool().used_bytes()


@pytest.mark.parametrize("name", ["dcgan-mnist", "wgan-gp-mnist"])
def test_a_run_gives_its_memory_back(name):
    """With the garbage collector off: nothing waits for it."""
    images, small = SMALL[name]
    gc.collect()
    gc.disable()
    try:
        before = used()
        t = Trainer(recipes.get(name, **small), Dataset("images", images.samples), 0)
        t.step()
        after_one = used()
        assert after_one > before
        t.step()
        assert used() <= after_one + 2**16  # the next batch's noise, at most
        del t
        assert used() <= before + 2**10
    finally:
        gc.enable()


@pytest.fixture
def small_device(backend):
    """``with small_device(n):`` n more bytes can be had."""
    if backend == "strict":
        import strict_cupy

        return lambda n: strict_cupy.limited_memory(used() + n)

    @contextlib.contextmanager
    def limited(n):
        pool = load_cupy().get_default_memory_pool()
        pool.free_all_blocks()
        pool.set_limit(size=pool.total_bytes() + n)
        try:
            yield
        finally:
            pool.set_limit(size=0)

    return limited


def test_out_of_memory_is_one_line_and_the_checkpoint_is_intact(here, capfd, small_device):
    assert call(train, "--recipe", "dcgan-mnist", "--data", "glyphs", "--backend", "cupy", "--out", "run", "--steps", "2", "--batch-size", "4") == 0
    before = (here / "run/checkpoint.npz").read_bytes()
    capfd.readouterr()
    with small_device(2**20):
        status = call(train, "--resume", "run", "--steps", "4")
    (line,) = [line for line in said(capfd.readouterr().err) if "error" in line]
    assert status == 1 and line.startswith("nanogan: error: out of memory: ")
    for piece in ("at batch size 4", "CuPy's pool holds", "GiB are free", "run/checkpoint.npz is intact", "a smaller --batch-size needs less"):
        assert piece in line, line
    assert (here / "run/checkpoint.npz").read_bytes() == before
    assert call(train, "--resume", "run", "--steps", "4") == 0


def test_sampling_without_memory_is_one_line(here, capfd, small_device):
    assert call(train, "--recipe", "mlp-mnist", "--data", "glyphs", "--backend", "cupy", "--out", "run", "--steps", "1", *QUICK) == 0
    capfd.readouterr()
    with small_device(2**16):
        assert call(sample, "run", "--backend", "cupy") == 1
    (line,) = said(capfd.readouterr().err)
    assert line.startswith("nanogan: error: out of memory: ") and "CuPy's pool holds" in line


# --- Looking at the machine, and measuring ---------------------------------------------------------------------------


def test_the_doctor_finds_the_gpu(capsys):
    facts = doctor.examine()["gpu"]
    assert facts["problem"] is None and facts["device"] and facts["memory_total"] >= facts["memory_free"] > 0
    text = doctor.report(doctor.examine())
    assert "usable               yes" in text and facts["device"] in text


def test_the_device_is_named_where_training_begins(here, capfd):
    assert train_with("cupy", "run", "--steps", "1") == 0
    assert f"on cupy ({doctor.examine()['gpu']['device']})" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["mlp-mnist", pytest.param("wgan-gp-paper", marks=pytest.mark.slow_on_strict)])
def test_the_benchmark_runs_on_a_gpu(name, tmp_path):
    """All that it asks of its worker, but in this process."""
    worker = Nanogan()
    facts = worker.build(name, 4, {"n_critic": 2} if "paper" in name else {}, "cupy")
    assert facts["numpy"] == np.__version__
    assert worker.turn(0.001) > 0
    worker.forget_peak()
    memory = worker.memory()
    assert memory["kind"] == "GPU memory pool" and memory["peak"] >= memory["used"] > 0
    assert np.isfinite(worker.write_check(str(tmp_path / "case.npz"))["losses"]).all() and (tmp_path / "case.npz").exists()
    with ng.use("numpy"):
        expected = Nanogan()
        expected.build(name, 4, {"n_critic": 2} if "paper" in name else {}, "numpy")
        operations = expected.work()
    ng.use("cupy")
    assert worker.work() == operations
    assert worker.profile(0.001)["rows"]


def test_the_products_of_the_benchmark_run_on_a_gpu(monkeypatch):
    monkeypatch.setattr(sgemm, "SIZES", (64, 128))
    worker = sgemm.Sgemm()
    worker.build("cupy")
    assert worker.turn(0.01) > 0 and worker.peak()["size"] in (64, 128)
