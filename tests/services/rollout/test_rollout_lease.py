"""Deployment to KServe that is late, cut off or told to end: what serves is never overwritten."""

import signal
import time
from typing import Any

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import LEASES
from components.deploy.kserve.kserve_service import KServeService
from components.deploy.kserve.lease import Lease, LeaseLostError
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.variants import good_of, with_predictor
from components.errors import DeployError
from components.termination import terminable
from tests.children import Child
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
    service_of,
    share_of,
    strand_at_half,
)
from tests.serving import wait_for


def test_first_apply_is_not_repeated_over_a_newer_deployments(
    cluster: Cluster, bundles: Bundles
) -> None:
    """Who is cut off at the first apply for longer than its Lease comes back to another's model."""
    # By its own clock the Lease is its own for long: what is there has to tell it.
    pace = Pace(poll_s=0.005, ready_s=30, retry_s=0.5, lease_s=3600)
    child = Child(lambda: _outcome(bundles, 1, pace))

    def stop(call: Call) -> str | None:
        if call.resource != "inferenceservices" or call.verb != "patch":
            return None
        child.send(signal.SIGSTOP)
        return "drop"

    cluster.api.on_call(stop, moment="arrived")
    child.begin()
    child.await_stop()
    cluster.api.on_call(None)
    expire_lease(cluster)
    deploy(bundles.release(2))
    lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
    child.send(signal.SIGCONT)
    assert child.end() == 3
    check_served(cluster, 2)
    assert cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE) == lease


def _outcome(bundles: Bundles, version: int, pace: Pace) -> int:
    try:
        with terminable():
            deploy(bundles.release(version), pace=pace, watch_s=600.0 if version > 1 else 0.0)
    except LeaseLostError:
        return 3
    except DeployError as exc:
        return 4 if "told to end (SIGTERM)" in str(exc) else 1
    return 0


def _write(service: KServeService, verb: str, found: dict[str, Any]) -> None:
    if verb == "patch":
        service.change(lambda now: with_predictor(now, good_of(now).predictor))
    else:
        service.delete(found)


@pytest.mark.parametrize("verb", ["patch", "delete"])
def test_write_is_not_repeated_where_the_lease_is_in_other_hands(
    cluster: Cluster, bundles: Bundles, verb: str
) -> None:
    deploy(bundles.release(1))
    found, api = service_of(cluster), connect(PACE.patience)
    writes: list[Call] = []
    with Lease(api, NAMESPACE, NAME, PACE) as lease:
        service = KServeService(api, NAMESPACE, NAME, lease=lease, pace=PACE)

        def lose(call: Call) -> str | None:
            if call.resource != "inferenceservices":
                return None
            writes.append(call)
            there = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
            assert there is not None
            there["spec"]["holderIdentity"] = "somebody else"
            cluster.api.put(there)
            lease._renewed -= PACE.lease_s
            return "drop"

        cluster.api.on_call(lose, moment="arrived", verbs=[verb])
        with pytest.raises(LeaseLostError, match="its holder is 'somebody else' now"):
            _write(service, verb, found)
        cluster.api.on_call(None)
    assert len(writes) == 1
    check_served(cluster, 1)


def test_first_apply_whose_answer_was_lost_is_found_done(
    cluster: Cluster, bundles: Bundles
) -> None:
    cluster.api.cut("patch", "inferenceservices", acted=True)
    deploy(bundles.release(1))
    patches = [call for call in cluster.api.calls if call.verb == "patch"]
    assert len(patches) == 1
    check_served(cluster, 1)


def test_outage_for_longer_than_a_renewal_may_take_is_outlived(
    cluster: Cluster, bundles: Bundles
) -> None:
    """A Lease that nobody took is still one's own, however late it is renewed."""
    deploy(bundles.release(1))
    pace = Pace(poll_s=0.01, sample_s=0.01, drain_s=0.05, ready_s=60, retry_s=0.02, lease_s=1.5)
    over: list[float] = []

    def be_away(call: Call) -> str | None:
        if not over and share_of(cluster) == 50:
            over.append(time.monotonic() + 2.0)
        return "drop" if over and time.monotonic() < over[0] else None

    cluster.api.on_call(be_away, moment="arrived")
    deploy(bundles.release(2), pace=pace)
    cluster.api.on_call(None)
    assert over
    check_served(cluster, 2)


def test_deployment_that_is_told_to_end_takes_the_traffic_back(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    child = Child(lambda: _outcome(bundles, 2, PACE))
    child.begin()
    half = wait_for(lambda: cluster.traffic(NAME).get(2) == 50)
    child.send(signal.SIGTERM)
    assert child.end() == 4
    assert half
    check_served(cluster, 1)
    assert "canary" not in service_of(cluster)["spec"]
    lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize("most", [2, 3, 4])
def test_lease_deleted_after_a_kill_leaves_the_stable_version_its_own_bounds(
    cluster: Cluster, bundles: Bundles, most: int
) -> None:
    replicas = {"min": 2, "max": most}
    deploy(bundles.release(1), replicas=replicas)
    strand_at_half(cluster, bundles.release(2), replicas)
    assert service_of(cluster)["spec"]["predictor"]["minReplicas"] > 2
    lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
    assert lease is not None
    connect().delete(LEASES, NAMESPACE, f"kubeloop-{NAME}", lease["metadata"]["uid"])
    cluster.behave(3, "unpullable")
    with pytest.raises(DeployError, match="version 3 of 'fares' was put back"):
        deploy(bundles.release(3), replicas=replicas)
    check_served(cluster, 1)
    predictor = service_of(cluster)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, most)


def test_lease_deleted_beside_a_candidate_of_other_hands_leaves_the_bounds_that_nobody_raised(
    cluster: Cluster, bundles: Bundles
) -> None:
    replicas = {"min": 2, "max": 4}
    deploy(bundles.release(1), replicas=replicas)
    strand_at_half(cluster, bundles.release(2), replicas)
    service = service_of(cluster)
    service["spec"]["predictor"]["minReplicas"] = 2
    cluster.api.put(service)
    lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
    assert lease is not None
    connect().delete(LEASES, NAMESPACE, f"kubeloop-{NAME}", lease["metadata"]["uid"])
    cluster.behave(3, "unpullable")
    with pytest.raises(DeployError, match="version 3 of 'fares' was put back"):
        deploy(bundles.release(3), replicas=replicas)
    check_served(cluster, 1)
    predictor = service_of(cluster)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 4)


def test_deployment_that_goes_on_needs_as_many_pods_as_carried_the_traffic_before(
    cluster: Cluster, bundles: Bundles
) -> None:
    """An autoscaler takes pods from a version that has had a part of the traffic for long."""
    replicas = {"min": 1, "max": 6}
    deploy(bundles.release(1), replicas=replicas)
    more = scale_up(cluster, 3)
    strand_at_half(cluster, bundles.release(2), replicas)
    for name in more:
        cluster.api.remove("Pod", name, NAMESPACE)
    expire_lease(cluster)
    at_all: list[int] = []

    def look(call: Call) -> None:
        if share_of(cluster) == 100:
            at_all.append(cluster.versions(NAME)[2])

    cluster.api.on_call(look, moment="answered", verbs=["patch"])
    deploy(bundles.release(2), replicas=replicas)
    cluster.api.on_call(None)
    assert at_all[0] == 4
    check_served(cluster, 2)
