"""What the judge, the page, the metrics and the retraining read, beside the writer.

Every method may be called from any thread and sees what has been committed. The newest of a series
come oldest first, as charts and windows want them; alerts and retrainings newest first, as a list
of news.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from components.monitor.storage.addresses import Address
from components.monitor.storage.connection import Row
from components.monitor.storage.history import History
from components.monitor.storage.journal_reader import JournalReader
from components.monitor.storage.pool import Pool
from components.monitor.storage.records import (
    CHECKS,
    LabelledRow,
    StoredEvent,
)
from components.monitor.totals import Content, read_content
from components.monitor.versions import Versions, known_versions
from components.monitor.wire import read_stored

if TYPE_CHECKING:
    import pyarrow as pa

EVENT_BYTES: Final = 8 * 1024 * 1024
"""Text of events that one call returns at most, unless a single event holds more."""

_EVENTS: Final = """
SELECT key, id, time, received, rows, duration, features, outputs FROM events
WHERE model = ? AND version = ? AND kind = 'prediction' AND registered = 1 AND key > ?
    AND id NOT LIKE ?
ORDER BY key LIMIT ?
"""
_LABELLED: Final = """
SELECT l.event, l.row, e.time, e.received, l.received, l.label, e.outputs
FROM labels l JOIN events e ON e.key = l.event
WHERE l.model = ? AND l.version = ? AND l.registered = 1 AND e.id NOT LIKE ?
ORDER BY l.event DESC, l.row DESC LIMIT ?
"""
_LAGS: Final = """
SELECT l.received, e.time, e.received FROM labels l JOIN events e ON e.key = l.event
WHERE l.model = ? AND l.version = ? AND l.registered = 1 AND e.id NOT LIKE ?
ORDER BY l.received DESC LIMIT ?
"""


class Reader(JournalReader):
    """Reads a store; connections of its own are opened when they are needed."""

    def __init__(self, address: Address, fence: Callable[[int], object] | None = None) -> None:
        """Opens nothing yet.

        Args:
            address: of a store that a `Store` has opened before.
            fence: calls `Store.fence_labels` and waits for its commit; None where nobody writes.
        """
        self.address = address
        super().__init__(Pool(address))
        self.history = History(self._pool)
        self._fence = fence
        self._versions: Versions = {}

    def close(self) -> None:
        """Closes the connections."""
        self._pool.close()

    def content(self) -> Content:
        """Reads the totals, one consistent view.

        Raises:
            StoreError: the store cannot be read, as from every method here.
        """
        with self._pool.connection() as connection, connection.snapshot():
            return read_content(connection)

    def versions(self) -> Versions:
        """Reads the registered versions by model and number; those known are not read again."""
        with self._pool.connection() as connection:
            keys = connection.query("SELECT model, version FROM versions")
            for key in keys:
                if key not in self._versions:
                    self._versions |= known_versions(connection, key)
        return dict(self._versions)

    def events_after(self, model: str, version: int, key: int, limit: int) -> list[StoredEvent]:
        """Reads prediction events that came while their version was registered.

        Args:
            model: the model's name.
            version: its number.
            key: of the last event that is known; 0 for none.
            limit: how many at most; fewer come where they hold more than `EVENT_BYTES`.

        Returns:
            Events by growing key; empty only where there is none after `key`. An event that
            becomes visible later has a greater key than every event returned.
        """
        events: list[StoredEvent] = []
        size = 0
        with self._pool.connection() as connection, connection.snapshot():
            for row in connection.stream(_EVENTS, (model, version, key, CHECKS, limit), at_once=10):
                events.append(_event(row))
                size += len(row[6] or "") + len(row[7] or "")
                if size >= EVENT_BYTES:
                    break
        return events

    def labelled(self, model: str, version: int, *, newest: int) -> list[LabelledRow]:
        """Reads the newest predictions of a version that have a label, in the order they came."""
        rows: list[LabelledRow] = []
        outputs: dict[int, dict[str, Any]] = {}
        with self._pool.connection() as connection, connection.snapshot():
            for event, row, at, received, labelled_at, label, text in connection.stream(
                _LABELLED, (model, version, CHECKS, newest)
            ):
                if event not in outputs:
                    outputs = {event: json.loads(text)}
                values = {_ONE[name]: column[row] for name, column in outputs[event].items()}
                at = min(at, received)
                rows.append(LabelledRow(event, row, at, labelled_at, json.loads(label), values))
        return rows[::-1]

    def newest_label(self, model: str, version: int) -> int:
        """Returns the greatest number of the version's labels; 0 without labels."""
        rows = self._query(
            "SELECT newest_label FROM totals WHERE model = ? AND version = ? AND registered = 1",
            (model, version),
        )
        return int(rows[0][0]) if rows else 0

    def lags(self, model: str, version: int, *, newest: int = 1000) -> list[float]:
        """Returns the seconds from prediction to label of the labels that came last."""
        rows = self._query(_LAGS, (model, version, CHECKS, newest))
        return [(labelled - min(at, received)) / 1e6 for labelled, at, received in rows]

    def count_labelled_since(self, model: str, since: int) -> int:
        """Counts the labels of a model's registered versions that came at `since` or later.

        Those of the hold-out, with which a run checks its endpoint, are none that the world gave.
        """
        rows = self._query(
            "SELECT count(*) FROM labels l JOIN events e ON e.key = l.event"
            " WHERE l.model = ? AND l.received >= ? AND l.registered = 1 AND e.id NOT LIKE ?",
            (model, since, CHECKS),
        )
        return int(rows[0][0])

    def labelled_table(self, model: str, since: int, until: int) -> "Iterator[pa.RecordBatch]":
        """Reads the predictions of a model whose label came within [since, until).

        Over consecutive spans every label comes once, however late; a corrected one comes again
        as it is then. Memory is bounded, whatever the number of rows.

        Args:
            model: the model's name.
            since: microseconds since 1970, UTC.
            until: the same, and not after now.

        Returns:
            Record batches of one schema, rows by time: the inputs of the newest version (float64
            for float32, text for others), the target by its name with the label in the source's
            type, `kubeloop_time` (of the prediction, microseconds in UTC) and `kubeloop_id`. At
            least one batch, be it empty.

        Raises:
            ValueError: no version of the model is registered, or `until` is not over yet.
            StoreError: the store cannot be read; also raised while iterating.
        """
        from components.monitor.storage.labelled import read_labelled

        if until > time.time_ns() // 1000:
            msg = f"cannot read labels until {until}: expected a moment that is over"
            raise ValueError(msg)
        if self._fence is not None:
            self._fence(until)
        return read_labelled(self._pool, self.versions(), model, (since, until))


_ONE: Final = {
    "labels": "label",
    "probabilities": "probabilities",
    "predictions": "prediction",
}


def _event(row: Row) -> StoredEvent:
    key, identity, at, received, rows, duration, features, outputs = row
    columns = None if features is None else read_stored(features)
    answers = read_stored(outputs or "{}")
    return StoredEvent(key, identity, at, received, rows, duration, columns, answers)
