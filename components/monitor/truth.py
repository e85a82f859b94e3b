"""Joins ground truth with predictions by id, whichever comes first.

`<request id>:<row>` is a prediction's id; a bare request id means the row of a one-row request.
Where both readings fit, the id with its row wins. Of two labels for one prediction the later known
counts; one that was known earlier changes nothing and is counted as a duplicate.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from components.monitor import predictions
from components.monitor.feedback import Entry
from components.monitor.predictions import Record
from components.monitor.refusal import Problem, invalid
from components.monitor.totals import Totals
from components.monitor.versions import Versions

JOINED: Final = "joined"
PENDING: Final = "pending"
DUPLICATE: Final = "duplicate"
CORRECTED: Final = "corrected"

_FIND: Final = "SELECT key, model, version, registered, rows FROM events WHERE id = ? AND kind = ?"


class _Request(NamedTuple):
    """A stored prediction event, as far as joining needs it."""

    key: int
    model: str
    version: int
    registered: int
    rows: int


class _Target(NamedTuple):
    """The row of a stored event that a label belongs to."""

    request: _Request
    row: int


class Truth:
    """The labels of an open store; every method runs in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, versions: Versions) -> None:
        """Takes what the labels are joined with.

        Args:
            connection: of the open store.
            versions: the registered versions, kept up to date by their owner.
        """
        self._connection = connection
        self._versions = versions

    def add(
        self, entries: Sequence[Entry], problems: Sequence[Problem], received: int
    ) -> Counter[str]:
        """Joins the labels of one request with their predictions, or keeps them waiting.

        Args:
            entries: what could be read.
            problems: of the entries that could not.
            received: microseconds since 1970, UTC.

        Returns:
            Entries by result: joined, pending, duplicate, corrected.

        Raises:
            RefusedError: 400; an entry is wrong. All problems are reported and nothing is stored.
        """
        found = list(problems)
        aimed: list[tuple[Entry, _Target | None]] = []
        for entry in entries:
            target, expected = self._aim(entry)
            aimed.append((entry, target))
            if expected is not None:
                field = "label" if target else "id"
                found.append(Problem(field, expected, entry.index, entry.id))
        if found:
            raise invalid(sorted(found, key=lambda problem: problem.index), what="feedback")
        totals, results = Totals(), Counter[str]()
        for entry, target in aimed:
            if target is None:
                results[self._keep_waiting(entry, received)] += 1
            else:
                results[self._join(entry, target, received, totals)] += 1
        totals.write(self._connection)
        return results

    def join_waiting(self, key: int, record: Record, totals: Totals) -> int:
        """Joins the labels that came before their prediction.

        Args:
            key: the stored event's key.
            record: the prediction, stored in this transaction.
            totals: takes the joined rows.

        Returns:
            How many labels were no class of the version after all, and were dropped.
        """
        rows = self._connection.execute(
            "SELECT id, row, label, time, received FROM pending WHERE request = ? AND row < ?",
            (record.id, record.rows),
        ).fetchall()
        if record.rows == 1:
            rows += self._connection.execute(
                "SELECT id, 0, label, time, received FROM pending WHERE id = ?", (record.id,)
            ).fetchall()
        if not rows:
            return 0
        registered = int(record.registered)
        request = _Request(key, record.model, record.version, registered, record.rows)
        version = self._versions.get((record.model, record.version))
        mismatched = 0
        for identity, row, label, time, received in sorted(rows, key=lambda found: found[3]):
            entry = Entry(index=0, id=identity, label=json.loads(label), time=time)
            if version is not None and version.match(entry.label) is None:
                mismatched += 1
            else:
                self._join(entry, _Target(request, row), received, totals)
            self._connection.execute("DELETE FROM pending WHERE id = ?", (identity,))
        return mismatched

    def _aim(self, entry: Entry) -> tuple[_Target | None, str | None]:
        """Finds an entry's prediction, and what was expected where id or label cannot be right."""
        named = entry.request_and_row
        request = self._find(named[0]) if named else None
        if named and request and named[1] < request.rows:
            return self._judge(entry, _Target(request, named[1]))
        bare = self._find(entry.id)
        if bare and bare.rows == 1:
            return self._judge(entry, _Target(bare, 0))
        if bare:
            return None, f"an id with its row, from ':0' to ':{bare.rows - 1}', for this request"
        return None, f"a row from 0 to {request.rows - 1} of this request" if request else None

    def _judge(self, entry: Entry, target: _Target) -> tuple[_Target, str | None]:
        version = self._versions.get((target.request.model, target.request.version))
        if version is None or version.match(entry.label) is not None:
            return target, None
        return target, version.expectation

    def _find(self, identity: str) -> _Request | None:
        found = self._connection.execute(_FIND, (identity, predictions.KIND)).fetchone()
        return _Request(*found) if found else None

    def _join(self, entry: Entry, target: _Target, received: int, totals: Totals) -> str:
        request = target.request
        version = self._versions.get((request.model, request.version))
        label = json.dumps(version.match(entry.label) if version else entry.label)
        where = (request.key, target.row)
        known = self._connection.execute(
            "SELECT label, time FROM labels WHERE event = ? AND row = ?", where
        ).fetchone()
        if known is None:
            self._connection.execute(
                "INSERT INTO labels (event, row, label, time, received) VALUES (?, ?, ?, ?, ?)",
                (*where, label, entry.time, received),
            )
            totals.count((request.model, request.version, request.registered), "labelled")
            return JOINED
        if known[0] == label or entry.time < known[1]:
            return DUPLICATE
        self._connection.execute(
            "UPDATE labels SET label = ?, time = ?, received = ? WHERE event = ? AND row = ?",
            (label, entry.time, received, *where),
        )
        return CORRECTED

    def _keep_waiting(self, entry: Entry, received: int) -> str:
        label = json.dumps(entry.label)
        known = self._connection.execute(
            "SELECT label, time FROM pending WHERE id = ?", (entry.id,)
        ).fetchone()
        if known is not None and (known[0] == label or entry.time < known[1]):
            return DUPLICATE
        request, row = entry.request_and_row or (None, None)
        self._connection.execute(
            "REPLACE INTO pending (id, request, row, label, time, received)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (entry.id, request, row, label, entry.time, received),
        )
        return PENDING if known is None else CORRECTED
