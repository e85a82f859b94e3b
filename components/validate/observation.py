"""What each column's typed values are: the facts of which a written contract is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from components.contract import ColumnType, Contract, Role
from components.signature import Label
from components.validate.profile import Profile
from components.validate.target import target_text
from components.validate.typed import typed

MOST_VALUES = 50


@dataclass(frozen=True)
class Observed:
    """What a column holds.

    Attributes:
        missing: rows without a value.
        minimum: the least number; None for others.
        maximum: the greatest number.
        values: all different values, sorted, where there are at most `MOST_VALUES` and the column
            is no number; None for others.
        texts: the same as text.
        unique: whether no value occurs twice.
        stored: whether the source stored dates.
    """

    missing: int
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[Label, ...] | None = None
    texts: tuple[str, ...] = ()
    unique: bool = False
    stored: bool = False


def observe(
    rows: pl.LazyFrame, contract: Contract, profiles: Mapping[str, Profile], repeated: set[str]
) -> dict[str, Observed]:
    """Looks at every column that is not private.

    Args:
        rows: the table, moments beside it, as `profile` gives it.
        contract: types and roles.
        profiles: what each column holds.
        repeated: the columns of which some value occurs twice.

    Returns:
        What they hold, by name.
    """
    columns = [c for c in contract.columns if not c.private]
    wanted: list[pl.Expr] = []
    for column in columns:
        seen = profiles[column.name]
        if column.type is ColumnType.NUMBER and not _is_class(contract, column.name):
            value = typed(column, seen)
            wanted += [value.min().alias(f"{column.name}\0min")]
            wanted += [value.max().alias(f"{column.name}\0max")]
    row: dict[str, Any] = {}
    if wanted:
        row = rows.select(wanted).collect(engine="streaming").row(0, named=True)
    found = {}
    for column in columns:
        name, seen = column.name, profiles[column.name]
        texts = None
        is_class = _is_class(contract, name)
        listed = is_class or column.type in (ColumnType.CATEGORY, ColumnType.BOOLEAN)
        if listed and column.role in (Role.FEATURE, Role.TARGET):
            text = target_text(column, seen) if is_class else typed(column, seen)
            texts = _texts(rows, text, seen)
        values: tuple[Label, ...] | None = None if texts is None else tuple(texts)
        if is_class and contract.classes:
            values = tuple(sorted(contract.classes, key=str))
        elif texts is not None and column.type is ColumnType.BOOLEAN:
            values = tuple(text == "true" for text in texts)
        found[name] = Observed(
            missing=seen.missing,
            minimum=row.get(f"{name}\0min"),
            maximum=row.get(f"{name}\0max"),
            values=values,
            texts=tuple(texts or ()),
            unique=name not in repeated,
            stored=seen.temporal,
        )
    return found


def _is_class(contract: Contract, name: str) -> bool:
    return name == contract.target and contract.classes is not None


def _texts(rows: pl.LazyFrame, text: pl.Expr, seen: Profile) -> list[str] | None:
    # The estimate errs by a few percent, so what is far above needs no look.
    if seen.distinct > 2 * MOST_VALUES:
        return None
    texts = rows.select(text.unique().alias("text")).collect(engine="streaming")["text"]
    known = sorted(texts.drop_nulls().to_list())
    return known if 0 < len(known) <= MOST_VALUES else None
