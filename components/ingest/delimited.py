"""Reads a CSV file lazily, every column as text, and refuses what Polars would bend into shape.

What a column's type is, `validate` decides over the whole column, not a reader over its first rows.
"""

import csv
import io
import sys
from pathlib import Path

import polars as pl

from components.errors import DataError
from components.ingest.columns import require_distinct
from components.ingest.encoding import as_utf8, assume, transcribe
from components.ingest.survey import Survey, survey, without_blank_lines
from components.spec import Csv

_DELIMITERS = ",;\t|"
_SAMPLE_BYTES, _SAMPLE_ROWS = 2**16, 100


def scan_delimited(
    name: str, path: Path, csv_keys: Csv, scratch: Path
) -> tuple[pl.LazyFrame, Path, str]:
    """Opens a CSV file.

    Args:
        name: the source, for messages.
        path: the file, unpacked.
        csv_keys: the spec's section `csv`.
        scratch: where the file is written anew if it is not plain UTF-8 or has blank lines.

    Returns:
        Its columns as text, blank lines left out; the file that is read, which may be a copy; and
        what it fails of if Polars cannot read it, empty where nothing is known.

    Raises:
        DataError: it is empty, its encoding cannot be told, it names a column twice, its quotes do
            not match, or it has rows that are shorter or longer than its header.
    """
    text = as_utf8(name, path, csv_keys.encoding, scratch)
    delimiter, fields = _delimiter(name, text, csv_keys.delimiter)
    found = survey(text, delimiter, fields)
    if found.not_utf8 and csv_keys.encoding is None and text == path:
        text = transcribe(name, path, assume(name, path, found.not_utf8), scratch)
        delimiter, fields = _delimiter(name, text, csv_keys.delimiter)
        found = survey(text, delimiter, fields)
    _require_whole(name, found, delimiter, fields)
    if found.blank and not found.stray:
        text = without_blank_lines(text, delimiter, scratch / f"{path.name}.lines")
    table = pl.scan_csv(text, infer_schema=False, separator=delimiter, glob=False)
    require_distinct(name, table.collect_schema().names())
    return table, text, _stray(found) if found.stray else ""


def _delimiter(name: str, path: Path, given: str | None) -> tuple[str, int]:
    """Finds the delimiter, and how many fields the header has.

    It is the one by which the first rows have most often as many fields as the header; of several,
    the one that gives the header most.
    """
    sample = _sample(path)
    if not sample.strip():
        msg = f"source {name!r} cannot be read: it is empty; expected a header and rows"
        raise DataError(msg)
    if given is not None and not given.isascii():
        msg = f"csv.delimiter {given!r} is not supported: expected an ASCII character, such as ','"
        raise DataError(msg)
    rows = {mark: _fields(sample, mark) for mark in ([given] if given else _DELIMITERS)}
    best = max(rows, key=lambda m: (rows[m][0] > 1, rows[m].count(rows[m][0]), rows[m][0]))
    if given and rows[given][0] == 1:
        other, fields = _delimiter(name, path, None)
        if fields > 1:
            msg = (
                f"source {name!r} has no {given!r} in its header, as csv.delimiter says, but "
                f"{other!r} {fields - 1} times: set csv.delimiter to {other!r} or leave it out"
            )
            raise DataError(msg)
    return best, rows[best][0]


def _sample(path: Path) -> str:
    """The first rows, and the header in any case, whole lines, damaged letters replaced."""
    with path.open("rb") as stream:
        lines = stream.readlines(_SAMPLE_BYTES)
    return b"".join(lines).decode("utf-8-sig", "replace").lstrip("\r\n")


def _fields(sample: str, delimiter: str) -> list[int]:
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    counts = [len(row) for row, _ in zip(reader, range(_SAMPLE_ROWS), strict=False) if row]
    return counts or [1]


def _require_whole(name: str, found: Survey, delimiter: str, fields: int) -> None:
    said = []
    if found.not_utf8:
        said.append(
            f"line {found.not_utf8} is not in its encoding; set csv.encoding to the right one"
        )
    elif found.unclosed and found.stray:
        said.append(_stray(found))
    elif found.unclosed:
        said.append(f"its quotes do not match, one opens at line {found.unclosed}; mend them")
    if found.long:
        said.append(
            f"{_rows(found.long)} more fields than the header's {fields}, first line "
            f"{found.first_long} with {found.long_fields}; quote the fields that hold {delimiter!r}"
        )
    if found.short:
        said.append(
            f"{_rows(found.short)} fewer fields than the header's {fields}, first line "
            f"{found.first_short}; write an empty field for a missing value"
        )
    if said:
        msg = f"source {name!r} cannot be read: {', and '.join(said)}"
        raise DataError(msg)


def _stray(found: Survey) -> str:
    return (
        f"it holds quotes inside fields that are not quoted, first at line {found.stray}; quote "
        "them whole"
    )


def _rows(count: int) -> str:
    return f"{count:,} {'row has' if count == 1 else 'rows have'}"
