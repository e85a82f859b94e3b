"""The words that a spec may use for tasks, metrics, candidates and data sets.

Every stage takes these names from here, so that `search.metric`, `gates`, the result and the
monitor's quality thresholds mean the same thing by the same name. Import them from
`components.spec`, which passes them on.
"""

from typing import Final, Literal

Task = Literal["binary", "multiclass", "regression"]

METRICS: Final[dict[str, tuple[str, ...]]] = {
    "binary": (
        "roc_auc",
        "average_precision",
        "accuracy",
        "balanced_accuracy",
        "f1",
        "precision",
        "recall",
        "log_loss",
        "brier",
    ),
    # f1 is the mean over the classes; roc_auc is one class against the rest, likewise averaged.
    "multiclass": ("accuracy", "balanced_accuracy", "f1", "log_loss", "roc_auc"),
    "regression": ("rmse", "mae", "median_ae", "r2"),
}
"""The metrics of each task, each computed on every hold-out whatever is searched."""

ALL_METRICS: Final = tuple(dict.fromkeys(name for names in METRICS.values() for name in names))
"""The metrics of all tasks."""

ERRORS: Final = frozenset({"log_loss", "brier", "rmse", "mae", "median_ae"})
"""Metrics that are errors: positive, and smaller is better."""

GREATER_IS_BETTER: Final = frozenset(ALL_METRICS) - ERRORS
"""Metrics of which more is better."""

RATIOS: Final = (GREATER_IS_BETTER | {"brier"}) - {"r2"}
"""Metrics that lie between 0 and 1."""

# roc_auc needs no threshold. log_loss is strictly proper and stays defined where a fold lacks a
# class, which roc_auc over several classes does not. rmse is in the target's own unit.
SEARCH_METRIC: Final[dict[str, str]] = {
    "binary": "roc_auc",
    "multiclass": "log_loss",
    "regression": "rmse",
}
"""What the search optimises, and champion and challenger are compared on, unless told."""

CANDIDATES: Final[dict[str, tuple[str, ...]]] = {
    "binary": ("logistic", "random_forest", "hist_gradient_boosting"),
    "multiclass": ("logistic", "random_forest", "hist_gradient_boosting"),
    "regression": ("linear", "random_forest", "hist_gradient_boosting"),
}
"""The estimators that may be trained for each task; all of them, unless told."""

ALL_CANDIDATES: Final = tuple(
    dict.fromkeys(name for names in CANDIDATES.values() for name in names)
)
"""The candidates of all tasks."""

Severity = Literal["refuse", "warn"]

REASONS: Final[dict[str, Severity]] = {
    "missing": "refuse",
    "not_a_number": "refuse",
    "not_a_date": "refuse",
    "not_a_boolean": "refuse",
    "below_min": "refuse",
    "above_max": "refuse",
    "unknown_value": "refuse",
    "not_unique": "refuse",
    "unexpected_column": "warn",
    "mixed_types": "warn",
    "ambiguous_date": "warn",
    "mostly_missing": "warn",
    "stale": "refuse",
    "row_change": "warn",
    "duplicate_rows": "warn",
    "duplicate_ids": "warn",
    "label_imbalance": "warn",
    "leakage": "warn",
    "empty_source": "warn",
    "shared_rows": "warn",
    "more_features_than_rows": "warn",
}
"""Why data may break its contract, and what each reason does unless `checks.severity` says so."""

DATASETS: Final = ("breast_cancer", "diabetes", "digits", "iris", "wine")
"""The tables that scikit-learn carries with it, as `sklearn://NAME`."""


def gain(metric: str, challenger: float, champion: float) -> float:
    """Say by how much the challenger beats the champion, in the metric's own unit.

    Args:
        metric: a name from `METRICS`.
        challenger: the challenger's value of that metric.
        champion: the champion's value on the same rows.

    Returns:
        Positive where the challenger is better, whichever way the metric runs.
    """
    return challenger - champion if metric in GREATER_IS_BETTER else champion - challenger
