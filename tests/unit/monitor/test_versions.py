import json
from collections.abc import Callable
from typing import Any

import pytest

from components.monitor.refusal import RefusedError
from components.monitor.versions import Version, read_registration, same_content

Build = Callable[..., Version]
Document = Callable[..., dict[str, Any]]


def test_read_registration_valid_version_complete(registration: Document) -> None:
    known = read_registration("churn", "3", registration())
    assert (known.model, known.number, known.task, known.runtime) == ("churn", 3, "binary", "onnx")
    assert known.inputs == {"tenure": "float32", "Contract": "string"}
    assert known.classes == ("No", "Yes")


def test_read_registration_golden_rows_not_kept(registration: Document) -> None:
    known = read_registration("churn", "3", registration())
    assert "golden" not in json.loads(known.bundle)
    assert "golden-secret" not in known.bundle


@pytest.mark.parametrize("number", ["0", "-1", "01", "1.0", "latest", "9" * 19, "1 ", "٣"])
def test_read_registration_bad_version_refused(registration: Document, number: str) -> None:
    with pytest.raises(RefusedError, match="V: expected a positive integer"):
        read_registration("churn", number, registration())


@pytest.mark.parametrize("body", [None, [], {"bundle": {}}, {"bundle": {}, "reference": 1}])
def test_read_registration_other_shape_refused(body: object) -> None:
    with pytest.raises(RefusedError, match='expected an object {"bundle"'):
        read_registration("churn", "1", body)


def test_read_registration_many_faults_all_reported(registration: Document) -> None:
    body = registration(name="other", task="binary", classes=["a"])
    body["bundle"] |= {"format": 2, "runtime": "pickle", "signature": {"inputs": [{"name": 1}]}}
    body["reference"] = {"format": 9}
    with pytest.raises(RefusedError) as caught:
        read_registration("churn", "1", body)
    assert caught.value.status == 400
    assert [problem.field for problem in caught.value.problems] == [
        "bundle.format",
        "bundle.name",
        "bundle.runtime",
        "bundle.classes",
        "bundle.signature.inputs[0]",
        "reference.format",
        "reference.features",
    ]


@pytest.mark.parametrize(
    ("task", "classes", "expected"),
    [
        ("binary", ["a", "b", "c"], "a list of two classes"),
        ("multiclass", "abc", "a list of at least two classes"),
        ("multiclass", [1, "2", 3], "classes of one type: string, integer or boolean"),
        ("multiclass", [0.5, 1.5], "classes of one type: string, integer or boolean"),
        ("multiclass", ["a", "b", "a"], "classes that differ"),
        ("regression", [1, 2], "null for a regression"),
    ],
)
def test_read_registration_bad_classes_refused(
    registration: Document, task: str, classes: Any, expected: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        read_registration("churn", "1", registration(task=task, classes=classes))
    assert [(p.field, p.expected) for p in caught.value.problems] == [("bundle.classes", expected)]


def test_read_registration_name_no_dns_label_refused(registration: Document) -> None:
    with pytest.raises(RefusedError, match="NAME: expected a DNS label"):
        read_registration("Churn_1", "1", registration(name="Churn_1"))


@pytest.mark.parametrize(
    ("classes", "label", "expected"),
    [
        (["No", "Yes"], "Yes", "Yes"),
        (["No", "Yes"], "yes", None),
        (["No", "Yes"], 1, None),
        ([0, 1], 1, 1),
        ([0, 1], "1", 1),
        ([0, 1], 1.0, 1),
        ([0, 1], 1.5, None),
        ([0, 1], True, None),
        (["0", "1"], 1, "1"),
        (["0.5", "1.0"], 1.0, "1.0"),
        ([False, True], True, True),
        ([False, True], "true", True),
        ([False, True], "True", True),
        ([False, True], 1, None),
    ],
)
def test_match_class_value_or_its_text(
    version: Build, classes: list[Any], label: Any, expected: Any
) -> None:
    found = version(classes=classes).match(label)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("label", "expected"), [(1.5, 1.5), (2, 2), ("1.5", None), (True, None)])
def test_match_regression_numbers_only(version: Build, label: Any, expected: Any) -> None:
    assert version(task="regression").match(label) == expected


def test_expectation_many_classes_shortened(version: Build) -> None:
    known = version(task="multiclass", classes=list(range(25)))
    assert known.expectation.startswith("one of the classes of 'churn' version 3: 0, 1, 2")
    assert known.expectation.endswith("19 and 5 more")


def test_same_content_other_order_true(version: Build, registration: Document) -> None:
    body = registration()
    swapped = {"reference": body["reference"], "bundle": dict(reversed(body["bundle"].items()))}
    assert same_content(version(), read_registration("churn", "3", swapped))


def test_same_content_different_refused_409(version: Build) -> None:
    with pytest.raises(RefusedError, match="a version never changes") as caught:
        same_content(version(), version(classes=["Nein", "Ja"]))
    assert caught.value.status == 409
