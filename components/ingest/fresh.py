"""Reads the fresh rows: what was asked of the served model, with labels, since the last run.

They stay a table of their own beside the sources' rows, because a server has read them already:
numbers are numbers and truth values have one spelling, whatever the sources write. Only columns
that may tell of the target are taken over. Ids and groups are not, though a file of one's own may
hold them: the newest rows are the hold-out, whoever they are about.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import polars as pl

from components.contract import Lineage, write_rows
from components.errors import DataError
from components.fresh import CHECK_ID, FRESH_ROWS, ID, TIME, Fresh
from components.ingest.columns import listed
from components.ingest.fingerprint import fingerprint
from components.ingest.formats import Format, shown
from components.ingest.opening import Table, opened
from components.landing import is_full, landing

if TYPE_CHECKING:
    from components.spec import Spec

_LOG = logging.getLogger(__name__)
_WHENCE = "expected what GET /v1/models/NAME/labelled.parquet of the monitor gives"


def add_fresh(spec: "Spec", address: str, rows: Path, lineage: Lineage) -> Lineage:
    """Writes the fresh rows beside the sources'.

    Args:
        spec: names the target, and what is no feature.
        address: of a Parquet file with the columns `TIME` and `ID`.
        rows: the file of the sources' rows, protected; its folder receives `fresh.parquet` and
            `fresh.json`.
        lineage: of the sources' rows.

    Returns:
        The lineage of all rows.

    Raises:
        DataError: the file cannot be read, is no such file, or holds too few rows.
    """
    folder, known = rows.parent, pl.read_parquet_schema(rows)
    name = shown(address)
    with _sentence(name), opened([address], spec.csv, _scratch(folder)) as tables:
        table = _one(tables)
        taken = _columns(spec, list(known), table)
        kept, left_out = _rows(table)
        with landing(folder / FRESH_ROWS) as path:
            try:
                write_rows(kept.select(*taken, _moment(table)), path)
            except (pl.exceptions.PolarsError, OSError) as exc:
                if is_full(exc):
                    raise
                raise DataError(table.explain(exc)) from exc
            fresh = _described(path, address, taken, left_out, lineage)
            _require_enough(spec, fresh)
    fresh.write(folder)
    written = pl.scan_parquet(folder / FRESH_ROWS, glob=False)
    both = f"{lineage.fingerprint} {fingerprint(written)}"
    digest = f"sha256:{hashlib.sha256(both.encode()).hexdigest()}"
    _LOG.info("fresh rows read rows=%d left_out=%d", fresh.rows, left_out)
    update = {"rows": lineage.rows + fresh.rows, "fingerprint": digest, "fresh": fresh}
    return lineage.model_copy(update=update)


def _scratch(folder: Path) -> Path:
    """A folder of its own, beside which copies lie meanwhile."""
    return folder.with_name(f"{folder.name}.fresh")


@contextmanager
def _sentence(name: str) -> Iterator[None]:
    try:
        yield
    except DataError as exc:
        msg = f"the fresh rows of {name!r} cannot be used: {exc}"
        raise DataError(msg) from exc


def _one(tables: Sequence[Table]) -> Table:
    if len(tables) != 1 or tables[0].format is not Format.PARQUET or tables[0].path is None:
        msg = f"expected one Parquet file, found {len(tables)} or of another kind"
        raise DataError(msg)
    return tables[0]


def _columns(spec: "Spec", known: list[str], table: Table) -> list[str]:
    """Lists the columns that are taken over, and says what is wrong with the others."""
    schema = table.rows.collect_schema()
    if taken := [name for name in (TIME, ID) if name in known]:
        msg = f"the sources have {listed(taken)} too, by which fresh rows are told; rename it there"
        raise DataError(msg)
    if lacks := [name for name in (spec.target, TIME, ID) if name not in schema]:
        msg = f"they lack {listed(lacks)}: {_WHENCE}"
        raise DataError(msg)
    if not isinstance(schema[TIME], pl.Datetime) or schema[ID] != pl.String:
        msg = (
            f"they hold {TIME!r} as {schema[TIME]} and {ID!r} as {schema[ID]}, expected moments "
            f"and text: {_WHENCE}"
        )
        raise DataError(msg)
    unwanted = {spec.id, spec.split.group, *spec.drop}
    unwanted |= {name for name, column in spec.columns.items() if column.private}
    found = [name for name in known if name in schema and name not in unwanted]
    if found == [spec.target]:
        msg = f"they have none of the sources' columns but the target {spec.target!r}: {_WHENCE}"
        raise DataError(msg)
    more = set(schema) - {*known, *unwanted, TIME, ID}
    absent = [name for name in known if name not in schema and name not in unwanted]
    if more:
        _LOG.warning("columns of the fresh rows that no source has are left out: %d", len(more))
    if absent:
        _LOG.warning("fresh rows lack columns, which are no features then: %s", listed(absent))
    return found


def _rows(table: Table) -> tuple[pl.LazyFrame, int]:
    """The rows that count, and how many do not: each prediction is one row, the last of its id.

    What comes later under an id is a correction of what came before.
    """
    identity, moment = pl.col(ID), pl.col(TIME)
    kept = table.rows.filter(~identity.str.starts_with(CHECK_ID))
    counted = table.rows.select(
        pl.len().alias("rows"),
        (identity.is_null() | moment.is_null()).sum().alias("nameless"),
        identity.str.starts_with(CHECK_ID).sum().alias("checks"),
        identity.filter(~identity.str.starts_with(CHECK_ID)).n_unique().alias("different"),
    )
    try:
        found = counted.collect(engine="streaming").row(0, named=True)
    except (pl.exceptions.PolarsError, OSError) as exc:
        raise DataError(table.explain(exc)) from exc
    if found["nameless"]:
        msg = f"{found['nameless']:,} rows have no {TIME!r} or no {ID!r}: {_WHENCE}"
        raise DataError(msg)
    repeated = found["rows"] - found["checks"] - found["different"]
    if repeated:
        _LOG.warning("fresh rows repeat the id of another, the last counts: %d", repeated)
        kept = kept.unique(subset=[ID], keep="last", maintain_order=True)
    return kept, found["checks"] + repeated


def _moment(table: Table) -> pl.Expr:
    """The time in UTC without a zone, in microseconds, as dates are typed."""
    dtype = table.rows.collect_schema()[TIME]
    moment = pl.col(TIME)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        moment = moment.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return moment.cast(pl.Datetime("us"))


def _described(
    path: Path, address: str, columns: Sequence[str], left_out: int, lineage: Lineage
) -> Fresh:
    written = pl.scan_parquet(path, glob=False)
    ends = written.select(
        pl.len().alias("rows"), pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last")
    )
    count, first, last = ends.collect(engine="streaming").row(0)
    is_web = address.startswith(("https://", "http://"))
    asked = parse_qs(urlsplit(address).query) if is_web else {}
    return Fresh(
        rows=count,
        columns=tuple(columns),
        first=_written(first),
        last=_written(last),
        since=asked.get("since", [""])[0],
        until=asked.get("until", [""])[0],
        left_out=left_out,
        sources=lineage.fingerprint,
    )


def _written(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.isoformat(timespec='microseconds')}Z"


def _require_enough(spec: "Spec", fresh: Fresh) -> None:
    least = spec.checks.min_rows
    if fresh.rows < least:
        but = f", {fresh.left_out:,} left out," if fresh.left_out else ""
        msg = (
            f"they are {fresh.rows:,}{but} and their newest fifth is to judge the models: expected "
            f"at least {least:,} (`checks.min_rows`); wait for more labels, or run without them"
        )
        raise DataError(msg)
