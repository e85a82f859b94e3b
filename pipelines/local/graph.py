"""Compiles the training pipeline and runs it through kfp's local runner; a process of its own.

In a process, because kfp prints what its tasks print, and a run that is interrupted has to take
every task with it: the engine ends the whole process group. And because kfp is slow to import: the
command starts without it.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from components.revision import REVISION_VARIABLE, code_revision
from pipelines.compile import compile_training

_WATCH_S = 0.5


def main() -> None:
    """Runs `python -m pipelines.local.graph IR ARGUMENTS ROOT [--isolated]`."""
    parser = argparse.ArgumentParser(description="Compile and run the pipeline on this machine.")
    parser.add_argument("ir", type=Path, help="where the compiled IR goes")
    parser.add_argument("arguments", type=Path, help="the pipeline's arguments as JSON")
    parser.add_argument("root", type=Path, help="where artifacts go")
    parser.add_argument("--isolated", action="store_true", help="no warm interpreter")
    call = parser.parse_args()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    # Whoever edits the code while a run is under way changes the next one.
    os.environ[REVISION_VARIABLE] = revision = code_revision()
    with task_interpreter(isolated=call.isolated):
        call.ir.write_text(compile_training(revision), encoding="utf-8")
        run_graph(call.ir, json.loads(call.arguments.read_text(encoding="utf-8")), call.root)


def run_graph(ir: Path, arguments: dict[str, object], root: Path) -> None:
    """Runs an IR in this environment, each task as a subprocess.

    Args:
        ir: the IR's file.
        arguments: the pipeline's.
        root: where artifacts go.

    Raises:
        SystemExit: 1, a task failed; kfp's log on the output says which.
    """
    from kfp import components, local

    runner = local.SubprocessRunner(use_venv=False)
    workspace = root / ".workspace"
    workspace.mkdir(parents=True, exist_ok=True)
    local.init(runner=runner, pipeline_root=str(root), workspace_root=str(workspace))
    pipeline = components.load_component_from_text(_without_pods(ir.read_text(encoding="utf-8")))
    try:
        pipeline(**arguments)
    except RuntimeError as exc:
        print(exc, flush=True)
        raise SystemExit(1) from exc


def _without_pods(ir: str) -> str:
    """Takes out what is meant for pods and what kfp's local runner would obey all the same.

    That is retries, with pauses of half a minute before a person reads why a stage failed, and the
    place where a pod finds the privacy key; here the engine's environment says where it lies.
    """
    from pipelines.pods import KEY_FILE

    pipeline, *_ = yaml.safe_load_all(ir)
    for graph in (pipeline["root"], *pipeline["components"].values()):
        for task in graph.get("dag", {}).get("tasks", {}).values():
            task.pop("retryPolicy", None)
    for executor in pipeline["deploymentSpec"]["executors"].values():
        container = executor["container"]
        container["env"] = [e for e in container.get("env", []) if e["name"] != KEY_FILE]
    return yaml.safe_dump(pipeline, allow_unicode=True)


@contextmanager
def task_interpreter(*, isolated: bool) -> Iterator[None]:
    """Puts a `python3` before all others on the path, and has kfp call that.

    kfp puts `sys.executable` wherever `python3` stands in a command, unquoted: also into an
    argument such as a source's name, and a path with a space ends the command. Its own name for
    itself changes neither.

    Args:
        isolated: whether each task starts an interpreter of its own, as on a cluster; else the
            warm one forks for it.

    Yields:
        While kfp may run tasks.
    """
    python = sys.executable
    with tempfile.TemporaryDirectory(prefix="kubeloop-") as scratch:
        address = str(Path(scratch, "warm"))
        call = [python, "-P"]
        warm = None
        # macOS lets no process fork whose system libraries have begun to work.
        if not isolated and sys.platform == "linux":
            call = [python, "-S", "-E", str(Path(__file__).with_name("launch.py")), address, python]
            environment = {**os.environ, "_KFP_RUNTIME": "true", "OPENBLAS_NUM_THREADS": "1"}
            command = [python, "-P", "-m", "pipelines.local.warm", address]
            warm = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
        script = Path(scratch, "python3")
        script.write_text(f'#!/bin/sh\nexec {shlex.join(call)} "$@"\n', encoding="utf-8")
        script.chmod(0o700)
        os.environ["PATH"] = f"{scratch}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        sys.executable = "python3"
        try:
            yield
        finally:
            sys.executable = python
            if warm is not None:
                warm.terminate()
                warm.wait()


def _end_with_parent(parent: int) -> None:
    """Ends the process group once the engine is gone: nobody is left to take a deploy back."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
