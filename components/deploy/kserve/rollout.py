"""The way into service on KServe: candidate, proof, traffic in steps, promotion, or the way back.

Where the Gateway API routes, a candidate stands beside the stable version, takes its share step by
step up to all of it, and is then promoted without a restart. Where it does not, nothing can share
traffic, and a promotion would take the Service away from under its clients: there the candidate
proves itself in the dark, and the stable predictor is then updated in place, which Kubernetes does
pod by pod behind one Service.

What a killed deployment left is in the Lease's journal and in the InferenceService itself; the next
one goes on from there, or takes it back.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.deploy.inference_service import render
from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import ROUTES
from components.deploy.kserve.leftovers import clear, refuse_older
from components.deploy.kserve.newcomer import Newcomer
from components.deploy.kserve.pace import PACE, Pace
from components.deploy.kserve.site import Site, site
from components.deploy.kserve.taking_over import confirm, first, in_place, step_by_step
from components.deploy.kserve.variants import stable_of
from components.deploy.serving import Proof
from components.errors import DeployError, SpecError

if TYPE_CHECKING:
    from components.bundle import Manifest
    from components.spec import Spec

logger = logging.getLogger(__name__)

Document = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """A registered version, as a cluster can serve it.

    Attributes:
        version: as registered, from 1.
        storage_uri: where its bundle's folder lies; `minio://` is rewritten to `s3://`.
        runtime: how its model is run: onnx or skops.
        manifest: of the bundle, with the golden rows; None where the bundle cannot be read from
            here. The predictor proves its golden rows itself before it is ready.
    """

    version: int
    storage_uri: str
    runtime: str
    manifest: "Manifest | None" = None


def roll_out(
    spec: "Spec",
    release: Release,
    *,
    namespace: str,
    monitor: str,
    introduce: Callable[[], None] = lambda: None,
    pace: Pace = PACE,
) -> Proof:
    """Brings a version into service; where it is in service already, nothing changes.

    Args:
        spec: name, sizes and how the new version takes over.
        release: the version.
        namespace: where to serve it.
        monitor: base URL of the monitor as the pods reach it.
        introduce: tells the monitor what the version is; called before anything is changed.
        pace: how long to wait for what.

    Returns:
        What was shown.

    Raises:
        DeployError: the version did not come up, did not prove itself or did not stand its
            traffic, and what was served is served still; or it is older than what was served.
        SpecError: no pod could fetch the bundle from its address.
    """
    newcomer = _newcomer(spec, release, namespace, monitor, steps=tuple(spec.serve.canary))
    with site(connect(pace.retry_s), namespace, spec, pace) as place:
        service = place.service.read()
        refuse_older(place, service, release.version)
        introduce()
        return _deploy(place, newcomer, service)


def roll_back(
    spec: "Spec", release: Release, *, namespace: str, monitor: str = "", pace: Pace = PACE
) -> Proof:
    """Puts an earlier version back into service, without canary steps and without watching.

    It goes the way of any deployment: a candidate at 0 %, ready, proved, then all of the traffic;
    the version that served before goes when the other one does serve. What is served already is
    left as it is.

    Args:
        spec: name, sizes, replicas and latency budget: the one that the version was trained by.
        release: the version to serve.
        namespace: of the InferenceService.
        monitor: base URL of the monitor as the pods reach it; empty for the runtime's own. The
            monitor itself knows the version already and is not called.
        pace: how long to wait for what.

    Returns:
        What was shown.

    Raises:
        DeployError: the version did not come up or did not prove itself, and what was served is
            served still; or another deployment of this model goes on; or nothing is served that
            could be rolled back.
    """
    newcomer = _newcomer(spec, release, namespace, monitor, steps=None)
    with site(connect(pace.retry_s), namespace, spec, pace) as place:
        service = place.service.read()
        if service is None:
            msg = (
                f"nothing is served of {spec.name!r} in namespace {namespace!r} that could be "
                "rolled back: run the training pipeline, which deploys a version"
            )
            raise DeployError(msg)
        return _deploy(place, newcomer, service)


def _newcomer(
    spec: "Spec", release: Release, namespace: str, monitor: str, *, steps: tuple[int, ...] | None
) -> Newcomer:
    """Renders first: what no pod could serve is refused before anything is asked."""
    if not release.storage_uri:
        msg = (
            f"version {release.version} of {spec.name!r} has no address that a pod could fetch its "
            "bundle from: expected one in the object store, such as s3://bucket/bundle"
        )
        raise SpecError(msg)
    rendered = render(
        spec,
        version=release.version,
        storage_uri=release.storage_uri,
        runtime=release.runtime,
        namespace=namespace,
        monitor=monitor,
    )
    return Newcomer(
        spec=spec,
        version=release.version,
        rendered=rendered,
        manifest=release.manifest,
        steps=steps or (),
        watched=steps is not None,
    )


def _deploy(place: Site, newcomer: Newcomer, found: Document | None) -> Proof:
    """Clears what others left, and goes the way that this cluster allows."""
    service = clear(place, found, newcomer.version)
    journal = place.lease.journal
    begun = journal.phase != "" and journal.version == newcomer.version
    if service is None or journal.phase == "first":
        return first(place, newcomer, service)
    if stable_of(service).version == newcomer.version and not begun:
        return confirm(place, newcomer, service)
    _, route = place.api.find(ROUTES, place.namespace, newcomer.spec.name)
    return (step_by_step if route is not None else in_place)(place, newcomer, service)
