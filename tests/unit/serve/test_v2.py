import json
import math
import struct
from typing import Any

import numpy as np
import orjson
import pytest

from components.bundle import answer
from components.serve import v2
from components.serve.contract import Tensors
from components.serve.infer import Infer
from components.serve.limits import Limits
from components.serve.refusal import RefusalError
from components.serve.runtime import Model
from components.serve.v2_body import parse_binary, parse_json
from tests.bundles import GOLDEN, Fitted


def tensor(name: str, datatype: str, shape: list[int], data: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


COLUMNS = [
    tensor("plan", "BYTES", [2, 1], ["basic", "plus"]),
    tensor("age", "INT32", [2], [30, 61]),
    tensor("income", "FP64", [2, 1], [[1500.5], [None]]),
    tensor("city", "BYTES", [2], ["Bern", None]),
    tensor("email", "BYTES", [2], ["x", "y"]),
]
MATRICES = [
    tensor("numbers", "FP32", [2, 2], [30, 1500.5, 61, None]),
    tensor("strings", "BYTES", [2, 2], [["Bern", "basic"], ["", "plus"]]),
]


def read(model: Model, inputs: object, limits: Limits | None = None) -> Tensors:
    infer = parse_json(orjson.dumps({"inputs": inputs}))
    return v2.read(infer.tensors, model.contract, limits or Limits())


def refused(model: Model, inputs: object, limits: Limits | None = None) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        read(model, inputs, limits)
    return caught.value


@pytest.mark.parametrize("inputs", [COLUMNS, MATRICES, [MATRICES[0], COLUMNS[0], COLUMNS[3]]])
def test_read_of_columns_and_matrices_gives_the_same_rows(model: Model, inputs: Any) -> None:
    rows = read(model, inputs)
    assert np.array_equal(rows.numbers, [[30, 1500.5], [61, np.nan]], equal_nan=True)
    assert rows.strings.tolist() == [["Bern", "basic"], ["", "plus"]]


def test_read_of_binary_tensors_gives_the_same_rows(model: Model) -> None:
    numbers = np.array([[30, 1500.5], [61, np.nan]], dtype="<f4").tobytes()
    texts = [b"Bern", b"basic", b"", b"plus"]
    strings = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    inputs: list[dict[str, Any]] = [
        {"name": "numbers", "datatype": "FP32", "shape": [2, 2]},
        {"name": "strings", "datatype": "BYTES", "shape": [2, 2]},
    ]
    for entry, raw in zip(inputs, (numbers, strings), strict=True):
        entry["parameters"] = {"binary_data_size": len(raw)}
    head = orjson.dumps({"id": "7", "inputs": inputs})
    infer = parse_binary(head + numbers + strings, str(len(head)), "churn")
    rows = v2.read(infer.tensors, model.contract, Limits())
    assert infer.id == "7"
    assert np.array_equal(rows.numbers, [[30, 1500.5], [61, np.nan]], equal_nan=True)
    assert rows.strings.tolist() == [["Bern", "basic"], ["", "plus"]]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (tensor("numbers", "FP32", [2, 2], [1, 2, 3]), "needs 4 elements, got 3"),
        (tensor("numbers", "FP32", [2, 2], [[1, 2], [3]]), "nested data does not have shape"),
        (tensor("numbers", "FP32", [2, 2], [[1, 2], 3, 4]), "nested data does not have shape"),
        (tensor("numbers", "FP32", [2, 2], [1, 2, 3, "x"]), "row 1, field 'income': expected a"),
        (tensor("numbers", "FP32", [4], [1, 2, 3, 4]), "expected shape [n, 2], got [4]"),
        (tensor("numbers", "FP32", [], [1]), "expected shape [n, 2], got []"),
        (tensor("numbers", "BYTES", [2, 2], ["a"] * 4), "datatype such as FP32, got 'BYTES'"),
        (tensor("numbers", "BOOL", [2, 2], [True] * 4), "datatype such as FP32, got 'BOOL'"),
        (tensor("numbers", "FP8", [2, 2], [1] * 4), "datatype such as FP32, got 'FP8'"),
        (tensor("numbers", "FP16", [2, 2], [1] * 4), "Sending FP16 data via JSON is not supported"),
        (tensor("numbers", "INT8", [2, 2], [1, 2, 3, 4.5]), "INT8 holds whole numbers only"),
        (tensor("numbers", "FP32", [0, 2], []), "inputs differ in their number of rows"),
        (tensor("number", "FP32", [2, 2], [1] * 4), "unknown field 'number'"),
        (tensor("numbers", "FP32", [-1, 2], [1]), "needs -2 elements, got 1"),
        (tensor("numbers", "FP32", [1.5, 2], [1]), '"shape" must be a list of whole numbers'),
        (tensor("numbers", "FP32", ["x", 2], [1]), '"shape" must be a list of whole numbers'),
        (tensor("numbers", "FP32", [2, 2], [1] * 4) | {"parameters": 5}, "must be an object"),
        (tensor("numbers", "FP32", [2, 2], [1] * 4) | {"parameters": {"a": []}}, "must hold text"),
        (tensor("numbers", "FP32", [2, 2], "text"), '"data" must be a list, got the text'),
        ({"name": "numbers"}, '"datatype" must be text, got null'),
        (5, "inputs[0]: expected an object, got the number 5"),
    ],
)
def test_read_of_a_malformed_tensor_is_refused(model: Model, change: Any, text: str) -> None:
    error = refused(model, [change, MATRICES[1]])
    assert error.status == 400
    assert text in str(error)


def test_read_of_missing_columns_names_each(model: Model) -> None:
    assert str(refused(model, [MATRICES[0]])) == (
        "2 problems: field 'city' is missing; field 'plan' is missing"
    )


def test_read_of_a_column_sent_twice_is_refused(model: Model) -> None:
    text = str(refused(model, [*MATRICES, COLUMNS[1]]))
    assert text == "input 'age': these columns are sent twice"


def test_read_of_no_rows_is_refused(model: Model) -> None:
    inputs = [tensor("numbers", "FP32", [0, 2], []), tensor("strings", "BYTES", [0, 2], [])]
    assert str(refused(model, inputs)) == "the inputs hold no row"


def test_read_of_a_huge_shape_is_refused_before_it_is_built(model: Model) -> None:
    assert refused(model, [tensor("numbers", "FP32", [10**15, 2], [1])]).status == 413


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{}", 'the body has no "inputs": expected a list of tensors, got null'),
        (b'{"inputs": {}}', 'the body has no "inputs": expected a list of tensors, got an object'),
        (b'{"inputs": [], "id": 5}', "the request id must be text, got the number 5"),
        (b'{"inputs": [], "parameters": 5}', '"parameters" must be an object, got the number 5'),
        (b'{"inputs": [], "outputs": 5}', '"outputs" must list objects with a name'),
        (b'{"inputs": [], "outputs": [{"name": "a", "parameters": 5}]}', '"outputs": "parameters"'),
        (b'{"inputs": [', "Unrecognized request format: unexpected end of data"),
        (b"[" * 100_000, "Unrecognized request format: depth limit exceeded"),
        (b'{"inputs": ' + b"9" * 10_000 + b"}", "Unrecognized request format: "),
    ],
)
def test_parse_json_of_a_malformed_body_is_refused(body: bytes, text: str) -> None:
    with pytest.raises(RefusalError) as caught:
        parse_json(body)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("body", "length", "text"),
    [
        (b"{}", "2", 'the body has no "inputs": expected a list of tensors, got null'),
        (b"{}", "x", "Inference-Header-Content-Length must be 0 to 2, the bytes of the JSON"),
        (b"{}", "", "Inference-Header-Content-Length must be 0 to 2, the bytes of the JSON"),
        (b"{}", "9" * 10_000, 'the body has no "inputs"'),
        (b"{}", "-1", "Unrecognized request format: unexpected end of data"),
        (b'{"inputs": [1]}rest', "15", "inputs[0]: expected an object, got the number 1"),
        (b'{"inputs": [], "parameters": 5}', "31", '"parameters" must be an object'),
        (
            b'{"inputs": [{"name": "a", "datatype": "FP32", "shape": [1]}]}',
            "61",
            "'data' field is missing for input 'a' for model 'churn'",
        ),
        (
            b'{"inputs": [{"name": "a", "datatype": "FP16", "shape": [1], "data": [1]}]}',
            "74",
            "Receiving FP16 data via JSON is not supported",
        ),
    ],
)
def test_parse_binary_of_a_malformed_body_is_refused(body: bytes, length: str, text: str) -> None:
    with pytest.raises(RefusalError) as caught:
        parse_binary(body, length, "churn")
    assert text in str(caught.value)


def test_parse_json_of_what_python_alone_reads_is_read_as_kserve_reads_it(model: Model) -> None:
    values = MATRICES[1]["data"]
    document = json.dumps({"inputs": [tensor("numbers", "FP32", ["2", 2.0], [30, 1, 2, math.nan])]})
    document = document[:-2] + ", " + json.dumps(tensor("strings", "BYTES", [2, 2], values)) + "]}"
    for body in (document.encode(), document.encode("utf-16")):
        rows = v2.read(parse_json(body).tensors, model.contract, Limits())
        assert np.array_equal(rows.numbers, [[30, 1], [2, np.nan]], equal_nan=True)


def test_parse_json_of_text_that_is_no_unicode_is_refused() -> None:
    text = '{"inputs": [{"name": "city", "datatype": "BYTES", "shape": [1], "data": ["\\ud800"]}]}'
    with pytest.raises(RefusalError, match="input 'city': its text is no Unicode"):
        parse_json(text.encode())


@pytest.mark.parametrize("size", [None, -1, 1.5, "x", True])
def test_parse_of_a_wrong_binary_size_is_refused(size: object) -> None:
    entry: dict[str, Any] = {"name": "a", "datatype": "FP32", "shape": [1]}
    entry["parameters"] = {"binary_data_size": size}
    head = orjson.dumps({"inputs": [entry]})
    with pytest.raises(RefusalError, match="binary_data_size"):
        parse_binary(head + b"abcd", str(len(head)), "churn")


@pytest.mark.parametrize("raw", [b"\x09\0\0\0ab", b"\x01\0", b"\x01\0\0\0ab", b""])
def test_read_of_damaged_bytes_is_refused(model: Model, raw: bytes) -> None:
    entry = {"name": "city", "datatype": "BYTES", "shape": [1]}
    head = orjson.dumps({"inputs": [entry | {"parameters": {"binary_data_size": len(raw)}}]})
    infer = parse_binary(head + raw, str(len(head)), "churn")
    with pytest.raises(RefusalError, match="bytes are no BYTES tensor of shape"):
        v2.read(infer.tensors, model.contract, Limits())


@pytest.mark.parametrize(
    ("task", "datatype", "labels"),
    [("binary", "BYTES", ["No", "Yes", "Yes", "No"]), ("multiclass", "INT64", [0, 2, 1, 0])],
)
def test_write_of_a_classifier_answers_label_and_probabilities(
    request: pytest.FixtureRequest, task: str, datatype: str, labels: list[object]
) -> None:
    fitted: Fitted = request.getfixturevalue(task)
    scores = fitted.scores(GOLDEN)
    outputs = v2.answers(answer(fitted.manifest, scores))
    body, head = v2.write(Infer(None, []), outputs, "churn", 3, "id-1")
    document = orjson.loads(body)
    assert head is None
    assert (document["model_name"], document["model_version"], document["id"]) == (
        *("churn", "3"),
        "id-1",
    )
    label, probabilities = document["outputs"]
    assert label == {"name": "label", "shape": [4], "datatype": datatype, "data": labels}
    assert probabilities["shape"] == list(scores.shape)
    assert probabilities["datatype"] == "FP32"
    assert np.allclose(probabilities["data"], scores.ravel(), atol=1e-6)


def test_write_of_wanted_binary_outputs_appends_their_bytes(binary: Fitted) -> None:
    outputs = v2.answers(answer(binary.manifest, binary.scores(GOLDEN)))
    infer = Infer(None, [], [("probabilities", True), ("label", False)])
    body, head = v2.write(infer, outputs, "churn", 3, "id-1")
    assert head is not None
    first, second = orjson.loads(body[:head])["outputs"]
    assert first["parameters"] == {"binary_data_size": 32}
    assert np.frombuffer(body[head:], "<f4").reshape(4, 2)[1, 1] > 0.9
    assert second["data"] == ["No", "Yes", "Yes", "No"]


def test_write_of_an_unknown_output_is_refused(regression: Fitted) -> None:
    outputs = v2.answers(answer(regression.manifest, regression.scores(GOLDEN)))
    with pytest.raises(RefusalError, match="unknown output 'label'; the model answers prediction"):
        v2.write(Infer(None, [], [("label", False)]), outputs, "fares", 1, "x")


def test_write_of_too_many_outputs_is_refused(binary: Fitted) -> None:
    outputs = v2.answers(answer(binary.manifest, binary.scores(GOLDEN)))
    body, _ = v2.write(Infer(None, [], [("label", False)] * 16), outputs, "churn", 1, "x")
    assert len(orjson.loads(body)["outputs"]) == 16
    with pytest.raises(RefusalError, match="asks for 17 outputs, at most 16") as caught:
        v2.write(Infer(None, [], [("label", False)] * 17), outputs, "churn", 1, "x")
    assert caught.value.status == 413


def test_describe_of_a_model_names_real_columns(model: Model) -> None:
    assert v2.describe_inputs(model.contract)[1:3] == [
        {"name": "income", "datatype": "FP32", "shape": [-1]},
        {"name": "city", "datatype": "BYTES", "shape": [-1]},
    ]
    assert v2.describe_outputs(model.manifest) == [
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
    ]
