"""The proof of a version: its golden rows, asked over HTTP as a client would ask.

A bundle holds a few rows with the answers that the packaged model gave. Where an endpoint gives
others, or takes longer than the spec allows, the version must not serve.
"""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from components.errors import DeployError

if TYPE_CHECKING:
    from components.bundle import Manifest

Ask = Callable[[list[dict[str, Any]]], list[Any]]
"""Asks an endpoint about rows; returns one prediction a row."""

# Float32 through JSON; the bundle's own parity tolerance is an order below.
_TOLERANCE = 1e-4
_LATENCY_TRIES = 5


def prove(ask: Ask, manifest: "Manifest", *, budget_s: float) -> float:
    """Asks the golden rows of an endpoint and compares with the packaged answers.

    Args:
        ask: asks the endpoint.
        manifest: holds rows and answers.
        budget_s: the most that one row may take, in seconds.

    Returns:
        The latency of one row, in seconds: the least of a few tries, since a busy machine can
        only add to it.

    Raises:
        DeployError: an answer differs, or every try took longer than the budget.
    """
    golden = manifest.golden
    rows = list(golden.rows)
    answers = ask(rows)
    expected = golden.labels if golden.labels is not None else golden.predictions
    differing = [
        index
        for index, (got, want) in enumerate(zip(answers, expected or (), strict=True))
        if not _agree(got, want)
    ]
    if differing:
        msg = (
            f"model {manifest.name!r} does not give its packaged answers through the endpoint: "
            f"golden rows {', '.join(map(str, differing))} of {len(rows)} differ"
        )
        raise DeployError(msg)
    latency = min(_timed(ask, rows[0]) for _ in range(_LATENCY_TRIES))
    if latency > budget_s:
        msg = (
            f"model {manifest.name!r} took {latency * 1000:.1f} ms for one row, the budget "
            f"serve.latency_ms is {budget_s * 1000:g} ms"
        )
        raise DeployError(msg)
    return latency


def _timed(ask: Ask, row: dict[str, Any]) -> float:
    begin = time.perf_counter()
    ask([row])
    return time.perf_counter() - begin


def _agree(got: object, want: object) -> bool:
    if isinstance(want, float) and isinstance(got, int | float):
        return math.isclose(got, want, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return got == want and isinstance(got, bool) == isinstance(want, bool)
