"""The candidates: an estimator by its name in the spec, and where its search looks."""

from collections.abc import Callable
from typing import Any

from optuna import Trial
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from components.examples import Examples
from components.train.preprocessing import preprocessor

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


def suggest(candidate: str, trial: Trial) -> Params:
    """Draws one set of hyperparameters.

    Args:
        candidate: a name of the spec's `candidates`.
        trial: the search's trial.

    Returns:
        Hyperparameters by name, as `build` takes them.
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


def build(
    candidate: str, params: Params, examples: Examples, *, seed: int, threads: int
) -> Pipeline:
    """Builds an unfitted pipeline: preprocessing and estimator.

    Args:
        candidate: a name of the spec's `candidates`.
        params: its hyperparameters.
        examples: the training rows, whose classes and categories shape the pipeline.
        seed: fixes every random choice.
        threads: how many a forest may use; the others keep to the process's own limit.

    Returns:
        The pipeline, over a frame of numbered columns, numbers first.
    """
    regression = examples.schema.classes is None
    linear = candidate in ("logistic", "linear")
    # Boosting learns which way a missing number goes; the others need a number.
    front = preprocessor(examples, scale=linear, impute=candidate != "hist_gradient_boosting")
    return Pipeline(
        [("features", front), ("model", _ESTIMATORS[candidate, regression](params, seed, threads))]
    )


def _forest(kind: Any) -> Callable[[Params, int, int], Any]:
    def make(params: Params, seed: int, threads: int) -> Any:
        return kind(n_estimators=200, n_jobs=threads, random_state=seed, **params)

    return make


def _boosting(kind: Any) -> Callable[[Params, int, int], Any]:
    def make(params: Params, seed: int, _: int) -> Any:
        return kind(
            max_iter=400, early_stopping=True, n_iter_no_change=15, random_state=seed, **params
        )

    return make


_ESTIMATORS: dict[tuple[str, bool], Callable[[Params, int, int], Any]] = {
    ("logistic", False): lambda params, seed, _: LogisticRegression(
        max_iter=2000, random_state=seed, **params
    ),
    ("linear", True): lambda params, seed, _: Ridge(random_state=seed, **params),
    ("random_forest", False): _forest(RandomForestClassifier),
    ("random_forest", True): _forest(RandomForestRegressor),
    ("hist_gradient_boosting", False): _boosting(HistGradientBoostingClassifier),
    ("hist_gradient_boosting", True): _boosting(HistGradientBoostingRegressor),
}
