"""A small HTTP/1.1 server on asyncio that can also do what a server should not: cut and hang."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

JSON = "application/json"
_MOST = 1 << 26


@dataclass(frozen=True)
class Request:
    """What a client sent; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)

    def flag(self, name: str) -> bool:
        """Tells whether the query says yes, in any way that Go reads as true."""
        return self.query.get(name, "") in ("1", "t", "T", "true", "TRUE", "True")


class CutError(Exception):
    """The connection is to end here and now."""


class Exchange:
    """One request and the answer to it.

    Attributes:
        request: what was sent.
        cut_after: after how many bytes of the body the connection is cut; None for never.
        before_sending: told the status while the client still waits for it.
    """

    def __init__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Waits for an answer."""
        self.request = request
        self.cut_after: int | None = None
        self.before_sending: Callable[[int], object] | None = None
        self._writer = writer
        self._left = 0

    async def answer(
        self, status: int, body: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        """Answers with JSON, or with what is text or bytes already."""
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else None
        given = {"Content-Type": JSON if raw is None else "text/plain; charset=utf-8"}
        raw = json.dumps(body).encode() if raw is None else raw
        await self._head(status, {**given, **(headers or {}), "Content-Length": str(len(raw))})
        await self._send(raw)

    async def garble(self) -> NoReturn:
        """Sends what is no HTTP, and ends the connection."""
        self._writer.write(b"garbage\r\n\r\n")
        await self._writer.drain()
        raise CutError

    async def begin(self, status: int = 200, content_type: str = JSON) -> None:
        """Begins an answer that is sent in pieces."""
        await self._head(status, {"Content-Type": content_type, "Transfer-Encoding": "chunked"})

    async def piece(self, raw: bytes) -> None:
        """Sends a piece; an empty one ends the answer."""
        if self.cut_after is not None and len(raw) > self.cut_after - self._left:
            part = raw[: self.cut_after - self._left]
            self._writer.write(b"%x\r\n%s" % (len(raw), part))
            await self._writer.drain()
            raise CutError
        self._left += len(raw)
        self._writer.write(b"%x\r\n%s\r\n" % (len(raw), raw))
        await self._writer.drain()

    async def _head(self, status: int, headers: dict[str, str]) -> None:
        if self.cut_after == 0:
            raise CutError
        if self.before_sending is not None:
            self.before_sending(status)
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join((*lines, "", "")).encode())
        await self._writer.drain()

    async def _send(self, raw: bytes) -> None:
        cut = self.cut_after is not None and self.cut_after < len(raw)
        self._writer.write(raw[: self.cut_after] if cut else raw)
        await self._writer.drain()
        if cut:
            raise CutError

    def client_is_gone(self) -> bool:
        """Tells whether nobody waits for the answer any more."""
        return self._writer.transport.is_closing()


Handler = Callable[[Exchange], Awaitable[None]]


class Listener:
    """One address that answers; made in the loop's thread, ready at once."""

    def __init__(self, host: str, port: int, handler: Handler) -> None:
        """Listens.

        Raises:
            OSError: the address is taken, or not this process's to take.
        """
        self._socket = socket.socket()
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
            self._socket.listen(128)
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)
        self.host, self.port = self._socket.getsockname()
        self._handler = handler
        self._connections: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    def close(self) -> None:
        """Stops listening and ends the connections."""
        self._accepting.cancel()
        self._socket.close()
        for connection in list(self._connections):
            connection.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            context = {"message": "a request could not be answered", "exception": failure}
            task.get_loop().call_exception_handler(context)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._socket)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = loop.create_task(self._serve(connection))
            self._connections.add(task)
            task.add_done_callback(self._forget)

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection, limit=_MOST)
        whole = False
        try:
            while (request := await _read(reader, writer)) is not None:
                await self._handler(Exchange(request, writer))
                if request.headers.get("connection", "").lower() == "close":
                    break
            whole = True
        except (CutError, ConnectionError, asyncio.IncompleteReadError):
            # Cut by a test, or the client went: either way there is nobody left to tell.
            whole = False
        finally:
            if not whole:
                _cut(writer)
            writer.close()


def _cut(writer: asyncio.StreamWriter) -> None:
    """Ends a connection for its client even where a forked process still holds a copy of it."""
    with suppress(OSError):
        writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as exc:
        if exc.partial:
            raise
        return None
    first, *rest = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in rest)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _body(reader, headers)
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(method, target, headers, body, unquote(parts.path), query)


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body
