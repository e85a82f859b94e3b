"""Decides what each column is: as the spec declares it, else as the data shows it."""

from typing import TYPE_CHECKING

from components.contract import ColumnContract, ColumnType, Role
from components.validate.profile import NUMBER_MISSING, Profile

if TYPE_CHECKING:
    from components.spec import Column, Spec

# A text column in which nearly every row differs names its rows and does not describe them.
_IDENTIFYING_SHARE = 0.9
_IDENTIFYING_DISTINCT = 50


def infer_columns(spec: "Spec", profiles: dict[str, Profile]) -> tuple[ColumnContract, ...]:
    """Builds the contract of every column.

    Args:
        spec: what its `columns` declare wins over what the data shows.
        profiles: what each column holds.

    Returns:
        The columns' contracts, in the source's order.
    """
    return tuple(
        _infer(name, seen, spec.columns.get(name), spec) for name, seen in profiles.items()
    )


def _infer(name: str, seen: Profile, declared: "Column | None", spec: "Spec") -> ColumnContract:
    kind = _type(seen, declared)
    role, reason = _role(name, kind, seen, spec)
    stated = tuple(declared.missing) if declared and declared.missing else ()
    missing = stated or (NUMBER_MISSING if kind is ColumnType.NUMBER else ())
    return ColumnContract(
        name=name,
        type=kind,
        role=role,
        reason=reason,
        nullable=declared is None or declared.nullable is not False,
        missing=missing,
        minimum=declared.min if declared else None,
        maximum=declared.max if declared else None,
        values=tuple(map(str, declared.values)) if declared and declared.values else None,
        protected=bool(declared and declared.protected),
    )


def _type(seen: Profile, declared: "Column | None") -> ColumnType:
    if declared and declared.type:
        return ColumnType(declared.type)
    if declared and declared.values:
        return ColumnType.CATEGORY
    if seen.dtype.is_temporal() or seen.date_format:
        return ColumnType.DATE
    if seen.boolean:
        return ColumnType.BOOLEAN
    return ColumnType.NUMBER if seen.numeric else ColumnType.CATEGORY


def _role(name: str, kind: ColumnType, seen: Profile, spec: "Spec") -> tuple[Role, str]:
    declared = spec.columns.get(name)
    for role, holder in (
        (Role.TARGET, spec.target),
        (Role.ID, spec.id),
        (Role.TIMESTAMP, spec.timestamp),
        (Role.GROUP, spec.split.group),
    ):
        if name == holder:
            return role, ""
    if declared and declared.privacy:
        return Role.IGNORED, f"private ({declared.privacy})"
    if kind is ColumnType.DATE:
        return Role.IGNORED, "a date, which is no feature"
    if seen.missing == seen.rows:
        return Role.IGNORED, "no row has a value"
    identifying = (
        seen.distinct > _IDENTIFYING_DISTINCT
        and seen.distinct > _IDENTIFYING_SHARE * (seen.rows - seen.missing)
        and kind is ColumnType.CATEGORY
    )
    if identifying and not (declared and declared.type):
        return Role.IGNORED, "nearly every value differs; declare a type to keep it"
    return Role.FEATURE, ""
