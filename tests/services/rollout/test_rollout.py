"""Deployment to KServe, against a Kubernetes API that speaks the real protocol."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from components.deploy.kserve.status import observe, observe_all
from components.deploy.rollout import roll_out
from components.errors import DeployError
from tests.bundles import GOLDEN
from tests.kubernetes_api import Call, Cluster
from tests.rollouts import (
    NAME,
    NAMESPACE,
    Bundles,
    check_served,
    deploy,
    names_of_pods,
    service_of,
    share_of,
    spec,
    writes,
)
from tests.serving import wait_for


def test_first_version_is_served_as_its_own_variant(cluster: Cluster, bundles: Bundles) -> None:
    proof = deploy(bundles.release(1))
    assert (proof.version, proof.replaced, proof.golden_rows) == (1, None, len(GOLDEN))
    assert proof.endpoint == f"http://fares-models.models.localhost/v1/models/{NAME}:predict"
    assert 0 < proof.latency_seconds < 5
    check_served(cluster, 1)
    predictor = service_of(cluster)["spec"]["predictor"]
    assert predictor["name"] == "v1"
    assert predictor["model"]["storageUri"] == "s3://mlpipeline/1"
    assert predictor["labels"]["app.kubernetes.io/version"] == "1"


def test_same_version_again_changes_nothing(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    before, there, asked = service_of(cluster), names_of_pods(cluster), len(cluster.api.calls)
    proof = deploy(bundles.release(1))
    assert (proof.version, proof.replaced) == (1, 1)
    assert service_of(cluster) == before
    assert names_of_pods(cluster) == there
    assert writes(cluster.api.calls[asked:]) == {"leases"}


def test_second_version_takes_the_traffic_step_by_step(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    seen: list[int] = []
    cluster.api.on_call(lambda call: seen.append(share_of(cluster)), moment="done")
    proof = deploy(bundles.release(2), canary=[10, 50])
    cluster.api.on_call(None)
    assert (proof.version, proof.replaced) == (2, 1)
    assert list(dict.fromkeys(seen)) == [0, 10, 50, 100]
    check_served(cluster, 2)
    spec_ = service_of(cluster)["spec"]
    assert "canary" not in spec_
    predictor = spec_["predictor"]
    assert (predictor["name"], predictor["minReplicas"], predictor["maxReplicas"]) == ("v2", 1, 3)


def test_promotion_restarts_no_pod(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    seen: set[str] = set()
    cluster.api.on_call(lambda call: seen.update(names_of_pods(cluster)), moment="answered")
    deploy(bundles.release(2))
    cluster.api.on_call(None)
    check_served(cluster, 2)
    assert len([name for name in seen if "v2" in name]) == 1
    assert len([name for name in seen if "v1" in name]) == 1


def test_stable_version_keeps_its_pods_while_it_carries_the_traffic(
    cluster: Cluster, bundles: Bundles
) -> None:
    """KServe takes a pod from the stable version for each that the candidate has."""
    replicas = {"min": 2, "max": 4}
    deploy(bundles.release(1), replicas=replicas)
    least: list[int] = []

    def look(call: Call) -> None:
        if share_of(cluster) <= 50:
            least.append(cluster.versions(NAME).get(1, 0))

    cluster.api.on_call(look, moment="answered")
    deploy(bundles.release(2), replicas=replicas, canary=[50])
    cluster.api.on_call(None)
    assert min(least) >= 2
    check_served(cluster, 2)
    predictor = service_of(cluster)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 4)


def test_without_gateway_api_the_service_keeps_its_name(plain: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    address = service_of(plain)["status"]["address"]["url"]
    assert address == "http://fares-predictor.models.svc.cluster.local"
    proof = deploy(bundles.release(2), replicas={"min": 2, "max": 2})
    assert (proof.version, proof.replaced) == (2, 1)
    check_served(plain, 2)
    assert service_of(plain)["status"]["address"]["url"] == address
    assert "canary" not in service_of(plain)["spec"]


def test_older_version_that_comes_late_is_refused(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(2))
    before = service_of(cluster)
    said = "version 1 of 'fares' is not deployed: version 2 was in service already"
    told: list[int] = []
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(1), introduce=lambda: told.append(1))
    assert service_of(cluster) == before
    # What the monitor is told of a version, it is told of one that is to be served.
    assert told == []


def test_observe_of_nothing_is_none(cluster: Cluster) -> None:
    assert observe(NAME, NAMESPACE) is None
    assert observe_all(NAMESPACE) == []


def test_observe_says_what_is_served_and_why_the_last_candidate_is_not(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    cluster.behave(2, "unpullable")
    with pytest.raises(DeployError):
        deploy(bundles.release(2))
    cluster.settle()
    seen = observe(NAME, NAMESPACE)
    assert seen is not None
    assert (seen.version, seen.candidate, seen.phase, seen.ready) == (1, None, "served", True)
    assert [(v.version, v.name, v.traffic, v.pods) for v in seen.variants] == [(1, "v1", 100, 1)]
    assert seen.reason.startswith("version 2 was put back: version 2 of 'fares' does not come up")
    assert seen.endpoint == "http://fares-models.models.localhost"
    assert seen.deployer == ""
    assert observe_all(NAMESPACE) == [seen]


def test_observe_during_a_deployment_says_what_it_waits_for(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    cluster.behave(2, "unschedulable")
    thread = threading.Thread(target=lambda: deploy(bundles.release(2)))
    thread.start()
    try:
        seen = wait_for(lambda: _waiting(observe(NAME, NAMESPACE)))
    finally:
        cluster.behave(2, "ready")
        thread.join(60)
    assert (seen.version, seen.candidate, seen.phase) == (1, 2, "rolling out")
    found = [(variant.version, variant.traffic, variant.ready) for variant in seen.variants]
    assert found == [(1, 100, True), (2, 0, False)]
    assert "finds no node" in seen.variants[1].reason
    assert seen.reason == seen.variants[1].reason
    assert seen.deployer
    check_served(cluster, 2)


def _waiting(seen: Any) -> Any:
    return seen if seen and seen.candidate and "finds no node" in seen.reason else None


class Monitor:
    """A monitor that keeps what it is told, or refuses it."""

    def __init__(self, status: int = 201) -> None:
        self.told: list[tuple[str, list[str]]] = []
        monitor = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:  # noqa: N802
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                monitor.told.append((self.path, sorted(body)))
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:
                """Keeps quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def monitor() -> Any:
    made: list[Monitor] = []

    def make(status: int = 201) -> Monitor:
        made.append(Monitor(status))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_roll_out_by_address_tells_the_monitor_first(
    cluster: Cluster, bundles: Bundles, monitor: Callable[[], Monitor]
) -> None:
    folder, told, uri = bundles.fitted[1].folder, monitor(), "minio://mlpipeline/1"
    proof = roll_out(spec(), folder, 1, f"kserve://{NAMESPACE}", told.url, uri=uri)
    assert proof.version == 1
    assert told.told == [(f"/v1/models/{NAME}/versions/1", ["bundle", "reference"])]
    assert f"--monitor={told.url}" in service_of(cluster)["spec"]["predictor"]["model"]["args"]


def test_roll_out_that_the_monitor_refuses_changes_nothing(
    cluster: Cluster, bundles: Bundles, monitor: Callable[[int], Monitor]
) -> None:
    folder, told, uri = bundles.fitted[1].folder, monitor(409), "minio://mlpipeline/1"
    with pytest.raises(DeployError, match="answered 409"):
        roll_out(spec(), folder, 1, f"kserve://{NAMESPACE}", told.url, uri=uri)
    assert cluster.api.list("InferenceService", NAMESPACE) == []
