"""What the monitor has judged, as it is stored: drift of a window, and quality of labelled rows.

The shapes that everything after the judgement reads: the metrics, the page, the retraining
decision. They hold figures and verdicts together, so that a verdict can always be shown with what
it rests on. Times are microseconds since 1970, UTC; ratios are from 0 to 1.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

OK: Final = "ok"
WARNING: Final = "warning"
CRITICAL: Final = "critical"
Status = Literal["ok", "warning", "critical"]

BY_ROWS: Final = "rows"
BY_TIME: Final = "time"


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How one feature, or the prediction, differs from its reference within a window.

    Attributes:
        psi: population stability index less its bias; may be below 0.
        p_value: of the chi-squared test of homogeneity.
        status: critical and warning both mean drifted.
        missing: share of rows without a value.
        unseen: share of rows with a category that the reference does not name.
        below, above: shares of rows beyond the reference's smallest and largest value.
        counts: live rows by bin, in the order of `labels`.
        reference: reference rows by bin.
        labels: what each bin holds, to be shown.
    """

    psi: float
    p_value: float
    status: Status
    missing: float
    unseen: float
    below: float
    above: float
    counts: tuple[int, ...]
    reference: tuple[int, ...]
    labels: tuple[str, ...]

    @property
    def drifted(self) -> bool:
        """Whether the column counts as drifted."""
        return self.status != OK


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """A window of rows against the reference of their version.

    Attributes:
        model, version: whose rows.
        window: `rows`, the newest `monitor.window` rows, or `time`, the rows of a time bucket.
        judged: when.
        start, end: of the window's first and last event.
        rows: in the window.
        status: the worst of the features and the prediction; critical also where `drifted_ratio`
            reaches its limit.
        features: by name.
        prediction: of the answers.
        drifted_ratio: share of features that drifted.
        rate: rows a second in the window; `rate_before`: in the same time before, None if unknown.
        previous: the prediction against the previous version's newest window, None without one.
        estimate: metrics expected from the probabilities alone, by name; without labels, so it
            never clears an alert.
        latency: seconds a request took, by quantile ("0.5", "0.99").
    """

    model: str
    version: int
    window: Literal["rows", "time"]
    judged: int
    start: int
    end: int
    rows: int
    status: Status
    features: Mapping[str, ColumnDrift]
    prediction: ColumnDrift | None
    drifted_ratio: float
    rate: float
    rate_before: float | None = None
    previous: ColumnDrift | None = None
    estimate: Mapping[str, float] = field(default_factory=dict)
    latency: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricQuality:
    """One metric on labelled live rows.

    Attributes:
        value, low, high: with its 95 % bootstrap interval.
        baseline, baseline_low, baseline_high: the same on the hold-out; None if unknown.
        threshold: of `monitor.quality`; None where the spec sets none.
        lower_is_better: whether the metric is an error.
        status: critical where the whole interval breaks the threshold, warning where the value does
            or the interval lies wholly on the worse side of the hold-out's.
    """

    value: float
    low: float
    high: float
    baseline: float | None
    baseline_low: float | None
    baseline_high: float | None
    threshold: float | None
    lower_is_better: bool
    status: Status


@dataclass(frozen=True, slots=True)
class Cusum:
    """A cumulative sum of errors against the hold-out's error rate.

    Attributes:
        value: now; `limit`: from which it alarms.
        alarm: whether it has passed the limit on these rows.
        rows: labelled rows it has seen.
        rate: expected share of errors.
    """

    value: float
    limit: float
    alarm: bool
    rows: int
    rate: float


@dataclass(frozen=True, slots=True)
class QualityVerdict:
    """The newest labelled rows of a version.

    Attributes:
        model, version: whose rows.
        judged: when.
        start, end: of the first and last event judged.
        rows: labelled rows judged.
        status: the worst of the metrics; critical too where the CUSUM alarms.
        metrics: by name, those of the task that are defined.
        cusum: of errors; None where the hold-out's rate is unknown.
        lag: median seconds from prediction to label.
    """

    model: str
    version: int
    judged: int
    start: int
    end: int
    rows: int
    status: Status
    metrics: Mapping[str, MetricQuality]
    cusum: Cusum | None
    lag: float


def to_json(verdict: DriftVerdict | QualityVerdict) -> str:
    """Writes a verdict as it is stored."""
    return json.dumps(asdict(verdict), separators=(",", ":"))


def read_drift(text: str) -> DriftVerdict:
    """Reads what `to_json` wrote of a drift verdict."""
    document: dict[str, Any] = json.loads(text)
    document["features"] = {name: _column(c) for name, c in document["features"].items()}
    for name in ("prediction", "previous"):
        document[name] = document[name] and _column(document[name])
    return DriftVerdict(**document)


def read_quality(text: str) -> QualityVerdict:
    """Reads what `to_json` wrote of a quality verdict."""
    document: dict[str, Any] = json.loads(text)
    document["metrics"] = {name: MetricQuality(**m) for name, m in document["metrics"].items()}
    document["cusum"] = document["cusum"] and Cusum(**document["cusum"])
    return QualityVerdict(**document)


def _column(document: Mapping[str, Any]) -> ColumnDrift:
    lists = {name: tuple(document[name]) for name in ("counts", "reference", "labels")}
    return ColumnDrift(**{**document, **lists})
