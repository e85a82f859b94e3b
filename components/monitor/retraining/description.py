"""Writes verdicts, alerts and decisions as the JSON that people, the page and `kubeloop` read."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from components.monitor.retraining.ledger import read_evidence
from components.monitor.retraining.policy import SECOND, Policy
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import AlertRecord, Retraining
from components.monitor.verdicts import ColumnDrift, DriftVerdict, QualityVerdict
from components.monitor.wire import format_time

SHOWN_ALERTS: Final = 50
SHOWN_DECISIONS: Final = 50


def describe_model(reader: Reader, model: str) -> dict[str, Any]:
    """Describes what is known of one model besides its counts.

    Args:
        reader: of the store.
        model: the model's name.

    Returns:
        `verdicts` by version and kind, the newest `alerts`, and the newest `retraining` decisions.

    Raises:
        StoreError: the store cannot be read.
    """
    verdicts: dict[str, dict[str, Any]] = {}
    for (name, version, kind), verdict in sorted(reader.latest_verdicts().items()):
        if name == model:
            verdicts.setdefault(str(version), {})[kind] = describe_verdict(verdict)
    return {
        "verdicts": verdicts,
        "alerts": [describe_alert(a) for a in reader.alerts(model, newest=SHOWN_ALERTS)],
        "retraining": describe_decisions(reader, model),
    }


def describe_decisions(reader: Reader, model: str) -> list[dict[str, Any]]:
    """Describes the newest decisions on retraining a model, the newest first."""
    return [describe_decision(d) for d in reader.retrainings(model, newest=SHOWN_DECISIONS)]


def describe_decision(decision: Retraining) -> dict[str, Any]:
    """Describes a decision with its evidence."""
    document: dict[str, Any] = asdict(decision) | {"evidence": read_evidence(decision)}
    times = ("decided", "started", "ended")
    return document | {name: format_time(document[name]) for name in times}


def describe_alert(alert: AlertRecord) -> dict[str, Any]:
    """Describes an alert with its labels and annotations."""
    document: dict[str, Any] = asdict(alert) | json.loads(alert.document)
    del document["document"]
    times = ("starts_at", "ends_at", "received")
    return document | {name: format_time(document[name]) for name in times}


def describe_policy(policy: Policy) -> dict[str, Any]:
    """Describes the rules of a model, by the keys of its spec."""
    return {
        "on": sorted(policy.on),
        "cooldown_s": policy.cooldown / SECOND,
        "min_labels": policy.min_labels,
        "max_per_day": policy.max_per_day,
        "every_s": policy.every and policy.every / SECOND,
    }


def describe_verdict(verdict: DriftVerdict | QualityVerdict) -> dict[str, Any]:
    """Describes a verdict: its figures, without the distributions that it rests on."""
    times = {name: format_time(getattr(verdict, name)) for name in ("judged", "start", "end")}
    if isinstance(verdict, QualityVerdict):
        return asdict(verdict) | times
    document: dict[str, Any] = {
        "window": verdict.window,
        "rows": verdict.rows,
        "status": verdict.status,
        "drifted_ratio": verdict.drifted_ratio,
        "features": {name: _column(column) for name, column in verdict.features.items()},
        "prediction": verdict.prediction and _column(verdict.prediction),
        "previous": verdict.previous and _column(verdict.previous),
        "rate": verdict.rate,
        "rate_before": verdict.rate_before,
        "estimate": dict(verdict.estimate),
        "latency": dict(verdict.latency),
    }
    return document | times


def _column(column: ColumnDrift) -> Mapping[str, Any]:
    names = ("psi", "p_value", "status", "missing", "unseen", "below", "above")
    return {name: getattr(column, name) for name in names}
