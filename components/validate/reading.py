"""How each column's text is to be read: what the spec says of it, else of all columns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from components.number_text import read_numbers

if TYPE_CHECKING:
    from components.spec import Spec

# Features are served as float32; the target stays float64.
LARGEST_FEATURE = float(np.finfo(np.float32).max)
# What people write for "no value" among numbers, dates and truth values. In a column of text some
# of these are values ("None" as a payment method), so there only the empty text counts unless the
# spec says so.
NUMBER_MISSING = (
    "NA",
    "N/A",
    "n/a",
    "NaN",
    "nan",
    "NULL",
    "null",
    "None",
    "none",
    "?",
    "-",
    "#N/A",
)


@dataclass(frozen=True)
class Reading:
    """How a column's text is read.

    Attributes:
        missing: texts that mean "no value", besides the empty one.
        decimal: the decimal mark of its numbers.
        thousands: the mark between thousands; empty for none.
        formats: the formats of its dates; empty where they are to be found out.
        dated: whether it is declared to hold dates.
        private: whether it holds what ingest hashed or masked, which is read as nothing at all.
    """

    missing: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str = ""
    formats: tuple[str, ...] = ()
    dated: bool = False
    private: bool = False


class Readings:
    """The reading of every column of a spec."""

    def __init__(self, spec: "Spec") -> None:
        """Takes a spec's `columns` and `csv`."""
        self._spec = spec

    def of(self, name: str) -> Reading:
        """Returns the reading of the column of a name."""
        spec = self._spec
        column = spec.columns.get(name)
        decimal, thousands = spec.csv.decimal, spec.csv.thousands or ""
        if column is None:
            return Reading(decimal=decimal, thousands=thousands, dated=name == spec.timestamp)
        return Reading(
            missing=tuple(column.missing),
            decimal=column.decimal or decimal,
            thousands=thousands if column.thousands is None else column.thousands,
            formats=tuple(column.formats),
            dated=column.type == "date" or (name == spec.timestamp and column.type is None),
            private=column.private,
        )


def number_of(text: pl.Expr, reading: Reading) -> pl.Expr:
    """Reads trimmed text as numbers.

    Args:
        text: the texts.
        reading: their marks.

    Returns:
        float64; null for what is no number, infinite for "inf".
    """
    return read_numbers(text, reading.decimal, reading.thousands)


def stripped(tokens: tuple[str, ...]) -> list[str]:
    """Returns tokens as they stand in trimmed text."""
    return [token.strip() for token in tokens]


def trimmed(rows: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    """Returns the rows with the text of some columns trimmed and blank as null.

    In two steps, each of which goes element by element: `replace` would not stream, and one
    expression would trim twice.
    """
    stripped_ones = rows.with_columns(pl.col(name).str.strip_chars() for name in names)
    return stripped_ones.with_columns(
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in names
    )


def without_missing(name: str, dtype: pl.DataType, missing: tuple[str, ...]) -> pl.Expr:
    """Returns a column that is no text with NaN, and numbers declared as missing, as null."""
    source = pl.col(name)
    if not dtype.is_numeric():
        return source
    if dtype.is_float():
        source = source.fill_nan(None)
    if numbers := finite(missing):
        source = pl.when(~source.cast(pl.Float64).is_in(numbers)).then(source)
    return source


def finite(tokens: tuple[str, ...]) -> list[float]:
    """Returns the numbers among texts."""
    numbers = []
    for token in tokens:
        try:
            numbers.append(float(token))
        except ValueError:
            continue
    return [number for number in numbers if math.isfinite(number)]
