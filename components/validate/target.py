"""Reads the target: which classes there are, in the source's type, and which one is positive."""

from typing import TYPE_CHECKING

import polars as pl

from components.errors import DataError
from components.signature import Label
from components.validate.profile import Profile, text_of

if TYPE_CHECKING:
    from components.spec import Spec

# Beyond this a target is a quantity, or names its rows; confusion matrices stop being readable.
_MOST_CLASSES = 100


def find_classes(rows: pl.LazyFrame, spec: "Spec", seen: Profile) -> tuple[Label, ...] | None:
    """Finds the target's classes.

    Args:
        rows: the table as read.
        spec: names task, target and positive class.
        seen: the target's profile.

    Returns:
        The classes in the order of the model's probabilities: sorted, but for binary the positive
        one last (where the spec names none, the last of the sorted). None for regression.

    Raises:
        DataError: there are too few or too many, or none is the positive one.
    """
    if spec.task == "regression":
        if not seen.numeric:
            msg = f"target {spec.target!r} is not a number in every row, as regression needs"
            raise DataError(msg)
        return None
    classes = _distinct(rows, spec.target, seen)
    if spec.task == "binary" and len(classes) != 2:
        said = ", ".join(map(repr, classes[:5])) + (", …" if len(classes) > 5 else "")
        msg = f"target {spec.target!r} has {len(classes)} classes ({said}), binary needs two"
        raise DataError(msg)
    if not 2 <= len(classes) <= _MOST_CLASSES:
        msg = (
            f"target {spec.target!r} has {len(classes)} classes, expected 2 to {_MOST_CLASSES}: "
            "a quantity is `task: regression`"
        )
        raise DataError(msg)
    return _positive_last(classes, spec) if spec.task == "binary" else tuple(classes)


def class_index(target: str, classes: tuple[Label, ...]) -> pl.Expr:
    """Returns the class's index (int64) for every row; null where there is no target."""
    texts = [_text(label) for label in classes]
    text = _target_text(target)
    return text.replace_strict(texts, list(range(len(texts))), default=None, return_dtype=pl.Int64)


def _target_text(target: str) -> pl.Expr:
    """The target as canonical text: what a whole float and an int of one value share."""
    return pl.col(target).cast(pl.String).str.strip_chars().str.replace(r"^(-?\d+)\.0$", "$1")


def _text(label: Label) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _distinct(rows: pl.LazyFrame, target: str, seen: Profile) -> list[Label]:
    column = text_of(target) if seen.dtype == pl.String else pl.col(target)
    values = rows.select(column.unique()).collect(engine="streaming").to_series().drop_nulls()
    if seen.dtype == pl.String:
        texts = values.to_list()
        if all(text.lstrip("-").isdecimal() and str(int(text)) == text for text in texts):
            return sorted(int(text) for text in texts)
        return sorted(texts)
    if values.dtype.is_float():
        if not all(float(value).is_integer() for value in values):
            msg = f"target {target!r} holds fractions: a quantity is `task: regression`"
            raise DataError(msg)
        return sorted(int(value) for value in values)
    found = values.cast(pl.String) if values.dtype in (pl.Categorical, pl.Enum) else values
    return sorted(found.to_list())


def _positive_last(classes: list[Label], spec: "Spec") -> tuple[Label, ...]:
    if spec.positive is None:
        return tuple(classes)
    wanted = spec.positive
    match = [label for label in classes if label == wanted and type(label) is type(wanted)]
    match = match or [label for label in classes if _text(label) == _text_of_positive(wanted)]
    if not match:
        msg = (
            f"positive {wanted!r} is no class of target {spec.target!r}: "
            f"expected one of {', '.join(map(repr, classes))}"
        )
        raise DataError(msg)
    return (*(label for label in classes if label != match[0]), match[0])


def _text_of_positive(wanted: object) -> str:
    return str(wanted).lower() if isinstance(wanted, bool) else str(wanted)
