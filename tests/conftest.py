"""Options of the test run, and what every test may use."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.kubernetes_api import Api, Cluster

# Deadline and health check measure the machine, which others use too; no test is about its speed.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden IR again, then compare"
    )
    parser.addoption("--docker", action="store_true", help="run the tests that need Docker")
    parser.addoption("--cluster", action="store_true", help="run the tests that need a cluster")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Cluster"]:
    """A cluster in memory with KServe, the Gateway API and a namespace `models`, in KUBECONFIG."""
    from tests.kubernetes_api import Cluster

    with Cluster(tmp_path) as made:
        monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig))
        yield made


@pytest.fixture
def kubernetes_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Api"]:
    """The API server of an empty cluster in memory, in KUBECONFIG; nothing runs in it."""
    from tests.kubernetes_api import Api

    api = Api()
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path / "kubeconfig")))
    yield api
    api.close()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB, which only root may mount."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("needs root and the right to mount a tmpfs, to have a disk that fills")
    yield place
    subprocess.run(["umount", str(place)], check=True)
