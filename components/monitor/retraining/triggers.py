"""What asks for a run now: verdicts that stand, alerts that fire, a schedule that is due.

Read anew at every look, so that nothing has to be remembered: a reason that was refused in the
cooldown is looked at again as long as it holds, a storm of alerts is one reason, and a restart
forgets none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.monitor.retraining.alertmanager import FIRING, read_labels
from components.monitor.retraining.decision import DRIFT, QUALITY, SCHEDULE
from components.monitor.retraining.policy import SECOND
from components.monitor.storage.records import AlertRecord, VerdictKind
from components.monitor.verdicts import CRITICAL, DriftVerdict, QualityVerdict
from components.monitor.wire import format_time

Verdict = DriftVerdict | QualityVerdict
Verdicts = Mapping[tuple[str, int, VerdictKind], Verdict]

ALERT_LIFE: Final = 24 * 3600 * SECOND
"""An alert that was not repeated for so long counts as gone, for its end may have been lost.
Alertmanager repeats one every four hours unless told, by our manifests every hour."""

SHOWN: Final = 20
"""Features, metrics and alerts that a decision's evidence names."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A reason for a run, and what it rests on.

    Attributes:
        reason: `drift`, `quality`, `schedule` or `manual`.
        evidence: figures and names, as JSON values.
    """

    reason: str
    evidence: Mapping[str, Any]


def from_verdicts(verdicts: Verdicts, model: str, version: int, *, after: int) -> list[Trigger]:
    """Finds the critical verdicts on a version.

    Args:
        verdicts: the latest of each kind.
        model: the model's name.
        version: the one that answers now; what an older one did is past.
        after: verdicts of this moment or earlier have had their run.

    Returns:
        At most one trigger a reason.
    """
    found: dict[str, Trigger] = {}
    for (name, number, kind), verdict in sorted(verdicts.items()):
        if (name, number) != (model, version) or verdict.judged <= after:
            continue
        if verdict.status != CRITICAL:
            continue
        reason = QUALITY if isinstance(verdict, QualityVerdict) else DRIFT
        found.setdefault(reason, Trigger(reason, {"verdict": _figures(kind, verdict)}))
    return list(found.values())


def from_alerts(
    alerts: Iterable[AlertRecord], version: int, *, after: int, now: int
) -> list[Trigger]:
    """Finds the alerts that fire and say that they are a reason to retrain.

    Args:
        alerts: of one model.
        version: the one that answers now; an alert that names another is no reason.
        after: alerts that were last heard of at this moment or earlier have had their run.
        now: microseconds since 1970, UTC.

    Returns:
        At most one trigger a reason, however many alerts there are.
    """
    by_reason: dict[str, list[AlertRecord]] = {}
    for alert in alerts:
        if alert.status != FIRING or alert.received <= max(after, now - ALERT_LIFE):
            continue
        about, reason = read_labels(alert.document)
        if reason is not None and about in (None, version):
            by_reason.setdefault(reason, []).append(alert)
    return [Trigger(reason, _names(found)) for reason, found in sorted(by_reason.items())]


def from_schedule(every: int | None, *, since: int | None, now: int) -> list[Trigger]:
    """Finds out whether a run is due by time alone.

    Args:
        every: microseconds from one run to the next; None for never.
        since: when the model was last trained; None where nobody knows.
        now: microseconds since 1970, UTC.

    Returns:
        One trigger, or none.
    """
    if every is None or since is None or now < since + every:
        return []
    stated = {"trained": format_time(since), "every_s": every / SECOND}
    return [Trigger(SCHEDULE, {"schedule": stated})]


def _figures(kind: str, verdict: Verdict) -> dict[str, Any]:
    """The figures of a verdict that made it critical; the verdict itself is kept apart."""
    shown: dict[str, Any] = {
        "kind": kind,
        "judged": format_time(verdict.judged),
        "rows": verdict.rows,
        "start": format_time(verdict.start),
        "end": format_time(verdict.end),
    }
    if isinstance(verdict, QualityVerdict):
        bad = {name: m for name, m in verdict.metrics.items() if m.status == CRITICAL}
        shown["metrics"] = {
            name: {"value": m.value, "low": m.low, "high": m.high, "threshold": m.threshold}
            for name, m in list(bad.items())[:SHOWN]
        }
        if verdict.cusum is not None:
            shown["cusum"] = {"value": verdict.cusum.value, "alarm": verdict.cusum.alarm}
        return shown
    drifted = {name: c.psi for name, c in verdict.features.items() if c.drifted}
    strongest: Sequence[tuple[str, float]] = sorted(drifted.items(), key=lambda entry: -entry[1])
    shown["drifted_ratio"] = verdict.drifted_ratio
    shown["psi"] = dict(strongest[:SHOWN])
    if verdict.prediction is not None and verdict.prediction.drifted:
        shown["prediction_psi"] = verdict.prediction.psi
    return shown


def _names(alerts: Sequence[AlertRecord]) -> dict[str, Any]:
    shown = [
        {
            "name": alert.name,
            "severity": alert.severity,
            "fingerprint": alert.fingerprint,
            "starts_at": format_time(alert.starts_at),
        }
        for alert in alerts[:SHOWN]
    ]
    return {"alerts": shown, "alert_count": len(alerts)}
