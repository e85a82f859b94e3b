from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from components.contract import ROWS, Lineage
from components.examples import (
    Examples,
    ExampleSchema,
    client_rows,
    feature_tensors,
    read_examples,
    write_schema,
)
from components.signature import Feature, Output, Signature, tensors

SIGNATURE = Signature(
    inputs=(
        Feature(name="n", dtype="float32"),
        Feature(name="gone", dtype="float32"),
        Feature(name="c", dtype="string", categories=("a",)),
        Feature(name="lost", dtype="string", categories=()),
    ),
    outputs=(Output(name="label", dtype="int64"),),
)


def test_read_examples_gives_what_was_written(tmp_path: Path) -> None:
    lineage = Lineage(run_id="r", rows=2, columns=3, fingerprint="sha256:0")
    schema = ExampleSchema(signature=SIGNATURE, target="y", classes=(7, 8), lineage=lineage)
    write_schema(tmp_path, schema)
    rows = pl.DataFrame({"c": ["a", None], "n": [0.1, None], "y": [1, 0]})
    rows.write_parquet(tmp_path / ROWS)
    examples = read_examples(tmp_path)
    assert examples.schema == schema
    assert len(examples) == 2
    assert examples.target.tolist() == [1, 0]
    assert examples.target.dtype == np.int64
    assert examples.strings.tolist() == [["a", ""], ["", ""]]


def test_feature_tensors_are_a_servers_own() -> None:
    rows = pl.DataFrame({"c": ["a", None], "n": [0.1, None]})
    numbers, strings = feature_tensors(rows, SIGNATURE)
    asked: list[dict[str, float | str | None]] = [
        {"n": 0.1, "gone": None, "c": "a", "lost": None},
        {"n": None, "gone": None, "c": None, "lost": None},
    ]
    served_numbers, served_strings = tensors(SIGNATURE, asked)
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(numbers, served_numbers)
    np.testing.assert_array_equal(strings, served_strings)


def test_feature_tensors_of_another_type_keep_a_categorys_name() -> None:
    rows = pl.DataFrame({"c": [1.0, 2.5], "n": ["3", "x"]})
    numbers, strings = feature_tensors(rows, SIGNATURE)
    assert strings[:, 0].tolist() == ["1", "2.5"]
    assert numbers[0, 0] == 3
    assert np.isnan(numbers[1, 0])


def test_feature_tensors_without_rows_keep_their_width() -> None:
    numbers, strings = feature_tensors(pl.DataFrame({"c": [], "n": []}), SIGNATURE)
    assert (numbers.shape, strings.shape) == ((0, 2), (0, 2))


DATED = Signature(
    inputs=(
        Feature(name="fare", dtype="float32"),
        Feature(name="zone", dtype="string"),
        Feature(
            name="pickup",
            dtype="date",
            formats=("%Y-%m-%d", "%Y-%m-%d %H:%M:%S"),
            parts=("hour", "month"),
        ),
        Feature(name="booked", dtype="date", formats=("%d.%m.%Y",), parts=("age_days",)),
    ),
    outputs=(Output(name="prediction", dtype="float64"),),
    clock="pickup",
)


def dated_examples(folder: Path) -> Examples:
    lineage = Lineage(run_id="r", rows=3, columns=5, fingerprint="sha256:0")
    schema = ExampleSchema(signature=DATED, target="y", classes=None, lineage=lineage)
    write_schema(folder, schema)
    us = pl.Datetime("us")
    pl.DataFrame(
        {
            "fare": [7.1, None, 3.0],
            "zone": ["A", None, "B"],
            "pickup": pl.Series(
                [datetime(2024, 3, 5, 6, 30), datetime(2024, 3, 6), None], dtype=us
            ),
            "booked": pl.Series([datetime(2024, 3, 4), None, datetime(2024, 3, 4)], dtype=us),
            "y": [1.0, 2.0, 3.0],
        }
    ).write_parquet(folder / ROWS)
    return read_examples(folder)


def test_read_examples_with_dates_gives_their_parts(tmp_path: Path) -> None:
    examples = dated_examples(tmp_path)
    assert examples.numbers.shape == (3, 4)
    assert examples.numbers[0].tolist() == [np.float32(7.1), 6.5, 3.0, np.float32(1 + 6.5 / 24)]
    assert np.isnan(examples.numbers[2, 1:]).all()
    assert [len(moments) for moments in examples.moments] == [3, 3]


def test_client_rows_give_the_tensors_of_the_examples(tmp_path: Path) -> None:
    examples = dated_examples(tmp_path)
    rows = client_rows(examples)
    assert rows[0] == {
        "fare": 7.1,
        "zone": "A",
        "pickup": "2024-03-05 06:30:00",
        "booked": "04.03.2024",
    }
    assert rows[1]["zone"] is None
    numbers, strings = tensors(DATED, rows)
    np.testing.assert_array_equal(numbers, examples.numbers)
    np.testing.assert_array_equal(strings, examples.strings)


def test_client_rows_of_chosen_positions_keep_their_order(tmp_path: Path) -> None:
    examples = dated_examples(tmp_path)
    chosen = client_rows(examples, np.array([2, 0]))
    assert [row["zone"] for row in chosen] == ["B", "A"]


def test_feature_tensors_of_dates_as_text_are_those_of_typed_dates(tmp_path: Path) -> None:
    typed = dated_examples(tmp_path)
    texts = pl.DataFrame(client_rows(typed))
    numbers, _ = feature_tensors(texts, DATED)
    np.testing.assert_array_equal(numbers, typed.numbers)
