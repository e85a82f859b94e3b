"""How a version takes over on KServe where another deployment began it, or nothing is watched."""

from dataclasses import replace
from typing import Any

import pytest

from components.deploy.kserve.journal import Journal
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
    go_back,
    record,
    service_of,
)
from tests.serving import wait_for

VERSION = "app.kubernetes.io/version"
HASTY = replace(PACE, retry_s=0.0001)


def given(cluster: Cluster) -> int:
    """Percent that the InferenceService gives its candidate; 0 where it has none."""
    entries = service_of(cluster)["spec"].get("canary") or []
    return int(entries[0]["trafficPercent"]) if entries else 0


def named(cluster: Cluster) -> str:
    """The version that is the stable one by the InferenceService."""
    return str(service_of(cluster)["spec"]["predictor"]["labels"][VERSION])


def strand(cluster: Cluster, bundles: Bundles, share: int, **serve: Any) -> None:
    """Deploys version 2 and cuts it off from the API server once it has that share."""
    cluster.api.on_call(lambda _: "drop" if given(cluster) == share else None, moment="arrived")
    with pytest.raises(DeployError, match="could not be put back"):
        deploy(bundles.release(2), pace=HASTY, **serve)
    cluster.api.on_call(None)
    expire_lease(cluster)


@pytest.mark.parametrize("share", [10, 50, 100])
def test_deployment_that_goes_on_takes_no_share_back(
    cluster: Cluster, bundles: Bundles, share: int
) -> None:
    """What has shown itself under that share has no need to do so under less of it."""
    canary = [10, 50]
    deploy(bundles.release(1))
    strand(cluster, bundles, share, canary=canary)
    assert given(cluster) == share
    shares: list[int] = []
    cluster.api.on_call(
        lambda _: shares.append(given(cluster) if named(cluster) == "1" else 100),
        moment="done",
        verbs=["patch"],
    )
    deploy(bundles.release(2), canary=canary)
    cluster.api.on_call(None)
    assert shares == sorted(shares)
    assert shares[0] == share
    assert shares[-1] == 100
    check_served(cluster, 2)


def test_promoted_version_that_crashes_before_its_route_is_put_back_at_once(
    cluster: Cluster, bundles: Bundles
) -> None:
    """KServe writes no route to it then, however long that is waited for.

    Its route does not lead to it yet where the stable version was down: nothing shares traffic.
    """
    deploy(bundles.release(1))
    cluster.behave(1, "crashing")
    assert wait_for(lambda: 1 not in cluster.versions(NAME))
    looks: list[Call] = []

    def crash(call: Call) -> None:
        if named(cluster) != "2" or "canary" in service_of(cluster)["spec"]:
            if looks:
                # It is being put back: whatever kept both from working is over.
                cluster.behave(1, "ready")
                cluster.resume()
        elif call.verb == "patch" and not looks:
            cluster.pause()
        elif call.resource == "httproutes":
            looks.append(call)
            if len(looks) == 3:
                crash_pod(cluster, 2)
            elif len(looks) == 100:
                cluster.resume()

    cluster.api.on_call(crash, moment="done", verbs=["get", "patch"])
    said = "version 2 of 'fares' was put back, version 1 is served: .* did not stand the traffic"
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(2))
    cluster.api.on_call(None)
    cluster.settle()
    assert cluster.serving(NAME) == {1}
    assert cluster.traffic(NAME) == {1: 100}


def crash_pod(cluster: Cluster, version: int) -> None:
    """Writes into the status of a version's pod that its container began anew."""
    for pod in cluster.api.list("Pod", NAMESPACE):
        if pod["metadata"]["labels"][VERSION] == str(version):
            for state in pod["status"]["containerStatuses"]:
                state["restartCount"] += 1
            cluster.api.put(pod)


@pytest.mark.parametrize("way", ["cluster", "plain"])
@pytest.mark.parametrize("behaviour", ["erring", "metrics_gone"])
def test_roll_back_to_a_version_that_fails_under_traffic_goes_through(
    request: pytest.FixtureRequest, bundles: Bundles, way: str, behaviour: Any
) -> None:
    """Who rolls back has decided; what serves now may be worse, and is compared with nothing."""
    cluster: Cluster = request.getfixturevalue(way)
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    # Far more than a deployment lets pass, and none of the few golden requests.
    cluster.load(1000)
    cluster.behave(1, behaviour, ratio=0.05)
    proof = go_back(bundles.release(1))
    assert (proof.version, proof.replaced) == (1, 2)
    cluster.behave(1, "ready")
    check_served(cluster, 1)
    cluster.behave(3, behaviour, ratio=0.05)
    with pytest.raises(DeployError, match="version 3 of 'fares' was put back, version 1 is served"):
        deploy(bundles.release(3))


def test_version_that_a_killed_deployment_promoted_counts_as_one_that_was_in_service(
    cluster: Cluster, bundles: Bundles
) -> None:
    """A late retry of it must not undo the rollback that came after."""
    deploy(bundles.release(1))
    good = good_of(service_of(cluster))
    deploy(bundles.release(2))
    record(Journal(phase="moving", version=2, newest=1, good=good))
    go_back(bundles.release(1))
    said = "version 2 of 'fares' is not deployed: it was, and was rolled back"
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(2))
    check_served(cluster, 1)
