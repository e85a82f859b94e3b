"""KServe's model server with our runtime inside: all that leans on kserve 0.21's internals.

Importing this module imports kserve (4 s), so only a starting server does. HTTP inference never
reaches KServe's own handlers (`endpoint` answers it); gRPC does, and `predictor` answers that. What
the model server is given to load is loaded once it listens, so that it says 503 and not nothing.
"""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import kserve
import uvicorn
import uvloop
from kserve.protocol.dataplane import DataPlane

from components.errors import DeployError
from components.serve.access import AccessLog
from components.serve.accounting import Accounting
from components.serve.connection import connections
from components.serve.endpoint import Endpoint
from components.serve.grpc_server import Door, Grpc
from components.serve.kserve_app import Guard, build
from components.serve.limits import Limits
from components.serve.management import Management
from components.serve.predictor import Predictor
from components.serve.repository import Repository
from components.serve.runtime import Models
from components.serve.token import Gate, Token
from components.serve.wire import Application

_LOG = logging.getLogger(__name__)
# Less than the 30 s that Kubernetes waits between SIGTERM and SIGKILL.
GRACE_S = 20


@dataclass(frozen=True)
class Doors:
    """Where the server listens, and what it asks of whoever comes.

    Attributes:
        http: a listening socket.
        grpc: a listening socket that keeps the place of gRPC's own, which cannot be given one.
        token: what clients have to show; None admits all.
        log: whether every request leaves a line in the access log.
    """

    http: socket.socket
    grpc: socket.socket
    token: Token | None = None
    log: bool = False


class Server(kserve.ModelServer):  # type: ignore[misc]
    """KServe's server on one event loop: HTTP through our endpoint, gRPC through KServe's."""

    def __init__(
        self,
        doors: Doors,
        models: Models,
        accounting: Accounting,
        *,
        repository: Repository | None,
        limits: Limits,
    ) -> None:
        """Builds the server; nothing listens yet.

        Args:
            doors: where it will listen.
            models: what serves.
            accounting: books every request.
            repository: loads by request; None where clients may not.
            limits: of one request.
        """
        super().__init__(
            http_port=doors.http.getsockname()[1],
            workers=1,
            max_threads=1,
            registered_models=Registry(models, accounting, limits),
            enable_latency_logging=False,
            event_loop="uvloop",
            grace_period=GRACE_S,
        )
        self.dataplane = Plane(self.registered_models)
        self._doors = doors
        self._models = models
        extension = self.model_repository_extension
        door = Door(models, accounting, limits, doors.token, doors.log)
        self._grpc = Grpc(_address(doors.grpc), self.dataplane, extension, door)
        app, config = build(self.dataplane, extension, self.http_port, GRACE_S)
        management = Management(repository, limits, models)
        endpoint = Endpoint(
            Guard(app, limits), models, accounting, management=management, limits=limits
        )
        outer: Application = endpoint
        if doors.token is not None:
            outer = Gate(outer, doors.token, models, accounting)
        config.app = AccessLog(outer) if doors.log else outer
        plain = doors.token is None and not doors.log
        config.http = connections(limits, endpoint if plain else None)
        config.ws = "none"
        config.proxy_headers = False
        config.server_header = False
        config.limit_concurrency = limits.connections
        self._http = Http(config, self._grpc)

    def start(self, models: list[kserve.Model], load: Callable[[], None] | None = None) -> None:
        """Serves until SIGTERM or SIGINT, then drains.

        A runner with uvloop's own factory, because with one worker kserve ignores the event loop
        that it was told, and a policy alone makes its set-up crash.

        Args:
            models: further models; ours are in the registry already.
            load: puts models in service, in a thread beside the server; if it raises, the server
                stops.

        Raises:
            DeployError: a port is taken.
            KubeloopError: whatever `load` raised.
        """
        for model in models:
            self.register_model(model)
        self.register_signal_handler()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(load))

    def stop(self, sig: int) -> None:
        """Begins to drain; uvicorn hands every signal here once it has drained."""
        self._http.should_exit = True

    async def _serve(self, load: Callable[[], None] | None) -> None:
        self._doors.grpc.close()
        port = await self._grpc.start(1)
        loading = asyncio.create_task(self._load(load, port))
        try:
            await self._http.serve(sockets=[self._doors.http])
        except OSError as exc:
            msg = f"cannot listen on HTTP port {self.http_port}: {exc.strerror}"
            raise DeployError(msg) from exc
        finally:
            await self._grpc.drain(0)
            # What is being loaded cannot be left in its thread: the process would wait for it.
            failed = await loading
        if failed is not None:
            raise failed

    async def _load(self, load: Callable[[], None] | None, grpc_port: int) -> Exception | None:
        """Loads, then says that the server is ready; returns why it cannot be."""
        while not (self._http.started or self._http.should_exit):
            await asyncio.sleep(0.01)
        if load is not None and not self._http.should_exit:
            try:
                await asyncio.to_thread(load)
            except Exception as exc:
                self._http.should_exit = True
                return exc
        # What is there by now stays: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 50)
        host, port = self._doors.http.getsockname()[:2]
        names = [self._models.get(name) for name in self._models.names()]
        serving = ",".join(f"{model.name}:{model.version}" for model in names if model)
        _LOG.info("ready http=%s:%d grpc=%d models=%s", host, port, grpc_port, serving or "none")
        return None


class Http(uvicorn.Server):
    """uvicorn's server, which lets gRPC drain while it drains itself."""

    def __init__(self, config: uvicorn.Config, grpc: Grpc) -> None:
        """Builds the server; nothing listens yet."""
        super().__init__(config)
        self._grpc = grpc

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes nothing new on either protocol, and answers what has begun."""
        await asyncio.gather(super().shutdown(sockets), self._grpc.drain(GRACE_S))


class Plane(DataPlane):  # type: ignore[misc]
    """KServe's data plane, whose server is ready when its models are loaded."""

    async def ready(self) -> bool:
        """Returns whether nothing is being loaded for the first time."""
        return bool(self.model_registry.settled)


class Registry(kserve.ModelRepository):  # type: ignore[misc]
    """Shows KServe the models in service; it can neither load nor drop one."""

    def __init__(self, models: Models, accounting: Accounting, limits: Limits) -> None:
        """Keeps what every predictor needs."""
        super().__init__()
        self._parts = (models, accounting, limits)
        self._served = models

    @property
    def settled(self) -> bool:
        """Whether nothing is being loaded for the first time."""
        return self._served.settled

    def get_models(self) -> dict[str, Any]:
        """Returns a predictor for every known name."""
        return {name: self.get_model(name) for name in self._served.names()}

    def get_model(self, name: str) -> Predictor | None:
        """Returns the name's predictor, which looks up the model at every request."""
        if name not in self._served.names():
            return None
        if name not in self.models:
            self.models[name] = Predictor(name, *self._parts)
        return self.models[name]  # type: ignore[no-any-return]

    def load(self, name: str) -> bool:
        """Loads nothing: `management` does, where it is allowed."""
        return self._served.get(name) is not None

    def unload(self, name: str) -> None:
        """Unloads nothing: `management` does, where it is allowed."""


def _address(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
