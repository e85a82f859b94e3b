"""Clusters in memory for deployments of one model, with and without the Gateway API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes_api import Cluster
from tests.rollouts import Bundles, build_bundles, started


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """Three versions of the model."""
    return build_bundles(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundles: Bundles) -> Iterator[Cluster]:
    """A cluster with the Gateway API, in KUBECONFIG."""
    with started(tmp_path, monkeypatch, bundles) as made:
        yield made


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundles: Bundles) -> Iterator[Cluster]:
    """A cluster without the Gateway API, in KUBECONFIG."""
    with started(tmp_path, monkeypatch, bundles, gateway_api=False) as made:
        yield made
