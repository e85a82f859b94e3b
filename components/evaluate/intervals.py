"""Intervals around hold-out metrics, by resampling the hold-out rows."""

import numpy as np

from components.bundle import Interval
from components.metrics import measure_all
from components.resampling import Raw, Target, bootstrap, bounds


def intervals(task: str, target: Target, raw: Raw, seed: int) -> dict[str, Interval]:
    """Computes every metric with its 95 % percentile bootstrap interval.

    Args:
        task: binary, multiclass or regression.
        target: class indices or values (n,).
        raw: probabilities (n, classes), or values (n,).
        seed: fixes the resamples.

    Returns:
        Each metric that is defined on these rows with value, low and high; the value is that of
        all rows, and lies within the bounds. A resample on which a metric is undefined, as one
        without a class, is left out of it.
    """
    values = measure_all(task, target, raw)
    if not np.isfinite(raw).all():
        return {}
    samples = bootstrap(task, target, raw, seed)
    return {
        name: _interval(value, [sample[name] for sample in samples])
        for name, value in values.items()
        if np.isfinite(value)
    }


def _interval(value: float, samples: list[float]) -> Interval:
    low, high = bounds(value, samples)
    return Interval(value=value, low=low, high=high)
