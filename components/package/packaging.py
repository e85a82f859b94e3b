"""The stage's one call: export, prove, describe and seal the bundle."""

import json
import logging
import re
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from components.bundle import (
    MODEL_FILES,
    STATISTICS,
    Bundle,
    DataLineage,
    Golden,
    Manifest,
    answer,
    write,
)
from components.candidate import PIPELINE, Candidate, load_pipeline, read_candidate
from components.evaluation import Evaluation
from components.examples import Examples, client_rows, read_examples
from components.package import card
from components.package.onnx import Parity, compare, export
from components.package.reference import reference
from components.package.repeatable import copy_repeatable
from components.resampling import THRESHOLD
from components.revision import VERSION, code_revision
from components.runners import onnx_runner, skops_runner

if TYPE_CHECKING:
    from components.spec import Spec

logger = logging.getLogger(__name__)

_GOLDEN_ROWS = 5
# Of fewer rows ten bins hold fewer than five each, below which chi-squared is a poor approximation
# (Cochran, Some methods for strengthening the common chi-squared tests, 1954).
_LEAST_LIVE_ROWS = 50
_MOST_REASON = 300
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_LIBRARIES = ("numpy", "onnx", "onnxruntime", "polars", "scikit-learn", "skl2onnx", "skops")


@dataclass(frozen=True)
class Ingredients:
    """What a bundle is made of.

    Attributes:
        best: the best candidate's folder.
        examples: the training rows' folder.
        validation: the validation rows' folder.
        evaluation: the evaluation's folder.
        statistics: the file in which `validate` described the data.
    """

    best: Path
    examples: Path
    validation: Path
    evaluation: Path
    statistics: Path


def package_model(spec: "Spec", made_of: Ingredients, folder: Path) -> Manifest:
    """Writes the bundle of the best candidate.

    Args:
        spec: what the model was made to.
        made_of: what the stages before have left.
        folder: receives the bundle.

    Returns:
        The sealed manifest.
    """
    best = made_of.best
    train, validation = read_examples(made_of.examples), read_examples(made_of.validation)
    evaluation, candidate = Evaluation.read(made_of.evaluation), read_candidate(best)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source = best / PIPELINE
    parity, reason = write_model(load_pipeline(best), source, validation, folder, task=spec.task)
    draft = _draft(spec, candidate, evaluation, train, "skops" if reason else "onnx")
    opener = skops_runner if reason else onnx_runner
    bundle = Bundle(draft, opener(folder / MODEL_FILES[draft.runtime]))
    manifest = draft.model_copy(update={"golden": _golden(bundle, validation)})
    asked = _live(validation)
    answers = bundle.predict(asked.numbers, asked.strings)
    _write_json(folder / "reference.json", reference(_live(train), answers))
    # The next run's report says what has changed since this version.
    shutil.copyfile(made_of.statistics, folder / STATISTICS)
    text = card.render(manifest, evaluation, train.schema, parity, reason)
    (folder / "card.md").write_text(text, encoding="utf-8")
    return write(folder, manifest)


def _live(examples: Examples) -> Examples:
    """The rows that are like those to come: the fresh ones, where they are enough to tell.

    A model is retrained because the world has changed. Beside the rows of the world as it was, the
    monitor would see that change for ever, and ask for the next retraining.
    """
    if examples.fresh is None or examples.fresh.sum() < _LEAST_LIVE_ROWS:
        return examples
    return examples.taken(examples.fresh)


def write_model(
    pipeline: Any, source: Path, validation: Examples, folder: Path, *, task: str
) -> tuple[Parity | None, str]:
    """Writes `model.onnx`, or `model.skops` where ONNX cannot hold the pipeline.

    Args:
        pipeline: the fitted one.
        source: the skops file from which it was loaded.
        validation: the rows, all of which both must answer alike.
        folder: receives the file.
        task: binary, multiclass or regression.

    Returns:
        The parity, if ONNX could be compared, and why it was not used, else an empty text.
    """
    path = folder / MODEL_FILES["onnx"]
    parity = None
    try:
        export(pipeline, validation.schema.signature, path)
        parity = compare(pipeline, path, validation, task)
        reason = "" if parity.within else _shortfall(parity)
    except Exception as exc:
        # skl2onnx and ONNX Runtime raise whatever their converters raise; each means the same
        # here, and the reason is kept on the card and in the log.
        reason = f"ONNX cannot hold this pipeline: {type(exc).__name__}: {_repeatable(exc, path)}"
    if reason:
        logger.warning("bundle falls back to skops reason=%r", reason)
        path.unlink(missing_ok=True)
        copy_repeatable(source, folder / MODEL_FILES["skops"])
    elif parity is not None:
        logger.info(
            "onnx parity rows=%d labels_differ=%d difference=%.3e tolerance=%.0e",
            *(parity.rows, parity.labels_differ, parity.difference, parity.tolerance),
        )
    return parity, reason


def _repeatable(exc: Exception, path: Path) -> str:
    """What an error says, without what differs between two runs: folders and addresses."""
    said = str(exc).replace(str(path), path.name)
    return _ADDRESS.sub("", " ".join(said.split()))[:_MOST_REASON]


def _shortfall(parity: Parity) -> str:
    return (
        f"ONNX differs from scikit-learn by up to {parity.difference:.2e}, expected at most "
        f"{parity.tolerance:.0e}; labels differ in {parity.labels_differ} of {parity.rows} "
        "validation rows"
    )


def _draft(
    spec: "Spec",
    candidate: Candidate,
    evaluation: Evaluation,
    train: Examples,
    runtime: Literal["onnx", "skops"],
) -> Manifest:
    lineage = train.schema.lineage
    return Manifest(
        name=spec.name,
        task=spec.task,
        runtime=runtime,
        signature=train.schema.signature,
        classes=train.schema.classes,
        threshold=THRESHOLD if spec.task == "binary" else None,
        golden=Golden(rows=()),
        data=DataLineage(
            rows=lineage.rows,
            columns=lineage.columns,
            fingerprint=lineage.fingerprint,
            fresh=lineage.fresh,
        ),
        spec=json.loads(spec.to_json()),
        metrics=evaluation.metrics,
        libraries={"kubeloop": VERSION, **{name: version(name) for name in _LIBRARIES}},
        revision=code_revision(),
        run_id=lineage.run_id,
        trained_at=candidate.trained_at,
    )


def _golden(bundle: Bundle, validation: Examples) -> Golden:
    """Picks validation rows from the least to the greatest answer, with what was answered.

    The rows are real ones: an invented row may be one on which every model agrees.
    """
    raw = bundle.run(validation.numbers, validation.strings)
    leading = raw.reshape(-1) if raw.ndim == 1 else raw[:, -1]
    order = np.argsort(leading, kind="stable")
    count = min(_GOLDEN_ROWS, len(order))
    chosen = order[np.linspace(0, len(order) - 1, count).round().astype(int)]
    answers = answer(bundle.manifest, raw[chosen])
    rows = client_rows(validation, chosen)
    if answers.values is not None:
        return Golden(rows=tuple(rows), predictions=tuple(answers.values.tolist()))
    probabilities = raw[chosen].tolist()
    return Golden(
        rows=tuple(rows),
        labels=tuple(answers.labels or ()),
        probabilities=tuple(tuple(row) for row in probabilities),
    )


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, sort_keys=True, ensure_ascii=False), encoding="utf-8")
