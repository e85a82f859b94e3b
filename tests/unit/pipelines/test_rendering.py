"""Which version `kubeloop render` takes, asked of a real registry."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.errors import SpecError
from components.register.registry import Registry
from components.spec import Spec, parse
from pipelines.rendering import Wanted, render_service
from tests.bundles import build

STORE = "s3://mlpipeline/v2/artifacts"


@pytest.fixture(scope="module")
def spec() -> Spec:
    return parse("{name: churn, task: binary, source: rows.csv, target: left}")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two versions, the first of which is champion; the second is run by skops."""
    folder = tmp_path_factory.mktemp("registry")
    address = f"sqlite:///{folder / 'registry.db'}"
    manifest = build(folder / "bundle", "binary", name="churn").manifest
    registry = Registry(address)
    for run, runtime in (("run-1", "onnx"), ("run-2", "skops")):
        registered = manifest.model_copy(update={"run_id": run, "runtime": runtime})
        registry.register(registered, f"{STORE}/{run}/bundle")
    registry.crown("churn", 1)
    return address


def rendered(spec: Spec, wanted: Wanted) -> tuple[Any, ...]:
    """Version, place and runtime of what is rendered."""
    service = yaml.safe_load(render_service(spec, wanted, "kubeloop", ""))
    predictor = service["spec"]["predictor"]
    model, version = predictor["model"], predictor["labels"]["app.kubernetes.io/version"]
    return version, model["storageUri"], model["runtime"]


def test_render_by_registry_takes_the_champion(spec: Spec, address: str) -> None:
    expected = ("1", f"{STORE}/run-1/bundle", "kubeloop")
    assert rendered(spec, Wanted(registry=address)) == expected


def test_render_by_registry_takes_the_version_that_was_named(spec: Spec, address: str) -> None:
    expected = ("2", f"{STORE}/run-2/bundle", "kubeloop-skops")
    assert rendered(spec, Wanted(registry=address, version=2)) == expected


def test_render_takes_what_was_said_before_what_the_registry_says(spec: Spec, address: str) -> None:
    said = Wanted(registry=address, storage_uri="s3://copies/churn", runtime="skops")
    assert rendered(spec, said) == ("1", "s3://copies/churn", "kubeloop-skops")


def test_render_without_registry_takes_what_was_said(spec: Spec) -> None:
    said = Wanted(version=4, storage_uri="s3://copies/churn")
    assert rendered(spec, said) == ("4", "s3://copies/churn", "kubeloop")


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        (Wanted(), "--storage-uri and --version missing"),
        (Wanted(version=1), "--storage-uri missing"),
        (Wanted(storage_uri="s3://a/b"), "--version missing"),
    ],
    ids=["both", "place", "version"],
)
def test_render_of_what_nobody_knows_is_refused(spec: Spec, wanted: Wanted, missing: str) -> None:
    with pytest.raises(SpecError, match=missing) as refused:
        render_service(spec, wanted, "kubeloop", "")
    assert "give them, or the --registry that knows its champion" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("churn", 9, "the registry holds no version 9 of 'churn': versions are 2, 1"),
        ("other", None, "the registry holds no champion of 'other': versions are none"),
    ],
)
def test_render_of_what_the_registry_lacks_is_refused(
    spec: Spec, address: str, name: str, version: int | None, said: str
) -> None:
    named = spec.model_copy(update={"name": name})
    with pytest.raises(SpecError, match=said):
        render_service(named, replace(Wanted(registry=address), version=version), "kubeloop", "")


def test_render_of_a_bundle_on_this_machine_is_refused(spec: Spec, tmp_path: Path) -> None:
    fitted = build(tmp_path / "bundle", "binary", name="churn")
    address = f"sqlite:///{tmp_path / 'registry.db'}"
    Registry(address).register(fitted.manifest, str(fitted.folder))
    with pytest.raises(SpecError, match="no predictor can read the bundle at"):
        render_service(spec, Wanted(registry=address, version=1), "kubeloop", "")
