"""Recognises numbers that are written in a way which the spec does not speak of, for a hint."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from components.validate.reading import Reading, number_of


@dataclass(frozen=True)
class Way:
    """A way of writing numbers.

    Attributes:
        example: such a number.
        pattern: what such text looks like.
        decimal: its decimal mark; empty where the text does not tell.
        thousands: its mark between thousands; empty for none.
        advice: what to do, where it is not to declare these marks.
    """

    example: str
    pattern: str
    decimal: str = ""
    thousands: str = ""
    advice: str = ""


# By what most often stands in tables. No thousands begin with 0: "0,123" is a fraction. Text of
# two ways may look alike ("1,234"), and then nothing in it says which is meant.
_WAYS = (
    Way("1,234.5", r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$", ".", ","),
    Way("1234,5", r"^[+-]?\d+,\d+$", ","),
    Way("1.234,5", r"^[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?$", ",", "."),
    Way("1234.5", r"^[+-]?\d+\.\d+$", "."),
    Way(
        "1 234",
        "^[+-]?[1-9]\\d{0,2}([ \u00a0\u202f]\\d{3})+([.,]\\d+)?$",
        advice="declare `thousands: ' '`, and `decimal` where it is another mark",
    ),
    Way(
        "12%",
        r"^[+-]?\d+([.,]\d+)?\s*%$",
        advice="write them without the sign, or declare `type: category`",
    ),
    Way(
        "$12",
        r"^[+-]?([$€£¥]\s*\d|\d[\d.,]*\s*[$€£¥]$)",
        advice="write them without the sign, or declare `type: category`",
    ),
)


def hint(ways: Sequence[Way], reading: Reading) -> str:
    """Returns what to do about numbers that are not read.

    Args:
        ways: those in which they may be written, as `most_fitting` gives them.
        reading: how they are read now.

    Returns:
        The advice; where several ways fit, what to do for each, as a wrong mark makes values a
        thousand times too large. Empty where none fits.
    """
    told = [f"{way.example}: {way.advice or _marks(way, reading)}" for way in ways]
    if len(told) < 2:
        return f"some look like {told[0]}" if told else ""
    each = "; ".join(f"like {said}" for said in told)
    return f"some may be written in {len(told)} ways, and only you can tell in which: {each}"


def _marks(way: Way, reading: Reading) -> str:
    """The declarations that are needed besides those in force."""
    thousands = way.thousands
    if not thousands and reading.thousands == way.decimal:
        # The two marks must differ, and those of all columns hold where a column has none.
        thousands = "," if way.decimal == "." else "."
    marks = {}
    if way.decimal != reading.decimal:
        marks["decimal"] = way.decimal
    if thousands and thousands != reading.thousands:
        marks["thousands"] = thousands
    return "declare " + " and ".join(f"`{key}: '{mark}'`" for key, mark in marks.items())


def likely_ways(
    sample: pl.DataFrame, readings: Mapping[str, Reading]
) -> dict[str, tuple[Way, ...]]:
    """Finds the columns of text some of which is numbers in another writing.

    Args:
        sample: columns of trimmed text.
        readings: how columns are read; what reads as a number is none of these.

    Returns:
        The ways that fit most texts, by column; columns without one are left out.
    """
    texts = sample.select(
        pl.when(number_of(pl.col(name), readings[name]).is_null()).then(pl.col(name)).alias(name)
        for name in sample.columns
    )
    counts = texts.select(
        written(pl.col(name), (way,)).sum().alias(f"{name}\0{index}")
        for name in texts.columns
        for index, way in enumerate(_WAYS)
    )
    row = counts.row(0, named=True) if counts.width else {}
    found = {
        name: most_fitting({way: row[f"{name}\0{index}"] for index, way in enumerate(_WAYS)})
        for name in texts.columns
    }
    return {name: ways for name, ways in found.items() if ways}


def most_fitting(counts: Mapping[Way, int]) -> tuple[Way, ...]:
    """Returns the ways that fit most texts: several where they differ by their marks alone."""
    most = max(counts.values(), default=0)
    best = [way for way, count in counts.items() if count == most > 0]
    return tuple(way for way in best if way.decimal) or tuple(best[:1])


def written(text: pl.Expr, ways: Iterable[Way]) -> pl.Expr:
    """Returns whether trimmed text is a number in one of some ways of writing."""
    return pl.any_horizontal(text.str.contains(way.pattern) for way in ways)
