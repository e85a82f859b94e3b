"""Clients of the containers: requests to the server, and events as KServe's agent sends them."""

import contextlib
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any

from components.bundle import Manifest
from tests.containers.engine import Box

NAME = "visits"
AGENT = {
    "Ce-Specversion": "1.0",
    "Ce-Source": "http://localhost:9081/",
    "Ce-Type": "org.kubeflow.serving.inference.request",
    "Ce-Inferenceservicename": NAME,
}
"""What KServe's agent sends: a form of event that is not ours to change."""


def ask_rows(server: Box, manifest: Manifest, count: int) -> list[str]:
    """Sends one-row requests with ids of their own; returns the ids."""
    rows = [dict(row) for row in manifest.golden.rows]
    ids = [f"{time.time_ns()}-{number}" for number in range(count)]
    for number, identity in enumerate(ids):
        body = {"instances": [rows[number % len(rows)]]}
        headers = {"Ce-Id": identity}
        status, _ = server.ask("POST", f"/v1/models/{NAME}:predict", body, headers)
        assert status == 200
    return ids


def send(box: Box, identity: str) -> tuple[int, Any]:
    """Sends an event as KServe's agent does; returns the monitor's answer."""
    return box.ask("POST", "/", {"instances": [{"spent": 1.0}]}, {**AGENT, "Ce-Id": identity})


def events_of(box: Box, version: int | None) -> int:
    """How many events the monitor has stored of a version; None for those that name none."""
    _, found = box.ask("GET", f"/v1/models/{NAME}")
    return int(next(v["events"] for v in found["versions"] if v["version"] == version))


@contextlib.contextmanager
def clients(box: Box, life: int, acknowledged: list[str], refused: list[object]) -> Iterator[None]:
    """Clients that send until nobody answers, and note what was acknowledged and what was not."""

    def post(name: int) -> None:
        for number in range(1_000_000):
            identity = f"{life}-{name}-{number}"
            try:
                status, answer = send(box, identity)
            except (OSError, HTTPException):
                return
            if status != 200:
                refused.append(answer)
                return
            acknowledged.append(identity)

    threads = [threading.Thread(target=post, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(60)
