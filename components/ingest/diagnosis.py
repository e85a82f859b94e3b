"""Says what is wrong with a file that Polars could not read: which line, and what to do.

Polars' own texts name neither file nor line and may quote a row, so none of them is passed on. The
file is read a second time here, in Python, only after it has failed.
"""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from components.errors import DataError

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def open_bytes(place: str) -> BinaryIO:
    """Opens a local file, unpacking it where its name says gzip."""
    if place.lower().endswith(".gz"):
        return cast("BinaryIO", gzip.open(place))
    return Path(place).open("rb")


def explain(place: str, exc: Exception, delimiter: str) -> str:
    """Finds the reason why a source cannot be read.

    Args:
        place: a path or an address.
        exc: what Polars raised.
        delimiter: of a CSV file.

    Returns:
        One sentence without any value of a row.
    """
    if "://" in place:
        # What a server answered is in the text's first line; what a row holds is in none of these.
        reason = str(exc).splitlines()[0] if isinstance(exc, OSError) else "its content is damaged"
        return f"source {place!r} cannot be read: {reason}"
    try:
        reason = _reason(place, delimiter)
    except (EOFError, OSError, zlib.error):
        reason = "it is no whole file; make or fetch it again"
    return f"source {place!r} cannot be read: {reason}"


def require_text(place: str) -> str:
    """Reads the first line of a local text file.

    Args:
        place: the file, which may be gzip.

    Returns:
        Its header, without a byte-order mark.

    Raises:
        DataError: the file is empty, damaged or no UTF-8.
    """
    try:
        with open_bytes(place) as stream:
            first = stream.readline(1 << 24)
    except (EOFError, OSError, zlib.error) as exc:
        raise DataError(explain(place, exc, ",")) from exc
    if first.startswith(_UTF16):
        msg = f"source {place!r} is UTF-16: save it as UTF-8"
        raise DataError(msg)
    try:
        return first.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        msg = f"source {place!r} is not UTF-8 in line 1: save it as UTF-8"
        raise DataError(msg) from exc


def _reason(place: str, delimiter: str) -> str:
    name = place.lower()
    if name.endswith(".parquet"):
        return "it is no whole Parquet file; write or fetch it again"
    with open_bytes(place) as stream:
        if not stream.read(1 << 16).strip():
            return "it is empty; expected a header and rows"
    with open_bytes(place) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number} is not UTF-8; save the file as UTF-8"
    with open_bytes(place) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        if ".csv" in name:
            return _csv_reason(text, delimiter)
        return _json_reason(text)


def _csv_reason(lines: Iterator[str], delimiter: str) -> str:
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        fields, first, count, seen = len(next(reader)), 0, 0, 0
        stray = 0
        for row in reader:
            stray = stray or (reader.line_num if any('"' in field for field in row) else 0)
            if len(row) > fields:
                count += 1
                first, seen = first or reader.line_num, seen or len(row)
    except csv.Error:
        return f"its quotes do not match, noticed at line {reader.line_num}; mend them"
    if count:
        return (
            f"{count} {'row has' if count == 1 else 'rows have'} more fields than the header's "
            f"{fields}, first line {first} with {seen}; quote the fields that hold {delimiter!r}"
        )
    where = f", first at line {stray}" if stray else ""
    return f"it holds quotes inside fields that are not quoted{where}; quote them whole"


def _json_reason(lines: Iterator[str]) -> str:
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line) if line.strip() else {}
        except ValueError:
            return f"line {number} is no JSON; expected one object a line"
        if not isinstance(row, dict):
            return f"line {number} is no JSON object; expected one object a line"
    return "its lines do not fit together; expected objects with the same keys and types"
