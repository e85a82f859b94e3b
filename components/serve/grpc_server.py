"""The gRPC door: KServe's gRPC methods on one address, every refusal with its own code."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from grpc import StatusCode, method_handlers_generic_handler
from grpc.aio import server as new_server
from kserve.errors import InvalidInput, ModelNotFound
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
    add_GRPCInferenceServiceServicer_to_server,
)
from kserve.protocol.grpc.server import GRPCServer
from kserve.protocol.grpc.servicer import InferenceServicer

from components.errors import DeployError
from components.serve import access
from components.serve.accounting import Accounting
from components.serve.grpc_message import bounded
from components.serve.limits import Limits
from components.serve.refusal import RefusalError, where
from components.serve.runtime import Models
from components.serve.token import MESSAGE, Token

_LOG = logging.getLogger(__name__)
INFER = "ModelInfer"
# gRPC's codes for HTTP's.
CODES = {
    400: StatusCode.INVALID_ARGUMENT,
    401: StatusCode.UNAUTHENTICATED,
    404: StatusCode.NOT_FOUND,
    413: StatusCode.RESOURCE_EXHAUSTED,
    500: StatusCode.INTERNAL,
    501: StatusCode.UNIMPLEMENTED,
    503: StatusCode.UNAVAILABLE,
}
_OPEN = ("ServerLive", "ServerReady", "ModelReady")
Method = Callable[[Any, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Door:
    """What stands before every method.

    Attributes:
        models: what serves.
        accounting: books what is refused here.
        limits: of one message.
        token: what clients have to show; None admits all.
        log: whether every call leaves a line in the access log.
    """

    models: Models
    accounting: Accounting
    limits: Limits
    token: Token | None = None
    log: bool = False


class Grpc(GRPCServer):  # type: ignore[misc]
    """KServe's gRPC server, bound to one host, and bounded."""

    def __init__(self, address: str, data_plane: Any, extension: Any, door: Door) -> None:
        """Builds the server; it listens once it is started.

        Args:
            address: host and port.
            data_plane: KServe's.
            extension: KServe's repository extension.
            door: what stands before every method.
        """
        super().__init__(0, data_plane, extension, kwargs={})
        self._address = address
        self._door = door

    async def start(self, _max_workers: int) -> int:
        """Starts to listen; every method is a coroutine, so there are no workers.

        Returns:
            The port.

        Raises:
            DeployError: the port is taken.
        """
        limits = self._door.limits
        self._server = new_server(
            options=[
                ("grpc.max_send_message_length", limits.body_bytes),
                ("grpc.max_receive_message_length", limits.body_bytes),
                # gRPC would share a taken port with its owner without a word.
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=limits.connections,
        )
        servicer = Servicer(self._data_plane, self._model_repository_extension)
        add_GRPCInferenceServiceServicer_to_server(servicer, _Guarded(self._server, self._door))
        try:
            port: int = self._server.add_insecure_port(self._address)
        except RuntimeError as exc:
            msg = f"cannot listen on gRPC address {self._address}: it is taken or not ours"
            raise DeployError(msg) from exc
        await self._server.start()
        return port

    async def drain(self, seconds: float) -> None:
        """Takes no new call, and waits for those that run.

        Args:
            seconds: how long; what runs then is cancelled.
        """
        if self._server is not None:
            await self._server.stop(grace=seconds)


class Servicer(InferenceServicer):  # type: ignore[misc]
    """KServe's gRPC methods without those by which any client could drop a model."""

    async def RepositoryModelLoad(self, request: Any, context: Any) -> None:  # noqa: N802
        """Refuses to load."""
        msg = "models are not loaded over gRPC"
        raise RefusalError(msg, status=501)

    async def RepositoryModelUnload(self, request: Any, context: Any) -> None:  # noqa: N802
        """Refuses to unload."""
        msg = "models are not unloaded over gRPC"
        raise RefusalError(msg, status=501)


class _Guarded:
    """Stands in for the server while methods are registered, and puts the door before each."""

    def __init__(self, server: Any, door: Door) -> None:
        self._server = server
        self._door = door

    def add_generic_rpc_handlers(self, _handlers: Any) -> None:
        """Leaves out the handlers as generated; their guarded ones follow."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """Registers the methods of a service."""
        guarded = {
            name: handler._replace(
                request_deserializer=bounded(handler.request_deserializer),
                unary_unary=_entered(name, handler.unary_unary, self._door),
            )
            for name, handler in handlers.items()
        }
        generic = method_handlers_generic_handler(service, guarded)
        self._server.add_generic_rpc_handlers((generic,))


def _entered(name: str, method: Method, door: Door) -> Method:
    """Returns a method that refuses what the door refuses, and answers errors with gRPC's codes."""

    async def enter(request: Any, context: Any) -> Any:
        started = time.perf_counter() if door.log else 0.0
        status, text = 200, ""
        try:
            _check(name, door, request, context)
            return await method(request, context)
        except RefusalError as refusal:
            status, text = refusal.status, str(refusal)
        except InvalidInput as exc:
            status, text = 400, str(exc)
        except ModelNotFound as exc:
            status, text = 404, str(exc)
        except Exception as exc:
            _LOG.error("cannot answer: %s", where(exc))  # noqa: TRY400
            status, text = 500, "internal error; the server's log has its place"
        finally:
            if door.log:
                code = StatusCode.OK if status == 200 else CODES[status]
                access.write("grpc", started, method=name, status=code.name)
        # Outside of the handlers, whose errors hold on to the request for as long as they last.
        return await context.abort(CODES[status], _short(text))

    return enter


def _check(name: str, door: Door, request: Any, context: Any) -> None:
    """Refuses who shows no token, and what could not be read."""
    refusal = request if isinstance(request, RefusalError) else None
    if door.token is not None and name not in _OPEN:
        given = dict(context.invocation_metadata() or ()).get("authorization")
        if not door.token.admits(given if isinstance(given, str) else None):
            refusal = RefusalError(MESSAGE, status=401)
    if refusal is not None:
        if name == INFER:
            model = door.models.get(getattr(request, "model_name", ""))
            status = refusal.status
            door.accounting.refused(model, protocol="grpc", status=status, seconds=0.0)
        raise refusal


def _short(text: str) -> str:
    """Cuts a text to what fits into a trailer: clients take 8 KiB, other than ASCII as %XX."""
    most = 4000 if text.isascii() else 600
    return text if len(text) <= most else text[:most] + "…"
