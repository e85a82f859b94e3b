"""What a container says that cannot do its work, and how it ends."""

import shutil
from pathlib import Path

import pytest

from tests.bundles import Fitted, build
from tests.containers.engine import IMAGES, Engine
from tests.serving import skops_bundle


@pytest.fixture(scope="module")
def fitted(shared: Path) -> Fitted:
    return build(shared / "onnx", "binary")


@pytest.fixture(scope="module")
def skops(fitted: Fitted, shared: Path) -> Path:
    return skops_bundle(fitted, shared / "skops")


def served(engine: Engine, bundle: Path, target: str = "serve") -> tuple[int, str]:
    return engine.finish(target, volumes=[f"{bundle}:/mnt/models:ro"])


def test_serve_without_a_bundle_says_so(engine: Engine) -> None:
    status, said = engine.finish("serve")
    assert status == 1
    assert "no model bundle at '/mnt/models': bundle.json cannot be read (No such file" in said
    assert "Traceback" not in said


def test_serve_with_an_unreadable_bundle_says_so(
    engine: Engine, fitted: Fitted, shared: Path
) -> None:
    bundle = shared / "unreadable"
    shutil.copytree(fitted.folder, bundle)
    (bundle / "bundle.json").chmod(0o600)
    status, said = served(engine, bundle)
    assert status == 1
    assert "bundle.json cannot be read (Permission denied)" in said
    (bundle / "bundle.json").chmod(0o644)
    (bundle / "model.onnx").chmod(0o600)
    status, said = served(engine, bundle)
    assert status == 1
    assert "unreadable (Permission denied): model.onnx" in said
    assert "Traceback" not in said


def test_serve_without_skops_names_the_tag_that_has_it(engine: Engine, skops: Path) -> None:
    status, said = served(engine, skops)
    assert status == 1
    assert f"serve it from the image {IMAGES['serve-skops']}" in said
    assert "Traceback" not in said


def test_serve_with_skops_tag_serves_a_skops_bundle(
    engine: Engine, fitted: Fitted, skops: Path
) -> None:
    box = engine.start("serve-skops", mounts={str(skops): "/mnt/models:ro"})
    box.await_ready("/v2/models/churn/ready")
    rows = [dict(row) for row in fitted.manifest.golden.rows]
    status, answer = box.ask("POST", "/v1/models/churn:predict", {"instances": rows})
    assert (status, answer) == (200, {"predictions": list(fitted.manifest.golden.labels or ())})


def test_monitor_with_an_unwritable_store_says_so(engine: Engine, shared: Path) -> None:
    folder = shared / "closed"
    folder.mkdir()
    folder.chmod(0o755)
    status, said = engine.finish("monitor", volumes=[f"{folder}:/var/lib/kubeloop"])
    assert status == 1
    assert "'/var/lib/kubeloop/monitor.db'" in said
    assert "Permission denied" in said
    assert "Traceback" not in said
    status, said = engine.finish("monitor")
    assert status == 1
    assert "Read-only file system" in said
    assert "Traceback" not in said
