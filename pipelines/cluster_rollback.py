"""Puts an earlier version back into service on a cluster: `kubeloop rollback --serving URI`."""

import json
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pydantic import ValidationError

from components.bundle import Manifest
from components.deploy.kserve.pace import PACE, Pace
from components.deploy.kserve.rollout import Choice, Release, roll_back
from components.deploy.kserve.status import observe
from components.deploy.kserve.telling import note
from components.errors import BundleError, DataError, RegistryError, StateError
from components.ingest.objects import copy_object
from components.object_store import by_s3
from components.register.connection import PERSON
from components.register.registry import Registry
from components.register.version import Version
from components.seal import MANIFEST
from components.spec import Spec, from_json
from pipelines.rollback import choose
from pipelines.standard_output import OutputError

_RUNTIME: Final = "kubeloop.runtime"


def roll_back_cluster(
    name: str,
    to: int | None,
    *,
    namespace: str,
    registry: str,
    monitor: str = "",
    context: str = "",
    spec: Spec | None = None,
    pace: Pace = PACE,
) -> None:
    """Puts an earlier version back into service and makes it champion.

    Args:
        name: the model.
        to: the version; None for the newest one before what is served, or champion, once other
            deployments of the model have come to their end.
        namespace: where it is served.
        registry: as this machine reaches it.
        monitor: as pods reach it; empty for the serving runtime's own.
        context: of KUBECONFIG: the cluster that serves; empty for its current one.
        spec: what the version was trained by, where its bundle cannot be read from here.
        pace: how long to wait for what.

    Raises:
        StateError: nothing is served, or there is no such version, or the spec is another model's.
        DataError: the bundle cannot be read from here.
        DeployError: the version did not prove itself; what was served is served still.
        RegistryError: the registry cannot be asked; or the version is served and could not be
            made champion.
        OutputError: the version is served and champion, which could not be printed.
    """
    if observe(name, namespace, context=context) is None:
        msg = f"nothing is served of {name!r} in namespace {namespace!r} that could be rolled back"
        raise StateError(msg)
    known = Registry(registry, PERSON)
    versions = known.versions(name)
    if to is not None:
        # Nobody has to wait for another deployment to hear of that.
        choose(versions, name, to, 0)
    proof = roll_back(
        name,
        partial(_choose_there, known, name, to, spec),
        namespace=namespace,
        monitor=monitor,
        context=context,
        say=_say,
        pace=pace,
    )
    _crown(known, name, proof.version)
    changed = proof.replaced and proof.replaced != proof.version
    replaced = f", replacing version {proof.replaced}" if changed else ""
    done = f"{name} version {proof.version} is champion and served{replaced}"
    try:
        print(done, flush=True)
    except OutputError as exc:
        msg = f"{done}; {exc}"
        raise OutputError(msg) from exc


def _say(text: str) -> None:
    """Tells how it goes; whoever has left, or a full disk, is no reason to stop half done."""
    try:
        print(text, flush=True)
    except OutputError as exc:
        note(f"{text} ({exc})")


def _choose_there(
    known: Registry, name: str, to: int | None, spec: Spec | None, served: int
) -> Choice:
    """Finds the version to roll back to, and what it was trained by."""
    versions = known.versions(name)
    # Where a deployment or a rollback ended between the cluster and the registry, the two differ:
    # before the later one lies what was good, or what the rollback had reached.
    crowned = next((version.number for version in versions if version.champion), 0)
    chosen = choose(versions, name, to, max(served, crowned))
    manifest = None if spec else _read_manifest(name, chosen)
    spec = spec or from_json(json.dumps(manifest.spec if manifest else None))
    if spec.name != name:
        msg = f"the spec is of {spec.name!r}: expected that of {name!r}"
        raise StateError(msg)
    runtime = manifest.runtime if manifest else chosen.tags.get(_RUNTIME, "")
    return Choice(spec, Release(chosen.number, chosen.bundle, runtime, manifest))


def _crown(known: Registry, name: str, version: int) -> None:
    """Makes champion what is served; where that fails, says what is done already."""
    done = f"version {version} of {name!r} is served"
    mend = f"the same command with --to {version} completes it"
    try:
        known.crown(name, version)
    except RegistryError as exc:
        msg = f"{done}; champion could not be moved to it: {exc}; {mend}"
        raise RegistryError(msg) from exc
    except KeyboardInterrupt:
        _say(f"{done}; champion may not have been moved to it yet: {mend}")
        raise


def _read_manifest(name: str, version: Version) -> Manifest:
    """Reads what a bundle in the object store says of itself, without the model."""
    address = by_s3(f"{version.bundle.rstrip('/')}/{MANIFEST}")
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
            # Of S3 the reason need not say that the store may be another than Amazon's.
            s3 = "Set AWS_ENDPOINT_URL and credentials of the object store, or give"
            way = s3 if address.startswith("s3://") else "Give"
            msg = (
                f"{about} cannot be read from here: {exc}. {way} the spec that it was trained by: "
                "--spec FILE"
            )
            raise DataError(msg) from exc
        except ValidationError as exc:
            msg = f"{about} at {version.bundle!r} is damaged, or of another Kubeloop"
            raise BundleError(msg) from exc
