"""Deployments beside what people do by hand: `kubeloop render | kubectl apply`, a deleted Lease."""

from typing import Any

import pytest

from components.deploy.inference_service import render
from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import INFERENCE_SERVICES
from components.deploy.kserve.pace import Pace
from components.errors import DeployError
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    Bundles,
    check_served,
    deploy,
    go_back,
    kill_at_first_change,
    service_of,
    spec,
)
from tests.serving import wait_for


def rendered(version: int) -> dict[str, Any]:
    """What `kubeloop render` prints of a version."""
    address = f"s3://mlpipeline/{version}"
    return render(spec(), version=version, storage_uri=address, runtime="onnx", namespace=NAMESPACE)


def apply_by_hand(cluster: Cluster, version: int) -> None:
    """Applies that, and waits until it serves."""
    connect().apply(INFERENCE_SERVICES, NAMESPACE, NAME, rendered(version))
    assert wait_for(lambda: cluster.serving(NAME) == {version})


@pytest.fixture
def killed_first(cluster: Cluster, bundles: Bundles) -> Cluster:
    """A cluster in which the first deployment, of version 1, was killed before it made anything."""
    kill_at_first_change(cluster, bundles.release(1), "arrived")
    return cluster


def test_what_was_applied_after_a_killed_first_deployment_is_put_back(
    killed_first: Cluster, bundles: Bundles
) -> None:
    apply_by_hand(killed_first, 2)
    killed_first.behave(3, "unpullable")
    with pytest.raises(DeployError, match="was put back, version 2 is served"):
        deploy(bundles.release(3))
    killed_first.settle()
    assert killed_first.serving(NAME) == {2}
    assert killed_first.outages(NAME) == []


def test_what_was_applied_after_a_killed_first_deployment_is_replaced(
    killed_first: Cluster, bundles: Bundles
) -> None:
    apply_by_hand(killed_first, 2)
    deploy(bundles.release(3))
    check_served(killed_first, 3)


def test_killed_first_deployment_that_is_run_again_leaves_a_newer_one_that_was_applied(
    killed_first: Cluster, bundles: Bundles
) -> None:
    apply_by_hand(killed_first, 2)
    with pytest.raises(DeployError, match="version 2 was in service already"):
        deploy(bundles.release(1))
    assert killed_first.serving(NAME) == {2}
    assert killed_first.outages(NAME) == []


def test_what_is_applied_while_the_first_version_comes_up_stays(
    cluster: Cluster, bundles: Bundles
) -> None:
    cluster.behave(1, "crashing")

    def replace(call: Call) -> None:
        if call.resource == "pods" and cluster.api.list("InferenceService", NAMESPACE):
            cluster.api.on_call(None)
            cluster.api.put(service_of(cluster) | {"spec": rendered(2)["spec"]})

    cluster.api.on_call(replace, moment="answered")
    with pytest.raises(DeployError, match="was put back, version 2 is served"):
        deploy(bundles.release(1), pace=Pace(poll_s=0.005, ready_s=2, grace_s=1, retry_s=0.01))
    assert wait_for(lambda: cluster.serving(NAME) == {2})


def test_late_run_of_a_version_that_was_applied_and_rolled_back_changes_nothing(
    cluster: Cluster, bundles: Bundles
) -> None:
    apply_by_hand(cluster, 2)
    go_back(bundles.release(1))
    with pytest.raises(DeployError, match="it was, and was rolled back, in service already"):
        deploy(bundles.release(2))
    check_served(cluster, 1)


def test_late_run_after_the_lease_was_deleted_and_a_rollback_changes_nothing(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    cluster.api.remove("Lease", f"kubeloop-{NAME}", NAMESPACE)
    go_back(bundles.release(1))
    with pytest.raises(DeployError, match="it was, and was rolled back, in service already"):
        deploy(bundles.release(2))
    check_served(cluster, 1)


def test_first_version_that_is_deleted_while_it_comes_up_is_said_to_be(
    cluster: Cluster, bundles: Bundles
) -> None:
    asked: list[Call] = []

    def delete(call: Call) -> None:
        if call.resource == "services":
            asked.append(call)
        # After the golden rows it is looked at once more.
        if asked and call.resource == "inferenceservices":
            cluster.api.on_call(None)
            cluster.api.remove("InferenceService", NAME, NAMESPACE)

    cluster.api.on_call(delete, moment="arrived", verbs=["get"])
    said = "was deleted while its version came up: run the deployment again"
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(1))
    deploy(bundles.release(1))
    assert cluster.serving(NAME) == {1}
