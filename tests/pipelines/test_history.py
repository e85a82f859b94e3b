"""`status`, `rollback` and `clean` over a state folder that was made without a run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.monitor.storage.records import Retraining
from components.monitor.store import Store
from components.register.registry import Registry
from pipelines.local.state import State, open_state, write_json
from tests.bundles import build
from tests.pipelines.laptop import Laptop
from tests.terminals import on_a_terminal

RUN = "20261120T120000Z-a-model-whose-name-is-as-long-as-it-may-00c3"
NAME = RUN[17:-5]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three versions of a model, the newest champion and served, and one run."""
    folder = tmp_path_factory.mktemp("made")
    state = open_state(folder / ".kubeloop")
    registry = Registry(state.registry)
    built = build(folder / "bundle", "binary", name=NAME)
    for number in (1, 2, 3):
        run = state.runs / RUN.replace("00c3", f"00c{number}")
        shutil.copytree(built.folder, run / "bundle")
        manifest = built.manifest.model_copy(update={"run_id": run.name})
        assert registry.register(manifest, str(run / "bundle")) == number
        error = {"stage": "[/deploy]", "message": "", "type": "", "log": ""}
        result = {"name": NAME, "status": "failed", "error": error}
        write_json(run / "result.json", result)
    # The second one was put back.
    registry.crown(NAME, 1)
    registry.crown(NAME, 3)
    write_json(
        state.root / "serving" / f"{NAME}.json",
        {"format": 1, "name": NAME, "path": str(state.runs / RUN / "bundle"), "version": 3},
    )
    return folder


@pytest.fixture
def laptop(made: Path, tmp_path: Path) -> Laptop:
    shutil.copytree(made / ".kubeloop", tmp_path / ".kubeloop", symlinks=True)
    return Laptop(tmp_path)


def test_status_shows_whole_names_to_a_pipe(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    command = [sys.executable, "-P", "-m", "pipelines.cli", "status"]
    done = subprocess.run(command, cwd=laptop.folder, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == f"{NAME}  version 3 is served"
    rows = [line for line in lines if line.startswith(("1 ", "2 ", "3 "))]
    assert [row.split()[0] for row in rows] == ["3", "2", "1"]
    assert rows[0].split()[1:3] == ["champion,", "served"]
    assert RUN in rows[0]
    assert f"  {RUN}  failed  [/deploy]" in lines


def test_status_on_a_narrow_terminal_loses_no_word(laptop: Laptop) -> None:
    lines = on_a_terminal(laptop.folder, "status", columns=80)
    at = "2026-11-20T12:00:00Z"
    assert lines[1:5] == [
        "version                    trained               bundle",
        f"3        champion, served  {at}  there",
        f"  run  {RUN}",
        f"2                          {at}  there",
    ]
    assert f"  {RUN}  failed  [/deploy]" in lines


def test_status_reads_a_folder_that_cannot_be_written(laptop: Laptop) -> None:
    done = read_only(laptop, "status")
    assert done.returncode == 0, done.stderr
    assert f"{NAME}  version 3 is served" in done.stdout


@pytest.mark.parametrize("command", [["run", "spec.yaml"], ["clean", "--keep", "1"]])
def test_command_that_writes_refuses_a_folder_that_cannot_be_written(
    laptop: Laptop, command: list[str]
) -> None:
    spec = f"name: {NAME}\ntask: binary\nsource: rows.csv\ntarget: y\n"
    (laptop.folder / "spec.yaml").write_text(spec)
    (laptop.folder / "rows.csv").write_text("x,y\n1,a\n2,b\n")
    done = read_only(laptop, *command)
    assert done.returncode == 1
    said = f"the state folder {str(laptop.state)!r} cannot be used: Read-only file system; name a"
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("file", "text", "command", "said"),
    [
        (f"runs/{RUN}/result.json", "{}", ["status"], "expected a run's name and status"),
        (f"runs/{RUN}/result.json", "{", ["status"], "Expecting property name"),
        (f"serving/{NAME}.json", "[]", ["status"], "expected a served version's path and number"),
        (f"serving/{NAME}.json", "{}", ["clean", "--keep", "1"], "expected a served version's"),
        ("services.json", "[]", ["rollback", NAME], "expected the services with their ports"),
        (
            "services.json",
            '{"format": 1, "users": [{}]}',
            ["rollback", NAME],
            "expected the services with their ports",
        ),
        (f"locks/{NAME}.json", "[]", ["rollback", NAME], 'expected {"run": …, "before": …}'),
        (
            f"locks/{NAME}.json",
            '{"before": {"path": 1}}',
            ["rollback", NAME],
            "expected a served version's path and number",
        ),
    ],
)
def test_damaged_file_is_named_and_nothing_is_done(
    laptop: Laptop, file: str, text: str, command: list[str], said: str
) -> None:
    path = laptop.state / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    done = laptop.run(*command)
    assert done.returncode == 1
    assert f"{str(path)!r} is damaged: " in done.stderr
    assert said in done.stderr
    assert "Remove it if nothing else mends it" in done.stderr
    assert "Traceback" not in done.stderr
    assert laptop.processes() == []


def read_only(laptop: Laptop, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command where the state folder is a file system that can only be read."""
    # A namespace of its own: the root user may write into a folder whatever its mode says.
    apart = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], check=False).returncode:
        pytest.skip("needs Linux user namespaces, to mount a folder read-only")
    folder = str(laptop.state)
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    command = [sys.executable, "-P", "-m", "pipelines.cli", *arguments]
    return subprocess.run(
        [*apart, "sh", "-c", script, folder, *command],
        cwd=laptop.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_clean_removes_what_old_retraining_runs_left(laptop: Laptop) -> None:
    followed, ended = (
        laptop.state / "retraining" / f"2026110{day}T120000Z-{NAME}-ab12cd" for day in (1, 2)
    )
    for folder in (followed, ended):
        folder.mkdir(parents=True)
        (folder / "result.json").write_text("{}")
        for path in (folder / "result.json", folder):
            os.utime(path, (0, 0))
    store = Store(State(laptop.state).monitor_store)
    store.begin()
    store.add_retraining(Retraining(followed.name, NAME, "drift", 1, "started", "", "{}"))
    store.commit()
    store.close()
    done = laptop.run("clean", "--keep", "0")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (
        0,
        ["removed what 1 retraining runs left"],
    ), done.stderr
    assert list((laptop.state / "retraining").iterdir()) == [followed]


def test_clean_keeps_champion_and_what_a_rollback_goes_to(made: Path) -> None:
    # Not in a copy: the registry names the bundles by where they were made.
    laptop = Laptop(made)
    done = laptop.run("clean", "--keep", "0")
    assert (done.returncode, done.stdout) == (0, "removed 1 runs\n"), done.stderr
    assert sorted(run.name[-1] for run in State(laptop.state).runs.iterdir()) == ["1", "3"]
    gone = laptop.run("rollback", NAME, "--to", "2")
    assert gone.returncode == 1
    assert f"the bundle of {NAME!r} version 2 is gone" in gone.stderr
