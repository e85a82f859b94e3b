"""The stage's one call: rank, measure, compare with the champion, decide."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import confusion_matrix

from components.bundle import Bundle, Manifest, load
from components.candidate import Candidate, load_pipeline, read_candidate
from components.champion import BUNDLE, Champion
from components.errors import DataError, SpecError
from components.evaluate.gates import champion_gate, fresh_gate, metric_gates
from components.evaluate.intervals import intervals
from components.evaluation import ChampionScore, Decision, Evaluation, Score
from components.examples import Examples, read_examples, read_tensors
from components.metrics import measure
from components.resampling import Raw, decide
from components.revision import code_revision
from components.runners import raw_scores
from components.spec import GREATER_IS_BETTER, from_json

if TYPE_CHECKING:
    from components.spec import Spec


@dataclass(frozen=True)
class Verdict:
    """The evaluation, with what the dashboard draws from.

    Attributes:
        evaluation: what was decided.
        source: the best candidate's folder.
        examples: the hold-out.
        raw: the best candidate's probabilities (n, classes) or values (n,) on it.
    """

    evaluation: Evaluation
    source: Path
    examples: Examples
    raw: Raw

    @property
    def approved(self) -> bool:
        """Whether the best candidate is to be promoted."""
        return self.evaluation.decision is Decision.APPROVED

    def copy_best(self, folder: Path) -> None:
        """Copies the best candidate's files, so that later stages need no list of models."""
        shutil.copytree(self.source, folder, dirs_exist_ok=True)


def judge(spec: "Spec", candidates: list[Path], test: Path, champion: Path) -> Verdict:
    """Judges a run's candidates.

    Args:
        spec: metric and gates.
        candidates: one folder each, as `train` wrote them.
        test: the hold-out's folder; read for the best candidate and the champion alone.
        champion: the folder that `register` wrote at the start of the run.

    Returns:
        The verdict: `kept` where data, spec and code equal the champion's, or the data is its own
        without the fresh rows, whatever the scores; else `approved` where every gate passes; else
        `refused`.
    """
    ranked = _ranked([(folder, read_candidate(folder)) for folder in candidates])
    source, best = ranked[0]
    examples = read_examples(test)
    raw = raw_scores(load_pipeline(source), examples.numbers, examples.strings)
    metrics = intervals(spec.task, examples.target, raw, spec.search.seed)
    gates = metric_gates(spec.gates, metrics)
    current = _load_champion(champion)
    scores = _compare(current, spec, examples, raw, test) if current else None
    if scores and current:
        gates.append(champion_gate(spec.gates, scores))
        known = current[1].manifest.data
        asked = fresh_gate(known, examples.schema.lineage, scores.version)
        gates += [asked] if asked else []
    decision = Decision.APPROVED if all(gate.passed for gate in gates) else Decision.REFUSED
    if current and _unchanged(current[1].manifest, spec, examples):
        decision = Decision.KEPT
    evaluation = Evaluation(
        decision=decision,
        best=best.name,
        metric=best.metric,
        candidates=tuple(Score(name=c.name, params=c.params, score=c.score) for _, c in ranked),
        metrics={"test": metrics},
        gates=tuple(gates),
        champion=scores,
        confusion=_confusion(spec.task, examples, raw),
        classes=examples.schema.classes,
    )
    return Verdict(evaluation, source, examples, raw)


def _ranked(found: list[tuple[Path, Candidate]]) -> list[tuple[Path, Candidate]]:
    """Best first; the first of equals stays first, so that the spec's order breaks ties."""
    larger = found[0][1].metric in GREATER_IS_BETTER
    return sorted(found, key=lambda entry: -entry[1].score if larger else entry[1].score)


def _load_champion(folder: Path) -> tuple[int, Bundle] | None:
    version = Champion.read(folder).version
    return None if version is None else (version, load(folder / BUNDLE))


def _compare(
    current: tuple[int, Bundle], spec: "Spec", examples: Examples, raw: Raw, test: Path
) -> ChampionScore:
    version, bundle = current
    if bundle.manifest.task != spec.task:
        msg = (
            f"model {spec.name!r} is {bundle.manifest.task} in version {version} and {spec.task} "
            "in this spec: give the new task a name of its own"
        )
        raise SpecError(msg)
    tensors = read_tensors(test, bundle.manifest.signature)
    theirs = _aligned(bundle.run(*tensors), bundle.manifest, examples)
    metric = spec.search.metric
    return ChampionScore(
        version=version,
        metric=metric,
        champion=measure(metric, spec.task, examples.target, theirs),
        challenger=measure(metric, spec.task, examples.target, raw),
    )


def _aligned(raw: Raw, manifest: Manifest, examples: Examples) -> Raw:
    """Puts the champion's probabilities in the order of today's classes; a new class gets none."""
    classes = examples.schema.classes
    if classes is None or manifest.classes is None:
        return raw.reshape(-1)
    if classes == manifest.classes:
        return raw
    if not set(manifest.classes) & set(classes):
        msg = (
            f"the data's classes {classes!r} share none with the champion's "
            f"{manifest.classes!r}: give the new target a name of its own in the spec's `name`"
        )
        raise DataError(msg)
    aligned = np.zeros((len(raw), len(classes)))
    for index, label in enumerate(classes):
        if label in manifest.classes:
            aligned[:, index] = raw[:, manifest.classes.index(label)]
    totals = aligned.sum(axis=1, keepdims=True)
    uniform = np.full_like(aligned, 1 / len(classes))
    return np.asarray(np.divide(aligned, totals, out=uniform, where=totals > 0))


def _unchanged(manifest: Manifest, spec: "Spec", examples: Examples) -> bool:
    known, lineage = manifest.data, examples.schema.lineage
    # The sources alone hold nothing new for a champion that has learned of fresh rows besides.
    subset = lineage.fresh is None and known.fresh is not None
    if lineage.fingerprint != (
        known.fresh.sources if subset and known.fresh else known.fingerprint
    ):
        return False
    if manifest.revision != code_revision():
        return False
    try:
        return from_json(json.dumps(manifest.spec)).digest() == spec.digest()
    except SpecError:
        # The champion was made under an older spec that means nothing today: that is a change.
        return False


def _confusion(task: str, examples: Examples, raw: Raw) -> tuple[tuple[int, ...], ...] | None:
    if examples.schema.classes is None:
        return None
    chosen = decide(task, raw)
    counts = confusion_matrix(examples.target, chosen, labels=range(raw.shape[1]))
    return tuple(tuple(int(value) for value in row) for row in counts)
