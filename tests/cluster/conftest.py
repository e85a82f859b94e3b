"""What the tests of a real cluster stand on; they run on `--cluster` alone, and then never skip."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.installation import Installation, installed


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips by a mark, for which pytest prints one line a file."""
    if config.getoption("--cluster"):
        return
    reason = "needs --cluster, and a KUBECONFIG with the platform and images in it: make cluster-up"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def platform() -> None:
    """A cluster that has everything but Kubeloop's own namespace for the test."""
    from pipelines.cluster.doctor.examination import examine

    if shutil.which("kubectl") is None:
        pytest.fail("--cluster was given, and kubectl is not installed")
    found = examine("", "kubeloop")
    areas = ("cluster", "platform", "kserve")
    problems = [one for one in found.findings if one.state == "wrong" and one.area in areas]
    if problems:
        lines = [line for one in problems for line in one.lines]
        pytest.fail("--cluster was given, and the cluster is not ready:\n" + "\n".join(lines))


@pytest.fixture
def installation(platform: None, tmp_path: Path) -> Iterator[Installation]:
    """Kubeloop in a namespace of the test's own."""
    with installed(f"kubeloop-test-{uuid.uuid4().hex[:8]}", tmp_path) as made:
        yield made
