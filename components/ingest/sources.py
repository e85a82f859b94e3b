"""Reads the sources that a spec names into one Parquet table.

Everything is lazy and streams, so that a table larger than memory passes through.
"""

from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import polars as pl

from components.contract import ROWS, Lineage, has_text
from components.errors import DataError
from components.ingest.columns import listed, require_columns, require_usable
from components.ingest.datasets import dataset
from components.ingest.delimited import delimiter_of, scan_delimited
from components.ingest.diagnosis import explain
from components.ingest.fingerprint import fingerprint
from components.ingest.places import find_places
from components.ingest.privacy import protect

if TYPE_CHECKING:
    from components.spec import Spec

_CSV = (".csv", ".csv.gz")
_JSON_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_PARQUET = (".parquet",)


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
        DataError: a source is missing, unreadable or empty, the sources' columns differ, or one
            that the spec names is not among them.
    """
    tables = {place: scan(place) for place in find_places(spec.source)}
    if fresh:
        tables[fresh] = scan(fresh)
    rows = _joined(tables)
    require_columns(spec, rows.collect_schema().names())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ROWS
    try:
        protect(rows, spec).sink_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as exc:
        path.unlink(missing_ok=True)
        raise DataError(_blame(tables, exc)) from exc
    written = pl.scan_parquet(path, glob=False)
    count = written.select(pl.len()).collect().item()
    if count == 0:
        path.unlink()
        msg = f"the source {', '.join(spec.source)} has a header and no rows: expected some"
        raise DataError(msg)
    columns = len(written.collect_schema().names())
    return Lineage(run_id=run_id, rows=count, columns=columns, fingerprint=fingerprint(written))


def scan(place: str) -> pl.LazyFrame:
    """Opens one source lazily.

    Args:
        place: a path or an address; `sklearn://NAME` is a table that comes with scikit-learn.

    Returns:
        Its columns, CSV ones and categories as text.

    Raises:
        DataError: it is missing, empty or damaged, or its format is unknown.
    """
    if place.startswith("sklearn://"):
        return dataset(place.removeprefix("sklearn://")).lazy()
    remote = "://" in place
    name = (urlsplit(place).path if remote else place).lower()
    if not name.endswith((*_CSV, *_JSON_LINES, *_PARQUET)):
        msg = f"source {place!r} is of no known format: expected .csv, .csv.gz, .parquet or .jsonl"
        raise DataError(msg)
    try:
        if name.endswith(_PARQUET):
            table = pl.scan_parquet(place, glob=remote)
        elif name.endswith(_JSON_LINES):
            # Polars takes a name with brackets for a pattern, and has no switch for it here.
            pattern = place if remote else escape(place)
            table = pl.scan_ndjson(pattern, infer_schema_length=None)
        else:
            table = scan_delimited(place)
        schema = table.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as exc:
        raise DataError(explain(place, exc, _delimiter(place))) from exc
    require_usable(place, schema.names())
    # The codes of two files' categories differ, their texts do not.
    coded = [n for n, dtype in schema.items() if dtype in (pl.Categorical, pl.Enum)]
    return table.with_columns(pl.col(n).cast(pl.String) for n in coded)


def _joined(tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
    schemas = {place: table.collect_schema() for place, table in tables.items()}
    first, *others = schemas
    names = schemas[first].names()
    problems = []
    for place in others:
        lacks = [name for name in names if name not in schemas[place]]
        adds = [name for name in schemas[place] if name not in schemas[first]]
        said = [f"lacks {listed(lacks)}"] * bool(lacks) + [f"adds {listed(adds)}"] * bool(adds)
        said += [
            f"holds {name!r} as {schemas[place][name]} and not as {schemas[first][name]}"
            for name in names
            if name not in lacks and not _compatible(schemas[first][name], schemas[place][name])
        ]
        if said:
            problems.append(f"{place!r} {' and '.join(said)}")
    if problems:
        msg = (
            f"the sources have different columns: compared with {first!r}, {'; '.join(problems)}. "
            "Give all of them the same columns"
        )
        raise DataError(msg)
    return pl.concat([table.select(names) for table in tables.values()], how="vertical_relaxed")


def _compatible(one: pl.DataType, other: pl.DataType) -> bool:
    return one == other or pl.Null in (one, other) or (has_text(one) and has_text(other))


def _blame(tables: dict[str, pl.LazyFrame], exc: Exception) -> str:
    """Finds the source that cannot be read to its end."""
    for place, table in tables.items():
        try:
            table.select(pl.all().null_count()).collect(engine="streaming")
        except (pl.exceptions.PolarsError, OSError) as own:
            return explain(place, own, _delimiter(place))
    reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else type(exc).__name__
    return f"the table cannot be written: {reason}; check the disk"


def _delimiter(place: str) -> str:
    return delimiter_of(place) if place.lower().endswith(_CSV) else ","
