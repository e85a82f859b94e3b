from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from components.monitor import verdict_metrics
from components.monitor.storage.connection import StoreError
from components.monitor.totals import Content, Total
from components.monitor.verdict_families import FAMILIES
from components.monitor.verdict_metrics import Latest, VerdictMetrics
from components.monitor.verdicts import (
    ColumnDrift,
    Cusum,
    DriftVerdict,
    MetricQuality,
    QualityVerdict,
)
from components.monitor.versions import Version, restore

NOON = 1_795_176_000_000_000
FINE = ColumnDrift(0.01, 0.5, "ok", 0.1, 0.02, 0.03, 0.04, (1,), (1,), ("a",))
DRIFTED = replace(FINE, psi=0.3, p_value=1e-9, status="critical")
DRIFT = DriftVerdict(
    model="churn",
    version=3,
    window="rows",
    judged=NOON,
    start=NOON - 9,
    end=NOON - 1,
    rows=1000,
    status="critical",
    features={"tenure": DRIFTED, "Contract": FINE, "stranger": DRIFTED},
    prediction=FINE,
    drifted_ratio=0.5,
    rate=2.5,
    rate_before=5.0,
    previous=DRIFTED,
    estimate={"accuracy": 0.8},
    latency={"0.5": 0.001},
)
METRIC = MetricQuality(0.7, 0.65, 0.75, 0.9, 0.88, 0.92, 0.8, False, "critical")
QUALITY = QualityVerdict(
    model="churn",
    version=3,
    judged=NOON,
    start=NOON - 9,
    end=NOON - 1,
    rows=500,
    status="critical",
    metrics={"accuracy": METRIC},
    cusum=Cusum(9.5, 8.0, True, 500, 0.1),
    lag=60.0,
)
Found = dict[tuple[str, tuple[str, ...]], float]


def total(version: int, *, events: int, labelled: int = 0, last: int = NOON) -> Total:
    return Total("churn", version, True, events, events, labelled, 0, NOON, last)


class Scraped:
    """Versions 3 and 4 of churn, whose totals and verdicts a test changes."""

    def __init__(self, versions: list[Version]) -> None:
        self.latest: dict[Any, Any] = {
            ("churn", 3, "drift-rows"): DRIFT,
            ("churn", 3, "drift-time"): replace(DRIFT, window="time", status="ok"),
            ("churn", 3, "quality"): QUALITY,
        }
        self.totals = [total(3, events=10)]
        self.broken = False
        known = {(version.model, version.number): version for version in versions}
        self._registry = CollectorRegistry()
        self._registry.register(VerdictMetrics(self._read, self._content, known))

    def scrape(self) -> Found:
        text = generate_latest(self._registry).decode()
        families = text_string_to_metric_families(text)
        return {(s.name, tuple(s.labels.values())): s.value for f in families for s in f.samples}

    def _read(self) -> Latest:
        if self.broken:
            msg = "disk gone"
            raise StoreError(msg)
        return dict(self.latest)

    def _content(self) -> Content:
        return Content(tuple(self.totals), 0)


@pytest.fixture
def scraped(version: Callable[..., Version]) -> Scraped:
    return Scraped([version(3), version(4)])


def versions_told(found: Found) -> set[str]:
    return {labels[-1] for (name, labels) in found if name == "kubeloop_drift_window_rows"}


def test_scrape_drift_verdict_figures_and_limits_stand_side_by_side(scraped: Scraped) -> None:
    found = scraped.scrape()
    key = ("churn", "3")
    feature = ("tenure", *key)
    assert found["kubeloop_feature_psi", feature] == 0.3
    assert found["kubeloop_feature_psi_threshold", key] == 0.2
    assert found["kubeloop_feature_psi_warning", key] == 0.05
    assert found["kubeloop_feature_drift_p_value", feature] == 1e-9
    assert found["kubeloop_feature_drift_p_value_threshold", key] == pytest.approx(0.001 / 3)
    assert found["kubeloop_feature_drifted", feature] == 1
    assert found["kubeloop_feature_drifted", ("Contract", *key)] == 0
    assert found["kubeloop_feature_missing_ratio", feature] == 0.1
    assert found["kubeloop_feature_unseen_ratio", feature] == 0.02
    assert found["kubeloop_feature_out_of_range_ratio", feature] == pytest.approx(0.07)
    assert found["kubeloop_drifted_features_ratio", key] == 0.5
    assert found["kubeloop_drifted_features_ratio_threshold", key] == pytest.approx(2 / 3)
    assert found["kubeloop_prediction_psi", key] == 0.01
    assert found["kubeloop_prediction_drifted", key] == 0
    assert found["kubeloop_prediction_previous_psi", key] == 0.3
    assert found["kubeloop_drift_window_rows", key] == 1000
    assert found["kubeloop_drift_window_rows_threshold", key] == 1000
    assert found["kubeloop_drift_evaluated_timestamp_seconds", key] == NOON / 1e6
    assert found["kubeloop_drift_level", (*key, "rows")] == 2
    assert found["kubeloop_drift_level", (*key, "time")] == 0
    assert found["kubeloop_traffic_rows_per_second", key] == 2.5
    assert found["kubeloop_traffic_rows_per_second_before", key] == 5.0
    assert found["kubeloop_model_quality_estimate", ("accuracy", *key)] == 0.8


def test_scrape_feature_that_the_signature_lacks_is_never_a_label(scraped: Scraped) -> None:
    assert not [labels for _, labels in scraped.scrape() if "stranger" in labels]


def test_scrape_quality_verdict_figures_and_limits_stand_side_by_side(scraped: Scraped) -> None:
    found = scraped.scrape()
    metric = ("accuracy", "churn", "3")
    figures = {
        name: found[f"kubeloop_model_quality{name}", metric]
        for name in (
            "",
            "_lower_bound",
            "_upper_bound",
            "_baseline",
            "_baseline_lower_bound",
            "_baseline_upper_bound",
            "_threshold",
            "_lower_is_better",
            "_level",
        )
    }
    assert list(figures.values()) == [0.7, 0.65, 0.75, 0.9, 0.88, 0.92, 0.8, 0, 2]
    key = ("churn", "3")
    assert found["kubeloop_model_quality_rows", key] == 500
    assert found["kubeloop_model_quality_evaluated_timestamp_seconds", key] == NOON / 1e6
    assert found["kubeloop_feedback_lag_seconds", key] == 60
    assert found["kubeloop_model_error_cusum", key] == 9.5
    assert found["kubeloop_model_error_cusum_threshold", key] == 8


@pytest.mark.parametrize(
    "unjudged",
    [
        pytest.param(replace(METRIC, status="ok"), id="below-threshold"),
        pytest.param(replace(METRIC, status="ok", threshold=None), id="below-baseline"),
        pytest.param(
            MetricQuality(0.9, 0.8, 1.0, 0.1, 0.05, 0.2, 0.3, True, "ok"), id="error-above"
        ),
    ],
)
def test_scrape_metric_of_too_few_rows_stands_beside_no_limit(
    scraped: Scraped, unjudged: MetricQuality
) -> None:
    scraped.latest["churn", 3, "quality"] = replace(QUALITY, metrics={"accuracy": unjudged})
    found = scraped.scrape()
    metric = ("accuracy", "churn", "3")
    assert found["kubeloop_model_quality", metric] == unjudged.value
    assert ("kubeloop_model_quality_threshold", metric) not in found
    assert ("kubeloop_model_quality_baseline", metric) not in found


def test_scrape_metric_that_is_well_stands_beside_its_limits(scraped: Scraped) -> None:
    well = MetricQuality(0.15, 0.1, 0.2, 0.1, 0.05, 0.2, 0.3, True, "ok")
    scraped.latest["churn", 3, "quality"] = replace(QUALITY, metrics={"brier": well})
    found = scraped.scrape()
    assert found["kubeloop_model_quality_threshold", ("brier", "churn", "3")] == 0.3
    assert found["kubeloop_model_quality_lower_is_better", ("brier", "churn", "3")] == 1


def test_scrape_version_that_traffic_has_left_is_told_no_more(
    scraped: Scraped, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(verdict_metrics.time, "monotonic", lambda: now[0])
    assert versions_told(scraped.scrape()) == {"3"}
    # The next version answers, and has not been judged: the last verdict stands.
    scraped.totals = [total(3, events=10), total(4, events=1)]
    now[0] += 400
    assert versions_told(scraped.scrape()) == {"3"}
    scraped.latest["churn", 4, "drift-rows"] = replace(DRIFT, version=4, judged=NOON + 1)
    assert versions_told(scraped.scrape()) == {"4"}
    # Put back into service.
    scraped.totals = [total(3, events=11), total(4, events=1)]
    assert versions_told(scraped.scrape()) == {"3", "4"}


def test_scrape_label_times_are_those_of_their_growth(
    scraped: Scraped, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOON / 1e6 + 50]
    monkeypatch.setattr(verdict_metrics.time, "time", lambda: now[0])
    sample = ("kubeloop_feedback_last_timestamp_seconds", ("churn", "3"))
    scraped.totals = [total(3, events=10, labelled=5)]
    assert scraped.scrape()[sample] == NOON / 1e6
    now[0] += 10
    assert scraped.scrape()[sample] == NOON / 1e6
    scraped.totals = [total(3, events=10, labelled=6)]
    assert scraped.scrape()[sample] == NOON / 1e6 + 60


def test_scrape_no_label_yet_no_time_of_labels(scraped: Scraped) -> None:
    del scraped.latest["churn", 3, "quality"]
    found = scraped.scrape()
    assert ("kubeloop_feedback_last_timestamp_seconds", ("churn", "3")) not in found


def test_scrape_spec_in_the_bundle_gives_the_limits(version: Callable[..., Version]) -> None:
    made = version(3)
    monitor = {"window": 250, "drift": {"psi": 0.02}}
    bundle = made.bundle[:-1] + f', "spec": {{"monitor": {monitor}}}}}'.replace("'", '"')
    bundle = bundle[:-1] + ', "trained_at": "2026-11-20T12:00:00Z"}'
    scraped = Scraped([restore("churn", 3, "d", bundle, made.reference)])
    found, key = scraped.scrape(), ("churn", "3")
    assert found["kubeloop_drift_window_rows_threshold", key] == 250
    assert found["kubeloop_feature_psi_threshold", key] == 0.02
    assert found["kubeloop_feature_psi_warning", key] == 0.02
    assert found["kubeloop_model_trained_timestamp_seconds", key] == NOON / 1e6


def test_scrape_unreadable_store_nothing_is_told(scraped: Scraped) -> None:
    scraped.broken = True
    assert scraped.scrape() == {}


def test_scrape_every_sample_is_of_a_family_that_is_documented(scraped: Scraped) -> None:
    names = {name for name, _ in scraped.scrape()}
    assert names <= FAMILIES.keys()
    # Without a label and a time of training in this bundle.
    assert FAMILIES.keys() - names == {
        "kubeloop_feedback_last_timestamp_seconds",
        "kubeloop_model_trained_timestamp_seconds",
    }


def test_scrape_alarm_whose_sum_has_fallen_since_is_told_at_its_limit(
    scraped: Scraped,
) -> None:
    fallen = Cusum(3.0, 8.0, True, 500, 0.1)
    scraped.latest["churn", 3, "quality"] = replace(QUALITY, cusum=fallen)
    assert scraped.scrape()["kubeloop_model_error_cusum", ("churn", "3")] == 8
    scraped.latest["churn", 3, "quality"] = replace(QUALITY, cusum=replace(fallen, alarm=False))
    assert scraped.scrape()["kubeloop_model_error_cusum", ("churn", "3")] == 3
