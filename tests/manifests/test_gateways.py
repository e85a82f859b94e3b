"""A client's way in is whole on both clusters, and KServe gets the domain that goes with it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests import gateways
from tests.manifests.gateways import everything
from tests.manifests.rendered import (
    GONE,
    MANIFESTS,
    OVERLAYS,
    ROOT,
    Invariant,
    changed,
    load,
    needs_kubectl,
    overlay,
    render,
    title,
    without,
)

pytestmark = needs_kubectl

CLASSES, SERVICES = gateways.classes_are_there, gateways.services_of_gateways_are_valid
ADDRESSES = gateways.addresses_reach_a_listener
CERTIFICATES = gateways.certificates_cover_the_names


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize(
    "rule", [CLASSES, SERVICES, ADDRESSES, CERTIFICATES], ids=lambda rule: rule.__name__
)
def test_way_in_is_whole(name: str, rule: Invariant) -> None:
    assert rule(everything(name)) == []


GATEWAY, CERTIFICATE = "Gateway/kserve-ingress-gateway", "Certificate/models"
CLASS, PROXY = "GatewayClass/kubeloop", "EnvoyProxy/kubeloop"
KSERVE = "ConfigMap/inferenceservice-config"
LISTENER = "spec/listeners/0"
REFERENCE = f"{LISTENER}/tls/certificateRefs/0/name"
PATCH = "spec/provider/kubernetes/envoyService/patch"
KINDS_PORT = {"value": {"spec": {"ports": [{"port": 80, "nodePort": 30080}]}}}
# The rule, what is changed, how (of KServe's document by its keys), and what the rule then says.
MUTATIONS: tuple[tuple[Invariant, str, str, Any, str], ...] = (
    (CLASSES, GATEWAY, "spec/gatewayClassName", "envoy", "'envoy', which is not there"),
    (CLASSES, CLASS, "metadata/name", "envoy", "'kubeloop', which is not there"),
    (CLASSES, CLASS, "spec/parametersRef/name", "node-port", "'node-port'"),
    (CLASSES, CLASS, "spec/parametersRef/namespace", "kserve", "'kserve'"),
    (CLASSES, CLASS, "spec/parametersRef", GONE, "settings"),
    (SERVICES, PROXY, PATCH, KINDS_PORT, "adds port 80"),
    (ADDRESSES, GATEWAY, f"{LISTENER}/hostname", "*.models.localhost", "takes 'model-name"),
    (ADDRESSES, GATEWAY, f"{LISTENER}/protocol", "HTTP", "speaks 'https'"),
    (ADDRESSES, GATEWAY, "metadata/name", "gateway", "not there"),
    (ADDRESSES, GATEWAY, "metadata/namespace", "kubeloop", "not there"),
    (
        ADDRESSES,
        GATEWAY,
        f"{LISTENER}/allowedRoutes/namespaces/selector/matchLabels/kubernetes.io~metadata.name",
        "kserve",
        "of namespace 'kubeloop'",
    ),
    (ADDRESSES, GATEWAY, f"{LISTENER}/allowedRoutes/namespaces/from", "Same", "of namespace"),
    (ADDRESSES, KSERVE, "data/ingress", {"urlScheme": "http"}, "speaks 'http'"),
    (ADDRESSES, KSERVE, "data/ingress", {"ingressDomain": "models.localhost"}, "takes"),
    (ADDRESSES, KSERVE, "data/ingress", {"enableGatewayApi": False}, "no routes"),
    (ADDRESSES, KSERVE, "data/ingress", {"kserveIngressGateway": "kserve/other"}, "'kserve/other'"),
    (CERTIFICATES, GATEWAY, REFERENCE, "gateway-tls", "'gateway-tls', which no Certificate"),
    (CERTIFICATES, CERTIFICATE, "spec/secretName", "tls", "'models-tls', which no Certificate"),
    (CERTIFICATES, CERTIFICATE, "metadata/namespace", "kubeloop", "'models-tls', which no"),
    (CERTIFICATES, CERTIFICATE, "spec/dnsNames/0", "models.example.com", "'*.models.example.com'"),
    (CERTIFICATES, CERTIFICATE, "spec/dnsNames/0", "*.example.com", "for 'model-name-kubeloop"),
    (CERTIFICATES, GATEWAY, f"{LISTENER}/hostname", "*.example.com", "for '*.example.com'"),
    (
        CERTIFICATES,
        KSERVE,
        "data/ingress",
        {"domainTemplate": "{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}"},
        "for 'model-name.kubeloop.models.example.com'",
    ),
)


@pytest.mark.parametrize(
    ("rule", "name", "path", "value", "said"),
    MUTATIONS,
    ids=[f"{i}-{mutation[0].__name__}" for i, mutation in enumerate(MUTATIONS)],
)
def test_way_in_changed_breaks_the_rule(
    rule: Invariant, name: str, path: str, value: Any, said: str
) -> None:
    documents = everything("production")
    if name == KSERVE:
        value = json.dumps({**gateways.ingress(documents), **value})
    problems = rule(changed(documents, name, path, value))
    assert [problem for problem in problems if said in problem], problems


@pytest.mark.parametrize(
    ("rule", "name"),
    [(CLASSES, CLASS), (CLASSES, PROXY), (ADDRESSES, GATEWAY), (CERTIFICATES, CERTIFICATE)],
    ids=["class", "proxy", "gateway", "certificate"],
)
def test_way_in_without_a_part_is_noticed(rule: Invariant, name: str) -> None:
    assert rule(without(everything("production"), name)) != []


@pytest.mark.parametrize(
    ("pattern", "host", "good"),
    [
        ("*.a.example", "m.a.example", True),
        ("m.a.example", "m.a.example", True),
        ("*.a.example", "a.example", False),
        ("*.a.example", "n.m.a.example", False),
        ("*.a.example", "m.b.example", False),
    ],
)
def test_certificate_covers_one_label(pattern: str, host: str, good: bool) -> None:
    assert gateways.covers(pattern, host) is good


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The manifests, to be changed by a test."""
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    return tmp_path / "manifests"


# As much of KServe's release as the platform's step changes: keys of its ConfigMap, and what is
# left out (kserve/kserve: install/v0.21.0/kserve.yaml).
RELEASE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: inferenceservice-config, namespace: kserve}
data:
  deploy: '{"defaultDeploymentMode": "Knative"}'
  ingress: '{"enableGatewayApi": false, "ingressDomain": "example.com", "urlScheme": "http"}'
  storageInitializer: '{"image": "kserve/storage-initializer:v0.21.0"}'
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: kserve-controller-manager, namespace: kserve}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llmisvc-controller-manager, namespace: kserve}
---
apiVersion: serving.kserve.io/v1alpha1
kind: ClusterStorageContainer
metadata: {name: default}
"""


@pytest.mark.parametrize(
    ("step", "domain"),
    [
        ("platform/05-kserve", "models.localhost"),
        ("overlays/production/kserve", "models.example.com"),
    ],
)
def test_kserve_gets_its_domain_and_keeps_what_else_it_has(
    copied: Path, step: str, domain: str
) -> None:
    """With the release's place taken by a part of it, for it lies on the network."""
    path = copied / "platform" / "05-kserve" / "kustomization.yaml"
    text = path.read_text(encoding="utf-8")
    # The release names its namespace and does not make it.
    own, address = yaml.safe_load(text)["resources"]
    assert own == "namespace.yaml"
    path.write_text(text.replace(address, "release.yaml"), encoding="utf-8")
    (path.parent / "release.yaml").write_text(RELEASE, encoding="utf-8")
    documents = load(render(copied / step))
    named = ["Namespace/kserve", KSERVE, "Deployment/kserve-controller-manager"]
    assert [title(d) for d in documents] == named
    documents = documents[1:]
    given = yaml.safe_load(
        (MANIFESTS / step / "inferenceservice-config.yaml").read_text(encoding="utf-8")
    )
    assert documents[0]["metadata"]["namespace"] == given["metadata"]["namespace"]
    data = documents[0]["data"]
    assert data["storageInitializer"] == '{"image": "kserve/storage-initializer:v0.21.0"}'
    assert data["deploy"] == '{"defaultDeploymentMode": "Standard"}'
    assert data["ingress"] == given["data"]["ingress"]
    assert gateways.ingress(documents)["ingressDomain"] == domain


def test_ingress_of_production_differs_from_kinds_in_domain_and_scheme_alone() -> None:
    here, there = (gateways.ingress(everything(name)) for name in ("production", "kind"))
    assert {key for key in here | there if here.get(key) != there.get(key)} == {
        "ingressDomain",
        "urlScheme",
    }


def test_production_says_how_it_is_applied() -> None:
    """KServe's step first, and never its ConfigMap alone under kubectl's own name."""
    folder = ROOT / "manifests" / "overlays" / "production"
    text = (folder / "kustomization.yaml").read_text(encoding="utf-8")
    commands = [line.removeprefix("#   ") for line in text.splitlines() if "   kubectl" in line]
    assert commands[:3] == [
        "kubectl apply --server-side -k manifests/overlays/production/kserve",
        # Its webhook refuses our ServingRuntimes until it answers.
        "kubectl -n kserve wait --for=condition=Available --timeout=5m"
        " deployment/kserve-controller-manager",
        "kubectl apply --server-side -k manifests/overlays/production",
    ]
    step = (folder / "kserve" / "kustomization.yaml").read_text(encoding="utf-8")
    assert f"#   {commands[0]}\n" in step
    path = gateways.CONFIGS["production"].relative_to(ROOT)
    by_hand = "kubectl -n kserve patch configmap inferenceservice-config --type=merge --patch-file"
    assert f"#   {by_hand}={path}\n" in step
    # In the overlay itself the ConfigMap would be the whole of what kubectl applies to it.
    assert KSERVE not in {title(document) for document in overlay("production")}
