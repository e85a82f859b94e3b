"""Checks a document against its model and rules as a whole, so that one mistake hides no other."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from components.spec.problems import (
    Problem,
    SpecProblemsError,
    dotted,
    literal_words,
    nearest,
    place_of,
    translate,
)

M = TypeVar("M", bound=BaseModel)

# Stand in for required keys that could not be read.
_PLACEHOLDERS: Final[dict[str, Any]] = {
    "name": "draft",
    "task": "binary",
    "source": ["draft"],
    "target": "\x00",
}


def check(
    document: object,
    model: type[M],
    contradictions: Callable[[M, Sequence[str]], list[Problem]],
    *,
    problems: Sequence[Problem] = (),
    origin: str = "the spec",
) -> M:
    """Validate a document, and report all that is wrong with it at once.

    Args:
        document: what was read.
        model: the model of the whole document; it runs `contradictions` on itself.
        contradictions: finds what disagrees in a model some of whose paths are gaps.
        problems: what is known to be wrong already.
        origin: the document's name, for the message.

    Returns:
        The model.

    Raises:
        SpecProblemsError: there is at least one problem.
    """
    found = list(problems)
    try:
        checked = model.model_validate(document)
    except SpecProblemsError as exc:
        raise SpecProblemsError([*found, *exc.problems], origin) from exc
    except ValidationError as exc:
        found += translate(exc, model)
        if isinstance(document, dict):
            found += contradictions(*_draft(document, exc, model))
        # pydantic's text in a traceback would say the same again, with its addresses.
        raise SpecProblemsError(found, origin) from None
    if found:
        raise SpecProblemsError(found, origin)
    return checked


def _draft(document: dict[str, Any], error: ValidationError, model: type[M]) -> tuple[M, list[str]]:
    """Read a document again without the values that `error` complains of.

    Args:
        document: the document, which stays as it is.
        error: what validating it against `model` raised.
        model: the model of the whole document.

    Returns:
        The model with misspelt words read as they were meant, and with defaults and placeholders
        in the gaps; and the paths of the gaps.
    """
    readable = copy.deepcopy(document)
    gaps = []
    for details in error.errors(include_url=False):
        keys: list[str] = []
        location = place_of(details)
        for part in location:
            # A list is left out as a whole, so that no other index changes its meaning.
            if isinstance(part, int):
                break
            keys.append(part)
        meant = None
        if details["type"] == "literal_error" and len(keys) == len(location):
            meant = nearest(details["input"], literal_words(details))
        if meant is None:
            gaps.append(dotted(keys))
        _replace(readable, keys, meant)
    return model.model_validate(readable, context={"draft": True}), gaps


def _replace(document: dict[str, Any], keys: list[str], value: str | None) -> None:
    if value is None and len(keys) == 1:
        value = _PLACEHOLDERS.get(keys[0])
    section: Any = document
    for key in keys[:-1]:
        section = section.get(key, {})
    section.pop(keys[-1], None)
    if value is not None:
        section[keys[-1]] = value
