"""SIGKILL at any moment under load: every acknowledged event and label is found again.

`KUBELOOP_KILLS` says how often each monitor is killed: 4 times, unless told; 100 before a release.
"""

import http.client
import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from components.monitor.storage.addresses import Address, open_reader
from components.monitor.storage.connection import Connection
from tests.monitors import BATCH, JSON, Monitor, prediction
from tests.postgres import running

KILLS = int(os.environ.get("KUBELOOP_KILLS", "4"))
CLIENTS = 6


class Client:
    """Sends events of two rows and their truth until the monitor is gone; notes what it acked."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.events: list[str] = []
        self.labels: dict[str, str] = {}
        self.refused = 0
        self._numbers = itertools.count()

    def run(self, monitor: Monitor) -> None:
        with closing(monitor.connect()) as connection:
            try:
                while True:
                    self._send(connection)
            except (OSError, http.client.HTTPException):
                return

    def _send(self, connection: http.client.HTTPConnection) -> None:
        names = [f"{self.name}-{next(self._numbers)}" for _ in range(3)]
        both = {"labels": ["Yes", "No"], "probabilities": [[0.1, 0.9], [0.8, 0.2]]}
        columns = {"features": {"tenure": [1.0, 2.0]}}
        batch = [prediction(name, **both, **columns) for name in names]
        # The truth of the last comes first, and one is corrected.
        truth = [{"id": f"{names[2]}:1", "label": "Yes"}]
        if self._post(connection, "/v1/feedback", truth, JSON):
            self.labels[f"{names[2]}:1"] = '"Yes"'
        if self._post(connection, "/events", batch, BATCH):
            self.events += names
        truth = [{"id": f"{names[0]}:0", "label": "No"}, {"id": f"{names[0]}:0", "label": "Yes"}]
        if names[0] in self.events and self._post(connection, "/v1/feedback", truth, JSON):
            self.labels[f"{names[0]}:0"] = '"Yes"'

    def _post(
        self, connection: http.client.HTTPConnection, path: str, body: object, kind: str
    ) -> bool:
        connection.request("POST", path, json.dumps(body), {"Content-Type": kind})
        response = connection.getresponse()
        response.read()
        assert response.status in (200, 503)
        self.refused += response.status == 503
        return response.status == 200


@pytest.fixture(params=["sqlite", "postgres"])
def monitor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Monitor, Address]]:
    path = tmp_path / "events.sqlite3"
    if request.param == "sqlite":
        with closing_process(Monitor(path)) as started:
            yield started, path
        return
    with running() as server:
        environment = {"KUBELOOP_MONITOR_STORE": server.url()}
        with closing_process(Monitor(path, environment=environment)) as started:
            yield started, server.url()


class closing_process:  # noqa: N801
    """Ends a monitor with the block, however often it was started."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def __enter__(self) -> Monitor:
        return self._monitor

    def __exit__(self, *_: object) -> None:
        if self._monitor.process.poll() is None:
            self._monitor.process.kill()
            self._monitor.process.wait(10)


def test_sigkill_under_load_every_acknowledged_event_and_label_found(
    monitor: tuple[Monitor, Address],
) -> None:
    process, address = monitor
    process.register()
    chance = random.Random(7)
    clients = [Client(name) for name in range(CLIENTS)]
    for _ in range(KILLS):
        under_load(process, clients, more=chance.randint(0, 150))
        assert process.process.wait(10) == -signal.SIGKILL
        process.start()
    acknowledged = [name for client in clients for name in client.events]
    labels = {name: label for client in clients for name, label in client.labels.items()}
    assert len(acknowledged) > 20 * KILLS
    assert len(labels) > 10 * KILLS
    with closing(open_reader(address)) as connection:
        stored = [row[0] for row in connection.query("SELECT id FROM events")]
        assert set(acknowledged) <= set(stored)
        assert len(stored) == len(set(stored))
        joined = connection.query(
            "SELECT id, row, label FROM labels JOIN events ON event = key"
        ) + connection.query("SELECT request, row, label FROM pending")
        found = {f"{name}:{row}": label for name, row, label in joined}
        assert {name: found.get(name) for name in labels} == labels
        check_totals(connection, len(stored))
        if isinstance(address, Path):
            assert connection.query("PRAGMA integrity_check") == [("ok",)]
    sent_again = [
        prediction(name, labels=["Yes", "No"], probabilities=None, features=None)
        for name in acknowledged[:500]
    ]
    assert process.events(*sent_again) == (200, {"stored": 0, "duplicate": len(sent_again)})
    assert "Traceback" not in process.log.read_text()


def under_load(process: Monitor, clients: list[Client], more: int) -> None:
    """Kills a monitor once so many more events have been acknowledged, between any two steps."""
    threads = [threading.Thread(target=client.run, args=(process,)) for client in clients]
    enough = acknowledged_by(clients) + more
    deadline = time.monotonic() + 60
    for thread in threads:
        thread.start()
    while acknowledged_by(clients) < enough and time.monotonic() < deadline:
        time.sleep(0.0005)
    os.kill(process.process.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert time.monotonic() < deadline


def acknowledged_by(clients: list[Client]) -> int:
    return sum(len(client.events) for client in clients)


def check_totals(connection: Connection, events: int) -> None:
    """The totals are those of what is there: they changed in the same transactions."""
    [[counted, rows, labelled, newest]] = connection.query(
        "SELECT events, predictions, labelled, newest_label FROM totals WHERE registered = 1"
    )
    assert (counted, rows) == (events, 2 * events)
    [[number, different, joined]] = connection.query(
        "SELECT max(number), count(DISTINCT number), count(*) FROM labels"
    )
    assert (labelled, newest) == (joined, number)
    assert different == joined
