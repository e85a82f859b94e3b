"""Prometheus and Alertmanager of this machine, with the rules that a cluster would have."""

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import requests

from components.errors import DeployError
from pipelines.alerting import Machine, write_configuration

PROGRAMS: Final = ("prometheus", "prometheus-alertmanager")
HASTEN: Final = 60
"""By how much the times are shortened that an alert waits: minutes become seconds."""

_INTERVAL_S: Final = 1.0
_READY_S: Final = 30.0
_STOP_S: Final = 10.0


def missing() -> list[str]:
    """Returns the programs that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def write_token(path: Path) -> None:
    """Makes the token that Alertmanager shows the monitor; only its owner reads it."""
    path.touch(mode=0o600)
    path.write_text(secrets.token_urlsafe(24), encoding="utf-8")


@contextmanager
def alerting(folder: Path, token: Path, serving: str, monitor: str) -> Iterator[str]:
    """Runs both, and stops them.

    Args:
        folder: for their configuration, data and logs.
        token: the file of the token.
        serving: the model server's address.
        monitor: the monitor's.

    Yields:
        Alertmanager's address.

    Raises:
        DeployError: one of them does not become ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    alertmanager, prometheus = (f"127.0.0.1:{_free_port()}" for _ in PROGRAMS)
    server, watcher = (address.removeprefix("http://") for address in (serving, monitor))
    machine = Machine((server, watcher), watcher, alertmanager, token.resolve())
    files = write_configuration(folder, machine, interval_s=_INTERVAL_S, hasten=HASTEN)
    commands = {
        alertmanager: [
            "prometheus-alertmanager",
            f"--config.file={files.alertmanager}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address={alertmanager}",
            "--cluster.listen-address=",
        ],
        prometheus: [
            "prometheus",
            f"--config.file={files.prometheus}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address={prometheus}",
        ],
    }
    with ExitStack() as stack:
        for place, command in commands.items():
            stack.enter_context(_running(command, place, folder / f"{command[0]}.log"))
        yield f"http://{alertmanager}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: list[str], place: str, log: Path) -> Iterator[None]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
    try:
        _await_ready(process, place, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(process: "subprocess.Popen[bytes]", place: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"http://{place}/-/ready", timeout=1.0).ok:
                return
        except requests.RequestException:
            # It does not listen yet.
            pass
        time.sleep(0.1)
    msg = f"{process.args[0]!r} did not become ready: see {str(log)!r}"  # type: ignore[index]
    raise DeployError(msg)
