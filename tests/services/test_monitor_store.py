"""A store that fails, and a store that two monitors share; the monitors are real processes."""

import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.monitors import BATCH, JSON, ROOT, Monitor, prediction
from tests.postgres import Postgres, running

LARGE = "x" * 400_000


@contextmanager
def process(store: Path, **options: dict[str, str]) -> Iterator[Monitor]:
    monitor = Monitor(store, **options)
    try:
        yield monitor
    finally:
        monitor.end()


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Monitor]:
    with process(tmp_path / "events.sqlite3") as started:
        yield started


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    with mounted(tmp_path / "disk", "size=6m") as folder:
        yield folder


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("NOT TESTED: a disk of its own needs root and the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(monitor: Monitor) -> list[str]:
    """Sends events until one is refused; returns the acknowledged."""
    acknowledged: list[str] = []
    for number in range(100):
        name = f"full-{number}"
        status, answer = monitor.events(prediction(name, features={"Contract": [LARGE]}))
        if status != 200:
            assert (status, answer["reason"]) == (503, "store")
            assert answer["error"].startswith("the store could not be written")
            return acknowledged
        acknowledged.append(name)
    return pytest.fail("the disk did not fill")


def stored(monitor: Monitor) -> int:
    [version] = monitor.get("/v1/models/churn")[1]["versions"]
    return int(version["events"])


def assert_refuses_and_lives(monitor: Monitor) -> None:
    """503 and counted, for events and labels and readiness; the process answers."""
    before = monitor.samples()["kubeloop_events_rejected_total", ("store",)]
    label = {"id": "full-0", "label": "No"}
    for path, body, kind in (
        ("/events", [prediction("more", features={"Contract": [LARGE]})], BATCH),
        ("/v1/feedback", [label | {"id": f"full-0-{LARGE[:300]}-{n}"} for n in range(3000)], JSON),
    ):
        status, answer = monitor.post(path, body, kind)
        assert (status, answer["reason"]) == (503, "store")
    assert monitor.get("/healthz") == (200, {"status": "ok"})
    found = monitor.samples()
    assert found["kubeloop_events_rejected_total", ("store",)] == before + 1
    assert monitor.process.poll() is None
    log = monitor.log.read_text()
    assert "Traceback" not in log
    assert LARGE[:50] not in log


def test_disk_full_refused_until_there_is_room_nothing_lost(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 3 * 1024 * 1024)
    with process(small_disk / "events.sqlite3") as monitor:
        monitor.register()
        acknowledged = fill(monitor)
        assert_refuses_and_lives(monitor)
        assert stored(monitor) == len(acknowledged)
        ballast.unlink()
        assert monitor.events(prediction("room"))[0] == 200
        assert monitor.get("/readyz")[0] == 200
        monitor.stop()
        monitor.start()
        assert stored(monitor) == len(acknowledged) + 1
        again = [prediction(name) for name in acknowledged]
        assert monitor.events(*again)[1]["duplicate"] == len(acknowledged)


def test_file_may_not_grow_refused_until_it_may_nothing_lost(monitor: Monitor) -> None:
    """A quota: writes beyond it fail as another error than a full disk does."""
    monitor.register()
    limits = resource.prlimit(monitor.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(monitor.process.pid, resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    acknowledged = fill(monitor)
    assert_refuses_and_lives(monitor)
    resource.prlimit(monitor.process.pid, resource.RLIMIT_FSIZE, limits)
    assert monitor.events(prediction("room"))[0] == 200
    assert stored(monitor) == len(acknowledged) + 1


def test_store_locked_by_another_refused_until_it_is_free(monitor: Monitor) -> None:
    monitor.register()
    lock = sqlite3.connect(monitor.store, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    assert_refuses_and_lives(monitor)
    assert monitor.get("/readyz")[1]["reason"] == "store"
    lock.execute("ROLLBACK")
    lock.close()
    assert monitor.events(prediction("free"))[0] == 200


@pytest.mark.parametrize("how", ["deleted", "replaced", "folder moved"])
def test_store_gone_refused_until_a_new_start(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    with process(folder / "events.sqlite3") as monitor:
        monitor.register()
        assert monitor.events(prediction("a"))[0] == 200
        if how == "folder moved":
            folder.rename(tmp_path / "elsewhere")
            monitor.log = tmp_path / "elsewhere" / monitor.log.name
        else:
            for file in folder.glob("events.sqlite3*"):
                if file.suffix != ".log":
                    file.unlink()
        if how == "replaced":
            sqlite3.connect(monitor.store).close()
            monitor.store.write_bytes(b"something else")
        assert_refuses_and_lives(monitor)
        assert monitor.get("/readyz")[0] == 503
        assert monitor.get("/v1/models")[0] == 503
        assert "file was deleted or replaced" in monitor.log.read_text()
        monitor.log = tmp_path / "second.log"
        monitor.stop()
        if how == "folder moved":
            (tmp_path / "elsewhere").rename(folder)
        elif how == "replaced":
            monitor.store.unlink()
        monitor.start()
        assert monitor.events(prediction("a"))[1]["stored"] == int(how != "folder moved")


def test_store_read_only_start_refused_with_a_sentence(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=6m") as folder:
        with process(folder / "events.sqlite3") as monitor:
            monitor.stop()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        call = [sys.executable, "-m", "components.monitor.service", "--port", "0"]
        call += ["--store", str(folder / "events.sqlite3")]
        done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=20)
        assert done.returncode == 1
        assert done.stderr == (
            f"error: the monitor's store {str(folder / 'events.sqlite3')!r} cannot be locked: "
            "Read-only file system\n"
        )


@pytest.fixture
def server() -> Iterator[Postgres]:
    with running() as started:
        yield started


@pytest.fixture
def replicas(server: Postgres, tmp_path: Path) -> Iterator[list[Monitor]]:
    environment = {"KUBELOOP_MONITOR_STORE": server.url()}
    with (
        process(tmp_path / "first", environment=environment) as first,
        process(tmp_path / "second", environment=environment) as second,
    ):
        yield [first, second]


def test_two_replicas_one_store(replicas: list[Monitor]) -> None:
    first, second = replicas
    assert first.register()[0] == 201
    # The other has not heard of the version: it asks the store before it drops the features.
    assert second.events(prediction("a"), prediction("b"))[0] == 200
    assert second.register()[0] == 200
    assert first.events(prediction("a"), prediction("c"))[1] == {"stored": 1, "duplicate": 1}
    assert first.post("/v1/feedback", {"id": "a", "label": "Yes"})[1]["joined"] == 1
    status, answer = second.post("/v1/feedback", {"id": "c", "label": "Perhaps"})
    assert (status, answer["problems"][0]["field"]) == (400, "label")
    for replica in replicas:
        [version] = replica.get("/v1/models/churn")[1]["versions"]
        assert (version["events"], version["events_without_features"]) == (3, 0)
        assert version["labelled"] == 1
        info = ("kubeloop_monitor_model_info", ("churn", "3", "onnx", "binary"))
        assert replica.samples()[info] == 1


def test_database_started_again_503_meanwhile_nothing_lost(
    server: Postgres, replicas: list[Monitor]
) -> None:
    replicas[0].register()
    acknowledged: list[str] = []
    refused: list[int] = []
    done = threading.Event()

    def send(which: int) -> None:
        number = 0
        while not done.is_set():
            number += 1
            name = f"{which}-{number}"
            status, answer = replicas[which].events(prediction(name))
            if status == 200:
                acknowledged.append(name)
            else:
                assert (status, answer["reason"]) == (503, "store")
                refused.append(number)
                time.sleep(0.05)

    threads = [threading.Thread(target=send, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(acknowledged) > 20)
    server.stop()
    wait_for(lambda: len(refused) > 4)
    assert replicas[0].get("/healthz")[0] == 200
    assert replicas[0].get("/v1/models")[0] == 503
    server.start()
    count = len(acknowledged)
    wait_for(lambda: len(acknowledged) > count + 20)
    done.set()
    for thread in threads:
        thread.join()
    again = [prediction(name) for name in acknowledged]
    assert replicas[0].events(*again) == (200, {"stored": 0, "duplicate": len(again)})
    for replica in replicas:
        assert replica.get("/readyz")[0] == 200
        log = replica.log.read_text()
        assert "Traceback" not in log
        assert server.password not in log


def test_password_neither_in_the_command_line_nor_taken_from_it(
    server: Postgres, replicas: list[Monitor], tmp_path: Path
) -> None:
    command = Path(f"/proc/{replicas[0].process.pid}/cmdline").read_bytes()
    assert server.password.encode() not in command
    call = [sys.executable, "-m", "components.monitor.service", "--store", server.url()]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "set KUBELOOP_MONITOR_STORE or KUBELOOP_MONITOR_STORE_FILE" in done.stderr
    assert server.password not in done.stderr


def test_start_database_away_exits_1_with_a_sentence(server: Postgres) -> None:
    server.stop()
    environment = {**os.environ, "KUBELOOP_MONITOR_STORE": server.url()}
    call = [sys.executable, "-m", "components.monitor.service", "--port", "0"]
    done = subprocess.run(
        call, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    place = f"127.0.0.1:{server.port}/postgres"
    assert done.stderr.startswith(f"error: the monitor's store at {place} cannot be opened: ")
    assert "Connection refused" in done.stderr
    assert server.password not in done.stderr
    assert "Traceback" not in done.stderr


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
