"""What is written through the store and read beside it, alike on both databases."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from components.fresh import CHECK_ID
from components.monitor.feedback import read_feedback
from components.monitor.predictions import Record
from components.monitor.storage import reader as reading
from components.monitor.storage.addresses import Address
from components.monitor.storage.journal_reader import LATEST
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import AlertRecord, Chunk, Retraining, RetrainingTotal
from components.monitor.store import Store
from components.monitor.verdicts import (
    ColumnDrift,
    Cusum,
    DriftVerdict,
    MetricQuality,
    QualityVerdict,
)
from components.monitor.versions import Version

Make = Callable[..., Record]
NOON = 1_795_176_000_000_000

CHUNK = Chunk("churn", 3, 1, 5, 9, NOON, NOON + 7, 100, '{"tenure":[1,2]}')
COLUMN = ColumnDrift(0.3, 0.001, "critical", 0.1, 0.0, 0.0, 0.2, (1, 2), (2, 1), ("a", "b"))
DRIFT = DriftVerdict(
    model="churn",
    version=3,
    window="rows",
    judged=NOON,
    start=NOON - 9,
    end=NOON - 1,
    rows=1000,
    status="critical",
    features={"tenure": COLUMN},
    prediction=COLUMN,
    drifted_ratio=1.0,
    rate=2.5,
    latency={"0.5": 0.001},
)
QUALITY = QualityVerdict(
    model="churn",
    version=3,
    judged=NOON,
    start=NOON - 9,
    end=NOON - 1,
    rows=500,
    status="ok",
    metrics={"accuracy": MetricQuality(0.9, 0.8, 0.95, 0.9, None, None, 0.5, False, "ok")},
    cusum=Cusum(1.5, 8.0, False, 500, 0.1),
    lag=60.0,
)
ALERT = AlertRecord("f1", NOON, "churn", "Drift", "warning", "firing", None, NOON + 1, "{}")
RETRAINING = Retraining("r1", "churn", "drift", NOON, "refused", "too soon", "{}")


def write(store: Store, *works: Callable[[Store], object]) -> list[object]:
    store.begin()
    results = [work(store) for work in works]
    store.commit()
    return results


def add(store: Store, *records: Record) -> None:
    write(store, lambda s: s.add_events(records))


def label(store: Store, received: int, **labels: object) -> None:
    entries = [{"id": key.replace("_", ":"), "label": value} for key, value in labels.items()]
    write(store, lambda s: s.add_feedback(*read_feedback(entries, received), received))


def test_events_after_pages_in_order_of_keys(store: Store, reader: Reader, record: Make) -> None:
    add(store, record("a", features='{"tenure":[1.5]}', outputs='{"predictions":[2.5]}'))
    add(store, *(record(str(number)) for number in range(5)))
    [first] = reader.events_after("churn", 3, 0, 1)
    assert (first.id, first.rows, first.duration) == ("a", 1, 0.001)
    assert (first.time, first.received) == (NOON, NOON + 5)
    assert (first.features, first.outputs) == ({"tenure": [1.5]}, {"predictions": [2.5]})
    rest = reader.events_after("churn", 3, first.key, 10)
    assert [event.id for event in rest] == ["0", "1", "2", "3", "4"]
    keys = [event.key for event in rest]
    assert keys == sorted(set(keys))
    assert reader.events_after("churn", 3, keys[-1], 10) == []


def test_events_after_others_left_out(store: Store, reader: Reader, record: Make) -> None:
    add(
        store,
        record("other", model="taxis"),
        record("later", version=4),
        record("early", registered=False, features=None),
        record("agent", kind="response"),
        record("bare", features=None),
    )
    assert [(e.id, e.features) for e in reader.events_after("churn", 3, 0, 9)] == [("bare", None)]


def test_events_after_large_events_fewer_at_once(
    store: Store, reader: Reader, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "EVENT_BYTES", 3000)
    add(store, *(record(str(n), features=f'{{"Contract":["{"x" * 2000}"]}}') for n in range(5)))
    found: list[str] = []
    key = 0
    while events := reader.events_after("churn", 3, key, 10):
        assert len(events) <= 2
        found += [event.id for event in events]
        key = events[-1].key
    assert found == ["0", "1", "2", "3", "4"]


def test_chunks_newest_in_order_and_a_number_once(store: Store, reader: Reader) -> None:
    chunks = [replace(CHUNK, number=number) for number in (1, 2, 3)]
    assert write(store, *(lambda s, c=c: s.add_chunk(c) for c in chunks)) == [True] * 3
    again = replace(CHUNK, number=3, counts="other")
    assert write(store, lambda s: s.add_chunk(again)) == [False]
    assert reader.chunks("churn", 3, newest=2) == chunks[1:]
    assert reader.chunks("churn", 4, newest=2) == []


@pytest.mark.usefixtures("churn")
def test_verdicts_round_trip_by_kind(
    store: Store, reader: Reader, version: Callable[..., Version]
) -> None:
    write(store, lambda s: s.register(version(4), NOON))
    later = replace(DRIFT, judged=NOON + 1, status="ok")
    day = replace(DRIFT, window="time")
    assert write(
        store,
        lambda s: s.add_verdict("drift-rows", DRIFT),
        lambda s: s.add_verdict("drift-rows", later),
        lambda s: s.add_verdict("drift-rows", replace(later, rows=7)),
        lambda s: s.add_verdict("drift-time", day),
        lambda s: s.add_verdict("quality", QUALITY),
        lambda s: s.add_verdict("quality", replace(QUALITY, version=4)),
    ) == [True, True, False, True, True, True]
    assert reader.verdicts("churn", 3, "drift-rows", newest=5) == [DRIFT, later]
    assert reader.verdicts("churn", 3, "drift-rows", newest=1) == [later]
    assert reader.verdicts("churn", 3, "quality", newest=5) == [QUALITY]
    assert reader.latest_verdicts() == {
        ("churn", 3, "drift-rows"): later,
        ("churn", 3, "drift-time"): day,
        ("churn", 3, "quality"): QUALITY,
        ("churn", 4, "quality"): replace(QUALITY, version=4),
    }


@pytest.mark.usefixtures("churn")
def test_latest_verdicts_look_once_into_each_series(
    address: Address, store: Store, reader: Reader
) -> None:
    """However many verdicts there are: a scrape reads them all every few seconds."""
    write(
        store,
        *(
            lambda s, kind=kind, at=at: s.add_verdict(kind, replace(DRIFT, judged=NOON + at))
            for kind in ("drift-rows", "drift-time")
            for at in range(2000)
        ),
    )
    store._connection.execute("ANALYZE verdicts")
    found = reader.latest_verdicts()
    assert {key[2]: verdict.judged for key, verdict in found.items()} == {
        "drift-rows": NOON + 1999,
        "drift-time": NOON + 1999,
    }
    file = isinstance(address, Path)
    explain = "EXPLAIN QUERY PLAN" if file else "EXPLAIN"
    plan = [str(row[-1]) for row in store._connection.query(f"{explain} {LATEST}")]
    [look] = [line for line in plan if "verdicts_" in line]
    by_key = "SEARCH d USING INDEX sqlite_autoindex_verdicts_1 (model=? AND version=? AND kind=?)"
    assert (by_key if file else "Index Scan Backward using verdicts_pkey on verdicts d") in look
    assert [line for line in plan if "Seq Scan on verdicts" in line or "SCAN d" in line] == []


def test_alerts_new_once_then_resolved_and_stays_so(store: Store, reader: Reader) -> None:
    resolved = replace(ALERT, status="resolved", ends_at=NOON + 5, received=NOON + 6)
    other = replace(ALERT, fingerprint="f2", model="taxis", received=NOON + 3)
    assert write(
        store,
        lambda s: s.add_alert(ALERT),
        lambda s: s.add_alert(resolved),
        lambda s: s.add_alert(replace(ALERT, received=NOON + 9)),
        lambda s: s.add_alert(other),
    ) == [True, False, False, True]
    assert reader.alerts() == [resolved, other]
    assert reader.alerts("churn") == [resolved]
    assert reader.alerts(newest=1) == [resolved]


def test_retrainings_changed_and_listed_newest_first(store: Store, reader: Reader) -> None:
    later = replace(RETRAINING, id="r2", decided=NOON + 1, outcome="started", run="run-7")
    changes = {"outcome": "promoted", "ended": NOON + 9, "version": 4}
    assert write(
        store,
        lambda s: s.add_retraining(RETRAINING),
        lambda s: s.add_retraining(later),
        lambda s: s.add_retraining(later),
        lambda s: s.update_retraining("r2", **changes),
        lambda s: s.update_retraining("r9", why="unknown"),
    ) == [True, True, False, True, False]
    promoted = replace(later, outcome="promoted", ended=NOON + 9, version=4)
    assert reader.retrainings() == [promoted, RETRAINING]
    assert reader.retrainings("churn", newest=1) == [promoted]
    assert reader.retrainings("taxis") == []
    with pytest.raises(ValueError, match="cannot change \\['model'\\]"):
        write(store, lambda s: s.update_retraining("r2", model="x"))
    store.rollback()


@pytest.mark.usefixtures("churn")
def test_labelled_newest_predictions_in_order(store: Store, reader: Reader, record: Make) -> None:
    outputs = '{"labels":["Yes","No"],"probabilities":[[0.1,0.9],[0.8,0.2]]}'
    add(store, record("a"), record("b", rows=2, outputs=outputs), record("c"))
    ahead = record("d", time=NOON + 10**12, outputs='{"labels":["No"]}')
    add(store, ahead)
    label(store, NOON + 60_000_000, d="No", b_1="Yes", a="No", b_0="Yes")
    rows = reader.labelled("churn", 3, newest=3)
    assert [(row.row, row.label) for row in rows] == [(0, "Yes"), (1, "Yes"), (0, "No")]
    assert rows[1].outputs == {"label": "No", "probabilities": [0.8, 0.2]}
    assert rows[2].outputs == {"label": "No"}
    assert rows[2].time == NOON + 5
    assert {row.labelled_at for row in rows} == {NOON + 60_000_000}
    assert len(reader.labelled("churn", 3, newest=10)) == 4


@pytest.mark.usefixtures("churn")
def test_newest_label_grows_with_new_and_corrected_labels(
    store: Store, reader: Reader, record: Make
) -> None:
    assert reader.newest_label("churn", 3) == 0
    add(store, record("a"), record("b"))
    seen = []
    for labels in ({"a": "Yes"}, {"a": "Yes"}, {"a": "No"}, {"b": "No"}, {"waits": "No"}):
        label(store, NOON, **labels)
        seen.append(reader.newest_label("churn", 3))
    assert seen == [1, 1, 2, 3, 3]
    add(store, record("waits"))
    assert reader.newest_label("churn", 3) == 4


@pytest.mark.usefixtures("churn")
def test_count_labelled_since_and_lags_by_arrival(
    store: Store, reader: Reader, record: Make
) -> None:
    add(store, record("a"), record("b"), record("x", registered=False, features=None))
    label(store, NOON + 1_000_000, a="Yes", x="Yes")
    label(store, NOON + 3_000_000, b="Yes")
    assert reader.count_labelled_since("churn", NOON) == 2
    assert reader.count_labelled_since("churn", NOON + 3_000_000) == 1
    assert reader.count_labelled_since("taxis", 0) == 0
    assert reader.lags("churn", 3, newest=2) == [3.0, 1.0]


@pytest.mark.usefixtures("churn")
def test_reader_leaves_out_the_hold_out_of_a_run(
    store: Store, reader: Reader, record: Make
) -> None:
    check = f"{CHECK_ID}5f1e"
    add(store, record("a"), record(check))
    label(store, NOON, **{"a": "Yes", check: "No"})
    assert reader.count_labelled_since("churn", 0) == 1
    assert [event.id for event in reader.events_after("churn", 3, 0, 10)] == ["a"]
    assert [row.label for row in reader.labelled("churn", 3, newest=9)] == ["Yes"]
    assert len(reader.lags("churn", 3)) == 1
    table = pa.Table.from_batches(reader.labelled_table("churn", 0, NOON + 1))
    assert table["kubeloop_id"].to_pylist() == ["a"]
    [total] = [total for total in reader.content().totals if total.registered]
    assert (total.predictions, total.labelled) == (2, 2)


@pytest.mark.usefixtures("churn")
def test_retraining_totals_by_model_reason_and_outcome(store: Store, reader: Reader) -> None:
    made = Retraining("a", "churn", "drift", NOON, "started", "", "{}")
    for identity in ("a", "b", "c"):
        write(store, lambda s, i=identity: s.add_retraining(replace(made, id=i)))
    write(store, lambda s: s.update_retraining("c", outcome="failed"))
    write(store, lambda s: s.update_retraining("c", ended=NOON + 5))
    found = sorted(reader.retraining_totals(), key=lambda total: total.count)
    assert found == [
        RetrainingTotal("churn", "drift", "failed", 1, NOON, NOON + 5),
        RetrainingTotal("churn", "drift", "started", 2, NOON, NOON),
    ]


def test_label_times_never_fall(store: Store, reader: Reader, churn: Version, record: Make) -> None:
    add(store, record("a"), record("b"), record("c"))
    label(store, NOON + 100, a="Yes")
    label(store, NOON + 50, b="Yes")
    write(store, lambda s: s.fence_labels(NOON + 200))
    label(store, NOON + 150, c="Yes")
    found = [row.labelled_at - NOON for row in reader.labelled(churn.model, 3, newest=9)]
    assert found == [100, 100, 200]


def test_versions_registered_later_are_read(
    store: Store, reader: Reader, version: Callable[..., Version]
) -> None:
    assert reader.versions() == {}
    write(store, lambda s: s.register(version(3), NOON))
    assert reader.versions() == {("churn", 3): version(3)}
    write(store, lambda s: s.register(version(4), NOON))
    assert reader.versions().keys() == {("churn", 3), ("churn", 4)}
