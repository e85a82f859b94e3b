"""The routes of the page: `GET /` for all models, `GET /models/NAME` for one.

They answer a person, so failures are pages too. A page takes the interpreter from the
acknowledging of events, so one is made at a time, and few may wait for their turn.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from components.monitor.collector import Collector
from components.monitor.storage.connection import StoreError
from components.monitor.versions import Versions
from components.report.document import POLICY

if TYPE_CHECKING:
    from components.monitor.page.frame import Asked

WAITING: Final = 8
"""Pages that are asked for at one time: each holds a thread, of which the scrapes need some."""

DEFAULT_SPAN: Final = "day"

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{POLICY}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_room = threading.BoundedSemaphore(WAITING)
_turn = threading.Lock()
_log = logging.getLogger(__name__)


def get_overview(request: Request) -> Response:
    """`GET /?span=S`: every model, how it is and why; S is hour, day, week or all."""
    # numpy is loaded by the judge's thread; a process that only collects does without it.
    from components.monitor.page.page import render_overview

    collector = _collector(request)

    def render(asked: "Asked") -> str | None:
        content = collector.content()
        return render_overview(collector.reader, content, _versions(collector), asked)

    return _answer(request, render)


def get_model(request: Request) -> Response:
    """`GET /models/NAME?span=S`: one model; 404 where no version of it is registered."""
    from components.monitor.page.page import render_model

    collector, name = _collector(request), request.path_params["name"]

    def render(asked: "Asked") -> str | None:
        content = collector.content()
        return render_model(collector.reader, content, _versions(collector), name, asked)

    return _answer(request, render)


def _answer(request: Request, render: "Callable[[Asked], str | None]") -> Response:
    from components.monitor.page.frame import Asked
    from components.monitor.page.gathering import SPANS

    stated = request.query_params.get("span", DEFAULT_SPAN)
    asked = Asked(stated if stated in SPANS else DEFAULT_SPAN, time.time_ns() // 1000)
    if not _room.acquire(blocking=False):
        return _problem(503, "Many are looking", f"{WAITING} pages are being made: look again.")
    try:
        with _turn:
            page = render(asked)
    except StoreError as exc:
        _log.error("store not read for the page error=%s", exc)
        words = (
            "What is stored could not be read, so nothing can be said about any model now. Look "
            "at <code>/readyz</code>, and at the monitor’s log for the cause."
        )
        return _problem(503, "The store cannot be read", words)
    finally:
        _room.release()
    if page is None:
        words = "No version of a model of this name is registered. <a href='../'>All models</a>"
        return _problem(404, "There is no such model", words)
    return HTMLResponse(page, headers=HEADERS)


def _problem(status: int, title: str, words: str) -> Response:
    from components.monitor.page.frame import render_problem

    again = {"Retry-After": "5"} if status == 503 else {}
    return HTMLResponse(render_problem(title, words), status_code=status, headers=HEADERS | again)


def _versions(collector: Collector) -> Versions:
    """The versions as of now, in one step: the event loop may register one at any time."""
    return dict(collector.versions)


def _collector(request: Request) -> Collector:
    collector: Collector = request.app.state.collector
    return collector


ROUTES: Final = (Route("/", get_overview), Route("/models/{name}", get_model))
"""The routes; `app.state.collector` has what they show."""
