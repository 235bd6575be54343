"""Setting the options of a recipe: by name, as values or as texts, from Python, a command line or a config.json."""

import dataclasses
import inspect
import json

import numpy as np
import pytest

import nanogan as ng
from nanogan.gan import recipes
from nanogan.gan.recipe import COMMON, PARSERS, Recipe, configure

NAMES = recipes.names()
OWN = {  # the options that not every recipe has
    "quickstart": {"objective": "non-saturating"},
    "gaussian2d": {},
    "mlp-mnist": {"g_loss": "cross-entropy"},
    "dcgan-mnist": {"objective": "non-saturating"},
    "dcgan-pokemon": {"bn_init": "normal", "slope": 0.2, "alpha": "drop", "background": "white"},
    "dcgan-fifa": {"bn_init": "normal", "slope": 0.2, "alpha": "mask", "background": "white"},
    "dcgan-k5-mnist": {"objective": "non-saturating"},
    "wgan-gp-mnist": {"gp_mode": "inference", "penalty_weight": 10.0, "n_critic": 1, "batch_norm": True, "dropout": 0.3},
    "wgan-gp-paper": {"gp_mode": "train", "penalty_weight": 10.0, "n_critic": 5, "batch_norm": False, "dropout": 0.0},
    "ring2d": {"objective": "non-saturating", "width": 128},
    "grid2d": {"objective": "non-saturating", "width": 128},
}
OTHER = {  # for each option a value that no recipe has by itself
    "batch_size": 7, "lr": (3e-4, 7e-4), "beta1": 0.25, "beta2": 0.75, "eps": 1e-3, "eps_hat": None, "shared_counter": None,
    "latent_distribution": None, "with_replacement": None, "shuffle_buffer": 77, "drop_last": None, "pixels": None, "log_every": 11, "decay": 0.3,
    "grid": (2, 9), "sample_noise": None, "sample_mode": None,
    "objective": "minimax", "g_loss": "poisson", "gp_mode": None, "penalty_weight": 3.5, "n_critic": 3, "batch_norm": None, "dropout": 0.45,
    "bn_init": "around-one", "slope": 0.05, "width": 9, "alpha": "composite", "background": "#123456",
}  # fmt: skip
PAIRS = {  # None above: whichever of two it is not
    "latent_distribution": ("normal", "uniform"), "pixels": ("scaled", "raw"), "sample_noise": ("fixed", "fresh"),
    "sample_mode": ("inference", "train"), "gp_mode": ("inference", "train"),
}  # fmt: skip


def another(recipe, option):
    """A value that ``option`` of ``recipe`` does not have."""
    if (value := OTHER[option]) is not None:
        return value
    now = recipe.options()[option]
    return not now if isinstance(now, bool) else next(value for value in PAIRS[option] if value != now)


def facts(recipe):
    """All that a recipe is, in a form that can be compared."""
    made = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    made["networks"] = [(getattr(make, "func", make), getattr(make, "keywords", {})) for make in recipe.networks]
    return made


def said(error):
    """The message of an error, which must be one line of a length that can be read."""
    assert "\n" not in str(error.value) and len(str(error.value)) < 700
    return str(error.value)


# --- Nothing missing, nothing dead ----------------------------------------------------------------------------


def test_every_option_has_a_parser_and_every_parser_an_option():
    own = {name for make in recipes.MAKERS for name in inspect.signature(make).parameters}
    assert own | set(COMMON) == set(PARSERS) == set(OTHER)
    assert not own & set(COMMON)
    assert set(COMMON) <= {field.name for field in dataclasses.fields(Recipe)}


@pytest.mark.parametrize("name", NAMES)
def test_options_as_they_are(name):
    recipe = recipes.get(name)
    options = recipe.options()
    assert recipe.own == OWN[name] and list(options) == [*OWN[name], *COMMON]
    assert options == OWN[name] | {key: getattr(recipe, key) for key in COMMON}


# --- Values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_option_does_something_and_nothing_else(name):
    """Set by itself to another value, it shows in options() alone, in the changes, and in what the recipe is."""
    plain = recipes.get(name)
    for option in plain.options():
        value = another(plain, option)
        changed = recipes.get(name, **{option: value})
        assert changed.options() == plain.options() | {option: value} and changed.changes == {option: value}
        different = {key for key, was in facts(plain).items() if facts(changed)[key] != was} - {"changes", "own"}
        assert different, f"{option} changes nothing"
        assert (option in COMMON and different == {option}) or (option in OWN[name] and not different & set(COMMON)), option


@pytest.mark.parametrize("name", NAMES)
def test_texts_mean_what_values_mean(name):
    plain = recipes.get(name)
    values = {option: another(plain, option) for option in plain.options()}
    texts = {key: ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower() for key, value in values.items()}
    from_values, from_texts = recipes.get(name, **values), recipes.get(name, **texts)
    assert facts(from_values) == facts(from_texts) and from_texts.options() == values
    assert [type(value) for value in from_texts.options().values()] == [type(value) for value in values.values()]


@pytest.mark.parametrize("name", NAMES)
def test_changes_go_through_json(name):
    plain = recipes.get(name)
    changed = recipes.get(name, **{option: another(plain, option) for option in plain.options()})
    again = recipes.get(name, **json.loads(json.dumps(changed.changes)))
    assert facts(again) == facts(changed) and again.changes == changed.changes
    assert facts(recipes.get(name, **json.loads(json.dumps(plain.changes)))) == facts(plain)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_given_its_own_options_stays_as_it_is(name):
    plain = recipes.get(name)
    same = recipes.get(name, **plain.options())
    assert same.changes == plain.options()
    assert facts(same) | {"changes": {}} == facts(plain)


def test_one_recipe_does_not_change_the_next():
    recipes.get("wgan-gp-mnist", gp_mode="train", lr=1.0).step_options["penalty_weight"] = 99
    assert recipes.get("wgan-gp-mnist").step_options == {"gp_mode": "inference", "penalty_weight": 10.0}
    assert recipes.get("wgan-gp-mnist").lr == (2e-4, 2e-4)


@pytest.mark.parametrize(
    ("name", "option", "given", "value"),
    [
        ("quickstart", "lr", "2e-4", (2e-4, 2e-4)),
        ("quickstart", "lr", 2e-4, (2e-4, 2e-4)),
        ("quickstart", "lr", "1e-3, 5e-4", (1e-3, 5e-4)),  # generator's, critic's
        ("quickstart", "lr", (1e-3, 5e-4), (1e-3, 5e-4)),
        ("quickstart", "lr", [1e-3, 5e-4], (1e-3, 5e-4)),
        ("quickstart", "lr", "(1e-3, 5e-4)", (1e-3, 5e-4)),
        ("quickstart", "lr", np.float32(0.5), (0.5, 0.5)),
        ("quickstart", "grid", "3x7", (3, 7)),
        ("quickstart", "grid", "3,7", (3, 7)),
        ("quickstart", "grid", " 3 x 7 ", (3, 7)),
        ("quickstart", "grid", "4", (4, 4)),
        ("quickstart", "grid", (3, 7), (3, 7)),
        ("quickstart", "grid", "100", (100, 100)),
        ("wgan-gp-paper", "n_critic", "1000", 1000),
        ("grid2d", "width", 10_000, 10_000),
        ("quickstart", "batch_size", " 64 ", 64),
        ("quickstart", "batch_size", np.int64(64), 64),
        ("quickstart", "shuffle_buffer", 0, 0),
        ("quickstart", "beta1", "0", 0.0),
        ("quickstart", "eps", "1e-7", 1e-7),
        ("quickstart", "eps_hat", "on", True),
        ("quickstart", "eps_hat", "YES", True),
        ("quickstart", "eps_hat", 1, True),
        ("quickstart", "eps_hat", True, True),
        ("mlp-mnist", "eps_hat", "off", False),
        ("mlp-mnist", "shared_counter", "No", False),
        ("mlp-mnist", "with_replacement", "0", False),
        ("mlp-mnist", "with_replacement", False, False),
        ("wgan-gp-mnist", "penalty_weight", 0, 0.0),
        ("wgan-gp-mnist", "dropout", "0", 0.0),
        ("dcgan-pokemon", "background", "rebeccapurple", "rebeccapurple"),
    ],
)
def test_values(name, option, given, value):
    got = recipes.get(name, **{option: given}).options()[option]
    assert got == value and type(got) is type(value)


@pytest.mark.parametrize(
    ("name", "option", "bad", "reason"),
    [
        ("quickstart", "batch_size", bad, "expected a whole number of at least 1, got ")
        for bad in ("0", "-4", "1.5", "many", "", "1e3", None, True, "٣x")
    ]
    + [("quickstart", "shuffle_buffer", bad, "expected a whole number of at least 0, got ") for bad in ("-1", "0.5", "all")]
    + [("wgan-gp-mnist", "penalty_weight", bad, "expected a number of at least 0, got ") for bad in ("-1", "nan", "inf", "heavy")]
    + [("quickstart", "eps", bad, "expected a number above 0, got ") for bad in ("0", "-1e-8", "nan", "inf", "tiny")]
    + [("quickstart", "beta1", bad, "expected a number from 0 to below 1, got ") for bad in ("1", "-0.1", "nan", "half")]
    + [("quickstart", "lr", bad, "expected a number above 0, got ") for bad in ("0", "1e-3,0", ",1e-3", "1e-3,", "fast", "", (1e-3, -1), [])]
    + [("quickstart", "lr", bad, "expected one number or two, got ") for bad in ("1,2,3", (1, 2, 3))]
    + [("quickstart", "grid", bad, "expected rows and columns, such as 3x10, got ") for bad in ("0x3", "3x", "x", "3x2.5", "three")]
    + [("quickstart", "grid", bad, "expected rows and columns, such as 3x10, got ") for bad in ("3x3x3", "3,3x3")]
    + [("quickstart", "grid", bad, "expected at most 10,000 places, got ") for bad in ("101", "100x101", "1x10001", (10**9, 10**9))]
    + [("wgan-gp-mnist", "n_critic", bad, "expected a whole number of at most 1,000, got ") for bad in ("1001", 10**12)]
    + [("ring2d", "width", bad, "expected a whole number of at most 10,000, got ") for bad in ("10001", 10**12)]
    + [("wgan-gp-mnist", "batch_norm", bad, "expected true or false, got ") for bad in ("maybe", "", "2", None, "truefalse")]
    + [("wgan-gp-mnist", "gp_mode", bad, "expected inference or train, got ") for bad in ("eval", "", None, 3)]
    + [("dcgan-pokemon", "bn_init", "one", "expected normal or ones or around-one, got 'one'; did you mean ones?")]
    + [("wgan-gp-mnist", "gp_mode", "Training", "expected inference or train, got 'Training'; did you mean train?")]
    + [("quickstart", "objective", "minmax", "got 'minmax'; did you mean minimax?")]
    + [("quickstart", "objective", "x" * 5000, "expected non-saturating or minimax or probabilities or double-sigmoid or least-squares, got 'xxx")]
    + [("mlp-mnist", "g_loss", "bce", "expected cross-entropy or mse or poisson, got 'bce'")]
    + [("dcgan-pokemon", "background", bad, "expected a word, got nothing") for bad in ("", "  ")],
)
def test_bad_values(name, option, bad, reason):
    with pytest.raises(ng.NanoganError, match=rf"^option {option} of {name}: ") as caught:
        recipes.get(name, **{option: bad})
    assert reason in said(caught)


def test_a_bad_value_does_not_break_the_line():
    with pytest.raises(ng.NanoganError) as caught:
        recipes.get("quickstart", objective="a\nb", batch_size=3)
    said(caught)


# --- Names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "option", "nearest"),
    [
        ("quickstart", "batchsize", "batch_size"), ("quickstart", "batch-size", "batch_size"), ("quickstart", "LR", "lr"),
        ("quickstart", "beta_1", "beta1"), ("quickstart", "objectiv", "objective"), ("wgan-gp-mnist", "gpmode", "gp_mode"),
        ("wgan-gp-mnist", "n_critics", "n_critic"), ("wgan-gp-mnist", "penalty", "penalty_weight"), ("dcgan-pokemon", "bninit", "bn_init"),
        ("dcgan-pokemon", "batch_norm", "batch_size"),  # it has none of that name: the nearest that it has
    ],
)  # fmt: skip
def test_a_misspelt_option(name, option, nearest):
    with pytest.raises(ng.NanoganError) as caught:
        recipes.get(name, **{option: "1"})
    message = said(caught)
    assert message.startswith(f"{name} has no option {option!r}; did you mean {nearest}? its options are ")
    assert message.endswith(", ".join([*OWN[name], *COMMON]))


@pytest.mark.parametrize("option", ["zzz", "", "x" * 1000, "networks", "step", "length", "name", "own", "changes", "about", "latent_shape"])
def test_an_option_like_no_other(option):
    """Neither has a recipe what only another one has; and what it is cannot be set."""
    with pytest.raises(ng.NanoganError, match=r"^gaussian2d has no option ") as caught:
        configure(recipes.gaussian2d, {option: "1"})
    said(caught)


@pytest.mark.parametrize("name", NAMES)
def test_the_options_of_others_are_refused(name):
    for option in set(PARSERS) - set(OWN[name]) - set(COMMON):
        with pytest.raises(ng.NanoganError, match=f"^{name} has no option {option!r}; "):
            recipes.get(name, **{option: OTHER[option] or "train"})


def test_configure_takes_any_maker():
    def mine(slope=0.1):
        """Mine.

        More of it.
        """
        return dataclasses.replace(recipes.gaussian2d(), name="mine", beta1=slope)

    recipe = configure(mine, {"slope": "0.3", "lr": "1"})
    assert (recipe.name, recipe.beta1, recipe.lr, recipe.own, recipe.about) == ("mine", 0.3, (1.0, 1.0), {"slope": 0.3}, "Mine.\n\nMore of it.")
    assert configure(mine).own == {"slope": 0.1} and configure(mine).changes == {}
    mine.__doc__ = None  # python -OO has none
    assert configure(mine).about == ""
