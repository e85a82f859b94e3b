"""Events that one monitor acknowledges durably: how many a second, and how long a client waits.

wrk makes the load on the same cores: events of 1 kB, alone and twenty in a request, as our server
sends them under load. Afterwards every acknowledged event is counted in the store.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from components.monitor.storage.addresses import Address, open_reader
from tests.benchmarks.serving.load import require_wrk
from tests.monitors import BUNDLE, REGISTRATION, Monitor
from tests.postgres import running

SECONDS = 10
CONNECTIONS = 64
TO_REACH = 5_000
_SCRIPT = Path(__file__).with_name("events.lua")


def report() -> None:
    """Prints the table."""
    require_wrk()
    print(f"events of 1 kB acknowledged durably, {CONNECTIONS} connections, {SECONDS} s")
    print(f"  {'store':<12}{'a request':>10}{'events/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'503':>7}")
    for store in ("sqlite", "postgres"):
        with started(store) as (monitor, address):
            for batch in (1, 20):
                print(f"  {store:<12}{batch:>10}{measure(monitor, address, batch)}", flush=True)
    print(f"  to reach, on 2 cores with one event a request: {TO_REACH} events/s on SQLite")


def measure(monitor: Monitor, address: Address, batch: int) -> str:
    """Loads a monitor, checks its store, and returns a row of the table."""
    before = _stored(address)
    environment = {**os.environ, "EVENTS": str(batch), "RUN": f"{before}"}
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "--timeout", "20s"]
    command += ["-s", str(_SCRIPT), f"http://127.0.0.1:{monitor.port}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.partition("RESULT ")[2])
    events = (found["requests"] - found["refused"]) * batch
    if _stored(address) - before < events or found["errors"]:
        msg = f"{events} events were acknowledged, {_stored(address) - before} are stored: {found}"
        raise RuntimeError(msg)
    rate, refused = events / found["seconds"], found["refused"]
    return f"{rate:>10.0f}{found['p50'] * 1e3:>9.1f}{found['p99'] * 1e3:>9.1f}{refused:>7}"


@contextmanager
def started(store: str) -> Iterator[tuple[Monitor, Address]]:
    """Runs a monitor on an empty store, with one version of a model that has 30 inputs."""
    inputs = [{"name": f"x{at}", "dtype": "float32"} for at in range(1, 31)]
    bundle = {**BUNDLE, "signature": {"inputs": inputs, "ignored": []}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.sqlite3"
        if store == "sqlite":
            monitor, address = Monitor(path), path
            yield from _registered(monitor, address, {**REGISTRATION, "bundle": bundle})
            return
        with running(settings={"fsync": "on"}) as server:
            monitor = Monitor(path, environment={"KUBELOOP_MONITOR_STORE": server.url()})
            yield from _registered(monitor, server.url(), {**REGISTRATION, "bundle": bundle})


def _registered(
    monitor: Monitor, address: Address, registration: object
) -> Iterator[tuple[Monitor, Address]]:
    try:
        monitor.register(body=registration)
        yield monitor, address
    finally:
        monitor.stop()


def _stored(address: Address) -> int:
    with closing(open_reader(address)) as connection:
        [[count]] = connection.query("SELECT count(*) FROM events")
        return int(count)


if __name__ == "__main__":
    report()
