"""Simulated live traffic: rows of independent normal features, shifted from a known row on."""

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


def reference(rows: Rows) -> Reference:
    """Makes of training rows what a registered version has."""
    names = [f"x{at}" for at in range(len(rows))]
    document = {
        "features": {name: number_bins(row) for name, row in zip(names, rows, strict=True)},
        "prediction": category_counts(["No"] * 7 + ["Yes"] * 3),
    }
    inputs = [{"name": name, "dtype": "float32"} for name in names]
    return read_reference(document, {"signature": {"inputs": inputs}, "classes": ["No", "Yes"]})


def count(known: Reference, rows: Rows) -> Counts:
    """Counts rows as they come out of an event: lists, with as many answers."""
    features = {f"x{at}": row for at, row in enumerate(rows.tolist())}
    return known.count(features, ["No"] * rows.shape[1])
