"""The monitor's routes: what each path answers, and with which status."""

from collections.abc import AsyncIterator
from typing import Final

from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from components.monitor import labelled, quick
from components.monitor.collector import Collector
from components.monitor.listing import list_models
from components.monitor.metrics import FEEDBACK, REGISTRATION
from components.monitor.page import routes as page
from components.monitor.retraining import handlers as retraining
from components.monitor.retraining.description import describe_model


async def post_feedback(request: Request) -> Response:
    """`POST /v1/feedback`: 200 once every label of the request is on the disk."""
    collector = _collector(request)
    with collector.metrics.counting_refusals(FEEDBACK):
        async with collector.intake.body(*_body(request)) as body:
            return JSONResponse(await collector.take_feedback(_headers(request), body))


async def put_version(request: Request) -> Response:
    """`PUT /v1/models/NAME/versions/V`: 201 new, 200 known, 409 known with other content."""
    collector = _collector(request)
    name, number = request.path_params["name"], request.path_params["version"]
    with collector.metrics.counting_refusals(REGISTRATION):
        async with collector.intake.body(*_body(request)) as body:
            new = await collector.register(name, number, _headers(request), body)
    request.app.state.retraining.note_registration(name, int(number), new=new)
    return JSONResponse({"name": name, "version": int(number)}, status_code=201 if new else 200)


def get_models(request: Request) -> Response:
    """`GET /v1/models`: the counts of every model and version."""
    collector = _collector(request)
    return JSONResponse({"models": list_models(collector.content(), collector.versions)})


def get_model(request: Request) -> Response:
    """`GET /v1/models/NAME`: one model's versions, verdicts, alerts and retraining decisions."""
    collector = _collector(request)
    name = request.path_params["name"]
    for model in list_models(collector.content(), collector.versions):
        if model["name"] == name:
            return JSONResponse(model | describe_model(collector.reader, name))
    raise HTTPException(404, "no version of this model is registered, and no event names it")


def get_metrics(request: Request) -> Response:
    """`GET /metrics`: Prometheus text, or OpenMetrics where the client asks for it."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    registry = _collector(request).metrics.registry
    return Response(encode(registry), headers={"Content-Type": content_type})


async def get_health(_: Request) -> Response:
    """`GET /healthz`: the process answers."""
    return JSONResponse({"status": "ok"})


async def get_readiness(request: Request) -> Response:
    """`GET /readyz`: the store could be written just now."""
    await _collector(request).probe()
    return JSONResponse({"status": "ready"})


def _collector(request: Request) -> Collector:
    collector: Collector = request.app.state.collector
    return collector


def _headers(request: Request) -> dict[str, str]:
    return dict(request.headers)


def _body(request: Request) -> tuple[AsyncIterator[bytes], str | None]:
    return request.stream(), request.headers.get("content-length")


ROUTES: Final = (
    *(Route(path, quick.POST_EVENTS, methods=["POST"]) for path in sorted(quick.PATHS)),
    Route("/v1/feedback", post_feedback, methods=["POST"]),
    Route("/v1/models", get_models),
    Route("/v1/models/{name}", get_model),
    Route("/v1/models/{name}/versions/{version}", put_version, methods=["PUT"]),
    Route("/metrics", get_metrics),
    Route("/healthz", get_health),
    Route("/readyz", get_readiness),
    *labelled.ROUTES,
    *page.ROUTES,
    *retraining.ROUTES,
)
"""Every route; `app.state.collector` does the work behind them."""
