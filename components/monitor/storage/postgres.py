"""PostgreSQL: a store that several replicas share.

All writers of one store take the same lock for the length of a transaction, so that the keys of
events become visible in their order, and a reader who has seen one key has seen all before it. A
connection that was lost is opened again with the next transaction; what was not committed by then
was not acknowledged.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from components.monitor.storage.connection import Row, StoreError, Value
from components.monitor.storage.insertion import keys_of, parts, statement

LOCKS: Final = 0x4B4C4F50
"""First half of the keys of our advisory locks ("KLOP"); the schema's name makes the second."""

_BEGIN: Final = f"BEGIN; SELECT pg_advisory_xact_lock({LOCKS}, hashtext(current_schema()))"
_LEAD: Final = f"SELECT pg_try_advisory_lock({LOCKS + 1}, hashtext(current_schema()))"  # noqa: S608

Raw = psycopg.Connection[Row]


class PostgresConnection:
    """A connection to a store's database; `postgres_server` opens them."""

    shared = True

    def __init__(self, connect: Callable[[], Raw]) -> None:
        """Connects.

        Args:
            connect: opens a connection in autocommit mode, now and after one was lost.

        Raises:
            StoreError: the server cannot be reached, or refuses.
        """
        self._connect = connect
        self._marked = False
        self._streams = 0
        with _TRANSLATED:
            self._raw = connect()

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Returns all rows."""
        with _TRANSLATED:
            return self._raw.execute(_placed(sql), values).fetchall()

    def stream(
        self, sql: str, values: Sequence[Value] = (), *, at_once: int = 200
    ) -> Iterator[Row]:
        """Yields rows as they are read, by a cursor of the server's."""
        self._streams += 1
        with _TRANSLATED, self._raw.cursor(name=f"stream_{self._streams}") as cursor:
            cursor.itersize = at_once
            cursor.execute(_placed(sql), values)
            yield from cursor

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Returns how many rows were changed."""
        with _TRANSLATED:
            return self._raw.execute(_placed(sql), values).rowcount

    def execute_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Executes once for each of the rows, in one exchange with the server."""
        if len(rows) == 1:
            self.execute(sql, rows[0])
        elif rows:
            with _TRANSLATED, self._raw.cursor() as cursor:
                cursor.executemany(_placed(sql), rows)

    def insert_events(self, rows: Sequence[Sequence[Value]]) -> list[int | None]:
        """Inserts events; returns the key of each, None where its id and kind were known."""
        keys: list[int | None] = []
        for part in parts(rows):
            sql = f"{statement(len(part))} RETURNING id, kind, key"
            keys += keys_of(part, self.query(sql, [value for row in part for value in row]))
        return keys

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads one consistent state within the block."""
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            self.rollback()

    def begin(self) -> None:
        """Opens a writing transaction, after those of other replicas."""
        self._marked = False
        try:
            self.execute(_BEGIN)
        except StoreError:
            if not self._raw.closed:
                raise
            # The server was started again, or the network failed: nothing was written yet.
            with _TRANSLATED:
                self._raw = self._connect()
            self.execute(_BEGIN)

    def commit(self) -> None:
        """Returns once the transaction is on the server's disk."""
        with _TRANSLATED:
            done = self._raw.execute("COMMIT").statusmessage
        if done != "COMMIT":
            # So a server ends a transaction in which a statement has failed.
            msg = f"PostgreSQL: the transaction ended with {done}"
            raise StoreError(msg)

    def rollback(self) -> None:
        """Undoes the transaction; a connection that cannot is closed, and opened by `begin`."""
        if self._raw.closed or self._raw.info.transaction_status == TransactionStatus.IDLE:
            return
        try:
            self._raw.execute("ROLLBACK")
        except psycopg.Error:
            # What the connection held is undone with it.
            self._raw.close()

    def mark(self) -> None:
        """Marks a place in the transaction, instead of an earlier one."""
        self.execute(f"{'RELEASE request; ' if self._marked else ''}SAVEPOINT request")
        self._marked = True

    def undo(self) -> None:
        """Undoes what was written since the mark."""
        self.execute("ROLLBACK TO request")

    def probe(self) -> None:
        """Writes without changing anything."""
        self.execute("UPDATE store SET format = format")

    def check(self) -> None:
        """Asks the server for an answer.

        Raises:
            StoreError: there is none.
        """
        self.execute("SELECT 1")

    def used_bytes(self) -> int:
        """Returns what the events are counted for: free space cannot be told from used."""
        [[total]] = self.query("SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM totals")
        return int(total)

    def lead(self) -> bool:
        """Whether this connection now holds the lock of the replica that judges."""
        [[held]] = self.query(_LEAD)
        return bool(held)

    def close(self) -> None:
        """Closes the connection."""
        self._raw.close()


@cache
def _placed(sql: str) -> Any:
    """The SQL with this database's sign for a value; none of ours holds it otherwise."""
    return sql.replace("?", "%s").encode()


class _Translated:
    """Makes the database's errors ours; a class, since it stands around every statement."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _: object, exc: BaseException | None, __: object) -> None:
        """Raises in the place of what PostgreSQL, or the way to it, raised."""
        if isinstance(exc, psycopg.Error):
            raise StoreError(describe(exc)) from None


def describe(exc: psycopg.Error) -> str:
    """Says what failed without the details, where a server repeats values of the row."""
    said = exc.diag.message_primary or str(exc).partition("\n")[0]
    return f"PostgreSQL: {said} ({exc.sqlstate or type(exc).__name__})"


_TRANSLATED: Final = _Translated()
