"""Writes the typed rows, and goes over them once: judges, counts and hashes them by batches."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from components.contract import ColumnContract, Contract, Role, write_rows
from components.validate.checks import row_checks
from components.validate.describe import counter
from components.validate.profile import Profile
from components.validate.repeats import KeyHashes, Repeats
from components.validate.schema import Broken, RowCheck, RowChecker
from components.validate.table_checks import ROWS_KEY
from components.validate.tally import Counted, batch_rows
from components.validate.target import class_index
from components.validate.typed import is_faithful, typed


@dataclass(frozen=True)
class Table:
    """A table as read, and what is known of it.

    Attributes:
        rows: as `profile` gives them.
        profiles: what each column holds.
        contract: of all columns.
    """

    rows: pl.LazyFrame
    profiles: Mapping[str, Profile]
    contract: Contract

    def value(self, column: ColumnContract) -> pl.Expr:
        """Returns a column as it is written: a target of classes as their index."""
        seen = self.profiles[column.name]
        if column.role is Role.TARGET and self.contract.classes is not None:
            return class_index(column, seen, self.contract.classes).alias(column.name)
        return typed(column, seen)


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
    target = next(c for c in table.contract.columns if c.role is Role.TARGET)
    # Without classes no row has a target that could be kept.
    seen, is_usable = table.profiles[target.name], table.contract.classes != ()
    complete = seen.missing == 0 and (
        table.contract.classes is not None or is_faithful(target, seen)
    )
    whole = path if complete or not is_usable else scratch / "typed.parquet"
    ordered = sorted(table.contract.columns, key=lambda c: c.role is Role.TARGET)
    write_rows(table.rows.select(table.value(column) for column in ordered), whole)
    written = pl.scan_parquet(whole, glob=False)
    has_target = pl.col(target.name).is_not_null()
    kept = None
    if whole != path:
        write_rows(written.filter(has_target), path)
        kept = has_target
    return _looked(table, written, kept, scratch)


def _looked(table: Table, written: pl.LazyFrame, kept: pl.Expr | None, scratch: Path) -> Swept:
    """Goes over the typed rows, with what must be known of the rows as read beside them."""
    due, schema = row_checks(table.contract, table.profiles), written.collect_schema()
    checker = RowChecker(due.checks, schema)
    count = written.select(pl.len() if kept is None else kept.sum())
    counting = counter(table.contract, schema, count.collect(engine="streaming").item())
    raw = _raw(table)
    beside = [*due.flags, *raw.values()]
    rows = written
    if beside:
        rows = pl.concat([written, table.rows.select(beside)], how="horizontal")
    folder = scratch / "hashes"
    folder.mkdir()
    hashes = KeyHashes(_keys(table, raw), folder)
    size = batch_rows(len(schema) + len(beside))
    batches = rows.collect_batches(chunk_size=size, maintain_order=True, engine="streaming")
    with closing(hashes):
        for batch in batches:
            checker.add(batch)
            hashes.add(batch)
            counting.add(batch if kept is None else batch.filter(kept))
    return Swept(due.checks, checker.found, hashes.repeats(), counting.counted())


def _raw(table: Table) -> dict[str, pl.Expr]:
    """Hashes of what typing may make equal, by column."""
    found = {}
    for column in table.contract.columns:
        seen = table.profiles[column.name]
        if not is_faithful(column, seen):
            source = pl.col(column.name)
            # Polars hashes lists within a struct only.
            source = pl.struct(source) if seen.dtype.is_nested() else source
            found[column.name] = source.hash().alias(f"{column.name}\0raw")
    return found


def _keys(table: Table, raw: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
    """What must not, or should not, occur twice, as hashes."""
    columns = table.contract.columns
    once = [column.name for column in columns if column.unique or column.role is Role.ID]
    keys = {n: pl.when(pl.col(n).is_not_null()).then(pl.col(n).hash()) for n in once}
    row = [column.name for column in columns if column.role is not Role.ID]
    # Each column by a seed of its own, so that equal values in two columns do not cancel out.
    values = [pl.col(name).hash(seed) for seed, name in enumerate(row)]
    values += [pl.col(f"{name}\0raw") for name in row if name in raw]
    return {**keys, ROWS_KEY: pl.sum_horizontal(values)}
