"""The reason of every pod that is not ready, in Kubernetes' own words."""

from typing import Any

import pytest

from pipelines.cluster.reasons import is_ready, mends, unready


def pod(name: str = "web-1", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "models"}, "status": status}


def container(name: str, kind: str, **state: Any) -> dict[str, Any]:
    return {"name": name, "state": {kind: state}}


def warning(name: str, reason: str, message: str, when: str = "1") -> dict[str, Any]:
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": f"2026-11-21T00:00:0{when}Z",
        "involvedObject": {"kind": "Pod", "name": name},
    }


PULL = container("main", "waiting", reason="ImagePullBackOff", message='Back-off pulling "a:1"')
CRASH = {
    "name": "main",
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
    "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
}
UNSCHEDULED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient memory.",
}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"containerStatuses": [PULL]}, 'main: ImagePullBackOff (Back-off pulling "a:1")'),
        ({"containerStatuses": [CRASH]}, "main: CrashLoopBackOff (exit status 137, OOMKilled)"),
        ({"conditions": [UNSCHEDULED]}, f"Unschedulable ({UNSCHEDULED['message']})"),
        (
            {
                "initContainerStatuses": [
                    container("init", "terminated", exitCode=1, reason="Error")
                ],
                "containerStatuses": [container("main", "waiting", reason="PodInitializing")],
            },
            "init: Error (exit status 1)",
        ),
        ({"phase": "Failed", "reason": "Evicted"}, "Failed (Evicted)"),
        ({"phase": "Running"}, "running, not ready yet"),
        ({"phase": "Pending"}, "starting"),
    ],
    ids=["pull", "crash", "schedule", "init", "evicted", "probe", "start"],
)
def test_pod_that_is_not_ready_says_why(status: dict[str, Any], said: str) -> None:
    assert unready([pod(**status)]) == [f"web-1: {said}"]


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Succeeded"},
        {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    ],
    ids=["done", "ready"],
)
def test_pod_that_is_well_is_not_spoken_of(status: dict[str, Any]) -> None:
    assert is_ready(pod(**status))
    assert unready([pod(**status)], [warning("web-1", "Old", "was")]) == []


def test_newest_warning_of_a_pod_is_quoted_where_its_state_says_nothing() -> None:
    events = [
        warning("web-1", "FailedMount", "secret not found", "2"),
        warning("web-1", "FailedScheduling", "before", "1"),
        warning("web-2", "Other", "of another", "3"),
        {**warning("web-1", "Pulled", "fine", "4"), "type": "Normal"},
    ]
    waiting = pod(containerStatuses=[container("main", "waiting", reason="ContainerCreating")])
    assert unready([waiting], events) == ["web-1: FailedMount: secret not found"]


def test_credentials_in_messages_are_left_out() -> None:
    address = "https://somebody:hunter2@registry.example.org/a"
    said = unready(
        [
            pod("a", containerStatuses=[container("main", "waiting", reason="E", message=address)]),
            pod("b"),
        ],
        [warning("b", "FailedMount", address)],
    )
    assert len(said) == 2
    assert [line for line in said if "hunter2" in line or "registry.example.org" not in line] == []


def test_mends_are_said_once_each() -> None:
    pods = [
        pod("a", containerStatuses=[PULL]),
        pod("b", containerStatuses=[PULL]),
        pod("c", containerStatuses=[CRASH]),
    ]
    pulled, crashed = mends(pods, "kubectl --context a")
    assert "make cluster-images" in pulled
    assert crashed.endswith("kubectl --context a -n models logs c -c main --previous")
