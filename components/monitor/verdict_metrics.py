"""What the monitor has judged, as Prometheus reads it.

Read from the store at each scrape: right after a restart, and alike from every replica. A version
that traffic has left is not told any more: its last verdict would hold an alert up for ever.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from components.monitor.recent_traffic import Growth, RecentTraffic
from components.monitor.storage.connection import StoreError
from components.monitor.storage.records import (
    DRIFT_BY_ROWS,
    DRIFT_BY_TIME,
    QUALITY,
    VerdictKind,
)
from components.monitor.thresholds import read_thresholds
from components.monitor.totals import Content
from components.monitor.verdict_families import FAMILIES
from components.monitor.verdicts import (
    CRITICAL,
    OK,
    WARNING,
    ColumnDrift,
    DriftVerdict,
    MetricQuality,
    QualityVerdict,
)
from components.monitor.versions import Version, Versions

Key = tuple[str, int, VerdictKind]
Latest = Mapping[Key, DriftVerdict | QualityVerdict]
Sample = tuple[str, tuple[str, ...], float]

LEVELS: Final = {OK: 0, WARNING: 1, CRITICAL: 2}
SECOND: Final = 1_000_000


class VerdictMetrics(Collector):
    """The latest verdicts of the versions that traffic goes to."""

    def __init__(
        self, read: Callable[[], Latest], content: Callable[[], Content], versions: Versions
    ) -> None:
        """Takes what is read at each scrape.

        Args:
            read: the latest verdict of each model, version and kind.
            content: what the store holds.
            versions: the registered versions, kept up to date by their owner.
        """
        self._read, self._content, self._versions = read, content, versions
        self._traffic, self._labels = RecentTraffic(), Growth()

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not read the store."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics; none where the store cannot be read, so that rules see that they are old."""
        try:
            latest, content = self._read(), self._content()
        except StoreError as exc:
            logging.getLogger(__name__).error("verdicts not read for metrics error=%s", exc)
            return
        families = {
            name: GaugeMetricFamily(name, text, labels=labels)
            for name, (labels, text) in FAMILIES.items()
        }
        told = self._traffic.look(content.totals, time.monotonic()) | judged_last(latest)
        labelled = self._last_labels(content, latest)
        for key in sorted(told & self._versions.keys()):
            samples = [*_samples(self._versions[key], latest)]
            if key in labelled:
                samples.append(("kubeloop_feedback_last_timestamp_seconds", (), labelled[key]))
            for name, labels, value in samples:
                families[name].add_metric((key[0], str(key[1]), *labels), value)
        yield from families.values()

    def _last_labels(self, content: Content, latest: Latest) -> Mapping[tuple[str, int], float]:
        """When labels came last; before the first scrape, when they were judged."""
        counts = {(t.model, t.version): t.labelled for t in content.totals if t.registered}
        before = {
            key[:2]: verdict.judged / 1e6 for key, verdict in latest.items() if key[2] == QUALITY
        }
        return self._labels.look(counts, before, time.time())


def judged_last(latest: Latest) -> set[tuple[str, int]]:
    """Finds of each model the version whose drift was judged last.

    It is told although traffic has left it, until its successor has rows enough to be judged.
    """
    found: dict[str, tuple[int, int]] = {}
    for (model, number, kind), verdict in latest.items():
        if kind == DRIFT_BY_ROWS:
            found[model] = max(found.get(model, (0, 0)), (verdict.judged, number))
    return {(model, number) for model, (_, number) in found.items()}


def _samples(version: Version, latest: Latest) -> Iterator[Sample]:
    thresholds = read_thresholds(version)
    if thresholds.trained is not None:
        yield "kubeloop_model_trained_timestamp_seconds", (), thresholds.trained / SECOND
    yield "kubeloop_drift_window_rows_threshold", (), thresholds.window
    yield "kubeloop_request_duration_threshold_seconds", (), thresholds.latency
    yield "kubeloop_model_quality_limits", (), thresholds.limits
    rows = latest.get((version.model, version.number, DRIFT_BY_ROWS))
    day = latest.get((version.model, version.number, DRIFT_BY_TIME))
    quality = latest.get((version.model, version.number, QUALITY))
    if isinstance(rows, DriftVerdict):
        yield from _drift(rows, version)
    for window in (rows, day):
        if isinstance(window, DriftVerdict):
            yield "kubeloop_drift_level", (window.window,), LEVELS[window.status]
    if isinstance(quality, QualityVerdict):
        yield from _quality(quality)


def _drift(verdict: DriftVerdict, version: Version) -> Iterator[Sample]:
    # numpy is loaded by the judge's thread; a process that only collects does without it.
    from components.monitor.statistics import drift

    for feature, column in verdict.features.items():
        if feature in version.inputs:
            yield from _feature(feature, column)
    limit = read_thresholds(version).psi
    yield "kubeloop_feature_psi_threshold", (), limit
    yield "kubeloop_feature_psi_warning", (), min(drift.WARNING_PSI, limit)
    features = len(verdict.features)
    yield "kubeloop_feature_drift_p_value_threshold", (), drift.p_value_limit(features)
    yield "kubeloop_drifted_features_ratio", (), verdict.drifted_ratio
    yield "kubeloop_drifted_features_ratio_threshold", (), drift.dataset_ratio(features)
    if verdict.prediction is not None:
        yield "kubeloop_prediction_psi", (), verdict.prediction.psi
        yield "kubeloop_prediction_drift_p_value", (), verdict.prediction.p_value
        yield "kubeloop_prediction_drifted", (), float(verdict.prediction.drifted)
    if verdict.previous is not None:
        yield "kubeloop_prediction_previous_psi", (), verdict.previous.psi
    yield "kubeloop_drift_window_rows", (), verdict.rows
    yield "kubeloop_drift_evaluated_timestamp_seconds", (), verdict.judged / SECOND
    yield "kubeloop_traffic_rows_per_second", (), verdict.rate
    if verdict.rate_before is not None:
        yield "kubeloop_traffic_rows_per_second_before", (), verdict.rate_before
    for metric, value in verdict.estimate.items():
        yield "kubeloop_model_quality_estimate", (metric,), value


def _feature(feature: str, column: ColumnDrift) -> Iterator[Sample]:
    yield "kubeloop_feature_psi", (feature,), column.psi
    yield "kubeloop_feature_drift_p_value", (feature,), column.p_value
    yield "kubeloop_feature_drifted", (feature,), float(column.drifted)
    yield "kubeloop_feature_missing_ratio", (feature,), column.missing
    yield "kubeloop_feature_unseen_ratio", (feature,), column.unseen
    yield "kubeloop_feature_out_of_range_ratio", (feature,), column.below + column.above


def _quality(verdict: QualityVerdict) -> Iterator[Sample]:
    for metric, found in verdict.metrics.items():
        figures: dict[str, float | None] = {
            "": found.value,
            "_lower_bound": found.low,
            "_upper_bound": found.high,
            "_lower_is_better": float(found.lower_is_better),
            "_level": float(LEVELS[found.status]),
        }
        if not _left_unjudged(found):
            figures |= {
                "_baseline": found.baseline,
                "_baseline_lower_bound": found.baseline_low,
                "_baseline_upper_bound": found.baseline_high,
                "_threshold": found.threshold,
            }
        for suffix, value in figures.items():
            if value is not None:
                yield f"kubeloop_model_quality{suffix}", (metric,), value
    yield "kubeloop_model_quality_rows", (), verdict.rows
    yield "kubeloop_model_quality_evaluated_timestamp_seconds", (), verdict.judged / SECOND
    yield "kubeloop_feedback_lag_seconds", (), verdict.lag
    if verdict.cusum is not None:
        # An alarm stands although the sum has fallen since: its limit was reached on these rows.
        reached = verdict.cusum.limit if verdict.cusum.alarm else 0.0
        yield "kubeloop_model_error_cusum", (), max(verdict.cusum.value, reached)
        yield "kubeloop_model_error_cusum_threshold", (), verdict.cusum.limit


def _left_unjudged(found: MetricQuality) -> bool:
    """Whether a metric breaks a limit, and is well all the same: of too few rows it is but shown.

    Told beside its limits it would fire the rules, which know nothing of rows.
    """
    sign = -1 if found.lower_is_better else 1
    ends = sorted((sign * found.low, sign * found.high))
    beyond = found.threshold is not None and sign * found.value < sign * found.threshold
    if found.baseline_low is not None and found.baseline_high is not None:
        least = min(sign * found.baseline_low, sign * found.baseline_high)
        beyond |= ends[1] < least
    return found.status == OK and beyond
