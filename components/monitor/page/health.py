"""Decides whether a model is all right, and says why in sentences.

Nothing is judged anew here: a level is the worst of the verdicts on the version that answers, of
the alerts that fire, and of signs that those are no longer of today.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from components.monitor.page.facts import ModelFacts, VersionFacts
from components.monitor.page.words import DAY, HOUR, LEVELS, MINUTE, SECOND, UNKNOWN, ago, lasting
from components.monitor.thresholds import read_thresholds
from components.monitor.verdicts import (
    CRITICAL,
    OK,
    WARNING,
    ColumnDrift,
    DriftVerdict,
    MetricQuality,
    QualityVerdict,
)
from components.report.text import counted, number, percent, text

LATE: Final = HOUR
"""A verdict that lags behind its events by more is old: as the alert of stale evaluation has it."""

MISSED_ROWS: Final = 100
"""Rows that should have come, by the rate of the last window, before silence is told."""

QUIET: Final = 15 * MINUTE
"""And how long it has to last: as the alert of missing traffic has it."""

LABELS_LATE: Final = DAY
"""Labels may come once a night; later than three times their lag, too, they are late."""

_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is to be known about a model.

    Attributes:
        level: how bad it is.
        words: a sentence, HTML.
        section: of the model's page that shows it.
    """

    level: str
    words: str
    section: str


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a model is all right: the worst level, and every reason, the worst first."""

    level: str
    reasons: tuple[Reason, ...]


def examine(model: ModelFacts, now: int) -> Health:
    """Examines one model.

    Args:
        model: what is stored of it.
        now: microseconds since 1970.
    """
    reasons = [*_verdicts(model), *_age(model, now), *_news(model, now)]
    served = model.served
    if served is None or not served.is_judged:
        reasons.append(_unjudged(served))
    elif all(reason.level == OK for reason in reasons):
        reasons.insert(0, Reason(OK, _well(served), "quality"))
    reasons.sort(key=lambda reason: LEVELS.index(reason.level))
    return Health(reasons[0].level, tuple(reasons))


def metric_words(name: str, found: MetricQuality) -> str:
    """Says how a metric stands to what is expected of it, HTML."""
    said = f"{text(name)} is {number(found.value)} ({number(found.low)} to {number(found.high)})"
    limit, value = found.threshold, found.value
    if limit is not None and (value > limit if found.lower_is_better else value < limit):
        return f"{said}, its limit {number(limit)}"
    if found.baseline_low is None or found.baseline_high is None:
        return said
    side = "above" if found.lower_is_better else "below"
    return f"{said}, {side} the hold-out’s {number(found.baseline_low)} to " + number(
        found.baseline_high
    )


def drift_words(verdict: DriftVerdict) -> str:
    """Says which features drifted, and whether the predictions did, HTML."""
    drifted = sorted(
        ((c.psi, name) for name, c in verdict.features.items() if c.drifted), reverse=True
    )
    parts = []
    if drifted:
        names = ", ".join(f"{text(name, 28)} {psi:.2f}" for psi, name in drifted[:_SHOWN])
        many = f"{len(drifted):,} of {counted(len(verdict.features), 'feature')} drifted"
        most = "most by PSI: " if len(drifted) > _SHOWN else "PSI: "
        parts.append(f"{many}, {most}{names}")
    if verdict.prediction is not None and verdict.prediction.drifted:
        parts.append(f"the predictions drifted, PSI {verdict.prediction.psi:.2f}")
    said = "; ".join(parts) or "No feature drifted, nor did the predictions"
    return said[0].upper() + said[1:]


def order(column: ColumnDrift) -> tuple[int, float]:
    """Orders columns by how far they drifted, the worst first."""
    return (LEVELS.index(column.status), -column.psi)


def _verdicts(model: ModelFacts) -> Iterator[Reason]:
    served = model.served
    if served is None:
        return
    if served.quality is not None and served.quality.status != OK:
        yield Reason(served.quality.status, f"{_quality(served.quality)}.", "quality")
    for verdict, where in ((served.drift, ""), (served.day, "Over the last 24 hours: ")):
        if verdict is not None and verdict.status != OK:
            words = drift_words(verdict)
            words = f"{where}{words[0].lower()}{words[1:]}" if where else words
            yield Reason(verdict.status, f"{words}.", "drift")


def _quality(verdict: QualityVerdict) -> str:
    bad = sorted(
        (
            (LEVELS.index(m.status), name, m)
            for name, m in verdict.metrics.items()
            if m.status != OK
        ),
        key=lambda found: (found[0], found[2].threshold is None, found[1]),
    )
    # What has no limit of its own follows those that have one.
    limited = [found for found in bad if found[2].threshold is not None]
    shown = (limited or bad)[:_SHOWN]
    parts = [metric_words(name, metric) for _, name, metric in shown]
    if len(bad) > len(shown):
        parts.append(f"{counted(len(bad) - len(shown), 'more metric')} worse than on the hold-out")
    if verdict.cusum is not None and verdict.cusum.alarm:
        parts.append(
            f"errors add up beyond the expected {percent(verdict.cusum.rate)}: "
            f"CUSUM {number(verdict.cusum.value)}, its limit {number(verdict.cusum.limit)}"
        )
    return "; ".join(parts) or "Quality is below what is expected"


def _age(model: ModelFacts, now: int) -> Iterator[Reason]:
    """Says where verdicts are no longer of today, or nothing comes any more."""
    served = model.served
    if served is None or served.last_event is None:
        return
    verdict, last = served.drift, served.last_event
    if verdict is not None:
        window = read_thresholds(served.known).window if served.known else 0
        late = last - verdict.judged
        if late > LATE and verdict.rate * late / SECOND >= window:
            words = f"Rows come, and drift was judged last {ago(verdict.judged, now)}."
            yield Reason(WARNING, words, "drift")
        silent = now - last
        if silent > QUIET and verdict.rate * silent / SECOND >= MISSED_ROWS:
            words = f"No event for {lasting(silent)}; before, {number(verdict.rate)} rows a second."
            yield Reason(WARNING, words, "traffic")
    label, quality = model.last_label, served.quality
    if label is not None and quality is not None:
        if last - label > max(LABELS_LATE, 3 * quality.lag * SECOND):
            words = f"Rows come, and the last label came {ago(label, now)}."
            yield Reason(WARNING, words, "quality")
        if label - quality.judged > LATE:
            words = f"Labels come, and quality was judged last {ago(quality.judged, now)}."
            yield Reason(WARNING, words, "quality")


def _news(model: ModelFacts, now: int) -> Iterator[Reason]:
    firing = [alert for alert in model.alerts if alert.status == "firing"]
    if firing:
        level = CRITICAL if any(a.severity == CRITICAL for a in firing) else WARNING
        names = ", ".join(text(name) for name in sorted({a.name for a in firing})[:_SHOWN])
        words = f"{counted(len(firing), 'alert')} {'fires' if len(firing) == 1 else 'fire'}: "
        yield Reason(level, f"{words}{names}.", "alerts")
    under_way = next((d for d in model.decisions if d.outcome == "started"), None)
    if under_way is not None:
        words = f"A run has been under way for {lasting(now - under_way.decided)}: "
        yield Reason(OK, f"{words}{text(under_way.why, 160)}.", "retraining")
    ended = next((d for d in model.decisions if d.outcome not in ("refused", "started")), None)
    if ended is not None and ended.outcome == "failed":
        when = ago(ended.ended or ended.decided, now)
        words = f"The last run failed {when}: {text(ended.why, 160)}"
        yield Reason(WARNING, words, "retraining")
    newest = model.versions[0] if model.versions else None
    if newest is not None and not newest.known and model.served is not None:
        which = f"version {newest.number}" if newest.number else "a version without a number"
        words = f"The newest events are of {which}, which nobody registered: it is not judged."
        yield Reason(WARNING, words, "versions")


def _unjudged(served: VersionFacts | None) -> Reason:
    if served is None or served.known is None:
        return Reason(UNKNOWN, "No event of a registered version has come.", "versions")
    window = read_thresholds(served.known).window
    if served.predictions < window:
        have = f"{served.predictions:,} of the {window:,} rows that a window needs have come"
        return Reason(UNKNOWN, f"Version {served.number}: {have}.", "versions")
    words = (
        f"Version {served.number}: {counted(served.predictions, 'row')} came, and none was judged"
    )
    return Reason(UNKNOWN, f"{words}: were its events without features?", "versions")


def _well(served: VersionFacts | None) -> str:
    if served is None or served.drift is None:
        return "Quality is as on the hold-out; drift is not judged yet."
    features = len(served.drift.features)
    drifted = f"No feature of {features:,} drifted" if features else "Nothing drifted"
    if served.quality is None:
        return f"{drifted}. Without labels its quality is not known."
    return f"{drifted}, and quality is within its limits on {served.quality.rows:,} labelled rows."
