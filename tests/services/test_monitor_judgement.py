"""The monitor as a real process judges what a real model's server tells it."""

import io
import json
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

from components.monitor.storage.reader import Reader
from components.monitor.verdicts import DriftVerdict
from tests.bundles import build
from tests.monitors import Monitor, several
from tests.serving import ServerProcess, wait_for
from tests.watched import Watched

SECONDS = 60
KEY = ("churn", "3")
Make = Callable[..., Watched]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("bundles") / "binary", "binary").folder


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Monitor]]:
    with several(tmp_path) as start:
        yield lambda name: start(name=name)


@pytest.fixture
def read() -> Iterator[Callable[[Monitor], Reader]]:
    opened: list[Reader] = []

    def open_reader(monitor: Monitor) -> Reader:
        opened.append(Reader(monitor.store))
        return opened[-1]

    yield open_reader
    for reader in opened:
        reader.close()


def send(monitor: Monitor, events: list[dict[str, Any]], batch: int = 250) -> None:
    for at in range(0, len(events), batch):
        part = events[at : at + batch]
        assert monitor.events(*part)[0] == 200


def settled(reader: Reader, rows: int) -> DriftVerdict:
    """Waits until so many rows are in chunks, and the newest of them judged."""

    def look() -> DriftVerdict | None:
        chunks = reader.chunks("churn", 3, newest=100_000)
        verdicts = reader.verdicts("churn", 3, "drift-rows", newest=1)
        done = sum(chunk.rows for chunk in chunks) >= rows and verdicts
        return verdicts[0] if done and verdicts[0].end == chunks[-1].end else None

    found = wait_for(look, SECONDS)
    assert found is not None
    verdict: DriftVerdict = found
    return verdict


def test_judgement_loop_from_ok_to_drift_and_falling_quality(
    run: Callable[[str], Monitor], read: Callable[[Monitor], Reader], bundle: Path
) -> None:
    model = Watched(bundle, window=1000, quality={"accuracy": {"min": 0.85}})
    monitor, started = run("loop"), time.time()
    assert monitor.register(3, model.registration())[0] == 201
    fine = model.events(3000, "fine", start=started - 300)
    send(monitor, fine)
    reader = read(monitor)
    verdict = settled(reader, 3000)
    assert (verdict.status, verdict.rows) == ("ok", 1000)
    found = monitor.samples()
    assert found["kubeloop_drift_level", (*KEY, "rows")] == 0
    assert found["kubeloop_drifted_features_ratio", KEY] == 0
    assert found["kubeloop_drift_evaluated_timestamp_seconds", KEY] >= int(started)
    assert [found["kubeloop_feature_drifted", (f, *KEY)] for f in ("age", "income", "city")] == [
        0,
        0,
        0,
    ]

    assert monitor.post("/v1/feedback", model.labels(fine[:1000], wrong=0.08))[0] == 200
    quality = wait_for(lambda: reader.verdicts("churn", 3, "quality", newest=1), SECONDS)
    assert (quality[0].status, quality[0].rows) == ("ok", 1000)
    found = monitor.samples()
    metric = ("accuracy", *KEY)
    low, value, high = (
        found[f"kubeloop_model_quality{name}", metric]
        for name in ("_lower_bound", "", "_upper_bound")
    )
    assert low < value < high
    assert value == pytest.approx(0.92, abs=0.03)
    assert found["kubeloop_model_quality_threshold", metric] == 0.85
    assert found["kubeloop_model_quality_baseline", metric] == 0.9
    assert found["kubeloop_feedback_labels_total", KEY] == 1000

    shifted = model.events(1000, "shifted", older=15, start=started)
    send(monitor, shifted)
    verdict = settled(reader, 4000)
    assert verdict.status == "critical"
    assert [name for name, column in verdict.features.items() if column.drifted] == ["age"]
    found = monitor.samples()
    assert found["kubeloop_feature_drifted", ("age", *KEY)] == 1
    assert found["kubeloop_feature_drifted", ("city", *KEY)] == 0
    psi, limit = (
        found["kubeloop_feature_psi", ("age", *KEY)],
        ("kubeloop_feature_psi_threshold", KEY),
    )
    assert psi > found[limit] == 0.2

    assert monitor.post("/v1/feedback", model.labels(shifted, wrong=0.4))[0] == 200

    def fallen() -> bool:
        [latest] = reader.verdicts("churn", 3, "quality", newest=1)
        return latest.status == "critical"

    assert wait_for(fallen, SECONDS)
    found = monitor.samples()
    assert found["kubeloop_model_quality_level", metric] == 2
    assert found["kubeloop_model_quality_upper_bound", metric] < 0.85
    assert (
        found["kubeloop_model_error_cusum", KEY]
        > found["kubeloop_model_error_cusum_threshold", KEY]
    )
    assert monitor.stop() == 0


def test_judgement_killed_again_and_again_chunks_and_verdicts_are_the_same(
    run: Callable[[str], Monitor], read: Callable[[Monitor], Reader], bundle: Path
) -> None:
    model = Watched(bundle, window=200)
    now = time.time()
    events = model.events(1500, "a", start=now - 300) + model.events(
        500, "b", older=15, start=now - 100
    )
    whole, killed = run("whole"), run("killed")
    for monitor in (whole, killed):
        assert monitor.register(3, model.registration())[0] == 201
    send(whole, events, 100)
    stop = threading.Event()

    def kill() -> None:
        moments = random.Random(5)
        for _ in range(8):
            if stop.wait(moments.uniform(0.3, 1.2)):
                return
            killed.process.send_signal(signal.SIGKILL)
            killed.process.wait(10)
            killed.start()

    killer = threading.Thread(target=kill)
    killer.start()
    for at in range(0, len(events), 50):
        # Sent again until it is acknowledged, as a server does.
        while True:
            try:
                if killed.events(*events[at : at + 50])[0] == 200:
                    break
            except OSError:
                time.sleep(0.05)
        time.sleep(0.1)
    stop.set()
    killer.join()
    readers = [read(whole), read(killed)]
    last = [replace(settled(reader, 2000), judged=0) for reader in readers]
    assert last[0] == last[1]
    assert last[0].status == "critical"
    expected, found = (reader.chunks("churn", 3, newest=1000) for reader in readers)
    assert found == expected
    assert [chunk.rows for chunk in found] == [20] * 100
    # Whichever windows were judged, the same ones say the same.
    judged = [
        {
            v.end: replace(v, judged=0)
            for v in reader.verdicts("churn", 3, "drift-rows", newest=1000)
        }
        for reader in readers
    ]
    both = judged[0].keys() & judged[1].keys()
    assert {end: judged[0][end] for end in both} == {end: judged[1][end] for end in both}
    log = killed.log.read_text()
    assert "Traceback" not in log


def test_judgement_of_a_real_servers_events(
    run: Callable[[str], Monitor], read: Callable[[Monitor], Reader], bundle: Path
) -> None:
    model = Watched(bundle, window=50)
    monitor = run("served")
    assert monitor.register(3, model.registration())[0] == 201
    options = ("--bundle", str(bundle), "--version", "3")
    server = ServerProcess(*options, "--monitor", f"http://127.0.0.1:{monitor.port}")
    try:
        for at in range(60):
            row = {"age": 20 + at, "income": 1500.0, "city": "Bern", "plan": "basic"}
            assert server.predict("churn", [row]).status_code == 200
    finally:
        server.stop()
    verdict = settled(read(monitor), 50)
    assert verdict.rows >= 50
    assert verdict.features["city"].drifted
    assert 0 < verdict.latency["0.5"] <= verdict.latency["0.99"] < 5


def get_labelled(monitor: Monitor, **span: str) -> tuple[int, bytes]:
    query = "&".join(f"{name}={quote(value)}" for name, value in span.items())
    status, body, _ = monitor.send("GET", f"/v1/models/churn/labelled.parquet?{query}")
    return status, body


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def test_labelled_rows_arrive_once_over_consecutive_spans(
    run: Callable[[str], Monitor], bundle: Path
) -> None:
    model, monitor, now = Watched(bundle), run("labelled"), time.time()
    assert monitor.register(3, model.registration())[0] == 201
    events = model.events(300, "a", start=now - 100)
    send(monitor, events)
    labels = model.labels(events)
    assert monitor.post("/v1/feedback", labels[:200])[0] == 200
    status, body, headers = monitor.send("GET", "/v1/models/churn/labelled.parquet")
    assert (status, headers["content-type"]) == (200, "application/vnd.apache.parquet")
    first = pq.read_table(io.BytesIO(body))
    assert first.column_names == [
        *("age", "income", "city", "plan"),
        *("Churn", "kubeloop_time", "kubeloop_id"),
    ]
    until = headers["kubeloop-until"]
    assert monitor.post("/v1/feedback", labels[200:])[0] == 200
    status, body = get_labelled(monitor, since=until)
    assert status == 200
    second = pq.read_table(io.BytesIO(body))
    ids = first["kubeloop_id"].to_pylist() + second["kubeloop_id"].to_pylist()
    assert ids == [event["id"] for event in events]
    truth = {label["id"]: label["label"] for label in labels}
    assert first["Churn"].to_pylist() == [truth[i] for i in first["kubeloop_id"].to_pylist()]
    ages = [event["data"]["features"]["age"][0] for event in events]
    assert first["age"].to_pylist() == ages[:200]
    status, body = get_labelled(monitor, since=until, until=until)
    assert (status, pq.read_table(io.BytesIO(body)).num_rows) == (200, 0)


def test_labelled_wrong_calls_get_a_sentence(run: Callable[[str], Monitor], bundle: Path) -> None:
    model, monitor, now = Watched(bundle), run("wrong"), time.time()
    status, body = get_labelled(monitor)
    assert (status, json.loads(body)) == (
        404,
        {"error": "no version of model 'churn' is registered"},
    )
    monitor.register(3, model.registration())
    status, body = get_labelled(monitor, since="yesterday", until=stamp(now + 3600))
    answer = json.loads(body)
    assert (status, answer["reason"], answer["problem_count"]) == (400, "invalid", 2)
    assert [problem["field"] for problem in answer["problems"]] == ["since", "until"]
    status, body = get_labelled(monitor, since=stamp(now), until=stamp(now - 60))
    assert status == 400
    assert "a time before until" in json.loads(body)["error"]
    # A '+' that is not quoted is a blank.
    status, body, _ = monitor.send(
        "GET", "/v1/models/churn/labelled.parquet?since=2026-11-20T12:00:00+00:00"
    )
    assert status == 400
    assert "'+' is %2B here" in json.loads(body)["error"]
    assert get_labelled(monitor, since="2026-11-20T12:00:00Z")[0] == 200


def test_labelled_clients_that_leave_make_room_for_others(
    run: Callable[[str], Monitor], bundle: Path
) -> None:
    model, monitor = Watched(bundle), run("left")
    monitor.register(3, model.registration())
    events = model.events(2000, "a", rows=10, start=time.time() - 500)
    send(monitor, events)
    labels = [{"id": f"{e['id']}:{row}", "label": "No"} for e in events for row in range(10)]
    for at in range(0, len(labels), 4000):
        assert monitor.post("/v1/feedback", labels[at : at + 4000])[0] == 200
    for _ in range(12):
        connection = monitor.connect()
        connection.request("GET", "/v1/models/churn/labelled.parquet")
        connection.close()
    assert wait_for(lambda: get_labelled(monitor)[0] == 200, SECONDS)
    assert all(get_labelled(monitor)[0] == 200 for _ in range(5))
    # A reading that went on for ever would keep the store from folding its log in.
    assert wait_for(lambda: folds(monitor.store), SECONDS)


def folds(store: Path) -> bool:
    """Whether nobody reads an old state of the store."""
    connection = sqlite3.connect(store, timeout=0.1)
    try:
        return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    finally:
        connection.close()
