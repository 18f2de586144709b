"""Computes population stability indices with numpy, on its own, and writes them with their data to `cases.json`.

Run it with a Python that has numpy: `python3 make.py`. The test holds the crate against these figures.
"""

import json
import pathlib

import numpy as np

rng = np.random.default_rng(11)


def psi(expected, actual):
    """The index of two lists of counts, half a row added to each bin."""
    e = np.asarray(expected, dtype=float) + 0.5
    a = np.asarray(actual, dtype=float) + 0.5
    e, a = e / e.sum(), a / a.sum()
    return float(np.sum((a - e) * np.log(a / e)))


def numeric(training, newer):
    """Deciles of the training values that are there; the missing in a bin of their own."""
    there, now = training[~np.isnan(training)], newer[~np.isnan(newer)]
    edges = np.unique(np.quantile(there, np.arange(1, 10) / 10))
    count = lambda values: np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return psi([*count(there), len(training) - len(there)], [*count(now), len(newer) - len(now)])


def categorical(training, newer, most=50):
    """The most frequent values, all others together, the missing in a bin of their own."""
    names, counts = np.unique([value for value in training if value is not None], return_counts=True)
    order = np.lexsort((names, -counts))[:most]
    kept = [names[index] for index in order if counts[index] >= 5]
    # A value of which fewer than 20 rows are expected is one of the others.
    kept = [name for name in kept if training.count(name) * len(newer) >= 20 * len(training)]

    def count(values):
        bins = [sum(value == name for value in values) for name in kept]
        missing = sum(value is None for value in values)
        return [*bins, len(values) - missing - sum(bins), missing]

    return psi(count(training), count(newer))


def floats(values):
    return [None if np.isnan(value) else float(value) for value in np.round(values, 6)]


def holes(values, share):
    values = values.copy()
    values[rng.random(len(values)) < share] = np.nan
    return values


cases = []
base = lambda n: rng.normal(0, 1, n)
for name, training, newer in [
    ("same normal", base(2000), base(1500)),
    ("shift of half a deviation", base(2000), base(1500) + 0.5),
    ("shift of two deviations", base(1000), base(1000) + 2),
    ("twice as wide", base(1000), base(700) * 2),
    ("lognormal", rng.lognormal(3, 1, 1200), rng.lognormal(3.2, 1, 900)),
    ("more missing", holes(base(1000), 0.02), holes(base(800), 0.2)),
    ("all beyond", base(500), base(400) + 100),
    ("many ties", np.maximum(base(900), 0), np.maximum(base(900) + 0.3, 0)),
]:
    training, newer = np.round(training, 6), np.round(newer, 6)
    cases.append({"name": name, "training": floats(training), "newer": floats(newer), "psi": numeric(training, newer)})
letters = np.array(list("abcdefgh"))
for name, training, newer in [
    ("same letters", rng.choice(letters, 1500), rng.choice(letters, 1000)),
    ("other shares", rng.choice(letters, 1500), rng.choice(letters, 1000, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05])),
    ("new letters", rng.choice(letters[:4], 1000), rng.choice(letters, 1000)),
    ("a hundred values", rng.integers(0, 100, 4000).astype(str), rng.integers(0, 100, 3000).astype(str)),
    ("rare values", np.where(rng.random(1000) < 0.01, "rare", "common"), np.where(rng.random(800) < 0.02, "rare", "common")),
]:
    training, newer = ([None if hole else f"v{value}" for value, hole in zip(values, rng.random(len(values)) < 0.05)] for values in (training, newer))
    cases.append({"name": name, "training": training, "newer": newer, "psi": categorical(training, newer)})
path = pathlib.Path(__file__).with_name("cases.json")
path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
for case in cases:
    print(f"{case['psi']:.6f}  {case['name']}")
