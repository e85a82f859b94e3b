from components.monitor.retraining.watch import VerdictWatch
from components.monitor.verdicts import (
    ColumnDrift,
    Cusum,
    DriftVerdict,
    MetricQuality,
    QualityVerdict,
    Status,
)
from tests.unit.monitor.retraining.conftest import NOON, Told


def drift(status: Status = "critical", judged: int = NOON) -> DriftVerdict:
    column = ColumnDrift(0.4, 0.0, status, 0.0, 0.0, 0.0, 0.0, (), (), ())
    features = {f"f{index}": column for index in range(7)}
    times = (judged, judged - 2, judged - 1)
    return DriftVerdict("churn", 3, "rows", *times, 1000, status, features, None, 1.0, 1.0)


def test_verdict_that_turns_critical_is_told_once() -> None:
    told = Told()
    watch = VerdictWatch(told, since=NOON)
    key = ("churn", 3, "drift-rows")
    for status in ("ok", "critical", "critical", "warning", "critical"):
        watch.look({key: drift(status)})  # type: ignore[arg-type, dict-item]
    what = "drift (rows window of 1000 rows): features f0, f1, f2, f3, f4, …"
    assert told.sentences == [f"Kubeloop: churn version 3: {what}"] * 2


def test_verdict_of_before_the_start_is_not_told_again() -> None:
    told = Told()
    watch = VerdictWatch(told, since=NOON + 1)
    watch.look({("churn", 3, "drift-rows"): drift()})
    watch.look({("churn", 3, "drift-rows"): drift(judged=NOON + 2)})
    assert told.sentences == []


def test_quality_names_its_metrics_or_the_errors() -> None:
    told = Told()
    watch = VerdictWatch(told, since=0)
    low = MetricQuality(0.61, 0.5, 0.7, None, None, None, 0.75, False, "critical")
    times = (NOON, NOON - 2, NOON - 1)
    verdict = QualityVerdict("churn", 3, *times, 800, "critical", {"roc_auc": low}, None, 1.0)
    watch.look({("churn", 3, "quality"): verdict})
    cusum = Cusum(9.0, 8.0, True, 800, 0.1)
    verdict = QualityVerdict("churn", 4, *times, 800, "critical", {}, cusum, 1.0)
    watch.look({("churn", 4, "quality"): verdict})
    assert told.sentences == [
        "Kubeloop: churn version 3: quality is low on 800 labelled rows: roc_auc 0.61",
        "Kubeloop: churn version 4: quality is low on 800 labelled rows: its errors add up beyond "
        "the limit",
    ]
