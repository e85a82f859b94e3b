"""MLflow's server, started as the manifest has it: its command, its arguments, its variables."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.manifests.rendered import needs_kubectl, of_kind, overlay

pytestmark = needs_kubectl

PATIENCE_S = 120
API = "/api/2.0/mlflow/registered-models/search?max_results=1"


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]


class Server:
    """The process and its port; Kubernetes' part, `$(NAME)` and fields, is done here."""

    def __init__(self, folder: Path) -> None:
        (deployment,) = (
            d for d in of_kind(overlay("kind"), "Deployment") if d["metadata"]["name"] == "mlflow"
        )
        container: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
        namespace = deployment["metadata"]["namespace"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        changes = {
            "--host=0.0.0.0": "--host=127.0.0.1",
            "--port=5000": f"--port={self.port}",
        }
        given = [a.replace("$(NAMESPACE)", namespace) for a in container["args"]]
        assert set(changes) <= set(given)
        arguments = [changes.get(argument, argument) for argument in given]
        assert container["command"][:2] == ["python3", "-m"]
        variables = {v["name"]: v["value"] for v in container["env"] if "value" in v}
        environment = {
            **os.environ,
            **variables,
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *container["command"][1:], *arguments],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def status(self, path: str, host: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status

    def post(self, path: str, **body: Any) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        headers = {"Host": "mlflow:5000", "Content-Type": "application/json"}
        connection.request("POST", f"/api/2.0/mlflow/{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        return Answer(answer.status, json.loads(answer.read()))

    def wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                assert self.status("/health", "10.244.0.7:5000") == 200
            except ConnectionError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.2)
            else:
                return

    def stop(self) -> None:
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        for process in family:
            process.terminate()
        _, alive = psutil.wait_procs(family, timeout=20)
        for process in alive:
            process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("mlflow"))
    try:
        running.wait()
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize(
    "host",
    [
        "mlflow:5000",
        "mlflow.kubeloop:5000",
        "mlflow.kubeloop.svc:5000",
        "mlflow.kubeloop.svc.cluster.local:5000",
        "localhost:5000",
    ],
)
def test_mlflow_answers_to_its_own_names(server: Server, host: str) -> None:
    assert server.status(API, host) == 200


@pytest.mark.parametrize("host", ["mlflow.example.com", "10.244.0.7:5000", "mlflow.other:5000"])
def test_mlflow_refuses_other_names_but_a_probe(server: Server, host: str) -> None:
    assert server.status(API, host) == 403
    assert server.status("/health", host) == 200


def test_mlflow_starts_nothing_that_we_do_not_use(server: Server) -> None:
    """Its job runner would start seven more processes, of 70 MB each."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert len(children) == 1


def test_mlflow_names_the_bucket_and_takes_addresses_in_it(server: Server) -> None:
    """Asked by its own name, as a task does; its address here is another."""
    source = "s3://mlpipeline/v2/artifacts/kubeloop-training/run/package/bundle"
    assert server.post("registered-models/create", name="telco-churn").status == 200
    made = server.post("model-versions/create", name="telco-churn", source=source)
    assert made.body["model_version"]["source"] == source
    experiment = server.post("experiments/create", name="telco-churn").body["experiment_id"]
    run = server.post("runs/create", experiment_id=experiment).body["run"]
    assert run["info"]["artifact_uri"].startswith("s3://mlpipeline/mlflow/")
