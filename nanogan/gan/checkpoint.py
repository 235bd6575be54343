"""Files that keep networks: written so that a crash cannot spoil them, read without running anything in them.

    save("checkpoint.npz", {"steps": 100}, {"generator/dense_1.weight": array})
    header, arrays = load("checkpoint.npz")
    generator = load_generator("runs/quickstart-1")       # an nn.Module; generator.latent(16) is noise for it

Such a file is an .npz of arrays, with one more that holds a header as JSON: which recipe and options
made the networks, so that they can be built anew without the run they come from.
"""

import contextlib
import json
import os
import pathlib

import numpy

from nanogan.backend import NanoganError, random
from nanogan.gan import recipes

FORMAT = "nanogan 1"
HEADER = "header.json"  # the name of the array that holds it
KEPT = "name a run's folder, or copy one that --keep-every has kept, checkpoints/step_N.npz, over the damaged file"
NAMES = {"generator": "generator.npz", "critic": "critic.npz"}


class CheckpointError(NanoganError):
    """A file of networks that is missing, damaged, foreign, or made for others; the message says which."""


@contextlib.contextmanager
def replacing(path):
    """A file to write in full, which then takes the place of ``path`` at once; if that fails, ``path`` is as it was.

    It is synced before it is renamed, and its folder after, so that even a power failure leaves the old file or the new.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno and not error.filename:  # a full disk does not say what was written
            error.filename = str(path)
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def sync_folder(folder):
    """Have the names in ``folder`` written to disk, where the system knows how to."""
    with contextlib.suppress(OSError):  # Windows opens no folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def save(path, header, arrays):
    """Write ``arrays``, {name: array}, and ``header``, which JSON must be able to hold, to the .npz file ``path``, atomically."""
    text = json.dumps({"format": FORMAT, "arrays": list(arrays)} | header).encode()
    with replacing(path) as file:
        numpy.savez(file, **{HEADER: numpy.frombuffer(text, numpy.uint8)}, **arrays)


def load(path):
    """(header, arrays) of a file that ``save`` wrote.  Raises CheckpointError where it did not, or the file is damaged."""
    import zipfile  # here, because it takes its time to import, and only reading needs it

    path = pathlib.Path(os.path.expanduser(path))
    try:
        with open(path, "rb") as file:
            if not zipfile.is_zipfile(file):
                raise CheckpointError(f"{path} is damaged, or no checkpoint of nanogan; {KEPT}")
            file.seek(0)
            with numpy.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        header = json.loads(arrays.pop(HEADER).tobytes())
        if header["format"] != FORMAT:
            raise CheckpointError(
                f"{path} was written in the format {header['format']!r:.40}, and this version of nanogan reads {FORMAT!r}; update nanogan"
            )
        if set(header.pop("arrays", arrays)) != arrays.keys():
            raise CheckpointError(f"{path} is damaged: it holds other arrays than its header says; {KEPT}")
        return header, arrays
    except CheckpointError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(f"there is no run or file {path}; check its name, or train first") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}); check its name and permissions") from error
    except Exception as error:  # a foreign or damaged archive can fail in any way: BadZipFile, KeyError, ValueError, MemoryError ...
        why = "it has no header" if isinstance(error, KeyError) else f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise CheckpointError(f"{path} is damaged, or no checkpoint of nanogan ({why:.100}); {KEPT}") from error


def prefixed(prefix, state):
    """{"prefix/name": array} of {name: array}."""
    return {f"{prefix}/{name}": array for name, array in state.items()}


def part(prefix, arrays):
    """{name: array} of those called "prefix/name"."""
    return {name.removeprefix(f"{prefix}/"): array for name, array in arrays.items() if name.startswith(f"{prefix}/")}


def load_generator(path, network=None):
    """The trained generator in ``path``, a run's folder, its checkpoint.npz or generator.npz: an ``nn.Module`` in inference mode.

    It maps noise to samples, and has ``.latent(n)`` to draw noise and ``.recipe``, whose generator it is.
    network: to load into, for a generator that no recipe builds.  Raises CheckpointError.

        generator = ng.load_generator("runs/quickstart-1")
        images = generator(generator.latent(16))         # (16, 28, 28, 1) in [-1, 1]
    """
    return _load_network("generator", path, network)


def load_critic(path, network=None):
    """The trained critic in ``path``, as ``load_generator`` has the generator: it maps samples to (N, 1) answers."""
    return _load_network("critic", path, network)


def _load_network(which, path, network):
    header, arrays = load(find(path, which))
    state = part(which, arrays)
    if not state:
        raise CheckpointError(f"{path} holds no {which}; name a run's folder, or its checkpoint.npz")
    try:
        if network is None:
            recipe = recipes.get(header["recipe"], **header["options"])
            with random.fork(0):  # its weights are about to be replaced
                network = recipe.networks[which == "critic"]()
            network.recipe, network.latent = recipe, recipe.latent
        network.load_state_dict(state)
    except (NanoganError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} does not fit this version of nanogan ({error}); load it with the version that wrote it") from error
    return network.eval()


def find(path, which):
    """The file that ``path`` stands for: itself, or in a run's folder the file of the network ``which``, else the checkpoint."""
    path = pathlib.Path(os.path.expanduser(path))
    if not os.path.isdir(path):
        return path
    for name in (NAMES[which], "checkpoint.npz"):
        if (path / name).is_file():
            return path / name
    raise CheckpointError(f"{path} holds no checkpoint.npz and no {NAMES[which]}; name the folder of a run that has saved one")
