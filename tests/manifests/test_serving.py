"""What every predictor shares, and the template that deploy completes."""

import copy

import pytest
import yaml

from tests.manifests.pods import predictor
from tests.manifests.rendered import (
    MANIFESTS,
    OVERLAYS,
    TEMPLATE,
    Document,
    needs_kubectl,
    of_kind,
    overlay,
    template,
)


def runtimes(name: str = "kind") -> dict[str, Document]:
    return {r["metadata"]["name"]: r for r in of_kind(overlay(name), "ServingRuntime")}


def test_inference_service_names_its_mode() -> None:
    assert template()["metadata"]["annotations"] == {"serving.kserve.io/deploymentMode": "Standard"}


def test_inference_service_is_in_no_kustomization() -> None:
    """Applying an overlay must not reset a live model."""
    listed = [
        path
        for path in MANIFESTS.rglob("kustomization.yaml")
        if TEMPLATE.name in yaml.safe_load(path.read_text(encoding="utf-8")).get("resources", [])
    ]
    assert listed == []


@needs_kubectl
@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay_holds_no_inference_service(name: str) -> None:
    rendered = [d for d in overlay(name) if d["metadata"]["name"] != "model-name"]
    assert list(of_kind(rendered, "InferenceService")) == []


@needs_kubectl
def test_template_names_a_runtime_and_parts_that_are_there() -> None:
    model = template()["spec"]["predictor"]["model"]
    runtime = runtimes()[model["runtime"]]
    assert model["modelFormat"] in runtime["spec"]["supportedModelFormats"]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
    (container,) = of_kind(overlay("kind"), "ClusterStorageContainer")
    given = template()["spec"]["predictor"]["storageContainerName"]
    assert container["metadata"]["name"] == given


@needs_kubectl
def test_runtimes_differ_in_name_and_image_alone() -> None:
    onnx, skops = runtimes()["kubeloop"], runtimes()["kubeloop-skops"]
    same = copy.deepcopy(skops)
    same["metadata"]["name"] = onnx["metadata"]["name"]
    same["spec"]["containers"][0]["image"] = onnx["spec"]["containers"][0]["image"]
    assert same == onnx
    assert onnx["spec"]["containers"][0]["image"] == "kubeloop/serve:0.1.0"
    assert skops["spec"]["containers"][0]["image"] == "kubeloop/serve:0.1.0-skops"


@needs_kubectl
def test_predictor_is_ready_when_its_model_is() -> None:
    """KServe fills {{.Name}} in; /v2/health/ready is true before there is a model."""
    documents = overlay("kind")
    pod = predictor(documents, runtimes()["kubeloop"], template())
    probe = pod.spec["containers"][0]["readinessProbe"]["httpGet"]
    assert probe == {"path": "/v2/models/{{.Name}}/ready", "port": "http"}


@needs_kubectl
def test_predictor_gets_arguments_that_the_server_knows() -> None:
    """KServe appends the InferenceService's arguments to the runtime's."""
    documents = overlay("kind")
    pod = predictor(documents, runtimes()["kubeloop"], template())
    (monitor,) = (s for s in of_kind(documents, "Service") if s["metadata"]["name"] == "monitor")
    port = monitor["spec"]["ports"][0]["port"]
    assert pod.spec["containers"][0]["args"] == [
        "--bundle=/mnt/models",
        f"--monitor=http://monitor:{port}",
        "--version=1",
    ]


@needs_kubectl
@pytest.mark.parametrize(
    ("name", "endpoint", "https"),
    [
        ("kind", "seaweedfs.kubeflow:9000", "0"),
        ("production", "s3.eu-central-1.amazonaws.com", "1"),
    ],
)
def test_object_store_is_named_and_its_account_too(name: str, endpoint: str, https: str) -> None:
    documents = overlay(name)
    (secret,) = of_kind(documents, "Secret")
    annotations = secret["metadata"]["annotations"]
    assert annotations["serving.kserve.io/s3-endpoint"] == endpoint
    assert annotations["serving.kserve.io/s3-usehttps"] == https
    accounts = {a["metadata"]["name"]: a for a in of_kind(documents, "ServiceAccount")}
    account = accounts[template()["spec"]["predictor"]["serviceAccountName"]]
    assert account["secrets"] == [{"name": secret["metadata"]["name"]}]
