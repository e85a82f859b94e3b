"""What a request leaves behind once it is answered: metrics and an event."""

import time
from collections import Counter

from components.bundle import Prediction
from components.serve.cloud_event import Answered
from components.serve.contract import Tensors
from components.serve.events import Events
from components.serve.metrics import Metrics
from components.serve.runtime import Model


class Accounting:
    """Books requests of both transports; always after the answer has left."""

    def __init__(self, metrics: Metrics, events: Events | None) -> None:
        """Keeps the books' two places; without a monitor there are no events."""
        self.metrics = metrics
        self._events = events

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
        """Books an answered request.

        Args:
            model: the model that answered.
            rows: the validated input.
            prediction: the answer.
            protocol: v1, v2 or grpc.
            identity: the request's id.
            seconds: what answering took.
        """
        meter = self.metrics.meter(model)
        meter.count_request(protocol, 200, seconds)
        meter.count_rows(len(rows.numbers), prediction.labels)
        for feature, count in rows.unseen.items():
            meter.count_invalid(feature, "unseen", count)
        if self._events is not None:
            moment = time.time()
            self._events.offer(Answered(identity, model, rows, prediction, seconds, moment))

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
        meter = self.metrics.meter(model)
        meter.count_request(protocol, status, seconds)
        for (feature, reason), count in (counts or {}).items():
            meter.count_invalid(feature, reason, count)
