"""Takes the oldest events away, by age and where the store is too large.

One step is small, so that it shares a commit with the events that arrive meanwhile; whoever wants
more takes the next. A label goes with its event and never before. The newest event, and the newest
chunk of each version, stay: a key is never given twice, and the judge knows where it stopped. The
totals count what has ever been stored, and so do not fall.
"""

from typing import Final

from components.monitor.predictions import Record
from components.monitor.storage.connection import Connection, Row
from components.monitor.storage.records import Deleted
from components.monitor.storage.tables import EVENT_BYTES
from components.monitor.totals import Totals

STEP: Final = 500
"""Events of one step, and of each other kind of row at most ten times as many."""

_OLDEST: Final = f"""
SELECT key, received, model, version, registered, {EVENT_BYTES} FROM events
WHERE key < (SELECT max(key) FROM events) ORDER BY key LIMIT {STEP}
"""  # noqa: S608

_FORGET: Final = f"DELETE FROM {{}} WHERE {{}} IN ({', '.join('?' * STEP)})"  # noqa: S608

_OLDER: Final = {
    "pending": "DELETE FROM pending WHERE id IN"
    " (SELECT id FROM pending WHERE received < ? ORDER BY received LIMIT ?)",
    "alerts": "DELETE FROM alerts WHERE received IN"
    " (SELECT received FROM alerts WHERE received < ? ORDER BY received LIMIT ?)",
    "verdicts": "DELETE FROM verdicts WHERE judged IN"
    " (SELECT judged FROM verdicts WHERE judged < ? ORDER BY judged LIMIT ?)",
    "chunks": 'DELETE FROM chunks WHERE "end" < ? AND number < (SELECT max(newest.number)'
    " FROM chunks newest WHERE newest.model = chunks.model AND newest.version = chunks.version)",
}


def size(record: Record) -> int:
    """Returns what an event counts for where the database cannot say what is in use, in bytes."""
    texts = (record.features or "", record.outputs or "", record.id)
    return sum(map(len, texts)) + 300


def delete_old(
    connection: Connection, *, before: int | None = None, max_bytes: int | None = None
) -> Deleted:
    """Takes one step.

    Args:
        connection: in a transaction.
        before: takes what was received or judged before this moment, microseconds since 1970;
            None for no limit of age.
        max_bytes: takes the oldest where the store holds more; None for no limit of size.

    Returns:
        What was deleted, and whether there is more.

    Raises:
        StoreError: the store cannot be written.
    """
    oldest = connection.query(_OLDEST)
    crowded = max_bytes is not None and connection.used_bytes() > max_bytes
    if crowded:
        before = max(before or 0, _crowded_out(connection, oldest))
    doomed = [row for row in oldest if before is not None and row[1] < before]
    if not before:
        return Deleted()
    labels = _delete_events(connection, doomed)
    others = {
        name: connection.execute(sql, (before, STEP * 10) if sql.count("?") == 2 else (before,))
        for name, sql in _OLDER.items()
    }
    full = len(doomed) == STEP or any(count >= STEP * 10 for count in others.values())
    more = full or (crowded and any((len(doomed), *others.values())))
    return Deleted(events=len(doomed), labels=labels, more=more, **others)


def _crowded_out(connection: Connection, oldest: list[Row]) -> int:
    """Returns the moment before which events and waiting labels make room, the oldest of both."""
    waiting = connection.query(
        "SELECT received FROM pending ORDER BY received LIMIT 1 OFFSET ?", (STEP * 5,)
    ) or connection.query("SELECT max(received) FROM pending HAVING count(*) > 0")
    moments = [rows[-1][column] + 1 for rows, column in ((oldest, 1), (waiting, 0)) if rows]
    return int(min(moments, default=0))


def _delete_events(connection: Connection, doomed: list[Row]) -> int:
    if not doomed:
        return 0
    totals = Totals()
    for _, _, model, version, registered, taken in doomed:
        totals.count((model, version, registered), "bytes", -taken)
    totals.write(connection)
    keys = [row[0] for row in doomed]
    keys += keys[-1:] * (STEP - len(keys))
    labels = connection.execute(_FORGET.format("labels", "event"), keys)
    connection.execute(_FORGET.format("events", "key"), keys)
    return labels
