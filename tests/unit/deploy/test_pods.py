"""What a pod's status says."""

from typing import Any

import pytest

from components.deploy.kserve.pods import (
    address,
    is_ready,
    last_end,
    lost_its_server,
    restarts,
    server_restarts,
    trouble,
)


def pod(status: dict[str, Any], **metadata: str) -> dict[str, Any]:
    ports = [
        {"name": "grpc", "containerPort": 8081},
        {"name": "http", "containerPort": 8080},
    ]
    return {
        "metadata": {"name": "a", **metadata},
        "spec": {"containers": [{"name": "kserve-container", "ports": ports}]},
        "status": status,
    }


def condition(kind: str, status: str, **more: str) -> dict[str, str]:
    return {"type": kind, "status": status, **more}


READY = {"conditions": [condition("Ready", "True")], "podIP": "10.0.0.7"}
UNREADY = {"conditions": [condition("Ready", "False")]}


def containers(*, server: bool, proxy: bool = True) -> dict[str, Any]:
    ready = {"kserve-container": server, "istio-proxy": proxy}
    found = [{"name": name, "ready": is_so, "state": {}} for name, is_so in ready.items()]
    return UNREADY | {"containerStatuses": found}


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"name": "kserve-container", "state": state, **more}


def test_pod_that_is_leaving_is_not_ready() -> None:
    assert is_ready(pod(READY))
    assert not is_ready(pod(READY, deletionTimestamp="2026-11-21T10:00:00Z"))
    assert not is_ready(pod({}))


@pytest.mark.parametrize(
    ("status", "lost"),
    [
        (containers(server=False), True),
        (containers(server=True), False),
        (containers(server=True, proxy=False), False),
        (containers(server=False) | READY, False),
        (containers(server=False) | {"phase": "Failed"}, False),
        (UNREADY, False),
    ],
    ids=["server", "node-out-of-reach", "sidecar", "ready", "evicted", "nothing-known"],
)
def test_pod_lost_its_server_where_that_is_not_ready(status: dict[str, Any], lost: bool) -> None:
    assert lost_its_server(pod(status)) is lost
    assert not lost_its_server(pod(status, deletionTimestamp="2026-11-21T10:00:00Z"))


@pytest.mark.parametrize(
    ("ip", "expected"),
    [("10.0.0.7", "http://10.0.0.7:8080"), ("fd00::7", "http://[fd00::7]:8080"), ("", "")],
)
def test_address_is_the_port_named_http(ip: str, expected: str) -> None:
    assert address(pod({"podIP": ip})) == expected


def ended(exit_code: int, at: str) -> dict[str, Any]:
    finished = {"exitCode": exit_code, "finishedAt": f"2026-11-21T{at}Z"}
    return {"lastState": {"terminated": finished}}


FETCHED = {"name": "storage-initializer", "restartCount": 1, **ended(1, "10:05:00")}


def test_restarts_count_all_containers_and_those_of_the_server_its_own() -> None:
    status = {
        "initContainerStatuses": [FETCHED],
        "containerStatuses": [{"name": "kserve-container", "restartCount": 2}],
    }
    assert restarts(pod(status)) == 3
    assert server_restarts(pod(status)) == 2
    assert server_restarts(pod({})) == 0


def test_last_end_is_that_of_the_server() -> None:
    crashed = {"name": "kserve-container", **ended(139, "10:00:00")}
    found = last_end(pod({"initContainerStatuses": [FETCHED], "containerStatuses": [crashed]}))
    assert found is not None
    assert found.text == "container 'kserve-container' crashed and began anew (exit code 139)"
    assert last_end(pod({"initContainerStatuses": [FETCHED]})) is None


@pytest.mark.parametrize(
    ("status", "said", "final", "often_passing"),
    [
        (
            {"containerStatuses": [waiting("ErrImagePull", "not found")]},
            "container 'kserve-container' cannot pull its image: ErrImagePull: not found",
            False,
            True,
        ),
        (
            {"containerStatuses": [waiting("ImagePullBackOff", "back-off")]},
            "container 'kserve-container' cannot pull its image: ImagePullBackOff: back-off",
            False,
            True,
        ),
        (
            {
                "containerStatuses": [
                    waiting(
                        "CrashLoopBackOff",
                        lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
                    )
                ]
            },
            "container 'kserve-container' crashes: CrashLoopBackOff (exit code 137, OOMKilled)",
            False,
            True,
        ),
        (
            {"containerStatuses": [waiting("CreateContainerConfigError", "no secret 'a'")]},
            "cannot be made as it is configured: CreateContainerConfigError: no secret 'a'",
            False,
            True,
        ),
        (
            {"containerStatuses": [waiting("CreateContainerError", "name is in use")]},
            "cannot be made: CreateContainerError: name is in use",
            False,
            True,
        ),
        (
            {"containerStatuses": [waiting("RunContainerError", "no runtime")]},
            "cannot be started: RunContainerError: no runtime",
            False,
            True,
        ),
        (
            {"containerStatuses": [waiting("InvalidImageName", "'a b'")]},
            "has an image name that is none: InvalidImageName: 'a b'",
            True,
            False,
        ),
        (
            {"containerStatuses": [waiting("ErrImageNeverPull")]},
            "lacks its image on the node, and may not pull it: ErrImageNeverPull",
            True,
            False,
        ),
        (
            {"conditions": [condition("PodScheduled", "False", reason="Unschedulable")]},
            "finds no node: Unschedulable",
            False,
            False,
        ),
        ({"phase": "Failed", "reason": "Evicted"}, "has failed: Evicted", False, False),
    ],
    ids=[
        *("pulling", "pull-back-off", "out-of-memory", "no-secret", "not-made", "not-started"),
        *("no-image-name", "never-pulled", "no-node", "evicted"),
    ],
)
def test_trouble_says_what_and_whether_waiting_helps(
    status: dict[str, Any], said: str, final: bool, often_passing: bool
) -> None:
    found = trouble(pod(status))
    assert found is not None
    assert said in found.text
    assert (found.final, found.often_passing) == (final, often_passing)


@pytest.mark.parametrize(
    "status",
    [READY, {}, {"containerStatuses": [waiting("ContainerCreating")]}, {"phase": "Pending"}],
    ids=["ready", "new", "creating", "pending"],
)
def test_trouble_of_a_pod_that_comes_up_is_none(status: dict[str, Any]) -> None:
    assert trouble(pod(status)) is None


def test_trouble_is_the_one_that_no_waiting_mends() -> None:
    status = {
        "initContainerStatuses": [
            {"name": "storage-initializer", "state": {"terminated": {"exitCode": 1}}}
        ],
        "containerStatuses": [waiting("InvalidImageName")],
    }
    found = trouble(pod(status))
    assert found is not None
    assert found.final
