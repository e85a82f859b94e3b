"""Searches a candidate's hyperparameters: fit on training rows, score on validation rows."""

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import optuna
from optuna import Trial
from optuna.trial import FrozenTrial
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from components.candidate import Candidate
from components.errors import TrainingError
from components.examples import Examples
from components.metrics import measure
from components.runners import frame
from components.spec import GREATER_IS_BETTER, Spec
from components.train.estimators import DEFAULTS, estimator, settle, suggest
from components.train.preprocessing import preprocessor
from components.train.resources import limit_threads, worthwhile_threads


def search(
    candidate: str, spec: Spec, parts: tuple[Examples, Examples], *, threads: int = 1
) -> tuple[Pipeline, Candidate]:
    """Searches by tree-structured Parzen estimators (Bergstra et al. 2011), defaults first.

    Args:
        candidate: a name of the spec's `candidates`.
        spec: metric, trials, time limit and seed.
        parts: the training rows, and the validation rows that choose among the trials; no model
            is fitted on those.
        threads: how many a fit may use.

    Returns:
        The best fitted pipeline and the record of its search. The first trial always runs to its
        end; a further one starts only where the longest so far would end within the time limit.

    Raises:
        TrainingError: the numbers do not fit float32, or no trial gave a score.
    """
    examples, validation = parts
    for part in parts:
        _require_float32(part)
    limit_threads(worthwhile_threads(threads, examples.numbers.size + examples.strings.size))
    features = _preprocessor(candidate, spec, examples)
    rows = features.fit_transform(frame(examples.numbers, examples.strings), examples.target)
    held = features.transform(frame(validation.numbers, validation.strings))
    metric, best = spec.search.metric, _Best(larger=spec.search.metric in GREATER_IS_BETTER)

    def objective(trial: Trial) -> float:
        params = suggest(candidate, trial)
        model = _fit(candidate, params, spec, (rows, examples.target), threads)
        answer = model.predict_proba if hasattr(model, "predict_proba") else model.predict
        raw = np.asarray(answer(held), dtype=np.float64)
        score = measure(metric, spec.task, validation.target, raw)
        best.keep(model, params, score)
        return score

    trials = _optimize(objective, candidate, spec, larger=best.larger)
    if best.model is None:
        msg = f"candidate {candidate!r}: no trial gave a {metric} on the validation rows"
        raise TrainingError(msg)
    record = Candidate(
        name=candidate,
        params=best.params,
        metric=metric,
        score=best.score,
        trials=trials,
        trained_at=_now(),
    )
    return Pipeline([("features", features), ("model", best.model)]), record


def _preprocessor(candidate: str, spec: Spec, examples: Examples) -> ColumnTransformer:
    """What every trial's fit is preceded by: it has nothing to search, and so is fitted once."""
    return preprocessor(
        examples,
        scale=candidate in ("logistic", "linear"),
        # Boosting learns which way a missing number goes; the others need a number.
        impute=candidate != "hist_gradient_boosting",
        clips=_clips(spec, examples),
        encode_above=spec.features.target_encode_above,
        seed=spec.search.seed,
    )


def _fit(
    candidate: str, params: dict[str, Any], spec: Spec, part: tuple[Any, Any], threads: int
) -> Any:
    """Fits an estimator on preprocessed rows and their target."""
    rows, target = part
    model = estimator(
        candidate,
        params,
        target,
        seed=spec.search.seed,
        threads=threads,
        balanced=spec.features.class_weight == "balanced",
    )
    model.fit(rows, target)
    settle(model)
    return model


def _clips(spec: Spec, examples: Examples) -> list[tuple[float, float] | None]:
    """The quantiles asked for each number; dates are not clipped, and come after all numbers."""
    columns = (spec.columns.get(name) for name in examples.schema.signature.numbers)
    asked = ((column.clip if column else None) or spec.features.clip for column in columns)
    return [(quantiles[0], quantiles[1]) if quantiles else None for quantiles in asked]


def _optimize(objective: Any, candidate: str, spec: Spec, *, larger: bool) -> int:
    """Runs the trials and returns how many there were."""
    limit = spec.search.timeout_s
    begin = time.monotonic()
    longest = 0.0

    def stop_in_time(study: optuna.Study, trial: FrozenTrial) -> None:
        nonlocal longest
        longest = max(longest, trial.duration.total_seconds() if trial.duration else 0.0)
        if time.monotonic() - begin + longest > limit:
            study.stop()

    # An error is raised to the caller as it is; optuna would print its traceback besides.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize" if larger else "minimize",
        sampler=optuna.samplers.TPESampler(seed=spec.search.seed),
    )
    study.enqueue_trial(DEFAULTS[candidate])
    study.optimize(objective, n_trials=spec.search.trials, callbacks=[stop_in_time])
    return len(study.trials)


@dataclass
class _Best:
    """The best fit so far, kept while the search goes on so that none has to be made again."""

    larger: bool
    model: Any = None
    params: dict[str, Any] = field(default_factory=dict)
    score: float = float("nan")

    def keep(self, model: Any, params: dict[str, Any], score: float) -> None:
        better = score > self.score if self.larger else score < self.score
        if np.isfinite(score) and (self.model is None or better):
            self.model, self.params, self.score = model, params, score


def _require_float32(examples: Examples) -> None:
    """Refuses what a model served in float32 cannot hold; scikit-learn would not say where."""
    names = examples.schema.signature.number_columns
    wrong = {
        name: int(np.isinf(examples.numbers[:, i]).sum())
        for i, name in enumerate(names)
        if np.isinf(examples.numbers[:, i]).any()
    }
    outside = ~(np.abs(examples.target) <= float(np.finfo(np.float32).max))
    if outside.any():
        wrong[examples.schema.target] = int(outside.sum())
    if wrong:
        said = ", ".join(f"{name!r} in {rows} rows" for name, rows in wrong.items())
        msg = (
            f"numbers beyond float32 (larger than 3.4e38): {said}. Rescale these "
            "columns, or drop them"
        )
        raise TrainingError(msg)


def _now() -> str:
    """The time of training; `SOURCE_DATE_EPOCH` (reproducible-builds.org) stands in for it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
