"""Turns columns as read into columns as the contract types them."""

import polars as pl

from components.contract import ColumnContract, ColumnType
from components.validate.profile import Profile, text_of


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
        number = source.cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number).alias(column.name)
    if column.type is ColumnType.DATE:
        if seen.dtype == pl.String:
            form = seen.date_format
            source = source.str.to_datetime(form, strict=False, ambiguous="earliest")
        return source.cast(pl.Datetime("us"), strict=False).alias(column.name)
    text = source.cast(pl.String)
    if column.type is ColumnType.BOOLEAN:
        text = text.str.to_lowercase()
    return text.alias(column.name)


def present(column: ColumnContract, seen: Profile) -> pl.Expr:
    """Returns the column as read, with every spelling of "no value" as null."""
    if seen.dtype != pl.String:
        source = pl.col(column.name)
        return pl.when(source.is_not_nan()).then(source) if seen.dtype.is_float() else source
    text = text_of(column.name)
    return pl.when(~text.is_in([t.strip() for t in column.missing])).then(text)
