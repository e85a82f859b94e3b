"""What is installed in a cluster: KServe with its definitions and runtimes, and the Gateway API."""

import json
from pathlib import Path

import yaml

from tests.kubernetes_api.kinds import Kind
from tests.kubernetes_api.store import Document

ROOT = Path(__file__).parents[2]
_SERVING = ROOT / "manifests" / "base" / "serving"
_STATUS = ("status",)
_KSERVE = (
    Kind(
        "serving.kserve.io",
        "v1beta1",
        "inferenceservices",
        "InferenceService",
        True,
        ("isvc",),
        _STATUS,
    ),
    Kind("serving.kserve.io", "v1alpha1", "servingruntimes", "ServingRuntime"),
    Kind("serving.kserve.io", "v1alpha1", "clusterservingruntimes", "ClusterServingRuntime", False),
    Kind(
        "serving.kserve.io",
        "v1alpha1",
        "clusterstoragecontainers",
        "ClusterStorageContainer",
        False,
    ),
)
_GATEWAY_API = (
    Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", True, (), _STATUS),
    Kind("gateway.networking.k8s.io", "v1", "gateways", "Gateway", True, ("gtw",), _STATUS),
    Kind(
        "gateway.networking.k8s.io", "v1", "gatewayclasses", "GatewayClass", False, ("gc",), _STATUS
    ),
)


def kinds(*, gateway_api: bool) -> tuple[Kind, ...]:
    """Returns the kinds that are defined besides Kubernetes's own."""
    return (*_KSERVE, *(_GATEWAY_API if gateway_api else ()))


def documents(namespaces: tuple[str, ...], *, gateway_api: bool) -> list[Document]:
    """Returns what is there from the start.

    Args:
        namespaces: where models are served; each has the ServingRuntimes of manifests/base/serving.
        gateway_api: whether KServe routes by the Gateway API.

    Returns:
        Documents, in an order in which they can be made.
    """
    spaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in ("kserve", *namespaces)
    ]
    definitions = [_definition(kind) for kind in kinds(gateway_api=gateway_api)]
    runtimes = [
        _placed(path, namespace)
        for namespace in namespaces
        for path in sorted(_SERVING.glob("serving-runtime*.yaml"))
    ]
    gateway = [_gateway_class(), _gateway()] if gateway_api else []
    return [*spaces, *definitions, _configuration(gateway_api=gateway_api), *runtimes, *gateway]


def _placed(path: Path, namespace: str) -> Document:
    document: Document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["metadata"]["namespace"] = namespace
    return document


def _definition(kind: Kind) -> Document:
    versions = [
        {
            "name": kind.version,
            "served": True,
            "storage": True,
            **({"subresources": {"status": {}}} if "status" in kind.subresources else {}),
        }
    ]
    spec = {
        "group": kind.group,
        "names": {
            "plural": kind.plural,
            "kind": kind.kind,
            "singular": kind.kind.lower(),
            "shortNames": list(kind.short),
        },
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "versions": versions,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": spec,
    }


def _configuration(*, gateway_api: bool) -> Document:
    path = ROOT / "manifests" / "platform" / "05-kserve" / "inferenceservice-config.yaml"
    document: Document = yaml.safe_load(path.read_text(encoding="utf-8"))
    ingress = json.loads(document["data"]["ingress"])
    ingress["enableGatewayApi"] = gateway_api
    document["data"]["ingress"] = json.dumps(ingress)
    return document


def _gateway_class() -> Document:
    controller = {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "envoy"},
        "spec": controller,
    }


def _gateway() -> Document:
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "kserve-ingress-gateway", "namespace": "kserve"},
        "spec": {"gatewayClassName": "envoy", "listeners": [listener]},
    }
