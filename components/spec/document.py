"""Reads the text of a spec strictly, before anybody asks what it means.

YAML is read by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), so that
`positive: Yes` is text and the key `on` is a key; numbers with leading zeros stay text, as codes
have them. What can surprise or harm is refused: repeated keys, aliases, tags, several documents,
great size and depth. Stands between the file and `components.spec`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from components.errors import SpecError
from components.spec.problems import MISSING, Location, Problem, SpecProblemsError, dotted

MAX_BYTES: Final = 1024 * 1024
"""A spec of ten thousand described columns takes less than half of this."""

_MAX_DEPTH = 20
# libyaml is twenty times as fast; a platform without it still reads every spec.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read_file(path: Path) -> str:
    """Read a spec file's text.

    Args:
        path: the file.

    Returns:
        The text, without a byte-order mark.

    Raises:
        SpecError: the file is absent, no regular file, unreadable, too large or not UTF-8.
    """
    name = repr(str(path))
    try:
        if path.is_dir():
            msg = f"the spec {name} is a directory, expected a YAML file; name the file in it"
            raise SpecError(msg)
        if path.exists() and not path.is_file():
            msg = f"the spec {name} is no regular file, expected a YAML file"
            raise SpecError(msg)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        msg = f"the spec {name} does not exist, expected a YAML file; check the path"
        raise SpecError(msg) from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        msg = f"the spec {name} cannot be read: {reason}; expected a readable YAML file"
        raise SpecError(msg) from exc
    return _decoded(content, name)


def _decoded(content: bytes, name: str) -> str:
    if len(content) > MAX_BYTES:
        msg = f"the spec {name} is larger than {MAX_BYTES} bytes; is it the data, not the spec?"
        raise SpecError(msg)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        byte = content[exc.start]
        msg = f"the spec {name} is not UTF-8: byte 0x{byte:02x} in line {line}; save it as UTF-8"
        raise SpecError(msg) from exc


def read_document(text: str, origin: str) -> tuple[dict[str, Any], list[Problem]]:
    """Read a YAML or JSON text as one mapping.

    Args:
        text: the document.
        origin: its name, for messages.

    Returns:
        The mapping, and what is wrong with it although it could be read, such as a repeated key.

    Raises:
        SpecProblemsError: the text is no YAML, or no single mapping.
    """
    if len(text) > MAX_BYTES:
        problem = Problem("the document", f"{len(text)} characters", f"at most {MAX_BYTES}")
        raise SpecProblemsError([problem], origin)
    document, problems = read_value(text, origin)
    if not isinstance(document, dict):
        expected = "keys and values, such as 'name: churn'"
        hint = "the document is empty" if document is None else ""
        raise SpecProblemsError([Problem("the document", document, expected, hint)], origin)
    return document, problems


def read_value(
    text: str, origin: str = "the spec", at: Location = ()
) -> tuple[object, list[Problem]]:
    """Read a text as one YAML value of any kind, to stand at a path; None where it is empty.

    Raises:
        SpecProblemsError: the text is no YAML, or nests too deep.
    """
    reader = _Reader(text, at)
    try:
        return reader.document(), reader.problems
    except yaml.YAMLError as exc:
        raise SpecProblemsError([_syntax(exc, text)], origin) from exc
    except _TooDeepError as exc:
        problem = Problem(exc.args[0], MISSING, f"at most {_MAX_DEPTH} levels of nesting")
        raise SpecProblemsError([problem], origin) from exc


def plain(text: str) -> str | int | float | bool | None:
    """Read an unquoted scalar by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    # CPython refuses to convert longer digits (sys.set_int_max_str_digits).
    if _INTEGER.fullmatch(text) and len(text) <= 300:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text


class _TooDeepError(Exception):
    """The document nests deeper than any spec; its argument is the path."""


class _Reader:
    """Builds values from YAML's events, keeping the path of each for what it has to refuse."""

    def __init__(self, text: str, at: Location) -> None:
        self._at = at
        self.problems: list[Problem] = []
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))

    def document(self) -> object:
        """Return the one document's value; None where there is none."""
        value: object = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                found = self._value(next(self._events), self._at)
                value = found if documents == 1 else value
        if documents > 1:
            problem = Problem("the document", f"{documents} documents", "one", "remove the '---'")
            self.problems.append(problem)
        return value

    def _value(self, event: Any, path: Location) -> object:
        if len(path) > _MAX_DEPTH:
            raise _TooDeepError(dotted(path))
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            hint = f"line {line}: write the value out, or quote a text that starts with '*'"
            problem = Problem(dotted(path), f"*{event.anchor}", "no YAML alias", hint)
            self.problems.append(problem)
            return None
        if event.tag is not None:
            hint = f"line {line}: remove it"
            self.problems.append(Problem(dotted(path), event.tag, "no YAML tag", hint))
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return plain(event.value) if event.style in (None, "") else event.value

    def _sequence(self, path: Location) -> list[object]:
        values: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._value(event, (*path, len(values))))
        return values

    def _mapping(self, path: Location) -> dict[str, object]:
        values: dict[str, object] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                found = self._value(event, (*path, "?"))
                self._value(next(self._events), (*path, "?"))
                hint = f"line {line}: a key is text"
                self.problems.append(Problem(dotted((*path, "?")), found, "a key", hint))
                continue
            # Keys keep their text: a column may be called 2020, No or null.
            key = event.value
            value = self._value(next(self._events), (*path, key))
            if key in values:
                hint = f"line {line} repeats line {lines[key]}"
                self.problems.append(Problem(dotted((*path, key)), value, "the key once", hint))
            else:
                values[key], lines[key] = value, line
        return values


def _syntax(error: yaml.YAMLError, text: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        position = getattr(error, "position", 0)
        line, column = text.count("\n", 0, position), position - text.rfind("\n", 0, position) - 1
        reason = "a control character"
    else:
        line, column = mark.line, mark.column
        reason = str(getattr(error, "problem", None) or "not YAML")
    content = [*text.split("\n"), ""][line].rstrip("\r")
    if content[column : column + 1] == "\t":
        reason = "a tab cannot indent: use spaces"
    # libyaml points behind the sign of an alias or anchor, and at any other.
    elif set(content[max(column - 1, 0) : column + 1]) & set("*&%@`"):
        reason = "quote a text that starts with a special character"
    place = f"line {line + 1}, column {column + 1}"
    return Problem(place, content, "YAML", reason)
