"""Holds the rows against their contract: every failure at once, with code, count and places."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from components.contract import Contract, Role
from components.validate.failure import Failure, Judge, Severity
from components.validate.profile import Profile
from components.validate.row_checks import ColumnChecks, column_checks
from components.validate.schema import Broken, RowCheck
from components.validate.target import Classes

if TYPE_CHECKING:
    from components.spec import Spec

__all__ = ["Failure", "Severity", "in_order", "row_checks", "row_failures", "target_failures"]

_UNREAD = ("not_a_number", "not_a_date", "not_a_boolean")


def row_checks(contract: Contract, profiles: Mapping[str, Profile]) -> ColumnChecks:
    """Says what every row owes.

    Args:
        contract: what was expected.
        profiles: what each column holds.

    Returns:
        The checks of all columns, in their order.
    """
    found = [
        column_checks(
            column,
            profiles[column.name],
            is_class=column.role is Role.TARGET and contract.classes is not None,
        )
        for column in contract.columns
    ]
    return ColumnChecks(
        flags=tuple(flag for one in found for flag in one.flags),
        checks=tuple(check for one in found for check in one.checks),
    )


def row_failures(
    spec: "Spec", checks: Sequence[RowCheck], broken: Mapping[tuple[str, str], Broken]
) -> list[Failure]:
    """Turns what rows break into failures.

    Args:
        spec: says what each reason does.
        checks: what every row owes.
        broken: how many rows break it, by column and code.

    Returns:
        The failures, in the order of the checks.
    """
    judge = Judge(_severity(spec))
    return [
        judge.failure(c.code, c.column, b.count, _told(c.code, c.expected, judge), b.places)
        for c in checks
        if (b := broken[c.column, c.code]).count
    ]


def _severity(spec: "Spec") -> dict[str, str]:
    lenient = spec.checks.unlabelled == "drop"
    return {**spec.checks.severity, "target_missing": "warn" if lenient else "refuse"}


def _told(code: str, expected: str, judge: Judge) -> str:
    severity = judge.failure(code, "", 0, "").severity
    if severity is Severity.WARN and code in _UNREAD:
        return f"{expected}; read as missing"
    if severity is Severity.WARN and code == "target_missing":
        return "a target in every row; these rows are left out"
    return expected


def target_failures(spec: "Spec", contract: Contract, found: Classes) -> list[Failure]:
    """Turns what is wrong with the target's classes into failures, which refuse the data."""
    judge = Judge({})
    return [judge.failure(p.code, contract.target, p.count, p.expected) for p in found.problems]


def in_order(failures: Sequence[Failure]) -> tuple[Failure, ...]:
    """Returns failures with the refusing ones first."""
    return tuple(sorted(failures, key=lambda failure: failure.severity is Severity.WARN))
