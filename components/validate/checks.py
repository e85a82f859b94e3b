"""Holds the rows against their contract: every failure at once, with code, count and places."""

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from components.contract import ColumnContract, ColumnType, Contract, Role
from components.validate.profile import Profile
from components.validate.typed import present, typed

_PLACES = 5
# Fewer rows than this cannot be split three ways and judged with any confidence.
MINIMUM_ROWS = 50
_MUCH_MISSING = 0.5


class Severity(StrEnum):
    """What a failure does: refuse the data, or be reported and go on."""

    REFUSE = "refuse"
    WARN = "warn"


@dataclass(frozen=True)
class Failure:
    """One way in which the data breaks its contract.

    Attributes:
        code: the reason, a stable word.
        column: where; empty for the whole table.
        count: how many rows.
        severity: what it does.
        expected: what was expected, for a person.
        places: positions of the first rows, from 0.
    """

    code: str
    column: str
    count: int
    severity: Severity
    expected: str
    places: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Returns the failure as one line."""
        where = f"column {self.column!r}" if self.column else "the table"
        rows = f", first at rows {', '.join(map(str, self.places))}" if self.places else ""
        return f"{where}: {self.code} in {self.count} rows{rows}; {self.expected}"


@dataclass(frozen=True)
class _Check:
    code: str
    column: str
    breaks: pl.Expr
    severity: Severity
    expected: str


def find_failures(
    rows: pl.LazyFrame, contract: Contract, profiles: dict[str, Profile]
) -> list[Failure]:
    """Runs all checks.

    Args:
        rows: the table as read.
        contract: what was expected.
        profiles: what each column holds.

    Returns:
        The failures, refusing ones first.
    """
    checks = [c for column in contract.columns for c in _checks(column, profiles[column.name])]
    counted = rows.select(
        [check.breaks.fill_null(False).sum().alias(str(i)) for i, check in enumerate(checks)]
        or [pl.len()]
    ).collect(engine="streaming")
    failures = _table_failures(contract, profiles)
    for index, check in enumerate(checks):
        count = counted[str(index)].item()
        if count:
            places = _first_places(rows, check.breaks)
            failures.append(
                Failure(check.code, check.column, count, check.severity, check.expected, places)
            )
    return sorted(failures, key=lambda failure: failure.severity is Severity.WARN)


def _checks(column: ColumnContract, seen: Profile) -> list[_Check]:
    if column.role is Role.IGNORED:
        return []
    value, source = typed(column, seen), present(column, seen)
    refuse, name = Severity.REFUSE, column.name
    checks = []
    if column.role is Role.TARGET:
        said = "rows without a target are left out"
        return [_Check("target_missing", name, source.is_null(), Severity.WARN, said)]
    if column.type in (ColumnType.NUMBER, ColumnType.DATE):
        broken = value.is_null() & source.is_not_null()
        checks.append(_Check(f"not_a_{column.type}", name, broken, refuse, f"a {column.type}"))
    if column.minimum is not None:
        said = f"at least {column.minimum:g}"
        checks.append(_Check("below_min", name, value < column.minimum, refuse, said))
    if column.maximum is not None:
        said = f"at most {column.maximum:g}"
        checks.append(_Check("above_max", name, value > column.maximum, refuse, said))
    if column.values is not None:
        unknown = value.is_not_null() & ~value.is_in(list(column.values))
        said = f"one of {', '.join(column.values)}"
        checks.append(_Check("unknown_value", name, unknown, refuse, said))
    if not column.nullable or column.role is Role.TIMESTAMP:
        checks.append(_Check("missing", name, source.is_null(), refuse, "a value in every row"))
    if column.role is Role.ID:
        checks.append(_Check("missing", name, source.is_null(), refuse, "an id in every row"))
    return checks


def _table_failures(contract: Contract, profiles: dict[str, Profile]) -> list[Failure]:
    failures = []
    rows = contract.lineage.rows
    if rows < MINIMUM_ROWS:
        said = f"at least {MINIMUM_ROWS} rows to split, fit and judge"
        failures.append(Failure("too_few_rows", "", rows, Severity.REFUSE, said))
    if not contract.named(Role.FEATURE):
        said = "at least one column that can be a feature"
        failures.append(Failure("no_features", "", rows, Severity.REFUSE, said))
    for column in contract.columns:
        seen = profiles[column.name]
        if column.role is Role.FEATURE and seen.missing > _MUCH_MISSING * seen.rows:
            said = "a value in at least half of the rows"
            failures.append(
                Failure("mostly_missing", column.name, seen.missing, Severity.WARN, said)
            )
    return failures


def _first_places(rows: pl.LazyFrame, breaks: pl.Expr) -> tuple[int, ...]:
    found = rows.select(pl.int_range(pl.len()).filter(breaks.fill_null(False)).head(_PLACES))
    return tuple(found.collect(engine="streaming").to_series().to_list())
