"""The first manifests: what a cluster will read, held against the clients' own models."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "manifests" / "base" / "serving" / "inference-service.yaml"


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(SERVICE.read_text(encoding="utf-8"))
    return document


def test_inference_service_is_what_kserve_knows(
    service: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that the client does not know is lost on the way through its model."""
    import kserve
    from kubernetes.client import ApiClient, models

    for name in vars(kserve):
        if name.startswith("V1"):
            monkeypatch.setattr(models, name, vars(kserve)[name], raising=False)
    client = ApiClient()
    given = SimpleNamespace(data=json.dumps(service["spec"]))
    spec = client.deserialize(given, kserve.V1beta1InferenceServiceSpec)
    assert _lost(service["spec"], client.sanitize_for_serialization(spec)) == []


def _lost(given: Any, kept: Any, path: str = "spec") -> list[str]:
    if not isinstance(given, dict):
        return [] if given == kept else [path]
    found = kept if isinstance(kept, dict) else {}
    return [
        lost
        for key, value in given.items()
        for lost in _lost(value, found.get(key), f"{path}.{key}")
    ]


def test_inference_service_names_its_mode(service: dict[str, Any]) -> None:
    assert service["metadata"]["annotations"] == {"serving.kserve.io/deploymentMode": "Standard"}


def test_inference_service_is_in_no_kustomization() -> None:
    listed = [
        p for p in (ROOT / "manifests").rglob("kustomization.yaml") if SERVICE.name in p.read_text()
    ]
    assert listed == []


def test_kind_config_is_a_cluster_bound_to_loopback() -> None:
    document = yaml.safe_load((ROOT / "kind-config.yaml").read_text(encoding="utf-8"))
    assert (document["kind"], document["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    for node in document["nodes"]:
        assert node["role"] in ("control-plane", "worker")
        for mapping in node["extraPortMappings"]:
            assert mapping["listenAddress"] == "127.0.0.1"


@pytest.mark.parametrize(
    "lock", sorted((ROOT / "docker" / "locks").glob("*.txt")), ids=lambda p: p.stem
)
def test_lock_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    pins = [line for line in text.splitlines() if line[:1].isalnum()]
    assert pins
    assert [pin for pin in pins if "==" not in pin or not pin.endswith("\\")] == []


def test_locks_of_images_are_parts_of_development() -> None:
    folder = ROOT / "docker" / "locks"
    everything = set(_pins(folder / "development.txt"))
    for image in ("pipeline", "serve", "monitor"):
        assert set(_pins(folder / f"{image}.txt")) <= everything


def _pins(lock: Path) -> list[str]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    return [line.split(" ;")[0].rstrip(" \\") for line in lines if line[:1].isalnum()]


def test_dockerfile_copies_only_what_is_there_and_runs_as_nobody() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    assert "# syntax" not in text
    sources = [line.split()[1] for line in text.splitlines() if line.startswith("COPY ")]
    assert [source for source in sources if not list(ROOT.glob(source))] == []
    targets = text.split("\nFROM ")[2:]
    assert len(targets) == 3
    assert [t.splitlines()[0] for t in targets if "USER 65532:65532" not in t] == []
    assert [t.splitlines()[0] for t in targets if "--require-hashes" not in t] == []
