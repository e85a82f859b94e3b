"""A cluster with the platform and the overlay of kind in it, everything up, as its API has it."""

from typing import Any

from pipelines.cluster.doctor.parts import PARTS
from tests.kubernetes_api import Api

Document = dict[str, Any]
OURS = "kubeloop"


def furnish(api: Api, rendered: list[Document]) -> None:
    """Puts everything there.

    Args:
        api: an empty cluster.
        rendered: the overlay's documents.
    """
    kinds = [kind for part in PARTS for kind in part.kinds]
    kinds += ["httproutes.gateway.networking.k8s.io", "gateways.gateway.networking.k8s.io"]
    kinds += [f"{kind}.monitoring.coreos.com" for kind in ("prometheuses", "alertmanagers")]
    kinds += ["clusterstoragecontainers.serving.kserve.io"]
    api.put(*(definition(name) for name in kinds))
    spaces = {part.namespace for part in PARTS} | {OURS}
    api.put(*(document("v1", "Namespace", space) for space in sorted(spaces)))
    for part in PARTS:
        for name in part.deployments:
            image = f"registry.example.org/{name}:{part.tested}"
            api.put(deployment(name, part.namespace, image))
    api.put(
        document("v1", "ServiceAccount", "pipeline-runner", "kubeflow"), *_way_in(), *_watchers()
    )
    for one in rendered:
        api.put({**one, **_STATE.get((one["kind"], one["metadata"]["name"]), {})})
    for name, key in (("tracking-database", "uri"), ("monitor-webhook", "token")):
        api.put({**document("v1", "Secret", name, OURS), "data": {key: "c2VjcmV0LXZhbHVl"}})
    store = dict.fromkeys(
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"), "c2VjcmV0LXZhbHVl"
    )
    for name in ("kubeloop-bundles", "kubeloop-sources"):
        api.put({**document("v1", "Secret", name, "kubeflow"), "data": store})


def _way_in() -> list[Document]:
    """The node, KServe's configuration, and its gateway."""
    images = ("docker.io/kubeloop/serve:0.1.0", "docker.io/kubeloop/serve:0.1.0-skops")
    ready = [{"type": "Ready", "status": "True"}]
    node = {"conditions": ready, "images": [{"names": [name]} for name in images]}
    settings = {
        "deploy": '{"defaultDeploymentMode": "Standard"}',
        "ingress": '{"enableGatewayApi": true, "ingressDomain": "models.localhost", '
        '"kserveIngressGateway": "kserve/kserve-ingress-gateway"}',
    }
    gateway = document(
        "gateway.networking.k8s.io/v1", "Gateway", "kserve-ingress-gateway", "kserve"
    )
    programmed = {"conditions": [{"type": "Programmed", "status": "True"}]}
    return [
        {**document("v1", "Node", "node"), "status": node},
        {**document("v1", "ConfigMap", "inferenceservice-config", "kserve"), "data": settings},
        {**gateway, "status": programmed},
    ]


def _watchers() -> list[Document]:
    """A Prometheus and an Alertmanager that take up everything."""
    selectors = ("podMonitor", "rule")
    spec = {f"{name}{kind}Selector": {} for name in selectors for kind in ("", "Namespace")}
    configurations = {
        "alertmanagerConfigSelector": {},
        "alertmanagerConfigNamespaceSelector": {},
        "alertmanagerConfigMatcherStrategy": {"type": "None"},
    }
    api = "monitoring.coreos.com/v1"
    return [
        {**document(api, "Prometheus", "k8s", "monitoring"), "spec": spec},
        {**document(api, "Alertmanager", "main", "monitoring"), "spec": configurations},
    ]


def document(version: str, kind: str, name: str, namespace: str = "") -> Document:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": meta}


def definition(name: str) -> Document:
    plural, _, group = name.partition(".")
    kind, version = {
        "inferenceservices": ("InferenceService", "v1beta1"),
        "servingruntimes": ("ServingRuntime", "v1alpha1"),
        "clusterstoragecontainers": ("ClusterStorageContainer", "v1alpha1"),
        "workflows": ("Workflow", "v1alpha1"),
        "httproutes": ("HTTPRoute", "v1"),
        "gateways": ("Gateway", "v1"),
        "podmonitors": ("PodMonitor", "v1"),
        "prometheusrules": ("PrometheusRule", "v1"),
        "alertmanagerconfigs": ("AlertmanagerConfig", "v1alpha1"),
        "prometheuses": ("Prometheus", "v1"),
        "alertmanagers": ("Alertmanager", "v1"),
    }[plural]
    scope = "Cluster" if plural == "clusterstoragecontainers" else "Namespaced"
    made = document("apiextensions.k8s.io/v1", "CustomResourceDefinition", name)
    made["metadata"]["annotations"] = {"gateway.networking.k8s.io/bundle-version": "v1.5.1"}
    names = {"plural": plural, "kind": kind, "singular": kind.lower()}
    fields = {"properties": {"spec": {"properties": {"canary": {}}}}}
    served = {"name": version, "served": True, "storage": True}
    served["schema"] = {"openAPIV3Schema": fields}
    made["spec"] = {"group": group, "scope": scope, "names": names, "versions": [served]}
    return made


def deployment(name: str, namespace: str, image: str) -> Document:
    made = document("apps/v1", "Deployment", name, namespace)
    labels = {"app": name}
    containers = [{"name": name, "image": image}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    made["spec"] = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    made["status"] = available()
    return made


def available() -> Document:
    return {"availableReplicas": 1, "conditions": [{"type": "Available", "status": "True"}]}


# What an overlay's documents have besides, once the cluster has taken them up.
_STATE: dict[tuple[str, str], Document] = {
    ("Deployment", "monitor"): {"status": available()},
    ("Deployment", "mlflow"): {"status": available()},
    ("Secret", "object-store"): {
        "data": {"AWS_ACCESS_KEY_ID": "YQ==", "AWS_SECRET_ACCESS_KEY": "Yg=="}
    },
}
