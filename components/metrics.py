"""The metrics by their names in the spec: what `train` searches by and `evaluate` reports.

Every figure comes from scikit-learn on class probabilities or values; names and directions are the
spec's vocabulary.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from components.spec import METRICS

Target = NDArray[np.int64] | NDArray[np.float64]
Raw = NDArray[np.float64]
# The probability from which a binary model answers its positive class.
THRESHOLD = 0.5


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
