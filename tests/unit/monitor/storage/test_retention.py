"""What is deleted when it is too old or too much, alike on both databases."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.monitor.predictions import Record
from components.monitor.storage import retention
from components.monitor.storage.addresses import Address
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import Deleted
from components.monitor.store import Store
from components.monitor.upkeep import Retention, Upkeep
from components.monitor.writer import Writer
from tests.unit.monitor.storage.test_reader import (
    ALERT,
    CHUNK,
    DRIFT,
    NOON,
    QUALITY,
    add,
    label,
    write,
)

Make = Callable[..., Record]


def delete(store: Store, **limits: int) -> Deleted:
    store.begin()
    done = store.delete_old(**limits)
    store.commit()
    return done


@pytest.mark.usefixtures("churn")
def test_delete_old_events_go_with_their_labels(store: Store, reader: Reader, record: Make) -> None:
    add(store, *(record(name, received=NOON + at) for at, name in enumerate("abcd")))
    label(store, NOON + 9, a="Yes", b="Yes", c="Yes", waits="No")
    before = reader.content()
    assert delete(store, before=NOON + 2) == Deleted(events=2, labels=2)
    assert [event.id for event in reader.events_after("churn", 3, 0, 9)] == ["c", "d"]
    assert [row.label for row in reader.labelled("churn", 3, newest=9)] == ["Yes"]
    assert reader.content() == before
    assert delete(store, before=NOON + 2) == Deleted()


@pytest.mark.usefixtures("churn")
def test_delete_old_label_of_a_kept_event_stays(store: Store, reader: Reader, record: Make) -> None:
    """A label's own time does not matter: clocks may say anything."""
    add(store, record("a", received=NOON + 100), record("b", received=NOON + 101))
    label(store, NOON - 10**9, a="Yes")
    assert delete(store, before=NOON + 50) == Deleted()
    assert len(reader.labelled("churn", 3, newest=9)) == 1


def test_delete_old_newest_event_stays_so_no_key_comes_twice(
    store: Store, reader: Reader, record: Make
) -> None:
    add(store, record("a"), record("b"))
    last = reader.events_after("churn", 3, 0, 9)[-1].key
    assert delete(store, before=NOON * 2).events == 1
    add(store, record("c"))
    assert delete(store, before=NOON * 2).events == 1
    add(store, record("d"))
    keys = [event.key for event in reader.events_after("churn", 3, 0, 9)]
    assert keys == sorted(keys)
    assert keys[-1] > last + 1
    # A deleted event that is sent again is new: nothing is left of it.
    assert write(store, lambda s: s.add_events([record("a")]).stored) == [1]


@pytest.mark.usefixtures("churn")
def test_delete_old_judgements_and_alerts(store: Store, reader: Reader) -> None:
    write(
        store,
        *(lambda s, n=n: s.add_chunk(replace(CHUNK, number=n, end=NOON + n)) for n in (1, 2, 3)),
        lambda s: s.add_verdict("drift-rows", DRIFT),
        lambda s: s.add_verdict("quality", replace(QUALITY, judged=NOON + 9)),
        lambda s: s.add_alert(ALERT),
        lambda s: s.add_alert(replace(ALERT, fingerprint="f2", received=NOON + 20)),
    )
    assert delete(store, before=NOON + 2) == Deleted(chunks=1, verdicts=1, alerts=1)
    assert [chunk.number for chunk in reader.chunks("churn", 3, newest=9)] == [2, 3]
    assert reader.latest_verdicts().keys() == {("churn", 3, "quality")}
    assert [alert.fingerprint for alert in reader.alerts()] == ["f2"]
    # The newest chunk says where the judge stands.
    assert delete(store, before=NOON * 2).chunks == 1
    assert [chunk.number for chunk in reader.chunks("churn", 3, newest=9)] == [3]


def test_delete_old_waiting_labels(store: Store, reader: Reader) -> None:
    label(store, NOON, a="Yes")
    label(store, NOON + 10, b="Yes")
    assert delete(store, before=NOON + 5) == Deleted(pending=1)
    assert reader.content().pending == 1


def test_delete_old_steps_are_small(
    store: Store, reader: Reader, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, *(record(str(number)) for number in range(retention.STEP + 10)))
    first = delete(store, before=NOON * 2)
    assert (first.events, first.more) == (retention.STEP, True)
    second = delete(store, before=NOON * 2)
    assert (second.events, second.more) == (9, False)
    assert len(reader.events_after("churn", 3, 0, 9)) == 1


def test_delete_old_too_large_oldest_go_until_it_fits(
    store: Store, reader: Reader, record: Make
) -> None:
    large = f'{{"Contract":["{"x" * 2000}"]}}'
    for part in range(6):
        names = [f"{part}-{number}" for number in range(retention.STEP)]
        add(store, *(record(n, features=large, received=NOON + part) for n in names))
    full = store._connection.used_bytes()
    limit = full // 2
    steps = 0
    while delete(store, max_bytes=limit).more:
        steps += 1
    left = reader.events_after("churn", 3, 0, 10_000)
    assert store._connection.used_bytes() <= limit
    assert 2 <= steps <= 4
    assert left[-1].id == f"5-{retention.STEP - 1}"
    assert {event.id[0] for event in left} <= set("2345")
    assert reader.content().totals[0].events == 6 * retention.STEP


def test_delete_old_too_large_by_waiting_labels_alone(store: Store, reader: Reader) -> None:
    label(store, NOON, **{f"x{number}": "y" * 400 for number in range(2000)})
    assert delete(store, max_bytes=1).pending == 2000 * int(not store.shared)
    # What a shared database holds is counted by its events.
    assert reader.content().pending == 2000 * int(store.shared)


def test_delete_old_clock_ran_ahead_for_a_while_the_others_go(
    store: Store, reader: Reader, record: Make
) -> None:
    moments = {"a": NOON, "ahead": NOON + 10**12, "b": NOON, "c": NOON}
    add(store, *(record(name, received=moment) for name, moment in moments.items()))
    assert delete(store, before=NOON + 1).events == 2
    assert [event.id for event in reader.events_after("churn", 3, 0, 9)] == ["ahead", "c"]


def test_upkeep_deletes_in_steps_between_the_requests(address: Address, record: Make) -> None:
    writer = Writer(Store(address), capacity=100, observe_commit=lambda _: None)
    writer.start()
    records = [record(str(number), received=NOON) for number in range(2 * retention.STEP + 1)]
    writer.submit(lambda s: s.add_events(records)).result(30)
    kept = Upkeep(writer.submit, Retention(days=36_500)).run_once()
    done = Upkeep(writer.submit, Retention(days=(time.time() - NOON / 1e6) / 86_400 - 1)).run_once()
    writer.close()
    assert (kept.events, kept.more) == (0, False)
    assert (done.events, done.more) == (2 * retention.STEP, False)


def test_upkeep_writer_overloaded_postponed(tmp_path: Path) -> None:
    writer = Writer(Store(tmp_path / "s"), capacity=1, observe_commit=lambda _: None)
    writer.submit(lambda store: store.probe())
    assert Upkeep(writer.submit, Retention()).run_once() == Deleted(more=True)
    writer.start()
    writer.close()
