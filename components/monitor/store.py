"""Writes the monitor's store: events, ground truth and versions, each idempotent.

Every method here runs inside a transaction that `writer` opened, on the writer's thread; nothing is
acknowledged before that transaction is on the disk.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.monitor import predictions, schema
from components.monitor.feedback import Entry
from components.monitor.predictions import Record
from components.monitor.refusal import Problem
from components.monitor.totals import Totals
from components.monitor.truth import Truth
from components.monitor.versions import Version, Versions, known_versions, same_content

_INSERT_EVENT: Final = """
INSERT INTO events (id, kind, model, version, registered, time, received, rows, duration, features,
    outputs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, kind) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one request's events.

    Attributes:
        stored: events that are new.
        duplicate: events whose id and type were known.
        mismatched: waiting labels that turned out to be no class of the version, and were dropped.
    """

    stored: int
    duplicate: int
    mismatched: int


class Store:
    """The open store of one process."""

    def __init__(self, path: Path) -> None:
        """Opens, and creates or migrates where needed.

        Args:
            path: the database file.

        Raises:
            StateError: it is in use, is no store, or is of a newer format.
        """
        self.path = path
        self._lock = schema.lock(path)
        try:
            self._connection = schema.open_database(path)
        except Exception:
            os.close(self._lock)
            raise
        columns = "model, version, digest, bundle, reference"
        rows = self._connection.execute(f"SELECT {columns} FROM versions").fetchall()  # noqa: S608
        self.versions: Versions = known_versions(rows)
        self._truth = Truth(self._connection, self.versions)

    def close(self) -> None:
        """Closes the database and releases the store; the last connection folds the WAL in."""
        self._connection.close()
        os.close(self._lock)

    def begin(self) -> None:
        """Opens the transaction of one group of requests."""
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Returns once the group is on the disk."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undoes the group; a no-op where SQLite has done so already."""
        with suppress(sqlite3.Error):
            self._connection.rollback()

    def mark(self) -> None:
        """Marks the start of one request within the group."""
        self._connection.execute("SAVEPOINT request")

    def undo(self) -> None:
        """Undoes what has been written since the mark."""
        self._connection.execute("ROLLBACK TO request")

    def probe(self) -> None:
        """Writes without changing anything: the commit fails where the store cannot be written."""
        self._connection.execute(f"PRAGMA user_version={schema.FORMAT}")

    def add_events(self, records: Sequence[Record]) -> Stored:
        """Stores the events of one request and joins the labels that waited for them.

        Args:
            records: already without private and unknown columns.

        Returns:
            How many were new, how many known.
        """
        totals, duplicate, mismatched = Totals(), 0, 0
        for record in records:
            key = (record.model, record.version, int(record.registered))
            event = self._insert(record)
            if event is None:
                totals.count(key, "duplicates")
                duplicate += 1
                continue
            totals.count(key, "events")
            totals.see(key, record.time)
            if record.kind == predictions.KIND:
                totals.count(key, "predictions", record.rows)
                mismatched += self._truth.join_waiting(event, record, totals)
        totals.write(self._connection)
        return Stored(len(records) - duplicate, duplicate, mismatched)

    def add_feedback(
        self, entries: Sequence[Entry], problems: Sequence[Problem], received: int
    ) -> Counter[str]:
        """Stores the labels of one request, as `Truth.add` describes."""
        return self._truth.add(entries, problems, received)

    def register(self, version: Version, received: int) -> bool:
        """Stores a version.

        Args:
            version: validated.
            received: microseconds since 1970, UTC.

        Returns:
            True when it is new, False when the same content was registered before.

        Raises:
            RefusedError: 409; the version is registered with other content.
        """
        known = self._connection.execute(
            "SELECT model, version, digest, bundle, reference FROM versions"
            " WHERE model = ? AND version = ?",
            (version.model, version.number),
        ).fetchall()
        for stored in known_versions(known).values():
            return not same_content(stored, version)
        texts = (version.digest, version.bundle, version.reference)
        self._connection.execute(
            "INSERT INTO versions (model, version, digest, bundle, reference, registered_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (version.model, version.number, *texts, received),
        )
        return True

    def _insert(self, record: Record) -> int | None:
        """Stores an event; returns its key, or None when it is known."""
        values = (record.id, record.kind, record.model, record.version, int(record.registered))
        measures = (record.time, record.received, record.rows, record.duration)
        texts = (record.features, record.outputs)
        done = self._connection.execute(_INSERT_EVENT, values + measures + texts)
        return done.lastrowid if done.rowcount == 1 else None
