"""The store's tables, their format version, and how a database is opened.

The format is SQLite's `user_version`; a migration is one more entry in `MIGRATIONS`, and an older
store is brought up to date when it is opened. A store has one owner at a time: an advisory lock,
which the kernel releases when a process is killed.
"""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final

from components.errors import StateError

APPLICATION_ID: Final = 0x4B4C4F50
"""Marks an SQLite file as ours ("KLOP")."""

LOCK_SECONDS: Final = 5.0
"""How long a write waits for another process's lock on the database, such as a backup's."""

_FIRST: Final = """
CREATE TABLE versions (
    model TEXT NOT NULL, version INTEGER NOT NULL,
    digest TEXT NOT NULL, bundle TEXT NOT NULL, reference TEXT NOT NULL,
    registered_at INTEGER NOT NULL,
    PRIMARY KEY (model, version)
);
CREATE TABLE events (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL, kind TEXT NOT NULL,
    model TEXT NOT NULL, version INTEGER NOT NULL, registered INTEGER NOT NULL,
    time INTEGER NOT NULL, received INTEGER NOT NULL,
    rows INTEGER NOT NULL, duration REAL,
    features TEXT, outputs TEXT,
    UNIQUE (id, kind)
);
CREATE TABLE labels (
    event INTEGER NOT NULL REFERENCES events (key), row INTEGER NOT NULL,
    label TEXT NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL,
    PRIMARY KEY (event, row)
) WITHOUT ROWID;
CREATE TABLE pending (
    id TEXT PRIMARY KEY,
    request TEXT, row INTEGER,
    label TEXT NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX pending_by_request ON pending (request, row);
CREATE TABLE totals (
    model TEXT NOT NULL, version INTEGER NOT NULL, registered INTEGER NOT NULL,
    events INTEGER NOT NULL DEFAULT 0, predictions INTEGER NOT NULL DEFAULT 0,
    labelled INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0,
    first_time INTEGER, last_time INTEGER,
    PRIMARY KEY (model, version, registered)
) WITHOUT ROWID;
"""

MIGRATIONS: Final = (_FIRST,)
"""Entry n brings a store from format n to n + 1."""

FORMAT: Final = len(MIGRATIONS)


def open_database(path: Path) -> sqlite3.Connection:
    """Opens the store for writing, creating or migrating it where needed.

    Args:
        path: the database file; its folder is made, and only its owner may read it.

    Returns:
        A connection in autocommit mode: WAL, and each commit synced to the disk.

    Raises:
        StateError: the file cannot be opened, is no store, or is of a newer format.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(
            path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as exc:
        msg = f"the monitor's store {str(path)!r} cannot be opened: {exc}; expected a writable file"
        raise StateError(msg) from exc
    try:
        _prepare(connection, path)
    except sqlite3.Error as exc:
        connection.close()
        msg = f"the monitor's store {str(path)!r} cannot be used: {exc}; name another file"
        raise StateError(msg) from exc
    except StateError:
        connection.close()
        raise
    return connection


def lock(path: Path) -> int:
    """Claims a store for this process.

    Args:
        path: the database file; the lock is a file beside it.

    Returns:
        A file descriptor; closing it releases the claim.

    Raises:
        StateError: another monitor holds the store, or the file cannot be made.
    """
    beside = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        msg = f"the monitor's store {str(path)!r} cannot be locked: {exc.strerror}"
        raise StateError(msg) from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(descriptor)
        msg = f"the monitor's store {str(path)!r} is in use by another monitor; stop it first"
        raise StateError(msg) from exc
    return descriptor


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    stated = _pragma(connection, "user_version")
    owner = _pragma(connection, "application_id")
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if owner != APPLICATION_ID and not (empty and owner == 0 and stated == 0):
        msg = f"{str(path)!r} is a database of something else; expected a monitor's store"
        raise StateError(msg)
    if stated > FORMAT:
        msg = (
            f"the monitor's store {str(path)!r} has format {stated}, this version reads up to "
            f"{FORMAT}: use a newer Kubeloop"
        )
        raise StateError(msg)
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        msg = f"the monitor's store {str(path)!r} is on a file system without WAL; use a local disk"
        raise StateError(msg)
    connection.execute("PRAGMA synchronous=FULL")
    for number, migration in enumerate(MIGRATIONS[stated:], start=stated + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {migration} PRAGMA application_id={APPLICATION_ID}; "
            f"PRAGMA user_version={number}; COMMIT;"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
