"""Versions that crash once they take traffic, on KServe: how they ended is said."""

from typing import Any

import pytest

from components.deploy.kserve.journal import Journal
from components.deploy.kserve.pods import is_ready, restarts
from components.deploy.kserve.variants import good_of
from components.errors import DeployError
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    Bundles,
    deploy,
    names_of_pods,
    record,
    scale_up,
    service_of,
    share_of,
)
from tests.serving import wait_for


@pytest.mark.parametrize("share", [50, 100])
@pytest.mark.parametrize("routed", [False, True], ids=["before-the-route", "after-the-route"])
def test_version_that_crashes_under_traffic_is_put_back(
    cluster: Cluster, bundles: Bundles, share: int, routed: bool
) -> None:
    """Before its route is written too, which KServe does not write for who is not ready."""
    deploy(bundles.release(1))
    crashed: list[Call] = []

    def crash(call: Call) -> str | None:
        if share_of(cluster) != share or service_of(cluster)["spec"]["predictor"]["name"] == "v2":
            return None
        if routed and not crashed and cluster.traffic(NAME).get(2) != share:
            return None
        crashed.append(call)
        cluster.behave(2, "crashing", log=["no memory"], exit_code=3)
        # Nobody learns of a pod that goes down before its status says how.
        return None if _has_ended(cluster, 2) else "drop"

    cluster.api.on_call(crash, moment="arrived", verbs=["get", "list"])
    said = (
        "version 2 of 'fares' did not stand the traffic: pod 'fares-v2-.*': container "
        r"'kserve-container' .* \(exit code 3, Error\).*; its log ends: no memory"
    )
    with pytest.raises(DeployError, match=f"was put back, version 1 is served: {said}"):
        deploy(bundles.release(2), watch_s=0.5)
    cluster.api.on_call(None)
    cluster.settle()
    assert cluster.serving(NAME) == {1}
    assert cluster.traffic(NAME) == {1: 100}


def test_version_that_crashes_once_as_its_traffic_begins_is_put_back(
    cluster: Cluster, bundles: Bundles
) -> None:
    """It is ready again before anybody looks: what tells is that it began anew since its proof."""
    deploy(bundles.release(1))
    crashed: list[Call] = []

    def crash(call: Call) -> str | None:
        if share_of(cluster) != 50:
            return None
        if not crashed:
            crashed.append(call)
            cluster.restart(2, log=["reading a row", "no memory"], exit_code=137)
        # Nobody learns of the route before the pod is as good as new.
        return None if _is_back(cluster, 2) else "drop"

    cluster.api.on_call(crash, moment="arrived", verbs=["get"])
    said = (
        r"container 'kserve-container' crashed and began anew \(exit code 137, OOMKilled\); its "
        r"log ends: reading a row \| no memory"
    )
    with pytest.raises(DeployError, match=f"version 2 .* did not stand the traffic: .*{said}"):
        deploy(bundles.release(2))
    cluster.api.on_call(None)
    assert crashed
    cluster.settle()
    assert cluster.serving(NAME) == {1}
    assert cluster.traffic(NAME) == {1: 100}


def _has_ended(cluster: Cluster, version: int) -> bool:
    """Whether the status of a version's pod says how its container ended."""
    found = [p for p in cluster.api.list("Pod", NAMESPACE) if _is_of(p["metadata"], version)]
    return any("exitCode" in str(pod["status"].get("containerStatuses")) for pod in found)


def _is_back(cluster: Cluster, version: int) -> bool:
    """Whether a version's pods are ready, and one is not in its first life."""
    found = [p for p in cluster.api.list("Pod", NAMESPACE) if _is_of(p["metadata"], version)]
    return any(restarts(pod) for pod in found) and all(is_ready(pod) for pod in found)


def _are_back(cluster: Cluster, version: int) -> bool:
    """Whether a version's pods are ready, and none is in its first life."""
    found = [p for p in cluster.api.list("Pod", NAMESPACE) if _is_of(p["metadata"], version)]
    return all(restarts(pod) and is_ready(pod) for pod in found)


def _is_of(metadata: dict[str, Any], version: int) -> bool:
    return bool(metadata["labels"]["app.kubernetes.io/version"] == str(version))


def test_pod_that_came_for_its_share_and_crashes_once_is_not_passed_over(
    cluster: Cluster, bundles: Bundles
) -> None:
    replicas = {"min": 1, "max": 6}
    deploy(bundles.release(1), replicas=replicas)
    scale_up(cluster, 3)
    first: list[str] = []
    crashed: list[Call] = []

    def crash(call: Call) -> str | None:
        share = share_of(cluster) if cluster.versions(NAME).get(2) else None
        if share == 0 and not first:
            first.extend(name for name in names_of_pods(cluster) if "-v2-" in name)
        if share != 50 and not crashed:
            return None
        if not crashed:
            crashed.append(call)
            cluster.restart(2, but=first)
        return None if share != 50 or _is_back(cluster, 2) else "drop"

    cluster.api.on_call(crash, moment="arrived", verbs=["get"])
    with pytest.raises(DeployError, match="did not stand the traffic: .* crashed and began anew"):
        deploy(bundles.release(2), replicas=replicas)
    cluster.api.on_call(None)
    assert len(first) == 1
    assert crashed
    cluster.settle()
    assert cluster.serving(NAME) == {1}


def test_containers_that_began_anew_before_they_took_traffic_condemn_nobody(
    cluster: Cluster, bundles: Bundles
) -> None:
    """As where the store was away for a moment when the pod came up."""
    replicas = {"min": 1, "max": 6}
    deploy(bundles.release(1), replicas=replicas)
    more = scale_up(cluster, 3)
    seen: set[str] = set()
    held: list[bool] = []

    def restart(call: Call) -> str | None:
        share = share_of(cluster)
        if share == 0:
            there = {name for name in names_of_pods(cluster) if "-v2-" in name}
            if there - seen:
                cluster.restart(2, but=seen)
                seen.update(there)
            return None if not there or _are_back(cluster, 2) else "drop"
        if share == 50 and call.verb == "get" and not held:
            # The route comes late: the candidate is looked at meanwhile.
            held.append(True)
            cluster.pause()
        elif call.verb == "list" and held == [True]:
            held.append(False)
            cluster.resume()
        while share == 100 and more:
            cluster.api.remove("Pod", more.pop(), NAMESPACE)
        return None

    cluster.api.on_call(restart, moment="arrived", verbs=["get", "list"])
    deploy(bundles.release(2), replicas=replicas)
    cluster.api.on_call(None)
    assert held == [True, False]
    assert len(seen) > 1
    cluster.settle()
    assert cluster.serving(NAME) == {2}


def test_version_that_crashes_once_as_it_was_updated_in_place_is_put_back(
    plain: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))

    def crash(call: Call) -> None:
        predictor = service_of(plain)["spec"]["predictor"]
        if call.resource == "services" and _is_of(predictor, 2):
            plain.api.on_call(None)
            # Nobody answers the golden rows before it is ready again.
            plain.restart(2, log=["no memory"])

    plain.api.on_call(crash, moment="answered", verbs=["get"])
    said = "did not stand the traffic: .* crashed and began anew .* log ends: no memory"
    with pytest.raises(DeployError, match=f"was put back, version 1 is served: .*{said}"):
        deploy(bundles.release(2))
    plain.settle()
    assert plain.serving(NAME) == {1}


def test_version_that_was_promoted_by_a_killed_deployment_and_crashes_is_put_back(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    good = good_of(service_of(cluster))
    deploy(bundles.release(2))
    record(Journal(phase="moving", version=2, newest=1, good=good))
    cluster.behave(2, "crashing", log=["no memory"])
    cluster.behave(3, "unpullable")
    assert wait_for(lambda: 2 not in cluster.versions(NAME))
    with pytest.raises(DeployError, match="version 3 of 'fares' was put back, version 1 is served"):
        deploy(bundles.release(3))
    cluster.settle()
    assert cluster.serving(NAME) == {1}
    assert cluster.traffic(NAME) == {1: 100}
    assert set(cluster.versions(NAME)) == {1}
    assert service_of(cluster)["spec"]["predictor"] == good.predictor


def test_stable_version_that_restarts_condemns_nobody(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    looks: list[Call] = []
    after: list[Call] = []

    def restart(call: Call) -> None:
        if call.resource == "httproutes":
            # Not the watch yet, which looks at pods alone.
            looks.clear()
        elif call.resource == "pods" and share_of(cluster) == 50:
            looks.append(call)
            if _is_back(cluster, 1):
                after.append(call)
            # Both versions were looked at twice: what it counts from is known by now.
            if len(looks) == 5:
                cluster.restart(1)

    cluster.api.on_call(restart, moment="answered", verbs=["get", "list"])
    deploy(bundles.release(2), watch_s=2.0)
    cluster.api.on_call(None)
    # At both versions, and one look may be answered just before.
    assert len(after) > 2
    cluster.settle()
    assert cluster.serving(NAME) == {2}
