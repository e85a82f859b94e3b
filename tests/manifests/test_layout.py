"""How the manifests are laid out: what is where, and what is pinned."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.revision import VERSION
from tests.manifests.rendered import (
    MANIFESTS,
    OVERLAYS,
    ROOT,
    load,
    needs_kubectl,
    overlay,
    render,
    strings,
    title,
)
from tests.manifests.schemas import KUBERNETES

FILES = sorted(MANIFESTS.rglob("*.yaml"))
BASE = [path for path in FILES if path.is_relative_to(MANIFESTS / "base")]
PRODUCTION = MANIFESTS / "overlays" / "production"
TAGS = {
    "kubeloop/pipeline": VERSION,
    "kubeloop/monitor": VERSION,
    "kubeloop/serve": VERSION,
    "kubeloop/serve-skops": f"{VERSION}-skops",
}
STEPS = sorted(path for path in (MANIFESTS / "platform").iterdir() if path.is_dir())
# A tag or a release with a version's digits, and no branch.
PINNED = re.compile(
    r"^https://github\.com/[\w-]+/[\w.-]+"
    r"(/[\w./-]*\?ref=v?\d+\.\d+\.\d+(&timeout=\d+s)?"
    r"|\?ref=v?\d+\.\d+\.\d+(&timeout=\d+s)?"
    r"|/releases/download/v\d+\.\d+\.\d+/[\w.-]+\.yaml)$"
)


def read(path: Path) -> Any:
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    assert len(documents) == 1, f"{path} holds {len(documents)} documents"
    return documents[0]


def kebab(kind: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind).lower()


def remote(step: Path) -> list[str]:
    listed = read(step / "kustomization.yaml")["resources"]
    return [entry for entry in listed if "://" in entry]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(MANIFESTS)))
def test_file_holds_one_resource_and_is_named_for_it(path: Path) -> None:
    document = read(path)
    if path.name == "kustomization.yaml":
        switched = path.parent.name == "monitor-database"
        assert document["kind"] == ("Component" if switched else "Kustomization")
    elif not path.is_relative_to(MANIFESTS / "platform") and path.parent != PRODUCTION / "kserve":
        # Several of one kind in a folder have their names behind it.
        assert re.fullmatch(rf"{kebab(document['kind'])}(-[a-z0-9-]+)?", path.stem)


@pytest.mark.parametrize("path", BASE, ids=lambda path: str(path.relative_to(MANIFESTS)))
def test_base_holds_no_namespace_and_no_tag(path: Path) -> None:
    document = read(path)
    text = path.read_text(encoding="utf-8")
    assert "namespace" not in document.get("metadata", {})
    assert "namespace" not in document
    assert "images" not in document
    for image in re.findall(r"(?m)^\s*(?:- )?image: *(\S+)", text):
        assert ":" not in image, image


@pytest.mark.parametrize("folder", sorted({p.parent for p in FILES}), ids=lambda p: p.name)
def test_kustomization_lists_every_file(folder: Path) -> None:
    listed = (folder / "kustomization.yaml").read_text(encoding="utf-8")
    names = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert {name for name in names if name not in listed} <= {"inference-service.yaml"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay_sets_every_image_to_the_version(name: str) -> None:
    kustomization = read(MANIFESTS / "overlays" / name / "kustomization.yaml")
    assert kustomization["labels"][0]["pairs"] == {"app.kubernetes.io/version": VERSION}
    images = kustomization["images"]
    ours = {i["name"]: i["newTag"] for i in images if i["name"].startswith("kubeloop/")}
    assert ours == TAGS
    # Somebody else's tag may move: a digest beside it says the same image for good, as whoever
    # pushes ours may add one.
    theirs = [i for i in images if not i["name"].startswith("kubeloop/")]
    assert [image["name"] for image in theirs if "digest" not in image] == []
    digests = [image["digest"] for image in images if "digest" in image]
    assert [digest for digest in digests if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest)] == []


@needs_kubectl
def test_overlay_with_digests_pins_every_image_and_keeps_its_tag(tmp_path: Path) -> None:
    """As README says: `digest:` beside `newTag:`, of each image by its name."""
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    file = tmp_path / "manifests" / "overlays" / "production" / "kustomization.yaml"
    kustomization = read(file)
    pins = {}
    for number, image in enumerate(kustomization["images"]):
        image["digest"] = f"sha256:{number:064x}"
        pins[f"{image['newName']}:{image['newTag']}"] = image["digest"]
    file.write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    documents = load(render(file.parent))
    found = {
        text
        for document in documents
        for path, text in strings(document)
        if path.endswith("/image")
    }
    assert found == {f"{image}@{digest}" for image, digest in pins.items()}
    assert len(found) == len(TAGS)


@needs_kubectl
@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay_renders_each_document_once(name: str) -> None:
    names = [(title(d), d["metadata"].get("namespace")) for d in overlay(name)]
    assert len(names) == len(set(names))
    kinds = {d["kind"] for d in overlay(name)}
    assert {"PrometheusRule", "AlertmanagerConfig", "PodMonitor", "NetworkPolicy"} <= kinds


def test_platform_is_numbered_in_apply_order() -> None:
    assert [step.name.split("-")[0] for step in STEPS] == [
        f"{number:02}" for number in range(1, len(STEPS) + 1)
    ]
    order = [step.name.split("-", 1)[1] for step in STEPS]
    # Webhooks need certificates, pipelines their kinds, KServe and the gateway the Gateway API.
    for first, then in (
        ("cert-manager", "kubeflow-pipelines"),
        ("cert-manager", "kserve"),
        ("kubeflow-pipelines-crds", "kubeflow-pipelines"),
        ("envoy-gateway", "kserve"),
        ("kserve", "gateway"),
        ("prometheus-operator", "prometheus"),
    ):
        assert order.index(first) < order.index(then)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_platform_step_is_pinned_and_says_how_it_is_applied(step: Path) -> None:
    assert [address for address in remote(step) if not PINNED.match(address)] == []
    text = (step / "kustomization.yaml").read_text(encoding="utf-8")
    assert f"kubectl apply --server-side -k manifests/platform/{step.name}\n" in text
    assert " wait --for=condition=" in text


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/kubeflow/pipelines/manifests/kustomize?ref=master",
        "https://github.com/kubeflow/pipelines/manifests/kustomize",
        "https://github.com/kserve/kserve/releases/latest/download/kserve.yaml",
    ],
)
def test_address_without_a_version_is_not_pinned(address: str) -> None:
    assert not PINNED.match(address)


def test_platform_versions_are_those_of_the_project() -> None:
    """What the clients in the locks speak to."""
    addresses = {step.name: remote(step) for step in STEPS}
    locks = (ROOT / "docker" / "locks" / "development.txt").read_text(encoding="utf-8")
    assert re.search(r"(?m)^kfp==2\.17\.0 ", locks)
    assert re.search(r"(?m)^kserve==0\.21\.0 ", locks)
    assert "ref=2.17.0" in addresses["03-kubeflow-pipelines"][0]
    assert "/v0.21.0/" in addresses["05-kserve"][0]


def test_kind_config_is_a_pinned_cluster_bound_to_loopback() -> None:
    document = read(ROOT / "kind-config.yaml")
    assert (document["kind"], document["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    for node in document["nodes"]:
        assert node["role"] in ("control-plane", "worker")
        assert re.fullmatch(
            rf"kindest/node:v{re.escape(KUBERNETES)}\.\d+@sha256:[0-9a-f]{{64}}", node["image"]
        )
        for mapping in node["extraPortMappings"]:
            assert mapping["listenAddress"] == "127.0.0.1"


def test_kind_config_leads_to_the_gateway() -> None:
    proxy = read(MANIFESTS / "platform" / "06-gateway" / "envoy-proxy.yaml")
    service = proxy["spec"]["provider"]["kubernetes"]["envoyService"]
    (port,) = service["patch"]["value"]["spec"]["ports"]
    (mapping,) = read(ROOT / "kind-config.yaml")["nodes"][0]["extraPortMappings"]
    assert mapping["containerPort"] == port["nodePort"]
    gateway = read(MANIFESTS / "platform" / "06-gateway" / "gateway.yaml")
    assert [listener["port"] for listener in gateway["spec"]["listeners"]] == [port["port"]]
    config = read(MANIFESTS / "platform" / "05-kserve" / "inferenceservice-config.yaml")
    ingress = yaml.safe_load(config["data"]["ingress"])
    name = f"{gateway['metadata']['namespace']}/{gateway['metadata']['name']}"
    assert ingress["kserveIngressGateway"] == name
    assert ingress["enableGatewayApi"] is True
    assert yaml.safe_load(config["data"]["deploy"]) == {"defaultDeploymentMode": "Standard"}
