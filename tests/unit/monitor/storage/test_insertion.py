from collections.abc import Callable, Iterator

import pytest

from components.monitor.predictions import Record
from components.monitor.storage import insertion
from components.monitor.storage.addresses import Address
from components.monitor.store import Store, Stored

Make = Callable[..., Record]


@pytest.fixture
def store(address: Address) -> Iterator[Store]:
    opened = Store(address)
    yield opened
    opened.close()


def add(store: Store, *requests: list[Record]) -> list[Stored]:
    store.begin()
    done = store.add_requests(requests)
    store.commit()
    return done


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, []),
        (1, [1]),
        (7, [4, 2, 1]),
        (128, [128]),
        (300, [128, 128, 32, 8, 4]),
    ],
)
def test_parts_any_number_powers_of_two_in_order(count: int, sizes: list[int]) -> None:
    rows = [(number,) for number in range(count)]
    found = list(insertion.parts(rows))
    assert [len(part) for part in found] == sizes
    assert [row for part in found for row in part] == rows


def test_add_requests_some_known_each_gets_its_own_key(store: Store, record: Make) -> None:
    add(store, [record("b"), record("d")])
    done = add(store, [record("a"), record("b")], [record("c"), record("a"), record("d")])
    assert [(one.stored, one.duplicate) for one in done] == [(1, 1), (1, 2)]
    rows = store._connection.query("SELECT id FROM events ORDER BY key")
    assert [row[0] for row in rows] == ["b", "d", "a", "c"]


def test_insert_events_more_than_one_statement_keys_are_those_of_the_rows(
    store: Store, record: Make
) -> None:
    add(store, [record(str(number)) for number in range(0, 700, 7)])
    store.begin()
    rows = [(*_identity(str(number)), *_rest()) for number in range(300)]
    keys = store._connection.insert_events(rows)
    stored = dict(store._connection.query("SELECT id, key FROM events"))
    store.commit()
    assert [key is None for key in keys] == [number % 7 == 0 for number in range(300)]
    assert all(key is None or stored[str(at)] == key for at, key in enumerate(keys))


def _identity(name: str) -> tuple[str, str]:
    return name, "prediction"


def _rest() -> tuple[str | int | float | None, ...]:
    return ("churn", 3, 1, 1, 1, 1, None, None, None)
