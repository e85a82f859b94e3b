"""The labels of one request on their way into the store: what is known, what changes.

Of two labels for one prediction the later known counts; one that was known earlier changes nothing
and is counted as a duplicate. What changed is written at once in the end, so that a request of many
labels costs a database on another machine few exchanges.
"""

import json
from collections.abc import Iterable
from typing import Final, NamedTuple

from components.monitor.feedback import Entry
from components.monitor.storage.connection import Connection
from components.monitor.storage.label_clock import LabelClock
from components.monitor.storage.lookup import look_up
from components.monitor.totals import Totals
from components.monitor.versions import Label

JOINED: Final = "joined"
PENDING: Final = "pending"
DUPLICATE: Final = "duplicate"
CORRECTED: Final = "corrected"

_KNOWN: Final = "SELECT event, row, label, time FROM labels WHERE (event, row) IN ({})"
_WAITING: Final = "SELECT id, label, time FROM pending WHERE id IN ({})"
_PUT: Final = """
INSERT INTO labels (event, row, label, time, received, number, model, version, registered)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (event, row) DO UPDATE SET label = excluded.label, time = excluded.time,
    received = excluded.received, number = excluded.number
"""
_WAIT: Final = """
INSERT INTO pending (id, request, row, label, time, received) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET label = excluded.label, time = excluded.time,
    received = excluded.received
"""


class Request(NamedTuple):
    """A stored prediction event, as far as joining needs it."""

    key: int
    model: str
    version: int
    registered: int
    rows: int


class Target(NamedTuple):
    """The row of a stored event that a label belongs to."""

    request: Request
    row: int


class Ledger:
    """What one request knows and changes; used within one transaction."""

    def __init__(self, connection: Connection, received: int, totals: Totals) -> None:
        """Knows nothing yet.

        Args:
            connection: in a transaction.
            received: when the request came, microseconds since 1970, UTC.
            totals: takes the joined rows.
        """
        self._connection = connection
        self._received = received
        self._totals = totals
        self._clock = LabelClock(connection, received)
        self._known: dict[tuple[int, int], tuple[str, int]] = {}
        self._waiting: dict[str, tuple[str, int]] = {}
        self._labels: dict[tuple[int, int], tuple[str | int, ...]] = {}
        self._pending: dict[str, tuple[str | int | None, ...]] = {}

    def load(self, targets: Iterable[Target], waiting: Iterable[str]) -> None:
        """Reads the labels that are known of some rows, and of ids without a prediction."""
        places = [(target.request.key, target.row) for target in targets]
        for event, row, label, time in look_up(self._connection, _KNOWN, places):
            self._known[event, row] = (label, time)
        for identity, label, time in look_up(self._connection, _WAITING, [(i,) for i in waiting]):
            self._waiting[identity] = (label, time)

    def join(self, target: Target, label: Label, time: int) -> str:
        """Takes the label of a prediction; returns what became of it."""
        request, place = target.request, (target.request.key, target.row)
        text = json.dumps(label)
        known = self._known.get(place)
        if known and (known[0] == text or time < known[1]):
            return DUPLICATE
        number, received = self._clock.next()
        key = (request.model, request.version, request.registered)
        self._known[place] = (text, time)
        self._labels[place] = (*place, text, time, received, number, *key)
        self._totals.number(key, number)
        if known:
            return CORRECTED
        self._totals.count(key, "labelled")
        return JOINED

    def wait(self, entry: Entry) -> str:
        """Takes a label whose prediction has not come; returns what became of it."""
        text = json.dumps(entry.label)
        known = self._waiting.get(entry.id)
        if known and (known[0] == text or entry.time < known[1]):
            return DUPLICATE
        request, row = entry.request_and_row or (None, None)
        self._waiting[entry.id] = (text, entry.time)
        self._pending[entry.id] = (entry.id, request, row, text, entry.time, self._received)
        return CORRECTED if known else PENDING

    def write(self) -> None:
        """Writes what has changed, but for the totals."""
        self._connection.execute_many(_PUT, list(self._labels.values()))
        self._connection.execute_many(_WAIT, list(self._pending.values()))
        self._clock.write()
