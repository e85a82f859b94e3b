"""What makes production production: each function names what is only good enough for a laptop."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from tests.manifests.pods import WORKLOADS
from tests.manifests.references import matches
from tests.manifests.rendered import MANIFESTS, Document, load, of_kind, render, template, title

# What names the stores, passwords, addresses and ports of a local cluster.
_LOCAL = ("seaweedfs", "minio", "mlpipeline", "models.localhost", "nodeport", "postgres_password")
LEAST = 2
_NODE = "kubernetes.io/hostname"


def with_database(folder: Path) -> list[Document]:
    """Production with the component that its comments offer: the monitor's store in a database.

    Args:
        folder: empty; the manifests are copied there to be changed.
    """
    shutil.copytree(MANIFESTS, folder / "manifests")
    overlay = folder / "manifests" / "overlays" / "production"
    with (overlay / "kubeloop" / "kustomization.yaml").open("a", encoding="utf-8") as file:
        file.write("components: [../monitor-database]\n")
    service = template()
    service["metadata"]["namespace"] = "kubeloop"
    return [*load(render(overlay)), service]


def nothing_is_of_a_local_cluster(documents: list[Document]) -> list[str]:
    """No value of kind's: its object store and database, its domain, a port of its node."""
    return [
        f"{title(document)} says {word!r}"
        for document in documents
        for word in _LOCAL
        if word in yaml.safe_dump(document).lower()
    ]


def classes_are_its_own(documents: list[Document], local: list[Document]) -> list[str]:
    """No GatewayClass or EnvoyProxy has the name of one that a local cluster has.

    Args:
        documents: of production.
        local: of the local cluster's gateway.
    """
    kinds = ("GatewayClass", "EnvoyProxy")
    names = {title(document) for document in of_kind(local, *kinds)}
    return [f"{title(d)} is kind's" for d in of_kind(documents, *kinds) if title(d) in names]


def gateways_are_public_and_private(documents: list[Document]) -> list[str]:
    """Every listener has TLS and a name, and lets one namespace in; a load balancer leads there."""
    problems = []
    for gateway in of_kind(documents, "Gateway"):
        for listener in gateway["spec"]["listeners"]:
            wrong = {
                "no TLS": listener["protocol"] != "HTTPS"
                or listener.get("tls", {}).get("mode") != "Terminate",
                "every name": listener.get("hostname", "*").count(".") < 2,
                "routes of everybody": listener["allowedRoutes"]["namespaces"]["from"]
                != "Selector",
            }
            problems += [f"{title(gateway)} has {text}" for text, broken in wrong.items() if broken]
    for proxy in of_kind(documents, "EnvoyProxy"):
        service = proxy["spec"]["provider"]["kubernetes"]["envoyService"]
        if service.get("type") != "LoadBalancer":
            problems.append(f"{title(proxy)} is behind a {service.get('type')}")
    return problems


def workloads_outlive_a_node(documents: list[Document]) -> list[str]:
    """What keeps no state runs at least twice, apart, and under a budget; what does runs once."""
    problems = []
    for workload in of_kind(documents, *WORKLOADS):
        pod = workload["spec"]["template"]["spec"]
        kept = any("persistentVolumeClaim" in volume for volume in pod.get("volumes", []))
        found = _with_state(workload["spec"]) if kept else _without_state(workload["spec"])
        problems += [f"{title(workload)} {text}" for text, broken in found.items() if broken]
    for proxy in of_kind(documents, "EnvoyProxy"):
        given = proxy["spec"]["provider"]["kubernetes"]
        deployment = given["envoyDeployment"]
        constraints = deployment.get("pod", {}).get("topologySpreadConstraints", [])
        found = {
            "runs once": deployment.get("replicas", 1) < LEAST,
            "has no budget": given.get("envoyPDB", {}).get("maxUnavailable") != 1,
            "may stand on one node": not any(one["topologyKey"] == _NODE for one in constraints),
        }
        problems += [f"{title(proxy)} {text}" for text, broken in found.items() if broken]
    return problems


def _with_state(spec: dict[str, Any]) -> dict[str, bool]:
    return {
        "shares a volume among several": spec.get("replicas", 1) != 1,
        "shares a volume with its successor": spec.get("strategy", {}).get("type") != "Recreate",
    }


def _without_state(spec: dict[str, Any]) -> dict[str, bool]:
    template = spec["template"]
    constraints = template["spec"].get("topologySpreadConstraints", [])
    return {
        "runs once": spec.get("replicas", 1) < LEAST,
        "stops all of its pods at once": spec.get("strategy", {}).get("type") == "Recreate",
        "may stand on one node": not _is_spread(constraints, template["metadata"]["labels"]),
    }


def _is_spread(constraints: list[dict[str, Any]], labels: dict[str, str]) -> bool:
    return any(
        one["topologyKey"] == _NODE and matches(one["labelSelector"], labels) for one in constraints
    )


def stores_are_outside(documents: list[Document]) -> list[str]:
    """No database of our own; the object store by TLS; images by a registry's name."""
    problems = [f"{title(d)} is a database of our own" for d in of_kind(documents, "StatefulSet")]
    for secret in of_kind(documents, "Secret"):
        annotations = secret["metadata"].get("annotations", {})
        if annotations.get("serving.kserve.io/s3-usehttps") != "1":
            problems.append(f"{title(secret)} is for a store without TLS")
    for document in of_kind(documents, *WORKLOADS, "ServingRuntime"):
        spec = document["spec"]
        for container in spec.get("template", {"spec": spec})["spec"]["containers"]:
            if "." not in container["image"].partition("/")[0]:
                problems.append(f"{title(document)} names no registry: {container['image']!r}")
    return problems
