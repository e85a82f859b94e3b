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

from components.deploy.hosts import check_names
from components.deploy.inference_service import render
from components.deploy.kserve.autoscalers import sweep_autoscalers
from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import ROUTES
from components.deploy.kserve.guarding import or_told
from components.deploy.kserve.kserve_service import KServeService
from components.deploy.kserve.lease import Lease, LeaseLostError
from components.deploy.kserve.leftovers import clear, refuse_older, refuse_overtaken
from components.deploy.kserve.newcomer import Newcomer
from components.deploy.kserve.pace import PACE, Pace
from components.deploy.kserve.site import Site, site
from components.deploy.kserve.taking_over import confirm, first, in_place, step_by_step
from components.deploy.kserve.telling import Say, note
from components.deploy.kserve.variants import newest_asked, stable_of
from components.errors import DeployError, SpecError
from components.proof import Proof

if TYPE_CHECKING:
    from components.bundle import Manifest
    from components.champion import Champion
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


@dataclass(frozen=True)
class Choice:
    """What a rollback is to serve.

    Attributes:
        spec: name, sizes, replicas and latency budget: the one that the version was trained by.
        release: the version.
    """

    spec: "Spec"
    release: Release


def roll_out(
    spec: "Spec",
    release: Release,
    *,
    namespace: str,
    monitor: str,
    compared: "Champion | None" = None,
    introduce: Callable[[], None] = lambda: None,
    say: Say = note,
    pace: Pace = PACE,
) -> Proof:
    """Brings a version into service; where it is in service already, nothing changes.

    Args:
        spec: name, sizes and how the new version takes over.
        release: the version.
        namespace: where to serve it.
        monitor: base URL of the monitor as the pods reach it.
        compared: the champion that the version was held against, or that there was none; None
            where that is not known, and nothing is refused for it.
        introduce: tells the monitor what the version is; called before anything is changed.
        say: is told what is waited for; the log by default.
        pace: how long to wait for what.

    Returns:
        What was shown.

    Raises:
        DeployError: the version did not come up, did not prove itself or did not stand its
            traffic, and what was served is served still; or it is older than what was served, or
            was never compared with what is served.
        SpecError: no pod could fetch the bundle from its address; or KServe could make no host of
            the names of model and namespace.
    """
    newcomer = _newcomer(spec, release, namespace, monitor, steps=tuple(spec.serve.canary))
    api = connect(pace.patience)
    with Lease(api, namespace, spec.name, pace, say=say) as lease:
        place = site(api, lease, namespace, spec, pace=pace, say=say)
        service = place.service.read()
        with or_told(place.service, service, say):
            refuse_older(place, service, release.version)
            introduce()
            return _deploy(place, newcomer, service, compared)


def roll_back(
    name: str,
    choose: Callable[[int], Choice],
    *,
    namespace: str,
    monitor: str = "",
    context: str = "",
    say: Say = note,
    pace: Pace = PACE,
) -> Proof:
    """Puts an earlier version back into service, without canary steps and without watching.

    It goes the way of any deployment: a candidate at 0 %, ready, proved, then all of the traffic;
    the version that served before goes when the other one does serve. What is served already is
    left as it is.

    Args:
        name: the model.
        choose: is told the newest version that takes traffic, and says which one is to serve.
            Called while the Lease is held, so no other deployment changes that meanwhile; what it
            raises ends the rollback before anything is changed.
        namespace: of the InferenceService.
        monitor: base URL of the monitor as the pods reach it; empty for the runtime's own. The
            monitor itself knows the version already and is not called.
        context: of KUBECONFIG; empty for its current one, and for a pod's own cluster.
        say: is told what is waited for and, where this is interrupted, what is served; the log by
            default.
        pace: how long to wait for what.

    Returns:
        What was shown.

    Raises:
        DeployError: the version did not come up or did not prove itself, and what was served is
            served still; or another deployment of this model goes on; or nothing is served that
            could be rolled back.
        SpecError: as `roll_out`.
    """
    # Of the version nothing is known yet; each has one digit at least.
    check_names(name, namespace, 1)
    api = connect(pace.patience, context=context)
    with Lease(api, namespace, name, pace, say=say) as lease:
        service = KServeService(api, namespace, name, lease=lease, pace=pace, say=say)
        found = service.read()
        if found is None:
            msg = (
                f"nothing is served of {name!r} in namespace {namespace!r} that could be "
                "rolled back: run the training pipeline, which deploys a version"
            )
            raise DeployError(msg)
        with or_told(service, found, say):
            chosen = choose(newest_asked(found))
            newcomer = _newcomer(chosen.spec, chosen.release, namespace, monitor, steps=None)
            place = site(api, lease, namespace, chosen.spec, pace=pace, say=say)
            return _deploy(place, newcomer, found)


def _newcomer(
    spec: "Spec", release: Release, namespace: str, monitor: str, *, steps: tuple[int, ...] | None
) -> Newcomer:
    """Checks and renders: what no pod could serve is refused before anything is asked."""
    check_names(spec.name, namespace, release.version)
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


def _deploy(
    place: Site, newcomer: Newcomer, found: Document | None, compared: "Champion | None" = None
) -> Proof:
    """Brings the version into service, or not, and sweeps up after it."""
    try:
        proof = _bring(place, newcomer, found, compared)
    except LeaseLostError:
        # Somebody else decides what is there.
        raise
    except DeployError:
        sweep_autoscalers(place)
        raise
    sweep_autoscalers(place)
    return proof


def _bring(
    place: Site, newcomer: Newcomer, found: Document | None, compared: "Champion | None"
) -> Proof:
    """Clears what others left, and goes the way that this cluster allows."""
    service = clear(place, found, newcomer.version, most=newcomer.most)
    refuse_overtaken(place, service, newcomer.version, compared)
    journal = place.lease.journal
    begun = journal.phase != "" and journal.version == newcomer.version
    if service is None or journal.phase == "first":
        return first(place, newcomer, service)
    if stable_of(service).version == newcomer.version and not begun:
        return confirm(place, newcomer, service)
    _, route = place.api.find(ROUTES, place.namespace, newcomer.spec.name)
    return (step_by_step if route is not None else in_place)(place, newcomer, service)
