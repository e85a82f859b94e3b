"""A connection's limits, against a real uvicorn on loopback."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from components.serve.connection import MAX_AHEAD, connections
from components.serve.limits import Limits
from components.serve.wire import Message, Receive, Reply, Send, read_body, send_reply
from tests.serving import wait_for

POST = b"POST / HTTP/1.1\r\nhost: x\r\n"


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    body = await read_body({}, receive, Limits())
    await send_reply(send, Reply(200, b"%d bytes" % len(body or b"")))


@contextmanager
def serving(limits: Limits, idle_seconds: int = 60) -> Iterator[tuple[str, int]]:
    """Serves on a free port."""
    config = uvicorn.Config(
        echo, log_level="critical", http=connections(limits), timeout_keep_alive=idle_seconds
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([door])))
        thread.start()
        try:
            assert wait_for(lambda: server.started)
            yield door.getsockname()
        finally:
            server.should_exit = True
            thread.join()


def answer(address: tuple[str, int], *pieces: bytes) -> bytes:
    """Sends pieces for as long as they are taken; returns all that comes back."""
    said = b""
    with socket.create_connection(address, timeout=10) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while piece := connection.recv(65536):
                said += piece
        except OSError:
            return said
    return said


def test_connection_with_a_body_in_pieces_is_answered() -> None:
    with serving(Limits(head_bytes=1000, head_seconds=10)) as address:
        head = POST + b"connection: close\r\ncontent-length: 100000\r\n"
        said = answer(address, head[:30], head[30:], b"\r\n", *[b"x" * 100] * 1000)
        assert said.startswith(b"HTTP/1.1 200")
        assert said.endswith(b"100000 bytes")


@pytest.mark.parametrize(
    "pieces",
    [
        (b"GET / HTTP/1.1\r\n", *[b"a: " + b"x" * 100 + b"\r\n"] * 50),
        (b"GET / HTTP/1.1\r\na: ", *[b"x" * 100] * 50),
        (b"GET /", *[b"x" * 100] * 50),
    ],
)
def test_connection_with_too_large_a_head_is_refused(pieces: tuple[bytes, ...]) -> None:
    with serving(Limits(head_bytes=1000)) as address:
        said = answer(address, *pieces)
        # Nothing, where the client was still sending when the server closed.
        assert said == b"" or said.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "rest",
    [
        [b"2\r\n{}\r\n0\r\n", *[b"a: " + b"x" * 1000 + b"\r\n"] * 2000],
        [b"2;", *[b"x" * 1000] * 2000],
    ],
)
def test_connection_with_endless_trailers_or_extensions_is_closed(rest: list[bytes]) -> None:
    head = POST + b"transfer-encoding: chunked\r\n\r\n"
    with serving(Limits(head_bytes=1000)) as address:
        # Without the limit it would wait for the end of the request, and the test for its answer.
        assert b"bytes" not in answer(address, head, *rest)


def test_connection_far_ahead_of_its_answers_is_closed() -> None:
    request = POST + b"content-length: 0\r\n\r\n"
    with serving(Limits()) as address:
        said = answer(address, request * (MAX_AHEAD - 1) + POST + b"connection: close\r\n\r\n")
        assert said.count(b"HTTP/1.1 200") == MAX_AHEAD
        said = answer(address, request * (MAX_AHEAD + 2))
        assert said.count(b"HTTP/1.1 200") < MAX_AHEAD


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\na: b"])
def test_connection_without_a_whole_head_in_time_is_closed(sent: bytes) -> None:
    with serving(Limits(head_seconds=0.05), idle_seconds=1) as address:
        assert answer(address, sent).startswith(b"HTTP/1.1 408")


def test_connection_beyond_twice_the_limit_is_closed() -> None:
    with serving(Limits(connections=2)) as address:
        held = [socket.create_connection(address, timeout=10) for _ in range(4)]
        try:
            assert answer(address) == b""
        finally:
            for connection in held:
                connection.close()
