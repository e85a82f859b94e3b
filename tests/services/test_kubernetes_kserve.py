"""The cluster of tests/kubernetes_api: KServe's ways, pods that fail, and pods that answer.

What is held here against KServe's source (pkg/controller/v1beta1/inferenceservice) is what a
deployment relies on.
"""

import http.client
import json
import os
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.client.rest import RESTResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from components.deploy.inference_service import render
from components.spec import parse
from tests.bundles import Fitted, build
from tests.kubernetes_api import Cluster

SPEC = """\
name: churn
task: binary
source: rows.csv
target: left
serve: {replicas: {min: 2, max: 2}}
"""
MODE = "serving.kserve.io/deploymentMode"
ROWS: list[dict[str, Any]] = [{"age": 30, "plan": "basic"}, {"age": 61.5, "plan": None}]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundle") / "bundle", "binary")


def document(version: int = 1, *, least: int = 2) -> dict[str, Any]:
    service = render(
        parse(SPEC), version=version, storage_uri=f"s3://b/{version}", runtime="onnx",
        namespace="models",
    )  # fmt: skip
    service["metadata"]["annotations"].pop("kubeloop/version", None)
    service["spec"]["predictor"] |= {"name": f"v{version}", "minReplicas": least}
    return service


def canary(version: int, percent: int, *, least: int | None = 1) -> dict[str, Any]:
    predictor = document(version)["spec"]["predictor"]
    del predictor["maxReplicas"], predictor["minReplicas"]
    if least is not None:
        predictor["minReplicas"] = least
    return {"predictor": predictor, "trafficPercent": percent}


def apply(cluster: Cluster, resource: dict[str, Any]) -> dict[str, Any]:
    """Applies a resource as a deployment does, and waits until the cluster has done its part."""
    group, kind = resource["apiVersion"], resource["kind"].lower()
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    name = resource["metadata"]["name"]
    response = urllib3.request(
        "PATCH",
        f"{cluster.url}{root}/namespaces/models/{kind}s/{name}?fieldManager=kubeloop-deploy",
        body=json.dumps(resource),
        headers={"Content-Type": "application/apply-patch+yaml"},
        retries=False,
    )
    if response.status >= 400:
        raise ApiException(http_resp=RESTResponse(response))
    cluster.settle()
    found: dict[str, Any] = response.json()
    return found


def served(cluster: Cluster, *canaries: dict[str, Any], least: int = 2) -> dict[str, Any]:
    """Serves version 1, and canaries beside it."""
    service = document(least=least)
    apply(cluster, service)
    if canaries:
        service["spec"]["canary"] = list(canaries)
        apply(cluster, service)
    return service


def isvc(cluster: Cluster) -> dict[str, Any]:
    found = cluster.api.get("InferenceService", "churn", "models")
    assert found is not None
    return found


def conditions(found: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: c["status"] for c in found["status"]["conditions"]}


def pods(cluster: Cluster, version: int) -> list[dict[str, Any]]:
    return [
        pod
        for pod in cluster.api.list("Pod", "models")
        if pod["metadata"]["labels"]["app.kubernetes.io/version"] == str(version)
        and "deletionTimestamp" not in pod["metadata"]
    ]


def names(found: list[dict[str, Any]]) -> set[str]:
    return {one["metadata"]["name"] for one in found}


def ask(address: str, path: str, body: Any = None, host: str = "") -> tuple[int, Any]:
    connection = http.client.HTTPConnection(address, timeout=20)
    headers = {"Host": host} if host else {}
    method = "GET" if body is None else "POST"
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    raw = response.read()
    connection.close()
    plain = response.headers.get_content_type() == "text/plain"
    return response.status, raw.decode() if plain else json.loads(raw)


def address_of(cluster: Cluster, version: int) -> str:
    found = cluster.api.get("Service", f"churn-v{version}-predictor", "models")
    assert found is not None
    return f"{found['spec']['clusterIP']}:{found['spec']['ports'][0]['port']}"


def counted(cluster: Cluster, version: int) -> dict[str, float]:
    """Scrapes the first pod of a version: its requests by code, and its slowest bucket's bound."""
    pod = min(pods(cluster, version), key=lambda pod: pod["metadata"]["name"])
    [port] = [p for p in pod["spec"]["containers"][0]["ports"] if p["name"] == "http"]
    status, text = ask(f"{pod['status']['podIP']}:{port['containerPort']}", "/metrics")
    assert status == 200, text
    samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
    codes = {s.labels["code"]: s.value for s in samples if s.name == "kubeloop_requests_total"}
    [seconds] = [s.value for s in samples if s.name == "kubeloop_request_duration_seconds_sum"]
    return {**codes, "seconds": seconds}


# Versions, canaries, traffic


def test_service_becomes_ready_with_pods_a_service_and_a_route(cluster: Cluster) -> None:
    served(cluster)
    found = isvc(cluster)
    assert conditions(found) == {
        "IngressReady": "True",
        "PredictorReady": "True",
        "Ready": "True",
        "Stopped": "False",
    }
    status = found["status"]
    assert status["url"] == "http://churn-models.models.localhost"
    assert status["address"]["url"] == "http://churn-v1-predictor.models.svc.cluster.local"
    assert status["modelStatus"]["transitionStatus"] == "UpToDate"
    assert status["modelStatus"]["copies"] == {"failedCopies": 0, "totalCopies": 2}
    assert found["metadata"]["finalizers"] == ["inferenceservice.finalizers"]
    [first, second] = pods(cluster, 1)
    assert first["metadata"]["labels"] | {"pod-template-hash": ""} == {
        "app": "isvc.churn-v1-predictor",
        "app.kubernetes.io/component": "serving",
        "app.kubernetes.io/instance": "churn",
        "app.kubernetes.io/name": "predictor",
        "app.kubernetes.io/part-of": "kubeloop",
        "app.kubernetes.io/version": "1",
        "component": "predictor",
        "pod-template-hash": "",
        "serving.kserve.io/inferenceservice": "churn",
    }
    container = first["spec"]["containers"][0]
    assert container["args"] == [
        "--bundle=/mnt/models", "--monitor=http://monitor:9091", "--version=1",
    ]  # fmt: skip
    assert container["readinessProbe"]["httpGet"]["path"] == "/v2/models/churn/ready"
    assert first["status"]["podIP"] != second["status"]["podIP"]
    assert (cluster.versions("churn"), cluster.traffic("churn")) == ({1: 2}, {1: 100})
    assert cluster.serving("churn") == {1}


@pytest.mark.parametrize(("least", "ready"), [(None, False), (1, True)])
def test_canary_at_no_traffic_has_pods_only_by_its_replicas(
    cluster: Cluster, least: int | None, ready: bool
) -> None:
    served(cluster, canary(2, 0, least=least))
    assert (len(pods(cluster, 2)) == 1) == ready
    [state] = isvc(cluster)["status"]["canaryStatuses"]
    assert (state["name"], state["ready"], state["trafficPercent"]) == ("v2", ready, 0)
    assert conditions(isvc(cluster))["CanaryPredictorReady"] == str(ready)
    assert conditions(isvc(cluster))["Ready"] == "True"
    assert cluster.traffic("churn") == {1: 100}


@pytest.mark.parametrize("percent", [10, 50, 100])
def test_canary_takes_its_share_once_it_is_ready(cluster: Cluster, percent: int) -> None:
    served(cluster, canary(2, percent))
    rest = {1: 100 - percent} if percent < 100 else {}
    assert cluster.traffic("churn") == {2: percent, **rest}
    assert cluster.serving("churn") == {2, *rest}
    assert cluster.outages("churn") == []


def test_canary_that_is_not_ready_takes_nothing(cluster: Cluster) -> None:
    cluster.behave(2, "never")
    served(cluster, canary(2, 50))
    assert cluster.traffic("churn") == {1: 100}
    assert len(pods(cluster, 1)) == 2


def test_canary_that_is_ready_takes_replicas_from_the_stable_one(cluster: Cluster) -> None:
    served(cluster, canary(2, 0))
    assert len(pods(cluster, 1)) == 1


def test_autoscaler_keeps_the_pods_within_its_bounds(cluster: Cluster) -> None:
    service = document()
    service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] = "hpa"
    service["spec"]["predictor"]["maxReplicas"] = 5
    apply(cluster, service)
    service["spec"]["canary"] = [canary(2, 0)]
    apply(cluster, service)
    bounds = {
        scaler["metadata"]["name"]: (
            scaler["spec"]["minReplicas"],
            scaler["spec"]["maxReplicas"],
        )
        for scaler in cluster.api.list("HorizontalPodAutoscaler", "models")
    }
    assert bounds == {"churn-v1-predictor": (1, 5), "churn-v2-predictor": (1, 1)}
    assert cluster.versions("churn") == {1: 2, 2: 1}


def test_canary_inherits_what_it_does_not_say(cluster: Cluster) -> None:
    one = canary(2, 0)
    one["predictor"]["model"] = {
        "modelFormat": {"name": "kubeloop"}, "storageUri": "s3://b/2", "args": ["--version=2"],
    }  # fmt: skip
    served(cluster, one)
    [pod] = pods(cluster, 2)
    assert pod["spec"]["serviceAccountName"] == "predictor"
    assert pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == "512Mi"
    assert pod["spec"]["initContainers"][0]["args"] == ["s3://b/2", "/mnt/models"]


def test_promotion_from_all_traffic_restarts_nothing_and_loses_nothing(cluster: Cluster) -> None:
    service = served(cluster, canary(2, 100, least=2))
    before = names(pods(cluster, 2))
    promoted = document(2)
    promoted["metadata"] = service["metadata"]
    apply(cluster, promoted)
    assert names(pods(cluster, 2)) == before
    assert (cluster.versions("churn"), cluster.traffic("churn")) == ({2: 2}, {2: 100})
    assert cluster.outages("churn") == []
    assert cluster.api.get("Service", "churn-v1-predictor", "models") is None
    address = isvc(cluster)["status"]["address"]["url"]
    assert address == "http://churn-v2-predictor.models.svc.cluster.local"


def test_promotion_from_half_the_traffic_loses_the_other_half(cluster: Cluster) -> None:
    service = served(cluster, canary(2, 50))
    promoted = document(2)
    promoted["metadata"] = service["metadata"]
    apply(cluster, promoted)
    assert cluster.traffic("churn") == {2: 100}
    [outage] = cluster.outages("churn")
    assert outage.reason == "Service 'churn-v1-predictor' has no ready pod for 50 %"


def test_annotation_of_the_service_restarts_every_pod_without_a_gap(cluster: Cluster) -> None:
    service = served(cluster, canary(2, 50))
    before = names(pods(cluster, 1)) | names(pods(cluster, 2))
    service["metadata"]["annotations"]["note"] = "new"
    apply(cluster, service)
    after = names(pods(cluster, 1)) | names(pods(cluster, 2))
    assert (len(after), before & after) == (2, set())
    assert cluster.outages("churn") == []


def test_annotation_of_a_canary_restarts_the_canary_alone(cluster: Cluster) -> None:
    service = served(cluster, canary(2, 50))
    first, second = names(pods(cluster, 1)), names(pods(cluster, 2))
    service["spec"]["canary"][0]["predictor"]["annotations"] = {"note": "new"}
    apply(cluster, service)
    assert names(pods(cluster, 1)) == first
    assert names(pods(cluster, 2)) & second == set()


def test_observed_generation_is_the_deployments(cluster: Cluster) -> None:
    service = served(cluster, least=1)
    for percent in (0, 10, 20):
        service["spec"]["canary"] = [canary(2, percent)]
        apply(cluster, service)
    found = isvc(cluster)
    assert (found["metadata"]["generation"], found["status"]["observedGeneration"]) == (4, 1)


def test_new_version_in_place_rolls_without_a_gap(cluster: Cluster) -> None:
    served(cluster)
    changed = document(2)
    changed["spec"]["predictor"]["name"] = "v1"
    apply(cluster, changed)
    assert cluster.versions("churn") == {2: 2}
    assert cluster.outages("churn") == []


def test_new_version_in_place_that_fails_leaves_the_old_one(cluster: Cluster) -> None:
    cluster.behave(2, "crashing")
    served(cluster)
    changed = document(2)
    changed["spec"]["predictor"]["name"] = "v1"
    apply(cluster, changed)
    assert cluster.versions("churn") == {1: 2}
    assert conditions(isvc(cluster))["Ready"] == "True"


def test_service_that_is_deleted_takes_everything_along(cluster: Cluster) -> None:
    served(cluster, canary(2, 50))
    done = subprocess.run(
        ["kubectl", "delete", "isvc", "churn", "--timeout=60s"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    left = ["Pod", "Deployment", "Service", "HTTPRoute", "InferenceService"]
    gone = ["kubectl", "wait", "--for=delete", "pod", "--all", "--timeout=60s"]
    assert subprocess.run(gone, capture_output=True).returncode == 0
    cluster.settle()
    assert [kind for kind in left if cluster.api.list(kind, "models")] == []
    [outage] = cluster.outages("churn")
    assert outage.reason == "the InferenceService was deleted while it was served"


def test_runtime_that_is_missing_is_told_in_status_and_event(cluster: Cluster) -> None:
    cluster.api.remove("ServingRuntime", "kubeloop", "models")
    apply(cluster, document())
    status = isvc(cluster)["status"]
    assert status["modelStatus"]["transitionStatus"] == "InvalidSpec"
    assert status["modelStatus"]["lastFailureInfo"]["reason"] == "RuntimeNotRecognized"
    assert conditions(isvc(cluster))["Ready"] == "Unknown"
    [event] = cluster.api.list("Event", "models")
    assert event["reason"] == "InternalError"
    assert "ClusterServingRuntimes with the name: kubeloop" in event["message"]


def test_changes_wait_while_the_controllers_are_paused(cluster: Cluster) -> None:
    service = served(cluster)
    cluster.pause()
    service["spec"]["canary"] = [canary(2, 50)]
    apply(cluster, service)
    assert "canaryStatuses" not in isvc(cluster)["status"]
    assert conditions(isvc(cluster))["Ready"] == "True"
    cluster.resume()
    cluster.settle()
    assert cluster.traffic("churn") == {1: 50, 2: 50}


# Without the Gateway API


@pytest.fixture
def plain(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "plain"
    folder.mkdir()
    with Cluster(folder, gateway_api=False) as made:
        monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig))
        yield made


def test_without_gateway_api_a_canary_takes_no_traffic(plain: Cluster) -> None:
    served(plain, canary(2, 50))
    assert len(pods(plain, 2)) == 1
    assert (plain.traffic("churn"), plain.serving("churn"), plain.gateway) == ({1: 100}, {1}, None)
    assert ask(address_of(plain, 2), "/v2/models/churn/ready")[0] == 200


def test_without_gateway_api_there_is_an_ingress_and_no_route(plain: Cluster) -> None:
    served(plain)
    assert conditions(isvc(plain))["Ready"] == "True"
    [ingress] = plain.api.list("Ingress", "models")
    assert ingress["spec"]["rules"][0]["host"] == "churn-models.models.localhost"
    crds = {crd["metadata"]["name"] for crd in plain.api.list("CustomResourceDefinition")}
    assert [name for name in crds if "gateway" in name] == []
    listed = subprocess.run(["kubectl", "get", "httproutes"], capture_output=True, text=True)
    assert "the server doesn't have a resource type" in listed.stderr


def test_without_gateway_api_a_moved_name_has_a_gap(plain: Cluster) -> None:
    service = served(plain, canary(2, 100, least=2))
    promoted = document(2)
    promoted["metadata"] = service["metadata"]
    apply(plain, promoted)
    assert plain.serving("churn") == {2}
    assert [outage.reason for outage in plain.outages("churn")] == [
        "Service 'churn-v1-predictor' has no ready pod for 100 %"
    ]


# What is refused


def spoiled(**changes: Any) -> dict[str, Any]:
    one = canary(2, 10)
    one["predictor"] |= changes
    return one


@pytest.mark.parametrize(
    ("canaries", "message"),
    [
        ([spoiled(name="v1")], 'canary predictor.name "v1" conflicts with stable predictor name'),
        ([spoiled(name="")], "canary[0] predictor.name is required"),
        ([canary(2, 10), canary(2, 10)], 'canary predictor.name "v2" is duplicated'),
        (
            [spoiled(maxReplicas=3)],
            'canary "v2" must not set maxReplicas (canary uses fixed replicas)',
        ),
        (
            [spoiled(minReplicas=3)],
            'canary "v2" minReplicas (3) must not exceed stable predictor minReplicas (2)',
        ),
        (
            [canary(2, 60), canary(3, 60)],
            "sum of canary trafficPercent values (120) must be <= 100",
        ),
    ],
    ids=["stable", "nameless", "twice", "scaled", "many", "sum"],
)
def test_canaries_that_kserve_refuses_are_403_of_its_webhook(
    cluster: Cluster, canaries: list[dict[str, Any]], message: str
) -> None:
    service = served(cluster)
    service["spec"]["canary"] = canaries
    if canaries[0]["predictor"]["name"] == "":
        # The schema is asked first, and only lets an absent name through.
        del canaries[0]["predictor"]["name"]
    with pytest.raises(ApiException) as caught:
        apply(cluster, service)
    found = json.loads(caught.value.body)
    webhook = "inferenceservice.kserve-webhook-server.validator"
    assert (found["code"], found["message"]) == (
        403,
        f'admission webhook "{webhook}" denied the request: {message}',
    )


def test_canary_needs_the_standard_mode_by_name(cluster: Cluster) -> None:
    service = document()
    del service["metadata"]["annotations"][MODE]
    service["spec"]["canary"] = [canary(2, 0)]
    with pytest.raises(ApiException, match="canary is only supported in Standard deployment mode"):
        apply(cluster, service)


def test_mode_can_not_change(cluster: Cluster) -> None:
    service = served(cluster)
    service["metadata"]["annotations"][MODE] = "Knative"
    with pytest.raises(ApiException, match="deploymentMode cannot be changed"):
        apply(cluster, service)


def test_name_can_not_move_without_the_model(cluster: Cluster) -> None:
    service = served(cluster)
    service["spec"]["predictor"]["name"] = "v2"
    with pytest.raises(ApiException, match="predictor.name change requires a model change"):
        apply(cluster, service)


@pytest.mark.parametrize(
    ("field", "value"),
    [("trafficPercent", 101), ("trafficPercent", "10"), ("trafficPercent", None)],
)
def test_schema_refuses_a_share_that_is_none(cluster: Cluster, field: str, value: Any) -> None:
    service = document()
    one = canary(2, 0)
    one[field] = value
    service["spec"]["canary"] = [{k: v for k, v in one.items() if v is not None}]
    with pytest.raises(ApiException) as caught:
        apply(cluster, service)
    found = json.loads(caught.value.body)
    assert (found["code"], found["reason"]) == (422, "Invalid")
    [cause] = found["details"]["causes"]
    assert cause["field"] == "spec.canary[0].trafficPercent"


def test_unknown_fields_are_dropped_with_a_warning_or_refused(cluster: Cluster) -> None:
    service = document()
    service["spec"]["predictor"]["model"]["storageURI"] = "s3://b/typo"
    made = apply(cluster, service)
    assert "storageURI" not in made["spec"]["predictor"]["model"]
    strict = subprocess.run(
        ["kubectl", "apply", "--server-side", "-f", "-"],
        input=json.dumps(service),
        capture_output=True,
        text=True,
    )
    assert 'unknown field "spec.predictor.model.storageURI"' in strict.stderr
    assert strict.returncode == 1


# Pods that fail


def failing(cluster: Cluster, behaviour: Any, **how: Any) -> dict[str, Any]:
    cluster.behave(1, behaviour, **how)
    apply(cluster, document(least=1))
    found = pods(cluster, 1)
    assert cluster.versions("churn") == {}
    assert conditions(isvc(cluster))["Ready"] == "False"
    return found[0] if found else {}


def told(cluster: Cluster) -> set[tuple[str, str]]:
    return {
        (event["involvedObject"]["kind"], event["reason"])
        for event in cluster.api.list("Event", "models")
        if event["type"] == "Warning"
    }


def test_unpullable_pod_says_so(cluster: Cluster) -> None:
    pod = failing(cluster, "unpullable")
    [state] = pod["status"]["containerStatuses"]
    assert state["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert pod["status"]["phase"] == "Pending"
    assert ("Pod", "Failed") in told(cluster)
    refused = subprocess.run(
        ["kubectl", "logs", pod["metadata"]["name"]], capture_output=True, text=True
    )
    assert "is waiting to start: trying and failing to pull image" in refused.stderr


def test_crashing_pod_says_so_and_leaves_its_log(cluster: Cluster) -> None:
    pod = failing(cluster, "crashing", log=["loading", "no memory left"], exit_code=137)
    [state] = pod["status"]["containerStatuses"]
    assert state["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    ended = state["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], state["restartCount"]) == (137, "OOMKilled", 1)
    assert ("Pod", "BackOff") in told(cluster)
    failure = isvc(cluster)["status"]["modelStatus"]["lastFailureInfo"]
    assert (failure["reason"], failure["exitCode"]) == ("ModelLoadFailed", 137)
    for options in (["--previous"], ["--tail=1"]):
        command = ["kubectl", "logs", pod["metadata"]["name"], "-c", "kserve-container", *options]
        found = subprocess.run(command, capture_output=True, text=True)
        expected = "loading\nno memory left\n" if "--previous" in options else "no memory left\n"
        assert found.stdout == expected


def test_storage_that_fails_is_told_by_the_init_container(cluster: Cluster) -> None:
    pod = failing(cluster, "storage", log=["An error occurred (403) AccessDenied"])
    [state] = pod["status"]["initContainerStatuses"]
    assert state["name"] == "storage-initializer"
    assert state["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert "AccessDenied" in state["lastState"]["terminated"]["message"]
    [main] = pod["status"]["containerStatuses"]
    assert main["state"]["waiting"]["reason"] == "PodInitializing"
    status = isvc(cluster)["status"]["modelStatus"]
    assert status["transitionStatus"] == "BlockedByFailedLoad"
    assert "AccessDenied" in status["lastFailureInfo"]["message"]
    core = client.CoreV1Api(config.new_client_from_config(os.environ["KUBECONFIG"]))
    name = pod["metadata"]["name"]
    log = core.read_namespaced_pod_log(name, "models", container="storage-initializer")
    assert log == "An error occurred (403) AccessDenied\n"


def test_quota_that_is_exceeded_is_told_by_the_deployment(cluster: Cluster) -> None:
    assert failing(cluster, "quota") == {}
    [deployment] = cluster.api.list("Deployment", "models")
    found = {c["type"]: c for c in deployment["status"]["conditions"]}["ReplicaFailure"]
    assert (found["status"], found["reason"]) == ("True", "FailedCreate")
    assert "exceeded quota: compute" in found["message"]
    assert ("ReplicaSet", "FailedCreate") in told(cluster)
    cluster.behave(1, "ready")
    cluster.settle()
    assert cluster.serving("churn") == {1}


def test_unschedulable_pod_says_so(cluster: Cluster) -> None:
    pod = failing(cluster, "unschedulable")
    [found] = [c for c in pod["status"]["conditions"] if c["type"] == "PodScheduled"]
    assert (found["status"], found["reason"]) == ("False", "Unschedulable")
    assert ("Pod", "FailedScheduling") in told(cluster)
    assert "nodeName" not in pod["spec"]


def test_stuck_pod_exceeds_the_deadline(cluster: Cluster) -> None:
    failing(cluster, "stuck")
    found = {c["type"]: c for c in isvc(cluster)["status"]["conditions"]}["PredictorReady"]
    assert found["reason"] == "MinimumReplicasUnavailable"
    [deployment] = cluster.api.list("Deployment", "models")
    progressing = {c["type"]: c for c in deployment["status"]["conditions"]}["Progressing"]
    assert progressing["reason"] == "ProgressDeadlineExceeded"


def test_slow_pod_becomes_ready_after_some_calls(cluster: Cluster) -> None:
    cluster.behave(1, "slow", calls=5, seconds=3600)
    apply(cluster, document(least=1))
    core = client.CoreV1Api(config.new_client_from_config(os.environ["KUBECONFIG"]))
    counts = []
    for _ in range(6):
        core.list_namespaced_pod("models")
        cluster.settle()
        counts.append(cluster.versions("churn").get(1, 0))
    assert (counts[0], counts[-1]) == (0, 1)


def test_pod_that_fails_later_is_an_outage(cluster: Cluster) -> None:
    served(cluster, least=1)
    cluster.behave(1, "crashing")
    cluster.settle()
    assert (cluster.traffic("churn"), cluster.serving("churn")) == ({0: 100}, {0})
    [outage] = cluster.outages("churn")
    assert "Service 'churn-v1-predictor' has no ready pod for 100 %" in outage.reason


def test_deployment_without_a_model_gets_pods_too(cluster: Cluster) -> None:
    cluster.behave("web", "unpullable")
    container = {"name": "web", "image": "web:1"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    apply(cluster, deployment)
    wait = ["kubectl", "wait", "--for=condition=Available", "deploy/web"]
    late = subprocess.run([*wait, "--timeout=100ms"], capture_output=True, text=True)
    assert "timed out waiting" in late.stderr
    cluster.behave("web", "ready")
    assert subprocess.run([*wait, "--timeout=60s"], capture_output=True).returncode == 0


# Pods that answer


def test_pod_gives_the_bundles_answers_by_v1_and_v2(cluster: Cluster, fitted: Fitted) -> None:
    cluster.put_bundle("s3://b/1", fitted.folder)
    served(cluster)
    golden = fitted.manifest.golden
    address = address_of(cluster, 1)
    status, answer = ask(address, "/v1/models/churn:predict", {"instances": list(golden.rows)})
    assert (status, answer) == (200, {"predictions": list(golden.labels or ())})
    names_of = [feature.name for feature in fitted.manifest.signature.inputs]
    count = len(golden.rows)
    inputs = [
        {
            "name": name,
            "shape": [count],
            "datatype": "FP32" if name in ("age", "income") else "BYTES",
            "data": [row[name] for row in golden.rows],
        }
        for name in names_of
    ]
    status, answer = ask(address, "/v2/models/churn/infer", {"id": "a", "inputs": inputs})
    label, likely = answer["outputs"]
    assert (label["name"], label["data"]) == ("label", list(golden.labels or ()))
    assert likely["shape"] == [count, 2]
    assert (answer["model_version"], answer["id"]) == ("1", "a")


def test_pod_gives_the_answers_of_a_table(cluster: Cluster) -> None:
    cluster.put_answers("s3://b/1", ROWS, [1.5, 2.5])
    served(cluster)
    lists = [list(row.values()) for row in reversed(ROWS)]
    _, answer = ask(address_of(cluster, 1), "/v1/models/churn:predict", {"instances": lists})
    assert answer == {"predictions": [2.5, 1.5]}


def test_pod_of_an_unknown_bundle_answers_its_version(cluster: Cluster) -> None:
    served(cluster)
    _, answer = ask(address_of(cluster, 1), "/v1/models/churn:predict", {"instances": [{"a": 1}]})
    assert answer == {"predictions": [1]}


def test_wrong_pod_answers_otherwise(cluster: Cluster, fitted: Fitted) -> None:
    cluster.put_bundle("s3://b/1", fitted.folder)
    cluster.behave(1, "wrong")
    served(cluster)
    golden = fitted.manifest.golden
    body = {"instances": list(golden.rows)}
    status, answer = ask(address_of(cluster, 1), "/v1/models/churn:predict", body)
    assert status == 200
    assert not set(answer["predictions"]) & set(golden.labels or ())


def test_gateway_gives_each_version_its_share(cluster: Cluster) -> None:
    served(cluster, canary(2, 10))
    gateway = (cluster.gateway or "").removeprefix("http://")
    host = isvc(cluster)["status"]["url"].removeprefix("http://")
    body = {"instances": [{"a": 1}]}
    found = [ask(gateway, "/v1/models/churn:predict", body, host)[1] for _ in range(20)]
    assert sorted(answer["predictions"][0] for answer in found) == [1] * 18 + [2] * 2
    assert ask(gateway, "/v1/models/churn:predict", body, "nobody.localhost")[0] == 404


def test_metrics_count_the_traffic_by_its_share(cluster: Cluster) -> None:
    cluster.load(200)
    served(cluster, canary(2, 25))
    # The stable version's two pods became one when the canary was ready.
    first = [counted(cluster, version).get("200", 0) for version in (1, 2)]
    second = [counted(cluster, version).get("200", 0) for version in (1, 2)]
    assert (first, second) == ([150, 50], [300, 100])


def test_metrics_begin_anew_after_a_restart(cluster: Cluster) -> None:
    served(cluster, least=1)
    before = [counted(cluster, 1)["200"] for _ in range(2)]
    cluster.restart(1)
    cluster.settle()
    assert (before, counted(cluster, 1)["200"]) == ([100, 200], 100)
    [state] = pods(cluster, 1)[0]["status"]["containerStatuses"]
    assert state["restartCount"] == 1


def test_erring_pod_fails_only_under_traffic(cluster: Cluster) -> None:
    cluster.behave(2, "erring", ratio=0.25)
    service = served(cluster, canary(2, 0))
    body = {"instances": [{"a": 1}]}
    assert ask(address_of(cluster, 2), "/v1/models/churn:predict", body)[0] == 200
    service["spec"]["canary"] = [canary(2, 100)]
    apply(cluster, service)
    found = counted(cluster, 2)
    assert (found["200"], found["500"]) == (76, 25)


def test_pod_that_is_slow_under_traffic_says_so_in_its_metrics(cluster: Cluster) -> None:
    cluster.behave(2, "slow_under_traffic", seconds=0.5)
    service = served(cluster, canary(2, 0))
    assert counted(cluster, 2)["seconds"] == 0
    service["spec"]["canary"] = [canary(2, 10)]
    apply(cluster, service)
    assert counted(cluster, 2)["seconds"] == pytest.approx(5.0)


def test_pod_whose_answers_are_slow_takes_its_time(cluster: Cluster) -> None:
    cluster.load(0)
    cluster.behave(1, "slow_answers", seconds=0.05)
    served(cluster, least=1)
    body = {"instances": [{"a": 1}]}
    assert ask(address_of(cluster, 1), "/v1/models/churn:predict", body)[0] == 200
    found = counted(cluster, 1)
    assert found["200"] == 1
    assert found["seconds"] >= 0.05


def test_pod_that_is_removed_is_made_again(cluster: Cluster) -> None:
    served(cluster)
    before = names(pods(cluster, 1))
    cluster.api.remove("Pod", min(before), "models")
    cluster.settle()
    after = names(pods(cluster, 1))
    assert (len(after), len(after & before)) == (2, 1)
    assert cluster.outages("churn") == []


def test_pod_whose_metrics_are_gone_answers_404_there(cluster: Cluster) -> None:
    cluster.behave(1, "metrics_gone")
    served(cluster)
    status, _ = ask(address_of(cluster, 1), "/metrics")
    assert status == 404


def test_metrics_are_those_of_the_real_server(cluster: Cluster) -> None:
    from components.serve.metrics import Metrics

    registry = CollectorRegistry()
    meter = Metrics(registry).meter(None)
    meter.count_request("v1", 200, 0.01)
    meter.count_rows(1, None)

    def shapes(text: str) -> set[tuple[str, frozenset[str]]]:
        return {
            (sample.name, frozenset(sample.labels))
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if not sample.name.endswith(("_created", "_info")) and "process" not in sample.name
        }

    served(cluster)
    status, text = ask(address_of(cluster, 1), "/metrics")
    found, real = shapes(text), shapes(generate_latest(registry).decode())
    assert status == 200
    assert found
    assert found - real == set()


def test_two_clusters_do_not_meet(cluster: Cluster, plain: Cluster) -> None:
    served(cluster)
    served(plain, least=1)
    assert (cluster.versions("churn"), plain.versions("churn")) == ({1: 2}, {1: 1})


def test_services_of_clients_get_an_address_that_answers(cluster: Cluster) -> None:
    served(cluster)
    selector = {"serving.kserve.io/inferenceservice": "churn"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "mine"},
        "spec": {"selector": selector, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    made = deepcopy(apply(cluster, service))
    port = cluster.api.list("Service", "models")[0]["spec"]["ports"][0]["port"]
    status, _ = ask(f"{made['spec']['clusterIP']}:{port}", "/v2/models/churn/ready")
    assert status == 200


@pytest.mark.parametrize("length", [43, 44])
def test_name_that_kserve_can_make_no_host_of_gets_no_deployment(
    tmp_path: Path, length: int
) -> None:
    # "churn-v1-predictor-" has 19 of a DNS label's 63 characters.
    space = "n" * (length + 1)
    with Cluster(tmp_path, namespaces=(space,)) as cluster:
        found = document()
        found["metadata"]["namespace"] = space
        cluster.api.put(found)
        cluster.settle()
        events = [event["message"] for event in cluster.api.list("Event", space)]
        said = [text for text in events if "must be no more than 63 characters" in text]
        made = cluster.api.list("Deployment", space)
    assert len(said) == (0 if length == 43 else 1)
    assert len(made) == (1 if length == 43 else 0)
