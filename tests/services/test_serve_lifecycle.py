"""The model server's life: loading beside the old, refusing, resuming, draining, its ports."""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.bundles import GOLDEN, Fitted, build, reseal
from tests.serving import ROOT, ServerProcess, skops_bundle, wait_for

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
        (b"{", 400, "Unrecognized request format"),
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


class Askers:
    """Clients that ask without a pause, over V1, V2 and gRPC, and count what they are told."""

    def __init__(self, server: ServerProcess) -> None:
        self.seen: Counter[tuple[str, object, str]] = Counter()
        self._server = server
        self._over = threading.Event()
        asks = (self._v1, self._v2, self._grpc)
        self._threads = [threading.Thread(target=self._repeat, args=(ask,)) for ask in asks]

    def __enter__(self) -> "Askers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, ask: Callable[[], Iterator[tuple[str, object, str]]]) -> None:
        answers = ask()
        while not self._over.is_set():
            self.seen[next(answers)] += 1
        answers.close()  # type: ignore[attr-defined]

    def _v1(self) -> Iterator[tuple[str, object, str]]:
        with httpx.Client(base_url=self._server.client.base_url, timeout=30) as client:
            while True:
                reply = client.post("/v1/models/fares:predict", json={"instances": ROWS[:1]})
                value = reply.json().get("predictions", [0])[0]
                yield "v1", reply.status_code, f"{round(value)}"

    def _v2(self) -> Iterator[tuple[str, object, str]]:
        inputs = [
            {"name": "numbers", "datatype": "FP32", "shape": [1, 2], "data": ROWS[0][:2]},
            {"name": "strings", "datatype": "BYTES", "shape": [1, 2], "data": ROWS[0][2:]},
        ]
        with httpx.Client(base_url=self._server.client.base_url, timeout=30) as client:
            while True:
                reply = client.post("/v2/models/fares/infer", json={"inputs": inputs})
                document = reply.json()
                value = round(document["outputs"][0]["data"][0])
                yield "v2", reply.status_code, f"{document['model_version']}:{value}"

    def _grpc(self) -> Iterator[tuple[str, object, str]]:
        import grpc  # type: ignore[import-untyped]
        from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
        from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

        request = pb.ModelInferRequest(model_name="fares")
        numbers = request.inputs.add(name="numbers", datatype="FP32", shape=[1, 2])
        numbers.contents.fp32_contents.extend(ROWS[0][:2])
        strings = request.inputs.add(name="strings", datatype="BYTES", shape=[1, 2])
        strings.contents.bytes_contents.extend(text.encode() for text in ROWS[0][2:])
        with grpc.insecure_channel(self._server.grpc) as channel:
            stub = GRPCInferenceServiceStub(channel)
            while True:
                try:
                    answer = stub.ModelInfer(request, timeout=30)
                except grpc.RpcError as error:
                    yield "grpc", error.code().name, ""
                    continue
                value = round(answer.outputs[0].contents.fp64_contents[0])
                yield "grpc", 200, f"{answer.model_version}:{value}"


@pytest.fixture
def no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """kserve parses the command line when it is imported."""
    monkeypatch.setattr(sys, "argv", sys.argv[:1])
    importlib.import_module("kserve")


@pytest.mark.usefixtures("no_arguments")
def test_swap_under_load_fails_no_request(
    server: ServerProcess, first: Fitted, second: Fitted, tmp_path: Path
) -> None:
    damaged = reseal(second, tmp_path / "damaged")
    (damaged / "model.onnx").write_bytes(b"")
    golden = second.manifest.golden.model_copy(update={"predictions": (1.0, 2.0, 3.0, 4.0)})
    wrong = reseal(second, tmp_path / "wrong", golden=golden)
    with Askers(server) as askers:
        for version in range(2, 12):
            fitted = second if version % 2 else first
            assert server.load("fares", fitted.folder, version).status_code == 200
            before = askers.seen.total()
            for bad in (damaged, wrong):
                assert server.load("fares", bad, 99).status_code == 409
            # Every version has answered some request before the next one comes.
            assert wait_for(lambda: askers.seen.total() > before + 10)  # noqa: B023
    seen = askers.seen
    assert {status for _, status, _ in seen} == {200}
    told = {version: 598 if version % 2 and version > 1 else 98 for version in range(1, 12)}
    for protocol in ("v2", "grpc"):
        answers = {answer for kind, _, answer in seen if kind == protocol}
        assert answers <= {f"{version}:{value}" for version, value in told.items()}
        assert len(answers) > 5
    assert {answer for kind, _, answer in seen if kind == "v1"} == {"98", "598"}
    assert seen.total() > 100
    counted = (
        'kubeloop_requests_total{code="200",model_name="fares",model_version="%d",protocol="%s"}'
    )
    for protocol in ("v1", "v2", "grpc"):
        asked = sum(count for (kind, _, _), count in seen.items() if kind == protocol)
        booked = sum(server.metric(counted % (version, protocol)) for version in range(1, 12))
        assert booked >= asked
    info = 'kubeloop_model_info{model_name="fares",model_version="11",runtime="onnx",task='
    assert server.metric(info + '"regression"}') == 1
    assert server.client.get("/metrics").text.count("kubeloop_model_info{") == 1


@pytest.mark.parametrize("how", ["altered", "missing"])
@pytest.mark.parametrize("name", ["model.onnx", "reference.json", "card.md"])
def test_load_of_a_bundle_with_one_damaged_file_names_it(
    server: ServerProcess, first: Fitted, tmp_path: Path, name: str, how: str
) -> None:
    bad = reseal(first, tmp_path / "bad")
    assert sorted(p.name for p in bad.iterdir() if p.name != "bundle.json") == [
        *("card.md", "model.onnx", "reference.json")
    ]
    if how == "missing":
        (bad / name).unlink()
    else:
        content = bytearray((bad / name).read_bytes())
        content[len(content) // 2] ^= 1
        (bad / name).write_bytes(content)
    refused = server.load("fares", bad, 20)
    assert refused.status_code == 409
    assert f"is damaged; {how}: {name}. Package or fetch it again" in refused.json()["error"]
    assert answer(server) in (pytest.approx(97.68, abs=0.01), pytest.approx(597.68, abs=0.01))


def test_load_of_a_skops_bundle_with_a_damaged_model_names_it(
    server: ServerProcess, first: Fitted, tmp_path: Path
) -> None:
    bad = skops_bundle(first, tmp_path / "skops")
    content = bytearray((bad / "model.skops").read_bytes())
    content[len(content) // 2] ^= 1
    (bad / "model.skops").write_bytes(content)
    refused = server.load("fares", bad, 20)
    assert refused.json()["error"].endswith("altered: model.skops. Package or fetch it again")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"format": 1', '"format": ', "bundle.json is no JSON"),
        ('"format": 1', '"format": 2', "has format 2, this version reads up to 1"),
        ('"runtime": "onnx"', '"runtime": "pickle"', "bundle.json is wrong at runtime"),
        ('"model.onnx": "', '"model.onnx": "0', "altered: bundle.json, model.onnx"),
        ('"dtype": "float32"', '"dtype": "float16"', "bundle.json is wrong at signature.inputs"),
    ],
)
def test_load_of_a_bundle_with_a_damaged_manifest_names_it(
    server: ServerProcess, first: Fitted, tmp_path: Path, *, old: str, new: str, said: str
) -> None:
    bad = reseal(first, tmp_path / "bad")
    text = (bad / "bundle.json").read_text()
    assert old in text
    (bad / "bundle.json").write_text(text.replace(old, new, 1))
    refused = server.load("fares", bad, 20)
    assert (refused.status_code, said in refused.json()["error"]) == (409, True)


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
            {"error": "Model with name broken is not ready."},
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


def refuses(host: str, port: int) -> bool:
    """Whether nobody listens there any more."""
    try:
        socket.create_connection((host, port), timeout=60).close()
    except ConnectionRefusedError:
        return True
    return False


def drained(server: ServerProcess) -> bytes:
    """Sends half a request, asks the server to stop, sends the rest; returns the answer."""
    body = json.dumps({"instances": ROWS}).encode()
    url = server.client.base_url
    with socket.create_connection((url.host, url.port or 0), timeout=60) as connection:
        head = f"POST /v1/models/fares:predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}"
        connection.sendall(head.encode() + b"\r\n\r\n" + body[:10])
        sample = 'kubeloop_requests_in_flight{model_name="fares",model_version="3"}'
        assert wait_for(lambda: server.metric(sample) == 1)
        server.process.send_signal(signal.SIGTERM)
        assert wait_for(lambda: refuses(url.host, url.port or 0))
        connection.sendall(body[10:])
        return connection.recv(4096)


class LastRequests:
    """Clients that ask for much without a pause, until the server is gone."""

    def __init__(self, server: ServerProcess) -> None:
        self.wrong: list[str] = []
        self.done: Counter[tuple[str, int]] = Counter()
        self._server = server
        self._threads = [threading.Thread(target=ask) for ask in (self._grpc, self._http)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _grpc(self) -> None:
        import grpc
        from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
        from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

        request = pb.ModelInferRequest(model_name="fares")
        for at, name in enumerate(("age", "income")):
            tensor = request.inputs.add(name=name, datatype="FP32", shape=[9000])
            tensor.contents.fp32_contents.extend([ROWS[0][at]] * 9000)
        for at, name in enumerate(("city", "plan"), start=2):
            tensor = request.inputs.add(name=name, datatype="BYTES", shape=[9000])
            tensor.contents.bytes_contents.extend([ROWS[0][at].encode()] * 9000)
        with grpc.insecure_channel(self._server.grpc) as channel:
            stub = GRPCInferenceServiceStub(channel)
            try:
                while True:
                    rows = stub.ModelInfer(request).outputs[0].contents.fp64_contents
                    self.done["grpc", len(rows)] += 1
            except grpc.RpcError as error:
                # Before it began: nobody listens any more, or the server says that it takes none.
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    self.wrong.append(f"{error.code()} {error.details()}")

    def _http(self) -> None:
        with httpx.Client(base_url=self._server.client.base_url, timeout=30) as client:
            try:
                while True:
                    body = {"instances": ROWS * 500}
                    reply = client.post("/v1/models/fares:predict", json=body)
                    if reply.status_code != 200:
                        self.wrong.append(reply.text[:200])
                    self.done["http", len(reply.json().get("predictions", ()))] += 1
            except (httpx.ConnectError, httpx.WriteError, httpx.RemoteProtocolError):
                return


@pytest.mark.usefixtures("no_arguments")
def test_sigterm_under_load_answers_all_that_has_begun_and_exits_0(first: Fitted) -> None:
    server = ServerProcess("--bundle", str(first.folder))
    last = LastRequests(server)
    try:
        asked = last.done
        assert wait_for(lambda: asked["grpc", 9000] > 3 and asked["http", 2000] > 3, 20)
    finally:
        status = server.stop()
        last.join()
    assert status == 0
    assert last.wrong == []
    assert last.done.keys() == {("grpc", 9000), ("http", 2000)}
    assert "Traceback" not in "".join(server.log)


def test_a_server_that_is_loading_answers_503(tmp_path: Path, first: Fitted) -> None:
    state = tmp_path / "state"
    (state / "serving").mkdir(parents=True)
    # A pipe without a writer: reading what was served takes until somebody writes.
    os.mkfifo(state / "serving/fares.json")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "components.serve.service", "--state", str(state)]
    command += ["--http-port", str(port), "--grpc-port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert wait_for(lambda: is_live(client), 60)
            assert client.get("/v2/health/ready").status_code == 503
            assert client.get("/v2/models/fares/ready").status_code == 503
            assert client.get("/v1/models/fares").status_code == 503
            refused = client.post("/v1/models/fares:predict", json={"instances": ROWS})
            assert (refused.status_code, refused.json()) == (
                503,
                {"error": "Model with name fares is not ready."},
            )
            index = client.post("/v2/repository/index").json()
            assert index == [
                {"name": "fares", "state": "UNAVAILABLE", "reason": "it is being loaded"}
            ]
            entry = {"format": 1, "name": "fares", "path": str(first.folder), "version": 4}
            (state / "serving/fares.json").write_text(json.dumps(entry))
            assert wait_for(lambda: client.get("/v2/health/ready").status_code == 200, 30)
            assert client.get("/v2/models/fares/ready").status_code == 200
            reply = client.post("/v1/models/fares:predict", json={"instances": ROWS})
            assert reply.status_code == 200
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "models=fares:4" in said


def is_live(client: httpx.Client) -> bool:
    try:
        return client.get("/v2/health/live").status_code == 200
    except httpx.TransportError:
        return False


def run(*arguments: str) -> tuple[int, str]:
    """Runs a server that has to end by itself; one that does not, fails by the timeout."""
    done = subprocess.run(
        [sys.executable, "-m", "components.serve.service", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("door", ["http", "grpc"])
def test_a_taken_port_ends_the_server_at_once_with_a_sentence(door: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = {"http": "0", "grpc": "0"} | {door: port}
        status, said = run(
            *("--state", str(tmp_path), "--http-port", ports["http"]),
            *("--grpc-port", ports["grpc"]),
        )
    assert status == 1
    assert f"port {port} of 127.0.0.1: [Errno 98] Address already in use" in said
    assert len(said.strip().splitlines()) == 1


def test_a_refused_bundle_ends_the_server_with_a_sentence(tmp_path: Path) -> None:
    status, said = run("--bundle", str(tmp_path), "--http-port", "0", "--grpc-port", "0")
    assert status == 1
    assert said.startswith(f"no model bundle at '{tmp_path}'")
    assert len(said.strip().splitlines()) == 1


def test_nothing_to_serve_is_refused() -> None:
    status, said = run()
    assert (status, said.strip()) == (
        1,
        "nothing to serve: give a bundle, a state folder, or both",
    )
