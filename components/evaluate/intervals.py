"""Intervals around hold-out metrics, by resampling the hold-out rows."""

import numpy as np
from sklearn import config_context

from components.bundle import Interval
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
        Each metric of the task with value, low and high; the value is that of all rows. A
        resample on which a metric is undefined, as one without a class, is left out of it.
    """
    rows = len(target)
    draws = int(np.clip(_ROW_BUDGET // max(1, rows), _LEAST_RESAMPLES, _RESAMPLES))
    generator = np.random.default_rng(seed)
    values = measure_all(task, target, raw)
    samples: dict[str, list[float]] = {name: [] for name in values}
    with config_context(skip_parameter_validation=True, assume_finite=True):
        for _ in range(draws):
            chosen = generator.integers(0, rows, rows)
            for name, value in measure_all(task, target[chosen], raw[chosen]).items():
                samples[name].append(value)
    return {name: _interval(value, samples[name]) for name, value in values.items()}


def _interval(value: float, samples: list[float]) -> Interval:
    defined = np.array([sample for sample in samples if np.isfinite(sample)])
    if not len(defined):
        return Interval(value=value, low=value, high=value)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Interval(value=value, low=float(low), high=float(high))
