from typing import Any

import numpy as np
import optuna
import pytest

from components.spec import CANDIDATES
from components.train.estimators import DEFAULTS, estimator, settle, suggest


@pytest.mark.parametrize("candidate", sorted(DEFAULTS))
def test_suggest_starts_from_the_defaults(candidate: str) -> None:
    study = optuna.create_study()
    study.enqueue_trial(DEFAULTS[candidate])
    assert suggest(candidate, study.ask()) == DEFAULTS[candidate]


@pytest.mark.parametrize("task", sorted(CANDIDATES))
def test_estimator_exists_for_every_candidate_of_the_spec(task: str) -> None:
    target: Any = np.zeros(30) if task == "regression" else np.arange(30) % 2
    for name in CANDIDATES[task]:
        made = estimator(name, DEFAULTS[name], target, seed=3, threads=2)
        assert made.random_state == 3
        assert made.__sklearn_tags__().estimator_type == (
            "regressor" if task == "regression" else "classifier"
        )


@pytest.mark.parametrize("target", [[0] * 40 + [1], list(range(30)) * 2, [0, 1]])
def test_estimator_boosting_without_rows_to_spare_still_fits(target: list[int]) -> None:
    values = np.array(target)
    made = estimator("hist_gradient_boosting", {}, values, seed=0, threads=1)
    assert (made.early_stopping, made.max_iter) == (False, 100)
    made.fit(np.arange(len(target), dtype=np.float32).reshape(-1, 1), values)
    assert len(made.classes_) == len(set(target))


def test_estimator_boosting_with_rows_to_spare_stops_early() -> None:
    made = estimator("hist_gradient_boosting", {}, np.arange(100) % 3, seed=0, threads=1)
    assert (made.early_stopping, made.max_iter) == (True, 400)


def test_estimator_forest_of_many_rows_draws_a_capped_sample() -> None:
    many = np.zeros(50_001)
    assert estimator("random_forest", {}, many, seed=0, threads=1).max_samples == 50_000
    assert estimator("random_forest", {}, many[:-1], seed=0, threads=1).max_samples is None


def test_settle_boosting_between_neighbouring_floats_changes_no_answer() -> None:
    # The midpoint of two neighbours rounds to the upper one for every second pair.
    numbers = np.nextafter(np.float32(1e9), np.float32(np.inf)) + np.arange(0, 6400, 64)
    rows = np.repeat(numbers.astype(np.float32), 20).reshape(-1, 1)
    target = np.random.default_rng(0).normal(size=len(rows))
    made = estimator(
        "hist_gradient_boosting", {"min_samples_leaf": 1}, target, seed=0, threads=1
    ).fit(rows, target)
    before = made.predict(rows)
    settle(made)
    cuts = np.concatenate([t.nodes["num_threshold"] for (t,) in made._predictors])
    assert (made.predict(rows) == before).all()
    assert (cuts == cuts.astype(np.float32)).all()


def test_settle_forest_sums_in_one_thread() -> None:
    made = estimator("random_forest", {}, np.arange(30) % 2, seed=0, threads=2)
    made.fit(np.arange(30).reshape(-1, 1), np.arange(30) % 2)
    settle(made)
    assert made.n_jobs is None
