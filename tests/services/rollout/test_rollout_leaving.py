"""What a deployment waits for before it is done with a version: requests, routes and pods."""

from dataclasses import replace

import pytest

from components.deploy.kserve.journal import Journal
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.variants import good_of
from components.errors import DeployError
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    PACE,
    Bundles,
    check_served,
    deploy,
    expire_lease,
    names_of_pods,
    record,
    scale_up,
    service_of,
    share_of,
)

# Far more than the watch reads, and far less than `DRAINING` has time for.
SCRAPES = 25
DRAINING = replace(PACE, drain_s=30.0)


def linger(cluster: Cluster, version: int, *, share: int) -> None:
    """Has clients ask a version itself from when version 2 has that share of the traffic."""

    def begin(call: Call) -> None:
        if share_of(cluster) == share:
            cluster.api.on_call(None)
            cluster.linger(version, SCRAPES)

    cluster.api.on_call(begin, moment="answered", verbs=["patch"])


def test_version_that_was_replaced_stays_until_nobody_asks_it(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    linger(cluster, 1, share=100)
    deploy(bundles.release(2), pace=DRAINING)
    assert cluster.lingering(1) == 0
    check_served(cluster, 2)


def test_candidate_that_is_put_back_stays_until_nobody_asks_it(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    cluster.behave(2, "erring")
    linger(cluster, 2, share=50)
    with pytest.raises(DeployError, match="version 2 .* was put back, .* failed"):
        deploy(bundles.release(2), pace=DRAINING)
    assert cluster.lingering(2) == 0
    check_served(cluster, 1)


def test_promoted_version_that_is_put_back_stays_until_nobody_asks_it(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    good = good_of(service_of(cluster))
    deploy(bundles.release(2))
    record(Journal(phase="restoring", version=2, newest=1, good=good))
    cluster.linger(2, SCRAPES)
    cluster.behave(3, "unpullable")
    with pytest.raises(DeployError, match="version 3 .* was put back, version 1 is served"):
        deploy(bundles.release(3), pace=DRAINING)
    assert cluster.lingering(2) == 0
    check_served(cluster, 1)


def test_promotion_whose_route_cannot_be_seen_is_put_back(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))

    def promoted(call: Call) -> None:
        if call.resource == "inferenceservices" and "canary" not in service_of(cluster)["spec"]:
            cluster.api.on_call(None)
            cluster.api.fail("get", "/httproutes/", status=403)

    cluster.api.on_call(promoted, moment="answered", verbs=["patch"])
    said = "version 2 of 'fares' was put back, version 1 is served: cannot get httproutes"
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(2))
    check_served(cluster, 1)


@pytest.mark.parametrize("way", ["cluster", "plain"])
def test_deployment_ends_after_the_last_pod_of_the_version_before(
    request: pytest.FixtureRequest, bundles: Bundles, way: str
) -> None:
    cluster: Cluster = request.getfixturevalue(way)
    deploy(bundles.release(1))
    (late,) = scale_up(cluster, 1)
    looks: list[Call] = []

    def leave(call: Call) -> None:
        predictor = service_of(cluster)["spec"]["predictor"]
        if predictor["labels"]["app.kubernetes.io/version"] == "2":
            looks.append(call)
        # As a pod whose last requests take their time.
        if len(looks) == 20:
            cluster.api.remove("Pod", late, NAMESPACE)

    cluster.api.on_call(leave, moment="answered", verbs=["list"])
    deploy(bundles.release(2), replicas={"min": 1, "max": 6})
    cluster.api.on_call(None)
    assert len(looks) >= 20
    assert late not in names_of_pods(cluster)


def test_version_that_was_updated_in_place_by_a_killed_deployment_is_not_taken_for_good(
    plain: Cluster, bundles: Bundles
) -> None:
    """Nobody has watched it yet: the version before is what is put back."""
    deploy(bundles.release(1))

    def die(call: Call) -> str | None:
        predictor = service_of(plain)["spec"]["predictor"]
        return "drop" if predictor["labels"]["app.kubernetes.io/version"] == "2" else None

    plain.api.on_call(die, moment="arrived")
    hasty = Pace(poll_s=0.005, sample_s=0.005, ready_s=30, retry_s=0.0001)
    with pytest.raises(DeployError, match="could not be put back"):
        deploy(bundles.release(2), pace=hasty)
    plain.api.on_call(None)
    plain.settle()
    assert plain.serving(NAME) == {2}
    expire_lease(plain)
    plain.behave(3, "unpullable")
    with pytest.raises(DeployError, match="version 3 .* was put back, version 1 is served"):
        deploy(bundles.release(3))
    check_served(plain, 1)
