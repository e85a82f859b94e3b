from pathlib import Path

import numpy as np
import polars as pl

from components.contract import ROWS, Lineage
from components.examples import ExampleSchema, feature_tensors, read_examples, write_schema
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
