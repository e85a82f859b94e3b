"""Deployments of what was never held against what is served: another run came in between."""

from datetime import UTC, datetime, timedelta

import pytest

from components.champion import Champion
from components.deploy.kserve.journal import Journal
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.variants import good_of, version_of
from components.errors import DeployError
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    NAME,
    Bundles,
    deploy,
    expire_lease,
    go_back,
    record,
    recorded,
    service_of,
)


def looked_up(version: int | None) -> Champion:
    """The champion as a run finds it now."""
    return Champion(version=version, at=datetime.now(UTC))


def long_ago() -> datetime:
    """When a run began that had the time to crown what it brought, if it was to live."""
    return datetime.now(UTC) - timedelta(minutes=6)


def served_for_long(version: int) -> None:
    """Notes that a version has been in service for longer than a run takes to crown it."""
    record(Journal(version=version, newest=version, since=long_ago()))


def test_run_that_another_one_overtook_leaves_what_that_brought(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1), compared=looked_up(None))
    slow = quick = looked_up(1)
    deploy(bundles.release(2), compared=quick)
    before = service_of(cluster)
    said = r"version 3 of 'fares' is not deployed: version 2 came into service at 20.*\(version 1\)"
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(3), compared=slow)
    assert service_of(cluster) == before
    assert cluster.serving(NAME) == {2}
    # The pipeline, run again, compares with what is served.
    deploy(bundles.release(3), compared=looked_up(2))
    assert cluster.serving(NAME) == {3}
    assert cluster.outages(NAME) == []


def test_two_first_runs_leave_the_model_of_the_first(cluster: Cluster, bundles: Bundles) -> None:
    both = looked_up(None)
    deploy(bundles.release(1), compared=both)
    with pytest.raises(DeployError, match=r"looked up its champion \(none\)"):
        deploy(bundles.release(2), compared=both)
    assert cluster.serving(NAME) == {1}


def test_run_that_a_rollback_overtook_leaves_what_was_rolled_back_to(
    plain: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    compared = looked_up(2)
    go_back(bundles.release(1))
    with pytest.raises(DeployError, match="version 1 came into service"):
        deploy(bundles.release(3), compared=compared)
    assert plain.serving(NAME) == {1}


def test_run_replaces_its_champion_also_where_that_was_away_meanwhile(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    compared = looked_up(1)
    deploy(bundles.release(2))
    go_back(bundles.release(1))
    deploy(bundles.release(3), compared=compared)
    assert cluster.serving(NAME) == {3}


def test_version_that_was_served_before_and_never_crowned_is_replaced(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    # The registry never heard of 2: the run that brought it was ended before it could crown it.
    served_for_long(2)
    deploy(bundles.release(3), compared=looked_up(1))
    assert cluster.serving(NAME) == {3}


def test_run_that_looked_up_the_champion_before_the_served_one_was_crowned_leaves_that(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    # The other run's crown has not come to its turn yet.
    with pytest.raises(DeployError, match=r"UTC, by .*, just before this run .* \(version 1\)"):
        deploy(bundles.release(3), compared=looked_up(1))
    assert cluster.serving(NAME) == {2}


def test_failure_meanwhile_is_no_overtaking(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    compared = looked_up(1)
    cluster.behave(2, "crashing")
    with pytest.raises(DeployError, match="was put back, version 1 is served"):
        deploy(bundles.release(2), compared=compared)
    deploy(bundles.release(3), compared=compared)
    assert cluster.serving(NAME) == {3}


def test_failure_meanwhile_forgets_no_overtaking(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    slow = looked_up(1)
    deploy(bundles.release(2))
    cluster.behave(3, "crashing")
    with pytest.raises(DeployError, match="was put back, version 2 is served"):
        deploy(bundles.release(3), compared=looked_up(2))
    cluster.behave(3, "ready")
    with pytest.raises(DeployError, match="version 2 came into service"):
        deploy(bundles.release(3), compared=slow)
    assert cluster.serving(NAME) == {2}


def test_deployment_that_was_killed_as_it_arrived_has_overtaken_too(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    good, compared = good_of(service_of(cluster)), looked_up(1)
    deploy(bundles.release(2))
    # As it stands between the promotion and the note of it.
    moved = Journal(phase="moving", version=2, newest=1, good=good, at=datetime.now(UTC))
    record(moved)
    expire_lease(cluster)
    with pytest.raises(DeployError, match="version 2 came into service"):
        deploy(bundles.release(3), compared=compared)
    assert cluster.serving(NAME) == {2}


def test_deployment_that_was_killed_as_it_arrived_long_before_has_not_overtaken(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    good = good_of(service_of(cluster))
    deploy(bundles.release(2))
    # Nobody noted its arrival until now.
    moved = Journal(phase="moving", version=2, newest=1, good=good, at=long_ago())
    record(moved)
    expire_lease(cluster)
    deploy(bundles.release(3), compared=looked_up(1))
    assert cluster.serving(NAME) == {3}


def test_killed_deployment_leaves_on_record_since_when_it_moved(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    before = datetime.now(UTC)

    def cut(call: Call) -> str | None:
        return "drop" if version_of(service_of(cluster)["spec"]["predictor"]) == 2 else None

    cluster.api.on_call(cut, moment="arrived")
    with pytest.raises(DeployError):
        deploy(bundles.release(2), pace=Pace(poll_s=0.005, ready_s=30, retry_s=0.0001))
    cluster.api.on_call(None)
    expire_lease(cluster)
    left = recorded()
    assert left.phase == "moving"
    assert left.at is not None
    assert before < left.at < datetime.now(UTC)


def test_what_an_older_kubeloop_noted_is_no_reason_to_refuse(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    compared = looked_up(None)
    deploy(bundles.release(2))
    record(Journal(version=2, newest=2))
    deploy(bundles.release(3), compared=compared)
    assert cluster.serving(NAME) == {3}
