"""How many pods a deployment asks for: what the traffic needs, and never more for its own sake."""

import pytest

from components.deploy.kserve.journal import Journal
from components.deploy.kserve.variants import good_of
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    Bundles,
    check_served,
    deploy,
    kill_at_first_change,
    record,
    service_of,
)


def asked_for(cluster: Cluster) -> tuple[list[int], list[int]]:
    """Notes the least numbers that the stable version and the candidate are given from now on."""
    stable: list[int] = []
    candidate: list[int] = []

    def look(call: Call) -> None:
        if call.resource == "inferenceservices" and call.verb == "patch":
            spec = service_of(cluster)["spec"]
            stable.append(spec["predictor"]["minReplicas"])
            candidate.extend(entry["predictor"]["minReplicas"] for entry in spec.get("canary", []))

    cluster.api.on_call(look, moment="answered")
    return stable, candidate


@pytest.mark.parametrize("behaviour", ["ready", "slow"])
def test_candidate_of_a_quiet_model_has_as_many_pods_as_the_model(
    cluster: Cluster, bundles: Bundles, behaviour: str
) -> None:
    replicas = {"min": 2, "max": 6}
    deploy(bundles.release(1), replicas=replicas)
    stable, candidate = asked_for(cluster)
    cluster.behave(2, behaviour)
    deploy(bundles.release(2), replicas=replicas, canary=[50])
    cluster.api.on_call(None)
    assert max(candidate) == 2
    # As many more as the candidate has, which KServe takes away again.
    assert max(stable) == 4
    check_served(cluster, 2)


def test_way_back_that_is_cut_off_again_and_again_asks_for_no_more_pods_each_time(
    cluster: Cluster, bundles: Bundles
) -> None:
    replicas = {"min": 2, "max": 3}
    deploy(bundles.release(1), replicas=replicas)
    good = good_of(service_of(cluster))
    deploy(bundles.release(2), replicas=replicas)
    record(Journal(phase="restoring", version=2, newest=1, good=good))
    sizes = []
    for _ in range(3):
        kill_at_first_change(cluster, bundles.release(3), "done")
        promoted = service_of(cluster)["spec"]["predictor"]
        sizes.append((promoted["name"], promoted["minReplicas"], promoted["maxReplicas"]))
    assert sizes == [("v2", 4, 4)] * 3
    deploy(bundles.release(3), replicas=replicas)
    check_served(cluster, 3)
