"""Which of several replicas judges and retrains: the one that holds a lock of the database.

A file of SQLite has one monitor, which leads. In PostgreSQL the lock is a session's, and so goes
with its connection: when the leader dies, the database lets the next have it.
"""

import threading
from typing import TYPE_CHECKING

from components.monitor.storage.addresses import Address, is_postgres
from components.monitor.storage.connection import StoreError

if TYPE_CHECKING:
    from components.monitor.storage.postgres import PostgresConnection


class Leader:
    """The claim of one process; any thread may ask."""

    def __init__(self, address: Address) -> None:
        """Claims nothing yet.

        Args:
            address: of the store.
        """
        self._address = address
        self._guard = threading.Lock()
        self._connection: PostgresConnection | None = None
        self._leading = False

    def try_lead(self) -> bool:
        """Whether this process leads, now; where nobody does, it does from here on.

        Raises:
            StoreError: the store cannot be asked; the claim is given up.
        """
        if not is_postgres(self._address):
            return True
        from components.monitor.storage import postgres_server

        with self._guard:
            try:
                if self._connection is None:
                    self._connection = postgres_server.open_reader(str(self._address))
                if self._leading:
                    self._connection.check()
                else:
                    self._leading = self._connection.lead()
            except StoreError:
                self._drop()
                raise
            return self._leading

    def close(self) -> None:
        """Gives the claim up."""
        with self._guard:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._leading = None, False
