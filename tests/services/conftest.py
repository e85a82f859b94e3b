"""What tests of a served and registered model share: its bundle, its registry, its cluster."""

from pathlib import Path

import pytest

from components.register.registry import Registry
from tests.bundles import Fitted, build
from tests.deployed import Deployed, empty_registry
from tests.kubernetes_api import Cluster


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """The bundle that every version of the model `churn` is a copy of."""
    return build(tmp_path_factory.mktemp("bundle") / "churn", "binary")


@pytest.fixture(scope="module")
def registry_file(tmp_path_factory: pytest.TempPathFactory, churn: Fitted) -> Path:
    """A registry that knows a model `other`, and nothing of `churn`."""
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    other = churn.manifest.model_copy(update={"name": "other"})
    Registry(f"sqlite:///{path}").register(other, "s3://bucket/other")
    return path


@pytest.fixture
def deployed(cluster: Cluster, registry_file: Path, churn: Fitted, tmp_path: Path) -> Deployed:
    """The model `churn` of which nothing is served or registered yet."""
    return Deployed(cluster, empty_registry(registry_file, tmp_path), churn, tmp_path / "bundles")
