"""Who may start training: whoever shows the shared secret, and without one this machine alone.

The token is read from a file, and again when the file changes, as a mounted secret does.
"""

import hmac
import logging
import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from components.errors import DeployError
from components.monitor.refusal import RefusedError

UNAUTHORIZED: Final = "unauthorized"
FORBIDDEN: Final = "forbidden"

# RFC 6750, section 2.1: what a bearer token may be made of.
_TOKEN: Final = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
_MAX_BYTES: Final = 4096

_log = logging.getLogger(__name__)


class UnauthorizedError(RefusedError):
    """401: no token was shown, or one that is not ours."""

    def __init__(self, *, tried: bool) -> None:
        """Says what is asked for.

        Args:
            tried: whether some token was shown.
        """
        message = "the monitor asks for a bearer token: send the header Authorization: Bearer TOKEN"
        super().__init__(message, status=401, reason=UNAUTHORIZED)
        self._tried = tried

    @property
    def headers(self) -> Mapping[str, str]:
        """The challenge; an error code only where a client tried (RFC 6750, section 3)."""
        error = ', error="invalid_token"' if self._tried else ""
        return {"WWW-Authenticate": f'Bearer realm="kubeloop"{error}'}


class Admission:
    """Lets in who may start training."""

    def __init__(self, token_file: Path | None) -> None:
        """Reads the token.

        Args:
            token_file: holds one token, with or without a line end; None for no token.

        Raises:
            DeployError: the file cannot be read, or holds none.
        """
        self._path = token_file
        self._state: tuple[int, int, int] | None = None
        self._token: bytes | None = None
        if token_file is not None and (problem := self._refresh(token_file)):
            msg = f"token file {str(token_file)!r} cannot be used: {problem}; expected one line of "
            msg += "letters, digits and -._~+/"
            raise DeployError(msg)

    @property
    def has_token(self) -> bool:
        """Whether clients show a token."""
        return self._path is not None

    def require_token(self, headers: Mapping[str, str]) -> None:
        """Admits a caller from anywhere, by the token alone.

        Args:
            headers: by lower-case name.

        Raises:
            RefusedError: 401 without the right token; 403 where there is none to show.
        """
        if self._path is None:
            message = "alerts are not taken here: start the monitor with --alert-token-file FILE"
            raise RefusedError(message, status=403, reason=FORBIDDEN)
        if (problem := self._refresh(self._path)) and self._token is None:
            _log.error("token file %s admits nobody: %s", self._path, problem)
        given = headers.get("authorization")
        scheme, _, shown = (given or "").partition(" ")
        known = self._token or b""
        right = hmac.compare_digest(shown.strip().encode("utf-8", "surrogateescape"), known)
        if not (known and right and scheme.lower() == "bearer"):
            raise UnauthorizedError(tried=given is not None)

    def require_person(self, headers: Mapping[str, str], client: str | None) -> None:
        """Admits a caller who asks for a run.

        Args:
            headers: by lower-case name.
            client: the caller's address; None where it is not known.

        Raises:
            RefusedError: 401 without the right token; where there is none, 403 from another
                machine.
        """
        if self._path is not None:
            self.require_token(headers)
        elif not _is_here(client):
            message = (
                "only this machine may ask for a run: start the monitor with --alert-token-file "
                "FILE to let others do so by its token"
            )
            raise RefusedError(message, status=403, reason=FORBIDDEN)

    def _refresh(self, path: Path) -> str:
        """Reads the file where it has changed; returns what is wrong with it, if that is new."""
        try:
            stat = os.stat(path)
            state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if state == self._state:
                return ""
            with path.open("rb") as file:
                content = file.read(_MAX_BYTES).strip()
            problem = "" if _TOKEN.fullmatch(content) else "it holds no token"
        except OSError as exc:
            state, content, problem = (0, 0, 0), b"", exc.strerror or "it cannot be read"
            if state == self._state:
                return ""
        self._token = None if problem else content
        self._state = state
        return problem


def _is_here(client: str | None) -> bool:
    try:
        return ip_address(client or "").is_loopback
    except ValueError:
        return False
