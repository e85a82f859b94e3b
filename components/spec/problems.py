"""What is wrong with a spec, in the user's words: where, what stands there, what was expected.

The reader, the types and the rules all speak of a `Problem`; `SpecProblemsError` carries every one
of them to the user at once. pydantic's own findings are translated here, so that its texts and
addresses never reach a screen.
"""

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from components.errors import SpecError

Location = tuple[int | str, ...]

MISSING: Final = object()
"""Stands for a value that is not there."""

_PLAIN_KEY = re.compile(r"[\w?-]+")
_SHOWN_PROBLEMS = 100
_SHOWN_CHARACTERS = 80

_EXPECTED: Final[dict[str, str]] = {
    "bool_type": "true or false",
    "list_type": "a list, such as [a, b]",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "string_type": "text",
    "string_unicode": "text in Unicode",
    "too_short": "at least one entry",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a spec.

    Attributes:
        path: where, dotted, as `--set` takes it: `gates.metrics.f1.min`, `candidates[1]`.
        value: what stands there; `MISSING` where nothing does.
        expected: what should.
        hint: what to do about it, where that is known.
    """

    path: str
    value: object
    expected: str
    hint: str = ""

    def __str__(self) -> str:
        """Write the problem as one line."""
        found = "missing" if self.value is MISSING else f"got {_shown(self.value)}"
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.path}: {found}, expected {self.expected}{hint}"


# A problem between keys, with the other paths that its rule has looked at.
Finding = tuple[Problem, tuple[str, ...]]


class SpecProblemsError(SpecError):  # noqa: N818 - it is the list that matters to a reader
    """Everything that is wrong with one spec.

    Attributes:
        problems: one entry for each, in the order in which they are shown.
    """

    def __init__(self, problems: Sequence[Problem], origin: str = "the spec") -> None:
        """Write the message: how many problems, then one a line.

        Args:
            problems: at least one.
            origin: the name of what was read, such as the file's.
        """
        self.problems = tuple(problems)
        self.origin = origin
        count = len(self.problems)
        lines = [f"  {problem}" for problem in self.problems[:_SHOWN_PROBLEMS]]
        if count > _SHOWN_PROBLEMS:
            lines.append(f"  and {count - _SHOWN_PROBLEMS} more")
        heading = f"{origin} has {count} problem{'s' if count > 1 else ''}:"
        super().__init__("\n".join([heading, *lines]))


def refusal(expected: str, hint: str = "", shown: object = MISSING) -> PydanticCustomError:
    """Build the error by which a field's own check refuses a value.

    Args:
        expected: what should stand there.
        hint: what to do about it.
        shown: what to show in the value's place, where the value is not fit to be seen.
    """
    context = {"expected": expected, "hint": hint}
    return PydanticCustomError(
        "refusal", "{expected}", context if shown is MISSING else {**context, "shown": shown}
    )


def dotted(location: Iterable[int | str]) -> str:
    """Write a location as a path; a key of more than letters, digits, _ and - is quoted."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            quoted = json.dumps(part, ensure_ascii=not part.isprintable())
            key = part if _PLAIN_KEY.fullmatch(part) else quoted
            path += f".{key}" if path else key
    return path


def one_of(words: Iterable[str]) -> str:
    """Say that one of these words was expected."""
    listed = [repr(word) for word in words]
    return listed[0] if len(listed) == 1 else f"one of {', '.join(listed)}"


def nearest(value: object, words: Iterable[str]) -> str | None:
    """Find the word that a misspelt one was meant to be; None where none is near."""
    folded = {word.lower(): word for word in words}
    text = str(value)[:_SHOWN_CHARACTERS].lower().replace("-", "_").replace(" ", "_")
    near = [word for word in folded if sorted(word.split("_")) == sorted(text.split("_"))]
    near += difflib.get_close_matches(text, folded, n=1)
    # "logistic_regression" and "acc" are far by letters, and yet plain.
    near += [word for word in folded if min(len(word), len(text)) > 1 and _begins(word, text)]
    return folded[near[0]] if near else None


def did_you_mean(value: object, words: Iterable[str]) -> str:
    """Suggest the nearest word, or nothing where none is near."""
    word = nearest(value, words)
    return "" if word is None else f"did you mean {word!r}?"


def place_of(details: ErrorDetails) -> Location:
    """Give the location that pydantic's error is about, without its mark for a mapping's key."""
    location = details["loc"]
    # An unknown key may itself be called so.
    is_mark = location[-1:] == ("[key]",) and details["type"] != "extra_forbidden"
    return location[:-1] if is_mark else location


def literal_words(details: ErrorDetails) -> list[str]:
    """List the words that pydantic's error about a literal would have accepted."""
    return re.findall(r"'([^']*)'", details.get("ctx", {})["expected"])


def translate(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Turn pydantic's findings about a document into problems.

    Args:
        error: what validating the document against `model` raised.
        model: the model of the whole document.
    """
    return [_problem(details, model) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, model: type[BaseModel]) -> Problem:
    location, kind, value = place_of(details), details["type"], details["input"]
    context = details.get("ctx", {})
    path = dotted(location)
    if kind == "refusal":
        return Problem(path, context.get("shown", value), context["expected"], context["hint"])
    if kind == "missing":
        field = _model_at(model, location[:-1]).model_fields[str(location[-1])]
        what = (field.description or "a value").removesuffix(".")
        return Problem(path, MISSING, what[:1].lower() + what[1:])
    if kind == "extra_forbidden":
        return _unknown_key(path, location, value, model)
    if kind == "literal_error":
        words = literal_words(details)
        return Problem(path, value, one_of(words), did_you_mean(value, words))
    return Problem(path, value, _EXPECTED.get(kind, "another value"), _remedy(kind, value))


def _unknown_key(path: str, location: Location, value: object, model: type[BaseModel]) -> Problem:
    key, keys = str(location[-1]), list(_model_at(model, location[:-1]).model_fields)
    homes = [repr(home) for home in _paths(model) if home.split(".")[-1] == key]
    # A key that stands in the wrong section is more often misplaced than misspelt.
    misplaced = f"did you mean {' or '.join(homes)}?" if 1 <= len(homes) <= 2 else ""
    section = dotted(location[:-1]) or "the spec"
    expected = f"a key of {section}: {one_of(keys)}"
    return Problem(path, value, expected, misplaced or did_you_mean(key, keys))


def _remedy(kind: str, value: object) -> str:
    if kind == "bool_type" and str(value).lower() in {"yes", "on", "y", "1"}:
        return "did you mean true?"
    if kind == "bool_type" and str(value).lower() in {"no", "off", "n", "0"}:
        return "did you mean false?"
    if kind == "list_type" and isinstance(value, str | int | float):
        return f"write [{value}]"
    return ""


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel]:
    """Follow a location to the model that reads it, through mappings of models."""
    parts = iter(location)
    for part in parts:
        annotation = model.model_fields[str(part)].annotation
        if not _is_model(annotation):
            next(parts, None)
            annotation = get_args(annotation)[-1]
        model = annotation
    return model


def _paths(model: type[BaseModel], prefix: str = "") -> list[str]:
    paths = []
    for name, field in model.model_fields.items():
        paths.append(f"{prefix}{name}")
        if _is_model(field.annotation):
            paths += _paths(field.annotation, f"{prefix}{name}.")
    return paths


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _begins(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
