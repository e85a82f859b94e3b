"""The embedded engine: runs the compiled graph on this machine, from a spec to a served model.

The graph runs in a process group of its own, with the model server and the monitor beside it as
local processes. Whatever ends a run early, the served model is as it was: a version that was
loaded but not crowned is taken back, by this run or, if it was killed, by the next.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from components.errors import KubeloopError
from components.ingest.privacy import KEY_FILE_VARIABLE
from components.spec import Spec, plan
from pipelines.local.outcome import build_result, unless_crowned
from pipelines.local.progress import LogReader, Progress
from pipelines.local.recovery import ensure_served, holder, is_settled, note, recover, take_back
from pipelines.local.result import ErrorResult, Result
from pipelines.local.run import Run
from pipelines.local.services import running
from pipelines.local.state import State, write_json
from pipelines.local.traffic import send_holdout

_KILL_AFTER_S = 5.0


def run_spec(
    spec: Spec,
    state: State,
    progress: Progress,
    *,
    ports: dict[str, int],
    isolated: bool,
    finish: Callable[[Run, Result], None],
    fresh: str = "",
) -> Result:
    """Runs the whole loop.

    Args:
        spec: what to train, judge and serve.
        state: where everything is kept.
        progress: hears of every stage.
        ports: ports that were asked for, by service.
        isolated: whether each task starts an interpreter of its own, as on a cluster.
        finish: called with the result while the services still run; `--keep` waits in it.
        fresh: address of labelled rows since the last run; empty for none.

    Returns:
        The result, which is also in the run's `result.json`.

    Raises:
        StateError: the services cannot be started.
        KeyboardInterrupt: Ctrl-C or SIGTERM; nothing runs on, the served model is as it was.
    """
    with running(state, ports) as services:
        with state.model_lock(spec.name, lambda held: progress.waiting(holder(held))) as lock:
            recover(spec.name, lock, state, services)
            folder = state.new_run(spec.name)
            before = state.serving(spec.name)
            run = Run(spec, folder, services, progress, before, fresh=fresh)
            note(lock, {"run": folder.name, "before": run.before})
            result = _run_once(run, state, isolated=isolated)
            if is_settled(spec.name, run.before, state):
                note(lock, None)
        finish(run, result)
        return result


def _run_once(run: Run, state: State, *, isolated: bool) -> Result:
    began = time.monotonic()
    try:
        error = _run_graph(run, state, isolated=isolated) or _ask_endpoint(run, state)
    except KubeloopError as exc:
        # A service that ended, say: what there is of the run is shown like that of any other.
        run.progress.fail()
        error = _stopped(run, exc, str(exc))
    except BaseException as exc:
        said = "interrupted" if isinstance(exc, KeyboardInterrupt) else str(exc)
        _conclude(run, state, _stopped(run, exc, said), seconds=time.monotonic() - began)
        raise
    return _conclude(run, state, error, seconds=time.monotonic() - began)


def _stopped(run: Run, exc: BaseException, said: str) -> ErrorResult:
    return ErrorResult(stage=run.progress.stage, message=said, type=type(exc).__name__)


def _conclude(run: Run, state: State, error: ErrorResult | None, *, seconds: float) -> Result:
    """Takes back what failed before it was crowned, and writes the result."""
    error = error or unless_crowned(run.outputs)
    if error is not None:
        error = _take_back(run, state, error)
    result = build_result(run, state, error, seconds=seconds)
    write_json(run.folder / "result.json", result.document())
    return result


def _take_back(run: Run, state: State, error: ErrorResult) -> ErrorResult:
    """Takes back; returns the run's error, with why that failed where it did."""
    # The graph is killed with its deploy task, while the server goes on with what that asked for.
    loading = error.stage == "deploy" and error.type == KeyboardInterrupt.__name__
    try:
        take_back(run.spec.name, run.before, state, run.services, loading=loading)
    except KubeloopError as exc:
        said = f"{error.message}\nwhat was served before is put back by the next run: {exc}"
        return error.model_copy(update={"message": said})
    return error


def _run_graph(run: Run, state: State, *, isolated: bool) -> ErrorResult | None:
    """Runs the compiled graph; returns why it failed, or None."""
    run.folder.joinpath("artifacts").mkdir()
    arguments = run.folder / "arguments.json"
    write_json(
        arguments,
        {
            "spec": run.spec.to_json(),
            "candidates": plan(run.spec),
            "registry": state.registry,
            "serving": run.services.serving,
            "monitor": run.services.monitor,
            "fresh": run.fresh,
            "run_id": run.folder.name,
        },
    )
    command = [sys.executable, "-P", "-m", "pipelines.local.graph"]
    command += [str(run.folder / "training.yaml"), str(arguments), str(run.folder / "artifacts")]
    command += ["--isolated"] * isolated
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(state),
        start_new_session=True,
        text=True,
        errors="replace",
    )
    log = run.folder / "run.log"
    try:
        with log.open("w", encoding="utf-8") as kept:
            reader = LogReader(run.progress)
            for line in process.stdout or ():
                kept.write(line)
                reader.read(line)
        status = process.wait()
        if status == 0:
            run.progress.settle()
    except BaseException:
        _kill_group(process)
        raise
    return None if status == 0 else _why(run, log)


def _environment(state: State) -> dict[str, str]:
    """What tasks see: the user's environment, and no folder of theirs before our packages."""
    # kfp runs two iterations of a ParallelFor at a time; together they may use every core.
    threads = max(1, (os.cpu_count() or 1) // 2)
    return {
        **os.environ,
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        KEY_FILE_VARIABLE: os.environ.get(KEY_FILE_VARIABLE, str(state.privacy_key)),
    }


def _kill_group(process: "subprocess.Popen[str]") -> None:
    """Ends the graph and every task of it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(_KILL_AFTER_S)
        except subprocess.TimeoutExpired:
            continue
    # The leader may be gone before its tasks; the group outlives it.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _why(run: Run, log: Path) -> ErrorResult:
    """Finds the failing stage's own words; else the end of the log, for a task that was killed."""
    found = run.outputs.failure()
    if found:
        return ErrorResult(stage=found.stage, message=found.message, type=found.type, log=str(log))
    lines = log.read_text(encoding="utf-8").strip().splitlines()
    said = [line.strip() for line in lines if line.strip(" -\n")][-15:]
    stage = run.progress.failed_stage or run.progress.stage
    return ErrorResult(stage=stage, message="\n".join(said), log=str(log))


def _ask_endpoint(run: Run, state: State) -> ErrorResult | None:
    """Sends the hold-out through the endpoint, where this run leaves a model in service."""
    from components.bundle import read
    from components.evaluation import Decision, Evaluation

    judged, test = run.outputs.path("evaluate", "evaluation"), run.outputs.path("prepare", "test")
    decision = Evaluation.read(judged).decision if judged else Decision.REFUSED
    if decision is Decision.REFUSED or test is None:
        return None
    run.progress.begin("requests")
    run.services.await_ready(state.logs)
    if decision is Decision.KEPT:
        ensure_served(run.spec, state, run.services)
    serving = state.serving(run.spec.name)
    if serving is None:
        return None
    manifest = read(Path(serving["path"]))
    run.traffic = send_holdout(manifest, test, run.services.serving, run.services.monitor)
    run.progress.end("requests", succeeded=not run.traffic.problem)
    if run.traffic.problem:
        return ErrorResult(stage="requests", message=run.traffic.problem)
    return None
