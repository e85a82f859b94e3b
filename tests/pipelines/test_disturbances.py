"""Runs that are disturbed: interrupted, killed, in each other's way. The served model stays."""

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.laptop import SPEC, Laptop, process_says


@pytest.fixture(scope="module", autouse=True)
def first_version(laptop: Laptop) -> None:
    done = laptop.run("run", "spec.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (laptop.served() or {})["version"] == 1


@pytest.fixture(autouse=True)
def hangup() -> Iterator[None]:
    """Whoever starts the tests under nohup has all that they start ignore SIGHUP, else."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@contextlib.contextmanager
def at_stage(laptop: Laptop, stage: str, *overrides: str) -> "Iterator[subprocess.Popen[str]]":
    """Starts a run and waits for a stage; crown then waits for the registry, which is held here.

    Without that a run could end before a busy machine lets the test disturb it.
    """
    process = laptop.start("run", "spec.yaml", *overrides)
    with (laptop.state / "registry.lock").open("w") as lock:
        if stage == "crown":
            process_says(process, "· deploy")
            fcntl.flock(lock, fcntl.LOCK_EX)
        process_says(process, f"· {stage}")
        yield process


def await_end_of_graph(laptop: Laptop) -> None:
    deadline = time.monotonic() + 120
    while any("pipelines.local.graph" in line for line in laptop.processes()):
        assert time.monotonic() < deadline, "the graph outlives the engine"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("stage", "number"),
    [("train", signal.SIGINT), ("crown", signal.SIGINT), ("crown", signal.SIGHUP)],
)
def test_run_interrupted_leaves_no_process_and_the_served_model(
    laptop: Laptop, stage: str, number: signal.Signals
) -> None:
    before = laptop.served()
    with at_stage(laptop, stage, "--set", "search.seed=11") as process:
        process.send_signal(number)
        # Or crown would be done before a busy machine lets the engine hear of the signal.
        await_end_of_graph(laptop)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert laptop.processes() == []
    assert laptop.served() == before
    assert laptop.result()["error"]["message"] == "interrupted"


def test_run_killed_before_crown_is_taken_back_by_the_next(laptop: Laptop) -> None:
    before = laptop.served()
    with at_stage(laptop, "crown", "--set", "search.seed=12") as process:
        process.kill()
    process.communicate(timeout=60)
    await_end_of_graph(laptop)
    assert laptop.served() != before
    done = laptop.run("run", "spec.yaml")
    assert done.returncode == 0, done.stderr
    assert laptop.result()["status"] == "kept"
    assert laptop.served() == before
    assert laptop.processes() == []


@contextlib.contextmanager
def rollback_loaded(laptop: Laptop) -> "Iterator[subprocess.Popen[str]]":
    """Starts one to a version that an interrupted run left, and waits until that is loaded.

    The registry can be read meanwhile and not be written: else it could crown the version, and end,
    before a busy machine lets the test disturb it. SQLite waits 5 s for that.
    """
    registry = sqlite3.connect(laptop.state / "registry.db", isolation_level=None)
    with contextlib.closing(registry):
        registry.execute("BEGIN IMMEDIATE")
        process = laptop.start("rollback", "visits", "--to", "2")
        deadline = time.monotonic() + 240
        while (laptop.served() or {})["version"] != 2:
            assert time.monotonic() < deadline, process.communicate()
            assert process.poll() is None, process.communicate()
        yield process
        process.wait(60)


def test_rollback_interrupted_leaves_the_served_model(laptop: Laptop) -> None:
    before = laptop.served()
    with rollback_loaded(laptop) as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert laptop.served() == before
    assert re.search(r"^1 +champion, served", laptop.run("status").stdout, re.MULTILINE)
    assert laptop.processes() == []


def test_rollback_killed_is_taken_back_by_the_next_rollback(laptop: Laptop) -> None:
    before = laptop.served()
    with rollback_loaded(laptop) as process:
        process.kill()
    assert laptop.served() != before
    done = laptop.run("rollback", "visits", "--to", "1")
    assert done.returncode == 0, done.stderr
    assert f"replacing version {(before or {})['version']}" in done.stdout
    assert laptop.served() == before
    assert laptop.processes() == []


def test_kept_run_brings_the_champion_into_service_where_another_version_is(
    laptop: Laptop,
) -> None:
    before = laptop.served()
    with rollback_loaded(laptop) as process:
        process.kill()
    (laptop.state / "locks" / "visits.json").write_text("")
    done = laptop.run("run", "spec.yaml", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["version"]) == ("kept", 1)
    assert result["champion"] == {"version": 1, "outcome": "kept", "served": 1}
    assert laptop.served() == before
    assert Path(result["bundle"]).resolve() == Path((before or {})["path"])
    assert laptop.processes() == []


def test_bundle_of_the_latest_run_is_served_as_the_help_says(laptop: Laptop) -> None:
    asked = ["--port", "0", "--grpc-port", "0"]
    process = laptop.start("serve", ".kubeloop/runs/latest/bundle", *asked)
    assert process.stderr
    try:
        assert any("ready http=" in line for line in process.stderr)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_two_models_run_beside_each_other(laptop: Laptop) -> None:
    other = SPEC.replace("name: visits", "name: returns")
    (laptop.folder / "other.yaml").write_text(other, encoding="utf-8")
    runs = [laptop.start("run", f"{name}.yaml") for name in ("spec", "other")]
    ended = [run.communicate(timeout=300) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ended
    assert laptop.result("latest-visits")["status"] == "kept"
    assert laptop.result("latest-returns")["status"] == "succeeded"
    assert laptop.processes() == []


def test_two_runs_of_one_model_take_turns(laptop: Laptop) -> None:
    first = laptop.start("run", "spec.yaml")
    process_says(first, "· ")
    second = laptop.start("run", "spec.yaml")
    run = (laptop.state / "runs" / "latest").resolve().name
    assert f"waiting for another run of this model to end: {run}" in process_says(second, "waiting")
    ended = [run.communicate(timeout=300) for run in (first, second)]
    assert [run.returncode for run in (first, second)] == [0, 0], ended
    assert laptop.processes() == []


def test_run_on_taken_port_says_so(laptop: Laptop) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = laptop.run("run", "spec.yaml", "--port", str(port))
    assert done.returncode == 2
    assert f"port {port} is already taken" in done.stderr
    assert laptop.processes() == []


def test_a_folder_named_components_does_not_shadow_ours(laptop: Laptop) -> None:
    shadow = laptop.folder / "components"
    shadow.mkdir()
    (shadow / "__init__.py").write_text("raise SystemExit('the wrong components')")
    done = laptop.run("run", "spec.yaml", "--set", "search.seed=21", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "succeeded"


def test_run_whose_server_dies_is_shown_and_told(laptop: Laptop) -> None:
    before = (laptop.served() or {})["version"]
    process = laptop.start("run", "spec.yaml", "--set", "search.seed=31")
    process_says(process, "· crown")
    record = json.loads((laptop.state / "services.json").read_text())
    os.kill(record["server"]["pid"], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "Traceback" not in err
    result = laptop.result()
    served = (laptop.served() or {})["version"]
    assert (result["status"], result["error"]["stage"]) == ("failed", "requests")
    assert result["champion"] == {"version": before, "outcome": "replaced", "served": served}
    assert f"visits version {served} is served, replacing version {before}" in out
    assert "✗ requests" in out
    assert laptop.processes() == []
