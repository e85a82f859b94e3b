"""Champion means what is served, whatever runs and rollbacks come in between."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from components.champion import Champion
from components.errors import DeployError, RegistryError
from components.register.registry import Registry
from tests.kubernetes_api import Cluster
from tests.rollouts import NAME, Bundles, deploy, go_back


@pytest.fixture
def registry(bundles: Bundles, tmp_path: Path) -> Registry:
    """One that has versions 1 to 3."""
    made = Registry(f"sqlite:///{tmp_path / 'registry.db'}")
    for version in (1, 2, 3):
        manifest = bundles.fitted[version].manifest
        made.register(manifest.model_copy(update={"run_id": f"run-{version}"}), f"/{version}")
    return made


class Loop:
    """Runs and rollbacks of one model, as their tasks do them."""

    def __init__(self, registry: Registry, bundles: Bundles) -> None:
        self._registry, self._bundles = registry, bundles

    @property
    def champion(self) -> int | None:
        found = self._registry.champion(NAME)
        return found.number if found else None

    def look_up(self) -> Champion:
        return Champion(at=datetime.now(UTC), version=self.champion)

    def run(self, version: int, compared: Champion) -> None:
        self._registry.succeed(deploy(self._bundles.release(version), compared=compared))

    def roll_back(self, version: int) -> None:
        go_back(self._bundles.release(version))
        self._registry.crown(NAME, version)


@pytest.fixture
def loop(registry: Registry, bundles: Bundles) -> Loop:
    return Loop(registry, bundles)


def test_run_beside_another_one_that_was_rolled_back(cluster: Cluster, loop: Loop) -> None:
    loop.run(1, loop.look_up())
    slow = loop.look_up()
    loop.run(2, loop.look_up())
    loop.roll_back(1)
    loop.run(3, slow)
    assert cluster.serving(NAME) == {3}
    assert loop.champion == 3


def test_run_beside_a_rollback_to_what_serves(cluster: Cluster, loop: Loop) -> None:
    loop.run(1, loop.look_up())
    compared = loop.look_up()
    loop.roll_back(1)
    loop.run(2, compared)
    assert cluster.serving(NAME) == {2}
    assert loop.champion == 2


def test_run_that_looked_up_the_champion_between_another_ones_deploy_and_crown(
    cluster: Cluster, loop: Loop, registry: Registry, bundles: Bundles
) -> None:
    loop.run(1, loop.look_up())
    shown = deploy(bundles.release(2), compared=loop.look_up())
    compared = loop.look_up()
    registry.succeed(shown)
    with pytest.raises(DeployError, match="the two were never compared"):
        loop.run(3, compared)
    assert cluster.serving(NAME) == {2}
    assert loop.champion == 2


def test_rollback_between_deploy_and_crown(
    cluster: Cluster, loop: Loop, registry: Registry, bundles: Bundles
) -> None:
    loop.run(1, loop.look_up())
    shown = deploy(bundles.release(2), compared=loop.look_up())
    loop.roll_back(1)
    with pytest.raises(RegistryError, match="version 2 of 'fares' is not made champion"):
        registry.succeed(shown)
    assert cluster.serving(NAME) == {1}
    assert loop.champion == 1
