"""Everything that can come in wrong, and a store that fails: a code, a message, a counter, no loss.

What is refused is told by kind, where: bad JSON, content types and sizes of one body in
`test_monitor`, a store that is full, locked or gone in `test_monitor_store`, webhooks in
`test_monitor_retraining`. Here is the rest, on one monitor, whose log is read at the end.
"""

import ctypes
import fcntl
import json
import os
import re
import select
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.monitor.storage.reader import Reader
from components.package.reference import category_counts, number_bins
from tests.monitors import BATCH, BUNDLE, JSON, STRUCTURED, Monitor, prediction
from tests.serving import wait_for

TOKEN = "token-of-the-hostile-suite"  # noqa: S105
PERSON = "SECRET-of-a-person"
"""Stands in every place where a client may put personal data."""

MEBIBYTE = 1024 * 1024
REFERENCE = {
    "format": 1,
    "rows": 100,
    "features": {
        "tenure": number_bins(np.arange(100.0)),
        "Contract": category_counts(["a", "b"] * 50),
    },
    "prediction": category_counts(["Yes", "No"] * 50),
}
VERSION = {
    "bundle": {**BUNDLE, "spec": {"monitor": {"window": 10}}},
    "reference": REFERENCE,
}
EVENTS = "kubeloop_events_rejected_total"
ALERTS = "kubeloop_monitor_alerts_rejected_total"
OTHERS = "kubeloop_monitor_requests_rejected_total"


class Hostile(Monitor):
    """A monitor that remembers what it has acknowledged."""

    def __init__(self, store: Path, *options: str, log: Path | None = None) -> None:
        super().__init__(store, *options, log=log)
        self.acknowledged: set[str] = set()

    def keep(self, *events: dict[str, Any]) -> None:
        """Sends events that must be taken, and from then on be there."""
        status, answer = self.events(*events)
        assert (status, answer["stored"]) == (200, len(events)), answer
        self.acknowledged |= {event["id"] for event in events}

    def counted(self, name: str, *labels: str) -> float:
        return self.samples().get((name, labels), 0.0)

    def stored(self) -> set[str]:
        """The ids that are on the disk."""
        connection = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)
        try:
            return {row[0] for row in connection.execute("SELECT id FROM events")}
        finally:
            connection.close()

    def assert_unharmed(self) -> None:
        """It lives, takes events, holds nothing in memory, and has lost none."""
        assert self.process.poll() is None
        assert self.get("/healthz") == (200, {"status": "ok"})
        assert self.get("/readyz") == (200, {"status": "ready"})
        self.keep(prediction(f"unharmed-{len(self.acknowledged)}"))
        assert self.acknowledged <= self.stored()
        assert self.counted("kubeloop_monitor_held_bytes") == 0

    def assert_log_is_clean(self, *words: str) -> None:
        log = self.log.read_text()
        assert [word for word in (PERSON, "Traceback", *words) if word in log] == []


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "token").write_text(TOKEN)
    with running(folder / "events.sqlite3", "--alert-token-file", str(folder / "token")) as made:
        assert made.register(body=VERSION)[0] == 201
        yield made
        made.assert_unharmed()
        assert made.stop() == 0
        assert made.acknowledged <= made.stored()
        made.assert_log_is_clean(TOKEN)


@contextmanager
def running(store: Path, *options: str, log: Path | None = None) -> Iterator[Hostile]:
    made = Hostile(store, *options, log=log)
    try:
        yield made
    finally:
        made.end()


def binary(**changed: str | None) -> dict[str, str]:
    """The headers of an event in binary form; None leaves one out."""
    named = {"ce-specversion": "1.0", "ce-id": "x", "ce-source": "/s", "Content-Type": JSON}
    named |= {"ce-type": "io.kubeloop.prediction"}
    found = named | {f"ce-{name}": value for name, value in changed.items()}
    return {name: value for name, value in found.items() if value is not None}


def event(**changed: Any) -> bytes:
    """A structured event whose attributes are changed, with personal data in it."""
    made = prediction("x", features={"email": [PERSON], "tenure": [1.0]}) | changed
    return json.dumps(made).encode()


MALFORMED: dict[str, tuple[dict[str, str], bytes, int, str, str]] = {
    "header is no UTF-8": (binary(id="%FF"), b"{}", 400, "invalid", "percent-encoded UTF-8"),
    "header without id": (binary(id=None), b"{}", 400, "invalid", "id: expected 1 to 512"),
    "header without type": (binary(type=None), b"{}", 400, "invalid", "type: expected 1 to 512"),
    "other version of CloudEvents": (
        *(binary(specversion="0.3"), b"{}", 400, "invalid", "specversion: expected '1.0'"),
    ),
    "no form of CloudEvents": ({"Content-Type": "text/csv"}, b"a,b", 415, "content_type", "csv"),
    "no content type": ({}, b"{}", 415, "content_type", "is not supported"),
    "data is no JSON": (binary(), PERSON.encode(), 400, "malformed", "the body is not JSON"),
    "data is cut off": (
        *({"Content-Type": STRUCTURED}, event()[:-9], 400, "malformed", "the body is not JSON"),
    ),
    "NaN": ({"Content-Type": BATCH}, b'[{"data": NaN}]', 400, "malformed", "NaN is no JSON value"),
    "digits without end": (
        *({"Content-Type": BATCH}, b"[" + b"9" * 5000 + b"]", 400, "malformed", "digits"),
    ),
    "id is too long": (
        *({"Content-Type": STRUCTURED}, event(id=PERSON * 40), 400, "invalid", "id: expected 1"),
    ),
    "id with a line break": (
        *({"Content-Type": STRUCTURED}, event(id=f"{PERSON}\n"), 400, "invalid", "id: expected 1"),
    ),
    "id is a number": (
        *({"Content-Type": STRUCTURED}, event(id=17), 400, "invalid", "id: expected 1 to 512"),
    ),
    "no source": (
        *({"Content-Type": STRUCTURED}, event(source=None), 400, "invalid", "source: expected 1"),
    ),
    "time without zone": (
        {"Content-Type": STRUCTURED},
        *(event(time="2026-11-20T12:00:00"), 400, "invalid", "an RFC 3339 time with its zone"),
    ),
    "time is a word": (
        *({"Content-Type": STRUCTURED}, event(time=PERSON), 400, "invalid", "an RFC 3339 time"),
    ),
    "data of another type": (
        {"Content-Type": STRUCTURED},
        *(event(datacontenttype="application/xml"), 400, "invalid", "a JSON media type"),
    ),
    "data is no Base64": (
        *({"Content-Type": STRUCTURED}, event(data_base64="?"), 400, "invalid", "JSON in Base64"),
    ),
    "other type of event": (
        *({"Content-Type": STRUCTURED}, event(type="com.example.x"), 400, "invalid", "type: exp"),
    ),
    "batch of texts": (
        {"Content-Type": BATCH},
        *(json.dumps([PERSON]).encode(), 400, "invalid", "item 0, event: expected a JSON object"),
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_cloud_event_refused_and_counted(monitor: Hostile, case: str) -> None:
    headers, body, status, reason, says = MALFORMED[case]
    before = monitor.counted(EVENTS, reason)
    found, raw, _ = monitor.send("POST", "/", body, headers)
    answer = json.loads(raw)
    assert (found, answer["reason"]) == (status, reason)
    assert says in answer["error"]
    assert PERSON not in raw.decode()
    assert monitor.counted(EVENTS, reason) == before + 1
    assert "x" not in monitor.stored()


PAYLOADS: dict[str, tuple[dict[str, Any], str]] = {
    "no object": ({}, "data"),
    "no model": ({"model": None}, "data.model"),
    "version is a text": ({"version": "3"}, "data.version"),
    "version is beyond any integer": ({"version": 2**63}, "data.version"),
    "duration is negative": ({"duration_seconds": -1}, "data.duration_seconds"),
    "duration is a text": ({"duration_seconds": PERSON}, "data.duration_seconds"),
    "no answers": ({"labels": None}, "data"),
    "answers of a regression": ({"labels": None, "predictions": [1.0]}, "data"),
    "label of no class": ({"labels": [PERSON]}, "data.labels"),
    "label is an object": ({"labels": [{PERSON: 1}]}, "data.labels"),
    "labels are none": ({"labels": []}, "data.labels"),
    "one probability of two": ({"probabilities": [[0.9]]}, "data.probabilities"),
    "probability is a text": ({"probabilities": [[PERSON, 0.1]]}, "data.probabilities"),
    "probabilities of other rows": ({"probabilities": [[0.1, 0.9]] * 2}, "data.probabilities"),
    "features are a list": ({"features": [PERSON]}, "data.features"),
    "number is a text": ({"features": {"tenure": [PERSON]}}, "data.features.tenure"),
    "number is a truth value": ({"features": {"tenure": [True]}}, "data.features.tenure"),
    "number is beyond a float64": ({"features": {"tenure": [10**400]}}, "data.features.tenure"),
    "text is a number": ({"features": {"Contract": [7]}}, "data.features.Contract"),
    "text is half a character": (
        {"features": {"Contract": ["\ud800"]}},
        "data.features.Contract",
    ),
    "rows of a column differ": ({"features": {"tenure": [1.0, 2.0]}}, "data.features.tenure"),
    "packed numbers are no Base64": (
        {"numbers": {"names": ["tenure"], "float32": PERSON}},
        "data.numbers.float32",
    ),
    "packed numbers without names": ({"numbers": {"float32": "AAAA"}}, "data.numbers"),
}


@pytest.mark.parametrize("case", PAYLOADS)
def test_payload_that_is_not_the_models_refused_and_counted(monitor: Hostile, case: str) -> None:
    changed, field = PAYLOADS[case]
    wrong = prediction("wrong", **changed)
    if not changed:
        wrong["data"] = PERSON
    before = monitor.counted(EVENTS, "invalid")
    status, answer = monitor.events(prediction("right"), wrong)
    assert (status, answer["reason"], answer["problem_count"]) == (400, "invalid", 1)
    [problem] = answer["problems"]
    assert (problem["index"], problem["id"], problem["field"]) == (1, "wrong", field)
    assert PERSON not in json.dumps(answer)
    assert monitor.counted(EVENTS, "invalid") == before + 1
    assert monitor.stored().isdisjoint({"right", "wrong"})


def test_columns_that_nobody_declared_are_dropped_and_the_rest_is_taken(monitor: Hostile) -> None:
    features = {"Contract": ["😀"], "email": [PERSON], PERSON: ["x"], "deep": [{"a": [PERSON]}]}
    monitor.keep(prediction("undeclared", features=features))
    stored = sqlite3.connect(f"file:{monitor.store}?mode=ro", uri=True)
    [[text]] = stored.execute("SELECT features FROM events WHERE id = 'undeclared'")
    stored.close()
    assert json.loads(text) == {"Contract": ["😀"]}


def test_unknown_model_kept_apart_counted_and_never_a_label(monitor: Hostile) -> None:
    key = ("unregistered", "unregistered", "prediction")
    before = monitor.counted("kubeloop_events_total", *key)
    name = "nobody-registered-this"
    monitor.keep(*(prediction(f"unknown-{n}", model=f"{name}-{n}") for n in range(300)))
    assert monitor.counted("kubeloop_events_total", *key) == before + 300
    # A client that invents names must not make a series of each.
    assert name not in monitor.send("GET", "/metrics")[1].decode()
    assert monitor.get(f"/v1/models/{name}-7")[1]["versions"][0]["registered"] is False
    for path in ("labelled.parquet", "retraining"):
        status, answer = monitor.get(f"/v1/models/{name}-7/{path}")
        assert status == 404
        assert "no version of" in answer["error"]
    assert monitor.send("GET", f"/models/{name}-7")[0] == 404


LABELS: dict[str, Any] = {
    "null": None,
    "an object": {PERSON: 1},
    "a list": [PERSON],
    "too long": PERSON * 40,
    "of no class": PERSON,
    "a number for classes": 0.5,
    "beyond a float64": 10**400,
}


@pytest.mark.parametrize("case", LABELS)
def test_label_of_the_wrong_type_refused_named_and_counted(monitor: Hostile, case: str) -> None:
    identity = f"labelled {case}"
    monitor.keep(prediction(identity))
    key = ("kubeloop_monitor_feedback_total", "refused")
    before = monitor.counted(*key), monitor.counted(OTHERS, "invalid", "feedback")
    entries = [{"id": identity, "label": "Yes"}, {"id": identity, "label": LABELS[case]}]
    status, answer = monitor.post("/v1/feedback", entries)
    assert (status, answer["reason"]) == (400, "invalid")
    [problem] = answer["problems"]
    assert (problem["index"], problem["field"]) == (1, "label")
    assert PERSON not in json.dumps(answer)
    after = monitor.counted(*key), monitor.counted(OTHERS, "invalid", "feedback")
    assert after == (before[0] + 2, before[1] + 1)
    # The right one is taken when it comes alone: the request was refused whole.
    assert monitor.post("/v1/feedback", entries[0])[1]["joined"] == 1


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"{", JSON, 400, "malformed"),
        (b'"text"', JSON, 400, "malformed"),
        (b"id,label", "text/csv", 415, "content_type"),
        (b'[{"label": "Yes"}]', JSON, 400, "invalid"),
        (b'[{"id": "a", "label": "Yes", "time": "noon"}]', JSON, 400, "invalid"),
    ],
    ids=["cut", "text", "csv", "no-id", "time"],
)
def test_feedback_that_is_none_refused_and_counted(
    monitor: Hostile, body: bytes, content_type: str, status: int, reason: str
) -> None:
    before = monitor.counted(OTHERS, reason, "feedback")
    found, answer = monitor.post("/v1/feedback", body, content_type)
    assert (found, answer["reason"]) == (status, reason)
    assert monitor.counted(OTHERS, reason, "feedback") == before + 1


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/v1/models/churn/versions/3", {**VERSION, "bundle": {**BUNDLE, "task": "x"}}, "invalid"),
        ("/v1/models/churn/versions/3", {**VERSION, "extra": 1}, "conflict"),
        ("/v1/models/churn/versions/0", VERSION, "invalid"),
        ("/v1/models/SECRET/versions/1", VERSION, "invalid"),
    ],
    ids=["task", "changed", "zero", "name"],
)
def test_registration_that_cannot_be_refused_and_counted(
    monitor: Hostile, path: str, body: Any, reason: str
) -> None:
    before = monitor.counted(OTHERS, reason, "registration")
    status, raw, _ = monitor.send("PUT", path, json.dumps(body), {"Content-Type": JSON})
    answer = json.loads(raw)
    assert (status, answer["reason"]) == (409 if reason == "conflict" else 400, reason)
    assert monitor.counted(OTHERS, reason, "registration") == before + 1


def test_clocks_off_by_days_change_nothing_but_what_they_say(monitor: Hostile) -> None:
    times = {
        "year-one": "0001-01-01T00:00:00Z",
        "month-ago": "2026-10-20T12:00:00Z",
        "other-zone": "2026-11-20T23:59:59+14:00",
        "month-ahead": "2027-01-20T12:00:00Z",
        "last-year": "9999-12-31T23:59:59Z",
    }
    began = time.time()
    monitor.keep(*(prediction(name) | {"time": at} for name, at in times.items()))
    # Labels from before their predictions, and from after all time.
    for late, early in zip(times, reversed(times), strict=True):
        entry = {"id": late, "label": "Yes", "time": times[early]}
        assert monitor.post("/v1/feedback", entry)[1]["joined"] == 1
    # The later of two labels counts, by the time that they state; a clock ahead wins, and is told.
    again = {"id": "year-one", "label": "No"}
    assert monitor.post("/v1/feedback", again)[1]["duplicate"] == 1
    [version] = monitor.get("/v1/models/churn")[1]["versions"]
    assert version["first_event"] == "0001-01-01T00:00:00.000000Z"
    assert version["last_event"] == "9999-12-31T23:59:59.000000Z"
    # Judged by arrival: neither past nor future makes a window, or an age, of years.
    last = monitor.counted("kubeloop_feedback_last_timestamp_seconds", "churn", "3")
    assert last == 0.0 or began - 60 <= last <= time.time() + 60
    status, page, _ = monitor.send("GET", "/models/churn")
    assert (status, b"Traceback" in page) == (200, False)
    table = monitor.send("GET", "/v1/models/churn/labelled.parquet")
    assert (table[0], table[1][:4]) == (200, b"PAR1")


def test_judge_outlives_all_of_it(monitor: Hostile) -> None:
    """Ten rows make a window here, of which some have clocks that are off, or no features."""
    monitor.keep(
        *(prediction(f"judged-{n}", features=None) for n in range(5)),
        *(prediction(f"judged-{n}") | {"time": "0001-01-01T00:00:00Z"} for n in range(5, 10)),
        *(prediction(f"judged-{n}", features={"tenure": [-1e308]}) for n in range(10, 20)),
    )
    key = ("kubeloop_drift_window_rows", "churn", "3")
    wait_for(lambda: monitor.counted(*key) >= 10, 60)
    [version] = monitor.get("/v1/models/churn")[1]["versions"]
    assert version["registered"]


BODIES = {
    "/events": ({"Content-Type": BATCH}, EVENTS, ()),
    "/v1/feedback": ({"Content-Type": JSON}, OTHERS, ("feedback",)),
    "/v1/models/churn/versions/9": ({"Content-Type": JSON}, OTHERS, ("registration",)),
    "/alerts": ({"Content-Type": JSON, "Authorization": f"Bearer {TOKEN}"}, ALERTS, ()),
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_body_of_100_megabytes_refused_while_it_comes(
    monitor: Hostile, path: str, chunked: bool
) -> None:
    headers, counter, labels = BODIES[path]
    before, peak = monitor.counted(counter, "too_large", *labels), memory(monitor, "VmHWM")
    method = "PUT" if "versions" in path else "POST"
    sent, answer = push(monitor, f"{method} {path}", headers, 100 * MEBIBYTE, chunked=chunked)
    assert answer.startswith("HTTP/1.1 413 ")
    assert "the body is larger than 16777216 bytes: send it in parts" in answer
    assert sent < (MEBIBYTE if not chunked else 40 * MEBIBYTE)
    assert monitor.counted(counter, "too_large", *labels) == before + 1
    assert memory(monitor, "VmHWM") - peak < 64 * MEBIBYTE


def test_many_large_bodies_at_once_shed_within_the_memory_they_may_take(monitor: Hostile) -> None:
    body = b"[" + b" " * (15 * MEBIBYTE) + b"]"
    peak, before = memory(monitor, "VmHWM"), monitor.counted(EVENTS, "overloaded")
    with ExitStack() as stack:
        # Each is sent but for its last byte: they are held together, beyond 64 MB.
        held = [stack.enter_context(begun(monitor, body)) for _ in range(6)]
        wait_for(lambda: monitor.counted(EVENTS, "overloaded") > before, 30)
        for connection in held:
            finish(connection, body)
        statuses = sorted(status_of(connection) for connection in held)
    assert 200 in statuses
    assert 503 in statuses
    assert set(statuses) <= {200, 503}
    assert memory(monitor, "VmHWM") - peak < 200 * MEBIBYTE
    monitor.assert_unharmed()


def test_no_http_at_all_is_refused(monitor: Hostile) -> None:
    for garbage in (b"\x16\x03\x01\x02\x00\x01" * 50, PERSON.encode() + b"\r\n\r\n", b"\x00" * 999):
        with socket.create_connection(("127.0.0.1", monitor.port), timeout=20) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            received = connection.recv(4096)
        assert received == b"" or received.startswith(b"HTTP/1.1 400 ")
    monitor.assert_unharmed()


def test_ten_thousand_features_judged_told_and_drawn(tmp_path: Path) -> None:
    names = [f"feature_{number}" for number in range(10_000)]
    inputs = [{"name": name, "dtype": "float32"} for name in names]
    bins = number_bins(np.arange(100.0))
    document = {
        "bundle": {**VERSION["bundle"], "signature": {"inputs": inputs}},
        "reference": {**REFERENCE, "features": dict.fromkeys(names, bins)},
    }
    with running(tmp_path / "wide.sqlite3") as wide:
        assert wide.register(body=document)[0] == 201
        random = np.random.default_rng(5)
        for number in range(20):
            values = random.uniform(0, 99, len(names)).round(2).tolist()
            features = {name: [value] for name, value in zip(names, values, strict=True)}
            wide.keep(prediction(f"wide-{number}", features=features))
        with closing(Reader(wide.store)) as reader:
            key: Any = ("churn", 3, "drift-rows")
            judged = wait_for(lambda: reader.latest_verdicts().get(key), 60)
        assert len(judged.features) == len(names)
        text = wide.send("GET", "/metrics")[1].decode()
        assert text.count("\nkubeloop_feature_psi{") == len(names)
        for path in ("/", "/models/churn", "/v1/models/churn"):
            status, answer, _ = wide.send("GET", path)
            assert (status, b"feature_" in answer) == (200, True)
            assert len(answer) < 8 * MEBIBYTE
        wide.keep(prediction("as-ever"))
        assert wide.acknowledged == wide.stored()
        assert memory(wide, "VmRSS") < 400 * MEBIBYTE
        wide.assert_log_is_clean()
        assert wide.stop() == 0


def alerts(count: int, start: int = 0) -> dict[str, Any]:
    labels = {"alertname": "Storm", "model_name": "churn", "severity": "critical"}
    found = [
        {
            "status": "firing",
            "labels": labels | {"person": f"{PERSON}-{number}"},
            "annotations": {"summary": PERSON},
            "startsAt": "2026-11-20T12:00:00Z",
            "fingerprint": f"{number:x}",
        }
        for number in range(start, start + count)
    ]
    return {"version": "4", "alerts": found}


def post_alerts(monitor: Monitor, body: Any, token: str = f"Bearer {TOKEN}") -> tuple[int, Any]:
    headers = {"Content-Type": JSON, "Authorization": token}
    status, answer, _ = monitor.send("POST", "/alerts", json.dumps(body), headers)
    return status, json.loads(answer)


def test_alert_storm_all_kept_while_events_go_on(monitor: Hostile) -> None:
    before = monitor.counted("kubeloop_monitor_alerts_total", "firing")
    with ThreadPoolExecutor(8) as pool:
        posts = [pool.submit(post_alerts, monitor, alerts(250, at * 250)) for at in range(24)]
        for number in range(20):
            monitor.keep(prediction(f"storm-{number}"))
    assert {post.result()[0] for post in posts} == {200}
    assert sum(post.result()[1]["new"] for post in posts) == 6000
    assert monitor.counted("kubeloop_monitor_alerts_total", "firing") == before + 6000
    stored = sqlite3.connect(f"file:{monitor.store}?mode=ro", uri=True)
    [[kept]] = stored.execute("SELECT count(*) FROM alerts WHERE name = 'Storm'")
    stored.close()
    assert kept == 6000
    rejected = monitor.counted(ALERTS, "invalid")
    status, answer = post_alerts(monitor, alerts(10_001))
    assert (status, answer["reason"]) == (400, "invalid")
    assert "a list of at most 10000 alerts" in answer["error"]
    assert monitor.counted(ALERTS, "invalid") == rejected + 1
    assert monitor.send("GET", "/")[0] == 200


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é"],
    ids=["empty", "bare", "basic", "longer", "shorter", "not-ascii"],
)
def test_forged_webhook_refused_counted_and_neither_token_told(
    monitor: Hostile, shown: str
) -> None:
    before = monitor.counted(ALERTS, "unauthorized")
    headers = {"Content-Type": JSON, "Authorization": shown}
    body = json.dumps(alerts(1, 99_999)).encode()
    status, raw, found = monitor.send("POST", "/alerts", body, headers)
    assert (status, json.loads(raw)["reason"]) == (401, "unauthorized")
    assert found["WWW-Authenticate"].startswith('Bearer realm="kubeloop"')
    assert TOKEN not in raw.decode()
    assert monitor.counted(ALERTS, "unauthorized") == before + 1
    stored = sqlite3.connect(f"file:{monitor.store}?mode=ro", uri=True)
    assert stored.execute("SELECT 1 FROM alerts WHERE fingerprint = '1869f'").fetchall() == []
    stored.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An ext4 of its own on a loop device, which can be made to fail."""
    image, folder = tmp_path / "image", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(64 * MEBIBYTE)
    folder.mkdir()
    make = ["mkfs.ext4", "-q", "-F", str(image)]
    mount = ["mount", "-o", "loop,errors=remount-ro", str(image), str(folder)]
    for command in (make, mount):
        try:
            done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        except FileNotFoundError:
            pytest.skip(f"NOT TESTED, a disk that fails: {command[0]} is not installed")
        if done.returncode:
            pytest.skip(f"NOT TESTED, a disk that fails needs root and loop: {done.stderr[:200]!r}")
    yield folder
    subprocess.run(["umount", str(folder)], check=False, capture_output=True)


def fail(folder: Path) -> None:
    """Shuts an ext4 down, as an error of its disk does: EXT4_IOC_SHUTDOWN, without a flush."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, 0x8004587D, ctypes.c_uint32(2))
    finally:
        os.close(descriptor)


def test_disk_that_fails_while_running_503_and_everything_acknowledged_is_there(
    disk: Path, tmp_path: Path
) -> None:
    image = tmp_path / "image"
    with running(disk / "events.sqlite3", log=tmp_path / "log") as made:
        assert made.register(body=VERSION)[0] == 201
        for number in range(50):
            made.keep(prediction(f"before-{number}"))
        fail(disk)
        before = made.counted(EVENTS, "store")
        for number in range(5):
            status, answer = made.events(prediction(f"after-{number}", features={"a": [PERSON]}))
            assert (status, answer["reason"]) == (503, "store")
            assert answer["error"].startswith("the store could not be written; nothing was ack")
        assert made.counted(EVENTS, "store") == before + 5
        status, answer = made.post("/v1/feedback", {"id": "before-1", "label": "Yes"})
        assert (status, answer["reason"]) == (503, "store")
        assert made.get("/readyz")[0] == 503
        assert made.get("/healthz")[0] == 200
        assert made.process.poll() is None
        made.stop()
    subprocess.run(["umount", str(disk)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(disk)], check=True)
    with running(disk / "events.sqlite3") as again:
        assert made.acknowledged <= again.stored()
        assert again.events(*map(prediction, made.acknowledged))[1]["duplicate"] == 50
        again.keep(prediction("after-0"))
        assert again.stop() == 0
    made.assert_log_is_clean()


def memory(monitor: Monitor, what: str) -> int:
    """Bytes of a process, by a line of its status."""
    text = Path(f"/proc/{monitor.process.pid}/status").read_text()
    found = re.search(rf"{what}:\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


def push(
    monitor: Monitor, request: str, headers: Mapping[str, str], size: int, *, chunked: bool
) -> tuple[int, str]:
    """Sends a body until it is through or an answer comes; returns the bytes sent, the answer."""
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    lines = [f"{request} HTTP/1.1", "Host: m", length]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    piece = b"x" * 65_536
    framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    sent = 0
    with socket.create_connection(("127.0.0.1", monitor.port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        while sent < size and not select.select([connection], [], [], 0 if sent else 0.5)[0]:
            connection.sendall(framed)
            sent += len(piece)
        answer = b""
        while b"}" not in answer and (more := connection.recv(65_536)):
            answer += more
    return sent, answer.decode()


@contextmanager
def begun(monitor: Monitor, body: bytes) -> Iterator[socket.socket]:
    """A request whose body has been sent but for its last byte, or as far as it was taken."""
    with socket.create_connection(("127.0.0.1", monitor.port), timeout=20) as connection:
        head = f"POST /events HTTP/1.1\r\nHost: m\r\nContent-Type: {BATCH}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        for at in range(0, len(body) - 1, MEBIBYTE):
            if select.select([connection], [], [], 0)[0]:
                break
            connection.sendall(body[at : min(at + MEBIBYTE, len(body) - 1)])
        yield connection


def finish(connection: socket.socket, body: bytes) -> None:
    if not select.select([connection], [], [], 0)[0]:
        connection.sendall(body[-1:])


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(65_536).split(b" ", 2)[1])


def test_nothing_hangs_behind_clients_that_say_nothing(monitor: Hostile) -> None:
    """Connections that send half a request, or none, hold nobody else up."""
    with ExitStack() as stack:
        for text in (b"", b"POST /events HTTP/1.1\r\nHost: m\r\nContent-Length: 9\r\n\r\n") * 50:
            connection = socket.create_connection(("127.0.0.1", monitor.port), timeout=20)
            stack.enter_context(connection).sendall(text)
        threads = [threading.Thread(target=monitor.get, args=("/healthz",)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
    monitor.assert_unharmed()
