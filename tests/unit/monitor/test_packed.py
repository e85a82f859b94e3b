import base64
import struct
from typing import Any

import pytest

from components.monitor.packed import unpack
from components.monitor.refusal import Review


def packed(*values: float) -> dict[str, Any]:
    return {"float32": base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()}


def event(**members: Any) -> dict[str, Any]:
    return {"labels": ["a", "b", "c"], "features": {"city": ["x", "y", "z"]}} | members


def test_unpack_gives_columns_with_null_for_nan_and_rows_of_probabilities() -> None:
    numbers = {"names": ["age", "income"]} | packed(1.5, float("nan"), -3, 0.1, 2, 3e38)
    review = Review(0)
    plain = unpack(event(numbers=numbers, probabilities=packed(0.25, 0.75, 1, 0, 0.5, 0.5)), review)
    assert review.problems == []
    # A float64 holds every float32, so that nothing is rounded on the way to bin edges.
    tenth = struct.unpack("<f", struct.pack("<f", 0.1))[0]
    large = struct.unpack("<f", struct.pack("<f", 3e38))[0]
    assert plain["features"] == {
        "city": ["x", "y", "z"],
        "age": [1.5, None, -3.0],
        "income": [tenth, 2.0, large],
    }
    assert plain["probabilities"] == [[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]
    assert "numbers" not in plain


def test_unpack_of_what_is_not_packed_changes_nothing() -> None:
    data = event(probabilities=[[0.5, 0.5]] * 3)
    assert unpack(data, review := Review(0)) == data
    assert review.problems == []


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"numbers": 5}, "data.numbers"),
        ({"numbers": {"names": "age"} | packed(1, 2, 3)}, "data.numbers"),
        ({"numbers": {"names": [1]} | packed(1, 2, 3)}, "data.numbers"),
        ({"numbers": {"names": ["age"]}}, "data.numbers.float32"),
        ({"numbers": {"names": ["age"], "float32": 7}}, "data.numbers.float32"),
        ({"numbers": {"names": ["age"], "float32": "?"}}, "data.numbers.float32"),
        ({"numbers": {"names": ["age"], "float32": "AAA="}}, "data.numbers.float32"),
        ({"numbers": {"names": ["age"]} | packed(1, 2)}, "data.numbers.float32"),
        ({"numbers": {"names": ["age"]} | packed(1, 2, float("inf"))}, "data.numbers.float32"),
        ({"numbers": {"names": ["a", "a"]} | packed(*range(6))}, "data.numbers.names"),
        ({"numbers": {"names": ["city"]} | packed(1, 2, 3)}, "data.numbers"),
        ({"probabilities": packed(1, 2)}, "data.probabilities"),
        ({"probabilities": packed(1, 2, float("nan"))}, "data.probabilities"),
        ({"probabilities": {}}, "data.probabilities"),
        ({"probabilities": packed()}, "data.probabilities"),
        ({"labels": None, "probabilities": packed(1, 2, 3)}, "data.probabilities"),
    ],
)
def test_unpack_of_anything_else_is_noted(members: dict[str, Any], field: str) -> None:
    unpack(event(**members), review := Review(0))
    assert [problem.field for problem in review.problems] == [field]
