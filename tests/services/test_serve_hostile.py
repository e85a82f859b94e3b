"""What clients may send: nothing ends the server, leaks a traceback, or grows its memory."""

import json
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bundles import GOLDEN, build
from tests.serving import ServerProcess, wait_for

ROWS = [[row["age"], row["income"], row["city"], row["plan"]] for row in GOLDEN]
V1, V2 = "/v1/models/churn:predict", "/v2/models/churn/infer"
JSON = {"content-type": "application/json"}
# What 200 MB of anything may leave behind, and what one request may hold at most while it is read.
ALLOWANCE = 150 * 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    bundle = build(tmp_path_factory.mktemp("bundle") / "churn", "binary")
    server = ServerProcess("--bundle", str(bundle.folder), "--version", "3")
    yield server
    assert server.predict("churn", ROWS).json() == {"predictions": ["No", "Yes", "Yes", "No"]}
    assert server.stop() == 0
    log = "".join(server.log)
    assert "Traceback" not in log
    assert "Bern" not in log
    assert len(log.splitlines()) < 20


@pytest.fixture
def unmoved(server: ServerProcess) -> Iterator[None]:
    """The server answers as before, and has not grown."""
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    yield
    assert process.memory_info().rss - before < ALLOWANCE
    assert server.predict("churn", ROWS).status_code == 200


def connect(server: ServerProcess) -> socket.socket:
    url = server.client.base_url
    return socket.create_connection((url.host, url.port or 0), timeout=20)


def flood(server: ServerProcess, head: bytes, piece: bytes, size: int = 200 * 2**20) -> bytes:
    """Sends a piece again and again; returns what is said in answer, if that can be read."""
    with connect(server) as connection:
        try:
            connection.sendall(head)
            for _ in range(size // len(piece)):
                connection.sendall(piece)
            return connection.recv(4096)
        except OSError:
            return b""


HEAD = b"POST /v1/models/churn:predict HTTP/1.1\r\nhost: x\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n", b"a: " + b"x" * 1000 + b"\r\n", id="headers"),
        pytest.param(b"GET / HTTP/1.1\r\na: ", b"x" * 65536, id="one header"),
        pytest.param(b"GET /", b"x" * 65536, id="url"),
        pytest.param(b"", b"GET / HTTP/1.1\r\n\r\n" * 1000, id="requests ahead"),
        pytest.param(b"", (HEAD + b"content-length: 2\r\n\r\n{}") * 1000, id="bodies ahead"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\n", b"a: " + b"x" * 1000 + b"\r\n", id="trailers"),
        pytest.param(CHUNKED + b"2;", b"x" * 65536, id="extension of a chunk"),
    ],
)
@pytest.mark.usefixtures("unmoved")
def test_an_endless_head_is_cut_off(server: ServerProcess, head: bytes, piece: bytes) -> None:
    said = flood(server, head, piece)
    assert b"200 OK" not in said
    assert b"500" not in said


@pytest.mark.parametrize("path", [V1, V2, "/nowhere", "/v2/repository/models/churn/load", "/"])
@pytest.mark.usefixtures("unmoved")
def test_an_endless_body_is_refused(server: ServerProcess, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    said = flood(server, head, b"10000\r\n" + b" " * 65536 + b"\r\n")
    assert int(said.split(b" ", 2)[1]) in (403, 404, 405, 413)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"instances":[' + b"{}," * 5_000_000 + b"{}]}", id="objects"),
        pytest.param(b'{"instances":[' + b'{"a":1},' * 1_900_000 + b"{}]}", id="members"),
        pytest.param(b'{"instances":[' + b"[]," * 5_000_000 + b"[]]}", id="lists"),
        pytest.param(b'{"instances":[[' + b"1.5," * 4_000_000 + b"1]]}", id="numbers"),
        pytest.param(b'{"inputs":[],"x":[' + b'"ab",' * 3_000_000 + b'""]}', id="texts"),
        pytest.param(b'{"inputs":[],"x":[' + b"NaN," * 4_000_000 + b"1]}", id="no numbers"),
        pytest.param(b'{"inputs":[],"x":' + b"9" * 16_000_000 + b"}", id="digits"),
        pytest.param(b'{"inputs":[],"x":' + b"[" * 16_000_000, id="depth"),
        pytest.param(b'{"inputs":[{"name":"' + b"x" * 16_000_000 + b'"}]}', id="name"),
        pytest.param(
            b'{"inputs":[],"outputs":[' + b'{"name":"label"},' * 180_000 + b'{"name":""}]}',
            id="outputs",
        ),
    ],
)
@pytest.mark.usefixtures("unmoved")
def test_a_body_that_grows_when_parsed_is_refused(server: ServerProcess, body: bytes) -> None:
    for path in (V1, V2, "/v2/models/churn/infer%0A"):
        answer = server.client.post(path, content=body, headers=JSON)
        assert answer.status_code in (400, 404, 413)
        assert len(answer.content) < 5000


@pytest.mark.usefixtures("unmoved")
def test_many_half_sent_bodies_are_refused_together(server: ServerProcess) -> None:
    held: list[socket.socket] = []
    try:
        for _ in range(8):
            held.append(connect(server))
            held[-1].sendall(HEAD + b"content-length: 15000000\r\n\r\n" + b" " * 14_000_000)
        said = [connection.recv(400) for connection in held[-3:]]
        assert all(b"503" in answer for answer in said)
        assert server.predict("churn", ROWS).status_code == 200
    finally:
        for connection in held:
            connection.close()


@pytest.mark.usefixtures("unmoved")
def test_more_connections_than_allowed_are_refused_and_forgotten(server: ServerProcess) -> None:
    held = []
    try:
        for _ in range(1_050):
            held.append(connect(server))
        with httpx.Client(base_url=server.client.base_url, timeout=20) as late:
            assert late.get("/v2/health/live").status_code == 503
    finally:
        for connection in held:
            connection.close()
    assert wait_for(lambda: server.client.get("/v2/health/live").status_code == 200)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"POST\r\n\r\n",
        b"GET * HTTP/1.1\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET /%ff%00%0a HTTP/1.1\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        HEAD + b"content-length: -1\r\n\r\n",
        HEAD + b"content-length: 99999999999999999999999\r\n\r\n",
        HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: gzip\r\n\r\n{}",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"ffffffffffffffffff\r\n",
        HEAD + b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n\r\n",
        HEAD + b"upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\n{}",
        HEAD + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n{}",
        HEAD + b"expect: nonsense\r\ncontent-length: 2\r\n\r\n{}",
        HEAD + b"ce-id: \xff\xfe\r\ncontent-length: 2\r\n\r\n{}",
        HEAD + b"\xff: x\r\ncontent-length: 2\r\n\r\n{}",
        HEAD + b"content-type: \xff\r\ncontent-length: 2\r\n\r\n{}",
        HEAD + b"content-length: 500\r\n\r\n{}",
        CHUNKED + b"2\r\n{}",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_odd_http_is_refused_or_left(server: ServerProcess, sent: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        try:
            said = connection.recv(65536)
        except OSError:
            said = b""
    assert b"Traceback" not in said
    statuses = {line.split(b" ")[1] for line in said.split(b"\r\n") if line.startswith(b"HTTP/")}
    assert statuses <= {b"100", b"400", b"404", b"405", b"413", b"415"}
    assert server.predict("churn", ROWS).status_code == 200


@pytest.mark.usefixtures("unmoved")
def test_ids_and_names_of_clients_leave_nothing(server: ServerProcess) -> None:
    size = len(server.client.get("/metrics").content)
    for number in range(2_000):
        answer = server.predict("churn", ROWS[:1], **{"ce-id": f"id-{number}"})
        assert answer.status_code == 200
        assert server.predict(f"made-up-{number}", ROWS[:1]).status_code == 404
    assert len(server.client.get("/metrics").content) < size + 5_000


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.sampled_from(["?", "Bern", "FP32", "BYTES", "INT64", "FP16", "numbers", "strings", "label"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["age", "city", "numbers", "strings", "email", "x"]) | VALUES,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | VALUES,
        "datatype": st.sampled_from(["FP32", "BYTES", "INT8", "BOOL", "FP16"]) | VALUES,
        "data": VALUES,
        "parameters": VALUES | st.fixed_dictionaries({"binary_data_size": VALUES}),
    },
)
DOCUMENTS = st.one_of(
    VALUES,
    st.fixed_dictionaries({"instances": st.lists(VALUES, max_size=3) | VALUES}),
    st.fixed_dictionaries(
        {"inputs": st.lists(TENSORS, max_size=3) | VALUES},
        optional={"id": VALUES, "outputs": VALUES | st.lists(TENSORS), "parameters": VALUES},
    ),
)
BODIES = st.one_of(
    st.binary(max_size=100),
    st.builds(
        lambda document, tail: json.dumps(document).encode() + tail,
        DOCUMENTS,
        st.just(b"") | st.binary(max_size=20),
    ),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["content-type", "ce-id", "x-request-id", "inference-header-content-length"]
        + ["content-encoding", "ce-specversion", "ce-type", "ce-source", "accept"]
    ),
    st.sampled_from(["application/json", "application/octet-stream", "text/plain", "gzip", "1.0"])
    | st.sampled_from(["application/cloudevents+json", "application/x+json", "10", "-3", "x"])
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
)
PATHS = st.sampled_from(
    [V1, V2, "/v1/models/nope:predict", "/v2/models/nope/infer", "/v1/models/churn:explain"]
    + ["/v2/models/churn/versions/3/infer", "/v2/models/churn/infer%0A", "/v2/repository/index"]
    + ["/v2/repository/models/churn/load", "/v2/repository/models/churn/unload", "/v2/models/churn"]
    + ["/v1/models", "/metrics", "/v2/health/ready", "/nowhere", "/v1/models/%00:predict"]
)
anything = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@anything
@given(path=PATHS, headers=HEADERS, body=BODIES)
def test_any_http_request_is_answered_below_500(
    server: ServerProcess, path: str, headers: dict[str, str], body: bytes
) -> None:
    for method in ("POST", "GET"):
        answer = server.client.request(method, path, headers=headers, content=body)
        assert answer.status_code < 500 or answer.status_code == 501
        assert b"Traceback" not in answer.content


@anything
@given(name=st.sampled_from(["v1", "v2"]), document=DOCUMENTS, path=st.sampled_from(["x", "%0A"]))
def test_any_document_is_answered_below_500(
    server: ServerProcess, name: str, document: Any, path: str
) -> None:
    url = (V1 if name == "v1" else V2) + ("" if path == "x" else path)
    answer = server.client.post(url, content=json.dumps(document).encode(), headers=JSON)
    assert answer.status_code in (200, 400, 404, 413)


@pytest.fixture(scope="module")
def call(server: ServerProcess) -> Iterator[Any]:
    """Sends the bytes of a message; returns the code, and the text that came with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["client"])
        import grpc  # type: ignore[import-untyped]

        options = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(server.grpc, options=options) as channel:

            def send(message: bytes, method: str = "ModelInfer") -> tuple[str, str]:
                ask = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
                try:
                    ask(message, timeout=30)
                except grpc.RpcError as error:
                    return error.code().name, error.details()
                return "OK", ""

            yield send


@pytest.fixture(scope="module")
def pb() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["client"])
        from kserve.protocol.grpc import grpc_predict_v2_pb2

        return grpc_predict_v2_pb2


EXPECTED = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"}
METHODS = st.sampled_from(["ModelInfer", "ModelMetadata", "ModelReady", "ServerReady"])


@anything
@given(method=METHODS, message=st.binary(max_size=100))
def test_any_bytes_over_grpc_are_answered_without_a_failure(
    call: Any, method: str, message: bytes
) -> None:
    assert call(message, method)[0] in EXPECTED
    assert call(b"\x0a\x05churn" + message, method)[0] in EXPECTED


GRPC_TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["age", "income", "city", "plan", "numbers", "strings", "email"]),
        "datatype": st.sampled_from(["FP32", "BYTES", "INT64", "FP16", "BOOL", "", "X"]),
        "shape": st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 3), max_size=3),
    },
    optional={
        "fp32_contents": st.lists(st.floats(width=32), max_size=4),
        "bytes_contents": st.lists(st.binary(max_size=4), max_size=4),
        "int64_contents": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    },
)


@anything
@given(
    tensors=st.lists(GRPC_TENSORS, max_size=4),
    raw=st.lists(st.binary(max_size=20), max_size=4),
    identity=st.text(st.characters(codec="utf-8"), max_size=5),
    outputs=st.lists(st.sampled_from(["label", "probabilities", "x"]), max_size=20),
)
def test_any_tensors_over_grpc_are_answered_without_a_failure(
    call: Any, pb: Any, tensors: list[Any], raw: list[bytes], identity: str, outputs: list[str]
) -> None:
    request = pb.ModelInferRequest(model_name="churn", id=identity, raw_input_contents=raw)
    for given_parts in tensors:
        parts = dict(given_parts)
        named = {key: parts.pop(key) for key in ("name", "datatype", "shape")}
        tensor = request.inputs.add(**named)
        for key, values in parts.items():
            getattr(tensor.contents, key).extend(values)
    for output in outputs:
        request.outputs.add(name=output)
    code, text = call(request.SerializeToString())
    assert code in EXPECTED
    assert "Traceback" not in text


@pytest.mark.parametrize("key", [b"\x22\x00", b"\x2a\x00", b"\x32\x00", b"\x3a\x00"])
@pytest.mark.usefixtures("unmoved")
def test_a_grpc_message_of_millions_of_fields_is_refused(call: Any, key: bytes) -> None:
    for _ in range(3):
        assert call(b"\x0a\x05churn" + key * 8_000_000)[0] == "RESOURCE_EXHAUSTED"


@pytest.mark.usefixtures("unmoved")
def test_a_grpc_message_of_millions_of_values_is_refused(call: Any, pb: Any) -> None:
    for kind, value in {"int64_contents": 1, "bytes_contents": b"", "bool_contents": True}.items():
        request = pb.ModelInferRequest(model_name="churn")
        getattr(request.inputs.add(name="age").contents, kind).extend([value] * 7_000_000)
        assert call(request.SerializeToString())[0] == "RESOURCE_EXHAUSTED"


def test_a_grpc_message_over_the_limit_is_refused(call: Any, pb: Any) -> None:
    request = pb.ModelInferRequest(model_name="churn", raw_input_contents=[b"x" * 17_000_000])
    assert call(request.SerializeToString())[0] == "RESOURCE_EXHAUSTED"


def test_a_refusal_over_grpc_fits_its_trailer(call: Any, pb: Any) -> None:
    request = pb.ModelInferRequest(model_name="churn")
    for number in range(200):
        request.inputs.add(name=f"{number}" + "名" * 100, datatype="FP32", shape=[1])
    code, text = call(request.SerializeToString())
    assert code == "INVALID_ARGUMENT"
    assert text.startswith("200 problems: unknown field")


def test_binary_tensors_of_any_length_prefix_are_refused(server: ServerProcess) -> None:
    head = {"inputs": [{"name": "city", "datatype": "BYTES", "shape": [1]}]}
    for length in (2**32 - 1, 2**31, 5, 0):
        tail = struct.pack("<I", length) + b"Bern"
        head["inputs"][0]["parameters"] = {"binary_data_size": len(tail)}
        text = json.dumps(head).encode()
        given_length = {"inference-header-content-length": str(len(text))}
        answer = server.client.post(V2, content=text + tail, headers=given_length)
        assert answer.status_code == 400
