"""Reads the sources that a spec names into one Parquet table.

Everything is lazy and streams, so that a table larger than memory passes through, and the table
appears under its name only when it is whole and what is said beside it too.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from components.contract import ROWS, Lineage, write_rows
from components.errors import DataError
from components.findings import FINDINGS, Finding, write_findings
from components.fresh import Fresh
from components.ingest.columns import require_columns, require_header
from components.ingest.fingerprint import fingerprint
from components.ingest.formats import shown
from components.ingest.fresh import add_fresh
from components.ingest.opening import Table, opened, scan
from components.ingest.personal import find_personal
from components.ingest.privacy import protect
from components.ingest.schemas import joined
from components.landing import is_full, landing
from components.origins import ORIGINS, Origin, short_names, write_origins

if TYPE_CHECKING:
    from components.spec import Spec

__all__ = ["ingest_table", "scan"]

_LOG = logging.getLogger(__name__)
_BESIDE = (FINDINGS, ORIGINS)
# How much of a Parquet file is decoded ahead of what is written. Other people's row groups are
# large: of 10 million rows by 20 columns in groups of 250,000, copying took 780 MB with Polars' own
# choice and 300 MB with this, in the same time.
_DECODED_AHEAD = "POLARS_PARQUET_DECODE_TARGET_VALUES_PER_THREAD"
_FEW = "300000"


def ingest_table(spec: "Spec", folder: Path, *, run_id: str, fresh: str = "") -> Lineage:
    """Reads, protects and writes a spec's table.

    Args:
        spec: names the sources and the private columns.
        folder: receives `rows.parquet`, `findings.json` and `sources.json`, and of fresh rows
            `fresh.parquet` and `fresh.json`; all or, on failure, none.
        run_id: the run that reads.
        fresh: labelled rows since the last run, a Parquet address; empty for none.

    Returns:
        Counts and fingerprint of what was written.

    Raises:
        DataError: a source is missing, unreadable or empty, the sources' columns differ, one that
            the spec names is not among them, the spec refuses what looks personal, the disk is
            full, or the fresh rows are of no use.
    """
    _remove_beside(folder)
    os.environ.setdefault(_DECODED_AHEAD, _FEW)
    try:
        with landing(folder / ROWS) as path:
            with opened(spec.source, spec.csv, folder) as tables:
                folder.mkdir(parents=True, exist_ok=True)
                origins = _write(spec, _by_name(tables), path)
            lineage = _finish(spec, path, origins, run_id)
            return add_fresh(spec, fresh, path, lineage) if fresh else lineage
    except BaseException as exc:
        _remove_beside(folder)
        if isinstance(exc, OSError):
            msg = f"the table cannot be written to {str(folder)!r}: {exc.strerror}"
            raise DataError(msg) from exc
        raise


def _remove_beside(folder: Path) -> None:
    for name in _BESIDE:
        (folder / name).unlink(missing_ok=True)
    Fresh.remove(folder)


def _write(spec: "Spec", tables: dict[str, Table], path: Path) -> list[Origin]:
    first = next(iter(tables))
    require_header(spec, first, tables[first].rows.collect_schema().names())
    rows = joined({name: table.rows for name, table in tables.items()})
    require_columns(spec, rows.collect_schema().names())
    try:
        write_rows(protect(rows, spec), path)
        # Polars counts a CSV file's rows without reading their fields, in 13 ms for 170 MB, but
        # maps the file into memory: of one file alone, what was written tells as much.
        lone = [pl.scan_parquet(path, glob=False)] if len(tables) == 1 else []
        given = lone or [table.rows for table in tables.values()]
        counts = [rows.select(pl.len()).collect().item() for rows in given]
    except (pl.exceptions.PolarsError, OSError) as exc:
        if is_full(exc):
            raise
        raise DataError(_blame(tables.values(), exc)) from exc
    names = short_names(list(tables))
    return [Origin(name=n, rows=count) for n, count in zip(names, counts, strict=True)]


def _finish(spec: "Spec", path: Path, origins: list[Origin], run_id: str) -> Lineage:
    written = pl.scan_parquet(path, glob=False)
    count = written.select(pl.len()).collect().item()
    if count == 0:
        source = ", ".join(map(shown, spec.source))
        msg = f"the source {source} has a header and no rows: expected some"
        raise DataError(msg)
    for origin in origins:
        if not origin.rows:
            _LOG.warning("source %r has a header and no rows", origin.name)
    findings = _findings(spec, written)
    columns = len(written.collect_schema().names())
    digest = fingerprint(written)
    write_findings(path.parent, findings)
    write_origins(path.parent, origins)
    return Lineage(run_id=run_id, rows=count, columns=columns, fingerprint=digest)


def _findings(spec: "Spec", written: pl.LazyFrame) -> tuple[Finding, ...]:
    if spec.privacy.scan == "off":
        return ()
    declared = {name for name, column in spec.columns.items() if column.privacy is not None}
    findings = find_personal(written, declared)
    said = "; ".join(str(finding) for finding in findings)
    todo = "declare `privacy: drop`, hash or mask, or `privacy: public` if it is none"
    if findings and spec.privacy.scan == "refuse":
        msg = f"{said}: {todo}"
        raise DataError(msg)
    if findings:
        _LOG.warning("%s: %s", said, todo)
    return findings


def _by_name(tables: Iterable[Table]) -> dict[str, Table]:
    named: dict[str, Table] = {}
    for table in tables:
        # Two addresses may differ in what is not shown.
        name = table.name if table.name not in named else f"{table.name} ({len(named) + 1})"
        named[name] = table
    return named


def _blame(tables: Iterable[Table], exc: Exception) -> str:
    """Finds the source that cannot be read to its end."""
    for table in tables:
        try:
            table.rows.select(pl.all().null_count()).collect(engine="streaming")
        except (pl.exceptions.PolarsError, OSError) as own:
            return table.explain(own)
    reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else type(exc).__name__
    return f"the table cannot be written: {reason}; check the disk"
