"""Intervals around hold-out metrics, by resampling the hold-out rows."""

import numpy as np

from components.bundle import Interval
from components.evaluate.resampling import resampled
from components.metrics import Raw, Target, measure_all

_RESAMPLES = 200
# Past this many resampled rows the intervals are narrower than anyone's gate; time is better spent.
_ROW_BUDGET = 4_000_000
_LEAST_RESAMPLES = 40


def intervals(task: str, target: Target, raw: Raw, seed: int) -> dict[str, Interval]:
    """Computes every metric with its 95 % percentile bootstrap interval.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. 200 resamples, fewer
    on a large hold-out but at least 40.

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
    rows = len(target)
    draws = int(np.clip(_ROW_BUDGET // max(1, rows), _LEAST_RESAMPLES, _RESAMPLES))
    generator = np.random.default_rng(seed)
    at = resampled(task, target, raw)
    samples = []
    for _ in range(draws):
        chosen = generator.integers(0, rows, rows)
        samples.append(at(np.bincount(chosen, minlength=rows).astype(np.float64)))
    return {
        name: _interval(value, [sample[name] for sample in samples])
        for name, value in values.items()
        if np.isfinite(value)
    }


def _interval(value: float, samples: list[float]) -> Interval:
    defined = np.array([sample for sample in samples if np.isfinite(sample)])
    if not len(defined):
        return Interval(value=value, low=value, high=value)
    low, high = np.quantile(defined, [0.025, 0.975])
    # With few rows a quantile of the resamples can pass the value itself.
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))
