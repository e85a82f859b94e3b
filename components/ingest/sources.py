"""Reads the sources that a spec names into one Parquet table.

CSV columns stay text here: what a column's type is, `validate` decides over the whole column, not
a reader over its first rows. Everything is lazy and streams, so that a table larger than memory
passes through.
"""

from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import polars as pl

from components.contract import ROWS, Lineage
from components.errors import DataError
from components.ingest.fingerprint import fingerprint
from components.ingest.privacy import protect
from components.spec import DATASETS

if TYPE_CHECKING:
    from components.spec import Spec

_DELIMITERS = ",;\t|"


def ingest_table(spec: "Spec", folder: Path, *, run_id: str, fresh: str = "") -> Lineage:
    """Reads, protects and writes a spec's table.

    Args:
        spec: names the sources and the private columns.
        folder: receives `rows.parquet`.
        run_id: the run that reads.
        fresh: labelled rows since the last run, a Parquet address; empty for none.

    Returns:
        Counts and fingerprint of what was written.

    Raises:
        DataError: a source is missing, unreadable or empty, the sources' columns differ, or the
            target is not among them.
    """
    tables = [scan(place) for source in spec.source for place in _places(source)]
    if fresh:
        tables.append(pl.scan_parquet(fresh))
    rows = protect(_joined(tables, spec), spec)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        rows.sink_parquet(folder / ROWS)
    except (pl.exceptions.PolarsError, OSError) as exc:
        msg = f"the source {', '.join(spec.source)} cannot be read: {exc}"
        raise DataError(msg) from exc
    written = pl.scan_parquet(folder / ROWS)
    count = written.select(pl.len()).collect().item()
    if count == 0:
        msg = f"the source {', '.join(spec.source)} has a header and no rows"
        raise DataError(msg)
    columns = len(written.collect_schema().names())
    return Lineage(run_id=run_id, rows=count, columns=columns, fingerprint=fingerprint(written))


def scan(place: str) -> pl.LazyFrame:
    """Opens one source lazily.

    Args:
        place: a path or an address; `sklearn://NAME` is a table that comes with scikit-learn.

    Returns:
        Its columns, CSV ones as text.

    Raises:
        DataError: it is missing, empty, or its format is unknown.
    """
    if place.startswith("sklearn://"):
        return _sklearn_table(place.removeprefix("sklearn://")).lazy()
    suffixes = Path(urlsplit(place).path).suffixes
    try:
        if ".parquet" in suffixes[-1:]:
            table = pl.scan_parquet(place)
        elif ".jsonl" in suffixes[-2:] or ".ndjson" in suffixes[-2:]:
            table = pl.scan_ndjson(place, infer_schema_length=None)
        elif ".csv" in suffixes[-2:]:
            table = pl.scan_csv(place, infer_schema=False, separator=_delimiter(place))
        else:
            msg = (
                f"source {place!r} is of no known format: expected .csv, .csv.gz, .parquet, .jsonl"
            )
            raise DataError(msg)
        table.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as exc:
        msg = f"source {place!r} cannot be read: {exc}"
        raise DataError(msg) from exc
    return table


def _places(source: str) -> list[str]:
    """Resolves a local path or glob to the files it names; leaves addresses alone."""
    if "://" in source and not source.startswith("file://"):
        return [source]
    path = unquote(source.removeprefix("file://"))
    # A plain path may hold [ or ]; what is there under that very name is meant.
    literal = Path(path).is_file() or not has_magic(path)
    found = [path] if literal else sorted(glob(path, recursive=True))
    if not found:
        msg = f"source {source!r} matches no file"
        raise DataError(msg)
    for name in found:
        if not Path(name).is_file():
            msg = f"source {name!r} is not there, or is no file"
            raise DataError(msg)
    return found


def _delimiter(place: str) -> str:
    """Reads the delimiter off the header line; a comma for what is remote or compressed."""
    if "://" in place or not place.endswith(".csv"):
        return ","
    with Path(place).open("rb") as stream:
        header = stream.readline(1 << 20).decode("utf-8", errors="replace")
    return max(_DELIMITERS, key=header.count)


def _joined(tables: list[pl.LazyFrame], spec: "Spec") -> pl.LazyFrame:
    names = [frozenset(table.collect_schema().names()) for table in tables]
    if spec.target not in names[0]:
        msg = (
            f"target {spec.target!r} is no column of {spec.source[0]!r}: "
            f"it has {', '.join(sorted(names[0]))}"
        )
        raise DataError(msg)
    for other in names[1:]:
        if other != names[0]:
            only = sorted(names[0] ^ other)
            msg = f"the sources have different columns: only some of them hold {', '.join(only)}"
            raise DataError(msg)
    order = tables[0].collect_schema().names()
    return pl.concat([table.select(order) for table in tables], how="vertical_relaxed")


def _sklearn_table(name: str) -> pl.DataFrame:
    if name not in DATASETS:
        msg = f"sklearn://{name} is not there: expected one of {', '.join(DATASETS)}"
        raise DataError(msg)
    from sklearn import datasets

    table = getattr(datasets, f"load_{name}")(as_frame=True)
    rows: pl.DataFrame = pl.from_pandas(table.frame)
    if "target_names" in table and name != "diabetes":
        texts = [str(text) for text in table.target_names]
        labels = pl.Series("target", [texts[i] for i in table.target], dtype=pl.String)
        rows = rows.with_columns(labels)
    return rows
