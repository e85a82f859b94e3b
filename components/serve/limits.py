"""How large a request may be; what a server answers above it is 413."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from components.serve.refusal import RefusalError


class Waiting:
    """The bytes of all bodies that are being received, which many slow clients could grow."""

    def __init__(self, most: int) -> None:
        """Starts empty.

        Args:
            most: bytes that all bodies together may hold before they are whole.
        """
        self.bytes = 0
        self.most = most

    @contextmanager
    def hold(self) -> Iterator["Share"]:
        """Counts one body while it is being received."""
        share = Share(self)
        try:
            yield share
        finally:
            self.bytes -= share.bytes


@dataclass
class Share:
    """What one body holds."""

    waiting: Waiting
    bytes: int = 0

    def grow_to(self, size: int) -> None:
        """Raises `RefusalError` (503) where there is no room for so many bytes."""
        if self.waiting.bytes - self.bytes + size > self.waiting.most:
            msg = "too many large bodies are being received at once; send it again later"
            raise RefusalError(msg, status=503)
        self.waiting.bytes += size - self.bytes
        self.bytes = size


@dataclass(frozen=True)
class Limits:
    """Bounds of one request, and of all that are being received.

    One worker answers on its event loop, so a request's size is also the longest that it can keep
    others waiting: 10,000 rows of 20 mixed features take 40 ms to read (measured).

    Attributes:
        body_bytes: bytes of the body, or of the gRPC message.
        rows: rows of one request.
        body_seconds: how long a body may take to arrive.
        head_bytes: bytes of a request's line and headers, and of anything else but its body.
        head_seconds: how long they may take.
        connections: HTTP connections open at once, and gRPC calls; others are answered 503.
        waiting: bounds the bodies that have arrived in part.
    """

    body_bytes: int = 16 * 1024 * 1024
    rows: int = 10_000
    body_seconds: float = 30.0
    head_bytes: int = 64 * 1024
    head_seconds: float = 10.0
    connections: int = 1_000
    waiting: Waiting = field(default_factory=lambda: Waiting(64 * 1024 * 1024))

    def check_bytes(self, size: int) -> None:
        """Raises `RefusalError` (413) where a body is too large."""
        if size > self.body_bytes:
            msg = f"the body is larger than {self.body_bytes} bytes; send the rows in parts"
            raise RefusalError(msg, status=413)

    def check_rows(self, rows: int) -> None:
        """Raises `RefusalError` (413) where there are too many rows."""
        if rows > self.rows:
            msg = f"the request has {rows} rows, at most {self.rows} are answered at once; "
            msg += "send them in parts"
            raise RefusalError(msg, status=413)
