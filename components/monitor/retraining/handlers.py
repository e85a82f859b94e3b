"""The routes of retraining: Alertmanager's webhook, a person's request, and what was decided."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from components.monitor.collector import Collector
from components.monitor.metrics import RETRAINING
from components.monitor.refusal import RefusedError, Review, invalid
from components.monitor.retraining.assembly import Retraining
from components.monitor.retraining.decision import MANUAL, SCHEDULE
from components.monitor.retraining.description import describe_decision, describe_decisions
from components.monitor.storage import records
from components.monitor.wire import decode_json, require_json

ASK_SECONDS: Final = 60.0
"""A look may follow the runs of many models before it comes to a request."""


async def post_alerts(request: Request) -> Response:
    """`POST /alerts`: 200 once every alert is on the disk; 401, 403, 413, 415 or 400."""
    retraining, collector = _retraining(request), _collector(request)
    headers = dict(request.headers)
    try:
        retraining.admission.require_token(headers)
        require_json(headers)
        async with collector.intake.body(*_body(request)) as body:
            return JSONResponse(await retraining.take_alerts(decode_json(body)))
    except RefusedError as exc:
        retraining.figures.count_rejected(exc.reason)
        raise


async def post_retraining(request: Request) -> Response:
    """`POST /v1/models/NAME/retraining`: 202 started, 409 refused and why, 404 unknown model."""
    retraining, collector = _retraining(request), _collector(request)
    client = request.client.host if request.client else None
    with collector.metrics.counting_refusals(RETRAINING):
        headers = dict(request.headers)
        retraining.admission.require_person(headers, client)
        require_json(headers)
        async with collector.intake.body(*_body(request)) as body:
            reason = _reason(decode_json(body))
        made = await _decided(retraining.ask(request.path_params["name"], reason))
    if made is None:
        raise HTTPException(404, "no version of this model is registered")
    status = 409 if made.outcome == "refused" else 202
    return JSONResponse(describe_decision(made), status_code=status)


async def _decided(asked: "Future[records.Retraining | None]") -> records.Retraining | None:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(asked), ASK_SECONDS)
    except TimeoutError as exc:
        message = "nothing was decided yet: look at GET of this path, or ask again"
        raise RefusedError(message, status=503, reason="timeout", retry_after=5) from exc


def get_retraining(request: Request) -> Response:
    """`GET /v1/models/NAME/retraining`: the rules, and the newest decisions with their evidence."""
    retraining, collector = _retraining(request), _collector(request)
    name = request.path_params["name"]
    known = {number for model, number in collector.versions if model == name}
    decisions = describe_decisions(collector.reader, name)
    if not known and not decisions:
        raise HTTPException(404, "no version of this model is registered")
    return JSONResponse({"name": name, **retraining.describe(name), "decisions": decisions})


def _reason(document: object) -> str:
    body: dict[str, Any] = document if isinstance(document, dict) else {}
    reason = body.get("reason")
    if reason not in (MANUAL, SCHEDULE) or len(body) != 1:
        review = Review(0)
        review.note("reason", f'the one key, {MANUAL!r} or {SCHEDULE!r}: {{"reason": "manual"}}')
        raise invalid(review.problems, what="request")
    return str(reason)


def _retraining(request: Request) -> Retraining:
    found: Retraining = request.app.state.retraining
    return found


def _collector(request: Request) -> Collector:
    collector: Collector = request.app.state.collector
    return collector


def _body(request: Request) -> tuple[AsyncIterator[bytes], str | None]:
    return request.stream(), request.headers.get("content-length")


ROUTES: Final = (
    Route("/alerts", post_alerts, methods=["POST"]),
    Route("/v1/models/{name}/retraining", post_retraining, methods=["POST"]),
    Route("/v1/models/{name}/retraining", get_retraining),
)
"""The routes; `app.state.retraining` does the work behind them."""
