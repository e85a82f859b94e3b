"""Reads the target: which classes there are, in the source's type, and which one is positive."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from components.contract import ColumnContract, canonical_text, has_text
from components.signature import Label
from components.validate.inference import scalar_text
from components.validate.profile import Profile
from components.validate.typed import present

if TYPE_CHECKING:
    from components.spec import Spec

# Beyond this a target is a quantity, or names its rows; confusion matrices stop being readable.
_MOST_CLASSES = 100
# By far more different values than classes there is no use in listing them, nor memory for it.
_FAR_TOO_MANY = 10_000
_FEW = 20
_SHOWN = 5
# Text that is a whole number, as it stands or as a reader that knows floats alone writes it.
_WHOLE = re.compile(r"(0|-?[1-9][0-9]{0,17})(\.0+)?")


@dataclass(frozen=True)
class Problem:
    """Why a target has no classes that can be learned.

    Attributes:
        code: the reason.
        count: rows that it concerns.
        expected: what was expected, what was found and what to do.
    """

    code: str
    count: int
    expected: str


@dataclass(frozen=True)
class Classes:
    """A target's classes.

    Attributes:
        labels: in the order of the model's probabilities: sorted, but for binary the positive one
            last (where the spec names none, the last of the sorted). None for regression; empty
            where there are none to be learned.
        problems: why they cannot be learned.
    """

    labels: tuple[Label, ...] | None
    problems: tuple[Problem, ...] = ()


def find_classes(
    rows: pl.LazyFrame, spec: "Spec", column: ColumnContract, seen: Profile
) -> Classes:
    """Finds the target's classes.

    Args:
        rows: the table as read.
        spec: names task, target and positive class.
        column: the target's contract.
        seen: the target's profile.

    Returns:
        The classes, or what is wrong with them.
    """
    if spec.task == "regression":
        return Classes(None)
    known = seen.rows - seen.missing
    if not has_text(seen.dtype) or seen.dtype.is_temporal():
        said = f"text, whole numbers or booleans, as it is the target; it holds {seen.dtype}"
        return Classes((), (Problem("target_type", known, said),))
    texts, more = _distinct(rows, column, seen)
    labels = _labels(texts, seen)
    if labels is None and not more:
        said = "whole numbers or text, as it is the target; a quantity is `task: regression`"
        return Classes((), (Problem("target_type", known, said),))
    classes = labels or []
    count = len(classes)
    if more or (count != 2 if spec.task == "binary" else not 2 <= count <= _MOST_CLASSES):
        return Classes((), (Problem("target_classes", known, _counted(classes, spec, more)),))
    if spec.task != "binary" or spec.positive is None:
        return Classes(tuple(classes))
    return _positive_last(classes, spec, known)


def _counted(classes: list[Label], spec: "Spec", more: bool) -> str:
    count = len(classes)
    wanted = "two classes for binary" if spec.task == "binary" else f"2 to {_MOST_CLASSES} classes"
    if more:
        found = f"there are more than {_FAR_TOO_MANY:,}"
    elif count <= 1:
        found = f"every row has {classes[0]!r}" if classes else "no row has a value"
    else:
        shown = ", ".join(map(repr, classes[:_SHOWN])) + (", …" if count > _SHOWN else "")
        # Where there are many they are hardly labels, and may be anything that rows hold.
        found = f"there are {count}" + (f" ({shown})" if count <= _FEW else "")
    hint = "; a quantity is `task: regression`" if more or count > 2 else ""
    if spec.task == "binary" and count > 2 and not more:
        hint += ", several classes are `task: multiclass`"
    return f"{wanted}, {found}{hint}"


def class_index(column: ColumnContract, seen: Profile, classes: tuple[Label, ...]) -> pl.Expr:
    """Returns the class's index (int64) for every row; null where there is no target."""
    if not classes:
        # Null for every row; a bare literal would be one row.
        return pl.when(pl.col(column.name).is_null()).then(pl.lit(None, dtype=pl.Int64))
    text = target_text(column, seen)
    if all(isinstance(label, int) for label in classes):
        text = text.str.replace(f"^{_WHOLE.pattern}$", "$1")
    # Comparisons stream; replacing by a table and casting to an Enum hold the whole column.
    chosen = [pl.when(text == scalar_text(c)).then(i) for i, c in enumerate(classes)]
    return pl.coalesce(chosen).cast(pl.Int64)


def target_text(column: ColumnContract, seen: Profile) -> pl.Expr:
    """Returns the target as text, null where there is none."""
    return canonical_text(present(column, seen), seen.dtype)


def _distinct(rows: pl.LazyFrame, column: ColumnContract, seen: Profile) -> tuple[list[str], bool]:
    """The different texts, and whether there are more than can be classes."""
    if seen.distinct > _FAR_TOO_MANY:
        return [], True
    found = rows.select(target_text(column, seen).unique().alias("class"))
    texts = sorted(found.collect(engine="streaming")["class"].drop_nulls().to_list())
    return texts, len(texts) > _FAR_TOO_MANY


def _labels(texts: list[str], seen: Profile) -> list[Label] | None:
    """Gives classes their type: text of whole numbers reads as integers, as CSV has no types.

    Returns:
        The labels; None for fractions, and for numbers beyond 10^18.
    """
    if seen.dtype == pl.Boolean:
        return [text == "true" for text in texts]
    whole = [_WHOLE.fullmatch(text) for text in texts]
    if all(whole):
        return sorted({int(match[1]) for match in whole if match})
    return list(texts) if seen.dtype == pl.String else None


def _positive_last(classes: list[Label], spec: "Spec", known: int) -> Classes:
    positive = spec.positive
    wanted = "" if positive is None else scalar_text(positive)
    match = [label for label in classes if scalar_text(label) == wanted]
    if isinstance(positive, bool):
        match = match or [label for label in classes if scalar_text(label).lower() == wanted]
    if not match:
        said = (
            f"positive {positive!r} to be one of its classes, "
            f"{' and '.join(map(repr, classes))}; set `positive` to one of them"
        )
        return Classes((), (Problem("positive_unknown", known, said),))
    return Classes((*(label for label in classes if label != match[0]), match[0]))
