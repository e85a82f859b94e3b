"""Finds out in which formats a column writes its dates, and where day and month may be mistaken."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import polars as pl

from components.dates.formats import UNIX, of_width
from components.dates.reading import parse, parse_cells

MOST_FORMATS = 3
_TIMES = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f")
_CLOCKS = ("%I:%M %p", "%I:%M:%S %p")
# Day before month first: of two that read the same, it is the one that more countries write.
_DAYS = (
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%B %d %Y",
)
_ISO = tuple(
    f"%Y-%m-%d{between}{time}{zone}"
    for between, time, zone in product(" T", _TIMES, ("", "%z", " %z"))
)
FORMATS = (
    "%Y-%m-%d",
    *_ISO,
    *_DAYS,
    *(f"{day} {time}" for day, time in product(_DAYS, (*_TIMES, *_CLOCKS))),
)
"""The formats that are tried on text of which nothing is declared."""

CLIENT_FORMATS = ("%Y-%m-%d", *(form for form in _ISO if " %z" not in form))
"""The formats in which a client may send what the source stores as dates."""

# What any of the formats above reads has this shape; a column without it costs no further look.
_SHAPE = (
    r"(?i)^(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})\b"
    r"|\d{1,2}[ -][a-z]{3,9}[ -]\d|[a-z]{3,9} \d{1,2},? \d)"
)


def likely_dates(sample: pl.DataFrame) -> list[str]:
    """Returns the columns of trimmed text half of which has the shape of a date."""
    counts = sample.select(
        expr
        for name in sample.columns
        for expr in (
            pl.col(name).str.contains(_SHAPE).sum().alias(f"{name}\0shaped"),
            pl.col(name).count().alias(f"{name}\0all"),
        )
    )
    row = counts.row(0, named=True) if counts.width else {}
    return [
        name
        for name in sample.columns
        if row[f"{name}\0shaped"] and 2 * row[f"{name}\0shaped"] >= row[f"{name}\0all"]
    ]


def find_formats(texts: Sequence[str], known: Sequence[str] = ()) -> tuple[str, ...]:
    """Finds the formats that read a sample.

    Args:
        texts: trimmed texts, some of them dates.
        known: formats that are settled; they read other texts than these.

    Returns:
        The known ones and as many more as read further texts, the best first, three at most.
    """
    found, left = list(known), np.array(texts, dtype=object)
    while len(found) < MOST_FORMATS and len(left):
        first = [form for form in FORMATS if not np.isnat(parse(left[:1], (form,)))[0]]
        # A first text that is no date must not hide the others.
        tried = first or FORMATS
        read = {form: ~np.isnat(parse(left.tolist(), (form,))) for form in tried}
        best = max(tried, key=lambda form: int(read[form].sum()))
        if not read[best].any():
            break
        found.append(best)
        left = left[~read[best]]
    return tuple(found)


def twin_of(formats: Sequence[str]) -> tuple[str, ...]:
    """Returns formats with day and month exchanged where both are numbers; empty if nowhere.

    A point between them is no doubt: it is written after the day.
    """
    swapped = tuple(_swapped(form) for form in formats)
    return swapped if swapped != tuple(formats) else ()


def _swapped(form: str) -> str:
    for mark in "/-":
        for one, other in (("%d", "%m"), ("%m", "%d")):
            if form.startswith(f"{one}{mark}{other}{mark}"):
                return f"{other}{mark}{one}{form[5:]}"
    return form


def moments(text: pl.Expr, formats: Sequence[str]) -> pl.Expr:
    """Reads trimmed text as moments, by the one function that serving calls too.

    Args:
        text: the texts.
        formats: tried in order.

    Returns:
        Datetime[us], UTC without a zone; null for what no format reads.
    """

    def read(values: pl.Series) -> pl.Series:
        if (fixed := _of_one_width(values, formats)) is not None:
            return fixed
        # Dates repeat: reading each once is ten times as fast for days, and costs little else.
        once = values.unique()
        if 2 * len(once) > len(values):
            return _series(values, formats)
        table = pl.DataFrame({"text": once, "moment": _series(once, formats)})
        return (
            values.to_frame("text")
            .join(table, on="text", how="left", maintain_order="left")
            .get_column("moment")
            .alias(values.name)
        )

    return text.map_batches(read, return_dtype=pl.Datetime("us"), is_elementwise=True)


def _series(values: pl.Series, formats: Sequence[str]) -> pl.Series:
    return pl.Series(values.name, parse(values.to_list(), formats), dtype=pl.Datetime("us"))


def _of_one_width(values: pl.Series, formats: Sequence[str]) -> pl.Series | None:
    """Reads texts of one width from their bytes as they lie in memory, by the first format.

    Returns:
        The moments; None if widths differ or a text is not read so. It takes less than a tenth of
        the time of reading them one by one.
    """
    widths = values.str.len_bytes().drop_nulls().unique().to_list()
    if formats[0] in UNIX or len(widths) != 1:
        return None
    width = int(widths[0])
    forms = of_width(formats[0], width)
    known = values.drop_nulls()
    # A name with a NUL makes Polars panic here (measured with 2.1).
    array = known.rechunk().alias("texts").to_arrow()
    _, offsets, data = array.buffers()
    begin = int(np.frombuffer(offsets, dtype=np.int64)[array.offset]) if array.offset else 0
    cells = np.frombuffer(data, dtype=np.uint8)[begin : begin + len(known) * width]
    ways = (parse_cells(cells.reshape(-1, width), form) for form in forms)
    moments = next((found for found in ways if not np.isnat(found).any()), None)
    if moments is None:
        return None
    if len(known) < len(values):
        all_moments = np.full(len(values), np.datetime64("NaT", "us"))
        all_moments[values.is_not_null().to_numpy()] = moments
        moments = all_moments
    return pl.Series(values.name, moments, dtype=pl.Datetime("us"))


def unread_sample(
    rows: pl.LazyFrame, wanted: Mapping[str, pl.Expr], at_most: int
) -> dict[str, list[str]]:
    """Returns the first texts of columns that fulfil a condition.

    Args:
        rows: the table.
        wanted: by column, its text where it is wanted, else null.
        at_most: how many of each.

    Returns:
        The texts by column.
    """
    return {
        name: rows.select(text.alias("text"))
        .filter(pl.col("text").is_not_null())
        .head(at_most)
        .collect(engine="streaming")["text"]
        .to_list()
        for name, text in wanted.items()
    }
