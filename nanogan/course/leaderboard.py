"""The leaderboard of notebook 10: leaderboard.json, beside progress.json.

    leaderboard.enter(
        "quickstart, 600 steps", data="glyphs", features="c177c07d", samples=2000, against=2000, seeds=[0, 1, 2], frechet=[41.2, 38.0, 44.9]
    )
    leaderboard.show()

A score is worth nothing without what it depends on, so an entry says it: the data, the network of the features, how many samples, how many real
images they are held against, and one distance for each seed.  Only entries that agree in the first four compare, and ``show`` keeps others apart.
"""

import math
import statistics

from nanogan.backend import NanoganError
from nanogan.course import records

FIELDS = ("data", "features", "samples", "against")  # what has to agree


def file():
    return records.file().with_name("leaderboard.json")


def read():
    """[{"recipe", "data", "features", "samples", "against", "seeds", "frechet"}]; raises NanoganError for a file that is something else."""
    return records.load(file(), [], _entries)


def _entries(found):
    needed = {"recipe", "seeds", "frechet", *FIELDS}
    if not (isinstance(found, list) and all(isinstance(entry, dict) and needed <= entry.keys() for entry in found)):
        raise ValueError("no leaderboard")
    return found


def enter(recipe, *, data, features, samples, against, seeds, frechet):
    """Add an entry, or replace the recipe's where all of FIELDS agree.

    recipe, data, features: text.  samples: how many were made, against: how many real ones they were held against.  seeds: a list; frechet: the
    distance of each.  Raises NanoganError where there is not one distance for each seed, and for what is no distance.
    """
    for name, value in {"recipe": recipe, "data": data, "features": features}.items():
        if not isinstance(value, str):
            raise NanoganError(f"leaderboard: {name} is a {type(value).__name__}; give its name, a text")
    try:
        seeds, frechet = [int(seed) for seed in seeds], [float(distance) for distance in frechet]
    except (TypeError, ValueError):
        raise NanoganError(
            "leaderboard: seeds and frechet are lists of numbers: a distance for each seed, such as seeds=[0], frechet=[41.2]"
        ) from None
    if len(seeds) != len(frechet) or not seeds or len(set(seeds)) < len(seeds):
        raise NanoganError(f"leaderboard: {len(frechet)} distances for the seeds {seeds}; give one for each, and each seed once")
    if not all(math.isfinite(distance) and distance >= 0 for distance in frechet):
        raise NanoganError(f"leaderboard: {frechet}; a distance is a number of 0 or more")
    entry = {
        "recipe": recipe, "data": data, "features": features, "samples": int(samples), "against": int(against), "seeds": seeds, "frechet": frechet,
    }  # fmt: skip
    same = ("recipe", *FIELDS)
    entries = [old for old in read() if [old[field] for field in same] != [entry[field] for field in same]]
    records.save(file(), [*entries, entry])


def show():
    """Print it, the best first by the mean over seeds, with the least and the largest.

    >>> show()  # doctest: +SKIP
    glyphs, 2,000 samples against 2,000 real ones, features c177c07d
       mean    least  largest  seeds
      41.37    38.00    44.90      3  quickstart, 600 steps
    """
    entries = read()
    if not entries:
        print("the leaderboard is empty")
    for kind in sorted({tuple(entry[field] for field in FIELDS) for entry in entries}, key=str):
        print(f"{kind[0]}, {kind[2]:,} samples against {kind[3]:,} real ones, features {kind[1]}")
        print("     mean    least  largest  seeds")
        mine = [entry for entry in entries if tuple(entry[field] for field in FIELDS) == kind]
        for entry in sorted(mine, key=lambda entry: statistics.fmean(entry["frechet"])):
            d = entry["frechet"]
            print(f"{statistics.fmean(d):9.2f} {min(d):8.2f} {max(d):8.2f}  {len(d):5}  {entry['recipe']}")
