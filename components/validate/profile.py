"""Looks at every column once: how many values read as a number, a date, a truth value.

All counts come from one streaming pass, so that a table larger than memory is looked at whole:
a column is a number because all of it is, not because its first rows are. Text that may be dates
is read in a pass of its own, and the moments are kept, since reading is what dates cost.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl

from components.contract import has_text
from components.truth import SURE
from components.validate.date_columns import DateColumn, read_dates
from components.validate.reading import NUMBER_MISSING, Reading, number_of, stripped
from components.validate.writing import likely_ways, written

# Features are served as float32; the target stays float64.
LARGEST_FEATURE = float(np.finfo(np.float32).max)
_SAMPLE = 500
_PAIRS = tuple(enumerate(SURE))

Reader: TypeAlias = Callable[[str], Reading]


@dataclass(frozen=True)
class Profile:
    """What one column holds.

    Attributes:
        dtype: how the source stored it.
        reading: how its text is read.
        rows: how many rows there are.
        missing: rows without a value.
        distinct: how many different values, approximately (HyperLogLog++).
        numbers: rows whose text is a number.
        extreme: of these, those beyond what a feature may hold, infinities included.
        numeric: whether every value is a number.
        boolean: whether every value is a truth value by one of the sure pairs of spellings.
        dated: rows that are a date in one of the formats.
        formats: the formats in which its text is read as dates; empty where it shows none, or the
            source stored dates.
        twin: formats that read every value as well, with day and month exchanged.
        way: the way in which some of its text writes numbers that are not read as such.
        styled: how many rows do.
    """

    dtype: pl.DataType
    reading: Reading
    rows: int
    missing: int
    distinct: int
    numbers: int = 0
    extreme: int = 0
    numeric: bool = False
    boolean: bool = False
    dated: int = 0
    formats: tuple[str, ...] = ()
    twin: tuple[str, ...] = ()
    way: str = ""
    styled: int = 0

    @property
    def temporal(self) -> bool:
        """Whether the source stored dates."""
        return self.dtype == pl.Date or self.dtype == pl.Datetime

    @property
    def is_date(self) -> bool:
        """Whether every value is a date."""
        return self.temporal or bool(self.formats) and self.dated + self.missing == self.rows


def trimmed_text(rows: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """Returns the rows with text trimmed and blank as null.

    In two steps, each of which goes element by element: `replace` would not stream, and one
    expression would trim twice.
    """
    texts = [name for name, dtype in schema.items() if dtype == pl.String]
    stripped_ones = rows.with_columns(pl.col(name).str.strip_chars() for name in texts)
    return stripped_ones.with_columns(
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in texts
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


def profile(
    rows: pl.LazyFrame, reader: Reader, scratch: Path | None = None
) -> tuple[dict[str, Profile], pl.LazyFrame]:
    """Profiles all columns.

    Args:
        rows: the table as read.
        reader: how the column of a name is read.
        scratch: a folder for the moments that text was read as; without one they are read anew
            whenever they are asked for.

    Returns:
        A profile by column name, in the table's order; and the rows, text trimmed with blank as
        null, with the moments beside them, each under `date_columns.moment_name` of its column.
    """
    schema = rows.collect_schema()
    readings = {name: reader(name) for name in schema.names()}
    # Trimmed once for all counts: Polars would else do it again for each.
    trimmed = trimmed_text(rows, schema)
    plain = [n for n, d in schema.items() if d == pl.String and not readings[n].private]
    sample = trimmed.select(plain).head(_SAMPLE).collect()
    dates, joined = read_dates(trimmed, sample, readings, scratch)
    open_texts = sample.drop(name for name in dates if name in sample.columns)
    ways = likely_ways(open_texts)
    likely = _likely(sample, readings)
    wanted = [pl.len().alias("rows")]
    for name, dtype in schema.items():
        if dtype == pl.String:
            wanted += _text_counts(name, readings[name], likely.get(name), ways.get(name, ""))
        else:
            wanted += _counts(name, dtype, readings[name])
    counts = trimmed.select(wanted).collect(engine="streaming").row(0, named=True)
    profiles = {
        name: _read(name, dtype, readings[name], counts, dates.get(name), ways.get(name, ""))
        for name, dtype in schema.items()
    }
    return profiles, joined


@dataclass(frozen=True)
class _Likely:
    """What a column of text may be by its first values; the whole of it is to be counted."""

    number: bool
    pairs: tuple[int, ...]


def _likely(sample: pl.DataFrame, readings: Mapping[str, Reading]) -> dict[str, _Likely]:
    """Finds what the first values do not rule out, so that nothing else is counted.

    One value that is no truth value refutes a column of them. Numbers are counted unless nearly
    all of the first values are other texts, since a column of mostly numbers is to be reported.
    """
    wanted = []
    for name in sample.columns:
        text, tokens = pl.col(name), _tokens(readings[name])
        known = text.is_not_null() & ~text.is_in(tokens)
        lower = text.str.to_lowercase()
        number = number_of(text, readings[name]).is_not_null()
        wanted += [
            known.sum().alias(f"{name}\0known"),
            (known & number).sum().alias(f"{name}\0numbers"),
            *((known & lower.is_in(list(pair))).sum().alias(f"{name}\0{i}") for i, pair in _PAIRS),
        ]
    row = sample.select(wanted).row(0, named=True) if wanted else {}
    return {
        name: _Likely(
            number=10 * row[f"{name}\0numbers"] >= row[f"{name}\0known"],
            pairs=tuple(i for i, _ in _PAIRS if row[f"{name}\0{i}"] == row[f"{name}\0known"]),
        )
        for name in sample.columns
    }


def _tokens(reading: Reading) -> list[str]:
    return stripped(reading.missing) or list(NUMBER_MISSING)


def _counts(name: str, dtype: pl.DataType, reading: Reading) -> list[pl.Expr]:
    column = without_missing(name, dtype, reading.missing)
    distinct = column.approx_n_unique() if has_text(dtype) else pl.lit(0)
    wanted = [column.null_count().alias(f"{name}\0missing"), distinct.alias(f"{name}\0distinct")]
    if dtype.is_float():
        wanted.append((column.abs() > LARGEST_FEATURE).sum().alias(f"{name}\0extreme"))
    return wanted


def _text_counts(name: str, reading: Reading, likely: _Likely | None, way: str) -> list[pl.Expr]:
    text, tokens = pl.col(name), _tokens(reading)
    wanted = [
        text.null_count().alias(f"{name}\0blank"),
        text.is_in(tokens).sum().alias(f"{name}\0tokens"),
        text.approx_n_unique().alias(f"{name}\0distinct"),
    ]
    if likely is None:
        return wanted
    for index in likely.pairs:
        pair = text.str.to_lowercase().is_in(list(SURE[index]))
        wanted.append(pair.sum().alias(f"{name}\0{index}"))
    if likely.number:
        number = number_of(text, reading)
        if finite(tuple(tokens)):
            number = pl.when(~text.is_in(tokens)).then(number)
        # "inf" is a number, which the contract then refuses; as text it would pass unseen.
        wanted.append(number.is_not_nan().sum().alias(f"{name}\0numbers"))
        wanted.append((number.abs() > LARGEST_FEATURE).sum().alias(f"{name}\0extreme"))
    if way:
        styled = written(text, way) & number_of(text, reading).is_null() & ~text.is_in(tokens)
        wanted.append(styled.sum().alias(f"{name}\0styled"))
    return wanted


def _read(
    name: str,
    dtype: pl.DataType,
    reading: Reading,
    counts: dict[str, int],
    date: DateColumn | None,
    way: str,
) -> Profile:
    def count(of: str) -> int:
        return counts.get(f"{name}\0{of}") or 0

    rows, distinct = counts["rows"], count("distinct")
    if dtype != pl.String:
        missing = count("missing")
        numeric = dtype.is_numeric()
        return Profile(
            dtype=dtype,
            reading=reading,
            rows=rows,
            missing=missing,
            distinct=distinct,
            numbers=rows - missing if numeric else 0,
            extreme=count("extreme"),
            numeric=numeric,
            boolean=dtype == pl.Boolean,
            dated=date.dated if date else 0,
            formats=date.formats if date else (),
        )
    absent = count("blank") + count("tokens")
    present = rows - absent
    numeric = present > 0 and count("numbers") == present
    boolean = present > 0 and any(count(str(i)) == present for i in range(len(SURE)))
    dated = date.dated if date else 0
    sure = numeric or boolean or (dated == present > 0)
    return Profile(
        dtype=dtype,
        reading=reading,
        rows=rows,
        # Undeclared words mean "no value" only in a column that has a type without them.
        missing=absent if sure or reading.missing else count("blank"),
        distinct=distinct,
        numbers=count("numbers"),
        extreme=count("extreme"),
        numeric=numeric,
        boolean=boolean,
        dated=dated,
        formats=date.formats if date else (),
        twin=date.twin if date else (),
        way=way,
        styled=count("styled"),
    )
