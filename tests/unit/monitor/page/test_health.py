from dataclasses import replace
from typing import Any

import pytest

from components.monitor.page.facts import ModelFacts, VersionFacts
from components.monitor.page.health import examine
from components.monitor.page.words import DAY, HOUR, MINUTE, SECOND
from components.monitor.verdicts import Cusum
from tests.judged import NOON, alert, column, decision, drift, metric, quality, version

GOOD_DRIFT = drift("churn", 2, NOON - MINUTE, {"age": column(), "city": column()})
GOOD_QUALITY = quality("churn", 2, NOON - MINUTE, {"roc_auc": metric(0.9)})


def facts(**changed: Any) -> VersionFacts:
    values: dict[str, Any] = {
        "number": 2,
        "known": version("churn", 2, ["age", "city"]),
        "events": 5000,
        "predictions": 5000,
        "labelled": 1000,
        "duplicates": 0,
        "unjudged": 0,
        "first_event": NOON - DAY,
        "last_event": NOON - SECOND,
        "drift": GOOD_DRIFT,
        "quality": GOOD_QUALITY,
    }
    return VersionFacts(**(values | changed))


def model(*versions: VersionFacts, **changed: Any) -> ModelFacts:
    values: dict[str, Any] = {"last_label": NOON - SECOND, "alerts": (), "decisions": ()}
    return ModelFacts("churn", versions or (facts(),), **(values | changed))


def told(found: ModelFacts) -> list[tuple[str, str]]:
    health = examine(found, NOON)
    assert health.level == health.reasons[0].level
    return [(reason.level, reason.words) for reason in health.reasons]


def test_examine_a_good_model_says_on_what_that_rests() -> None:
    words = "No feature of 2 drifted, and quality is within its limits on 1,000 labelled rows."
    assert told(model()) == [("ok", words)]


def test_examine_without_labels_does_not_claim_quality() -> None:
    found = model(facts(quality=None), last_label=None)
    assert told(found) == [
        ("ok", "No feature of 2 drifted. Without labels its quality is not known.")
    ]


def test_examine_low_quality_names_metric_interval_and_limit() -> None:
    bad = quality(
        "churn",
        2,
        NOON,
        {"roc_auc": metric(0.6, "critical"), "f1": metric(0.7, "warning", None)},
        status="critical",
        cusum=Cusum(9.5, 8.0, True, 1000, 0.06),
    )
    [(level, words)] = told(model(facts(quality=bad)))
    assert level == "critical"
    assert "roc_auc</bdi> is 0.6 (0.57 to 0.63), its limit 0.75" in words
    assert "1 more metric worse than on the hold-out" in words
    assert "beyond the expected 6.0%: CUSUM 9.5, its limit 8" in words


def test_examine_quality_below_the_holdout_says_so_where_there_is_no_limit() -> None:
    bad = quality("churn", 2, NOON, {"f1": metric(0.7, "warning", None)}, status="warning")
    [(level, words)] = told(model(facts(quality=bad)))
    assert level == "warning"
    assert "is 0.7 (0.67 to 0.73), below the hold-out’s 0.88 to 0.92" in words


def test_examine_drift_names_the_worst_first() -> None:
    columns = {"age": column(0.07, "warning"), "<b>": column(0.5, "critical"), "x": column()}
    bad = drift("churn", 2, NOON, columns, status="critical", prediction=column(0.09, "warning"))
    [(level, words)] = told(model(facts(drift=bad)))
    assert level == "critical"
    assert words == (
        "2 of 3 features drifted, PSI: <bdi>&lt;b&gt;</bdi> 0.50, <bdi>age</bdi> 0.07; "
        "the predictions drifted, PSI 0.09."
    )


def test_examine_drift_of_the_day_alone_is_told_as_such() -> None:
    bad = drift("churn", 2, NOON, {"age": column(0.07, "warning")}, status="warning", window="time")
    [(level, words)] = told(model(facts(day=bad)))
    assert level == "warning"
    assert words.startswith("Over the last 24 hours: 1 of 1 feature drifted")


@pytest.mark.parametrize(
    ("late", "rate", "old"),
    [(2 * HOUR, 10.0, True), (30 * MINUTE, 10.0, False), (2 * HOUR, 0.1, False)],
)
def test_examine_old_verdict_is_old_only_where_a_window_came_since(
    late: int, rate: float, old: bool
) -> None:
    verdict = replace(GOOD_DRIFT, judged=NOON - SECOND - late, rate=rate)
    words = [said for _, said in told(model(facts(drift=verdict)))]
    assert any("drift was judged last" in said for said in words) is old


@pytest.mark.parametrize(
    ("silent", "rate", "quiet"),
    [(HOUR, 10.0, True), (10 * MINUTE, 10.0, False), (HOUR, 0.01, False)],
)
def test_examine_silence_is_told_where_rows_should_have_come(
    silent: int, rate: float, quiet: bool
) -> None:
    verdict = replace(GOOD_DRIFT, judged=NOON - silent, rate=rate)
    found = told(model(facts(last_event=NOON - silent, drift=verdict)))
    said = [words for level, words in found if level == "warning" and words.startswith("No event")]
    assert said == (["No event for 1 h; before, 10 rows a second."] if quiet else [])


@pytest.mark.parametrize(
    ("age", "lag", "late"), [(26, 30.0, True), (20, 30.0, False), (26, 36000.0, False)]
)
def test_examine_late_labels_are_told_by_their_usual_lag(age: int, lag: float, late: bool) -> None:
    label = NOON - age * HOUR
    verdict = replace(GOOD_QUALITY, judged=label, lag=lag)
    words = [said for _, said in told(model(facts(quality=verdict), last_label=label))]
    assert any("the last label came 1 d 2 h ago" in said for said in words) is late


def test_examine_labels_that_are_not_judged_are_told() -> None:
    verdict = replace(GOOD_QUALITY, judged=NOON - 2 * HOUR)
    words = [said for _, said in told(model(facts(quality=verdict)))]
    assert "Labels come, and quality was judged last 2 h ago." in words


def test_examine_firing_alerts_count_and_resolved_ones_do_not() -> None:
    resolved = alert("Old", status="resolved", ends_at=NOON)
    assert told(model(alerts=(resolved,)))[0][0] == "ok"
    [(level, words)] = told(model(alerts=(alert(), alert(severity="critical"), resolved)))
    assert level == "critical"
    assert words == "2 alerts fire: <bdi>KubeloopFeatureDrift</bdi>."


def test_examine_retraining_tells_a_run_under_way_and_a_failed_one() -> None:
    failed = decision("failed", why="the disk was full", ended=NOON - 5 * MINUTE)
    assert told(model(decisions=(failed,)))[0] == (
        "warning",
        "The last run failed 5 min ago: <bdi>the disk was full</bdi>",
    )
    better = decision("promoted", ended=NOON - MINUTE)
    assert told(model(decisions=(better, failed)))[0][0] == "ok"
    level, words = told(model(decisions=(decision(),)))[1]
    assert (level, words[:37]) == ("ok", "A run has been under way for 10 min: ")


def test_examine_a_version_without_a_full_window_says_how_much_is_missing() -> None:
    young = facts(drift=None, quality=None, predictions=240)
    assert told(model(young)) == [
        ("unknown", "Version 2: 240 of the 1,000 rows that a window needs have come.")
    ]
    assert told(model(facts(events=0, drift=None, quality=None)))[0] == (
        "unknown",
        "No event of a registered version has come.",
    )


def test_examine_verdicts_of_the_version_before_do_not_count() -> None:
    bad = drift("churn", 1, NOON, {"age": column(0.5, "critical")}, status="critical")
    young = facts(number=3, drift=None, quality=None, predictions=10)
    assert told(model(young, facts(number=1, drift=bad)))[0][0] == "unknown"


def test_examine_an_unregistered_version_that_answers_is_told() -> None:
    stranger = facts(number=9, known=None, drift=None, quality=None)
    [(level, words)] = told(model(stranger, facts()))
    assert level == "warning"
    assert "version 9, which nobody registered" in words
