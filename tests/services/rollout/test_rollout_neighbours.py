"""Deployment to KServe among others: other deployments, other people, faults and rights."""

import json
import threading

import pytest
import yaml

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import INFERENCE_SERVICES
from components.deploy.kserve.cluster_resources import Call as Asked
from components.deploy.kserve.lease import Lease, LeaseLostError
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.rollout import Release
from components.errors import DeployError, SpecError
from tests.kubernetes_api import Api, Call, Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    PACE,
    Bundles,
    check_served,
    deploy,
    service_of,
    share_of,
)
from tests.serving import ROOT, wait_for

ROLE = ROOT / "manifests" / "base" / "access" / "role.yaml"


def test_second_deployment_waits_for_the_first(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    done: list[int] = []
    with Lease(connect(), NAMESPACE, NAME, PACE):
        thread = threading.Thread(target=lambda: done.append(deploy(bundles.release(2)).version))
        thread.start()
        asked = len(cluster.api.calls)
        assert wait_for(lambda: len(cluster.api.calls) > asked + 10)
        assert done == []
        assert "mlpipeline/2" not in json.dumps(service_of(cluster)["spec"])
    thread.join(30)
    assert done == [2]
    check_served(cluster, 2)


def test_deployment_that_waits_too_long_names_the_holder(
    cluster: Cluster, bundles: Bundles
) -> None:
    with Lease(connect(), NAMESPACE, NAME, PACE):
        said = r"another deployment of 'fares' goes on: '.*' holds the Lease 'kubeloop-fares'"
        with pytest.raises(DeployError, match=said):
            deploy(bundles.release(1), pace=Pace(poll_s=0.005, queue_s=0.05))


def test_lost_lease_stops_before_the_next_write(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    after: list[Call] = []

    def steal(call: Call) -> None:
        if after:
            after.append(call)
        elif share_of(cluster) == 50:
            lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE)
            assert lease is not None
            lease["spec"]["holderIdentity"] = "somebody else"
            cluster.api.put(lease)
            after.append(call)

    cluster.api.on_call(steal, moment="answered")
    with pytest.raises(LeaseLostError, match="its holder is 'somebody else' now"):
        deploy(bundles.release(2))
    cluster.api.on_call(None)
    assert [call.status for call in after[1:] if call.verb == "update"] == [409]
    assert [call for call in after[1:] if call.verb in ("create", "patch", "delete")] == []
    assert service_of(cluster)["spec"]["canary"][0]["trafficPercent"] == 50


def test_fields_of_others_are_taken_over_in_view_and_their_annotations_stay(
    cluster: Cluster, bundles: Bundles, caplog: pytest.LogCaptureFixture
) -> None:
    deploy(bundles.release(1))
    edited = service_of(cluster)
    edited["metadata"].setdefault("annotations", {})["team"] = "rides"
    edited["spec"]["predictor"]["maxReplicas"] = 9
    api = connect()._transport

    path = INFERENCE_SERVICES.path(NAMESPACE, NAME)
    asked = Asked("update", INFERENCE_SERVICES, NAMESPACE, NAME)
    edited["metadata"].pop("managedFields", None)
    api.ask(asked, "PUT", path, body=edited, query={"fieldManager": "kubectl-edit"})
    deploy(bundles.release(2))
    check_served(cluster, 2)
    assert service_of(cluster)["metadata"]["annotations"]["team"] == "rides"
    assert service_of(cluster)["spec"]["predictor"]["maxReplicas"] == 3
    assert "taking over fields" in caplog.text
    assert "kubectl-edit" in caplog.text


@pytest.mark.parametrize("verb", ["get", "list", "create", "update", "patch", "delete"])
def test_faults_that_pass_are_outlived(cluster: Cluster, bundles: Bundles, verb: str) -> None:
    if verb == "delete":
        # There has to be something that a deployment leaves to be deleted.
        deploy(bundles.release(1))
    # What is acted upon is done: some calls are not made again after it.
    cluster.api.fail(verb, ".", status=429, times=1)
    cluster.api.fail(verb, ".", status=503, acted=True, times=1)
    deploy(bundles.release(2))
    assert cluster.api.unmet() == []
    if verb == "create":
        # A Lease is made once, unless somebody deletes it.
        cluster.api.remove("Lease", f"kubeloop-{NAME}", NAMESPACE)
    cluster.api.fail(verb, ".", status=500, times=1)
    cluster.api.cut(verb, ".", after_bytes=0, acted=False, times=1)
    cluster.api.cut(verb, ".", after_bytes=10, times=1)
    deploy(bundles.release(3))
    assert cluster.api.unmet() == []
    check_served(cluster, 3)


def test_call_that_is_not_granted_names_the_role(cluster: Cluster, bundles: Bundles) -> None:
    rules = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["rules"]
    kept = [rule for rule in rules if rule["resources"] != ["inferenceservices"]]
    cluster.api.permit(kept, namespace=NAMESPACE)
    said = (
        "cannot get inferenceservices.serving.kserve.io 'fares' in namespace 'models': .*forbidden"
        ".*the Role model-deployer .* grants get on inferenceservices"
    )
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(1))


def test_role_grants_the_calls_that_are_made_and_no_others(
    cluster: Cluster, bundles: Bundles
) -> None:
    rules = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["rules"]
    cluster.api.permit(rules, namespace=NAMESPACE)
    cluster.behave(1, "crashing", log=["no memory"])
    with pytest.raises(DeployError, match="no memory"):
        deploy(bundles.release(1))
    cluster.behave(1, "ready")
    deploy(bundles.release(1))
    cluster.behave(2, "erring")
    with pytest.raises(DeployError, match="put back"):
        deploy(bundles.release(2))
    cluster.behave(2, "quota")
    with pytest.raises(DeployError, match="exceeded quota"):
        deploy(bundles.release(2))
    deploy(bundles.release(3))
    check_served(cluster, 3)
    granted = {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    made = {
        (call.group, f"{call.resource}/{call.subresource}".rstrip("/"), call.verb)
        for call in cluster.api.calls
    }
    # Kubernetes asks for it where an apply finds nothing there.
    assert made | {("serving.kserve.io", "inferenceservices", "create")} == granted
    assert {call.namespace for call in cluster.api.calls} == {NAMESPACE}
    assert 403 not in {call.status for call in cluster.api.calls}


def test_cluster_without_kserve_says_so(bundles: Bundles, kubernetes_api: Api) -> None:
    kubernetes_api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    with pytest.raises(DeployError, match="either KServe is not installed in this cluster or"):
        deploy(bundles.release(1))


def test_inference_service_of_somebody_else_is_left_alone(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    other = service_of(cluster)
    other["metadata"]["labels"]["app.kubernetes.io/part-of"] = "shop"
    cluster.api.put(other)
    with pytest.raises(DeployError, match="an InferenceService 'fares' .* Kubeloop did not make"):
        deploy(bundles.release(2))
    assert service_of(cluster)["spec"] == other["spec"]


def test_bundle_without_an_address_is_refused_before_anything_is_asked(cluster: Cluster) -> None:
    with pytest.raises(SpecError, match="version 1 of 'fares' has no address"):
        deploy(Release(1, "", "onnx"))
    assert cluster.api.calls == []
