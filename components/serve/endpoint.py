"""The HTTP door: an ASGI application in front of KServe's own.

KServe's application answers 500 to many malformed bodies, and some never reach its model. So this
one answers the inference URLs itself, with every check before the model, and loads and unloads;
what only reads (metadata, readiness, metrics) it hands on.
"""

import logging
import time
from collections.abc import Callable

from components.serve import v1, v2
from components.serve.accounting import Accounting
from components.serve.document import as_object, parse_object
from components.serve.identity import request_id, uuid7
from components.serve.limits import Limits
from components.serve.management import Management
from components.serve.quick import may_hold_booleans
from components.serve.refusal import RefusalError, clipped, where
from components.serve.routes import EXPLAIN, INFER, MANAGE, PLAIN_URL, Head, read_head
from components.serve.runtime import Model, Models
from components.serve.v2_body import parse_binary, parse_json
from components.serve.wire import (
    EVENT_TYPE,
    JSON_LENGTH,
    JSON_TYPE,
    Application,
    Headers,
    Message,
    Receive,
    Reply,
    Send,
    check_type,
    error_reply,
    holds_json,
    json_length,
    read_body,
    read_headers,
    send_reply,
    write_reply,
)

_LOG = logging.getLogger(__name__)


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
        self._management = management or Management(None, self._limits, models)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            if (match := INFER.fullmatch(path)) is not None:
                head = read_head(match, scope["headers"])
                # An event comes back as an event, which KServe makes.
                if head.headers.get("content-type") != EVENT_TYPE:
                    return await self._infer(head, receive, send)
            elif (match := MANAGE.fullmatch(path)) is not None:
                verb = match["verb"] or "index"
                reply = await self._management.reply(
                    match["name"] or "", verb, read_headers(scope), receive
                )
                return await send_reply(send, reply)
            elif EXPLAIN.fullmatch(path) is not None:
                return await send_reply(send, error_reply(501, "the model does not explain"))
        return await self._inner(scope, receive, send)

    async def _infer(self, head: Head, receive: Receive, send: Send) -> None:
        asked = self._models.get(head.name)
        in_flight = self._accounting.metrics.meter(asked).in_flight
        in_flight.inc()
        try:
            body: bytes | RefusalError | None
            try:
                body = await read_body(head.headers, receive, self._limits)
            except RefusalError as refusal:
                body = refusal.released()
            if body is None:
                return
            started = time.perf_counter()
            reply = self.reply(head, body)
            seconds = time.perf_counter() - started
            await send_reply(send, reply)
        finally:
            in_flight.dec()
        self._book(head, asked, reply, seconds)

    def head(self, url: bytes, headers: Headers) -> Head | None:
        """Reads the head of a request that `prompt` may answer.

        Args:
            url: as it came.
            headers: with lower-case names.

        Returns:
            What it says; None for any other URL, and what KServe answers.
        """
        match = INFER.fullmatch(url.decode("ascii")) if PLAIN_URL.fullmatch(url) else None
        if match is None:
            return None
        head = read_head(match, headers)
        return None if head.headers.get("content-type") == EVENT_TYPE else head

    def prompt(
        self, head: Head, body: bytes, always: Headers
    ) -> tuple[bytes, Callable[[], None]] | None:
        """Answers an inference request that is there as a whole, without a task of its own.

        Args:
            head: of `head`.
            body: all of it.
            always: headers of every answer.

        Returns:
            The answer as it goes over the wire and what books it, to be called once that is sent;
            None where the body is too large.
        """
        started = time.perf_counter()
        asked = self._models.get(head.name)
        if len(body) > self._limits.body_bytes:
            return None
        reply = self.reply(head, body)
        seconds = time.perf_counter() - started

        def book() -> None:
            self._book(head, asked, reply, seconds)

        return write_reply(reply, always), book

    def _book(self, head: Head, asked: Model | None, reply: Reply, seconds: float) -> None:
        if reply.answered is not None:
            self._accounting.answered(
                *reply.answered, protocol=head.protocol, identity=reply.identity, seconds=seconds
            )
        else:
            counts = None if reply.refused is None else reply.refused.counts
            self._accounting.refused(
                asked, protocol=head.protocol, status=reply.status, seconds=seconds, counts=counts
            )

    def reply(self, head: Head, body: bytes | RefusalError) -> Reply:
        """Answers one inference request; never raises.

        Args:
            head: what it asks.
            body: the body, or why it was not read.

        Returns:
            The answer, or the refusal with its reason, or 500 without one.
        """
        identity, flaw = "", None
        if head.ids:
            try:
                identity = request_id(*head.ids)
            except RefusalError as refusal:
                flaw = refusal.released()
        try:
            if isinstance(body, RefusalError):
                raise body
            if head.protocol == "v1":
                reply = self._answer_v1(head, body, flaw)
                reply.identity = identity or uuid7()
            else:
                reply = self._answer_v2(head, body, flaw or identity)
        except RefusalError as refusal:
            reply = error_reply(refusal.status, str(refusal))
            reply.refused, reply.identity = refusal.released(), identity or uuid7()
        except Exception as exc:
            _LOG.error("cannot answer: %s", where(exc))  # noqa: TRY400
            reply = error_reply(500, "internal error; the server's log has its place")
            reply.identity = identity or uuid7()
        reply.headers.append((b"ce-id", reply.identity.encode("ascii")))
        return reply

    def _answer_v1(self, head: Head, body: bytes, flaw: RefusalError | None) -> Reply:
        model = self._models.find(head.name)
        given = head.headers.get("content-type", JSON_TYPE)
        if given != JSON_TYPE:
            check_type(given)
        document = v1.unwrapped(parse_object(body))
        if flaw is not None:
            raise flaw
        booleans = may_hold_booleans(body)
        rows = v1.read(as_object(document), model.contract, self._limits, booleans=booleans)
        prediction = model.predict(rows)
        return Reply(200, v1.write(prediction), answered=(model, rows, prediction))

    def _answer_v2(self, head: Head, body: bytes, identity: str | RefusalError) -> Reply:
        name, version = head.name, head.version
        if holds_json(head.headers.get("content-type", "")):
            infer = parse_json(body)
            model = self._models.find(name)
            booleans = may_hold_booleans(body)
        else:
            model = self._models.find(name)
            infer = parse_binary(body, json_length(head.headers), name)
            # Where all is bytes nobody asks, and bytes may look like any letters.
            booleans = True
        if version is not None and version != str(model.version):
            msg = f"model {model.name!r} has version {model.version} in service, "
            msg += f"not {clipped(version)}"
            raise RefusalError(msg, status=404)
        if isinstance(identity, RefusalError):
            raise identity
        identity = identity or request_id(infer.id)
        rows = v2.read(infer.tensors, model.contract, self._limits, booleans=booleans)
        prediction = model.predict(rows)
        content, size = v2.write(infer, v2.answers(prediction), model.name, model.version, identity)
        reply = Reply(200, content, answered=(model, rows, prediction), identity=identity)
        if size is not None:
            reply.headers.append((JSON_LENGTH.encode(), str(size).encode()))
        return reply
