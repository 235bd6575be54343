"""The recipes are those of the course texts: layer by layer, number by number.  Literals here, nothing computed."""

import dataclasses

import numpy as np
import pytest

import nanogan as ng
from nanogan import asarray, to_numpy, train
from nanogan.data import Dataset
from nanogan.gan import networks as architectures
from nanogan.gan import recipes, steps
from nanogan.gan.trainer import Trainer

NAMES = [
    "quickstart", "gaussian2d", "mlp-mnist", "dcgan-mnist", "dcgan-pokemon", "dcgan-fifa",
    "dcgan-k5-mnist", "wgan-gp-mnist", "wgan-gp-paper", "ring2d", "grid2d",
]  # fmt: skip

K5_GENERATOR = (
    (20,),
    [
        ("Dense", (6272,), 125_440), ("BatchNorm", (6272,), 25_088), ("LeakyReLU", (6272,), 0), ("Reshape", (7, 7, 128), 0),
        ("ConvTranspose2D", (7, 7, 128), 409_600), ("BatchNorm", (7, 7, 128), 512), ("LeakyReLU", (7, 7, 128), 0),
        ("ConvTranspose2D", (14, 14, 64), 204_800), ("BatchNorm", (14, 14, 64), 256), ("LeakyReLU", (14, 14, 64), 0),
        ("ConvTranspose2D", (28, 28, 32), 51_200), ("BatchNorm", (28, 28, 32), 128), ("LeakyReLU", (28, 28, 32), 0),
        ("ConvTranspose2D", (28, 28, 1), 800), ("Tanh", (28, 28, 1), 0),
    ],
    (817_824, 804_832, 12_992),
)  # fmt: skip
K5_CRITIC = (
    (28, 28, 1),
    [
        ("Conv2D", (28, 28, 64), 1_664), ("BatchNorm", (28, 28, 64), 256), ("LeakyReLU", (28, 28, 64), 0),
        ("Conv2D", (14, 14, 128), 204_928), ("BatchNorm", (14, 14, 128), 512), ("LeakyReLU", (14, 14, 128), 0), ("Dropout", (14, 14, 128), 0),
        ("Conv2D", (7, 7, 256), 819_456), ("BatchNorm", (7, 7, 256), 1_024), ("LeakyReLU", (7, 7, 256), 0), ("Dropout", (7, 7, 256), 0),
        ("Conv2D", (1, 1, 1), 12_545), ("Flatten", (1,), 0),
    ],
    (1_040_385, 1_039_489, 896),
)  # fmt: skip
D2L_GENERATOR = (
    (1, 1, 100),
    [
        ("ConvTranspose2D", (4, 4, 512), 819_200), ("BatchNorm", (4, 4, 512), 1_024 + 1_024), ("ReLU", (4, 4, 512), 0),
        ("ConvTranspose2D", (8, 8, 256), 2_097_152), ("BatchNorm", (8, 8, 256), 512 + 512), ("ReLU", (8, 8, 256), 0),
        ("ConvTranspose2D", (16, 16, 128), 524_288), ("BatchNorm", (16, 16, 128), 256 + 256), ("ReLU", (16, 16, 128), 0),
        ("ConvTranspose2D", (32, 32, 64), 131_072), ("BatchNorm", (32, 32, 64), 128 + 128), ("ReLU", (32, 32, 64), 0),
        ("ConvTranspose2D", (64, 64, 3), 3_072), ("Tanh", (64, 64, 3), 0),
    ],
    (3_578_624, 3_576_704, 1_920),
)  # fmt: skip
D2L_CRITIC = (
    (64, 64, 3),
    [
        ("Conv2D", (32, 32, 64), 3_072), ("BatchNorm", (32, 32, 64), 128 + 128), ("LeakyReLU", (32, 32, 64), 0),
        ("Conv2D", (16, 16, 128), 131_072), ("BatchNorm", (16, 16, 128), 256 + 256), ("LeakyReLU", (16, 16, 128), 0),
        ("Conv2D", (8, 8, 256), 524_288), ("BatchNorm", (8, 8, 256), 512 + 512), ("LeakyReLU", (8, 8, 256), 0),
        ("Conv2D", (4, 4, 512), 2_097_152), ("BatchNorm", (4, 4, 512), 1_024 + 1_024), ("LeakyReLU", (4, 4, 512), 0),
        ("Conv2D", (1, 1, 1), 8_192), ("Flatten", (1,), 0),
    ],
    (2_767_616, 2_765_696, 1_920),
)  # fmt: skip
PLANAR_GENERATOR = (
    (2,),
    [("Dense", (128,), 384), ("ReLU", (128,), 0), ("Dense", (128,), 16_512), ("ReLU", (128,), 0), ("Dense", (2,), 258)],
    (17_154, 17_154, 0),
)
PLANAR_CRITIC = (
    (2,),
    [("Dense", (128,), 384), ("LeakyReLU", (128,), 0), ("Dense", (128,), 16_512), ("LeakyReLU", (128,), 0), ("Dense", (1,), 129)],
    (17_025, 17_025, 0),
)

# (kind of layer, output shape without the batch axis, parameters), as Keras and the texts print them: moving statistics count.
TABLES = {
    ("gaussian2d", "generator"): ((2,), [("Dense", (2,), 6)], (6, 6, 0)),
    ("gaussian2d", "critic"): (
        (2,),
        [("Dense", (5,), 15), ("Tanh", (5,), 0), ("Dense", (3,), 18), ("Tanh", (3,), 0), ("Dense", (1,), 4)],
        (37, 37, 0),
    ),
    ("mlp-mnist", "generator"): (
        (100,),
        [
            ("Dense", (256,), 25_856), ("LeakyReLU", (256,), 0), ("BatchNorm", (256,), 1_024),
            ("Dense", (512,), 131_584), ("LeakyReLU", (512,), 0), ("BatchNorm", (512,), 2_048),
            ("Dense", (1024,), 525_312), ("LeakyReLU", (1024,), 0), ("BatchNorm", (1024,), 4_096),
            ("Dense", (784,), 803_600), ("Tanh", (784,), 0), ("Reshape", (28, 28, 1), 0),
        ],
        (1_493_520, 1_489_936, 3_584),
    ),
    ("mlp-mnist", "critic"): (
        (28, 28, 1),
        [
            ("Flatten", (784,), 0), ("Dense", (512,), 401_920), ("LeakyReLU", (512,), 0),
            ("Dense", (512,), 262_656), ("LeakyReLU", (512,), 0), ("Dense", (1,), 513), ("Sigmoid", (1,), 0),
        ],
        (665_089, 665_089, 0),
    ),
    ("dcgan-mnist", "generator"): (
        (20,),
        [
            ("Dense", (12544,), 263_424), ("Reshape", (7, 7, 256), 0),
            ("ConvTranspose2D", (14, 14, 128), 295_040), ("BatchNorm", (14, 14, 128), 512), ("LeakyReLU", (14, 14, 128), 0),
            ("ConvTranspose2D", (14, 14, 64), 73_792), ("BatchNorm", (14, 14, 64), 256), ("LeakyReLU", (14, 14, 64), 0),
            ("ConvTranspose2D", (28, 28, 1), 577), ("Tanh", (28, 28, 1), 0),
        ],
        (633_601, 633_217, 384),
    ),
    ("dcgan-mnist", "critic"): (
        (28, 28, 1),
        [
            ("Conv2D", (14, 14, 32), 320), ("LeakyReLU", (14, 14, 32), 0),
            ("Conv2D", (7, 7, 64), 18_496), ("BatchNorm", (7, 7, 64), 256), ("LeakyReLU", (7, 7, 64), 0),
            ("Conv2D", (4, 4, 128), 73_856), ("BatchNorm", (4, 4, 128), 512), ("LeakyReLU", (4, 4, 128), 0),
            ("Flatten", (2048,), 0), ("Dense", (1,), 2_049),
        ],
        (95_489, 95_105, 384),
    ),
    ("dcgan-pokemon", "generator"): D2L_GENERATOR, ("dcgan-pokemon", "critic"): D2L_CRITIC,
    ("dcgan-fifa", "generator"): D2L_GENERATOR, ("dcgan-fifa", "critic"): D2L_CRITIC,
    ("dcgan-k5-mnist", "generator"): K5_GENERATOR, ("dcgan-k5-mnist", "critic"): K5_CRITIC,
    ("wgan-gp-mnist", "generator"): K5_GENERATOR, ("wgan-gp-mnist", "critic"): K5_CRITIC,
    ("wgan-gp-paper", "generator"): K5_GENERATOR,
    ("wgan-gp-paper", "critic"): (
        (28, 28, 1),
        [
            ("Conv2D", (28, 28, 64), 1_664), ("LeakyReLU", (28, 28, 64), 0), ("Conv2D", (14, 14, 128), 204_928), ("LeakyReLU", (14, 14, 128), 0),
            ("Conv2D", (7, 7, 256), 819_456), ("LeakyReLU", (7, 7, 256), 0), ("Conv2D", (1, 1, 1), 12_545), ("Flatten", (1,), 0),
        ],
        (1_038_593, 1_038_593, 0),
    ),
    ("ring2d", "generator"): PLANAR_GENERATOR, ("ring2d", "critic"): PLANAR_CRITIC,
    ("grid2d", "generator"): PLANAR_GENERATOR, ("grid2d", "critic"): PLANAR_CRITIC,
}  # fmt: skip

D2L = {
    "data": "sprites", "latent_shape": (1, 1, 100), "image_shape": (64, 64, 3), "batch_size": 256, "length": ("epochs", 20), "step": steps.d2l_step,
    "step_options": {}, "lr": (0.005, 0.005), "beta1": 0.5, "beta2": 0.999, "eps": 1e-8, "eps_hat": False, "shared_counter": False, "latents": 1,
    "n_critic": 0, "latent_distribution": "normal", "critic_gives": "logit", "with_replacement": False, "shuffle_buffer": 0, "drop_last": False,
    "sample_every": ("epochs", 1), "grid": (3, 7), "sample_noise": "fresh", "sample_mode": "train", "text_log": 0,
}  # fmt: skip
K5 = {
    "data": "mnist", "latent_shape": (20,), "image_shape": (28, 28, 1), "latent_distribution": "uniform", "shared_counter": False,
    "with_replacement": False, "pixels": "scaled", "data_options": {}, "sample_every": ("epochs", 1), "sample_noise": "fixed",
    "sample_mode": "inference", "grid": (8, 16), "strip": (1, 2, 4, 10, 50, 100), "strip_reverse": True,
}  # fmt: skip
PLANAR = {
    "latent_shape": (2,), "image_shape": (2,), "batch_size": 512, "length": ("steps", 25_000), "step": steps.dcgan_step, "step_options": {},
    "lr": (1e-3, 1e-3), "beta1": 0.5, "beta2": 0.999, "eps": 1e-8, "eps_hat": False, "shared_counter": False, "latents": 1, "n_critic": 0,
    "latent_distribution": "normal", "critic_gives": "logit", "with_replacement": False, "shuffle_buffer": 0, "drop_last": False,
}  # fmt: skip
SETTINGS = {
    "gaussian2d": {
        "data": "gaussian2d", "latent_shape": (2,), "image_shape": (2,), "batch_size": 8, "length": ("epochs", 20), "step": steps.d2l_step,
        "step_options": {}, "lr": (0.005, 0.05), "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_hat": False, "shared_counter": False, "latents": 1,
        "n_critic": 0, "latent_distribution": "normal", "critic_gives": "logit", "with_replacement": False, "shuffle_buffer": 0, "drop_last": False,
        "sample_every": ("epochs", 1), "grid": (10, 10), "sample_noise": "fresh", "sample_mode": "inference", "text_log": 0,
    },
    "mlp-mnist": {
        "data": "mnist", "latent_shape": (100,), "image_shape": (28, 28, 1), "batch_size": 32, "length": ("steps", 30_001),
        "step": steps.two_batch_step, "step_options": {"objective": "cross-entropy"}, "lr": (2e-4, 2e-4), "beta1": 0.5, "beta2": 0.999, "eps": 1e-7,
        "eps_hat": True, "shared_counter": True, "latents": 2, "n_critic": 0, "latent_distribution": "normal", "critic_gives": "probability",
        "with_replacement": True, "pixels": "scaled", "log_every": 100, "sample_every": ("iterations", 3000), "grid": (5, 5), "picture": (640, 480),
        "sample_noise": "fresh", "sample_mode": "inference", "loss_figure": "points", "text_log": 100,
    },
    "dcgan-mnist": {
        "data": "mnist", "latent_shape": (20,), "image_shape": (28, 28, 1), "batch_size": 256, "length": ("epochs", 100),
        "step": steps.simultaneous_step, "step_options": {}, "lr": (1e-5, 1e-5), "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "eps_hat": True,
        "shared_counter": False, "latents": 1, "n_critic": 0, "latent_distribution": "normal", "critic_gives": "logit", "with_replacement": False,
        "shuffle_buffer": 0, "drop_last": False, "pixels": "scaled", "sample_every": ("epochs", 5), "grid": (4, 4), "sample_noise": "fixed",
        "sample_mode": "inference", "loss_figure": "panels", "text_log": 0,
    },
    "dcgan-pokemon": D2L | {"pixels": "scaled", "data_options": {"alpha": "drop", "background": "white"}},
    "dcgan-fifa": D2L | {"pixels": "raw", "data_options": {"alpha": "mask", "background": "white"}},
    "dcgan-k5-mnist": K5 | {
        "batch_size": 128, "length": ("epochs", 20), "step": steps.dcgan_step, "step_options": {}, "latents": 1, "n_critic": 0,
        "lr": (2e-4, 2e-4), "beta1": 0.5, "beta2": 0.999, "eps": 1e-8, "eps_hat": False, "critic_gives": "logit",
    },
    "wgan-gp-mnist": K5 | {
        "batch_size": 128, "length": ("epochs", 100), "step": steps.wgan_gp_step, "step_options": {"gp_mode": "inference", "penalty_weight": 10.0},
        "latents": 1, "n_critic": 0, "lr": (2e-4, 2e-4), "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "eps_hat": True, "critic_gives": "score",
        "shuffle_buffer": 10_000, "drop_last": True,
    },
    "wgan-gp-paper": K5 | {
        "batch_size": 64, "step": steps.n_critic_step, "step_options": {"gp_mode": "train", "penalty_weight": 10.0}, "latents": 6, "n_critic": 5,
        "lr": (1e-4, 1e-4), "beta1": 0.0, "beta2": 0.9, "eps": 1e-8, "eps_hat": False, "critic_gives": "score", "shuffle_buffer": 0,
    },
    "ring2d": PLANAR | {"data": "ring2d"},
    "grid2d": PLANAR | {"data": "grid2d"},
}  # fmt: skip

# Of every layer of a kind in a network, in order: its attributes; one dictionary stands for all.
KERAS_IMAGES = {"momentum": 0.99, "eps": 1e-3, "unbiased": True}
K5_GENERATOR_LAYERS = {"LeakyReLU": [{"slope": 0.3}] * 4, "BatchNorm": [KERAS_IMAGES | {"unbiased": False}] + [KERAS_IMAGES] * 3}
K5_CRITIC_LAYERS = {"LeakyReLU": [{"slope": 0.3}] * 3, "BatchNorm": [KERAS_IMAGES] * 3, "Dropout": [{"rate": 0.3}] * 2}
TORCH = {"momentum": 0.9, "eps": 1e-5, "unbiased": True}
LAYERS = {
    ("mlp-mnist", "generator"): {"LeakyReLU": [{"slope": 0.2}] * 3, "BatchNorm": [{"momentum": 0.8, "eps": 1e-3, "unbiased": False}] * 3},
    ("mlp-mnist", "critic"): {"LeakyReLU": [{"slope": 0.2}] * 2},
    ("dcgan-mnist", "generator"): {"LeakyReLU": [{"slope": 0.01}] * 2, "BatchNorm": [KERAS_IMAGES] * 2},
    ("dcgan-mnist", "critic"): {"LeakyReLU": [{"slope": 0.01}] * 3, "BatchNorm": [KERAS_IMAGES] * 2},
    ("dcgan-pokemon", "generator"): {"BatchNorm": [TORCH] * 4},
    ("dcgan-pokemon", "critic"): {"LeakyReLU": [{"slope": 0.2}] * 4, "BatchNorm": [TORCH] * 4},
    ("dcgan-fifa", "generator"): {"BatchNorm": [TORCH] * 4},
    ("dcgan-fifa", "critic"): {"LeakyReLU": [{"slope": 0.2}] * 4, "BatchNorm": [TORCH] * 4},
    ("dcgan-k5-mnist", "generator"): K5_GENERATOR_LAYERS,
    ("dcgan-k5-mnist", "critic"): K5_CRITIC_LAYERS,
    ("wgan-gp-mnist", "generator"): K5_GENERATOR_LAYERS,
    ("wgan-gp-mnist", "critic"): K5_CRITIC_LAYERS,
    ("wgan-gp-paper", "generator"): K5_GENERATOR_LAYERS,
    ("wgan-gp-paper", "critic"): {"LeakyReLU": [{"slope": 0.3}] * 3, "BatchNorm": [], "Dropout": []},
    ("ring2d", "critic"): {"LeakyReLU": [{"slope": 0.2}] * 2},
    ("grid2d", "critic"): {"LeakyReLU": [{"slope": 0.2}] * 2},
}
K5_GENERATOR_WINDOWS = [((5, 5, 128, 128), 1), ((5, 5, 64, 128), 2), ((5, 5, 32, 64), 2), ((5, 5, 1, 32), 1)]
K5_CRITIC_WINDOWS = [((5, 5, 1, 64), 1), ((5, 5, 64, 128), 2), ((5, 5, 128, 256), 2), ((7, 7, 256, 1), 1)]
D2L_GENERATOR_WINDOWS = [((4, 4, 512, 100), 1), ((4, 4, 256, 512), 2), ((4, 4, 128, 256), 2), ((4, 4, 64, 128), 2), ((4, 4, 3, 64), 2)]
D2L_CRITIC_WINDOWS = [((4, 4, 3, 64), 2), ((4, 4, 64, 128), 2), ((4, 4, 128, 256), 2), ((4, 4, 256, 512), 2), ((4, 4, 512, 1), 1)]
ONE_VALID = ["same"] * 3 + ["valid"]
CONVOLUTIONS = {  # [(weight (kh, kw, in, out), transposed (kh, kw, out, in), stride)], paddings, whether there are biases
    ("dcgan-mnist", "generator"): ([((3, 3, 128, 256), 2), ((3, 3, 64, 128), 1), ((3, 3, 1, 64), 2)], ["same"] * 3, True),
    ("dcgan-mnist", "critic"): ([((3, 3, 1, 32), 2), ((3, 3, 32, 64), 2), ((3, 3, 64, 128), 2)], ["same"] * 3, True),
    ("dcgan-pokemon", "generator"): (D2L_GENERATOR_WINDOWS, ["valid", 1, 1, 1, 1], False),
    ("dcgan-pokemon", "critic"): (D2L_CRITIC_WINDOWS, [1, 1, 1, 1, "valid"], False),
    ("dcgan-fifa", "generator"): (D2L_GENERATOR_WINDOWS, ["valid", 1, 1, 1, 1], False),
    ("dcgan-fifa", "critic"): (D2L_CRITIC_WINDOWS, [1, 1, 1, 1, "valid"], False),
    ("dcgan-k5-mnist", "generator"): (K5_GENERATOR_WINDOWS, ["same"] * 4, False),
    ("dcgan-k5-mnist", "critic"): (K5_CRITIC_WINDOWS, ONE_VALID, True),
    ("wgan-gp-mnist", "generator"): (K5_GENERATOR_WINDOWS, ["same"] * 4, False),
    ("wgan-gp-mnist", "critic"): (K5_CRITIC_WINDOWS, ONE_VALID, True),
    ("wgan-gp-paper", "generator"): (K5_GENERATOR_WINDOWS, ["same"] * 4, False),
    ("wgan-gp-paper", "critic"): (K5_CRITIC_WINDOWS, ONE_VALID, True),
}


def networks(name, **options):
    return dict(zip(("generator", "critic"), recipes.get(name, **options).build(), strict=True))


def layers(network, kind):
    return [layer for _, layer in network.modules() if type(layer).__name__ == kind]


def test_names():
    assert recipes.names() == NAMES
    assert [make().name for make in recipes.MAKERS] == NAMES


def test_the_tables_leave_no_recipe_out():
    """But quickstart, which no text has."""
    assert {name for name, _ in TABLES} == set(SETTINGS) == set(NAMES) - {"quickstart"}


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_builds_what_it_says(name):
    recipe = recipes.get(name)
    generator, critic = recipe.build()
    z = recipe.latent(3)
    assert z.shape == (3, *recipe.latent_shape) and z.dtype == np.float32
    samples = generator(z)
    assert samples.shape == (3, *recipe.image_shape) and samples.dtype == np.float32
    answers = critic(samples)
    assert answers.shape == (3, 1) and (recipe.critic_gives != "probability" or ((answers.numpy() > 0) & (answers.numpy() < 1)).all())
    assert recipe.name == name and recipe.about.strip() and recipe.source


@pytest.mark.parametrize(("name", "which"), TABLES)
def test_the_table_of_layers(name, which):
    input_shape, rows, totals = TABLES[name, which]
    lines = ng.summary(networks(name)[which], input_shape).splitlines()
    table = lines[2 : lines.index(lines[1], 2)]
    got = [(label.split("(")[1][:-1], *rest.rsplit(")", 1)) for label, rest in ((line[:36].rstrip(), line[36:]) for line in table)]
    assert [(kind, shape + ")", int(params.replace(",", ""))) for kind, shape, params in got] == [
        (kind, str((None, *shape)), params) for kind, shape, params in rows
    ]
    assert lines[-3:] == [f"Total params: {totals[0]:,}", f"Trainable params: {totals[1]:,}", f"Non-trainable params: {totals[2]:,}"]


def test_the_combined_model_of_the_mlp():
    """As the text prints it: the generator trainable, the critic frozen."""
    generator, critic = (TABLES["mlp-mnist", which][2] for which in ("generator", "critic"))
    assert generator[0] + critic[0] == 2_158_609 and generator[2] + critic[0] == 668_673


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name):
    recipe = recipes.get(name)
    assert {key: getattr(recipe, key) for key in SETTINGS[name]} == SETTINGS[name]
    assert recipe.changes == {}


def test_no_text_lets_its_rates_fall():
    assert {name for name in NAMES if recipes.get(name).decay} == {"quickstart"}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_optimisers_get_the_settings(name):
    s, recipe = SETTINGS[name], recipes.get(name)
    generator, critic = recipe.build()
    g_opt, d_opt = recipe.optimizers(generator, critic)
    for opt, network, lr in ((g_opt, generator, s["lr"][0]), (d_opt, critic, s["lr"][1])):
        assert type(opt) is ng.optim.Adam and list(map(id, opt.params)) == list(map(id, network.parameters()))
        assert (opt.lr, opt.beta1, opt.beta2, opt.eps, opt.eps_hat) == (lr, s["beta1"], s["beta2"], s["eps"], s["eps_hat"])
    assert (g_opt.counter is d_opt.counter) == s["shared_counter"]


@pytest.mark.parametrize(
    ("name", "n", "options", "per_epoch", "total"),
    [
        ("gaussian2d", 1_000, {}, 125, 2_500),
        ("mlp-mnist", 60_000, {}, 1_875, 30_001),
        ("dcgan-mnist", 60_000, {}, 235, 23_500),
        ("dcgan-k5-mnist", 60_000, {}, 469, 9_380),
        ("wgan-gp-mnist", 60_000, {}, 468, 46_800),
        ("wgan-gp-mnist", 60_000, {"n_critic": 5}, 93, 9_300),  # a step takes five batches
        ("wgan-gp-paper", 60_000, {}, 187, 18_700),  # 937 // 5
        ("ring2d", 100_000, {}, 196, 25_000),
        ("grid2d", 100_000, {}, 196, 25_000),
        ("dcgan-pokemon", 1_000, {}, 4, 80),  # the last batch has 232
        ("dcgan-fifa", 1_000, {}, 4, 80),
    ],
)
def test_lengths(name, n, options, per_epoch, total):
    recipe = recipes.get(name, **options)
    kind = np.float32 if len(recipe.image_shape) == 1 else np.uint8
    trainer = Trainer(recipe, Dataset("zeros", np.zeros((n, *recipe.image_shape), kind)))
    assert trainer.per_epoch == per_epoch
    assert train.total_steps(train.parser().parse_args([]), recipe, trainer.per_epoch) == total


@pytest.mark.parametrize(("name", "which"), LAYERS)
def test_layers_have_the_attributes_of_the_text(name, which):
    network = networks(name)[which]
    for kind, expected in LAYERS[name, which].items():
        keys = {"LeakyReLU": ("slope",), "BatchNorm": ("momentum", "eps", "unbiased"), "Dropout": ("rate",)}[kind]
        assert [{key: getattr(layer, key) for key in keys} for layer in layers(network, kind)] == expected, kind


@pytest.mark.parametrize(("name", "which"), CONVOLUTIONS)
def test_convolutions(name, which):
    windows, paddings, biases = CONVOLUTIONS[name, which]
    found = layers(networks(name)[which], {"generator": "ConvTranspose2D", "critic": "Conv2D"}[which])
    assert [(layer.weight.shape, layer.stride) for layer in found] == windows
    assert [layer.padding for layer in found] == paddings
    assert [layer.bias is not None for layer in found] == [biases] * len(found)


@pytest.mark.parametrize(
    ("name", "which", "biases"),
    [
        ("mlp-mnist", "generator", True), ("mlp-mnist", "critic", True), ("dcgan-mnist", "generator", True), ("dcgan-mnist", "critic", True),
        ("dcgan-k5-mnist", "generator", False), ("wgan-gp-mnist", "generator", False), ("wgan-gp-paper", "generator", False),
        ("ring2d", "generator", True), ("ring2d", "critic", True),
    ],
)  # fmt: skip
def test_biases_of_dense_layers(name, which, biases):
    found = layers(networks(name)[which], "Dense")
    assert found and all((layer.bias is not None) == biases for layer in found)


# --- First weights --------------------------------------------------------------------------------------------


@pytest.mark.slow_on_strict
@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize("which", ["generator", "critic"])
@pytest.mark.parametrize("name", ["mlp-mnist", "dcgan-mnist", "dcgan-k5-mnist", "wgan-gp-mnist", "wgan-gp-paper"])
def test_first_weights_are_kerass(name, which):
    """Glorot uniform, biases 0; gamma and moving variance 1, beta and moving mean 0."""
    for key, value in networks(name)[which].state_dict().items():
        kind = key.split(".")[1]
        assert value.dtype == np.float32, key
        if kind != "weight":
            assert (value == {"bias": 0, "beta": 0, "moving_mean": 0, "gamma": 1, "moving_var": 1}[kind]).all(), key
            continue
        window = value.shape[0] * value.shape[1] if value.ndim == 4 else 1
        limit = np.sqrt(6 / (window * value.shape[-2] + window * value.shape[-1]))
        standard_error = limit / np.sqrt(3 * value.size)
        assert abs(value).max() <= limit * (1 + 1e-6) and abs(value).max() > limit * (1 - 20 / value.size), key
        assert abs(value.mean()) < 5 * standard_error, key
        assert abs(value.std() / limit * np.sqrt(3) - 1) < 5 * np.sqrt(0.2 / value.size), key  # uniform: std of x**2 / 2 E x**2 is sqrt(.2)


def assert_normal(values, mean, std, label):
    n = values.size
    values = (values.astype(np.float64).ravel() - mean) / std
    assert abs(values.mean()) < 5 / np.sqrt(n) and abs(values.std() - 1) < 5 / np.sqrt(2 * n), label
    assert abs((values**4).mean() - 3) < 5 * np.sqrt(96 / n), label


@pytest.mark.slow_on_strict
@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize("kind", ["weight", "bias"])
def test_every_parameter_of_the_gaussian_pair_is_normal(kind):
    """N(0, .02**2), biases too."""
    values = []
    for _ in range(200):
        for network in networks("gaussian2d").values():
            values += [p.numpy().ravel() for name, p in network.named_parameters() if name.endswith(kind)]
    assert_normal(np.concatenate(values), 0, 0.02, kind)


@pytest.mark.slow_on_strict
@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize(
    ("bn_init", "gamma", "beta"),
    [("normal", (0.0, 0.02), (0.0, 0.02)), ("ones", 1.0, 0.0), ("around-one", (1.0, 0.02), 0.0), (None, (0, 0.02), (0, 0.02))],
)
@pytest.mark.parametrize("name", ["dcgan-pokemon", "dcgan-fifa"])
def test_first_weights_of_the_sprites(name, bn_init, gamma, beta):
    """bn_init: PyTorch's tab, which is the text's own, MXNet's, and the DCGAN paper's.  (mean, deviation), or all the same."""
    found = {"weight": [], "gamma": [], "beta": []}
    for network in networks(name, **({"bn_init": bn_init} if bn_init else {})).values():
        for key, value in network.state_dict().items():
            assert value.dtype == np.float32
            kind = key.split(".")[1]
            if kind == "weight":
                assert_normal(value, 0, 0.02, key)
            if kind.startswith("moving"):
                assert (value == (kind == "moving_var")).all(), key
            else:
                found[kind].append(value.ravel())
    for kind, expected in (("gamma", gamma), ("beta", beta)):
        values = np.concatenate(found[kind])
        assert values.size == 960 * 2
        if isinstance(expected, tuple):
            assert_normal(values, *expected, kind)
        else:
            assert (values == expected).all(), kind


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize("name", NAMES)
def test_weights_come_from_the_random_stream(name):
    def weights(seed):
        ng.seed(seed)
        return [p.numpy() for network in recipes.get(name).build() for p in network.parameters()]

    assert all(np.array_equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


# --- Noise ----------------------------------------------------------------------------------------------------


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize("name", NAMES)
def test_the_distribution_of_noise(name):
    """N(0, 1); or, in text 004's, uniform on [-1, 1): mean square 1/3, mean fourth power 1/5."""
    recipe = recipes.get(name)
    z = recipe.latent(20_000 // int(np.prod(recipe.latent_shape)))
    assert z.shape[1:] == recipe.latent_shape
    z = to_numpy(z).astype(np.float64).ravel()
    if name in ("dcgan-k5-mnist", "wgan-gp-mnist", "wgan-gp-paper"):
        assert (z >= -1).all() and (z < 1).all() and z.min() < -0.99 and z.max() > 0.99
        assert abs(z.mean()) < 5 / np.sqrt(3 * z.size) and abs((z**2).mean() - 1 / 3) < 5 * np.sqrt(4 / 45 / z.size)
        assert abs((z**4).mean() - 0.2) < 5 * np.sqrt((1 / 9 - 1 / 25) / z.size)
    else:
        assert_normal(z, 0, 1, name)


def test_the_distribution_of_noise_is_an_option():
    assert abs(recipes.get("quickstart", latent_distribution="uniform").latent(1000)).max() <= 1
    assert abs(recipes.get("wgan-gp-mnist", latent_distribution="normal").latent(1000)).max() > 2


# --- What the options mend ------------------------------------------------------------------------------------


class Modes:
    """A critic that notes whether it was in training mode at each call."""

    def __init__(self, critic):
        self.critic, self.modes = critic, []

    def __call__(self, x):
        self.modes.append(self.critic.training)
        return self.critic(x)

    def __getattr__(self, name):
        return getattr(self.critic, name)


@pytest.mark.slow_on_strict
@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize(
    ("name", "options", "modes"),
    [
        ("wgan-gp-mnist", {}, [True, True, False]),
        ("wgan-gp-mnist", {"gp_mode": "train"}, [True, True, True]),
        ("wgan-gp-mnist", {"n_critic": 2}, [True, True, False] * 2 + [True]),
        ("wgan-gp-paper", {"n_critic": 2}, [True] * 7),
        ("wgan-gp-paper", {"n_critic": 2, "gp_mode": "inference"}, [True, True, False] * 2 + [True]),
    ],
)
def test_the_mode_within_the_penalty(name, options, modes):
    recipe = recipes.get(name, **options)
    generator, critic = recipe.build()
    watched = Modes(critic)
    real = asarray(np.zeros((2, 28, 28, 1), np.float32))
    batches = ([real] * recipe.n_critic, [recipe.latent(2) for _ in range(recipe.latents)]) if recipe.n_critic else (real, recipe.latent(2))
    recipe.step(generator, watched, *recipe.optimizers(generator, critic), *batches, **recipe.step_options)
    assert watched.modes == modes and all(part.training for _, part in critic.modules())


def test_the_weight_of_the_penalty():
    assert recipes.get("wgan-gp-mnist", penalty_weight=0).step_options == {"gp_mode": "inference", "penalty_weight": 0.0}
    assert recipes.get("wgan-gp-paper", penalty_weight="2.5").step_options == {"gp_mode": "train", "penalty_weight": 2.5}


@pytest.mark.parametrize(
    ("name", "options", "batch_norms", "rates"),
    [
        ("wgan-gp-mnist", {}, 3, [0.3, 0.3]),
        ("wgan-gp-mnist", {"batch_norm": False}, 0, [0.3, 0.3]),
        ("wgan-gp-mnist", {"dropout": 0}, 3, []),
        ("wgan-gp-mnist", {"dropout": 0.1}, 3, [0.1, 0.1]),
        ("wgan-gp-mnist", {"batch_norm": False, "dropout": 0}, 0, []),
        ("wgan-gp-paper", {"batch_norm": True, "dropout": 0.5}, 3, [0.5, 0.5]),
    ],
)
def test_batch_norm_and_dropout_in_the_critic(name, options, batch_norms, rates):
    found = networks(name, **options)
    assert len(layers(found["critic"], "BatchNorm")) == batch_norms and [layer.rate for layer in layers(found["critic"], "Dropout")] == rates
    assert len(layers(found["generator"], "BatchNorm")) == 4  # its own stays


@pytest.mark.parametrize(
    ("n", "step", "n_critic", "latents"), [(1, steps.wgan_gp_step, 0, 1), (2, steps.n_critic_step, 2, 3), (5, steps.n_critic_step, 5, 6)]
)
def test_n_critic_changes_the_step(n, step, n_critic, latents):
    recipe = recipes.get("wgan-gp-mnist", n_critic=n)
    assert (recipe.step, recipe.n_critic, recipe.latents) == (step, n_critic, latents)
    assert recipe.step_options == {"gp_mode": "inference", "penalty_weight": 10.0}


@pytest.mark.parametrize(
    ("objective", "gives"), [("minimax", "logit"), ("probabilities", "logit"), ("double-sigmoid", "logit"), ("least-squares", "value")]
)
@pytest.mark.parametrize("name", ["quickstart", "dcgan-mnist", "dcgan-k5-mnist", "ring2d", "grid2d"])
def test_another_objective(name, objective, gives):
    """The order of the updates stays the recipe's; so do its networks, optimisers and noise."""
    usual, other = recipes.get(name), recipes.get(name, objective=objective)
    order = {"order": "simultaneous"} if name == "dcgan-mnist" else {}
    assert other.step is steps.objective_step and other.step_options == {"objective": objective} | order and other.critic_gives == gives
    assert (other.lr, other.beta1, other.latents, other.length, other.batch_size) == (
        usual.lr,
        usual.beta1,
        usual.latents,
        usual.length,
        usual.batch_size,
    )


@pytest.mark.parametrize("name", ["quickstart", "dcgan-mnist", "dcgan-k5-mnist", "ring2d"])
def test_the_usual_objective_by_name(name):
    usual, named = recipes.get(name), recipes.get(name, objective="non-saturating")
    assert named.step is usual.step is not steps.objective_step and named.step_options == usual.step_options == {}
    assert named.changes == {"objective": "non-saturating"}


@pytest.mark.parametrize("g_loss", ["mse", "poisson", "cross-entropy"])
def test_the_losses_of_the_mlp(g_loss):
    assert recipes.get("mlp-mnist", g_loss=g_loss).step_options == {"objective": g_loss}


@pytest.mark.every_backend
@pytest.mark.slow_on_strict
@pytest.mark.parametrize("name", ["dcgan-pokemon", "dcgan-fifa"])
@pytest.mark.parametrize("slope", [0, 0.5])
def test_the_slope_of_the_critic(name, slope):
    """0 is text 001's first exercise.  The generator has no slope."""
    found = networks(name, slope=slope)
    assert [layer.slope for layer in layers(found["critic"], "LeakyReLU")] == [slope] * 4
    assert len(layers(found["generator"], "ReLU")) == 4 and not layers(found["generator"], "LeakyReLU")
    x = ng.Tensor(np.full((1, 1), -2, np.float32))
    assert layers(found["critic"], "LeakyReLU")[0](x).item() == -2 * slope


@pytest.mark.parametrize("name", ["dcgan-pokemon", "dcgan-fifa"])
def test_transparency(name):
    assert recipes.get(name, alpha="composite", background="#102030").data_options == {"alpha": "composite", "background": "#102030"}
    assert recipes.get(name, pixels="scaled").pixels == "scaled" and recipes.get(name, pixels="raw").pixels == "raw"


def test_width():
    found = networks("ring2d", width=16)
    assert [layer.weight.shape for layer in layers(found["generator"], "Dense")] == [(2, 16), (16, 16), (16, 2)]
    assert [layer.weight.shape for layer in layers(found["critic"], "Dense")] == [(2, 16), (16, 16), (16, 1)]


def test_docstrings_of_networks_count_right():
    for (name, which), (_, _, (_, trained, _)) in TABLES.items():
        make = recipes.get(name).networks[which == "critic"]
        doc = getattr(make, "func", make).__doc__
        total = TABLES[name, which][2][0]
        if "parameters" in doc and name != "wgan-gp-paper":
            assert f"{trained:,} parameters" in doc or f"{total:,} parameters" in doc, (name, which)
    assert "parameters" in architectures.k5_critic.__doc__


# --- Words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("quickstart", "nanogan's own"), ("gaussian2d", "text 003"), ("mlp-mnist", "text 002"), ("dcgan-mnist", "text 000"),
        ("dcgan-pokemon", "text 001"), ("dcgan-fifa", "text 003, second part"), ("dcgan-k5-mnist", "Text 004"), ("wgan-gp-mnist", "text 004"),
        ("wgan-gp-paper", "Gulrajani et al. 2017"), ("ring2d", "usual test"), ("grid2d", "ring2d"),
    ],
)  # fmt: skip
def test_a_recipe_tells_where_it_is_from_and_what_can_be_set(name, source):
    recipe = recipes.get(name)
    assert source in recipe.about and len(recipe.about.splitlines()) > 1 - (name == "grid2d")
    for option in recipe.own:
        assert option in recipe.about, f"the docstring of {name} does not name its option {option}"
    assert "    " not in recipe.about  # the indentation of the source is gone


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gaussian2d", ["0.02", "0.69", "Wasserstein"]),
        ("mlp-mnist", ["after the activation", "inference mode", "with replacement", "one Adam", "3.2 %", "2.15", "clipped", "iteration"]),
        ("dcgan-mnist", ["before either optimiser", "1e-5", "--lr 2e-4 --beta1 0.5", "96", "from logits", "0.99"]),
        ("dcgan-pokemon", ["whose mean is then 0", "first layer", "summed", "0.005", "--lr 5e-4", "run twice", "training mode", "transparency"]),
        ("dcgan-fifa", ["alpha > 50", "0...255", "pixels=scaled"]),
        (
            "wgan-gp-mnist",
            ["batch_norm=false", "gp_mode=train", "n_critic=5", "dropout masks", "biases before batch norm", "10,000", "left out", "NaN"],
        ),
        ("wgan-gp-paper", ["No batch norm", "five critic steps", "Adam(1e-4, 0, 0.9)"]),
    ],
)
def test_what_is_kept_and_what_is_mended_is_said(name, words):
    about = " ".join(recipes.get(name).about.split())
    for word in words:
        assert word.lower() in about.lower(), f"{name}: {word}"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("mlp-minst", "mlp-mnist"), ("dcgan", "dcgan-fifa"), ("quick-start", "quickstart"), ("gausian2d", "gaussian2d"), ("gaussian", "gaussian2d"),
        ("wgan-gp", "wgan-gp-paper"), ("dcgan-pokemn", "dcgan-pokemon"), ("ring", "ring2d"), ("MLP-MNIST", "mlp-mnist"),
    ],
)  # fmt: skip
def test_a_misspelt_name(name, nearest):
    with pytest.raises(ng.NanoganError, match=f"no recipe '{name}'; did you mean {nearest}\\? the recipes are quickstart, gaussian2d, "):
        recipes.get(name)


@pytest.mark.parametrize("name", ["", "zzz", None, 7])
def test_a_name_like_no_other(name):
    with pytest.raises(ng.NanoganError, match=r"the recipes are quickstart, .*, ring2d, grid2d$") as caught:
        recipes.get(name)
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("networks", (architectures.quick_generator(), architectures.quick_critic()), "called to make the generator and the critic"),
        ("networks", (architectures.quick_generator,), "two functions or classes"),
        ("latent_shape", 32, r"latent_shape is 32; give a tuple, such as \(32,\)"),
        ("image_shape", 28, "image_shape is 28; give a tuple"),
        ("lr", 1e-3, "lr is 0.001; give two rates"),
        ("lr", (1e-3,), "give two rates"),
    ],
)
def test_slips_in_a_recipe_of_ones_own(field, value, said):
    with pytest.raises(ng.NanoganError, match=f"recipe quickstart: .*{said}"):
        dataclasses.replace(recipes.get("quickstart"), **{field: value})
