"""The monitor's HTTP face: a small ASGI service on port 9091.

The life of the process, no more: `routes` answers, `collector` does the work. What a client sends
is answered with JSON and a code, never with a traceback.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from starlette.applications import Starlette

from components.errors import KubeloopError
from components.monitor.answers import HANDLERS
from components.monitor.collector import Collector
from components.monitor.command import read_call
from components.monitor.intake import Limits
from components.monitor.judge import JudgeThread
from components.monitor.listener import address, listen
from components.monitor.quick import QuickStarlette
from components.monitor.retraining.assembly import Retraining, Settings
from components.monitor.routes import ROUTES
from components.monitor.storage.addresses import Address
from components.monitor.upkeep import Retention
from components.monitor.verdict_metrics import VerdictMetrics

PROGRAM: Final = "python -m components.monitor.service"
DRAIN_SECONDS: Final = 10

_log = logging.getLogger(__name__)


def create_app(
    store: Address,
    limits: Limits | None = None,
    retention: Retention | None = None,
    settings: Settings | None = None,
) -> Starlette:
    """Builds the service and opens its store; the lifespan starts and ends the writing.

    Args:
        store: the database: a file, or a PostgreSQL URL.
        limits: what is taken on at one time; the defaults of `Limits` where left out.
        retention: how long and how much is kept; the defaults of `Retention` where left out.
        settings: how it retrains; not at all where left out.

    Returns:
        The ASGI application.

    Raises:
        DeployError: a token or the notifications' address cannot be used.
        StateError: the store is in use, is no store, or is of a newer format.
    """
    collector = Collector(store, limits or Limits(), retention or Retention())
    reader = collector.reader
    collector.metrics.registry.register(
        VerdictMetrics(reader.latest_verdicts, collector.content, collector.versions)
    )
    judge = JudgeThread(reader, collector.submit, leads=collector.leader.try_lead)
    retraining = Retraining(collector, settings or Settings())

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        collector.start()
        judge.start()
        retraining.start()
        try:
            yield
        finally:
            retraining.close()
            judge.close()
            collector.close()

    app = QuickStarlette(
        routes=ROUTES,
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    app.state.collector = collector
    app.state.retraining = retraining
    return app


def serve(
    *,
    host: str,
    port: int,
    store: Address,
    limits: Limits | None = None,
    retention: Retention | None = None,
    settings: Settings | None = None,
) -> None:
    """Runs the monitor until SIGTERM or SIGINT, then answers what is open and closes the store.

    Args:
        host: the address to listen on.
        port: the TCP port.
        store: the database: a file, or a PostgreSQL URL.
        limits: what is taken on at one time; the defaults of `Limits` where left out.
        retention: how long and how much is kept; the defaults of `Retention` where left out.
        settings: how it retrains; not at all where left out.

    Raises:
        DeployError: the address cannot be listened on, or a setting cannot be used.
        StateError: the store is in use, is no store, or is of a newer format.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with contextlib.closing(listen(host, port)) as listener:
        settings = (settings or Settings()).listening(address(listener))
        config = uvicorn.Config(
            create_app(store, limits, retention, settings),
            access_log=False,
            log_config=None,
            log_level="warning",
            # No use is made of a client's address or scheme, which this would read from headers.
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            ws="none",
        )
        server = _Server(config)
        server.announce = f"monitor listening address=http://{address(listener)}"

        def stop(_signal: int, _frame: FrameType | None) -> None:
            server.should_exit = True

        if threading.current_thread() is threading.main_thread():
            # uvicorn repeats a signal after its own shutdown; without a handler that would end the
            # process by the signal instead of with status 0.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, stop)
        server.run(sockets=[listener])


def run(
    arguments: Sequence[str] | None = None,
    *,
    program: str = PROGRAM,
    otherwise: Path | None = None,
) -> None:
    """Runs the monitor as a command line asks for it, until it is stopped.

    Args:
        arguments: without the program's name; None for those of this process.
        program: how it is called.
        otherwise: the store where nothing names one; None where something has to.

    Raises:
        KubeloopError: it cannot start so.
        SystemExit: an option is wrong.
    """
    call = read_call(arguments, os.environ, program=program, otherwise=otherwise)
    serve(
        host=call.host,
        port=call.port,
        store=call.store,
        limits=call.limits,
        retention=call.retention,
        settings=call.settings,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `python -m components.monitor.service`.

    Args:
        arguments: of the command line, without the program's name.

    Returns:
        The exit status: 0 after a stop, 1 when the service could not start.
    """
    try:
        run(arguments)
    except KubeloopError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return 0


class _Server(uvicorn.Server):
    """Says where it listens, once it does."""

    announce = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _log.info(self.announce)


if __name__ == "__main__":
    sys.exit(main())
