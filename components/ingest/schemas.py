"""Brings the schemas of several sources together, or says everything in which they differ.

The order of columns does not count. A column without values takes the others' type; whole and
other numbers become float64; days and moments become moments. Text beside single values makes text
of all, in the words that a client would send, because a CSV file holds nothing else and `validate`
reads the types from the text of the whole column. What is left is refused: true beside 1, a number
beside a date, lists beside single values.
"""

from collections.abc import Mapping

import polars as pl

from components.contract import canonical_text, has_text
from components.errors import DataError
from components.ingest.columns import HEADERLESS, is_header, listed

_MOMENT = pl.Datetime("us")


def joined(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Puts tables below each other.

    Args:
        tables: by their names for messages; the first one's order of columns holds.

    Returns:
        The rows of all, in the order of the tables.

    Raises:
        DataError: their columns differ; every difference is named.
    """
    schemas = {name: table.collect_schema() for name, table in tables.items()}
    if len(schemas) == 1:
        return next(iter(tables.values()))
    first, *others = schemas
    names = schemas[first].names()
    problems = {place: _missing(names, schemas[place]) for place in others}
    types = {name: _common([s[name] for s in schemas.values() if name in s]) for name in names}
    for name in (name for name, dtype in types.items() if dtype is None):
        own = schemas[first][name]
        for place in others:
            if name in schemas[place] and _common([own, schemas[place][name]]) is None:
                problems[place].append(f"holds {name!r} as {schemas[place][name]} and not as {own}")
    # Where the first table's column is empty, it is the others that differ from each other.
    for name in (name for name, dtype in types.items() if dtype is None):
        if not any(f"holds {name!r}" in said for given in problems.values() for said in given):
            for place in others:
                problems[place].append(f"holds {name!r} as {schemas[place][name]}, unlike another")
    said = [f"{place!r} {' and '.join(given)}" for place, given in problems.items() if given]
    if said:
        msg = (
            f"the sources have different columns: compared with {first!r}, {'; '.join(said)}. "
            "Give all of them the same columns"
        )
        raise DataError(msg)
    return pl.concat([_cast(tables[place], schemas[place], types) for place in tables])


def _missing(names: list[str], schema: pl.Schema) -> list[str]:
    known = set(names)
    lacks = [name for name in names if name not in schema]
    adds = [name for name in schema if name not in known]
    if not is_header(schema.names(), names):
        there = f"has {len(names) - len(lacks):,} of {len(names):,} columns"
        return [f"{there} and {len(adds):,} others, so that {HEADERLESS}"]
    return [f"lacks {listed(lacks)}"] * bool(lacks) + [f"adds {listed(adds)}"] * bool(adds)


def _common(types: list[pl.DataType]) -> pl.DataType | None:
    """Finds the type that holds them all without loss; None where there is none."""
    kinds = list(dict.fromkeys(dtype for dtype in types if dtype != pl.Null))
    if len(kinds) <= 1:
        return kinds[0] if kinds else pl.Null()
    if not all(has_text(dtype) for dtype in kinds):
        return None
    if pl.String in kinds:
        return pl.String()
    if all(dtype.is_signed_integer() for dtype in kinds):
        return max(kinds, key=lambda dtype: str(dtype).zfill(8))
    if all(dtype.is_numeric() for dtype in kinds):
        # A decimal, or a whole number beyond 2^53, keeps its digits only as text.
        wide = any(dtype.is_decimal() or dtype in (pl.Int128, pl.UInt64) for dtype in kinds)
        whole = all(dtype.is_integer() for dtype in kinds)
        return pl.String() if wide else pl.Int64() if whole else pl.Float64()
    if all(isinstance(dtype, pl.Date | pl.Datetime) for dtype in kinds):
        zones = {dtype.time_zone is not None for dtype in kinds if isinstance(dtype, pl.Datetime)}
        # A day and a moment without a zone cannot be told from one with it.
        if zones == {True} and pl.Date not in kinds:
            return pl.Datetime("us", "UTC")
        return _MOMENT if zones == {False} else None
    return None


def _cast(
    table: pl.LazyFrame, schema: pl.Schema, types: Mapping[str, pl.DataType | None]
) -> pl.LazyFrame:
    columns = []
    for name, wanted in types.items():
        column, own = pl.col(name), schema[name]
        if own == wanted or wanted is None:
            columns.append(column)
        elif wanted == pl.String and own != pl.Null:
            columns.append(canonical_text(column, own).alias(name))
        elif isinstance(wanted, pl.Datetime) and isinstance(own, pl.Datetime) and own.time_zone:
            columns.append(column.dt.convert_time_zone("UTC").cast(wanted))
        else:
            columns.append(column.cast(wanted))
    return table.select(columns)
