"""Opens the table to be scored and reads it in batches, so that memory does not grow with its rows.

Arrow reads both formats here: Polars fills a CSV row that is too short with nulls, which would be
answered as if the values were missing, and Arrow's batches are bounded within a row group too.
"""

import csv
import io
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import polars as pl

from components.errors import DataError

BATCH = 32_768
CSV_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIX = ".parquet"
_DELIMITERS = ",;\t|"
# A row has to fit into one block, and Arrow reads up to 32 of them ahead: with blocks of 8 MiB
# scoring took 423 MiB at 4 million rows where these take as little as at 1 million.
_BLOCK = 2**20
# In these encodings the byte of a quote may be half of another letter.
_WIDE = ("utf-16", "utf-32", "utf_16", "utf_32", "utf16", "utf32")


class Batch(NamedTuple):
    """Some rows.

    Attributes:
        rows: at most `BATCH`, of the columns that were asked for.
        share: how much of the table has been read with them, from 0 to 1.
    """

    rows: pl.DataFrame
    share: float


@dataclass(frozen=True)
class Table:
    """An opened table.

    Attributes:
        name: the file, for messages.
        columns: their names.
        read: the rows of some columns, batch by batch, in the file's order; raises DataError where
            the file is damaged.
    """

    name: str
    columns: tuple[str, ...]
    read: Callable[[Sequence[str]], Iterator[Batch]]


def open_table(
    path: Path, expected: Collection[str], *, delimiter: str | None, encoding: str | None
) -> Table:
    """Opens a CSV or Parquet file.

    Args:
        path: the file; its suffix tells the format.
        expected: names that the header should have; they tell a CSV file's delimiter.
        delimiter: of a CSV file; None to find it out.
        encoding: of a CSV file; None for UTF-8.

    Returns:
        The table; a CSV file's columns are text.

    Raises:
        DataError: it is not there, empty, damaged, or of another format.
    """
    suffix = path.suffix.lower()
    if suffix not in (*CSV_SUFFIXES, PARQUET_SUFFIX):
        known = ", ".join(CSV_SUFFIXES)
        msg = f"input {str(path)!r} is of no known format: expected a name that ends in {known} "
        msg += f"or {PARQUET_SUFFIX}"
        raise DataError(msg)
    with _explained(path):
        if not path.is_file():
            reason = "it is no file" if path.exists() else "it is not there; check the path"
            raise DataError(_unreadable(path, reason))
        if path.stat().st_size == 0:
            raise DataError(_unreadable(path, "it is empty; expected columns and rows"))
        if suffix == PARQUET_SUFFIX:
            return _open_parquet(path)
        return _open_csv(path, expected, delimiter, encoding or "utf-8")


def _open_parquet(path: Path) -> Table:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        columns = tuple(file.schema_arrow.names)

    def read(wanted: Sequence[str]) -> Iterator[Batch]:
        # Without a buffer of its own Arrow holds whole column chunks, which other people make huge.
        with _explained(path), parquet.ParquetFile(path, buffer_size=2**20) as file:
            total, done = file.metadata.num_rows, 0
            for batch in file.iter_batches(BATCH, columns=list(wanted), use_threads=False):
                done += batch.num_rows
                yield Batch(_frame(batch, wanted), done / total)

    return Table(str(path), columns, read)


def _open_csv(path: Path, expected: Collection[str], delimiter: str | None, encoding: str) -> Table:
    import pyarrow
    from pyarrow import csv as arrow_csv

    headers = {mark: _header(path, mark, encoding) for mark in (delimiter or _DELIMITERS)}
    mark = max(headers, key=lambda m: (len(set(headers[m]) & set(expected)), len(headers[m])))
    size = path.stat().st_size

    def read(wanted: Sequence[str]) -> Iterator[Batch]:
        odd: list[Any] = []
        with _explained(path, odd), path.open("rb") as file:
            stream = _Stream(file)
            reader = arrow_csv.open_csv(
                stream,
                arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK, encoding=encoding),
                arrow_csv.ParseOptions(
                    delimiter=mark, newlines_in_values=True, invalid_row_handler=_keep(odd)
                ),
                arrow_csv.ConvertOptions(
                    include_columns=list(wanted),
                    column_types=dict.fromkeys(wanted, pyarrow.large_string()),
                ),
            )
            for number, block in enumerate(reader, start=1):
                share = min(1.0, number * _BLOCK / size)
                for begin in range(0, block.num_rows, BATCH):
                    yield Batch(_frame(block.slice(begin, BATCH), wanted), share)
            if stream.quotes % 2 and not encoding.lower().startswith(_WIDE):
                raise DataError(_unreadable(path, "its quotes do not match; mend them"))

    return Table(str(path), headers[mark], read)


class _Stream(io.RawIOBase):
    """A file that counts what passes: to the last quote that nobody closed Arrow says nothing."""

    def __init__(self, file: BinaryIO) -> None:
        """Takes an open file."""
        self._file = file
        self.quotes = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Reads at most `size` bytes."""
        data = self._file.read(size)
        self.quotes += data.count(b'"')
        return data


def _keep(odd: list[Any]) -> Callable[[Any], str]:
    """Keeps the row that does not fit the header, which Arrow's own message would quote."""

    def handler(row: Any) -> str:
        odd.append(row)
        return "error"

    return handler


def _header(path: Path, delimiter: str, encoding: str) -> tuple[str, ...]:
    csv.field_size_limit(sys.maxsize)
    marked = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    with path.open("rb") as stream:
        text = io.TextIOWrapper(stream, marked, errors="replace", newline="")
        rows = csv.reader(text, delimiter=delimiter)
        return tuple(next((row for row in rows if row), ()))


def _frame(batch: Any, wanted: Sequence[str]) -> pl.DataFrame:
    """Returns an Arrow batch with codes of categories as their text."""
    frame = pl.DataFrame(pl.from_arrow(batch)).select(pl.col(list(wanted)))
    coded = [n for n, dtype in frame.schema.items() if dtype in (pl.Categorical, pl.Enum)]
    return frame.with_columns(pl.col(name).cast(pl.String) for name in coded)


@contextmanager
def _explained(path: Path, odd: Sequence[Any] = ()) -> Iterator[None]:
    """Says what is wrong with the file in our words: Arrow's may quote a row."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError) as exc:
        raise DataError(_unreadable(path, _reason(path, str(exc), odd))) from exc
    except LookupError as exc:
        msg = "its encoding is not known: check csv.encoding of the spec in the bundle"
        raise DataError(_unreadable(path, msg)) from exc
    except OSError as exc:
        reason = exc.strerror or "it is damaged; write or fetch it again"
        raise DataError(_unreadable(path, reason)) from exc


def _reason(path: Path, said: str, odd: Sequence[Any]) -> str:
    if path.suffix.lower() == PARQUET_SUFFIX:
        return "it is no whole Parquet file; write or fetch it again"
    if odd:
        # Arrow counts from 1, the header being the first.
        return (
            f"row {odd[0].number - 2}, counting from 0, has {odd[0].actual_columns} fields and the "
            f"header {odd[0].expected_columns}; quote fields that hold the delimiter, and write an "
            "empty field for a missing value"
        )
    if "UTF8" in said:
        return "it is not UTF-8; save it as UTF-8"
    if "straddl" in said:
        return f"a row is longer than {_BLOCK:,} bytes; do its quotes match?"
    return "its rows do not fit its header; write it again with a library for CSV"


def _unreadable(path: Path, reason: str) -> str:
    return f"input {str(path)!r} cannot be read: {reason}"
