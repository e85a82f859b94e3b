"""The monitor as a real process, spoken to over HTTP as its clients do."""

import http.client
import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.monitors import (
    BATCH,
    BUNDLE,
    JSON,
    REGISTRATION,
    STRUCTURED,
    Monitor,
    prediction,
    several,
)
from tests.serving import wait_for

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Monitor]]:
    with several(tmp_path) as start:
        yield start


@pytest.fixture
def monitor(run: Callable[..., Monitor]) -> Monitor:
    return run()


def test_loop_events_feedback_and_counts(monitor: Monitor) -> None:
    assert monitor.register() == (201, {"name": "churn", "version": 3})
    assert monitor.post("/v1/feedback", {"id": "late", "label": "No"}) == (
        200,
        {"accepted": 1, "joined": 0, "pending": 1, "duplicate": 0, "corrected": 0},
    )
    two = prediction(
        "two",
        features={"tenure": [1.0, None]},
        labels=["Yes", "No"],
        probabilities=[[0.1, 0.9], [0.8, 0.2]],
        time="2026-11-20T12:00:00Z",
    )
    assert monitor.events(prediction("late"), two) == (200, {"stored": 2, "duplicate": 0})
    assert monitor.events(two) == (200, {"stored": 0, "duplicate": 1})
    labels = [
        {"id": "two:0", "label": "Yes", "time": "2026-11-20T13:00:00Z"},
        {"id": "two:0", "label": "No", "time": "2026-11-20T14:00:00Z"},
        {"id": "two:1", "label": "No"},
        {"id": "two:1", "label": "No"},
        {"id": "unknown", "label": "No"},
    ]
    assert monitor.post("/v1/feedback", labels) == (
        200,
        {"accepted": 5, "joined": 2, "pending": 1, "duplicate": 1, "corrected": 1},
    )
    status, model = monitor.get("/v1/models/churn")
    assert status == 200
    counts = {
        "name": "churn",
        "versions": [
            {
                "version": 3,
                "registered": True,
                "task": "binary",
                "events": 2,
                "events_without_features": 0,
                "predictions": 3,
                "labelled": 3,
                "duplicates": 1,
                "first_event": "2026-11-20T12:00:00.000000Z",
                "last_event": "2026-11-20T12:00:00.000000Z",
            }
        ],
    }
    assert model == {**counts, "verdicts": {}, "alerts": [], "retraining": []}
    assert monitor.get("/v1/models") == (200, {"models": [counts]})


def test_post_events_every_form_accepted(monitor: Monitor) -> None:
    event = prediction("binary")
    headers = {f"ce-{key}": str(event[key]) for key in ("specversion", "id", "type", "source")}
    body = json.dumps(event["data"])
    status, answer, _ = monitor.send("POST", "/", body, headers | {"Content-Type": JSON})
    assert (status, json.loads(answer)["stored"]) == (200, 1)
    assert monitor.post("/", prediction("structured"), STRUCTURED)[1]["stored"] == 1
    assert monitor.post("/events", [prediction("batched")], BATCH)[1]["stored"] == 1
    agent = {
        "ce-specversion": "1.0",
        "ce-id": "agent",
        "ce-source": "http://localhost:9081/",
        "ce-inferenceservicename": "churn",
        "Content-Type": JSON,
    }
    for kind, content in (
        ("response", {"predictions": ["Yes"]}),
        ("request", {"instances": [[1]]}),
    ):
        headers = agent | {"ce-type": f"org.kubeflow.serving.inference.{kind}"}
        assert monitor.send("POST", "/", json.dumps(content), headers)[0] == 200
    assert [v["events"] for v in monitor.get("/v1/models/churn")[1]["versions"]] == [2, 3]


def test_post_events_private_and_unknown_columns_never_reach_the_disk(monitor: Monitor) -> None:
    monitor.register()
    features = {"tenure": [1.0], "email": ["SECRET@private"], "notes": ["SECRET note"]}
    assert monitor.events(prediction("a", features=features))[0] == 200
    early = prediction("b", version=4, features={"Contract": ["SECRET early"]})
    assert monitor.events(early)[0] == 200
    request = {
        "ce-specversion": "1.0",
        "ce-id": "c",
        "ce-source": "/s",
        "ce-type": "org.kubeflow.serving.inference.request",
        "ce-inferenceservicename": "churn",
        "Content-Type": JSON,
    }
    body = json.dumps({"instances": [{"email": "SECRET agent"}]})
    assert monitor.send("POST", "/", body, request)[0] == 200
    files = sorted(monitor.store.parent.glob("monitor-0*"))
    assert any(path.name.endswith("-wal") for path in files)
    assert not [path.name for path in files if b"SECRET" in path.read_bytes()]
    connection = sqlite3.connect(monitor.store)
    rows = connection.execute("SELECT id, features FROM events ORDER BY id").fetchall()
    connection.close()
    assert rows == [("a", '{"tenure":[1.0]}'), ("b", None), ("c", None)]


def test_post_events_unregistered_version_kept_and_counted(monitor: Monitor) -> None:
    assert monitor.events(prediction("a"))[0] == 200
    key = ("unregistered", "unregistered", "prediction")
    assert monitor.samples()["kubeloop_events_total", key] == 1
    [version] = monitor.get("/v1/models/churn")[1]["versions"]
    assert (version["registered"], version["events_without_features"]) == (False, 1)
    monitor.register()
    monitor.events(prediction("b"))
    [version] = monitor.get("/v1/models/churn")[1]["versions"]
    assert (version["registered"], version["events"]) == (True, 2)
    found = monitor.samples()
    assert found["kubeloop_events_total", key] == 1
    assert found["kubeloop_events_total", ("churn", "3", "prediction")] == 1


def test_post_events_one_wrong_in_a_batch_nothing_stored_all_named(monitor: Monitor) -> None:
    monitor.register()
    status, answer = monitor.events(
        prediction("good"),
        prediction("bad", labels=["SECRET"]),
        prediction("worse", features={"tenure": ["SECRET"]}),
        prediction("other") | {"type": "com.example.other"},
    )
    assert status == 400
    found = [(p["index"], p["id"], p["field"]) for p in answer["problems"]]
    assert found == [
        (1, "bad", "data.labels"),
        (2, "worse", "data.features.tenure"),
        (3, "other", "type"),
    ]
    assert "SECRET" not in json.dumps(answer)
    assert monitor.get("/v1/models/churn")[1]["versions"][0]["events"] == 0
    assert monitor.samples()["kubeloop_events_rejected_total", ("invalid",)] == 1
    assert "SECRET" not in monitor.log.read_text()


def test_post_feedback_wrong_label_refused_and_named(monitor: Monitor) -> None:
    monitor.register()
    monitor.events(prediction("a"), prediction("b"))
    labels = [{"id": "a", "label": "Yes"}, {"id": "b:0", "label": "Perhaps"}]
    status, answer = monitor.post("/v1/feedback", labels)
    assert status == 400
    assert answer["problems"] == [
        {
            "index": 1,
            "id": "b:0",
            "field": "label",
            "expected": 'one of the classes of \'churn\' version 3: "No", "Yes"',
        }
    ]
    assert monitor.get("/v1/models/churn")[1]["versions"][0]["labelled"] == 0
    found = monitor.samples()
    assert found["kubeloop_monitor_feedback_total", ("refused",)] == 2
    assert monitor.post("/v1/feedback", labels[0])[1]["joined"] == 1


def test_put_version_repeated_known_and_changed_conflict(monitor: Monitor) -> None:
    assert monitor.register()[0] == 201
    assert monitor.register()[0] == 200
    status, answer = monitor.register(body=REGISTRATION | {"bundle": BUNDLE | {"runtime": "skops"}})
    assert status == 409
    assert answer["error"].startswith("version 3 of 'churn' is registered with other content")
    assert monitor.register(name="other")[1]["problems"][0]["field"] == "bundle.name"
    assert monitor.register("x")[1]["problems"][0]["field"] == "V"


def test_put_version_deep_reference_taken_or_refused_never_fatal(monitor: Monitor) -> None:
    for number, depth, status in ((1, 300, 201), (2, 200_000, 400)):
        nested = "[" * depth + "]" * depth
        body = json.dumps(REGISTRATION)[:-2] + f', "extra": {nested}}}}}'
        path = f"/v1/models/churn/versions/{number}"
        assert monitor.send("PUT", path, body, {"Content-Type": JSON})[0] == status
    assert monitor.stop() == 0
    monitor.start()
    assert len(monitor.get("/v1/models/churn")[1]["versions"]) == 1


BOMB = b"[" * 1_000_000


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "status", "says"),
    [
        ("POST", "/events", b"{", BATCH, 400, "the body is not JSON: Expecting property name"),
        ("POST", "/events", BOMB, BATCH, 400, "nested too deeply"),
        ("POST", "/events", BOMB, STRUCTURED, 400, "nested too deeply"),
        ("POST", "/events", b"{}", BATCH, 400, "must be a JSON array of events"),
        ("POST", "/events", b"[1]", BATCH, 400, "item 0, event: expected a JSON object"),
        ("POST", "/events", b"\xff\xfe", BATCH, 400, "byte 0 is not UTF-8"),
        ("POST", "/events", b"[]", "text/plain", 415, "'text/plain' is not supported"),
        ("POST", "/events", b"[]", JSON, 415, "without a ce-specversion header"),
        ("POST", "/v1/feedback", b"[]", "text/csv", 415, "'text/csv' is not supported"),
        ("POST", "/v1/feedback", b"17", JSON, 400, "feedback must be an object"),
        ("POST", "/v1/feedback", BOMB, JSON, 400, "nested too deeply"),
        ("PUT", "/v1/models/churn/versions/1", BOMB, JSON, 400, "nested too deeply"),
        ("PUT", "/v1/models/churn/versions/1", b"1", JSON, 400, "registration refused whole"),
        ("GET", "/v1/models/none", None, JSON, 404, "no version of this model is registered"),
        ("GET", "/nowhere", None, JSON, 404, "there is no such route"),
        ("GET", "/events", None, JSON, 405, "GET is not allowed here"),
    ],
)
def test_bad_request_answered_with_code_and_reason(
    shared: Monitor, method: str, path: str, body: bytes, content_type: str, status: int, says: str
) -> None:
    found, answer, _ = shared.send(method, path, body, {"Content-Type": content_type})
    assert found == status
    assert says in json.loads(answer)["error"]
    assert b"Traceback" not in answer


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    built = Monitor(tmp_path_factory.mktemp("shared") / "events.sqlite3")
    yield built
    log = built.log.read_text()
    assert built.stop() == 0
    assert "Traceback" not in log


def test_body_too_large_refused_413_declared_or_chunked(shared: Monitor) -> None:
    big = b"x" * (17 * 1024 * 1024)
    status, answer, _ = shared.send("POST", "/events", big, {"Content-Type": BATCH})
    assert (status, json.loads(answer)["reason"]) == (413, "too_large")
    pieces = itertools.repeat(b"x" * 1024 * 1024, 18)
    status, answer, _ = shared.send("POST", "/events", pieces, {"Content-Type": BATCH})
    assert status == 413
    assert shared.get("/healthz") == (200, {"status": "ok"})
    assert shared.samples()["kubeloop_monitor_held_bytes", ()] == 0


def test_client_gone_mid_body_service_lives(shared: Monitor) -> None:
    with socket.create_connection(("127.0.0.1", shared.port)) as connection:
        head = f"POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: {BATCH}\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\n[".encode())
        time.sleep(0.1)
    time.sleep(0.1)
    assert shared.get("/healthz")[0] == 200
    assert shared.samples()["kubeloop_monitor_held_bytes", ()] == 0


def test_queue_full_sheds_503_and_loses_nothing_acknowledged(run: Callable[..., Monitor]) -> None:
    monitor = run("--queue", "4")
    lock = sqlite3.connect(monitor.store, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    answers: list[tuple[str, int, str | None]] = []

    def post(identity: str) -> None:
        body = json.dumps([prediction(identity)])
        status, _, headers = monitor.send("POST", "/events", body, {"Content-Type": BATCH})
        answers.append((identity, status, headers["Retry-After"]))

    threads = [threading.Thread(target=post, args=(str(n),)) for n in range(20)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while len(answers) < 12 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert {(status, retry) for _, status, retry in answers} == {(503, "1")}
    lock.execute("ROLLBACK")
    lock.close()
    for thread in threads:
        thread.join()
    accepted = [identity for identity, status, _ in answers if status == 200]
    assert 4 <= len(accepted) <= 8
    [version] = monitor.get("/v1/models/churn")[1]["versions"]
    assert version["events"] == len(accepted)
    found = monitor.samples()
    refused = found["kubeloop_events_rejected_total", ("overloaded",)]
    assert refused == 20 - len(accepted)


def test_readyz_store_locked_503_while_alive(monitor: Monitor) -> None:
    lock = sqlite3.connect(monitor.store, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    status, answer = monitor.get("/readyz")
    assert (status, answer["reason"]) == (503, "store")
    assert monitor.get("/healthz") == (200, {"status": "ok"})
    lock.execute("ROLLBACK")
    lock.close()
    assert monitor.get("/readyz") == (200, {"status": "ready"})


def test_sigkill_under_load_nothing_acknowledged_lost(monitor: Monitor) -> None:
    acknowledged: list[str] = []
    for life in range(4):
        stop = threading.Event()

        def post(name: int, life: int = life, stop: threading.Event = stop) -> None:
            connection = monitor.connect()
            for number in itertools.count():
                identity = f"{life}-{name}-{number}"
                body = json.dumps([prediction(identity)])
                try:
                    connection.request("POST", "/events", body, {"Content-Type": BATCH})
                    response = connection.getresponse()
                    response.read()
                except (OSError, http.client.HTTPException):
                    break
                assert response.status == 200
                acknowledged.append(identity)
            connection.close()

        threads = [threading.Thread(target=post, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        assert wait_for(lambda enough=30 * (life + 1): len(acknowledged) >= enough)
        os.kill(monitor.process.pid, signal.SIGKILL)
        assert monitor.process.wait(10) == -signal.SIGKILL
        for thread in threads:
            thread.join()
        monitor.start()
    [version] = monitor.get("/v1/models/churn")[1]["versions"]
    connection = sqlite3.connect(monitor.store)
    stored = {row[0] for row in connection.execute("SELECT id FROM events")}
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert set(acknowledged) <= stored
    assert version["events"] == len(stored)
    status, answer = monitor.events(*(prediction(identity) for identity in acknowledged))
    assert (status, answer) == (200, {"stored": 0, "duplicate": len(acknowledged)})


def test_restart_store_counters_continue_process_counters_start_anew(monitor: Monitor) -> None:
    monitor.register()
    monitor.events(prediction("a"), prediction("b"), prediction("a"))
    monitor.post("/v1/feedback", [{"id": "a", "label": "Yes"}, {"id": "x", "label": "Yes"}])
    before = monitor.samples()
    assert before["kubeloop_monitor_feedback_total", ("joined",)] == 1
    assert monitor.stop() == 0
    assert not monitor.store.with_name(monitor.store.name + "-wal").exists()
    monitor.start()
    after = monitor.samples()
    version = ("churn", "3")
    expected = {
        ("kubeloop_events_total", (*version, "prediction")): 2,
        ("kubeloop_monitor_events_duplicate_total", version): 1,
        ("kubeloop_monitor_predictions_total", version): 2,
        ("kubeloop_feedback_labels_total", version): 1,
        ("kubeloop_monitor_feedback_pending", ()): 1,
        ("kubeloop_monitor_model_info", (*version, "onnx", "binary")): 1,
        ("kubeloop_monitor_feedback_total", ("joined",)): 0,
    }
    assert {key: after[key] for key in expected} == expected
    assert monitor.register()[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_by_signal_exits_0_with_one_start_line(monitor: Monitor, number: int) -> None:
    idle = monitor.connect()
    idle.request("GET", "/healthz")
    idle.getresponse().read()
    assert monitor.stop(number) == 0
    idle.close()
    lines = monitor.log.read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith(f"monitor listening address=http://127.0.0.1:{monitor.port}")


def test_start_port_taken_exits_1_naming_it(shared: Monitor, tmp_path: Path) -> None:
    call = [sys.executable, "-m", "components.monitor.service", "--port", str(shared.port)]
    call += ["--store", str(tmp_path / "s")]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: cannot listen on '127.0.0.1' port {shared.port}: the port is already taken; "
        "choose another port\n"
    )
    assert not (tmp_path / "s").exists()


def test_start_newer_store_exits_1_with_a_sentence(monitor: Monitor) -> None:
    monitor.stop()
    connection = sqlite3.connect(monitor.store)
    connection.execute("PRAGMA user_version=3")
    connection.close()
    call = [sys.executable, "-m", "components.monitor.service", "--port", str(monitor.port)]
    call += ["--store", str(monitor.store)]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "has format 3, this version reads up to 2: use a newer Kubeloop" in done.stderr
    assert "Traceback" not in done.stderr


def test_import_light_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys, components.monitor.service; "
        "print(sorted({'numpy', 'pandas', 'pydantic', 'kfp', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
