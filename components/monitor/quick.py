"""Answers `POST /` and `POST /events` in front of Starlette.

Nearly all requests are events, one in each where KServe's agent or a server with little traffic
sends them, and Starlette's routing, request and response cost as much as reading and storing one.
The other routes are asked for rarely and stay Starlette's.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from components.monitor.answers import HANDLERS
from components.monitor.collector import Collector
from components.monitor.refusal import RefusedError
from components.monitor.storage.connection import StoreError

PATHS: Final = frozenset({"/", "/events"})


class PostEvents:
    """`POST /` and `POST /events`: 200 once every event of the request is on the disk."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers how many events were stored and how many known, or why none was."""
        await _take(scope["app"].state.collector, scope, receive, send)


POST_EVENTS: Final = PostEvents()


class QuickStarlette(Starlette):
    """An application whose events take the short way to `POST_EVENTS`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers events itself, and hands everything else to Starlette."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in PATHS:
            scope["app"] = self
            await POST_EVENTS(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def _take(collector: Collector, scope: Scope, receive: Receive, send: Send) -> None:
    # The first of several headers of a name counts.
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in reversed(scope["headers"])
    }
    try:
        body = await collector.intake.read(_chunks(receive), headers.get("content-length"))
        try:
            stored = await collector.take_events(headers, body)
        finally:
            collector.intake.release(body)
    except RefusedError as exc:
        collector.metrics.count_rejected(exc.reason)
        await _refuse(exc, RefusedError, scope)(scope, receive, send)
    except ClientDisconnect as exc:
        await _refuse(exc, ClientDisconnect, scope)(scope, receive, send)
    except StoreError as exc:
        await _refuse(exc, StoreError, scope)(scope, receive, send)
    except Exception as exc:
        await _refuse(exc, Exception, scope)(scope, receive, send)
        # The server logs it with its traceback.
        raise
    else:
        await _acknowledge(send, stored)


def _refuse(exc: Exception, kind: type[Exception], scope: Scope) -> Response:
    return HANDLERS[kind](Request(scope), exc)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def _acknowledge(send: Send, stored: Mapping[str, int]) -> None:
    body = orjson.dumps(stored)
    headers = [
        (b"content-length", b"%d" % len(body)),
        (b"content-type", b"application/json"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
