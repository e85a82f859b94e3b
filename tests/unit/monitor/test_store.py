from collections.abc import Callable

import pytest

from components.monitor.predictions import Record
from components.monitor.refusal import RefusedError
from components.monitor.storage.addresses import Address
from components.monitor.storage.reader import Reader
from components.monitor.store import Store
from components.monitor.totals import Total
from components.monitor.versions import Version

Make = Callable[..., Record]


def test_add_events_new_and_known_counted(store: Store, reader: Reader, record: Make) -> None:
    store.begin()
    first = store.add_events([record("a"), record("b", rows=3, time=7), record("a")])
    again = store.add_events([record("b", rows=3)])
    store.commit()
    assert (first.stored, first.duplicate) == (2, 1)
    assert (again.stored, again.duplicate) == (0, 1)
    [total] = reader.content().totals
    assert total == Total(
        model="churn",
        version=3,
        registered=True,
        events=2,
        predictions=4,
        labelled=0,
        duplicates=2,
        first_time=7,
        last_time=1_795_176_000_000_000,
    )


def test_add_events_same_id_other_kind_both_stored(
    store: Store, reader: Reader, record: Make
) -> None:
    store.begin()
    done = store.add_events([record("a", kind="request"), record("a", kind="response")])
    store.commit()
    assert (done.stored, done.duplicate) == (2, 0)
    assert [t.predictions for t in reader.content().totals] == [0]


def test_add_events_rolled_back_leaves_no_trace(store: Store, reader: Reader, record: Make) -> None:
    store.begin()
    store.add_events([record("a")])
    store.rollback()
    assert reader.content().totals == ()


def test_add_events_undone_request_leaves_the_others(
    store: Store, reader: Reader, record: Make
) -> None:
    store.begin()
    store.mark()
    store.add_events([record("a")])
    store.mark()
    store.add_events([record("b")])
    store.undo()
    store.commit()
    assert [t.events for t in reader.content().totals] == [1]


def test_register_new_then_known_then_other(store: Store, version: Callable[..., Version]) -> None:
    store.begin()
    assert store.register(version(), 1) is True
    assert store.register(version(), 2) is False
    with pytest.raises(RefusedError, match="registered with other content"):
        store.register(version(classes=["a", "b"]), 3)
    store.commit()


def test_store_reopened_knows_versions_and_totals(
    address: Address, version: Callable[..., Version], record: Make
) -> None:
    first = Store(address)
    first.begin()
    first.register(version(), 1)
    first.add_events([record("a")])
    first.commit()
    first.close()
    second, reader = Store(address), Reader(address)
    assert second.versions == {("churn", 3): version()}
    assert [t.events for t in reader.content().totals] == [1]
    reader.close()
    second.close()


def test_add_events_duration_of_any_size_stored(store: Store, reader: Reader, record: Make) -> None:
    store.begin()
    store.add_events([record("a", duration=10**300), record("b", duration=0)])
    store.commit()
    assert [event.duration for event in reader.events_after("churn", 3, 0, 9)] == [1e300, 0.0]
