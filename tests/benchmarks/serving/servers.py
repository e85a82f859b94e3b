"""Which servers there are, what each speaks, and how each is started for one model."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.benchmarks.serving import mlserver_environment
from tests.benchmarks.serving.cases import MODEL, PROTOCOLS, Case
from tests.benchmarks.serving.models import Served
from tests.benchmarks.serving.process import ROOT, Process, free_port, responds

SPEAKS = {
    "ours": PROTOCOLS,
    "stock": PROTOCOLS,
    "mlserver": ("v2", "grpc"),
    "bare": ("v1", "v2", "v2-binary"),
    "loop": ("v1", "v2", "v2-binary"),
    # Another checkout's server, beside this one's.
    "beside": PROTOCOLS,
}
READY = f"/v2/models/{MODEL}/ready"


@dataclass(frozen=True)
class Running:
    """A server with its ports; gRPC's is 0 where it speaks none."""

    process: Process
    http: int
    grpc: int

    def dropped(self) -> float:
        """Returns how many events our server has dropped; 0 for any other."""
        name = f'kubeloop_events_dropped_total{{model_name="{MODEL}",model_version="1"}} '
        text = httpx.get(f"http://127.0.0.1:{self.http}/metrics").text
        return next((float(s[len(name) :]) for s in text.splitlines() if s.startswith(name)), 0.0)


def takes_part(server: str, case: Case) -> bool:
    """Whether a server is asked in a case."""
    return case.protocol in SPEAKS[server]


@contextmanager
def running(
    wanted: list[str], served: Served, scratch: Path, beside: Path | None
) -> Iterator[dict[str, Running]]:
    """Starts servers of one model, all at once, and stops them at the end.

    Args:
        wanted: names of `SPEAKS`.
        served: the model.
        scratch: receives logs and settings.
        beside: the other checkout, if there is one.

    Yields:
        The servers by name; one that could not be installed is absent, and the loop is none.
    """
    with ExitStack() as stack:
        sink = Process(_module("sink", port := free_port()), scratch / "sink.log")
        stack.callback(sink.stop)
        found: dict[str, Running] = {}
        for name in wanted:
            ports = (free_port(), free_port())
            start = _start(name, served, ports, scratch, monitor=port, beside=beside)
            if start is not None:
                found[name] = Running(start, *ports)
                stack.callback(start.stop)
        for name, server in found.items():
            server.process.wait(responds(server.http, "/" if name == "bare" else READY))
        yield found


def _start(
    name: str,
    served: Served,
    ports: tuple[int, int],
    scratch: Path,
    *,
    monitor: int,
    beside: Path | None,
) -> Process | None:
    """Starts a server; None for the loop, and for one that could not be installed."""
    log = scratch / f"{served.kind}-{name}.log"
    if name in ("ours", "beside"):
        tree = beside if name == "beside" and beside else ROOT
        return Process(ours(served, ports, monitor), log, path=tree)
    if name == "stock":
        options = ["--skops", served.skops, "--http_port", ports[0], "--grpc_port", ports[1]]
        return Process(_module("stock", *options), log)
    if name == "bare":
        return Process(_module("bare", "serve", served.onnx, served.numbers, ports[0]), log)
    python = mlserver_environment.environment() if name == "mlserver" else None
    if python is None:
        return None
    folder = scratch / f"mlserver-{served.kind}"
    arguments = mlserver_environment.configure(served, folder, (*ports, free_port()))
    return Process([str(python), *arguments], log, path=folder)


def ours(served: Served, ports: tuple[int, int], sink: int | None) -> list[str]:
    """Returns the command of our server; without a sink it sends no events."""
    command = [sys.executable, "-P", "-m", "components.serve.service", "--bundle", served.bundle]
    command += ["--version", 1, "--http-port", ports[0], "--grpc-port", ports[1]]
    command += [] if sink is None else ["--monitor", f"http://127.0.0.1:{sink}"]
    return [str(word) for word in command]


def _module(name: str, *arguments: object) -> list[str]:
    words = [sys.executable, "-m", f"tests.benchmarks.serving.{name}", *arguments]
    return [str(word) for word in words]
