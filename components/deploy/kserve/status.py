"""What a cluster's KServe serves of a model: versions, traffic, readiness and the reason.

Read from the InferenceService, its pods and the Lease; events and logs are asked for only where
something is not well. Nothing is written.
"""

from dataclasses import dataclass
from typing import Any

from components.deploy.kserve import variants
from components.deploy.kserve.cluster_api import ClusterApi
from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import INFERENCE_SERVICES, LEASES
from components.deploy.kserve.journal import Journal, read_journal
from components.deploy.kserve.kserve_service import read_service
from components.deploy.kserve.lease_document import holder_of, lease_name
from components.deploy.kserve.pace import PERSON, Patience
from components.deploy.kserve.pods import is_leaving, is_ready
from components.deploy.kserve.reasons import clean, explain, pods_of
from components.errors import DeployError

Document = dict[str, Any]

_PHASES = {
    "first": "rolling out",
    "rolling": "rolling out",
    "moving": "rolling out",
    "restoring": "putting back",
}


@dataclass(frozen=True)
class Variant:
    """One version of a model that has pods, or should have.

    Attributes:
        version: as registered; 0 where the pods carry no label of it.
        name: KServe's name of the predictor variant, such as `v3`; empty for its default.
        traffic: percent of requests that the InferenceService gives it, from 0 to 100.
        ready: whether a pod of it takes requests.
        pods: how many of its pods are ready.
        reason: why it is not ready, events and logs quoted; empty where it is.
    """

    version: int
    name: str
    traffic: int
    ready: bool
    pods: int
    reason: str


@dataclass(frozen=True)
class Observed:
    """What is served of a model.

    Attributes:
        name: the model.
        namespace: where.
        version: what is stable: the version that a client gets but for the candidate's share.
        candidate: the version that is being rolled out; None where none is.
        phase: `served`, `rolling out`, `putting back`, or `not ready` where the stable version
            answers no requests.
        variants: the stable one first, then the candidate.
        ready: whether requests are answered.
        reason: why not, or else why the last candidate was put back, or that what deployments keep
            on record cannot be read; empty where there is nothing.
        endpoint: the URL of KServe's status; empty until it has one.
        deployer: who holds the Lease, while a deployment runs; empty otherwise. A phase other than
            `served` without one is what a killed deployment left: the next one clears it.
    """

    name: str
    namespace: str
    version: int
    candidate: int | None
    phase: str
    variants: tuple[Variant, ...]
    ready: bool
    reason: str
    endpoint: str
    deployer: str


def observe(
    name: str, namespace: str, *, context: str = "", patience: Patience = PERSON
) -> Observed | None:
    """Says what is served of a model.

    Args:
        name: the model, as its InferenceService is named.
        namespace: where it is served.
        context: of KUBECONFIG; empty for its current one, and for a pod's own cluster.
        patience: with the API server; a person's, who waits for the answer.

    Returns:
        What is served; None where there is no such InferenceService.

    Raises:
        DeployError: the InferenceService is none of Kubeloop's; or the cluster cannot be reached,
            KServe is not installed, or a right is missing: verb, resource, namespace and the Role
            that grants it are named.
    """
    api = connect(patience, context=context)
    service = read_service(api, namespace, name)
    return _observed(api, namespace, service) if service else None


def observe_all(
    namespace: str, *, context: str = "", patience: Patience = PERSON
) -> list[Observed]:
    """Says what is served of every model of a namespace, by name.

    Raises:
        DeployError: as `observe`, but for what is not Kubeloop's, which is left out.
    """
    api = connect(patience, context=context)
    labels = f"{variants.PART_OF}={variants.OWNER}"
    found = api.list(INFERENCE_SERVICES, namespace, labels=labels)
    ordered = sorted(found, key=lambda service: str(service["metadata"]["name"]))
    return [_observed(api, namespace, service) for service in ordered]


def _observed(api: ClusterApi, namespace: str, service: Document) -> Observed:
    name = service["metadata"]["name"]
    lease = api.get(LEASES, namespace, lease_name(name))
    journal, damage = _read(lease, lease_name(name), namespace)
    stable, candidate = variants.stable_of(service), variants.candidate_of(service)
    found = [_look(api, namespace, variant) for variant in (stable, candidate) if variant]
    ready = any(variant.ready for variant in found if variant.traffic)
    return Observed(
        name=name,
        namespace=namespace,
        version=stable.version,
        candidate=candidate.version if candidate else None,
        phase=_phase(journal, ready),
        variants=tuple(found),
        ready=ready,
        reason=damage or _reason(service, found, journal, ready=ready),
        endpoint=str((service.get("status") or {}).get("url") or ""),
        deployer=holder_of(lease),
    )


def _read(lease: Document | None, name: str, namespace: str) -> tuple[Journal, str]:
    """What deployments keep on record; or an empty one, and what to do about the one there is."""
    annotations = ((lease or {}).get("metadata") or {}).get("annotations") or {}
    try:
        return read_journal(annotations, name, namespace), ""
    except DeployError as exc:
        return Journal(), str(exc)


def _look(api: ClusterApi, namespace: str, variant: variants.Variant) -> Variant:
    pods = [pod for pod in pods_of(api, namespace, variant) if not is_leaving(pod)]
    ready = sum(is_ready(pod) for pod in pods)
    why = "" if ready else explain(api, namespace, variant, pods).text
    return Variant(
        version=variant.version,
        name=variant.name,
        traffic=variant.percent,
        ready=bool(ready),
        pods=ready,
        reason=why,
    )


def _phase(journal: Journal, ready: bool) -> str:
    if journal.phase:
        return _PHASES[journal.phase]
    return "served" if ready else "not ready"


def _reason(service: Document, found: list[Variant], journal: Journal, *, ready: bool) -> str:
    """Why nothing answers; else why a candidate is not ready; else why the last was put back."""
    unready = next((variant.reason for variant in found if variant.reason), "")
    if unready or ready:
        return unready or (
            f"version {journal.version} was put back: {journal.reason}" if journal.reason else ""
        )
    failure = ((service.get("status") or {}).get("modelStatus") or {}).get("lastFailureInfo") or {}
    said = f"{failure.get('reason', '')} {failure.get('message', '')}".strip()
    return clean(said)
