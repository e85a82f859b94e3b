import pytest
from prometheus_client import CollectorRegistry

from components.revision import VERSION
from components.serve.metrics import Metrics
from components.serve.runtime import Model

MODEL = {"model_name": "churn", "model_version": "3"}


def test_meter_of_a_model_counts_under_its_labels(model: Model) -> None:
    registry = CollectorRegistry()
    meter = Metrics(registry).meter(model)
    meter.count_request("v1", 200, 0.00004)
    meter.count_request("v1", 200, 0.3)
    meter.count_rows(3, ["Yes", "No", "Yes"])
    meter.count_invalid("city", "unseen", 2)
    value = registry.get_sample_value
    assert value("kubeloop_requests_total", MODEL | {"protocol": "v1", "code": "200"}) == 2
    bucket = "kubeloop_request_duration_seconds_bucket"
    assert value(bucket, MODEL | {"protocol": "v1", "le": "5e-05"}) == 1
    assert value(bucket, MODEL | {"protocol": "v1", "le": "5.0"}) == 2
    assert value("kubeloop_rows_total", MODEL) == 3
    assert value("kubeloop_predictions_total", MODEL | {"label": "Yes"}) == 2
    labels = {"feature": "city", "reason": "unseen"}
    assert value("kubeloop_invalid_values_total", MODEL | labels) == 2


def test_metrics_name_the_code_that_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBELOOP_REVISION", "abc123")
    registry = CollectorRegistry()
    Metrics(registry)
    labels = {"version": VERSION, "revision": "abc123"}
    assert registry.get_sample_value("kubeloop_build_info", labels) == 1


def test_meter_of_no_model_counts_under_the_empty_name() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.meter(None).count_request("v1", 404, 0.001)
    assert metrics.meter(None) is metrics.meter(None)
    labels = {"model_name": "", "model_version": "", "protocol": "v1", "code": "404"}
    assert registry.get_sample_value("kubeloop_requests_total", labels) == 1


def test_meter_of_boolean_labels_says_true_and_false(model: Model) -> None:
    registry = CollectorRegistry()
    Metrics(registry).meter(model).count_rows(2, [True, False])
    labels = MODEL | {"label": "true"}
    assert registry.get_sample_value("kubeloop_predictions_total", labels) == 1


def test_publish_and_retire_state_what_is_in_service(model: Model) -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.publish(model)
    trained = "kubeloop_model_trained_timestamp_seconds"
    assert registry.get_sample_value(trained, MODEL) == 1795176000.0
    metrics.retire(model)
    assert registry.get_sample_value(trained, MODEL) is None
