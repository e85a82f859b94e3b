"""The HTTP door: an ASGI application in front of KServe's own.

KServe's application answers 500 to many malformed bodies, and some never reach its model. So this
one answers the inference URLs itself, with every check before the model, and loads and unloads;
what only reads (metadata, readiness, metrics) it hands on.
"""

import logging
import re
import time
import traceback
from pathlib import Path

from components.serve import v1, v2
from components.serve.accounting import Accounting
from components.serve.document import parse_object
from components.serve.identity import request_id
from components.serve.limits import Limits
from components.serve.management import Management
from components.serve.refusal import RefusalError, clipped
from components.serve.runtime import Model, Models
from components.serve.v2_body import parse
from components.serve.wire import (
    JSON_LENGTH,
    Application,
    Message,
    Receive,
    Reply,
    Send,
    check_type,
    error_reply,
    read_body,
    read_headers,
    send_reply,
)

_LOG = logging.getLogger(__name__)
INFER = re.compile(
    r"/v1/models/(?P<v1>[^/]+):predict"
    r"|/v2/models/(?P<v2>[^/]+)(?:/versions/(?P<version>[^/]+))?/infer"
)
EXPLAIN = re.compile(r"/v1/models/[^/]+:explain")
MANAGE = re.compile(r"/v2/repository/models/(?P<name>[^/]+)/(?P<verb>load|unload)")


class Endpoint:
    """Answers inference and management requests; hands everything else to KServe."""

    def __init__(
        self,
        inner: Application,
        models: Models,
        accounting: Accounting,
        *,
        management: Management | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Puts the door before an application.

        Args:
            inner: KServe's application.
            models: what serves.
            accounting: books every inference request.
            management: loads and unloads by request; the default refuses both.
            limits: of one request.
        """
        self._inner = inner
        self._models = models
        self._accounting = accounting
        self._limits = limits or Limits()
        self._management = management or Management(None, self._limits)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            if (match := INFER.fullmatch(path)) is not None:
                return await self._infer(match, read_headers(scope), receive, send)
            if (match := MANAGE.fullmatch(path)) is not None:
                return await send_reply(
                    send,
                    await self._management.reply(
                        match["name"], match["verb"], read_headers(scope), receive
                    ),
                )
            if EXPLAIN.fullmatch(path) is not None:
                return await send_reply(send, error_reply(501, "the model does not explain"))
        return await self._inner(scope, receive, send)

    async def _infer(
        self, match: re.Match[str], headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        protocol = "v1" if match["v1"] is not None else "v2"
        asked = self._models.get(match["v1"] or match["v2"])
        in_flight = self._accounting.metrics.meter(asked).in_flight
        in_flight.inc()
        try:
            body: bytes | RefusalError | None
            try:
                body = await read_body(headers, receive, self._limits)
            except RefusalError as refusal:
                body = refusal
            if body is None:
                return
            started = time.perf_counter()
            reply = self.reply(match, headers, body)
            seconds = time.perf_counter() - started
            await send_reply(send, reply)
        finally:
            in_flight.dec()
        if reply.answered is not None and not isinstance(body, RefusalError):
            self._accounting.answered(
                *reply.answered,
                protocol=protocol,
                identity=reply.identity,
                seconds=seconds,
                size=len(body),
            )
        else:
            counts = None if reply.refused is None else reply.refused.counts
            self._accounting.refused(
                asked, protocol=protocol, status=reply.status, seconds=seconds, counts=counts
            )

    def reply(
        self, match: re.Match[str], headers: dict[str, str], body: bytes | RefusalError
    ) -> Reply:
        """Answers one inference request; never raises.

        Args:
            match: of `INFER` with the path.
            headers: by lower-case name.
            body: the body, or why it was not read.

        Returns:
            The answer, or the refusal with its reason, or 500 without one.
        """
        identity = ""
        try:
            identity = request_id(headers.get("ce-id"), headers.get("x-request-id"))
            if isinstance(body, RefusalError):
                raise body
            model = self._models.find(match["v1"] or match["v2"])
            if match["v1"] is not None:
                reply = self._answer_v1(model, headers, body)
            else:
                reply = self._answer_v2(model, match["version"], headers, body, identity)
            reply.identity = reply.identity or identity
        except RefusalError as refusal:
            reply = error_reply(refusal.status, str(refusal))
            reply.refused, reply.identity = refusal, identity or request_id()
        except Exception as exc:
            _LOG.error("cannot answer: %s", _where(exc))  # noqa: TRY400
            reply = error_reply(500, "internal error; the server's log has its place")
            reply.identity = identity
        reply.headers.append((b"ce-id", reply.identity.encode("ascii")))
        return reply

    def _answer_v1(self, model: Model, headers: dict[str, str], body: bytes) -> Reply:
        check_type(headers, "application/json")
        rows = v1.read(parse_object(body), model.contract, self._limits)
        prediction = model.predict(rows)
        return Reply(200, v1.write(prediction), answered=(model, rows, prediction))

    def _answer_v2(
        self, model: Model, version: str | None, headers: dict[str, str], body: bytes, identity: str
    ) -> Reply:
        length = headers.get(JSON_LENGTH)
        accepted = ("application/json", "application/octet-stream")
        check_type(headers, *accepted[: 1 if length is None else 2])
        if version is not None and version != str(model.version):
            msg = f"model {model.name!r} has version {model.version} in service, "
            msg += f"not {clipped(version)}"
            raise RefusalError(msg, status=404)
        infer = parse(body, length)
        if not (headers.get("ce-id") or headers.get("x-request-id")):
            identity = request_id(infer.id, identity)
        rows = v2.read(infer.tensors, model.contract, self._limits)
        prediction = model.predict(rows)
        content, head = v2.write(infer, v2.answers(prediction), model.name, model.version, identity)
        reply = Reply(200, content, answered=(model, rows, prediction), identity=identity)
        if head is not None:
            reply.headers.append((JSON_LENGTH.encode(), str(head).encode()))
        return reply


def _where(exc: Exception) -> str:
    """Names an error without its text, which may hold a client's row."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{type(exc).__name__} at {Path(frame.filename).name}:{frame.lineno}"
