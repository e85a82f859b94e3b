"""What the Kubeflow dashboard draws of an evaluation: metrics, confusion matrix, ROC curve."""

from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from components.evaluate.judgement import Verdict

# The dashboard draws every point; a curve of this many looks the same as one of thousands.
_CURVE_POINTS = 200


def draw(verdict: Verdict, metrics: Any, curves: Any) -> None:
    """Logs an evaluation into KFP's artifacts.

    Args:
        verdict: what was judged.
        metrics: a `kfp.dsl.Metrics`; receives the value of every hold-out metric.
        curves: a `kfp.dsl.ClassificationMetrics`; receives the confusion matrix, and for binary
            the ROC curve. Left empty for regression.
    """
    evaluation = verdict.evaluation
    for name, interval in evaluation.metrics["test"].items():
        if np.isfinite(interval.value):
            metrics.log_metric(name, interval.value)
    if evaluation.confusion is None or evaluation.classes is None:
        return
    names = [str(label) for label in evaluation.classes]
    curves.log_confusion_matrix(names, [list(row) for row in evaluation.confusion])
    if len(names) == 2:
        false, true, cuts = roc_curve(verdict.examples.target, verdict.raw[:, 1])
        step = np.unique(np.linspace(0, len(false) - 1, _CURVE_POINTS).round().astype(int))
        # The first cut is infinite by definition, which JSON cannot hold; probabilities end at 1.
        finite = np.minimum(cuts, 1.0)
        curves.log_roc_curve(
            false[step].tolist(), true[step].tolist(), [float(c) for c in finite[step]]
        )
