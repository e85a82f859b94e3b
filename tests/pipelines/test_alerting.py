"""The rules and routes of the manifests on one machine, by the programs that run them."""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.errors import StateError
from pipelines import alerting
from pipelines.alerting import Machine, write_configuration
from tests.serving import wait_for

# Debian's name, and its own.
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
needs_programs = pytest.mark.skipif(
    None in (ALERTMANAGER, *map(shutil.which, ("prometheus", "promtool", "amtool"))),
    reason="Prometheus or Alertmanager is not installed (Debian: prometheus, "
    "prometheus-alertmanager): their configuration is not shown to work",
)
MACHINE = Machine(("127.0.0.1:8080", "127.0.0.1:9091"), "127.0.0.1:9091", "127.0.0.1:9093")
LABELS = 'model_name="churn", model_version="3"'
DRIFTED = f"""\
# TYPE kubeloop_monitor_queue_requests gauge
kubeloop_monitor_queue_requests 0
# TYPE kubeloop_feature_psi gauge
kubeloop_feature_psi{{{LABELS}, feature="age"}} 0.41
# TYPE kubeloop_feature_psi_threshold gauge
kubeloop_feature_psi_threshold{{{LABELS}}} 0.2
# TYPE kubeloop_feature_drifted gauge
kubeloop_feature_drifted{{{LABELS}, feature="age"}} 1
# TYPE kubeloop_retraining_last_timestamp_seconds gauge
kubeloop_retraining_last_timestamp_seconds{{model_name="churn", result="failed"}} 5
"""


def check(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@needs_programs
@pytest.mark.parametrize("told", [False, True], ids=["nobody", "people"])
def test_write_configuration_is_what_the_programs_take(told: bool, tmp_path: Path) -> None:
    for name in ("token", "people"):
        (tmp_path / name).write_text("http://127.0.0.1:1/", encoding="utf-8")
    machine = Machine(
        MACHINE.targets,
        MACHINE.monitor,
        MACHINE.alertmanager,
        token=tmp_path / "token" if told else None,
        people=tmp_path / "people" if told else None,
    )
    files = write_configuration(tmp_path, machine)
    check("promtool", "check", "config", str(files.prometheus))
    check("amtool", "check-config", str(files.alertmanager))
    names = [receiver["name"] for receiver in read(files.alertmanager)["receivers"]]
    assert names == ["nobody", *(["people"] if told else []), "monitor"]


def test_write_configuration_keeps_the_rules_and_hastens_what_waits(tmp_path: Path) -> None:
    write_configuration(tmp_path, MACHINE)
    plain = read(tmp_path / "rules.yml")["groups"]
    write_configuration(tmp_path, MACHINE, hasten=60)
    fast = read(tmp_path / "rules.yml")["groups"]
    manifests = sorted(alerting.MANIFESTS.glob("prometheus-rule*.yaml"))
    assert [g["name"] for g in plain] == [
        g["name"] for path in manifests for g in read(path)["spec"]["groups"]
    ]
    rules = {r["alert"]: r for group in plain for r in group["rules"] if "alert" in r}
    hastened = {r["alert"]: r for group in fast for r in group["rules"] if "alert" in r}
    drift = "KubeloopFeatureDrift"
    assert (rules[drift]["for"], rules[drift]["keep_firing_for"]) == ("300000ms", "900000ms")
    assert (hastened[drift]["for"], hastened[drift]["keep_firing_for"]) == ("5000ms", "15000ms")
    assert {n: r["expr"] for n, r in rules.items()} == {n: r["expr"] for n, r in hastened.items()}
    routes = read(tmp_path / "alertmanager.yml")["route"]["routes"]
    assert [route["group_wait"] for route in routes] == ["500ms"]


def test_write_configuration_no_secret_is_written(tmp_path: Path) -> None:
    for name in ("token", "people"):
        (tmp_path / name).write_text(f"https://example.com/secret-{name}", encoding="utf-8")
    machine = Machine(
        MACHINE.targets,
        MACHINE.monitor,
        MACHINE.alertmanager,
        token=tmp_path / "token",
        people=tmp_path / "people",
    )
    write_configuration(tmp_path, machine)
    for path in tmp_path.glob("*.yml"):
        assert "secret-" not in path.read_text(encoding="utf-8")


def test_write_configuration_without_the_manifests_says_where_they_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "MANIFESTS", tmp_path / "none")
    with pytest.raises(StateError, match=r"no prometheus-rule\*\.yaml in '.*none'"):
        write_configuration(tmp_path, MACHINE)


class Stand:
    """A monitor and a chat on loopback: metrics to scrape, and what was posted by whom."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, str | None, dict[str, Any]]] = []
        stand = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(DRIFTED.encode(), "text/plain; version=0.0.4")

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stand.posted.append((self.path, self.headers["Authorization"], body))
                self._answer(b"ok", "text/plain")

            def _answer(self, body: bytes, content_type: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def to(self, path: str) -> list[tuple[str | None, dict[str, Any]]]:
        return [(token, body) for where, token, body in self.posted if where == path]


@pytest.fixture
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., None]]:
    running: list[subprocess.Popen[bytes]] = []

    def run(*command: str) -> None:
        log = (tmp_path / f"{Path(command[0]).name}.log").open("wb")
        with log:
            running.append(subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log))

    yield run
    for process in running:
        process.terminate()
    for process in running:
        process.wait(20)


def free_address() -> str:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@needs_programs
def test_drift_reaches_monitor_and_people_through_prometheus_and_alertmanager(
    stand: Stand, start: Callable[..., None], tmp_path: Path
) -> None:
    alertmanager, prometheus = free_address(), free_address()
    (tmp_path / "token").write_text("shown-to-the-monitor", encoding="utf-8")
    (tmp_path / "people").write_text(f"http://{stand.address}/chat", encoding="utf-8")
    machine = Machine(
        [stand.address], stand.address, alertmanager, tmp_path / "token", tmp_path / "people"
    )
    files = write_configuration(tmp_path, machine, interval_s=0.25, hasten=1000)
    assert ALERTMANAGER is not None
    start(
        ALERTMANAGER,
        f"--config.file={files.alertmanager}",
        f"--web.listen-address={alertmanager}",
        f"--storage.path={tmp_path / 'silences'}",
        "--cluster.listen-address=",
    )
    start(
        "prometheus",
        f"--config.file={files.prometheus}",
        f"--web.listen-address={prometheus}",
        f"--storage.tsdb.path={tmp_path / 'series'}",
    )

    def told() -> bool:
        chats = json.dumps([body for _, body in stand.to("/chat")])
        return bool(stand.to("/alerts")) and "RetrainingFailing" in chats and "Drift" in chats

    assert wait_for(told, 60), (tmp_path / "prometheus.log").read_text()
    shown, body = stand.to("/alerts")[0]
    assert shown == "Bearer shown-to-the-monitor"
    assert body["version"] == "4"
    assert {alert["labels"]["alertname"] for alert in body["alerts"]} == {"KubeloopFeatureDrift"}
    labels = body["alerts"][0]["labels"]
    assert (labels["model_name"], labels["model_version"]) == ("churn", "3")
    assert (labels["retrain"], labels["severity"]) == ("drift", "warning")
    assert "age 0.41" in body["alerts"][0]["annotations"]["description"]
    chats = json.dumps([sent for _, sent in stand.to("/chat")])
    assert "churn: its last training run failed" in chats
