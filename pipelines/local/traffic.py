"""The client at the end of a local run: hold-out rows through the endpoint, truth to the monitor.

It uses what any client has, HTTP and JSON, and reads both services' metrics as Prometheus would.
"""

import json
import math
import time
import uuid
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from components.bundle import Manifest
from components.errors import DeployError
from components.examples import Examples, client_rows, read_examples
from components.fresh import CHECK_ID
from pipelines.local.counters import Counters

# A hold-out of any size goes through in this many requests, of one row each while they suffice.
_MOST_REQUESTS = 500
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Traffic:
    """What the client saw.

    Attributes:
        sent: requests.
        failed: requests without a 200, or whose answer was not one prediction a row.
        problem: why the loop is not closed: requests failed, the monitor took no truth, or the
            services' metrics do not tell of all that was sent; empty where it is.
        served: by how much the figures on both `/metrics` grew.
        example: one request body, for the `curl` line.
    """

    sent: int
    failed: int
    problem: str
    served: dict[str, float]
    example: str


@dataclass
class _Asked:
    """Requests so far, and the truth of the rows that were answered."""

    sent: int = 0
    failed: int = 0
    first_error: str = ""
    truth: list[dict[str, Any]] = field(default_factory=list)


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
    rows = _rows(examples, manifest)
    counters = Counters(serving, monitor, manifest.name)
    asked, grown, problems = _Asked(), dict[str, float](), []
    try:
        before = counters.settle()
        _ask(_Connection(serving), manifest.name, rows, _truth(examples), asked)
        _send_truth(_Connection(monitor), asked.truth)
        answered = asked.sent - asked.failed
        expected = {"requests": answered, "events": answered, "labelled": len(asked.truth)}
        grown = counters.await_growth(before, expected)
        problems = [
            f"the services counted {grown[name]:g} of {least} {name}"
            for name, least in expected.items()
            if grown[name] < least
        ]
    except DeployError as exc:
        problems = [str(exc)]
    if asked.failed:
        failed = f"{asked.failed} of {asked.sent} requests failed"
        problems.insert(0, f"{failed}; the first: {asked.first_error}")
    example = json.dumps({"instances": rows[:1]})
    return Traffic(asked.sent, asked.failed, "; ".join(problems), grown, example)


def _rows(examples: Examples, manifest: Manifest) -> list[dict[str, float | str | None]]:
    """The examples as a client would write them, by the columns that the served model knows."""
    wanted = [feature.name for feature in manifest.signature.inputs]
    return [{name: row.get(name) for name in wanted} for row in client_rows(examples)]


def _truth(examples: Examples) -> list[Any]:
    classes = examples.schema.classes
    values = examples.target.tolist()
    return values if classes is None else [classes[index] for index in values]


def _ask(
    server: "_Connection", name: str, rows: list[Any], truth: list[Any], asked: _Asked
) -> None:
    """Posts the rows and notes what came of it."""
    batch = max(1, math.ceil(len(rows) / _MOST_REQUESTS))
    for start in range(0, len(rows), batch):
        chunk = rows[start : start + batch]
        # Known by its id as no row of the world's, whose truth a later run might learn from.
        request = f"{CHECK_ID}{uuid.uuid4()}"
        path = f"/v1/models/{name}:predict"
        status, answer = server.post(path, {"instances": chunk}, {"Ce-Id": request})
        asked.sent += 1
        predictions = answer.get("predictions") if isinstance(answer, dict) else None
        if status != 200 or not isinstance(predictions, list) or len(predictions) != len(chunk):
            asked.failed += 1
            asked.first_error = asked.first_error or f"{status}: {_error_text(answer)}"
            continue
        asked.truth += [
            {"id": f"{request}:{index}", "label": truth[start + index]}
            for index in range(len(chunk))
        ]


def _send_truth(monitor: "_Connection", truth: list[dict[str, Any]]) -> None:
    """Posts the truth; the monitor joins what comes before its event once that is there.

    Raises:
        DeployError: the monitor did not take it.
    """
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for start in range(0, len(truth), 1000):
        chunk = [{**entry, "time": now} for entry in truth[start : start + 1000]]
        status, answer = monitor.post("/v1/feedback", chunk, {})
        if status != 200:
            said = f"{status}: {_error_text(answer)}"
            msg = f"the monitor did not take the truth of {len(chunk)} rows: {said}"
            raise DeployError(msg)


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


def _error_text(answer: Any) -> str:
    return str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer)
