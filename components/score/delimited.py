"""Reads a CSV file in batches of text, and refuses one that is not whole.

Arrow reads the file by itself, in threads of its own. Of a file object of Python's, or a function
of ours, such a thread may still hold a reference when the process ends, and then aborts it.
"""

import codecs
import csv
import io
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from components.score.arrow import BATCH, Batch, as_frame

_DELIMITERS = ",;\t|"
# A row has to fit into one block, and Arrow reads up to 32 of them ahead: with blocks of 8 MiB
# scoring took 423 MiB at 4 million rows where these take as little as at 1 million.
_BLOCK = 2**20
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


class UnmatchedQuoteError(ValueError):
    """A quote was never closed; what Arrow says nothing to in the last block."""


def find_columns(
    path: Path, expected: Collection[str], delimiter: str | None, encoding: str
) -> tuple[str, tuple[str, ...]]:
    """Returns the delimiter and the header.

    Args:
        path: the file.
        expected: names that the header should have; they tell the delimiter.
        delimiter: None to find it out.
        encoding: the file's.
    """
    headers = {mark: _header(path, mark, encoding) for mark in (delimiter or _DELIMITERS)}
    wanted = set(expected)
    mark = max(headers, key=lambda m: (len(set(headers[m]) & wanted), len(headers[m])))
    return mark, headers[mark]


def read_text(path: Path, wanted: Sequence[str], delimiter: str, encoding: str) -> Iterator[Batch]:
    """Reads columns as text, batch by batch.

    Args:
        path: the file.
        wanted: the columns.
        delimiter: one character.
        encoding: the file's.

    Yields:
        Batches in the file's order.

    Raises:
        pyarrow.ArrowInvalid: a row does not fit the header, or is no UTF-8; its text may quote it.
        UnicodeDecodeError: the file is not in the encoding.
        UnmatchedQuoteError: a quote is never closed.
    """
    import pyarrow
    from pyarrow import csv as arrow_csv

    with _as_utf8(path, encoding) as file:
        size, quotes = os.fstat(file.fileno()).st_size, 0
        reader = arrow_csv.open_csv(
            f"/dev/fd/{file.fileno()}",
            arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                include_columns=list(wanted),
                column_types=dict.fromkeys(wanted, pyarrow.large_string()),
            ),
        )
        done = 0
        for number, block in enumerate(reader, start=1):
            share = min(1.0, number * _BLOCK / size)
            for begin in range(0, block.num_rows, BATCH):
                yield Batch(as_frame(block.slice(begin, BATCH), wanted), share)
            # Arrow has just read these bytes, so that they come from memory.
            quotes += os.pread(file.fileno(), _BLOCK, done).count(b'"')
            done += _BLOCK
        while rest := os.pread(file.fileno(), _BLOCK, done):
            quotes += rest.count(b'"')
            done += _BLOCK
        if quotes % 2:
            raise UnmatchedQuoteError


def explain(said: str) -> str:
    """Says what Arrow found wrong, without the row that it may quote.

    Args:
        said: Arrow's own words.
    """
    if found := _RAGGED.search(said):
        # Arrow counts from 1, the header being the first.
        number, wanted, given = map(int, found.groups())
        return (
            f"row {number - 2}, counting from 0, has {given} fields and the header {wanted}; quote "
            "fields that hold the delimiter, and write an empty field for a missing value"
        )
    if "UTF8" in said:
        return "it is not UTF-8; save it as UTF-8"
    if "Empty CSV file" in said:
        return "it has columns and no rows; expected some"
    if "straddl" in said:
        return f"a row is longer than {_BLOCK:,} bytes; do its quotes match?"
    return "its rows do not fit its header; write it again with a library for CSV"


@contextmanager
def _as_utf8(path: Path, encoding: str) -> Iterator[BinaryIO]:
    """Opens the file itself, or a copy without a name, which is gone however the process ends."""
    if codecs.lookup(encoding).name == "utf-8":
        with path.open("rb") as file:
            yield file
        return
    with TemporaryFile("w+", encoding="utf-8", newline="") as copy:
        with path.open(encoding=encoding, newline="") as text:
            shutil.copyfileobj(text, copy, _BLOCK)
        copy.flush()
        yield cast(BinaryIO, copy.buffer)


def _header(path: Path, delimiter: str, encoding: str) -> tuple[str, ...]:
    csv.field_size_limit(sys.maxsize)
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    with path.open("rb") as stream:
        marked = "utf-8-sig" if is_utf8 else encoding
        text = io.TextIOWrapper(stream, marked, errors="replace", newline="")
        rows = csv.reader(text, delimiter=delimiter)
        return tuple(next((row for row in rows if row), ()))
