"""Reads the columns of text that may be dates, once, and keeps the moments beside the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from components.contract import canonical_text
from components.validate.date_formats import (
    MOST_FORMATS,
    find_formats,
    likely_dates,
    moments,
    twin_of,
    unread_sample,
)
from components.validate.reading import NUMBER_MISSING, Reading, stripped

_SAMPLE = 500


@dataclass(frozen=True)
class DateColumn:
    """What reading a column of text as dates has shown.

    Attributes:
        formats: the formats in which it is read.
        dated: rows that one of them reads.
        twin: formats with day and month exchanged, where they read as many; else empty.
    """

    formats: tuple[str, ...]
    dated: int
    twin: tuple[str, ...] = ()


def moment_name(name: str) -> str:
    """Returns the name under which a column's moments stand beside the rows."""
    return f"{name}\0moment"


def read_dates(
    rows: pl.LazyFrame,
    sample: pl.DataFrame,
    readings: Mapping[str, Reading],
    scratch: Path | None,
) -> tuple[dict[str, DateColumn], "Beside"]:
    """Reads what may be dates.

    Args:
        rows: the table, its text trimmed.
        sample: the first rows of its columns of text, trimmed.
        readings: how columns are read.
        scratch: a folder for the moments; None to read them whenever they are asked for.

    Returns:
        What was found, by column; and the moments, to be put beside the rows.
    """
    texts_of = _texts(rows.collect_schema(), readings)
    formats = _first_formats(sample, readings, texts_of)
    twins = {n: twin_of(f) for n, f in formats.items() if not readings[n].formats}
    read = _Read(rows, texts_of, scratch)
    counts, beside = read.once(formats, _some(twins))
    more = _further_formats(formats, readings, texts_of, counts, beside.joined(rows))
    better = {n: t for n, t in _some(twins).items() if counts[f"{n}\0twin"] > counts[n]}
    if more or better:
        # The other order of day and month explains the whole better than a mixture of both.
        formats |= more | better
        twins |= {name: twin_of(formats[name]) for name in (*better, *more)}
        counts, beside = read.once(formats, _some(twins))
    found = {
        name: DateColumn(
            formats=forms,
            dated=counts[name],
            twin=twins[name] if twins.get(name) and counts[f"{name}\0twin"] == counts[name] else (),
        )
        for name, forms in formats.items()
    }
    return found, beside


def _first_formats(
    sample: pl.DataFrame, readings: Mapping[str, Reading], texts_of: Mapping[str, pl.Expr]
) -> dict[str, tuple[str, ...]]:
    """The declared formats, and those that read the first rows of what may be dates."""
    shaped = set(likely_dates(sample))
    formats = {n: r.formats for n, r in readings.items() if r.formats and n in texts_of}
    for name in sample.columns:
        reading = readings[name]
        if name not in formats and (name in shaped or reading.dated):
            words = [*stripped(reading.missing), *NUMBER_MISSING]
            texts = sample[name].drop_nulls()
            if found := find_formats(texts.filter(~texts.is_in(words)).to_list()):
                formats[name] = found
    return formats


def _further_formats(
    formats: Mapping[str, tuple[str, ...]],
    readings: Mapping[str, Reading],
    texts_of: Mapping[str, pl.Expr],
    counts: Mapping[str, int],
    table: pl.LazyFrame,
) -> dict[str, tuple[str, ...]]:
    """The formats with those added that read rows which the first ones do not, where there are."""
    unread = {
        name: _unread(texts_of[name], name, readings[name])
        for name in formats
        if not readings[name].formats and counts[name] < counts["rows"]
    }
    return {
        name: longer
        for name, texts in unread_sample(table, unread, _SAMPLE).items()
        if len(formats[name]) < MOST_FORMATS
        and (longer := find_formats(texts, formats[name])) != formats[name]
    }


def _some(twins: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The columns that have a twin."""
    return {name: twin for name, twin in twins.items() if twin}


def _texts(schema: pl.Schema, readings: Mapping[str, Reading]) -> dict[str, pl.Expr]:
    """The columns that could be read as dates, as text."""
    texts = {}
    for name, dtype in schema.items():
        if dtype == pl.String:
            texts[name] = pl.col(name)
        elif dtype.is_numeric() and readings[name].formats:
            texts[name] = canonical_text(pl.col(name), dtype)
        if name in texts and (declared := stripped(readings[name].missing)):
            texts[name] = pl.when(~texts[name].is_in(declared)).then(texts[name])
    return texts


def _unread(text: pl.Expr, name: str, reading: Reading) -> pl.Expr:
    words = [*stripped(reading.missing), *NUMBER_MISSING]
    return pl.when(pl.col(moment_name(name)).is_null() & ~text.is_in(words)).then(text)


@dataclass(frozen=True)
class Beside:
    """Moments that belong beside rows.

    Attributes:
        read: the expressions that read them.
        kept: the same, read already, in the rows' order; None where nothing is kept.
    """

    read: tuple[pl.Expr, ...] = ()
    kept: pl.LazyFrame | None = None

    def joined(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Returns the rows with the moments, each under `moment_name` of its column.

        Args:
            rows: all of them, in order, their text trimmed.
        """
        if self.kept is None:
            return rows.with_columns(self.read)
        return pl.concat([rows, self.kept], how="horizontal")


@dataclass(frozen=True)
class _Read:
    rows: pl.LazyFrame
    texts: Mapping[str, pl.Expr]
    scratch: Path | None

    def once(
        self, formats: Mapping[str, Sequence[str]], twins: Mapping[str, Sequence[str]]
    ) -> tuple[dict[str, int], Beside]:
        """Reads by formats and by their twins, and counts both."""
        read = [moments(self.texts[n], forms).alias(moment_name(n)) for n, forms in formats.items()]
        other = [moments(self.texts[n], forms).alias(f"{n}\0twin") for n, forms in twins.items()]
        if not read:
            return {"rows": 0}, Beside()
        beside = self.rows.select(*read, *other)
        found = Beside(tuple(read))
        if self.scratch is not None:
            path = self.scratch / "moments.parquet"
            beside.sink_parquet(path, compression="lz4")
            beside = pl.scan_parquet(path, glob=False)
            found = Beside(tuple(read), beside.select(map(moment_name, formats)))
        counted = beside.select(pl.len().alias("rows"), pl.all().count())
        counts = counted.collect(engine="streaming").row(0, named=True)
        return {name.removesuffix("\0moment"): count for name, count in counts.items()}, found
