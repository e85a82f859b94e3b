"""The interpreter that kfp calls for a task, warm and isolated."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipelines.compile import Pipeline, compile_pipeline
from pipelines.local.graph import task_interpreter

COMPONENT = """
import os, sys
from kfp import dsl
from kfp.dsl import *
from typing import *

def report(text: str, fail: bool) -> str:
    print("parent", os.getppid(), "folder", os.getcwd(), "variable", os.environ["VARIABLE"])
    print("warm", "sklearn.metrics" in sys.modules)
    if fail:
        raise ValueError(f"boom {text}")
    return text
"""


@pytest.fixture
def path_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])


def run_task(folder: Path, text: str, *, fail: bool = False) -> "subprocess.CompletedProcess[str]":
    """Calls kfp's executor as kfp's local runner does, by a shell and the name `python3`."""
    module = folder / "ephemeral_component.py"
    module.write_text(COMPONENT)
    given = {
        "inputs": {"parameterValues": {"text": text, "fail": fail}},
        "outputs": {
            "parameters": {"Output": {"outputFile": str(folder / "out")}},
            "outputFile": str(folder / "executor_output.json"),
        },
    }
    command = 'exec python3 -m kfp.dsl.executor_main --component_module_path "$0" "$@"'
    arguments = ["--executor_input", json.dumps(given), "--function_to_execute", "report"]
    return subprocess.run(
        ["sh", "-ec", command, str(module), *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "VARIABLE": "set", "_KFP_RUNTIME": "true"},
        check=False,
    )


def output(folder: Path) -> str:
    document = json.loads((folder / "executor_output.json").read_text())
    return str(document["parameterValues"]["Output"])


def await_warm(folder: Path) -> None:
    """Waits until the warm interpreter has imported what the component asks for."""
    for _ in range(60):
        if "warm True" in run_task(folder, "ask").stdout:
            return
        time.sleep(0.5)
    pytest.fail("the interpreter never got warm")


@pytest.mark.usefixtures("path_kept")
def test_warm_task_has_its_folder_environment_and_output(tmp_path: Path) -> None:
    with task_interpreter(isolated=False):
        await_warm(tmp_path)
        done = run_task(tmp_path, "it's python3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"folder {tmp_path} variable set" in done.stdout
    assert output(tmp_path) == "it's python3"


@pytest.mark.usefixtures("path_kept")
def test_warm_task_that_fails_says_why_and_exits_1(tmp_path: Path) -> None:
    with task_interpreter(isolated=False):
        await_warm(tmp_path)
        done = run_task(tmp_path, "loud", fail=True)
    assert done.returncode == 1
    assert "ValueError: boom loud" in done.stderr


@pytest.mark.usefixtures("path_kept")
def test_tasks_run_on_when_the_warm_interpreter_dies(tmp_path: Path) -> None:
    with task_interpreter(isolated=False):
        await_warm(tmp_path)
        for child in psutil.Process().children():
            # Others may end meanwhile.
            with contextlib.suppress(psutil.NoSuchProcess):
                if "pipelines.local.warm" in child.cmdline():
                    child.kill()
                    child.wait()
        done = run_task(tmp_path, "alone")
    assert done.returncode == 0, done.stderr
    assert "warm False" in done.stdout
    assert output(tmp_path) == "alone"


@pytest.mark.usefixtures("path_kept")
def test_isolated_task_imports_for_itself(tmp_path: Path) -> None:
    with task_interpreter(isolated=True):
        done = run_task(tmp_path, "cold")
    assert done.returncode == 0, done.stderr
    assert "warm False" in done.stdout


@pytest.mark.usefixtures("path_kept")
@pytest.mark.parametrize("isolated", [True, False])
def test_other_calls_of_python_are_ordinary(*, isolated: bool) -> None:
    with task_interpreter(isolated=isolated):
        assert sys.executable == "python3"
        done = subprocess.run(
            ["python3", "-c", "import sys; print(sys.flags.safe_path, sys.prefix); sys.exit(7)"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (7, f"True {sys.prefix}\n")


RUN = """\
import json, sys
from pathlib import Path
from pipelines.local.graph import run_graph, task_interpreter
with task_interpreter(isolated=True):
    run_graph(Path("scoring.yaml"), {"bundle": "gone", "source": "gone.csv"}, Path("root"))
"""


def test_run_graph_tries_no_task_again(tmp_path: Path) -> None:
    """On a cluster it would, after a pause of half a minute."""
    (tmp_path / "scoring.yaml").write_text(compile_pipeline(Pipeline.SCORING, "test"))
    assert "retryPolicy" in (tmp_path / "scoring.yaml").read_text()
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert said.count("Executing task") == 1
    assert "Retrying" not in said


@pytest.mark.usefixtures("path_kept")
def test_interpreter_is_gone_afterwards() -> None:
    before = sys.executable
    with task_interpreter(isolated=False):
        pass
    assert sys.executable == before
    left = [p for p in psutil.Process().children() if "pipelines.local.warm" in p.cmdline()]
    assert left == []
