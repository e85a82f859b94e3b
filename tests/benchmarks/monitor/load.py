"""Events that one monitor acknowledges durably: how many a second, and how long a client waits.

wrk makes the load on the same cores: events of 1 kB, alone and twenty in a request, as our server
sends them under load. Afterwards every acknowledged event is counted in the store. Beside it stands
the processor time of an event, all of the monitor's threads together, which a busy machine changes
less than the rate.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from components.monitor.storage.addresses import Address, open_reader
from tests.benchmarks.monitor.windows import describe, inputs, training
from tests.benchmarks.serving.load import require_wrk
from tests.monitors import BUNDLE, Monitor
from tests.postgres import running

SECONDS = 10
CONNECTIONS = 64
FEATURES = 30
TO_REACH = 5_000
START_SECONDS = 20
_SCRIPT = Path(__file__).with_name("events.lua")


@dataclass(frozen=True)
class Measured:
    """What one load showed.

    Attributes:
        rate: events acknowledged a second.
        p50, p99: seconds until a request was answered.
        cpu: seconds of processor time of an event, the monitor's processes together.
        refused: requests answered 503.
        events: acknowledged.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    refused: int
    events: int


@dataclass(frozen=True)
class Call:
    """A load.

    Attributes:
        port: of the server, on this machine.
        batch: events in a request.
        run: begins the ids of the events; they come once.
        connections: at a time.
        seconds: that it lasts.
    """

    port: int
    batch: int
    run: str
    connections: int = CONNECTIONS
    seconds: int = SECONDS


def report() -> None:
    """Prints the table."""
    require_wrk()
    print(f"events of 1 kB acknowledged durably, {CONNECTIONS} connections, {SECONDS} s")
    head = f"{'a request':>10}{'events/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}{'503':>7}"
    print(f"  {'':<18}{head}")
    with started("sqlite") as (monitor, address), bare() as (process, port):
        for batch in (1, 20):
            _show("bare ASGI, SQLite", batch, send(Call(port, batch, "bare"), process))
            _show("ours, SQLite", batch, measure(monitor, address, batch))
    with started("postgres") as (monitor, address):
        for batch in (1, 20):
            _show("ours, PostgreSQL", batch, measure(monitor, address, batch))
    print(f"  to reach, on 2 cores with one event a request: {TO_REACH} events/s on SQLite")


def _show(name: str, batch: int, found: Measured) -> None:
    print(
        f"  {name:<18}{batch:>10}{found.rate:>10.0f}{found.p50 * 1e3:>9.1f}"
        f"{found.p99 * 1e3:>9.1f}{found.cpu * 1e6:>9.0f}{found.refused:>7}",
        flush=True,
    )


def measure(
    monitor: Monitor,
    address: Address,
    batch: int,
    *,
    connections: int = CONNECTIONS,
    seconds: int = SECONDS,
) -> Measured:
    """Loads a monitor and checks its store.

    Args:
        monitor: with the version registered that the events name.
        address: of its store.
        batch: events in a request.
        connections: at a time.
        seconds: that the load lasts.

    Raises:
        RuntimeError: an acknowledged event is not in the store, or a request failed.
    """
    before = stored(address)
    call = Call(monitor.port, batch, f"{before}", connections, seconds)
    found = send(call, monitor.process.pid)
    if stored(address) - before < found.events:
        msg = f"{found.events} events were acknowledged, {stored(address) - before} are stored"
        raise RuntimeError(msg)
    return found


def send(call: Call, pid: int) -> Measured:
    """Loads whatever listens on a port.

    Args:
        call: what is sent.
        pid: of the process that answers; its children count with it.

    Raises:
        RuntimeError: a request failed otherwise than by a 503.
    """
    cpu = _cpu_seconds(pid)
    environment = {**os.environ, "EVENTS": str(call.batch), "RUN": call.run}
    command = ["wrk", "-t", "1", "-c", str(call.connections), "-d", f"{call.seconds}s"]
    command += ["--timeout", "20s", "-s", str(_SCRIPT), f"http://127.0.0.1:{call.port}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    cpu = _cpu_seconds(pid) - cpu
    found = json.loads(done.stdout.partition("RESULT ")[2])
    if found["errors"]:
        msg = f"requests failed: {found}"
        raise RuntimeError(msg)
    events = (found["requests"] - found["refused"]) * call.batch
    return Measured(
        rate=events / found["seconds"],
        p50=found["p50"],
        p99=found["p99"],
        cpu=cpu / max(1, events),
        refused=found["refused"],
        events=events,
    )


@contextmanager
def bare() -> Iterator[tuple[int, int]]:
    """Runs the least that stores events; gives its process id and its port."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "tests.benchmarks.monitor.bare", str(port)]
        process = subprocess.Popen([*command, str(Path(folder) / "bodies.sqlite3")])
        try:
            _await_port(port, process)
            yield process.pid, port
        finally:
            process.terminate()
            process.wait(10)


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    msg = "bare ASGI did not start"
    raise RuntimeError(msg)


@contextmanager
def started(store: str) -> Iterator[tuple[Monitor, Address]]:
    """Runs a monitor on an empty store, with one version of a model of number features."""
    bundle = {**BUNDLE, "signature": {"inputs": inputs(FEATURES), "ignored": []}}
    registration = {"bundle": bundle, "reference": describe(training(FEATURES, 10_000, 0))}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.sqlite3"
        if store == "sqlite":
            monitor, address = Monitor(path), path
            yield from _registered(monitor, address, registration)
            return
        with running(settings={"fsync": "on"}) as server:
            monitor = Monitor(path, environment={"KUBELOOP_MONITOR_STORE": server.url()})
            yield from _registered(monitor, server.url(), registration)


def processes(pid: int) -> list[psutil.Process]:
    """Returns a process and those that it has started."""
    own = psutil.Process(pid)
    return [own, *own.children(recursive=True)]


def _cpu_seconds(pid: int) -> float:
    times = [process.cpu_times() for process in processes(pid)]
    return sum(each.user + each.system for each in times)


def _registered(
    monitor: Monitor, address: Address, registration: object
) -> Iterator[tuple[Monitor, Address]]:
    try:
        monitor.register(body=registration)
        yield monitor, address
    finally:
        monitor.stop()


def stored(address: Address) -> int:
    with closing(open_reader(address)) as connection:
        [[count]] = connection.query("SELECT count(*) FROM events")
        return int(count)


if __name__ == "__main__":
    report()
