"""What happens to a store's file while it is open."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from components.monitor.predictions import Record
from components.monitor.storage.connection import StoreError
from components.monitor.storage.reader import Reader
from components.monitor.store import Store

Make = Callable[..., Record]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.sqlite3"


def add(store: Store, record: Record) -> None:
    store.begin()
    store.add_events([record])
    store.commit()


@pytest.mark.parametrize("again", [False, True], ids=["store as it was made", "store in use"])
def test_commit_file_deleted_not_acknowledged(path: Path, record: Make, again: bool) -> None:
    if again:
        Store(path).close()
    store, reader = Store(path), Reader(path)
    reader.content()
    for file in path.parent.glob("events.sqlite3*"):
        file.unlink()
    with pytest.raises(StoreError, match="file was deleted or replaced; start the monitor again"):
        add(store, record("a"))
    store.rollback()
    with pytest.raises(StoreError, match="unable to open database file"):
        reader.content()
    reader.close()
    store.close()


def test_commit_file_replaced_not_acknowledged(path: Path, record: Make) -> None:
    store = Store(path)
    other = path.with_name("other.sqlite3")
    Store(other).close()
    os.replace(other, path)
    with pytest.raises(StoreError, match="deleted or replaced"):
        add(store, record("a"))
    store.close()


def test_commit_write_ahead_log_deleted_not_acknowledged(path: Path, record: Make) -> None:
    store = Store(path)
    add(store, record("a"))
    path.with_name("events.sqlite3-wal").unlink()
    with pytest.raises(StoreError, match="deleted or replaced"):
        add(store, record("b"))
    store.close()


def test_commit_after_a_checkpoint_acknowledged(path: Path, record: Make) -> None:
    store = Store(path)
    add(store, record("a"))
    store._connection.query("PRAGMA wal_checkpoint(TRUNCATE)")
    add(store, record("b"))
    store.close()
    # Opened anew: what was acknowledged is in the file, not in this process.
    reader = Reader(path)
    assert [event.id for event in reader.events_after("churn", 3, 0, 9)] == ["a", "b"]
    reader.close()


def test_reader_reads_while_the_writer_is_in_a_transaction(path: Path, record: Make) -> None:
    store, reader = Store(path), Reader(path)
    store.begin()
    store.add_events([record("a")])
    assert reader.events_after("churn", 3, 0, 9) == []
    store.commit()
    assert len(reader.events_after("churn", 3, 0, 9)) == 1
    reader.close()
    store.close()


def test_reader_never_writes(path: Path) -> None:
    store, reader = Store(path), Reader(path)
    with (
        reader._pool.connection() as connection,
        pytest.raises(StoreError, match="attempt to write a readonly database"),
    ):
        connection.execute("DELETE FROM events")
    reader.close()
    store.close()


def test_store_error_holds_no_value(path: Path) -> None:
    store = Store(path)
    store.begin()
    with pytest.raises(StoreError) as caught:
        store._connection.execute(
            "INSERT INTO chunks VALUES (?, 1, 1, 1, 1, 1, 1, 1, NULL)", ("SECRET",)
        )
    assert str(caught.value) == "SQLite: NOT NULL constraint failed: chunks.counts"
    store.close()


def test_close_last_connection_folds_the_log_in(path: Path, record: Make) -> None:
    store, reader = Store(path), Reader(path)
    add(store, record("a"))
    reader.content()
    reader.close()
    store.close()
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "events.sqlite3",
        "events.sqlite3.lock",
    ]
    plain = sqlite3.connect(path)
    assert plain.execute("SELECT id FROM events").fetchall() == [("a",)]
    plain.close()
