"""The status of a pod, step by step, as the kubelet of a node writes it."""

from typing import TYPE_CHECKING, Any

from tests.kubernetes_api.controllers import Desk, condition
from tests.kubernetes_api.metadata import now
from tests.kubernetes_api.store import Document

if TYPE_CHECKING:
    from tests.kubernetes_api.kubelet import Running

FETCHER = "storage-initializer"
# Behaviours by which a container never runs for long.
FAILING = {"unpullable", "crashing", "storage", "unschedulable"}
# Steps: 0 created, 1 on a node, 2 containers started, 3 probed, 4 failed again.
_LAST = {"unschedulable": 0, "unpullable": 3, "crashing": 4, "storage": 4}
_BACK_OFF = "back-off 10s restarting failed container={container} pod={pod}_{namespace}({uid})"


class PodStatus:
    """Writes one pod's status."""

    def __init__(self, desk: Desk, pod: Document, state: "Running") -> None:
        """Reads how far the pod has come.

        Args:
            desk: to record events at.
            pod: whose status it is.
            state: what its node knows of it.
        """
        self._desk, self._pod, self._state = desk, pod, state
        self._behaviour = state.conduct.behaviour
        self.last = _LAST.get(self._behaviour, 3)
        self._container = pod["spec"]["containers"][0]

    def now(self, *, is_ready: bool) -> Document:
        """Returns the status at the pod's present step.

        Args:
            is_ready: whether its readiness probe would succeed.
        """
        step, behaviour = self._state.step, self._behaviour
        old = self._pod.get("status", {}).get("conditions", [])
        if step == 0 or behaviour == "unschedulable":
            return self._waiting_for_a_node(old)
        if step == 1:
            self._place()
            self._tell("Scheduled", f"Successfully assigned {self._name} to node-1", "Normal")
        fetched = step >= 2 and behaviour != "storage"
        started = fetched and behaviour not in ("unpullable",)
        is_ready = is_ready and step >= 3 and behaviour not in FAILING
        status: Document = {
            "phase": "Running" if started else "Pending",
            "qosClass": "Guaranteed",
            "hostIP": "127.0.0.1",
            "podIP": self._state.address,
            "podIPs": [{"ip": self._state.address}],
            "startTime": self._pod.get("status", {}).get("startTime") or now(),
        }
        conditions = condition(old, "PodScheduled", "True")
        conditions = _condition(conditions, "Initialized", fetched, "ContainersNotInitialized")
        for word in ("ContainersReady", "Ready"):
            message = f"containers with unready status: [{self._container['name']}]"
            conditions = _condition(conditions, word, is_ready, "ContainersNotReady", message)
        status["conditions"] = conditions
        if self._pod["spec"].get("initContainers"):
            status["initContainerStatuses"] = [self._fetcher(fetched=fetched)]
        status["containerStatuses"] = [self._main(is_ready=is_ready)]
        return status

    @property
    def _name(self) -> str:
        metadata = self._pod["metadata"]
        return f"{metadata['namespace']}/{metadata['name']}"

    def _waiting_for_a_node(self, old: list[Document]) -> Document:
        if self._behaviour != "unschedulable":
            return {"phase": "Pending", "qosClass": "Guaranteed"}
        message = (
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
            "1 No preemption victims found for incoming pod."
        )
        self._tell("FailedScheduling", message)
        conditions = condition(old, "PodScheduled", "False", "Unschedulable", message)
        return {"phase": "Pending", "qosClass": "Guaranteed", "conditions": conditions}

    def _place(self) -> None:
        """Puts the pod on the one node."""
        if not self._pod["spec"].get("nodeName"):
            key = self._desk.key(self._pod)
            spec = {**self._pod["spec"], "nodeName": "node-1"}
            self._pod = self._desk.store.write(key, {**self._pod, "spec": spec})

    def _fetcher(self, *, fetched: bool) -> Document:
        """The container that fetches the bundle, before all others."""
        where, step = "initContainerStatuses", self._state.step
        container = self._pod["spec"]["initContainers"][0]
        if fetched:
            ended = {"exitCode": 0, "reason": "Completed", "startedAt": now(), "finishedAt": now()}
            done = {"terminated": self._kept(where, ended)}
            if not self._state.refetched:
                return _status(container, done, ok=True)
            failed = {"lastState": {"terminated": termination(self._pod, 1)}}
            return {**_status(container, done, ok=True, restarts=1), **failed}
        if step == 1:
            return _status(container, {"waiting": {"reason": "PodInitializing"}})
        if step == 2:
            return _status(container, {"running": {"startedAt": now()}})
        return self._failed(container, where)

    def _main(self, *, is_ready: bool) -> Document:
        step, container = self._state.step, self._container
        if self._behaviour == "unpullable" and step >= 2:
            return self._unpullable(container)
        if self._behaviour == "crashing" and step >= 3:
            return self._failed(container, "containerStatuses")
        if step < 2 or self._behaviour == "storage":
            return _status(container, {"waiting": {"reason": "PodInitializing"}})
        if step == 2:
            self._tell("Started", f"Started container {container['name']}", "Normal")
        running = {"running": self._kept("containerStatuses", {"startedAt": now()})}
        made = _status(container, running, ok=is_ready, restarts=self._state.restarts)
        if self._state.ended:
            made["lastState"] = {"terminated": self._state.ended}
        if step >= 3 and not is_ready:
            self._tell(
                "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"
            )
        return made

    def _unpullable(self, container: Document) -> Document:
        image = container["image"]
        text = (
            f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
            f"{image}: not found"
        )
        if self._state.step == 2:
            self._tell("Pulling", f'Pulling image "{image}"', "Normal")
            self._tell("Failed", f'Failed to pull image "{image}": {text}')
            self._tell("Failed", "Error: ErrImagePull")
            return _status(container, {"waiting": {"reason": "ErrImagePull", "message": text}})
        self._tell("BackOff", f'Back-off pulling image "{image}"', "Normal")
        self._tell("Failed", "Error: ImagePullBackOff")
        message = f'Back-off pulling image "{image}": ErrImagePull: {text}'
        return _status(container, {"waiting": {"reason": "ImagePullBackOff", "message": message}})

    def _failed(self, container: Document, where: str) -> Document:
        conduct, metadata = self._state.conduct, self._pod["metadata"]
        ended = self._kept(where, termination(self._pod, conduct.exit_code))
        # KServe's initializer asks for its last words to be kept (FallbackToLogsOnError).
        if where == "initContainerStatuses" and conduct.log:
            ended["message"] = "\n".join(conduct.log) + "\n"
        if self._state.step < 4:
            return _status(container, {"terminated": ended})
        message = _BACK_OFF.format(
            container=container["name"],
            pod=metadata["name"],
            namespace=metadata["namespace"],
            uid=metadata["uid"],
        )
        self._tell("BackOff", message)
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        return {
            **_status(container, state, restarts=self._state.restarts + 1),
            "lastState": {"terminated": ended},
        }

    def _kept(self, where: str, fresh: Document) -> Document:
        """Returns what the status said before, so that times do not move at each step."""
        for old in self._pod.get("status", {}).get(where, []):
            for kind in ("state", "lastState"):
                for word in ("running", "terminated"):
                    found = old.get(kind, {}).get(word)
                    if found and set(found) >= set(fresh):
                        return dict(found)
        return fresh

    def _tell(self, reason: str, message: str, kind: str = "Warning") -> None:
        self._desk.server.upkeep.record_event(self._pod, reason, message, kind)


def termination(pod: Document, exit_code: int) -> Document:
    """How a container's life ended."""
    return {
        "exitCode": exit_code,
        "reason": "OOMKilled" if exit_code == 137 else "Error",
        "startedAt": now(),
        "finishedAt": now(),
        "containerID": f"containerd://{pod['metadata']['uid']}",
    }


def _condition(
    conditions: list[Document], word: str, holds: bool, reason: str, message: str = ""
) -> list[Document]:
    if holds:
        return condition(conditions, word, "True")
    return condition(conditions, word, "False", reason, message)


def _status(
    container: Document, state: dict[str, Any], *, ok: bool = False, restarts: int = 0
) -> Document:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": ok,
        "started": "running" in state,
        "restartCount": restarts,
        "state": state,
        "lastState": {},
    }
