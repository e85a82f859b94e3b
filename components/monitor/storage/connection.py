"""What the store asks of a database, alike for SQLite and PostgreSQL.

SQL is written once, with `?` for a value; what the two databases do not share is a method here.
Whatever a database raises becomes `StoreError`, without a value of a row in its text.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from components.errors import KubeloopError

LOCK_SECONDS: Final = 5.0
"""How long a write waits for another process's lock on the database, such as a backup's."""

Value = str | int | float | None
Row = tuple[Any, ...]


class StoreError(KubeloopError):
    """The store cannot be read or written now; the same may succeed later."""


class Connection(Protocol):
    """One connection, used by one thread at a time."""

    shared: bool
    """Whether other processes may write to the same store."""

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Returns all rows."""

    def stream(
        self, sql: str, values: Sequence[Value] = (), *, at_once: int = 200
    ) -> Iterator[Row]:
        """Yields rows as they are read, within `snapshot`; holds no more than `at_once`."""

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Returns how many rows were changed."""

    def execute_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Executes once for each of the rows."""

    def insert_events(self, rows: Sequence[Sequence[Value]]) -> list[int | None]:
        """Inserts events; returns the key of each, None where its id and kind were known."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Reads one consistent state within the block."""

    def begin(self) -> None:
        """Opens a writing transaction, alone among all writers of this store."""

    def commit(self) -> None:
        """Returns once the transaction is on the disk."""

    def rollback(self) -> None:
        """Undoes the transaction, where there is one."""

    def mark(self) -> None:
        """Marks a place in the transaction, instead of an earlier one."""

    def undo(self) -> None:
        """Undoes what was written since the mark."""

    def probe(self) -> None:
        """Writes without changing anything: the commit shows whether writing is possible."""

    def check(self) -> None:
        """Raises `StoreError` where the store that was opened is there no more."""

    def used_bytes(self) -> int:
        """Returns what the store's content takes, free space left out."""

    def close(self) -> None:
        """Closes the connection; a second time does nothing."""
