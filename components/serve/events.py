"""Events to the monitor: offered after the answer, sent in batches by a thread of their own.

An answer never waits for the monitor. The queue is bounded in events, rows and bytes; what does
not fit, and what the monitor does not take in time, is dropped and counted.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

import orjson

from components.bundle import Prediction
from components.errors import DeployError
from components.serve.contract import Tensors
from components.serve.runtime import Model

_LOG = logging.getLogger(__name__)
CONTENT_TYPE = "application/cloudevents-batch+json"
EVENT_TYPE = "io.kubeloop.prediction"


@dataclass(frozen=True, slots=True)
class Answered:
    """One answered request.

    Attributes:
        identity: the request's id.
        model: the model that answered.
        rows: the validated input.
        prediction: the answer.
        seconds: what answering took.
        time: when it was answered, in seconds since the epoch.
        size: bytes of the request, by which the queue is bounded.
    """

    identity: str
    model: Model
    rows: Tensors
    prediction: Prediction
    seconds: float
    time: float
    size: int


@dataclass(frozen=True)
class Bounds:
    """How much may wait, and how the sender behaves.

    Attributes:
        events: events waiting.
        rows: rows waiting.
        bytes: request bytes waiting.
        batch_events: events of one POST.
        batch_rows: rows of one POST, unless one event alone has more; building a batch holds the
            interpreter, so this bounds how long an answer can be kept waiting by it.
        linger_s: how long events gather before they are sent.
        timeout_s: how long a POST may take.
        attempts: how often a batch is sent before it is dropped; the monitor counts an id once.
        flush_s: how long closing may take.
    """

    events: int = 10_000
    rows: int = 50_000
    bytes: int = 64 * 1024 * 1024
    batch_events: int = 500
    batch_rows: int = 1_000
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
        self._queue: deque[Answered] = deque()
        self._rows = self._bytes = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._connection: HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def offer(self, answered: Answered) -> bool:
        """Queues an event if there is room; never waits.

        Returns:
            Whether it was queued; if not, it has been counted as dropped.
        """
        rows = len(answered.rows.numbers)
        bounds = self._bounds
        with self._lock:
            room = (
                len(self._queue) < bounds.events
                and self._rows + rows <= bounds.rows
                and self._bytes + answered.size <= bounds.bytes
                and not self._closing.is_set()
            )
            if room:
                self._queue.append(answered)
                self._rows += rows
                self._bytes += answered.size
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
            while self._queue and not self._closing.is_set():
                self._deliver(self._take())
        while self._queue:
            self._deliver(self._take())

    def _take(self) -> list[Answered]:
        """Takes the next batch from the queue: at least one event."""
        batch: list[Answered] = []
        rows = 0
        with self._lock:
            while self._queue and len(batch) < self._bounds.batch_events:
                count = len(self._queue[0].rows.numbers)
                if batch and rows + count > self._bounds.batch_rows:
                    break
                answered = self._queue.popleft()
                batch.append(answered)
                rows += count
                self._rows -= count
                self._bytes -= answered.size
        return batch

    def _deliver(self, batch: list[Answered]) -> None:
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
        for answered in batch:
            self._dropped(answered.model, 1)

    def _post(self, batch: list[Answered], timeout: float) -> bool | None:
        """Sends a batch: True taken, False refused for good, None worth another attempt."""
        try:
            body = orjson.dumps([cloud_event(answered) for answered in batch])
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


def cloud_event(answered: Answered) -> dict[str, object]:
    """Builds the CloudEvent of one answered request.

    Args:
        answered: the request and its answer.

    Returns:
        The event as JSON values; a missing value is NaN in numbers, which becomes null.
    """
    model, rows, prediction = answered.model, answered.rows, answered.prediction
    features: dict[str, object] = {}
    for column, feature in enumerate(model.contract.numbers):
        features[feature.name] = rows.numbers[:, column].tolist()
    for column, feature in enumerate(model.contract.strings):
        features[feature.name] = [text or None for text in rows.strings[:, column].tolist()]
    for column, feature in enumerate(model.contract.dates):
        features[feature.name] = [text or None for text in rows.dates[:, column].tolist()]
    data: dict[str, object] = {
        "model": model.name,
        "version": model.version,
        "duration_seconds": answered.seconds,
        "features": features,
    }
    if prediction.labels is not None and prediction.probabilities is not None:
        data |= {"labels": prediction.labels, "probabilities": prediction.probabilities.tolist()}
    elif prediction.values is not None:
        data["predictions"] = prediction.values.tolist()
    moment = datetime.fromtimestamp(answered.time, UTC)
    return {
        "specversion": "1.0",
        "id": answered.identity,
        "type": EVENT_TYPE,
        "source": "/kubeloop/serve",
        "time": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }
