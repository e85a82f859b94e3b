"""Describes a typed table: what one pass has counted of all rows, and a closer look at a sample."""

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl

from components.contract import ColumnContract, ColumnType, Contract, Role
from components.validate.association import Answers, answers, correlate
from components.validate.changes import compare
from components.validate.failure import Failure
from components.validate.look import Look, label_text
from components.validate.statistics import Broken, Statistics
from components.validate.tally import Counted, RowCounter, batch_rows


def counter(contract: Contract, schema: pl.Schema, rows: int) -> RowCounter:
    """Returns what counts a typed table for `describe`.

    Args:
        contract: of all columns.
        schema: float64, text and datetime (µs) by column; the target as class index (int64) or
            float64. Neither NaN nor infinity may be in them.
        rows: how many there are.

    Returns:
        A counter of all rows, with a sample of the columns of which more than counts may be told.
    """
    names = [column.name for column in contract.columns]
    private = [column.name for column in contract.columns if column.private]
    hidden = [column.name for column in contract.columns if _withheld(column, set())]
    typed = pl.Schema({name: schema[name] for name in names})
    return RowCounter(typed, rows, private=private, hidden=hidden)


def count_typed(rows: pl.LazyFrame, contract: Contract) -> Counted:
    """Counts a typed table by `counter`, in a pass of its own."""
    schema = rows.collect_schema()
    total = rows.select(pl.len()).collect(engine="streaming").item()
    counting = counter(contract, schema, total)
    size = batch_rows(len(schema))
    for batch in rows.collect_batches(chunk_size=size, maintain_order=True, engine="streaming"):
        counting.add(batch)
    return counting.counted()


def describe(
    rows: pl.LazyFrame | Counted,
    contract: Contract,
    failures: Iterable[Failure] = (),
    *,
    rejected: int = 0,
    duplicates: int | None = None,
    previous: Statistics | None = None,
) -> Statistics:
    """Describes a table.

    Args:
        rows: a typed table, or what `count_typed` gave for it.
        contract: of all its columns.
        failures: what breaks the contract; a column with the reason `personal_data` is described
            by counts alone.
        rejected: rows left out for want of a target.
        duplicates: rows that repeat another; None if nobody counted.
        previous: the version to compare with.

    Returns:
        The same statistics for the same rows in the same order.
    """
    counted = rows if isinstance(rows, Counted) else count_typed(rows, contract)
    broken = tuple(_broken(failure) for failure in failures)
    suspect = {failure.column for failure in broken if failure.code == "personal_data"}
    withheld = {column.name: _withheld(column, suspect) for column in contract.columns}
    sample, asked = _asked(counted.sample, contract, withheld)
    look = Look(contract, sample, asked, previous)
    columns = tuple(
        look.column(column, counted.tallies[column.name], counted.rows, withheld[column.name])
        for column in contract.columns
    )
    base = asked.outcome(np.zeros(sample.height, dtype=np.int64), 1)[0] if asked else ()
    names = [label_text(label) for label in contract.classes or ()]
    return Statistics(
        rows=counted.rows,
        fresh=contract.lineage.fresh.rows if contract.lineage.fresh else 0,
        rejected=rejected,
        duplicates=duplicates,
        sampled=sample.height,
        target=contract.target,
        classes=None if contract.classes is None else tuple(names),
        shown=tuple(names[index] for index in asked.shown) if asked else (),
        base=base,
        measure="correlation_ratio" if contract.classes is None else "cramers_v",
        columns=columns,
        correlations=correlate(look.numbers, look.by_strength(columns)),
        failures=broken,
        changes=compare(previous, columns, counted.rows, look.old_codes) if previous else None,
    )


def _asked(
    sample: pl.DataFrame, contract: Contract, withheld: Mapping[str, str]
) -> tuple[pl.DataFrame, Answers | None]:
    """The rows that are looked at, and their targets; none where the target is withheld."""
    sample = sample.drop(name for name in sample.columns if withheld[name])
    if withheld[contract.target] or not sample[contract.target].is_not_null().any():
        return sample, None
    sample = sample.filter(pl.col(contract.target).is_not_null())
    target = sample[contract.target].cast(pl.Float64).to_numpy()
    return sample, answers(target, None if contract.classes is None else len(contract.classes))


def _withheld(column: ColumnContract, suspect: set[str]) -> str:
    """Says why a column is described by counts alone; empty if it may be shown."""
    if column.private:
        return "private"
    if column.name in suspect:
        return "may be personal data"
    if column.role in (Role.ID, Role.GROUP):
        return f"the {column.role}: its values name somebody"
    if column.role is Role.IGNORED and column.type is ColumnType.CATEGORY:
        return "ignored text"
    return ""


def _broken(failure: Failure) -> Broken:
    return Broken(
        code=failure.code,
        column=failure.column,
        count=failure.count,
        severity=str(failure.severity),
        expected=failure.expected,
        places=failure.places,
    )
