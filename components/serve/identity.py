"""The id of a request, by which its events and its ground truth find each other."""

import os
import time

from components.serve.refusal import RefusalError, shown

MAX_LENGTH = 128
# A random digit's two lower bits behind the variant's own, which are 10.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def request_id(*candidates: object) -> str:
    """Chooses a request's id.

    Args:
        candidates: `Ce-Id`, `X-Request-Id`, the body's own id, in this order; None or "" if absent.

    Returns:
        The first that is there, else a new UUIDv7.

    Raises:
        RefusalError: it is no printable ASCII text of 1 to 128 characters; dropping it silently
            would leave the client with an id that no prediction has.
    """
    for candidate in candidates:
        if candidate is None or candidate == "":
            continue
        if not isinstance(candidate, str):
            msg = f"the request id must be text, got {shown(candidate)}"
            raise RefusalError(msg)
        if len(candidate) > MAX_LENGTH or not (candidate.isascii() and candidate.isprintable()):
            msg = f"the request id must be 1 to {MAX_LENGTH} printable ASCII characters"
            raise RefusalError(msg)
        return candidate
    return uuid7()


class _Digits:
    """Random hexadecimal digits, fetched many at a time: each fetch is a system call."""

    def __init__(self) -> None:
        self._digits, self._at = "", 0

    def take(self, count: int) -> str:
        end = self._at + count
        if end > len(self._digits):
            self._digits, self._at, end = os.urandom(2048).hex(), 0, count
        taken, self._at = self._digits[self._at : end], end
        return taken


_RANDOM = _Digits()


def uuid7() -> str:
    """Returns a new UUID of version 7, whose order is that of time (RFC 9562, section 5.7).

    For one thread, the event loop's.
    """
    # By hand: uuid.UUID takes three times as long to write the same text.
    time_ms, random = f"{time.time_ns() // 1_000_000:012x}", _RANDOM.take(19)
    variant = _VARIANT[random[0]]
    return f"{time_ms[:8]}-{time_ms[8:]}-7{random[1:4]}-{variant}{random[4:7]}-{random[7:]}"
