"""The InferenceService of one model, held against the kserve client's own models."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from components.deploy.inference_service import render
from components.deploy.kserve.variants import ANNOTATIONS, LABELS
from components.errors import SpecError
from components.spec import Spec, parse
from tests.bundles import GOLDEN, build
from tests.serving import Collector, ServerProcess, wait_for

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "manifests" / "base" / "serving" / "inference-service.yaml"
URI = "s3://mlpipeline/v2/artifacts/kubeloop-training/run/package/bundle"
RENDER = """\
import components.deploy.inference_service as module
from components.spec import parse
spec = parse("{name: a, task: binary, source: b.csv, target: c}")
service = module.render(spec, version=1, storage_uri="s3://x/y", runtime="onnx")
print(module.__file__, service["kind"])
"""


def spec_of(**serve: Any) -> Spec:
    document = {
        "name": "telco-churn",
        "task": "binary",
        "source": "rows.csv",
        "target": "left",
        "serve": serve,
    }
    return parse(json.dumps(document))


def rendered(spec: Spec | None = None, **changes: Any) -> dict[str, Any]:
    arguments = {"version": 3, "storage_uri": URI, "runtime": "onnx", **changes}
    return render(spec or spec_of(), **arguments)


def lost(given: Any, kept: Any, path: str = "") -> list[str]:
    if not isinstance(given, dict):
        return [] if given == kept else [path]
    found = kept if isinstance(kept, dict) else {}
    return [
        name
        for key, value in given.items()
        for name in lost(value, found.get(key), f"{path}.{key}")
    ]


def through_client(service: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is left of a document after the kserve client has read and written it."""
    import kserve
    from kubernetes.client import ApiClient, models

    for name in vars(kserve):
        if name.startswith("V1"):
            monkeypatch.setattr(models, name, vars(kserve)[name], raising=False)
    client = ApiClient()
    read = client.deserialize(
        SimpleNamespace(data=json.dumps(service)), kserve.V1beta1InferenceService
    )
    return client.sanitize_for_serialization(read)


@pytest.mark.parametrize("runtime", ["onnx", "skops"])
@pytest.mark.parametrize("most", [1, 5])
def test_render_loses_nothing_in_the_kserve_client(
    monkeypatch: pytest.MonkeyPatch, runtime: str, most: int
) -> None:
    spec = spec_of(replicas={"min": 1, "max": most}, cpu="2", memory="1.5Gi")
    service = rendered(spec, runtime=runtime, monitor="http://monitor.other:9091")
    assert lost(service, through_client(service, monkeypatch)) == []


def test_client_loses_a_key_that_kserve_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    service = rendered()
    service["spec"]["predictor"]["model"]["storageURI"] = URI
    kept = through_client(service, monkeypatch)
    assert lost(service, kept) == [".spec.predictor.model.storageURI"]


def test_render_says_what_the_spec_and_the_registry_say() -> None:
    spec = spec_of(replicas={"min": 2, "max": 7}, cpu="750m", memory="1Gi")
    service = rendered(spec, namespace="models")
    assert (service["apiVersion"], service["kind"]) == (
        "serving.kserve.io/v1beta1",
        "InferenceService",
    )
    metadata, predictor = service["metadata"], service["spec"]["predictor"]
    assert (metadata["name"], metadata["namespace"]) == ("telco-churn", "models")
    assert metadata["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert predictor["labels"]["app.kubernetes.io/version"] == "3"
    assert predictor["annotations"]["kubeloop/version"] == "3"
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 7)
    size = {"cpu": "750m", "memory": "1Gi"}
    assert predictor["model"]["resources"] == {"requests": size, "limits": size}
    assert predictor["model"]["storageUri"] == URI
    assert predictor["model"]["args"] == ["--version=3"]


def test_render_of_another_version_changes_nothing_that_goes_to_all_pods() -> None:
    """KServe copies annotations and labels of the InferenceService to the pods of each variant."""
    first, second = (rendered(version=version)["metadata"] for version in (1, 2))
    assert first == second
    assert set(first["annotations"]) == set(ANNOTATIONS)
    assert set(first["labels"]) == set(LABELS)


def test_render_leaves_no_placeholder_of_the_template() -> None:
    text = yaml.safe_dump(rendered())
    template = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    placeholders = [
        template["metadata"]["name"],
        template["spec"]["predictor"]["model"]["storageUri"],
    ]
    assert placeholders == ["model-name", "s3://bucket/bundle"]
    assert [placeholder for placeholder in placeholders if placeholder in text] == []


def test_render_keeps_what_all_models_share() -> None:
    template = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))["spec"]["predictor"]
    predictor = rendered()["spec"]["predictor"]
    own = {"minReplicas", "maxReplicas", "model", "labels", "annotations"}
    shared = {key: value for key, value in template.items() if key not in own}
    assert shared["serviceAccountName"]
    assert {key: predictor[key] for key in shared} == shared


@pytest.mark.parametrize(("runtime", "name"), [("onnx", "kubeloop"), ("skops", "kubeloop-skops")])
def test_render_names_the_runtime_that_is_in_the_manifests(runtime: str, name: str) -> None:
    assert rendered(runtime=runtime)["spec"]["predictor"]["model"]["runtime"] == name
    documents = [
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in TEMPLATE.parent.glob("serving-runtime*.yaml")
    ]
    assert name in {document["metadata"]["name"] for document in documents}


@pytest.mark.parametrize(
    ("least", "most", "expected"), [(1, 3, ("hpa", "cpu", 80)), (2, 2, ("none", None, None))]
)
def test_render_scales_only_where_there_is_something_to_scale(
    least: int, most: int, expected: tuple[str, str | None, int | None]
) -> None:
    service = rendered(spec_of(replicas={"min": least, "max": most}))
    predictor = service["spec"]["predictor"]
    found = (
        service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"],
        predictor.get("scaleMetric"),
        predictor.get("scaleTarget"),
    )
    assert found == expected


def test_render_rewrites_the_name_of_kfps_object_store() -> None:
    service = rendered(storage_uri="minio://mlpipeline/v2/bundle")
    assert service["spec"]["predictor"]["model"]["storageUri"] == "s3://mlpipeline/v2/bundle"


def test_server_takes_the_runtimes_and_the_rendered_arguments(tmp_path: Path) -> None:
    """KServe puts the rendered ones after the runtime's; the server takes the last of each."""
    runtime = yaml.safe_load((TEMPLATE.parent / "serving-runtime.yaml").read_text())
    fitted = build(tmp_path / "models", "binary", name="telco-churn")
    monitor = Collector()
    arguments = [
        *runtime["spec"]["containers"][0]["args"],
        *rendered(monitor=monitor.url)["spec"]["predictor"]["model"]["args"],
    ]
    server = ServerProcess(*(a.replace("/mnt/models", str(fitted.folder)) for a in arguments))
    try:
        assert server.predict("telco-churn", [dict(GOLDEN[0])]).status_code == 200
        events = wait_for(lambda: [event for batch in monitor.batches for event in batch])
        assert 'model_version="3"' in server.client.get("/metrics").text
    finally:
        server.stop()
        monitor.close()
    assert len(events) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 0}, "version 0 is none: expected the registry's number, from 1"),
        ({"runtime": "pickle"}, "runtime 'pickle' is none: expected one of onnx, skops"),
        ({"storage_uri": "/runs/7/bundle"}, "no predictor can read the bundle at '/runs/7/bundle'"),
        ({"storage_uri": "file:///runs/7"}, "no predictor can read the bundle at 'file:///runs/7'"),
    ],
    ids=["version", "runtime", "path", "file"],
)
def test_render_of_what_no_pod_can_serve_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said.replace("(", r"\(")):
        rendered(**changes)


def test_render_twice_gives_two_documents_of_their_own() -> None:
    first = rendered()
    first["spec"]["predictor"]["model"]["resources"]["requests"]["cpu"] = "9"
    first["metadata"]["labels"].clear()
    again = rendered()
    assert again["spec"]["predictor"]["model"]["resources"]["requests"]["cpu"] == "500m"
    assert again["metadata"]["labels"]


def test_wheel_holds_the_template_and_renders_from_it(tmp_path: Path) -> None:
    """Built as `pip` builds it, unpacked where there is no checkout, and run there."""
    command = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", command, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    with zipfile.ZipFile(tmp_path / made.stdout.split()[-1]) as wheel:
        packed = wheel.read("components/deploy/inference-service.yaml")
        wheel.extractall(tmp_path / "installed")
    assert packed == TEMPLATE.read_bytes()
    installed = tmp_path / "installed"
    done = subprocess.run(
        [sys.executable, "-P", "-c", RENDER],
        cwd=installed,
        env={"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        str(installed / "components/deploy/inference_service.py"),
        "InferenceService",
    ]
