"""HTTP as ASGI carries it: bodies read within bounds, answers sent in two messages."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
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
Application = Callable[[Message, Receive, Send], Awaitable[None]]

JSON_LENGTH = "inference-header-content-length"


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


def check_type(headers: dict[str, str], *accepted: str) -> None:
    """Refuses (415) what is declared to be another type; nothing declared is taken as JSON."""
    given = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if given not in accepted:
        msg = f"content type {clipped(given)} is not read; expected {accepted[0]}"
        raise RefusalError(msg, status=415)
    coding = headers.get("content-encoding", "identity").lower()
    if coding != "identity":
        msg = f"content encoding {clipped(coding)} is not read; send the body as it is"
        raise RefusalError(msg, status=415)


async def read_body(headers: dict[str, str], receive: Receive, limits: Limits) -> bytes | None:
    """Reads a body within bounds; None where the client has gone."""
    declared = headers.get("content-length", "")
    if declared.isdigit():
        limits.check_bytes(int(declared[:20]))
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        limits.check_bytes(size)
        chunks.append(chunk)
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def error_reply(status: int, message: str) -> Reply:
    """Returns an error in KServe's form."""
    return Reply(status, orjson.dumps({"error": message}))


async def send_reply(send: Send, reply: Reply) -> None:
    """Sends an answer."""
    kind = b"application/json"
    if any(name == JSON_LENGTH.encode() for name, _ in reply.headers):
        kind = b"application/octet-stream"
    length = str(len(reply.body)).encode()
    headers = [(b"content-type", kind), (b"content-length", length), *reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
