"""Autoscalers of versions that are gone: KServe leaves them behind, deployment does not."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from components.errors import DeployError
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import NAME, NAMESPACE, PACE, Bundles, check_served, deploy, service_of
from tests.serving import ROOT

KIND = "HorizontalPodAutoscaler"
ROLE = ROOT / "manifests" / "base" / "access" / "role.yaml"


def scalers(cluster: Cluster) -> list[str]:
    cluster.settle()
    return sorted(one["metadata"]["name"] for one in cluster.api.list(KIND, NAMESPACE))


def put_scaler(cluster: Cluster, scaler: str, **owner: Any) -> None:
    """Puts an autoscaler of a version that is gone, as a killed deployment leaves it."""
    labels = {"serving.kserve.io/inferenceservice": NAME, "component": "predictor"}
    metadata: dict[str, Any] = {"name": scaler, "namespace": NAMESPACE, "labels": labels}
    if owner:
        metadata["ownerReferences"] = [
            {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "name": NAME}
            | {"controller": True}
            | owner
        ]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": scaler}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3}
    cluster.api.put(
        {"apiVersion": "autoscaling/v2", "kind": KIND, "metadata": metadata, "spec": spec}
    )


def test_promotion_leaves_one_autoscaler(cluster: Cluster, bundles: Bundles) -> None:
    for version in (1, 2, 3):
        deploy(bundles.release(version))
        assert scalers(cluster) == [f"fares-v{version}-predictor"]
    check_served(cluster, 3)


@pytest.mark.parametrize("behaviour", ["crashing", "erring"])
def test_version_that_fails_leaves_no_autoscaler(
    cluster: Cluster, bundles: Bundles, behaviour: Any
) -> None:
    deploy(bundles.release(1))
    cluster.behave(2, behaviour)
    with pytest.raises(DeployError, match="put back"):
        deploy(bundles.release(2))
    assert scalers(cluster) == ["fares-v1-predictor"]


def test_without_gateway_api_one_autoscaler_is_left(plain: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    assert scalers(plain) == ["fares-predictor"]


def test_autoscalers_that_earlier_deployments_left_are_deleted_and_no_others(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    own = service_of(cluster)["metadata"]["uid"]
    put_scaler(cluster, "fares-v0-predictor", uid=own)
    put_scaler(cluster, "fares-by-hand")
    put_scaler(cluster, "fares-of-another", uid="0f1e", name="fares-too")
    deploy(bundles.release(1))
    assert scalers(cluster) == ["fares-by-hand", "fares-of-another", "fares-v1-predictor"]


def test_autoscaler_is_deleted_after_its_deployment_or_kserve_makes_it_again(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    looks: list[Call] = []
    gone: list[bool] = []

    def be_late(call: Call) -> None:
        """KServe sees that the candidate was taken away when deploy has looked for it twice."""
        if call.verb == "patch" and call.resource == "inferenceservices":
            if "canary" not in service_of(cluster)["spec"]:
                cluster.pause()
        elif call.resource == "deployments" and "canary" not in service_of(cluster)["spec"]:
            looks.append(call)
            if len(looks) == 2:
                cluster.resume()
        elif call.verb == "delete":
            gone.append(cluster.api.get("Deployment", "fares-v2-predictor", NAMESPACE) is None)

    cluster.behave(2, "unpullable")
    cluster.api.on_call(be_late, moment="done")
    with pytest.raises(DeployError, match="put back"):
        deploy(bundles.release(2), pace=replace(PACE, grace_s=30.0, ready_s=0.3))
    cluster.api.on_call(None)
    assert len(looks) >= 2
    assert gone == [True]
    assert scalers(cluster) == ["fares-v1-predictor"]


def test_deployment_that_stays_keeps_its_autoscaler_for_the_next_to_delete(
    cluster: Cluster, bundles: Bundles, caplog: pytest.LogCaptureFixture
) -> None:
    """As where KServe's controller is down."""
    deploy(bundles.release(1))

    def be_down(call: Call) -> None:
        if "canary" not in service_of(cluster)["spec"]:
            cluster.pause()

    cluster.behave(2, "unpullable")
    cluster.api.on_call(be_down, moment="done", verbs=["patch"])
    with pytest.raises(DeployError, match="put back"):
        deploy(bundles.release(2))
    cluster.api.on_call(None)
    assert "Deployment is not gone after 0.2 s name=fares-v2-predictor" in caplog.text
    cluster.resume()
    assert scalers(cluster) == ["fares-v1-predictor", "fares-v2-predictor"]
    deploy(bundles.release(1))
    assert scalers(cluster) == ["fares-v1-predictor"]


def test_fixed_number_of_pods_has_no_autoscaler(cluster: Cluster, bundles: Bundles) -> None:
    replicas = {"min": 1, "max": 1}
    deploy(bundles.release(1), replicas=replicas)
    deploy(bundles.release(2), replicas=replicas)
    assert scalers(cluster) == []
    check_served(cluster, 2)


@pytest.mark.parametrize("verb", ["list", "delete"])
def test_older_role_fails_no_deployment_and_the_log_names_the_mend(
    cluster: Cluster, bundles: Bundles, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    rules = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["rules"]
    for rule in rules:
        if rule["resources"] == ["horizontalpodautoscalers"]:
            rule["verbs"].remove(verb)
    cluster.api.permit(rules, namespace=NAMESPACE)
    deploy(bundles.release(1))
    deploy(bundles.release(2))
    check_served(cluster, 2)
    assert scalers(cluster) == ["fares-v1-predictor", "fares-v2-predictor"]
    assert "autoscalers of earlier versions may be left: cannot " in caplog.text
    assert f"grants {verb} on horizontalpodautoscalers in the serving namespace" in caplog.text
