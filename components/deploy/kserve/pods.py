"""What a pod's status says: ready or not, why not, and whether waiting may help.

Plain data in, a judgement out; the words of the kubelet and the scheduler are passed on as they
are. Reasons are those of Kubernetes (pkg/kubelet/images, pkg/kubelet/kuberuntime, the scheduler).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from components.deploy.kserve.pace import CLOCKS_APART_S

Document = dict[str, Any]

SERVER = "kserve-container"
_HTTP_PORT = 8080
# No waiting mends these: what is written in the pod's spec is wrong.
_FINAL = {
    "InvalidImageName": "has an image name that is none",
    "ErrImageNeverPull": "lacks its image on the node, and may not pull it",
}
# The kubelet goes on trying. A registry or a store that was away for a moment is back in a minute,
# and so is a ConfigMap that the node had not heard of yet, or a container's name that was taken.
_OFTEN_PASSING = {
    "CrashLoopBackOff": "crashes",
    "ImagePullBackOff": "cannot pull its image",
    "ErrImagePull": "cannot pull its image",
    "CreateContainerConfigError": "cannot be made as it is configured",
    "CreateContainerError": "cannot be made",
    "RunContainerError": "cannot be started",
}


@dataclass(frozen=True)
class Trouble:
    """Why a pod is not ready.

    Attributes:
        text: what is wrong, with the kubelet's or the scheduler's own message.
        final: whether no waiting mends it.
        container: whose log tells more; empty where none does.
        previous: whether the log is that of the container's last life.
        often_passing: whether it is one that often, but not always, heals in a minute.
    """

    text: str
    final: bool
    container: str = ""
    previous: bool = False
    often_passing: bool = False


def is_ready(pod: Document) -> bool:
    """Whether a pod takes requests, and is not about to leave."""
    return not is_leaving(pod) and _condition(pod, "Ready").get("status") == "True"


def is_leaving(pod: Document) -> bool:
    """Whether a pod is being deleted."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def has_ended(pod: Document) -> bool:
    """Whether a pod never runs again, as an evicted one, which stays on record until collected."""
    return (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")


def lost_its_server(pod: Document) -> bool:
    """Whether a pod that goes on has a server that is not ready.

    Where a node is out of reach its pods are not ready either, but their containers are as they
    were when it was last heard of (pkg/controller/nodelifecycle): that is no fault of the server's.
    """
    if is_ready(pod) or is_leaving(pod) or has_ended(pod):
        return False
    found = [status for status in _containers(pod) if status.get("name") == SERVER]
    return any(status.get("ready") is False for status in found)


def age_s(pod: Document) -> float:
    """How many seconds ago a pod was made, at most; infinite where that is not known."""
    try:
        made = datetime.fromisoformat(str(pod["metadata"].get("creationTimestamp")))
    except ValueError:
        return math.inf
    return max(0.0, (datetime.now(UTC) - made).total_seconds()) + CLOCKS_APART_S


def restarts(pod: Document) -> int:
    """How often containers of a pod have begun anew."""
    return sum(int(status.get("restartCount") or 0) for status in _containers(pod))


def server_restarts(pod: Document) -> int:
    """How often a pod's server has begun anew, whatever became of those that run before it."""
    found = [status for status in _containers(pod) if status.get("name") == SERVER]
    return sum(int(status.get("restartCount") or 0) for status in found)


def address(pod: Document) -> str:
    """Where a pod's server answers, as `http://host:port`; empty before it has an address."""
    ip = str((pod.get("status") or {}).get("podIP") or "")
    if not ip:
        return ""
    ports = [
        port
        for container in pod["spec"].get("containers") or []
        for port in container.get("ports") or []
    ]
    named = [port["containerPort"] for port in ports if port.get("name") == "http"]
    host = f"[{ip}]" if ":" in ip else ip
    return f"http://{host}:{named[0] if named else _HTTP_PORT}"


def trouble(pod: Document) -> Trouble | None:
    """Says why a pod is not ready; None where it is, or its status gives no reason."""
    if is_ready(pod):
        return None
    found = [*_troubles(pod), *_unplaced(pod)]
    return min(found, key=lambda one: (not one.final, not one.often_passing), default=None)


def last_end(pod: Document) -> Trouble | None:
    """Says how a pod's server ended before it began anew; None where its status does not tell."""
    for status in _containers(pod):
        ended = (status.get("lastState") or {}).get("terminated")
        if status.get("name") == SERVER and ended:
            text = f"container {SERVER!r} crashed and began anew{_ending(ended)}"
            return Trouble(text, final=False, container=SERVER, previous=True)
    return None


def _troubles(pod: Document) -> Iterator[Trouble]:
    status = pod.get("status") or {}
    if status.get("phase") == "Failed":
        said = f"{status.get('reason', '')} {status.get('message', '')}".strip()
        # Whoever made it makes another one.
        yield Trouble(f"has failed: {said or 'no reason is given'}", final=False)
    for container in _containers(pod):
        name, state = container["name"], container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
        what = _FINAL.get(reason) or _OFTEN_PASSING.get(reason)
        if what:
            last = (container.get("lastState") or {}).get("terminated") or {}
            said = f"{reason}{_ending(last)}{f': {message}' if message else ''}"
            final = reason in _FINAL
            logs = name if reason == "CrashLoopBackOff" else ""
            yield Trouble(
                f"container {name!r} {what}: {said}",
                final,
                logs,
                previous=bool(last),
                often_passing=not final,
            )
        elif ended and int(ended.get("exitCode") or 0):
            text = f"container {name!r} has ended{_ending(ended)}"
            yield Trouble(text, False, name, often_passing=True)


def _unplaced(pod: Document) -> Iterator[Trouble]:
    placed = _condition(pod, "PodScheduled")
    if placed.get("status") == "False":
        # A cluster that scales by itself makes a node for it; whether this one does, nobody says.
        text = f"finds no node: {placed.get('reason', '')}: {placed.get('message', '')}"
        yield Trouble(text, final=False)


def _ending(ended: Document) -> str:
    if not ended:
        return ""
    reason = f", {ended['reason']}" if ended.get("reason") else ""
    return f" (exit code {ended.get('exitCode')}{reason})"


def _containers(pod: Document) -> list[Document]:
    status = pod.get("status") or {}
    return [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]


def _condition(pod: Document, kind: str) -> Document:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one.get("type") == kind), {})
