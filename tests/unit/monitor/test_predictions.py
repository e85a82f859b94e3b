import json
from collections.abc import Callable
from typing import Any

import pytest

from components.monitor.events import Event
from components.monitor.predictions import Record, read_prediction
from components.monitor.refusal import Problem, Review
from components.monitor.versions import Version

DATA: dict[str, Any] = {
    "model": "churn",
    "version": 3,
    "duration_seconds": 0.0012,
    "features": {"tenure": [1.0, None], "Contract": ["a", None]},
    "labels": ["Yes", "No"],
    "probabilities": [[0.1, 0.9], [0.8, 0.2]],
}
Read = Callable[..., tuple[Record | None, list[Problem]]]


@pytest.fixture
def read(event: Callable[..., Event], version: Callable[..., Version]) -> Read:
    def run(data: object, *versions: Version) -> tuple[Record | None, list[Problem]]:
        review = Review(0)
        known = {(v.model, v.number): v for v in versions or (version(),)}
        return read_prediction(event(data), known, 5, review), review.problems

    return run


def test_read_prediction_valid_record_complete(read: Read) -> None:
    record, problems = read(DATA)
    assert problems == []
    assert record is not None
    assert (record.model, record.version, record.registered, record.rows) == ("churn", 3, True, 2)
    assert record.duration == 0.0012
    assert json.loads(record.features or "") == DATA["features"]
    assert json.loads(record.outputs or "") == {
        "labels": ["Yes", "No"],
        "probabilities": [[0.1, 0.9], [0.8, 0.2]],
    }


def test_read_prediction_private_and_unknown_columns_dropped(read: Read) -> None:
    features = DATA["features"] | {"email": ["x@y.z", "q@y.z"], "unknown": "not even a list"}
    record, problems = read(DATA | {"features": features})
    assert problems == []
    assert record is not None
    assert set(json.loads(record.features or "")) == {"tenure", "Contract"}


def test_read_prediction_unregistered_features_left_out(read: Read) -> None:
    record, problems = read(DATA | {"version": 4})
    assert problems == []
    assert record is not None
    assert (record.registered, record.features, record.rows) == (False, None, 2)
    assert json.loads(record.outputs or "")["labels"] == ["Yes", "No"]


def test_read_prediction_regression_kept(read: Read, version: Callable[..., Version]) -> None:
    data = {"model": "churn", "version": 3, "predictions": [1.5, 2]}
    record, problems = read(data, version(task="regression"))
    assert problems == []
    assert record is not None
    assert (record.rows, record.outputs) == (2, '{"predictions":[1.5,2]}')


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"model": ""}, "data.model", "1 to 512 printable characters"),
        ({"version": "3"}, "data.version", "a positive integer"),
        ({"version": [3]}, "data.version", "a positive integer"),
        ({"duration_seconds": -1}, "data.duration_seconds", "seconds, 0 or more"),
        ({"labels": None}, "data", "either labels or predictions"),
        ({"predictions": [1.0]}, "data", "either labels or predictions"),
        ({"labels": None, "predictions": [1.0]}, "data", "the answers of a binary model"),
        ({"labels": []}, "data.labels", "a list of at least one class, a string, an integer or a"),
        ({"labels": ["Yes", 1.5]}, "data.labels", "a list of at least one class"),
        ({"labels": ["Yes", "Maybe"]}, "data.labels", "one of the classes of 'churn' version 3"),
        ({"probabilities": [[0.1, 0.9]]}, "data.probabilities", "2 lists, one finite number a"),
        ({"probabilities": [[0.1], [0.2]]}, "data.probabilities", "2 lists, one finite number a"),
        ({"probabilities": [[0.1, None], [1, 0]]}, "data.probabilities", "2 lists, one finite"),
        ({"probabilities": 7}, "data.probabilities", "2 lists, one finite number a class"),
        ({"features": [1]}, "data.features", "an object with one list a column"),
        ({"features": {"tenure": [1.0]}}, "data.features.tenure", "a list of 2 numbers or nulls"),
        ({"features": {"tenure": ["x", 1]}}, "data.features.tenure", "a list of 2 numbers"),
        ({"features": {"tenure": [True, 1]}}, "data.features.tenure", "a list of 2 numbers"),
        ({"features": {"tenure": [1e400, 1]}}, "data.features.tenure", "a list of 2 numbers"),
        ({"features": {"Contract": [1, "a"]}}, "data.features.Contract", "a list of 2 strings"),
    ],
)
def test_read_prediction_wrong_value_noted(
    read: Read, change: dict[str, Any], field: str, expected: str
) -> None:
    record, problems = read(DATA | change)
    assert record is None
    assert [problem.field for problem in problems] == [field]
    assert problems[0].expected.startswith(expected)


def test_read_prediction_two_faults_both_noted(read: Read) -> None:
    _, problems = read(DATA | {"probabilities": [], "features": {"tenure": [], "Contract": 1}})
    fields = [problem.field for problem in problems]
    assert fields == ["data.probabilities", "data.features.tenure", "data.features.Contract"]


def test_read_prediction_wrong_feature_value_never_repeated(read: Read) -> None:
    _, problems = read(DATA | {"features": {"tenure": ["SECRET", "SECRET"]}})
    assert problems
    assert "SECRET" not in str(problems)


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_read_prediction_no_object_noted(read: Read, data: object) -> None:
    record, problems = read(data)
    assert record is None
    assert [(p.field, p.expected) for p in problems] == [("data", "a JSON object")]


@pytest.mark.parametrize("label", [10**400, "x" * 513])
def test_read_prediction_unregistered_huge_label_noted(read: Read, label: object) -> None:
    record, problems = read({"model": "other", "version": 1, "labels": [label]})
    assert record is None
    assert problems[0].field == "data.labels"
