"""The whole loop on one machine: traffic whose truth changes, a verdict, a run, a new version.

Every part is the real one: `kubeloop run --keep` trains and serves, its monitor judges what comes
back and starts `kubeloop run --fresh` by itself.
"""

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest

from tests.pipelines.laptop import Laptop, process_says

SPEC = """\
name: payments
task: binary
source: rows.csv
target: fraud
positive: "yes"
candidates: [logistic]
search: {trials: 1}
serve: {latency_ms: 5000}
monitor:
  window: 200
  quality: {roc_auc: {min: 0.7}}
  retrain: {on: [quality], cooldown_s: 0, min_labels: 400, max_per_day: 2}
"""
KINDS = ("shop", "web", "cash")
WAIT_S = 400.0

Row = dict[str, Any]


def make_rows(count: int, seed: int, *, turned: bool) -> tuple[list[Row], list[str]]:
    """Payments of one distribution; where the pattern has turned, cheap ones are fraud."""
    generator = np.random.default_rng(seed)
    amount = generator.gamma(2.0, 20.0, count).round(2)
    hour = generator.integers(0, 24, count)
    kind = generator.choice(KINDS, count)
    score = (amount - 35) / 12 + (kind == "web") + generator.normal(0, 0.5, count)
    fraud = (score < 0) if turned else (score > 0)
    rows = [
        {"amount": float(a), "hour": float(h), "kind": str(k)}
        for a, h, k in zip(amount, hour, kind, strict=True)
    ]
    return rows, ["yes" if value else "no" for value in fraud]


class World(Laptop):
    """A user's folder with payments, the services in it, and who asks them."""

    def write(self) -> None:
        rows, labels = make_rows(400, seed=1, turned=False)
        lines = [
            f"{r['amount']},{r['hour']:g},{r['kind']},{y}"
            for r, y in zip(rows, labels, strict=True)
        ]
        text = "\n".join(["amount,hour,kind,fraud", *lines])
        (self.folder / "rows.csv").write_text(f"{text}\n", encoding="utf-8")
        (self.folder / "spec.yaml").write_text(SPEC, encoding="utf-8")

    def keep(self) -> "subprocess.Popen[str]":
        process = self.start("run", "spec.yaml", "--keep")
        said = process_says(process, "serving at")
        line = next(line for line in said.splitlines() if "serving at" in line)
        self.serving, self.monitor = (
            part.strip("; ,").split(";")[0].split(",")[0] for part in line.split("at ")[1:3]
        )
        return process

    def call(self, base: str, method: str, path: str, body: Any = None) -> tuple[Any, str]:
        connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(
                method, path, json.dumps(body) if body is not None else None, headers
            )
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status < 300, content
            return json.loads(content), answer.headers["Ce-Id"] or ""
        finally:
            connection.close()

    def send(self, rows: list[Row], labels: list[str]) -> None:
        """Asks for every row, and gives its truth back."""
        for start in range(0, len(rows), 50):
            chunk, truth = rows[start : start + 50], labels[start : start + 50]
            path = "/v1/models/payments:predict"
            _, identity = self.call(self.serving, "POST", path, {"instances": chunk})
            entries = [
                {"id": f"{identity}:{index}", "label": label} for index, label in enumerate(truth)
            ]
            self.call(self.monitor, "POST", "/v1/feedback", entries)

    def decisions(self) -> list[dict[str, Any]]:
        document, _ = self.call(self.monitor, "GET", "/v1/models/payments/retraining")
        found: list[dict[str, Any]] = document["decisions"]
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.write()
    kept = made.keep()
    yield made
    kept.send_signal(signal.SIGINT)
    kept.communicate(timeout=120)
    until(lambda: made.processes() == [], "the end of all processes")


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.2)
    return found


def started(world: World) -> list[dict[str, Any]]:
    return [decision for decision in world.decisions() if decision["run"]]


def ended(world: World) -> list[dict[str, Any]]:
    try:
        return [decision for decision in world.decisions() if decision["ended"]]
    except (OSError, http.client.HTTPException):
        # A run that joins may have to start the services anew.
        return []


def test_turned_pattern_is_seen_and_mended_without_anybody(world: World) -> None:
    world.send(*make_rows(1000, seed=2, turned=True))
    [run] = until(lambda: ended(world), "the end of a run")
    assert (run["reason"], run["outcome"], run["version"]) == ("quality", "promoted", 2), run
    evidence = run["evidence"]
    assert evidence["model_version"] == 1
    assert 400 <= evidence["labels"] <= 1000
    assert evidence["verdict"]["metrics"]["roc_auc"]["value"] < 0.7
    served = world.served("payments")
    assert served
    assert served["version"] == 2

    # The new version knows the new pattern.
    rows, labels = make_rows(200, seed=3, turned=True)
    path = "/v1/models/payments:predict"
    answer, _ = world.call(world.serving, "POST", path, {"instances": rows})
    right = sum(a == b for a, b in zip(answer["predictions"], labels, strict=True))
    assert right > 140

    said = world.run("status", "payments").stdout
    assert "payments  version 2 is served" in said
    assert "  version 2 " in said
    assert "for quality: promoted; " in said


def test_monitor_that_is_killed_finds_its_run_again(world: World) -> None:
    world.send(*make_rows(1000, seed=2, turned=True))
    [run] = until(lambda: started(world), "a run")
    # A run that finds no monitor starts one itself; this one has found it.
    record = until(lambda: joined(world), "the run's entry as a user of the services")
    monitor = psutil.Process(record["monitor"]["pid"])
    command = monitor.cmdline()
    os.kill(monitor.pid, signal.SIGKILL)
    until(lambda: monitor.status() == psutil.STATUS_ZOMBIE, "its end")
    # As a supervisor would.
    again = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=world.folder
    )
    try:
        until(lambda: answers(world), "the monitor")
        [same] = until(lambda: ended(world), "the end of the run")
        assert (same["id"], same["run"]) == (run["id"], run["run"])
        assert same["outcome"] == "promoted", same
        folders = list((world.state / "retraining").iterdir())
        assert [folder.name for folder in folders] == [run["id"]]
    finally:
        again.terminate()
        again.wait(30)


def test_monitor_that_is_killed_before_its_run_joins_is_started_by_the_run(world: World) -> None:
    world.send(*make_rows(1000, seed=2, turned=True))
    [run] = until(lambda: started(world), "a run")
    assert joined(world) is None
    record = json.loads((world.state / "services.json").read_text())
    os.kill(record["monitor"]["pid"], signal.SIGKILL)
    # At the address that the run's fresh rows are at, and that whoever serves sends events to.
    until(lambda: answers(world), "the monitor")
    [same] = until(lambda: ended(world), "the end of the run")
    assert (same["id"], same["outcome"]) == (run["id"], "promoted"), same


def joined(world: World) -> dict[str, Any] | None:
    record: dict[str, Any] = json.loads((world.state / "services.json").read_text())
    return record if len(record["users"]) == 2 else None


def answers(world: World) -> bool:
    try:
        world.decisions()
    except (OSError, http.client.HTTPException):
        return False
    return True
