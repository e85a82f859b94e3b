"""Events to the monitor: offered after the answer, sent in batches by a thread of their own.

An answer never waits for the monitor. The queue is bounded in events and bytes; what does not
fit, and what the monitor does not take in time, is dropped and counted.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from components.errors import DeployError
from components.serve.cloud_event import Answered, write_events
from components.serve.runtime import Model

_LOG = logging.getLogger(__name__)
CONTENT_TYPE = "application/cloudevents-batch+json"


@dataclass(frozen=True)
class Bounds:
    """How much may wait, and how the sender behaves.

    Attributes:
        events: events waiting.
        bytes: bytes of them, once they are written.
        batch_events: events of one POST.
        batch_bytes: bytes of one POST, unless one event alone has more.
        linger_s: how long events gather before they are sent.
        timeout_s: how long a POST may take.
        attempts: how often a batch is sent before it is dropped; the monitor counts an id once.
        flush_s: how long closing may take.
    """

    events: int = 10_000
    bytes: int = 64 * 1024 * 1024
    batch_events: int = 500
    batch_bytes: int = 1024 * 1024
    linger_s: float = 0.2
    timeout_s: float = 2.0
    attempts: int = 3
    flush_s: float = 3.0


class _Written(NamedTuple):
    """Events that were written together, and whose they are."""

    models: list[Model]
    content: bytes


class Events:
    """The bounded queue and its sender."""

    def __init__(
        self, monitor: str, dropped: Callable[[Model, int], None], bounds: Bounds | None = None
    ) -> None:
        """Starts the sender.

        Args:
            monitor: base URL of the monitor.
            dropped: told of every event that is lost, by model.
            bounds: of queue and sender.

        Raises:
            DeployError: the URL is none of http or https.
        """
        url = urlsplit(monitor)
        if url.scheme not in ("http", "https") or not url.hostname:
            msg = f"monitor {monitor!r} is no URL; expected http://HOST:PORT"
            raise DeployError(msg)
        self._connect = HTTPSConnection if url.scheme == "https" else HTTPConnection
        self._address = (url.hostname, url.port)
        self._path = url.path.rstrip("/") + "/events"
        self._dropped = dropped
        self._bounds = bounds or Bounds()
        self._queue: deque[_Written] = deque()
        self._events = self._bytes = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._connection: HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def offer(self, answered: Sequence[Answered]) -> bool:
        """Queues the events of some requests if there is room for them; never waits.

        They are written here, after their answers, and not by the sender: two threads that both
        compute hand the interpreter to and fro, for which answers wait 5 ms each time.

        Returns:
            Whether they were queued; if not, they have been counted as dropped.
        """
        bounds, models = self._bounds, [one.model for one in answered]
        room = self._events + len(models) <= bounds.events and not self._closing.is_set()
        if room:
            content = write_events(answered)
            with self._lock:
                room = self._bytes + len(content) <= bounds.bytes
                if room:
                    self._queue.append(_Written(models, content))
                    self._bytes += len(content)
                    self._events += len(models)
        if not room:
            self._drop(models)
        return room

    def close(self) -> None:
        """Sends what waits, for a short time; what is left then is dropped and counted."""
        self._deadline = time.monotonic() + self._bounds.flush_s
        self._closing.set()
        self._thread.join(self._bounds.flush_s + self._bounds.timeout_s)

    def _run(self) -> None:
        while not self._closing.wait(self._bounds.linger_s):
            # What has come by now, and no more: chasing the tail would send it one by one.
            left = len(self._queue)
            while left > 0 and not self._closing.is_set():
                batch = self._take()
                left -= len(batch)
                self._deliver(batch)
        while self._queue:
            self._deliver(self._take())

    def _take(self) -> list[_Written]:
        """Takes the next batch from the queue: at least what was written together."""
        batch: list[_Written] = []
        events = size = 0
        with self._lock:
            while self._queue:
                events += len(self._queue[0].models)
                size += len(self._queue[0].content)
                if batch and (
                    events > self._bounds.batch_events or size > self._bounds.batch_bytes
                ):
                    break
                batch.append(self._queue.popleft())
                self._bytes -= len(batch[-1].content)
                self._events -= len(batch[-1].models)
        return batch

    def _drop(self, models: Sequence[Model]) -> None:
        for model in models:
            self._dropped(model, 1)

    def _deliver(self, batch: list[_Written]) -> None:
        for attempt in range(self._bounds.attempts):
            left = self._deadline - time.monotonic()
            if (
                left <= 0
                or (taken := self._post(batch, min(left, self._bounds.timeout_s))) is False
            ):
                break
            if taken:
                return
            self._closing.wait(self._bounds.linger_s * 2**attempt)
        for written in batch:
            self._drop(written.models)

    def _post(self, batch: list[_Written], timeout: float) -> bool | None:
        """Sends a batch: True taken, False refused for good, None worth another attempt."""
        try:
            body = b"[" + b",".join([written.content for written in batch]) + b"]"
            if self._connection is None:
                self._connection = self._connect(*self._address, timeout=timeout)
            if self._connection.sock is not None:
                self._connection.sock.settimeout(timeout)
            self._connection.request("POST", self._path, body, {"Content-Type": CONTENT_TYPE})
            response = self._connection.getresponse()
            response.read()
        except (OSError, HTTPException):
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return None
        if response.status >= 400:
            events = sum(len(written.models) for written in batch)
            _LOG.warning("monitor refused %d events with status %d", events, response.status)
        return None if response.status >= 500 or response.status == 429 else response.status < 400
