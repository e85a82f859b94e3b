"""Bounds what requests may hold in memory, from their first byte to their answer.

A body is counted while it is read, parsed, queued and written; where all of them together reach the
budget, the next is shed with a 503 instead of growing the process.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from components.monitor.refusal import TIMEOUT, TOO_LARGE, RefusedError, overloaded

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the monitor takes on at one time.

    Attributes:
        body_bytes: the largest body.
        held_bytes: all bodies together that are not answered yet.
        queue_requests: requests that wait for the writer.
        body_seconds: the longest that a client may take to send a body.
    """

    body_bytes: int = 16 * MEBIBYTE
    held_bytes: int = 64 * MEBIBYTE
    queue_requests: int = 4096
    body_seconds: float = 30.0


class Intake:
    """Reads bodies within the limits; used from one event loop."""

    def __init__(self, limits: Limits) -> None:
        """Starts with nothing held.

        Args:
            limits: of one body and of all.
        """
        self._limits = limits
        self.held = 0

    @asynccontextmanager
    async def body(
        self, chunks: AsyncIterator[bytes], declared: str | None
    ) -> AsyncIterator[bytes]:
        """Reads one body and counts it until the block ends; `read` says what it raises."""
        body = await self.read(chunks, declared)
        try:
            yield body
        finally:
            self.release(body)

    async def read(self, chunks: AsyncIterator[bytes], declared: str | None) -> bytes:
        """Reads one body, which counts until it is given to `release`.

        Args:
            chunks: the body as it arrives.
            declared: the Content-Length header.

        Returns:
            The whole body.

        Raises:
            RefusedError: 413 too large, 408 too slow, 503 too much held already; it does not count.
        """
        if declared is not None and declared.isdecimal():
            self._admit(0, int(declared))
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                async for chunk in chunks:
                    self._admit(size, len(chunk))
                    parts.append(chunk)
                    size += len(chunk)
                    self.held += len(chunk)
        except TimeoutError as exc:
            self.held -= size
            message = f"the body did not arrive within {self._limits.body_seconds:g} seconds"
            raise RefusedError(message, status=408, reason=TIMEOUT) from exc
        except BaseException:
            self.held -= size
            raise
        return b"".join(parts)

    def release(self, body: bytes) -> None:
        """Counts a body no longer: it is answered."""
        self.held -= len(body)

    def _admit(self, size: int, more: int) -> None:
        if size + more > self._limits.body_bytes:
            message = f"the body is larger than {self._limits.body_bytes} bytes: send it in parts"
            raise RefusedError(message, status=413, reason=TOO_LARGE)
        if self.held + more > self._limits.held_bytes:
            raise overloaded(f"{self._limits.held_bytes} bytes held")  # noqa: EM102
