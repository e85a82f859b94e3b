"""SQLite: one file, one process that writes, one sync of the disk a commit.

A file that is deleted or replaced under the monitor is noticed, since what is written to it from
then on would be gone with the process.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from components.monitor.storage.connection import Row, StoreError, Value
from components.monitor.storage.insertion import keys_of, parts, statement
from components.monitor.storage.sqlite_file import connect, lock, open_file
from components.monitor.storage.tables import FORMAT

Identity = tuple[int, int]


class SqliteConnection:
    """A connection to a store's file; `open_owner` and `open_reader` make one."""

    shared = False

    def __init__(self, raw: sqlite3.Connection, path: Path, lock: int | None = None) -> None:
        """Takes what was opened.

        Args:
            raw: in autocommit mode, used by one thread at a time.
            path: the database's file.
            lock: the descriptor that claims the store, closed with the connection; None to read.
        """
        self._raw = raw
        self._lock = lock
        self._files = [path, path.with_name(path.name + "-wal")] if lock is not None else [path]
        self._identities = [_identity(path) for path in self._files]

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Returns all rows."""
        with _TRANSLATED:
            return self._raw.execute(sql, values).fetchall()

    def stream(
        self, sql: str, values: Sequence[Value] = (), *, at_once: int = 200
    ) -> Iterator[Row]:
        """Yields rows as they are read, one by one."""
        with _TRANSLATED:
            yield from self._raw.execute(sql, values)

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Returns how many rows were changed."""
        with _TRANSLATED:
            return self._raw.execute(sql, values).rowcount

    def execute_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Executes once for each of the rows."""
        with _TRANSLATED:
            self._raw.executemany(sql, rows)

    def insert_events(self, rows: Sequence[Sequence[Value]]) -> list[int | None]:
        """Inserts events; returns the key of each, None where its id and kind were known."""
        keys: list[int | None] = []
        for part in parts(rows):
            values = [value for row in part for value in row]
            with _TRANSLATED:
                done = self._raw.execute(statement(len(part)), values)
            # The keys of one statement follow one another: this connection alone writes.
            last = (done.lastrowid or 0) + 1
            stored = range(last - done.rowcount, last)
            keys += stored if len(stored) == len(part) else self._find_keys(part, stored)
        return keys

    def _find_keys(self, rows: Sequence[Sequence[Value]], stored: range) -> list[int | None]:
        if not stored:
            return [None] * len(rows)
        sql = "SELECT id, kind, key FROM events WHERE key BETWEEN ? AND ?"
        return keys_of(rows, self.query(sql, (stored[0], stored[-1])))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads one consistent state within the block."""
        self.execute("BEGIN")
        try:
            yield
        finally:
            self.rollback()

    def begin(self) -> None:
        """Opens a writing transaction; waits for another writer as long as `LOCK_SECONDS`."""
        self.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Returns once the transaction is on the disk, in the file that the path names."""
        self.execute("COMMIT")
        self.check()

    def rollback(self) -> None:
        """Undoes the transaction; a no-op where SQLite has done so already."""
        with suppress(sqlite3.Error):
            self._raw.rollback()

    def mark(self) -> None:
        """Marks a place in the transaction."""
        self.execute("SAVEPOINT request")

    def undo(self) -> None:
        """Undoes what was written since the mark."""
        self.execute("ROLLBACK TO request")

    def probe(self) -> None:
        """Writes without changing anything."""
        self.execute(f"PRAGMA user_version={FORMAT}")

    def used_bytes(self) -> int:
        """Returns the pages in use; the file itself keeps its size and is filled again."""
        pages, free, size = (
            self.query(f"PRAGMA {name}")[0][0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def check(self) -> None:
        """Compares the files with those that were opened.

        Raises:
            StoreError: one was deleted or replaced.
        """
        try:
            same = self._identities == [_identity(path) for path in self._files]
        except OSError:
            same = False
        if not same:
            msg = "the store's file was deleted or replaced; start the monitor again"
            raise StoreError(msg)

    def close(self) -> None:
        """Closes the connection; the last one folds the WAL in, and the owner's ends its claim."""
        with _TRANSLATED:
            self._raw.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def open_owner(path: Path) -> SqliteConnection:
    """Claims the store and opens it for writing, creating or migrating it where needed.

    Args:
        path: the database file; its folder is made, and only its owner may read it.

    Returns:
        A connection whose commits are synced to the disk.

    Raises:
        StateError: it is in use, cannot be opened, is no store, or is of a newer format.
    """
    claim = lock(path)
    try:
        return SqliteConnection(open_file(path), path, claim)
    except BaseException:
        os.close(claim)
        raise


def open_reader(path: Path) -> SqliteConnection:
    """Opens a store that its owner has made, to read only.

    Raises:
        StoreError: it cannot be opened.
    """
    with _TRANSLATED:
        return SqliteConnection(connect(f"{path.absolute().as_uri()}?mode=ro"), path)


class _Translated:
    """Makes the database's errors ours; a class, since it stands around every statement."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _: object, exc: BaseException | None, __: object) -> None:
        """Raises in the place of what SQLite raised."""
        if isinstance(exc, sqlite3.Error):
            msg = f"SQLite: {exc}"
            raise StoreError(msg) from exc


_TRANSLATED: Final = _Translated()


def _identity(path: Path) -> Identity:
    found = path.stat()
    return found.st_dev, found.st_ino
