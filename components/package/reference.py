"""The reference distributions: what the monitor compares live traffic with.

Deciles for numbers and counts for categories, because counters over fixed bins merge by addition
and cost a microsecond a row where a two-sample test costs a thousand.
"""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.bundle import Prediction
from components.dates.reading import Moments
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
        missing, fewer where values are tied; for each category counts, missing and the rest; for
        each date how many are there and missing.
    """
    signature = train.schema.signature
    features: dict[str, Any] = {}
    for index, name in enumerate(signature.numbers):
        features[name] = number_bins(train.numbers[:, index].astype(np.float64))
    for index, name in enumerate(signature.strings):
        features[name] = category_counts(train.strings[:, index].tolist())
    for date, moments in zip(signature.dates, train.moments, strict=True):
        features[date.name] = date_counts(moments)
    if prediction.values is not None:
        answers = number_bins(prediction.values)
    else:
        answers = category_counts([str(label) for label in prediction.labels or ()])
    return {"format": FORMAT, "rows": len(train), "features": features, "prediction": answers}


def number_bins(values: NDArray[np.float64]) -> dict[str, Any]:
    """Counts values between their deciles; a bin holds edge[i-1] <= value < edge[i].

    A value that spans deciles, as 0 does in a column of mostly zeros, gets a bin of its own;
    otherwise all values would share one bin, in which no drift can be seen.

    Args:
        values: (n,), NaN is missing.

    Returns:
        At most 9 edges, counts (one more than edges; those of a column's least values are not
        empty), missing, and the range: min and max, None without a value. Files written before
        the range was known lack it, and readers do without.
    """
    present = values[np.isfinite(values)]
    edges = _edges(present) if len(present) else np.array([])
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    return {
        "kind": "number",
        "edges": [float(edge) for edge in edges],
        "counts": [int(count) for count in counts],
        "missing": len(values) - len(present),
        "min": float(present.min()) if len(present) else None,
        "max": float(present.max()) if len(present) else None,
    }


def _edges(present: NDArray[np.float64]) -> NDArray[np.float64]:
    # A value that occurs, because one between two of them can cut an empty bin.
    deciles = np.quantile(present, np.linspace(0, 1, _BINS + 1)[1:-1], method="higher")
    cuts, times = np.unique(deciles, return_counts=True)
    distinct = np.unique(present)
    # A cut that occurs twice pays for two: below the value and above it, so 9 stay the most.
    above = np.searchsorted(distinct, cuts[times > 1], side="right")
    edges = np.union1d(cuts, distinct[above[above < len(distinct)]])
    # Nothing lies below the least value.
    return np.asarray(edges[edges > distinct[0]], dtype=np.float64)


def date_counts(moments: Moments) -> dict[str, Any]:
    """Counts dates and missing ones.

    No more: dates go on, so that today's is never one of the training rows', and a live window of
    an hour has one weekday where they have seven.

    Args:
        moments: datetime64[us] (n,), NaT is missing.
    """
    missing = int(np.isnat(moments).sum())
    return {"kind": "date", "present": len(moments) - missing, "missing": missing}


def category_counts(values: list[str]) -> dict[str, Any]:
    """Counts categories, the 100 most frequent by name and the rest together; "" is missing."""
    # No numpy array of text: it pads every value to the longest and drops trailing NULs.
    counted = Counter(value for value in values if value != "")
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    kept = sorted(ordered[:_MOST_CATEGORIES])
    return {
        "kind": "category",
        "categories": [name for name, _ in kept],
        "counts": [count for _, count in kept],
        "missing": values.count(""),
        "other": sum(count for _, count in ordered[_MOST_CATEGORIES:]),
    }
