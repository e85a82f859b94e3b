"""A connection's limits, against a real uvicorn on loopback."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from components.serve.connection import MAX_AHEAD, connections
from components.serve.known_heads import MAX_HEADS
from components.serve.limits import Limits
from components.serve.routes import INFER, Head, read_head
from components.serve.wire import Headers, Message, Receive, Reply, Send, read_body, send_reply
from tests.serving import wait_for

POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
# Holds the answers of /held back until it is set.
released = threading.Event()


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/early":
        await send_reply(send, Reply(200, b"early"))
        return
    body = await read_body({}, receive, Limits())
    if scope["path"] == "/held":
        while not released.is_set():
            await asyncio.sleep(0.01)
    await send_reply(send, Reply(200, b"%d bytes" % len(body or b"")))


class Prompt:
    """Answers inference requests at once, with what it was sent."""

    def head(self, url: bytes, headers: Headers) -> Head | None:
        match = INFER.fullmatch(url.decode("latin-1"))
        return None if match is None else read_head(match, headers)

    def prompt(
        self, head: Head, body: bytes, always: Headers
    ) -> tuple[bytes, Callable[[], None]] | None:
        said = b"prompt %s %s" % (head.name.encode(), body)
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(said) + said, int


def infer(body: bytes, name: str = "m", *more: str) -> bytes:
    lines = [f"POST /v1/models/{name}:predict HTTP/1.1", "host: x", *more]
    head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""])
    return head.encode() + body


def hearing() -> type[Any]:
    """Returns a class of connections that keep what they have read, piece by piece, in `heard`."""

    class Hearing(connections(Limits(), Prompt())):  # type: ignore[misc]
        heard: list[bytes] = []

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.heard.append(data)

    return Hearing


@contextmanager
def serving(
    limits: Limits, idle_seconds: int = 60, kind: type[Any] | None = None
) -> Iterator[tuple[str, int]]:
    """Serves on a free port."""
    config = uvicorn.Config(
        echo,
        log_level="critical",
        http=kind or connections(limits),
        timeout_keep_alive=idle_seconds,
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
    with socket.create_connection(address, timeout=60) as connection:
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
        held = [socket.create_connection(address, timeout=60) for _ in range(4)]
        try:
            assert answer(address) == b""
        finally:
            for connection in held:
                connection.close()


class Talk:
    """One connection on which requests and answers take turns."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=60)

    def ask(self, request: bytes) -> bytes:
        self.socket.sendall(request)
        return self.hear()

    def send_alone(self, piece: bytes, kind: type[Any]) -> None:
        """Sends what the server then reads as one piece, and nothing with it."""
        before = len(kind.heard)
        self.socket.sendall(piece)
        assert wait_for(lambda: len(kind.heard) > before)

    def hear(self) -> bytes:
        """Returns the body of the next answer; nothing where the connection ends."""
        said = b""
        while b"\r\n\r\n" not in said:
            if not (piece := self.socket.recv(1)):
                return b""
            said += piece
        size = int(said.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        body = b""
        while len(body) < size:
            body += self.socket.recv(size - len(body))
        return body

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def test_head_that_came_before_is_known_on_every_connection() -> None:
    kind = connections(Limits(), Prompt())
    with serving(Limits(), kind=kind) as address:
        for _ in range(2):
            with Talk(address) as talk:
                for body in (b"one", b"two", b"three", b"six", b""):
                    assert talk.ask(infer(body)) == b"prompt m " + body
                    assert talk.ask(infer(body, "n")) == b"prompt n " + body
    # A head for each model and length of body.
    assert sorted((k.head.name, k.length) for k in kind.known.heads.values()) == [
        (name, length) for name in "mn" for length in (0, 3, 5)
    ]


def test_bytes_of_a_body_are_no_request_though_their_head_is_known() -> None:
    known, kind = infer(b"one"), hearing()
    with serving(Limits(), kind=kind) as address, Talk(address) as talk:
        assert talk.ask(known) == b"prompt m one"
        # Answered before its body has come, which then looks like a request.
        early = b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(known)
        assert talk.ask(early) == b"early"
        talk.send_alone(known, kind)
        assert talk.ask(infer(b"two")) == b"prompt m two"
        # The same while the answer waits for the rest of the body.
        talk.send_alone(POST + b"content-length: %d\r\n\r\n" % (2 * len(known)), kind)
        talk.send_alone(known, kind)
        assert talk.ask(known) == b"%d bytes" % (2 * len(known))
        # And behind the beginning of a head.
        talk.send_alone(b"GET / HTTP/1.1\r\na: ", kind)
        assert talk.ask(infer(b"")) == b"0 bytes"


def test_known_head_with_another_body_is_read_as_any_other() -> None:
    kind = hearing()
    with serving(Limits(), kind=kind) as address, Talk(address) as talk:
        assert talk.ask(infer(b"one")) == b"prompt m one"
        # In pieces, and with the next request behind it.
        request = infer(b"two")
        talk.send_alone(request[:-3], kind)
        assert talk.ask(b"two") == b"3 bytes"
        talk.socket.sendall(infer(b"two") + infer(b"six"))
        assert [talk.hear(), talk.hear()] == [b"prompt m two", b"prompt m six"]
        assert talk.ask(infer(b"one")) == b"prompt m one"
        # Of two in one piece, each with a head of its own.
        talk.socket.sendall(infer(b"1234") + infer(b"5678", "n"))
        assert [talk.hear(), talk.hear()] == [b"prompt m 1234", b"prompt n 5678"]
        assert talk.ask(infer(b"1234")) == b"prompt m 1234"


def test_known_head_waits_for_the_answer_before_it() -> None:
    kind = hearing()
    released.clear()
    with serving(Limits(), kind=kind) as address, Talk(address) as talk:
        assert talk.ask(infer(b"one")) == b"prompt m one"
        try:
            talk.send_alone(b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n", kind)
            talk.send_alone(infer(b"one"), kind)
        finally:
            released.set()
        assert [talk.hear(), talk.hear()] == [b"0 bytes", b"3 bytes"]


def test_known_head_keeps_an_idle_connection_open() -> None:
    kind = connections(Limits(), Prompt())
    with serving(Limits(), idle_seconds=4, kind=kind) as address, Talk(address) as talk:
        assert talk.ask(infer(b"one")) == b"prompt m one"
        # What goes through ASGI leaves a timer behind, which is not for those who go on asking.
        assert talk.ask(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n") == b"0 bytes"
        # For longer than that in all; each time for so little that a pause makes it no more.
        for _ in range(3):
            time.sleep(1.5)
            assert talk.ask(infer(b"one")) == b"prompt m one"
        assert talk.hear() == b""


@pytest.mark.parametrize(
    "header", ["ce-id: a", "x-request-id: a", f"cookie: {'x' * 5000}", "connection: close"]
)
def test_head_of_one_request_alone_is_not_kept(header: str) -> None:
    kind = connections(Limits(), Prompt())
    with serving(Limits(), kind=kind) as address, Talk(address) as talk:
        said = talk.ask(infer(b"one", "m", header))
        assert said == (b"3 bytes" if header == "connection: close" else b"prompt m one")
    assert kind.known.heads == {}


def test_heads_that_always_differ_fill_no_memory() -> None:
    kind = connections(Limits(), Prompt())
    with serving(Limits(), kind=kind) as address, Talk(address) as talk:
        for number in range(MAX_HEADS + 5):
            assert talk.ask(infer(b"one", "m", f"traceparent: {number}")) == b"prompt m one"
        # A head is kept after its request is answered.
        assert wait_for(lambda: len(kind.known.heads) == 5)
