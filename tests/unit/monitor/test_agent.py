import json
from collections.abc import Callable
from typing import Any

import pytest

from components.monitor.agent import read_exchange
from components.monitor.events import Event
from components.monitor.predictions import Record
from components.monitor.refusal import Problem, Review

PREFIX = "org.kubeflow.serving.inference."
Read = Callable[..., tuple[Record | None, list[Problem]]]


@pytest.fixture
def read(event: Callable[..., Event]) -> Read:
    def run(kind: str, data: object, model: object = "churn") -> Any:
        review = Review(0)
        given = event(data, type=PREFIX + kind, inferenceservicename=model)
        return read_exchange(given, 5, review), review.problems

    return run


@pytest.mark.parametrize(
    "data",
    [
        {"instances": [{"tenure": 1, "email": "a@b.c"}, {"tenure": 2, "email": "d@e.f"}]},
        {"inputs": [{"name": "email", "shape": [2, 1], "data": ["a@b.c", "d@e.f"]}]},
    ],
)
def test_read_exchange_request_rows_counted_and_features_dropped(read: Read, data: object) -> None:
    record, problems = read("request", data)
    assert problems == []
    assert record is not None
    assert (record.kind, record.model, record.version, record.rows) == ("request", "churn", 0, 2)
    assert (record.features, record.outputs, record.registered) == (None, None, False)


def test_read_exchange_v1_response_labels_kept(read: Read) -> None:
    record, _ = read("response", {"predictions": ["Yes", "No"]})
    assert record is not None
    assert (record.rows, record.outputs) == (2, '{"predictions":["Yes","No"]}')


def test_read_exchange_v1_response_with_rows_inside_not_kept(read: Read) -> None:
    record, _ = read("response", {"predictions": [{"email": "a@b.c"}]})
    assert record is not None
    assert (record.rows, record.outputs) == (1, None)


def test_read_exchange_v2_response_answers_kept(read: Read) -> None:
    outputs = [
        {"name": "label", "shape": [2], "datatype": "BYTES", "data": ["Yes", "No"]},
        {"name": "echo", "shape": [2], "datatype": "BYTES", "data": ["secret", "secret"]},
    ]
    record, _ = read("response", {"outputs": outputs})
    assert record is not None
    assert record.rows == 2
    assert json.loads(record.outputs or "") == {"label": ["Yes", "No"]}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"inputs": []},
        {"inputs": [1]},
        {"inputs": [{"shape": [[1]]}]},
        {"inputs": [{"shape": [-1]}]},
        {"inputs": [{"shape": [1]}, {"shape": [2]}]},
    ],
)
def test_read_exchange_no_inference_body_noted(read: Read, data: object) -> None:
    record, problems = read("request", data)
    assert record is None
    assert [p.expected for p in problems] == [
        "a V1 or V2 request, an object with instances or inputs"
    ]


def test_read_exchange_without_service_name_noted(read: Read) -> None:
    record, problems = read("response", {"predictions": [1]}, None)
    assert record is None
    assert [p.field for p in problems] == ["inferenceservicename"]
