"""Holds a table's column names against what the spec names and what later stages can carry.

A table without its header line has a row's values for names, some of them private. So a message
says the names that the spec says, positions and counts; the table's own names only where enough of
what is expected is among them for the line to be a header.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from components.errors import DataError
from components.ingest.formats import shown

if TYPE_CHECKING:
    from components.spec import Spec

_SHOWN = 10
HEADERLESS = "its first line looks like a row: is the header missing?"
# Polars reads these as patterns, and the stages keep columns of their own behind a NUL.
_AWKWARD = re.compile(r"\*|\^.*\$|.*\0.*", re.DOTALL)
_REPEATED = re.compile(r"(.*)_duplicated_\d+", re.DOTALL)


def listed(names: Iterable[str]) -> str:
    """Returns names for a message, the first ten and how many more there are."""
    return _first_ten([repr(name) for name in names])


def is_header(names: Collection[str], expected: Collection[str]) -> bool:
    """Returns whether a table's names are such and no row's values.

    Args:
        names: the table's.
        expected: those that it should have, each once.

    Returns:
        Whether at least half of the expected ones are there. A table that is another one altogether
        is taken for one without a header, which costs its names in a message and nothing else.
    """
    return 2 * len(set(expected) & set(names)) >= len(set(expected))


def require_distinct(place: str, names: Sequence[str]) -> None:
    """Refuses a CSV header that names a column twice, which Polars renames without a word.

    Args:
        place: the source, for the message.
        names: as Polars gives them; a repeated `a` is `a_duplicated_0`.

    Raises:
        DataError: a name is there twice; the positions are said, from 1.
    """
    known = set(names)
    twice = [
        position
        for position, name in enumerate(names, start=1)
        if (match := _REPEATED.fullmatch(name)) and match[1] in known
    ]
    if twice:
        msg = (
            f"source {place!r} names a column twice: {_numbered(twice)} of {len(names):,} has the "
            "name of an earlier one; rename it, or add the header line if it is missing"
        )
        raise DataError(msg)


def require_usable(place: str, names: Sequence[str]) -> None:
    """Refuses names that would be read as patterns.

    Args:
        place: the source, for the message.
        names: the table's columns.

    Raises:
        DataError: there is such a name; the positions are said, from 1.
    """
    awkward = [p for p, name in enumerate(names, start=1) if _AWKWARD.fullmatch(name)]
    if awkward:
        msg = (
            f"source {place!r} has columns that cannot be told from patterns or hold NUL: "
            f"{_numbered(awkward)} of {len(names):,}; rename them, or add the header line if it is "
            "missing"
        )
        raise DataError(msg)


def require_header(spec: "Spec", place: str, names: Sequence[str]) -> None:
    """Refuses a table most of whose columns the spec does not know, before others are held to it.

    Args:
        spec: names columns in its roles, in `drop` and in `columns`.
        place: the source, for the message.
        names: its columns.

    Raises:
        DataError: fewer than half of what the spec names is there.
    """
    if not is_header(names, {name for name, _ in _named(spec)}):
        raise DataError(_disagreement(spec, place, names))


def require_columns(spec: "Spec", names: Sequence[str]) -> None:
    """Refuses a table that lacks what the spec names: a misspelt private column would leak.

    Args:
        spec: names columns in its roles, in `drop` and in `columns`.
        names: the table's columns.

    Raises:
        DataError: a column is not there; all at once.
    """
    if not {name for name, _ in _named(spec)} <= set(names):
        raise DataError(_disagreement(spec, ", ".join(map(shown, spec.source)), names))


def _disagreement(spec: "Spec", place: str, names: Sequence[str]) -> str:
    known = set(names)
    named = _named(spec)
    header = is_header(names, {name for name, _ in named})
    problems = []
    for name, key in named:
        if name not in known:
            near = get_close_matches(name, names, n=1) if header else []
            hint = f", did you mean {near[0]!r}?" if near else ""
            problems.append(f"{key} {name!r} is no column{hint}")
    data = (
        f"The data has {listed(names)}"
        if header
        else f"The data has {len(names):,} columns, and {HEADERLESS} If it is a header, mend the "
        "names in the spec"
    )
    return f"the columns of {place} and the spec do not agree: {'; '.join(problems)}. {data}"


def _named(spec: "Spec") -> list[tuple[str, str]]:
    """Lists each name that the spec says, with the key that says it."""
    roles = {
        "target": spec.target,
        "id": spec.id,
        "timestamp": spec.timestamp,
        "split.group": spec.split.group,
    }
    named = [(name, key) for key, name in roles.items() if name is not None]
    named += [(name, "drop") for name in spec.drop]
    return named + [(name, "columns") for name in spec.columns]


def _numbered(positions: Sequence[int]) -> str:
    return f"column {_first_ten([f'{position:,}' for position in positions])}"


def _first_ten(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
