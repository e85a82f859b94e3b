"""What the monitor is told of a version, before its first event can arrive."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from components.deploy import model_server

if TYPE_CHECKING:
    from components.bundle import Manifest


def register_version(monitor: str, manifest: "Manifest", bundle: Path, version: int) -> None:
    """Tells the monitor what a version is; idempotent.

    Args:
        monitor: base URL of the monitor.
        manifest: of the bundle.
        bundle: the bundle's folder, which holds `reference.json`.
        version: as registered.

    Raises:
        DeployError: the monitor does not answer, or refuses; its own text is quoted.
    """
    reference = json.loads((bundle / "reference.json").read_text(encoding="utf-8"))
    body = {"bundle": manifest.model_dump(mode="json"), "reference": reference}
    url = f"{monitor}/v1/models/{manifest.name}/versions/{version}"
    model_server.call(url, body, method="PUT")
