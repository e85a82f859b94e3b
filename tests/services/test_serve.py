"""The model server, as clients meet it: both protocols, both transports, all three tasks."""

import asyncio
import email.utils
import http.client
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest
from prometheus_client import CollectorRegistry

from components.serve.accounting import Accounting
from components.serve.limits import Limits
from components.serve.metrics import Metrics
from components.serve.refusal import RefusalError
from components.serve.runtime import Models, open_model
from tests.bundles import GOLDEN, Fitted, Task, build
from tests.serving import Collector, ServerProcess, wait_for

ROWS = [[row["age"], row["income"], row["city"], row["plan"]] for row in GOLDEN]
TASKS: dict[str, Task] = {"churn": "binary", "wine": "multiclass", "fares": "regression"}
Bundles = dict[str, Fitted]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    root = tmp_path_factory.mktemp("bundles")
    return {name: build(root / name, task, name=name) for name, task in TASKS.items()}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def server(
    bundles: Bundles, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    state = str(tmp_path_factory.mktemp("state"))
    server = ServerProcess("--state", state, "--monitor", collector.url)
    for version, (name, fitted) in enumerate(bundles.items(), start=1):
        assert server.load(name, fitted.folder, version).status_code == 200
    yield server
    assert server.stop() == 0
    assert "Traceback" not in "".join(server.log)


def columns(rows: list[list[Any]]) -> list[dict[str, Any]]:
    values = zip(*rows, strict=True)
    return [
        {"name": name, "datatype": datatype, "shape": [len(rows), 1], "data": list(data)}
        for (name, datatype), data in zip(
            {"age": "FP32", "income": "FP32", "city": "BYTES", "plan": "BYTES"}.items(),
            values,
            strict=True,
        )
    ]


def test_v1_of_each_task_answers_labels_or_numbers(server: ServerProcess, bundles: Bundles) -> None:
    assert server.predict("churn", ROWS).json() == {"predictions": ["No", "Yes", "Yes", "No"]}
    assert server.predict("wine", list(GOLDEN)).json() == {"predictions": [0, 2, 1, 0]}
    values = server.predict("fares", ROWS).json()["predictions"]
    assert np.allclose(values, bundles["fares"].scores(GOLDEN), rtol=1e-5)


@pytest.mark.parametrize("pieces", [1, 2])
def test_an_answer_is_whole_http_in_one_piece_or_several(
    server: ServerProcess, pieces: int
) -> None:
    """A request in one piece is answered at once, another by way of ASGI: to clients alike."""
    body = orjson.dumps({"instances": ROWS})
    head = (
        b"POST /v1/models/churn:predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    )
    request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    client = http.client.HTTPConnection("127.0.0.1", server.client.base_url.port)
    client.connect()
    size = -(-len(request) // pieces)
    for begin in range(0, len(request), size):
        client.sock.sendall(request[begin : begin + size])
        time.sleep(0.05)
    answer = http.client.HTTPResponse(client.sock)
    answer.begin()
    sent = email.utils.parsedate_to_datetime(answer.headers["Date"])
    assert abs(time.time() - sent.timestamp()) < 60
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Ce-Id"]
    assert orjson.loads(answer.read()) == {"predictions": ["No", "Yes", "Yes", "No"]}
    client.close()


def test_a_client_that_asks_for_it_is_disconnected_after_its_answer(server: ServerProcess) -> None:
    body = orjson.dumps({"instances": ROWS})
    head = b"POST /v1/models/churn:predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", server.client.base_url.port), timeout=3) as client:
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.endswith(b'{"predictions":["No","Yes","Yes","No"]}')


def test_v2_of_columns_answers_as_the_fitted_pipeline(
    server: ServerProcess, bundles: Bundles
) -> None:
    for version, name in enumerate(TASKS, start=1):
        answer = server.client.post(
            f"/v2/models/{name}/infer", json={"id": f"id-{name}", "inputs": columns(ROWS)}
        )
        document = answer.json()
        assert answer.headers["ce-id"] == document["id"] == f"id-{name}"
        assert document["model_version"] == str(version)
        scores = bundles[name].scores(GOLDEN)
        last = document["outputs"][-1]
        assert np.allclose(np.reshape(last["data"], last["shape"]), scores, rtol=1e-5, atol=1e-6)


def test_v2_of_a_version_answers_only_the_one_in_service(server: ServerProcess) -> None:
    body = {"inputs": columns(ROWS)}
    assert server.client.post("/v2/models/wine/versions/2/infer", json=body).status_code == 200
    refused = server.client.post("/v2/models/wine/versions/9/infer", json=body)
    assert refused.status_code == 404
    assert refused.json() == {"error": "model 'wine' has version 2 in service, not '9'"}


def test_kserve_clients_over_rest_and_grpc_answer_alike(
    server: ServerProcess, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv[:1])
    import kserve

    def request(binary: bool) -> Any:
        numbers = np.array([[np.nan if v is None else v for v in row[:2]] for row in ROWS], "f4")
        strings = np.array([["" if v is None else v for v in row[2:]] for row in ROWS], object)
        inputs = [
            kserve.InferInput("numbers", [4, 2], "FP32"),
            kserve.InferInput("strings", [4, 2], "BYTES"),
        ]
        inputs[0].set_data_from_numpy(numbers, binary_data=binary)
        inputs[1].set_data_from_numpy(strings, binary_data=binary)
        return kserve.InferRequest("churn", inputs, request_id=f"client-{binary}")

    async def ask(binary: bool) -> list[Any]:
        rest = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2"))
        grpc = kserve.InferenceGRPCClient(server.grpc)
        url = str(server.client.base_url)
        async with rest, grpc:
            assert await rest.is_model_ready(url, "churn")
            assert await grpc.is_model_ready("churn")
            return [
                await rest.infer(url, request(binary), model_name="churn"),
                await grpc.infer(request(binary)),
            ]

    scores = bundles["churn"].scores(GOLDEN)
    for binary in (False, True):
        for response in asyncio.run(ask(binary)):
            label, probabilities = response.outputs
            texts = [v if isinstance(v, str) else v.decode() for v in label.as_numpy()]
            assert texts == ["No", "Yes", "Yes", "No"]
            assert np.allclose(probabilities.as_numpy(), scores, atol=1e-6)
            assert (response.id, response.model_name) == (f"client-{binary}", "churn")
    counted = 'kubeloop_requests_total{code="200",model_name="churn",model_version="1",protocol='
    assert server.metric(counted + '"grpc"}') == 2


def test_grpc_of_malformed_requests_is_refused_with_the_reason(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv[:1])
    import grpc  # type: ignore[import-untyped]
    from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
    from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

    def infer(name: str, **tensor: Any) -> tuple[str, str]:
        raw = tensor.pop("raw", None)
        request = pb.ModelInferRequest(model_name=name)
        request.inputs.add(name="numbers", **{"datatype": "FP32", "shape": [1, 2]} | tensor)
        if raw is not None:
            request.raw_input_contents.append(raw)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(request)
        return caught.value.code().name, caught.value.details()

    with grpc.insecure_channel(server.grpc) as channel:
        stub = GRPCInferenceServiceStub(channel)
        assert infer("nope") == ("NOT_FOUND", "Model with name nope does not exist.")
        code, text = infer("churn", contents={"fp32_contents": [1.0, 2.0, 3.0]})
        assert (code, text.endswith("needs 2 elements, got 3")) == ("INVALID_ARGUMENT", True)
        code, text = infer("churn", raw=b"123")
        assert (code, "bytes are no FP32" in text) == ("INVALID_ARGUMENT", True)
        code, text = infer("churn", shape=[-1, -2])
        assert (code, "expected shape [n, 2]" in text) == ("INVALID_ARGUMENT", True)
        code, text = infer("churn", shape=[10**12, 2])
        assert (code, "at most 10000" in text) == ("RESOURCE_EXHAUSTED", True)
        with pytest.raises(grpc.RpcError) as caught:
            stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="churn"))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert server.predict("churn", ROWS[:1]).status_code == 200


def test_requests_that_reach_kserves_own_handlers_are_validated_alike(
    bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv[:1])
    import kserve

    from components.serve.predictor import Predictor

    models, metrics = Models(), Metrics(CollectorRegistry())
    predictor = Predictor("churn", models, Accounting(metrics, None), Limits(rows=4))

    def ask(body: object) -> Any:
        return asyncio.run(predictor(body, {"ce-id": "a"}))

    with pytest.raises(RefusalError, match="Model with name churn does not exist."):
        ask({"instances": ROWS})
    models.put(open_model(bundles["churn"].folder, 3))
    answer, headers = ask({"instances": ROWS})
    assert answer == {"predictions": ["No", "Yes", "Yes", "No"]}
    assert headers == {"ce-id": "a"}
    with pytest.raises(RefusalError, match="row 0, field 'age': expected a number, got the text"):
        ask({"instances": [["x", 1, "a", "b"]]})
    with pytest.raises(RefusalError, match="at most 4 are answered") as caught:
        ask({"instances": ROWS * 2})
    assert caught.value.status == 413
    with pytest.raises(RefusalError, match="must be a JSON object"):
        ask([1])
    inputs = [kserve.InferInput(**entry) for entry in columns(ROWS)]
    response, _ = ask(kserve.InferRequest("churn", inputs))
    assert response.outputs[0].data == ["No", "Yes", "Yes", "No"]


def test_metadata_and_readiness_tell_the_truth(server: ServerProcess) -> None:
    metadata = server.client.get("/v2/models/fares").json()
    assert metadata["inputs"][1] == {"name": "income", "datatype": "FP32", "shape": [-1]}
    assert metadata["inputs"][2] == {"name": "city", "datatype": "BYTES", "shape": [-1]}
    assert metadata["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]
    assert server.client.get("/v2/models/fares/ready").json() == {"name": "fares", "ready": True}
    assert server.client.get("/v2/models/nope/ready").status_code == 404
    assert server.client.get("/v1/models").json() == {"models": ["churn", "fares", "wine"]}


def test_request_id_is_taken_in_order_and_echoed(server: ServerProcess) -> None:
    both = {"ce-id": "first", "x-request-id": "second"}
    assert server.predict("churn", ROWS, **both).headers["ce-id"] == "first"
    second = {"x-request-id": "second"}
    assert server.predict("churn", ROWS, **second).headers["ce-id"] == "second"
    body = {"id": "third", "inputs": columns(ROWS)}
    answer = server.client.post("/v2/models/churn/infer", json=body, headers=second)
    assert answer.json()["id"] == answer.headers["ce-id"] == "second"
    assert uuid.UUID(server.predict("churn", ROWS).headers["ce-id"]).version == 7
    refused = server.predict("churn", [[]], **both)
    assert (refused.status_code, refused.headers["ce-id"]) == (400, "first")
    too_long = server.predict("churn", ROWS, **{"ce-id": "x" * 129})
    assert too_long.json() == {
        "error": "the request id must be 1 to 128 printable ASCII characters"
    }


JSON = {"content-type": "application/json"}
BINARY = {"content-type": "application/octet-stream"}
MALFORMED: list[tuple[str, dict[str, str], bytes, int]] = [
    ("v1", JSON, b"", 400),
    ("v1", JSON, b"[1]", 400),
    ("v1", JSON, b"null", 400),
    ("v1", JSON, b"{}", 400),
    ("v1", JSON, b"{", 400),
    ("v1", JSON, b"\xff\xfe", 400),
    ("v1", JSON, b'{"instances": null}', 400),
    ("v1", JSON, b'{"instances": {}}', 400),
    ("v1", JSON, b'{"instances": []}', 400),
    ("v1", JSON, b'{"instances": [[NaN, 1, "a", "b"]]}', 400),
    ("v1", JSON, b'{"instances": [[1e999, 1, "a", "b"]]}', 400),
    ("v1", JSON, b'{"instances": [["1", 1, "a", "b"]]}', 400),
    ("v1", JSON, b'{"instances": [[1, 1, "\\ud800", "b"]]}', 400),
    ("v1", JSON, b'{"instances": ' + b"[" * 50_000, 400),
    ("v1", {"content-type": "text/plain"}, b"{}", 415),
    ("v1", {"content-type": "application/x-www-form-urlencoded"}, b'{"instances": []}', 415),
    ("v1", JSON | {"content-encoding": "gzip"}, b"\x1f\x8b", 400),
    ("v1", JSON | {"ce-id": "a\tb"}, b"{}", 400),
    ("v2", JSON, b"", 400),
    ("v2", JSON, b"[1]", 400),
    ("v2", JSON, b"{}", 400),
    ("v2", JSON, b'{"inputs": []}', 400),
    ("v2", JSON, b'{"inputs": [null]}', 400),
    ("v2", JSON, b'{"inputs": [{"name": "age", "shape": [1], "datatype": "FP32"}]}', 400),
    ("v2", JSON, b'{"id": 5, "inputs": [{"name":"x","shape":[],"datatype":"","data":[]}]}', 400),
    ("v2", JSON | {"inference-header-content-length": "99"}, b"{}", 400),
    ("v2", JSON | {"inference-header-content-length": "-1"}, b"{}", 400),
    ("v2", BINARY | {"inference-header-content-length": "1e3"}, b"{}", 400),
    ("v2", BINARY, b"{}", 400),
    ("v2", {"content-type": "multipart/form-data"}, b"{}", 400),
]


@pytest.mark.parametrize(("protocol", "headers", "body", "status"), MALFORMED)
def test_a_malformed_request_is_refused_in_a_sentence(
    server: ServerProcess, protocol: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    url = "/v1/models/churn:predict" if protocol == "v1" else "/v2/models/churn/infer"
    answer = server.client.post(url, content=body, headers=headers)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert 10 < len(answer.json()["error"]) < 2000


@pytest.mark.parametrize("change", ["shape", "datatype", "data", "name"])
@pytest.mark.parametrize("value", [None, 5, -1, "x", True, [], [[]], {}, [None], ["a", 1], 1e300])
def test_v2_with_any_wrong_part_is_refused(
    server: ServerProcess, change: str, value: object
) -> None:
    inputs = columns(ROWS)
    inputs[1][change] = value
    answer = server.client.post("/v2/models/churn/infer", json={"inputs": inputs})
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_an_unknown_model_is_refused_and_makes_no_series(server: ServerProcess) -> None:
    answer = server.predict("made-up", ROWS)
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "Model with name made-up does not exist."},
    )
    assert "made-up" not in server.client.get("/metrics").text
    counted = 'kubeloop_requests_total{code="404",model_name="",model_version="",protocol="v1"}'
    assert server.metric(counted) >= 1


def test_a_request_over_the_limits_is_refused(server: ServerProcess) -> None:
    rows = server.predict("churn", ROWS * 2501)
    assert (rows.status_code, "at most 10000" in rows.json()["error"]) == (413, True)
    url = "/v1/models/churn:predict"
    declared = server.client.post(url, content=b" " * (16 * 1024 * 1024 + 1), headers=JSON)
    assert declared.status_code == 413
    chunks = (b" " * 1024 * 1024 for _ in range(17))
    chunked = server.client.post(url, content=chunks, headers=JSON)
    assert chunked.json() == {
        "error": "the body is larger than 16777216 bytes; send the rows in parts"
    }
    assert server.predict("churn", ROWS).status_code == 200


def test_metrics_count_what_was_answered_and_refused(server: ServerProcess) -> None:
    model = 'model_name="wine",model_version="2"'
    samples = {
        "rows": f"kubeloop_rows_total{{{model}}}",
        "ok": f'kubeloop_requests_total{{code="200",{model},protocol="v1"}}',
        "bad": f'kubeloop_requests_total{{code="400",{model},protocol="v1"}}',
        "label": f'kubeloop_predictions_total{{label="2",{model}}}',
        "unseen": f'kubeloop_invalid_values_total{{feature="city",{model},reason="unseen"}}',
        "type": f'kubeloop_invalid_values_total{{feature="age",{model},reason="type"}}',
        "seconds": f'kubeloop_request_duration_seconds_count{{{model},protocol="v1"}}',
    }
    before = {key: server.metric(sample) for key, sample in samples.items()}
    server.predict("wine", ROWS)
    server.predict("wine", [["x", 1, "Bern", "basic"]])
    wanted = {"rows": 4, "ok": 1, "bad": 1, "label": 1, "unseen": 1, "type": 1, "seconds": 2}
    assert {key: server.metric(samples[key]) - before[key] for key in samples} == wanted
    assert server.metric(f"kubeloop_requests_in_flight{{{model}}}") == 0
    info = f'kubeloop_model_info{{{model},runtime="onnx",task="multiclass"}}'
    assert server.metric(info) == 1


def test_events_reach_the_monitor_without_private_columns(
    server: ServerProcess, collector: Collector
) -> None:
    row = dict(GOLDEN[1]) | {"email": "someone@example.org", "customerID": "c-1"}
    assert server.predict("churn", [row], **{"ce-id": "event-1"}).status_code == 200
    assert server.predict("churn", [["x"] * 4], **{"ce-id": "event-2"}).status_code == 400
    assert server.predict("fares", ROWS, **{"ce-id": "event-3"}).status_code == 200
    wait_for(lambda: "event-3" in collector.ids)
    events = {event["id"]: event for batch in collector.batches for event in batch}
    assert "event-2" not in events
    data = events["event-1"]["data"]
    assert (data["model"], data["version"], data["labels"]) == ("churn", 1, ["Yes"])
    assert data["features"] == {"age": [61.5], "income": [None], "city": ["Lyon"], "plan": ["plus"]}
    assert 0 < data["duration_seconds"] < 1
    assert len(events["event-3"]["data"]["predictions"]) == 4
    assert b"example.org" not in orjson.dumps(collector.batches)


def test_a_client_that_leaves_early_does_no_harm(server: ServerProcess) -> None:
    url = server.client.base_url
    body = orjson.dumps({"instances": ROWS * 500})
    head = f"POST /v1/models/churn:predict HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n"
    for sent in (len(body), len(body) // 2, 0):
        for _ in range(20):
            with socket.create_connection((url.host, url.port or 0), timeout=60) as connection:
                connection.sendall(head.encode() + body[:sent])
    assert server.predict("churn", ROWS).status_code == 200
    sample = 'kubeloop_requests_in_flight{model_name="churn",model_version="1"}'
    assert wait_for(lambda: server.metric(sample) == 0)
