"""Versions that fail on KServe: the last good one serves on, and the reason is said."""

import re
from dataclasses import replace
from typing import Any

import pytest

from components.deploy.kserve.pace import Pace
from components.deploy.kserve.status import observe
from components.errors import DeployError
from tests.kubernetes_api import Call, Cluster
from tests.kubernetes_api.cluster import Behaviour
from tests.rollouts import (
    NAME,
    NAMESPACE,
    PACE,
    Bundles,
    check_served,
    deploy,
    expire_lease,
    names_of_pods,
    scale_up,
    service_of,
    share_of,
)
from tests.serving import wait_for

# What pods wait for is over soon, and no pause of a busy machine takes as long.
IMPATIENT = replace(PACE, ready_s=2.0, grace_s=1.5)


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("unpullable", r"cannot pull its image: (ErrImagePull|ImagePullBackOff): .*events: "),
        (
            "crashing",
            r"(crashes: CrashLoopBackOff|has ended) \(exit code 3.*log ends: no memory \| the end",
        ),
        (
            "storage",
            r"container 'storage-initializer' (crashes|has ended).*log ends: no memory \| the end",
        ),
        ("quota", r"its pods cannot be created: FailedCreate: .*exceeded quota"),
        ("unschedulable", r"finds no node: Unschedulable: .*; events: FailedScheduling: "),
        ("never", r"after 2 s: 0 of 1 pods are ready; pod '.*' is not ready; events: Unhealthy"),
        ("wrong", r"golden rows 0, 1, 2, 3 of 4 differ"),
        ("erring", r"failed \d+ of \d+ requests, serve.max_error_ratio is 0.01; the stable"),
        ("metrics_gone", r"cannot be watched: .*/metrics: HTTP Error 404"),
    ],
)
def test_version_that_fails_is_put_back_with_the_reason(
    cluster: Cluster, bundles: Bundles, behaviour: Behaviour, said: str
) -> None:
    deploy(bundles.release(1))
    before, there = service_of(cluster)["spec"], names_of_pods(cluster)
    cluster.behave(2, behaviour, log=["no memory", "the end"], exit_code=3)
    with pytest.raises(DeployError, match=f"version 2 of 'fares' was put back, .*{said}"):
        deploy(bundles.release(2), pace=IMPATIENT)
    check_served(cluster, 1)
    assert service_of(cluster)["spec"] == before
    assert names_of_pods(cluster) == there


@pytest.mark.parametrize(
    ("behaviour", "serve", "said"),
    [
        ("slow_answers", {"latency_ms": 50.0}, "took .* ms for one row, the budget"),
        ("slow_under_traffic", {"latency_ms": 100.0}, "took longer than serve.latency_ms, 100 ms"),
    ],
)
def test_version_over_its_latency_budget_is_put_back(
    cluster: Cluster, bundles: Bundles, behaviour: Behaviour, serve: dict[str, Any], said: str
) -> None:
    deploy(bundles.release(1))
    cluster.behave(2, behaviour)
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(2), **serve)
    check_served(cluster, 1)


def test_version_that_leaves_requests_unfinished_is_put_back(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    cluster.behave(2, "hanging", ratio=0.3)
    said = r"version 2 of 'fares' hangs: of \d+ requests \d+ or more are not finished after 0.2 s"
    with pytest.raises(DeployError, match=said):
        deploy(bundles.release(2), latency_ms=200.0, watch_s=10.0)
    check_served(cluster, 1)


def test_version_whose_latency_is_above_all_buckets_is_put_back(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    cluster.behave(2, "slow_under_traffic", seconds=1000.0)
    with pytest.raises(DeployError, match="took longer than serve.latency_ms, 8000 ms, for"):
        deploy(bundles.release(2), latency_ms=8000.0, watch_s=1.0)
    check_served(cluster, 1)


def test_first_version_that_fails_leaves_nothing(cluster: Cluster, bundles: Bundles) -> None:
    cluster.behave(1, "crashing")
    with pytest.raises(DeployError, match="was put back, nothing is served: .*CrashLoopBackOff"):
        deploy(bundles.release(1))
    cluster.settle()
    assert cluster.api.list("InferenceService", NAMESPACE) == []
    assert wait_for(lambda: names_of_pods(cluster) == set())
    cluster.behave(1, "ready")
    deploy(bundles.release(1))
    check_served(cluster, 1)


def test_reason_holds_no_secret(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    cluster.behave(
        2,
        "storage",
        log=[
            "fetching https://user:hunter2@store/bucket?X-Amz-Signature=0011aabb&part=7",
            "AWS_SECRET_ACCESS_KEY=abcdefgh Authorization: Bearer eyJhbGciOi",
        ],
    )
    with pytest.raises(DeployError) as failed:
        deploy(bundles.release(2))
    said = str(failed.value)
    assert "store/bucket" in said
    assert "part=7" in said
    assert [s for s in ("hunter2", "0011aabb", "abcdefgh", "eyJhbGciOi") if s in said] == []


def test_kept_reason_quotes_log_and_events_to_their_end(cluster: Cluster, bundles: Bundles) -> None:
    deploy(bundles.release(1))
    log = [f"line {number} {'word ' * 40}end {number}" for number in range(5)]
    cluster.behave(2, "crashing", log=log)
    with pytest.raises(DeployError):
        deploy(bundles.release(2), pace=IMPATIENT)
    seen = observe(NAME, NAMESPACE)
    assert seen is not None
    assert re.search(
        r"was put back: .*; its log ends: line 0 .* end 4; events: BackOff", seen.reason
    )


def test_candidate_of_another_killed_deployment_is_taken_away_first(
    cluster: Cluster, bundles: Bundles
) -> None:
    deploy(bundles.release(1))
    left: list[dict[str, Any]] = []

    def die(call: Call) -> str | None:
        if share_of(cluster) == 50:
            left.append(service_of(cluster))
            return "drop"
        return None

    # Whoever loses the API for good in the middle leaves as much as who is killed.
    cluster.api.on_call(die, moment="arrived")
    hasty = Pace(poll_s=0.005, sample_s=0.005, ready_s=30, retry_s=0.0001)
    with pytest.raises(DeployError, match="could not be put back: .*gave no answer"):
        deploy(bundles.release(2), pace=hasty)
    cluster.api.on_call(None)
    assert left[0]["spec"]["canary"][0]["predictor"]["name"] == "v2"
    expire_lease(cluster)
    deploy(bundles.release(3))
    check_served(cluster, 3)


def test_stable_version_that_is_down_is_replaced_at_once(
    cluster: Cluster, bundles: Bundles
) -> None:
    replicas = {"min": 2, "max": 3}
    deploy(bundles.release(1), replicas=replicas)
    cluster.behave(1, "crashing")
    assert wait_for(lambda: 1 not in cluster.versions(NAME))
    deploy(bundles.release(2), replicas=replicas, canary=[10, 50])
    cluster.settle()
    assert cluster.serving(NAME) == {2}
    assert cluster.traffic(NAME) == {2: 100}


def test_without_traffic_a_version_goes_on(
    cluster: Cluster, bundles: Bundles, caplog: pytest.LogCaptureFixture
) -> None:
    deploy(bundles.release(1))
    cluster.load(0)
    deploy(bundles.release(2))
    check_served(cluster, 2)
    assert "no traffic in 0 s at 50 %" in caplog.text


@pytest.mark.parametrize("behaviour", ["crashing", "wrong", "erring", "metrics_gone"])
def test_without_gateway_api_a_version_that_fails_is_put_back(
    plain: Cluster, bundles: Bundles, behaviour: Behaviour
) -> None:
    deploy(bundles.release(1))
    before = service_of(plain)["spec"]
    plain.behave(2, behaviour)
    with pytest.raises(DeployError, match="version 2 of 'fares' was put back, version 1 is served"):
        deploy(bundles.release(2))
    check_served(plain, 1)
    assert service_of(plain)["spec"] == before


def test_stable_version_that_grows_meanwhile_is_replaced_by_as_many_pods(
    cluster: Cluster, bundles: Bundles
) -> None:
    replicas = {"min": 1, "max": 6}
    deploy(bundles.release(1), replicas=replicas)
    more: list[str] = []
    at_all: list[int] = []

    def look(call: Call) -> None:
        share = share_of(cluster)
        if share == 50 and not more:
            more.extend(scale_up(cluster, 3))
        if share == 100 and not at_all:
            at_all.append(cluster.versions(NAME)[2])
            for name in more:
                cluster.api.remove("Pod", name, NAMESPACE)

    cluster.api.on_call(look, moment="answered", verbs=["patch"])
    deploy(bundles.release(2), replicas=replicas)
    cluster.api.on_call(None)
    assert at_all == [4]
