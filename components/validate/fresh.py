"""Holds fresh rows to the contract of the sources, which alone say what a column is.

Inferred together they would say something else: a server writes every truth value as true or false
and every number with a point, whatever the sources do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from components.contract import ColumnContract, ColumnType, Contract, Role
from components.fresh import FRESH_ROWS, TIME, Fresh
from components.origins import Origin, Origins
from components.validate.profile import Profile, profile
from components.validate.reading import Reading
from components.validate.row_checks import ColumnChecks
from components.validate.schema import RowCheck
from components.validate.target import class_index, target_text

LACKED = "the fresh rows lack it, and they judge the model"


@dataclass(frozen=True)
class FreshTable:
    """The fresh rows as read, and what is known of them.

    Attributes:
        rows: as `profile` gives them, with `TIME`.
        profiles: what each column holds; what is not among them, they lack.
    """

    rows: pl.LazyFrame
    profiles: Mapping[str, Profile]


def without_lacked(
    columns: tuple[ColumnContract, ...], fresh: Fresh | None
) -> tuple[ColumnContract, ...]:
    """Takes features that fresh rows lack out of the model.

    A model could learn from such a column only whether a row is fresh; and what it would be worth
    to those who still send it, the hold-out could not tell.

    Args:
        columns: the contracts of the sources' columns.
        fresh: which columns fresh rows hold; None where there are no such rows.

    Returns:
        The contracts, such a column ignored.
    """
    if fresh is None:
        return columns
    ignored = {"role": Role.IGNORED, "reason": LACKED}
    return tuple(
        column.model_copy(update=ignored)
        if column.role is Role.FEATURE and column.name not in fresh.columns
        else column
        for column in columns
    )


def look_at_fresh(contract: Contract, source: Path, scratch: Path) -> FreshTable | None:
    """Profiles the fresh rows by the contract of the sources.

    Args:
        contract: of the sources' columns.
        source: the folder that `ingest` wrote.
        scratch: a folder for the moments that text was read as.

    Returns:
        The rows; None where there are none.
    """
    if contract.lineage.fresh is None:
        return None
    columns = {c.name: c for c in contract.columns if c.name in contract.lineage.fresh.columns}
    own = scratch / "fresh"
    own.mkdir()
    rows = pl.scan_parquet(source / FRESH_ROWS, glob=False).select(*columns, TIME)

    def reading(name: str) -> Reading:
        column = columns.get(name)
        if column is None:
            return Reading()
        is_date = column.type is ColumnType.DATE
        return Reading(missing=column.missing, formats=column.formats, dated=is_date)

    profiles, read = profile(rows, reading, own)
    del profiles[TIME]
    return FreshTable(read, profiles)


def class_check(contract: Contract, fresh: FreshTable) -> ColumnChecks:
    """Says that a fresh label owes to be one of the sources' classes.

    Args:
        contract: names target and classes.
        fresh: the rows.

    Returns:
        The check; none where the target is a number.
    """
    if not contract.classes:
        return ColumnChecks((), ())
    column = next(c for c in contract.columns if c.name == contract.target)
    seen = fresh.profiles[contract.target]
    strange = (
        target_text(column, seen).is_not_null()
        & class_index(column, seen, contract.classes).is_null()
    )
    code = "unknown_class"
    flag = f"{contract.target}\0{code}"
    said = "one of the classes that the sources have; add rows of a new class to them"
    check = RowCheck(code, contract.target, pl.col(flag), said)
    return ColumnChecks((strange.fill_null(False).alias(flag),), (check,))


def with_fresh(origins: Origins, fresh: Fresh | None) -> Origins:
    """Adds the fresh rows to the sources, behind which they stand.

    Args:
        origins: the sources; none where nothing is known of them.
        fresh: the fresh rows, if there are any.
    """
    if fresh is None or not origins.sources:
        return origins
    last = Origin(name="the fresh rows", rows=fresh.rows)
    return Origins(sources=(*origins.sources, last))
