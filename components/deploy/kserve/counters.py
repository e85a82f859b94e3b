"""What pods have counted of their requests: the text of `/metrics`, read and added up over time.

Counters begin anew with a container, and pods come and go: so what is added up is each pod's own
growth from one reading to the next, and after a fall what it has counted since.
"""

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.error import HTTPError, URLError
from urllib.request import Request

from components.deploy.direct import fetch
from components.deploy.kserve.tally import Tally

REQUESTS = "kubeloop_requests_total"
DURATIONS = "kubeloop_request_duration_seconds_bucket"
SECONDS = "kubeloop_request_duration_seconds_sum"
IN_FLIGHT = "kubeloop_requests_in_flight"
_READ = (REQUESTS, DURATIONS, SECONDS, IN_FLIGHT)
_LINE = re.compile(r"([a-zA-Z_:][\w:]*)\{(.*)\}\s+(\S+)")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Reading:
    """One pod's counters at one time.

    Attributes:
        values: of what only grows, by series.
        in_flight: requests that were being read or answered.
        asked: when it was asked for, by `time.monotonic()`.
        answered: when it was there.
    """

    values: dict[tuple[str, str], float]
    in_flight: float = 0.0
    asked: float = 0.0
    answered: float = 0.0

    @property
    def finished(self) -> float:
        """How many requests had been answered."""
        return sum(value for (name, _), value in self.values.items() if name == REQUESTS)

    def since(self, before: "Reading | None") -> Tally:
        """What was counted between an earlier reading of the same pod and this one.

        Raises:
            ValueError: this one lacks series that the earlier one had, so it is not all of it.
        """
        old = before.values if before else {}
        if any(value < old.get(series, 0.0) for series, value in self.values.items()):
            # The container began anew: all it counted is since then.
            old = {}
        # A series never goes while its container runs. Where one did, the next reading, which has
        # it again, would show all that it ever counted as new.
        lacking = [name + "{" + key + "}" for name, key in old if (name, key) not in self.values]
        if lacking:
            msg = f"{lacking[0]} was there before and is not any more ({len(lacking)} series)"
            raise ValueError(msg)
        tally = Tally()
        for (name, key), value in self.values.items():
            grown = value - old.get((name, key), 0.0)
            if name == DURATIONS:
                bound = float(key)
                tally.within[bound] = tally.within.get(bound, 0.0) + grown
            elif name == SECONDS:
                tally.seconds += grown
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
        Requests by status and by bucket, and their seconds, protocols added up; and those in
        flight.

    Raises:
        ValueError: the text ends in the middle of a line, or has a value that counts nothing.
    """
    if text and not text.endswith("\n"):
        msg = f"the text ends with {text[-40:]!r}: expected a whole line, as the format has it"
        raise ValueError(msg)
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
        OSError: the pod does not answer, or not with a whole answer, or with an error.
        ValueError: the answer is no text of metrics.
    """
    asked = time.monotonic()
    try:
        body = fetch(Request(f"{server}/metrics"), timeout_s=_TIMEOUT_S)  # noqa: S310
    except OSError as exc:
        why = exc.reason if isinstance(exc, URLError) and not isinstance(exc, HTTPError) else exc
        msg = f"GET {server}/metrics: {why}"
        raise OSError(msg) from exc
    text = body.decode("utf-8")
    return replace(read_metrics(text, model), asked=asked, answered=time.monotonic())


def _series(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for line in text.splitlines():
        if not line.startswith(_READ):
            continue
        found = _LINE.match(line)
        if found and found[1] in _READ:
            value = float(found[3])
            if not 0 <= value < math.inf:
                msg = f"{found[1]} is {found[3]!r}: expected a count or seconds"
                raise ValueError(msg)
            yield found[1], dict(_LABEL.findall(found[2])), value
