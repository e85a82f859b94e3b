"""HTTP as ASGI carries it: bodies read within bounds, answers sent in two messages."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from email.message import Message as Mail
from http import HTTPStatus
from typing import Any

import orjson

from components.bundle import Prediction
from components.serve.contract import Tensors
from components.serve.limits import Limits
from components.serve.refusal import RefusalError, clipped
from components.serve.runtime import Model

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

JSON_TYPE = "application/json"
BINARY_TYPE = "application/octet-stream"
EVENT_TYPE = "application/cloudevents+json"
# KServe parses a V1 body of these types as JSON, and of no declared type.
V1_TYPES = (JSON_TYPE, "application/ld+json", "application/octet-stream")
JSON_LENGTH = "inference-header-content-length"
_JSON_LENGTH = JSON_LENGTH.encode()
_STATUS = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


@dataclass(slots=True)
class Reply:
    """An answer on its way out, with what has to be booked once it has left."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    answered: tuple[Model, Tensors, Prediction] | None = None
    refused: RefusalError | None = None
    identity: str = ""


def read_headers(scope: Message) -> dict[str, str]:
    """Returns a request's headers by lower-case name."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def check_type(given: str) -> None:
    """Refuses (415) a content type in which KServe would leave a V1 body unread.

    Args:
        given: the header, other than plain `application/json`.

    Raises:
        RefusalError: it is none of the types that KServe takes for JSON.
    """
    if given.partition(";")[0].strip().lower() not in V1_TYPES:
        msg = f"content type {clipped(given)} is not read; expected application/json"
        raise RefusalError(msg, status=415)


def holds_json(given: str) -> bool:
    """Returns whether a V2 body of this content type is JSON; any other is the binary extension."""
    if given == JSON_TYPE:
        return True
    if given == BINARY_TYPE:
        return False
    message = Mail()
    message["content-type"] = given.replace("\n", " ").replace("\r", " ")
    subtype = message.get_content_subtype()
    json = subtype == "json" or subtype.endswith("+json")
    return json and message.get_content_maintype() == "application"


async def read_body(headers: dict[str, str], receive: Receive, limits: Limits) -> bytes | None:
    """Reads a body within bounds of bytes and time; None where the client has gone.

    Raises:
        RefusalError: 413 for too many bytes, 408 where they come too slowly, 503 where too many
            clients are sending large bodies at once.
    """
    declared = headers.get("content-length", "")
    if declared.isdigit():
        limits.check_bytes(int(declared[:20]))
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        limits.check_bytes(len(body))
        return body
    return await _read_on(body, receive, limits)


async def _read_on(body: bytes, receive: Receive, limits: Limits) -> bytes | None:
    """Reads the rest of a body that did not come in one piece."""
    chunks = [body]
    size = len(body)
    more = True
    with limits.waiting.hold() as waiting:
        try:
            async with asyncio.timeout(limits.body_seconds):
                while more:
                    limits.check_bytes(size)
                    waiting.grow_to(size)
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    more = message.get("more_body", False)
        except TimeoutError as exc:
            msg = f"the body did not come within {limits.body_seconds:g} seconds; send it faster"
            raise RefusalError(msg, status=408) from exc
        limits.check_bytes(size)
        return b"".join(chunks)


def error_reply(status: int, message: str) -> Reply:
    """Returns an error in KServe's form."""
    return Reply(status, orjson.dumps({"error": message}))


def json_length(headers: dict[str, str]) -> str:
    """Returns how long the JSON before binary tensors is, as the client states it.

    Raises:
        RefusalError: it does not.
    """
    length = headers.get(JSON_LENGTH)
    if length is None:
        # Up to the semicolon these are KServe's words.
        msg = f"received byte inputs, but the'{JSON_LENGTH}' header is missing.; "
        msg += f"send JSON with the content type {JSON_TYPE}"
        raise RefusalError(msg)
    return length


async def send_reply(send: Send, reply: Reply) -> None:
    """Sends an answer."""
    kind = b"application/json"
    if any(name == JSON_LENGTH.encode() for name, _ in reply.headers):
        kind = b"application/octet-stream"
    length = str(len(reply.body)).encode()
    # Whoever sent too slowly is not waited for. Others are read on and dropped: closing the
    # connection before they have sent all would take the answer away from them.
    if reply.status == 408:
        reply.headers.append((b"connection", b"close"))
    headers = [(b"content-type", kind), (b"content-length", length), *reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def write_reply(reply: Reply, always: Headers) -> bytes:
    """Returns an answer as it goes over the wire; uvicorn's own takes two writes for it.

    Args:
        reply: the answer.
        always: headers of every answer, such as the date.
    """
    kind = b"application/json"
    lines = [_STATUS[reply.status]]
    for name, value in (*always, *reply.headers):
        if name == _JSON_LENGTH:
            kind = b"application/octet-stream"
        lines += (name, b": ", value, b"\r\n")
    length = b"\r\ncontent-length: %d\r\n\r\n" % len(reply.body)
    lines += (b"content-type: ", kind, length, reply.body)
    return b"".join(lines)
