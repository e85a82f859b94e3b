"""What the monitor tells Prometheus, on a registry of its own.

Two kinds: what the store holds is read from the store at each scrape, and so is right after a
restart too; what happened in this process starts at 0 with it. Only registered models appear as
label values; everything else counts under "unregistered", so that no client can add a series.
"""

import logging
from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from components.monitor import ledger, refusal
from components.monitor.refusal import RefusedError
from components.monitor.storage.connection import StoreError
from components.monitor.totals import Content, Total
from components.monitor.versions import Versions
from components.revision import VERSION, code_revision

UNREGISTERED: Final = "unregistered"
PREDICTION: Final = "prediction"
PAYLOAD: Final = "payload"
REFUSED: Final = "refused"
MISMATCHED: Final = "mismatched"
RESULTS: Final = (
    *(ledger.JOINED, ledger.PENDING, ledger.DUPLICATE, ledger.CORRECTED),
    *(REFUSED, MISMATCHED),
)
FEEDBACK: Final = "feedback"
REGISTRATION: Final = "registration"
RETRAINING: Final = "retraining"
VERSION_LABELS: Final = ("model_name", "model_version")

_COMMIT_BUCKETS: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
)
_FROM_STORE: Final = "Read from the store: right after a restart too."
_SINCE_START: Final = "Since this process started."

_log = logging.getLogger(__name__)


class Metrics:
    """The monitor's metrics; each instance has its own registry."""

    def __init__(self) -> None:
        """Makes the metrics that describe this process."""
        self.registry = CollectorRegistry()
        build = Gauge(
            "kubeloop_monitor_build_info",
            "The code that collects; always 1.",
            ["version", "revision"],
            registry=self.registry,
        )
        build.labels(VERSION, code_revision()).set(1)
        self.commit_seconds = Histogram(
            "kubeloop_monitor_commit_seconds",
            f"Seconds from a group's first write to its commit on the disk. {_SINCE_START}",
            buckets=_COMMIT_BUCKETS,
            registry=self.registry,
        )
        self._rejected = Counter(
            "kubeloop_events_rejected",
            "Requests with events that were rejected whole, by reason; a batch counts as one. "
            f"{_SINCE_START}",
            ["reason"],
            registry=self.registry,
        )
        self._refused = Counter(
            "kubeloop_monitor_requests_rejected",
            "Other requests that were rejected whole, by what they asked for and reason; events "
            f"and alerts have counters of their own. {_SINCE_START}",
            ["request", "reason"],
            registry=self.registry,
        )
        self._feedback = Counter(
            "kubeloop_monitor_feedback",
            "Ground-truth entries by what became of them: joined with their prediction, pending "
            "until it comes, duplicate (nothing new), corrected (another label replaced), refused "
            "(with their whole request), mismatched (had been pending, and turned out to be no "
            f"class of the version). {_SINCE_START}",
            ["result"],
            registry=self.registry,
        )
        for reason in refusal.REASONS:
            self._rejected.labels(reason)
            for request in (FEEDBACK, REGISTRATION, RETRAINING):
                self._refused.labels(request, reason)
        for result in RESULTS:
            self._feedback.labels(result)

    def observe_process(self, *, waiting: Callable[[], int], held: Callable[[], int]) -> None:
        """Adds the gauges of load.

        Args:
            waiting: requests in the writer's queue.
            held: bytes of bodies that are not answered yet.
        """
        queue = Gauge(
            "kubeloop_monitor_queue_requests",
            "Requests that wait to be written.",
            registry=self.registry,
        )
        queue.set_function(waiting)
        bodies = Gauge(
            "kubeloop_monitor_held_bytes",
            "Bytes of request bodies that are not answered yet.",
            registry=self.registry,
        )
        bodies.set_function(held)

    def observe_store(self, read: Callable[[], Content], versions: Versions) -> None:
        """Adds the metrics that are read from the store at each scrape.

        Args:
            read: the content as of the last commit.
            versions: the registered versions, kept up to date by their owner.
        """
        self.registry.register(_StoreCollector(read, versions))

    def count_rejected(self, reason: str) -> None:
        """Counts a request with events that was rejected."""
        self._rejected.labels(reason).inc()

    @contextmanager
    def counting_refusals(self, request: str) -> Iterator[None]:
        """Counts a refusal that leaves the block.

        Args:
            request: what is asked for: `FEEDBACK`, `REGISTRATION` or `RETRAINING`.
        """
        try:
            yield
        except RefusedError as exc:
            self._refused.labels(request, exc.reason).inc()
            raise

    def count_feedback(self, results: Mapping[str, int]) -> None:
        """Counts ground-truth entries by result."""
        for result, amount in results.items():
            self._feedback.labels(result).inc(amount)


class _StoreCollector(Collector):
    def __init__(self, read: Callable[[], Content], versions: Versions) -> None:
        self._read = read
        self._versions = versions

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not read the store."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics of the store's content; only the registrations when it cannot be read."""
        yield self._info()
        try:
            content = self._read()
        except StoreError as exc:
            _log.error("store not read for metrics error=%s", exc)
            return
        pending = f"Labels that wait for their prediction. {_FROM_STORE}"
        yield GaugeMetricFamily("kubeloop_monitor_feedback_pending", pending, content.pending)
        yield from self._counters(content.totals)

    def _info(self) -> Metric:
        info = GaugeMetricFamily(
            "kubeloop_monitor_model_info",
            "The registered versions, each 1, with task and runtime.",
            labels=[*VERSION_LABELS, "task", "runtime"],
        )
        for (model, number), version in sorted(self._versions.items()):
            info.add_metric([model, str(number), version.task, version.runtime], 1)
        return info

    def _counters(self, totals: Iterable[Total]) -> Iterable[Metric]:
        counts: dict[tuple[str, str], Counts[str]] = defaultdict(Counts)
        for model, number in sorted(self._versions):
            counts[model, str(number)] = Counts()
        counts[UNREGISTERED, UNREGISTERED] = Counts()
        for total in totals:
            known = total.registered
            key = (total.model, str(total.version)) if known else (UNREGISTERED, UNREGISTERED)
            counts[key].update(
                {
                    PREDICTION if total.version else PAYLOAD: total.events,
                    "duplicates": total.duplicates,
                    "predictions": total.predictions,
                    "labelled": total.labelled,
                }
            )
        events, duplicates, predictions, labels = _counter_families()
        for key, found in counts.items():
            for kind in (PREDICTION, PAYLOAD):
                # Payloads name no version.
                if kind == PREDICTION or key[0] == UNREGISTERED:
                    events.add_metric([*key, kind], found[kind])
            duplicates.add_metric(key, found["duplicates"])
            predictions.add_metric(key, found["predictions"])
            labels.add_metric(key, found["labelled"])
        return (events, duplicates, predictions, labels)


def _counter_families() -> tuple[CounterMetricFamily, ...]:
    """What the store holds of each version: events, repeated ones, predictions, labels."""
    names = {
        "kubeloop_events": (
            "Events stored, once each, by type: our own server's predictions, and the payloads "
            "that KServe's agent sends, which name no version. Those of versions not registered at "
            'the time count as "unregistered".'
        ),
        "kubeloop_monitor_events_duplicate": "Events that came again and were not stored again.",
        "kubeloop_monitor_predictions": "Rows that stored prediction events answered.",
        "kubeloop_feedback_labels": "Predictions that have been joined with ground truth.",
    }
    more = {"kubeloop_events": ("type",)}
    return tuple(
        CounterMetricFamily(
            name, f"{text} {_FROM_STORE}", labels=[*VERSION_LABELS, *more.get(name, ())]
        )
        for name, text in names.items()
    )
