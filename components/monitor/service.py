"""The monitor's HTTP face: a small ASGI service on port 9091.

Routes, statuses and the life of the process, no more; `collector` does the work. What a client
sends is answered with JSON and a code, never with a traceback.
"""

import argparse
import contextlib
import logging
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from components.errors import KubeloopError
from components.monitor.answers import HANDLERS
from components.monitor.collector import Collector
from components.monitor.intake import Limits
from components.monitor.listener import address, listen
from components.monitor.listing import list_models
from components.monitor.refusal import RefusedError

HOST: Final = "127.0.0.1"
PORT: Final = 9091
DRAIN_SECONDS: Final = 10

_log = logging.getLogger(__name__)


def create_app(store: Path, limits: Limits | None = None) -> Starlette:
    """Builds the service and opens its store; the lifespan starts and ends the writing.

    Args:
        store: the database file.
        limits: what is taken on at one time; the defaults of `Limits` where left out.

    Returns:
        The ASGI application.

    Raises:
        StateError: the store is in use, is no store, or is of a newer format.
    """
    collector = Collector(store, limits or Limits())

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        collector.start()
        try:
            yield
        finally:
            collector.close()

    app = Starlette(
        routes=_ROUTES,
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    app.state.collector = collector
    return app


def serve(*, host: str, port: int, store: Path, limits: Limits | None = None) -> None:
    """Runs the monitor until SIGTERM or SIGINT, then answers what is open and closes the store.

    Args:
        host: the address to listen on.
        port: the TCP port.
        store: the database file.
        limits: what is taken on at one time; the defaults of `Limits` where left out.

    Raises:
        DeployError: the address cannot be listened on.
        StateError: the store is in use, is no store, or is of a newer format.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with contextlib.closing(listen(host, port)) as listener:
        config = uvicorn.Config(
            create_app(store, limits),
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
        description="Collect prediction events and ground truth, and count them.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    defaults = Limits()
    parser.add_argument("--host", default=HOST, help="address to listen on")
    parser.add_argument("--port", type=int, default=PORT, help="TCP port")
    parser.add_argument("--store", type=Path, required=True, help="the database file")
    parser.add_argument(
        "--queue",
        type=int,
        default=defaults.queue_requests,
        help="requests that may wait for the disk; more are answered 503",
    )
    call = parser.parse_args(arguments)
    try:
        limits = Limits(queue_requests=max(1, call.queue))
        serve(host=call.host, port=call.port, store=call.store, limits=limits)
    except KubeloopError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return 0


async def post_events(request: Request) -> Response:
    """`POST /` and `POST /events`: 200 once every event of the request is on the disk."""
    collector = _collector(request)
    try:
        async with collector.intake.body(*_body(request)) as body:
            return JSONResponse(await collector.take_events(_headers(request), body))
    except RefusedError as exc:
        collector.metrics.count_refused(exc.reason)
        raise


async def post_feedback(request: Request) -> Response:
    """`POST /v1/feedback`: 200 once every label of the request is on the disk."""
    collector = _collector(request)
    async with collector.intake.body(*_body(request)) as body:
        return JSONResponse(await collector.take_feedback(_headers(request), body))


async def put_version(request: Request) -> Response:
    """`PUT /v1/models/NAME/versions/V`: 201 new, 200 known, 409 known with other content."""
    collector = _collector(request)
    name, number = request.path_params["name"], request.path_params["version"]
    async with collector.intake.body(*_body(request)) as body:
        new = await collector.register(name, number, _headers(request), body)
    return JSONResponse({"name": name, "version": int(number)}, status_code=201 if new else 200)


def get_models(request: Request) -> Response:
    """`GET /v1/models`: the counts of every model and version."""
    collector = _collector(request)
    return JSONResponse({"models": list_models(collector.content(), collector.versions)})


def get_model(request: Request) -> Response:
    """`GET /v1/models/NAME`: the counts of one model's versions."""
    collector = _collector(request)
    name = request.path_params["name"]
    for model in list_models(collector.content(), collector.versions):
        if model["name"] == name:
            return JSONResponse(model)
    raise HTTPException(404, "no version of this model is registered, and no event names it")


def get_metrics(request: Request) -> Response:
    """`GET /metrics`: Prometheus text, or OpenMetrics where the client asks for it."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    registry = _collector(request).metrics.registry
    return Response(encode(registry), headers={"Content-Type": content_type})


async def get_health(_: Request) -> Response:
    """`GET /healthz`: the process answers."""
    return JSONResponse({"status": "ok"})


async def get_readiness(request: Request) -> Response:
    """`GET /readyz`: the store could be written just now."""
    await _collector(request).probe()
    return JSONResponse({"status": "ready"})


class _Server(uvicorn.Server):
    """Says where it listens, once it does."""

    announce = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _log.info(self.announce)


def _collector(request: Request) -> Collector:
    collector: Collector = request.app.state.collector
    return collector


def _headers(request: Request) -> dict[str, str]:
    return dict(request.headers)


def _body(request: Request) -> tuple[AsyncIterator[bytes], str | None]:
    return request.stream(), request.headers.get("content-length")


_ROUTES: Final = (
    Route("/", post_events, methods=["POST"]),
    Route("/events", post_events, methods=["POST"]),
    Route("/v1/feedback", post_feedback, methods=["POST"]),
    Route("/v1/models", get_models),
    Route("/v1/models/{name}", get_model),
    Route("/v1/models/{name}/versions/{version}", put_version, methods=["PUT"]),
    Route("/metrics", get_metrics),
    Route("/healthz", get_health),
    Route("/readyz", get_readiness),
)


if __name__ == "__main__":
    sys.exit(main())
