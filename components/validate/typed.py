"""Turns columns as read into columns as the contract types them."""

import numpy as np
import polars as pl

from components.contract import ColumnContract, ColumnType, Role, canonical_text
from components.validate.profile import Profile, text_of, without_missing

# Features are served as float32; the target stays float64.
LARGEST_FEATURE = float(np.finfo(np.float32).max)


def typed(column: ColumnContract, seen: Profile) -> pl.Expr:
    """Returns one column typed by its contract; what does not read as its type becomes null.

    Args:
        column: the column's contract.
        seen: how the source stored it.

    Returns:
        float64 for numbers, text for categories and truth values, datetime (UTC, µs) for dates.
    """
    source = present(column, seen)
    if column.type is ColumnType.NUMBER:
        return _number(source, seen.dtype, column.role).alias(column.name)
    if column.type is ColumnType.DATE:
        return _date(source, seen).alias(column.name)
    text = canonical_text(source, seen.dtype)
    if column.type is ColumnType.BOOLEAN:
        text = text.str.to_lowercase()
    return text.alias(column.name)


def present(column: ColumnContract, seen: Profile) -> pl.Expr:
    """Returns the column as read, with every spelling of "no value" as null."""
    if seen.dtype == pl.String:
        text = text_of(column.name)
        return pl.when(~text.is_in([t.strip() for t in column.missing])).then(text)
    return without_missing(column.name, seen.dtype, column.missing)


def _number(source: pl.Expr, dtype: pl.DataType, role: Role) -> pl.Expr:
    if not (dtype == pl.String or dtype.is_numeric() or dtype == pl.Boolean):
        return _nothing(source, pl.Float64())
    number = source.cast(pl.Float64, strict=False)
    fits = number.is_finite()
    if role is not Role.TARGET:
        fits &= number.abs() <= LARGEST_FEATURE
    return pl.when(fits).then(number)


def _date(source: pl.Expr, seen: Profile) -> pl.Expr:
    moment = pl.Datetime("us")
    if seen.dtype in (pl.Date, pl.Datetime):
        return source.cast(moment, strict=False)
    # A number is no date: whether it counts years, days or microseconds is not ours to guess.
    if seen.dtype != pl.String or seen.likely_format is None:
        return _nothing(source, moment)
    parsed = source.str.to_datetime(seen.likely_format, strict=False, ambiguous="earliest")
    return parsed.cast(moment)


def _nothing(source: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Null for every row; a bare literal would be one row."""
    return pl.when(source.is_null()).then(pl.lit(None, dtype=dtype))
