import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from components.errors import StateError
from pipelines.local.state import FORMAT, open_state, read_json, write_json


def test_open_state_new_folder_states_its_format(tmp_path: Path) -> None:
    state = open_state(tmp_path / "a" / "state")
    assert json.loads((state.root / "state.json").read_text()) == {"format": FORMAT}


def test_open_state_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(StateError) as raised:
        open_state(tmp_path)
    assert f"has format {FORMAT + 1}, this version knows up to {FORMAT}" in str(raised.value)
    assert "use a newer Kubeloop, or another folder with --state" in str(raised.value)


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "one"}'])
def test_open_state_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(StateError, match="states no format: this is no state folder"):
        open_state(tmp_path)


def test_open_state_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(StateError, match=r"state\.json' is damaged"):
        open_state(tmp_path)


def test_open_state_where_a_file_stands_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match=r"state' cannot be used: (File exists|Not a directory)"):
        open_state(tmp_path / "state")


def test_open_state_makes_one_private_key(tmp_path: Path) -> None:
    key = open_state(tmp_path).privacy_key
    first = key.read_bytes()
    assert len(first) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert open_state(tmp_path).privacy_key.read_bytes() == first


def test_new_run_is_linked_as_latest(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    run = state.new_run("churn")
    other = state.new_run("wine")
    assert run.name.split("-", 1)[1].startswith("churn-")
    assert (state.runs / "latest").resolve() == other
    assert (state.runs / "latest-churn").resolve() == run


def test_serving_without_entry_is_none(tmp_path: Path) -> None:
    assert open_state(tmp_path).serving("churn") is None


def test_write_json_replaces_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert read_json(path) == {"a": 2}
    assert os.listdir(tmp_path) == ["x.json"]


def test_model_lock_lets_the_second_wait_and_says_for_whom(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    heard: list[str] = []
    entered = threading.Event()

    def second() -> None:
        with state.model_lock("churn", heard.append):
            entered.set()

    with state.model_lock("churn", heard.append) as lock:
        lock.write("run-1")
        lock.flush()
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not entered.wait(0.3)
    waiting.join(5)
    assert entered.is_set()
    assert heard == ["run-1"]


def test_model_lock_of_killed_process_is_free_and_keeps_its_note(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from pipelines.local.state import open_state\n"
        "with open_state(Path(sys.argv[1])).model_lock('churn', print) as lock:\n"
        "    lock.write('left'); lock.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    with state.model_lock("churn", pytest.fail) as lock:
        lock.seek(0)
        assert lock.read() == "left"
