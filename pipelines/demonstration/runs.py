"""Ends what the demonstration's monitor has started, since such a run outlives its monitor."""

import os
import signal
import time
from pathlib import Path

import psutil

from components.monitor.retraining.local import FOLDER
from pipelines.local.record import is_running

_PATIENCE_S = 60.0
"""For a run to put back what it has begun."""


def end_runs(state: Path) -> int:
    """Ends the retraining runs of a state folder, as Ctrl-C ends a run; kills what does not end.

    Args:
        state: the folder.

    Returns:
        How many runs were ended.
    """
    processes = _processes(state.resolve() / FOLDER)
    # A run's tasks stand in its folder too; the run itself ends them.
    runs = [pid for pid, command in processes.items() if "pipelines.cli" in command]
    for pid in runs:
        _send(pid, signal.SIGINT)
    deadline = time.monotonic() + _PATIENCE_S
    while any(map(is_running, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in filter(is_running, processes):
        _send(pid, signal.SIGKILL)
    return len(runs)


def _processes(folder: Path) -> dict[int, list[str]]:
    """The processes that stand in a folder of this folder, with their command lines."""
    found: dict[int, list[str]] = {}
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                found[process.pid] = process.cmdline()
        except (psutil.Error, OSError):
            # It has ended or is about to, or is another user's, whom no monitor here has started.
            continue
    return found


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        # It has ended in between.
        return
