"""Runs as processes, each a small script that does what `kubeloop run` does at its edges."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.monitor.retraining.local import LocalRunner, as_yaml
from components.monitor.retraining.runner import Ending, Order, RunnerError
from components.spec.document import read_document

SPEC = {"name": "churn", "source": ["/data/a.csv", "s3://bucket/a"], "contract": "c.yaml"}
RESULT = {"run_id": "r1", "status": "succeeded", "version": 2, "gates": [], "error": None}

# Says how it was called, waits for a word in a file, prints a result.
SCRIPT = """
import json, os, pathlib, sys, time
here = pathlib.Path.cwd()
said = {"arguments": sys.argv[1:], "pid": os.getpid(), "environment": dict(os.environ)}
(here / "partial").write_text(json.dumps(said))
os.replace(here / "partial", here / "called.json")
while not (here / "go").exists():
    time.sleep(0.01)
print((here / "go").read_text(), end="")
print("last words", file=sys.stderr)
"""


@pytest.fixture
def runner(tmp_path: Path) -> LocalRunner:
    return LocalRunner(tmp_path, (sys.executable, "-c", SCRIPT))


def called(run: str) -> dict[str, Any]:
    path = Path(run) / "called.json"
    found: dict[str, Any] = json.loads(until(path.exists) and path.read_text())
    return found


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 120
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
    return found


def finish(runner: LocalRunner, run: str, result: Any) -> Ending:
    partial = Path(run) / "partial-go"
    partial.write_text(result if isinstance(result, str) else json.dumps(result))
    partial.rename(Path(run) / "go")
    ending: Ending = until(lambda: runner.follow("a", run, "churn"))
    return ending


def order(**changes: Any) -> Order:
    values: dict[str, Any] = {"id": "a", "model": "churn", "spec": SPEC, "fresh": "http://h/f"}
    return Order(**(values | changes))


def test_run_is_called_as_a_user_would_and_promotes(
    runner: LocalRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBELOOP_NOTIFY_URL", "http://secret")
    monkeypatch.setenv("KUBELOOP_MONITOR_STORE", "postgresql://secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = runner.start(order())
    said = called(run)
    spec = f"{tmp_path}/retraining/a/spec.yaml"
    expected = ["run", spec, "--state", str(tmp_path), "--json", "--fresh", "http://h/f"]
    assert said["arguments"] == expected
    assert said["environment"]["PYTHONSAFEPATH"] == "1"
    hidden = {"KUBELOOP_NOTIFY_URL", "KUBELOOP_MONITOR_STORE", "OMP_NUM_THREADS"}
    assert not hidden & said["environment"].keys()
    written, problems = read_document(Path(spec).read_text(), "the spec")
    assert (written, problems) == ({**SPEC, "contract": None}, [])
    assert runner.follow("a", run, "churn") is None
    ending = finish(runner, run, RESULT)
    assert ending == Ending("promoted", "r1 put version 2 into service", 2)


def test_without_fresh_rows_the_option_is_left_out(runner: LocalRunner) -> None:
    run = runner.start(order(fresh=""))
    assert "--fresh" not in called(run)["arguments"]
    finish(runner, run, RESULT)


def test_second_start_finds_the_first(runner: LocalRunner, tmp_path: Path) -> None:
    run = runner.start(order())
    first = called(run)["pid"]
    # A monitor that was started anew knows nothing but the folder.
    anew = LocalRunner(tmp_path, (sys.executable, "-c", SCRIPT))
    assert anew.start(order()) == run
    assert anew.follow("a", run, "churn") is None
    assert called(run)["pid"] == first
    assert finish(anew, run, RESULT).outcome == "promoted"
    assert anew.start(order()) == run
    assert anew.follow("a", run, "churn") == finish(runner, run, RESULT)


def test_run_lives_in_a_session_of_its_own(runner: LocalRunner) -> None:
    run = runner.start(order())
    pid = called(run)["pid"]
    assert os.getsid(pid) == pid
    finish(runner, run, RESULT)


def test_killed_run_has_failed(runner: LocalRunner) -> None:
    run = runner.start(order())
    os.kill(called(run)["pid"], signal.SIGKILL)
    ending = until(lambda: runner.follow("a", run, "churn"))
    assert ending == Ending("failed", "ended without a result: it said nothing")


@pytest.mark.parametrize(
    ("result", "ending"),
    [
        ("", Ending("failed", "ended without a result: last words")),
        ("[]", Ending("failed", "the run left a result that is none")),
        ({**RESULT, "status": "kept"}, Ending("kept", "r1 kept the champion: nothing is new")),
        (
            {
                **RESULT,
                "status": "refused",
                "gates": [
                    {"name": "roc_auc", "value": 0.71234, "threshold": 0.8, "passed": False},
                    {"name": "champion", "value": 0.1, "threshold": 0.0, "passed": True},
                    {"name": "f1", "value": None, "threshold": 0.5, "passed": False},
                ],
            },
            Ending("not_approved", "r1 was refused: roc_auc is 0.7123 and needs 0.8"),
        ),
        (
            {**RESULT, "status": "failed", "error": {"stage": "ingest", "message": "no\n rows"}},
            Ending("failed", "r1 failed in ingest: no rows"),
        ),
    ],
    ids=["nothing", "other-json", "kept", "refused", "failed"],
)
def test_result_says_how_it_ended(runner: LocalRunner, result: Any, ending: Ending) -> None:
    assert finish(runner, runner.start(order()), result) == ending


def test_folder_that_was_removed_is_a_failed_run(runner: LocalRunner, tmp_path: Path) -> None:
    gone = str(tmp_path / "retraining" / "gone")
    ending = runner.follow("a", gone, "churn")
    assert ending == Ending("failed", f"the run's folder {gone!r} is gone")


@pytest.mark.parametrize("source", ["data/*.csv", "./a.csv", "~/a.csv"])
def test_relative_source_is_refused_by_name(
    runner: LocalRunner, tmp_path: Path, source: str
) -> None:
    with pytest.raises(RunnerError, match="is relative, and nobody knows to which folder") as exc:
        runner.start(order(spec={**SPEC, "source": ["/a.csv", source]}))
    assert repr(source) in str(exc.value)
    assert not (tmp_path / "retraining").exists()


texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | texts
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts.filter(lambda key: key != "contract"), values, max_size=4))
def test_any_spec_survives_the_file(spec: dict[str, Any]) -> None:
    found, problems = read_document(as_yaml(spec), "the spec")
    assert problems == []
    assert found == {**spec, "contract": None}
