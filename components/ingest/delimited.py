"""Reads a CSV file lazily, every column as text, and refuses what Polars would bend into shape.

What a column's type is, `validate` decides over the whole column, not a reader over its first rows.
"""

import re

import polars as pl

from components.errors import DataError
from components.ingest.columns import require_distinct
from components.ingest.diagnosis import require_text

_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"')


def scan_delimited(place: str) -> pl.LazyFrame:
    """Opens a CSV file.

    Args:
        place: a path or an address; what ends in .gz is unpacked.

    Returns:
        Its columns as text; wholly blank lines are left out.

    Raises:
        DataError: it is no UTF-8, names a column twice, or has rows shorter than its header.
    """
    delimiter = delimiter_of(place)
    remote = "://" in place
    table = pl.scan_csv(place, infer_schema=False, separator=delimiter, glob=remote)
    names = table.collect_schema().names()
    require_distinct(place, names)
    if len(names) > 1 and not remote and _has_blank_lines(place, table, delimiter):
        # Only where needed: filtering takes a time that grows with the square of the columns.
        return table.filter(pl.any_horizontal(pl.all().is_not_null()))
    return table


def delimiter_of(place: str) -> str:
    """Reads the delimiter off a local file's header; a comma for an address."""
    if "://" in place:
        return ","
    header = _QUOTED.sub("", require_text(place))
    return max(_DELIMITERS, key=header.count)


def _has_blank_lines(place: str, table: pl.LazyFrame, delimiter: str) -> bool:
    """Looks for blank lines, and refuses rows with fewer fields than the header.

    Polars reads either as rows of nulls, without a word.

    Such a row always leaves the last column null, so a file without a null there is read once.
    Quotes are not parsed here: a line with one is trusted, and so is a file in which a quoted
    field spans lines.
    """
    names = table.collect_schema().names()
    if not table.select(pl.col(names[-1]).is_null().any()).collect(engine="streaming").item():
        return False
    # No CSV holds this separator, so every line becomes one text.
    lines = pl.scan_csv(
        place,
        has_header=False,
        infer_schema=False,
        separator="\x1e",
        quote_char=None,
        glob=False,
        new_columns=["line"],
        row_index_name="number",
        row_index_offset=1,
    )
    line = pl.col("line")
    quotes = line.str.count_matches('"', literal=True)
    blank = line.is_null() | (line.str.strip_chars() == "")
    fields = line.str.count_matches(delimiter, literal=True) + 1
    short = (fields < len(names)) & (quotes == 0) & ~blank
    found = lines.select(
        (quotes % 2 == 1).any().alias("spans"),
        blank.any().alias("blank"),
        short.sum().alias("count"),
        pl.col("number").filter(short).first().alias("first"),
    ).collect(engine="streaming")
    if found["count"].item() and not found["spans"].item():
        count = found["count"].item()
        msg = (
            f"source {place!r} cannot be read: {count} {'row has' if count == 1 else 'rows have'} "
            f"fewer fields than the header's {len(names)}, first line {found['first'].item()}; "
            "write an empty field for a missing value"
        )
        raise DataError(msg)
    return bool(found["blank"].item())
