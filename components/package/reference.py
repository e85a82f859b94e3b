"""The reference distributions: what the monitor compares live traffic with.

Deciles for numbers and counts for categories, because counters over fixed bins merge by addition
and cost a microsecond a row where a two-sample test costs a thousand.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.bundle import Prediction
from components.examples import Examples

FORMAT = 1
_BINS = 10
_MOST_CATEGORIES = 100


def reference(train: Examples, prediction: Prediction) -> dict[str, Any]:
    """Describes training features, and predictions on rows the model was not fitted on.

    Args:
        train: the training rows.
        prediction: answers for the validation rows; a model's answers on rows it was fitted on
            are surer than any it will give in service.

    Returns:
        What `reference.json` holds: for each number the 9 inner decile edges, 10 counts and the
        missing; for each category counts, missing and the rest.
    """
    signature = train.schema.signature
    features: dict[str, Any] = {}
    for index, name in enumerate(signature.numbers):
        features[name] = number_bins(train.numbers[:, index].astype(np.float64))
    for index, name in enumerate(signature.strings):
        features[name] = category_counts(train.strings[:, index].tolist())
    if prediction.values is not None:
        answers = number_bins(prediction.values)
    else:
        answers = category_counts([str(label) for label in prediction.labels or ()])
    return {"format": FORMAT, "rows": len(train), "features": features, "prediction": answers}


def number_bins(values: NDArray[np.float64]) -> dict[str, Any]:
    """Counts values between their deciles; a bin holds edge[i-1] <= value < edge[i].

    Args:
        values: (n,), NaN is missing.

    Returns:
        Edges (equal ones merged), counts (one more than edges) and missing.
    """
    present = values[np.isfinite(values)]
    inner = np.linspace(0, 1, _BINS + 1)[1:-1]
    edges = np.unique(np.quantile(present, inner)) if len(present) else np.array([])
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    return {
        "kind": "number",
        "edges": [float(edge) for edge in edges],
        "counts": [int(count) for count in counts],
        "missing": len(values) - len(present),
    }


def category_counts(values: list[str]) -> dict[str, Any]:
    """Counts categories, the 100 most frequent by name and the rest together; "" is missing."""
    names, counts = np.unique(
        np.array([v for v in values if v != ""], dtype=str), return_counts=True
    )
    order = np.lexsort((names, -counts))
    kept = sorted(order[:_MOST_CATEGORIES].tolist())
    return {
        "kind": "category",
        "categories": [str(names[i]) for i in kept],
        "counts": [int(counts[i]) for i in kept],
        "missing": values.count(""),
        "other": int(counts[order[_MOST_CATEGORIES:]].sum()),
    }
