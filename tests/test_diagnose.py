"""``python -m nanogan.diagnose``: what it says of a run's folder, in words and as JSON; and what training says by itself.  Mistakes are in ``test_bad_input.py``."""

import json
import re
import shlex
import shutil

import numpy as np
import pytest
from commands import ROOT, call, environment, process, said, tree

import nanogan as ng
from nanogan import diagnose, train
from nanogan.gan import checkpoint
from nanogan.gan.diagnosis import examine
from nanogan.gan.diagnosis.finding import NAMES


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders by name: one healthy, one in which the critic has won, and one in which the generator collapsed, with what training said of it beside."""
    folder = tmp_path_factory.mktemp("runs")
    for name, arguments in {
        "healthy": ["--recipe", "gaussian2d", "--steps", 1000],
        "won": ["--recipe", "quickstart", "--lr", "1e-5,5e-3", "--steps", 140, "--batch-size", 8, "--set", "log_every=20", "--set", "grid=2x4"],
    }.items():
        assert call(train, *arguments, "--out", folder / name) == 0
    done = process("train", "--recipe", "ring2d", "--lr", "1e-1", "--steps", 400, "--set", "log_every=20", "--out", folder / "collapsed")
    assert done.returncode == 0
    (folder / "collapsed.txt").write_text(done.stderr)
    return folder


def test_a_healthy_run(runs, capsys):
    before = tree(runs / "healthy")
    ng.seed(3)
    state = ng.backend.random.stream().bit_generator.state
    assert call(diagnose, runs / "healthy") == 0
    assert ng.backend.random.stream().bit_generator.state == state
    out = capsys.readouterr()
    assert (
        out.out == f"{runs / 'healthy'} (gaussian2d, 1,000 steps): healthy: nothing found (how good its samples are, nanogan.evaluate says)\n"
        and out.err == ""
    )
    assert tree(runs / "healthy") == before


def test_a_sick_run(runs, capsys):
    assert call(diagnose, runs / "collapsed") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].endswith("(ring2d, 400 steps): 2 findings")
    assert "1. generator-collapsed" in out and "2. dead-units" in out and "-> lower --lr" in out
    assert max(map(len, out.splitlines()[1:])) <= 100


def test_json(runs, capsys):
    assert call(diagnose, runs / "won", "--json") == 0
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (found["recipe"], found["steps"], found["history"], found["networks"], found["healthy"]) == ("quickstart", 140, 140, 140, False)
    assert found["left_out"] == ["young run, networks of step 140: a collapse is not looked for before step 300"]
    won = found["findings"][0]
    assert won.keys() == {"name", "sentence", "remedy", "figures", "since"}
    assert won["name"] == "critic-won" and 0 < won["since"] <= 100 and won["figures"]["accuracy"] > 0.98


def test_pictures_tell_when_it_collapsed(runs, tmp_path):
    """The first picture is of many images, the later ones of one."""
    from nanogan import viz
    from nanogan.gan import recipes

    shutil.copytree(runs / "won", tmp_path / "run")
    recipe = recipes.get("quickstart", grid="2x4")
    many = np.random.default_rng(0).uniform(-1, 1, (8, 28, 28, 1))
    for step in (0, 70, 140):
        viz.save_image_grid(tmp_path / "run" / "samples" / f"step_{step:06d}.png", many if step == 0 else many[:1].repeat(8, axis=0), 2, 4)
    assert examine.collapsed_since(tmp_path / "run", recipe) == 70
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examine, "PICTURES", 2)  # every second one, from the last
        assert examine.collapsed_since(tmp_path / "run", recipe) == 140
    (tmp_path / "run" / "real.png").unlink()
    assert examine.collapsed_since(tmp_path / "run", recipe) is None


def told(run, capsys, *options):
    """What diagnose says of a run, in one line."""
    assert call(diagnose, run, *options) == 0
    return " ".join(capsys.readouterr().out.split())


def test_a_young_run_is_not_called_sick(tmp_path, capsys):
    """Its moving statistics lag, and it draws a lattice, like every network at first."""
    line = ["--recipe", "quickstart", "--batch-size", 4, "--set", "log_every=2", "--set", "grid=1x2", "--out", tmp_path / "run"]
    assert call(train, *line, "--steps", 1) == 0
    capsys.readouterr()
    out = told(tmp_path / "run", capsys)
    assert "(quickstart, 1 step): nothing found in what could be judged" in out
    assert "young run, networks of step 1: samples and units are not judged before step 16, a collapse is not looked for before step 200" in out
    assert "young run, history to step 1: a critic that has won is not looked for before step 100" in out


def test_networks_that_are_older_than_the_history(runs, tmp_path, capsys):
    """As while a run goes on, with a checkpoint once a minute."""
    shutil.copytree(runs / "healthy", tmp_path / "run")
    assert call(train, "--recipe", "gaussian2d", "--steps", 2, "--out", tmp_path / "young") == 0
    shutil.copy(tmp_path / "young" / "checkpoint.npz", tmp_path / "run")
    capsys.readouterr()
    out = told(tmp_path / "run", capsys)
    assert "(gaussian2d, networks of step 2, history to 1,000): nothing found in what could be judged left out: young run, networks of step 2" in out


def test_a_damaged_checkpoint_leaves_the_history(runs, tmp_path, capsys):
    shutil.copytree(runs / "won", tmp_path / "run")
    path = tmp_path / "run" / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-100])
    out = told(tmp_path / "run", capsys)
    assert "critic-won" in out and f"left out: networks and samples are not judged: {path} is damaged" in out
    shutil.copy(runs / "healthy" / "checkpoint.npz", path)
    out = told(tmp_path / "run", capsys)
    assert "critic-won" in out and "is of the recipe gaussian2d, and config.json says quickstart; put back the checkpoint of this run" in out


def test_what_is_wrong_with_a_history(runs, tmp_path, capsys):
    shutil.copytree(runs / "healthy", tmp_path / "run")
    path = tmp_path / "run" / "history.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:4], "torn\n", *lines[5:], "1025,0.1"]))  # the last one is just being written
    out = told(tmp_path / "run", capsys)
    assert "nothing found in what could be judged" in out and "left out: history.csv is damaged at line 5: what is no row is not judged" in out
    path.write_text("".join([lines[0], "torn\n"]))
    assert "left out: history.csv is damaged at line 2 and holds no row: losses are not judged" in told(tmp_path / "run", capsys)
    for text in ("", lines[0]):
        path.write_text(text)
        assert "left out: history.csv holds no row: losses are not judged" in told(tmp_path / "run", capsys)
    path.unlink()
    assert "left out: there is no history.csv: losses are not judged" in told(tmp_path / "run", capsys)
    (tmp_path / "run" / "checkpoint.npz").unlink()
    assert "nothing could be judged" in told(tmp_path / "run", capsys) and '"healthy": null' in told(tmp_path / "run", capsys, "--json")


def test_a_run_without_checkpoint_or_data(runs, tmp_path, capsys):
    shutil.copytree(runs / "won", tmp_path / "run")
    (tmp_path / "run" / "checkpoint.npz").unlink()
    assert call(diagnose, tmp_path / "run") == 0
    out = capsys.readouterr().out
    assert "critic-won" in out and "left out: there is no checkpoint.npz" in out
    config = json.loads((runs / "won" / "config.json").read_text())
    shutil.copy(runs / "won" / "checkpoint.npz", tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text(json.dumps(config | {"data": str(tmp_path / "gone")}))
    assert call(diagnose, tmp_path / "run") == 0
    assert "the data are not there" in capsys.readouterr().out


def test_weights_that_are_no_numbers(runs, tmp_path, capsys):
    shutil.copytree(runs / "won", tmp_path / "run")
    header, arrays = checkpoint.load(tmp_path / "run" / "checkpoint.npz")
    arrays["generator/dense_2.weight"][5, 5] = np.inf
    checkpoint.save(tmp_path / "run" / "checkpoint.npz", header, arrays)
    assert call(diagnose, tmp_path / "run") == 0
    assert "the generator's layer dense_2 is the first to make values that are not finite (its weight" in " ".join(capsys.readouterr().out.split())


def test_a_loss_that_is_no_number_is_traced_to_a_layer(tmp_path, capsys):
    """The checkpoint is from before that: the steps in between are made again."""
    run = tmp_path / "run"
    assert call(train, "--recipe", "ring2d", "--lr", "1e30", "--steps", 20, "--batch-size", 16, "--set", "log_every=2", "--out", run) == 1
    before = tree(run)
    capsys.readouterr()
    assert call(diagnose, run, "--json") == 0
    finding = json.loads(capsys.readouterr().out)["findings"][0]
    assert finding["name"] == "not-finite" and finding["since"] <= 20 and finding["figures"]["layer"].startswith("dense_")
    assert "is the first to make values that are not finite" in finding["sentence"] and tree(run) == before


def test_training_says_it_once_and_diagnosing_again(runs):
    (line,) = said((runs / "collapsed.txt").read_text())
    assert line.startswith("nanogan: note: the generator has collapsed: ")
    done = process("diagnose", runs / "collapsed")
    assert (done.returncode, done.stderr) == (0, "") and "generator-collapsed" in done.stdout


PAGE = (ROOT / "docs" / "diagnosis.md").read_text(encoding="utf-8")
COMMANDS = re.compile(r"^python -m nanogan.train ((?:.*\\\n)*.*)$", re.M)  # with the lines that a backslash goes on to
SECTIONS = [
    (section.partition("\n")[0].strip(), [line.replace("\\\n", " ") for line in COMMANDS.findall(section)]) for section in PAGE.split("\n## ")[1:]
]


def test_the_page_tells_of_every_finding():
    assert {name for name, _ in SECTIONS} >= set(NAMES)
    assert all(f"[`{name}`](#{name})" in PAGE for name in NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name, line", [(name, line) for name, lines in SECTIONS for line in lines])
def test_the_commands_on_the_page_provoke_what_they_stand_for(name, line, tmp_path, request):
    needs_mnist = "--data" not in line and "-mnist" in line
    folder = request.getfixturevalue("data_dir") if needs_mnist else "no-data"
    done = process("train", *shlex.split(line), "--out", tmp_path / "run", env=environment(NANOGAN_DATA=str(folder)), timeout=900)
    assert done.returncode == (1 if name == "not-finite" else 0), done.stderr
    done = process("diagnose", tmp_path / "run", "--json", env=environment(NANOGAN_DATA=str(folder)))
    assert name in [finding["name"] for finding in json.loads(done.stdout)["findings"]], done.stdout
