"""Puts an earlier version back into service on a cluster: `kubeloop rollback --serving URI`."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pydantic import ValidationError

from components.bundle import Manifest
from components.deploy.kserve.pace import PACE, Pace
from components.deploy.kserve.rollout import Release, roll_back
from components.deploy.kserve.status import observe
from components.errors import BundleError, DataError, StateError
from components.ingest.objects import copy_object
from components.register.registry import Registry, Version
from components.seal import MANIFEST
from components.spec import Spec, from_json
from pipelines.rollback import choose

_RUNTIME: Final = "kubeloop.runtime"


def roll_back_cluster(
    name: str,
    to: int | None,
    *,
    namespace: str,
    registry: str,
    monitor: str = "",
    spec: Spec | None = None,
    pace: Pace = PACE,
) -> None:
    """Puts an earlier version back into service and makes it champion.

    Args:
        name: the model.
        to: the version; None for the newest one before what is served, or champion.
        namespace: where it is served.
        registry: as this machine reaches it.
        monitor: as pods reach it; empty for the serving runtime's own.
        spec: what the version was trained by, where its bundle cannot be read from here.
        pace: how long to wait for what.

    Raises:
        StateError: nothing is served, or there is no such version, or the spec is another model's.
        DataError: the bundle cannot be read from here.
        DeployError: the version did not prove itself; what was served is served still.
        RegistryError: the registry cannot be asked.
    """
    served = observe(name, namespace)
    if served is None:
        msg = f"nothing is served of {name!r} in namespace {namespace!r} that could be rolled back"
        raise StateError(msg)
    known = Registry(registry)
    versions = known.versions(name)
    # Where a deployment or a rollback ended between the cluster and the registry, the two differ:
    # before the later one lies what was good, or what the rollback had reached.
    crowned = next((version.number for version in versions if version.champion), 0)
    chosen = choose(versions, name, to, max(served.version, crowned))
    manifest = None if spec else _read_manifest(name, chosen)
    spec = spec or from_json(json.dumps(manifest.spec if manifest else None))
    if spec.name != name:
        msg = f"the spec is of {spec.name!r}: expected that of {name!r}"
        raise StateError(msg)
    runtime = manifest.runtime if manifest else chosen.tags.get(_RUNTIME, "")
    release = Release(chosen.number, chosen.bundle, runtime, manifest)
    proof = roll_back(spec, release, namespace=namespace, monitor=monitor, pace=pace)
    known.crown(name, chosen.number)
    changed = proof.replaced and proof.replaced != chosen.number
    replaced = f", replacing version {proof.replaced}" if changed else ""
    print(f"{name} version {chosen.number} is champion and served{replaced}")


def _read_manifest(name: str, version: Version) -> Manifest:
    """Reads what a bundle in the object store says of itself, without the model."""
    address = f"{version.bundle.rstrip('/')}/{MANIFEST}"
    if address.startswith("minio://"):
        address = f"s3://{address.removeprefix('minio://')}"
    about = f"the bundle of {name!r} version {version.number}"
    if not address.startswith(("s3://", "gs://")):
        msg = f"{about} at {version.bundle!r} is in no object store: give --spec FILE"
        raise StateError(msg)
    with TemporaryDirectory(prefix="kubeloop-") as scratch:
        copy = Path(scratch, MANIFEST)
        try:
            copy_object(address, copy)
            return Manifest.model_validate_json(copy.read_bytes())
        except DataError as exc:
            msg = (
                f"{about} cannot be read from here: {exc}. Set AWS_ENDPOINT_URL and credentials of "
                "the object store, or give the spec that it was trained by: --spec FILE"
            )
            raise DataError(msg) from exc
        except ValidationError as exc:
            msg = f"{about} at {version.bundle!r} is damaged, or of another Kubeloop"
            raise BundleError(msg) from exc
