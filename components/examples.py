"""Labelled examples: what `prepare` hands to `train`, `evaluate` and `package`.

One folder for each part of the split, holding the rows as Parquet and their schema as JSON. Reading
one gives the very tensors that a server builds from a request, so training and serving share the
dtype: trees flip at their thresholds when it differs.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.contract import ROWS, Lineage, canonical_text
from components.signature import Frozen, Label, Numbers, Signature, Strings

SCHEMA = "examples.json"


class ExampleSchema(Frozen):
    """What the rows of a part are.

    Attributes:
        signature: the model's inputs and outputs.
        target: the target's column.
        classes: in the order of the model's probabilities; None for regression.
        lineage: where the rows came from.
    """

    signature: Signature
    target: str
    classes: tuple[Label, ...] | None
    lineage: Lineage


@dataclass(frozen=True)
class Examples:
    """One part of the split in memory.

    Attributes:
        schema: what the columns are.
        numbers: float32 (n, numbers), NaN is missing.
        strings: object (n, strings) of str, "" is missing.
        target: int64 (n,) class indices, or float64 (n,) values.
    """

    schema: ExampleSchema
    numbers: Numbers
    strings: Strings
    target: NDArray[np.int64] | NDArray[np.float64]

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.target)


def write_schema(folder: Path, schema: ExampleSchema) -> None:
    """Writes the schema into a part's folder."""
    (folder / SCHEMA).write_text(schema.model_dump_json(indent=1), encoding="utf-8")


def read_schema(folder: Path) -> ExampleSchema:
    """Reads the schema of a part's folder."""
    return ExampleSchema.model_validate_json((folder / SCHEMA).read_text(encoding="utf-8"))


def read_examples(folder: Path) -> Examples:
    """Reads one part of the split as tensors.

    Args:
        folder: as `prepare` wrote it; rows hold the features as float64 or text, and the target as
            a class index (int64) or value (float64).

    Returns:
        The examples.
    """
    schema = read_schema(folder)
    rows = pl.read_parquet(folder / ROWS, glob=False)
    numbers, strings = feature_tensors(rows, schema.signature)
    return Examples(schema, numbers, strings, rows[schema.target].to_numpy())


def feature_tensors(rows: pl.DataFrame, signature: Signature) -> tuple[Numbers, Strings]:
    """Turns typed columns into a model's two tensors.

    Args:
        rows: n rows; a column that the signature names and the rows lack counts as missing.
        signature: names and orders the inputs.

    Returns:
        float32 (n, numbers) with NaN for null, and object (n, strings) with "" for null.
    """
    numbers = np.full((len(rows), len(signature.numbers)), np.nan, dtype=np.float32)
    for index, name in enumerate(signature.numbers):
        if name in rows.columns:
            column = rows[name].cast(pl.Float32, strict=False).fill_null(float("nan"))
            numbers[:, index] = column.to_numpy()
    strings = np.full((len(rows), len(signature.strings)), "", dtype=object)
    for index, name in enumerate(signature.strings):
        if name in rows.columns:
            text = canonical_text(pl.col(name), rows.schema[name]).fill_null("")
            strings[:, index] = rows.select(text.alias(name)).to_series().to_numpy()
    return numbers, strings
