"""Judges labelled rows: metrics with intervals against the hold-out's, and a CUSUM of errors.

An interval that lies wholly beyond a limit is a certain breach and critical; a value beyond it may
be chance and warns. So does an interval that lies wholly on the worse side of the hold-out's. The
CUSUM adds up what no window of rows holds: it finds a small rise of errors that every interval
still takes for chance.
"""

import json
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from components.monitor.statistics.cusum import binomial_cusum
from components.monitor.statistics.drift import worst
from components.monitor.statistics.expectations import Bounds, Expectations, read_expectations
from components.monitor.statistics.labelled import Labelled, read_labelled
from components.monitor.storage.records import LabelledRow
from components.monitor.verdicts import (
    CRITICAL,
    OK,
    WARNING,
    Cusum,
    MetricQuality,
    QualityVerdict,
    Status,
)
from components.monitor.versions import Version
from components.resampling import Target, bootstrap, bounds, decide, resampled

LEAST_ROWS: Final = 100
"""Below so many labelled rows a bootstrap interval is too narrow to judge by: Efron and Tibshirani
(1993), section 13.3, on the coverage of the percentile interval."""

LEAST_OF_A_CLASS: Final = 10
"""The same for each of two classes, of metrics that look at one class alone."""

LOWER_IS_BETTER: Final = frozenset({"log_loss", "brier", "rmse", "mae", "median_ae"})
"""Metrics that are errors; those of the spec's vocabulary, which the monitor's image does not hold.
"""

_OF_SCORES: Final = frozenset({"roc_auc", "average_precision", "log_loss", "brier"})
_OF_ALL_ROWS: Final = frozenset({"accuracy", "log_loss", "brier"})
_RATE_OF_USUAL_ERRORS: Final = 0.5
_SEED: Final = 7


def judge_quality(
    version: Version, rows: Sequence[LabelledRow], judged: int, expected: Expectations | None = None
) -> QualityVerdict | None:
    """Judges labelled rows of a version.

    Args:
        version: whose rows.
        rows: in the order of their predictions; one whose label or answer is no class, or no
            finite number, is left out.
        judged: when, microseconds since 1970, UTC.
        expected: of the version's bundle, where it has been read already.

    Returns:
        The verdict; None without a row that can be judged. Metrics of scores (roc_auc,
        average_precision, log_loss, brier) are there where every row has probabilities. With fewer
        than 100 rows, or 10 of either of two classes, metrics are shown and not judged.
    """
    found = read_labelled(version, rows)
    if not found.rows:
        return None
    expected = expected or read_expectations(json.loads(version.bundle))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        metrics = _metrics(version.task, found, expected)
    cusum = _cusum(version.task, found, expected)
    statuses = {metric.status for metric in metrics.values()}
    if cusum is not None and cusum.alarm:
        statuses.add(CRITICAL)
    times = [row.time for row in found.rows]
    return QualityVerdict(
        model=version.model,
        version=version.number,
        judged=judged,
        start=min(times),
        end=max(times),
        rows=len(found.rows),
        status=worst(statuses),
        metrics=metrics,
        cusum=cusum,
        lag=float(np.median([max(0, row.labelled_at - row.time) for row in found.rows])) / 1e6,
    )


def _metrics(task: str, found: Labelled, expected: Expectations) -> dict[str, MetricQuality]:
    values = resampled(task, found.target, found.raw)(np.ones(len(found.target)))
    samples = bootstrap(task, found.target, found.raw, _SEED)
    enough = _enough(task, found.target)
    metrics = {}
    for name, value in values.items():
        if not math.isfinite(value) or (name in _OF_SCORES and not found.scored):
            continue
        low, high = bounds(value, [sample[name] for sample in samples])
        judged = enough or (name in _OF_ALL_ROWS and len(found.target) >= LEAST_ROWS)
        metrics[name] = _judge(name, Bounds(value, low, high), expected, judged=judged)
    return metrics


def _enough(task: str, target: Target) -> bool:
    if len(target) < LEAST_ROWS:
        return False
    if task != "binary":
        return True
    positives = int(target.sum())
    return min(positives, len(target) - positives) >= LEAST_OF_A_CLASS


def _judge(name: str, live: Bounds, expected: Expectations, *, judged: bool) -> MetricQuality:
    lower = name in LOWER_IS_BETTER
    holdout = expected.holdout.get(name)
    least, greatest = expected.limits.get(name, (None, None))
    status: Status = OK
    if holdout and (live.low > holdout.high if lower else live.high < holdout.low):
        status = WARNING
    if _beyond(live.value, live.value, least, greatest):
        status = WARNING
    if _beyond(live.low, live.high, least, greatest):
        status = CRITICAL
    # The limit on the worse side; the other one only where it is all there is.
    first, second = (greatest, least) if lower else (least, greatest)
    return MetricQuality(
        value=live.value,
        low=live.low,
        high=live.high,
        baseline=holdout.value if holdout else None,
        baseline_low=holdout.low if holdout else None,
        baseline_high=holdout.high if holdout else None,
        threshold=second if first is None else first,
        lower_is_better=lower,
        status=status if judged else OK,
    )


def _beyond(low: float, high: float, least: float | None, greatest: float | None) -> bool:
    """Whether all from low to high breaks a limit."""
    return (least is not None and high < least) or (greatest is not None and low > greatest)


def _cusum(task: str, found: Labelled, expected: Expectations) -> Cusum | None:
    errors: NDArray[np.bool_]
    if task == "regression":
        usual, rate = expected.usual_error, _RATE_OF_USUAL_ERRORS
        if usual is None:
            return None
        errors = np.abs(found.target - found.raw) > usual
    else:
        known = expected.error_rate
        if known is None:
            return None
        rate, errors = known, decide(task, found.raw) != found.target
    return binomial_cusum(errors, rate)
