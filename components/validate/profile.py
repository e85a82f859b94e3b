"""Looks at every column once: how many values read as a number, a date, a truth value.

All counts come from one streaming pass, so that a table larger than memory is looked at whole:
a column is a number because all of it is, not because its first rows are.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from components.contract import has_text

# What people write for "no value" in a column of numbers. In a column of text some of these are
# values ("None" as a payment method), so there only the empty text counts unless the spec says so.
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
DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d",
)
BOOLEANS = ("true", "false")
_SAMPLE = 500


@dataclass(frozen=True)
class Profile:
    """What one column holds.

    Attributes:
        dtype: how the source stored it.
        missing: rows without a value.
        distinct: how many different values, approximately (HyperLogLog++).
        tokens: texts that mean "no value" and occur here.
        numbers: rows whose text is a number.
        numeric: whether every value is a number.
        boolean: whether every value is a truth value.
        date_format: the one format in which every value is a date; None if there is none, or if
            the source stored dates.
        likely_format: the format in which most of the first values are dates.
    """

    dtype: pl.DataType
    rows: int
    missing: int
    distinct: int
    tokens: tuple[str, ...]
    numbers: int
    numeric: bool
    boolean: bool
    date_format: str | None
    likely_format: str | None


def text_of(name: str) -> pl.Expr:
    """Returns a text column trimmed, with blank as null."""
    text = pl.col(name).str.strip_chars()
    return pl.when(text != "").then(text)


def without_missing(name: str, dtype: pl.DataType, missing: tuple[str, ...]) -> pl.Expr:
    """Returns a column that is no text with NaN, and numbers declared as missing, as null."""
    source = pl.col(name)
    if not dtype.is_numeric():
        return source
    absent = source.is_nan() if dtype.is_float() else pl.lit(False)
    if numbers := _finite(missing):
        absent |= source.cast(pl.Float64).is_in(numbers)
    return pl.when(~absent).then(source)


def _finite(tokens: tuple[str, ...]) -> list[float]:
    numbers = []
    for token in tokens:
        try:
            numbers.append(float(token))
        except ValueError:
            continue
    return [number for number in numbers if math.isfinite(number)]


def profile(rows: pl.LazyFrame, missing: dict[str, tuple[str, ...]]) -> dict[str, Profile]:
    """Profiles all columns.

    Args:
        rows: the table as read.
        missing: the texts that the spec declares as missing, by column.

    Returns:
        A profile by column name, in the table's order.
    """
    schema = rows.collect_schema()
    formats = _likely_date_formats(rows, schema)
    wanted = [pl.len().alias("rows")]
    for name, dtype in schema.items():
        wanted += _counts(name, dtype, missing.get(name), formats.get(name))
    counts = rows.select(wanted).collect(engine="streaming").row(0, named=True)
    return {name: _read(name, schema[name], counts, formats.get(name)) for name in schema.names()}


def _likely_date_formats(rows: pl.LazyFrame, schema: pl.Schema) -> dict[str, str]:
    """Finds by a sample the one format that is worth trying on the whole of a text column."""
    sample = rows.head(_SAMPLE).collect()
    likely = {}
    for name, dtype in schema.items():
        if dtype != pl.String:
            continue
        values = sample.select(text_of(name)).to_series().drop_nulls()
        most = 0
        for form in DATE_FORMATS if len(values) else ():
            read = len(values) - values.str.to_datetime(form, strict=False).null_count()
            if read > most:
                likely[name], most = form, read
            if read == len(values):
                break
    return likely


def _counts(
    name: str, dtype: pl.DataType, declared: tuple[str, ...] | None, form: str | None
) -> list[pl.Expr]:
    if dtype != pl.String:
        column = without_missing(name, dtype, declared or ())
        distinct = column.approx_n_unique() if has_text(dtype) else pl.lit(0)
        return [
            column.is_null().sum().alias(f"{name}\0missing"),
            distinct.alias(f"{name}\0distinct"),
        ]
    text = text_of(name)
    blank = text.is_null()
    stated = text.is_in(_stripped(declared or ())).fill_null(False)
    token = text.is_in(_stripped(declared or NUMBER_MISSING)).fill_null(False)
    number = text.cast(pl.Float64, strict=False)
    wanted = [
        (blank | stated).sum().alias(f"{name}\0missing"),
        (blank | token).sum().alias(f"{name}\0missing_number"),
        pl.when(token).then(text).drop_nulls().unique().implode().alias(f"{name}\0tokens"),
        # "inf" is a number, which the contract then refuses; as text it would pass unseen.
        (number.is_not_nan() & ~token).sum().alias(f"{name}\0numbers"),
        (text.str.to_lowercase().is_in(list(BOOLEANS)) & ~stated).sum().alias(f"{name}\0booleans"),
        text.approx_n_unique().alias(f"{name}\0distinct"),
    ]
    if form:
        dates = pl.when(~stated).then(text).str.to_datetime(form, strict=False)
        wanted.append(dates.is_not_null().sum().alias(f"{name}\0dates"))
    return wanted


def _read(name: str, dtype: pl.DataType, counts: dict[str, int], form: str | None) -> Profile:
    rows, missing = counts["rows"], counts[f"{name}\0missing"]
    distinct = counts[f"{name}\0distinct"]
    if dtype != pl.String:
        numeric = dtype.is_numeric()
        found = rows - missing if numeric else 0
        truth = dtype == pl.Boolean
        return Profile(dtype, rows, missing, distinct, (), found, numeric, truth, None, None)
    numbers, missing_number = counts[f"{name}\0numbers"], counts[f"{name}\0missing_number"]
    numeric = numbers > 0 and numbers + missing_number == rows
    tokens: tuple[str, ...] = tuple(sorted(counts[f"{name}\0tokens"] or ()))  # type: ignore[arg-type]
    return Profile(
        dtype=dtype,
        rows=rows,
        missing=missing_number if numeric else missing,
        distinct=distinct,
        tokens=tokens,
        numbers=numbers,
        numeric=numeric,
        boolean=rows > missing and counts[f"{name}\0booleans"] + missing == rows,
        date_format=form if form and counts[f"{name}\0dates"] + missing == rows else None,
        likely_format=form,
    )


def _stripped(tokens: Iterable[str]) -> list[str]:
    return [token.strip() for token in tokens]
