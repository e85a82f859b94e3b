"""The monitor as a real process, spoken to over HTTP as its clients do, and what they send."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[1]
BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"
JSON = "application/json"
BUNDLE: dict[str, Any] = {
    "format": 1,
    "name": "churn",
    "task": "binary",
    "runtime": "onnx",
    "classes": ["No", "Yes"],
    "signature": {
        "inputs": [
            {"name": "tenure", "dtype": "float32"},
            {"name": "Contract", "dtype": "string"},
        ],
        "ignored": ["email"],
    },
}
REGISTRATION = {"bundle": BUNDLE, "reference": {"format": 1, "features": {}}}
Answer = tuple[int, Any]


class Monitor:
    """One monitor process on a free port; `stop` and `start` keep the store."""

    def __init__(
        self,
        store: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.store = store
        self.log = log or store.with_suffix(".log")
        self._options = options
        # A store that the environment names is not on the command line too.
        self._environment = environment
        self.start()

    def start(self) -> None:
        call = [sys.executable, "-m", "components.monitor.service", "--port", str(self.port)]
        call += [] if self._environment else ["--store", str(self.store)]
        call += self._options
        environment = {**os.environ, **(self._environment or {})}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(call, cwd=ROOT, env=environment, stderr=log, stdout=log)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.get("/readyz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.02)
        self.end()
        pytest.fail(f"the monitor did not become ready: {self.log.read_text()}")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        status, body, _ = self.send("GET", path)
        return status, json.loads(body)

    def post(self, path: str, body: Any, content_type: str = JSON) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body)
        status, answer, _ = self.send("POST", path, raw, {"Content-Type": content_type})
        return status, json.loads(answer)

    def events(self, *events: dict[str, Any]) -> Answer:
        return self.post("/events", list(events), BATCH)

    def register(self, number: object = 3, body: Any = REGISTRATION, name: str = "churn") -> Answer:
        path = f"/v1/models/{name}/versions/{number}"
        status, answer, _ = self.send("PUT", path, json.dumps(body), {"Content-Type": JSON})
        return status, json.loads(answer)

    def samples(self) -> dict[tuple[str, tuple[str, ...]], float]:
        text = self.send("GET", "/metrics")[1].decode()
        families = text_string_to_metric_families(text)
        return {(s.name, tuple(s.labels.values())): s.value for f in families for s in f.samples}

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)

    def end(self) -> None:
        """Ends it where a test has left it running."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


@contextmanager
def several(folder: Path) -> Iterator[Callable[..., Monitor]]:
    """Lends what starts monitors, each with a store of its own, and ends them all."""
    started: list[Monitor] = []

    def start(*options: str, name: str = "") -> Monitor:
        store = folder / f"{name or f'monitor-{len(started)}'}.sqlite3"
        started.append(Monitor(store, *options))
        return started[-1]

    try:
        yield start
    finally:
        for monitor in started:
            monitor.end()


def prediction(identity: str, **data: Any) -> dict[str, Any]:
    values = {
        "model": "churn",
        "version": 3,
        "duration_seconds": 0.001,
        "features": {"tenure": [1.0], "Contract": ["a"]},
        "labels": ["Yes"],
        "probabilities": [[0.1, 0.9]],
    }
    return {
        "specversion": "1.0",
        "id": identity,
        "type": "io.kubeloop.prediction",
        "source": "/kubeloop/serve",
        "time": "2026-11-20T12:00:00.000000Z",
        "datacontenttype": JSON,
        "data": values | data,
    }
