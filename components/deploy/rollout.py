"""The way into service: register with the monitor, prove the candidate, swap, prove again.

A healthy service is never touched before its replacement has proved itself. The model server does
the first proof, the golden rows on the loaded candidate beside the served one; this asks once more
through the endpoint, as a client would, and puts the last good version back where the answers or
their latency are not those of the bundle.
"""

import json
import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.bundle import Manifest, read
from components.deploy import model_server
from components.errors import DeployError
from components.signature import Frozen

if TYPE_CHECKING:
    from components.spec import Spec

logger = logging.getLogger(__name__)

# Float32 through JSON; the bundle's own parity tolerance is an order below.
_TOLERANCE = 1e-4
_LATENCY_TRIES = 5


class Proof(Frozen):
    """What a deployment showed.

    Attributes:
        name: the model.
        version: what is served now.
        endpoint: where, in the V1 protocol.
        golden_rows: how many rows gave the packaged answers through the endpoint.
        latency_seconds: of one golden row through the endpoint, the least of a few tries.
        replaced: the version that was served before, if any.
    """

    name: str
    version: int
    endpoint: str
    golden_rows: int
    latency_seconds: float
    replaced: int | None


@dataclass(frozen=True)
class Served:
    """What a model server served before a load."""

    version: int
    path: Path


def roll_out(spec: "Spec", bundle: Path, version: int, serving: str, monitor: str) -> Proof:
    """Brings a version into service.

    Args:
        spec: name and latency budget.
        bundle: the bundle's folder.
        version: as registered.
        serving: `http://host:port` of the embedded engine's model server.
        monitor: `http://host:port` of the monitor.

    Returns:
        What was shown.

    Raises:
        DeployError: the candidate did not prove itself; what was served before is served still.
    """
    if not serving.startswith(("http://", "https://")):
        msg = f"serving {serving!r} cannot be deployed to: expected http://host:port"
        raise DeployError(msg)
    manifest = read(bundle)
    register_version(monitor, manifest, bundle, version)
    model_server.await_live(serving)
    before = _replaced(model_server.load(serving, spec.name, bundle, version))
    try:
        latency = prove(serving, manifest, budget_s=spec.serve.latency_ms / 1000)
    except BaseException:
        # Also where the caller is stopped: what has not proved itself must not stay in service.
        restore(serving, spec.name, before)
        raise
    logger.info("deployed model=%s version=%d latency_s=%.6f", spec.name, version, latency)
    return Proof(
        name=spec.name,
        version=version,
        endpoint=f"{serving}/v1/models/{spec.name}:predict",
        golden_rows=len(manifest.golden.rows),
        latency_seconds=latency,
        replaced=before.version if before else None,
    )


def register_version(monitor: str, manifest: Manifest, bundle: Path, version: int) -> None:
    """Tells the monitor what a version is, before its first event can arrive; idempotent."""
    reference = json.loads((bundle / "reference.json").read_text(encoding="utf-8"))
    body = {"bundle": manifest.model_dump(mode="json"), "reference": reference}
    url = f"{monitor}/v1/models/{manifest.name}/versions/{version}"
    model_server.call(url, body, method="PUT")


def _replaced(answer: dict[str, Any]) -> Served | None:
    before = answer["replaced"]
    return Served(int(before["version"]), Path(before["path"])) if before else None


def restore(serving: str, name: str, before: Served | None) -> None:
    """Puts back what was served before a deployment; nothing, where nothing was."""
    if before is None:
        model_server.unload(serving, name)
    else:
        model_server.load(serving, name, before.path, before.version)


def prove(serving: str, manifest: Manifest, *, budget_s: float) -> float:
    """Asks the golden rows through the endpoint and compares with the packaged answers.

    Args:
        serving: the model server.
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
    answers = model_server.infer(serving, manifest.name, rows)
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
    latency = min(_timed(serving, manifest.name, rows[0]) for _ in range(_LATENCY_TRIES))
    if latency > budget_s:
        msg = (
            f"model {manifest.name!r} took {latency * 1000:.1f} ms for one row, the budget "
            f"serve.latency_ms is {budget_s * 1000:g} ms"
        )
        raise DeployError(msg)
    return latency


def _timed(serving: str, name: str, row: dict[str, Any]) -> float:
    begin = time.perf_counter()
    model_server.infer(serving, name, [row])
    return time.perf_counter() - begin


def _agree(got: object, want: object) -> bool:
    if isinstance(want, float) and isinstance(got, int | float):
        return math.isclose(got, want, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return got == want and isinstance(got, bool) == isinstance(want, bool)
