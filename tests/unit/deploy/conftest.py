"""What the tests share that kill deployments at every call."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.killed import Scenario, Trial, trials
from tests.rollouts import Bundles, build_bundles


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """Two versions of the model."""
    return build_bundles(tmp_path_factory.mktemp("bundles"), (1, 2))


@pytest.fixture
def trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundles: Bundles
) -> Iterator[Callable[[Scenario], Trial]]:
    """Makes a cluster for each deployment that is killed."""
    with trials(tmp_path, monkeypatch, bundles) as make:
        yield make
