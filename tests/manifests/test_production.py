"""Production is more than a trial; each rule that says so is shown to bite."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests import production
from tests.manifests.flows import FLOWS, MONITOR_DATABASE, opened, wanted
from tests.manifests.gateways import everything, local_gateway
from tests.manifests.references import budgets_select_pods, pods_find_their_parts
from tests.manifests.rendered import (
    GONE,
    MANIFESTS,
    Document,
    Invariant,
    changed,
    needs_kubectl,
    overlay,
    title,
)
from tests.manifests.schemas import documents_are_valid
from tests.manifests.workloads import pods_are_restricted, secrets_are_elsewhere

pytestmark = needs_kubectl


def classes_are_its_own(documents: list[Document]) -> list[str]:
    return production.classes_are_its_own(documents, local_gateway())


RULES = (
    classes_are_its_own,
    production.nothing_is_of_a_local_cluster,
    production.gateways_are_public_and_private,
    production.workloads_outlive_a_node,
    production.stores_are_outside,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_production_is_more_than_a_trial(rule: Invariant) -> None:
    # The template's example is of no overlay.
    documents = [d for d in everything("production") if d["kind"] != "InferenceService"]
    assert rule(documents) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_local_cluster_is_not_taken_for_production(rule: Invariant) -> None:
    assert rule(everything("kind")) != []


GATEWAY, LISTENER = "Gateway/kserve-ingress-gateway", "spec/listeners/0"
CLASS, PROXY = "GatewayClass/kubeloop", "EnvoyProxy/kubeloop"
PROVIDER = "spec/provider/kubernetes"
MLFLOW, MONITOR, STORE = "Deployment/mlflow", "Deployment/monitor", "Secret/object-store"
KSERVE = "ConfigMap/inferenceservice-config"
KINDS_PORT = {"value": {"spec": {"ports": [{"port": 80, "nodePort": 30080}]}}}
NODES = production.workloads_outlive_a_node
OPEN = production.gateways_are_public_and_private
LOCAL = production.nothing_is_of_a_local_cluster
STORES = production.stores_are_outside
# The rule, what is changed, how, and what the rule has to say then.
MUTATIONS: tuple[tuple[Invariant, str, str, Any, str], ...] = (
    (classes_are_its_own, PROXY, "metadata/name", "node-port", "EnvoyProxy/node-port is kind's"),
    (classes_are_its_own, CLASS, "metadata/name", "envoy", "GatewayClass/envoy is kind's"),
    (OPEN, GATEWAY, f"{LISTENER}/protocol", "HTTP", "no TLS"),
    (OPEN, GATEWAY, f"{LISTENER}/tls/mode", "Passthrough", "no TLS"),
    (OPEN, GATEWAY, f"{LISTENER}/hostname", GONE, "every name"),
    (OPEN, GATEWAY, f"{LISTENER}/hostname", "*.com", "every name"),
    (OPEN, GATEWAY, f"{LISTENER}/allowedRoutes/namespaces/from", "All", "routes of everybody"),
    (OPEN, PROXY, f"{PROVIDER}/envoyService/type", "NodePort", "behind a NodePort"),
    (OPEN, PROXY, f"{PROVIDER}/envoyService/type", GONE, "behind a None"),
    (NODES, MLFLOW, "spec/replicas", 1, "Deployment/mlflow runs once"),
    (NODES, MLFLOW, "spec/strategy", {"type": "Recreate"}, "all of its pods at once"),
    (
        NODES,
        MLFLOW,
        "spec/template/spec/topologySpreadConstraints/0/labelSelector/matchLabels",
        {"app": "mlflow"},
        "mlflow may stand on one node",
    ),
    (NODES, MONITOR, "spec/replicas", 2, "volume among several"),
    (NODES, MONITOR, "spec/strategy/type", "RollingUpdate", "with its successor"),
    (NODES, PROXY, f"{PROVIDER}/envoyDeployment/replicas", 1, "EnvoyProxy/kubeloop runs once"),
    (NODES, PROXY, f"{PROVIDER}/envoyPDB", GONE, "EnvoyProxy/kubeloop has no budget"),
    (NODES, PROXY, f"{PROVIDER}/envoyDeployment/pod", GONE, "may stand on one node"),
    (LOCAL, STORE, "metadata/annotations/a", "seaweedfs.kubeflow:9000", "'seaweedfs'"),
    (LOCAL, MLFLOW, "spec/template/spec/containers/0/env/0/value", "s3://mlpipeline/", "mlpip"),
    (LOCAL, KSERVE, "data/ingress", "ingressDomain: models.localhost", "models.localhost"),
    (LOCAL, PROXY, f"{PROVIDER}/envoyService/patch", KINDS_PORT, "'nodeport'"),
    (LOCAL, MONITOR, "spec/template/spec/containers/0/env/0/name", "POSTGRES_PASSWORD", "postg"),
    (STORES, MLFLOW, "kind", "StatefulSet", "a database of our own"),
    (STORES, STORE, "metadata/annotations/serving.kserve.io~s3-usehttps", "0", "without TLS"),
    (STORES, "ServingRuntime/kubeloop", "spec/containers/0/image", "kubeloop/serve:1", "registry"),
)


@pytest.mark.parametrize(
    ("rule", "name", "path", "value", "said"),
    MUTATIONS,
    ids=[f"{i}-{mutation[0].__name__}" for i, mutation in enumerate(MUTATIONS)],
)
def test_production_changed_breaks_the_rule(
    rule: Invariant, name: str, path: str, value: Any, said: str
) -> None:
    problems = rule(changed(everything("production"), name, path, value))
    assert [problem for problem in problems if said in problem], problems


def test_monitor_with_a_database_is_two_and_needs_no_volume(tmp_path: Path) -> None:
    documents = production.with_database(tmp_path)
    names = {title(document) for document in documents}
    assert "PersistentVolumeClaim/monitor" not in names
    (monitor,) = (d for d in documents if title(d) == MONITOR)
    before = next(d for d in overlay("production") if title(d) == MONITOR)
    assert monitor["spec"]["replicas"] == 2
    (container,) = monitor["spec"]["template"]["spec"]["containers"]
    (base,) = before["spec"]["template"]["spec"]["containers"]
    # Never empty: then the image's own would name a file.
    kept = [given for given in base["args"] if not given.startswith("--store=")]
    assert container["args"] == kept != base["args"]
    (uri,) = (v for v in container["env"] if v["name"] == "KUBELOOP_MONITOR_STORE")
    assert uri["valueFrom"]["secretKeyRef"] == {"name": "monitor-database", "key": "uri"}
    flows = (*FLOWS["production"], MONITOR_DATABASE)
    assert opened(documents) == wanted(documents, flows)
    rules: tuple[Callable[[list[Document]], list[str]], ...] = (
        NODES,
        STORES,
        budgets_select_pods,
        pods_find_their_parts,
        documents_are_valid,
        pods_are_restricted,
        secrets_are_elsewhere,
    )
    assert [problem for rule in rules for problem in rule(documents)] == []


def test_databases_of_production_are_in_one_network() -> None:
    folder = MANIFESTS / "overlays" / "production"
    (one, other) = (
        yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["egress"][0]
        for path in (
            folder / "kubeloop" / "network-policy-database.yaml",
            folder / "monitor-database" / "network-policy.yaml",
        )
    )
    assert one == other
