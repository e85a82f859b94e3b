"""How a run ended, by Argo's account of its workflow, asked of a real HTTP server."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from components.notify.workflow import ACCOUNT, API, find_state
from tests.unit.notify.conftest import Server

GROUP = "exit-handler-1"
WORKFLOW = "kubeloop-training-x7k2p"


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A pod's ServiceAccount as Kubernetes mounts it; without `ca.crt`, for the server has none."""
    (tmp_path / "token").write_text("the-token\n", encoding="utf-8")
    (tmp_path / "namespace").write_text("kubeflow", encoding="utf-8")
    return tmp_path


def workflow(phase: str, *, packed: bool = False) -> bytes:
    """As Argo keeps it: a node for each step of each task (workflow_types.go), ours among them."""
    nodes: dict[str, Any] = {
        "a": {"displayName": f"{GROUP}-driver", "type": "Pod", "phase": "Succeeded"},
        "b": {"displayName": GROUP, "type": "DAG", "phase": phase},
        "c": {"displayName": f"{GROUP}.onExit", "type": "DAG", "phase": "Running"},
        "d": {"displayName": "ingest(0)", "type": "Pod", "phase": "Failed"},
    }
    status: dict[str, Any] = {"phase": "Running", "nodes": nodes}
    if packed:
        text = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
        status = {"phase": "Running", "compressedNodes": text}
    return json.dumps({"kind": "Workflow", "status": status}).encode()


def asked_for(server: Server, account: Path, word: str = "RUNNING") -> str:
    return find_state(word, WORKFLOW, GROUP, account=account, api=server.url)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("word", ["RUNNING", "COMPLETE", "FAILED"])
@pytest.mark.parametrize(
    ("phase", "state"), [("Succeeded", "succeeded"), ("Failed", "failed"), ("Error", "failed")]
)
def test_find_state_takes_argos_word_before_kfps(
    server: Server, account: Path, phase: str, state: str, word: str, *, packed: bool
) -> None:
    server.answers = [(200, workflow(phase, packed=packed))]
    assert asked_for(server, account, word) == state
    (asked,) = server.asked
    path = f"/apis/argoproj.io/v1alpha1/namespaces/kubeflow/workflows/{WORKFLOW}"
    assert (asked.method, asked.path) == ("GET", path)
    assert asked.headers["authorization"] == "Bearer the-token"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("SUCCEEDED", "succeeded"),
        ("COMPLETE", "succeeded"),
        ("FAILED", "failed"),
        ("RUNNING", "unknown"),
        ("CANCELED", "unknown"),
    ],
)
def test_find_state_without_an_account_takes_kfps_word(
    server: Server, tmp_path: Path, word: str, state: str
) -> None:
    assert asked_for(server, tmp_path / "none", word) == state
    assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        (403, b'{"reason": "Forbidden"}'),
        (404, b"{}"),
        (500, b""),
        (200, b"not JSON"),
        (200, b"[]"),
        (200, b'{"status": {"nodes": null}}'),
        (200, b'{"status": {"compressedNodes": "bm90IGd6aXA="}}'),
        (200, workflow("Running")),
    ],
    ids=["forbidden", "gone", "broken", "text", "list", "empty", "unpacked", "under way"],
)
def test_find_state_that_cannot_be_read_takes_kfps_word_and_says_so(
    server: Server, account: Path, answer: tuple[int, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = [answer]
    assert asked_for(server, account, "FAILED") == "failed"
    assert f"workflow {WORKFLOW!r}" in caplog.text
    assert "taking KFP's word 'FAILED'" in caplog.text
    assert "the-token" not in caplog.text


def test_find_state_of_nobody_there_takes_kfps_word(server: Server, account: Path) -> None:
    assert find_state("COMPLETE", WORKFLOW, GROUP, account=account, api="http://127.0.0.1:1") == (
        "succeeded"
    )


def test_find_state_asks_no_path_but_the_workflows(server: Server, account: Path) -> None:
    server.answers = [(404, b"{}")]
    find_state("FAILED", "../../secrets/x", GROUP, account=account, api=server.url)
    assert server.asked[0].path.endswith("/workflows/..%2F..%2Fsecrets%2Fx")


def test_account_and_server_are_those_of_every_pod() -> None:
    assert str(ACCOUNT) == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert API == "https://kubernetes.default.svc"
