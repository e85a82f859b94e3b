from collections.abc import Callable

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from components.monitor.metrics import Metrics
from components.monitor.storage.connection import StoreError
from components.monitor.totals import Content, Total
from components.monitor.versions import Version
from components.revision import VERSION

SEEN = Total("churn", 3, True, 5, 9, 4, 2, 1, 2)
EARLY = Total("churn", 3, False, 1, 1, 1, 0, 1, 2)
STRANGE = Total("strange", 7, False, 3, 3, 0, 1, 1, 2)


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {(s.name, tuple(s.labels.values())): s.value for f in families for s in f.samples}


@pytest.fixture
def metrics(version: Callable[..., Version]) -> Metrics:
    built = Metrics()
    content = Content((SEEN, EARLY, STRANGE), pending=6)
    built.observe_store(lambda: content, {("churn", 3): version()})
    return built


def test_metrics_registered_version_labelled(metrics: Metrics) -> None:
    found = samples(metrics)
    assert found["kubeloop_events_total", ("churn", "3", "prediction")] == 5
    assert found["kubeloop_monitor_events_duplicate_total", ("churn", "3")] == 2
    assert found["kubeloop_monitor_predictions_total", ("churn", "3")] == 9
    assert found["kubeloop_feedback_labels_total", ("churn", "3")] == 4
    assert found["kubeloop_monitor_model_info", ("churn", "3", "onnx", "binary")] == 1
    assert found["kubeloop_monitor_feedback_pending", ()] == 6


def test_metrics_name_the_code_that_collects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBELOOP_REVISION", "abc123")
    assert samples(Metrics())["kubeloop_monitor_build_info", ("abc123", VERSION)] == 1


def test_metrics_unregistered_counted_together_and_never_named(metrics: Metrics) -> None:
    found = samples(metrics)
    assert found["kubeloop_events_total", ("unregistered", "unregistered", "prediction")] == 4
    assert not [key for key in found if "strange" in key[1]]


def test_metrics_counts_by_reason_and_result(metrics: Metrics) -> None:
    metrics.count_rejected("malformed")
    metrics.count_feedback({"joined": 3, "refused": 2})
    found = samples(metrics)
    assert found["kubeloop_events_rejected_total", ("malformed",)] == 1
    assert found["kubeloop_events_rejected_total", ("overloaded",)] == 0
    assert found["kubeloop_monitor_feedback_total", ("joined",)] == 3
    assert found["kubeloop_monitor_feedback_total", ("refused",)] == 2


def test_metrics_unreadable_store_rest_still_told() -> None:
    built = Metrics()

    def read() -> Content:
        message = "disk gone"
        raise StoreError(message)

    built.observe_store(read, {})
    built.observe_process(waiting=lambda: 3, held=lambda: 7)
    found = samples(built)
    assert found["kubeloop_monitor_queue_requests", ()] == 3
    assert found["kubeloop_monitor_held_bytes", ()] == 7
    assert "kubeloop_monitor_feedback_pending" not in {name for name, _ in found}


def test_metrics_every_help_says_where_it_comes_from(metrics: Metrics) -> None:
    text = generate_latest(metrics.registry).decode()
    for family in text_string_to_metric_families(text):
        if family.type == "counter":
            assert family.documentation.endswith(
                ("right after a restart too.", "Since this process started.")
            )
