"""The way into service on one machine: the model server loads, proves and swaps by itself.

It does the first proof, the golden rows on the loaded candidate beside the served one; this asks
once more through the endpoint, as a client would, and puts the last good version back where the
answers or their latency are not those of the bundle.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.bundle import read
from components.deploy import model_server
from components.deploy.proving import prove
from components.deploy.version import register_version
from components.proof import Proof

if TYPE_CHECKING:
    from components.spec import Spec

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """What a model server served before a load."""

    version: int
    path: Path


def swap(spec: "Spec", bundle: Path, version: int, server: str, monitor: str) -> Proof:
    """Brings a version into service on a model server.

    Args:
        spec: name and latency budget.
        bundle: the bundle's folder, on this machine.
        version: as registered.
        server: `http://host:port` of the model server.
        monitor: `http://host:port` of the monitor.

    Returns:
        What was shown.

    Raises:
        DeployError: the candidate did not prove itself; what was served before is served still.
    """
    manifest = read(bundle)
    register_version(monitor, manifest, bundle, version)
    model_server.await_live(server)
    before = _replaced(model_server.load(server, spec.name, bundle, version))
    try:
        ask = partial(model_server.infer, server, spec.name)
        latency = prove(ask, manifest, budget_s=spec.serve.latency_ms / 1000)
    except BaseException:
        # Also where the caller is stopped: what has not proved itself must not stay in service.
        restore(server, spec.name, before)
        raise
    logger.info("deployed model=%s version=%d latency_s=%.6f", spec.name, version, latency)
    return Proof(
        name=spec.name,
        version=version,
        endpoint=f"{server}/v1/models/{spec.name}:predict",
        golden_rows=len(manifest.golden.rows),
        latency_seconds=latency,
        replaced=before.version if before else None,
        at=datetime.now(UTC),
    )


def restore(server: str, name: str, before: Served | None) -> None:
    """Puts back what was served before a deployment; nothing, where nothing was."""
    if before is None:
        model_server.unload(server, name)
    else:
        model_server.load(server, name, before.path, before.version)


def _replaced(answer: dict[str, Any]) -> Served | None:
    before = answer["replaced"]
    return Served(int(before["version"]), Path(before["path"])) if before else None
