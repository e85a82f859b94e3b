"""Events to the monitor: offered after the answer, sent in batches by a thread of their own.

An answer never waits for the monitor. The queue is bounded in events and bytes; what does not
fit, and what the monitor does not take in time, is dropped and counted.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from components.errors import DeployError
from components.serve.cloud_event import Answered, write_event
from components.serve.runtime import Model

_LOG = logging.getLogger(__name__)
CONTENT_TYPE = "application/cloudevents-batch+json"


@dataclass(frozen=True)
class Bounds:
    """How much may wait, and how the sender behaves.

    Attributes:
        events: events waiting.
        bytes: bytes of them.
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
        self._queue: deque[tuple[Model, bytes]] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._connection: HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def offer(self, answered: Answered) -> bool:
        """Queues an event if there is room; never waits.

        The event is written here, right after its answer, and not by the sender: two threads that
        both compute hand the interpreter to and fro, for which answers wait 5 ms each time.

        Returns:
            Whether it was queued; if not, it has been counted as dropped.
        """
        bounds = self._bounds
        room = len(self._queue) < bounds.events and not self._closing.is_set()
        if room:
            event = write_event(answered)
            with self._lock:
                room = self._bytes + len(event) <= bounds.bytes
                if room:
                    self._queue.append((answered.model, event))
                    self._bytes += len(event)
        if not room:
            self._dropped(answered.model, 1)
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

    def _take(self) -> list[tuple[Model, bytes]]:
        """Takes the next batch from the queue: at least one event."""
        batch: list[tuple[Model, bytes]] = []
        size = 0
        with self._lock:
            while self._queue and len(batch) < self._bounds.batch_events:
                size += len(self._queue[0][1])
                if batch and size > self._bounds.batch_bytes:
                    break
                batch.append(self._queue.popleft())
                self._bytes -= len(batch[-1][1])
        return batch

    def _deliver(self, batch: list[tuple[Model, bytes]]) -> None:
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
        for model, _ in batch:
            self._dropped(model, 1)

    def _post(self, batch: list[tuple[Model, bytes]], timeout: float) -> bool | None:
        """Sends a batch: True taken, False refused for good, None worth another attempt."""
        try:
            body = b"[" + b",".join([event for _, event in batch]) + b"]"
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
            _LOG.warning("monitor refused %d events with status %d", len(batch), response.status)
        return None if response.status >= 500 or response.status == 429 else response.status < 400
