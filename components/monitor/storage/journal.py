"""Writes what was judged, alerted and decided; each call is idempotent."""

from dataclasses import astuple, fields
from typing import Any, Final

from components.monitor.storage.connection import Connection
from components.monitor.storage.records import AlertRecord, Chunk, Retraining, VerdictKind
from components.monitor.verdicts import DriftVerdict, QualityVerdict, to_json

_CHANGEABLE: Final = {"outcome", "why", "evidence", "run", "started", "ended", "version"}


def add_chunk(connection: Connection, chunk: Chunk) -> bool:
    """Stores a chunk; returns False where its number is taken, by this or another replica."""
    return connection.execute(_insert("chunks", Chunk), astuple(chunk)) == 1


def add_verdict(
    connection: Connection, kind: VerdictKind, verdict: DriftVerdict | QualityVerdict
) -> bool:
    """Stores a verdict; returns False where one of the same kind and moment is there."""
    who = (verdict.model, verdict.version, kind, verdict.judged)
    what = (verdict.start, verdict.end, verdict.rows, to_json(verdict))
    sql = (
        'INSERT INTO verdicts (model, version, kind, judged, start, "end", rows, document)'
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    )
    return connection.execute(sql, who + what) == 1


def add_alert(connection: Connection, alert: AlertRecord) -> bool:
    """Stores the state of an alert.

    Returns:
        Whether the alert was not known before. A known one gets its new state; one that has been
        resolved stays so.
    """
    if connection.execute(_insert("alerts", AlertRecord), astuple(alert)) == 1:
        return True
    connection.execute(
        "UPDATE alerts SET status = ?, ends_at = ?, received = ?, severity = ?, document = ?"
        " WHERE fingerprint = ? AND starts_at = ? AND NOT (status = 'resolved' AND ? = 'firing')",
        (
            *(alert.status, alert.ends_at, alert.received, alert.severity, alert.document),
            *(alert.fingerprint, alert.starts_at, alert.status),
        ),
    )
    return False


def add_retraining(connection: Connection, retraining: Retraining) -> bool:
    """Stores a decision; returns False where its id is known."""
    return connection.execute(_insert("retrainings", Retraining), astuple(retraining)) == 1


def update_retraining(connection: Connection, identity: str, changes: dict[str, Any]) -> bool:
    """Changes what became of a decision; returns False where there is none of this id.

    Raises:
        ValueError: a change of something that does not change.
    """
    if not changes or not changes.keys() <= _CHANGEABLE:
        msg = f"cannot change {sorted(changes)}: expected some of {sorted(_CHANGEABLE)}"
        raise ValueError(msg)
    places = ", ".join(f"{name} = ?" for name in changes)
    sql = f"UPDATE retrainings SET {places} WHERE id = ?"  # noqa: S608
    return connection.execute(sql, (*changes.values(), identity)) == 1


def _insert(table: str, record: type[Any]) -> str:
    names = [f'"{field.name}"' for field in fields(record)]
    places = ", ".join("?" * len(names))
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608
        " ON CONFLICT DO NOTHING"
    )
