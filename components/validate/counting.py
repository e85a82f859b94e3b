"""Says what is to be counted of every column in the one pass over the table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from components.contract import has_text
from components.truth import SURE
from components.validate.reading import (
    LARGEST_FEATURE,
    NUMBER_MISSING,
    Reading,
    finite,
    number_of,
    stripped,
    without_missing,
)
from components.validate.writing import Way, most_fitting, written

_PAIRS = tuple(enumerate(SURE))


@dataclass(frozen=True)
class Likely:
    """What a column of text may be by its first values; the whole of it is to be counted.

    Attributes:
        number: whether it may be numbers.
        pairs: indices of the pairs of `SURE` that it may be written in.
        ways: the ways in which it may write numbers that are not read as such.
    """

    number: bool
    pairs: tuple[int, ...]
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True)
class Counts:
    """What was counted of one column.

    Attributes:
        name: the column's.
        found: the counts of all columns.
    """

    name: str
    found: Mapping[str, int]

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return self.found["rows"]

    def of(self, what: str) -> int:
        """Returns a count; 0 of what was not counted."""
        return self.found.get(f"{self.name}\0{what}") or 0

    def boolean(self, rows: int) -> bool:
        """Whether as many rows are written in one of the sure pairs of truth values."""
        return any(self.of(str(index)) == rows for index, _ in _PAIRS)

    def ways(self, likely: Sequence[Way]) -> tuple[tuple[Way, ...], int]:
        """Returns which of the likely ways fit most rows, and how many those are."""
        counts = {way: self.of(f"styled{index}") for index, way in enumerate(likely)}
        return most_fitting(counts), max(counts.values(), default=0)


def likely(
    sample: pl.DataFrame,
    readings: Mapping[str, Reading],
    ways: Mapping[str, tuple[Way, ...]],
) -> dict[str, Likely]:
    """Finds what the first values do not rule out, so that nothing else is counted.

    One value that is no truth value refutes a column of them. Numbers are counted unless nearly
    all of the first values are other texts, since a column of mostly numbers is to be reported.

    Args:
        sample: the first rows of the columns of text, trimmed.
        readings: how columns are read.
        ways: other ways of writing numbers that the sample shows, by column.

    Returns:
        What each column of the sample may be.
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
        name: Likely(
            number=10 * row[f"{name}\0numbers"] >= row[f"{name}\0known"],
            pairs=tuple(i for i, _ in _PAIRS if row[f"{name}\0{i}"] == row[f"{name}\0known"]),
            ways=ways.get(name, ()),
        )
        for name in sample.columns
    }


def _tokens(reading: Reading) -> list[str]:
    return stripped(reading.missing) or list(NUMBER_MISSING)


def value_counts(name: str, dtype: pl.DataType, reading: Reading) -> Iterator[pl.Expr]:
    """Says what to count of a column that is no text."""
    column = without_missing(name, dtype, reading.missing)
    distinct = column.approx_n_unique() if has_text(dtype) else pl.lit(0)
    yield column.null_count().alias(f"{name}\0missing")
    yield distinct.alias(f"{name}\0distinct")
    if dtype.is_float():
        yield (column.abs() > LARGEST_FEATURE).sum().alias(f"{name}\0extreme")


def text_counts(name: str, reading: Reading, likely: Likely | None) -> Iterator[pl.Expr]:
    """Says what to count of a column of text; of a private one, little."""
    text, tokens = pl.col(name), _tokens(reading)
    yield text.null_count().alias(f"{name}\0blank")
    yield text.is_in(tokens).sum().alias(f"{name}\0tokens")
    yield text.approx_n_unique().alias(f"{name}\0distinct")
    if likely is None:
        return
    for index in likely.pairs:
        pair = text.str.to_lowercase().is_in(list(SURE[index]))
        yield pair.sum().alias(f"{name}\0{index}")
    number = number_of(text, reading)
    strange = number.is_null() & ~text.is_in(tokens)
    for index, way in enumerate(likely.ways):
        yield (written(text, (way,)) & strange).sum().alias(f"{name}\0styled{index}")
    if likely.number:
        if finite(tuple(tokens)):
            number = pl.when(~text.is_in(tokens)).then(number)
        # "inf" is a number, which the contract then refuses; as text it would pass unseen.
        yield number.is_not_nan().sum().alias(f"{name}\0numbers")
        yield (number.abs() > LARGEST_FEATURE).sum().alias(f"{name}\0extreme")
