"""Expects metrics from probabilities alone, while labels are still to come.

If the probabilities are right, a row is of class k with probability p[k]; so each row stands for
one row a class, of that weight, and every metric follows as with labels. Known as confidence-based
performance estimation: NannyML's CBPE; Guillory et al., Predicting with confidence on unseen
distributions (ICCV 2021). It follows a shift of the inputs and is blind to a change of what they
mean: measured, it read 0.77 where the truth was 0.56. So it is shown as an estimate and never
clears an alert.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from components.resampling import resampled

# Rows times classes squared: 64 MB of probabilities.
_MOST_VALUES: Final = 8_000_000


def estimate(task: str, probabilities: Sequence[Sequence[float]]) -> dict[str, float]:
    """Estimates every metric of a classification without labels.

    Args:
        task: binary, multiclass or regression.
        probabilities: (n, classes) of live rows; of very many classes fewer rows are taken.

    Returns:
        The expected metrics by name, those that are defined; none for a regression or no rows.
    """
    if task == "regression" or not len(probabilities):
        return {}
    raw = np.array(probabilities, dtype=np.float64)
    classes = raw.shape[1]
    most = max(1, _MOST_VALUES // classes**2)
    if len(raw) > most:
        raw = raw[np.linspace(0, len(raw) - 1, most).round().astype(np.int64)]
    raw = np.clip(raw, 0.0, 1.0)
    weights = raw / np.maximum(raw.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    target = np.tile(np.arange(classes), len(raw))
    at = resampled(task, target, np.repeat(raw, classes, axis=0))
    return {name: value for name, value in at(weights.reshape(-1)).items() if np.isfinite(value)}
