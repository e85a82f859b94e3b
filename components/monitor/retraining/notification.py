"""Tells people what happened: one sentence to a webhook, as Slack and its like take it.

It never holds anything up: a thread of its own sends from a short queue, what does not fit is
dropped and counted, and a receiver that is not there changes nothing. The address is a secret and
stands in no log and no error.
"""

import json
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from components.errors import DeployError
from components.revision import VERSION

ADDRESS_VARIABLE: Final = "KUBELOOP_NOTIFY_URL"
CAPACITY: Final = 100
"""Sentences that may wait: an hour without the receiver is not to be told afterwards."""
RESULTS: Final = ("sent", "failed", "dropped")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to try and how long to wait, in seconds; each pause is twice the one before."""

    tries: int = 3
    pause: float = 1.0
    timeout: float = 10.0


class Notifier:
    """Sends sentences to one address, in their order."""

    def __init__(
        self,
        address: str,
        *,
        count: Callable[[str], object],
        patience: Patience | None = None,
    ) -> None:
        """Takes the address; `start` starts sending.

        Args:
            address: an http(s) URL; empty for none, then every sentence is only logged.
            count: takes one of `RESULTS` for each sentence.
            patience: how long; the usual one unless told.

        Raises:
            DeployError: it is no such address.
        """
        if address and not _is_address(address):
            msg = (
                f"{ADDRESS_VARIABLE} holds no address that can be called: expected "
                "https://host/path or http://host/path"
            )
            raise DeployError(msg)
        self._address = address
        self._count = count
        self._patience = patience or Patience()
        self._queue: queue.Queue[str | None] = queue.Queue(CAPACITY)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor-notifier", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        if self._address:
            self._thread.start()

    def close(self) -> None:
        """Ends the thread once the sentence that it is at is through; the rest is dropped."""
        self._closing.set()
        if self._thread.is_alive():
            try:
                self._queue.put_nowait(None)
            except queue.Full:
                _log.warning("notifications not sent waiting=%d", self._queue.qsize())
            self._thread.join(self._patience.timeout)

    def tell(self, sentence: str) -> None:
        """Queues a sentence; never waits.

        Args:
            sentence: plain text without any value of a row.
        """
        _log.info("notification text=%r", sentence)
        if not self._address:
            return
        try:
            self._queue.put_nowait(sentence)
        except queue.Full:
            self._count("dropped")
            _log.error("notification dropped: %d wait already", CAPACITY)

    def _run(self) -> None:
        while not self._closing.is_set():
            sentence = self._queue.get()
            if sentence is None:
                return
            problem = self._send(sentence)
            self._count("failed" if problem else "sent")
            if problem:
                _log.error("notification not sent: the receiver %s", problem)

    def _send(self, sentence: str) -> str:
        """Posts; returns why nobody took it, or nothing."""
        problem = ""
        for attempt in range(self._patience.tries):
            if attempt and self._closing.wait(self._patience.pause * 2 ** (attempt - 1)):
                break
            problem, again = self._post(sentence)
            if not again:
                break
        return problem

    def _post(self, sentence: str) -> tuple[str, bool]:
        """Posts once; returns why it failed, and whether another try may help."""
        body = json.dumps({"text": _escape(sentence)}).encode()
        headers = {"Content-Type": "application/json", "User-Agent": f"kubeloop/{VERSION}"}
        request = Request(self._address, body, headers, method="POST")  # noqa: S310
        try:
            with build_opener(_Stay).open(request, timeout=self._patience.timeout):
                return "", False
        except HTTPError as exc:
            exc.close()
            return f"answered {exc.code}", exc.code == 429 or exc.code >= 500
        except (URLError, OSError, HTTPException) as exc:
            # Not its text, which may hold the address.
            cause = getattr(exc, "reason", exc)
            said = cause.strerror if isinstance(cause, OSError) else None
            return f"cannot be reached ({said or type(cause).__name__})", True


class _Stay(HTTPRedirectHandler):
    """Follows no redirect: a POST that follows one arrives as a GET, without what it tells."""

    def redirect_request(self, *_: Any) -> None:
        """Makes no new request, so that the redirect stands as the answer that it is."""


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    plain = parts.scheme in ("http", "https") and "@" not in parts.netloc
    return plain and bool(parts.hostname) and address.isprintable() and " " not in address


def _escape(sentence: str) -> str:
    """The three characters that Slack reads as markup (api.slack.com, formatting of texts)."""
    return sentence.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
