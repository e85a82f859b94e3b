"""One measurement: a load for some seconds, and what the server spent on it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.serving.cases import Case, Question
from tests.benchmarks.serving.frames import write_frames
from tests.benchmarks.serving.models import Served
from tests.benchmarks.serving.process import ONE_THREAD, ROOT
from tests.benchmarks.serving.servers import Running

_SCRIPT = Path(__file__).with_name("requests.lua")
# Enough for the server never to wait, few enough for latencies to be its own and not a queue's.
CONNECTIONS = 4


@dataclass(frozen=True)
class Measured:
    """What one load showed.

    Attributes:
        requests: how many were answered.
        cpu: the server's CPU seconds of one request, events included.
        p50: median latency in seconds.
        p99: latency in seconds that one of a hundred exceeded.
        dropped: events that our server could not send.
    """

    requests: int
    cpu: float
    p50: float
    p99: float
    dropped: int = 0


def require_wrk() -> None:
    """Says what is missing.

    Raises:
        SystemExit: wrk is not installed.
    """
    if shutil.which("wrk") is None:
        msg = (
            "this benchmark needs the load generator wrk, which is not on the PATH; "
            "on Debian and Ubuntu: sudo apt-get install wrk"
        )
        raise SystemExit(msg)


def under_load(
    case: Case, server: Running, asked: list[Question], seconds: float, scratch: Path
) -> Measured:
    """Puts a server under load.

    Args:
        case: decides between wrk and the gRPC client.
        server: the server.
        asked: the requests that go round.
        seconds: how long.
        scratch: for the file of requests.

    Returns:
        The measurement; what the server did after the last answer is charged too.

    Raises:
        SystemExit: a request failed.
    """
    frames = scratch / f"{case}-{server.http}.frames"
    if not frames.exists():
        raw = [q.raw(server.http) if case.http else q.body for q in asked]
        write_frames(frames, raw)
    dropped = server.dropped()
    server.process.settle()
    before = server.process.cpu()
    client = wrk if case.http else _grpc
    found = client(server, frames, seconds)
    server.process.settle()
    spent = server.process.cpu() - before
    if found["failed"]:
        msg = f"{case}: {found['failed']:.0f} of {found['requests']:.0f} requests failed"
        raise SystemExit(msg)
    lost = int(server.dropped() - dropped)
    count = int(found["requests"])
    return Measured(count, spent / count, found["p50"], found["p99"], lost)


def in_a_loop(
    case: Case, served: Served, asked: list[Question], seconds: float, scratch: Path
) -> Measured:
    """Runs ONNX Runtime with parsing and nothing else, in a process of its own."""
    frames = scratch / f"{case}-loop.frames"
    lengths = [q.headers.get("Inference-Header-Content-Length", "") for q in asked]
    pairs = zip(lengths, asked, strict=True)
    write_frames(frames, (frame for text, q in pairs for frame in (text.encode(), q.body)))
    command = [sys.executable, "-m", "tests.benchmarks.serving.bare", "loop", served.onnx]
    command += [served.numbers, case.protocol, frames, seconds]
    found = _run([str(word) for word in command])
    return Measured(0, found["cpu"], found["p50"], found["p99"])


def wrk(server: Running, frames: Path, seconds: float) -> dict[str, float]:
    """Sends a file of HTTP requests round and round.

    Args:
        server: which is asked.
        frames: from `write_frames`, each a whole request.
        seconds: how long.

    Returns:
        `requests` answered, `failed` with a status of 400 or more or not at all, `p50`, `p99`.
    """
    address = f"http://127.0.0.1:{server.http}"
    command = ["wrk", "-t", "1", "-c", CONNECTIONS, "-d", f"{seconds:.0f}s", "--timeout", "20s"]
    return _run([str(word) for word in [*command, "-s", _SCRIPT, address, "--", frames]])


def _grpc(server: Running, frames: Path, seconds: float) -> dict[str, float]:
    command: list[object] = [sys.executable, "-m", "tests.benchmarks.serving.grpc_client"]
    command += [f"127.0.0.1:{server.grpc}", frames, seconds, CONNECTIONS]
    return _run([str(word) for word in command])


def _run(command: list[str]) -> dict[str, float]:
    """Runs a client and reads the JSON of its last line."""
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        msg = f"{command[0]} failed:\n{done.stdout[-1000:]}\n{done.stderr[-1000:]}"
        raise SystemExit(msg)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
