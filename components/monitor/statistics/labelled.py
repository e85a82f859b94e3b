"""Labelled rows as the arrays that metrics are computed from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.monitor.storage.records import LabelledRow
from components.monitor.versions import Version
from components.resampling import Raw, Target


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Labelled rows as arrays.

    Attributes:
        rows: those that could be read.
        target: class indices or values (n,).
        raw: probabilities (n, classes), or values (n,); without probabilities 1 for the answer.
        scored: whether every row has probabilities.
    """

    rows: Sequence[LabelledRow]
    target: Target
    raw: Raw
    scored: bool


def read_labelled(version: Version, rows: Sequence[LabelledRow]) -> Labelled:
    """Reads the rows whose label and answer are classes of the version, or finite numbers.

    Args:
        version: knows the classes.
        rows: in any order, which is kept.

    Returns:
        The rows that could be read, perhaps none.
    """
    if version.classes is None:
        return _read_values(rows)
    index = {label: at for at, label in enumerate(version.classes)}
    kept, target, chosen = [], [], []
    for row in rows:
        truth, answer = (
            None if label is None else index.get(version.match(label))  # type: ignore[arg-type]
            for label in (row.label, row.outputs.get("label"))
        )
        if truth is not None and answer is not None:
            kept.append(row)
            target.append(truth)
            chosen.append(answer)
    scores = [row.outputs.get("probabilities") for row in kept]
    scored = bool(kept) and all(
        isinstance(score, list) and len(score) == len(index) for score in scores
    )
    raw = np.array(scores, dtype=np.float64) if scored else np.eye(len(index))[chosen]
    return Labelled(kept, np.array(target, dtype=np.int64), raw, scored)


def _read_values(rows: Sequence[LabelledRow]) -> Labelled:
    pairs = [(row, _finite(row.label), _finite(row.outputs.get("prediction"))) for row in rows]
    known = [
        (row, truth, answer)
        for row, truth, answer in pairs
        if truth is not None and answer is not None
    ]
    target = np.array([truth for _, truth, _ in known], dtype=np.float64)
    raw = np.array([answer for _, _, answer in known], dtype=np.float64)
    return Labelled([row for row, _, _ in known], target, raw, scored=True)


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
