"""Holds a table's column names against what the spec names and what later stages can carry."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from components.errors import DataError

if TYPE_CHECKING:
    from components.spec import Spec

_SHOWN = 10
# Polars reads these as patterns, and the stages keep columns of their own behind a NUL.
_AWKWARD = re.compile(r"\*|\^.*\$|.*\0.*", re.DOTALL)
_REPEATED = re.compile(r"(.*)_duplicated_\d+", re.DOTALL)


def listed(names: Iterable[str]) -> str:
    """Returns names for a message, the first ten and how many more there are."""
    every = [repr(name) for name in names]
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


def require_distinct(place: str, names: Sequence[str]) -> None:
    """Refuses a CSV header that names a column twice, which Polars renames without a word.

    Args:
        place: the source, for the message.
        names: as Polars gives them; a repeated `a` is `a_duplicated_0`.

    Raises:
        DataError: a name is there twice.
    """
    known = set(names)
    bases = [match[1] for match in map(_REPEATED.fullmatch, names) if match]
    if twice := dict.fromkeys(base for base in bases if base in known):
        msg = f"source {place!r} names a column twice: {listed(twice)}; rename one of each"
        raise DataError(msg)


def require_usable(place: str, names: Sequence[str]) -> None:
    """Refuses names that would be read as patterns.

    Args:
        place: the source, for the message.
        names: the table's columns.

    Raises:
        DataError: there is such a name.
    """
    if awkward := [name for name in names if _AWKWARD.fullmatch(name)]:
        msg = (
            f"source {place!r} has columns that cannot be told from patterns or hold NUL: "
            f"{listed(awkward)}; rename them"
        )
        raise DataError(msg)


def require_columns(spec: "Spec", names: Sequence[str]) -> None:
    """Refuses a table that lacks what the spec names: a misspelt private column would leak.

    Args:
        spec: names columns in its roles, in `drop` and in `columns`.
        names: the table's columns.

    Raises:
        DataError: a column is not there; all at once.
    """
    problems = []
    known = set(names)
    for key, name in _named(spec):
        if name not in known:
            near = get_close_matches(name, names, n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            problems.append(f"{key} {name!r} is no column{hint}")
    if problems:
        msg = (
            f"the columns of {', '.join(spec.source)} and the spec do not agree: "
            f"{'; '.join(problems)}. The data has {listed(names)}"
        )
        raise DataError(msg)


def _named(spec: "Spec") -> list[tuple[str, str]]:
    roles = {
        "target": spec.target,
        "id": spec.id,
        "timestamp": spec.timestamp,
        "split.group": spec.split.group,
    }
    named = [(key, name) for key, name in roles.items() if name is not None]
    named += [("drop", name) for name in spec.drop]
    return named + [("columns", name) for name in spec.columns]
