"""What `status` and `rollback` say of a cluster that refuses them, is away, or is none."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes_api import Cluster
from tests.pipelines.laptop import Laptop
from tests.web import Answer, Web

COMMANDS = {
    "status": ("status", "--serving", "kserve://models"),
    "rollback": (
        "rollback",
        "churn",
        "--serving",
        "kserve://models",
        "--registry",
        "http://127.0.0.1:1",
    ),
}
ANSWERS: dict[str, tuple[Answer, str]] = {
    "page": (
        (200, {"Content-Type": "text/html"}, b"<!doctype html><title>hidden</title>"),
        "a page, as a proxy or a login shows one",
    ),
    "redirect": (
        (302, {"Location": "https://login.test/?state=hidden"}, b""),
        "it sends on to another address, as a login does",
    ),
    "list": ((200, {}, b"[]"), "'[]'"),
    "text": ((200, {}, b'"well"'), "'\"well\"'"),
    "nothing": ((200, {}, b"{}"), "'{}'"),
    "number": ((200, {}, b'{"metadata": 7, "items": 7}'), '\'{"metadata": 7'),
}


class Foreign(Web):
    """What is no API server."""

    answer: Answer

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        return self.answer


def configured(change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the configuration that KUBECONFIG names."""
    path = Path(os.environ["KUBECONFIG"])
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def expired(cluster: Cluster) -> None:
    cluster.api.fail("*", "inferenceservices", status=401, message="Unauthorized", times=-1)


def forbidden(cluster: Cluster) -> None:
    cluster.api.permit([], user="nobody")


def spaceless(cluster: Cluster) -> None:
    """RBAC says no before anybody looks whether the namespace is there; an admin gets 404."""
    message = 'namespaces "models" not found'
    cluster.api.fail("*", "inferenceservices", status=404, message=message, times=-1)


def bare(cluster: Cluster) -> None:
    message = "the server could not find the requested resource"
    cluster.api.fail("*", "inferenceservices", status=404, message=message, times=-1)


def cutting(cluster: Cluster) -> None:
    cluster.api.cut("*", "inferenceservices", times=-1, acted=False)


def away(_: Cluster) -> None:
    configured(lambda file: file["clusters"][0]["cluster"].update(server="http://127.0.0.1:1"))


def away_with_a_password(_: Cluster) -> None:
    server = "http://user:of-test@127.0.0.1:1"
    configured(lambda file: file["clusters"][0]["cluster"].update(server=server))


def nameless(_: Cluster) -> None:
    configured(lambda file: file.pop("current-context"))


def damaged(_: Cluster) -> None:
    Path(os.environ["KUBECONFIG"]).write_text("a note: [of-test\n", encoding="utf-8")


def absent(_: Cluster) -> None:
    Path(os.environ["KUBECONFIG"]).unlink()


CASES: dict[str, tuple[Callable[[Cluster], None], str]] = {
    "expired": (expired, "the credentials are missing or have expired: log in again"),
    "forbidden": (forbidden, 'User "nobody" cannot'),
    "namespace": (spaceless, 'namespaces "models" not found; either KServe is not installed'),
    "kserve": (bare, "either KServe is not installed in this cluster or there is no such namesp"),
    "cut": (cutting, "gave no answer"),
    "away": (away, "gave no answer ([Errno 111] Connection refused)"),
    "password": (away_with_a_password, "the Kubernetes API at 'http://***@127.0.0.1:1' gave no"),
    "context": (nameless, "Expected key current-context"),
    "damaged": (damaged, "is no configuration of Kubernetes: it is no valid YAML"),
    "absent": (absent, "no Kubernetes cluster is configured: there is no file"),
}


def refused(command: str, folder: Path) -> str:
    """Runs a command that fails, and returns the one sentence that it says."""
    done = Laptop(folder).run(*COMMANDS[command])
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("kubeloop: ")
    # The token of the configuration.
    assert "of-test" not in line
    return line


# Both ask alike; what differs is told apart by what is asked first, a list or one model.
@pytest.mark.parametrize(
    ("case", "command"),
    [*((case, "status") for case in CASES), ("forbidden", "rollback"), ("cut", "rollback")],
)
def test_cluster_that_cannot_be_asked_is_one_sentence_and_status_1(
    cluster: Cluster, tmp_path: Path, case: str, command: str
) -> None:
    prepare, said = CASES[case]
    prepare(cluster)
    assert said in refused(command, tmp_path)


@pytest.mark.parametrize(
    ("case", "command"), [*((case, "status") for case in ANSWERS), ("page", "rollback")]
)
def test_server_that_is_no_clusters_is_one_sentence_and_status_1(
    cluster: Cluster, tmp_path: Path, case: str, command: str
) -> None:
    server = Foreign()
    server.answer, said = ANSWERS[case]
    try:
        configured(lambda file: file["clusters"][0]["cluster"].update(server=server.url))
        line = refused(command, tmp_path)
    finally:
        server.close()
    assert f"an answer that is none of Kubernetes: {said}" in line
    assert "hidden" not in line


def test_model_that_is_read_from_something_else_is_one_sentence(
    cluster: Cluster, tmp_path: Path
) -> None:
    server = Foreign()
    server.answer = (200, {}, b"{}")
    try:
        configured(lambda file: file["clusters"][0]["cluster"].update(server=server.url))
        done = Laptop(tmp_path).run("status", "churn", "--serving", "kserve://models")
    finally:
        server.close()
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot get inferenceservices.serving.kserve.io 'churn'" in done.stderr
    assert "an answer that is none of Kubernetes: '{}'" in done.stderr
