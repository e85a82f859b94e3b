import copy
import json
from typing import Any

import pytest

from components.monitor.refusal import RefusedError
from components.monitor.retraining.alertmanager import MAX_ALERTS, read_labels, read_webhook

# As Alertmanager 0.25 posts it.
BODY: dict[str, Any] = {
    "receiver": "monitor",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "KubeloopFeatureDrift",
                "model_name": "churn",
                "model_version": "3",
                "feature": "tenure",
                "retrain": "drift",
                "severity": "critical",
            },
            "annotations": {"summary": "tenure has drifted"},
            "startsAt": "2026-11-20T12:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph?g0.expr=1",
            "fingerprint": "0f3fa5a9aa2a5b0e",
        }
    ],
    "groupLabels": {"alertname": "KubeloopFeatureDrift"},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager:9093",
    "version": "4",
    "groupKey": '{}:{alertname="KubeloopFeatureDrift"}',
    "truncatedAlerts": 0,
}


def changed(**changes: Any) -> dict[str, Any]:
    body = copy.deepcopy(BODY)
    body["alerts"][0] |= changes
    return body


def test_firing_alert_is_read_whole() -> None:
    [alert] = read_webhook(BODY)
    assert (alert.fingerprint, alert.status, alert.name) == (
        "0f3fa5a9aa2a5b0e",
        "firing",
        "KubeloopFeatureDrift",
    )
    assert (alert.model, alert.version, alert.severity, alert.reason) == (
        "churn",
        3,
        "critical",
        "drift",
    )
    assert (alert.starts_at, alert.ends_at) == (1_795_176_000_123_456, None)
    assert json.loads(alert.document)["annotations"] == {"summary": "tenure has drifted"}
    assert read_labels(alert.document) == (3, "drift")


def test_resolved_alert_has_an_end() -> None:
    body = changed(status="resolved", endsAt="2026-11-20T12:00:01Z")
    [alert] = read_webhook(body)
    assert (alert.status, alert.ends_at) == ("resolved", 1_795_176_001_000_000)


def test_alert_without_model_or_reason_is_kept_and_is_none() -> None:
    [alert] = read_webhook(changed(labels={"alertname": "KubeloopMonitorAbsent"}))
    assert (alert.model, alert.version, alert.reason) == ("", None, None)
    [other] = read_webhook(
        changed(labels={"alertname": "A", "retrain": "yes", "model_version": "01"})
    )
    assert (other.version, other.reason) == (None, None)


def test_same_alert_twice_counts_once_and_the_last_is_kept() -> None:
    body = changed()
    later = copy.deepcopy(body["alerts"][0]) | {"status": "resolved"}
    body["alerts"].append(later)
    [alert] = read_webhook(body)
    assert alert.status == "resolved"


def test_long_texts_are_cut() -> None:
    [alert] = read_webhook(changed(annotations={"summary": "x" * 10_000}))
    assert len(json.loads(alert.document)["annotations"]["summary"]) == 4096


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "on"}, "status"),
        ({"fingerprint": "XYZ"}, "fingerprint"),
        ({"fingerprint": 7}, "fingerprint"),
        ({"startsAt": "yesterday"}, "startsAt"),
        ({"startsAt": "0001-01-01T00:00:00Z"}, "startsAt"),
        ({"labels": {"severity": "x"}}, "labels"),
        ({"labels": {"alertname": 5}}, "labels"),
        ({"labels": None}, "labels"),
        ({"annotations": [1]}, "annotations"),
        ({"annotations": {"a": {}}}, "annotations"),
    ],
)
def test_wrong_alert_is_refused_by_the_name_of_its_field(
    changes: dict[str, Any], field: str
) -> None:
    body = changed()
    body["alerts"].append(changed(**changes)["alerts"][0])
    with pytest.raises(RefusedError) as refused:
        read_webhook(body)
    assert refused.value.status == 400
    assert [(p.index, p.field) for p in refused.value.problems] == [(1, field)]


@pytest.mark.parametrize("body", [None, [], "x", {}, {"version": "4"}, {**BODY, "version": "3"}])
def test_body_of_another_shape_is_refused(body: object) -> None:
    with pytest.raises(RefusedError, match="alerts refused whole"):
        read_webhook(body)


def test_every_problem_is_named() -> None:
    with pytest.raises(RefusedError) as refused:
        read_webhook({"version": "4", "alerts": [{}, 5]})
    found = [(p.index, p.field) for p in refused.value.problems]
    fields = ["status", "fingerprint", "startsAt", "labels"]
    assert found == [(index, field) for index in (0, 1) for field in fields]


def test_too_many_alerts_are_refused() -> None:
    body = {**BODY, "alerts": BODY["alerts"] * (MAX_ALERTS + 1)}
    with pytest.raises(RefusedError, match="at most 10000 alerts"):
        read_webhook(body)
