"""Opens the table to be scored and reads it in batches, so that memory does not grow with its rows.

Arrow reads both formats here: Polars fills a CSV row that is too short with nulls, which would be
answered as if the values were missing, and Arrow's batches are bounded within a row group too.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.errors import DataError
from components.score.arrow import BATCH, Batch, as_frame
from components.score.delimited import UnmatchedQuoteError, explain, find_columns, read_text
from components.score.disguise import unmask

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIX = ".parquet"
_DAMAGED = "it is damaged; write or fetch it again"


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
            raise DataError(_unreadable(path, _no_file(path)))
        if path.stat().st_size == 0:
            raise DataError(_unreadable(path, "it is empty; expected columns and rows"))
        if suffix == PARQUET_SUFFIX:
            return _open_parquet(path)
        with path.open("rb") as stream:
            if said := unmask(stream.read(16), encoding):
                raise DataError(_unreadable(path, said))
        return _open_csv(path, expected, delimiter, encoding or "utf-8")


def _no_file(path: Path) -> str:
    if not path.exists():
        return "it is not there; check the path"
    if path.is_dir():
        return "it is a folder; name one file of it"
    # Opening a pipe would wait for somebody to write.
    return "it is a pipe or a device; write it to a file first"


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
                yield Batch(as_frame(batch, wanted), done / total)

    return Table(str(path), columns, read)


def _open_csv(path: Path, expected: Collection[str], delimiter: str | None, encoding: str) -> Table:
    mark, columns = find_columns(path, expected, delimiter, encoding)
    if not columns:
        raise DataError(_unreadable(path, "it is empty; expected columns and rows"))

    def read(wanted: Sequence[str]) -> Iterator[Batch]:
        with _explained(path):
            yield from read_text(path, wanted, mark, encoding)

    return Table(str(path), columns, read)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Says what is wrong with the file in our words."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError) as exc:
        # Without the cause, because Arrow's own words quote the row, and a task logs its traceback.
        raise DataError(_unreadable(path, _reason(path, str(exc)))) from None
    except UnmatchedQuoteError as exc:
        raise DataError(_unreadable(path, "its quotes do not match; mend them")) from exc
    except UnicodeDecodeError as exc:
        stated = "it is not in the encoding that csv.encoding of the spec in the bundle says"
        reason = _DAMAGED if path.suffix.lower() == PARQUET_SUFFIX else stated
        raise DataError(_unreadable(path, reason)) from exc
    except LookupError as exc:
        msg = "its encoding is not known: check csv.encoding of the spec in the bundle"
        raise DataError(_unreadable(path, msg)) from exc
    except OSError as exc:
        raise DataError(_unreadable(path, exc.strerror or _DAMAGED)) from exc


def _reason(path: Path, said: str) -> str:
    if path.suffix.lower() != PARQUET_SUFFIX:
        return explain(said)
    if "UTF8" in said:
        return "it holds text that is not UTF-8; write or fetch it again"
    return "it is no whole Parquet file; write or fetch it again"


def _unreadable(path: Path, reason: str) -> str:
    return f"input {str(path)!r} cannot be read: {reason}"
