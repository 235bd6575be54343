"""What a learner has done, in a file: progress.json in the current folder, or where NANOGAN_PROGRESS says.

{"06.im2col": {"passed": true, "tries": 3, "hints": 1}}
"""

import json
import os
import pathlib

from nanogan.backend import NanoganError
from nanogan.viz.files import whole_file


def file():
    return pathlib.Path(os.environ.get("NANOGAN_PROGRESS") or "progress.json").expanduser()


def read():
    """{name of an exercise: {"passed", "tries", "hints"}}; raises NanoganError for a file that is something else."""
    return load(file(), {}, _records)


def _records(found):
    if not (isinstance(found, dict) and all(isinstance(record, dict) for record in found.values())):
        raise ValueError("no record of exercises")
    return {name: {"passed": bool(r.get("passed")), "tries": int(r.get("tries", 0)), "hints": int(r.get("hints", 0))} for name, r in found.items()}


def note(name, **changes):
    """Change the record of an exercise, and write the file; returns the record.  tries and hints are added to, passed stays once it is true."""
    records = read()
    record = records.setdefault(name, {"passed": False, "tries": 0, "hints": 0})
    record["passed"] = record["passed"] or changes.get("passed", False)
    for what in ("tries", "hints"):
        record[what] += changes.get(what, 0)
    save(file(), records)
    return record


def load(path, empty, checked):
    """checked(what the JSON file ``path`` holds), ``empty`` where there is none; raises NanoganError where it cannot be read or ``checked`` raises."""
    try:
        return checked(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return empty
    except (OSError, ValueError, TypeError) as error:
        raise NanoganError(f"{path} cannot be read ({error}); move it away, and a new one is begun") from error


def save(path, value):
    """Write JSON to ``path``, whole or not at all; raises NanoganError where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as new:
            new.write((json.dumps(value, indent=2, sort_keys=True) + "\n").encode())
    except OSError as error:
        raise NanoganError(
            f"{path} cannot be written ({error.strerror or error}); name another place with the environment variable NANOGAN_PROGRESS"
        ) from error
