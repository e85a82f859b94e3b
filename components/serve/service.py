"""The model server's process: its arguments, its ports, and what it starts with.

On a cluster it serves the one bundle it was given. The local engine gives it a state folder: then
it resumes what it served before, and `deploy` may load and unload models by request.
"""

import argparse
import contextlib
import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import DeployError, KubeloopError

if TYPE_CHECKING:
    from components.serve.token import Token

_LOG = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
_BACKLOG = 2048


def serve(
    *,
    bundle: Path | None,
    version: int | None,
    state: Path | None,
    host: str = LOOPBACK,
    http_port: int = 8080,
    grpc_port: int = 8081,
    monitor: str | None = None,
    token_file: Path | None = None,
    access_log: bool = False,
) -> None:
    """Serves until SIGTERM or SIGINT, then drains.

    Args:
        bundle: the bundle to serve.
        version: its version; 1 where nobody assigned one.
        state: the state folder: resume from it, and let clients load and unload.
        host: address to listen on.
        http_port: port of HTTP; 0 takes a free one.
        grpc_port: port of gRPC; 0 takes a free one.
        monitor: base URL that events go to; without one none are sent.
        token_file: holds the bearer token that clients have to show; without one all are admitted.
        access_log: whether each request leaves a line of JSON on standard output.

    Raises:
        DeployError: nothing to serve, a port is taken, or the token cannot be read.
        BundleError: the bundle was refused.
    """
    if bundle is None and state is None:
        msg = "nothing to serve: give a bundle, a state folder, or both"
        raise DeployError(msg)
    with (
        _listening("HTTP", host, http_port) as http,
        # gRPC binds by itself, after the slow imports; until then this keeps its place.
        _listening("gRPC", host, grpc_port) as grpc,
    ):
        # Before any numeric library: threads that contend grow the tail latency many times over.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        _set_up_logging()
        given = None if bundle is None else (bundle.absolute(), 1 if version is None else version)
        _run((http, grpc), given, state, _Options(monitor, token_file, access_log))


@dataclass(frozen=True)
class _Options:
    """What a server does besides serving."""

    monitor: str | None
    token_file: Path | None
    access_log: bool


def _run(
    doors: tuple[socket.socket, socket.socket],
    given: tuple[Path, int] | None,
    state: Path | None,
    options: _Options,
) -> None:
    """Builds the server, which then loads what there is to serve; its imports take seconds."""
    from components.bundle import read
    from components.serve.accounting import Accounting
    from components.serve.events import Events
    from components.serve.limits import Limits
    from components.serve.metrics import Metrics
    from components.serve.repository import Repository
    from components.serve.runtime import Models

    models, metrics, limits = Models(), Metrics(), Limits()
    repository = Repository(models, metrics, state)
    repository.expect()
    if given is not None:
        # A damaged bundle is told before the slow imports.
        models.expect(read(given[0]).name)
    asked = _asked(options)

    def load() -> None:
        repository.resume()
        if given is not None:
            repository.load(*given)

    with _no_arguments():
        from components.serve.model_server import Doors, Server
    events = None if options.monitor is None else Events(options.monitor, metrics.count_dropped)
    accounting = Accounting(metrics, events)
    try:
        Server(
            Doors(*doors, asked, options.access_log),
            models,
            accounting,
            repository=None if state is None else repository,
            limits=limits,
        ).start([], load)
    finally:
        accounting.settle()
        if events is not None:
            events.close()


def _asked(options: _Options) -> "Token | None":
    """Returns the token that clients have to show; opens the access log where it is wanted."""
    if options.access_log:
        from components.serve.access import open_log

        open_log()
    if options.token_file is None:
        return None
    from components.serve.token import Token

    return Token(options.token_file)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the server as a process.

    Args:
        arguments: the command line without the program; None for the process's own.

    Returns:
        The exit status: 0 after a drained stop, 1 where it could not serve.
    """
    parser = argparse.ArgumentParser(
        prog="python -m components.serve.service", description="Serve a model bundle."
    )
    parser.add_argument("--bundle", type=Path, help="the bundle's folder")
    parser.add_argument("--version", type=int, help="the version that the registry assigned")
    parser.add_argument("--state", type=Path, help="state folder: resume, and load by request")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on")
    parser.add_argument("--http-port", type=int, default=8080)
    parser.add_argument("--grpc-port", type=int, default=8081)
    parser.add_argument("--monitor", help="base URL of the monitor")
    parser.add_argument("--token-file", type=Path, help="holds the token that clients must show")
    parser.add_argument("--access-log", action="store_true", help="write a line for each request")
    options = vars(parser.parse_args(arguments))
    try:
        serve(**options)
    except KubeloopError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _set_up_logging() -> None:
    """One line an event on stderr; no access log, nothing that repeats a request's content."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    # kserve logs every refused request with its traceback and message, hence with values; a
    # handler of its own also keeps it from setting up its own logging.
    kserve_log = logging.getLogger("kserve")
    kserve_log.addHandler(logging.NullHandler())
    kserve_log.setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="fastapi")
    # Numbers too large for a float32 are found by it, and refused in our words.
    warnings.filterwarnings("ignore", "overflow encountered in dot")
    # Its warnings are about what clients send, so that any client could fill the log.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    access = logging.getLogger("uvicorn.access")
    access.propagate = False
    access.handlers.clear()


@contextlib.contextmanager
def _listening(protocol: str, host: str, port: int) -> Iterator[socket.socket]:
    """Takes a port before the slow imports, so that a taken one is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
            # A port that is bound and does not listen can be bound again by somebody else.
            door.listen(_BACKLOG)
        except (OSError, OverflowError) as exc:
            msg = f"cannot listen on {protocol} port {port} of {host}: {exc}; choose another port"
            raise DeployError(msg) from exc
        yield door


@contextlib.contextmanager
def _no_arguments() -> Iterator[None]:
    """Hides the command line: kserve parses it when it is imported, and ours is not meant."""
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        yield
    finally:
        sys.argv = arguments


if __name__ == "__main__":
    sys.exit(main())
