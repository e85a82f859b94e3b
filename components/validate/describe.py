"""Describes a typed table: one pass that counts all rows, then a closer look at a sample."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from components.contract import ColumnContract, ColumnType, Contract, Role
from components.validate.association import answers, correlate
from components.validate.changes import compare
from components.validate.failure import Failure
from components.validate.look import Look, label_text
from components.validate.statistics import Broken, Statistics
from components.validate.tally import count


def describe(
    rows: pl.LazyFrame,
    contract: Contract,
    failures: Iterable[Failure] = (),
    *,
    rejected: int = 0,
    duplicates: int | None = None,
    previous: Statistics | None = None,
) -> Statistics:
    """Describes a table.

    Args:
        rows: typed: float64, text and datetime (µs) by column; the target as class index (int64)
            or float64. Neither NaN nor infinity is in it. Read once, by batches, in order.
        contract: of all its columns.
        failures: what breaks the contract; a column with the reason `personal_data` is described
            by counts alone.
        rejected: rows left out for want of a target.
        duplicates: rows that repeat another; None if nobody counted.
        previous: the version to compare with.

    Returns:
        The same statistics for the same rows in the same order.
    """
    broken = tuple(_broken(failure) for failure in failures)
    suspect = {failure.column for failure in broken if failure.code == "personal_data"}
    withheld = {column.name: _withheld(column, suspect) for column in contract.columns}
    private = [column.name for column in contract.columns if column.private]
    hidden = [name for name, why in withheld.items() if why]
    present = rows.select([column.name for column in contract.columns])
    total, tallies, sample = count(present, private, hidden)
    asked = None
    told = not withheld[contract.target] and sample[contract.target].is_not_null().any()
    if told:
        sample = sample.filter(pl.col(contract.target).is_not_null())
        target = sample[contract.target].cast(pl.Float64).to_numpy()
        asked = answers(target, None if contract.classes is None else len(contract.classes))
    look = Look(contract, sample, asked, previous)
    columns = tuple(
        look.column(column, tallies[column.name], total, withheld[column.name])
        for column in contract.columns
    )
    base = asked.outcome(np.zeros(sample.height, dtype=np.int64), 1)[0] if asked else ()
    names = [label_text(label) for label in contract.classes or ()]
    return Statistics(
        rows=total,
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
        changes=compare(previous, columns, total, look.old_codes) if previous else None,
    )


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
