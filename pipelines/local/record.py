"""`services.json`: which services run, on which ports, and who uses them; read under a lock.

A process is known by its id and its start time, since ids are used again.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ValidationError

from components.errors import StateError
from pipelines.local.state import State, damaged, read_json, write_json

FORMAT = 1


class _Process(BaseModel):
    pid: int
    started: float


class _Ports(BaseModel):
    http: int
    grpc: int
    monitor: int


class _Record(BaseModel):
    """What the file has to hold, so that no reader stumbles over it."""

    format: int
    users: list[_Process]
    server: _Process | None = None
    monitor: _Process | None = None
    ports: _Ports | None = None


@contextmanager
def open_record(state: State) -> Iterator[dict[str, Any]]:
    """Reads `services.json` under its lock and writes it back.

    Args:
        state: its folder holds the file.

    Yields:
        Its content: `users`, and `server`, `monitor` and `ports` where they run.

    Raises:
        StateError: it is damaged, or of a newer format.
    """
    path = state.root / "services.json"
    with (state.root / "services.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        empty: dict[str, Any] = {"format": FORMAT, "users": []}
        record = _check(read_json(path), path) if path.exists() else empty
        try:
            yield record
        finally:
            write_json(path, record)


def read_record(state: State) -> dict[str, Any]:
    """Reads `services.json` and writes nothing: it is only ever replaced whole.

    Args:
        state: its folder holds the file.

    Returns:
        Its content, services that have ended left out.

    Raises:
        StateError: it is damaged, or of a newer format.
    """
    path = state.root / "services.json"
    record = _check(read_json(path), path) if path.exists() else {"users": []}
    drop_the_dead(record)
    return record


def drop_the_dead(record: dict[str, Any]) -> None:
    """Takes out users and services that ended."""
    record["users"] = [user for user in record["users"] if find_process(user)]
    for service in ("server", "monitor"):
        if service in record and find_process(record[service]) is None:
            del record[service]


def identity(pid: int) -> dict[str, Any]:
    """Returns by what a process is known."""
    return {"pid": pid, "started": psutil.Process(pid).create_time()}


def find_process(known: dict[str, Any]) -> psutil.Process | None:
    """Finds the recorded process; None where it ended, also if its id now names another."""
    try:
        process = psutil.Process(known["pid"])
        same = abs(process.create_time() - known["started"]) < 1.0
        alive = same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if alive else None


def is_running(pid: int) -> bool:
    """A child that ended stays as a zombie until it is waited for; it runs no more."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _check(record: Any, path: Path) -> dict[str, Any]:
    stated = record.get("format") if isinstance(record, dict) else None
    if isinstance(stated, int) and stated > FORMAT:
        msg = f"{str(path)!r} has format {stated}, this version knows up to {FORMAT}"
        raise StateError(msg)
    try:
        return _Record.model_validate(record).model_dump(exclude_none=True)
    except ValidationError as exc:
        raise damaged(path, "expected the services with their ports and users") from exc
