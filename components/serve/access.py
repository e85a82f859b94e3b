"""The access log: one JSON object a request on standard output, and never a row in it.

Off unless it is asked for; it then costs an answer some microseconds.
"""

import json
import logging
import sys
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

from components.serve.wire import Application, Message, Receive, Send

_LOG = logging.getLogger(__name__)
MAX_PATH = 200


def open_log() -> None:
    """Lets the log's lines reach standard output, apart from the server's own on standard error."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False


def write(protocol: str, started: float, **fields: object) -> None:
    """Writes one line.

    Args:
        protocol: http or grpc.
        started: `time.perf_counter` when the request began.
        fields: method, path, status and the like; nothing of a body.
    """
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    seconds = round(time.perf_counter() - started, 6)
    entry = {"time": moment, "protocol": protocol, **fields, "seconds": seconds}
    _LOG.info("%s", json.dumps(entry))


class AccessLog:
    """Writes a line for every HTTP request."""

    def __init__(self, inner: Application) -> None:
        """Puts the log before an application."""
        self._inner = inner

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] != "http":
            return await self._inner(scope, receive, send)
        started = time.perf_counter()
        seen: dict[str, Any] = {"status": None, "bytes": 0, "id": None}

        async def note(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                found = dict(message["headers"]).get(b"ce-id")
                seen["id"] = None if found is None else found.decode("ascii", "replace")
            else:
                seen["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._inner(scope, receive, note)
        finally:
            # The query is left out: a client may have put anything there.
            path = scope["path"][:MAX_PATH]
            write("http", started, method=scope["method"], path=path, **seen)
