"""KServe's own HTTP application as it stands behind the fast path, guarded by the same validation.

What the fast path hands on is answered by KServe's handlers: metadata, readiness, metrics, and
inference in forms that only KServe knows, such as CloudEvents. Bodies are bounded here too, our
model's refusals keep their status, and nothing of an error's text or of FastAPI's own findings
(which quote the row) leaves the server.
"""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kserve import model_server
from kserve.constants.constants import FASTAPI_APP_IMPORT_STRING
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer
from starlette.exceptions import HTTPException

from components.serve.document import check_values
from components.serve.limits import Limits
from components.serve.predictor import InferenceFailedError
from components.serve.refusal import RefusalError, where
from components.serve.v2_body import parse_json
from components.serve.wire import (
    Application,
    Message,
    Receive,
    Send,
    error_reply,
    read_body,
    read_headers,
    send_reply,
)

_LOG = logging.getLogger(__name__)
_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
_INTERNAL = "internal error; the server's log has its place"
_MALFORMED = "the request does not have the form of its protocol"


def build(
    plane: DataPlane, extension: ModelRepositoryExtension, port: int, grace: int
) -> tuple[FastAPI, Any]:
    """Builds KServe's application; once a process, for KServe has only one.

    Args:
        plane: KServe's data plane.
        extension: KServe's repository extension.
        port: of HTTP.
        grace: seconds that a stop may take.

    Returns:
        The application with our answers to its errors, and uvicorn's configuration.
    """
    rest = RESTServer(
        FASTAPI_APP_IMPORT_STRING, plane, extension, port, grace_period=grace, event_loop="uvloop"
    )
    rest.create_application()
    app: FastAPI = model_server.app
    app.add_exception_handler(RefusalError, _answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_malformed)
    app.add_exception_handler(HTTPException, _answer_malformed)
    return app, rest.config


class Guard:
    """Bounds what reaches an application, and keeps its failures inside."""

    def __init__(self, inner: Application, limits: Limits) -> None:
        """Puts the guard before an application.

        Args:
            inner: KServe's application.
            limits: of one request.
        """
        self._inner = inner
        self._limits = limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] != "http":
            return await self._inner(scope, receive, send)
        if scope["method"] in _WITH_BODY:
            try:
                body = await read_body(read_headers(scope), receive, self._limits)
                check_values(body or b"")
            except RefusalError as refusal:
                return await send_reply(send, error_reply(refusal.status, str(refusal)))
            if body is None:
                return None
            receive = _Replay(body, receive)
        failed = False

        async def unless_failed(message: Message) -> None:
            nonlocal failed
            failed = failed or message.get("status") == 500
            if not failed:
                await send(message)

        # KServe's own code fails at requests that do not have their protocol's form; our model
        # refuses those, and fails only by a bug.
        ours = scope["method"] not in _WITH_BODY
        try:
            await self._inner(scope, receive, unless_failed)
        except Exception as exc:
            _LOG.error("cannot answer: %s", where(exc))  # noqa: TRY400
            ours = ours or isinstance(exc, InferenceFailedError)
        if failed:
            reply = error_reply(500, _INTERNAL) if ours else error_reply(400, _MALFORMED)
            await send_reply(send, reply)
        return None


class _Replay:
    """A body that has been read, to be read once more."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._message: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._receive = receive

    async def __call__(self) -> Message:
        message, self._message = self._message, None
        return await self._receive() if message is None else message


async def _answer_refusal(_: Request, exc: Exception) -> JSONResponse:
    status = exc.status if isinstance(exc, RefusalError) else 400
    return JSONResponse({"error": str(exc)}, status)


async def _answer_malformed(request: Request, exc: Exception) -> JSONResponse:
    """Says in our words what FastAPI found wrong with a body, or that there is no such URL."""
    status = exc.status_code if isinstance(exc, HTTPException) else 400
    if status != 400:
        detail = exc.detail if isinstance(exc, HTTPException) else ""
        headers = exc.headers if isinstance(exc, HTTPException) else None
        return JSONResponse({"detail": detail}, status, headers)
    try:
        parse_json(await request.body())
    except RefusalError as refusal:
        return JSONResponse({"error": str(refusal)}, refusal.status)
    return JSONResponse({"error": _MALFORMED}, 400)
