"""The server's Prometheus metrics; every label value is bounded by what is loaded.

A model's children are looked up once and kept, so that counting costs a request next to nothing.
A name that nobody loaded counts under the empty name: clients cannot make series.
"""

from datetime import datetime

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from components.serve.runtime import Model

MODEL = ("model_name", "model_version")
BUCKETS = (
    *(50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)


class Metrics:
    """All metrics of one server process."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Makes the metrics.

        Args:
            registry: where they are registered; KServe exposes the default one.
        """

        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(name, help_text, (*MODEL, *labels), registry=registry)

        def gauge(name: str, help_text: str, *labels: str) -> Gauge:
            return Gauge(name, help_text, (*MODEL, *labels), registry=registry)

        text = "Inference requests by HTTP status (for gRPC its HTTP equivalent)."
        self.requests = counter("kubeloop_requests_total", text, "protocol", "code")
        self.duration = Histogram(
            "kubeloop_request_duration_seconds",
            "Seconds from a request's last byte to its answer.",
            (*MODEL, "protocol"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.rows = counter("kubeloop_rows_total", "Rows answered.")
        text = "Rows answered by predicted label."
        self.predictions = counter("kubeloop_predictions_total", text, "label")
        text = "Values that break the model's signature, or that training never saw (unseen)."
        self.invalid = counter("kubeloop_invalid_values_total", text, "feature", "reason")
        text = "Requests being read or answered now."
        self.in_flight = gauge("kubeloop_requests_in_flight", text)
        text = "The model in service; always 1."
        self.info = gauge("kubeloop_model_info", text, "task", "runtime")
        text = "When the model in service was trained, in seconds since the epoch."
        self.trained = gauge("kubeloop_model_trained_timestamp_seconds", text)
        text = "Events that never reached the monitor: it was away or slow."
        self.events_dropped = counter("kubeloop_events_dropped_total", text)
        self._meters: dict[tuple[str, str], Meter] = {}

    def meter(self, model: Model | None) -> "Meter":
        """Returns the counters of a model in service, or of requests for no model."""
        name, version = ("", "") if model is None else (model.name, str(model.version))
        meter = self._meters.get((name, version))
        if meter is None:
            meter = self._meters[name, version] = Meter(self, name, version)
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
    """One model version's counters, bound to their labels."""

    def __init__(self, metrics: Metrics, name: str, version: str) -> None:
        """Binds the counters that every request touches."""
        self._metrics = metrics
        self._labels = (name, version)
        self.in_flight = metrics.in_flight.labels(name, version)
        self._rows = metrics.rows.labels(name, version)
        self._codes: dict[tuple[str, int], Counter] = {}
        self._durations: dict[str, Histogram] = {}
        self._predictions: dict[str, Counter] = {}

    def count_request(self, protocol: str, code: int, seconds: float) -> None:
        """Counts a request that was answered or refused."""
        requests = self._codes.get((protocol, code))
        if requests is None:
            requests = self._metrics.requests.labels(*self._labels, protocol, str(code))
            self._codes[protocol, code] = requests
        requests.inc()
        duration = self._durations.get(protocol)
        if duration is None:
            duration = self._metrics.duration.labels(*self._labels, protocol)
            self._durations[protocol] = duration
        duration.observe(seconds)

    def count_rows(self, rows: int, labels: list[bool | int | str] | None) -> None:
        """Counts answered rows; regression has no labels."""
        self._rows.inc(rows)
        for value in set(labels or ()):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            child = self._predictions.get(text)
            if child is None:
                child = self._metrics.predictions.labels(*self._labels, text)
                self._predictions[text] = child
            child.inc((labels or []).count(value))

    def count_invalid(self, feature: str, reason: str, count: int) -> None:
        """Counts values of a feature of the signature."""
        self._metrics.invalid.labels(*self._labels, feature, reason).inc(count)
