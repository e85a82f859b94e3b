"""Reading connections, opened when they are needed and kept for the next who reads.

Threads come and go with the requests; a few connections serve them all, and one that has failed is
not used again.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from components.monitor.storage.addresses import Address, open_reader
from components.monitor.storage.connection import Connection, StoreError

SIZE: Final = 6
"""Connections that read at one time; more readers wait."""


class Pool:
    """The reading connections of one process."""

    def __init__(self, address: Address) -> None:
        """Opens nothing yet.

        Args:
            address: of a store that its owner has made.
        """
        self._address = address
        self._room = threading.BoundedSemaphore(SIZE)
        self._guard = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lends a connection for the block.

        Raises:
            StoreError: none can be opened now.
        """
        with self._room:
            connection = self._take()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            with self._guard:
                kept = not self._closed
                if kept:
                    self._idle.append(connection)
            if not kept:
                connection.close()

    @contextmanager
    def separate(self) -> Iterator[Connection]:
        """Opens a connection for a long reading, which must not keep others from theirs."""
        connection = open_reader(self._address)
        try:
            yield connection
        finally:
            connection.close()

    def close(self) -> None:
        """Closes what is idle; what is lent is closed when it comes back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        with self._guard:
            connection = self._idle.pop() if self._idle else None
        if connection is not None:
            try:
                connection.check()
            except StoreError:
                # The server was started again, or the file replaced: what is there now is read.
                connection.close()
            else:
                return connection
        return open_reader(self._address)
