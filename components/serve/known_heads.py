"""Heads of requests that came before: nearly all clients send the same ones over and over.

Parsing a head takes longer than all else that happens on a connection, so that a request whose head
is known by its bytes, with its whole body behind it, is taken apart by a look-up. Clients who put
something new into each head fill the memory again and again, and lose nothing but a look-up.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from components.serve.routes import Head

MAX_HEADS = 512
_MAX_BYTES = 4096
_END = b"\r\n\r\n"


class _Known(NamedTuple):
    head: Head
    length: int


@dataclass(frozen=True)
class KnownHeads:
    """What heads say, by their bytes, with the length of body that each declares."""

    heads: dict[bytes, _Known] = field(default_factory=dict)

    def find(self, data: bytes) -> tuple[Head, bytes] | None:
        """Takes a whole request apart.

        Args:
            data: what came between two requests.

        Returns:
            Head and body; None where the head is not known, or less or more than the body it
            declares is behind it.
        """
        end = data.find(_END) + len(_END)
        known = self.heads.get(data[:end])
        if known is None or end + known.length != len(data):
            return None
        return known.head, data[end:]

    def keep(self, data: bytes, head: Head, body: bytes) -> None:
        """Keeps the head of a request, unless it is this request's alone.

        Args:
            data: what came in one piece with the beginning of the request.
            head: what the parser has found in it.
            body: its whole body.
        """
        end = data.find(_END) + len(_END)
        alone = data[end:] == body and head.headers.get("content-length") == str(len(body))
        if alone and not head.ids and end <= _MAX_BYTES:
            if len(self.heads) >= MAX_HEADS:
                self.heads.clear()
            self.heads[data[:end]] = _Known(head, len(body))
