"""Turns columns as read into columns as the contract types them."""

import numpy as np
import polars as pl

from components.contract import ColumnContract, ColumnType, Role, canonical_text, has_text
from components.truth import TRUTH
from components.validate.date_columns import moment_name
from components.validate.profile import Profile
from components.validate.reading import (
    LARGEST_FEATURE,
    finite,
    number_of,
    stripped,
    without_missing,
)

LARGEST_TARGET = float(np.finfo(np.float64).max)
_WORDS = ("true", "false")
_SPELLINGS = {word: [text for text, means in TRUTH.items() if means == word] for word in _WORDS}


def typed(column: ColumnContract, seen: Profile) -> pl.Expr:
    """Returns one column typed by its contract; what does not read as its type becomes null.

    Every step is asked for once and only where the profile shows a need for it, because Polars
    does a repeated part of an expression again, and streams only what goes element by element.

    Args:
        column: the column's contract.
        seen: how the source stored it. Text is trimmed and text dates are looked up beside the
            rows, as `profile` gives them.

    Returns:
        float64 for numbers, text for categories, `true` and `false` for truth values,
        Datetime[us] in UTC for dates.
    """
    if column.type is ColumnType.NUMBER:
        return _number(column, seen).alias(column.name)
    if column.type is ColumnType.DATE:
        return _date(column, seen).alias(column.name)
    text = canonical_text(present(column, seen), seen.dtype)
    if column.type is ColumnType.BOOLEAN and seen.dtype != pl.Boolean:
        lower = text.str.to_lowercase()
        true, false = (pl.when(lower.is_in(_SPELLINGS[word])).then(pl.lit(word)) for word in _WORDS)
        text = pl.coalesce(true, false)
    return text.alias(column.name)


def present(column: ColumnContract, seen: Profile) -> pl.Expr:
    """Returns the column as read, with every spelling of "no value" as null."""
    if seen.dtype != pl.String:
        return without_missing(column.name, seen.dtype, column.missing)
    text = pl.col(column.name)
    if not column.missing:
        return text
    return pl.when(~text.is_in(stripped(column.missing))).then(text)


def is_faithful(column: ColumnContract, seen: Profile) -> bool:
    """Returns whether values that differ as read differ as typed too, by what they mean."""
    if not has_text(seen.dtype):
        return False
    if column.type is ColumnType.NUMBER:
        return seen.numeric and not seen.extreme
    if column.type is ColumnType.DATE:
        return seen.is_date
    return column.type is not ColumnType.BOOLEAN or seen.boolean


def _number(column: ColumnContract, seen: Profile) -> pl.Expr:
    dtype, source = seen.dtype, pl.col(column.name)
    if not (dtype == pl.String or dtype.is_numeric() or dtype == pl.Boolean):
        return _nothing(source, pl.Float64())
    if dtype != pl.String:
        number = without_missing(column.name, dtype, column.missing).cast(pl.Float64, strict=False)
    elif finite(column.missing):
        number = number_of(present(column, seen), seen.reading)
    else:
        # The words for "no value" are no numbers anyway, but for NaN.
        number = number_of(source, seen.reading)
    if dtype == pl.String:
        number = number.fill_nan(None)
    if seen.numeric and not seen.extreme:
        return number
    most = LARGEST_FEATURE if column.role is not Role.TARGET else LARGEST_TARGET
    return pl.when(number.abs() <= most).then(number)


def _date(column: ColumnContract, seen: Profile) -> pl.Expr:
    moment, source = pl.Datetime("us"), pl.col(column.name)
    if seen.temporal:
        if getattr(seen.dtype, "time_zone", None):
            source = source.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return source.cast(moment, strict=False)
    # A number is no date unless a format is declared: what it counts is not ours to guess.
    if not seen.formats:
        return _nothing(source, moment)
    return pl.col(moment_name(column.name))


def _nothing(source: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Null for every row; a bare literal would be one row."""
    return pl.when(source.is_null()).then(pl.lit(None, dtype=dtype))
