"""``python -m nanogan.sample``, as a user runs it: what it draws from runs, checkpoints and generators, and that a seed draws it again."""

import itertools
import shlex
import shutil

import numpy as np
import pytest
from commands import call, environment, process, tree, write_digits
from PIL import Image

import nanogan as ng
from nanogan import sample, train, viz
from nanogan.gan import checkpoint, recipes

pytestmark = [pytest.mark.every_backend, pytest.mark.slow_on_strict]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Made on NumPy, whatever draws from them: a folder with runs: "digits", "uniform" (the same of uniform noise), "points", "ring"; and "colours.npz", a generator of 64 x 64 in colour."""
    runs = tmp_path_factory.mktemp("runs")
    write_digits(runs / "data")
    digits = ["--data", runs / "data", "--batch-size", 4, "--steps", 20]
    assert call(train, *digits, "--out", runs / "digits") == 0
    assert call(train, *digits, "--set", "latent_distribution=uniform", "--out", runs / "uniform") == 0
    assert call(train, "--recipe", "gaussian2d", "--steps", 5, "--out", runs / "points") == 0
    assert call(train, "--recipe", "ring2d", "--batch-size", 8, "--steps", 1, "--out", runs / "ring") == 0
    ng.seed(0)
    generator, _ = recipes.get("dcgan-pokemon", bn_init="ones").build()
    for name, value in generator.named_state():
        if name.endswith("weight"):
            value.data[...] *= 3  # so that there is something to see
    state = checkpoint.prefixed("generator", generator.state_dict())
    checkpoint.save(runs / "colours.npz", {"kind": "generator", "recipe": "dcgan-pokemon", "options": {}}, state)
    return runs


def drawn(*argv):
    """On the backend in use."""
    assert call(sample, *argv, "--backend", ng.backend_name()) == 0


def pixels(path):
    with Image.open(path) as image:
        return np.array(image)


def frames(path):
    with Image.open(path) as image:
        assert image.info["loop"] == 0  # over and over
        images = []
        for i in range(image.n_frames):
            image.seek(i)
            images.append(np.array(image.convert("RGB")))
        return images


def samples(path, n, seed=0):
    """The first n samples of a seed, drawn in Python; float32 (n, H, W, C)."""
    generator = ng.load_generator(path)
    ng.seed(seed)
    with ng.no_grad():
        return ng.to_numpy(generator(generator.latent(n)).data)


def as_bytes(images):
    return np.rint(np.clip(images, -1, 1) * 127.5 + 127.5).astype(np.uint8)


def cells(picture, rows, columns, shape):
    """The images in a picture of a grid, at their own size."""
    boxes = viz.images.cell_boxes(rows, columns, shape)
    factor = (boxes[0][2] - boxes[0][0]) // shape[1]
    return np.stack([picture[top:bottom:factor, left:right:factor] for left, top, right, bottom in boxes])


# --- Grids --------------------------------------------------------------------------------------------------------


@pytest.mark.numpy_only
def test_the_command_itself(runs, here):
    """Text 002's ten columns of three, by a process, without the data that the run was of."""
    done = process("sample", runs / "digits", "--grid", "3x10", "--seed", 7, "--out", "digits.png", cwd=here)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 x 10 samples: digits.png\n", "") and sorted(tree(here)) == ["digits.png"]
    images = cells(pixels(here / "digits.png"), 3, 10, (28, 28))
    assert np.abs(images.astype(int) - as_bytes(samples(runs / "digits", 30, seed=7))[..., 0]).max() <= 1
    assert images.std(axis=0).max() > 1  # there is something to see


def test_what_is_drawn_where_nothing_is_asked_for(runs, here, capsys):
    """The recipe's own grid, beside the generator; and the run is none the worse for it."""
    shutil.copytree(runs / "digits", here / "run")
    before = tree(here / "run")
    drawn("run")
    assert capsys.readouterr().out == "6 x 10 samples: run/samples-seed0.png\n"
    after = tree(here / "run")
    assert set(after) - set(before) == {"samples-seed0.png"} and all(after[name] == before[name] for name in before)
    assert cells(pixels(here / "run" / "samples-seed0.png"), 6, 10, (28, 28)).shape == (60, 28, 28)
    drawn("run/generator.npz", "--seed", 3)
    assert capsys.readouterr().out == "6 x 10 samples: run/samples-seed3.png\n"


def test_a_seed_draws_the_same_again(runs, here):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        drawn(runs / "digits", "--seed", seed, "--grid", "2x3", "--out", f"{name}.png")
    files = tree(here)
    assert files["a.png"] == files["b.png"] != files["c.png"]


def test_it_takes_a_run_a_checkpoint_or_a_generator_wherever_they_are(runs, here):
    """Each holds all it takes: neither the run nor its data are needed."""
    (here / "moved").mkdir()
    places = {"a": runs / "digits"}
    for name, file in (("b", "checkpoint.npz"), ("c", "generator.npz")):
        places[name] = shutil.copy(runs / "digits" / file, here / "moved" / f"{name}.npz")
    (here / "bare").mkdir()
    shutil.copy(runs / "digits" / "checkpoint.npz", here / "bare")
    places["d"] = here / "bare"
    for name, place in places.items():
        drawn(place, "--grid", "2x2", "--out", f"{name}.png")
    files = tree(here)
    assert files["a.png"] == files["b.png"] == files["c.png"] == files["d.png"]


@pytest.mark.parametrize(("grid", "rows", "columns"), [("1x1", 1, 1), ("1x7", 1, 7), ("9x1", 9, 1), ("4", 4, 4), ("2,3", 2, 3), ("20x15", 20, 15)])
def test_grids_of_all_sizes(grid, rows, columns, runs, here, capsys):
    drawn(runs / "digits", "--grid", grid, "--out", "new/folder/a.png")
    assert capsys.readouterr().out == f"{rows} x {columns} samples: new/folder/a.png\n"
    images = cells(pixels(here / "new" / "folder" / "a.png"), rows, columns, (28, 28))
    # However many there are, the first ones are the same (up to the rounding of another product of matrices).
    expected = as_bytes(samples(runs / "digits", min(4, rows * columns)))[..., 0]
    assert len(images) == rows * columns and np.abs(images[:4].astype(int) - expected).max() <= 1


@pytest.mark.numpy_only
@pytest.mark.numpy_only
@pytest.mark.parametrize("ending", ["png", "PNG", "jpg", "webp", "gif", "bmp"])
def test_endings(ending, runs, here):
    drawn(runs / "digits", "--grid", "2x2", "--out", f"a.{ending}")
    assert np.asarray(pixels(here / f"a.{ending}")).std() > 1


@pytest.mark.slow_on_strict
def test_out_may_be_a_folder(runs, here, capsys):
    (here / "pictures").mkdir()
    drawn(runs / "digits", "--grid", "1x2", "--out", "pictures")
    drawn(runs / "digits", "--grid", "1x2", "--interpolate", "--frames", 2, "--out", "pictures/")
    assert sorted(tree(here)) == ["pictures", "pictures/samples-seed0.png", "pictures/walk-seed0.gif"]


def test_in_colour(runs, here, capsys):
    drawn(runs / "colours.npz", "--grid", "1x3", "--out", "a.png")
    images = cells(pixels(here / "a.png"), 1, 3, (64, 64))
    assert np.abs(images.astype(int) - as_bytes(samples(runs / "colours.npz", 3))).max() <= 1
    assert images.std(axis=-1).mean() > 1  # it is colour, not grey
    drawn(runs / "colours.npz", "--interpolate", "--grid", "1x1", "--frames", 2, "--out", "a.gif")
    assert len(frames(here / "a.gif")) == 8
    capsys.readouterr()


# --- Single images ------------------------------------------------------------------------------------------------


@pytest.mark.numpy_only
def test_single_images(runs, here, capsys):
    drawn(runs / "digits", "--images", 12, "--seed", 4, "--out", "new/digits")
    assert capsys.readouterr().out == "12 images: new/digits\n"
    paths = sorted((here / "new" / "digits").iterdir())
    assert [path.name for path in paths] == [f"{i:02d}.png" for i in range(12)]
    images = np.stack([pixels(path) for path in paths])
    assert images.shape == (12, 28, 28) and images.dtype == np.uint8
    assert np.abs(images.astype(int) - as_bytes(samples(runs / "digits", 12, seed=4))[..., 0]).max() <= 1
    drawn(runs / "colours.npz", "--images", 1, "--out", "one")
    assert sorted(tree(here / "one")) == ["0.png"] and pixels(here / "one" / "0.png").shape == (64, 64, 3)


def test_single_images_beside_the_run(runs, here, capsys):
    shutil.copytree(runs / "digits", here / "run")
    drawn("run", "--images", 2)
    assert capsys.readouterr().out == "2 images: run/images-seed0\n" and len(tree(here / "run" / "images-seed0")) == 2


# --- Walks --------------------------------------------------------------------------------------------------------


def test_walks_as_a_picture(runs, here, capsys):
    """Each row is a walk, whose ends are samples; the straight one is the generator's answer to noise on the straight line."""
    for way in ("linear", "spherical"):
        drawn(runs / "digits", "--interpolate", "--path", way, "--grid", "3x5", "--seed", 2, "--out", f"{way}.png")
        assert capsys.readouterr().out == f"3 {way} walks of 5 images: {way}.png\n"
    linear, spherical = (cells(pixels(here / f"{way}.png"), 3, 5, (28, 28)).reshape(3, 5, 28, 28).astype(int) for way in ("linear", "spherical"))
    ends = as_bytes(samples(runs / "digits", 6, seed=2))[..., 0].reshape(3, 2, 28, 28)
    for walks in (linear, spherical):
        assert np.abs(walks[:, [0, -1]] - ends).max() <= 1
    assert np.abs(linear[:, 1:-1] - spherical[:, 1:-1]).max() > 1
    generator = ng.load_generator(runs / "digits")
    ng.seed(2)
    z = ng.to_numpy(generator.latent(6))
    t = np.linspace(0, 1, 5)[:, None]
    with ng.no_grad():
        between = generator(((1 - t) * z[2] + t * z[3]).astype(np.float32)).numpy()
    assert np.abs(linear[1] - as_bytes(between)[..., 0]).max() <= 1


@pytest.mark.parametrize("way", ["linear", "spherical"])
def test_walks_that_move(way, runs, here, capsys):
    """Through four samples and back to the first, so that it goes on without a jump."""
    drawn(runs / "digits", "--interpolate", "--path", way, "--grid", "2x3", "--frames", 5, "--out", "walk.gif")
    assert capsys.readouterr().out == f"6 {way} walks through 4 samples, 20 frames: walk.gif\n"
    film = np.stack(frames(here / "walk.gif"))[..., 0].astype(int)
    assert len(film) == 20
    stations = as_bytes(samples(runs / "digits", 24))[..., 0].reshape(4, 6, 28, 28)
    for i, station in enumerate(stations):
        assert np.abs(cells(film[5 * i], 2, 3, (28, 28)) - station).max() <= 1
    changes = [np.abs(a - b).mean() for a, b in itertools.pairwise([*film, film[0]])]
    assert changes[-1] <= 1.5 * max(changes[:-1]) and np.abs(film[0] - film[10]).mean() > max(changes)


@pytest.mark.slow_on_strict
def test_the_way_of_a_walk_follows_the_noise(runs, here, capsys):
    for name, way in (("digits", "spherical"), ("uniform", "linear")):
        drawn(runs / name, "--interpolate", "--frames", 2, "--grid", "1x2", "--out", "a.gif")
        assert capsys.readouterr().out == f"2 {way} walks through 4 samples, 8 frames: a.gif\n"


def test_a_walk_where_nothing_is_asked_for(runs, here, capsys):
    shutil.copytree(runs / "digits", here / "run")
    drawn("run", "--interpolate")
    assert capsys.readouterr().out == "24 spherical walks through 4 samples, 48 frames: run/walk-seed0.gif\n"
    assert len(frames(here / "run" / "walk-seed0.gif")) == 48


# --- Points -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["points", "ring"])
def test_points(name, runs, here, capsys):
    drawn(runs / name, "--out", "a.png")
    assert capsys.readouterr().out == "1000 points: a.png\n"
    drawn(runs / name, "--grid", "2x5", "--out", "b.png")
    drawn(runs / name, "--grid", "2x5", "--out", "c.png")
    assert capsys.readouterr().out.startswith("10 points: b.png\n")
    files = tree(here)
    assert files["a.png"] != files["b.png"] == files["c.png"]
    assert pixels(here / "a.png").shape[:2] == (480, 480)


# --- In Python ----------------------------------------------------------------------------------------------------


def test_networks_load_in_python_as_the_docstring_says(runs):
    generator = ng.load_generator(runs / "digits")
    images = generator(generator.latent(16))
    assert images.shape == (16, 28, 28, 1) and np.abs(images.numpy()).max() <= 1 and images.dtype == np.float32
    assert generator.recipe.name == "quickstart" and generator.recipe.batch_size == 4
    critic = ng.load_critic(runs / "digits" / "critic.npz")
    assert critic(images).shape == (16, 1)
    _, arrays = checkpoint.load(runs / "digits" / "checkpoint.npz")
    for network, which in ((generator, "generator"), (critic, "critic")):
        state, saved = network.state_dict(), checkpoint.part(which, arrays)
        assert sorted(state) == sorted(saved) and all((state[name] == saved[name]).all() for name in saved)


@pytest.mark.slow_on_strict
def test_loading_draws_nothing_from_the_random_stream(runs):
    ng.seed(5)
    expected = ng.load_generator(runs / "digits").latent(3)
    ng.seed(5)
    for _ in range(3):
        generator = ng.load_generator(runs / "digits")
    assert (generator.latent(3) == expected).all()


def test_the_examples_of_the_help_work(runs, here, capsys):
    """Every line of the docstring, on runs of those names."""
    shutil.copytree(runs / "digits", here / "runs" / "quickstart-1")
    shutil.copytree(runs / "digits", here / "runs" / "mlp")
    lines = [line.partition("#")[0].split() for line in sample.__doc__.splitlines() if line.startswith("    python -m nanogan.sample ")]
    assert len(lines) == 5
    for line in lines:
        drawn(*line[3:])
    assert {"digits.png", "walk.png", "digits/00.png", "runs/mlp/walk-seed0.gif", "runs/quickstart-1/samples-seed0.png"} <= set(tree(here))
    assert call(sample, "-h") == 0
    out = capsys.readouterr().out
    assert all(f"--{option}" in out for option in ("grid", "seed", "images", "interpolate", "path", "frames", "out", "backend"))


@pytest.mark.numpy_only
def test_a_name_with_spaces_and_a_home(runs, here):
    shutil.copytree(runs / "digits", here / "my run")
    done = process("sample", "~/my run", "--grid", "1x2", "--out", "~/my samples.png", cwd=here, env=environment(HOME=str(here)))
    assert done.returncode == 0 and shlex.split(done.stdout.partition(": ")[2]) == [*str(here / "my samples.png").split()]
    assert (here / "my samples.png").exists()
