"""The quick reading answers what the strict one does, or leaves the rows to it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.serve import v1, v2
from components.serve.contract import Contract, Tensors
from components.serve.limits import Limits
from components.serve.refusal import RefusalError
from components.serve.tensor import Tensor
from components.signature import Feature, Output, Signature

INPUTS = (
    Feature(name="age", dtype="float32", nullable=False),
    Feature(name="income", dtype="float32"),
    Feature(name="city", dtype="string", categories=("Bern", "Lyon"), missing=("?",)),
    Feature(name="plan", dtype="string", nullable=False, categories=("basic", "plus ")),
    Feature(name="member", dtype="string", boolean=True),
    Feature(name="joined", dtype="date", formats=("%Y-%m-%d", "unix_s"), parts=("days", "month")),
)
OUTPUTS = (Output(name="prediction", dtype="float64"),)
CONTRACT = Contract(Signature(inputs=INPUTS, outputs=OUTPUTS))
NUMBERS = st.sampled_from([1, 2.5, -0.0, 3e38, 3.5e38, 1e300, 10**400, None, True, "1", [1]])
TEXTS = st.sampled_from(
    ["Bern", " Lyon", "?", "", "plus", "plus ", "basic", "Yes", "0", b"Bern", b"\xff", None, True]
    + [1, ["Bern"], {}, "Atlantis"]
)
DATES = st.sampled_from(["2024-02-29", "2023-02-29", " 2024-01-01", "", None, "1700000000", 17])
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, TEXTS, TEXTS, TEXTS, DATES), min_size=1, max_size=3)


def outcome(reading: Callable[[], Tensors | None]) -> Tensors | str | None:
    try:
        return reading()
    except RefusalError as refusal:
        return str(refusal)


@pytest.mark.filterwarnings("ignore:overflow encountered in dot")
@settings(max_examples=500, deadline=None)
@given(ROWS)
def test_quick_of_any_rows_gives_what_read_gives_or_nothing(rows: list[tuple[Any, ...]]) -> None:
    numbers, texts = [row[:2] for row in rows], [row[2:] for row in rows]
    flat = [value for row in numbers for value in row]
    wanted = outcome(lambda: CONTRACT.read(numbers, texts))
    columns = list(zip(*texts, strict=True))
    found = outcome(
        lambda: CONTRACT.quick(flat, columns, len(rows), by_column=False, booleans=True)
    )
    if found is None:
        return
    if isinstance(found, str) or isinstance(wanted, str) or wanted is None:
        assert found == wanted
        return
    np.testing.assert_array_equal(found.numbers, wanted.numbers)
    assert found.numbers.dtype == np.float32
    assert found.strings.tolist() == wanted.strings.tolist()
    assert found.dates.tolist() == wanted.dates.tolist()
    assert found.unseen == wanted.unseen == {}


def test_quick_takes_the_rows_that_most_are() -> None:
    flat, texts = [1, 2.5], [["Bern"], ["basic"], ["yes"], ["2024-02-29"]]
    assert CONTRACT.quick(flat, texts, 1, by_column=False, booleans=True) is not None


@pytest.mark.parametrize("raw", [True, False])
def test_v2_of_columns_and_of_a_matrix_gives_the_rows(raw: bool) -> None:
    names = ("a", "b", "c")
    inputs = tuple(Feature(name=name, dtype="float32") for name in names)
    contract = Contract(Signature(inputs=inputs, outputs=OUTPUTS))
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)

    def tensor(name: str, shape: tuple[int, ...], values: Any) -> Tensor:
        if raw:
            return Tensor(name, "FP32", shape, None, np.ascontiguousarray(values).tobytes())
        return Tensor(name, "FP32", shape, values.ravel().tolist())

    columns = [tensor(name, (2, 1), rows[:, at]) for at, name in enumerate(names)]
    for tensors in (columns[::-1], [tensor("numbers", (2, 3), rows)]):
        np.testing.assert_array_equal(v2.read(tensors, contract, Limits()).numbers, rows)


def test_v1_of_texts_alone_is_read() -> None:
    inputs = (Feature(name="city", dtype="string", categories=("Bern",)),)
    contract = Contract(Signature(inputs=inputs, outputs=OUTPUTS))
    read = v1.read({"instances": [["Bern"], ["Bern"]]}, contract, Limits())
    assert read.numbers.shape == (2, 0)
    assert read.strings.tolist() == [["Bern"], ["Bern"]]


@pytest.mark.parametrize("value", ["1.5", True, None])
def test_v2_of_bytes_beside_values_of_another_type_is_refused(value: object) -> None:
    inputs = tuple(Feature(name=name, dtype="float32", nullable=False) for name in "ab")
    contract = Contract(Signature(inputs=inputs, outputs=OUTPUTS))
    tensors = [Tensor("a", "FP32", (1,), None, b"\0\0\0\0"), Tensor("b", "FP32", (1,), [value])]
    with pytest.raises(RefusalError, match="row 0, field 'b': expected a number"):
        v2.read(tensors, contract, Limits())


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_v2_of_bytes_that_are_not_finite_is_refused(datatype: str) -> None:
    inputs = tuple(Feature(name=name, dtype="float32", nullable=False) for name in "ab")
    contract = Contract(Signature(inputs=inputs, outputs=OUTPUTS))
    raw = np.array([np.inf], dtype="<f4" if datatype == "FP32" else "<f8").tobytes()
    tensors = [Tensor(name, datatype, (1, 1), None, raw) for name in "ab"]
    with pytest.raises(RefusalError, match="field 'a': expected a number"):
        v2.read(tensors, contract, Limits())


@pytest.mark.parametrize("raw", [True, False])
def test_v2_of_columns_with_other_numbers_of_rows_is_refused(raw: bool) -> None:
    inputs = tuple(Feature(name=name, dtype="float32") for name in "ab")
    contract = Contract(Signature(inputs=inputs, outputs=OUTPUTS))

    def tensor(name: str, rows: int) -> Tensor:
        if raw:
            return Tensor(name, "FP32", (rows,), None, bytes(4 * rows))
        return Tensor(name, "FP32", (rows,), [1.0] * rows)

    with pytest.raises(RefusalError, match="inputs differ in their number of rows: 'a' 1, 'b' 3"):
        v2.read([tensor("a", 1), tensor("b", 3)], contract, Limits())
