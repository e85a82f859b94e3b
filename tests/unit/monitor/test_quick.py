"""The short way of events, spoken to in ASGI's messages: what no HTTP client can be made to do."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.monitor.quick import QuickStarlette
from components.monitor.service import create_app
from tests.monitors import prediction

BODY = json.dumps(prediction("a")).encode()
STRUCTURED = (b"content-type", b"application/cloudevents+json")
Message = dict[str, Any]


class BrokenConnectionError(Exception):
    """What no server should raise."""


class Exchange:
    """One request in the pieces that are given, and what was answered."""

    def __init__(self, *pieces: Message) -> None:
        self.pieces = list(pieces)
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if not self.pieces:
            raise BrokenConnectionError
        return self.pieces.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def post(self, app: QuickStarlette, *headers: tuple[bytes, bytes]) -> None:
        scope = {"type": "http", "method": "POST", "path": "/events", "headers": [*headers]}
        await app(scope, self.receive, self.send)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def answer(self) -> Any:
        return json.loads(self.sent[1]["body"])


def piece(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[QuickStarlette]:
    built = create_app(tmp_path / "store.db")
    assert isinstance(built, QuickStarlette)
    built.state.collector.start()
    yield built
    built.state.collector.close()


def test_event_in_pieces_is_stored_and_acknowledged(app: QuickStarlette) -> None:
    exchange = Exchange(piece(BODY[:50], more=True), piece(BODY[50:], more=True), piece(b""))
    asyncio.run(exchange.post(app, STRUCTURED))
    assert (exchange.status, exchange.answer) == (200, {"stored": 1, "duplicate": 0})


def test_header_given_twice_its_first_counts(app: QuickStarlette) -> None:
    exchange = Exchange(piece(BODY))
    asyncio.run(exchange.post(app, STRUCTURED, (b"content-type", b"text/plain")))
    assert exchange.status == 200
    other = Exchange(piece(BODY))
    asyncio.run(other.post(app, (b"content-type", b"text/plain"), STRUCTURED))
    assert other.status == 415


def test_client_gone_behind_whole_events_nothing_is_stored(app: QuickStarlette) -> None:
    exchange = Exchange(piece(BODY, more=True), {"type": "http.disconnect"})
    asyncio.run(exchange.post(app, STRUCTURED))
    assert exchange.status == 400
    collector = app.state.collector
    assert sum(total.events for total in collector.content().totals) == 0
    assert collector.intake.held == 0


def test_error_that_nobody_foresaw_is_answered_and_raised_to_the_server(
    app: QuickStarlette,
) -> None:
    exchange = Exchange(piece(b"{", more=True))
    with pytest.raises(BrokenConnectionError):
        asyncio.run(exchange.post(app, STRUCTURED))
    assert exchange.status == 500
    assert exchange.answer == {"error": "internal error, see the monitor's log"}
    assert app.state.collector.intake.held == 0
