"""The optional bearer token: read from a file, and again when the file changes.

Whoever loads, asks or describes models has to show it; health, readiness and metrics stay open, for
Kubernetes and Prometheus have none to show.
"""

import hmac
import logging
import os
import re
import time
from pathlib import Path

from components.errors import DeployError
from components.serve.accounting import Accounting
from components.serve.routes import INFER
from components.serve.runtime import Models
from components.serve.wire import (
    Application,
    Message,
    Receive,
    Reply,
    Send,
    error_reply,
    read_headers,
    send_reply,
)

_LOG = logging.getLogger(__name__)
# RFC 6750, section 2.1: what a bearer token may be made of.
_TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
_OPEN = re.compile(
    r"/|/metrics|/v2/health/(live|ready)|/v1/models/[^/:]+"
    r"|/v2/models/[^/]+(/versions/[^/]+)?/ready"
)
MESSAGE = "the server asks for a bearer token: send the header Authorization: Bearer TOKEN"


class Token:
    """The token in a file."""

    def __init__(self, path: Path) -> None:
        """Reads the token.

        Args:
            path: a file that holds one token, with or without a line end.

        Raises:
            DeployError: the file cannot be read, or holds none.
        """
        self._path = path
        self._state: tuple[int, int, int] | None = None
        self._token: bytes | None = None
        problem = self._refresh()
        if problem:
            msg = f"token file {str(path)!r} cannot be used: {problem}; expected one line of "
            msg += "letters, digits and -._~+/"
            raise DeployError(msg)

    def admits(self, authorization: str | None) -> bool:
        """Returns whether a client shows the token; a file that holds none admits nobody.

        Args:
            authorization: the header, such as `Bearer TOKEN`.
        """
        known = self._state
        if (problem := self._refresh()) and self._state != known:
            _LOG.error("token file %s admits nobody: %s", self._path, problem)
        scheme, _, given = (authorization or "").partition(" ")
        shown = given.strip().encode("utf-8", "surrogateescape")
        right = self._token is not None and hmac.compare_digest(shown, self._token)
        return right and scheme.lower() == "bearer"

    def _refresh(self) -> str:
        """Reads the file where it has changed; returns what is wrong with it, if that is new."""
        try:
            stat = os.stat(self._path)
            state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if state == self._state:
                return ""
            content = self._path.read_bytes().strip()
            problem = "" if _TOKEN.fullmatch(content) else "it holds no token"
        except OSError as exc:
            state, content, problem = (0, 0, 0), b"", exc.strerror or "it cannot be read"
        self._token = None if problem else content
        self._state = state
        return problem


class Gate:
    """Refuses (401) HTTP requests without the token."""

    def __init__(
        self, inner: Application, token: Token, models: Models, accounting: Accounting
    ) -> None:
        """Puts the gate before an application.

        Args:
            inner: what is guarded.
            token: what clients have to show.
            models: tells which refused requests were for a model in service.
            accounting: books refused inference requests.
        """
        self._inner = inner
        self._token = token
        self._models = models
        self._accounting = accounting

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] == "http" and not _is_open(scope):
            started = time.perf_counter()
            given = read_headers(scope).get("authorization")
            if not self._token.admits(given):
                await send_reply(send, _refusal(given))
                self._book(scope, time.perf_counter() - started)
                return
        await self._inner(scope, receive, send)

    def _book(self, scope: Message, seconds: float) -> None:
        match = INFER.fullmatch(scope["path"]) if scope["method"] == "POST" else None
        if match is not None:
            model = self._models.get(match["v1"] or match["v2"])
            protocol = "v1" if match["v1"] is not None else "v2"
            self._accounting.refused(model, protocol=protocol, status=401, seconds=seconds)


def _is_open(scope: Message) -> bool:
    return scope["method"] in ("GET", "HEAD") and _OPEN.fullmatch(scope["path"]) is not None


def _refusal(given: str | None) -> Reply:
    reply = error_reply(401, MESSAGE)
    # RFC 6750, section 3: an error code only where a client tried.
    challenge = b'Bearer realm="kubeloop"'
    if given is not None:
        challenge += b', error="invalid_token"'
    reply.headers.append((b"www-authenticate", challenge))
    return reply
