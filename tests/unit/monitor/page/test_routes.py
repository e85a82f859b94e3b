from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from components.monitor.collector import Collector
from components.monitor.intake import Limits
from components.monitor.page import routes
from components.monitor.upkeep import Retention


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Starlette]:
    collector = Collector(tmp_path / "monitor.sqlite3", Limits(), Retention())
    collector.start()
    made = Starlette()
    made.state.collector = collector
    yield made
    collector.close()


def request(app: Starlette, query: bytes = b"") -> Request:
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": query, "headers": []}
    return Request(scope | {"app": app})


def test_get_overview_while_too_many_wait_is_refused_at_once(app: Starlette) -> None:
    with ExitStack() as held:
        for _ in range(routes.WAITING):
            held.enter_context(routes._room)
        answer = routes.get_overview(request(app))
        assert answer.status_code == 503
        assert b"8 pages are being made" in answer.body
    assert routes.get_overview(request(app)).status_code == 200


def test_get_overview_gives_its_place_back(app: Starlette) -> None:
    for _ in range(routes.WAITING + 1):
        assert routes.get_overview(request(app, b"span=week")).status_code == 200
