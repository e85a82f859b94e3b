"""What the keys of a spec that speak of the data owe each other; run by `components.spec.rules`."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from components.spec.data import Column
from components.spec.problems import MISSING, Finding, Problem, did_you_mean, dotted, one_of
from components.spec.vocabulary import REASONS

if TYPE_CHECKING:
    from components.spec.specification import Spec

_MAX_HELD_OUT = 0.9


def _split(spec: "Spec") -> Iterator[Finding]:
    split = spec.split
    if split.test + split.validation >= _MAX_HELD_OUT:
        share = round(split.test + split.validation, 6)
        expected = f"test and validation to be less than {_MAX_HELD_OUT} together, not {share}"
        yield Problem("split.test", split.test, expected), ("split.validation",)
    if split.method == "time" and spec.timestamp is None:
        expected = "a column's name, because split.method is 'time'"
        yield Problem("timestamp", MISSING, expected), ("split.method",)
    if split.method == "group" and split.group is None:
        expected = "a column's name, because split.method is 'group'"
        yield Problem("split.group", MISSING, expected), ("split.method",)
    if split.method != "group" and split.group is not None:
        expected = f"no group, because split.method is {split.method!r}"
        yield Problem("split.group", split.group, expected, "set split.method"), ("split.method",)


def _columns(spec: "Spec") -> Iterator[Finding]:
    for name, column in spec.columns.items():
        path = dotted(("columns", name))
        if column.min is not None and column.max is not None and column.min > column.max:
            yield Problem(f"{path}.min", column.min, f"at most max, {column.max}"), (f"{path}.max",)
        limits = [key for key in ("min", "max") if getattr(column, key) is not None]
        if column.type not in {None, "number"}:
            for key in limits:
                expected = f"no {key}, because type is {column.type!r}"
                yield Problem(f"{path}.{key}", getattr(column, key), expected), (f"{path}.type",)
        if column.values is not None and name != spec.target:
            if column.type in {"number", "date"}:
                expected = f"no values, because type is {column.type!r}"
                hint = "use min and max, or type: category" if column.type == "number" else ""
                problem = Problem(f"{path}.values", column.values, expected, hint)
                yield problem, (f"{path}.type", "target")
            elif limits and column.type is None:
                expected = f"no values, because {limits[0]} makes it a number"
                yield Problem(f"{path}.values", column.values, expected), (f"{path}.{limits[0]}",)


def _private(spec: "Spec") -> Iterator[Finding]:
    """What is declared of a private column's values cannot be checked once they are hidden."""
    for name, column in spec.columns.items():
        path = dotted(("columns", name))
        for key in ("type", "min", "max", "values", "formats", "decimal", "thousands", "clip"):
            stated = getattr(column, key)
            if column.private and stated not in (None, []):
                expected = f"no {key}, because privacy is {column.privacy!r}"
                yield Problem(f"{path}.{key}", stated, expected), (f"{path}.privacy",)


def _reading(spec: "Spec") -> Iterator[Finding]:
    """How a column's text is read fits its type, and the marks in its numbers differ."""
    fitting = {"formats": "date", "decimal": "number", "thousands": "number", "clip": "number"}
    for name, column in spec.columns.items():
        path = dotted(("columns", name))
        for key, kind in fitting.items():
            stated = getattr(column, key)
            if stated not in (None, []) and column.type not in {None, kind}:
                expected = f"no {key}, because type is {column.type!r}"
                yield Problem(f"{path}.{key}", stated, expected), (f"{path}.type",)
        decimal = column.decimal or spec.csv.decimal
        if decimal == (column.thousands or spec.csv.thousands):
            if column.decimal:
                expected = "another mark than that of thousands"
                yield Problem(f"{path}.decimal", decimal, expected), ("csv",)
            elif column.thousands:
                expected = (
                    f"another mark than the decimal mark, which is {decimal!r} unless `decimal` "
                    "says otherwise"
                )
                yield Problem(f"{path}.thousands", decimal, expected), ("csv",)
    csv = spec.csv
    if csv.decimal == csv.thousands:
        yield Problem("csv.thousands", csv.thousands, "another mark than csv.decimal"), ()
    if csv.delimiter is not None and csv.delimiter == csv.decimal:
        yield Problem("csv.delimiter", csv.delimiter, "another mark than csv.decimal"), ()


def _checks(spec: "Spec") -> Iterator[Finding]:
    for name in spec.checks.severity:
        if name not in REASONS:
            path = dotted(("checks", "severity", name))
            expected = f"a reason: {one_of(list(REASONS))}"
            yield (
                Problem(path, spec.checks.severity[name], expected, did_you_mean(name, REASONS)),
                (),
            )
    if spec.checks.max_age_s is not None and spec.timestamp is None:
        expected = "a column's name, because checks.max_age_s is set"
        yield Problem("timestamp", MISSING, expected), ("checks.max_age_s",)


def _features(spec: "Spec") -> Iterator[Finding]:
    weight = spec.features.class_weight
    if spec.task == "regression" and weight != "none":
        expected = "none, because task is 'regression'"
        yield Problem("features.class_weight", weight, expected), ("task",)


def _role_types(spec: "Spec") -> Iterator[Finding]:
    """The target's and the timestamp's declared types fit what they are for."""
    target = spec.columns.get(spec.target, Column())
    path = dotted(("columns", spec.target))
    allowed = ("number",) if spec.task == "regression" else ("category", "boolean", "number")
    if target.type is not None and target.type not in allowed:
        expected = f"{one_of(allowed)}, because it is the target and task is {spec.task!r}"
        yield Problem(f"{path}.type", target.type, expected), ("task", "target")
    if target.values is not None and spec.task == "binary" and len(target.values) != 2:
        expected = "two labels, because it is the target and task is 'binary'"
        yield Problem(f"{path}.values", target.values, expected), ("task", "target")
    if target.values is not None and spec.task == "regression":
        expected = "no values, because it is the target and task is 'regression'"
        yield Problem(f"{path}.values", target.values, expected), ("task", "target")
    if spec.timestamp is not None:
        kind = spec.columns.get(spec.timestamp, Column()).type
        if kind not in {None, "date", "number"}:
            path = dotted(("columns", spec.timestamp, "type"))
            expected = "'date' or 'number', because timestamp names the column"
            yield Problem(path, kind, expected), ("timestamp",)


DATA_RULES: tuple[Callable[["Spec"], Iterator[Finding]], ...] = (
    _split,
    _columns,
    _private,
    _reading,
    _checks,
    _features,
    _role_types,
)
