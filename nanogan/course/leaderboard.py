"""The leaderboard of notebook 10: leaderboard.json, beside progress.json.

    leaderboard.enter("quickstart, 600 steps", data="glyphs", features="c177c07d", samples=2000, seeds=[0, 1, 2], frechet=[41.2, 38.0, 44.9])
    leaderboard.show()

A score is worth nothing without what it depends on, so an entry says it: the data, the network of the features, how many samples, and one
distance for each seed.  Only entries that agree in the first three compare, and ``show`` keeps others apart.
"""

import statistics

from nanogan.backend import NanoganError
from nanogan.course import records

FIELDS = ("data", "features", "samples")  # what has to agree


def file():
    return records.file().with_name("leaderboard.json")


def read():
    """[{"recipe", "data", "features", "samples", "seeds", "frechet"}]; raises NanoganError for a file that is something else."""
    return records.load(file(), [], _entries)


def _entries(found):
    needed = {"recipe", "seeds", "frechet", *FIELDS}
    if not (isinstance(found, list) and all(isinstance(entry, dict) and needed <= entry.keys() for entry in found)):
        raise ValueError("no leaderboard")
    return found


def enter(recipe, *, data, features, samples, seeds, frechet):
    """Add an entry, or replace the recipe's for the same data, features and number of samples.

    seeds: a list; frechet: the distance of each.  Raises NanoganError where there is not one distance for each seed.
    """
    seeds, frechet = [int(seed) for seed in seeds], [float(distance) for distance in frechet]
    if len(seeds) != len(frechet) or not seeds or len(set(seeds)) < len(seeds):
        raise NanoganError(f"leaderboard: {len(frechet)} distances for the seeds {seeds}; give one for each, and each seed once")
    entry = {"recipe": str(recipe), "data": str(data), "features": str(features), "samples": int(samples), "seeds": seeds, "frechet": frechet}
    same = ("recipe", *FIELDS)
    entries = [old for old in read() if [old[field] for field in same] != [entry[field] for field in same]]
    records.save(file(), [*entries, entry])


def show():
    """Print it, the best first by the mean over seeds, with the least and the largest.

    >>> show()  # doctest: +SKIP
    glyphs, 2,000 samples, features c177c07d
       mean    least  largest  seeds
      41.37    38.00    44.90      3  quickstart, 600 steps
    """
    entries = read()
    if not entries:
        print("the leaderboard is empty")
    for kind in sorted({tuple(entry[field] for field in FIELDS) for entry in entries}, key=str):
        print(f"{kind[0]}, {kind[2]:,} samples, features {kind[1]}")
        print("     mean    least  largest  seeds")
        mine = [entry for entry in entries if tuple(entry[field] for field in FIELDS) == kind]
        for entry in sorted(mine, key=lambda entry: statistics.fmean(entry["frechet"])):
            d = entry["frechet"]
            print(f"{statistics.fmean(d):9.2f} {min(d):8.2f} {max(d):8.2f}  {len(d):5}  {entry['recipe']}")
