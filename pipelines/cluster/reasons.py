"""Why pods are not ready, read from their states and from events, in one sentence each.

The words are Kubernetes' own: pkg/kubelet/images/types.go and pkg/kubelet/container/sync_result.go
for what a container waits for, the conditions of a pod's status, and the messages of events.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from components.deploy.kserve.reasons import clean

Document = dict[str, Any]

# What every container goes through, and so no reason.
_ON_THE_WAY = {"ContainerCreating", "PodInitializing", ""}
_PULLED = (
    "see whether the node reaches that registry; "
    "on kind Kubeloop's own images come by make cluster-images"
)
_LOG = "read its log: {kubectl} -n {namespace} logs {pod} -c {container} --previous"
_MENDS = {
    "ErrImagePull": _PULLED,
    "ImagePullBackOff": _PULLED,
    "CreateContainerConfigError": "a Secret or ConfigMap is missing: its name is in the message",
    "CrashLoopBackOff": _LOG,
    "Unschedulable": "make room on a node (kind: more CPU and memory for Docker), or ask for less",
}


def unready(pods: Iterable[Document], events: Iterable[Document] = ()) -> list[str]:
    """Says of each pod that is not ready why.

    Args:
        pods: Pod documents.
        events: Event documents of the same namespace; the newest warning of a pod is quoted where
            its state says nothing.

    Returns:
        `pod: reason`, one for each that is neither ready nor done.
    """
    warnings = newest_warnings(events)
    return [
        f"{pod['metadata']['name']}: {_reason(pod, warnings)}" for pod in pods if not is_ready(pod)
    ]


def is_ready(pod: Document) -> bool:
    """Says whether a pod does its work, or has done it."""
    status = pod.get("status", {})
    if status.get("phase") == "Succeeded":
        return True
    conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
    return conditions.get("Ready") == "True"


def newest_warnings(events: Iterable[Document]) -> dict[tuple[str, str], str]:
    """Returns the newest warning about each object, by its kind and name."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for event in events:
        if event.get("type") != "Warning":
            continue
        about = event.get("involvedObject") or event.get("regarding") or {}
        key = (about.get("kind", ""), about.get("name", ""))
        when = event.get("lastTimestamp") or event.get("eventTime") or ""
        told = clean(event.get("message") or event.get("note", ""))
        said = f"{event.get('reason', '')}: {told}"
        if key not in found or when >= found[key][0]:
            found[key] = (when, said.strip())
    return {key: said for key, (_, said) in found.items()}


def mends(pods: Iterable[Document], kubectl: str) -> list[str]:
    """Says what to do about the pods that are not ready.

    Args:
        pods: Pod documents.
        kubectl: how a command for their cluster begins, such as `kubectl --context kind-kubeloop`.

    Returns:
        Each advice once.
    """
    found: dict[str, None] = {}
    for pod in pods:
        if is_ready(pod):
            continue
        for container, reason, _ in _waiting(pod):
            text = _MENDS.get(reason, "")
            if text:
                names = pod["metadata"]
                said = text.format(
                    kubectl=kubectl,
                    namespace=names.get("namespace", ""),
                    pod=names["name"],
                    container=container,
                )
                found[said] = None
    return list(found)


def _reason(pod: Document, warnings: dict[tuple[str, str], str]) -> str:
    warning = warnings.get(("Pod", pod["metadata"]["name"]), "")
    for container, reason, message in _waiting(pod):
        if reason not in _ON_THE_WAY:
            where = f"{container}: " if container else ""
            return f"{where}{reason}{_short(message or warning)}"
    if warning:
        return warning
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return f"Failed{_short(status.get('message', '') or status.get('reason', ''))}"
    return "running, not ready yet" if status.get("phase") == "Running" else "starting"


def _waiting(pod: Document) -> Iterator[tuple[str, str, str]]:
    """Container, reason and message of what keeps a pod, the scheduler first."""
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield "", condition.get("reason", "Unschedulable"), condition.get("message", "")
    kinds = ("initContainerStatuses", "containerStatuses")
    for container in (one for kind in kinds for one in status.get(kind, [])):
        state = container.get("state", {})
        if waiting := state.get("waiting"):
            yield container["name"], waiting.get("reason", ""), _last(container, waiting)
        elif (ended := state.get("terminated")) and ended.get("exitCode"):
            yield container["name"], ended.get("reason", "Error"), _exit(ended)


def _last(container: Document, waiting: Document) -> str:
    """How a container that waits to be started again ended."""
    ended = container.get("lastState", {}).get("terminated")
    return _exit(ended) if ended else str(waiting.get("message", ""))


def _exit(ended: Document) -> str:
    reason = ended.get("reason", "")
    said = f"exit status {ended.get('exitCode')}"
    return f"{said}, {reason}" if reason and reason != "Error" else said


def _short(message: str) -> str:
    """A message behind its reason, on one line; what looks like a credential is left out."""
    text = clean(" ".join(message.split()))
    return f" ({text[:300]})" if text else ""
