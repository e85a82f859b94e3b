"""A store as a monitor leaves it behind after hours: models, verdicts, alerts and decisions."""

import json
from typing import Any

from components.monitor.predictions import Record
from components.monitor.storage.records import AlertRecord, Retraining
from components.monitor.store import Store
from components.monitor.verdicts import (
    ColumnDrift,
    Cusum,
    DriftVerdict,
    MetricQuality,
    QualityVerdict,
    Status,
)
from components.monitor.versions import Version, read_registration

NOON = 1_795_176_000_000_000
SECOND = 1_000_000
MINUTE = 60 * SECOND

HOSTILE = (
    "<script>document.title='run'</script>",
    '"onmouseover=alert(1) x="',
    "x" * 500,
    "عمود طويل جدا",
    "数据 😀",
)
"""Names that a signature may have, with which a page could be broken."""


def version(name: str, number: int, features: list[str], **spec: Any) -> Version:
    inputs = [{"name": feature, "dtype": "float32"} for feature in features]
    bundle = {
        "format": 1,
        "name": name,
        "task": "binary",
        "runtime": "onnx",
        "classes": ["No", "Yes"],
        "signature": {"inputs": inputs},
        "spec": spec,
        "trained_at": "2026-11-20T10:00:00Z",
    }
    body = {"bundle": bundle, "reference": {"format": 1, "features": {}}}
    return read_registration(name, str(number), body)


def column(psi: float = 0.01, status: Status = "ok", **changed: Any) -> ColumnDrift:
    """A number's; `labels=CATEGORY` with as many counts makes it a category's."""
    values: dict[str, Any] = {
        "psi": psi,
        "p_value": 1e-9 if status != "ok" else 0.4,
        "status": status,
        "missing": 0.02,
        "unseen": 0.0,
        "below": 0.0,
        "above": 0.01,
        "counts": (100, 300, 500, 20),
        "reference": (200, 400, 300, 0),
        "labels": ("< 1", "1 to 2", "≥ 2", "(missing)"),
    }
    return ColumnDrift(**(values | changed))


CATEGORY = ("<b>basic</b>", "plus", "(other)", "(unseen)", "(missing)")


def category(psi: float = 0.01, status: Status = "ok") -> ColumnDrift:
    counts, reference = (600, 300, 0, 40, 60), (500, 500, 0, 0, 0)
    return column(psi, status, counts=counts, reference=reference, labels=CATEGORY)


def drift(
    name: str, number: int, judged: int, features: dict[str, ColumnDrift], **changed: Any
) -> DriftVerdict:
    values: dict[str, Any] = {
        "window": "rows",
        "start": judged - MINUTE,
        "end": judged - SECOND,
        "rows": 1000,
        "status": "ok",
        "prediction": category(),
        "drifted_ratio": sum(c.drifted for c in features.values()) / max(1, len(features)),
        "rate": 10.0,
        "estimate": {"roc_auc": 0.9},
        "latency": {"0.5": 0.001, "0.99": 0.02},
    }
    return DriftVerdict(
        model=name, version=number, judged=judged, features=features, **(values | changed)
    )


def metric(value: float, status: Status = "ok", threshold: float | None = 0.75) -> MetricQuality:
    return MetricQuality(
        value, value - 0.03, value + 0.03, 0.9, 0.88, 0.92, threshold, False, status
    )


def quality(
    name: str, number: int, judged: int, metrics: dict[str, MetricQuality], **changed: Any
) -> QualityVerdict:
    values: dict[str, Any] = {
        "start": judged - MINUTE,
        "end": judged - SECOND,
        "rows": 1000,
        "status": "ok",
        "cusum": Cusum(1.0, 8.0, False, 1000, 0.1),
        "lag": 30.0,
    }
    return QualityVerdict(
        model=name, version=number, judged=judged, metrics=metrics, **(values | changed)
    )


def event(
    name: str, number: int, received: int, *, rows: int = 2000, registered: bool = True
) -> Record:
    return Record(
        id=f"{name}-{number}-{received}",
        kind="prediction",
        model=name,
        version=number,
        registered=registered,
        time=received - 5,
        received=received,
        rows=rows,
        duration=0.001,
        features=None,
        outputs="{}",
    )


def alert(name: str = "KubeloopFeatureDrift", model: str = "churn", **changed: Any) -> AlertRecord:
    said = {
        "labels": {"model_name": model},
        "annotations": {
            "summary": "age has drifted <img src=x onerror=alert(1)>",
            "description": "Look at what sends it. " * 40,
        },
    }
    values: dict[str, Any] = {
        "fingerprint": "f1",
        "starts_at": NOON - 20 * MINUTE,
        "severity": "warning",
        "status": "firing",
        "ends_at": None,
        "received": NOON - 20 * MINUTE,
        "document": json.dumps(said),
    }
    return AlertRecord(name=name, model=model, **(values | changed))


def decision(outcome: str = "started", model: str = "churn", **changed: Any) -> Retraining:
    evidence = {
        "labels": 2041,
        "verdict": {"kind": "quality", "metrics": {"roc_auc": {"value": 0.61}}},
        "cusum": {"alarm": True},
        "again": None,
    }
    values: dict[str, Any] = {
        "id": "r1",
        "reason": "quality",
        "decided": NOON - 10 * MINUTE,
        "why": "quality, with <i>2041</i> new labelled rows",
        "evidence": json.dumps(evidence),
        "run": "/runs/r1",
        "started": NOON - 10 * MINUTE,
    }
    return Retraining(model=model, outcome=outcome, **(values | changed))  # type: ignore[arg-type]


def fill(store: Store, name: str = "churn", *, features: int = 8, verdicts: int = 40) -> None:
    """Writes a model whose version 2 has drifted and got worse over the last hours."""
    names = [*HOSTILE, *(f"feature_{at}" for at in range(max(0, features - len(HOSTILE))))]
    names = names[:features]
    store.begin()
    for number in (1, 2):
        store.register(version(name, number, names, search={"metric": "roc_auc"}), NOON)
    store.add_events([event(name, 1, NOON - 500 * MINUTE), event(name, 2, NOON - MINUTE)])
    for at in range(verdicts):
        judged = NOON - (verdicts - at) * 10 * MINUTE
        bad = at > verdicts // 2
        found = {
            feature: category(0.3 if bad else 0.01, "critical" if bad else "ok")
            if place % 3 == 0
            else column(0.02)
            for place, feature in enumerate(names)
        }
        whole: Any = {"status": "critical" if bad else "ok", "previous": category()}
        store.add_verdict("drift-rows", drift(name, 2, judged, found, **whole))
        scores = {
            "roc_auc": metric(0.6 if bad else 0.9, "critical" if bad else "ok"),
            "accuracy": metric(0.8, "warning" if bad else "ok", None),
            "f1": metric(0.8, threshold=None),
            "log_loss": metric(0.3, threshold=None),
        }
        status = "critical" if bad else "ok"
        store.add_verdict("quality", quality(name, 2, judged, scores, status=status))
    before = NOON - (verdicts + 5) * 10 * MINUTE
    store.add_verdict("drift-rows", drift(name, 1, before, {names[0]: category()}))
    store.add_verdict("drift-time", drift(name, 2, NOON - 30 * MINUTE, found, window="time"))
    store.add_alert(alert(model=name, fingerprint=f"f{name}"))
    store.add_retraining(decision(model=name, id=f"r-{name}"))
    refused = decision("refused", name, id=f"q-{name}", run=None, started=None)
    store.add_retraining(refused)
    store.commit()
