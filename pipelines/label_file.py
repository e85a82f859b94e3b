"""Reads ground truth from a file: entries of id, label and perhaps time, whatever the format."""

import csv
import gzip
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from components.errors import DataError

REQUIRED: Final = ("id", "label")
COLUMNS: Final = (*REQUIRED, "time")
_BATCH: Final = 10_000

Scalar = bool | int | float | str
Row = tuple[dict[str, Any], float]


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of the file that has a label.

    Attributes:
        number: its row, from 1, the header left out.
        entry: what the monitor takes: `id`, `label`, and `time` where the row has one.
        share: of the file read so far, from 0 to 1.
    """

    number: int
    entry: dict[str, Any]
    share: float


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """One row without a label, or without an id."""

    number: int
    share: float


def read_labels(path: Path) -> Iterator[LabelRow | Unlabelled]:
    """Reads a file row by row.

    Args:
        path: `.csv`, `.jsonl` (either with `.gz`) or `.parquet`, with columns id, label and
            perhaps time; others are left aside.

    Yields:
        The rows in their order; text that is exactly how a number is written is that number.

    Raises:
        DataError: the file cannot be read, or lacks a column.
    """
    name = path.name.lower().removesuffix(".gz")
    readers = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    reader = readers.get(Path(name).suffix)
    if reader is None:
        msg = f"cannot read labels from {str(path)!r}: expected .csv, .jsonl or .parquet"
        raise DataError(msg)
    try:
        for number, (values, share) in enumerate(reader(path), start=1):
            yield _row(number, values, share)
    except (OSError, EOFError, csv.Error, pa.ArrowException, UnicodeDecodeError) as exc:
        msg = f"labels in {str(path)!r} cannot be read: {exc}"
        raise DataError(msg) from exc


def number_in(text: str) -> float | None:
    """Reads text as a finite number in any spelling, such as "3.50"; None where it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _row(number: int, values: dict[str, Any], share: float) -> LabelRow | Unlabelled:
    identity, label, time = (values.get(name) for name in COLUMNS)
    unknown = label in (None, "") or (isinstance(label, float) and math.isnan(label))
    if unknown or identity in (None, ""):
        return Unlabelled(number, share)
    entry = {"id": str(identity), "label": _canonical(label)}
    if time not in (None, ""):
        entry["time"] = time.isoformat() if hasattr(time, "isoformat") else time
    return LabelRow(number, entry, share)


def _canonical(label: object) -> Scalar:
    """A number for the text of one: classes are found by either, values by the number alone.

    Other spellings stay text, since a class may be "01".
    """
    if isinstance(label, float) and math.isinf(label):
        return str(label)
    if isinstance(label, bool | int | float):
        return label
    text = str(label)
    for read in (int, float):
        try:
            value: int | float = read(text)
        except ValueError:
            continue
        if str(value) == text and math.isfinite(value):
            return value
    return text


def _csv(path: Path) -> Iterator[Row]:
    with _opened(path) as (stream, share):
        rows = csv.DictReader(stream)
        _require(path, rows.fieldnames or ())
        for row in rows:
            yield row, share()


def _json_lines(path: Path) -> Iterator[Row]:
    with _opened(path) as (stream, share):
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as exc:
                msg = f"line {number} of {str(path)!r} is no JSON: {exc}"
                raise DataError(msg) from exc
            if not isinstance(row, dict):
                msg = f"line {number} of {str(path)!r} is no JSON object with id and label"
                raise DataError(msg)
            yield row, share()


def _parquet(path: Path) -> Iterator[Row]:
    with pq.ParquetFile(path) as file:
        _require(path, file.schema_arrow.names)
        wanted = [name for name in COLUMNS if name in file.schema_arrow.names]
        total, done = max(1, file.metadata.num_rows), 0
        for batch in file.iter_batches(batch_size=_BATCH, columns=wanted):
            for row in batch.to_pylist():
                done += 1
                yield row, done / total


def _require(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        msg = (
            f"{str(path)!r} has no column {' and no column '.join(map(repr, missing))}: expected "
            f"id and label, and perhaps time; it has {', '.join(map(repr, names[:20])) or 'none'}"
        )
        raise DataError(msg)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[str], Callable[[], float]]]:
    """Opens text, packed or not; also yields what tells the share read so far."""
    size = max(1, path.stat().st_size)
    with path.open("rb") as raw:
        packed = path.name.lower().endswith(".gz")
        content = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
        with io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as stream:
            yield stream, lambda: min(1.0, raw.tell() / size)
