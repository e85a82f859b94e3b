"""What is waited for of a route, its weights and that gateways took them; and of pods."""

from collections.abc import Callable
from typing import Any

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.cluster_resources import PODS
from components.deploy.kserve.pace import Pace
from components.deploy.kserve.readiness import Waiting
from components.deploy.kserve.telling import Say, note
from components.deploy.kserve.variants import Variant
from components.errors import DeployError
from tests.kubernetes_api import Api
from tests.rollouts import NAMESPACE

PACE = Pace(poll_s=0.005, ready_s=0.02, retry_s=0.01)


def route(*rules: dict[str, int | None], accepted: str = "True", seen: int = 1) -> dict[str, Any]:
    ends = [
        [
            {"name": name} | ({} if weight is None else {"weight": weight})
            for name, weight in rule.items()
        ]
        for rule in rules
    ]
    condition = {"type": "Accepted", "status": accepted, "observedGeneration": seen}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "churn", "namespace": NAMESPACE, "generation": 1},
        "spec": {"rules": [{"backendRefs": end} for end in ends]},
        "status": {"parents": [{"conditions": [condition]}]},
    }


@pytest.fixture
def routes(kubernetes_api: Api) -> Api:
    """An API server without a gateway, which would have its own say."""
    kubernetes_api.register("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
    kubernetes_api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return kubernetes_api


def waiting() -> Waiting:
    return Waiting(connect(PACE.patience), NAMESPACE, PACE, lambda: None)


@pytest.mark.parametrize(
    ("found", "shares"),
    [
        (route({"a": 90, "b": 10}), {"a": 90, "b": 10}),
        (route({"a": 100, "b": 0}, {"a": 100, "b": 0}), {"a": 100, "b": 0}),
        (route({"a": None}), {"a": 100}),
        (route({"a": 9, "b": 1}), {"a": 90, "b": 10}),
    ],
    ids=["weights", "two-rules", "no-weight", "other-sum"],
)
def test_route_that_gives_the_shares_is_enough(
    routes: Api, found: dict[str, Any], shares: dict[str, int]
) -> None:
    routes.put(found)
    waiting().for_route("churn", shares)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "there is none"),
        (route({"a": 90, "b": 10}), "it has {'a': 90, 'b': 10}"),
        (route({"a": 50, "b": 50}, {"a": 100}), "it has {}"),
        (route({"a": 50, "b": 50}, accepted="False"), "not accepted yet"),
        (route({"a": 50, "b": 50}, seen=0), "not accepted yet"),
    ],
    ids=["absent", "others", "rules-differ", "refused", "not-seen-yet"],
)
def test_route_that_does_not_is_told(routes: Api, found: dict[str, Any] | None, said: str) -> None:
    if found is not None:
        routes.put(found)
    with pytest.raises(DeployError) as told:
        waiting().for_route("churn", {"a": 50, "b": 50})
    assert said in str(told.value)


CANDIDATE = Variant("churn", "v2", 2, 0)
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
EVICTED = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
STARTING = {"phase": "Pending"}


def container(state: str, restarts: int = 0, **said: str) -> dict[str, Any]:
    status = {"name": "kserve-container", "restartCount": restarts, "state": {state: said}}
    return {"phase": "Running", "containerStatuses": [status]}


BACK_OFF = container("waiting", reason="ImagePullBackOff", message="back-off")
CRASHED = container("waiting", 1, reason="CrashLoopBackOff")
RUNNING = container("running", 1)


def pod(name: str, status: dict[str, Any]) -> dict[str, Any]:
    labels = dict(pair.split("=") for pair in CANDIDATE.selector.split(","))
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}


def waiting_for_pods(
    api: Api,
    looks: list[dict[str, Any]],
    *,
    ready_s: float = 30,
    grace_s: float = 30,
    say: Say = note,
) -> Waiting:
    """Shows a pod's states one after the other, a look each; then the last two by turns."""

    def turn() -> None:
        api.put(pod("a", looks[0]))
        looks.append(looks.pop(0)) if len(looks) == 2 else looks.pop(0)

    return _waiting(turn, ready_s=ready_s, grace_s=grace_s, say=say)


def _waiting(
    check: Callable[[], None], *, ready_s: float, grace_s: float, say: Say = note
) -> Waiting:
    pace = Pace(poll_s=0.005, ready_s=ready_s, grace_s=grace_s, retry_s=0.01, told_s=0.0)
    return Waiting(connect(PACE.patience), NAMESPACE, pace, check, say=say)


def test_pod_that_was_evicted_is_no_reason_while_another_comes_up(routes: Api) -> None:
    routes.put(pod("evicted", EVICTED))
    waits = waiting_for_pods(routes, [STARTING, STARTING, READY, READY])
    assert [one["metadata"]["name"] for one in waits.for_pods(CANDIDATE, 1)] == ["a"]


def test_pod_that_comes_up_for_too_long_is_the_reason_and_not_one_that_was_evicted(
    routes: Api,
) -> None:
    routes.put(pod("evicted", EVICTED))
    routes.put(pod("a", STARTING))
    with pytest.raises(DeployError, match="0 of 1 pods are ready; pod 'a' is not ready") as told:
        _waiting(lambda: None, ready_s=0.02, grace_s=30).for_pods(CANDIDATE, 1)
    assert "evicted" not in str(told.value)


def test_back_off_at_the_end_of_the_wait_has_lasted_no_longer_than_that(routes: Api) -> None:
    waits = waiting_for_pods(routes, [BACK_OFF, BACK_OFF], ready_s=0.02)
    with pytest.raises(DeployError, match="does not come up after 0.02 s: .*ImagePullBackOff"):
        waits.for_pods(CANDIDATE, 1)


def test_pod_that_was_evicted_is_told_where_no_other_comes(routes: Api) -> None:
    routes.put(pod("evicted", EVICTED))
    with pytest.raises(DeployError, match="after 0.02 s: .* has failed: Evicted low on memory"):
        _waiting(lambda: None, ready_s=0.02, grace_s=30).for_pods(CANDIDATE, 1)


def test_pod_that_was_evicted_does_not_count_as_one_that_is_left(
    routes: Api, caplog: pytest.LogCaptureFixture
) -> None:
    routes.put(pod("evicted", EVICTED))
    _waiting(lambda: None, ready_s=0.02, grace_s=30).until_gone(CANDIDATE)
    assert "pods do not leave" not in caplog.text


@pytest.mark.parametrize("state", [BACK_OFF, CRASHED], ids=["pull", "crash"])
def test_back_off_that_passes_in_time_is_no_failure(routes: Api, state: dict[str, Any]) -> None:
    waits = waiting_for_pods(routes, [state, state, state, READY, READY])
    assert len(waits.for_pods(CANDIDATE, 1)) == 1


@pytest.mark.parametrize("between", [CRASHED, RUNNING], ids=["waiting", "running-in-between"])
def test_crashes_that_go_on_are_a_failure(routes: Api, between: dict[str, Any]) -> None:
    waits = waiting_for_pods(routes, [CRASHED, between], grace_s=0.05)
    with pytest.raises(DeployError, match="does not come up after 0.05 s: .*CrashLoopBackOff"):
        waits.for_pods(CANDIDATE, 1)


def test_pod_that_is_leaving_is_neither_waited_for_nor_a_reason(routes: Api) -> None:
    """What is wrong with it is over: one of the same version has come in its place."""
    broken = pod("leaving", container("waiting", reason="InvalidImageName", message="none"))
    routes.put(broken | {"metadata": broken["metadata"] | {"finalizers": ["test/stays"]}})
    leave(routes, "leaving")
    waits = waiting_for_pods(routes, [STARTING, STARTING, READY, READY])
    assert [one["metadata"]["name"] for one in waits.for_pods(CANDIDATE, 1)] == ["a"]


def test_pod_that_is_ready_and_leaving_does_not_count(routes: Api) -> None:
    ready = pod("leaving", READY)
    routes.put(ready | {"metadata": ready["metadata"] | {"finalizers": ["test/stays"]}})
    leave(routes, "leaving")
    with pytest.raises(DeployError, match="0 of 1 pods are ready; KServe has made no Deployment"):
        _waiting(lambda: None, ready_s=0.02, grace_s=30).for_pods(CANDIDATE, 1)


def pulling(seconds: int) -> dict[str, Any]:
    said = f"Back-off {seconds}s pulling image at 2026-11-21T10:00:{seconds}Z"
    return container("waiting", reason="ImagePullBackOff", message=said)


def crashing(seconds: int) -> dict[str, Any]:
    said = f"back-off {seconds}s restarting failed container"
    return container("waiting", seconds, reason="CrashLoopBackOff", message=said)


def test_reason_is_told_where_it_becomes_another_and_once_whatever_it_counts(routes: Api) -> None:
    said: list[str] = []
    looks = [STARTING, STARTING, pulling(10), pulling(20), STARTING, pulling(40), crashing(10)]
    looks += [RUNNING, crashing(20), READY, READY]
    waiting_for_pods(routes, looks, say=said.append).for_pods(CANDIDATE, 1)
    first, second, third = said
    assert first == "waiting for the pods of version 2: 0 of 1 are ready; pod 'a' is not ready"
    assert "ImagePullBackOff: Back-off 10s pulling image" in second
    assert "CrashLoopBackOff: back-off 10s restarting failed container" in third


SERVICE = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "churn", "namespace": NAMESPACE},
}


def test_event_that_tells_more_of_a_reason_is_told_once(routes: Api) -> None:
    said: list[str] = []
    seen: list[int] = []

    def turn() -> None:
        seen.append(len(seen))
        if len(seen) in (3, 5, 7):
            reason = "Other" if len(seen) == 5 else "InternalError"
            routes.event(SERVICE, reason, f"webhook denied it {len(seen)} times")
        if len(seen) == 9:
            routes.put(pod("a", READY))

    _waiting(turn, ready_s=30, grace_s=30, say=said.append).for_pods(CANDIDATE, 1)
    assert [text.count("webhook denied it") for text in said] == [0, 1, 2]
    assert "KServe has made no Deployment 'churn-v2-predictor' yet" in said[0]
    assert "events: InternalError: webhook denied it 3 times" in said[1]


def leave(api: Api, name: str) -> None:
    """Has a pod be deleted that something holds still."""
    found = api.get("Pod", name, NAMESPACE)
    assert found is not None
    connect(PACE.patience).delete(PODS, NAMESPACE, name, found["metadata"]["uid"])
