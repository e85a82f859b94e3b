from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.serve import v2
from components.serve.columns import Columns, json_columns, raw_columns
from components.serve.limits import Limits
from components.serve.refusal import RefusalError
from components.serve.runtime import Model
from components.serve.tensor import encoded
from components.serve.usual import _raw_tensors, _tensors

NAMES = ("age", "income", "city", "plan")
VALUES = st.one_of(
    st.floats(allow_nan=False),
    st.integers(-5, 10**40),
    st.sampled_from(["Bern", "basic", "Atlantis", "", " ?", "gold"]),
    st.none(),
    st.booleans(),
    st.just([1.0]),
)
SHAPES = st.sampled_from([[2], [2, 1], [2], [2, 1], [1], [2, True], [2.0], [0], [-2], [1, 2], []])
anything = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def inputs(draw: st.DrawFn) -> list[Any]:
    """Columns that are mostly right: each with one chance in some of being wrong somewhere."""
    names = draw(st.permutations(NAMES)) if draw(st.booleans()) else list(NAMES)
    shape = draw(st.sampled_from([[2], [2, 1]]))
    found: list[Any] = []
    for name in names:
        number = name in ("age", "income")
        data = [1.5, 2] if number else ["Bern", "basic"]
        entry = {
            "name": name,
            "datatype": draw(st.sampled_from(["FP32", "FP64"])) if number else "BYTES",
            "shape": list(shape),
            "data": data,
        }
        change = draw(st.integers(0, 24))
        if change == 0:
            entry["data"] = draw(st.lists(VALUES, min_size=1, max_size=3))
        elif change == 1:
            entry["shape"] = draw(SHAPES)
        elif change == 2:
            entry["datatype"] = draw(st.sampled_from(["BYTES", "FP32", "INT64", "X", 5]))
        elif change == 3:
            entry["name"] = draw(st.sampled_from([*NAMES, "email", "zzz", 5]))
        elif change == 4:
            entry["parameters"] = draw(
                st.sampled_from([{"content_type": "str"}, 5, {"a": []}, None])
            )
        elif change == 5:
            del entry[draw(st.sampled_from(["name", "datatype", "shape", "data"]))]
        elif change == 6:
            found.append(draw(st.sampled_from([5, None, []])))
        found.append(entry)
    return found


def outcome(read: Callable[[], Any]) -> Any:
    """Returns what came out, comparable: tensors, or what the refusal says."""
    try:
        rows = read()
    except RefusalError as refusal:
        return str(refusal), refusal.status, refusal.counts
    return rows.numbers.tobytes(), rows.numbers.shape, rows.strings.tolist(), rows.unseen


@anything
@given(entries=inputs())
def test_columns_are_read_as_each_tensor_by_itself(model: Model, entries: list[Any]) -> None:
    columns = json_columns(entries)
    if columns is None:
        return
    tensors = _tensors(entries)
    assert list(columns) == tensors
    together = outcome(lambda: v2.read(columns, model.contract, Limits()))
    assert together == outcome(lambda: v2.read(tensors or [], model.contract, Limits()))


def entry(name: str, values: list[Any], **members: Any) -> dict[str, Any]:
    datatype = "FP32" if name in ("age", "income") else "BYTES"
    shape = [len(values)]
    return {"name": name, "datatype": datatype, "shape": shape, "data": values} | members


def test_columns_in_any_order_are_read_without_taking_them_apart(model: Model) -> None:
    given = [
        entry("plan", ["basic", "plus"], parameters={"content_type": "str"}),
        entry("income", [3, 4.5]),
        entry("city", ["Bern", None]),
        entry("age", [1, 2]),
    ]
    columns = json_columns(given)
    assert isinstance(columns, Columns)
    rows = columns.read(model.contract, Limits(), booleans=False)
    assert rows is not None
    assert rows.numbers.dtype == np.float32
    assert rows.numbers.tolist() == [[1, 3], [2, 4.5]]
    assert rows.strings.tolist() == [["Bern", "basic"], ["", "plus"]]


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [True]},
        {"shape": [1.0]},
        {"shape": [1, 2]},
        {"shape": []},
        {"shape": "1"},
        {"data": "1"},
        {"name": 5},
        {"datatype": "INT64"},
        {"datatype": ["FP32"]},
        {"parameters": 5},
    ],
)
def test_columns_of_another_form_are_left_to_the_strict_reading(change: dict[str, Any]) -> None:
    given = [entry(name, [1]) for name in ("age", "income", "city")]
    assert json_columns(given) is not None
    assert json_columns([given[0], given[1] | change, given[2]]) is None


@pytest.mark.parametrize(
    "given", [[], [5] * 3, [entry("age", [1]), None, 5], [{"name": "age"}] * 3]
)
def test_inputs_that_are_no_columns_are_left_to_the_strict_reading(given: list[Any]) -> None:
    assert json_columns(given) is None


def test_columns_of_more_rows_than_allowed_are_left_to_the_refusal(model: Model) -> None:
    names = zip(NAMES, ([1, 2], [1, 2], ["Bern"] * 2, ["basic"] * 2), strict=True)
    columns = json_columns([entry(name, values) for name, values in names])
    assert columns is not None
    assert columns.read(model.contract, Limits(rows=2), booleans=False) is not None
    assert columns.read(model.contract, Limits(rows=1), booleans=False) is None


@pytest.mark.parametrize(
    "given",
    [
        [entry("age", [9]), *(entry(name, [1]) for name in ("age", "income"))],
        [entry("age", [1], datatype="BYTES"), entry("income", [1])],
        [entry("age", [1]), entry("income", [1]), entry("email", ["x"], datatype="BYTES")],
    ],
)
def test_columns_unlike_the_signature_are_left_to_the_refusal(
    model: Model, given: list[Any]
) -> None:
    columns = json_columns([*given, entry("city", ["Bern"]), entry("plan", ["basic"])])
    assert columns is not None
    assert columns.read(model.contract, Limits(), booleans=False) is None


def test_text_that_is_said_to_be_a_number_is_left_to_the_refusal(model: Model) -> None:
    numbers = [entry("age", [1]), entry("income", [1])]
    texts = [entry("city", ["Bern"], datatype="FP32"), entry("plan", ["basic"])]
    columns = json_columns([*numbers, *texts])
    assert columns is not None
    assert columns.read(model.contract, Limits(), booleans=False) is None


@st.composite
def packed(draw: st.DrawFn) -> tuple[list[Any], bytes]:
    """Binary columns and a body that ends with them; each has a chance of being wrong."""
    entries, body = [], draw(st.binary(max_size=3))
    names = draw(st.permutations(NAMES)) if draw(st.booleans()) else list(NAMES)
    for name in names:
        number = name in ("age", "income")
        values: Any = np.array([1.5, 2], "<f4") if number else np.array(["Bern", "basic"], object)
        raw = encoded(values)
        entry = {
            "name": name,
            "datatype": "FP32" if number else "BYTES",
            "shape": [2, 1],
            "parameters": {"binary_data_size": len(raw)},
        }
        change = draw(st.integers(0, 24))
        if change == 0:
            raw = draw(st.binary(max_size=12))
            entry["parameters"] = {"binary_data_size": len(raw)}
        elif change == 1:
            size = draw(st.sampled_from([-1, 3, 4, 8, 9, 10**9, "8", True, None]))
            entry["parameters"] = draw(st.sampled_from([{"binary_data_size": size}, {}, None, 5]))
        elif change == 2:
            entry["datatype"] = draw(st.sampled_from(["BYTES", "FP32", "FP64", "INT64"]))
        elif change == 3:
            entry["name"] = draw(st.sampled_from([*NAMES, "email", "zzz"]))
        elif change == 4:
            entry["shape"] = draw(SHAPES)
        elif change == 5:
            entry["data"] = [1]
        entries.append(entry)
        body += raw
    return entries, body


@anything
@given(sent=packed(), at=st.integers(0, 3))
def test_raw_columns_are_read_as_each_tensor_by_itself(
    model: Model, sent: tuple[list[Any], bytes], at: int
) -> None:
    entries, body = sent
    columns = raw_columns(entries, body, at)
    if columns is None:
        return
    tensors = _raw_tensors(entries, body, at)
    assert list(columns) == tensors
    together = outcome(lambda: v2.read(columns, model.contract, Limits()))
    assert together == outcome(lambda: v2.read(tensors or [], model.contract, Limits()))


def raw_entry(name: str, size: Any, **members: Any) -> dict[str, Any]:
    datatype = "FP32" if name in ("age", "income") else "BYTES"
    sized = {"parameters": {"binary_data_size": size}}
    return {"name": name, "datatype": datatype, "shape": [1]} | sized | members


TEXTS = encoded(np.array(["Bern"], object)) + encoded(np.array(["basic"], object))
NUMBERS = np.array([3, 4.5], "<f4").tobytes()


def raw_inputs() -> list[dict[str, Any]]:
    sizes = {"city": 8, "plan": 9, "income": 4, "age": 4}
    return [raw_entry(name, size) for name, size in sizes.items()]


def test_raw_columns_in_any_order_are_read_without_taking_them_apart(model: Model) -> None:
    columns = raw_columns(raw_inputs(), b"{}" + TEXTS + NUMBERS, 2)
    assert isinstance(columns, Columns)
    rows = columns.read(model.contract, Limits(), booleans=True)
    assert rows is not None
    assert rows.numbers.tolist() == [[4.5, 3]]
    assert rows.strings.tolist() == [["Bern", "basic"]]


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {}},
        {"parameters": {"binary_data_size": -4}},
        {"parameters": {"binary_data_size": 5}},
        {"parameters": {"binary_data_size": True}},
        {"parameters": {"binary_data_size": "4"}},
        {"parameters": [4]},
        {"data": [1]},
    ],
)
def test_raw_columns_of_another_form_are_left_to_the_strict_reading(change: dict[str, Any]) -> None:
    given = raw_inputs()
    body = TEXTS + NUMBERS
    assert raw_columns(given, body, 0) is not None
    assert raw_columns(given, body[:-1], 0) is None
    assert raw_columns([*given[:-1], given[-1] | change], body, 0) is None


@pytest.mark.parametrize(
    "change",
    [
        {"name": "email"},
        {"datatype": "FP64"},
        {"parameters": {"binary_data_size": 0}},
    ],
)
def test_raw_columns_unlike_the_signature_are_left_to_the_refusal(
    model: Model, change: dict[str, Any]
) -> None:
    given = raw_inputs()
    columns = raw_columns([*given[:-1], given[-1] | change], TEXTS + NUMBERS, 0)
    assert columns is not None
    assert columns.read(model.contract, Limits(), booleans=True) is None


def test_raw_texts_that_do_not_fill_their_bytes_are_left_to_the_refusal(model: Model) -> None:
    columns = raw_columns(raw_inputs(), b"\5" + TEXTS[1:] + NUMBERS, 0)
    assert columns is not None
    assert columns.read(model.contract, Limits(), booleans=True) is None


def test_columns_of_uneven_lengths_are_left_to_the_refusal(model: Model) -> None:
    """Together they would hold as many values as they should."""
    texts = [entry("city", ["Bern"] * 2), entry("plan", ["basic"] * 2)]
    uneven = [entry("age", [1, 2, 3], shape=[2]), entry("income", [1], shape=[2])]
    columns = json_columns([*uneven, *texts])
    assert columns is not None
    assert columns.read(model.contract, Limits(), booleans=False) is None
    numbers = [entry("age", [1, 2]), entry("income", [1, 2])]
    texts = [
        entry("city", ["Bern"] * 3, shape=[2]),
        entry("plan", ["basic"], shape=[2]),
    ]
    columns = json_columns([*numbers, *texts])
    assert columns is not None
    assert columns.read(model.contract, Limits(), booleans=False) is None
