"""Holds the rows against their contract: every failure at once, with code, count and places."""

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from components.contract import ColumnContract, ColumnType, Contract, Role, has_text
from components.validate.profile import BOOLEANS, Profile
from components.validate.target import target_text
from components.validate.typed import LARGEST_FEATURE, present, typed

_PLACES = 5
# Fewer rows than this cannot be split three ways and judged with any confidence.
MINIMUM_ROWS = 50
_MUCH_MISSING = 0.5
_MOSTLY_NUMBERS = 0.5
_NEEDED = (Role.ID, Role.TIMESTAMP, Role.GROUP)
_DESCRIBING = (Role.FEATURE, Role.IGNORED)


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
        rows = f" ({', '.join(map(str, self.places))}, counting from 0)" if self.places else ""
        counted = f"{self.count} row{'' if self.count == 1 else 's'}"
        return f"{where}: {self.code} in {counted}{rows}; expected {self.expected}"


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
    value, source = typed(column, seen), present(column, seen)
    text = target_text(column, seen) if column.role is Role.TARGET else value
    checks = [*_missing_checks(column, seen, source), *_type_checks(column, seen, value, source)]

    def refuse(code: str, breaks: pl.Expr, expected: str) -> None:
        checks.append(_Check(code, column.name, breaks, Severity.REFUSE, expected))

    if column.minimum is not None:
        refuse("below_min", value < column.minimum, f"at least {column.minimum!r}")
    if column.maximum is not None:
        refuse("above_max", value > column.maximum, f"at most {column.maximum!r}")
    if column.values is not None:
        unknown = text.is_not_null() & ~text.is_in(list(column.values))
        refuse("unknown_value", unknown, f"one of {', '.join(column.values)}")
    if column.unique:
        again = text.is_not_null() & text.is_duplicated()
        refuse("not_unique", again, "every value once, as `unique` is declared")
    return checks


def _missing_checks(column: ColumnContract, seen: Profile, source: pl.Expr) -> list[_Check]:
    absent, name = source.is_null(), column.name
    if column.role is Role.TARGET and column.nullable:
        said = "a target; these rows are left out"
        return [_Check("target_missing", name, absent, Severity.WARN, said)]
    if column.nullable and column.role not in _NEEDED:
        return []
    if not has_text(seen.dtype):
        absent = source.is_null() | source.is_not_null()
    said = f"a single value in every row, as it is the {column.role}"
    if not column.nullable:
        said = "a value in every row, as `nullable: false` is declared"
    return [_Check("missing", name, absent, Severity.REFUSE, said)]


def _type_checks(
    column: ColumnContract, seen: Profile, value: pl.Expr, source: pl.Expr
) -> list[_Check]:
    name, kind, refuse = column.name, column.type, Severity.REFUSE
    unread = value.is_null() & source.is_not_null()
    if column.role is Role.TARGET and kind is not ColumnType.NUMBER:
        return []
    if kind is ColumnType.NUMBER:
        largest = f" within ±{LARGEST_FEATURE:.2g}" if column.role is not Role.TARGET else ""
        said = f"a finite number{largest}"
        return [_Check("not_a_number", name, unread, refuse, said)]
    if kind is ColumnType.DATE:
        form = seen.likely_format or "%Y-%m-%d"
        said = f"a date, all in one format ({form})"
        return [_Check("not_a_date", name, unread, refuse, said)]
    if kind is ColumnType.BOOLEAN:
        said = "true or false; two other values are `type: category`"
        strange = value.is_not_null() & ~value.is_in(list(BOOLEANS))
        return [_Check("not_a_boolean", name, strange, refuse, said)]
    mostly = _MOSTLY_NUMBERS * (seen.rows - seen.missing) <= seen.numbers < seen.rows - seen.missing
    if mostly and column.role in _DESCRIBING and column.inferred and seen.dtype == pl.String:
        text = source.cast(pl.Float64, strict=False).is_null() & source.is_not_null()
        said = "numbers, as in most rows; declare the texts as `missing`, or `type: category`"
        return [_Check("mixed_types", name, text, Severity.WARN, said)]
    return []


def _table_failures(contract: Contract, profiles: dict[str, Profile]) -> list[Failure]:
    failures = []
    target = profiles[contract.target]
    rows = target.rows - target.missing
    if rows < MINIMUM_ROWS:
        said = f"at least {MINIMUM_ROWS} with a target, to split, fit and judge"
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
