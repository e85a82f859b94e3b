"""What a request's query and body say: options of a write, documents, reviews."""

import json
from typing import Any

import yaml

from tests.kubernetes_api import protobuf
from tests.kubernetes_api.http_server import Request
from tests.kubernetes_api.refusals import RefusalError
from tests.kubernetes_api.resources import APPLY, Options
from tests.kubernetes_api.store import Document
from tests.kubernetes_api.targets import Target


def options_of(request: Request) -> Options:
    """Reads how a write is meant.

    Raises:
        RefusalError: 422, an apply without a fieldManager.
    """
    query = request.query
    agent = request.headers.get("user-agent", "unknown").split("/")[0]
    form = request.headers.get("content-type", "").split(";")[0]
    if form == APPLY and not query.get("fieldManager"):
        msg = (
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for '
            "apply patch"
        )
        raise RefusalError(422, msg)
    return Options(
        manager=query.get("fieldManager") or agent,
        dry=query.get("dryRun") == "All",
        force=request.flag("force"),
        validation=query.get("fieldValidation") or "Warn",
    )


def review_of(request: Request, target: Target) -> Document:
    """Reads a self review, whichever way it is written."""
    if not request.headers.get("content-type", "").startswith(protobuf.MEDIA_TYPE):
        document: Document = body_of(request)
        return document
    kind = target.kind
    read = protobuf.review(kind.kind, request.body)
    return {"apiVersion": kind.api_version, "kind": kind.kind, **read}


def body_of(request: Request) -> Any:
    """Reads a body: JSON, which YAML contains; deletion's options may be in the query."""
    if request.headers.get("content-type", "").startswith(protobuf.MEDIA_TYPE):
        raise RefusalError(415, "Protocol Buffers are not read here: send application/json")
    text = request.body.decode()
    apply = request.headers.get("content-type", "").startswith(APPLY)
    try:
        body = _loaded(text, yaml_too=apply) if text else {}
    except (ValueError, yaml.YAMLError) as exc:
        msg = f"the object provided is unrecognized: {type(exc).__name__}"
        raise RefusalError(400, msg) from exc
    if request.method == "DELETE":
        body = {**(body or {})}
        if "propagationPolicy" in request.query:
            body["propagationPolicy"] = request.query["propagationPolicy"]
        if "gracePeriodSeconds" in request.query:
            body["gracePeriodSeconds"] = int(request.query["gracePeriodSeconds"])
    return body


def _loaded(text: str, *, yaml_too: bool) -> Any:
    """Reads JSON, or YAML where that is allowed: most clients apply JSON, which is read faster."""
    try:
        return json.loads(text)
    except ValueError:
        if not yaml_too:
            raise
        return yaml.safe_load(text)
