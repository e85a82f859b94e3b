"""The monitor's HTTP face: a small ASGI service on port 9091.

The life of the process, no more: `routes` answers, `collector` does the work. What a client sends
is answered with JSON and a code, never with a traceback.
"""

import argparse
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from types import FrameType
from typing import Final

import uvicorn
from starlette.applications import Starlette

from components.errors import KubeloopError
from components.monitor.answers import HANDLERS
from components.monitor.collector import Collector
from components.monitor.intake import Limits
from components.monitor.judge import JudgeThread
from components.monitor.listener import address, listen
from components.monitor.retraining.assembly import Retraining, Settings
from components.monitor.retraining.options import add_options, read_options
from components.monitor.routes import ROUTES
from components.monitor.storage.addresses import Address, read_address
from components.monitor.upkeep import Retention
from components.monitor.verdict_metrics import VerdictMetrics

HOST: Final = "127.0.0.1"
PORT: Final = 9091
DRAIN_SECONDS: Final = 10
STORE_HELP: Final = (
    "the database: a file, or postgresql://USER@HOST/DATABASE without a password; left out, the "
    "URL in KUBELOOP_MONITOR_STORE, or in the file that KUBELOOP_MONITOR_STORE_FILE names"
)

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

    app = Starlette(
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `python -m components.monitor.service`.

    Args:
        arguments: of the command line, without the program's name.

    Returns:
        The exit status: 0 after a stop, 1 when the service could not start.
    """
    parser = argparse.ArgumentParser(
        prog="python -m components.monitor.service",
        description="Collect events and ground truth, judge them, and retrain.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default=HOST, help="address to listen on")
    parser.add_argument("--port", type=int, default=PORT, help="TCP port")
    parser.add_argument("--store", help=STORE_HELP)
    _add_limits(parser)
    add_options(parser)
    call = parser.parse_args(arguments)
    try:
        store = read_address(call.store, os.environ)
        limits = Limits(queue_requests=max(1, call.queue))
        retention = Retention(days=call.keep_days or None, max_bytes=call.keep_bytes or None)
        serve(
            host=call.host,
            port=call.port,
            store=store,
            limits=limits,
            retention=retention,
            settings=read_options(call, os.environ),
        )
    except KubeloopError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return 0


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--queue",
        type=int,
        default=Limits().queue_requests,
        help="requests that may wait for the disk; more are answered 503",
    )
    parser.add_argument(
        "--keep-days",
        type=float,
        default=Retention().days,
        help="days after which events, labels and verdicts are deleted; 0 keeps them",
    )
    parser.add_argument(
        "--keep-bytes",
        type=int,
        default=0,
        help="size of the store above which the oldest events are deleted; 0 for no limit",
    )


class _Server(uvicorn.Server):
    """Says where it listens, once it does."""

    announce = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _log.info(self.announce)


if __name__ == "__main__":
    sys.exit(main())
