"""Writes the typed rows, and goes over them once: judges, counts and hashes them by batches."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from components.contract import Role, write_rows
from components.validate.describe import counter
from components.validate.repeats import KeyHashes, Repeats
from components.validate.schema import Broken, RowCheck, RowChecker
from components.validate.table import Table, raw_name
from components.validate.table_checks import ROWS_KEY
from components.validate.tally import Counted, batch_rows


@dataclass(frozen=True)
class Swept:
    """What the pass over the typed rows has found.

    Attributes:
        checks: what every row owes.
        broken: how many rows break it, by column and code.
        repeats: what occurs more than once: unique columns and the id by name, whole rows under
            `ROWS_KEY`.
        counted: what the rows that are kept add up to.
    """

    checks: tuple[RowCheck, ...]
    broken: Mapping[tuple[str, str], Broken]
    repeats: Mapping[str, Repeats]
    counted: Counted


def sweep(table: Table, path: Path, scratch: Path) -> Swept:
    """Writes the typed rows and looks at them.

    Written first, and then read back in batches: what a batch costs to read is a tenth of what it
    costs to type, and whatever is asked of the rows is asked of the typed ones.

    Args:
        table: what to type.
        path: the Parquet file to write, without the rows that have no target.
        scratch: a folder for what is needed meanwhile.

    Returns:
        What was found, with positions in the whole table.
    """
    # Without classes no row has a target that could be kept.
    is_usable = table.contract.classes != ()
    whole = path if table.is_whole() or not is_usable else scratch / "typed.parquet"
    write_rows(table.typed(), whole)
    written = pl.scan_parquet(whole, glob=False)
    has_target = pl.col(table.contract.target).is_not_null()
    kept = None
    if whole != path:
        write_rows(written.filter(has_target), path)
        kept = has_target
    return _looked(table, written, kept, scratch)


def _looked(table: Table, written: pl.LazyFrame, kept: pl.Expr | None, scratch: Path) -> Swept:
    """Goes over the typed rows, with what must be known of the rows as read beside them."""
    due, schema = table.due(), written.collect_schema()
    checker = RowChecker(due.checks, schema)
    count = written.select(pl.len() if kept is None else kept.sum())
    counting = counter(table.contract, schema, count.collect(engine="streaming").item())
    rows, width = written, len(schema)
    if due.beside is not None:
        rows = pl.concat([written, due.beside], how="horizontal")
        width += len(due.beside.collect_schema())
    folder = scratch / "hashes"
    folder.mkdir()
    hashes = KeyHashes(_keys(table, due.hashed), folder)
    size = batch_rows(width)
    batches = rows.collect_batches(chunk_size=size, maintain_order=True, engine="streaming")
    with closing(hashes):
        for batch in batches:
            checker.add(batch)
            hashes.add(batch)
            counting.add(batch if kept is None else batch.filter(kept))
    return Swept(due.checks, checker.found, hashes.repeats(), counting.counted())


def _keys(table: Table, hashed: Sequence[str]) -> dict[str, pl.Expr]:
    """What must not, or should not, occur twice, as hashes."""
    columns = table.contract.columns
    once = [column.name for column in columns if column.unique or column.role is Role.ID]
    keys = {n: pl.when(pl.col(n).is_not_null()).then(pl.col(n).hash()) for n in once}
    row = [column.name for column in columns if column.role is not Role.ID]
    # Each column by a seed of its own, so that equal values in two columns do not cancel out.
    values = [pl.col(name).hash(seed) for seed, name in enumerate(row)]
    values += [pl.col(raw_name(name)) for name in row if name in hashed]
    return {**keys, ROWS_KEY: pl.sum_horizontal(values)}
