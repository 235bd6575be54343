"""The diagnosis: recorded histories, healthy and sick; both sides of every threshold; and every sickness, provoked by a run of seconds, found by its name."""

import dataclasses
import functools

import numpy as np
import pytest
from record import DISTANCES, RUNS, Nowhere, load

import nanogan as ng
from nanogan import data, metrics, nn, ops, to_numpy
from nanogan.autograd import grad
from nanogan.backend import random
from nanogan.data.gaussian import COVARIANCE, MEAN
from nanogan.gan import networks as architectures
from nanogan.gan import recipes, steps
from nanogan.gan.diagnosis import examine, history, lattice, networks, watch
from nanogan.gan.diagnosis.finding import NAMES, Finding
from nanogan.gan.trainer import Trainer


@functools.cache
def glyphs():
    return data.load("glyphs", n=300)


@functools.cache
def ring():
    return data.load("ring2d")


def trainer(name, dataset=None, fields=None, seed=0, **options):
    recipe = dataclasses.replace(recipes.get(name, **options), **fields or {})
    return Trainer(recipe, dataset or (glyphs() if len(recipe.image_shape) == 3 else data.load(recipe.data)), seed)


def trained(steps, *arguments, **options):
    t = trainer(*arguments, **options)
    t.train(steps, Nowhere(), progress=False)
    return t


def names(found):
    return [finding.name for finding in found]


def found_in(t, n=128):
    return names(examine.examine(t, n)[0])


def said(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("nanogan: note: ")]


# --- Recorded histories ----------------------------------------------------------------------------------------------


def findings_on_the_way(name):
    """{name: Finding} of all that is found in a history as it grows, as while training."""
    rows, recipe = load(name), recipes.get(RUNS[name][0], **RUNS[name][1])
    found = {}
    for end in range(1, len(rows["step"]) + 1):
        part = {key: column[:end] for key, column in rows.items()}
        diameter = np.nanmax([0.0, *part["diameter"]])
        found = {finding.name: finding for finding in history.from_history(part, recipe.critic_gives, diameter)} | found
    return found


@pytest.mark.parametrize("name", RUNS)
def test_recorded_histories(name):
    """Every sick one is recognised, and no healthy one is, at whatever step one looks."""
    found = findings_on_the_way(name)
    assert sorted(found) == sorted(RUNS[name][-1])
    for finding in found.values():
        assert 0 < finding.since <= load(name)["step"][-1] and "\n" not in str(finding)


def test_healthy_histories_are_of_every_kind():
    healthy = [name for name, run in RUNS.items() if not run[-1]]
    assert {"quickstart", "mlp-mnist", "dcgan-mnist", "wgan-gp-paper", "gaussian2d-1"} <= set(healthy)
    for name, least in (("dcgan-mnist-long", 5_000), ("wgan-gp-paper-long", 1_000)):
        assert not RUNS[name][-1] and load(name)["step"][-1] == RUNS[name][3] > least
    assert (load("wgan-gp-paper-long")["diameter"] > 28).all()  # without one, no estimate would be too large
    rows = load("mlp-mnist")
    last = rows["step"] > 27_000
    assert rows["step"][-1] == 30_000
    assert rows["d_loss"][last].mean() == pytest.approx(0.62, abs=0.02) and rows["g_loss"][last].mean() == pytest.approx(1.05, abs=0.06)
    assert (rows["d_acc_real"] + rows["d_acc_fake"])[last].mean() / 2 == pytest.approx(0.65, abs=0.02)


def test_healthy_gaussians_were_learned():
    """They are runs that ended near the Gaussian, so that their silence means something."""
    assert [name for name, run in RUNS.items() if run[0] == "gaussian2d" and not run[-1]] == [*DISTANCES]
    assert max(DISTANCES.values()) < 0.1


@pytest.mark.parametrize("name", RUNS)
def test_the_margins(name):
    """Healthy histories stay silent, and sick ones are found, with thresholds moved towards them by a tenth or more."""
    moved = {"healthy": {"SURE": 0.9, "REJECTED": 0.1, "FROZEN_WITHIN": 0.05, "TWICE_WITHIN": 0.02, "WON_ROWS": 4, "ALIKE": 0.26},
             "sick": {"SURE": 0.985, "REJECTED": 0.015, "FROZEN_WITHIN": 0.009, "TWICE_WITHIN": 0.001, "ALIKE": 0.1}}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for key, value in moved["sick" if RUNS[name][-1] else "healthy"].items():
            patch.setattr(history, key, value)
        assert sorted(findings_on_the_way(name)) == sorted(RUNS[name][-1])


def test_what_lasts():
    steps, sick = np.array([10, 20, 30, 40]), np.array([True, False, True, True])
    assert history.lasting(sick, steps, 2) == 30 and history.lasting(sick, steps, 3) is None
    assert history.lasting(sick, steps, 2, over=20) == 30 and history.lasting(sick, steps, 2, over=21) is None
    assert history.lasting(~sick, steps, 1) is None and history.lasting(sick | True, steps, 4, over=40) == 10


def test_the_first_row_of_a_resumed_run_stands_for_no_more_steps_than_the_others():
    sick = np.full(6, True)
    fresh, resumed = 20 * np.arange(1, 7), 9000 + 20 * np.arange(1, 7)
    assert history.lasting(sick, fresh, 5, over=120) == 20 and history.lasting(sick, resumed, 5, over=120) == 9020
    assert history.lasting(sick, fresh, 5, over=121) is None and history.lasting(sick, resumed, 5, over=121) is None


def table(rows, **columns):
    empty = {name: np.full(rows, np.nan) for name in watch.COLUMNS}
    return empty | {"step": 50.0 * np.arange(1, rows + 1), "g_grad_norm": np.ones(rows), "d_grad_norm": np.ones(rows)} | columns


def test_what_a_recipe_does_not_measure_is_no_finding():
    assert history.from_history(table(30, d_loss=np.zeros(30), g_loss=np.zeros(30))) == []


def test_a_critic_that_has_won_and_lost_again_is_healthy():
    right, rejected = np.ones(20), np.zeros(20)
    columns = {"d_loss": np.zeros(20), "g_loss": np.ones(20), "d_acc_real": right, "d_acc_fake": right, "d_fake": rejected}
    assert history.critic_has_won(table(20, **columns)).since == 50
    later = np.where(np.arange(20) < 18, 1.0, 0.7)
    assert history.critic_has_won(table(20, **columns | {"d_acc_real": later})) is None


@pytest.mark.parametrize("loss, letter, seen", [(16.118, "g", True), (15.942, "g", True), (13.816, "g", True), (8.06, "d", True), (15.0, "g", False)])
def test_clip_values(loss, letter, seen):
    columns = {"d_loss": np.ones(10), "g_loss": np.ones(10)} | {f"{letter}_loss": np.full(10, loss), f"{letter}_grad_norm": np.zeros(10)}
    assert bool(history.loss_frozen(table(10, **columns))) == seen
    assert not history.loss_frozen(table(10, **columns | {f"{letter}_grad_norm": np.ones(10)}))  # a loss that passes by


def test_a_loss_beside_its_clip_value_and_the_other_loss():
    columns = {"d_loss": np.full(10, 0.25), "g_loss": np.full(10, 16.03), "g_grad_norm": np.zeros(10)}
    said = str(history.loss_frozen(table(10, **columns)))
    assert "frozen at 16.03, beside the clip value -log(1 - float32(1 - 1e-7)) = 15.94: " in said and "; the critic's loss is 0.25" in said


def test_samples_that_are_the_same_are_called_so():
    assert "its samples are all the same;" in str(history.alike(0.0)) and "its samples are 0.12 times as far apart" in str(history.alike(0.12))


def test_a_loss_that_passes_by_where_a_sigmoid_taken_twice_would_freeze():
    columns = {"d_loss": np.full(10, history.TWICE[0]), "g_loss": np.full(10, history.TWICE[1])}
    assert history.loss_frozen(table(10, **columns)) is None
    assert history.loss_frozen(table(10, **columns | {"g_grad_norm": np.zeros(10)})).since == 50


def test_a_wasserstein_estimate_is_too_large_since_it_stayed_so():
    """Not since the moment early on that every critic has."""
    estimate = np.where(np.arange(20) < 10, 5.0, 50.0)
    estimate[1] = 40
    rows = table(20, d_real=estimate, d_fake=np.zeros(20))
    assert history.wasserstein_too_large(rows, 30).since == 550 and history.wasserstein_too_large(rows, 60) is None
    estimate[-1] = 5
    assert history.wasserstein_too_large(rows, 30).since == 850  # of the rows that are looked at


def test_a_loss_that_is_no_number():
    found = history.from_history(table(3, d_loss=np.array([1, np.nan, np.nan]), g_loss=np.array([1, 1, np.inf])))
    assert names(found) == ["not-finite"] and found[0].since == 100


# --- Both sides of every threshold -----------------------------------------------------------------------------------


def ending(rows, sick, healthy, n=40):
    """A column that is healthy up to its last rows."""
    return np.where(np.arange(n) < n - rows, healthy, sick)


@pytest.mark.parametrize(
    "rows, gap, right, rejected, seen",
    [(4, 50, 1.0, 0.0, False), (5, 50, 1.0, 0.0, True), (9, 10, 1.0, 0.0, False), (10, 10, 1.0, 0.0, True),
     (20, 50, 0.975, 0.0, False), (20, 50, 0.985, 0.0, True), (20, 50, 1.0, 0.025, False), (20, 50, 1.0, 0.015, True)],
)  # fmt: skip
def test_when_a_critic_has_won(rows, gap, right, rejected, seen):
    """In so many rows at the end, one every ``gap`` steps; right: how often, of one kind of samples."""
    for one, other in (("d_acc_real", "d_acc_fake"), ("d_acc_fake", "d_acc_real")):
        columns = {one: np.full(40, right), other: np.ones(40), "d_fake": ending(rows, rejected, 0.5)}
        assert bool(history.critic_has_won(table(40, step=gap * np.arange(1.0, 41), **columns))) == seen


@pytest.mark.parametrize(
    "rows, off, norm, seen",
    [(2, 0, 0, False), (3, 0, 0, True), (9, 0.015, 0, False), (9, 0.005, 0, True), (9, 0, 2e-3, False), (9, 0, 5e-4, True)],
)  # fmt: skip
def test_when_a_loss_is_frozen(rows, off, norm, seen):
    """off: its distance from the clip value, as a share of that; norm: its gradient's."""
    loss, norms = ending(rows, (1 + off) * history.CLIPS["-log(1e-7)"], 3.0), ending(rows, norm, 1.0)
    assert bool(history.loss_frozen(table(40, d_loss=np.ones(40), g_loss=loss, g_grad_norm=norms))) == seen


@pytest.mark.parametrize(
    "rows, off, norm, seen",
    [(2, (0, 0), 0, False), (3, (0, 0), 0, True), (9, (0.006, 0), 0, False), (9, (0, 0.006), 0, False), (9, (0.004, 0.004), 0, True),
     (9, (0, 0), 2e-3, False), (9, (0, 0), 5e-4, True)],
)  # fmt: skip
def test_when_a_sigmoid_taken_twice_is_frozen(rows, off, norm, seen):
    """off: the distances of the critic's and the generator's loss from where they freeze."""
    d_loss, g_loss = (ending(rows, end + far, 3.0) for end, far in zip((1.0064, 0.6931), off, strict=True))
    assert bool(history.loss_frozen(table(40, d_loss=d_loss, g_loss=g_loss, g_grad_norm=ending(rows, norm, 1.0)))) == seen


@pytest.mark.parametrize(
    "rows, last, large, estimate, seen",
    [(2, 100, 2, 50, False), (3, 100, 3, 50, True), (5, 49, 5, 50, False), (5, 50, 5, 50, True), (10, 500, 1, 50, False), (10, 500, 2, 50, True),
     (40, 500, 3, 50, False), (40, 500, 5, 50, True), (10, 500, 10, 29, False), (10, 500, 10, 31, True)],
)  # fmt: skip
def test_when_a_wasserstein_estimate_is_too_large(rows, last, large, estimate, seen):
    """In the last ``large`` of so many rows up to step ``last``, of samples at most 30 apart."""
    columns = {"step": np.linspace(1, last, rows), "d_real": ending(large, estimate, 0.0, rows), "d_fake": np.zeros(rows)}
    assert bool(history.wasserstein_too_large(table(rows, **columns), 30)) == seen


@pytest.mark.parametrize(
    "rows, gap, spread, seen",
    [(14, 50, 0.1, False), (15, 50, 0.1, True), (19, 10, 0.1, False), (20, 10, 0.1, True), (30, 50, 0.26, False), (30, 50, 0.24, True)],
)
def test_when_samples_have_been_alike_for_long(rows, gap, spread, seen):
    assert bool(history.collapsed(table(40, step=gap * np.arange(1.0, 41), spread=ending(rows, spread, 1.0)))) == seen


def marked(classes):
    """Images of no shape but far apart, with their class as the first pixel."""
    images = np.zeros((len(classes), 2, 2, 1))
    images[:, 0, 0, 0], images[::2, 1, 1, 0] = classes, 50
    return images


@pytest.mark.parametrize("share, usual, seen", [(0.59, 0.1, False), (0.61, 0.1, True), (0.8, 0.41, False), (0.8, 0.39, True)])
def test_how_many_samples_may_be_of_one_class(share, usual, seen):
    samples, real = (marked(np.where(np.arange(100) < round(100 * part), 3, 4 + np.arange(100) % 6)) for part in (share, usual))
    found = networks.generator_collapsed(samples, real, np.zeros(100), classify=lambda images: images[:, 0, 0, 0])
    assert bool(found) == seen and (found is None or (found.figures["class"], found.figures["share"]) == (3, share))


@pytest.mark.parametrize("ratio, seen", [(0.26, False), (0.24, True)])
def test_how_close_samples_may_be(ratio, seen):
    real = np.random.default_rng(0).standard_normal((50, 2))
    assert bool(networks.generator_collapsed(ratio * real, real)) == seen


@pytest.mark.parametrize("share, missing", [(0.11, 0), (0.09, 1)])
def test_how_few_samples_a_mode_may_have(share, missing):
    found = networks.modes_missing(ring_of([share, *[1.13] * 7]), ring().centres, ring().std)
    assert (found.figures["missing"] if found else 0) == missing


@pytest.mark.parametrize("off, missing", [(0.24, 0), (0.26, 1)])
def test_how_far_from_a_mode_its_samples_may_lie(off, missing):
    """As a share of the way to the next mode."""
    centres = np.array([[0.0, 0.0], [4.0, 0.0]])
    found = networks.modes_missing(np.repeat(centres + [[0, 0], [0, 4 * off]], 50, axis=0), centres, std=0.1)
    assert (found.figures["missing"] if found else 0) == missing


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "least, most, seen",
    [(-1, 1 + 0.08 / 0.96, False), (-1, 1 + 0.12 / 0.94, True),  # 4 % and 6 % of its span are beyond
     (-1 + 0.78, 1, False), (-1 + 0.82, 1, True)],  # 39 % and 41 % of [-1, 1] are unused
)  # fmt: skip
def test_how_far_ranges_may_differ(least, most, sign, seen):
    generator = nn.Sequential(nn.Dense(2, 3), nn.Tanh())
    assert bool(networks.ranges_differ(generator, np.ones((4, 2), np.float32), sign * np.array([least, most]))) == seen


@pytest.mark.parametrize("eps, seen", [(0.009, False), (0.011, True)])
def test_how_large_eps_may_be(eps, seen):
    assert bool(networks.large_eps(nn.Sequential(nn.BatchNorm(2, eps=eps)), nn.Sequential(nn.BatchNorm(2)))) == seen


@pytest.mark.parametrize("far, seen", [(0.34, False), (0.36, True)])
def test_how_far_samples_may_differ_between_the_modes(far, seen):
    """The moving mean is off by that much, of noise with a mean of 0 and a deviation of 1, as real samples have it."""
    generator = nn.Sequential(nn.BatchNorm(1))
    generator.batchnorm_1.moving_mean[...] = far
    noise = np.array([[1.0], [-1.0]] * 20, np.float32)
    assert bool(networks.batch_norm_lag(generator, noise, noise)) == seen


@pytest.mark.parametrize("dead, seen", [(4, False), (5, True)])
def test_how_many_units_may_be_dead(dead, seen):
    """Of eight."""
    network = nn.Sequential(nn.Dense(2, 8), nn.ReLU())
    network.dense_1.weight.data[...] = np.where(np.arange(8) < dead, -1, 1)
    assert bool(networks.dead_units(network, np.ones((9, 2), np.float32), "critic")) == seen


def lined(peak):
    """Images with that energy at a period of 4, down and across, and an energy of 1 at each of its four neighbours."""
    power = np.zeros(15)
    power[[5, 6, 7, 8, 9]] = 1, 1, peak, 1, 1
    line = np.fft.irfft(np.sqrt(power), 28)
    return (line[:, None] + line)[None, :, :, None]


@pytest.mark.parametrize("peak, higher, seen", [(1.9, 5, False), (2.1, 5, True), (4, 2.9, False), (4, 3.1, True)])
def test_how_strong_a_lattice_may_be(peak, higher, seen):
    """higher: its share of all energy over that in real images."""
    usual = peak / (peak + 4) / higher
    assert bool(lattice.checkerboard(lined(peak), lined(4 * usual / (1 - usual)), [4])) == seen


# --- Provoked --------------------------------------------------------------------------------------------------------


def test_the_critic_has_won(capsys):
    t = trained(140, "quickstart", lr="1e-5,5e-3", log_every=20, batch_size=8)
    (line,) = said(capsys)
    assert "the critic has won" in line and "--lr" in line
    assert "critic-won" in t.watch.names


def test_a_loss_at_its_clip_value(capsys):
    t = trainer("mlp-mnist", log_every=10, batch_size=8)
    t.critic.dense_3.bias.data[...] = -60  # a sigmoid that says 0, whatever it sees
    t.train(60, Nowhere(), progress=False)
    (line,) = said(capsys)
    assert "the generator's loss is frozen at 16.12, the clip value -log(1e-7) = 16.12" in line and line.count("since step 10") == 1


def test_points_that_collapse_and_units_that_die(capsys):
    t = trained(300, "ring2d", lr="1e-1", log_every=20, dataset=ring())
    assert [line for line in said(capsys) if "the generator has collapsed" in line]
    found = examine.examine(t, 128)[0]
    assert {"generator-collapsed", "dead-units"} <= set(names(found))
    dead = found[names(found).index("dead-units")]
    assert dead.figures["dead"] > 64 and dead.figures["network"] == "generator"
    assert found_in(trained(300, "ring2d", log_every=20, dataset=ring())) == []


def ring_of(shares, n=2500):
    """Points around ring2d's eight centres, each with a share of what it should have, three deviations off."""
    centres, std = ring().centres, ring().std
    return np.concatenate([np.tile(c + [3.1 * std, 0], (round(share * n / 8), 1)) for c, share in zip(centres, shares, strict=True)])


@pytest.mark.parametrize("shares, missing", [([1.0] * 8, 0), ([0.3, *[1.1] * 7], 0), ([0.05, *[1.13] * 7], 1), ([1.0, 0] * 4, 4)])
def test_modes_that_are_missing(shares, missing):
    """Those near which nothing lies, not those that are hit a little beside their middle."""
    found = networks.modes_missing(ring_of(shares), ring().centres, ring().std)
    assert (found.figures["missing"] if found else 0) == missing
    assert found is None or (found.figures["hit"] == 0 and f"{missing} of 8 modes are missing" in str(found))


def test_missing_modes_are_looked_for_in_a_run_that_is_old_enough(monkeypatch):
    t = trainer("ring2d", ring())
    made = networks.made
    monkeypatch.setattr(
        networks, "made", lambda generator, noise, *rest: ring_of([1.0, 0] * 4, len(noise)) if len(noise) == 2500 else made(generator, noise, *rest)
    )
    monkeypatch.setattr(examine, "_collapsed", lambda *_: None)
    for t.steps, seen in ((1_999, False), (2_000, True)):
        assert ("modes-missing" in found_in(t)) == seen


@pytest.mark.slow
@pytest.mark.parametrize("name, steps", [("quickstart", 800), ("mlp-mnist", 1500)])
def test_healthy_networks_are_silent(name, steps, request):
    """Of lengths at which both draw all ten digits, and nothing is left out because the run is young: a collapse is looked for from 750 and 1,500 steps on."""
    folder = request.getfixturevalue("data_dir") if name == "mlp-mnist" else None
    t = trained(steps, name, data.load(recipes.get(name).data, folder))
    assert examine._too_young(t) == [] and t.watch.names == set()
    assert found_in(t, examine.SAMPLES) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", DISTANCES)
def test_gaussians_that_are_learned_are_silent(name):
    recipe, _, _, steps, seed, _ = RUNS[name]
    t = trained(steps, recipe, data.load(recipe, seed=seed), seed=seed)
    points = to_numpy(t.samples(t.recipe.latent(10_000))).astype(float)
    assert metrics.wasserstein2_squared(points.mean(axis=0), np.cov(points.T), MEAN, COVARIANCE) < 0.1
    assert examine._too_young(t) == [] and t.watch.names == set()
    assert found_in(t, examine.SAMPLES) == []


@pytest.mark.slow
def test_a_ring_that_is_learned_misses_nothing():
    assert found_in(trained(networks.MODES_STEPS, "ring2d", dataset=ring())) == []


def test_images_that_collapse_name_their_class():
    def two_layers():
        return nn.Sequential(nn.Dense(32, 64), nn.ReLU(), nn.Dense(64, 784), nn.Tanh(), nn.Reshape(28, 28, 1))

    t = trained(60, "quickstart", fields={"networks": (two_layers, architectures.quick_critic)}, lr="0.2,1e-4", batch_size=8)
    assert "generator-collapsed" not in found_in(t)  # a run so young need not make different images yet
    t.steps = 15 * t.recipe.log_every
    found = {finding.name: finding for finding in examine.examine(t, 128)[0]}
    figures = found["generator-collapsed"].figures
    assert figures["class"] in range(10) and figures["share"] > 0.6 > 0.3 > figures["real_share"]
    assert f"look like class {figures['class']}" in str(found["generator-collapsed"])


def test_pixels_out_of_reach():
    sprites = data.load("sprites", n=40)
    assert "ranges-differ" in names([networks.ranges_differ(*_ends(trainer("dcgan-fifa", sprites, batch_size=4)))])
    assert networks.ranges_differ(*_ends(trainer("dcgan-fifa", sprites, batch_size=4, pixels="scaled"))) is None


def _ends(t):
    return t.generator, t.recipe.latent(4), t.dataset.batch(slice(0, 40), scaled=t.recipe.pixels == "scaled")


@pytest.mark.parametrize("last, seen", [(nn.Sigmoid, True), (nn.ReLU, True), (nn.Tanh, False), (nn.Flatten, False)])
def test_the_range_of_the_last_layer(last, seen, capsys):
    def ends_so():
        return nn.Sequential(nn.Dense(32, 784), last(), nn.Reshape(28, 28, 1))

    trained(1, "quickstart", fields={"networks": (ends_so, architectures.quick_critic)}, batch_size=8)
    assert bool([line for line in said(capsys) if "tells them apart by that alone" in line]) == seen


def test_statistics_that_lag_and_the_lattice_of_strides():
    t = trained(16, "dcgan-mnist", lr="2e-4", beta1=0.5, batch_size=32)
    assert found_in(t) == ["batch-norm-lag", "checkerboard"]
    noise, real = examine._draws(t, 128)
    lag = networks.batch_norm_lag(t.generator, noise, real).figures["lag"]
    for _, part in t.generator.modules():
        part.momentum = 0.3
    with ng.no_grad():
        for _ in range(8):  # nothing but the statistics moves on
            t.generator(t.recipe.latent(128))
    assert networks.batch_norm_lag(t.generator, noise, real) is None and lag > networks.LAG


def test_statistics_that_never_move_are_told_of():
    """A momentum of 1 forgets nothing, however long one trains."""
    generator = nn.Sequential(nn.Dense(4, 8), nn.BatchNorm(8, momentum=1.0), nn.Dense(8, 3), nn.Tanh())
    noise = 3 + np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)
    generator.dense_1.weight.data *= 100
    assert "lower the momentum" in str(networks.batch_norm_lag(generator, noise, 0.1 * noise))


@pytest.mark.parametrize("steps", [0, 15])
def test_of_a_young_run_there_is_nothing_to_say_of_samples(steps):
    t = trainer("dcgan-mnist", batch_size=4)
    t.steps = steps
    assert found_in(t, 64) == []


def test_units_that_only_generated_samples_rouse_are_alive():
    """A critic is trained on both kinds."""
    critic = nn.Sequential(nn.Dense(2, 8), nn.ReLU(), nn.Dense(8, 1))
    critic.dense_1.weight.data[...] = np.array([[1.0] * 2 + [-1.0] * 6, [0.0] * 8], np.float32)
    real, fake = np.ones((9, 2), np.float32), -np.ones((9, 2), np.float32)
    assert networks.dead_units(critic, real, "critic").figures["dead"] == 6
    assert networks.dead_units(critic, np.concatenate([real, fake]), "critic") is None


def small_critic(batch_norm):
    def make():
        norms = [[nn.BatchNorm(n, 0.99)] if batch_norm else [] for n in (16, 32)]
        return nn.Sequential(nn.Conv2D(1, 16, 4, 2), *norms[0], nn.LeakyReLU(0.2), nn.Conv2D(16, 32, 4, 2), *norms[1], nn.LeakyReLU(0.2), nn.Flatten(),
                             nn.Dense(7 * 7 * 32, 1))  # fmt: skip

    return make


@pytest.mark.parametrize("gp_mode, batch_norm, seen", [("inference", True, True), ("train", False, False)])
def test_a_penalty_that_does_not_act(gp_mode, batch_norm, seen, capsys):
    fields = {"networks": (architectures.quick_generator, small_critic(batch_norm)), "latent_shape": (32,)}
    trained(130, "wgan-gp-mnist", fields=fields, gp_mode=gp_mode, batch_size=16, lr="2e-4,7e-4", log_every=10, shuffle_buffer=0)
    assert bool([line for line in said(capsys) if "Wasserstein estimate" in line]) == seen


def test_weights_that_are_no_numbers_are_named():
    with pytest.raises(FloatingPointError, match="layer dense_1 is the first to make values that are not finite"):
        trained(50, "mlp-mnist", lr="1e20", log_every=1, batch_size=8)
    t = trainer("mlp-mnist", batch_size=8)
    t.critic.dense_2.weight.data[3, 4] = np.nan
    (finding,) = examine.examine(t, 64)[0]
    assert finding.figures == {"network": "critic", "layer": "dense_2", "weights": ["weight"]}


def test_the_first_layer_of_several():
    net = nn.Sequential(nn.Dense(3, 4), nn.BatchNorm(4), nn.ReLU(), nn.Dense(4, 2))
    net.dense_1.weight.data[...] = 1e30
    net.dense_1.bias.data[...] = 1e30
    net.batchnorm_1.gamma.data[...] = 1e30
    found = networks.not_finite(net, net, np.ones((2, 3), np.float32))
    assert found.figures["layer"] == "batchnorm_1" and found.figures["weights"] == []


def leaves_alone(generator, critic, g_opt, d_opt, real, z):
    return steps.dcgan_step(generator, critic, g_opt, d_opt, real, z)


def trains_both(generator, critic, g_opt, d_opt, real, z):
    """The generator's loss moves the critic, too: nobody held it still."""
    losses = steps.dcgan_step(generator, critic, g_opt, d_opt, real, z)
    for p, g in zip(critic.parameters(), grad(ops.sigmoid_bce(critic(generator(z)), 1), critic.parameters()), strict=True):
        p.data -= 1e-3 * g.data
    return losses


def mistakes_the_gradient(generator, critic, g_opt, d_opt, real, z):
    """Every gradient of the generator's loss goes to the optimiser that has the weight."""
    d_loss, _ = steps.dcgan_step(generator, critic, g_opt, d_opt, real, z)
    g_loss = ops.sigmoid_bce(critic(generator(z)), 1)
    d_opt.step(grad(g_loss, critic.parameters()))
    return d_loss, g_loss


@pytest.mark.parametrize("step, seen", [(leaves_alone, False), (trains_both, True), (mistakes_the_gradient, True)])
def test_a_step_that_changes_the_critic(step, seen, capsys):
    t = trained(2, "quickstart", fields={"step": step}, batch_size=4)
    assert bool([line for line in said(capsys) if "the generator's step changes the critic" in line]) == seen
    assert ("critic-changed" in found_in(t, 64)) == seen


@pytest.mark.parametrize("name", [name for name in recipes.names() if name not in ("dcgan-fifa",)])
def test_no_step_of_a_recipe_changes_the_critic(name):
    t = trainer(name, data.load("sprites", n=8) if "pokemon" in name else None, batch_size=2, **{"n_critic": 2} if name == "wgan-gp-paper" else {})
    real = t.dataset.batch(slice(0, 2))
    assert (
        networks.critic_changed(t.recipe.step, t.generator, t.critic, t.g_opt, t.d_opt, watch.one_step(t.recipe, real), t.recipe.step_options) is None
    )


def test_a_momentum_given_as_eps(capsys):
    def mistaken():
        return nn.Sequential(nn.Dense(32, 64), nn.BatchNorm(64, eps=0.8), nn.LeakyReLU(), nn.Dense(64, 784), nn.Tanh(), nn.Reshape(28, 28, 1))

    trained(1, "quickstart", fields={"networks": (mistaken, architectures.quick_critic)}, batch_size=8)
    (line,) = said(capsys)
    assert "eps is 0.8" in line


@pytest.mark.parametrize("period, seen", [(2, True), (4, True), (0, False)])
def test_a_lattice_drawn_by_hand(period, seen):
    real = glyphs().batch(slice(0, 64))
    made = real.copy()
    if period:
        made += 0.3 * np.cos(2 * np.pi * np.arange(28) / period).astype(np.float32)[:, None]  # (28, 1) along the width
    found = lattice.checkerboard(made, real, [2, 4])
    assert (found.figures["period"] if found else 0) == period and bool(found) == seen


# --- Looking ---------------------------------------------------------------------------------------------------------


@pytest.mark.every_backend
def test_looking_changes_nothing():
    t = trainer("quickstart", batch_size=4)
    t.step()
    parts = t.generator, t.critic, t.g_opt, t.d_opt

    def everything():
        return [array.copy() for part in parts for array in part.state_dict().values()], random.stream().bit_generator.state

    before = everything()
    t.steps = 10_000  # old enough to be looked at in every respect
    examine.examine(t, 32)
    watch.started(t.watch, t)
    after = everything()
    assert all(np.array_equal(a, b) for a, b in zip(before[0], after[0], strict=True)) and before[1] == after[1]
    assert all(part.training for net in parts[:2] for _, part in net.modules())
    assert not any("forward" in vars(part) for net in parts[:2] for _, part in net.modules())


def test_a_finding_is_told_once(capsys):
    watcher = watch.Watch(recipes.get("quickstart"))
    finding = Finding("dead-units", "all are dead", "lower --lr", since=1200)
    assert watcher.new([finding, None]) == [finding] and watcher.new([finding]) == []
    watch.tell([finding])
    assert capsys.readouterr().err == "nanogan: note: all are dead, since step 1,200; lower --lr\n"


def test_findings_have_names_and_an_order():
    some = [Finding(name, "a", "b") for name in reversed(NAMES)] + [Finding("not-finite", "a", "b", since=3)]
    assert names(examine.ordered(some)) == list(NAMES) and examine.ordered(some)[0].since == 3


@pytest.mark.every_backend
@pytest.mark.parametrize("n", [3, 9])
def test_the_slope_of_a_plane(n):
    """Between as many samples of one kind as of the other, whatever there is."""
    critic = nn.Sequential(nn.Dense(2, 1))
    critic.dense_1.weight.data[...] = ng.backend.asarray(np.array([[3.0], [4.0]], np.float32))
    real, fake = (ng.backend.asarray(np.ones((m, 2), np.float32)) for m in (5, n))
    assert networks.slope(critic, real, fake) == pytest.approx(5)


def test_spread_is_a_mean_distance():
    x = np.array([[0.0, 0], [3, 4], [0, 0]], np.float32)
    assert networks.spread(x) == pytest.approx(10 / 3) and networks.spread(x[:1]) == 0
    assert to_numpy(networks.distances(x, x[:1])).tolist() == [[0], [5], [0]]


@pytest.mark.parametrize("modes, whose", [((True, True), None), ((False, True), "generator"), ((True, False), "critic")])
def test_a_network_in_inference_mode_is_named_before_training(modes, whose):
    generator, critic = (nn.Sequential(nn.Dense(2, 3), nn.BatchNorm(3)).train(mode) for mode in modes)
    found = networks.wrong_mode(generator, critic)
    assert (found and found.figures["network"]) == whose
    if whose:
        assert found.name == "batch-norm-lag" and f"call {whose}.train()" in found.remedy
