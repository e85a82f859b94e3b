"""The Deployment controller: pods by template, rolling updates, conditions. Without ReplicaSets.

Pods are owned by their Deployment itself; a ReplicaSet is only named, in messages and events.
"""

import hashlib
import json
import math
import random
from collections.abc import Callable
from typing import Any

from tests.kubernetes_api.conduct import Conduct
from tests.kubernetes_api.controllers import Desk, condition, condition_of, reference
from tests.kubernetes_api.store import Document

VERSION_LABEL = "app.kubernetes.io/version"
MODEL_LABEL = "serving.kserve.io/inferenceservice"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class Deployments:
    """Keeps as many pods of each Deployment's template as it wants."""

    def __init__(
        self,
        desk: Desk,
        conduct: Callable[[int | str], Conduct],
        mutate: Callable[[Document], None],
    ) -> None:
        """Works at a desk.

        Args:
            desk: to write at.
            conduct: says how a version, or a Deployment's pods, behave.
            mutate: changes a pod before it is made, as webhooks do.
        """
        self._desk, self._conduct, self._mutate = desk, conduct, mutate

    def work(self) -> None:
        """Takes one step for each Deployment."""
        for deployment in self._desk.all("Deployment"):
            self._scale(deployment)
            self._work(self._desk.get("Deployment", *_place(deployment)) or deployment)

    def _scale(self, deployment: Document) -> None:
        """Does what an autoscaler without any load does: keep within its bounds."""
        namespace, name = _place(deployment)
        scaler = self._desk.get("HorizontalPodAutoscaler", namespace, name)
        if scaler is None:
            return
        spec, replicas = scaler["spec"], deployment["spec"].get("replicas", 1)
        wanted = min(max(replicas, spec["minReplicas"]), spec["maxReplicas"])
        if wanted != replicas:
            deployment["spec"]["replicas"] = wanted
            self._desk.ensure(deployment)

    def _work(self, deployment: Document) -> None:
        template = deployment["spec"]["template"]
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        pods = self._pods(deployment)
        new = [pod for pod in pods if _digest(pod) == digest]
        old = [pod for pod in pods if _digest(pod) != digest]
        wanted = deployment["spec"].get("replicas", 1)
        failure = ""
        most = wanted + math.ceil(wanted * 0.25)
        for _ in range(min(wanted - len(new), most - len(pods))):
            failure = self._create(deployment, digest)
        least = wanted - math.floor(wanted * 0.25)
        self._retire(pods, old, new, least=least, wanted=wanted)
        self._state(deployment, digest, failure)

    def _pods(self, deployment: Document) -> list[Document]:
        """The pods that are not on their way out."""
        namespace, _ = _place(deployment)
        return [
            pod
            for pod in self._desk.all("Pod", namespace)
            if _owned(pod, deployment) and "deletionTimestamp" not in pod["metadata"]
        ]

    def _create(self, deployment: Document, digest: str) -> str:
        """Creates a pod; where that is refused, returns why."""
        namespace, name = _place(deployment)
        template = deployment["spec"]["template"]
        labels = {**template["metadata"].get("labels", {}), "pod-template-hash": digest}
        if self._conduct(subject(labels, name)).behaviour == "quota":
            # One name for all tries, or each would be news.
            pod_name = f"{name}-{digest}-{digest[:5]}"
            message = (
                f'pods "{pod_name}" is forbidden: exceeded quota: compute, requested: '
                "requests.cpu=500m, used: requests.cpu=2, limited: requests.cpu=2"
            )
            self._tell(deployment, digest, "FailedCreate", f"Error creating: {message}", "Warning")
            return message
        pod_name = f"{name}-{digest}-{''.join(random.choices(_LETTERS, k=5))}"
        pod: Document = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": pod_name,
                "namespace": namespace,
                "labels": labels,
                "annotations": dict(template["metadata"].get("annotations", {})),
                "ownerReferences": [reference(deployment)],
            },
            "spec": template["spec"],
        }
        self._mutate(pod)
        self._desk.ensure(pod)
        self._tell(deployment, digest, "SuccessfulCreate", f"Created pod: {pod_name}", "Normal")
        return ""

    def _tell(self, deployment: Document, digest: str, *told: str) -> None:
        namespace, name = _place(deployment)
        metadata = {"name": f"{name}-{digest}", "namespace": namespace, "uid": ""}
        replica_set = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata}
        self._desk.server.upkeep.record_event(replica_set, *told)

    def _retire(
        self,
        pods: list[Document],
        old: list[Document],
        new: list[Document],
        *,
        least: int,
        wanted: int,
    ) -> None:
        """Deletes old pods as new ones are ready, and what is too many."""
        unready = [pod for pod in old if not ready(pod)]
        served = [pod for pod in old if ready(pod)]
        spare = sum(map(ready, pods)) - least
        surplus = sorted(new, key=ready)[: max(len(new) - wanted, 0)]
        for pod in [*unready, *served[: max(spare, 0)], *surplus]:
            self._desk.delete(pod)

    def _state(self, deployment: Document, digest: str, failure: str) -> None:
        _, name = _place(deployment)
        pods = self._pods(deployment)
        updated = [pod for pod in pods if _digest(pod) == digest]
        available, wanted = sum(map(ready, pods)), deployment["spec"].get("replicas", 1)
        old = deployment.get("status", {})
        conditions = old.get("conditions", [])
        least = wanted - math.floor(wanted * 0.25)
        conditions = (
            condition(conditions, "Available", "True", "MinimumReplicasAvailable",
                      "Deployment has minimum availability.")
            if available >= least
            else condition(conditions, "Available", "False", "MinimumReplicasUnavailable",
                           "Deployment does not have minimum availability.")
        )  # fmt: skip
        whole = len(updated) == len(pods) == wanted == sum(map(ready, updated))
        conditions = condition(
            conditions, "Progressing", *self._progress(deployment, digest, whole)
        )
        if failure:
            conditions = condition(conditions, "ReplicaFailure", "True", "FailedCreate", failure)
        else:
            conditions = [c for c in conditions if c["type"] != "ReplicaFailure"]
        counts = {
            "replicas": len(pods),
            "updatedReplicas": len(updated),
            "readyReplicas": available,
            "availableReplicas": available,
            "unavailableReplicas": max(wanted - available, 0),
        }
        generation = {"observedGeneration": deployment["metadata"]["generation"]}
        shown = {key: count for key, count in counts.items() if count}
        self._desk.status(deployment, {**generation, **shown, "conditions": conditions})

    def _progress(self, deployment: Document, digest: str, whole: bool) -> tuple[str, str, str]:
        _, name = _place(deployment)
        labels = deployment["spec"]["template"]["metadata"].get("labels", {})
        if whole:
            message = f'ReplicaSet "{name}-{digest}" has successfully progressed.'
            return "True", "NewReplicaSetAvailable", message
        if self._conduct(subject(labels, name)).behaviour == "stuck":
            message = f'ReplicaSet "{name}-{digest}" has timed out progressing.'
            return "False", "ProgressDeadlineExceeded", message
        return "True", "ReplicaSetUpdated", f'ReplicaSet "{name}-{digest}" is progressing.'


def subject(labels: dict[str, str], deployment: str) -> int | str:
    """Returns whose behaviour a pod has: its version's, or without a model its Deployment's."""
    version = labels.get(VERSION_LABEL, "")
    return int(version) if MODEL_LABEL in labels and version.isdigit() else deployment


def ready(pod: Document) -> bool:
    """Tells whether a pod is ready and stays."""
    leaving = "deletionTimestamp" in pod["metadata"]
    return not leaving and condition_of(pod, "Ready").get("status") == "True"


def _digest(pod: Document) -> Any:
    return pod["metadata"].get("labels", {}).get("pod-template-hash")


def _owned(pod: Document, deployment: Document) -> bool:
    uid = deployment["metadata"]["uid"]
    return any(o["uid"] == uid for o in pod["metadata"].get("ownerReferences", []))


def _place(document: Document) -> tuple[str, str]:
    return document["metadata"]["namespace"], document["metadata"]["name"]
