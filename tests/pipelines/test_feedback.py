"""`kubeloop feedback` as a user runs it, against a real monitor."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.local.record import identity, open_record
from pipelines.local.state import open_state
from tests.monitors import BUNDLE, REGISTRATION, ROOT, Monitor, prediction

ROWS = 2500
REGRESSION = BUNDLE | {"task": "regression", "classes": None}


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Monitor]:
    started = Monitor(tmp_path / "monitor.sqlite3")
    assert started.register()[0] == 201
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait(10)


@pytest.fixture
def answered(monitor: Monitor) -> Monitor:
    """The monitor with predictions p-0 to p-2499."""
    for at in range(0, ROWS, 500):
        assert monitor.events(*(prediction(f"p-{at + n}") for n in range(500)))[0] == 200
    return monitor


def feedback(
    *arguments: str | Path, monitor: Monitor | None = None
) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "pipelines.cli", "feedback", *map(str, arguments)]
    if monitor is not None:
        call += ["--monitor", f"http://127.0.0.1:{monitor.port}"]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def labelled(monitor: Monitor) -> int:
    [version] = monitor.get("/v1/models/churn")[1]["versions"]
    return int(version["labelled"])


def rows(count: int = ROWS) -> list[tuple[str, str]]:
    return [(f"p-{n}", "Yes" if n % 2 else "No") for n in range(count)]


def write_csv(path: Path) -> None:
    text = "note,id,label\n" + "".join(f"x,{identity},{label}\n" for identity, label in rows())
    path.write_text(text, encoding="utf-8")


def write_packed(path: Path) -> None:
    text = "id,label,time\n" + "".join(f"{i},{v},2026-11-20T13:00:00Z\n" for i, v in rows())
    path.write_bytes(gzip.compress(text.encode()))


def write_json_lines(path: Path) -> None:
    lines = [json.dumps({"id": identity, "label": label}) for identity, label in rows()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_parquet(path: Path) -> None:
    identities, labels = (list(column) for column in zip(*rows(), strict=True))
    pq.write_table(pa.table({"id": identities, "label": labels}), path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        pytest.param("outcomes.csv", write_csv, id="csv"),
        pytest.param("outcomes.CSV.gz", write_packed, id="csv-gz"),
        pytest.param("outcomes.jsonl", write_json_lines, id="jsonl"),
        pytest.param("outcomes.parquet", write_parquet, id="parquet"),
    ],
)
def test_feedback_file_of_any_format_every_row_is_joined(
    answered: Monitor, tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    done = feedback(tmp_path / name, monitor=answered)
    assert done.returncode == 0, done.stderr
    assert "2,500 rows; 2,500 joined, 0 pending, 0 duplicate, 0 corrected" in done.stdout
    assert "100 %  2,500 rows" in done.stderr
    assert labelled(answered) == ROWS


def test_feedback_file_sent_twice_changes_nothing(answered: Monitor, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    feedback(tmp_path / "a.csv", monitor=answered)
    again = feedback(tmp_path / "a.csv", monitor=answered)
    assert again.returncode == 0
    assert "0 joined, 0 pending, 2,500 duplicate, 0 corrected" in again.stdout


def test_feedback_wrong_rows_are_told_and_hold_no_other_back(
    answered: Monitor, tmp_path: Path
) -> None:
    lines = [f"{identity},{label}" for identity, label in rows(1200)]
    lines[3], lines[1100] = "p-3,maybe-SECRET", "p-1100,"
    lines[7], lines[8] = "p-7,No,yesterday", "unknown,Yes"
    (tmp_path / "a.csv").write_text("id,label,time\n" + "\n".join(lines), encoding="utf-8")
    done = feedback(tmp_path / "a.csv", monitor=answered)
    assert done.returncode == 1
    assert "1,200 rows; 1,196 joined, 1 pending, 0 duplicate, 0 corrected" in done.stdout
    assert "1 rows without an id or a label were left out" in done.stdout
    assert "row 4: label: expected one of the classes of 'churn' version 3: \"No\"" in done.stdout
    assert "row 8: time: expected an RFC 3339 time with its zone" in done.stdout
    assert done.stderr.endswith("kubeloop: 2 of 1,200 rows were refused; all others were taken\n")
    assert "SECRET" not in done.stdout + done.stderr
    assert labelled(answered) == 1196


def test_feedback_values_in_any_spelling_are_numbers(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path / "monitor.sqlite3")
    try:
        monitor.register(body=REGISTRATION | {"bundle": REGRESSION})
        answers: dict[str, Any] = {"labels": None, "probabilities": None, "predictions": [1.5]}
        monitor.events(*(prediction(f"p-{n}", **answers) for n in range(5)))
        text = "id,label\np-0,3\np-1,3.5\np-2,3.50\np-3,1e3\np-4,many\nlater,7.25\n"
        (tmp_path / "a.csv").write_text(text, encoding="utf-8")
        done = feedback(tmp_path / "a.csv", monitor=monitor)
        assert done.returncode == 1
        assert "6 rows; 4 joined, 1 pending" in done.stdout
        assert "row 5: label: expected a finite number" in done.stdout
        monitor.events(prediction("later", **answers))
        assert labelled(monitor) == 5
    finally:
        monitor.process.kill()
        monitor.process.wait(10)


def test_feedback_finds_the_monitor_of_the_state_folder(answered: Monitor, tmp_path: Path) -> None:
    state = open_state(tmp_path / "state")
    with open_record(state) as record:
        record["monitor"] = identity(answered.process.pid)
        record["ports"] = {"http": 1, "grpc": 2, "monitor": answered.port}
    write_csv(tmp_path / "a.csv")
    done = feedback(tmp_path / "a.csv", "--state", tmp_path / "state")
    assert done.returncode == 0, done.stderr
    assert labelled(answered) == ROWS


def test_feedback_without_a_monitor_says_how_to_get_one(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    open_state(tmp_path / "state")
    done = feedback(tmp_path / "a.csv", "--state", tmp_path / "state")
    assert done.returncode == 1
    assert "name one with --monitor URL, or keep one running with" in done.stderr
    done = feedback(tmp_path / "a.csv", "--state", tmp_path / "gone")
    assert done.returncode == 1
    assert "no state folder" in done.stderr


def test_feedback_to_something_else_gets_a_sentence(answered: Monitor, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    done = feedback(tmp_path / "a.csv", "--monitor", f"http://127.0.0.1:{answered.port}/healthz?x=")
    assert done.returncode == 1
    assert "answered 405" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("a.csv", "id,value\n1,2\n", "has no column 'label'", id="no-label"),
        pytest.param("a.csv", "", "has no column 'id' and no column 'label'", id="empty"),
        pytest.param("a.jsonl", '{"id": "a", "label": 1}\nx\n', "line 2", id="no-json"),
        pytest.param("a.jsonl", "[1]\n", "is no JSON object", id="no-object"),
        pytest.param("a.parquet", "x", "cannot be read", id="no-parquet"),
        pytest.param("a.csv.gz", "x", "cannot be read", id="not-packed"),
        pytest.param("a.txt", "x", "expected .csv, .jsonl or .parquet", id="suffix"),
        pytest.param("gone.csv", None, "cannot be read", id="gone"),
    ],
)
def test_feedback_file_that_cannot_be_read_gets_a_sentence(
    monitor: Monitor, tmp_path: Path, name: str, content: str | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    done = feedback(tmp_path / name, monitor=monitor)
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
