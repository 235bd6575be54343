"""The recipes are those of the course texts: layer by layer, number by number.  Literals here, nothing computed."""

import numpy as np
import pytest

import nanogan as ng
from nanogan import train
from nanogan.gan import recipes, steps
from nanogan.gan.trainer import Batches

NAMES = ["quickstart", "gaussian2d", "mlp-mnist", "dcgan-mnist"]

# (kind of layer, output shape without the batch axis, parameters), as Keras and the texts print them.
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
}  # fmt: skip

SETTINGS = {
    "gaussian2d": {
        "data": "gaussian2d", "latent_shape": (2,), "image_shape": (2,), "batch_size": 8, "length": ("epochs", 20), "step": steps.d2l_step,
        "lr": (0.005, 0.05), "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_hat": False, "shared_counter": False, "latents": 1,
        "critic_gives": "logit", "with_replacement": False,
    },
    "mlp-mnist": {
        "data": "mnist", "latent_shape": (100,), "image_shape": (28, 28, 1), "batch_size": 32, "length": ("steps", 30_001),
        "step": steps.two_batch_step, "lr": (2e-4, 2e-4), "beta1": 0.5, "beta2": 0.999, "eps": 1e-7, "eps_hat": True, "shared_counter": True,
        "latents": 2, "critic_gives": "probability", "with_replacement": True, "log_every": 100, "sample_every": ("steps", 3000), "grid": (5, 5),
    },
    "dcgan-mnist": {
        "data": "mnist", "latent_shape": (20,), "image_shape": (28, 28, 1), "batch_size": 256, "length": ("epochs", 100),
        "step": steps.simultaneous_step, "lr": (1e-5, 1e-5), "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "eps_hat": True, "shared_counter": False,
        "latents": 1, "critic_gives": "logit", "with_replacement": False, "grid": (4, 4),
    },
}  # fmt: skip

# Of every layer of a kind in both networks: its attributes.
LAYERS = {
    "mlp-mnist": {"LeakyReLU": {"slope": 0.2}, "BatchNorm": {"momentum": 0.8, "eps": 1e-3, "unbiased": False}},
    "dcgan-mnist": {"LeakyReLU": {"slope": 0.01}, "BatchNorm": {"momentum": 0.99, "eps": 1e-3, "unbiased": True}},
}
CONVOLUTIONS = {  # weight shape (kh, kw, in, out), transposed (kh, kw, out, in), stride
    "generator": [((3, 3, 128, 256), 2), ((3, 3, 64, 128), 1), ((3, 3, 1, 64), 2)],
    "critic": [((3, 3, 1, 32), 2), ((3, 3, 32, 64), 2), ((3, 3, 64, 128), 2)],
}


def networks(name):
    return dict(zip(("generator", "critic"), recipes.get(name).build(), strict=True))


def layers(network, kind):
    return [layer for _, layer in network.modules() if type(layer).__name__ == kind]


def test_names():
    assert recipes.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_builds_what_it_says(name):
    recipe = recipes.get(name)
    generator, critic = recipe.build()
    z = recipe.latent(3)
    assert z.shape == (3, *recipe.latent_shape) and z.dtype == np.float32
    samples = generator(z)
    assert samples.shape == (3, *recipe.image_shape) and samples.dtype == np.float32
    answers = critic(samples)
    assert answers.shape == (3, 1) and (recipe.critic_gives == "logit" or ((answers.data > 0) & (answers.data < 1)).all())
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


@pytest.mark.parametrize("name", SETTINGS)
def test_the_optimisers_get_the_settings(name):
    s, recipe = SETTINGS[name], recipes.get(name)
    generator, critic = recipe.build()
    g_opt, d_opt = recipe.optimizers(generator, critic)
    for opt, network, lr in ((g_opt, generator, s["lr"][0]), (d_opt, critic, s["lr"][1])):
        assert type(opt) is ng.optim.Adam and list(map(id, opt.params)) == list(map(id, network.parameters()))
        assert (opt.lr, opt.beta1, opt.beta2, opt.eps, opt.eps_hat) == (lr, s["beta1"], s["beta2"], s["eps"], s["eps_hat"])
    assert (g_opt.counter is d_opt.counter) == s["shared_counter"]


@pytest.mark.parametrize(("name", "n", "steps"), [("gaussian2d", 1000, 2_500), ("mlp-mnist", 60_000, 30_001), ("dcgan-mnist", 60_000, 23_500)])
def test_lengths(name, n, steps):
    recipe = recipes.get(name)
    batches = Batches(n, recipe.batch_size, recipe.with_replacement)
    assert train.total_steps(train.parser().parse_args([]), recipe, batches.per_epoch) == steps


@pytest.mark.parametrize("name", LAYERS)
def test_layers_have_the_attributes_of_the_text(name):
    for network in networks(name).values():
        for kind, attributes in LAYERS[name].items():
            for layer in layers(network, kind):
                assert {key: getattr(layer, key) for key in attributes} == attributes


@pytest.mark.parametrize("which", CONVOLUTIONS)
def test_convolutions_of_the_dcgan(which):
    network = networks("dcgan-mnist")[which]
    found = layers(network, {"generator": "ConvTranspose2D", "critic": "Conv2D"}[which])
    assert [(layer.weight.shape, layer.stride) for layer in found] == CONVOLUTIONS[which]
    assert all(layer.padding == "same" and layer.bias is not None for layer in found)


@pytest.mark.parametrize("which", ["generator", "critic"])
@pytest.mark.parametrize("name", ["mlp-mnist", "dcgan-mnist"])
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


@pytest.mark.parametrize("kind", ["weight", "bias"])
def test_every_parameter_of_the_gaussian_pair_is_normal(kind):
    """N(0, .02**2), biases too."""
    values = []
    for _ in range(200):
        for network in networks("gaussian2d").values():
            values += [p.data.ravel() for name, p in network.named_parameters() if name.endswith(kind)]
    values = np.concatenate(values) / 0.02
    n = len(values)
    assert abs(values.mean()) < 5 / np.sqrt(n) and abs(values.std() - 1) < 5 / np.sqrt(2 * n)
    assert abs((values**4).mean() - 3) < 5 * np.sqrt(96 / n)


@pytest.mark.parametrize("name", NAMES)
def test_weights_come_from_the_random_stream(name):
    def weights(seed):
        ng.seed(seed)
        return [p.data for network in recipes.get(name).build() for p in network.parameters()]

    assert all(np.array_equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("mlp-minst", "mlp-mnist"), ("dcgan", "dcgan-mnist"), ("quick-start", "quickstart"), ("gausian2d", "gaussian2d"), ("gaussian", "gaussian2d")],
)
def test_a_misspelt_name(name, nearest):
    with pytest.raises(ng.NanoganError, match=f"no recipe '{name}'; did you mean {nearest}\\? the recipes are quickstart, gaussian2d, "):
        recipes.get(name)


@pytest.mark.parametrize("name", ["", "zzz", None, 7])
def test_a_name_like_no_other(name):
    with pytest.raises(ng.NanoganError, match=r"the recipes are quickstart, gaussian2d, mlp-mnist, dcgan-mnist$") as caught:
        recipes.get(name)
    assert "did you mean" not in str(caught.value)
