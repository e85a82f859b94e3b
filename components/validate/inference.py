"""Decides what each column is: as the spec declares it, else as the data shows it."""

from typing import TYPE_CHECKING

import polars as pl

from components.contract import ColumnContract, ColumnType, Role, has_text
from components.spec import Column
from components.truth import truth
from components.validate.date_formats import CLIENT_FORMATS
from components.validate.profile import Profile
from components.validate.reading import NUMBER_MISSING

if TYPE_CHECKING:
    from components.spec import Spec

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


def _infer(name: str, seen: Profile, declared: Column | None, spec: "Spec") -> ColumnContract:
    private = bool(declared and declared.private)
    kind = ColumnType.CATEGORY if private else _type(name, seen, declared, spec)
    role, reason = _role(name, kind, seen, spec)
    # What ingest hashed or masked is no longer any value that the spec speaks of.
    said = declared if declared and not private else Column()
    is_number = kind is ColumnType.NUMBER
    return ColumnContract(
        name=name,
        type=kind,
        role=role,
        reason=reason,
        nullable=declared is None or declared.nullable is not False,
        missing=_missing(said, kind, name == spec.target),
        minimum=said.min,
        maximum=said.max,
        values=_values(said, kind, seen),
        unique=bool(declared and declared.unique),
        protected=bool(declared and declared.protected),
        private=private,
        formats=_formats(kind, seen),
        decimal=seen.reading.decimal if is_number else ".",
        thousands=seen.reading.thousands if is_number else "",
        clip=_clip(said, spec) if is_number and role is Role.FEATURE else None,
        inferred=said.type is None,
    )


def _missing(said: Column, kind: ColumnType, is_target: bool) -> tuple[str, ...]:
    """The words for "no value": those declared, else what no value of the type could be."""
    usual = kind is not ColumnType.CATEGORY and (not is_target or kind is ColumnType.NUMBER)
    return tuple(said.missing) or (NUMBER_MISSING if usual else ())


def _formats(kind: ColumnType, seen: Profile) -> tuple[str, ...]:
    if kind is not ColumnType.DATE:
        return ()
    return CLIENT_FORMATS if seen.temporal else seen.formats


def _clip(said: Column, spec: "Spec") -> tuple[float, float] | None:
    quantiles = spec.features.clip if said.clip is None else said.clip
    return (quantiles[0], quantiles[1]) if quantiles else None


def _values(said: Column, kind: ColumnType, seen: Profile) -> tuple[str, ...] | None:
    """The declared values as the texts that they are after typing."""
    if said.values is None:
        return None
    texts = tuple(scalar_text(value, whole=seen.dtype != pl.String) for value in said.values)
    if kind is not ColumnType.BOOLEAN:
        return texts
    return tuple(dict.fromkeys(truth(text) or text.lower() for text in texts))


def scalar_text(value: bool | float | str, *, whole: bool = True) -> str:
    """Returns a value of the spec as text, as `canonical_text` writes one of the data.

    Args:
        value: as the spec states it.
        whole: whether 1.0 is "1"; a text column may hold "1.0" as such.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if whole and isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _type(name: str, seen: Profile, declared: Column | None, spec: "Spec") -> ColumnType:
    if declared and declared.type:
        return ColumnType(declared.type)
    if name in (spec.id, spec.split.group):
        # As numbers, two long ids could become one.
        return ColumnType.CATEGORY
    if name == spec.target:
        return _target_type(seen, spec)
    if name == spec.timestamp:
        return ColumnType.NUMBER if seen.numeric else ColumnType.DATE
    if declared and declared.formats:
        return ColumnType.DATE
    if declared and declared.values:
        return ColumnType.BOOLEAN if seen.boolean else ColumnType.CATEGORY
    if declared and _speaks_of_numbers(declared):
        return ColumnType.NUMBER
    if seen.is_date:
        return ColumnType.DATE
    if seen.boolean:
        return ColumnType.BOOLEAN
    return ColumnType.NUMBER if seen.numeric else ColumnType.CATEGORY


def _target_type(seen: Profile, spec: "Spec") -> ColumnType:
    """The type of classes is only told; they keep the source's own, and so do their names."""
    if spec.task == "regression" or seen.numeric:
        return ColumnType.NUMBER
    return ColumnType.BOOLEAN if seen.dtype == pl.Boolean else ColumnType.CATEGORY


def _speaks_of_numbers(declared: Column) -> bool:
    said = (declared.min, declared.max, declared.decimal, declared.thousands, declared.clip)
    return any(value is not None for value in said)


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
    if declared and declared.private:
        return Role.IGNORED, f"private ({declared.privacy})"
    if not name:
        return Role.IGNORED, "it has no name"
    if not has_text(seen.dtype):
        return Role.IGNORED, f"it holds {seen.dtype}, expected single values"
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
