"""Deployments to KServe whose pods show metrics badly, fetch late, or have a proxy beside them.

What is read of pods decides over a version, and must never decide over the way back.
"""

import pytest

from components.deploy import direct
from components.errors import DeployError
from tests.kubernetes_api import Call, Cluster
from tests.kubernetes_api.cluster import Behaviour
from tests.kubernetes_api.store import Change
from tests.raw_server import answer, sending
from tests.rollouts import (
    NAME,
    NAMESPACE,
    Bundles,
    check_served,
    deploy,
    go_back,
    service_of,
    share_of,
)

# For dozens of readings in each step.
WATCH_S = 0.5


def written(cluster: Cluster) -> str:
    """What the deployment has put on record; empty where nothing is."""
    lease = cluster.api.get("Lease", f"kubeloop-{NAME}", NAMESPACE) or {}
    notes = lease.get("metadata", {}).get("annotations") or {}
    return str(notes.get("kubeloop/rollout", ""))


def fetches_of(cluster: Cluster) -> list[int]:
    """How often what fetches a bundle began anew, of each pod."""
    return [
        status["restartCount"]
        for pod in cluster.api.list("Pod", NAMESPACE)
        for status in pod["status"].get("initContainerStatuses", [])
    ]


def test_metrics_that_are_cut_now_and_then_are_read_again(
    cluster: Cluster, bundles: Bundles
) -> None:
    """Read as whole, they would make all that the version ever answered look slow and new."""
    deploy(bundles.release(1))
    cluster.behave(2, "metrics_cut")
    deploy(bundles.release(2), watch_s=WATCH_S)
    check_served(cluster, 2)


def test_version_whose_metrics_are_no_http_is_put_back(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    before = service_of(cluster)["spec"]
    cluster.behave(2, "metrics_garbage")
    said = r"was put back, version 1 is served: .* cannot be watched: .* BadStatusLine: garbage"
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(2))
    check_served(cluster, 1)
    assert service_of(cluster)["spec"] == before


@pytest.mark.parametrize("then", ["metrics_garbage", "metrics_cut", "metrics_gone"])
def test_way_back_goes_on_where_the_metrics_of_what_leaves_cannot_be_read(
    cluster: Cluster, bundles: Bundles, then: Behaviour
) -> None:
    deploy(bundles.release(1))
    before = service_of(cluster)["spec"]
    cluster.behave(2, "erring")

    def break_off(call: Call) -> None:
        if '"restoring"' in written(cluster):
            cluster.behave(2, then)

    cluster.api.on_call(break_off, moment="answered")
    with pytest.raises(DeployError, match=r"was put back, version 1 is served: .* failed \d+ of"):
        deploy(bundles.release(2))
    cluster.api.on_call(None)
    check_served(cluster, 1)
    assert service_of(cluster)["spec"] == before


def test_rollback_from_where_no_metrics_can_be_read_waits_the_traffic_out(
    cluster: Cluster, bundles: Bundles, caplog: pytest.LogCaptureFixture
) -> None:
    for version in (1, 2):
        deploy(bundles.release(version))
    cluster.behave(2, "metrics_gone")
    go_back(bundles.release(1))
    check_served(cluster, 1)
    assert "version=2 may still be asked: " in caplog.text


def test_pod_that_comes_in_the_watch_and_fetches_at_the_second_try_is_no_crash(
    cluster: Cluster, bundles: Bundles
) -> None:
    """As where a node is drained, and the object store is away for a moment."""
    replicas = {"min": 2, "max": 4}
    deploy(bundles.release(1), replicas=replicas)
    looks: list[Call] = []
    removed: list[str] = []
    there: list[str] = []
    judged: list[Call] = []
    held: list[int] = []

    def hold(change: Change) -> None:
        """Has the watch see the new pod before its bundle is fetched."""
        if removed and not held and change.key[1] == "pods" and change.key[3] not in there:
            held.append(len(looks))
            cluster.pause()

    def drain_node(call: Call) -> None:
        if call.resource == "httproutes":
            # Not the watch yet, which looks at pods alone.
            looks.clear()
        if call.resource != "pods" or share_of(cluster) != 100:
            return
        looks.append(call)
        if 1 in fetches_of(cluster) and '"rolling"' in written(cluster):
            judged.append(call)
            if len(judged) == 4:
                # The watch has gone on with it, and ends here by what is a fault.
                cluster.behave(2, "erring")
        if held and len(looks) == held[0] + 5:
            cluster.resume()
        if removed or len(looks) < 5:
            return
        pods = cluster.api.list("Pod", NAMESPACE)
        found = [p for p in pods if p["metadata"]["labels"]["app.kubernetes.io/version"] == "2"]
        cluster.behave(2, "refetched")
        removed.append(found[0]["metadata"]["name"])
        there.extend(pod["metadata"]["name"] for pod in pods)
        cluster.api.remove("Pod", removed[0], NAMESPACE)

    cluster.api.on_call(drain_node, moment="answered")
    cluster.api.server.store.listeners.append(hold)
    with pytest.raises(DeployError, match=r"version 1 is served: .* failed \d+ of \d+ requests"):
        deploy(bundles.release(2), canary=[], watch_s=600.0, replicas=replicas)
    cluster.api.on_call(None)
    check_served(cluster, 1)


def test_deployment_asks_services_and_pods_past_the_proxy_for_the_way_out(
    cluster: Cluster, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is told to leave out the API server alone, as Kubeflow tells it."""
    # Both keep what the environment said when they first opened an address.
    monkeypatch.setattr("urllib.request._opener", None)
    direct._opener.cache_clear()
    with sending(answer(b"a stranger's", status="403 Forbidden")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "127.0.0.1,localhost")
        for version in (1, 2):
            deploy(bundles.release(version), watch_s=WATCH_S)
    check_served(cluster, 2)
