"""Totals by version: what `/v1/models` and the metrics say about the store's content.

They change in the transaction of what they count, so that they are right after any crash, and no
scrape ever counts rows. Events that came before their version was registered are counted apart,
and stay so: a counter must not fall because a version was registered later.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from components.monitor.storage.connection import Connection

Key = tuple[str, int, int]
"""Model, version (0 where the event does not say), and 1 when it was registered, else 0."""

_NAMES: Final = ("events", "predictions", "labelled", "duplicates", "bytes")

_ADD: Final = """
INSERT INTO totals (model, version, registered, events, predictions, labelled, duplicates, bytes,
    first_time, last_time, newest_label) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (model, version, registered) DO UPDATE SET
    events = totals.events + excluded.events,
    predictions = totals.predictions + excluded.predictions,
    labelled = totals.labelled + excluded.labelled,
    duplicates = totals.duplicates + excluded.duplicates,
    bytes = totals.bytes + excluded.bytes,
    first_time = CASE WHEN totals.first_time IS NULL OR excluded.first_time < totals.first_time
        THEN excluded.first_time ELSE totals.first_time END,
    last_time = CASE WHEN totals.last_time IS NULL OR excluded.last_time > totals.last_time
        THEN excluded.last_time ELSE totals.last_time END,
    newest_label = CASE WHEN excluded.newest_label > totals.newest_label
        THEN excluded.newest_label ELSE totals.newest_label END
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


def read_content(connection: Connection) -> Content:
    """Reads the totals.

    Args:
        connection: within a transaction, so that the view is one.

    Returns:
        The content as of the last commit.

    Raises:
        StoreError: the store cannot be read.
    """
    rows = connection.query(
        "SELECT model, version, registered, events, predictions, labelled, duplicates,"
        " first_time, last_time FROM totals ORDER BY model, version, registered"
    )
    [[pending]] = connection.query("SELECT count(*) FROM pending")
    return Content(tuple(Total(r[0], r[1], bool(r[2]), *r[3:]) for r in rows), pending)


class Totals:
    """Changes of the totals within one request."""

    def __init__(self) -> None:
        """Starts with no change."""
        self._counts: dict[Key, Counter[str]] = {}
        self._times: dict[Key, list[int]] = {}
        self._newest: dict[Key, int] = {}

    def count(self, key: Key, what: str, amount: int = 1) -> None:
        """Adds to one total."""
        self._counts.setdefault(key, Counter())[what] += amount

    def see(self, key: Key, time: int) -> None:
        """Notes an event's time, microseconds since 1970."""
        self._times.setdefault(key, []).append(time)

    def number(self, key: Key, label: int) -> None:
        """Notes a new label's number, greater than every one before."""
        self._newest[key] = label
        self._counts.setdefault(key, Counter())

    def write(self, connection: Connection) -> None:
        """Adds the changes to the store, within the caller's transaction."""
        # In one order everywhere, so that no two writers ever wait for each other.
        connection.execute_many(_ADD, [self._row(key) for key in sorted(self._counts)])

    def _row(self, key: Key) -> tuple[str | int | None, ...]:
        counts, times = self._counts[key], self._times.get(key)
        span = (min(times), max(times)) if times else (None, None)
        return (*key, *(counts[name] for name in _NAMES), *span, self._newest.get(key, 0))
