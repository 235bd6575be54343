"""Files of networks: whole or not at all when written, harmless when read, and one line for each kind of damage."""

import errno
import io
import json
import os
import pickle
import shutil
import zipfile

import numpy as np
import pytest

import nanogan as ng
from nanogan import nn
from nanogan.backend import random
from nanogan.data import Dataset
from nanogan.gan import checkpoint, recipes
from nanogan.gan.checkpoint import FORMAT, HEADER, CheckpointError, load, replacing, save
from nanogan.gan.run import Run
from nanogan.gan.trainer import Trainer

ARRAYS = {
    "generator/dense_1.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "d_opt/steps": np.array([7]),
    "none": np.zeros((0, 3), np.float32),
    "one": np.array(2.5),
}


@pytest.fixture
def saved(tmp_path):
    save(tmp_path / "a.npz", {"kind": "checkpoint", "steps": 3}, ARRAYS)
    return tmp_path / "a.npz"


def refused(path, match=None, call=load, **options):
    """That ``path`` is refused in one line that names it; returns the line."""
    with pytest.raises(CheckpointError, match=match) as caught:
        call(path, **options)
    line = str(caught.value)
    assert "\n" not in line and str(path) in line and len(line) < 800 + len(str(path)), line
    return line


# --- Written whole or not at all ------------------------------------------------------------------------------


def test_replacing(tmp_path):
    path = tmp_path / "a.txt"
    for text in (b"first", b"second, and longer", b""):
        with replacing(path) as file:
            file.write(text)
            assert path.exists() == (text != b"first")  # the old one, until the new one is whole
        assert path.read_bytes() == text and os.listdir(tmp_path) == ["a.txt"]


class Trouble(BaseException):
    """Not even an Exception: Ctrl-C is none."""


def full(*anything):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    ("where", "error"),
    [("in the middle", Trouble), ("in the middle", KeyboardInterrupt), ("in the middle", ValueError), ("fsync", OSError), ("replace", OSError)],
)
def test_what_fails_leaves_no_trace(where, error, there, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    if there:
        path.write_bytes(b"old")
    if where != "in the middle":
        monkeypatch.setattr(os, where, full)
    with pytest.raises(error), replacing(path) as file:
        file.write(b"new")
        if where == "in the middle":
            raise error
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["a.txt"] * there and (not there or path.read_bytes() == b"old")


def test_an_error_keeps_its_words(tmp_path):
    with pytest.raises(OSError, match=r"^the disk is on fire$"), replacing(tmp_path / "a.txt"):
        raise OSError("the disk is on fire")
    with pytest.raises(OSError, match=r"^\[Errno 5\] on fire: 'b.txt'$"), replacing(tmp_path / "a.txt"):
        raise OSError(5, "on fire", "b.txt")


def test_it_is_synced_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: done.append(f"sync {os.path.basename(os.readlink(f'/proc/self/fd/{handle}'))}") or fsync(handle))
    monkeypatch.setattr(os, "replace", lambda a, b: done.append("rename") or replace(a, b))
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("reads the names of open files from Linux's /proc")
    with replacing(tmp_path / "a.txt") as file:
        file.write(b"new")
    assert done == [f"sync .a.txt.{os.getpid()}.tmp", "rename", f"sync {tmp_path.name}"]


def test_a_folder_that_cannot_be_synced_does_no_harm(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", full)
    with replacing(tmp_path / "a.txt") as file:
        file.write(b"new")
    assert (tmp_path / "a.txt").read_bytes() == b"new"


@pytest.mark.parametrize("place", ["nowhere/a.npz", "file/a.npz", "folder"])
def test_a_place_that_cannot_be_written(place, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        save(tmp_path / place, {}, ARRAYS)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_save_that_fails_keeps_the_one_before(saved, monkeypatch):
    before = saved.read_bytes()
    with pytest.raises(TypeError):
        save(saved, {"steps": object()}, ARRAYS)  # no JSON
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.npz'"):  # which says where
        save(saved, {"steps": 4}, ARRAYS)
    assert saved.read_bytes() == before and os.listdir(saved.parent) == [saved.name]


# --- There and back -------------------------------------------------------------------------------------------


def test_a_round_trip(saved):
    header, arrays = load(saved)
    assert header == {"format": FORMAT, "kind": "checkpoint", "steps": 3}
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape and np.array_equal(arrays[name], array)


def test_an_array_that_is_gone_is_missed(saved):
    """As when a bit of the zip's directory flips, and the entries after it are not seen."""
    with np.load(saved) as archive:
        kept = {name: archive[name] for name in archive.files}
    del kept[list(ARRAYS)[-1]]
    np.savez(saved, **kept)
    refused(saved, "is damaged: it holds other arrays than its header says")


def test_the_header_takes_what_json_takes(tmp_path):
    ng.seed(5)
    header = {"random": random.stream().bit_generator.state, "text": 'é"\n\0', "none": None, "list": [1, 2.5, True], "nan": float("inf")}
    save(tmp_path / "a.npz", header, {})
    got, arrays = load(str(tmp_path / "a.npz"))
    assert got == header | {"format": FORMAT} and arrays == {}


def test_it_is_an_npz_that_numpy_reads_without_pickle(saved):
    with np.load(saved, allow_pickle=False) as archive:
        assert archive.files == [HEADER, *ARRAYS]
        assert json.loads(archive[HEADER].tobytes())["steps"] == 3


def test_prefixes():
    state = {"a.weight": 1, "b": 2}
    named = checkpoint.prefixed("generator", state) | checkpoint.prefixed("g", {"x": 3})
    assert named == {"generator/a.weight": 1, "generator/b": 2, "g/x": 3}
    assert checkpoint.part("generator", named) == state and checkpoint.part("g", named) == {"x": 3} and checkpoint.part("none", named) == {}


# --- Damage ---------------------------------------------------------------------------------------------------


def test_cut_short_anywhere(saved):
    whole = saved.read_bytes()
    for length in [*range(0, 64), *range(64, len(whole), 37), len(whole) - 1]:
        saved.write_bytes(whole[:length])
        assert "damaged, or no checkpoint" in refused(saved)


def test_cut_off_at_the_front_or_in_the_middle(saved):
    whole = saved.read_bytes()
    for start, end in ((0, 1), (0, 100), (50, 60), (200, 300)):
        saved.write_bytes(whole[:start] + whole[end:])
        refused(saved)


def test_any_flipped_byte_is_noticed_or_harmless(saved):
    """One byte after another: what is read is what was written, or nothing is."""
    whole, noticed = saved.read_bytes(), 0
    for i in range(0, len(whole), 3):
        saved.write_bytes(whole[:i] + bytes([whole[i] ^ (0xFF if i % 2 else 1 << i % 7)]) + whole[i + 1 :])
        try:
            header, arrays = load(saved)
        except CheckpointError as error:
            noticed += 1
            assert "\n" not in str(error) and str(saved) in str(error)
        else:
            assert header == {"format": FORMAT, "kind": "checkpoint", "steps": 3}
            assert all(arrays[name].tobytes() == ARRAYS[name].tobytes() for name in arrays) and set(arrays) <= set(ARRAYS)
    assert noticed > len(whole) / 9


def test_noise_in_the_middle(saved):
    whole, noise = saved.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        start, length = noise.integers(len(whole) - 40), noise.integers(8, 40)
        saved.write_bytes(whole[:start] + noise.bytes(length) + whole[start + length :])
        try:
            _, arrays = load(saved)
        except CheckpointError as error:
            assert "\n" not in str(error)
        else:
            assert all(arrays[name].tobytes() == ARRAYS[name].tobytes() for name in arrays)


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def as_header(value):
    return np.frombuffer(value if isinstance(value, bytes) else json.dumps(value).encode(), np.uint8)


def archive(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def long_head():
    """An array file whose own header is longer than NumPy reads: its complaint has several lines."""
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }" + b" " * 20_000 + b"\n"
    return b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + bytes(4)


FOREIGN = {
    "nothing": (b"", "damaged, or no checkpoint"),
    "text": (b"epoch,loss\n1,0.5\n", "damaged, or no checkpoint"),
    "zeros": (bytes(5000), "damaged, or no checkpoint"),
    "an array": (npy(np.zeros(3)), "damaged, or no checkpoint"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(500), "damaged, or no checkpoint"),
    "an empty zip": (archive(), "it has no header"),
    "another zip": (archive(**{"word/document.xml": b"<a/>"}), "it has no header"),
    "an npz of someone else": (npz(x=np.zeros(3)), "it has no header"),
    "a header that is a file": (archive(**{HEADER: b"{}"}), "damaged, or no checkpoint"),
    "a header of text": (npz(**{HEADER: as_header(b"steps: 3")}), "JSONDecodeError"),
    "a header of bytes": (npz(**{HEADER: as_header(b"\xff\xfe\x00\x01\x80")}), "damaged"),
    "an empty header": (npz(**{HEADER: as_header(b"")}), "JSONDecodeError"),
    "a header that is a number": (npz(**{HEADER: as_header(b"3")}), "TypeError"),
    "a header that is a list": (npz(**{HEADER: as_header([1])}), "TypeError"),
    "a header of no format": (npz(**{HEADER: as_header({"steps": 3})}), "it has no header"),
    "a header too deep": (npz(**{HEADER: as_header(b"[" * 100_000)}), "RecursionError"),
    "another format": (
        npz(**{HEADER: as_header({"format": "nanogan 2"})}),
        "'nanogan 2', and this version of nanogan reads 'nanogan 1'; update nanogan",
    ),
    "a format of many words": (npz(**{HEADER: as_header({"format": ["x" * 900]})}), "update nanogan"),
    "an array with a long head": (archive(**{HEADER + ".npy": npy(as_header({"format": FORMAT})), "x.npy": long_head()}), "damaged"),
    "an array that is none": (archive(**{HEADER + ".npy": npy(as_header({"format": FORMAT})), "x.npy": b"\x93NUMPY"}), "damaged"),
    "an array that is too short": (archive(**{HEADER + ".npy": npy(as_header({"format": FORMAT})), "x.npy": npy(np.zeros(9))[:-8]}), "damaged"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_files_of_others(what, tmp_path):
    content, said = FOREIGN[what]
    (tmp_path / "a.npz").write_bytes(content)
    assert said in refused(tmp_path / "a.npz")
    refused(tmp_path / "a.npz", call=ng.load_generator)


class Bomb:
    """What is pickled so makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("where", ["an array", "the header", "an .npy", "a pickle", "a pickle in the zip"])
def test_nothing_in_a_file_is_run(where, tmp_path):
    bomb, header = Bomb(tmp_path / "exploded"), as_header({"format": FORMAT, "recipe": "gaussian2d", "options": {}})
    boxed = np.array([bomb], dtype=object)
    content = {
        "an array": lambda: npz(**{HEADER: header, "generator/dense_1.weight": boxed}),
        "the header": lambda: npz(**{HEADER: boxed}),
        "an .npy": lambda: npy(boxed),
        "a pickle": lambda: pickle.dumps(bomb),
        "a pickle in the zip": lambda: archive(**{HEADER + ".npy": npy(header), "generator/x": pickle.dumps(bomb)}),
    }[where]()
    (tmp_path / "a.npz").write_bytes(content)
    if where != "a pickle in the zip":  # which is read as bytes, and is no array of a network
        refused(tmp_path / "a.npz")
    refused(tmp_path / "a.npz", call=ng.load_generator)
    refused(tmp_path / "a.npz", call=ng.load_generator, network=nn.Sequential(nn.Dense(2, 2)))
    assert not (tmp_path / "exploded").exists()
    if where == "a pickle":
        pickle.loads(content)
        assert (tmp_path / "exploded").exists()  # it would have


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "file").write_text("mine")
    for name in ("none.npz", "none/a.npz", "file/a.npz"):
        assert refused(tmp_path / name).startswith("there is no run or file ")
    assert "cannot be read" in refused(tmp_path)  # a folder


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(saved):
    saved.chmod(0)
    assert "cannot be read (Permission denied)" in refused(saved)


# --- Networks from files --------------------------------------------------------------------------------------


def dataset_for(recipe, n=8):
    noise = np.random.default_rng(0)
    if len(recipe.image_shape) == 1:
        return Dataset("points", noise.standard_normal((n, *recipe.image_shape)).astype(np.float32))
    return Dataset("noise", noise.integers(0, 256, (n, *recipe.image_shape), dtype=np.uint8))


def trained(folder, name, steps=1, **options):
    """(trainer, run) after a few steps, with its checkpoint saved."""
    recipe = recipes.get(name, batch_size=4, **options)
    trainer = Trainer(recipe, dataset_for(recipe), 3)
    with Run.new(folder, {"recipe": name, "options": recipe.changes}) as run, np.errstate(all="ignore"):
        for _ in range(steps):
            trainer.step()
        run.save_checkpoint(trainer)
    return trainer, run


@pytest.fixture(scope="module")
def quick_by_backend():
    return {}


@pytest.fixture
def quick(backend, quick_by_backend, tmp_path_factory):
    """Of the backend in use."""
    if backend not in quick_by_backend:
        quick_by_backend[backend] = trained(tmp_path_factory.mktemp("runs") / "quick", "quickstart", 2, grid="2x2")
    return quick_by_backend[backend]


def equal(a, b):
    return np.array_equal(ng.to_numpy(a), ng.to_numpy(b))


@pytest.mark.every_backend
@pytest.mark.parametrize("file", [".", "checkpoint.npz", "generator.npz"])
def test_the_generator_of_a_run(file, quick):
    trainer, run = quick
    before = random.stream().bit_generator.state
    generator = ng.load_generator(run.folder / file)
    assert random.stream().bit_generator.state == before  # its first weights were drawn from another stream
    assert not any(part.training for _, part in generator.modules())
    assert equal(generator(trainer.sample_noise), trainer.samples())
    assert generator.recipe.name == "quickstart" and generator.recipe.batch_size == 4
    ng.seed(8)
    z = generator.latent(5)
    ng.seed(8)
    assert equal(z, trainer.recipe.latent(5)) and generator(z).shape == (5, 28, 28, 1)
    state = trainer.generator.state_dict()
    assert all(np.array_equal(value, state[name]) for name, value in generator.state_dict().items())
    assert "28, 28, 1" in ng.summary(generator, (32,))  # still a network like any other


@pytest.mark.every_backend
@pytest.mark.parametrize("file", [".", "checkpoint.npz", "critic.npz"])
def test_the_critic_of_a_run(file, quick):
    trainer, run = quick
    critic = ng.load_critic(str(run.folder / file))
    real = trainer.dataset.batch(range(8))
    expected = trainer.critic.eval()(real).data
    trainer.critic.train()
    assert equal(critic(real), expected) and critic.recipe.name == "quickstart"


@pytest.mark.every_backend
def test_without_the_run(quick, tmp_path):
    """A file tells all that is needed, whatever it is called."""
    trainer, run = quick
    shutil.copy(run.folder / "generator.npz", tmp_path / "mine.npz")
    assert equal(ng.load_generator(tmp_path / "mine.npz")(trainer.sample_noise), trainer.samples())
    (tmp_path / "only").mkdir()
    shutil.copy(run.folder / "checkpoint.npz", tmp_path / "only")
    assert equal(ng.load_generator(tmp_path / "only")(trainer.sample_noise), trainer.samples())


@pytest.mark.every_backend
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gaussian2d", {}),
        ("mlp-mnist", {}),
        ("wgan-gp-mnist", {"batch_norm": False, "dropout": "0.1"}),
        ("wgan-gp-paper", {"batch_norm": True, "n_critic": 1}),
        ("ring2d", {"width": "16", "objective": "least-squares"}),
        ("dcgan-pokemon", {"slope": 0.0, "bn_init": "ones"}),
    ],
)
def test_options_make_the_networks_that_they_made(name, options, tmp_path):
    trainer, run = trained(tmp_path / "run", name, steps=0, **options)
    generator, critic = ng.load_generator(run.folder), ng.load_critic(run.folder)
    z = trainer.recipe.latent(3)
    made = trainer.generator.eval()(z)
    assert equal(generator(z), made)
    assert equal(critic(made), trainer.critic.eval()(made))
    assert generator.recipe.options() == trainer.recipe.options()


@pytest.mark.every_backend
def test_what_one_backend_wrote_another_reads(quick):
    """In either direction: with the same arrays, from which the same samples come, up to rounding."""
    trainer, run = quick
    with ng.use("numpy"):
        generator = ng.load_generator(run.folder)
        assert all(equal(value, trainer.generator.state_dict()[name]) for name, value in generator.state_dict().items())
        made = generator(ng.to_numpy(trainer.sample_noise)).numpy()
        save(run.folder.parent / "numpy.npz", {}, checkpoint.prefixed("generator", generator.state_dict()))
    np.testing.assert_allclose(made, ng.to_numpy(trainer.samples()), atol=1e-5)
    network = trainer.recipe.networks[0]()
    again = ng.load_generator(run.folder.parent / "numpy.npz", network)
    assert equal(again(trainer.sample_noise), trainer.samples())


@pytest.mark.every_backend
def test_the_size_of_the_files(quick):
    """generator.npz holds the generator, and critic.npz the critic: nothing else."""
    trainer, run = quick
    for file, network in (("generator.npz", trainer.generator), ("critic.npz", trainer.critic)):
        header, arrays = load(run.folder / file)
        which = file.removesuffix(".npz")
        assert list(arrays) == [f"{which}/{name}" for name in network.state_dict()]
        assert header == {"format": FORMAT, "kind": which, "steps": 2, "recipe": "quickstart", "options": {"batch_size": 4, "grid": [2, 2]}}


@pytest.mark.every_backend
def test_a_network_of_ones_own(tmp_path):
    trainer, run = trained(tmp_path / "run", "gaussian2d", 3)
    mine = nn.Sequential(nn.Dense(2, 2))
    before = random.stream().bit_generator.state
    assert ng.load_generator(run.folder, network=mine) is mine and not mine.training
    assert random.stream().bit_generator.state == before
    z = trainer.recipe.latent(4)
    assert equal(mine(z), trainer.generator(z))
    critic = nn.Sequential(nn.Dense(2, 5), nn.Tanh(), nn.Dense(5, 3), nn.Tanh(), nn.Dense(3, 1))
    assert equal(ng.load_critic(run.folder, critic)(z), trainer.critic(z))


@pytest.mark.every_backend
def test_a_network_of_ones_own_needs_no_recipe(tmp_path):
    save(tmp_path / "a.npz", {}, {"generator/dense_1.weight": np.ones((2, 3), np.float32), "generator/dense_1.bias": np.zeros(3, np.float32)})
    made = ng.load_generator(tmp_path / "a.npz", nn.Sequential(nn.Dense(2, 3)))
    assert made(np.ones((1, 2), np.float32)).numpy().tolist() == [[2, 2, 2]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h, a: a.pop("generator/dense_1.bias"), "the state lacks dense_1.bias"),
        (lambda h, a: a.update({"generator/dense_2.bias": np.zeros(2)}), "the state holds dense_2.bias"),
        (lambda h, a: a.update({"generator/dense_1.bias": np.zeros(3, np.float32)}), r"dense_1.bias is \(2,\) here and \(3,\) in the state"),
        (lambda h, a: a.update({"generator/dense_1.weight": np.zeros((2, 2, 1), np.float32)}), "dense_1.weight"),
        (lambda h, a: h.pop("recipe"), "does not fit this version of nanogan"),
        (lambda h, a: h.pop("options"), "does not fit this version of nanogan"),
        (lambda h, a: h.update(recipe="dcgan-mars"), "no recipe 'dcgan-mars'"),
        (lambda h, a: h.update(recipe=["gaussian2d"]), "does not fit"),
        (lambda h, a: h.update(recipe=None), "no recipe None"),
        (lambda h, a: h.update(recipe="ring2d"), "the state lacks "),
        (lambda h, a: h.update(options={"colour": 3}), "gaussian2d has no option 'colour'"),
        (lambda h, a: h.update(options={"lr": "fast"}), "option lr of gaussian2d: "),
        (lambda h, a: h.update(options={"name": "ring2d"}), "does not fit"),
        (lambda h, a: h.update(options=[1]), "does not fit"),
        (lambda h, a: h.update(options="lr"), "does not fit"),
        (lambda h, a: [a.pop(key) for key in list(a) if key.startswith("generator/")], "holds no generator; name a run's folder"),
    ],
)
def test_networks_that_do_not_fit(change, said, tmp_path):
    _, run = trained(tmp_path / "run", "gaussian2d")
    header, arrays = load(run.folder / "checkpoint.npz")
    change(header, arrays)
    path = tmp_path / "changed.npz"
    save(path, header, arrays)
    refused(path, said, ng.load_generator)


def test_the_wrong_file(quick, tmp_path):
    _, run = quick
    assert "holds no critic" in refused(run.folder / "generator.npz", None, ng.load_critic)
    assert "holds no generator" in refused(run.folder / "critic.npz", None, ng.load_generator)
    assert "holds no checkpoint.npz and no generator.npz" in refused(tmp_path, None, ng.load_generator)
    assert "holds no checkpoint.npz and no critic.npz" in refused(tmp_path, None, ng.load_critic)
    assert "there is no run or file" in refused(tmp_path / "none", None, ng.load_generator)
    refused(run.folder / "generator.npz", "the state lacks|the state holds|in the state", ng.load_generator, network=nn.Sequential(nn.Dense(2, 2)))


def test_a_home_folder(quick, tmp_path, monkeypatch):
    _, run = quick
    shutil.copytree(run.folder, tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert ng.load_generator("~/mine").recipe.name == "quickstart"
    assert load("~/mine/critic.npz")[0]["kind"] == "critic"
