"""Connects to a store's PostgreSQL database and makes its tables.

The tables have a schema of their own, so that a database may hold other things besides. Timeouts
are set where the URL sets none: a server that is gone, or a replica that died in a transaction,
holds nobody up for more than seconds.
"""

from typing import Final
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from components.errors import StateError
from components.monitor.storage.connection import LOCK_SECONDS, StoreError
from components.monitor.storage.postgres import LOCKS, PostgresConnection, Raw, describe
from components.monitor.storage.tables import POSTGRES, POSTGRES_FORMAT

SCHEMA: Final = "kubeloop_monitor"

_DEFAULTS: Final[dict[str, str | int]] = {
    "application_name": "kubeloop-monitor",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_SESSION: Final = f"""
SET search_path TO {SCHEMA}; SET lock_timeout TO '{LOCK_SECONDS:g}s';
SET tcp_keepalives_idle TO 10; SET tcp_keepalives_interval TO 5; SET tcp_keepalives_count TO 3;
"""
# `off` would acknowledge what is in the server's memory alone.
_WRITER: Final = """
SET statement_timeout TO '30s'; SET idle_in_transaction_session_timeout TO '30s';
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off';
"""
_READER: Final = "SET statement_timeout TO '300s'; SET default_transaction_read_only TO on;"


def open_owner(url: str) -> PostgresConnection:
    """Opens the store for writing, creating its tables where there are none.

    Args:
        url: as `read_address` returned it.

    Returns:
        A connection; others may write to the same store.

    Raises:
        StateError: the server cannot be used, or the store is of a newer format.
    """
    try:
        connection = PostgresConnection(lambda: _connect(url, _WRITER))
    except StoreError as exc:
        msg = f"the monitor's store at {place(url)} cannot be opened: {_without(url, str(exc))}"
        raise StateError(msg) from None
    try:
        _prepare(connection, url)
    except StoreError as exc:
        connection.close()
        msg = f"the monitor's store at {place(url)} cannot be used: {_without(url, str(exc))}"
        raise StateError(msg) from None
    except StateError:
        connection.close()
        raise
    return connection


def open_reader(url: str) -> PostgresConnection:
    """Opens a store that a writer has prepared, to read only.

    Raises:
        StoreError: the server cannot be reached, or refuses.
    """
    return PostgresConnection(lambda: _connect(url, _READER))


def place(url: str) -> str:
    """Returns the host, port and database of a URL: what may be shown of it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2] or "the local socket"
    return f"{host}{parts.path}"


def _connect(url: str, settings: str) -> Raw:
    try:
        given = conninfo_to_dict(url)
        defaults = {name: value for name, value in _DEFAULTS.items() if name not in given}
        raw = psycopg.connect(make_conninfo(url, **defaults), autocommit=True)
    except psycopg.Error as exc:
        msg = _without(url, describe(exc))
        raise StoreError(msg) from None
    try:
        raw.execute((_SESSION + settings).encode())
    except psycopg.Error:
        raw.close()
        raise
    return raw


def _without(url: str, text: str) -> str:
    """The text without the URL's password, which a library might repeat."""
    password = conninfo_password(url)
    return text.replace(password, "***") if password else text


def conninfo_password(url: str) -> str:
    """The password in a URL; empty where it holds none."""
    return unquote(urlsplit(url).password or "")


def _prepare(connection: PostgresConnection, url: str) -> None:
    # No transaction lock yet: its name is the schema's, which may not exist.
    connection.execute(f"BEGIN; SELECT pg_advisory_xact_lock({LOCKS + 2})")
    if connection.query("SELECT to_regnamespace(?) IS NULL", (SCHEMA,)) == [(True,)]:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
    if connection.query("SELECT to_regclass(?) IS NULL", (f"{SCHEMA}.store",)) == [(True,)]:
        connection.execute(POSTGRES)
    [[found]] = connection.query("SELECT format FROM store")
    if found > POSTGRES_FORMAT:
        msg = (
            f"the monitor's store at {place(url)} has format {found}, this version reads up to "
            f"{POSTGRES_FORMAT}: use a newer Kubeloop"
        )
        raise StateError(msg)
    connection.commit()
