"""Writes `KEY=VALUE` assignments, as the command line takes them, into a spec that was read."""

import re
from collections.abc import Sequence
from typing import Any

from components.spec.document import plain, read_value
from components.spec.problems import Problem, SpecProblemsError, dotted

_KEY_PART = re.compile(r'"([^"]+)"|([^."]+)')


def override(document: dict[str, Any], assignments: Sequence[str]) -> list[Problem]:
    """Write dotted assignments into a document, in their order.

    Args:
        document: changed in place; mappings on the way are made where there are none.
        assignments: each `KEY=VALUE`; a key part that holds a dot stands in double quotes; the
            value is plain text read as YAML would read it, or starts with a bracket or quote.

    Returns:
        What could not be assigned.
    """
    problems = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        parts = _key_parts(key.strip())
        if not equals or not parts:
            hint = "such as 'search.trials=20'"
            problems.append(Problem("--set", assignment, "KEY=VALUE with a dotted key", hint))
            continue
        value, faults = _assigned(parts, text.strip())
        problems += faults or _assign(document, parts, value)
    return problems


def _key_parts(key: str) -> list[str]:
    parts, position = [], 0
    while match := _KEY_PART.match(key, position):
        parts.append((match[1] or match[2]).strip())
        position = match.end()
        if position == len(key):
            return parts if all(parts) else []
        if key[position] != ".":
            break
        position += 1
    return []


def _assigned(parts: Sequence[str], text: str) -> tuple[object, list[Problem]]:
    """Read an override's value: flow YAML where it looks so, plain text otherwise."""
    if not text.startswith(("[", "{", '"', "'")):
        return plain(text), []
    try:
        value, problems = read_value(text, at=tuple(parts))
    except SpecProblemsError:
        return None, [Problem(dotted(parts), text, "a value in YAML", "check quotes and brackets")]
    return value, problems


def _assign(document: dict[str, Any], parts: Sequence[str], value: object) -> list[Problem]:
    here = document
    for depth, part in enumerate(parts[:-1], start=1):
        if here.get(part) is None:
            here[part] = {}
        if not isinstance(here[part], dict):
            way = dotted(parts[:depth])
            expected = f"a mapping at {way!r}, which holds {here[part]!r}"
            hint = f"set {way!r} as a whole"
            return [Problem(dotted(parts), value, expected, hint)]
        here = here[part]
    here[parts[-1]] = value
    return []
