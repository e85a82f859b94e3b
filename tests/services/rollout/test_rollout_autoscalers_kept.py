"""Autoscalers that deployment leaves alone: others look after them, or they go already."""

from typing import Any

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import AUTOSCALERS
from components.errors import DeployError
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    Bundles,
    check_served,
    deploy,
    service_of,
    share_of,
)

KIND = "HorizontalPodAutoscaler"


def put_scaler(cluster: Cluster, name: str, *, controller: bool, **metadata: Any) -> None:
    """Puts an autoscaler of no predictor there that the InferenceService owns."""
    owner = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "name": NAME}
    owner |= {"uid": service_of(cluster)["metadata"]["uid"]}
    about = {
        "name": name,
        "namespace": NAMESPACE,
        "labels": {"serving.kserve.io/inferenceservice": NAME, "component": "predictor"},
        "ownerReferences": [owner | ({"controller": True} if controller else {})],
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    cluster.api.put(
        {
            "apiVersion": "autoscaling/v2",
            "kind": KIND,
            "metadata": about | metadata,
            "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3},
        }
    )


def scaler(cluster: Cluster, name: str) -> dict[str, Any]:
    """One that is still there."""
    found = cluster.api.get(KIND, name, NAMESPACE)
    assert found is not None
    return found


def deleted(cluster: Cluster) -> list[str]:
    """The autoscalers that somebody asked the API server to delete."""
    calls = [call for call in cluster.api.calls if call.verb == "delete"]
    return [call.name for call in calls if call.resource == "horizontalpodautoscalers"]


def test_autoscaler_that_goes_with_the_model_and_is_not_kserves_stays(
    cluster: Cluster, bundles: Bundles
) -> None:
    """Somebody has Kubernetes delete their own with the InferenceService: its controller is none.

    KServe names itself the controller of what it makes (SetControllerReference).
    """
    deploy(bundles.release(1))
    put_scaler(cluster, "fares-by-hand", controller=False)
    put_scaler(cluster, "fares-v0-predictor", controller=True)
    deploy(bundles.release(2))
    assert sorted(deleted(cluster)) == ["fares-v0-predictor", "fares-v1-predictor"]
    assert scaler(cluster, "fares-by-hand")["spec"]["maxReplicas"] == 3
    check_served(cluster, 2)


def test_autoscaler_that_is_being_deleted_is_not_deleted_again(
    cluster: Cluster, bundles: Bundles
) -> None:
    """Whatever its finalizer waits for: no deployment waits for it, or says that it deleted it."""
    deploy(bundles.release(1))
    name, kept = "fares-v0-predictor", ["backup.example/keeps"]
    put_scaler(cluster, name, controller=True, finalizers=kept)
    uid = scaler(cluster, name)["metadata"]["uid"]
    connect().delete(AUTOSCALERS, NAMESPACE, name, uid)
    assert "deletionTimestamp" in scaler(cluster, name)["metadata"]
    deploy(bundles.release(2))
    assert deleted(cluster) == [name, "fares-v1-predictor"]
    assert scaler(cluster, name)["metadata"]["finalizers"] == kept


def test_autoscaler_is_left_to_who_has_taken_the_lease(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    stolen: list[Call] = []

    def steal(call: Call) -> None:
        # The last look before it would be deleted.
        there = cluster.api.get("Deployment", "fares-v1-predictor", NAMESPACE)
        if call.resource == "deployments" and there is None:
            stolen.append(call)
            lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
            assert lease is not None
            lease["spec"]["holderIdentity"] = "somebody else"
            cluster.api.put(lease)

    cluster.api.on_call(steal, moment="answered", verbs=["get"])
    deploy(bundles.release(2))
    cluster.api.on_call(None)
    assert stolen
    assert deleted(cluster) == []
    check_served(cluster, 2)


def test_deployment_that_could_not_be_put_back_deletes_no_autoscaler(
    cluster: Cluster, bundles: Bundles
) -> None:
    """Whoever does put it back may need what is there."""
    deploy(bundles.release(1))
    put_scaler(cluster, "fares-v0-predictor", controller=True)
    cluster.behave(2, "erring")

    def forbid(_: Call) -> None:
        if share_of(cluster) == 50:
            cluster.api.on_call(None)
            cluster.api.fail("patch", "/inferenceservices", status=403)

    cluster.api.on_call(forbid, moment="answered", verbs=["patch"])
    with pytest.raises(DeployError, match="could not be put back"):
        deploy(bundles.release(2))
    assert deleted(cluster) == []
