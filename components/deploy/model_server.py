"""A running model server as deployment sees it: load a version, ask it, say what is served.

Speaks the repository extension of KServe's V2 protocol over HTTP; the load names path and version
of a bundle on this machine, which only a server of the embedded engine accepts.
"""

import json
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from components.deploy.direct import fetch
from components.errors import DeployError

# A load reads, verifies and proves a bundle; a large forest takes seconds.
_TIMEOUT_S = 60.0


class CallError(DeployError):
    """A model server did not answer, or answered with an error.

    Attributes:
        status: of HTTP; 0 where there was no answer.
    """

    def __init__(self, message: str, status: int) -> None:
        """Keeps what callers decide on."""
        super().__init__(message)
        self.status = status


def call(url: str, body: object | None = None, *, method: str = "POST") -> Any:
    """Sends JSON and reads JSON.

    Args:
        url: an http(s) address.
        body: what to send; None for an empty body.
        method: the HTTP method.

    Returns:
        The parsed answer; None for an empty one.

    Raises:
        CallError: nobody answers, or the answer is an error; its own text is quoted.
        DeployError: the address is none, or the answer is no JSON.
    """
    if not url.startswith(("http://", "https://")):
        msg = f"cannot call {url!r}: expected an http:// or https:// address"
        raise DeployError(msg)
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
    try:
        text = fetch(request, timeout_s=_TIMEOUT_S)
    except HTTPError as exc:
        msg = f"{method} {url} answered {exc.code}: {_reason(exc)}"
        raise CallError(msg, exc.code) from exc
    except OSError as exc:
        msg = f"{method} {url} got no answer: {getattr(exc, 'reason', exc)}"
        raise CallError(msg, 0) from exc
    try:
        return json.loads(text) if text else None
    except ValueError as exc:
        msg = f"{method} {url} answered {text[:100]!r}: expected JSON"
        raise DeployError(msg) from exc


def await_live(server: str) -> None:
    """Waits until a model server that is starting answers.

    Raises:
        DeployError: it does not in a minute.
    """
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            call(f"{server}/v2/health/live", method="GET")
        except DeployError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def load(server: str, name: str, path: Path, version: int) -> Any:
    """Has the server prove a bundle and swap to it; returns its proof and what it replaced."""
    body = {"parameters": {"path": str(path.resolve()), "version": version}}
    return call(f"{server}/v2/repository/models/{name}/load", body)


def unload(server: str, name: str) -> None:
    """Has the server drop a model."""
    call(f"{server}/v2/repository/models/{name}/unload", {})


def infer(server: str, name: str, rows: list[dict[str, Any]]) -> list[Any]:
    """Asks the model about rows in the V1 protocol; returns one prediction a row.

    Raises:
        DeployError: nobody answers, or the answer holds anything else.
    """
    url = f"{server}/v1/models/{name}:predict"
    return read_predictions(call(url, {"instances": rows}), len(rows), f"POST {url}")


def read_predictions(answer: Any, rows: int, asked: str) -> list[Any]:
    """Reads an answer in the V1 protocol.

    Args:
        answer: parsed JSON.
        rows: how many were asked about.
        asked: what was called, for the sentence.

    Returns:
        One prediction a row.

    Raises:
        DeployError: the answer holds anything else.
    """
    predictions = answer.get("predictions") if isinstance(answer, dict) else None
    if not isinstance(predictions, list) or len(predictions) != rows:
        found = f"{len(predictions)} predictions" if isinstance(predictions, list) else "none"
        msg = f"{asked} answered {found} to {rows} rows: expected one prediction a row"
        raise DeployError(msg)
    return predictions


def _reason(answer: HTTPError) -> str:
    try:
        text = answer.read()
    except (OSError, HTTPException) as exc:
        return f"and its text could not be read: {type(exc).__name__}"
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:300].decode("utf-8", errors="replace")
