"""The platform's parts: whether each is there, in which version, and whether it runs."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.cluster.doctor.advice import installing
from pipelines.cluster.doctor.reader import Document, Reader
from pipelines.cluster.findings import Finding, State
from pipelines.cluster.reasons import unready

_PROXY = "kube-rbac-proxy"
_CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True)
class Part:
    """One part of the platform.

    Attributes:
        name: what it is called.
        tested: the version that manifests/platform installs.
        step: the folder there.
        namespace: where its Deployments are.
        deployments: those without which it does not work; the first one's image tells the version.
        kinds: the CustomResourceDefinitions that are used.
        needed: whether Kubeloop cannot do without it.
    """

    name: str
    tested: str
    step: str
    namespace: str
    deployments: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    needed: bool = True


PARTS = (
    Part(
        "cert-manager", "v1.21.1", "01-cert-manager", "cert-manager", ("cert-manager",), (), False
    ),
    Part(
        "Kubeflow Pipelines",
        "2.17.0",
        "03-kubeflow-pipelines",
        "kubeflow",
        ("ml-pipeline", "workflow-controller", "ml-pipeline-persistenceagent"),
        ("workflows.argoproj.io",),
    ),
    Part(
        "Envoy Gateway",
        "v1.8.1",
        "04-envoy-gateway",
        "envoy-gateway-system",
        ("envoy-gateway",),
        (),
        False,
    ),
    Part(
        "KServe",
        "v0.21.0",
        "05-kserve",
        "kserve",
        ("kserve-controller-manager",),
        ("inferenceservices.serving.kserve.io", "servingruntimes.serving.kserve.io"),
    ),
    Part(
        "Prometheus operator",
        "v0.92.0",
        "07-prometheus-operator",
        "monitoring",
        ("prometheus-operator",),
        tuple(
            f"{kind}.monitoring.coreos.com"
            for kind in ("podmonitors", "prometheusrules", "alertmanagerconfigs")
        ),
    ),
    Part(
        "metrics-server",
        "v0.9.0",
        "09-metrics-server",
        "kube-system",
        ("metrics-server",),
        (),
        False,
    ),
)


def look_at_part(reader: Reader, part: Part) -> Iterator[Finding]:
    """Looks at one part: its kinds, then its Deployments.

    Args:
        reader: the cluster.
        part: which.

    Yields:
        One finding where all is well, else one for each thing that is not.
    """
    missing = [kind for kind in part.kinds if reader.get(f"{_CRD}/{kind}") is None]
    state: State = "wrong" if part.needed else "note"
    if missing:
        said = f"kinds are missing: {', '.join(missing)}"
        yield Finding("platform", part.name, "wrong", said, installing(reader, part.step))
    found = [
        (name, reader.get(f"/apis/apps/v1/namespaces/{part.namespace}/deployments/{name}"))
        for name in part.deployments
    ]
    absent = [name for name, deployment in found if deployment is None]
    if absent:
        if part.kinds and not missing:
            # The kinds are served, so the part runs somewhere else, as a provider's does.
            said = (
                f"not in the namespace {part.namespace}: {', '.join(absent)}; its kinds are there"
            )
            yield Finding("platform", part.name, "note", said)
        elif not missing:
            said = f"no deployment {', '.join(absent)} in the namespace {part.namespace}"
            yield Finding("platform", part.name, state, said, installing(reader, part.step))
        return
    there = [deployment for _, deployment in found if deployment is not None]
    late = [d for d in there if not is_available(d)]
    for deployment in late:
        yield broken_deployment(reader, deployment, "platform")
    if not late and not missing:
        yield _version(part, there[0])


def is_available(deployment: Document) -> bool:
    """Says whether a Deployment has the pods that it needs."""
    conditions = deployment.get("status", {}).get("conditions", [])
    return any(c["type"] == "Available" and c["status"] == "True" for c in conditions)


def broken_deployment(reader: Reader, deployment: Document, area: str) -> Finding:
    """Says why a Deployment is not available, by its conditions and its pods."""
    meta, status = deployment["metadata"], deployment.get("status", {})
    space = f"/api/v1/namespaces/{meta['namespace']}"
    wanted = deployment["spec"].get("selector", {}).get("matchLabels", {})
    selector = "%2C".join(f"{key}%3D{value}" for key, value in wanted.items())
    pods = reader.items(f"{space}/pods?labelSelector={selector}")
    why = unready(pods, reader.items(f"{space}/events"))
    why += [
        f"{c['reason']}: {c.get('message', '')}"
        for c in status.get("conditions", [])
        if c["type"] == "ReplicaFailure" and c["status"] == "True"
    ]
    said = f"{status.get('availableReplicas', 0)} of {deployment['spec'].get('replicas', 1)} pods"
    said += f" available; {'; '.join(why) if why else 'no pod says why'}"
    mend = f"{reader.kubectl} -n {meta['namespace']} describe deployment {meta['name']}"
    return Finding(area, meta["name"], "wrong", said, mend)


def image_tag(deployment: Document) -> str:
    """Returns the tag of the image that a Deployment runs; empty for none."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    # Some controllers have a proxy for their metrics before them.
    own = [one for one in containers if one["name"] != _PROXY] or containers
    name = str(own[0].get("image", "")).partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]


def _version(part: Part, deployment: Document) -> Finding:
    found = image_tag(deployment)
    if not found:
        return Finding("platform", part.name, "ok", "runs; its image tells no version")
    if found.lstrip("v") == part.tested.lstrip("v"):
        return Finding("platform", part.name, "ok", found)
    said = f"{found}; Kubeloop's manifests are made for {part.tested}"
    return Finding("platform", part.name, "note", said)
