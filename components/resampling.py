"""The metrics on resampled rows, and the intervals that come of them; numpy alone.

`evaluate` puts intervals around hold-out metrics by it, and the monitor, whose image holds no
scikit-learn, around those of live rows. A bootstrap resample is the same rows with counts, so
whatever does not depend on the counts (order of the scores, losses, chosen classes) is computed
once and each resample costs a few sums. Two hundred resamples of nine metrics on 1400 rows take
0.1 s; through scikit-learn they took 2 s. Every figure equals `components.metrics.measure` on the
drawn rows, which the tests hold it to.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Target = NDArray[np.int64] | NDArray[np.float64]
Raw = NDArray[np.float64]
Counts = NDArray[np.float64]
Resampled = Callable[[Counts], dict[str, float]]
# The probability from which a binary model answers its positive class.
THRESHOLD = 0.5
_RESAMPLES = 200
# Past this many resampled rows the intervals are narrower than anyone's gate; time is better spent.
_ROW_BUDGET = 4_000_000
_LEAST_RESAMPLES = 40


def decide(task: str, raw: Raw) -> NDArray[np.int64]:
    """Decides the class of every row, by the rule of `bundle.answer`.

    Args:
        task: binary or multiclass.
        raw: probabilities (n, classes).

    Returns:
        int64 (n,) class indices: for binary the positive class from one half on, for multiclass
        the most probable one, the first of equals.
    """
    chosen = raw[:, 1] >= THRESHOLD if task == "binary" else raw.argmax(axis=1)
    return np.asarray(chosen, dtype=np.int64)


def summing_to_one(raw: Raw) -> Raw:
    """Scales each row of probabilities (n, classes) to 1, from which float32 is off by 1e-7."""
    return np.asarray(raw / raw.sum(axis=1, keepdims=True), dtype=np.float64)


def bootstrap(task: str, target: Target, raw: Raw, seed: int) -> list[dict[str, float]]:
    """Computes the metrics of resamples: 200, fewer of very many rows but at least 40.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Args:
        task: binary, multiclass or regression.
        target: class indices or values (n,).
        raw: probabilities (n, classes), or values (n,); all finite.
        seed: fixes the resamples.

    Returns:
        The metrics of each resample; NaN where one is undefined, as without a class.
    """
    rows = len(target)
    draws = int(np.clip(_ROW_BUDGET // max(1, rows), _LEAST_RESAMPLES, _RESAMPLES))
    generator = np.random.default_rng(seed)
    at = resampled(task, target, raw)
    samples = []
    for _ in range(draws):
        chosen = generator.integers(0, rows, rows)
        samples.append(at(np.bincount(chosen, minlength=rows).astype(np.float64)))
    return samples


def bounds(value: float, samples: list[float]) -> tuple[float, float]:
    """Returns the 95 % percentile interval of resampled values, in which the value itself lies."""
    defined = np.array([sample for sample in samples if np.isfinite(sample)])
    if not len(defined):
        return value, value
    low, high = np.quantile(defined, [0.025, 0.975])
    # With few rows a quantile of the resamples can pass the value itself.
    return min(float(low), value), max(float(high), value)


def resampled(task: str, target: Target, raw: Raw) -> Resampled:
    """Prepares the metrics of a task for resamples of fixed rows.

    Args:
        task: binary, multiclass or regression.
        target: class indices or values (n,).
        raw: probabilities (n, classes), or values (n,).

    Returns:
        A function from how often each row was drawn, float64 (n,), to every metric of the task;
        NaN where one is undefined on that resample.
    """
    if task == "regression":
        return _regression(target.astype(np.float64), raw)
    return _classification(task, target.astype(np.int64), raw)


def _regression(target: NDArray[np.float64], raw: Raw) -> Resampled:
    errors = np.abs(target - raw)
    order = np.argsort(errors, kind="stable")
    ordered, squares = errors[order], errors**2

    def at(counts: Counts) -> dict[str, float]:
        rows = counts.sum()
        squared = float(counts @ squares)
        spread = float(counts @ (target - counts @ target / rows) ** 2)
        ranks = np.cumsum(counts[order])
        middle = np.searchsorted(ranks, [(rows + 1) // 2, rows // 2 + 1])
        return {
            "rmse": float(np.sqrt(squared / rows)),
            "mae": float(counts @ errors / rows),
            "median_ae": float(ordered[middle].mean()),
            "r2": 1 - squared / spread if spread > 0 else float("nan"),
        }

    return at


def _classification(task: str, target: NDArray[np.int64], raw: Raw) -> Resampled:
    classes = raw.shape[1]
    cells = target * classes + decide(task, raw)
    # The clip is scikit-learn's (log_loss, since 1.3): the resolution of the probabilities' dtype.
    tiny = np.finfo(raw.dtype).eps
    losses = -np.log(np.clip(summing_to_one(raw)[np.arange(len(raw)), target], tiny, 1 - tiny))
    squares = (raw[:, -1] - target) ** 2
    ranked = [_Ranking(raw[:, k], target == k) for k in range(1 if classes == 2 else 0, classes)]

    def at(counts: Counts) -> dict[str, float]:
        rows = counts.sum()
        table = np.bincount(cells, weights=counts, minlength=classes**2)
        figures = _from_table(task, table.reshape(classes, classes))
        figures["log_loss"] = float(counts @ losses / rows)
        pairs = [ranking.areas(counts) for ranking in ranked]
        figures["roc_auc"] = float(np.mean([roc for roc, _ in pairs]))
        if task == "binary":
            figures["average_precision"] = pairs[0][1]
            whole = not np.isnan(pairs[0][0])
            figures["brier"] = float(counts @ squares / rows) if whole else float("nan")
        return figures

    return at


def _from_table(task: str, table: NDArray[Any]) -> dict[str, float]:
    """The metrics of labels, from counts (actual, predicted)."""
    hits, actual, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    seen = actual > 0
    figures = {
        "accuracy": float(hits.sum() / table.sum()),
        "balanced_accuracy": float((hits[seen] / actual[seen]).mean()),
    }
    # scikit-learn averages over the classes that occur, as an answer or in truth.
    occurs = seen | (predicted > 0)
    f1 = 2 * hits[occurs] / (actual[occurs] + predicted[occurs])
    if task == "binary":
        figures["f1"] = float(f1[-1]) if occurs[1] else 0.0
        figures["precision"] = float(hits[1] / predicted[1]) if predicted[1] else 0.0
        figures["recall"] = float(hits[1] / actual[1]) if actual[1] else 0.0
    else:
        figures["f1"] = float(f1.mean())
    return figures


class _Ranking:
    """One class against the rest, by descending score; equal scores are one step.

    Args:
        score: float64 (n,).
        is_class: bool (n,).
    """

    def __init__(self, score: NDArray[np.float64], is_class: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-score, kind="stable")
        ordered = score[self._order]
        self._last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
        self._is_class = is_class[self._order]

    def areas(self, counts: Counts) -> tuple[float, float]:
        """Returns ROC AUC (trapezoids) and average precision (steps); NaN without two classes."""
        drawn = counts[self._order]
        true = np.cumsum(drawn * self._is_class)[self._last]
        every = np.cumsum(drawn)[self._last]
        false = every - true
        if true[-1] == 0 or false[-1] == 0:
            return float("nan"), float("nan")
        roc = np.trapezoid(np.append(0, true), np.append(0, false)) / (true[-1] * false[-1])
        steps = np.diff(true, prepend=0)
        precision = np.divide(true, every, out=np.zeros_like(true), where=every > 0)
        return float(roc), float(steps @ precision / true[-1])
