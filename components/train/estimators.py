"""The candidates: an estimator by its name in the spec, and where its search looks."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from optuna import Trial
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge

from components.resampling import Target

Params = dict[str, Any]

# The first trial: scikit-learn's own defaults where they are good, a forest large enough to be
# stable, and boosting that stops by itself.
DEFAULTS: dict[str, Params] = {
    "logistic": {"C": 1.0},
    "linear": {"alpha": 1.0},
    "random_forest": {"min_samples_leaf": 1, "max_features": 0.5},
    "hist_gradient_boosting": {
        "learning_rate": 0.1,
        "max_leaf_nodes": 31,
        "min_samples_leaf": 20,
        "l2_regularization": 1e-3,
    },
}
# A power of two: the mean over pure leaves is then exact in float32 as in float64, and a vote of
# half the trees is one half on both sides of the export. With 200 trees it was 0.4999998 in ONNX.
_TREES = 128
_MOST_TREE_ROWS = 50_000
_MOST_ROUNDS = 400
# Without rows to spare for stopping early: scikit-learn's own number of rounds.
_FIXED_ROUNDS = 100
_STOPPING_SHARE = 0.1


def suggest(candidate: str, trial: Trial) -> Params:
    """Draws one set of hyperparameters.

    Args:
        candidate: a name of the spec's `candidates`.
        trial: the search's trial.

    Returns:
        Hyperparameters by name, as `estimator` takes them.
    """
    if candidate == "logistic":
        return {"C": trial.suggest_float("C", 1e-3, 1e2, log=True)}
    if candidate == "linear":
        return {"alpha": trial.suggest_float("alpha", 1e-3, 1e3, log=True)}
    if candidate == "random_forest":
        return {
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 32, log=True),
            "max_features": trial.suggest_float("max_features", 0.1, 1.0),
        }
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 7, 63, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 80, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 10.0, log=True),
    }


def estimator(
    candidate: str,
    params: Params,
    target: Target,
    *,
    seed: int,
    threads: int,
    balanced: bool = False,
) -> Any:
    """Builds an unfitted estimator.

    Args:
        candidate: a name of the spec's `candidates`.
        params: its hyperparameters.
        target: the training rows' class indices (int64) or values (float64); decides classifier
            or regressor, and whether boosting can spare rows for stopping early.
        seed: fixes every random choice.
        threads: how many a forest may use; the others keep to the process's own limit.
        balanced: whether every class weighs the same in the fit, and in what stops boosting; a
            regressor knows no classes and takes no notice.

    Returns:
        A scikit-learn estimator.
    """
    is_class = np.issubdtype(target.dtype, np.integer)
    if balanced and is_class:
        # n / (classes * rows of the class), after King and Zeng, Logistic Regression in Rare
        # Events Data (2001), as scikit-learn computes it.
        params = {**params, "class_weight": "balanced"}
    if candidate == "logistic":
        return LogisticRegression(max_iter=2000, random_state=seed, **params)
    if candidate == "linear":
        return Ridge(random_state=seed, **params)
    kind: Callable[..., Any]
    if candidate == "random_forest":
        kind = RandomForestClassifier if is_class else RandomForestRegressor
        # None draws as many rows as there are; a cap bounds the time and the size of each tree.
        rows = _MOST_TREE_ROWS if len(target) > _MOST_TREE_ROWS else None
        return kind(
            n_estimators=_TREES, max_samples=rows, n_jobs=threads, random_state=seed, **params
        )
    kind = HistGradientBoostingClassifier if is_class else HistGradientBoostingRegressor
    stops = _can_stop_early(target)
    return kind(
        max_iter=_MOST_ROUNDS if stops else _FIXED_ROUNDS,
        early_stopping=stops,
        validation_fraction=_STOPPING_SHARE,
        n_iter_no_change=15,
        random_state=seed,
        **params,
    )


def settle(fitted: Any) -> None:
    """Makes a fitted estimator answer the same on every machine and in float32.

    A forest sums its trees in one thread, because the order in which threads finish changes the
    last digits. Boosting's thresholds lie between two float32 numbers and are rounded down to the
    next float32: for a float32 x, `x <= t` and `x <= floor32(t)` are the same, so scikit-learn
    answers as before, while the export's rounding to nearest can no longer carry a threshold over
    a value (measured: predictions off by 1e-2).

    Args:
        fitted: an estimator of this module after `fit`; changed in place.
    """
    if hasattr(fitted, "n_jobs"):
        fitted.n_jobs = None
    for trees in getattr(fitted, "_predictors", ()):
        for tree in trees:
            cuts = tree.nodes["num_threshold"]
            nearest = cuts.astype(np.float32)
            above = nearest > cuts
            nearest[above] = np.nextafter(nearest[above], np.float32(-np.inf))
            tree.nodes["num_threshold"] = nearest


def _can_stop_early(target: Target) -> bool:
    """Whether the rows that stop boosting can be drawn with every class among them."""
    spared = math.ceil(_STOPPING_SHARE * len(target))
    if not np.issubdtype(target.dtype, np.integer):
        return spared >= 2
    counts = np.unique(target, return_counts=True)[1]
    return spared >= len(counts) and int(counts.min()) >= 2
