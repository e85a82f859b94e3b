"""The model server and the monitor as local processes: started, shared, stopped.

Several runs may share them: `services.json` records both processes and who uses them. The last user
stops what runs.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from components.errors import SpecError, StateError
from pipelines.local.ports import HOST, choose_ports, is_free
from pipelines.local.record import drop_the_dead, find_process, identity, is_running, open_record
from pipelines.local.state import State

_READY_S = 90.0
_STOP_S = 10.0
_PORT_TRIES = 3
# Both take their ports before their slow imports; one that cannot says so and ends at once.
_BIND_S = 20.0
_MOMENT_S = 0.2


@dataclass(frozen=True)
class Services:
    """Where the two services answer: `http://host:port` of each, and their process ids by name."""

    serving: str
    monitor: str
    pids: dict[str, int]

    def await_ready(self, logs: Path) -> None:
        """Waits until both answer.

        Raises:
            StateError: one ended or did not answer in time; quotes the end of its log.
        """
        checks = {"monitor": f"{self.monitor}/healthz", "server": f"{self.serving}/v2/health/live"}
        deadline = time.monotonic() + _READY_S
        for service, url in checks.items():
            while not _answers(url):
                ended = not is_running(self.pids[service])
                if ended or time.monotonic() > deadline:
                    fate = "ended" if ended else f"did not answer in {_READY_S:g} s"
                    msg = f"the {service} {fate}: {_last_line(logs / f'{service}.log')}"
                    raise StateError(msg)
                time.sleep(0.1)


@contextmanager
def running(state: State, ports: dict[str, int]) -> Iterator[Services]:
    """Starts the services, or joins those that run; stops them if nobody else uses them.

    Args:
        state: its `services.json` records them.
        ports: the ports that the user asked for, by name; free ones are taken for the others.

    Yields:
        Where they answer; they may not do so yet.

    Raises:
        SpecError: a port that was asked for is taken.
    """
    me = identity(os.getpid())
    try:
        yield _join(state, ports, me)
    finally:
        with open_record(state) as record:
            drop_the_dead(record)
            record["users"] = [user for user in record["users"] if user != me]
            if not record["users"]:
                _stop(record)


def _join(state: State, ports: dict[str, int], me: dict[str, Any]) -> Services:
    """Enters this process as a user of the services, which are started if they do not run."""
    with open_record(state) as record:
        drop_the_dead(record)
        whole = {"server", "monitor", "ports"} <= record.keys()
        wrong = [p for name, p in ports.items() if whole and record["ports"][name] != p]
        if not whole or (wrong and not record["users"]):
            _start(state, record, ports)
        elif wrong:
            msg = (
                f"port {wrong[0]} was asked for, but services of this state folder already run "
                f"on {', '.join(map(str, record['ports'].values()))}: leave the port out, or stop "
                "the run that keeps them"
            )
            raise SpecError(msg)
        record["users"].append(me)
        return _describe(record)


def _start(state: State, record: dict[str, Any], ports: dict[str, int]) -> None:
    """Starts both; tries other ports where somebody took a free one in between."""
    for _ in range(_PORT_TRIES):
        _stop(record)
        chosen = choose_ports(_known_to_users(record, ports) | ports)
        record["ports"] = chosen
        for service, command in _commands(state, chosen).items():
            record[service] = identity(_spawn(command, state.logs / f"{service}.log"))
        if _hold_their_ports(record):
            return
    lines = ", ".join(
        _last_line(state.logs / f"{service}.log") for service in ("server", "monitor")
    )
    _stop(record)
    msg = f"the services did not get their ports: {lines}"
    raise StateError(msg)


def _known_to_users(record: dict[str, Any], asked: dict[str, int]) -> dict[str, int]:
    """The ports at which others still expect the services, those that are free: one has ended."""
    known: dict[str, int] = record.get("ports", {}) if record["users"] else {}
    free = {name: port for name, port in known.items() if is_free(port)}
    return {name: port for name, port in free.items() if port not in asked.values()}


def _commands(state: State, ports: dict[str, int]) -> dict[str, list[str]]:
    base = [sys.executable, "-P", "-m"]
    monitor = [*base, "components.monitor.service", "--host", HOST]
    monitor += ["--port", str(ports["monitor"]), "--store", str(state.monitor_store)]
    # By the folder it starts retraining runs, which join these services.
    monitor += ["--state", str(state.root)]
    if state.alert_token.exists():
        monitor += ["--alert-token-file", str(state.alert_token)]
    server = [*base, "components.serve.service", "--host", HOST, "--state", str(state.root)]
    server += ["--http-port", str(ports["http"]), "--grpc-port", str(ports["grpc"])]
    server += ["--monitor", f"http://{HOST}:{ports['monitor']}"]
    return {"monitor": monitor, "server": server}


def _hold_their_ports(record: dict[str, Any]) -> bool:
    """Waits until every port is taken; by our processes, if both live on a moment later."""
    deadline = time.monotonic() + _BIND_S
    while any(is_free(port) for port in record["ports"].values()):
        if time.monotonic() > deadline or not _both_live(record):
            return False
        time.sleep(0.05)
    time.sleep(_MOMENT_S)
    return _both_live(record)


def _both_live(record: dict[str, Any]) -> bool:
    return bool(find_process(record["server"]) and find_process(record["monitor"]))


def _spawn(command: list[str], log: Path) -> int:
    """Starts a process in a session of its own, so that a terminal's Ctrl-C is not sent to it."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    return process.pid


def _stop(record: dict[str, Any]) -> None:
    """Stops the services that are recorded and alive, the server first: it sends to the monitor."""
    for service in ("server", "monitor"):
        known = record.pop(service, None)
        process = find_process(known) if known else None
        if process is None:
            continue
        process.send_signal(signal.SIGTERM)
        if not _ends(process.pid):
            process.kill()
            _ends(process.pid)


def _ends(pid: int) -> bool:
    """Waits for a process to end. Another run's stays a zombie for as long as that run lives."""
    deadline = time.monotonic() + _STOP_S
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _describe(record: dict[str, Any]) -> Services:
    ports = record["ports"]
    return Services(
        serving=f"http://{HOST}:{ports['http']}",
        monitor=f"http://{HOST}:{ports['monitor']}",
        pids={service: record[service]["pid"] for service in ("server", "monitor")},
    )


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except HTTPError:
        return True
    except (URLError, OSError):
        return False


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{lines[-1] if lines else 'it said nothing'} (log: {log})"
