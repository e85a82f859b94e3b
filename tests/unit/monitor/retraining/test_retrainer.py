"""Decisions over a real store: from verdict, alert and schedule to a run and its end."""

import json
from typing import Any

import pytest

from components.monitor.feedback import read_feedback
from components.monitor.predictions import Record
from components.monitor.retraining.runner import Ending, RunnerError, RunnerUnavailableError
from components.monitor.storage.records import AlertRecord
from components.monitor.verdicts import ColumnDrift, DriftVerdict, MetricQuality, QualityVerdict
from tests.unit.monitor.retraining.conftest import HOUR, NOON, SECOND, World

PROMOTED = Ending("promoted", "r put version 2 into service", 2)


def drift(world: World, status: str = "critical", version: int = 1, **changes: Any) -> None:
    column = ColumnDrift(0.4, 0.0, "critical", 0.0, 0.0, 0.0, 0.0, (1,), (1,), ("a",))  # type: ignore[arg-type]
    values: dict[str, Any] = {
        "model": "churn",
        "version": version,
        "window": "rows",
        "judged": world.now,
        "start": world.now - HOUR,
        "end": world.now,
        "rows": 1000,
        "status": status,
        "features": {"tenure": column} if status != "ok" else {},
        "prediction": None,
        "drifted_ratio": 1.0,
        "rate": 1.0,
    }
    verdict = DriftVerdict(**(values | changes))
    world.submit(lambda store: store.add_verdict("drift-rows", verdict)).result()


def quality(world: World, status: str = "critical", version: int = 1) -> None:
    metric = MetricQuality(0.6, 0.5, 0.7, 0.9, 0.88, 0.92, 0.75, False, status)  # type: ignore[arg-type]
    times = (world.now, world.now - HOUR, world.now)
    verdict = QualityVerdict("churn", version, *times, 800, status, {"roc_auc": metric}, None, 60.0)  # type: ignore[arg-type]
    world.submit(lambda store: store.add_verdict("quality", verdict)).result()


def alert(world: World, fingerprint: str = "aa", **changes: Any) -> None:
    labels = {"alertname": "KubeloopLowQuality", "model_version": "1", "retrain": "quality"}
    values: dict[str, Any] = {
        "fingerprint": fingerprint,
        "starts_at": NOON,
        "model": "churn",
        "name": "KubeloopLowQuality",
        "severity": "critical",
        "status": "firing",
        "ends_at": None,
        "received": world.now,
        "document": json.dumps({"labels": labels | changes.pop("labels", {}), "annotations": {}}),
    }
    record = AlertRecord(**(values | changes))
    world.submit(lambda store: store.add_alert(record)).result()


def answer(world: World, version: int, count: int, *, labelled: int = 0) -> None:
    """Predictions of a version, some with their labels."""
    records = [
        Record(
            id=f"{version}-{world.now}-{index}",
            kind="prediction",
            model="churn",
            version=version,
            registered=True,
            time=world.now,
            received=world.now,
            rows=1,
            duration=0.001,
            features='{"tenure":[1.0]}',
            outputs='{"labels":["Yes"]}',
        )
        for index in range(count)
    ]
    world.submit(lambda store: store.add_events(records)).result()
    body = [{"id": record.id, "label": "No"} for record in records[:labelled]]
    entries, problems = read_feedback(body, world.now)
    world.submit(lambda store: store.add_feedback(entries, problems, world.now)).result()


def test_critical_drift_starts_one_run_and_its_end_is_kept(world: World) -> None:
    answer(world, 1, 3, labelled=2)
    drift(world)
    [decided] = world.look()
    assert (decided.outcome, decided.reason) == ("started", "drift")
    assert decided.run == f"run-{decided.id}"
    [order] = world.hand.orders.values()
    assert order.spec["source"] == ["/a.csv"]
    assert order.fresh == (
        "http://127.0.0.1:9091/v1/models/churn/labelled.parquet"
        "?since=1970-01-01T00%3A00%3A00.000000Z&until=2026-11-20T12%3A00%3A00.000000Z"
    )
    evidence = world.evidence()
    assert (evidence["labels"], evidence["model_version"], evidence["code"]) == (2, 1, "start")
    assert evidence["verdict"]["psi"] == {"tenure": 0.4}
    world.now += 60 * SECOND
    drift(world)
    assert len(world.look()) == 1

    world.hand.endings[decided.id] = PROMOTED
    world.now += 60 * SECOND
    [ended] = world.look()
    assert (ended.outcome, ended.version, ended.ended) == ("promoted", 2, world.now)
    assert world.told.sentences == [
        "Kubeloop: retraining of churn (drift) promoted: r put version 2 into service"
    ]


@pytest.mark.parametrize("status", ["ok", "warning"])
def test_verdict_that_is_not_critical_starts_nothing(world: World, status: str) -> None:
    drift(world, status)
    quality(world, status)
    assert world.look() == []


def test_quality_without_labels_is_refused_once_and_started_when_they_are_there(
    world: World,
) -> None:
    answer(world, 1, 3, labelled=1)
    quality(world)
    for _ in range(5):
        world.now += SECOND
        [refused] = world.look()
    world.restart()
    world.look()
    assert (refused.outcome, world.evidence()["code"]) == ("refused", "few_labels")
    assert "1 labelled rows are new" in refused.why
    assert len(world.told.sentences) == 1
    world.now += SECOND
    answer(world, 1, 1, labelled=1)
    started, _ = world.look()
    assert (started.outcome, started.reason) == ("started", "quality")
    assert world.evidence()["verdict"]["metrics"]["roc_auc"]["threshold"] == 0.75


def test_cooldown_is_refused_once_and_holds_over_a_restart(world: World) -> None:
    drift(world)
    [first] = world.look()
    world.hand.endings[first.id] = Ending("not_approved", "gates")
    world.now += 60 * SECOND
    world.look()
    for _ in range(3):
        world.now += 600 * SECOND
        drift(world)
        world.look()
        world.restart()
    assert [d.outcome for d in world.decisions] == ["refused", "not_approved"]
    assert world.evidence()["again"] == "2026-11-20T13:01:00.000000Z"
    world.now = NOON + HOUR + 60 * SECOND
    world.look()
    assert [d.outcome for d in world.decisions] == ["started", "refused", "not_approved"]


def test_verdict_that_had_its_run_starts_no_other(world: World) -> None:
    drift(world)
    [first] = world.look()
    world.hand.endings[first.id] = Ending("failed", "no disk")
    world.now += 2 * HOUR
    world.look()
    world.now += 2 * HOUR
    assert len(world.look()) == 1


def test_labels_of_a_promoted_run_are_not_fresh_again_those_of_a_refused_one_are(
    world: World,
) -> None:
    world.register(2)
    answer(world, 1, 4, labelled=4)
    quality(world)
    [first] = world.look()
    world.hand.endings[first.id] = Ending("not_approved", "gates")
    world.now += SECOND
    world.look()
    world.now += 2 * HOUR
    quality(world)
    second = world.look()[0]
    assert world.evidence()["labels"] == 4
    world.hand.endings[second.id] = PROMOTED
    until = world.evidence()["until"]
    world.now += SECOND
    world.look()
    world.now += 2 * HOUR
    answer(world, 2, 3, labelled=3)
    quality(world, version=2)
    world.look()
    assert (world.evidence()["labels"], world.evidence()["since"]) == (3, until)


def test_late_verdict_on_the_version_before_starts_nothing(world: World) -> None:
    world.register(2)
    answer(world, 1, 4, labelled=4)
    world.look()
    answer(world, 2, 5)
    world.now += SECOND
    quality(world, version=1)
    assert world.look() == []
    world.now += SECOND
    quality(world, version=2)
    assert len(world.look()) == 1


def test_few_fresh_rows_are_left_out_of_a_run_that_needs_none(world: World) -> None:
    answer(world, 1, 2, labelled=1)
    world.retrainer.ask("churn", "manual", world.reader.versions(), world.now)
    [order] = world.hand.orders.values()
    assert (order.fresh, world.evidence()["labels"]) == ("", 1)


def test_storm_of_alerts_is_one_reason_and_one_run(world: World) -> None:
    answer(world, 1, 4, labelled=4)
    for index in range(300):
        alert(world, f"{index:x}")
    [decided] = world.look()
    assert (decided.outcome, decided.reason) == ("started", "quality")
    evidence = world.evidence()
    assert (evidence["alert_count"], len(evidence["alerts"])) == (300, 20)
    for index in range(300, 600):
        alert(world, f"{index:x}")
    assert len(world.look()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "resolved", "ends_at": NOON},
        {"labels": {"model_version": "7"}},
        {"labels": {"retrain": "no"}},
        {"received": NOON - 24 * HOUR},
        {"model": "another"},
    ],
    ids=["resolved", "other-version", "no-reason", "old", "other-model"],
)
def test_alert_that_is_no_reason_starts_nothing(world: World, changes: dict[str, Any]) -> None:
    answer(world, 1, 4, labelled=4)
    alert(world, **changes)
    assert world.look() == []


def test_own_verdicts_start_nothing_where_alerts_do(world: World) -> None:
    world.restart(verdicts=False)
    drift(world)
    assert world.look() == []
    world.restart(alerts=False)
    answer(world, 1, 4, labelled=4)
    alert(world)
    [decided] = world.look()
    assert decided.reason == "drift"


def test_quality_is_named_before_drift(world: World) -> None:
    answer(world, 1, 4, labelled=4)
    drift(world)
    quality(world)
    [decided] = world.look()
    assert decided.reason == "quality"


def test_schedule_starts_by_the_time_since_training_and_since_the_last_run(world: World) -> None:
    world.retrain["every_s"] = 4 * 3600.0
    world.register(2)
    world.now = NOON + 3 * HOUR - 1
    assert world.look() == []
    world.now = NOON + 3 * HOUR
    [first] = world.look()
    assert (first.reason, first.outcome) == ("schedule", "started")
    assert world.hand.orders[first.id].fresh == ""
    world.hand.endings[first.id] = Ending("kept", "nothing is new")
    world.look()
    world.now += 4 * HOUR - 1
    assert len(world.look()) == 1
    world.now += 1
    assert len(world.look()) == 2


def test_person_is_answered_at_once_by_the_same_rules(world: World) -> None:
    made = world.retrainer.ask("churn", "manual", world.reader.versions(), world.now)
    assert made
    assert made.outcome == "started"
    assert list(world.hand.orders) == [made.id]
    again = world.retrainer.ask("churn", "manual", world.reader.versions(), world.now + 1)
    assert again
    assert (again.outcome, json.loads(again.evidence)["code"]) == ("refused", "under_way")
    assert world.retrainer.ask("other", "manual", world.reader.versions(), world.now) is None


def test_kill_between_decision_and_start_starts_it_once(world: World) -> None:
    world.hand.refusal = RunnerUnavailableError("not now")
    drift(world)
    [decided] = world.look()
    assert (decided.outcome, decided.run) == ("started", None)
    world.restart()
    world.hand.refusal = None
    world.now += SECOND
    [same] = world.look()
    assert (same.id, same.run) == (decided.id, f"run-{decided.id}")
    world.restart()
    world.look()
    assert len(world.hand.orders) == 1


def test_end_that_came_while_the_monitor_was_away_is_recorded_once(world: World) -> None:
    drift(world)
    [decided] = world.look()
    world.hand.endings[decided.id] = PROMOTED
    world.restart()
    world.now += SECOND
    world.look()
    world.restart()
    world.now += SECOND
    world.look()
    assert [d.ended for d in world.decisions] == [NOON + SECOND]
    assert len(world.told.sentences) == 1


def test_runner_that_never_comes_back_fails_the_run_after_its_patience(world: World) -> None:
    world.hand.refusal = RunnerUnavailableError("nobody answers")
    drift(world)
    world.look()
    world.now += 599 * SECOND
    assert world.look()[0].outcome == "started"
    world.now += SECOND
    [failed] = world.look()
    assert (failed.outcome, failed.why) == (
        "failed",
        "the run could not be started: nobody answers",
    )


def test_run_that_can_never_start_fails_at_once(world: World) -> None:
    world.hand.refusal = RunnerError("no such pipeline")
    drift(world)
    [failed] = world.look()
    assert (failed.outcome, failed.ended) == ("failed", NOON)
    assert failed.why == "the run could not be started: no such pipeline"


def test_runner_that_is_away_while_a_run_is_under_way_is_waited_for(world: World) -> None:
    drift(world)
    [decided] = world.look()
    world.hand.refusal = RunnerUnavailableError("nobody answers")
    world.now += 48 * HOUR
    assert world.look()[0].outcome == "started"
    world.hand.refusal = None
    world.hand.endings[decided.id] = PROMOTED
    assert world.look()[0].outcome == "promoted"
