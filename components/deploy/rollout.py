"""The way into service: register with the monitor, prove the candidate, move traffic, or put back.

A healthy service is never touched before its replacement has proved itself. How that is done
depends on where the model is served, and the parameter `serving` says where.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from components.deploy import embedded
from components.deploy.embedded import Served, restore
from components.deploy.serving import ModelServer, read_serving
from components.deploy.version import register_version
from components.proof import Proof

if TYPE_CHECKING:
    from components.champion import Champion
    from components.spec import Spec

__all__ = ["Served", "register_version", "restore", "roll_out"]


def roll_out(
    spec: "Spec",
    bundle: Path,
    version: int,
    serving: str,
    monitor: str,
    *,
    uri: str = "",
    compared: "Champion | None" = None,
) -> Proof:
    """Brings a version into service; where it is in service already, nothing changes.

    Args:
        spec: name, sizes and how the new version takes over.
        bundle: the bundle's folder.
        version: as registered.
        serving: `http://host:port` of the embedded engine's model server, or `kserve://NAMESPACE`
            of the cluster that the Kubernetes client is configured for.
        monitor: base URL of the monitor.
        uri: with KServe: where the bundle lies in the object store, as KFP names it.
        compared: with KServe: the champion that the version was held against, or that there was
            none; None where that is not known, and nothing is refused for it. On one machine a
            model's runs and rollbacks take turns as a whole.

    Returns:
        What was shown.

    Raises:
        DeployError: the candidate did not prove itself, or something else has come into service
            since the champion was looked up; what was served before is served still.
        SpecError: `serving` names neither, or no pod could fetch the bundle from its address.
    """
    place = read_serving(serving)
    if isinstance(place, ModelServer):
        return embedded.swap(spec, bundle, version, place.url, monitor)
    # The Kubernetes client's import takes a second, which one machine need not pay.
    from components.bundle import read
    from components.deploy.kserve import rollout as kserve

    manifest = read(bundle)
    return kserve.roll_out(
        spec,
        kserve.Release(version, uri, manifest.runtime, manifest),
        namespace=place.namespace,
        monitor=monitor,
        compared=compared,
        introduce=lambda: register_version(monitor, manifest, bundle, version),
    )
