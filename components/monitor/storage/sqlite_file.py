"""Opens the file of an SQLite store: claims it, makes its tables, brings an older one up to date.

A store has one owner at a time: an advisory lock, which the kernel releases when a process is
killed. The format is SQLite's `user_version`.
"""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final

from components.errors import StateError
from components.monitor.storage.connection import LOCK_SECONDS
from components.monitor.storage.tables import FORMAT, MIGRATIONS

APPLICATION_ID: Final = 0x4B4C4F50
"""Marks an SQLite file as ours ("KLOP")."""


def open_file(path: Path) -> sqlite3.Connection:
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
        connection = connect(str(path))
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


def connect(target: str) -> sqlite3.Connection:
    """Connects to a path or a `file:` URI, in autocommit mode, for one thread at a time."""
    return sqlite3.connect(
        target,
        uri=target.startswith("file:"),
        timeout=LOCK_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


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
