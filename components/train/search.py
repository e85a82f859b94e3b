"""Searches a candidate's hyperparameters: fit on training rows, score on validation rows."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna import Trial
from sklearn.pipeline import Pipeline

from components.candidate import Candidate
from components.errors import TrainingError
from components.examples import Examples
from components.metrics import measure
from components.runners import frame, raw_scores
from components.spec import GREATER_IS_BETTER, Spec
from components.train.estimators import DEFAULTS, build, suggest
from components.train.resources import limit_threads


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
        end; the time limit only keeps further ones from starting.

    Raises:
        TrainingError: no trial gave a score.
    """
    examples, validation = parts
    limit_threads(threads)
    rows = frame(examples.numbers, examples.strings)
    metric, best = spec.search.metric, _Best()
    larger = metric in GREATER_IS_BETTER

    def objective(trial: Trial) -> float:
        params = suggest(candidate, trial)
        pipeline = build(candidate, params, examples, seed=spec.search.seed, threads=threads)
        pipeline.fit(rows, examples.target)
        raw = raw_scores(pipeline, validation.numbers, validation.strings)
        score = measure(metric, spec.task, validation.target, raw)
        best.keep(pipeline, params, score, larger=larger)
        return score

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize" if larger else "minimize",
        sampler=optuna.samplers.TPESampler(seed=spec.search.seed),
    )
    study.enqueue_trial(DEFAULTS[candidate])
    study.optimize(objective, n_trials=spec.search.trials, timeout=spec.search.timeout_s)
    if best.pipeline is None:
        msg = f"candidate {candidate!r}: no trial gave a {metric} on the validation rows"
        raise TrainingError(msg)
    record = Candidate(
        name=candidate,
        params=best.params,
        metric=metric,
        score=best.score,
        trials=len(study.trials),
        trained_at=_now(),
    )
    return best.pipeline, record


@dataclass
class _Best:
    """The best fit so far, kept while the search goes on so that none has to be made again."""

    pipeline: Pipeline | None = None
    params: dict[str, Any] = field(default_factory=dict)
    score: float = float("nan")

    def keep(
        self, pipeline: Pipeline, params: dict[str, Any], score: float, *, larger: bool
    ) -> None:
        better = score > self.score if larger else score < self.score
        if score == score and (self.pipeline is None or better):
            self.pipeline, self.params, self.score = pipeline, params, score


def _now() -> str:
    """The time of training; `SOURCE_DATE_EPOCH` (reproducible-builds.org) stands in for it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
