"""A table whose types are found, but not yet written: the sources' rows, and fresh ones behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from components.contract import ColumnContract, Contract, Role
from components.fresh import TIME
from components.validate.checks import row_checks
from components.validate.fresh import FreshTable, class_check
from components.validate.profile import Profile
from components.validate.schema import RowCheck
from components.validate.target import class_index
from components.validate.typed import is_faithful, typed


@dataclass(frozen=True)
class Due:
    """What rows owe, and what of them as read must be known to judge it.

    Attributes:
        checks: what every row owes.
        beside: flags and hashes, to stand beside the typed rows; None where none are needed.
        hashed: the columns that are among the hashes, each under `raw_name`.
    """

    checks: tuple[RowCheck, ...]
    beside: pl.LazyFrame | None
    hashed: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table as read, and what is known of it.

    Attributes:
        rows: the sources', as `profile` gives them.
        profiles: what each column holds.
        contract: of all columns.
        fresh: the fresh rows, which stand behind the sources'; None where there are none.
    """

    rows: pl.LazyFrame
    profiles: Mapping[str, Profile]
    contract: Contract
    fresh: FreshTable | None = None

    @property
    def target_missing(self) -> int:
        """How many rows have no target."""
        return sum(seen.missing for seen in self._targets())

    def is_whole(self) -> bool:
        """Returns whether each row certainly has a target that is kept."""
        if any(seen.missing for seen in self._targets()):
            return False
        # A label that is no class refuses the data.
        target = next(c for c in self.contract.columns if c.role is Role.TARGET)
        is_class = self.contract.classes is not None
        return is_class or all(is_faithful(target, seen) for seen in self._targets())

    def _targets(self) -> list[Profile]:
        """The target's profile in each part."""
        parts = [self.profiles, *([self.fresh.profiles] if self.fresh else [])]
        return [profiles[self.contract.target] for profiles in parts]

    def typed(self) -> pl.LazyFrame:
        """Returns all rows typed, the target last, with `TIME` behind it where some are fresh."""
        ordered = sorted(self.contract.columns, key=lambda c: c.role is Role.TARGET)
        rows = self.rows.select(self._value(c, self.profiles[c.name]) for c in ordered)
        if self.fresh is None:
            return rows
        schema, own = rows.collect_schema(), self.fresh.profiles
        late = [
            self._value(c, own[c.name])
            if c.name in own
            else pl.lit(None, dtype=schema[c.name]).alias(c.name)
            for c in ordered
        ]
        never = pl.lit(None, dtype=pl.Datetime("us")).alias(TIME)
        return pl.concat([rows.with_columns(never), self.fresh.rows.select(*late, TIME)])

    def _value(self, column: ColumnContract, seen: Profile) -> pl.Expr:
        """A column as it is written: a target of classes as their index."""
        if column.role is Role.TARGET and self.contract.classes is not None:
            return class_index(column, seen, self.contract.classes).alias(column.name)
        return typed(column, seen)

    def due(self) -> Due:
        """Says what every row owes."""
        due = row_checks(self.contract, self.profiles)
        hashes = _raw(self.contract, self.profiles)
        if self.fresh is None:
            beside = [*due.flags, *hashes.values()]
            return Due(due.checks, self.rows.select(beside) if beside else None, tuple(hashes))
        own = self.fresh.profiles
        columns = tuple(c for c in self.contract.columns if c.name in own)
        held = self.contract.model_copy(update={"columns": columns})
        late, late_hashes = row_checks(held, own), _raw(held, own)
        extra = class_check(self.contract, self.fresh)
        checks = {(check.code, check.column): check for check in due.checks}
        for check in (*late.checks, *extra.checks):
            checks.setdefault((check.code, check.column), check)
        parts = [
            (self.rows, due.flags, hashes),
            (self.fresh.rows, (*late.flags, *extra.flags), late_hashes),
        ]
        hashed = tuple(dict.fromkeys((*hashes, *late_hashes)))
        return Due(tuple(checks.values()), _stacked(parts, hashed), hashed)


def raw_name(name: str) -> str:
    """Returns the name under which the hashes of a column as read stand beside the rows."""
    return f"{name}\0raw"


def _raw(contract: Contract, profiles: Mapping[str, Profile]) -> dict[str, pl.Expr]:
    """Hashes of what typing may make equal, by column."""
    found = {}
    for column in contract.columns:
        seen = profiles[column.name]
        if not is_faithful(column, seen):
            source = pl.col(column.name)
            # Polars hashes lists within a struct only.
            source = pl.struct(source) if seen.dtype.is_nested() else source
            found[column.name] = source.hash().alias(raw_name(column.name))
    return found


def _stacked(
    parts: Sequence[tuple[pl.LazyFrame, Sequence[pl.Expr], Mapping[str, pl.Expr]]],
    hashed: Sequence[str],
) -> pl.LazyFrame | None:
    """Puts flags and hashes of several parts below each other; what one lacks breaks nothing."""
    flags = dict.fromkeys(flag.meta.output_name() for _, own, _ in parts for flag in own)
    names = [*flags, *map(raw_name, hashed)]
    if not names:
        return None
    stacked = []
    for rows, own, hashes in parts:
        found: dict[str, pl.Expr] = {name: pl.lit(False).alias(name) for name in flags}
        zero = pl.lit(0, dtype=pl.UInt64)
        found |= {raw_name(name): zero.alias(raw_name(name)) for name in hashed}
        found |= {expr.meta.output_name(): expr for expr in (*own, *hashes.values())}
        # A selection of literals alone would be one row.
        stacked.append(rows.with_columns(found.values()).select(names))
    return pl.concat(stacked)
