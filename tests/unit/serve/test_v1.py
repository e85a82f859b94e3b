from typing import Any

import pytest

from components.bundle import answer
from components.serve import v1
from components.serve.document import parse_object
from components.serve.limits import Limits
from components.serve.refusal import RefusalError
from components.serve.runtime import Model
from tests.bundles import Fitted

ROW = [30, 1500.0, "Bern", "basic"]
OBJECT = {"plan": "basic", "age": 30, "income": 1500.0, "city": "Bern"}


def refused(model: Model, document: dict[str, Any], limits: Limits | None = None) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        v1.read(document, model.contract, limits or Limits())
    return caught.value


def test_read_of_lists_and_objects_gives_the_same_rows(model: Model) -> None:
    rows = v1.read({"instances": [ROW, OBJECT]}, model.contract, Limits())
    assert rows.numbers[0].tolist() == rows.numbers[1].tolist() == [30.0, 1500.0]
    assert rows.strings[0].tolist() == rows.strings[1].tolist() == ["Bern", "basic"]


def test_read_of_ignored_columns_drops_them(model: Model) -> None:
    row = OBJECT | {"customerID": 7, "email": {"deep": []}}
    assert v1.read({"instances": [row]}, model.contract, Limits()).numbers.shape == (1, 2)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, 'the body has no "instances"; expected {"instances": [row, …]}'),
        ({"instances": 5}, '"instances" must be a list of rows, got the number 5'),
        ({"instances": []}, '"instances" holds no row'),
        ({"instances": [5]}, "row 0: expected a list or an object, got the number 5"),
        ({"instances": [None]}, "row 0: expected a list or an object, got null"),
        (
            {"instances": [ROW, ROW[:3]]},
            "row 1: expected 4 values (age, income, city, plan), got 3",
        ),
    ],
)
def test_read_of_a_malformed_document_is_refused(
    model: Model, document: dict[str, Any], text: str
) -> None:
    error = refused(model, document)
    assert (error.status, str(error)) == (400, text)


def test_read_of_missing_and_unknown_fields_names_them(model: Model) -> None:
    row = {"age": 1, "incom": 2.0, "city": None, "plan": "plus"}
    error = refused(model, {"instances": [row]})
    assert str(error) == (
        "2 problems: row 0: field 'income' is missing; "
        "row 0: unknown field 'incom'; did you mean 'income'?"
    )
    assert error.counts == {("income", "missing_field"): 1}


def test_read_of_too_many_rows_is_refused_as_too_large(model: Model) -> None:
    error = refused(model, {"instances": [ROW] * 3}, Limits(rows=2))
    assert error.status == 413
    assert str(error).startswith("the request has 3 rows, at most 2 are answered at once")


def test_write_of_each_task_keeps_the_type_of_the_source(
    binary: Fitted, multiclass: Fitted, regression: Fitted
) -> None:
    golden = binary.manifest.golden.rows
    bodies = [
        v1.write(answer(fitted.manifest, fitted.scores(golden)))
        for fitted in (binary, multiclass, regression)
    ]
    assert bodies[0] == b'{"predictions":["No","Yes","Yes","No"]}'
    assert bodies[1] == b'{"predictions":[0,2,1,0]}'
    assert bodies[2].startswith(b'{"predictions":[97.68')


def test_unwrapped_of_an_event_is_its_data() -> None:
    event = dict.fromkeys(("specversion", "id", "source", "type", "time"), "1.0")
    assert v1.unwrapped(event | {"data": [1]}) == [1]
    assert v1.unwrapped(event) == event


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "Unrecognized request format: "),
        (b'{"instances": [[NaN]]}', "send null for a missing value"),
        (b'{"instances": [[1e999]]}', "number is infinity"),
        (b'{"a": "\xff"}', "not valid UTF-8"),
        (b"\x1f\x8b\x08", "compressed bodies are not read, send it as it is"),
        (b"[" * 100_000, "depth limit exceeded"),
        (b"[1]", "the body must be a JSON object, got a list of 1"),
    ],
)
def test_parse_object_of_a_malformed_body_is_refused(body: bytes, text: str) -> None:
    with pytest.raises(RefusalError) as caught:
        parse_object(body)
    assert text in str(caught.value)
