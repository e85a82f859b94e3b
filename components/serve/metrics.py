"""The server's Prometheus metrics; every label value is bounded by what is loaded.

Requests are counted in plain numbers, which a collector shows when it is asked: each of
prometheus_client's own costs a lock, and a request touches six. `accounting` does all counting, but
for events that were lost, which the sender counts too. A name that nobody loaded counts under the
empty name: clients cannot make series.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import REGISTRY, CollectorRegistry, Gauge
from prometheus_client import Counter as Series
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from components.revision import VERSION, code_revision
from components.serve.runtime import Model

MODEL = ("model_name", "model_version")
BUCKETS = (
    *(50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
_BOUNDS = (*map(floatToGoString, BUCKETS), "+Inf")
_COUNTERS = {
    "requests": (
        "Inference requests by HTTP status (for gRPC its HTTP equivalent).",
        "protocol",
        "code",
    ),
    "rows": ("Rows answered.",),
    "predictions": ("Rows answered by predicted label.", "label"),
    "invalid_values": (
        "Values that break the model's signature, or that training never saw (unseen).",
        "feature",
        "reason",
    ),
}


class Metrics:
    """All metrics of one server process."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Makes the metrics.

        Args:
            registry: where they are registered; KServe exposes the default one.
        """

        def gauge(name: str, help_text: str, *labels: str) -> Gauge:
            return Gauge(name, help_text, (*MODEL, *labels), registry=registry)

        text = "The code that serves; always 1."
        build = Gauge("kubeloop_build_info", text, ("version", "revision"), registry=registry)
        build.labels(VERSION, code_revision()).set(1)
        text = "Requests being read or answered now."
        self.in_flight = gauge("kubeloop_requests_in_flight", text)
        text = "The model in service; always 1."
        self.info = gauge("kubeloop_model_info", text, "task", "runtime")
        text = "When the model in service was trained, in seconds since the epoch."
        self.trained = gauge("kubeloop_model_trained_timestamp_seconds", text)
        text = "Events that never reached the monitor: it was away or slow."
        self.events_dropped = Series(
            "kubeloop_events_dropped_total", text, MODEL, registry=registry
        )
        self._meters: dict[tuple[str, int], Meter] = {}
        # Counts what has been answered and not yet counted.
        self.settle: Callable[[], None] = _nothing
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Shows what the meters have counted."""
        self.settle()
        meters = list(self._meters.values())
        for name, (text, *labels) in _COUNTERS.items():
            family = CounterMetricFamily(f"kubeloop_{name}", text, labels=(*MODEL, *labels))
            for meter in meters:
                for values, count in meter.counted(name):
                    family.add_metric((*meter.labels, *values), count, created=meter.created)
            yield family
        text = "Seconds from a request's last byte to its answer."
        name = "kubeloop_request_duration_seconds"
        durations = HistogramMetricFamily(name, text, labels=(*MODEL, "protocol"))
        for meter in meters:
            for protocol, total, buckets in meter.durations():
                durations.add_metric((*meter.labels, protocol), buckets, total)
        yield durations

    def meter(self, model: Model | None) -> "Meter":
        """Returns the counters of a model in service, or of requests for no model."""
        key = ("", 0) if model is None else (model.name, model.version)
        meter = self._meters.get(key)
        if meter is None:
            labels = ("", "") if model is None else (model.name, str(model.version))
            meter = self._meters[key] = Meter(self, labels)
        return meter

    def publish(self, model: Model) -> None:
        """States that a model is in service."""
        manifest = model.manifest
        labels = (model.name, str(model.version))
        self.info.labels(*labels, manifest.task, manifest.runtime).set(1)
        try:
            seconds = datetime.fromisoformat(manifest.trained_at).timestamp()
        except ValueError:
            seconds = float("nan")
        self.trained.labels(*labels).set(seconds)
        self.events_dropped.labels(*labels)

    def retire(self, model: Model) -> None:
        """States that a model is no longer in service; its counters stay."""
        manifest = model.manifest
        labels = (model.name, str(model.version))
        self.info.remove(*labels, manifest.task, manifest.runtime)
        self.trained.remove(*labels)

    def count_dropped(self, model: Model, count: int) -> None:
        """Counts events of a model that were lost."""
        self.events_dropped.labels(model.name, str(model.version)).inc(count)


class Meter:
    """One model version's counters."""

    def __init__(self, metrics: Metrics, labels: tuple[str, str]) -> None:
        """Starts with nothing counted."""
        self.labels = labels
        self.created = datetime.now().timestamp()
        self.in_flight = metrics.in_flight.labels(*labels)
        self._rows = 0
        self._requests: dict[tuple[str, int], int] = {}
        self._predictions: dict[bool | int | str, int] = {}
        self._invalid: Counter[tuple[str, str]] = Counter()
        # By protocol: requests in each bucket, and the sum of their seconds.
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def count_request(self, protocol: str, code: int, seconds: float) -> None:
        """Counts a request that was answered or refused."""
        key = (protocol, code)
        self._requests[key] = self._requests.get(key, 0) + 1
        counts = self._counts.get(protocol)
        if counts is None:
            counts = self._counts[protocol] = [0] * len(_BOUNDS)
            self._sums[protocol] = 0.0
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._sums[protocol] += seconds

    def count_rows(self, rows: int, labels: list[bool | int | str] | None) -> None:
        """Counts answered rows; regression has no labels."""
        self._rows += rows
        for value in set(labels or ()):
            found = self._predictions.get(value, 0)
            self._predictions[value] = found + (labels or []).count(value)

    def count_invalid(self, feature: str, reason: str, count: int) -> None:
        """Counts values of a feature of the signature."""
        self._invalid[feature, reason] += count

    def counted(self, name: str) -> list[tuple[tuple[str, ...], int]]:
        """Returns the label values and count of every series of a counter."""
        if name == "requests":
            return [((p, str(code)), n) for (p, code), n in list(self._requests.items())]
        if name == "rows":
            return [((), self._rows)]
        if name == "predictions":
            return [((_label(value),), n) for value, n in list(self._predictions.items())]
        return list(self._invalid.items())

    def durations(self) -> Iterator[tuple[str, float, list[tuple[str, float]]]]:
        """Returns each protocol's sum of seconds and cumulative buckets."""
        for protocol, counts in list(self._counts.items()):
            total, buckets = 0, []
            for bound, count in zip(_BOUNDS, counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            yield protocol, self._sums[protocol], buckets


def _nothing() -> None:
    """Settles nothing: nobody books."""


def _label(value: bool | int | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
