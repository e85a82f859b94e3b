"""What the monitor tells Prometheus, on a registry of its own.

Two kinds: what the store holds is read from the store at each scrape, and so is right after a
restart too; what happened in this process starts at 0 with it. Only registered models appear as
label values; everything else counts under "unregistered", so that no client can add a series.
"""

import logging
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from components.monitor import refusal, truth
from components.monitor.totals import Content, Total
from components.monitor.versions import Versions
from components.revision import VERSION, code_revision

UNREGISTERED: Final = "unregistered"
REFUSED: Final = "refused"
MISMATCHED: Final = "mismatched"
RESULTS: Final = (
    *(truth.JOINED, truth.PENDING, truth.DUPLICATE, truth.CORRECTED),
    *(REFUSED, MISMATCHED),
)
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
        self._refused = Counter(
            "kubeloop_monitor_events_refused",
            "Requests with events that were refused whole, by reason; a batch counts as one. "
            f"{_SINCE_START}",
            ["reason"],
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
            self._refused.labels(reason)
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

    def count_refused(self, reason: str) -> None:
        """Counts a request with events that was refused."""
        self._refused.labels(reason).inc()

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
        except sqlite3.Error as exc:
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
        counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for model, number in sorted(self._versions):
            counts[model, str(number)] = [0, 0, 0, 0]
        counts[UNREGISTERED, UNREGISTERED] = [0, 0, 0, 0]
        for total in totals:
            known = total.registered
            key = (total.model, str(total.version)) if known else (UNREGISTERED, UNREGISTERED)
            values = (total.events, total.duplicates, total.predictions, total.labelled)
            counts[key] = [before + more for before, more in zip(counts[key], values, strict=True)]
        events = _counter(
            "events",
            "Events by whether they were stored or had been before (the same id and type); those "
            'of versions not registered at the time count as "unregistered".',
            "result",
        )
        predictions = _counter("predictions", "Rows that stored prediction events answered.")
        labelled = _counter("labelled", "Predictions that have been joined with ground truth.")
        for key, (stored, duplicate, rows, joined) in counts.items():
            events.add_metric([*key, "stored"], stored)
            events.add_metric([*key, "duplicate"], duplicate)
            predictions.add_metric(key, rows)
            labelled.add_metric(key, joined)
        return (events, predictions, labelled)


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(
        f"kubeloop_monitor_{name}", f"{text} {_FROM_STORE}", labels=[*VERSION_LABELS, *labels]
    )
