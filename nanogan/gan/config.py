"""What is asked of a run, as plain data: read from files, checked, and held against what a run was.

    config = read("runs/mlp/config.json")         # {"recipe": "mlp-mnist", "options": {...}, "seed": 0, ...}

``--config`` and ``--resume`` begin with what is read here.
"""

import contextlib
import json
import os
import pathlib
import zlib

from nanogan import data
from nanogan.backend import NanoganError, backend_name
from nanogan.gan import checkpoint, environment, recipes

KINDS = {  # what a config.json says of its run, and of what kind each is
    "recipe": str, "options": dict, "data": str, "data_dir": str, "seed": int, "backend": str, "steps": int,
    "checkpoint_every": int, "keep_every": int, "score_every": int, "dataset": dict, "settings": dict, "parameters": dict, "versions": dict, "blas": dict,
}  # fmt: skip


def read(path):
    """The settings in a config.json.  Raises NanoganError for a file that is missing or says what no config.json says."""
    path = pathlib.Path(os.path.expanduser(path))
    path = path / "config.json" if os.path.isdir(path) else path
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NanoganError(f"there is no file {path} to read ({error.strerror or error}); name the config.json of a run") from error
    except (ValueError, RecursionError) as error:
        raise NanoganError(f"{path} is no JSON ({error}); name the config.json of a run") from error
    return _checked(path, config)


def _checked(path, config):
    if not isinstance(config, dict) or "recipe" not in config:
        raise NanoganError(f"{path} names no recipe; give the config.json of a run")
    for key, value in config.items():
        if key not in KINDS:
            raise NanoganError(f"{path}: {key!r:.60} is no setting of a run; the settings are {', '.join(KINDS)}")
        if value is not None and (not isinstance(value, KINDS[key]) or isinstance(value, bool) or (KINDS[key] is int and value < 0)):
            raise NanoganError(f"{path}: {key} is {value!r:.60}, which it cannot be; give the config.json of a run")
    if config.get("backend") not in (None, "numpy", "cupy", "auto"):
        raise NanoganError(f"{path}: backend is {config['backend']!r:.60}; choose numpy, cupy or auto")
    return {key: value for key, value in config.items() if value is not None}


def of_run(folder):
    """The settings of the run in ``folder``: of its checkpoint, or of its config.json if it was stopped before the first."""
    folder = pathlib.Path(os.path.expanduser(folder))
    if os.path.isfile(folder):
        raise NanoganError(f"--resume {folder}: a run is resumed by its folder; --resume {folder.parent} goes on from its checkpoint.npz")
    if not os.path.isdir(folder):
        raise NanoganError(f"there is no run {folder} to resume; name the folder of one, such as runs/quickstart-1")
    if (folder / "checkpoint.npz").exists():
        header, _ = checkpoint.load(folder / "checkpoint.npz")
        config = _checked(folder / "checkpoint.npz", header.get("config"))
        with contextlib.suppress(NanoganError):  # the length that was asked for last, even if no checkpoint came after
            config["steps"] = read(folder).get("steps", config.get("steps"))
        return config
    if (folder / "config.json").exists():
        return read(folder)
    raise NanoganError(f"{folder} holds no run (no checkpoint.npz and no config.json); name the folder of one, or train anew")


def refuse_differences(folder, base, config):
    """Raise NanoganError where ``config`` is not that of the run in ``folder``, ``base``: only length, data_dir and backend may change."""
    different = [key for key in ("recipe", "data", "seed") if lasting(base.get(key)) != lasting(config[key])]
    differences = [f"its {key} is {base.get(key)!r}, not {config[key]!r}" for key in different]
    if base["recipe"] == config["recipe"]:
        made, asked = (recipes.get(base["recipe"], **c["options"]).options() for c in (base | {"options": base.get("options", {})}, config))
        differences += [f"its {key} is {made[key]}, not {asked[key]}" for key in made if made[key] != asked[key]]
    if differences:
        raise NanoganError(f"--resume {folder} cannot become another run: {'; '.join(differences)}; leave that out, or train anew without --resume")


def lasting(place):
    """A path that is there, as it is called from any folder; anything else as it is."""
    if isinstance(place, str) and place not in data.names() and os.path.exists(os.path.expanduser(place)):
        return os.path.abspath(os.path.expanduser(place))
    return place


def complete(config, trainer, folder=None):
    """Add to ``config`` what is known only once the data are there; raise NanoganError where the run resumed in ``folder`` had others."""
    dataset = trainer.dataset
    facts = {"name": dataset.name, "samples": len(dataset), "shape": list(dataset.shape), "crc32": zlib.crc32(dataset.samples)}
    before = config.get("dataset")
    if before and before != facts:
        raise NanoganError(f"--resume {folder}: its data were {_in_words(before)}, and now they are {_in_words(facts)}; "
                           "bring the data back, or train anew")  # fmt: skip
    config["dataset"] = facts
    config["data"], config["data_dir"] = lasting(config["data"]), lasting(config["data_dir"])
    if config["data"] in data.download.FILES and "NANOGAN_DATA" in os.environ:  # found again where that is not set
        config["data_dir"] = config["data_dir"] or lasting(os.environ["NANOGAN_DATA"])
    config["backend"] = backend_name()
    config["settings"] = {key: value for key, value in vars(trainer.recipe).items() if key not in ("networks", "step", "about", "changes")}
    config["parameters"] = {"generator": count(trainer.generator), "critic": count(trainer.critic)}
    config["versions"], config["blas"] = environment.versions(), environment.blas_facts()


def _in_words(facts):
    return f"{facts['samples']:,} samples of {facts['name']} {tuple(facts['shape'])} (checksum {facts['crc32']:08x})"


def count(network):
    """{"trained": parameters, "statistics": moving means and variances}, how many numbers of each."""
    trained = sum(p.size for p in network.parameters())
    return {"trained": trained, "statistics": sum(value.size for _, value in network.named_state()) - trained}
