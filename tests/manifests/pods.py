"""The pods that the manifests lead to: those of workloads, and those that KServe will make.

How KServe 0.21 makes a predictor's pod was read in its sources:
  pkg/controller/v1beta1/inferenceservice/components/predictor.go, buildObjectMeta: labels are those
    of the runtime, of the InferenceService and of its predictor, then KServe's own;
  pkg/controller/v1beta1/inferenceservice/reconcilers/deployment/deployment_reconciler.go: `app`;
  pkg/controller/v1beta1/inferenceservice/utils/utils.go: MergePodSpec takes the pod's settings from
    the predictor, MergeRuntimeContainers puts its arguments after the runtime's;
  pkg/webhook/admission/pod/storage_initializer_injector.go: the init container has nothing of the
    predictor's security context, and only what its ClusterStorageContainer adds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.manifests.rendered import Document, namespace_of, of_kind, title


@dataclass(frozen=True)
class Pod:
    """One pod of a workload.

    Attributes:
        owner: Kind/name of what it comes from.
        namespace: where it runs.
        labels: its own.
        spec: as Kubernetes knows it.
        replicas: how many of them there are.
    """

    owner: str
    namespace: str
    labels: dict[str, str]
    spec: dict[str, Any]
    replicas: int = 1
    selector: dict[str, Any] = field(default_factory=dict)

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec["containers"], *self.spec.get("initContainers", [])]

    @property
    def ports(self) -> set[tuple[str, int, str]]:
        """Name, number and protocol of every port."""
        return {
            (port.get("name", ""), port["containerPort"], port.get("protocol", "TCP"))
            for container in self.spec["containers"]
            for port in container.get("ports", [])
        }


WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")


def pods(documents: list[Document]) -> Iterator[Pod]:
    """One pod of each workload, and one predictor of each ServingRuntime by the template."""
    for document in of_kind(documents, *WORKLOADS):
        spec = document["spec"]
        yield Pod(
            title(document),
            namespace_of(document),
            spec["template"]["metadata"].get("labels", {}),
            spec["template"]["spec"],
            spec.get("replicas", 1),
            spec.get("selector", {}),
        )
    for service in of_kind(documents, "InferenceService"):
        for runtime in of_kind(documents, "ServingRuntime"):
            yield predictor(documents, runtime, service)


def predictor(documents: list[Document], runtime: Document, service: Document) -> Pod:
    """The pod that KServe makes of an InferenceService with a runtime."""
    given = service["spec"]["predictor"]
    name = service["metadata"]["name"]
    labels = {
        **runtime["spec"].get("labels", {}),
        **service["metadata"]["labels"],
        **given.get("labels", {}),
        "serving.kserve.io/inferenceservice": name,
        "component": "predictor",
        "app": f"isvc.{name}-predictor",
    }
    container = dict(runtime["spec"]["containers"][0])
    container["args"] = [*container.get("args", []), *given["model"].get("args", [])]
    container["resources"] = given["model"].get("resources", container.get("resources", {}))
    settings = ("serviceAccountName", "automountServiceAccountToken", "securityContext")
    spec = {
        "containers": [container],
        "initContainers": [_storage_initializer(documents, given.get("storageContainerName"))],
        "volumes": runtime["spec"].get("volumes", []),
        **{key: given[key] for key in settings if key in given},
    }
    return Pod(title(runtime), namespace_of(runtime), labels, spec)


def _storage_initializer(documents: list[Document], name: str | None) -> dict[str, Any]:
    """KServe's own container (pkg/utils/storage.go), with what the named one adds to it."""
    own = {
        "name": "storage-initializer",
        "image": "kserve/storage-initializer:v0.21.0",
        "resources": {
            "requests": {"cpu": "100m", "memory": "100Mi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        },
    }
    for document in of_kind(documents, "ClusterStorageContainer"):
        if document["metadata"]["name"] == name:
            return {**own, **document["spec"]["container"]}
    return own
