"""The way to one variant alone, from where its Service cannot be reached."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.entrance import entrance
from components.deploy.kserve.pace import Patience
from components.deploy.kserve.variants import Variant
from components.errors import DeployError
from tests.raw_server import answer, sending

VARIANT = Variant("churn", "v2", 2, 0)
SERVICE = "/api/v1/namespaces/models/services/churn-v2-predictor"
# Nobody listens there, as nobody does at a cluster's address outside of it.
ADDRESS = {"clusterIP": "127.0.0.1", "ports": [{"name": "grpc", "port": 8081}, {"port": 9}]}
# Ages to which the API server says that it does not reach the pod, and the pod that it failed.
BLOCKED, FAILING = -1.0, -2.0


class ApiServer(ThreadingHTTPServer):
    """As much of an API server as passes a request on.

    Attributes:
        service_spec: of the variant's Service.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.service_spec: dict[str, Any] = ADDRESS


class Answers(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:  # noqa: N802
        found = self.path == SERVICE
        missing = {"details": {"name": "churn"}, "reason": "NotFound"}
        spec = self.server.service_spec
        self._answer(
            200 if found else 404,
            {"metadata": {"name": "churn-v2-predictor"}, "spec": spec} if found else missing,
        )

    def do_POST(self) -> None:  # noqa: N802
        rows = json.loads(self.rfile.read(int(self.headers["content-length"])))["instances"]
        assert self.path.startswith(SERVICE)
        assert self.path.endswith("/proxy/v1/models/churn:predict")
        if any(row["age"] == BLOCKED for row in rows):
            said = "error trying to reach service: dial tcp 10.244.0.9:8080: i/o timeout"
            self._answer(503, {"kind": "Status", "reason": "ServiceUnavailable", "message": said})
            return
        if any(row["age"] == FAILING for row in rows):
            self._answer(500, {"error": "the model failed"})
            return
        predictions = [row["age"] for row in rows if row["age"] is not None]
        self._answer(200, {"predictions": predictions})

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""


@pytest.fixture(autouse=True)
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    server = ApiServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    document = {
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": url}}],
        "users": [{"name": "a", "user": {}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_entrance_from_elsewhere_goes_through_the_api_server() -> None:
    ask, quick = entrance(connect(Patience(first_wait_s=0.01)), "models", VARIANT, [])
    assert not quick
    assert ask([{"age": 30.0}, {"age": 61.5}]) == [30.0, 61.5]


@pytest.mark.parametrize(
    ("host", "quick", "expected"),
    [("127.0.0.1", True, [7.5]), ("0.0.0.0", False, [30.0])],  # noqa: S104
    ids=["this-machine", "stranger"],
)
def test_entrance_from_elsewhere_asks_nobody_else_who_listens_at_the_address(
    cluster: ApiServer, host: str, quick: bool, expected: list[float]
) -> None:
    """Whoever has a cluster's address in another network would be sent the rows.

    Linux connects 0.0.0.0 to this machine too, so it stands for an address that is not loopback.
    """
    with sending(answer(b'{"predictions": [7.5]}')) as server:
        port = int(server.rpartition(":")[2])
        cluster.service_spec = {"clusterIP": host, "ports": [{"port": port}]}
        ask, is_quick = entrance(connect(Patience(first_wait_s=0.01)), "models", VARIANT, [])
        assert is_quick == quick
        assert ask([{"age": 30.0}]) == expected


def test_entrance_through_the_api_server_reads_answers_as_strictly() -> None:
    ask, _ = entrance(connect(Patience(first_wait_s=0.01)), "models", VARIANT, [])
    said = "'churn-v2-predictor' through the Kubernetes API answered 1 predictions to 2 rows"
    with pytest.raises(DeployError, match=said):
        ask([{"age": 30.0}, {"age": None}])


def test_entrance_of_a_variant_without_a_service_says_so() -> None:
    with pytest.raises(DeployError, match="version 3 of 'churn' has no Service"):
        entrance(connect(Patience(first_wait_s=0.01)), "models", Variant("churn", "v3", 3, 0), [])


def test_entrance_that_a_network_policy_blocks_says_what_blocks_it_and_the_mend() -> None:
    # As long a wait as no test would bear: it is not asked again.
    ask, _ = entrance(connect(Patience(first_wait_s=60)), "models", VARIANT, [])
    with pytest.raises(DeployError, match="i/o timeout") as blocked:
        ask([{"age": BLOCKED}])
    said = str(blocked.value)
    assert "the NetworkPolicy 'predictors' does not admit" in said
    assert "as an ipBlock, or run this in a pod of the pipeline runs" in said
    with pytest.raises(DeployError) as failed:
        ask([{"age": FAILING}])
    assert "NetworkPolicy" not in str(failed.value)
