"""What the store holds besides events and labels, and the shapes in which a reader gets them.

Times are microseconds since 1970, UTC, by the monitor's clock unless said otherwise; documents,
counts and evidence are JSON as text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from components.monitor.versions import Label

DRIFT_BY_ROWS: Final = "drift-rows"
DRIFT_BY_TIME: Final = "drift-time"
QUALITY: Final = "quality"
DriftKind = Literal["drift-rows", "drift-time"]
VerdictKind = Literal["drift-rows", "drift-time", "quality"]

CHECKS: Final = "kubeloop-check-%"
"""Ids of requests with which a run checks its endpoint, by `components.fresh.CHECK_ID`. Their rows
are the hold-out's: they are stored, counted and joined, and neither judged nor learned from."""

AlertStatus = Literal["firing", "resolved"]
Outcome = Literal["refused", "started", "failed", "promoted", "kept", "not_approved"]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A prediction event as it was stored.

    Attributes:
        key: grows in the order in which events become visible; never used twice.
        id: of the request.
        time: by the sender's clock.
        received: by the monitor's.
        rows: answers that it holds.
        duration: seconds the server took; None where the event does not say.
        features: a list of `rows` values a column; None where the event came without.
        outputs: `labels` and perhaps `probabilities`, or `predictions`, lists of `rows` values.
    """

    key: int
    id: str
    time: int
    received: int
    rows: int
    duration: float | None
    features: Mapping[str, list[Any]] | None
    outputs: Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One prediction with its ground truth.

    Attributes:
        event_key: of its event.
        row: within the event, from 0.
        time: of the prediction, no later than it was received.
        labelled_at: when its label joined it here.
        label: a class in the source's type, or a number.
        outputs: `label` and perhaps `probabilities` of this row, or its `prediction`.
    """

    event_key: int
    row: int
    time: int
    labelled_at: int
    label: Label
    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Counted rows of consecutive events of a version.

    Attributes:
        model, version: whose events.
        number: 1 or more, without gaps.
        first_event, last_event: keys of the events at its ends.
        start, end: the times of its earliest and latest row.
        rows: counted.
        counts: as the judge writes and reads them.
    """

    model: str
    version: int
    number: int
    first_event: int
    last_event: int
    start: int
    end: int
    rows: int
    counts: str


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """An alert that was received; the same fingerprint and start is the same alert.

    Attributes:
        fingerprint: of its labels, as Alertmanager computes it.
        starts_at: when it began.
        model: the model's name; empty where the alert names none.
        name: of the rule.
        severity: as the rule says; empty where it does not.
        status: firing or resolved.
        ends_at: when it ended; None while it fires.
        received: when this state of it came.
        document: what else it said.
    """

    fingerprint: str
    starts_at: int
    model: str
    name: str
    severity: str
    status: AlertStatus
    ends_at: int | None
    received: int
    document: str


@dataclass(frozen=True, slots=True)
class Retraining:
    """A decision on retraining, and what became of the run that it started.

    Attributes:
        id: unique.
        model: which.
        reason: what asked for it, such as drift, quality, schedule, manual.
        decided: when.
        outcome: refused, or where the run stands.
        why: the decision or the end in one sentence.
        evidence: what the decision rests on.
        run: the run's id or address; None where none was started.
        started, ended: of the run.
        version: that the run put into service; None without.
    """

    id: str
    model: str
    reason: str
    decided: int
    outcome: Outcome
    why: str
    evidence: str
    run: str | None = None
    started: int | None = None
    ended: int | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class RetrainingTotal:
    """Decisions on retraining that have model, reason and outcome in common.

    Attributes:
        model, reason, outcome: as `Retraining` has them.
        count: how many.
        first_decided: when the first of them was decided.
        last_ended: when the last of them ended, or was decided where no run was started.
    """

    model: str
    reason: str
    outcome: Outcome
    count: int
    first_decided: int
    last_ended: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """What one step of retention took away.

    Attributes:
        events, labels, pending, chunks, verdicts, alerts: rows deleted.
        more: whether another step would delete more.
    """

    events: int = 0
    labels: int = 0
    pending: int = 0
    chunks: int = 0
    verdicts: int = 0
    alerts: int = 0
    more: bool = False
