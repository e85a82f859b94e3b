"""Reads the target: which classes there are, in the source's type, and which one is positive."""

import re
from typing import TYPE_CHECKING

import polars as pl

from components.contract import ColumnContract, canonical_text, has_text
from components.errors import DataError
from components.signature import Label
from components.validate.inference import scalar_text
from components.validate.profile import Profile
from components.validate.typed import present

if TYPE_CHECKING:
    from components.spec import Spec

# Beyond this a target is a quantity, or names its rows; confusion matrices stop being readable.
_MOST_CLASSES = 100
_SHOWN = 5
# Text that is a whole number, as it stands or as a reader that knows floats alone writes it.
_WHOLE = re.compile(r"(0|-?[1-9][0-9]{0,17})(\.0+)?")


def find_classes(
    rows: pl.LazyFrame, spec: "Spec", column: ColumnContract, seen: Profile
) -> tuple[Label, ...] | None:
    """Finds the target's classes.

    Args:
        rows: the table as read.
        spec: names task, target and positive class.
        column: the target's contract.
        seen: the target's profile.

    Returns:
        The classes in the order of the model's probabilities: sorted, but for binary the positive
        one last (where the spec names none, the last of the sorted). None for regression.

    Raises:
        DataError: there are too few or too many, or none is the positive one.
    """
    if spec.task == "regression":
        return None
    if not has_text(seen.dtype) or seen.dtype.is_temporal():
        msg = f"target {spec.target!r} holds {seen.dtype}, expected text, whole numbers or booleans"
        raise DataError(msg)
    classes = _labels(spec.target, _distinct(rows, column, seen), seen)
    count = len(classes)
    if count != 2 if spec.task == "binary" else not 2 <= count <= _MOST_CLASSES:
        said = ", ".join(map(repr, classes[:_SHOWN])) + (", …" if count > _SHOWN else "")
        wanted = "two for binary" if spec.task == "binary" else f"2 to {_MOST_CLASSES}"
        hint = "; a quantity is `task: regression`" if count > 2 else ""
        msg = (
            f"target {spec.target!r} has {count} {'class' if count == 1 else 'classes'} "
            f"({said or 'no row has a value'}), expected {wanted}{hint}"
        )
        raise DataError(msg)
    return _positive_last(classes, spec) if spec.task == "binary" else tuple(classes)


def class_index(column: ColumnContract, seen: Profile, classes: tuple[Label, ...]) -> pl.Expr:
    """Returns the class's index (int64) for every row; null where there is no target."""
    texts = [scalar_text(label) for label in classes]
    index = {text: position for position, text in enumerate(texts)}
    text = target_text(column, seen)
    if all(isinstance(label, int) for label in classes):
        text = text.str.replace(f"^{_WHOLE.pattern}$", "$1")
    return text.replace_strict(index, default=None, return_dtype=pl.Int64)


def target_text(column: ColumnContract, seen: Profile) -> pl.Expr:
    """Returns the target as text, null where there is none."""
    return canonical_text(present(column, seen), seen.dtype)


def _distinct(rows: pl.LazyFrame, column: ColumnContract, seen: Profile) -> list[str]:
    found = rows.select(target_text(column, seen).unique().alias("class"))
    return sorted(found.collect(engine="streaming")["class"].drop_nulls().to_list())


def _labels(target: str, texts: list[str], seen: Profile) -> list[Label]:
    """Gives classes their type: text of whole numbers reads as integers, as CSV has no types."""
    if seen.dtype == pl.Boolean:
        return [text == "true" for text in texts]
    whole = [_WHOLE.fullmatch(text) for text in texts]
    if all(whole):
        return sorted({int(match[1]) for match in whole if match})
    if seen.dtype != pl.String:
        msg = (
            f"target {target!r} holds fractions, or numbers beyond 10^18: "
            "a quantity is `task: regression`"
        )
        raise DataError(msg)
    return list(texts)


def _positive_last(classes: list[Label], spec: "Spec") -> tuple[Label, ...]:
    if spec.positive is None:
        return tuple(classes)
    wanted = scalar_text(spec.positive)
    match = [label for label in classes if scalar_text(label) == wanted]
    if isinstance(spec.positive, bool):
        match = match or [label for label in classes if scalar_text(label).lower() == wanted]
    if not match:
        msg = (
            f"positive {spec.positive!r} is no class of target {spec.target!r}: "
            f"expected one of {', '.join(map(repr, classes))}"
        )
        raise DataError(msg)
    return (*(label for label in classes if label != match[0]), match[0])
