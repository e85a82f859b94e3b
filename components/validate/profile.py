"""Looks at every column once: how many values read as a number, a date, a truth value.

All counts come from one streaming pass, so that a table larger than memory is looked at whole:
a column is a number because all of it is, not because its first rows are. Text that may be dates
is read in a pass of its own, and the moments are kept, since reading is what dates cost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import polars as pl

from components.validate.counting import Counts, Likely, likely, text_counts, value_counts
from components.validate.date_columns import DateColumn, read_dates
from components.validate.reading import Reading, trimmed
from components.validate.writing import Way, likely_ways

_SAMPLE = 500

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
        ways: the way in which most of its text that is not read writes numbers; several where
            the text does not tell them apart, none where there is no such text.
        styled: how many rows are written so.
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
    ways: tuple[Way, ...] = ()
    styled: int = 0

    @property
    def temporal(self) -> bool:
        """Whether the source stored dates."""
        return self.dtype == pl.Date or self.dtype == pl.Datetime

    @property
    def is_date(self) -> bool:
        """Whether every value is a date."""
        return self.temporal or bool(self.formats) and self.dated + self.missing == self.rows


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
        What needs no trimming is not trimmed again.
    """
    schema = rows.collect_schema()
    readings = {name: reader(name) for name in schema.names()}
    texts = [name for name, dtype in schema.items() if dtype == pl.String]
    # Trimmed once for all counts: Polars would else do it again for each.
    tidy = trimmed(rows.with_columns(_length(name) for name in texts), texts)
    plain = [n for n, d in schema.items() if d == pl.String and not readings[n].private]
    sample = tidy.select(plain).head(_SAMPLE).collect()
    dates, beside = read_dates(tidy.select(schema.names()), sample, readings, scratch)
    open_texts = sample.drop(name for name in dates if name in sample.columns)
    maybe = likely(sample, readings, likely_ways(open_texts, readings))
    wanted = [pl.len().alias("rows")]
    for name, dtype in schema.items():
        if dtype == pl.String:
            wanted += text_counts(name, readings[name], maybe.get(name))
            wanted.append(_is_untidy(name).sum().alias(f"{name}\0untidy"))
        else:
            wanted += value_counts(name, dtype, readings[name])
    row = tidy.select(wanted).collect(engine="streaming").row(0, named=True)
    profiles = {}
    for name, dtype in schema.items():
        counts, date = Counts(name, row), dates.get(name)
        if dtype == pl.String:
            profiles[name] = _of_text(readings[name], counts, date, maybe.get(name))
        else:
            profiles[name] = _of_values(dtype, readings[name], counts, date)
    untidy = [name for name in texts if Counts(name, row).of("untidy")]
    return profiles, beside.joined(trimmed(rows, untidy))


def _length(name: str) -> pl.Expr:
    return pl.col(name).str.len_bytes().alias(f"{name}\0length")


def _is_untidy(name: str) -> pl.Expr:
    """Whether trimming has changed a text."""
    return pl.col(f"{name}\0length").ne_missing(pl.col(name).str.len_bytes())


def _of_values(
    dtype: pl.DataType, reading: Reading, counts: Counts, date: DateColumn | None
) -> Profile:
    """What a column holds that the source gave a type."""
    missing, numeric = counts.of("missing"), dtype.is_numeric()
    return Profile(
        dtype=dtype,
        reading=reading,
        rows=counts.rows,
        missing=missing,
        distinct=counts.of("distinct"),
        numbers=counts.rows - missing if numeric else 0,
        extreme=counts.of("extreme"),
        numeric=numeric,
        boolean=dtype == pl.Boolean,
        dated=date.dated if date else 0,
        formats=date.formats if date else (),
    )


def _of_text(
    reading: Reading, counts: Counts, date: DateColumn | None, maybe: Likely | None
) -> Profile:
    """What a column of text holds; of a private one (`maybe` None) its texts are not looked at."""
    absent = counts.of("blank") + counts.of("tokens")
    present = counts.rows - absent
    numeric = present > 0 and counts.of("numbers") == present
    boolean = present > 0 and counts.boolean(present)
    dated = date.dated if date else 0
    sure = numeric or boolean or (dated == present > 0)
    ways, styled = counts.ways(maybe.ways if maybe else ())
    return Profile(
        dtype=pl.String(),
        reading=reading,
        rows=counts.rows,
        # Undeclared words mean "no value" only in a column that has a type without them.
        missing=absent if sure or reading.missing else counts.of("blank"),
        distinct=counts.of("distinct"),
        numbers=counts.of("numbers"),
        extreme=counts.of("extreme"),
        numeric=numeric,
        boolean=boolean,
        dated=dated,
        formats=date.formats if date else (),
        twin=date.twin if date else (),
        ways=ways,
        styled=styled,
    )
