"""What both services have counted of a model, read from their `/metrics` as Prometheus would."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

from components.errors import DeployError

_TIMEOUT_S = 30.0
# The server hands events on in batches, and the monitor commits in groups.
_ARRIVE_S = 30.0
_STILL_S = 2.0
_PAUSE_S = 0.1


@dataclass(frozen=True)
class Counters:
    """The counters of one model: requests, events and labelled predictions.

    Attributes:
        serving: the model server.
        monitor: the monitor.
        name: the model.
    """

    serving: str
    monitor: str
    name: str

    def read(self) -> dict[str, float]:
        """Reads them, summed over the model's versions.

        Raises:
            DeployError: one of the two does not tell its metrics.
        """
        server = self._sums(self.serving, {"kubeloop_requests_total": "requests"})
        wanted = {
            "kubeloop_events_total": "events",
            "kubeloop_feedback_labels_total": "labelled",
        }
        return server | self._sums(self.monitor, wanted)

    def settle(self) -> dict[str, float]:
        """Reads them once they hold still: what was asked a moment before may be on its way."""
        deadline = time.monotonic() + _STILL_S
        before = self.read()
        while True:
            time.sleep(_PAUSE_S)
            now = self.read()
            if now == before or time.monotonic() > deadline:
                return now
            before = now

    def await_growth(
        self, before: dict[str, float], expected: Mapping[str, float]
    ) -> dict[str, float]:
        """Waits until they have grown as expected.

        Args:
            before: what they were.
            expected: by how much they have to grow, at least.

        Returns:
            By how much they have grown, when they have, or at the end of the patience.
        """
        deadline = time.monotonic() + _ARRIVE_S
        while True:
            grown = {name: value - before[name] for name, value in self.read().items()}
            there = all(grown[name] >= value for name, value in expected.items())
            if there or time.monotonic() > deadline:
                return grown
            time.sleep(_PAUSE_S)

    def _sums(self, address: str, wanted: dict[str, str]) -> dict[str, float]:
        from prometheus_client.parser import text_string_to_metric_families

        sums = dict.fromkeys(wanted.values(), 0.0)
        for family in text_string_to_metric_families(_get(f"{address}/metrics")):
            for sample in family.samples:
                if sample.name in wanted and sample.labels.get("model_name") == self.name:
                    sums[wanted[sample.name]] += sample.value
        return sums


def _get(url: str) -> str:
    try:
        with urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return bytes(answer.read()).decode("utf-8", errors="replace")
    except (URLError, OSError) as exc:
        msg = f"GET {url} got no metrics: {getattr(exc, 'reason', exc)}"
        raise DeployError(msg) from exc
