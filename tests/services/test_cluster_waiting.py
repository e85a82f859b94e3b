"""Waiting by real kubectl: progress as pods come up, and the reason where they do not."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.cluster.commands import ClusterError, Command
from pipelines.cluster.node import await_server
from pipelines.cluster.waiting import Wait
from tests.healthy_cluster import available, deployment, document
from tests.kubernetes_api import Api
from tests.manifests.rendered import needs_kubectl
from tests.pipelines.late_door import LateDoor

pytestmark = needs_kubectl
LINE = "kubectl -n models wait --for=condition=Available --timeout={} deployment/web"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "KUBECONFIG": str(tmp_path / "kubeconfig"), "HOME": str(tmp_path)}


@pytest.fixture
def wait(tmp_path: Path, environment: dict[str, str]) -> Any:
    api = Api()
    api.kubeconfig(tmp_path / "kubeconfig")
    late = deployment("web", "models", "web:1")
    late["status"] = {"conditions": [{"type": "Available", "status": "False"}]}
    api.put(document("v1", "Namespace", "models"), late, pod("web-1", "ContainerCreating"))

    def make(timeout: str) -> Wait:
        return Wait(Command.parse(LINE.format(timeout)), environment, look_s=0.05)

    yield api, make
    api.close()


@pytest.fixture
def door(wait: Any, tmp_path: Path) -> Iterator[LateDoor]:
    """What the configuration names leads to the API once it is open, and refuses until then."""
    api, _ = wait
    late = LateDoor(api.url)
    config = tmp_path / "kubeconfig"
    config.write_text(config.read_text().replace(api.url, late.url))
    yield late
    late.close()


def pod(name: str, reason: str, message: str = "") -> dict[str, Any]:
    made = document("v1", "Pod", name, "models")
    made["metadata"]["labels"] = {"app": "web"}
    state = {"waiting": {"reason": reason, "message": message}}
    made["spec"] = {"containers": [{"name": "web", "image": "web:1"}]}
    made["status"] = {"containerStatuses": [{"name": "web", "state": state}]}
    return made


def test_wait_says_each_change_and_ends_with_the_deployment(wait: Any) -> None:
    api, make = wait
    said: list[str] = []
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}

    def listen(text: str) -> None:
        said.append(text)
        # The cluster goes on whenever the last change was said, and so nothing is timed.
        if len(said) == 1:
            api.put(pod("web-1", "ImagePullBackOff", "no such image"))
        elif len(said) == 2:
            api.put({**pod("web-1", ""), "status": ready})
        else:
            api.put({**deployment("web", "models", "web:1"), "status": available()})

    make("300s").run(listen)
    assert said == [
        "  models: 0 of 1 pods ready; web-1: starting",
        "  models: 0 of 1 pods ready; web-1: web: ImagePullBackOff (no such image)",
        "  models: 1 of 1 pods ready",
    ]


def test_wait_that_ends_without_it_quotes_pod_event_and_mend(wait: Any) -> None:
    api, make = wait
    api.put(pod("web-2", "CrashLoopBackOff"))
    api.event(api.get("Pod", "web-1", "models"), "FailedMount", "no secret web-tls")
    with pytest.raises(ClusterError) as caught:
        make("1s").run(lambda _: None)
    lines = str(caught.value).splitlines()
    assert "timed out waiting for the condition" in lines[0]
    assert lines[1] == "not ready in models:"
    assert sorted(lines[2:4]) == [
        "  web-1: FailedMount: no secret web-tls",
        "  web-2: web: CrashLoopBackOff",
    ]
    assert lines[4].endswith(
        "kubectl --context kind-kubeloop -n models logs web-2 -c web --previous"
    )


def test_wait_goes_on_while_the_api_is_away_for_its_looks(wait: Any) -> None:
    api, make = wait
    api.fail("GET", "/pods", status=503, times=-1)
    asked = 0

    def count(call: Any) -> None:
        nonlocal asked
        asked += call.resource == "pods"
        if asked == 2:
            api.put({**deployment("web", "models", "web:1"), "status": available()})

    api.on_call(count, moment="arrived", verbs=("list",))
    make("300s").run(lambda text: pytest.fail(text))
    assert asked >= 2


AGAIN = "  not ready for it yet; again in 0.05 s"


def test_wait_is_begun_again_until_the_server_answers(
    wait: Any, door: LateDoor, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without the log of kubectl's own parts on the screen."""
    api, make = wait
    api.put({**deployment("web", "models", "web:1"), "status": available()})
    said: list[str] = []

    def listen(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            door.open()

    make("300s").run(listen)
    assert said[:2] == [AGAIN, AGAIN]
    shown = capfd.readouterr().err
    assert f"The connection to the server {door.url.removeprefix('http://')} was refused" in shown
    assert "memcache.go" not in shown


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (503, "the server is currently unable to handle the request"),
        (500, "etcdserver: leader changed"),
    ],
    ids=["unavailable", "leader"],
)
def test_wait_is_begun_again_after_what_passes(wait: Any, status: int, message: str) -> None:
    api, make = wait
    api.remove("Pod", "web-1", "models")
    api.put({**deployment("web", "models", "web:1"), "status": available()})
    api.fail("GET", "deployments", status=status, message=message, times=2)
    said: list[str] = []
    make("300s").run(said.append)
    assert said
    assert set(said) == {AGAIN}


def test_wait_that_is_refused_ends_in_its_own_time_with_the_mend(wait: Any, door: LateDoor) -> None:
    _, make = wait
    said: list[str] = []
    with pytest.raises(ClusterError) as caught:
        make("5s").run(said.append)
    first, mend = str(caught.value).splitlines()
    assert "was refused" in first
    assert mend == "the cluster does not answer: docker ps shows whether its node runs"
    assert set(said) == {AGAIN}


def test_wait_that_is_begun_again_waits_for_what_is_left(tmp_path: Path) -> None:
    """A program that records what it is told stands in for kubectl."""
    program = tmp_path / "kubectl"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n'
        f'[ "$(wc -l < {tmp_path}/calls)" -gt 2 ] && exit\n'
        'echo "Unable to connect to the server: EOF" >&2; exit 1\n'
    )
    program.chmod(0o755)
    command = Command.parse("kubectl wait --for=condition=Ready --timeout=1h node --all")
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    Wait(command, environment, look_s=1).run(lambda _: None)
    first, *rest = (tmp_path / "calls").read_text().splitlines()
    assert first == "wait --for=condition=Ready --timeout=1h node --all"
    left = [int(line.rpartition("--timeout=")[2].removesuffix("s")) for line in rest]
    assert 3600 > left[0] > left[1] >= 1


def test_wait_that_is_forbidden_is_not_begun_again(wait: Any) -> None:
    api, make = wait
    api.remove("Pod", "web-1", "models")
    api.fail("GET", "deployments", status=403, message="nobody may", times=-1)
    with pytest.raises(ClusterError, match="ask whoever runs the cluster"):
        make("300s").run(lambda text: pytest.fail(text))


def test_server_is_awaited_until_it_is_ready(
    wait: Any, door: LateDoor, environment: dict[str, str]
) -> None:
    said: list[str] = []

    def listen(text: str) -> None:
        said.append(text)
        door.open()

    await_server(environment, listen, look_s=0.05)
    (one,) = said
    assert one.startswith("  waiting for the API server: The connection to the server ")


def test_server_that_is_never_ready_is_named_with_its_reason(
    wait: Any, door: LateDoor, environment: dict[str, str]
) -> None:
    with pytest.raises(ClusterError) as caught:
        await_server(environment, lambda _: None, limit_s=0, look_s=0.05)
    first, mend = str(caught.value).splitlines()
    assert first.startswith("the API server of 'kubeloop' was not ready in 0 s: The connection")
    assert "docker logs kubeloop-control-plane" in mend
