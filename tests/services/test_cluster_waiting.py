"""Waiting by real kubectl: progress as pods come up, and the reason where they do not."""

import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.cluster.commands import ClusterError, Command
from pipelines.cluster.waiting import Wait
from tests.healthy_cluster import available, deployment, document
from tests.kubernetes_api import Api
from tests.manifests.rendered import needs_kubectl

pytestmark = needs_kubectl
LINE = "kubectl -n models wait --for=condition=Available --timeout={} deployment/web"


@pytest.fixture
def wait(tmp_path: Path) -> Any:
    api = Api()
    config = api.kubeconfig(tmp_path / "kubeconfig")
    environment = {**os.environ, "KUBECONFIG": str(config), "HOME": str(tmp_path)}
    late = deployment("web", "models", "web:1")
    late["status"] = {"conditions": [{"type": "Available", "status": "False"}]}
    api.put(document("v1", "Namespace", "models"), late, pod("web-1", "ContainerCreating"))

    def make(timeout: str) -> Wait:
        return Wait(Command.parse(LINE.format(timeout)), environment, look_s=0.05)

    yield api, make
    api.close()


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
    assert lines[4].endswith("kubectl -n models logs web-2 -c web --previous")


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
