"""The strict reading of a batch against a signature: the server's rules, a column at a time.

What the endpoint answers is answered, what it refuses is refused, and for the same reason. Two
things differ because a table is no JSON: a number may be text, with the marks that the spec
declares, since every value of a CSV file is; and a category may be a number, in the words in which
training wrote it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.contract import canonical_text
from components.dates.formats import UNIX
from components.dates.reading import parse
from components.examples import feature_tensors
from components.number_text import read_numbers
from components.score.tally import Tally
from components.signature import Feature, Numbers, Signature, Strings
from components.truth import TRUTH

_LARGEST = float(np.finfo(np.float32).max)
_MOMENT = pl.Datetime("us")


@dataclass(frozen=True)
class Tensors:
    """A batch of n rows as a model takes it.

    Attributes:
        numbers: float32 (n, number_columns); NaN is missing.
        strings: object (n, strings); "" is missing.
        good: bool (n,): which rows keep the signature.
    """

    numbers: Numbers
    strings: Strings
    good: NDArray[np.bool_]


class Reader:
    """Reads one batch after the other."""

    def __init__(self, signature: Signature, spec: Mapping[str, Any]) -> None:
        """Takes the bundle's signature, and its spec for the marks in numbers."""
        self.tally = Tally()
        self._signature = signature
        self._spec = spec

    def read(self, rows: pl.DataFrame) -> Tensors:
        """Types a batch.

        Args:
            rows: n rows that hold every input of the signature, text or typed.

        Returns:
            The tensors; a value that breaks the signature counts as missing in them.
        """
        features = self._signature.inputs
        typed = rows.select(
            expression
            for feature in features
            for expression in self._expressions(feature, rows.schema[feature.name])
        )
        bad = np.zeros(len(rows), dtype=bool)
        columns = {}
        for feature in features:
            given = typed[f"given {feature.name}"].to_numpy()
            value = typed[f"value {feature.name}"]
            if feature.dtype == "date" and value.dtype == pl.String:
                value = pl.Series(parse(value.to_list(), feature.formats), dtype=_MOMENT)
            columns[feature.name] = self._check(feature, given, value, bad)
        self.tally.rows += len(rows)
        self.tally.refused += int(bad.sum())
        frame = pl.DataFrame(columns)
        return Tensors(*feature_tensors(frame, self._signature), ~bad)

    def _expressions(self, feature: Feature, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
        """Whether a value is given, and the value, null where it is of another type."""
        given = _given(feature, dtype)
        if feature.dtype == "float32":
            value = self._number(given, dtype, feature)
            # A token such as -999 reads as missing in training, as the number that it also is.
            for token in _finite(feature.missing):
                other = value.cast(pl.Float32).ne_missing(pl.lit(token, dtype=pl.Float32))
                given, value = pl.when(other).then(given), pl.when(other).then(value)
        elif feature.dtype == "date":
            value = _date(given, dtype, feature)
        else:
            value = canonical_text(given, dtype)
            if feature.boolean:
                value = value.str.to_lowercase().replace_strict(TRUTH, default=None)
        name = feature.name
        return given.is_not_null().alias(f"given {name}"), value.alias(f"value {name}")

    def _number(self, given: pl.Expr, dtype: pl.DataType, feature: Feature) -> pl.Expr:
        if dtype == pl.String:
            return read_numbers(given, *self._marks(feature.name))
        return given.cast(pl.Float64) if dtype.is_numeric() else _nothing(given, pl.Float64())

    def _marks(self, name: str) -> tuple[str, str]:
        """The decimal mark and the one between thousands, of the column, else of all."""
        column, csv = self._spec.get("columns", {}).get(name, {}), self._spec.get("csv", {})
        thousands = column.get("thousands")
        return (
            column.get("decimal") or csv.get("decimal") or ".",
            (csv.get("thousands") if thousands is None else thousands) or "",
        )

    def _check(
        self, feature: Feature, given: NDArray[np.bool_], value: pl.Series, bad: NDArray[np.bool_]
    ) -> pl.Series:
        """Counts what breaks the signature and marks its rows; returns the values left."""
        found = {"type": given & value.is_null().to_numpy()}
        if feature.dtype == "float32":
            value = value.fill_nan(None)
            beyond = (value.abs() > _LARGEST).fill_null(value=False)
            found["overflow"] = beyond.to_numpy()
            value = pl.select(pl.when(~beyond).then(value)).to_series()
        if not feature.nullable:
            found["null"] = ~given
        if feature.categories is not None and not feature.boolean:
            seen = value.is_in(feature.categories)
            if unseen := int((~seen).sum()):
                known = self.tally.unseen
                known[feature.name] = known.get(feature.name, 0) + unseen
        for reason, mask in found.items():
            if mask.any():
                self.tally.count(feature.name, reason, np.flatnonzero(mask))
                bad |= mask
        return value


def _given(feature: Feature, dtype: pl.DataType) -> pl.Expr:
    """Returns the column, text trimmed, with every spelling of "no value" as null."""
    column = pl.col(feature.name)
    missing = [token.strip() for token in feature.missing]
    if dtype == pl.String:
        column = column.str.strip_chars()
        column = pl.when(~column.is_in(["", *missing])).then(column)
        if feature.dtype != "float32":
            return column
        # NaN is how a number says null; whatever its spelling, no other text is meant by it.
        return pl.when(column.str.to_lowercase() != "nan").then(column)
    if dtype.is_float():
        column = column.fill_nan(None)
    return column


def _finite(tokens: Iterable[str]) -> list[float]:
    """Returns the numbers among texts."""
    numbers = pl.Series(list(tokens), dtype=pl.String).str.strip_chars()
    numbers = numbers.cast(pl.Float32, strict=False)
    return numbers.filter(numbers.is_finite()).to_list()


def _date(given: pl.Expr, dtype: pl.DataType, feature: Feature) -> pl.Expr:
    if isinstance(dtype, pl.Date | pl.Datetime):
        if getattr(dtype, "time_zone", None):
            given = given.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return given.cast(_MOMENT)
    # A number is no date unless a format says what it counts.
    counts = dtype.is_numeric() and not UNIX.keys().isdisjoint(feature.formats)
    if dtype == pl.String or counts:
        return canonical_text(given, dtype)
    return _nothing(given, pl.String())


def _nothing(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Null for every row; a bare literal would be one row."""
    return pl.when(column.is_null()).then(pl.lit(None, dtype=dtype))
