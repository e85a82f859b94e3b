"""Reads the sources that a spec names into one Parquet table.

Everything is lazy and streams, so that a table larger than memory passes through. The table appears
under its name only when it is whole: it is written beside it and renamed at the very end, so that a
process that is killed leaves nothing that a later stage would read.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from components.contract import ROWS, Lineage
from components.errors import DataError
from components.findings import FINDINGS, Finding, write_findings
from components.ingest.columns import require_columns
from components.ingest.fingerprint import fingerprint
from components.ingest.opening import Table, opened, scan
from components.ingest.personal import find_personal
from components.ingest.privacy import protect
from components.ingest.schemas import joined
from components.ingest.scratch import is_full

if TYPE_CHECKING:
    from components.spec import Spec

__all__ = ["ingest_table", "scan"]

_LOG = logging.getLogger(__name__)
_PARTIAL = f"{ROWS}.partial"


def ingest_table(spec: "Spec", folder: Path, *, run_id: str, fresh: str = "") -> Lineage:
    """Reads, protects and writes a spec's table.

    Args:
        spec: names the sources and the private columns.
        folder: receives `rows.parquet` and `findings.json`; both or, on failure, none.
        run_id: the run that reads.
        fresh: labelled rows since the last run, a Parquet address; empty for none.

    Returns:
        Counts and fingerprint of what was written.

    Raises:
        DataError: a source is missing, unreadable or empty, the sources' columns differ, one that
            the spec names is not among them, or the spec refuses what looks personal.
    """
    for name in (ROWS, _PARTIAL, FINDINGS):
        (folder / name).unlink(missing_ok=True)
    try:
        with opened([*spec.source, *([fresh] if fresh else [])], spec.csv, folder) as tables:
            folder.mkdir(parents=True, exist_ok=True)
            _write(spec, tables, folder / _PARTIAL)
        lineage = _finish(spec, folder, run_id)
    except OSError as exc:
        reason = "the disk is full; make room there" if is_full(exc) else f"{exc.strerror}"
        msg = f"the table cannot be written to {str(folder)!r}: {reason}"
        raise DataError(msg) from exc
    finally:
        (folder / _PARTIAL).unlink(missing_ok=True)
    return lineage


def _write(spec: "Spec", tables: list[Table], path: Path) -> None:
    rows = joined(_by_name(tables))
    require_columns(spec, rows.collect_schema().names())
    try:
        protect(rows, spec).sink_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as exc:
        if is_full(exc):
            msg = (
                f"no room for the table in {str(path.parent)!r}: the disk is full; make room there"
            )
            raise DataError(msg) from exc
        raise DataError(_blame(tables, exc)) from exc


def _finish(spec: "Spec", folder: Path, run_id: str) -> Lineage:
    path = folder / _PARTIAL
    written = pl.scan_parquet(path, glob=False)
    count = written.select(pl.len()).collect().item()
    if count == 0:
        msg = f"the source {', '.join(spec.source)} has a header and no rows: expected some"
        raise DataError(msg)
    findings = _findings(spec, written)
    columns = len(written.collect_schema().names())
    digest = fingerprint(written)
    write_findings(folder, findings)
    path.replace(folder / ROWS)
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


def _by_name(tables: Iterable[Table]) -> dict[str, pl.LazyFrame]:
    named: dict[str, pl.LazyFrame] = {}
    for table in tables:
        # Two addresses may differ in what is not shown.
        name = table.name if table.name not in named else f"{table.name} ({len(named) + 1})"
        named[name] = table.rows
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
