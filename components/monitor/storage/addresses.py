"""Where a store is: a file of SQLite, or a PostgreSQL database by URL."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from components.errors import StateError
from components.monitor.storage.connection import Connection

Address = Path | str
"""A file's path, or a URL `postgresql://USER@HOST/DATABASE`."""

VARIABLE: Final = "KUBELOOP_MONITOR_STORE"
"""Holds the address; the variable with `_FILE` behind names a file that holds it."""

_SCHEMES: Final = ("postgresql://", "postgres://")


def is_postgres(address: Address) -> bool:
    """Whether an address is a PostgreSQL URL."""
    return isinstance(address, str) and address.startswith(_SCHEMES)


def read_address(
    given: str | None, environment: Mapping[str, str], otherwise: Path | None = None
) -> Address:
    """Reads where the store is.

    Args:
        given: on the command line, where every user of the machine can read it; None for nothing.
        environment: holds `KUBELOOP_MONITOR_STORE` or `KUBELOOP_MONITOR_STORE_FILE` otherwise.
        otherwise: the file where neither says anything; None where one has to.

    Returns:
        A path, or a PostgreSQL URL that can be read without doubt.

    Raises:
        StateError: there is no address, it cannot be read, or a password is on the command line.
            No part of the address is in the text.
    """
    text = given if given is not None else _from_environment(environment)
    if not text and otherwise is not None:
        return otherwise
    if not text:
        msg = f"no store is named: give --store, {VARIABLE} or {VARIABLE}_FILE"
        raise StateError(msg)
    if "://" not in text:
        return Path(text)
    if not is_postgres(text):
        scheme = text.partition("://")[0]
        msg = f"a store cannot be {scheme!r}: expected a file or postgresql://USER@HOST/DATABASE"
        raise StateError(msg)
    parts = urlsplit(text)
    if text.count("@") > 1 or "@" in parts.path + parts.query or parts.fragment:
        # Read otherwise by the library, which would then repeat a part of a password as the host.
        msg = "the store's URL is ambiguous: expected @, / and # in a password as %40, %2F and %23"
        raise StateError(msg)
    if given is not None and (parts.password or "password" in parse_qs(parts.query)):
        msg = (
            "the store's URL holds a password, which every user of this machine could read: set "
            f"{VARIABLE} or {VARIABLE}_FILE instead of --store"
        )
        raise StateError(msg)
    return text


def _from_environment(environment: Mapping[str, str]) -> str:
    path = environment.get(f"{VARIABLE}_FILE")
    if not path:
        return environment.get(VARIABLE, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        msg = f"the file of {VARIABLE}_FILE, {path!r}, cannot be read: {exc}"
        raise StateError(msg) from exc


def open_owner(address: Address) -> Connection:
    """Opens a store for writing, creating or migrating it where needed.

    Raises:
        StateError: it is in use (SQLite), cannot be opened, is no store, or is of a newer format.
    """
    if is_postgres(address):
        from components.monitor.storage import postgres_server

        return postgres_server.open_owner(str(address))
    from components.monitor.storage import sqlite

    return sqlite.open_owner(Path(address))


def open_reader(address: Address) -> Connection:
    """Opens a store to read only, beside its writer.

    Raises:
        StoreError: it cannot be opened now.
    """
    if is_postgres(address):
        from components.monitor.storage import postgres_server

        return postgres_server.open_reader(str(address))
    from components.monitor.storage import sqlite

    return sqlite.open_reader(Path(address))
