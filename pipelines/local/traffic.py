"""The client at the end of a local run: hold-out rows through the endpoint, truth to the monitor.

It uses what any client has, HTTP and JSON, and reads both services' metrics as Prometheus would.
"""

import json
import math
import time
import uuid
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from components.bundle import Manifest
from components.examples import Examples, client_rows, read_examples

# A hold-out of any size goes through in this many requests, of one row each while they suffice.
_MOST_REQUESTS = 500
_TIMEOUT_S = 30.0
# The server hands events on in batches, and the monitor commits in groups.
_SETTLE_S = 10.0


@dataclass(frozen=True)
class Traffic:
    """What the client saw.

    Attributes:
        sent: requests.
        failed: requests without a 200, or whose answer was not one prediction a row.
        first_error: what the first failed one said; empty for none.
        rows: hold-out rows that were answered.
        labelled: rows whose ground truth the monitor joined.
        served: figures read from both `/metrics`.
        example: one request body, for the `curl` line.
    """

    sent: int
    failed: int
    first_error: str
    rows: int
    labelled: int
    served: dict[str, float]
    example: str


def send_holdout(manifest: Manifest, test: Path, serving: str, monitor: str) -> Traffic:
    """Sends the hold-out rows and their truth.

    Args:
        manifest: of the served model.
        test: the hold-out's folder.
        serving: the model server.
        monitor: the monitor.

    Returns:
        What the client saw.
    """
    examples = read_examples(test)
    rows = list(_rows(examples, manifest))
    truth = _truth(examples)
    batch = max(1, math.ceil(len(rows) / _MOST_REQUESTS))
    failed, first_error, answered = 0, "", 0
    feedback: list[dict[str, Any]] = []
    server = _Connection(serving)
    starts = range(0, len(rows), batch)
    for start in starts:
        chunk = rows[start : start + batch]
        request = str(uuid.uuid4())
        path = f"/v1/models/{manifest.name}:predict"
        status, answer = server.post(path, {"instances": chunk}, {"Ce-Id": request})
        predictions = answer.get("predictions") if isinstance(answer, dict) else None
        if status != 200 or not isinstance(predictions, list) or len(predictions) != len(chunk):
            failed += 1
            first_error = first_error or f"{status}: {_error_text(answer)}"
            continue
        answered += len(chunk)
        feedback += [
            {"id": f"{request}:{index}", "label": truth[start + index]}
            for index in range(len(chunk))
        ]
    labelled = _send_truth(_Connection(monitor), feedback)
    served = {
        "requests": _metric(serving, "kubeloop_requests_total", manifest.name),
        "events": _metric(monitor, "kubeloop_monitor_events_total", manifest.name),
        "labelled": _metric(monitor, "kubeloop_monitor_labelled_total", manifest.name),
    }
    example = json.dumps({"instances": rows[:1]})
    return Traffic(len(starts), failed, first_error, answered, labelled, served, example)


def _rows(examples: Examples, manifest: Manifest) -> list[dict[str, float | str | None]]:
    """The examples as a client would write them, by the columns that the served model knows."""
    wanted = [feature.name for feature in manifest.signature.inputs]
    return [{name: row.get(name) for name in wanted} for row in client_rows(examples)]


def _truth(examples: Examples) -> list[Any]:
    classes = examples.schema.classes
    values = examples.target.tolist()
    return values if classes is None else [classes[index] for index in values]


def _send_truth(monitor: "_Connection", feedback: list[dict[str, Any]]) -> int:
    """Posts the truth and returns how many rows were joined; late events join by themselves."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    joined = 0
    for start in range(0, len(feedback), 1000):
        chunk = [{**entry, "time": now} for entry in feedback[start : start + 1000]]
        status, answer = monitor.post("/v1/feedback", chunk, {})
        if status == 200 and isinstance(answer, dict):
            joined += int(answer.get("accepted", 0))
    return joined


class _Connection:
    """One kept-alive connection, opened again after the server closed it."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)

    def post(self, path: str, body: object, headers: dict[str, str]) -> tuple[int, Any]:
        """Posts JSON; status 0 and the reason where there is no answer."""
        try:
            self._connection.request(
                "POST", path, json.dumps(body), {"Content-Type": "application/json", **headers}
            )
            response = self._connection.getresponse()
            text = response.read()
            return response.status, json.loads(text)
        except (OSError, HTTPException, ValueError) as exc:
            self._connection.close()
            return 0, {"error": str(exc) or type(exc).__name__}

    def get(self, path: str) -> str:
        """Gets a text; empty where there is no answer."""
        try:
            self._connection.request("GET", path)
            return self._connection.getresponse().read().decode("utf-8", errors="replace")
        except (OSError, HTTPException):
            self._connection.close()
            return ""


def _metric(address: str, metric: str, name: str) -> float:
    """Sums a counter's series of one model, once it holds still: events arrive late."""
    from prometheus_client.parser import text_string_to_metric_families

    connection, before = _Connection(address), -1.0
    deadline = time.monotonic() + _SETTLE_S
    while True:
        total = 0.0
        for family in text_string_to_metric_families(connection.get("/metrics")):
            for sample in family.samples:
                if sample.name == metric and sample.labels.get("model_name") == name:
                    total += sample.value
        if (total == before and total > 0) or time.monotonic() > deadline:
            return total
        before = total
        time.sleep(0.25)


def _error_text(answer: Any) -> str:
    return str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer)
