"""The model server's life: loading beside the old, refusing, resuming, draining, its ports."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.bundles import GOLDEN, Fitted, build, reseal
from tests.serving import ROOT, ServerProcess, wait_for

ROWS = [[row["age"], row["income"], row["city"], row["plan"]] for row in GOLDEN]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundle") / "one", "regression", name="fares")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundle") / "two", "regression", name="fares", shift=5)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def server(state: Path) -> Iterator[ServerProcess]:
    server = ServerProcess("--state", str(state))
    yield server
    if server.process.poll() is None:
        server.stop()


def answer(server: ServerProcess) -> float:
    value: float = server.predict("fares", ROWS[:1]).json()["predictions"][0]
    return value


def test_load_answers_with_version_and_proof(
    server: ServerProcess, first: Fitted, state: Path
) -> None:
    assert server.models == "none"
    loaded = server.load("fares", first.folder, 1)
    document = loaded.json()
    assert (loaded.status_code, document["name"], document["version"]) == (200, "fares", 1)
    assert document["golden"]["rows"] == 4
    assert 0 < document["golden"]["seconds"] < 1
    assert json.loads((state / "serving/fares.json").read_text())["version"] == 1
    assert answer(server) == pytest.approx(97.68, abs=0.01)


def test_load_of_a_damaged_bundle_is_refused_and_the_old_stays(
    server: ServerProcess, first: Fitted, state: Path, tmp_path: Path
) -> None:
    bad = reseal(first, tmp_path / "bad")
    (bad / "model.onnx").write_bytes(b"")
    refused = server.load("fares", bad, 2)
    assert refused.status_code == 409
    assert refused.json()["error"].endswith("altered: model.onnx. Package or fetch it again")
    golden = first.manifest.golden.model_copy(update={"predictions": (1.0, 2.0, 3.0, 4.0)})
    wrong = server.load("fares", reseal(first, tmp_path / "wrong", golden=golden), 2)
    assert (wrong.status_code, "does not repeat its golden" in wrong.json()["error"]) == (409, True)
    assert server.load("wine", first.folder, 2).status_code == 409
    assert answer(server) == pytest.approx(97.68, abs=0.01)
    assert json.loads((state / "serving/fares.json").read_text())["version"] == 1


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"{", 400, "the body is no JSON"),
        (b"{}", 400, "parameters.path must be the absolute path of a bundle, got null"),
        (b'{"parameters": {"path": "a", "version": 1}}', 400, "got the text 'a'"),
        (b'{"parameters": {"path": "/a", "version": "1"}}', 400, "must be a whole number"),
        (b'{"parameters": {"path": "/a", "version": true}}', 400, "must be a whole number"),
        (b'{"parameters": {"path": "/nowhere", "version": 1}}', 409, "no model bundle at"),
    ],
)
def test_load_of_a_malformed_request_is_refused(
    server: ServerProcess, body: bytes, status: int, text: str
) -> None:
    headers = {"content-type": "application/json"}
    url = "/v2/repository/models/fares/load"
    refused = server.client.post(url, content=body, headers=headers)
    assert refused.status_code == status
    assert text in refused.json()["error"]


def test_swap_under_load_fails_no_request(
    server: ServerProcess, first: Fitted, second: Fitted
) -> None:
    seen: Counter[tuple[int, str]] = Counter()
    over = threading.Event()

    def ask() -> None:
        url = f"{server.client.base_url}/v2/models/fares/infer"
        inputs = [
            {"name": "numbers", "datatype": "FP32", "shape": [1, 2], "data": ROWS[0][:2]},
            {"name": "strings", "datatype": "BYTES", "shape": [1, 2], "data": ROWS[0][2:]},
        ]
        with httpx.Client() as client:
            while not over.is_set():
                reply = client.post(url, json={"inputs": inputs})
                document = reply.json()
                value = round(document["outputs"][0]["data"][0])
                seen[reply.status_code, f"{document['model_version']}:{value}"] += 1

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    for version in range(2, 12):
        fitted = second if version % 2 else first
        assert server.load("fares", fitted.folder, version).status_code == 200
        time.sleep(0.03)
    over.set()
    for asker in askers:
        asker.join()
    assert {status for status, _ in seen} == {200}
    assert {model for _, model in seen} <= {
        f"{version}:{598 if version % 2 and version > 1 else 98}" for version in range(1, 12)
    }
    assert seen.total() > 50
    info = 'kubeloop_model_info{model_name="fares",model_version="11",runtime="onnx",task='
    assert server.metric(info + '"regression"}') == 1
    assert server.client.get("/metrics").text.count("kubeloop_model_info{") == 1


def test_unload_takes_the_model_out_of_service(
    server: ServerProcess, first: Fitted, state: Path
) -> None:
    assert server.client.post("/v2/repository/models/fares/unload").json() == {
        "name": "fares",
        "unload": True,
    }
    assert server.predict("fares", ROWS).status_code == 404
    assert server.client.get("/v2/models/fares/ready").status_code == 404
    assert not (state / "serving/fares.json").exists()
    assert server.client.post("/v2/repository/models/fares/unload").status_code == 404
    assert server.load("fares", first.folder, 12).status_code == 200


def test_sigterm_then_start_resumes_all_but_the_damaged(
    server: ServerProcess, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv[:1])
    import grpc  # type: ignore[import-untyped]
    from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
    from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

    assert server.stop(signal.SIGTERM) == 0
    (state / "serving/broken.json").write_text("{")
    again = ServerProcess("--state", str(state))
    try:
        assert again.models == "fares:12"
        assert answer(again) == pytest.approx(97.68, abs=0.01)
        assert again.client.get("/v2/models/broken/ready").status_code == 503
        assert again.client.get("/v2/models/broken").status_code == 503
        refused = again.predict("broken", ROWS)
        assert (refused.status_code, refused.json()) == (
            503,
            {"error": "model 'broken' is not ready"},
        )
        with grpc.insecure_channel(again.grpc) as channel:
            stub = GRPCInferenceServiceStub(channel)
            with pytest.raises(grpc.RpcError) as caught:
                stub.ModelInfer(pb.ModelInferRequest(model_name="broken"))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert any("cannot resume model=broken" in line for line in again.log)
    finally:
        assert again.stop(signal.SIGINT) == 0


def test_a_server_without_state_answers_and_loads_nothing_by_request(first: Fitted) -> None:
    server = ServerProcess(*("--bundle", str(first.folder), "--version", "3", "--monitor", NOBODY))
    try:
        assert server.models == "fares:3"
        refused = server.load("fares", first.folder, 4)
        assert refused.status_code == 403
        assert server.client.post("/v2/repository/models/fares/unload").status_code == 403
        statuses = {server.predict("fares", ROWS).status_code for _ in range(100)}
        assert statuses == {200}
        sample = 'kubeloop_events_dropped_total{model_name="fares",model_version="3"}'
        assert wait_for(lambda: server.metric(sample) == 100)
        assert drained(server).startswith(b"HTTP/1.1 200 OK")
    finally:
        assert server.stop() == 0


def drained(server: ServerProcess) -> bytes:
    """Sends half a request, asks the server to stop, sends the rest; returns the answer."""
    body = json.dumps({"instances": ROWS}).encode()
    url = server.client.base_url
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        head = f"POST /v1/models/fares:predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}"
        connection.sendall(head.encode() + b"\r\n\r\n" + body[:10])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((url.host, url.port or 0), timeout=1)
        connection.sendall(body[10:])
        return connection.recv(4096)


def run(*arguments: str) -> tuple[int, str, float]:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "components.serve.service", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stderr, time.monotonic() - started


@pytest.mark.parametrize("door", ["http", "grpc"])
def test_a_taken_port_ends_the_server_at_once_with_a_sentence(door: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = {"http": "0", "grpc": "0"} | {door: port}
        status, said, seconds = run(
            *("--state", str(tmp_path), "--http-port", ports["http"]),
            *("--grpc-port", ports["grpc"]),
        )
    assert status == 1
    assert f"port {port} of 127.0.0.1: [Errno 98] Address already in use" in said
    assert len(said.strip().splitlines()) == 1
    assert seconds < 3


def test_a_refused_bundle_ends_the_server_with_a_sentence(tmp_path: Path) -> None:
    status, said, _ = run("--bundle", str(tmp_path), "--http-port", "0", "--grpc-port", "0")
    assert status == 1
    assert said.startswith(f"no model bundle at '{tmp_path}'")
    assert len(said.strip().splitlines()) == 1


def test_nothing_to_serve_is_refused() -> None:
    status, said, _ = run()
    assert (status, said.strip()) == (
        1,
        "nothing to serve: give a bundle, a state folder, or both",
    )
