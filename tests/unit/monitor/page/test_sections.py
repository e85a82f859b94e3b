import re
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from components.monitor.page import drift, news, quality, traffic
from components.monitor.page.axes import Span
from components.monitor.page.facts import DriftPoint, ModelFacts, Past, VersionFacts
from components.monitor.page.features import Depth
from components.monitor.storage.records import AlertRecord
from components.monitor.verdicts import ColumnDrift
from tests import judged
from tests.judged import MINUTE, NOON, alert, column, decision, metric, version


def point(minute: int, number: int, features: Sequence[str]) -> DriftPoint:
    return DriftPoint(
        judged=NOON + minute * MINUTE,
        version=number,
        ratio=0.1,
        rows=1000,
        psi=dict.fromkeys(features, 0.05),
        prediction=0.01,
        rate=5.0,
        latency={"0.5": 0.001, "0.99": 0.005},
        estimate={},
    )


def model(features: dict[str, ColumnDrift], answers: int = 2, **spec: Any) -> ModelFacts:
    found = judged.drift("churn", 2, NOON, features)
    known = version("churn", 2, list(features)[:3], **spec)
    second = VersionFacts(2, known, 9, 9, 0, 0, 0, NOON, NOON, drift=found)
    third = VersionFacts(3, version("churn", 3, ["age"]), 9, 9, 0, 0, 0, NOON, NOON)
    return ModelFacts("churn", (second,) if answers == 2 else (third, second), None, (), ())


def past(features: Sequence[str]) -> Past:
    points = [point(at, 1 if at < 3 else 2, features) for at in range(6)]
    return Past(Span(NOON, NOON + 5 * MINUTE, MINUTE), points, [])


def section(found: ModelFacts) -> str:
    depth = Depth(cards=2, rows=30)
    assert found.drift is not None
    return drift.section(found, past(list(found.drift.features)), depth, ("", ()), count())


def test_drift_section_lists_the_worst_first_and_draws_these() -> None:
    columns = {"good": column(0.1), "bad": column(0.3, "critical"), "poor": column(0.3, "warning")}
    html = section(model(columns))
    listed = re.findall(r'<th scope="row">.*?<bdi>(\w+)</bdi>', html)
    assert listed == ["bad", "poor", "good"]
    assert re.findall(r'<article class="card (\w+)" id="(\w+)"', html) == [
        ("refuse", "f0"),
        ("warn", "f1"),
    ]
    assert '<a href="#f0"><bdi>bad</bdi></a>' in html
    assert '<th scope="row"><bdi>good</bdi></th>' in html


def test_drift_section_joins_no_line_over_two_versions() -> None:
    html = section(model({"age": column()}))
    [small] = re.findall(r'<svg class="spark".*?</svg>', html)
    assert small.count('class="trace"') == 2


def test_drift_section_of_very_many_features_tells_how_many_are_left() -> None:
    html = section(model({f"f_{at}": column() for at in range(100)}))
    assert "5 more features with less drift" in html
    assert "70 more features, all with less drift." in html
    assert html.count('<svg class="spark"') == 30


def test_drift_section_of_the_version_before_says_whose_figures_it_shows() -> None:
    html = section(model({"age": column()}, answers=3))
    assert "Version 3 answers and is not judged yet; these figures are of version 2" in html
    assert "Version 3" not in section(model({"age": column()}))


def test_drift_section_tells_the_limits_that_hold_for_its_version() -> None:
    html = section(model({"age": column()}, monitor={"drift": {"psi": 0.4}}))
    assert "below 0.001 (0.001 shared by all features)" in html
    assert "above 0.05 (warning) or 0.4 (critical)" in html


def test_quality_ranks_metrics_with_a_limit_then_the_one_it_was_chosen_by() -> None:
    metrics = {
        "f1": metric(0.9, "warning", None),
        "recall": metric(0.9, threshold=None),
        "brier": metric(0.9, threshold=None),
        "roc_auc": metric(0.9),
    }
    verdict = judged.quality("churn", 2, NOON, metrics)
    chosen = version("churn", 2, ["age"], search={"metric": "brier"})
    assert quality.ranked(verdict, chosen) == ["roc_auc", "brier", "f1", "recall"]
    assert quality.ranked(verdict, None) == ["roc_auc", "f1", "recall", "brier"]


def test_traffic_draws_slow_and_usual_requests() -> None:
    html = traffic.section(model({"age": column()}), past(["age"]), count())
    assert html.count('class="trace"') == 4
    assert html.count('class="median-trace"') == 2
    assert "99 of 100 within 20 ms" in html


def test_alerts_that_fire_come_first() -> None:
    over = alert("Over", status="resolved", ends_at=NOON - 18 * MINUTE)
    html = news.alerts([over, alert("Firing")], NOON, 50)
    assert html.index("Firing") < html.index("Over")
    assert "1 alert fires now" in html
    assert "firing, warning" in html
    assert "20 min" in html
    assert ">2 min<" in html


@pytest.mark.parametrize("document", ["{}", '{"annotations": {"summary": ""}}'])
def test_alerts_without_words_stand(document: str) -> None:
    found: AlertRecord = alert(document=document)
    assert "KubeloopFeatureDrift" in news.alerts([found], NOON, 50)


def test_decisions_show_their_evidence_and_what_they_came_to() -> None:
    promoted = decision("promoted", version=4, ended=NOON - 7 * MINUTE)
    html = news.decisions([promoted, decision("refused")], NOON, 50)
    assert "promoted as version 4" in html
    assert ">3 min<" in html
    assert "<bdi>verdict metrics roc_auc value</bdi></dt><dd><bdi>0.61</bdi>" in html
    assert "<bdi>cusum alarm</bdi></dt><dd><bdi>yes</bdi>" in html
    assert "<bdi>again</bdi>" not in html


def test_marks_are_of_runs_that_were_started() -> None:
    found = news.marks([decision("refused"), decision("failed", id="r2")])
    assert [mark.time for mark in found] == [NOON - 10 * MINUTE]
    assert found[0].words == "a run was started for quality: failed"
