"""Reads what Alertmanager posts: its webhook of version 4.

Strictly, because an alert may start a training run: every problem of the body is named at once, and
a body with one is refused whole. Keys that later versions add are left alone.
Source: notify/webhook/webhook.go and template/template.go of Alertmanager, types `Message`, `Data`
and `Alert`; a firing alert's `endsAt` is Go's zero time.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from components.monitor.refusal import Problem, Review, invalid
from components.monitor.retraining.decision import DRIFT, QUALITY
from components.monitor.storage.records import AlertStatus
from components.monitor.wire import MAX_NAME, is_name, parse_time

VERSION: Final = "4"
FIRING: Final[AlertStatus] = "firing"
RESOLVED: Final[AlertStatus] = "resolved"
MAX_ALERTS: Final = 10_000
"""Of one request; Alertmanager sends a group's alerts, and every group is of one model."""
MAX_TEXT: Final = 4096
"""Characters of a label or an annotation that are kept."""

REASON_LABEL: Final = "retrain"
"""The label by which a rule says that its alert is a reason to train anew, and which."""

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{1,64}")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a request.

    Attributes:
        fingerprint: Alertmanager's, of the labels.
        status: `firing` or `resolved`.
        name: its rule's.
        model: the label `model_name`; empty where it is not about a model.
        version: the label `model_version`; None where it names none.
        severity: the label; empty where there is none.
        reason: `drift` or `quality` where the alert is a reason to retrain, else None.
        starts_at, ends_at: microseconds since 1970, UTC; no end while it fires.
        document: labels and annotations as JSON.
    """

    fingerprint: str
    status: AlertStatus
    name: str
    model: str
    version: int | None
    severity: str
    reason: str | None
    starts_at: int
    ends_at: int | None
    document: str


def read_webhook(document: object) -> list[Alert]:
    """Reads the alerts of one request.

    Args:
        document: the body, any JSON value.

    Returns:
        The alerts; where one came twice, the last.

    Raises:
        RefusedError: 400 with every problem.
    """
    review = Review(0)
    body: dict[str, Any] = document if isinstance(document, dict) else {}
    if body.get("version") != VERSION:
        review.note("version", f"{VERSION!r}, as Alertmanager's webhook states it")
    found = body.get("alerts")
    if not isinstance(found, list) or len(found) > MAX_ALERTS:
        review.note("alerts", f"a list of at most {MAX_ALERTS} alerts")
    problems = review.problems
    alerts: dict[tuple[str, int], Alert] = {}
    for index, entry in enumerate(found if isinstance(found, list) and not problems else ()):
        alert = _read_alert(entry, index, problems)
        if alert is not None:
            alerts[alert.fingerprint, alert.starts_at] = alert
    if problems:
        raise invalid(problems, what="alerts")
    return list(alerts.values())


def _read_alert(entry: object, index: int, problems: list[Problem]) -> Alert | None:
    review = Review(index)
    body: dict[str, Any] = entry if isinstance(entry, dict) else {}
    if body.get("status") not in (FIRING, RESOLVED):
        review.note("status", f"{FIRING!r} or {RESOLVED!r}")
    fingerprint, starts_at = body.get("fingerprint"), parse_time(body.get("startsAt"))
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        review.note("fingerprint", "1 to 64 hexadecimal digits")
    if starts_at is None or starts_at <= 0:
        review.note("startsAt", "an RFC 3339 time")
    labels, annotations = _texts(body.get("labels")), _texts(body.get("annotations", {}))
    if labels is None or not is_name(labels.get("alertname")):
        review.note("labels", "texts by name, with alertname")
    if annotations is None:
        review.note("annotations", "texts by name")
    if review.problems or not isinstance(fingerprint, str) or not labels or starts_at is None:
        problems.extend(review.problems)
        return None
    kept = {"labels": labels, "annotations": annotations}
    ends_at = parse_time(body.get("endsAt")) if body["status"] == RESOLVED else None
    return Alert(
        fingerprint=fingerprint,
        status=body["status"],
        name=labels["alertname"],
        model=labels.get("model_name", "")[:MAX_NAME],
        version=_version(labels),
        severity=labels.get("severity", "")[:MAX_NAME],
        reason=_reason(labels),
        starts_at=starts_at,
        ends_at=ends_at if ends_at and ends_at > 0 else None,
        document=json.dumps(kept, sort_keys=True, separators=(",", ":")),
    )


def read_labels(document: str) -> tuple[int | None, str | None]:
    """Reads version and reason of a stored alert.

    Args:
        document: as `Alert` has it.

    Returns:
        The version that it is about and the reason to retrain that it is; None for none.
    """
    labels = json.loads(document)["labels"]
    return _version(labels), _reason(labels)


def _reason(labels: dict[str, str]) -> str | None:
    stated = labels.get(REASON_LABEL)
    return stated if stated in (DRIFT, QUALITY) else None


def _version(labels: dict[str, str]) -> int | None:
    stated = labels.get("model_version", "")
    return int(stated) if re.fullmatch(r"[1-9][0-9]{0,17}", stated) else None


def _texts(value: object) -> dict[str, str] | None:
    """The texts by name, each cut to what is kept; None where there is anything else."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        return None
    return {name[:MAX_NAME]: text[:MAX_TEXT] for name, text in value.items()}
