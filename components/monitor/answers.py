"""What a client reads when a request fails: JSON and a code for every way, never a traceback."""

import http
import logging
from collections.abc import Callable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from components.monitor.refusal import RefusedError
from components.monitor.storage.connection import StoreError

_log = logging.getLogger(__name__)


def _answer_refusal(_: Request, exc: RefusedError) -> Response:
    return JSONResponse(exc.as_json(), status_code=exc.status, headers=dict(exc.headers))


def _answer_http_error(request: Request, exc: HTTPException) -> Response:
    texts = {404: "there is no such route", 405: f"{request.method} is not allowed here"}
    standard = exc.detail == http.HTTPStatus(exc.status_code).phrase
    error = texts.get(exc.status_code, exc.detail) if standard else exc.detail
    return JSONResponse({"error": error}, status_code=exc.status_code, headers=exc.headers)


def _answer_disconnect(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=400)


def _answer_store_error(_: Request, exc: StoreError) -> Response:
    _log.error("store not read error=%s", exc)
    return JSONResponse({"error": "the store cannot be read now"}, status_code=503)


def _answer_bug(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "internal error, see the monitor's log"}, status_code=500)


HANDLERS: Final[dict[Any, Callable[[Request, Any], Response]]] = {
    RefusedError: _answer_refusal,
    HTTPException: _answer_http_error,
    ClientDisconnect: _answer_disconnect,
    StoreError: _answer_store_error,
    Exception: _answer_bug,
}
"""The answer by what was raised; Starlette picks the nearest class."""
