"""The way from an alert to a run and back, with the monitor and Alertmanager as real processes."""

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow_api import KubeflowApi
from tests.monitors import BUNDLE, JSON, Monitor, prediction, several

TOKEN = "shared-secret-of-this-test"  # noqa: S105
SPEC = {
    "name": "churn",
    "source": ["s3://bucket/rows.parquet"],
    "candidates": ["logistic"],
    "checks": {"min_rows": 5},
    "monitor": {"retrain": {"min_labels": 2, "cooldown_s": 0.0, "every_s": 604800.0}},
}
REFERENCE = {"format": 1, "features": {}}


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.05)
    return found


@pytest.fixture
def kubeflow() -> Iterator[KubeflowApi]:
    api = KubeflowApi()
    yield api
    api.close()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Monitor]]:
    with several(tmp_path) as made:
        yield made


@pytest.fixture
def monitor(start: Callable[..., Monitor], kubeflow: KubeflowApi, token: Path) -> Monitor:
    made = start(
        *("--kubeflow", kubeflow.address, "--address", "http://monitor:9091"),
        *("--alert-token-file", str(token), "--parameter", "registry=http://mlflow:5000"),
    )
    assert register(made, 3) == 201
    events = [prediction(f"p{index}") for index in range(5)]
    assert made.events(*events)[0] == 200
    labels = [{"id": f"p{index}", "label": "No"} for index in range(5)]
    assert made.post("/v1/feedback", labels)[0] == 200
    return made


def register(monitor: Monitor, number: int, run: str = "by-hand") -> int:
    body = {"bundle": {**BUNDLE, "spec": SPEC, "run_id": run}, "reference": REFERENCE}
    return monitor.register(number, body)[0]


def webhook(fingerprint: str = "ab12", status: str = "firing", **labels: str) -> dict[str, Any]:
    named = {"alertname": "KubeloopLowQuality", "model_name": "churn", "model_version": "3"}
    alert = {
        "status": status,
        "labels": named | {"severity": "critical", "retrain": "quality"} | labels,
        "annotations": {"summary": "quality is low"},
        "startsAt": "2026-11-20T12:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": fingerprint,
    }
    return {"version": "4", "status": status, "groupKey": "{}", "alerts": [alert]}


def post_alerts(monitor: Monitor, body: Any, **headers: str) -> tuple[int, Any]:
    shown = {"Content-Type": JSON, "Authorization": f"Bearer {TOKEN}"}
    shown |= {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body)
    status, answer, _ = monitor.send("POST", "/alerts", raw, shown)
    return status, json.loads(answer)


def decisions(monitor: Monitor) -> list[dict[str, Any]]:
    status, document = monitor.get("/v1/models/churn/retraining")
    assert status == 200
    found: list[dict[str, Any]] = document["decisions"]
    return found


def test_alert_starts_one_run_that_outlives_a_kill_and_ends_once(
    monitor: Monitor, kubeflow: KubeflowApi
) -> None:
    assert post_alerts(monitor, webhook()) == (200, {"new": 1, "known": 0})
    until(lambda: kubeflow.runs, "a run")
    [run] = kubeflow.runs.values()
    parameters = run["runtime_config"]["parameters"]
    assert json.loads(parameters["spec"]) == SPEC
    assert parameters["registry"] == "http://mlflow:5000"
    assert parameters["fresh"].startswith("http://monitor:9091/v1/models/churn/labelled.parquet?")
    [decided] = until(lambda: [d for d in decisions(monitor) if d["run"]], "the run's name")
    assert (decided["reason"], decided["outcome"]) == ("quality", "started")
    assert decided["evidence"]["alerts"][0]["name"] == "KubeloopLowQuality"
    assert decided["evidence"]["labels"] == 5

    assert monitor.stop(signal.SIGKILL) == -signal.SIGKILL
    run["state"] = "SUCCEEDED"
    monitor.start()
    # What deploy does before it moves traffic; the run's id is in the bundle.
    register(monitor, 4, run=parameters["run_id"])
    [ended] = until(lambda: [d for d in decisions(monitor) if d["ended"]], "its end")
    assert ended["id"] == decided["id"]
    assert ended["outcome"] in ("promoted", "not_approved")
    monitor.stop(signal.SIGKILL)
    monitor.start()
    post_alerts(monitor, webhook(status="resolved"))
    assert [d["ended"] for d in decisions(monitor)] == [ended["ended"]]
    assert len(kubeflow.runs) == 1


def test_run_that_registered_a_version_is_promoted(monitor: Monitor, kubeflow: KubeflowApi) -> None:
    post_alerts(monitor, webhook())
    [run] = until(lambda: list(kubeflow.runs.values()), "a run")
    until(lambda: decisions(monitor)[0]["run"], "the run's name")
    started = monitor.samples()["kubeloop_retraining_started_timestamp_seconds", ("churn",)]
    assert abs(started - time.time()) < 600
    register(monitor, 4, run=run["display_name"])
    monitor.stop(signal.SIGKILL)
    run["state"] = "SUCCEEDED"
    monitor.start()
    [ended] = until(lambda: [d for d in decisions(monitor) if d["ended"]], "its end")
    assert (ended["outcome"], ended["version"]) == ("promoted", 4)
    found = monitor.samples()
    assert found["kubeloop_retraining_runs_total", ("churn", "quality", "promoted")] == 1
    assert found["kubeloop_retraining_runs_total", ("churn", "drift", "failed")] == 0
    assert found["kubeloop_retraining_last_timestamp_seconds", ("churn", "promoted")] > 1.7e9
    assert ("kubeloop_retraining_started_timestamp_seconds", ("churn",)) not in found
    assert found["kubeloop_retraining_interval_seconds", ("churn",)] == 604800
    # The alert is about version 3, which answers no more.
    monitor.events(prediction("q1", version=4), prediction("q2", version=4))
    assert post_alerts(monitor, webhook())[0] == 200
    assert monitor.get("/v1/models/churn")[1]["alerts"][0]["status"] == "firing"
    assert len(decisions(monitor)) == 1


def test_storm_of_alerts_is_stored_and_starts_one_run(
    monitor: Monitor, kubeflow: KubeflowApi
) -> None:
    body = webhook()
    body["alerts"] = [{**body["alerts"][0], "fingerprint": f"{index:x}"} for index in range(2000)]
    for _ in range(3):
        assert post_alerts(monitor, body)[0] == 200
    until(lambda: kubeflow.runs, "a run")
    until(lambda: decisions(monitor)[0]["run"], "the run's name")
    assert len(decisions(monitor)) == len(kubeflow.runs) == 1
    assert decisions(monitor)[0]["evidence"]["alert_count"] == 1000
    assert monitor.samples()["kubeloop_monitor_alerts_total", ("firing",)] == 6000


@pytest.mark.parametrize(
    ("headers", "body", "status", "reason"),
    [
        ({"Authorization": ""}, webhook(), 401, "unauthorized"),
        ({"Authorization": "Bearer forged"}, webhook(), 401, "unauthorized"),
        ({"Authorization": "Bearer forged"}, b"x" * 20_000_000, 401, "unauthorized"),
        ({"Content_Type": "text/plain"}, webhook(), 415, "content_type"),
        ({}, b"{", 400, "malformed"),
        ({}, webhook("not hexadecimal"), 400, "invalid"),
        ({}, {**webhook(), "version": "3"}, 400, "invalid"),
        ({}, b'{"a": "' + b"x" * 20_000_000 + b'"}', 413, "too_large"),
    ],
    ids=["no-token", "forged", "forged-large", "type", "json", "alert", "version", "large"],
)
def test_forged_or_broken_webhook_is_refused_and_counted(
    monitor: Monitor,
    kubeflow: KubeflowApi,
    headers: dict[str, str],
    body: Any,
    status: int,
    reason: str,
) -> None:
    try:
        found, answer = post_alerts(monitor, body, **headers)
    except ConnectionError:
        # The answer came before the body was through, and the connection went with it.
        assert len(body) > 1_000_000
    else:
        assert (found, answer["reason"]) == (status, reason)
    counted = until(
        lambda: monitor.samples()["kubeloop_monitor_alerts_rejected_total", (reason,)],
        "the counter",
    )
    assert counted == 1
    assert monitor.get("/v1/models/churn")[1]["alerts"] == []
    assert decisions(monitor) == []
    assert kubeflow.runs == {}


def test_person_asks_with_the_token_and_is_told_why_not(
    monitor: Monitor, kubeflow: KubeflowApi
) -> None:
    path = "/v1/models/churn/retraining"
    assert monitor.post(path, {"reason": "manual"})[0] == 401
    headers = {"Content-Type": JSON, "Authorization": f"Bearer {TOKEN}"}
    for body in ({}, [], {"reason": "drift"}, {"reason": "manual", "more": 1}):
        assert monitor.send("POST", path, json.dumps(body), headers)[0] == 400
    asked = json.dumps({"reason": "manual"})
    status, answer, _ = monitor.send("POST", path, asked, headers)
    made = json.loads(answer)
    assert (status, made["outcome"], made["reason"]) == (202, "started", "manual")
    status, answer, _ = monitor.send("POST", path, asked, headers)
    assert (status, json.loads(answer)["evidence"]["code"]) == (409, "under_way")
    unknown = monitor.send("POST", "/v1/models/none/retraining", asked, headers)
    assert unknown[0] == 404
    assert monitor.get("/v1/models/none/retraining")[0] == 404
    assert len(kubeflow.runs) == 1
    rules = monitor.get(path)[1]
    assert (rules["runner"], rules["by"]) == ("kubeflow", "alerts")
    assert rules["rules"]["min_labels"] == 2


def test_monitor_without_a_runner_says_so(start: Callable[..., Monitor]) -> None:
    made = start()
    register(made, 3)
    status, answer = made.post("/v1/models/churn/retraining", {"reason": "manual"})
    assert (status, answer["reason"]) == (409, "conflict")
    assert "start it with --state DIR" in answer["error"]
    assert made.post("/alerts", webhook())[0] == 403


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kubeflow", "http://kfp:8888"], "--kubeflow needs --address URL"),
        (["--kubeflow", "kfp", "--address", "http://m"], "--kubeflow 'kfp': expected http://HOST"),
        (["--address", "m:9091"], "--address 'm:9091': expected http://HOST:PORT"),
        (["--alert-token-file", "/none"], "token file '/none' cannot be used"),
        (
            ["--kubeflow", "http://k", "--address", "http://m", "--parameter", "fresh=x"],
            "--parameter 'fresh': expected NAME=VALUE",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_at_the_start(
    tmp_path: Path, options: list[str], said: str
) -> None:
    import sys

    call = [sys.executable, "-m", "components.monitor.service", "--port", "0"]
    call += ["--store", str(tmp_path / "m.db"), *options]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def alertmanager(tmp_path: Path, monitor: Monitor) -> Iterator[str]:
    """A real Alertmanager that posts to the monitor with the token; yields its address."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        pytest.skip("needs Alertmanager: apt-get install prometheus-alertmanager")
    (tmp_path / "am-token").write_text(TOKEN)
    (tmp_path / "alertmanager.yml").write_text(
        f"""
route: {{receiver: monitor, group_by: [alertname, model_name], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: monitor
    webhook_configs:
      - url: http://127.0.0.1:{monitor.port}/alerts
        send_resolved: true
        http_config:
          authorization: {{type: Bearer, credentials_file: {tmp_path}/am-token}}
"""
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, f"--config.file={tmp_path}/alertmanager.yml"]
    command += [f"--storage.path={tmp_path}/am", "--cluster.listen-address="]
    command += [f"--web.listen-address=127.0.0.1:{port}"]
    with (tmp_path / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


def test_alertmanager_starts_a_run_and_its_end_of_an_alert_is_kept(
    monitor: Monitor, kubeflow: KubeflowApi, alertmanager: str
) -> None:
    import httpx

    labels = webhook()["alerts"][0]["labels"]
    alert = {"labels": labels, "annotations": {"summary": "quality is low"}}

    def post(body: dict[str, Any]) -> bool:
        try:
            answer = httpx.post(f"{alertmanager}/api/v2/alerts", json=[body], trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    until(lambda: post(alert), "Alertmanager")
    until(lambda: kubeflow.runs, "a run")
    [stored] = monitor.get("/v1/models/churn")[1]["alerts"]
    assert (stored["status"], stored["name"]) == ("firing", "KubeloopLowQuality")
    assert stored["annotations"] == {"summary": "quality is low"}
    assert (stored["labels"], stored["ends_at"]) == (labels, None)
    now = datetime.now(UTC).isoformat()
    assert post({**alert, "startsAt": stored["starts_at"], "endsAt": now})

    def resolved() -> bool:
        [found] = monitor.get("/v1/models/churn")[1]["alerts"]
        return bool(found["status"] == "resolved" and found["ends_at"])

    until(resolved, "the end of the alert")
    assert len(decisions(monitor)) == len(kubeflow.runs) == 1
