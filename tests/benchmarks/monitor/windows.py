"""Simulated live traffic: rows of independent normal features, shifted from a known row on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.monitor.statistics.binning import Counts, Reference, read_reference
from components.package.reference import category_counts, number_bins

Rows = NDArray[np.float64]


def training(features: int, rows: int, seed: int) -> Rows:
    """Draws the reference's rows, float64 (features, rows), of float32 as a model is trained on."""
    drawn = np.random.default_rng([seed, 0]).normal(size=(features, rows))
    return drawn.astype(np.float32).astype(np.float64)


def live(features: int, rows: int, seed: int, *, shift: float = 0.0, shifted: int = 1) -> Rows:
    """Draws live rows, float64 (features, rows), of which the first features are shifted."""
    drawn = np.random.default_rng([seed, 1]).normal(size=(features, rows))
    drawn[:shifted] += shift
    return drawn.astype(np.float32).astype(np.float64)


def describe(rows: Rows) -> dict[str, Any]:
    """Makes of training rows the `reference.json` of a version."""
    return {
        "format": 1,
        "features": {f"x{at}": number_bins(row) for at, row in enumerate(rows)},
        "prediction": category_counts(["No"] * 7 + ["Yes"] * 3),
    }


def inputs(features: int) -> list[dict[str, str]]:
    """Returns the signature's inputs of so many number features."""
    return [{"name": f"x{at}", "dtype": "float32"} for at in range(features)]


def reference(rows: Rows) -> Reference:
    """Makes of training rows what a registered version has."""
    bundle = {"signature": {"inputs": inputs(len(rows))}, "classes": ["No", "Yes"]}
    return read_reference(describe(rows), bundle)


def count(known: Reference, rows: Rows) -> Counts:
    """Counts rows as they come out of an event: lists, with as many answers."""
    features = {f"x{at}": row for at, row in enumerate(rows.tolist())}
    return known.count(features, ["No"] * rows.shape[1])
