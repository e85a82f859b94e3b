"""One HTTP connection, bounded: uvicorn's protocol with limits on all that is no body.

uvicorn with httptools bounds bodies (by the pace of whoever reads them), but neither a request's
line and headers, nor trailers, nor requests sent ahead of their answers, nor how long a head may
take. Each of these would let one client grow the server's memory for as long as it likes.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from components.serve.limits import Limits

# Requests that one connection may have sent before the first is answered.
MAX_AHEAD = 64


class TooManyAheadError(Exception):
    """Ends a connection; httptools turns it into uvicorn's 400."""


class Connection(HttpToolsProtocol):
    """A connection that is closed once its client exceeds a limit.

    Attributes:
        limits: what a client may send; a subclass for each server sets it.
    """

    limits: Limits
    # Bytes since the last that belonged to a body, or ended a head.
    _idle_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admits the connection, for some time without a request."""
        super().connection_made(transport)
        # uvicorn answers 503 above the limit itself, but keeps the connection.
        if len(self.connections) > 2 * self.limits.connections:
            transport.abort()
            return
        self._timer = self.loop.call_later(self.timeout_keep_alive, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on, and closes the connection where too much came that is no body."""
        self._idle_bytes += len(data)
        super().data_received(data)
        if self._idle_bytes > self.limits.head_bytes and not self.transport.is_closing():
            self._end(b"431 Request Header Fields Too Large")
        elif self.scope is not None and "method" in self.scope:
            if self._timer is not None:
                self._stop_timer()
        elif self._idle_bytes == len(data):
            # The head has begun and goes on in a later piece.
            self._stop_timer()
            self._timer = self.loop.call_later(self.limits.head_seconds, self._late)

    def on_headers_complete(self) -> None:
        """Begins a request, unless its client is too far ahead of the answers."""
        self._idle_bytes = 0
        if len(self.pipeline) >= MAX_AHEAD:
            raise TooManyAheadError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a piece of a body."""
        self._idle_bytes = 0
        super().on_body(body)

    def _late(self) -> None:
        if not self.transport.is_closing():
            self._end(b"408 Request Timeout")

    def _end(self, status: bytes) -> None:
        """Says why, unless an answer is on its way, and closes."""
        if self.cycle is None or self.cycle.response_complete:
            head = b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(b"HTTP/1.1 " + status + head)
            self.transport.close()
        else:
            self.transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def connections(limits: Limits) -> type[Any]:
    """Returns the class of a server's connections."""
    return type("Connection", (Connection,), {"limits": limits})
