"""What a container wrote, and why there is nothing to read yet."""

from tests.kubernetes_api.kubelet import Kubelet
from tests.kubernetes_api.pod_status import FETCHER
from tests.kubernetes_api.refusals import RefusalError
from tests.kubernetes_api.store import Document

_WAITING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


def read_log(kubelet: Kubelet, pod: Document, container: str, *, previous: bool) -> str:
    """Returns a container's log.

    Args:
        kubelet: knows what the pod does.
        pod: whose container it is.
        container: its name; may be empty where the pod has one.
        previous: whether of the container before the last restart.

    Returns:
        The text.

    Raises:
        RefusalError: 400, no such container, or it has not started.
    """
    name, status = pod["metadata"]["name"], pod.get("status", {})
    inner = {s["name"]: s for s in status.get("initContainerStatuses", [])}
    main = {s["name"]: s for s in status.get("containerStatuses", [])}
    names = [c["name"] for c in pod["spec"]["containers"]]
    container = container or names[0]
    if container not in (*names, *(c["name"] for c in pod["spec"].get("initContainers", []))):
        raise RefusalError(400, f"container {container} is not valid for pod {name}")
    stated = {**inner, **main}.get(container)
    if stated is None:
        raise RefusalError(400, f'container "{container}" in pod "{name}" is waiting to start')
    reason = stated["state"].get("waiting", {}).get("reason", "")
    if previous and not stated.get("lastState"):
        text = f'previous terminated container "{container}" in pod "{name}" not found'
        raise RefusalError(400, text)
    if reason and reason != "CrashLoopBackOff":
        why = _WAITING.get(reason, reason)
        text = f'container "{container}" in pod "{name}" is waiting to start: {why}'
        raise RefusalError(400, text)
    state = kubelet.running.get(pod["metadata"]["uid"])
    behaviour = state.conduct.behaviour if state else "ready"
    if previous and state and container == names[0] and "running" in stated["state"]:
        return "".join(f"{line}\n" for line in state.last_log)
    failing = {"storage": FETCHER, "crashing": names[0]}.get(behaviour)
    usual = ["INFO fetched the bundle"] if container == FETCHER else ["INFO starting"]
    lines = list(state.conduct.log) if state and container == failing else usual
    return "".join(f"{line}\n" for line in lines)
