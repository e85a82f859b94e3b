"""Runs `kubeloop run` as a process of its own, which outlives the monitor that started it.

Each run has a folder: its spec, its log, its result, and a file that it holds locked while it
lives. The kernel gives the lock up when the process ends, in whatever way, so that a monitor that
was started anew neither takes a foreign process for the run nor waits for one that was killed.
"""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from components.monitor.retraining.notification import ADDRESS_VARIABLE
from components.monitor.retraining.runner import (
    Ending,
    Order,
    RunnerError,
    RunnerUnavailableError,
    shorten,
)
from components.monitor.storage.records import Outcome

FOLDER: Final = "retraining"
COMMAND: Final = (sys.executable, "-P", "-m", "pipelines.cli")
"""The command is called by its name: components import no pipeline."""

STORE_VARIABLE: Final = "KUBELOOP_MONITOR_STORE"

_SPEC, _LOCK, _LOG, _RESULT = "spec.yaml", "lock", "run.log", "result.json"
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "succeeded": "promoted",
    "kept": "kept",
    "refused": "not_approved",
}
_LOCAL: Final = ("/", "s3://", "gs://", "https://", "http://", "sklearn://")
_TAIL_BYTES: Final = 4096


class LocalRunner:
    """Runs on this machine, in one state folder."""

    pause = 0.0

    def __init__(self, state: Path, command: Sequence[str] = COMMAND) -> None:
        """Takes the folder.

        Args:
            state: the state folder in which this monitor runs, whose services the runs join.
            command: what is `kubeloop`.
        """
        self._state = state.resolve()
        self._command = command
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, order: Order) -> str:
        """Starts the process; a second time finds it, or what it left behind."""
        folder = self._state / FOLDER / order.id
        if (folder / _LOCK).exists():
            return str(folder)
        sources = order.spec.get("source")
        relative = [s for s in sources or () if not str(s).startswith(_LOCAL)]
        if relative:
            msg = (
                f"source {relative[0]!r} of the spec is relative, and nobody knows to which "
                "folder: train the model by kubeloop run FILE, which makes its sources absolute"
            )
            raise RunnerError(msg)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _SPEC).write_text(as_yaml(order.spec), encoding="utf-8")
            self._spawn(order, folder)
        except OSError as exc:
            msg = f"the run's folder {str(folder)!r} cannot be used: {exc.strerror}"
            raise RunnerUnavailableError(msg) from exc
        return str(folder)

    def follow(self, identity: str, run: str, model: str) -> Ending | None:
        """Reads the result once the process has ended; how does not matter to the lock."""
        if is_under_way(Path(run)):
            return None
        if child := self._children.pop(identity, None):
            child.wait()
        return _read_result(Path(run))

    def _spawn(self, order: Order, folder: Path) -> None:
        command = [
            *self._command,
            "run",
            str(folder / _SPEC),
            "--state",
            str(self._state),
            "--json",
        ]
        command += ["--fresh", order.fresh] * bool(order.fresh)
        # The monitor has one thread for its numbers, and secrets of its own; a run has neither.
        own = (ADDRESS_VARIABLE, STORE_VARIABLE, "OMP_NUM_THREADS")
        environment = {key: text for key, text in os.environ.items() if key not in own}
        with (
            (folder / _RESULT).open("wb") as result,
            (folder / _LOG).open("wb") as log,
            (folder / _LOCK).open("wb") as lock,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                self._children[order.id] = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=result,
                    stderr=log,
                    cwd=folder,
                    env={**environment, "PYTHONSAFEPATH": "1"},
                    # The process inherits the open file, and the lock with it.
                    pass_fds=(lock.fileno(),),
                    start_new_session=True,
                )
            except OSError:
                (folder / _LOCK).unlink()
                raise


def as_yaml(spec: Mapping[str, Any]) -> str:
    """Writes a spec as a file that `kubeloop run` reads.

    Args:
        spec: as a bundle holds it, defaults included and sources absolute.

    Returns:
        JSON that is YAML too: what YAML does not allow in a file is escaped, and no half of a
        surrogate pair is. The contract's path is left out: what the contract says of the columns
        is in the spec, and the file may be another one by now.
    """
    document = {**spec, "contract": None}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
    return "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in text)


def _escape(character: str) -> str:
    point = ord(character)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def is_under_way(folder: Path) -> bool:
    """Whether the process of a run lives, by the lock in its folder.

    Raises:
        RunnerUnavailableError: nobody can say now.
    """
    return _is_held(folder / _LOCK)


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    except OSError as exc:
        _unavailable(lock, exc)
    return False


def _read_result(folder: Path) -> Ending:
    """Reads what the command printed; without a result, the end of what it said."""
    try:
        result = json.loads((folder / _RESULT).read_bytes())
    except FileNotFoundError:
        return Ending("failed", f"the run's folder {str(folder)!r} is gone")
    except ValueError:
        return Ending("failed", shorten(f"ended without a result: {_last_line(folder / _LOG)}"))
    except OSError as exc:
        _unavailable(folder / _RESULT, exc)
    if not isinstance(result, dict):
        return Ending("failed", "the run left a result that is none")
    outcome = _OUTCOMES.get(str(result.get("status")), "failed")
    if outcome == "promoted":
        version = int(result["version"])
        return Ending(outcome, f"{result['run_id']} put version {version} into service", version)
    if outcome == "failed":
        error = result.get("error") or {}
        said = (
            f"failed in {error.get('stage', 'a stage')}: {error.get('message', 'without a word')}"
        )
        return Ending(outcome, shorten(f"{result.get('run_id', 'the run')} {said}"))
    if outcome == "kept":
        return Ending(outcome, f"{result['run_id']} kept the champion: nothing is new")
    return Ending(outcome, shorten(f"{result['run_id']} was refused: {_failed_gates(result)}"))


def _failed_gates(result: Mapping[str, Any]) -> str:
    failed = [
        f"{gate['name']} is {gate['value']:.4g} and needs {gate['threshold']:.4g}"
        for gate in result.get("gates", ())
        if not gate["passed"] and gate["value"] is not None and gate["threshold"] is not None
    ]
    return ", ".join(failed) or "its gates did not pass"


def _last_line(log: Path) -> str:
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode("utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1] if said else "it said nothing"
    return "it left no log"


def _unavailable(path: Path, exc: OSError) -> NoReturn:
    msg = f"{str(path)!r} cannot be read: {exc.strerror}"
    raise RunnerUnavailableError(msg) from exc
