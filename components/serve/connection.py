"""One HTTP connection, bounded: uvicorn's protocol with limits on all that is no body.

uvicorn with httptools bounds bodies (by the pace of whoever reads them), but neither a request's
line and headers, nor trailers, nor requests sent ahead of their answers, nor how long a head may
take. Each of these would let one client grow the server's memory for as long as it likes.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from components.serve.known_heads import KnownHeads
from components.serve.limits import Limits
from components.serve.routes import Head
from components.serve.wire import Headers

# Requests that one connection may have sent before the first is answered.
MAX_AHEAD = 64


class Prompt(Protocol):
    """What answers a request that has come as a whole."""

    def head(self, url: bytes, headers: Headers) -> Head | None:
        """Reads a head; None for a request that has to go through ASGI."""

    def prompt(
        self, head: Head, body: bytes, always: Headers
    ) -> tuple[bytes, Callable[[], None]] | None:
        """Returns the answer as it goes over the wire and what books it; None as above."""


class TooManyAheadError(Exception):
    """Ends a connection; httptools turns it into uvicorn's 400."""


class Connection(HttpToolsProtocol):
    """A connection that is closed once its client exceeds a limit.

    Attributes:
        limits: what a client may send; a subclass for each server sets it.
        known: heads of requests that were answered at once.
    """

    limits: Limits
    known: KnownHeads
    # Answers an inference request at once; None where every request goes through ASGI.
    prompt: Prompt | None = None
    # A request of which no more than one piece has come, while it may still be answered at once.
    _pending: list[bytes] | None = None
    # Whether the parser is between two requests, with nothing of the next.
    _at_rest = True
    # What came in one piece with the beginning of a request.
    _piece = b""
    # Bytes since the last that belonged to a body, or ended a head.
    _idle_bytes = 0
    _timer: asyncio.TimerHandle | None = None
    _quiet: asyncio.TimerHandle | None = None
    _running: RequestResponseCycle | None = None
    # When the client last sent anything, by the loop's clock.
    _heard = 0.0

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
        if self._quiet is not None:
            self._quiet.cancel()
        # uvicorn tells the latest request alone, not the one before it that is being answered.
        if self._running is not None:
            self._running.disconnected = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on, and closes the connection where too much came that is no body."""
        self._heard = self.loop.time()
        if self._at_rest:
            if self._answer_known(data):
                return
            self._piece = data
        self._idle_bytes += len(data)
        super().data_received(data)
        self._piece = b""
        if self._pending is not None:
            pieces, self._pending = self._pending, None
            # What was no HTTP has been answered already.
            if not self.transport.is_closing():
                self._begin(pieces)
        if self._idle_bytes > self.limits.head_bytes and not self.transport.is_closing():
            self._end(b"431 Request Header Fields Too Large")
        elif self.scope is not None and "method" in self.scope:
            if self._timer is not None:
                self._stop_timer()
        elif self._idle_bytes == len(data):
            # The head has begun and goes on in a later piece.
            self._stop_timer()
            self._timer = self.loop.call_later(self.limits.head_seconds, self._late)

    def on_message_begin(self) -> None:
        """Begins to read a request."""
        self._at_rest = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begins a request, unless its client is too far ahead of the answers."""
        self._idle_bytes = 0
        if len(self.pipeline) >= MAX_AHEAD:
            raise TooManyAheadError
        if self.prompt is not None and self._may_be_prompt():
            self._pending = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a piece of a body."""
        self._idle_bytes = 0
        if self._pending is not None:
            self._pending.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answers a request that has come in one piece; ends any other."""
        self._at_rest = True
        pending, self._pending = self._pending, None
        if pending is None:
            super().on_message_complete()
            return
        body = pending[0] if len(pending) == 1 else b"".join(pending)
        head = self.prompt.head(self.url, self.headers) if self.prompt else None
        if head is None or not self._answer(head, body):
            self._begin([body])
            super().on_message_complete()
        else:
            self.known.keep(self._piece, head, body)

    def _answer_known(self, data: bytes) -> bool:
        """Answers a whole request whose head has come before; such a one is not parsed again."""
        found = self.known.find(data)
        if found is None or not self._may_answer():
            return False
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        return self._answer(*found)

    def _answer(self, head: Head, body: bytes) -> bool:
        """Answers a request at once, if that can be; returns whether it was."""
        always = self.server_state.default_headers
        answer = self.prompt.prompt(head, body, always) if self.prompt else None
        if answer is None:
            return False
        content, book = answer
        # Head and body in one piece: each write is a system call and wakes the client.
        self.transport.write(content)
        self.server_state.total_requests += 1
        if self._timer is not None:
            self._stop_timer()
        if self._quiet is None:
            self._quiet = self.loop.call_later(self.timeout_keep_alive, self._check_quiet)
        book()
        return True

    def _check_quiet(self) -> None:
        """Closes a connection that has long been quiet; one timer for many requests, not each."""
        left = self._heard + self.timeout_keep_alive - self.loop.time()
        if left <= 0 and (self.cycle is None or self.cycle.response_complete):
            self._quiet = None
            self.timeout_keep_alive_handler()
        else:
            self._quiet = self.loop.call_later(max(left, 1.0), self._check_quiet)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _may_be_prompt(self) -> bool:
        """Whether a request is one of HTTP/1.1 with nothing before it and nothing special."""
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and not self.expect_100_continue
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and parser.get_http_version() == "1.1"
            and self._may_answer()
        )

    def _may_answer(self) -> bool:
        """Whether nothing else is being answered, and the client reads its answers."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and len(self.connections) < self.limits.connections
        )

    def _begin(self, pieces: list[bytes]) -> None:
        """Hands a request with what has come of its body to uvicorn, as if from the start."""
        super().on_headers_complete()
        for piece in pieces:
            super().on_body(piece)

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


def connections(limits: Limits, prompt: Prompt | None = None) -> type[Any]:
    """Returns the class of a server's connections."""
    shared = {"limits": limits, "prompt": prompt, "known": KnownHeads()}
    return type("Connection", (Connection,), shared)
