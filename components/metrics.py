"""The metrics by their names in the spec: what `train` searches by and `evaluate` reports.

Every figure comes from scikit-learn on class probabilities or values; names and directions are the
spec's vocabulary.
"""

from typing import Any

import numpy as np
from sklearn import metrics as sk

from components.resampling import Raw, Target, decide, summing_to_one
from components.spec import METRICS


def measure(metric: str, task: str, target: Target, raw: Raw) -> float:
    """Computes one metric.

    Args:
        metric: a name of `METRICS[task]`.
        task: binary, multiclass or regression.
        target: int64 (n,) class indices, or float64 (n,) values.
        raw: probabilities (n, classes), or values (n,).

    Returns:
        The metric; errors are positive. NaN where it is undefined on these rows, or where an
        answer is no finite number.
    """
    if not np.isfinite(raw).all():
        return float("nan")
    if task == "regression":
        return float(_REGRESSION[metric](target, raw))
    classes = np.arange(raw.shape[1])
    if metric == "log_loss":
        return float(sk.log_loss(target, summing_to_one(raw), labels=classes))
    if metric in ("roc_auc", "average_precision", "brier"):
        return _ranking(metric, task, target, raw)
    chosen = decide(task, raw)
    average = "binary" if task == "binary" else "macro"
    if metric in ("f1", "precision", "recall"):
        score: Any = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}
        return float(score[metric](target, chosen, average=average, zero_division=0.0))
    return float(_LABELS[metric](target, chosen))


def measure_all(task: str, target: Target, raw: Raw) -> dict[str, float]:
    """Computes every metric of the task, by name."""
    return {metric: measure(metric, task, target, raw) for metric in METRICS[task]}


def _ranking(metric: str, task: str, target: Target, raw: Raw) -> float:
    if len(np.unique(target)) < raw.shape[1]:
        return float("nan")
    if metric == "brier":
        return float(sk.brier_score_loss(target, raw[:, 1]))
    if metric == "average_precision":
        return float(sk.average_precision_score(target, raw[:, 1]))
    if raw.shape[1] == 2:
        return float(sk.roc_auc_score(target, raw[:, 1]))
    return float(sk.roc_auc_score(target, raw, multi_class="ovr", average="macro"))


_LABELS: dict[str, Any] = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
}
_REGRESSION: dict[str, Any] = {
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "median_ae": sk.median_absolute_error,
    "r2": sk.r2_score,
}
