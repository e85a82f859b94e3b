import gc
import sys
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from components.serve.accounting import Accounting
from components.serve.endpoint import Endpoint
from components.serve.metrics import Metrics
from components.serve.routes import INFER, read_head
from components.serve.runtime import Models, open_model
from components.serve.wire import Message, Receive, Reply, Send
from tests.bundles import Fitted

V1, V2 = "/v1/models/churn:predict", "/v2/models/churn/infer"
JSON = "application/json"
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["?", "Bern", "basic", "FP32", "BYTES", "INT64", "FP16"]),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4), max_leaves=8)
NAMES = st.sampled_from(["age", "income", "city", "plan", "numbers", "strings", "email", "zzz"])
ROWS = st.one_of(
    st.lists(VALUES, min_size=3, max_size=5), st.dictionaries(NAMES, VALUES, max_size=6), VALUES
)
SHAPES = st.one_of(st.lists(st.integers(-1, 4), max_size=3), VALUES)
DATATYPES = st.sampled_from(["FP32", "BYTES", "INT64", "BOOL", "fp64", ""])
TENSORS = st.fixed_dictionaries(
    {"name": NAMES, "shape": SHAPES, "datatype": st.one_of(DATATYPES, VALUES)},
    optional={
        "data": VALUES,
        "parameters": st.one_of(VALUES, st.fixed_dictionaries({"binary_data_size": VALUES})),
    },
)


@pytest.fixture(scope="module")
def endpoint(binary: Fitted) -> Endpoint:
    async def inner(scope: Message, receive: Receive, send: Send) -> None:
        """Stands where KServe's application would."""

    models = Models()
    models.put(open_model(binary.folder, 3))
    return Endpoint(inner, models, Accounting(Metrics(CollectorRegistry()), None))


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    pairs = headers.items()
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in pairs]


def ask(endpoint: Endpoint, path: str, body: bytes, **headers: str) -> Reply:
    match = INFER.fullmatch(path)
    assert match is not None
    reply = endpoint.reply(read_head(match, raw(headers)), body)
    assert reply.status in (200, 400), reply.body
    assert (b"ce-id", reply.identity.encode()) in reply.headers
    assert (reply.status == 400) == ("error" in orjson.loads(reply.body))
    return reply


# The endpoint keeps nothing between requests, so that examples may share it.
anything = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@anything
@given(rows=st.lists(ROWS, max_size=3))
def test_reply_to_any_v1_rows_answers_or_refuses(endpoint: Endpoint, rows: list[Any]) -> None:
    ask(endpoint, V1, orjson.dumps({"instances": rows}))


@anything
@given(document=st.dictionaries(st.sampled_from(["instances", "inputs", "id"]), VALUES))
def test_reply_to_any_document_answers_or_refuses(
    endpoint: Endpoint, document: dict[str, Any]
) -> None:
    body = orjson.dumps(document)
    # By chance it may hold a row of the model's.
    ask(endpoint, V1, body)
    assert ask(endpoint, V2, body, content_type=JSON).status == 400


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("value", ["true", "false"])
def test_reply_to_a_truth_value_among_numbers_refuses_in_every_encoding(
    endpoint: Endpoint, encoding: str, value: str
) -> None:
    numbers = f'"datatype": "FP32", "shape": [1], "data": [{value}]'
    # Known categories, so that nothing else makes the reading of numbers a strict one.
    texts = '"datatype": "BYTES", "shape": [1], "data": ["plus"]'
    columns = {"age": numbers, "income": numbers, "plan": texts}
    columns["city"] = texts.replace("plus", "Bern")
    inputs = ", ".join(f'{{"name": "{name}", {said}}}' for name, said in columns.items())
    right = f'{{"inputs": [{inputs}]}}'.replace(value, "1").encode(encoding)
    assert ask(endpoint, V2, right, content_type=JSON).status == 200
    wrong = ask(endpoint, V2, f'{{"inputs": [{inputs}]}}'.encode(encoding), content_type=JSON)
    assert f"row 0, field 'age': expected a number, got the boolean {value}" in wrong.body.decode()


@anything
@given(tensors=st.lists(TENSORS, max_size=4), tail=st.binary(max_size=40), identity=VALUES)
def test_reply_to_any_v2_tensors_answers_or_refuses(
    endpoint: Endpoint, tensors: list[Any], tail: bytes, identity: object
) -> None:
    head = orjson.dumps({"inputs": tensors, "id": identity})
    ask(endpoint, V2, head, content_type=JSON)
    ask(endpoint, V2, head + tail, inference_header_content_length=str(len(head)))


@anything
@given(body=st.binary(max_size=60), length=st.text(max_size=4))
def test_reply_to_any_bytes_refuses(endpoint: Endpoint, body: bytes, length: str) -> None:
    assert ask(endpoint, V1, body).status == 400
    assert ask(endpoint, V2, body, inference_header_content_length=length).status == 400


@given(numbers=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_reply_to_a_row_alone_and_among_others_is_the_same(
    endpoint: Endpoint, numbers: list[float]
) -> None:
    rows = [[number, None, "Bern", "plus"] for number in numbers]
    together = orjson.loads(ask(endpoint, V1, orjson.dumps({"instances": rows})).body)
    alone = [
        orjson.loads(ask(endpoint, V1, orjson.dumps({"instances": [row]})).body)["predictions"][0]
        for row in rows
    ]
    assert together["predictions"] == alone


@pytest.mark.parametrize(
    ("path", "headers", "text"),
    [
        (V1, {}, '{"instances": [["x", 1, "Bern", "basic"]]}'),
        (V1, {}, "{"),
        (V1, {"ce-id": "é"}, "{}"),
        (V2, {}, '{"inputs": [{"name": "age", "datatype": "X", "shape": [1], "data": [1]}]}'),
    ],
)
def test_reply_that_refuses_lets_go_of_the_body_at_once(
    endpoint: Endpoint, path: str, headers: dict[str, str], text: str
) -> None:
    body = text.encode()
    match = INFER.fullmatch(path)
    assert match is not None
    given = {"content-type": "application/json"} | headers
    gc.disable()
    try:
        before = sys.getrefcount(body)
        for _ in range(10):
            assert endpoint.reply(read_head(match, raw(given)), body).status == 400
        assert sys.getrefcount(body) == before
    finally:
        gc.enable()


def test_reply_to_a_failing_model_is_500_without_its_reason(
    endpoint: Endpoint, binary: Fitted, caplog: pytest.LogCaptureFixture
) -> None:
    def run(numbers: Any, strings: Any) -> Any:
        msg = f"secret {strings[0, 0]}"
        raise ValueError(msg)

    model = open_model(binary.folder, 3)
    models = Models()
    models.put(replace(model, bundle=replace(model.bundle, run=run)))
    failing = Endpoint(endpoint._inner, models, Accounting(Metrics(CollectorRegistry()), None))
    match = INFER.fullmatch(V1)
    assert match is not None
    body = b'{"instances": [[1, 2, "Bern", "plus"]]}'
    reply = failing.reply(read_head(match, [(b"ce-id", b"x")]), body)
    assert reply.status == 500
    assert orjson.loads(reply.body) == {"error": "internal error; the server's log has its place"}
    assert "ValueError at test_endpoint.py:" in caplog.text
    assert "Bern" not in caplog.text
