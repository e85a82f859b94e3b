"""What every row owes by the contract of each column."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from components.contract import ColumnContract, ColumnType, Role, has_text
from components.validate.date_columns import moment_name
from components.validate.profile import Profile
from components.validate.reading import LARGEST_FEATURE, NUMBER_MISSING, number_of
from components.validate.schema import RowCheck
from components.validate.target import target_text
from components.validate.typed import present, typed
from components.validate.writing import hint, written

_MOSTLY = 0.5
NEEDED = (Role.ID, Role.TIMESTAMP, Role.GROUP)
_DESCRIBING = (Role.FEATURE, Role.IGNORED)


@dataclass(frozen=True)
class ColumnChecks:
    """The checks of one column.

    Attributes:
        flags: what the checks need to know of the rows as read, under the names that they use;
            all else they find in the typed rows.
        checks: what every row owes.
    """

    flags: tuple[pl.Expr, ...]
    checks: tuple[RowCheck, ...]


def column_checks(column: ColumnContract, seen: Profile, *, is_class: bool) -> ColumnChecks:
    """Says what every row owes by one column's contract.

    Args:
        column: the contract.
        seen: what the column holds; what it shows to be kept by all rows is not checked again.
        is_class: whether the column is a target of classes, whose typed values are their index.

    Returns:
        The checks; none where nothing is declared that a row could break.
    """
    name = column.name
    flagged = [*_absent(column, seen), *(() if is_class else _unread(column, seen))]
    declared = list(_declared(column, target_text(column, seen) if is_class else pl.col(name)))
    checks = [] if is_class else [RowCheck(code, name, e, said) for code, e, said in declared]
    flagged += declared if is_class else []
    flags = []
    for code, breaks, expected in flagged:
        flag = f"{name}\0{code}"
        flags.append(breaks.fill_null(False).alias(flag))
        checks.append(RowCheck(code, name, pl.col(flag), expected))
    return ColumnChecks(tuple(flags), tuple(checks))


def _declared(column: ColumnContract, value: pl.Expr) -> Iterator[tuple[str, pl.Expr, str]]:
    if column.minimum is not None:
        yield "below_min", value < column.minimum, f"at least {column.minimum!r}"
    if column.maximum is not None:
        yield "above_max", value > column.maximum, f"at most {column.maximum!r}"
    if column.values is not None:
        unknown = value.is_not_null() & ~value.is_in(list(column.values))
        yield "unknown_value", unknown, f"one of {', '.join(column.values)}"


def _absent(column: ColumnContract, seen: Profile) -> Iterator[tuple[str, pl.Expr, str]]:
    absent = present(column, seen).is_null()
    if not has_text(seen.dtype):
        # No list is an id.
        absent = pl.col(column.name).is_null() | pl.col(column.name).is_not_null()
    elif not seen.missing:
        return
    if column.role is Role.TARGET and column.nullable:
        yield (
            "target_missing",
            absent,
            "a target in every row; to leave such rows out: `checks: {unlabelled: drop}`",
        )
    elif not column.nullable:
        said = "a value in every row, as `nullable: false` is declared"
        yield "missing", absent, said
    elif column.role in NEEDED:
        yield "missing", absent, f"a single value in every row, as it is the {column.role}"


def _unread(column: ColumnContract, seen: Profile) -> Iterator[tuple[str, pl.Expr, str]]:
    """What has a value that does not read as the type; the way out is in the message."""
    source, value, kind = present(column, seen), typed(column, seen), column.type
    unread = value.is_null() & source.is_not_null()
    if kind is ColumnType.NUMBER:
        if not seen.numeric or seen.extreme:
            largest = f" within ±{LARGEST_FEATURE:.2g}" if column.role is not Role.TARGET else ""
            yield "not_a_number", unread, _advised(f"a finite number{largest}", seen)
    elif kind is ColumnType.DATE:
        if not seen.is_date:
            form = ", ".join(seen.formats)
            said = f"a date ({form})" if form else "a date"
            yield "not_a_date", unread, f"{said}; declare its `formats`, such as ['%d.%m.%Y']"
    elif kind is ColumnType.BOOLEAN:
        if not seen.boolean:
            said = "true or false, yes or no, 1 or 0; two other values are `type: category`"
            yield "not_a_boolean", unread, said
    elif column.role in _DESCRIBING and column.inferred and seen.dtype == pl.String:
        yield from _mixed(column.name, source, seen)


def _mixed(name: str, source: pl.Expr, seen: Profile) -> Iterator[tuple[str, pl.Expr, str]]:
    """A column of text most of which is something else."""
    present_rows = seen.rows - seen.missing
    number = number_of(source, seen.reading)
    ways = "declare the texts as `missing`, or `type: category`"
    if _MOSTLY * present_rows <= seen.numbers < present_rows:
        strange = number.is_null() & ~source.is_in(NUMBER_MISSING) & source.is_not_null()
        said = f"numbers, as in most rows; {ways}"
        yield "mixed_types", strange, _advised(said, seen)
    elif seen.styled and _MOSTLY * present_rows <= seen.styled + seen.numbers:
        other = written(source, seen.ways) & number.is_null()
        yield "mixed_types", other, _advised("numbers or texts", seen)
    elif seen.formats and _MOSTLY * present_rows <= seen.dated < present_rows:
        said = f"dates ({', '.join(seen.formats)}), as in most rows; declare all `formats`, or"
        strange = pl.col(moment_name(name)).is_null() & source.is_not_null()
        yield "mixed_types", strange, f"{said} {ways}"


def _advised(said: str, seen: Profile) -> str:
    advice = hint(seen.ways, seen.reading)
    return f"{said}; {advice}" if advice else said
