"""How many pods a version has when it takes its share of the traffic, on KServe."""

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.lease import Lease
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    PACE,
    Bundles,
    check_served,
    deploy,
    expire_lease,
    scale_up,
    share_of,
    strand_at_half,
)


def watch_pods(cluster: Cluster) -> dict[int, list[int]]:
    """How many ready pods version 2 has after each change, by its share of the traffic."""
    seen: dict[int, list[int]] = {}

    def look(call: Call) -> None:
        seen.setdefault(share_of(cluster), []).append(cluster.versions(NAME).get(2, 0))

    cluster.api.on_call(look, moment="answered", verbs=["patch"])
    return seen


def test_version_with_more_pods_than_the_one_before_has_them_before_it_takes_all(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1), replicas={"min": 1, "max": 6})
    seen = watch_pods(cluster)
    deploy(bundles.release(2), replicas={"min": 3, "max": 6})
    cluster.api.on_call(None)
    assert seen[100][0] == 3
    check_served(cluster, 2)


def test_candidate_of_a_killed_deployment_keeps_the_pods_that_it_has(
    cluster: Cluster, bundles: Bundles
) -> None:
    """They are at requests, whatever the stable version is seen to need now."""
    replicas = {"min": 1, "max": 6}
    deploy(bundles.release(1), replicas=replicas)
    more = scale_up(cluster, 3)
    strand_at_half(cluster, bundles.release(2), replicas)
    for name in more:
        cluster.api.remove("Pod", name, NAMESPACE)
    expire_lease(cluster)
    with Lease(connect(), NAMESPACE, NAME, PACE) as lease:
        lease.keep(lease.journal.model_copy(update={"carrying": 0}))
    seen = watch_pods(cluster)
    deploy(bundles.release(2), replicas=replicas)
    cluster.api.on_call(None)
    assert min(seen[50]) == 2
    assert seen[100][0] == 2
    check_served(cluster, 2)
