"""Totals by version: what `/v1/models` and the metrics say about the store's content.

They change in the transaction of what they count, so that they are right after any crash, and no
scrape ever counts rows. Events that came before their version was registered are counted apart,
and stay so: a counter must not fall because a version was registered later.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Key = tuple[str, int, int]
"""Model, version (0 where the event does not say), and 1 when it was registered, else 0."""

_ADD: Final = """
INSERT INTO totals (model, version, registered, events, predictions, labelled, duplicates,
    first_time, last_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (model, version, registered) DO UPDATE SET
    events = events + excluded.events, predictions = predictions + excluded.predictions,
    labelled = labelled + excluded.labelled, duplicates = duplicates + excluded.duplicates,
    first_time = min(ifnull(first_time, excluded.first_time),
                     ifnull(excluded.first_time, first_time)),
    last_time = max(ifnull(last_time, excluded.last_time), ifnull(excluded.last_time, last_time))
"""


@dataclass(frozen=True, slots=True)
class Total:
    """What the store holds of one version.

    Attributes:
        model: the model's name.
        version: 1 or more; 0 for events that do not say.
        registered: whether the version was registered when these events came.
        events: stored once each.
        predictions: rows that our own server's events answered.
        labelled: rows with ground truth.
        duplicates: events that came again and were not stored again.
        first_time: the earliest event's time, microseconds since 1970; None without events.
        last_time: the latest event's.
    """

    model: str
    version: int
    registered: bool
    events: int
    predictions: int
    labelled: int
    duplicates: int
    first_time: int | None
    last_time: int | None


@dataclass(frozen=True, slots=True)
class Content:
    """What the store holds altogether.

    Attributes:
        totals: by version.
        pending: labels that wait for their prediction.
    """

    totals: tuple[Total, ...]
    pending: int


def read_content(path: Path) -> Content:
    """Reads the totals on a connection of its own, beside the writer.

    Args:
        path: the database file of an open store.

    Returns:
        The content as of the last commit, one consistent view.

    Raises:
        sqlite3.Error: the store cannot be read.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        connection.execute("BEGIN")
        rows = connection.execute(
            "SELECT model, version, registered, events, predictions, labelled, duplicates,"
            " first_time, last_time FROM totals ORDER BY model, version, registered"
        ).fetchall()
        pending = connection.execute("SELECT count(*) FROM pending").fetchone()[0]
    finally:
        connection.close()
    return Content(tuple(Total(r[0], r[1], bool(r[2]), *r[3:]) for r in rows), pending)


class Totals:
    """Changes of the totals within one request."""

    def __init__(self) -> None:
        """Starts with no change."""
        self._counts: dict[Key, Counter[str]] = {}
        self._times: dict[Key, list[int]] = {}

    def count(self, key: Key, what: str, amount: int = 1) -> None:
        """Adds to one total."""
        self._counts.setdefault(key, Counter())[what] += amount

    def see(self, key: Key, time: int) -> None:
        """Notes an event's time, microseconds since 1970."""
        self._times.setdefault(key, []).append(time)

    def write(self, connection: sqlite3.Connection) -> None:
        """Adds the changes to the store, within the caller's transaction."""
        connection.executemany(_ADD, self._rows())

    def _rows(self) -> Iterable[tuple[str | int | None, ...]]:
        for key, counts in self._counts.items():
            times = self._times.get(key)
            span = (min(times), max(times)) if times else (None, None)
            names = ("events", "predictions", "labelled", "duplicates")
            yield (*key, *(counts[name] for name in names), *span)
