"""KServe's model server with our runtime inside: all that leans on kserve 0.21's internals.

Importing this module imports kserve (4 s), so only a starting server does. HTTP inference never
reaches KServe's own handlers (`endpoint` answers it); gRPC does, and `predictor` answers that.
"""

import asyncio
import logging
import socket
from dataclasses import dataclass
from typing import Any

import kserve
import uvicorn
import uvloop
from grpc import aio
from grpc_interceptor.exceptions import Unimplemented
from kserve import model_server
from kserve.constants.constants import FASTAPI_APP_IMPORT_STRING
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
    add_GRPCInferenceServiceServicer_to_server,
)
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.server import GRPCServer
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.rest.server import RESTServer

from components.errors import DeployError
from components.serve.accounting import Accounting
from components.serve.endpoint import Endpoint
from components.serve.limits import Limits
from components.serve.management import Management
from components.serve.predictor import Predictor
from components.serve.repository import Repository
from components.serve.runtime import Models

_LOG = logging.getLogger(__name__)
# Less than the 30 s that Kubernetes waits between SIGTERM and SIGKILL.
GRACE_S = 20


@dataclass(frozen=True)
class Doors:
    """Where the server listens.

    Attributes:
        http: a listening socket.
        grpc: a listening socket that keeps the place of gRPC's own, which cannot be given one.
    """

    http: socket.socket
    grpc: socket.socket


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
        self._doors = doors
        self._models = models
        self._grpc_server = Grpc(doors.grpc, self, limits)
        rest = RESTServer(
            FASTAPI_APP_IMPORT_STRING,
            self.dataplane,
            self.model_repository_extension,
            self.http_port,
            grace_period=GRACE_S,
            event_loop="uvloop",
        )
        rest.create_application()
        management = Management(repository, limits)
        rest.config.app = Endpoint(
            model_server.app, models, accounting, management=management, limits=limits
        )
        self._http = uvicorn.Server(rest.config)

    def start(self, models: list[kserve.Model]) -> None:
        """Serves until SIGTERM or SIGINT, then drains.

        A runner with uvloop's own factory, because with one worker kserve ignores the event loop
        that it was told, and a policy alone makes its set-up crash.

        Args:
            models: further models; ours are in the registry already.

        Raises:
            DeployError: a port is taken.
        """
        for model in models:
            self.register_model(model)
        self.register_signal_handler()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    def stop(self, sig: int) -> None:
        """Begins to drain; uvicorn hands every signal here once it has drained HTTP."""
        self._http.should_exit = True

    async def _serve(self) -> None:
        port = await self._grpc_server.start(self.max_threads)
        try:
            announcing = asyncio.create_task(self._announce(port))
            await self._http.serve(sockets=[self._doors.http])
            announcing.cancel()
        except OSError as exc:
            msg = f"cannot listen on HTTP port {self.http_port}: {exc.strerror}"
            raise DeployError(msg) from exc
        finally:
            await self._grpc_server.stop()

    async def _announce(self, grpc_port: int) -> None:
        while not self._http.started:
            await asyncio.sleep(0.01)
        host, port = self._doors.http.getsockname()[:2]
        names = [self._models.get(name) for name in self._models.names()]
        serving = ",".join(f"{model.name}:{model.version}" for model in names if model)
        _LOG.info("ready http=%s:%d grpc=%d models=%s", host, port, grpc_port, serving or "none")


class Registry(kserve.ModelRepository):  # type: ignore[misc]
    """Shows KServe the models in service; it can neither load nor drop one."""

    def __init__(self, models: Models, accounting: Accounting, limits: Limits) -> None:
        """Keeps what every predictor needs."""
        super().__init__()
        self._parts = (models, accounting, limits)
        self._served = models

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


class Grpc(GRPCServer):  # type: ignore[misc]
    """KServe's gRPC server, bound to one host, and bounded."""

    def __init__(self, door: socket.socket, server: kserve.ModelServer, limits: Limits) -> None:
        """Builds the server; it listens where the door stands, once it is started."""
        data_plane, extension = server.dataplane, server.model_repository_extension
        super().__init__(0, data_plane, extension, kwargs={}, grace_period=GRACE_S)
        self._door = door
        self._limits = limits

    async def start(self, max_workers: int) -> int:
        """Starts to listen.

        Args:
            max_workers: unused; every method is a coroutine.

        Returns:
            The port.

        Raises:
            DeployError: the port is taken.
        """
        self._server = aio.server(
            interceptors=(ExceptionToStatusInterceptor(),),
            options=[
                ("grpc.max_send_message_length", self._limits.body_bytes),
                ("grpc.max_receive_message_length", self._limits.body_bytes),
                # gRPC would share a taken port with its owner without a word.
                ("grpc.so_reuseport", 0),
            ],
        )
        servicer = Servicer(self._data_plane, self._model_repository_extension)
        add_GRPCInferenceServiceServicer_to_server(servicer, self._server)
        host, place = self._door.getsockname()[:2]
        address = f"[{host}]:{place}" if ":" in host else f"{host}:{place}"
        self._door.close()
        try:
            port: int = self._server.add_insecure_port(address)
        except RuntimeError as exc:
            msg = f"cannot listen on gRPC address {address}: it is taken or not ours"
            raise DeployError(msg) from exc
        await self._server.start()
        return port


class Servicer(InferenceServicer):  # type: ignore[misc]
    """KServe's gRPC methods without those by which any client could drop a model."""

    async def RepositoryModelLoad(self, request: Any, context: Any) -> None:  # noqa: N802
        """Refuses to load."""
        msg = "models are not loaded over gRPC"
        raise Unimplemented(msg)

    async def RepositoryModelUnload(self, request: Any, context: Any) -> None:  # noqa: N802
        """Refuses to unload."""
        msg = "models are not unloaded over gRPC"
        raise Unimplemented(msg)
