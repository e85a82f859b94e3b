"""What a request leaves behind once it is answered: metrics and an event."""

import asyncio
import threading
import time
from collections import Counter

from components.bundle import Prediction
from components.serve.cloud_event import Answered
from components.serve.contract import Tensors
from components.serve.events import Events
from components.serve.metrics import Metrics
from components.serve.runtime import Model

# Requests are booked by the dozen: one at a time, between two requests, each costs three times as
# much, since the processor's nearest memory has lost all of the code meanwhile. So many take some
# 0.2 ms, and a lone one is booked after so many seconds.
_DOZEN = 32
_DOZEN_ROWS = 256
_WAIT_S = 0.05


class Accounting:
    """Books requests of both transports; always after the answer has left."""

    def __init__(self, metrics: Metrics, events: Events | None) -> None:
        """Keeps the books' two places; without a monitor there are no events."""
        self.metrics = metrics
        self._events = events
        self._open: list[Answered] = []
        self._open_rows = 0
        # Metrics may be asked for in another thread.
        self._lock = threading.RLock()
        self._timer: asyncio.TimerHandle | None = None
        metrics.settle = self.settle

    def answered(
        self,
        model: Model,
        rows: Tensors,
        prediction: Prediction,
        *,
        protocol: str,
        identity: str,
        seconds: float,
    ) -> None:
        """Books an answered request, soon.

        Args:
            model: the model that answered.
            rows: the validated input.
            prediction: the answer.
            protocol: v1, v2 or grpc.
            identity: the request's id.
            seconds: what answering took.
        """
        one = Answered(identity, model, rows, prediction, protocol, seconds, time.time())
        with self._lock:
            self._open.append(one)
            self._open_rows += len(rows.numbers)
            due = len(self._open) >= _DOZEN or self._open_rows >= _DOZEN_ROWS
        if due:
            self.settle()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_WAIT_S, self._late)

    def settle(self) -> None:
        """Books what has been answered and waits for it."""
        with self._lock:
            answered, self._open, self._open_rows = self._open, [], 0
            for one in answered:
                meter = self.metrics.meter(one.model)
                meter.count_request(one.protocol, 200, one.seconds)
                meter.count_rows(len(one.rows.numbers), one.prediction.labels)
                for feature, count in one.rows.unseen.items():
                    meter.count_invalid(feature, "unseen", count)
            if self._events is not None and answered:
                self._events.offer(answered)

    def _late(self) -> None:
        self._timer = None
        self.settle()

    def refused(
        self,
        model: Model | None,
        *,
        protocol: str,
        status: int,
        seconds: float,
        counts: Counter[tuple[str, str]] | None = None,
    ) -> None:
        """Books a request that was not answered.

        Args:
            model: the model that was asked; None if there is none of that name.
            protocol: v1, v2 or grpc.
            status: HTTP status, for gRPC its equivalent.
            seconds: what refusing took.
            counts: refused values by feature and reason.
        """
        with self._lock:
            meter = self.metrics.meter(model)
            meter.count_request(protocol, status, seconds)
            for (feature, reason), count in (counts or {}).items():
                meter.count_invalid(feature, reason, count)
