"""What pods have counted of their requests: the text of `/metrics`, read and added up over time.

Counters begin anew with a container, and pods come and go: so what is added up is each pod's own
growth from one reading to the next, and after a fall what it has counted since.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.error import URLError
from urllib.request import urlopen

REQUESTS = "kubeloop_requests_total"
DURATIONS = "kubeloop_request_duration_seconds_bucket"
IN_FLIGHT = "kubeloop_requests_in_flight"
_READ = (REQUESTS, DURATIONS, IN_FLIGHT)
_LINE = re.compile(r"([a-zA-Z_:][\w:]*)\{(.*)\}\s+(\S+)")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_TIMEOUT_S = 5.0
_LONGEST = 16 * 1024 * 1024


@dataclass
class Tally:
    """Requests of one version.

    Attributes:
        requests: all that were answered.
        failed: those answered with a status of 500 or more: the server's own failures.
        within: requests that took at most so many seconds, by bucket bound.
    """

    requests: float = 0.0
    failed: float = 0.0
    within: dict[float, float] = field(default_factory=dict)

    def slower_than(self, seconds: float) -> tuple[float, float]:
        """How many requests took longer, and of how many, by the next bucket bound above.

        Returns:
            (0, 0) where no finite bound is as high.
        """
        bounds = [bound for bound in self.within if seconds <= bound < math.inf]
        total = self.within.get(math.inf, 0.0)
        return (total - self.within[min(bounds)], total) if bounds else (0.0, 0.0)

    def add(self, other: "Tally") -> None:
        """Adds another's requests."""
        self.requests += other.requests
        self.failed += other.failed
        for bound, count in other.within.items():
            self.within[bound] = self.within.get(bound, 0.0) + count


@dataclass(frozen=True)
class Reading:
    """One pod's counters at one time.

    Attributes:
        values: of what only grows, by series.
        in_flight: requests that were being read or answered.
    """

    values: dict[tuple[str, str], float]
    in_flight: float = 0.0

    def since(self, before: "Reading | None") -> Tally:
        """What was counted between an earlier reading of the same pod and this one."""
        old = before.values if before else {}
        if any(value < old.get(series, 0.0) for series, value in self.values.items()):
            # The container began anew: all it counted is since then.
            old = {}
        tally = Tally()
        for (name, key), value in self.values.items():
            grown = value - old.get((name, key), 0.0)
            if name == DURATIONS:
                bound = float(key)
                tally.within[bound] = tally.within.get(bound, 0.0) + grown
            else:
                tally.requests += grown
                tally.failed += grown if key.startswith("5") else 0.0
        return tally


def read_metrics(text: str, model: str) -> Reading:
    """Reads what a server shows of one model.

    Args:
        text: in Prometheus' text format.
        model: value of the label `model_name`.

    Returns:
        Requests by status and by bucket, protocols added up; and those in flight.
    """
    values: dict[tuple[str, str], float] = {}
    in_flight = 0.0
    for name, labels, value in _series(text):
        if labels.get("model_name") != model:
            continue
        if name == IN_FLIGHT:
            in_flight += value
        else:
            key = labels.get("code" if name == REQUESTS else "le", "")
            values[name, key] = values.get((name, key), 0.0) + value
    return Reading(values, in_flight)


def scrape(server: str, model: str) -> Reading:
    """Reads a pod's counters.

    Args:
        server: base URL of the pod.
        model: the model's name.

    Raises:
        OSError: the pod does not answer, or answers with an error.
        ValueError: the answer is no text of metrics.
    """
    try:
        with urlopen(f"{server}/metrics", timeout=_TIMEOUT_S) as answer:  # noqa: S310
            text = answer.read(_LONGEST).decode("utf-8")
    except URLError as exc:
        msg = f"GET {server}/metrics: {exc.reason if not hasattr(exc, 'code') else exc}"
        raise OSError(msg) from exc
    return read_metrics(text, model)


def _series(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for line in text.splitlines():
        if not line.startswith(_READ):
            continue
        found = _LINE.match(line)
        if found and found[1] in _READ:
            yield found[1], dict(_LABEL.findall(found[2])), float(found[3])
