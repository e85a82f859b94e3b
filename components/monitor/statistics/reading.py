"""Reads `reference.json` into columns, with what `bundle.json` says about each input.

The reference knows the hundred most frequent categories; the signature may know more of them, and
knows how truth values and missing ones are spelled.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from components.errors import BundleError
from components.monitor.statistics.columns import CategoryColumn, Column, NumberColumn
from components.truth import TRUTH

_DATE_MISSING = 3


def read_columns(
    reference: Mapping[str, Any], bundle: Mapping[str, Any]
) -> tuple[tuple[Column, ...], Column | None]:
    """Reads the columns that are counted.

    Args:
        reference: the content of `reference.json`.
        bundle: the content of `bundle.json`, of which the signature and the classes are read.

    Returns:
        The features in the order of the signature's inputs, those alone that the reference
        describes; and the prediction, None where it does not.

    Raises:
        BundleError: a column's description cannot be right.
    """
    described = reference.get("features")
    described = described if isinstance(described, dict) else {}
    inputs = {column["name"]: column for column in bundle["signature"]["inputs"]}
    features = tuple(
        _read(name, described[name], column) for name, column in inputs.items() if name in described
    )
    answers = reference.get("prediction")
    if answers is None:
        return features, None
    classes = [str(label) for label in bundle.get("classes") or ()]
    # Sent as JSON or as text, a truth value may be spelled in two ways.
    boolean = set(classes) == {"False", "True"}
    spellings = {"true": "True", "false": "False"} if boolean else {}
    column = _read("prediction", answers, {"categories": classes or None}, spellings)
    return features, column


def _read(
    name: str,
    described: object,
    column: Mapping[str, Any],
    spellings: Mapping[str, str] | None = None,
) -> Column:
    kinds: dict[Any, Callable[[], Column]] = {}
    if isinstance(described, dict):
        kinds = {
            "number": lambda: _number(name, described),
            "category": lambda: _category(name, described, column, spellings),
            "date": lambda: _date(name, described, column),
        }
    kind = described.get("kind") if isinstance(described, dict) else None
    if kind not in kinds:
        expected = ", ".join(map(repr, ("number", "category", "date")))
        msg = f"reference.json describes {name!r} as {kind!r}: expected one of {expected}"
        raise BundleError(msg)
    try:
        return kinds[kind]()
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        msg = (
            f"reference.json describes {name!r} in a way that cannot be counted by: expected what "
            "`package` writes for such a column; register the version's own file"
        )
        raise BundleError(msg) from exc


def _number(name: str, described: Mapping[str, Any]) -> NumberColumn:
    edges = np.array(described["edges"], dtype=np.float64)
    bins = _counted(described["counts"], len(edges) + 1)
    missing = _counted([described["missing"]], 1)
    if edges.ndim != 1 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        msg = "edges must be finite and ascend"
        raise ValueError(msg)
    low, high = (described.get(bound) for bound in ("min", "max"))
    return NumberColumn(
        name=name,
        edges=edges,
        low=np.nan if low is None else float(low),
        high=np.nan if high is None else float(high),
        reference=np.array([0, *bins, 0, *missing], dtype=np.int64),
    )


def _category(
    name: str,
    described: Mapping[str, Any],
    column: Mapping[str, Any],
    spellings: Mapping[str, str] | None,
) -> CategoryColumn:
    categories = tuple(map(str, described["categories"]))
    counts = _counted(described["counts"], len(categories))
    other, missing = _counted([described["other"], described["missing"]], 2)
    of_others, of_unseen, of_missing = range(len(categories), len(categories) + 3)
    known = column.get("categories")
    cell: dict[str | None, int] = {}
    # What comes later wins: a name over a token.
    cell |= dict.fromkeys(map(str, known or ()), of_others)
    cell |= dict.fromkeys([None, "", *column.get("missing", ())], of_missing)
    cell |= {text: at for at, text in enumerate(categories)}
    # Without all names nobody can say whether an unknown one is one of the unnamed.
    unknown = of_others if other and not known else of_unseen
    if spellings is None:
        spellings = TRUTH if column.get("boolean") else {}
    reference = np.array([*counts, other, 0, missing], dtype=np.int64)
    return CategoryColumn(name, categories, cell, unknown, spellings, reference)


def _date(name: str, described: Mapping[str, Any], column: Mapping[str, Any]) -> CategoryColumn:
    """A date is there or missing: any other text is one, since the server has read it."""
    present, missing = _counted([described["present"], described["missing"]], 2)
    cell = dict.fromkeys([None, "", *column.get("missing", ())], _DATE_MISSING)
    reference = np.array([present, 0, 0, missing], dtype=np.int64)
    return CategoryColumn(name, ("(a date)",), cell, 0, {}, reference)


def _counted(values: Sequence[Any], length: int) -> list[int]:
    if len(values) != length or any(type(value) is not int or value < 0 for value in values):
        msg = f"{length} counts are expected"
        raise ValueError(msg)
    return list(values)
