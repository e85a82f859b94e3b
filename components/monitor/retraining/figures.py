"""What Prometheus is told of retraining: decisions and ends by reason, runs under way, messages.

Decisions are counted in the store, so that the counters are right after a restart and alike in all
replicas; every series of a registered model is there from 0, so that its first step is seen.
"""

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from components.monitor import refusal
from components.monitor.retraining import admission
from components.monitor.retraining.decision import REASONS
from components.monitor.retraining.notification import RESULTS
from components.monitor.retraining.policy import SECOND, read_policy, read_spec
from components.monitor.storage.connection import StoreError
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import RetrainingTotal
from components.monitor.versions import Version

ENDS: Final = ("promoted", "kept", "not_approved", "failed", "refused")
"""What a decision can come to; `refused` started no run."""
REJECTED: Final = (*refusal.REASONS, admission.UNAUTHORIZED, admission.FORBIDDEN)

_FROM_STORE: Final = "Read from the store: right after a restart too."

_Totals = Mapping[tuple[str, str, str], RetrainingTotal]

_log = logging.getLogger(__name__)


class Figures:
    """The counters of the door, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Makes them.

        Args:
            registry: the monitor's.
        """
        self._alerts = Counter(
            "kubeloop_monitor_alerts",
            "Alerts that Alertmanager sent and that were stored, by status; one that is sent again "
            "counts again. Since this process started.",
            ["status"],
            registry=registry,
        )
        self._rejected = Counter(
            "kubeloop_monitor_alerts_rejected",
            "Requests to /alerts that were refused whole, by reason. Since this process started.",
            ["reason"],
            registry=registry,
        )
        self._notified = Counter(
            "kubeloop_monitor_notifications",
            "Sentences for the notification webhook: sent, failed (nobody took it), dropped (too "
            "many waited). Since this process started.",
            ["result"],
            registry=registry,
        )
        for status in ("firing", "resolved"):
            self._alerts.labels(status)
        for reason in REJECTED:
            self._rejected.labels(reason)
        for result in RESULTS:
            self._notified.labels(result)

    def count_alert(self, status: str) -> None:
        """Counts an alert that was stored."""
        self._alerts.labels(status).inc()

    def count_rejected(self, reason: str) -> None:
        """Counts a request that was refused."""
        self._rejected.labels(reason).inc()

    def count_notified(self, result: str) -> None:
        """Counts a sentence."""
        self._notified.labels(result).inc()


class RunFigures(Collector):
    """Counts decisions in the store at each scrape."""

    def __init__(self, reader: Reader, newest: Callable[[], Mapping[str, Version]]) -> None:
        """Reads nothing yet.

        Args:
            reader: of the store.
            newest: the newest registered version of each model.
        """
        self._reader = reader
        self._newest = newest

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not read the store."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics; only the schedules when the store cannot be read."""
        newest = self._newest()
        yield self._intervals(newest)
        try:
            found = self._reader.retraining_totals()
        except StoreError as exc:
            _log.error("store not read for metrics error=%s", exc)
            return
        totals: _Totals = {(t.model, t.reason, t.outcome): t for t in found if t.model in newest}
        yield _runs(totals, sorted(newest))
        yield from _times(totals)

    def _intervals(self, newest: Mapping[str, Version]) -> Metric:
        family = _gauge(
            "interval_seconds",
            "Seconds after which a run starts without a verdict, as the newest version's spec has "
            "it; absent where it has none.",
        )
        for model, version in sorted(newest.items()):
            every = read_policy(read_spec(version)).every
            if every is not None:
                family.add_metric([model], every / SECOND)
        return family


def _runs(totals: _Totals, models: Sequence[str]) -> Metric:
    family = CounterMetricFamily(
        "kubeloop_retraining_runs",
        "Decisions on retraining by why a run was wanted and what came of it: promoted, kept "
        "(nothing was new), not_approved (its gates refused it), failed, refused (none was "
        f"started). {_FROM_STORE}",
        labels=["model_name", "reason", "result"],
    )
    for model, reason, end in itertools.product(models, REASONS, ENDS):
        total = totals.get((model, reason, end))
        family.add_metric([model, reason, end], total.count if total else 0)
    return family


def _times(totals: _Totals) -> Iterable[Metric]:
    ended = _gauge(
        "last_timestamp_seconds",
        f"When a run, or a decision against one, last came to this result. {_FROM_STORE}",
        "result",
    )
    started = _gauge(
        "started_timestamp_seconds",
        f"When the run that is under way was decided; absent where there is none. {_FROM_STORE}",
    )
    last: dict[tuple[str, str], int] = {}
    first: dict[str, int] = {}
    for (model, _, outcome), total in sorted(totals.items()):
        if outcome == "started":
            first[model] = min(first.get(model, total.first_decided), total.first_decided)
        else:
            last[model, outcome] = max(last.get((model, outcome), 0), total.last_ended)
    for key, moment in last.items():
        ended.add_metric(list(key), moment / SECOND)
    for model, moment in first.items():
        started.add_metric([model], moment / SECOND)
    return (ended, started)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"kubeloop_retraining_{name}", text, labels=["model_name", *labels])
